package dialect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// goldenQueries are those of all files of golden translations.
func goldenQueries(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/translate/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	var queries []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for paragraph := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
			query, _, _ := strings.Cut(paragraph, "\n=> ")
			queries = append(queries, query)
		}
	}
	return queries
}

// FuzzForTrino: whatever is written, a translation ends, stays small, and what
// was no query does not become one to be sent.
func FuzzForTrino(f *testing.F) {
	for _, query := range goldenQueries(f) {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, sql string) {
		s, err := Translate(sql, Options{Target: ForTrino, Database: "default", Literals: []string{"1", "2"}})
		if err != nil || s.SQL == "" {
			return
		}
		if len(s.SQL) > 200*(len(sql)+100) {
			t.Errorf("%d bytes became %d", len(sql), len(s.SQL))
		}
		tokens, err := significantTokens(s.SQL)
		if err != nil {
			t.Fatalf("%q is no SQL: %v", s.SQL, err)
		}
		if (s.Kind == Explain || s.Kind == ExplainAnalyze || s.Kind == CreateView) && !startsQuery(tokens) && !tokens[0].is("FROM") {
			t.Errorf("%q would be sent behind a verb", s.SQL)
		}
	})
}
