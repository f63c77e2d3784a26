package output

import (
	"errors"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
)

func TestStartsFormula(t *testing.T) {
	for text, want := range map[string]bool{
		"=1+1": true, "+1": true, "-": true, "@x": true, "\tx": true, "\rx": true, "\nx": true,
		" =1": true, `"=1`: true, `'=1`: true, ` "' @`: true, "＝1": true, " ＋1": true, "－1": true, "＠x": true,
		"\ufeff=1": true, " \u200b\u202e+1": true, "\ufeffa=1": false,
		"": false, " ": false, "a=1": false, "1-1": false, "é=": false, "名=": false, "{=}": false, "[-1]": false, "\x80=": false,
	} {
		if startsFormula([]byte(text)) != want {
			t.Errorf("%q: want %v", text, want)
		}
	}
}

func TestFormulas(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		field("a", arrow.BinaryTypes.LargeString, "varchar"), field("n", arrow.PrimitiveTypes.Int64, "bigint"), field("l", arrow.ListOf(arrow.PrimitiveTypes.Int64), "bigint[]"),
	}, nil)
	batch := batchOf(t, schema, `[{"a": "x", "n": -1, "l": [-1]}, {"a": "=cmd,1", "n": -2}, {"a": " @y"}]`)
	tests := []struct {
		name  string
		o     Options
		want  string
		cells int64
	}{
		{"kept in csv", Options{Format: CSV}, "x,-1,[-1]\n\"=cmd,1\",-2,\n\" @y\",,\n", 2},
		{"prefix in csv", Options{Format: CSV, Formulas: PrefixFormulas}, "x,-1,[-1]\n\"'=cmd,1\",-2,\n' @y,,\n", 2},
		{"prefix in csv with quotes", Options{Format: CSV, Formulas: PrefixFormulas, QuoteAll: true}, "\"x\",\"-1\",\"[-1]\"\n\"'=cmd,1\",\"-2\",\n\"' @y\",,\n", 2},
		{"kept in tsv", Options{Format: TSV}, "x\t-1\t[-1]\n=cmd,1\t-2\t\\N\n @y\t\\N\t\\N\n", 2},
		{"prefix in tsv", Options{Format: TSV, Formulas: PrefixFormulas}, "x\t-1\t[-1]\n'=cmd,1\t-2\t\\N\n' @y\t\\N\t\\N\n", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.NoHeader = true
			got, summary := write(t, tt.o, schema, batch)
			if got != tt.want || summary.FormulaCells != tt.cells {
				t.Errorf("got %q, %d cells, want %q, %d", got, summary.FormulaCells, tt.want, tt.cells)
			}
		})
	}
}

func TestRejectFormulas(t *testing.T) {
	schema := arrow.NewSchema([]arrow.Field{
		field("a", arrow.BinaryTypes.LargeString, "varchar"), field("b", arrow.BinaryTypes.LargeString, "varchar"),
	}, nil)
	batch := batchOf(t, schema, `[{"a": "x", "b": "y"}, {"a": "x", "b": "z"}, {"a": "p", "b": "=cmd"}, {"a": "q", "b": "r"}]`)
	tests := []struct {
		name     string
		format   Format
		from, to int64 // rows of the batch
		row      int64
		want     string
	}{
		{"csv, rows before", CSV, 0, 4, 3, "a,b\nx,y\nx,z\n"},
		{"csv, first row", CSV, 2, 4, 1, "a,b\n"},
		{"csv, last row", CSV, 1, 3, 2, "a,b\nx,z\n"},
		{"tsv, rows before", TSV, 0, 4, 3, "a\tb\nx\ty\nx\tz\n"},
		{"tsv, first row", TSV, 2, 4, 1, "a\tb\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out strings.Builder
			w, err := New(&out, schema, Options{Format: tt.format, Formulas: RejectFormulas})
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := errors.AsType[*FormulaError](w.Write(batch.NewSlice(tt.from, tt.to))); !ok || e.Row != tt.row || e.Column != "b" {
				t.Errorf("got %v, want row %d, column b", e, tt.row)
			}
			if out.String() != tt.want {
				t.Errorf("got %q, want %q", &out, tt.want)
			}
		})
	}
	t.Run("counts rows over batches", func(t *testing.T) {
		w, err := New(&strings.Builder{}, schema, Options{Format: CSV, Formulas: RejectFormulas})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(batch.NewSlice(0, 2)); err != nil {
			t.Fatal(err)
		}
		if e, ok := errors.AsType[*FormulaError](w.Write(batch)); !ok || e.Row != 5 {
			t.Errorf("got %v, want row 5", e)
		}
	})
}
