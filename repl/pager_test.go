package repl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// pagerTo is a pager that writes what it gets to a file.
func pagerTo(t *testing.T, script string) (command, file string) {
	t.Helper()
	dir := t.TempDir()
	file = filepath.Join(dir, "paged")
	program := filepath.Join(dir, "pager.sh")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"+strings.ReplaceAll(script, "FILE", file)), 0o700); err != nil {
		t.Fatal(err)
	}
	return program, file
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func runLines(t *testing.T, change func(*Options), lines ...string) string {
	t.Helper()
	var screen recorder
	o := testOptions(t, &fakeEngine{}, &screen)
	if change != nil {
		change(&o)
	}
	s := newTestSession(t, o)
	if err := s.Run(t.Context(), NewLineReader(LineReaderOptions{In: strings.NewReader(strings.Join(lines, "\n"))})); err != nil {
		t.Fatal(err)
	}
	checkHarmless(t, screen.String())
	return screen.String()
}

func TestPagerTakesWhatDoesNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		lines []string
		paged bool
	}{
		"short":            {[]string{"select people;"}, false},
		"tall":             {[]string{"select many;"}, true},
		"tall, csv":        {[]string{".mode csv", "select many;"}, true},
		"wide, csv":        {[]string{".mode csv", "select wide;"}, true},
		"off":              {[]string{".pager off", "select many;"}, false},
		"on":               {[]string{".pager on", "select people;"}, true},
		"to a file":        {[]string{".once '" + filepath.Join(t.TempDir(), "many.csv") + "'", "select many;"}, false},
		"a command's text": {[]string{".help"}, true},
		"safe":             {[]string{".safe", "select many;"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("LESS", "")
			pager, file := pagerTo(t, `echo "$LESS $LESSSECURE" >FILE; cat >>FILE`)
			screen := runLines(t, func(o *Options) { o.Pager = pager }, c.lines...)
			text, err := os.ReadFile(file)
			if paged := err == nil; paged != c.paged {
				t.Fatalf("paged: %v, want %v; the screen:\n%s", paged, c.paged, screen)
			}
			if !c.paged {
				return
			}
			if !strings.HasPrefix(string(text), "-FRSX 1\n") {
				t.Errorf("environment: %.20q", text)
			}
			checkHarmless(t, string(text))
			if strings.Contains(screen, "│") || strings.Contains(screen, "999") {
				t.Errorf("rows on the screen:\n%s", screen)
			}
		})
	}
}

func TestPagerKeepsTheUsersLess(t *testing.T) {
	t.Setenv("LESS", "-K")
	pager, file := pagerTo(t, `echo "$LESS" >FILE; cat >/dev/null`)
	runLines(t, func(o *Options) { o.Pager = pager }, "select many;")
	if got := readFile(t, file); got != "-K\n" {
		t.Errorf("LESS is %q", got)
	}
}

func TestPagerIsLeft(t *testing.T) {
	pager, _ := pagerTo(t, "head -n 3 >/dev/null")
	// The stream has no end: it is the pager that ends it.
	screen := runLines(t, func(o *Options) { o.Pager = pager }, ".mode csv", "select stream;", ".mode auto", "select people;")
	if !strings.Contains(screen, "rows read until the pager was left") || !strings.Contains(screen, "Ada") || strings.Contains(screen, "error") {
		t.Errorf("the screen:\n%s", screen)
	}
}

func TestNoSuchPager(t *testing.T) {
	screen := runLines(t, func(o *Options) { o.Pager = "/nowhere/less -R" }, "select many;", "select many;")
	if strings.Count(screen, "note: no pager: there is no program /nowhere/less") != 1 || strings.Count(screen, "999") != 2 {
		t.Errorf("the screen:\n%s", screen)
	}
}

func TestInterruptInThePager(t *testing.T) {
	// The pager lives on when the statement is cancelled.
	pager, file := pagerTo(t, "cat >/dev/null; echo lived >FILE")
	l := start(t, func(o *Options) { o.Pager = pager })
	l.inputs <- ".mode csv"
	l.inputs <- "select stream;"
	<-l.engine.started
	l.interrupts <- struct{}{}
	l.inputs <- ".mode auto"
	l.inputs <- "select people;"
	if err := l.end(t); err != nil {
		t.Fatal(err)
	}
	if got := readFile(t, file); got != "lived\n" {
		t.Errorf("the pager wrote %q", got)
	}
	if strings.Contains(l.screen.String(), "Cancelling") {
		t.Error("the pager's screen was written to")
	}
	l.shows(t, "the rows above are not all\n")
	l.shows(t, "│ Ada ")
}

func TestPagedResultIsKept(t *testing.T) {
	pager, _ := pagerTo(t, "exit 0")
	screen := runLines(t, func(o *Options) { o.Pager = pager }, "select many;", ".last")
	if strings.Contains(screen, "error") {
		t.Errorf("the screen:\n%s", screen)
	}
}

func TestPagerOfAShellsOwnWord(t *testing.T) {
	pager, file := pagerTo(t, "cat >FILE")
	runLines(t, func(o *Options) { o.Pager = "exec " + pager }, "select many;")
	if text := readFile(t, file); !strings.Contains(text, "999") {
		t.Errorf("the pager got %q", text)
	}
}
