package output

import (
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// markdownWriter writes a table as GitHub's Markdown has it. No value can end
// its cell, or become markup, a link or an image. NULL is in italics.
type markdownWriter struct {
	rowWriter
	null string
}

func newMarkdownWriter(w io.Writer, schema *arrow.Schema, o Options) *markdownWriter {
	m := &markdownWriter{rowWriter: newRowWriter(w, schema, o.Location), null: string(appendMarkdown(nil, o.null()))}
	if m.null != "" {
		m.null = "*" + m.null + "*"
	}
	m.pending = append(m.pending, '|')
	for _, f := range schema.Fields() {
		m.pending = append(appendMarkdown(append(m.pending, ' '), Escape(f.Name)), " |"...)
	}
	m.pending = append(m.pending, "\n|"...)
	for _, f := range schema.Fields() {
		if isNumber(f.Type) {
			m.pending = append(m.pending, " ---: |"...)
		} else {
			m.pending = append(m.pending, " --- |"...)
		}
	}
	m.pending = append(m.pending, '\n')
	return m
}

func (m *markdownWriter) Write(batch arrow.RecordBatch) error {
	columns := textOf(batch, m.zone)
	return m.writeRows(batch, func(s *share, i int) {
		s.b = append(s.b, '|')
		for _, column := range columns {
			s.b = append(s.b, ' ')
			if column.isNull(i) {
				s.b = append(s.b, m.null...)
			} else {
				start := len(s.b)
				s.b = column.append(s.b, i)
				text := string(s.b[start:])
				s.b = appendMarkdown(s.b[:start], s.escapeLines(text))
			}
			s.b = append(s.b, " |"...)
		}
		s.b = append(s.b, '\n')
	})
}

func (m *markdownWriter) Close() (Summary, error) { return m.finish() }

// escapeLines escapes each line of the text and keeps where it is broken.
func (s *share) escapeLines(text string) string {
	if isPlain(text) {
		return text
	}
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	changed := false
	for i, line := range lines {
		lines[i] = Escape(line)
		changed = changed || lines[i] != line
	}
	if changed {
		s.escaped++
	}
	return strings.Join(lines, "\n")
}

// appendMarkdown: a backslash makes any sign mean itself; a space at an end and
// an ampersand have to be spelled out.
func appendMarkdown(b []byte, text string) []byte {
	for i := range len(text) {
		switch c := text[i]; c {
		case '\\', '|', '`', '<', '>', '*', '_', '~', '[', ']', '!', '#', '$', '^', '=':
			b = append(b, '\\', c)
		case '&':
			b = append(b, "&amp;"...)
		case '\n':
			b = append(b, "<br>"...)
		case ' ':
			if i == 0 || i == len(text)-1 {
				b = append(b, "&#32;"...)
			} else {
				b = append(b, ' ')
			}
		default:
			b = append(b, c)
		}
	}
	return b
}
