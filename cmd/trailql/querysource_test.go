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
	statements, err := readStatements(t.Context(), strings.NewReader("select 5;"), sources)
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
		if _, err := readStatements(t.Context(), strings.NewReader(""), sources); !errors.As(err, &usageError{}) {
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
			statements, err := readStatements(t.Context(), nil, []sqlSource{{sql: tt.script}})
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
