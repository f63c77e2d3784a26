package output

import (
	"bytes"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
)

const byteOrderMark = "\ufeff"

// csvWriter writes RFC 4180 with line feeds: UTF-8, a header, NULL as nothing,
// an empty text as "". A row of one NULL is an empty line.
type csvWriter struct {
	rowWriter
	guard
	o    Options
	null []byte
	end  string
}

func newCSVWriter(w io.Writer, schema *arrow.Schema, o Options) *csvWriter {
	c := &csvWriter{rowWriter: newRowWriter(w, schema, o.Location), guard: newGuard(schema, o), o: o, end: "\n"}
	if o.CRLF {
		c.end = "\r\n"
	}
	if o.Null != nil {
		c.null = []byte(*o.Null)
	}
	if o.BOM {
		c.pending = append(c.pending, byteOrderMark...)
	}
	if !o.NoHeader {
		line := headline(schema, ",", func(b []byte, name string) []byte {
			start := len(b)
			return c.quote(c.escape(append(b, name...), start, &share{}), start)
		})
		c.pending = append(append(c.pending, line...), c.end...)
	}
	return c
}

func (c *csvWriter) Write(batch arrow.RecordBatch) error {
	columns := textOf(batch, c.zone)
	first := c.summary.Rows + 1
	return c.writeRows(batch, func(s *share, i int) {
		for n, column := range columns {
			if n > 0 {
				s.b = append(s.b, ',')
			}
			if column.isNull(i) {
				s.b = append(s.b, c.null...)
				continue
			}
			start := len(s.b)
			s.b = column.append(s.b, i)
			s.b = c.check(s.b, start, s, n, first+int64(i))
			s.b = c.quote(c.escape(s.b, start, s), start)
		}
		s.b = append(s.b, c.end...)
	})
}

func (c *csvWriter) Close() (Summary, error) { return c.finish() }

// escape makes the field that starts at start safe for a terminal.
func (c *csvWriter) escape(b []byte, start int, s *share) []byte {
	if !c.o.Terminal {
		return b
	}
	text := string(b[start:])
	escaped := Escape(text)
	if escaped != text {
		s.escaped++
		b = append(b[:start], escaped...)
	}
	return b
}

// quote puts the field that starts at start in quotes if it needs them.
func (c *csvWriter) quote(b []byte, start int) []byte {
	field := b[start:]
	if !c.o.QuoteAll && !needsQuotes(field) && (len(c.null) == 0 || !bytes.Equal(field, c.null)) {
		return b
	}
	quotes := bytes.Count(field, []byte{'"'})
	old := len(b)
	b = append(b, make([]byte, quotes+2)...)
	// From the end, so that nothing is overwritten before it has moved.
	to := len(b) - 1
	b[to] = '"'
	for from := old - 1; quotes > 0; from-- {
		to--
		b[to] = b[from]
		if b[from] == '"' {
			to--
			b[to] = '"'
			quotes--
		}
	}
	copy(b[start+1:to], b[start:])
	b[start] = '"'
	return b
}

func needsQuotes(field []byte) bool {
	if len(field) == 0 || field[0] == ' ' || field[len(field)-1] == ' ' {
		return true
	}
	for _, c := range field {
		if csvSpecial[c] {
			return true
		}
	}
	return false
}

var csvSpecial = [256]bool{',': true, '"': true, '\r': true, '\n': true}

// guard looks for formulas in the columns of text.
type guard struct {
	formulas Formulas
	names    []string // of the columns of text, "" for others
	isText   []bool
}

func newGuard(schema *arrow.Schema, o Options) guard {
	g := guard{formulas: o.Formulas}
	for _, f := range schema.Fields() {
		g.names = append(g.names, f.Name)
		g.isText = append(g.isText, isText(f.Type))
	}
	return g
}

// check deals with the value of a column that starts at start.
func (g *guard) check(b []byte, start int, s *share, column int, row int64) []byte {
	if !g.isText[column] || !startsFormula(b[start:]) {
		return b
	}
	s.formulas++
	switch g.formulas {
	case PrefixFormulas:
		b = append(b, 0)
		copy(b[start+1:], b[start:])
		b[start] = '\''
	case RejectFormulas:
		s.err = &FormulaError{Row: row, Column: g.names[column]}
	}
	return b
}

// tsvWriter writes a line a row and a tab between values. \t \n \r \\ stand for
// those characters and \N for NULL.
type tsvWriter struct {
	rowWriter
	guard
	terminal bool
}

func newTSVWriter(w io.Writer, schema *arrow.Schema, o Options) *tsvWriter {
	t := &tsvWriter{rowWriter: newRowWriter(w, schema, o.Location), guard: newGuard(schema, o), terminal: o.Terminal}
	if o.BOM {
		t.pending = append(t.pending, byteOrderMark...)
	}
	if !o.NoHeader {
		line := headline(schema, "\t", func(b []byte, name string) []byte {
			return t.appendField(b, []byte(name), &share{})
		})
		t.pending = append(append(t.pending, line...), '\n')
	}
	return t
}

func (t *tsvWriter) Write(batch arrow.RecordBatch) error {
	columns := textOf(batch, t.zone)
	first := t.summary.Rows + 1
	return t.writeRows(batch, func(s *share, i int) {
		for n, column := range columns {
			if n > 0 {
				s.b = append(s.b, '\t')
			}
			if column.isNull(i) {
				s.b = append(s.b, '\\', 'N')
				continue
			}
			start := len(s.b)
			s.b = column.append(s.b, i)
			s.b = t.check(s.b, start, s, n, first+int64(i))
			if t.terminal || bytes.ContainsAny(s.b[start:], "\t\n\r\\") {
				s.b = t.appendField(s.b[:start], bytes.Clone(s.b[start:]), s)
			}
		}
		s.b = append(s.b, '\n')
	})
}

func (t *tsvWriter) Close() (Summary, error) { return t.finish() }

func (t *tsvWriter) appendField(b, value []byte, s *share) []byte {
	start := len(b)
	for _, c := range value {
		switch c {
		case '\t':
			b = append(b, '\\', 't')
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\\':
			b = append(b, '\\', '\\')
		default:
			b = append(b, c)
		}
	}
	if t.terminal {
		text := string(b[start:])
		if escaped := Escape(text); escaped != text {
			s.escaped++
			b = append(b[:start], escaped...)
		}
	}
	return b
}
