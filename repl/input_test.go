package repl

import (
	"context"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestFinished(t *testing.T) {
	for text, want := range map[string]bool{
		"":                             true,
		"  \n ":                        true,
		"select 1":                     false,
		"select 1;":                    true,
		"select 1 ; \n":                true,
		"select 1; -- done":            true,
		"select 1; /* done */":         true,
		"select 1; /* open":            false,
		"-- only a comment":            true,
		"/* open":                      false,
		"/* a /* b */":                 false,
		"/* a /* b */ */":              true,
		"/* ; */ select ';' -- ;":      false,
		"/* ; */ select ';' -- ;\n;":   true,
		"select 'it''s;":               false,
		"select 'it''s;';":             true,
		`select ";`:                    false,
		"select $$ ; $$":               false,
		"select $$ ; $$;":              true,
		"select `;`":                   false,
		"select 1; select 2":           false,
		"select 1; select 2;":          true,
		`select 1\G`:                   true,
		`select 1 \gx`:                 true,
		`select 1\g`:                   true,
		`select '\G`:                   false,
		`select 1 \Great`:              false,
		".tables":                      true,
		"  .tables":                    true,
		".save x select 'open":         true,
		".mode csv\nselect 1":          false,
		".mode csv\nselect 1;":         true,
		"-- a\n.tables":                true,
		`\d cloudtrail_logs`:           true,
		"exit":                         true,
		"QUIT;":                        true,
		"help":                         true,
		"help me":                      false,
		"?":                            true,
		"exits":                        false,
		"select a.b\n.c":               false,
		";":                            true,
		"select 1;;":                   true,
		"select \u00a0 1\u00a0;\u00a0": true,
	} {
		if got := Finished(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestNextInput(t *testing.T) {
	type part struct {
		Command, SQL string
		Vertical     bool
		Offset       int
	}
	text := "-- first\n select ';' ;.mode csv\n\n/* x */ \\d t\nselect 2\\G select 3\\gx;\n exit\nselect 'open"
	var got []part
	for rest, at := text, 0; rest != ""; {
		in, after := nextInput(rest)
		got = append(got, part{in.command, in.sql, in.vertical, at + in.offset})
		at += len(rest) - len(after)
		rest = after
	}
	want := []part{
		{SQL: "select ';'", Offset: 10},
		{Command: ".mode csv", Offset: 22},
		{Command: `\d t`, Offset: 41},
		{SQL: "select 2", Vertical: true, Offset: 46},
		{SQL: "select 3", Vertical: true, Offset: 57},
		{Command: "exit", Offset: 71},
		{SQL: "select 'open", Offset: 76},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func FuzzNextInput(f *testing.F) {
	for _, seed := range []string{"select 1;", ".a\n;b\\G", "/* ; */ select ';' -- ;\n;", "$$;$$;", "\\\\;\\G;'"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		Finished(text)
		for rest := text; rest != ""; {
			in, after := nextInput(rest)
			if len(after) >= len(rest) || !strings.HasSuffix(rest, after) {
				t.Fatalf("%q leaves %q", rest, after)
			}
			if in.offset > len(rest) {
				t.Fatalf("%q: offset %d", rest, in.offset)
			}
			rest = after
		}
	})
}

func TestLineReader(t *testing.T) {
	var prompts strings.Builder
	r := NewLineReader(LineReaderOptions{In: strings.NewReader("\nselect 1,\n2;\n.mode csv\n\n -- x\n select 3; select\n4;\nselect 5"), Prompts: &prompts})
	var got []string
	for {
		text, err := r.Read(t.Context(), Prompt{"> ", "- "})
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, text)
	}
	want := []string{"select 1,\n2;\n", ".mode csv\n", " -- x\n", " select 3; select\n4;\n", "select 5"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if want := "> > - > > > > - > > \n"; prompts.String() != want {
		t.Errorf("prompts %q, want %q", prompts.String(), want)
	}
}

func TestLineReaderIsInterrupted(t *testing.T) {
	in, feed := io.Pipe()
	interrupts := make(chan struct{})
	shown := make(chan string, 100)
	r := NewLineReader(LineReaderOptions{In: in, Prompts: tell(shown), Interrupts: interrupts})
	got := make(chan string)
	go func() {
		text, err := r.Read(context.Background(), Prompt{"> ", "- "})
		if err != nil {
			t.Error(err)
		}
		got <- text
	}()
	await(t, shown, "> ")
	io.WriteString(feed, "select wrong\n")
	await(t, shown, "- ")
	interrupts <- struct{}{}
	await(t, shown, "> ")
	interrupts <- struct{}{}
	await(t, shown, "\nCtrl-D or .exit leaves")
	await(t, shown, "> ")
	io.WriteString(feed, "select right;\n")
	if text := <-got; text != "select right;\n" {
		t.Errorf("got %q", text)
	}
}

// tell sends what is written.
type tell chan<- string

func (c tell) Write(p []byte) (int, error) {
	c <- string(p)
	return len(p), nil
}

// await reads up to the text.
func await(t *testing.T, c <-chan string, want string) {
	t.Helper()
	for got := range c {
		if got == want {
			return
		}
	}
}
