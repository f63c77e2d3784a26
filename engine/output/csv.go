package output

import (
	"bytes"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
)

// csvWriter writes RFC 4180 with line feeds: UTF-8, a header, NULL as nothing,
// an empty text as "". A row of one NULL is an empty line.
type csvWriter struct {
	rowWriter
	terminal bool
	value    []byte
}

func newCSVWriter(w io.Writer, schema *arrow.Schema, o Options) *csvWriter {
	c := &csvWriter{rowWriter: newRowWriter(w), terminal: o.Terminal}
	c.summary.Columns = schema.NumFields()
	var header []byte
	for i, f := range schema.Fields() {
		if i > 0 {
			header = append(header, ',')
		}
		header = c.appendField(header, []byte(f.Name))
	}
	c.put(append(header, '\n'))
	return c
}

func (c *csvWriter) Write(batch arrow.RecordBatch) error {
	return c.writeRows(batch, func(b []byte, i int) []byte {
		for n, column := range batch.Columns() {
			if n > 0 {
				b = append(b, ',')
			}
			if !isNull(column, i) {
				c.value = appendText(c.value[:0], column, i)
				b = c.appendField(b, c.value)
			}
		}
		return append(b, '\n')
	})
}

func (c *csvWriter) Close() (Summary, error) { return c.finish() }

func (c *csvWriter) appendField(b, value []byte) []byte {
	if c.terminal {
		if escaped := Escape(string(value)); escaped != string(value) {
			c.summary.EscapedCells++
			value = []byte(escaped)
		}
	}
	if !needsQuotes(value) {
		return append(b, value...)
	}
	b = append(b, '"')
	for {
		quote := bytes.IndexByte(value, '"')
		if quote < 0 {
			break
		}
		b = append(append(b, value[:quote+1]...), '"')
		value = value[quote+1:]
	}
	return append(append(b, value...), '"')
}

func needsQuotes(value []byte) bool {
	return len(value) == 0 || value[0] == ' ' || value[len(value)-1] == ' ' || bytes.ContainsAny(value, ",\"\r\n")
}
