package output

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// Options of a writer. The zero value of all but Format suits a file or pipe:
// nothing is cut, hidden, coloured or changed.
type Options struct {
	Format      Format
	Terminal    bool // the text goes to a terminal: escape it
	Width       int  // columns that a table may take, 0 for any number
	MaxRows     int  // rows that a table shows, the first and the last; 0 for all
	Color       bool // dim what is not data
	SafeNumbers bool // JSON: as text the integers beyond 2⁵³ and decimals
	// Null stands for NULL in CSV, where it is written without quotes, and in
	// the forms for people. nil: nothing in CSV, the word NULL for people.
	Null     *string
	QuoteAll bool // CSV: quotes around every value, as in Athena's result files
	CRLF     bool // CSV: lines end as RFC 4180 has them
	BOM      bool // CSV, TSV: a byte order mark in front, by which Excel tells UTF-8
	NoHeader bool // CSV, TSV: only the rows
	Formulas Formulas
	// TypeKey is the metadata key of a field under which its SQL type stands:
	// shown in the box, and "json" columns are not text in JSON.
	TypeKey string
	// Location is the time zone in which text formats write times that have one;
	// nil is UTC.
	Location *time.Location
	NoTypes  bool // a box has no types below its names
	ASCII    bool // tables are drawn, and their values spelled, in ASCII
}

// Summary says what was written.
type Summary struct {
	Rows          int64 // received
	RowsShown     int64
	Columns       int
	ColumnsShown  int
	CutCells      int64 // shown shortened
	EscapedCells  int64 // shown with characters spelled out
	FormulaCells  int64 // CSV, TSV: texts that a spreadsheet would take for a formula
	RenamedFields bool  // columns of the same name were numbered
}

// Writer writes one result. It is not safe for concurrent use.
type Writer interface {
	// Write takes a batch and keeps nothing of it.
	Write(batch arrow.RecordBatch) error
	// Close writes what is left. It does not close the underlying writer. A
	// writer that is not closed leaves its output unfinished and nothing else.
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
	case TSV:
		return newTSVWriter(w, schema, o), nil
	case JSON, JSONLines:
		return newJSONWriter(w, schema, o), nil
	case Markdown:
		return newMarkdownWriter(w, schema, o), nil
	case HTML:
		return newHTMLWriter(w, schema, o)
	case Parquet:
		return newParquetWriter(w, schema)
	case Arrow, ArrowStream:
		return newArrowWriter(w, schema, o)
	case XLSX:
		return newXLSXWriter(w, schema)
	case None:
		return &noneWriter{Summary{Columns: schema.NumFields()}}, nil
	}
	return nil, fmt.Errorf("start output: unknown format %q", o.Format)
}

// noneWriter counts.
type noneWriter struct{ summary Summary }

func (n *noneWriter) Write(batch arrow.RecordBatch) error {
	n.summary.Rows += batch.NumRows()
	return nil
}

func (n *noneWriter) Close() (Summary, error) { return n.summary, nil }

// sqlType is the column's type in the engine's words.
func (o Options) sqlType(f arrow.Field) string {
	if name, ok := f.Metadata.GetValue(o.TypeKey); ok {
		return name
	}
	return f.Type.Name()
}

// null is what the forms for people write.
func (o Options) null() string {
	if o.Null == nil {
		return "NULL"
	}
	return Escape(*o.Null)
}

// uniqueNames numbers the second and later columns of a name: a, a_2, a_3.
func uniqueNames(schema *arrow.Schema) (names []string, renamed bool) {
	taken := map[string]bool{}
	for _, f := range schema.Fields() {
		taken[f.Name] = true
	}
	seen := map[string]bool{}
	for _, f := range schema.Fields() {
		name := f.Name
		for n := 2; seen[name] || name != f.Name && taken[name]; n++ {
			name = fmt.Sprintf("%s_%d", f.Name, n)
		}
		seen[name] = true
		names = append(names, name)
		renamed = renamed || name != f.Name
	}
	return names, renamed
}

// headline is the first line of text formats: the columns' names.
func headline(schema *arrow.Schema, separator string, escape func(b []byte, name string) []byte) []byte {
	var line []byte
	for i, f := range schema.Fields() {
		if i > 0 {
			line = append(line, separator...)
		}
		line = escape(line, f.Name)
	}
	return line
}

func isText(t arrow.DataType) bool {
	if d, ok := t.(*arrow.DictionaryType); ok {
		t = d.ValueType
	}
	return t.ID() == arrow.STRING || t.ID() == arrow.LARGE_STRING || t.ID() == arrow.STRING_VIEW
}

func isNumber(t arrow.DataType) bool {
	return arrow.IsInteger(t.ID()) || arrow.IsFloating(t.ID()) || arrow.IsDecimal(t.ID())
}

func formatList(formats []Format) string {
	var names []string
	for _, f := range formats {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}
