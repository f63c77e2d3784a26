package output

import (
	"io"
	"runtime"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// rowWriter writes text row by row. The rows of a batch are encoded by several
// goroutines, each its share of them, and written in their order.
type rowWriter struct {
	out     io.Writer
	pending []byte // written in front of the next rows, or at the end
	shares  []share
	zone    *time.Location // of times that have one; nil is UTC
	err     error
	summary Summary
}

// share is what one goroutine makes of its rows.
type share struct {
	b        []byte
	escaped  int64 // cells
	formulas int64 // cells
	err      error // of the row behind those in b; it ends the share
}

// smallestShare is in values: for fewer it does not pay to share them out.
const smallestShare = 2048

func newRowWriter(w io.Writer, schema *arrow.Schema, zone *time.Location) rowWriter {
	r := rowWriter{out: w, zone: zone, shares: make([]share, runtime.GOMAXPROCS(0))}
	r.summary.Columns = schema.NumFields()
	return r
}

// writeRows writes what appendRow makes of each row. appendRow is called by
// several goroutines, each with a share of its own.
func (r *rowWriter) writeRows(batch arrow.RecordBatch, appendRow func(s *share, i int)) error {
	if r.err != nil {
		return r.err
	}
	rows := int(batch.NumRows())
	n := max(1, min(len(r.shares), rows*int(batch.NumCols())/smallestShare))
	var wait sync.WaitGroup
	for k := 1; k < n; k++ {
		wait.Go(func() { r.shares[k].encode(rows*k/n, rows*(k+1)/n, appendRow) })
	}
	r.shares[0].b = append(r.shares[0].b, r.pending...)
	r.pending = r.pending[:0]
	r.shares[0].encode(0, rows/n, appendRow)
	wait.Wait()
	r.summary.Rows += int64(rows)
	for k := range r.shares[:n] {
		r.take(&r.shares[k])
	}
	return r.err
}

// encode appends rows up to one that fails, of which it leaves nothing.
func (s *share) encode(from, to int, appendRow func(s *share, i int)) {
	for i := from; i < to && s.err == nil; i++ {
		n := len(s.b)
		appendRow(s, i)
		if s.err != nil {
			s.b = s.b[:n]
		}
	}
}

// take writes a share and empties it.
func (r *rowWriter) take(s *share) {
	if r.err == nil {
		_, r.err = r.out.Write(s.b)
	}
	if r.err == nil {
		r.err = s.err
	}
	r.summary.EscapedCells += s.escaped
	r.summary.FormulaCells += s.formulas
	*s = share{b: s.b[:0]}
}

// finish writes what is left.
func (r *rowWriter) finish() (Summary, error) {
	if r.err == nil && len(r.pending) > 0 {
		_, r.err = r.out.Write(r.pending)
	}
	r.summary.RowsShown, r.summary.ColumnsShown = r.summary.Rows, r.summary.Columns
	return r.summary, r.err
}
