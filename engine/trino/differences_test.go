package trino

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/trailql/trailql/docs/docstest"
)

var update = flag.Bool("update", false, "rewrite the generated part of docs/sql.md, and testdata/differences.txt where there is a server")

const differencesFile = "testdata/differences.txt"

// difference is a statement on which the engines differ, and why.
type difference struct{ sql, local, cluster, why string }

// readDifferences reads lines of statement ==> reason.
func readDifferences(t *testing.T) []difference {
	t.Helper()
	data, err := os.ReadFile(differencesFile)
	if err != nil {
		t.Fatal(err)
	}
	var all []difference
	for line := range strings.Lines(string(data)) {
		if sql, why, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ==> "); ok {
			all = append(all, difference{sql: sql, why: why})
		}
	}
	return all
}

func writeDifferences(t *testing.T, found []difference) {
	t.Helper()
	var b strings.Builder
	b.WriteString("# Statements on which the local engine and Trino differ, and why. make integration checks them.\n")
	for _, d := range found {
		why := d.why
		if why == "" {
			why = "?"
		}
		fmt.Fprintf(&b, "%s ==> %s\n", d.sql, why)
	}
	if err := os.WriteFile(differencesFile, []byte(b.String()), 0o666); err != nil {
		t.Fatal(err)
	}
}

// TestDifferencesAreDocumented keeps docs/sql.md what the file of differences says.
func TestDifferencesAreDocumented(t *testing.T) {
	want := "| Statement | Why they differ |\n|---|---|\n"
	for _, d := range readDifferences(t) {
		if d.why == "?" {
			t.Errorf("%s: %s has no reason", differencesFile, d.sql)
		}
		want += fmt.Sprintf("| `%s` | %s |\n", strings.ReplaceAll(d.sql, "|", `\|`), strings.ReplaceAll(d.why, "|", `\|`))
	}
	docstest.Check(t, "../../docs/sql.md", "trino", want, *update)
}
