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

// TestGolden translates the queries of testdata/translate/DIALECT.txt: paragraphs
// of a query, a line that begins with =>, and what is expected, which -update
// writes.
func TestGolden(t *testing.T) {
	for _, dialect := range []Dialect{Athena, Lake, DuckDB} {
		t.Run(dialect.String(), func(t *testing.T) {
			file := filepath.Join("testdata", "translate", dialect.String()+".txt")
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for paragraph := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
				query, _, _ := strings.Cut(paragraph, "\n=> ")
				got = append(got, query+"\n=> "+outcome(query, dialect))
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
func outcome(sql string, dialect Dialect) string {
	s, err := Translate(sql, Options{Dialect: dialect})
	if err != nil {
		return "error: " + err.Error()
	}
	return s.SQL
}
