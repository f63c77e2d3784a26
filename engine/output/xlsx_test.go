package output

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

func TestColumnLetters(t *testing.T) {
	for i, want := range map[int]string{0: "A", 25: "Z", 26: "AA", 51: "AZ", 52: "BA", 701: "ZZ", 702: "AAA", 16_383: "XFD"} {
		if got := columnLetters(i); got != want {
			t.Errorf("%d: got %s, want %s", i, got, want)
		}
	}
}

// TestSheetIsFull: what a sheet cannot hold is an error and not left out.
func TestSheetIsFull(t *testing.T) {
	t.Run("rows", func(t *testing.T) {
		schema := arrow.NewSchema([]arrow.Field{field("a", arrow.FixedWidthTypes.Boolean, "boolean")}, nil)
		b := array.NewBooleanBuilder(memory.DefaultAllocator)
		b.AppendNulls(sheetRows - 1)
		batch := array.NewRecordBatch(schema, []arrow.Array{b.NewArray()}, sheetRows-1)
		w, err := New(io.Discard, schema, Options{Format: XLSX})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(batch); err != nil {
			t.Fatal(err)
		}
		if err := w.Write(batch.NewSlice(0, 1)); !errors.Is(err, ErrSheet) {
			t.Errorf("got %v, want ErrSheet", err)
		}
	})
	t.Run("columns", func(t *testing.T) {
		for columns, fits := range map[int]bool{sheetColumns: true, sheetColumns + 1: false} {
			fields := slices.Repeat([]arrow.Field{field("a", arrow.FixedWidthTypes.Boolean, "boolean")}, columns)
			if _, err := New(io.Discard, arrow.NewSchema(fields, nil), Options{Format: XLSX}); errors.Is(err, ErrSheet) == fits {
				t.Errorf("%d columns: %v", columns, err)
			}
		}
	})
	t.Run("text", func(t *testing.T) {
		schema := textColumns("a", "b")
		for text, fits := range map[string]bool{
			strings.Repeat("x", cellText): true, strings.Repeat("x", cellText+1): false, strings.Repeat("👩", cellText/2+1): false, strings.Repeat("名", cellText): true,
		} {
			short := "x"
			w, err := New(io.Discard, schema, Options{Format: XLSX})
			if err != nil {
				t.Fatal(err)
			}
			err = w.Write(textBatch(schema, [][]*string{{&short, &short}, {&short, &text}}))
			if errors.Is(err, ErrSheet) == fits || !fits && !strings.Contains(err.Error(), "row 2, column b") {
				t.Errorf("%d bytes: %v", len(text), err)
			}
		}
	})
}

// TestCellTypes: numbers and times are typed where the cell keeps them exact.
func TestCellTypes(t *testing.T) {
	tests := []struct {
		name  string
		kind  arrow.DataType
		value string // JSON
		want  string // type or style, and content
	}{
		{"number", arrow.PrimitiveTypes.Int64, "999999999999999", "number 999999999999999"},
		{"long number", arrow.PrimitiveTypes.Int64, "-1000000000000000", "text -1000000000000000"},
		{"decimal", &arrow.Decimal128Type{Precision: 9, Scale: 2}, `"1.50"`, "number 1.50"},
		{"long decimal", &arrow.Decimal128Type{Precision: 38, Scale: 2}, `"12345678901234.56"`, "text 12345678901234.56"},
		{"double", arrow.PrimitiveTypes.Float64, "0.1", "number 0.1"},
		{"formula", arrow.BinaryTypes.String, `"=1+1"`, "text =1+1"},
		{"digits", arrow.BinaryTypes.String, `"000111"`, "text 000111"},
		{"boolean", arrow.FixedWidthTypes.Boolean, "true", "boolean 1"},
		{"date", arrow.FixedWidthTypes.Date32, `"2023-07-10"`, "style3 45117"},
		{"first date", arrow.FixedWidthTypes.Date32, `"1900-03-01"`, "style3 61"},
		{"date before", arrow.FixedWidthTypes.Date32, `"1900-02-28"`, "text 1900-02-28"},
		{"time", &arrow.TimestampType{Unit: arrow.Microsecond}, `"2023-07-10 12:00:00"`, "style4 45117.5"},
		{"time with milliseconds", &arrow.TimestampType{Unit: arrow.Microsecond}, `"2023-07-10 12:00:00.5"`, "style5 45117.500005787035"},
		{"time in UTC", arrow.FixedWidthTypes.Timestamp_us, `"2023-07-10T12:00:00Z"`, "style6 45117.5"},
		{"microseconds", arrow.FixedWidthTypes.Timestamp_us, `"2023-07-10T12:00:00.000001Z"`, "text 2023-07-10T12:00:00.000001Z"},
		{"control character", arrow.BinaryTypes.String, `"a\u001b\rb_x001B_"`, "text a_x001B__x000D_b_x005F_x001B_"},
		{"list", arrow.ListOf(arrow.PrimitiveTypes.Int64), "[1,2]", "text [1,2]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			schema := arrow.NewSchema([]arrow.Field{field("a", tt.kind, "")}, nil)
			workbook, _ := write(t, Options{Format: XLSX}, schema, batchOf(t, schema, `[{"a": `+tt.value+`}]`))
			cell := readSheet(t, workbook).Rows[1].Cells[0]
			got := "number " + cell.Value
			switch {
			case cell.Type == "inlineStr":
				got = "text " + cell.Text
			case cell.Type == "b":
				got = "boolean " + cell.Value
			case cell.Style > 0:
				got = fmt.Sprintf("style%d %s", cell.Style, cell.Value)
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
