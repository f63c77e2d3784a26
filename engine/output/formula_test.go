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
	for _, format := range []Format{CSV, TSV} {
		var out strings.Builder
		w, err := New(&out, schema, Options{Format: format, Formulas: RejectFormulas})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(batch.NewSlice(0, 1)); err != nil {
			t.Fatal(err)
		}
		if e, ok := errors.AsType[*FormulaError](w.Write(batch)); !ok || e.Row != 3 || e.Column != "a" {
			t.Errorf("%s: got %v, want row 3, column a", format, e)
		}
		if strings.Contains(out.String(), "@y") {
			t.Errorf("%s: went on behind the formula: %q", format, &out)
		}
	}
}
