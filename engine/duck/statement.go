//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	bindings "github.com/duckdb/duckdb-go-bindings"
)

// statement is a prepared statement.
type statement struct {
	connection *connection
	handle     bindings.PreparedStatement
}

func (s *statement) close() { bindings.DestroyPrepare(&s.handle) }

func (s *statement) isQuery() bool {
	kind := bindings.PreparedStatementType(s.handle)
	return kind == bindings.StatementTypeSelect || kind == bindings.StatementTypeExplain
}

// bind sets all parameters.
func (s *statement) bind(params []any) error {
	if want := int(bindings.NParams(s.handle)); want != len(params) {
		return fmt.Errorf("the statement has %d parameters, got %d values (give one --param for each ?)", want, len(params))
	}
	for i, p := range params {
		state, err := s.bindOne(bindings.IdxT(i+1), p)
		if err == nil && state == bindings.StateError {
			err = errors.New(bindings.PrepareError(s.handle))
		}
		if err != nil {
			return fmt.Errorf("parameter %d: %w", i+1, err)
		}
	}
	return nil
}

// bindNull makes all parameters null.
func (s *statement) bindNull() error {
	return s.bind(make([]any, bindings.NParams(s.handle)))
}

// bindNumbered sets those of the parameters $1 … that the statement has.
func (s *statement) bindNumbered(params []any) error {
	for i := range int(bindings.NParams(s.handle)) {
		name := bindings.ParameterName(s.handle, bindings.IdxT(i+1))
		n, err := strconv.Atoi(name)
		if err != nil || n < 1 || n > len(params) {
			return fmt.Errorf("parameter %s has no value", name)
		}
		if state, err := s.bindOne(bindings.IdxT(i+1), params[n-1]); err != nil || state == bindings.StateError {
			return fmt.Errorf("parameter %s: %w", name, errors.Join(err, errors.New(bindings.PrepareError(s.handle))))
		}
	}
	return nil
}

func (s *statement) bindOne(i bindings.IdxT, p any) (bindings.State, error) {
	switch v := p.(type) {
	case nil:
		return bindings.BindNull(s.handle, i), nil
	case bool:
		return bindings.BindBoolean(s.handle, i, v), nil
	case int:
		return bindings.BindInt64(s.handle, i, int64(v)), nil
	case int32:
		return bindings.BindInt64(s.handle, i, int64(v)), nil
	case int64:
		return bindings.BindInt64(s.handle, i, v), nil
	case uint64:
		if v > math.MaxInt64 {
			return bindings.BindUInt64(s.handle, i, v), nil
		}
		return bindings.BindInt64(s.handle, i, int64(v)), nil
	case float32:
		return bindings.BindDouble(s.handle, i, float64(v)), nil
	case float64:
		return bindings.BindDouble(s.handle, i, v), nil
	case string:
		return bindings.BindVarcharLength(s.handle, i, v, bindings.IdxT(len(v))), nil
	case []byte:
		return bindings.BindBlob(s.handle, i, v), nil
	case time.Time:
		return bindings.BindTimestampTZ(s.handle, i, bindings.NewTimestamp(v.UnixMicro())), nil
	}
	return bindings.StateError, fmt.Errorf("values of type %T are not supported", p)
}

// run starts the statement. Cancelling ctx does not stop it by itself: the
// caller interrupts the connection.
func (s *statement) run(ctx context.Context) (*rows, error) {
	var pending bindings.PendingResult
	state := bindings.PendingPreparedStreaming(s.handle, &pending)
	defer bindings.DestroyPending(&pending)
	if state == bindings.StateError {
		return nil, readFailure(bindings.PendingError(pending))
	}
	interrupted := false
	for {
		// Starting a statement clears an earlier interrupt. One that was started
		// is not left before DuckDB has ended it: its other threads work on.
		if ctx.Err() != nil && !interrupted {
			interrupted = true
			s.connection.interrupt()
		}
		switch state := bindings.PendingExecuteTask(pending); {
		case state == bindings.PendingStateError:
			return nil, readFailure(bindings.PendingError(pending))
		case state == bindings.PendingStateNoTasksAvailable:
			time.Sleep(100 * time.Microsecond) // the other threads are at work
		case bindings.PendingExecutionIsFinished(state):
			r := &rows{}
			if bindings.ExecutePending(pending, &r.result) == bindings.StateError {
				err := readFailure(bindings.ResultError(&r.result))
				r.close()
				return nil, err
			}
			return r, r.readSchema()
		}
	}
}
