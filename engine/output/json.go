package output

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// jsonStyle says how values become JSON. The zero value is exact.
type jsonStyle struct {
	safeNumbers bool           // as text what a double cannot hold
	zone        *time.Location // of times that have one; nil is UTC
}

// appender writes values as JSON, NULL as null. Characters that would harm a
// terminal are always written as \u escapes: that is the same text to every reader.
func (s jsonStyle) appender(values arrow.Array) func(b []byte, i int) []byte {
	isNull, value := nullsOf(values), s.valueAppender(values)
	return func(b []byte, i int) []byte {
		if isNull(i) {
			return append(b, "null"...)
		}
		return value(b, i)
	}
}

// valueAppender is for values that are not NULL.
func (s jsonStyle) valueAppender(values arrow.Array) func(b []byte, i int) []byte {
	switch a := values.(type) {
	case array.StringLike:
		return func(b []byte, i int) []byte { return appendJSONText(b, a.Value(i)) }
	case *array.Boolean, *array.Int8, *array.Int16, *array.Int32, *array.Uint8, *array.Uint16, *array.Uint32:
		return textAppender(values, s.zone)
	case *array.Int64:
		return s.numberAppender(values, func(i int) bool { return a.Value(i) > maxSafe || a.Value(i) < -maxSafe })
	case *array.Uint64:
		return s.numberAppender(values, func(i int) bool { return a.Value(i) > maxSafe })
	case *array.Decimal128, *array.Decimal256:
		return s.numberAppender(values, func(int) bool { return true })
	case *array.Float32:
		return func(b []byte, i int) []byte { return appendJSONFloat(b, float64(a.Value(i)), 32) }
	case *array.Float64:
		return func(b []byte, i int) []byte { return appendJSONFloat(b, a.Value(i), 64) }
	case *array.Map:
		return s.mapAppender(a)
	case array.ListLike:
		return s.listAppender(a)
	case *array.Struct:
		return s.structAppender(a)
	case *array.Dictionary:
		entry := s.appender(a.Dictionary())
		return func(b []byte, i int) []byte { return entry(b, a.GetValueIndex(i)) }
	case array.Union:
		return unionAppender(a, s.valueAppender)
	case array.ExtensionArray:
		return s.valueAppender(a.Storage())
	}
	text := textAppender(values, s.zone)
	return func(b []byte, i int) []byte { return appendJSONText(b, string(text(nil, i))) }
}

const maxSafe = 1 << 53

func (s jsonStyle) numberAppender(values arrow.Array, large func(i int) bool) func(b []byte, i int) []byte {
	text := textAppender(values, s.zone)
	if !s.safeNumbers {
		return text
	}
	return func(b []byte, i int) []byte {
		if !large(i) {
			return text(b, i)
		}
		return append(text(append(b, '"'), i), '"')
	}
}

// appendJSONFloat: JSON has no infinity and no NaN.
func appendJSONFloat(b []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	return appendFloat(b, f, bits)
}

func (s jsonStyle) listAppender(a array.ListLike) func(b []byte, i int) []byte {
	element := s.appender(a.ListValues())
	return func(b []byte, i int) []byte {
		b = append(b, '[')
		start, end := a.ValueOffsets(i)
		for at := start; at < end; at++ {
			if at > start {
				b = append(b, ',')
			}
			b = element(b, int(at))
		}
		return append(b, ']')
	}
}

func (s jsonStyle) structAppender(a *array.Struct) func(b []byte, i int) []byte {
	keys := make([][]byte, a.NumField()) // {"name": and ,"name":
	members := make([]func(b []byte, i int) []byte, a.NumField())
	for n, field := range a.DataType().(*arrow.StructType).Fields() {
		name := field.Name
		if name == "" { // ROW(1, 2)
			name = fmt.Sprintf("field%d", n)
		}
		lead := byte(',')
		if n == 0 {
			lead = '{'
		}
		keys[n] = append(appendJSONText([]byte{lead}, name), ':')
		members[n] = s.appender(a.Field(n))
	}
	return func(b []byte, i int) []byte {
		if len(members) == 0 {
			b = append(b, '{')
		}
		for n, member := range members {
			b = member(append(b, keys[n]...), i)
		}
		return append(b, '}')
	}
}

func (s jsonStyle) mapAppender(a *array.Map) func(b []byte, i int) []byte {
	key, item := textAppender(a.Keys(), s.zone), s.appender(a.Items())
	return func(b []byte, i int) []byte {
		b = append(b, '{')
		start, end := a.ValueOffsets(i)
		for at := start; at < end; at++ {
			if at > start {
				b = append(b, ',')
			}
			b = append(appendJSONText(b, string(key(nil, int(at)))), ':')
			b = item(b, int(at))
		}
		return append(b, '}')
	}
}

func appendJSONText(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf && c >= 0x20 && c != '"' && c != '\\' && c != 0x7f {
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == '"' || r == '\\' || isUnsafe(r) || r == utf8.RuneError && size == 1 {
			b = append(b, s[start:i]...)
			b = appendJSONEscape(b, r)
			start = i + size
		}
		i += size
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

func appendJSONEscape(b []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(b, '\\', byte(r))
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	if high, low := utf16.EncodeRune(r); high != utf8.RuneError {
		return fmt.Appendf(b, `\u%04x\u%04x`, high, low)
	}
	return fmt.Appendf(b, `\u%04x`, r)
}

// SafeJSON is a JSON document in one line, every literal kept, with the
// characters that would harm a terminal as \u escapes. A text that is no JSON
// becomes a JSON string.
func SafeJSON(document []byte) []byte { return appendJSONDocument(nil, string(document)) }

func appendJSONDocument(b []byte, s string) []byte {
	if !json.Valid([]byte(s)) {
		return appendJSONText(b, s)
	}
	inText := false
	for i := 0; i < len(s); {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRuneInString(s[i:])
		}
		switch {
		case !inText && (r == ' ' || r == '\n' || r == '\r' || r == '\t'):
		case isUnsafe(r): // only inside texts, where an escape means the same
			b = appendJSONEscape(b, r)
		case inText && r == '\\':
			size = 2
			b = append(b, s[i:i+size]...)
		default:
			inText = inText != (r == '"')
			b = utf8.AppendRune(b, r)
		}
		i += size
	}
	return b
}

// jsonWriter writes an array of objects, or an object a line.
type jsonWriter struct {
	rowWriter
	style jsonStyle
	array bool
	keys  [][]byte // {"name": and ,"name":
	isDoc []bool   // holds JSON
}

func newJSONWriter(w io.Writer, schema *arrow.Schema, o Options) *jsonWriter {
	j := &jsonWriter{rowWriter: newRowWriter(w, schema, o.Location), style: jsonStyle{safeNumbers: o.SafeNumbers, zone: o.Location}, array: o.Format == JSON}
	names, renamed := uniqueNames(schema)
	for i, name := range names {
		lead := byte(',')
		if i == 0 {
			lead = '{'
		}
		j.keys = append(j.keys, append(appendJSONText([]byte{lead}, name), ':'))
		j.isDoc = append(j.isDoc, o.sqlType(schema.Field(i)) == "json")
	}
	j.summary.RenamedFields = renamed
	return j
}

func (j *jsonWriter) Write(batch arrow.RecordBatch) error {
	columns := make([]func(b []byte, i int) []byte, batch.NumCols())
	for n, values := range batch.Columns() {
		columns[n] = j.style.appender(values)
		if text, ok := values.(array.StringLike); ok && j.isDoc[n] {
			columns[n] = documentAppender(text)
		}
	}
	rowsBefore := j.summary.Rows
	return j.writeRows(batch, func(s *share, i int) {
		switch {
		case j.array && rowsBefore == 0 && i == 0:
			s.b = append(s.b, "[\n"...)
		case j.array:
			s.b = append(s.b, ",\n"...)
		}
		for n, column := range columns {
			s.b = column(append(s.b, j.keys[n]...), i)
		}
		s.b = append(s.b, '}')
		if !j.array {
			s.b = append(s.b, '\n')
		}
	})
}

func documentAppender(text array.StringLike) func(b []byte, i int) []byte {
	return func(b []byte, i int) []byte {
		if text.IsNull(i) {
			return append(b, "null"...)
		}
		return appendJSONDocument(b, text.Value(i))
	}
}

func (j *jsonWriter) Close() (Summary, error) {
	switch {
	case j.array && j.summary.Rows == 0:
		j.pending = append(j.pending, "[]\n"...)
	case j.array:
		j.pending = append(j.pending, "\n]\n"...)
	}
	return j.finish()
}
