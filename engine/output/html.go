package output

import (
	"bytes"
	"fmt"
	"html/template"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
)

// htmlHead allows the document nothing but its own style: no script, no request.
var htmlHead = template.Must(template.New("head").Parse(`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width">
<title>Query result</title>
<style>
body { font: 14px/1.4 system-ui, sans-serif; margin: 1em; }
table { border-collapse: collapse; }
th, td { border: 1px solid #bbb; padding: .2em .5em; text-align: left; vertical-align: top; white-space: pre; }
.long { white-space: pre-wrap; overflow-wrap: anywhere; min-width: 24em; }
thead th { position: sticky; top: 0; background: #eee; }
th small { display: block; font-weight: normal; color: #666; }
.number { text-align: right; }
.null { color: #888; font-style: italic; }
</style>
</head>
<body>
<table>
<thead><tr>{{range .}}<th{{if .Number}} class="number"{{end}}>{{.Name}}<small>{{.Type}}</small></th>{{end}}</tr></thead>
<tbody>
`))

// longText is where a value may be broken into lines: a time or an address is
// not, and a document has room for what it holds.
const longText = 40

const htmlFoot = "</tbody>\n</table>\n</body>\n</html>\n"

// htmlWriter writes a document that opens anywhere and loads nothing.
type htmlWriter struct {
	rowWriter
	null  string
	cells []string // start tag of each column's cells
}

func newHTMLWriter(w io.Writer, schema *arrow.Schema, o Options) (*htmlWriter, error) {
	h := &htmlWriter{rowWriter: newRowWriter(w, schema, o.Location)}
	h.null = `<td class="null">` + template.HTMLEscapeString(o.null()) + "</td>"
	type heading struct {
		Name, Type string
		Number     bool
	}
	var headings []heading
	for _, f := range schema.Fields() {
		headings = append(headings, heading{Escape(f.Name), Escape(o.sqlType(f)), isNumber(f.Type)})
		if isNumber(f.Type) {
			h.cells = append(h.cells, `<td class="number">`)
		} else {
			h.cells = append(h.cells, "<td>")
		}
	}
	var head bytes.Buffer
	if err := htmlHead.Execute(&head, headings); err != nil {
		return nil, fmt.Errorf("start HTML: %w", err)
	}
	h.pending = head.Bytes()
	return h, nil
}

func (h *htmlWriter) Write(batch arrow.RecordBatch) error {
	columns := textOf(batch, h.zone)
	return h.writeRows(batch, func(s *share, i int) {
		s.b = append(s.b, "<tr>"...)
		for n, column := range columns {
			if column.isNull(i) {
				s.b = append(s.b, h.null...)
				continue
			}
			start := len(s.b)
			s.b = column.append(s.b, i)
			text := string(s.b[start:])
			s.b = append(s.b[:start], h.cell(n, text)...)
			s.b = append(s.b, template.HTMLEscapeString(s.escapeLines(text))...)
			s.b = append(s.b, "</td>"...)
		}
		s.b = append(s.b, "</tr>\n"...)
	})
}

// cell is the start tag of a value.
func (h *htmlWriter) cell(column int, text string) string {
	if len(text) > longText && h.cells[column] == "<td>" {
		return `<td class="long">`
	}
	return h.cells[column]
}

func (h *htmlWriter) Close() (Summary, error) {
	h.pending = append(h.pending, htmlFoot...)
	return h.finish()
}
