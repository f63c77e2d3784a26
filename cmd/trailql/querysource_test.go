package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/engine"
)

func TestReadStatements(t *testing.T) {
	file := filepath.Join(t.TempDir(), "hunt.sql")
	if err := os.WriteFile(file, []byte("\ufeffselect 3;\n-- four\nselect 4"), 0o666); err != nil {
		t.Fatal(err)
	}
	sources := []sqlSource{{sql: "select 1; select 2"}, {file: file}, {file: "-"}}
	statements, err := readStatements(strings.NewReader("select 5;"), sources)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range statements {
		got = append(got, s.sql)
	}
	if diff := cmp.Diff([]string{"select 1", "select 2", "select 3", "select 4", "select 5"}, got); diff != "" {
		t.Error(diff)
	}
	for name, sources := range map[string][]sqlSource{
		"nothing":   {{sql: " -- nothing"}},
		"no file":   {{file: file + ".missing"}},
		"no stdin":  {{file: "-"}},
		"semicolon": {{sql: ";"}},
	} {
		if _, err := readStatements(strings.NewReader(""), sources); !errors.As(err, &usageError{}) {
			t.Errorf("%s: got %v, want an error of usage", name, err)
		}
	}
}

func TestLocate(t *testing.T) {
	long := strings.Repeat("x", 200)
	tests := []struct {
		name, script string
		statement    int
		err          engine.SQLError
		text         string
		lines        []string
	}{
		{"first statement", "select foo", 0, engine.SQLError{Line: 1, Column: 8, Message: "no"}, "line 1:8: no", []string{"select foo", "       ^^^"}},
		{"second on the same line", "select 1; select foo", 1, engine.SQLError{Line: 1, Column: 8, Message: "no"}, "line 1:18: no", []string{"select 1; select foo", "                 ^^^"}},
		{"second further down", "select 1;\n\n select\n  foo", 1, engine.SQLError{Line: 2, Column: 3, Message: "no"}, "line 4:3: no", []string{"  foo", "  ^^^"}},
		{"wide characters", "select '名前', foo", 0, engine.SQLError{Line: 1, Column: 14, Message: "no"}, "line 1:14: no", []string{"select '名前', foo", "               ^^^"}},
		{"control characters", "select '\x1b[2J', foo", 0, engine.SQLError{Line: 1, Column: 16, Message: "no"}, "line 1:16: no", []string{"select '␛[2J', foo", "               ^^^"}},
		{"end of the text", "select", 0, engine.SQLError{Line: 1, Column: 7, Message: "no"}, "line 1:7: no", []string{"select", "      ^"}},
		{"long line", "select " + long + " foo " + long, 0, engine.SQLError{Line: 1, Column: 209, Message: "no"}, "line 1:209: no",
			[]string{strings.Repeat("x", 49) + " foo " + strings.Repeat("x", 46), strings.Repeat(" ", 50) + "^^^"}},
		{"no place", "select foo", 0, engine.SQLError{Message: "no", Hint: "yes"}, "no (yes)", nil},
		{"kind", "select foo", 0, engine.SQLError{Line: 1, Column: 8, Kind: engine.ErrNotAllowed, Message: "no"}, "line 1:8: not allowed: no", []string{"select foo", "       ^^^"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			statements, err := readStatements(nil, []sqlSource{{sql: tt.script}})
			if err != nil {
				t.Fatal(err)
			}
			original := tt.err
			got := statements[tt.statement].locate(&tt.err)
			if got.Error() != tt.text {
				t.Errorf("got %q, want %q", got, tt.text)
			}
			var detailed detailedError
			if !errors.As(got, &detailed) {
				t.Fatal("the error has no lines")
			}
			if diff := cmp.Diff(tt.lines, detailed.Lines()); diff != "" {
				t.Error(diff)
			}
			if tt.err != original {
				t.Error("the engine's error was changed")
			}
			if tt.err.Kind != nil && !errors.Is(got, tt.err.Kind) {
				t.Errorf("%v does not wrap %v", got, tt.err.Kind)
			}
		})
	}
	other := errors.New("disk full")
	if got := (sqlStatement{}).locate(other); !errors.Is(got, other) {
		t.Errorf("got %v, want the error itself", got)
	}
}

func TestNewFile(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "out.csv")
	read := func() string {
		content, err := os.ReadFile(name)
		if err != nil {
			return err.Error()
		}
		return string(content)
	}
	write := func(text string, replace, commit bool) error {
		f, err := createFile(name, replace)
		if err != nil {
			return err
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		if commit {
			err = f.commit()
		}
		return errors.Join(err, f.discard())
	}
	if err := write("a", false, false); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		t.Errorf("dropped file: %v, want that it does not exist", err)
	}
	if err := write("b", false, true); err != nil || read() != "b" {
		t.Errorf("new file: %v, holds %q", err, read())
	}
	if err := write("c", false, true); !errors.As(err, &usageError{}) || read() != "b" {
		t.Errorf("taken name: got %v, holds %q", err, read())
	}
	if err := write("d", true, true); err != nil || read() != "d" {
		t.Errorf("replaced file: %v, holds %q", err, read())
	}
	// The name was free at the start and is not at the end.
	f, err := createFile(filepath.Join(dir, "late.csv"), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(f.name, []byte("other"), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := f.commit(); !errors.Is(err, os.ErrExist) {
		t.Errorf("name taken meanwhile: got %v, want ErrExist", err)
	}
	if err := f.discard(); err != nil {
		t.Error(err)
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind %q, %v", left, err)
	}
}
