// Package engine is the contract between those who ask (query, shell, reports)
// and those who answer (engine/duck, engine/trino). It knows neither files nor
// catalogs.
package engine

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

var (
	// ErrCanceled: the caller's context was cancelled.
	ErrCanceled = errors.New("cancelled")
	// ErrTimeout: Limits.Timeout passed.
	ErrTimeout = errors.New("time limit reached")
	// ErrLimit: another limit stopped the query (rows, bytes, memory).
	ErrLimit = errors.New("limit reached")
	// ErrUnsupported: the statement is understood but this engine cannot run it.
	ErrUnsupported = errors.New("not supported")
	// ErrNotAllowed: the statement would leave the sandbox.
	ErrNotAllowed = errors.New("not allowed")
)

// Stopped is the error of a query whose context has ended: the cause, if that is a limit
// of the query, and else one that wraps ErrTimeout or ErrCanceled and the cause.
func Stopped(ctx context.Context) error {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, ErrTimeout), errors.Is(cause, ErrLimit):
		return cause
	case errors.Is(cause, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrTimeout, cause)
	}
	return fmt.Errorf("%w: %w", ErrCanceled, cause)
}

// SQLError is a statement that cannot run as it is written. Its texts may quote
// the statement and values from logs: escape them before a terminal sees them.
type SQLError struct {
	Line, Column int   // from 1, in characters of Query.SQL; 0 when not known
	Kind         error // ErrNotAllowed, ErrUnsupported or nil for a mistake
	Message      string
	Hint         string // what to write instead; may be empty
}

func (e *SQLError) Error() string {
	text := e.Message
	if e.Kind != nil {
		text = e.Kind.Error() + ": " + text
	}
	if e.Line > 0 {
		text = fmt.Sprintf("line %d:%d: %s", e.Line, e.Column, text)
	}
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

func (e *SQLError) Unwrap() error { return e.Kind }

// Engine answers queries. Safe for concurrent use.
type Engine interface {
	// Query runs one statement on the newest snapshot. The caller closes the
	// Result, which ctx governs until then. A statement at fault is a *SQLError.
	Query(ctx context.Context, q Query) (*Result, error)
	// Close frees the engine. Results must have been closed before.
	Close() error
}

// Query is one statement with its parameters and limits.
type Query struct {
	SQL     string
	Dialect string // of SQL, in the engine's words; "" is the engine's default
	Params  []any  // for ? and $1: nil, bool, integers, floats, string, []byte, time.Time
	Limits  Limits
	// Window leaves out all records whose event time is outside, or not known,
	// from every table and view that has records.
	Window Window
	// Results are earlier results that the statement can read as tables: paths
	// of Parquet files by name in lower case, below the folder that the engine
	// was opened with for them. They hide stored views of their names.
	Results map[string]string
	// Progress is called now and then, from any goroutine but never by two at a
	// time, until the Result is closed. It must not block.
	Progress func(Progress)
}

// Window is a span of event times, [From, To), in UTC. A zero bound is open.
type Window struct{ From, To time.Time }

// IsZero is true of the window that leaves out nothing.
func (w Window) IsZero() bool { return w.From.IsZero() && w.To.IsZero() }

// Progress says how far a query is.
type Progress struct {
	Fraction float64 // of the work, from 0 to 1; below 0 when it is not known
	Rows     int64   // read so far
	Stats    Stats   // so far; the files and bytes are those that were planned
	// Fetched of FetchTotal bytes of data files are here; the query begins when
	// all are. FetchTotal is 0 when none have to be fetched.
	Fetched, FetchTotal int64
}

// Limits of one query; a zero field does not limit. A limit that is reached
// ends the batches with ErrTimeout or ErrLimit, after the rows within it.
type Limits struct {
	Timeout time.Duration // from Query to the last batch
	Rows    int64         // delivered
	Bytes   int64         // delivered, as the batches take in memory
	Scan    int64         // size of the data files to read; more is refused before it runs
}

// Stats of a query; complete once its batches are exhausted or it is closed.
type Stats struct {
	Elapsed    time.Duration
	Rows       int64 // delivered
	Files      int   // data files handed to the engine after pruning
	FilesTotal int   // data files of the tables that the statement names
	Bytes      int64 // size of Files
	BytesTotal int64 // size of FilesTotal
	// Partitions have Files, PartitionsTotal have FilesTotal. Tables that are
	// not partitioned do not count.
	Partitions, PartitionsTotal int
	// Splits are the parts of the work that a cluster has done, of those that it
	// knows of so far; on one machine there are none.
	Splits, SplitsTotal int
}

// TypeKey is the metadata key of a schema's field under which an engine says
// the column's SQL type in its own words, in lower case: "varchar", "json".
const TypeKey = "sql_type"

// Result is a stream of record batches. Not safe for concurrent use.
type Result struct {
	schema  *arrow.Schema
	batches iter.Seq2[arrow.RecordBatch, error]
	stats   func() Stats
	close   func() error
}

// NewResult is for engines. closeFn is called once, however often Close is.
func NewResult(schema *arrow.Schema, batches iter.Seq2[arrow.RecordBatch, error], stats func() Stats, closeFn func() error) *Result {
	return &Result{schema: schema, batches: batches, stats: stats, close: closeFn}
}

// Schema describes the columns, in the order of the statement.
func (r *Result) Schema() *arrow.Schema { return r.schema }

// Batches yields the rows once. A batch, with every string and slice taken from
// it, is valid until the next iteration; the loop ends after the first error.
func (r *Result) Batches() iter.Seq2[arrow.RecordBatch, error] { return r.batches }

// Stats reports what the query has done so far.
func (r *Result) Stats() Stats { return r.stats() }

// Close frees the result, cancelling what still runs. Closing again does
// nothing.
func (r *Result) Close() error {
	if r.close == nil {
		return nil
	}
	f := r.close
	r.close = nil
	return f()
}
