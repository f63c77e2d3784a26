package output

import (
	"encoding/csv"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
)

// readCSV reads what csvWriter writes; nil is NULL. It is written from the
// rules and not from the writer.
func readCSV(t *testing.T, s string) [][]*string {
	t.Helper()
	var rows [][]*string
	var row []*string
	for len(s) > 0 {
		var value *string
		if s[0] == '"' {
			var text strings.Builder
			for s = s[1:]; ; s = s[1:] {
				if strings.HasPrefix(s, `""`) {
					s = s[1:]
				} else if s[0] == '"' {
					s = s[1:]
					break
				}
				text.WriteByte(s[0])
			}
			v := text.String()
			value = &v
		} else if end := strings.IndexAny(s, ",\n"); end > 0 {
			v := s[:end]
			value, s = &v, s[end:]
		}
		row = append(row, value)
		if s[0] == '\n' {
			rows, row = append(rows, row), nil
		} else if s[0] != ',' {
			t.Fatalf("%q behind a field", s)
		} else if len(s) == 1 {
			t.Fatal("the last line has no end")
		}
		s = s[1:]
	}
	return rows
}

func textColumns(names ...string) *arrow.Schema {
	var fields []arrow.Field
	for _, n := range names {
		fields = append(fields, arrow.Field{Name: n, Type: arrow.BinaryTypes.String, Nullable: true})
	}
	return arrow.NewSchema(fields, nil)
}

func textBatch(schema *arrow.Schema, rows [][]*string) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for _, row := range rows {
		for i, v := range row {
			if v == nil {
				b.Field(i).AppendNull()
			} else {
				b.Field(i).(*array.StringBuilder).Append(*v)
			}
		}
	}
	return b.NewRecordBatch()
}

func TestCSVQuoting(t *testing.T) {
	text := func(s string) *string { return &s }
	schema := textColumns("a", "b")
	tests := []struct {
		name string
		row  []*string
		want string
	}{
		{"NULL and empty", []*string{nil, text("")}, `,""`},
		{"empty and NULL", []*string{text(""), nil}, `"",`},
		{"comma", []*string{text("a,b"), text("c")}, `"a,b",c`},
		{"quote", []*string{text(`say "hi"`), text(`"`)}, `"say ""hi""",""""`},
		{"line ends", []*string{text("a\nb"), text("a\rb")}, "\"a\nb\",\"a\rb\""},
		{"spaces at the ends", []*string{text(" a"), text("b ")}, `" a","b "`},
		{"space inside", []*string{text("a b"), text("NULL")}, `a b,NULL`},
		{"formula is left alone", []*string{text("=1+1"), text("@x")}, `=1+1,@x`},
		{"control characters are left alone", []*string{text("\x1b[2J"), text("\u202e")}, "\x1b[2J,\u202e"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := write(t, Options{Format: CSV}, schema, textBatch(schema, [][]*string{tt.row}))
			if want := "a,b\n" + tt.want + "\n"; got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
	t.Run("one column of NULL is an empty line", func(t *testing.T) {
		one := textColumns("a")
		got, _ := write(t, Options{Format: CSV}, one, textBatch(one, [][]*string{{nil}, {text("")}}))
		if want := "a\n\n\"\"\n"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

func FuzzCSV(f *testing.F) {
	f.Add("a", "b", "", false, true)
	f.Add("a\"b", "\r\n", ",", true, false)
	f.Add("\"", " ", "\x00", true, true)
	f.Fuzz(func(t *testing.T, a, b, name string, nullA, nullB bool) {
		schema := textColumns("x", "name"+name)
		row := []*string{&a, &b}
		if nullA {
			row[0] = nil
		}
		if nullB {
			row[1] = nil
		}
		rows := [][]*string{row, {row[1], row[0]}}
		got, _ := write(t, Options{Format: CSV}, schema, textBatch(schema, rows))
		header := "name" + name
		x := "x"
		if diff := cmp.Diff(append([][]*string{{&x, &header}}, rows...), readCSV(t, got)); diff != "" {
			t.Errorf("%q reads as %s", got, diff)
		}
		// Other readers see the same, but for NULL and for the \r\n that Go's
		// takes for \n.
		if strings.Contains(a+b+header, "\r\n") {
			return
		}
		records, err := csv.NewReader(strings.NewReader(got)).ReadAll()
		if err != nil {
			t.Fatalf("%q: %v", got, err)
		}
		for i, v := range row {
			if v != nil && records[1][i] != *v {
				t.Errorf("%q reads as %q", *v, records[1][i])
			}
		}
	})
}
