package repl

import (
	"context"
	"errors"
	"strings"
	"testing"
)

// TestEngine: another engine answers after .engine, and is closed in the end.
func TestEngine(t *testing.T) {
	closed := 0
	lines := runLines(t, func(o *Options) {
		o.OpenEngine = func(_ context.Context, name string) (Engine, error) {
			if name == "bad" {
				return Engine{}, errors.New("there is no such engine")
			}
			return Engine{Engine: o.Engine, Name: name, Warehouse: "elsewhere", Close: func() error { closed++; return nil }}, nil
		}
	}, ".engine", ".engine trino://a@h/c/s", ".engine", ".warehouse", ".engine trino://a@h/c/t")
	for _, want := range []string{"local\n", "trino://a@h/c/s answers\n", "elsewhere\n", "trino://a@h/c/t answers\n"} {
		if !strings.Contains(lines, want) {
			t.Errorf("%q is not in %s", want, lines)
		}
	}
	if closed == 0 {
		t.Error("the engine before was not closed")
	}
}
