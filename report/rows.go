package report

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trailql/trailql/report/pack"
)

// row is one of a result. Its texts are copies.
type row struct {
	batch arrow.RecordBatch
	at    int
}

func (r row) text(column int) string {
	c := r.batch.Column(column)
	if c.IsNull(r.at) {
		return ""
	}
	if s, ok := c.(*array.String); ok {
		return strings.Clone(s.Value(r.at))
	}
	return strings.Clone(c.ValueStr(r.at))
}

// number is 0 for NULL.
func (r row) number(column int) int64 {
	switch c := r.batch.Column(column).(type) {
	case *array.Int64:
		if c.IsValid(r.at) {
			return c.Value(r.at)
		}
	case *array.Int32:
		if c.IsValid(r.at) {
			return int64(c.Value(r.at))
		}
	default:
		n, err := strconv.ParseInt(r.text(column), 10, 64)
		if err == nil {
			return n
		}
	}
	return 0
}

// time is zero for NULL.
func (r row) time(column int) time.Time {
	c, ok := r.batch.Column(column).(*array.Timestamp)
	if !ok || c.IsNull(r.at) {
		return time.Time{}
	}
	return c.Value(r.at).ToTime(c.DataType().(*arrow.TimestampType).Unit).UTC()
}

// asker runs statements and remembers them.
type asker struct {
	query      pack.QueryFunc
	statements []Statement
}

func (a *asker) note(name, sql string, params []any) {
	s := Statement{Name: name, SQL: sql}
	for _, p := range params {
		text, err := json.Marshal(p)
		if err != nil {
			text = []byte(fmt.Sprintf("%q", fmt.Sprint(p)))
		}
		s.Params = append(s.Params, string(text))
	}
	a.statements = append(a.statements, s)
}

// rows calls take for every row of a statement.
func (a *asker) rows(ctx context.Context, name, sql string, params []any, take func(row) error) (err error) {
	a.note(name, sql, params)
	return rows(ctx, a.query, name, sql, params, take)
}

func rows(ctx context.Context, query pack.QueryFunc, name, sql string, params []any, take func(row) error) (err error) {
	result, err := query(ctx, sql, params...)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	defer func() { err = errors.Join(err, result.Close()) }()
	for batch, err := range result.Batches() {
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		for at := range int(batch.NumRows()) {
			if err := take(row{batch, at}); err != nil {
				return err
			}
		}
	}
	return nil
}
