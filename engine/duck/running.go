//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"iter"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/engine/quantity"
)

// running is one query from its start to the end of its result.
type running struct {
	ctx        context.Context // the query's: a Result is bound to it by contract
	local      *local
	cancel     context.CancelFunc
	unhook     func() bool
	connection *connection
	statement  *dialect.Statement
	shift      int // bytes of what stands before the statement's SQL
	prepared   *statement
	rows       *rows
	fetched    chan item // nil until the first batch is wanted
	answer     *answer   // in place of rows
	query      engine.Query
	started    time.Time
	counts     engine.Stats
	closed     bool
	watcher    watcher
	release    func() // the data files; nil when none are held
}

// start guards, prepares and runs the statement on the snapshot. prefix is what
// DuckDB is to do with the query.
func (r *running) start(l *local, known *relations, prefix string, params []any) error {
	r.shift = len(prefix)
	o := newOpening(r.ctx, l, r.connection, known)
	o.params, o.window = params, r.query.Window
	sql, err := o.read(r.statement, place{})
	if err != nil {
		return err
	}
	if err := o.prepareTables(); err != nil {
		return err
	}
	if err := r.count(o); err != nil {
		return err
	}
	if err := r.hold(o); err != nil {
		return err
	}
	if err := o.begin(); err != nil {
		return err
	}
	if err := o.create(); err != nil {
		return err
	}
	if r.prepared, err = r.connection.prepare(prefix + sql); err != nil {
		return err
	}
	if !r.prepared.isQuery() {
		return &refusal{kind: engine.ErrNotAllowed, offset: -1, message: "this statement is not a query"}
	}
	if err := r.prepared.bind(params); err != nil {
		return &refusal{offset: -1, message: err.Error()}
	}
	if err := r.watch(); err != nil {
		return err
	}
	r.rows, err = r.prepared.run(r.ctx)
	return err
}

// count adds up what will be read, and refuses what is more than allowed.
func (r *running) count(o *opening) error {
	for _, s := range o.scans {
		r.counts.Files += s.stats.Files
		r.counts.FilesTotal += s.stats.FilesTotal
		r.counts.Bytes += s.stats.Bytes
		r.counts.BytesTotal += s.stats.BytesTotal
		r.counts.Partitions += s.partitions
		r.counts.PartitionsTotal += s.partitionsTotal
	}
	if limit := r.query.Limits.Scan; limit > 0 && r.counts.Bytes > limit {
		return fmt.Errorf("%w: the statement would read %s in %d of %d files, allowed are %s: add a condition on region, date or eventtime",
			engine.ErrLimit, quantity.Bytes(r.counts.Bytes), r.counts.Files, r.counts.FilesTotal, quantity.Bytes(limit))
	}
	return nil
}

// schema is that of the result.
func (r *running) schema() *arrow.Schema {
	if r.answer != nil {
		return r.answer.schema
	}
	return r.rows.schema
}

// item is what the fetching goroutine has got: a batch, an error, or neither at
// the end.
type item struct {
	batch  arrow.RecordBatch
	err    error
	broken *crash
}

// fetchAhead is how many batches DuckDB may be ahead of the reader. It works
// only while it is asked for rows, so writing them would keep it waiting.
const fetchAhead = 3

// fetch starts reading rows ahead.
func (r *running) fetch() {
	r.fetched = make(chan item, fetchAhead)
	go func() {
		defer close(r.fetched)
		for r.ctx.Err() == nil {
			var i item
			i.broken = caught(func() { i.batch, i.err = r.rows.next() })
			r.fetched <- i
			if i.batch == nil || i.err != nil {
				return
			}
		}
	}()
}

// next returns nil after the last batch.
func (r *running) next() (arrow.RecordBatch, error) {
	if r.answer != nil {
		batch := r.answer.batch()
		r.answer.rows = nil
		return batch, nil
	}
	if r.fetched == nil {
		r.fetch()
	}
	select {
	case i := <-r.fetched:
		i.broken.again()
		return i.batch, i.err
	case <-r.ctx.Done():
	}
	select {
	case i := <-r.fetched:
		i.broken.again()
		return i.batch, i.err
	case <-time.After(grace):
		return nil, r.ctx.Err()
	}
}

func (r *running) batches() iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		var bytes int64
		for !r.closed {
			batch, err := r.next()
			if err == nil {
				// An interrupt between two batches ends them without an error.
				err = r.ctx.Err()
			}
			if err != nil {
				if batch != nil {
					batch.Release()
				}
				yield(nil, classify(r.ctx, err, r.statement, r.shift))
				break
			}
			if batch == nil {
				break
			}
			more := r.deliver(batch, &bytes, yield)
			batch.Release()
			if !more {
				return // the caller closes
			}
		}
		r.counts.Elapsed = time.Since(r.started)
	}
}

// deliver yields a batch, cut at the limit of rows, and reports whether to go on.
func (r *running) deliver(batch arrow.RecordBatch, bytes *int64, yield func(arrow.RecordBatch, error) bool) bool {
	if left := r.query.Limits.Rows - r.counts.Rows; r.query.Limits.Rows > 0 && batch.NumRows() > left {
		if left > 0 {
			cut := batch.NewSlice(0, left)
			defer cut.Release()
			r.counts.Rows += left
			if !yield(cut, nil) {
				return false
			}
		}
		yield(nil, fmt.Errorf("%w: %d rows", engine.ErrLimit, r.query.Limits.Rows))
		return false
	}
	for _, column := range batch.Columns() {
		*bytes += int64(column.Data().SizeInBytes())
	}
	if r.query.Limits.Bytes > 0 && *bytes > r.query.Limits.Bytes {
		yield(nil, fmt.Errorf("%w: %d bytes of result", engine.ErrLimit, r.query.Limits.Bytes))
		return false
	}
	r.counts.Rows += batch.NumRows()
	return yield(batch, nil)
}

func (r *running) stats() engine.Stats {
	s := r.counts
	if s.Elapsed == 0 {
		s.Elapsed = time.Since(r.started)
	}
	return s
}

// close frees the query. What DuckDB does not stop at once is freed later.
func (r *running) close() {
	if r.closed {
		return
	}
	r.closed = true
	if r.counts.Elapsed == 0 {
		r.counts.Elapsed = time.Since(r.started)
	}
	r.unhook()
	r.cancel()
	r.watcher.end()
	r.connection.interrupt()
	r.local.finish(r.free)
	r.local.unfinished.Add(-1)
}

func (r *running) free() {
	if r.fetched != nil {
		for i := range r.fetched {
			if i.batch != nil {
				i.batch.Release()
			}
		}
	}
	if r.rows != nil {
		r.rows.close()
	}
	if r.prepared != nil {
		r.prepared.close()
	}
	r.connection.close()
	if r.release != nil {
		r.release()
	}
}
