package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/repl"
)

var update = flag.Bool("update", false, "rewrite the generated parts of docs/sql.md and docs/shell.md")

// TestFunctionDifferences keeps docs/sql.md what the function table says.
func TestFunctionDifferences(t *testing.T) {
	const file = "../../docs/sql.md"
	const begin, end = "<!-- functions: begin -->\n", "<!-- functions: end -->\n"
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(content), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no generated part", file)
	}
	want := differences()
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: run make golden: %s", file, diff)
	}
}

func differences() string {
	var b strings.Builder
	b.WriteString("| Function | Unlike Athena |\n|---|---|\n")
	for _, f := range dialect.Functions() {
		if f.Difference != "" && f.Group != "" {
			fmt.Fprintf(&b, "| `%s` | %s |\n", f.Name, strings.ReplaceAll(f.Difference, "|", `\|`))
		}
	}
	return b.String()
}

// TestHelpNamesTheFormats: a format that help does not explain is no format.
func TestHelpNamesTheFormats(t *testing.T) {
	for _, f := range output.Formats() {
		if !strings.Contains(formatsHelp, "\n  "+string(f)+" ") {
			t.Errorf("help formats does not explain %s", f)
		}
	}
}

// TestHelpFits: help is read on a terminal of 80 columns.
func TestHelpFits(t *testing.T) {
	for _, topic := range []string{sqlHelp, engineHelp, formatsHelp, shellHelp, repl.Keys, environmentHelp, exitCodesHelp, configKeyList()} {
		for _, line := range strings.Split(topic, "\n") {
			if n := len([]rune(line)); n > 80 {
				t.Errorf("%d columns: %s", n, line)
			}
		}
	}
}
