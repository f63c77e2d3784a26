package main

import (
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/trailql/trailql/docs/docstest"
	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/repl"
)

var update = flag.Bool("update", false, "rewrite the generated parts of docs/sql.md and docs/shell.md")

// TestFunctionDifferences keeps docs/sql.md what the function table says.
func TestFunctionDifferences(t *testing.T) {
	docstest.Check(t, "../../docs/sql.md", "functions", differences(), *update)
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
