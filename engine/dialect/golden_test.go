package dialect

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGolden translates the queries of the files in testdata/translate: paragraphs
// of a query, a line that begins with =>, and what is expected, which -update
// writes.
func TestGolden(t *testing.T) {
	for name, options := range map[string]Options{
		"athena": {}, "lake": {Dialect: Lake}, "duckdb": {Dialect: DuckDB},
		"trino": {Target: ForTrino, Database: "default", Literals: []string{"'a'", "(2)"}}, "trino-lake": {Dialect: Lake, Target: ForTrino},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join("testdata", "translate", name+".txt")
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for paragraph := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
				query, _, _ := strings.Cut(paragraph, "\n=> ")
				got = append(got, query+"\n=> "+outcome(query, options))
			}
			result := strings.Join(got, "\n\n") + "\n"
			if *update {
				if err := os.WriteFile(file, []byte(result), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(text), result); diff != "" && !*update {
				t.Error(diff)
			}
		})
	}
}

// outcome is the translation, or the error.
func outcome(sql string, o Options) string {
	s, err := Translate(sql, o)
	if err != nil {
		return "error: " + err.Error()
	}
	return s.SQL
}
