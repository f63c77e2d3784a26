//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
)

// running is one query from its start to the end of its result.
type running struct {
	ctx        context.Context // the query's: a Result is bound to it by contract
	cancel     context.CancelFunc
	unhook     func() bool
	connection *connection
	statement  *dialect.Statement
	prepared   *statement
	rows       *rows
	limits     engine.Limits
	started    time.Time
	counts     engine.Stats
	closed     bool
}

// start guards, prepares and runs the statement on the snapshot.
func (r *running) start(root string, snap *catalog.Snapshot, params []any) error {
	tree, err := r.connection.syntaxTree(r.ctx, r.statement.SQL)
	if err != nil {
		return err
	}
	found, err := inspect(tree, knownTables(snap))
	if err != nil {
		return err
	}
	if err := r.createViews(root, snap, found); err != nil {
		return err
	}
	if r.prepared, err = r.connection.prepare(prefix(r.statement.Verb) + r.statement.SQL); err != nil {
		return err
	}
	if !r.prepared.isQuery() {
		return &refusal{kind: engine.ErrNotAllowed, offset: -1, message: "this statement is not a query"}
	}
	if err := r.prepared.bind(params); err != nil {
		return &refusal{offset: -1, message: err.Error()}
	}
	r.rows, err = r.prepared.run(r.ctx)
	return err
}

// syntaxTree asks DuckDB how it reads the text, without running it.
func (c *connection) syntaxTree(ctx context.Context, sql string) (string, error) {
	s, err := c.prepare("SELECT json_serialize_sql(CAST(? AS VARCHAR))")
	if err != nil {
		return "", err
	}
	defer s.close()
	if err := s.bind([]any{sql}); err != nil {
		return "", err
	}
	rows, err := s.run(ctx)
	if err != nil {
		return "", err
	}
	defer rows.close()
	batch, err := rows.next()
	if err != nil {
		return "", err
	}
	defer batch.Release()
	column, ok := batch.Column(0).(array.StringLike)
	if !ok || column.Len() != 1 {
		return "", fmt.Errorf("read syntax tree: got %s", batch.Column(0).DataType())
	}
	return string([]byte(column.Value(0))), nil // the batch's memory is DuckDB's
}

// createViews makes the tables that the statement needs.
func (r *running) createViews(root string, snap *catalog.Snapshot, found *inspection) error {
	for _, name := range snap.Tables() {
		u, used := found.tables[strings.ToLower(name)]
		if !used && !found.allTables {
			continue
		}
		if err := r.createView(root, snap, name, u); err != nil {
			if f, ok := errors.AsType[*failure](err); ok {
				f.Position = "" // it is in a statement of ours
			}
			return fmt.Errorf("open table %s: %w", name, err)
		}
	}
	return nil
}

// createView makes one table. One that is only listed (u is nil) needs no files.
func (r *running) createView(root string, snap *catalog.Snapshot, name string, u *use) error {
	t, err := snap.Table(name)
	if err != nil {
		return err
	}
	var files []catalog.DataFile
	if u != nil {
		var stats catalog.PlanStats
		if files, stats, err = plan(r.ctx, t, u); err != nil {
			return err
		}
		r.counts.Files += stats.Files
		r.counts.FilesTotal += stats.FilesTotal
		r.counts.Bytes += stats.Bytes
		r.counts.BytesTotal += stats.BytesTotal
	}
	v := view{root: root, schema: t.Schema(), partition: t.Spec()}
	return r.connection.exec("CREATE TEMP VIEW " + quoteName(strings.ToLower(name)) + " AS " + v.sql(files))
}

// batches delivers the rows within the limits.
func (r *running) batches() iter.Seq2[arrow.RecordBatch, error] {
	return func(yield func(arrow.RecordBatch, error) bool) {
		var bytes int64
		for !r.closed {
			batch, err := r.rows.next()
			if err == nil {
				// An interrupt between two batches ends them without an error.
				err = r.ctx.Err()
			}
			if err != nil {
				if batch != nil {
					batch.Release()
				}
				yield(nil, classify(r.ctx, err, r.statement, len(prefix(r.statement.Verb))))
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
	if left := r.limits.Rows - r.counts.Rows; r.limits.Rows > 0 && batch.NumRows() > left {
		if left > 0 {
			cut := batch.NewSlice(0, left)
			defer cut.Release()
			r.counts.Rows += left
			if !yield(cut, nil) {
				return false
			}
		}
		yield(nil, fmt.Errorf("%w: %d rows", engine.ErrLimit, r.limits.Rows))
		return false
	}
	for _, column := range batch.Columns() {
		*bytes += int64(column.Data().SizeInBytes())
	}
	if r.limits.Bytes > 0 && *bytes > r.limits.Bytes {
		yield(nil, fmt.Errorf("%w: %d bytes of result", engine.ErrLimit, r.limits.Bytes))
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
	r.connection.interrupt()
	if r.rows != nil {
		r.rows.close()
	}
	if r.prepared != nil {
		r.prepared.close()
	}
	r.connection.close()
}
