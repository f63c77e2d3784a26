package output

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// Format is how rows are written.
type Format string

const (
	Table     Format = "table"    // a box for people
	Vertical  Format = "vertical" // a line for each value, for wide rows
	CSV       Format = "csv"
	JSON      Format = "json"  // an array of objects
	JSONLines Format = "jsonl" // an object a line
)

// Formats lists them all.
func Formats() []Format { return []Format{Table, Vertical, CSV, JSON, JSONLines} }

// Options of a writer. The zero value of all but Format suits a file or pipe:
// nothing is cut, hidden or coloured.
type Options struct {
	Format      Format
	Terminal    bool // the text goes to a terminal: escape it
	Width       int  // columns that a table may take, 0 for any number
	MaxRows     int  // rows that a table shows, the first and the last; 0 for all
	Color       bool // dim what is not data
	SafeNumbers bool // JSON: as text the integers beyond 2⁵³ and decimals
	// TypeKey is the metadata key of a field under which its SQL type stands:
	// shown in the box, and "json" columns are not text in JSON.
	TypeKey string
}

// Summary says what was written.
type Summary struct {
	Rows          int64 // received
	RowsShown     int64
	Columns       int
	ColumnsShown  int
	CutCells      int64 // shown shortened
	EscapedCells  int64 // shown with characters spelled out
	RenamedFields bool  // JSON: columns of the same name were numbered
}

// Writer writes one result. It is not safe for concurrent use.
type Writer interface {
	// Write takes a batch and keeps nothing of it.
	Write(batch arrow.RecordBatch) error
	// Close writes what is left. It does not close the underlying writer.
	Close() (Summary, error)
}

// New starts a result with this schema. Errors of w are returned as they are,
// so that a closed pipe can be told from others.
func New(w io.Writer, schema *arrow.Schema, o Options) (Writer, error) {
	switch o.Format {
	case Table, Vertical:
		return newTableWriter(w, schema, o), nil
	case CSV:
		return newCSVWriter(w, schema, o), nil
	case JSON, JSONLines:
		return newJSONWriter(w, schema, o), nil
	}
	return nil, fmt.Errorf("start output: unknown format %q", o.Format)
}

// sqlType is the column's type in the engine's words.
func (o Options) sqlType(f arrow.Field) string {
	if name, ok := f.Metadata.GetValue(o.TypeKey); ok {
		return name
	}
	return f.Type.Name()
}

// uniqueNames numbers the second and later columns of a name: a, a_2, a_3.
func uniqueNames(schema *arrow.Schema) []string {
	taken := map[string]bool{}
	for _, f := range schema.Fields() {
		taken[f.Name] = true
	}
	seen := map[string]bool{}
	var names []string
	for _, f := range schema.Fields() {
		name := f.Name
		for n := 2; seen[name] || name != f.Name && taken[name]; n++ {
			name = fmt.Sprintf("%s_%d", f.Name, n)
		}
		seen[name] = true
		names = append(names, name)
	}
	return names
}

// rowWriter writes rows as they come.
type rowWriter struct {
	out     *bufio.Writer
	line    []byte
	err     error
	summary Summary
}

func newRowWriter(w io.Writer) rowWriter {
	return rowWriter{out: bufio.NewWriterSize(w, 64<<10)}
}

func (r *rowWriter) put(b []byte) {
	if r.err == nil {
		_, r.err = r.out.Write(b)
	}
}

// writeRows writes what appendRow makes of each row, and passes it on: who
// reads a slow query sees its rows.
func (r *rowWriter) writeRows(batch arrow.RecordBatch, appendRow func(b []byte, i int) []byte) error {
	for i := range int(batch.NumRows()) {
		r.line = appendRow(r.line[:0], i)
		r.put(r.line)
		r.summary.Rows++
	}
	r.flush()
	return r.err
}

func (r *rowWriter) flush() {
	if err := r.out.Flush(); r.err == nil {
		r.err = err
	}
}

func (r *rowWriter) finish() (Summary, error) {
	r.flush()
	r.summary.RowsShown, r.summary.ColumnsShown = r.summary.Rows, r.summary.Columns
	return r.summary, r.err
}

// ParseFormat reads the name of a format.
func ParseFormat(name string) (Format, error) {
	var names []string
	for _, f := range Formats() {
		if name == string(f) {
			return f, nil
		}
		names = append(names, string(f))
	}
	return "", fmt.Errorf("unknown format %q: want %s", name, strings.Join(names, ", "))
}
