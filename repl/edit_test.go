package repl

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// editor is a program that does so with the file $1.
func editor(t *testing.T, script string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "my editor.sh")
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+script), 0o700); err != nil {
		t.Fatal(err)
	}
	return "'" + name + "'"
}

// preloaded is a Reader that keeps the text to start with.
type preloaded struct {
	lines []string
	text  string
}

func (p *preloaded) Preload(text string) { p.text = text }

func (p *preloaded) Read(context.Context, Prompt) (string, error) {
	if len(p.lines) == 0 {
		return "", io.EOF
	}
	line := p.lines[0]
	p.lines = p.lines[1:]
	return line, nil
}

func TestEdit(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		lines  []string
		want   []string // on the screen
		ready  string   // preloaded
	}{
		"the last statement":   {`sed -i s/people/many/ "$1"`, []string{"select people;", ".edit"}, []string{"! select many;\n", "│    999 │"}, ""},
		"of the history":       {`sed -i s/people/many/ "$1"`, []string{"select people;", "select hostile;", `\e 1`}, []string{"! select many;\n"}, ""},
		"with a flag":          {`test "$1" = --wait && sed -i s/people/many/ "$2"`, []string{"select people;", ".edit"}, []string{"! select many;\n"}, ""},
		"not finished":         {`echo "select 1," >"$1"`, []string{".edit"}, nil, "select 1,"},
		"nothing":              {`: >"$1"`, []string{".edit"}, []string{"nothing to run"}, ""},
		"a failure":            {"exit 3", []string{".edit"}, []string{"error: the editor ended with exit status 3"}, ""},
		"several, and hostile": {`printf 'select 1; select '"'\033[2J'"';' >"$1"`, []string{".edit"}, []string{"select '␛[2J';"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var screen recorder
			o := testOptions(t, &fakeEngine{}, &screen)
			o.Editor = editor(t, c.script)
			if name == "with a flag" {
				o.Editor += " --wait"
			}
			s := newTestSession(t, o)
			r := &preloaded{lines: c.lines}
			if err := s.Run(t.Context(), r); err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(screen.String(), want) {
					t.Errorf("the screen does not show %q:\n%s", want, screen.String())
				}
			}
			if r.text != c.ready {
				t.Errorf("preloaded %q, want %q", r.text, c.ready)
			}
			checkHarmless(t, screen.String())
		})
	}
}

func TestEditWithoutPreload(t *testing.T) {
	screen := runLines(t, func(o *Options) { o.Editor = editor(t, `echo "select 1," >"$1"`) }, ".edit")
	if !strings.Contains(screen, "error: the statement does not end in ;") {
		t.Errorf("the screen:\n%s", screen)
	}
	screen = runLines(t, nil, ".edit")
	if !strings.Contains(screen, "error: there is no editor: set VISUAL or EDITOR") {
		t.Errorf("the screen:\n%s", screen)
	}
}
