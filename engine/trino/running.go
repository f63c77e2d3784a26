package trino

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
)

// running is one query from its start to the end of its result.
type running struct {
	ctx       context.Context // the query's: a Result is bound to it by contract
	stop      context.CancelFunc
	client    *client
	query     engine.Query
	statement *dialect.Statement
	shift     int // bytes of what stands before the statement's SQL
	sql       string
	started   time.Time

	decoder *decoder // nil until the columns are known
	first   *page    // the one with the columns
	pages   chan fetched
	done    sync.WaitGroup

	mu     sync.Mutex
	counts engine.Stats
	next   string // the page to ask for; "" when there is none left
	closed bool
}

type fetched struct {
	page *page
	err  error
}

// start posts the statement and waits for its columns.
func (r *running) start(sql string) error {
	r.sql = sql
	session := map[string]string{}
	if l := r.query.Limits; l.Scan > 0 {
		session["query_max_scan_physical_bytes"] = fmt.Sprintf("%dB", l.Scan)
	}
	if t := r.query.Limits.Timeout; t > 0 { // should this process not live to cancel it
		session["query_max_run_time"] = fmt.Sprintf("%dms", (t + 5*time.Second).Milliseconds())
	}
	p, err := r.client.post(r.ctx, sql, session)
	for {
		if err == nil {
			err = r.note(p)
		}
		if err != nil {
			return err
		}
		if p.Columns != nil || p.Next == "" {
			break
		}
		p, err = r.client.get(r.ctx, p.Next)
	}
	r.first = p
	r.decoder = newDecoder(p.Columns)
	return nil
}

// note remembers what a page says besides its rows.
func (r *running) note(p *page) error {
	r.mu.Lock()
	r.next = p.Next
	r.counts.Bytes = p.Stats.Bytes
	r.counts.Splits, r.counts.SplitsTotal = p.Stats.Splits, p.Stats.AllSplits
	counts := r.counts
	r.mu.Unlock()
	if p.Error != nil {
		return p.Error
	}
	// The cluster looks at its own limit every second only.
	if limit := r.query.Limits.Scan; limit > 0 && counts.Bytes > limit {
		return fmt.Errorf("%w: the cluster has read %d bytes, allowed are %d: add a condition on region, date or eventtime", engine.ErrLimit, counts.Bytes, limit)
	}
	if tell := r.query.Progress; tell != nil {
		fraction := p.Stats.Fraction / 100
		if p.Stats.AllSplits == 0 {
			fraction = -1
		}
		tell(engine.Progress{Fraction: fraction, Rows: p.Stats.Rows, Stats: counts})
	}
	return nil
}

func (r *running) schema() *arrow.Schema {
	if r.decoder == nil {
		return arrow.NewSchema(nil, nil)
	}
	return r.decoder.schema
}

// fetchAhead is how many pages are asked for before the reader wants them.
const fetchAhead = 2

func (r *running) fetch() {
	r.pages = make(chan fetched, fetchAhead)
	send := func(f fetched) bool {
		select {
		case r.pages <- f:
			return f.err == nil
		case <-r.ctx.Done():
			return false
		}
	}
	r.done.Go(func() {
		defer close(r.pages)
		p := r.first
		r.first = nil
		for send(fetched{page: p}) && p.Next != "" {
			var err error
			if p, err = r.client.get(r.ctx, p.Next); err == nil {
				err = r.note(p)
			}
			if err != nil {
				send(fetched{err: err})
				return
			}
		}
	})
}

func (r *running) batches() iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		if r.first == nil || r.closed {
			return
		}
		r.fetch()
		var bytes int64
		for f := range r.pages {
			if f.err == nil {
				f.err = r.ctx.Err()
			}
			if f.err != nil {
				yield(nil, r.classify(f.err))
				return
			}
			if len(f.page.Data) == 0 || string(f.page.Data) == "null" {
				continue
			}
			batch, err := r.decoder.batch(f.page.Data)
			if err != nil {
				yield(nil, r.classify(err))
				return
			}
			more := r.deliver(batch, &bytes, yield)
			batch.Release()
			if !more {
				return
			}
		}
		if err := r.ctx.Err(); err != nil {
			yield(nil, r.classify(err))
			return
		}
		r.finish()
	}
}

// deliver yields a batch, cut at the limit of rows, and reports whether to go on.
func (r *running) deliver(batch arrow.RecordBatch, bytes *int64, yield func(arrow.RecordBatch, error) bool) bool {
	limits := r.query.Limits
	if left := limits.Rows - r.counts.Rows; limits.Rows > 0 && batch.NumRows() > left {
		if left > 0 {
			cut := batch.NewSlice(0, left)
			defer cut.Release()
			r.add(left)
			if !yield(cut, nil) {
				return false
			}
		}
		yield(nil, fmt.Errorf("%w: %d rows", engine.ErrLimit, limits.Rows))
		return false
	}
	for _, column := range batch.Columns() {
		*bytes += int64(column.Data().SizeInBytes())
	}
	if limits.Bytes > 0 && *bytes > limits.Bytes {
		yield(nil, fmt.Errorf("%w: %d bytes of result", engine.ErrLimit, limits.Bytes))
		return false
	}
	r.add(batch.NumRows())
	return yield(batch, nil)
}

func (r *running) add(rows int64) {
	r.mu.Lock()
	r.counts.Rows += rows
	r.mu.Unlock()
}

func (r *running) finish() {
	r.mu.Lock()
	if r.counts.Elapsed == 0 {
		r.counts.Elapsed = time.Since(r.started)
	}
	r.mu.Unlock()
}

func (r *running) stats() engine.Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.counts
	if s.Elapsed == 0 {
		s.Elapsed = time.Since(r.started)
	}
	return s
}

// close ends what still runs, here and on the cluster.
func (r *running) close() {
	if r.closed {
		return
	}
	r.closed = true
	r.finish()
	r.stop()
	r.done.Wait()
	r.client.cancel(r.next)
}

// classify turns what stopped a query into an error of the engine's contract.
func (r *running) classify(err error) error {
	if r.ctx.Err() != nil {
		return engine.Stopped(r.ctx)
	}
	if wrong, ok := errors.AsType[*engine.SQLError](err); ok {
		return wrong
	}
	f, ok := errors.AsType[*failure](err)
	switch {
	case errors.Is(err, engine.ErrUnsupported), errors.Is(err, engine.ErrLimit):
		return err
	case !ok:
		return fmt.Errorf("run query on %s: %w", r.client.address.name(), err)
	}
	switch f.Name {
	case "EXCEEDED_TIME_LIMIT":
		return fmt.Errorf("%w: %s", engine.ErrTimeout, f.Message)
	case "EXCEEDED_SCAN_LIMIT":
		return fmt.Errorf("%w: %s: add a condition on region, date or eventtime", engine.ErrLimit, f.Message)
	case "USER_CANCELED", "ADMINISTRATIVELY_KILLED", "ADMINISTRATIVELY_PREEMPTED":
		return fmt.Errorf("%w: on the cluster: %s", engine.ErrCanceled, f.Message)
	case "ICEBERG_CANNOT_OPEN_SPLIT", "ICEBERG_MISSING_DATA", "ICEBERG_INVALID_METADATA", "ICEBERG_MISSING_METADATA":
		return fmt.Errorf("run query on %s: the cluster cannot read a file of the table: the state that it reads has expired, or the file is not where the cluster looks (ask again; if that does not help, trailql catalog copy tells its catalog the newest state): %w", r.client.address.name(), f)
	}
	switch f.Type {
	case "INSUFFICIENT_RESOURCES":
		return fmt.Errorf("%w: %s", engine.ErrLimit, f.Message)
	case "USER_ERROR":
		return r.sqlError(f)
	}
	return fmt.Errorf("run query on %s: %w", r.client.address.name(), f)
}

// sqlError places a mistake in the statement as it was written.
func (r *running) sqlError(f *failure) error {
	e := &engine.SQLError{Message: f.Message}
	switch f.Name {
	case "NOT_SUPPORTED":
		e.Kind = engine.ErrUnsupported
	case "PERMISSION_DENIED":
		e.Kind = engine.ErrNotAllowed
	}
	if f.Name == "TABLE_NOT_FOUND" && strings.Contains(f.Message, ".report_runs'") {
		e.Hint = "the runs of reports are in the warehouse that they were made of: --engine local"
	}
	if f.Location == nil {
		return e
	}
	e.Message = strings.TrimPrefix(e.Message, fmt.Sprintf("line %d:%d: ", f.Location.Line, f.Location.Column))
	if offset := offsetOf(r.sql, f.Location.Line, f.Location.Column) - r.shift; offset >= 0 && r.statement != nil {
		e.Line, e.Column = r.statement.Position(offset)
	}
	return e
}

// offsetOf is that of a place, in bytes; columns are characters.
func offsetOf(text string, line, column int) int {
	offset := 0
	for ; line > 1; line-- {
		end := strings.IndexByte(text[offset:], '\n')
		if end < 0 {
			return len(text)
		}
		offset += end + 1
	}
	for i := range text[offset:] {
		if column--; column <= 0 {
			return offset + i
		}
	}
	return len(text)
}
