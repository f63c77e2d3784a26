package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// jsonStyle says how values become JSON. The zero value is exact.
type jsonStyle struct {
	safeNumbers bool // as text what a double cannot hold
}

// appendValue appends value i as JSON. Characters that would harm a terminal
// are always written as \u escapes: that is the same text to every reader.
func (s jsonStyle) appendValue(b []byte, column arrow.Array, i int) []byte {
	if isNull(column, i) {
		return append(b, "null"...)
	}
	switch a := column.(type) {
	case array.StringLike:
		return appendJSONText(b, a.Value(i))
	case *array.Boolean:
		return strconv.AppendBool(b, a.Value(i))
	case *array.Int64:
		return s.appendNumber(b, column, i, a.Value(i) > maxSafe || a.Value(i) < -maxSafe)
	case *array.Uint64:
		return s.appendNumber(b, column, i, a.Value(i) > maxSafe)
	case *array.Int8, *array.Int16, *array.Int32, *array.Uint8, *array.Uint16, *array.Uint32:
		return appendText(b, column, i)
	case *array.Decimal128, *array.Decimal256:
		return s.appendNumber(b, column, i, true)
	case *array.Float32:
		return appendJSONFloat(b, float64(a.Value(i)), 32)
	case *array.Float64:
		return appendJSONFloat(b, a.Value(i), 64)
	case *array.Map:
		return s.appendMap(b, a, i)
	case array.ListLike:
		return s.appendList(b, a, i)
	case *array.Struct:
		return s.appendStruct(b, a, i)
	case *array.Dictionary:
		return s.appendValue(b, a.Dictionary(), a.GetValueIndex(i))
	case array.Union:
		child, at := unionValue(a, i)
		return s.appendValue(b, child, at)
	case array.ExtensionArray:
		return s.appendValue(b, a.Storage(), i)
	}
	return appendJSONText(b, string(appendText(nil, column, i)))
}

const maxSafe = 1 << 53

func (s jsonStyle) appendNumber(b []byte, column arrow.Array, i int, large bool) []byte {
	if !s.safeNumbers || !large {
		return appendText(b, column, i)
	}
	b = append(b, '"')
	b = appendText(b, column, i)
	return append(b, '"')
}

// appendJSONFloat: JSON has no infinity and no NaN.
func appendJSONFloat(b []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(b, "null"...)
	}
	return appendFloat(b, f, bits)
}

func (s jsonStyle) appendList(b []byte, a array.ListLike, i int) []byte {
	b = append(b, '[')
	start, end := a.ValueOffsets(i)
	for at := start; at < end; at++ {
		if at > start {
			b = append(b, ',')
		}
		b = s.appendValue(b, a.ListValues(), int(at))
	}
	return append(b, ']')
}

func (s jsonStyle) appendStruct(b []byte, a *array.Struct, i int) []byte {
	b = append(b, '{')
	for n, field := range a.DataType().(*arrow.StructType).Fields() {
		if n > 0 {
			b = append(b, ',')
		}
		name := field.Name
		if name == "" { // ROW(1, 2)
			name = fmt.Sprintf("field%d", n)
		}
		b = append(appendJSONText(b, name), ':')
		b = s.appendValue(b, a.Field(n), i)
	}
	return append(b, '}')
}

func (s jsonStyle) appendMap(b []byte, a *array.Map, i int) []byte {
	b = append(b, '{')
	start, end := a.ValueOffsets(i)
	for at := start; at < end; at++ {
		if at > start {
			b = append(b, ',')
		}
		b = append(appendJSONText(b, string(appendText(nil, a.Keys(), int(at)))), ':')
		b = s.appendValue(b, a.Items(), int(at))
	}
	return append(b, '}')
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

// appendJSONDocument appends text that the engine says is JSON, in one line,
// every literal kept.
func appendJSONDocument(b []byte, s string) []byte {
	var compact bytes.Buffer
	if json.Compact(&compact, []byte(s)) != nil {
		return appendJSONText(b, s)
	}
	for _, r := range compact.String() {
		if isUnsafe(r) { // only inside its texts, where an escape means the same
			b = appendJSONEscape(b, r)
		} else {
			b = utf8.AppendRune(b, r)
		}
	}
	return b
}

// jsonWriter writes an array of objects, or an object a line.
type jsonWriter struct {
	rowWriter
	style jsonStyle
	array bool
	keys  [][]byte // "name": of each column
	isDoc []bool   // holds JSON
}

func newJSONWriter(w io.Writer, schema *arrow.Schema, o Options) *jsonWriter {
	j := &jsonWriter{rowWriter: newRowWriter(w), style: jsonStyle{safeNumbers: o.SafeNumbers}, array: o.Format == JSON}
	j.summary.Columns = schema.NumFields()
	for i, name := range uniqueNames(schema) {
		j.keys = append(j.keys, append(appendJSONText(nil, name), ':'))
		j.isDoc = append(j.isDoc, o.sqlType(schema.Field(i)) == "json")
		j.summary.RenamedFields = j.summary.RenamedFields || name != schema.Field(i).Name
	}
	return j
}

func (j *jsonWriter) Write(batch arrow.RecordBatch) error {
	return j.writeRows(batch, func(b []byte, i int) []byte {
		if j.array && j.summary.Rows == 0 {
			b = append(b, "[\n"...)
		} else if j.array {
			b = append(b, ",\n"...)
		}
		b = append(b, '{')
		for n, column := range batch.Columns() {
			if n > 0 {
				b = append(b, ',')
			}
			b = append(b, j.keys[n]...)
			if text, ok := column.(array.StringLike); ok && j.isDoc[n] && !isNull(column, i) {
				b = appendJSONDocument(b, text.Value(i))
			} else {
				b = j.style.appendValue(b, column, i)
			}
		}
		b = append(b, '}')
		if !j.array {
			b = append(b, '\n')
		}
		return b
	})
}

func (j *jsonWriter) Close() (Summary, error) {
	switch {
	case j.array && j.summary.Rows == 0:
		j.put([]byte("[]\n"))
	case j.array:
		j.put([]byte("\n]\n"))
	}
	return j.finish()
}
