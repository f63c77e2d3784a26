//go:build cgo && duckdb_arrow && (linux || darwin)

package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/repl"
)

const shellDocument = "../../docs/shell.md"

// transcripts are the sessions that docs/shell.md shows: what is typed, line by
// line.
var transcripts = map[string][]string{
	"first": {
		"select eventsource, count(*) n", "from cloudtrail_logs where errorcode = 'AccessDenied'", "group by 1 order by 2 desc, 1;",
		"select sum(n) from _;",
		"select eventsorce from cloudtrail_logs;",
		`select eventtime, useridentity.arn, sourceipaddress`, `where eventname = 'AssumeRole' order by 1 limit 1 \G`,
		".tables",
		".exit",
	},
	"hunt": {
		".coverage",
		".window 2025-06-02",
		"select eventname, errorcode, count(*) n where errorcode is not null", "group by 1, 2 order by 3 desc, 1 limit 3;",
		".window off",
		".session ASIATZ4ZAHNJNHATVYCE",
		".who ASIATZ4ZAHNJNHATVYCE",
		".exit",
	},
	"hostile": {
		`select 'curl' || chr(27) || ']52;c;Y3VybCBldmls' || chr(7) as useragent;`,
		".exit",
	},
}

// TestShellDocument keeps docs/shell.md what the program is.
func TestShellDocument(t *testing.T) {
	content, err := os.ReadFile(shellDocument)
	if err != nil {
		t.Fatal(err)
	}
	document := string(content)
	fill := func(name, want string) {
		begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->\n"
		before, rest, ok := strings.Cut(document, begin)
		got, after, ok2 := strings.Cut(rest, end)
		if !ok || !ok2 {
			t.Fatalf("%s has no part %s", shellDocument, name)
		}
		diff := cmp.Diff(fileSize.ReplaceAllString(want, "N kB"), fileSize.ReplaceAllString(got, "N kB"))
		if diff == "" {
			return
		}
		if !*update {
			t.Errorf("%s, %s: run make golden: %s", shellDocument, name, diff)
		}
		document = before + begin + want + end + after
	}
	fill("commands", commandTable(t))
	fill("keys", "```text\n"+repl.Keys+"```\n")
	fill("config", "```toml\n"+configTemplate()+"```\n")
	p := newShellPlace(t)
	for _, name := range []string{"first", "hunt", "hostile"} {
		fill("transcript "+name, "```text\n"+p.transcript(t, transcripts[name])+"```\n")
	}
	if *update {
		if err := os.WriteFile(shellDocument, []byte(document), 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// noEngine is for a session that only tells its commands.
type noEngine struct{ engine.Engine }

func commandTable(t *testing.T) string {
	t.Helper()
	session, err := repl.New(repl.Options{Engine: noEngine{}, Out: io.Discard, Err: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	var b strings.Builder
	group := ""
	for _, c := range session.Commands() {
		if c.Group != group {
			group = c.Group
			fmt.Fprintf(&b, "\n**%s**\n\n| Command | Does |\n|---|---|\n", group)
		}
		help := c.Help
		if len(c.Aliases) > 0 {
			help += " (also `" + strings.Join(c.Aliases, "`, `") + "`)"
		}
		command := strings.TrimSpace(c.Name + " " + c.Arguments)
		fmt.Fprintf(&b, "| `%s` | %s |\n", strings.ReplaceAll(command, "|", `\|`), strings.ReplaceAll(help, "|", `\|`))
	}
	return b.String() + "\n"
}

var (
	elapsed = regexp.MustCompile(`\b\d+\.\d\d s\b`)
	// Records name the place of their file, on which their size depends.
	fileSize = regexp.MustCompile(`\b\d+\.\d kB`)
)

// transcript is what the screen shows after a session.
func (p *shellPlace) transcript(t *testing.T, lines []string) string {
	t.Helper()
	const columns, rows = 100, 120
	os.RemoveAll(p.home + "/state") // the sessions before
	x := p.startSized(t, &pty.Winsize{Rows: rows, Cols: columns}, p.program)
	x.waitLast("trailql>")
	for i, line := range lines {
		x.send(line)
		x.waitFor(line, func(screen string) bool {
			last := screen[strings.LastIndexByte(screen, '\n')+1:]
			return strings.HasSuffix(last, lastWords(line)) || strings.Contains(screen, line)
		})
		before := x.text()
		x.send("\r")
		if i == len(lines)-1 {
			break
		}
		x.waitFor("an answer to "+line, func(screen string) bool {
			last := screen[strings.LastIndexByte(screen, '\n')+1:]
			return screen != before && (last == "trailql>" || last == "trailql*>" || last == "      ->" || last == "       ->")
		})
	}
	x.end(0)
	return elapsed.ReplaceAllString(x.text(), "0.02 s") + "\n"
}

// lastWords is what of a line certainly stands on the last row of the screen.
func lastWords(line string) string { return line[max(0, len(line)-20):] }
