//go:build unix

package repl

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func namedPipe(t *testing.T, dir, name string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip("no named pipes: ", err)
	}
	return path
}

// TestPipesAreNotReplaced: a rename would put a file in the place of /dev/null.
func TestPipesAreNotReplaced(t *testing.T) {
	for name, line := range map[string]string{
		"once":        ".once -F csv FIFO",
		"once forced": ".once -f -F csv FIFO",
		"output":      ".output -f -F csv FIFO",
		"export":      ".export -f -F csv FIFO",
	} {
		t.Run(name, func(t *testing.T) {
			fifo := namedPipe(t, t.TempDir(), "pipe")
			got := make(chan string)
			go func() {
				text, err := os.ReadFile(fifo)
				if err != nil {
					t.Error(err)
				}
				got <- string(text)
			}()
			lines := []string{strings.Replace(line, "FIFO", fifo, 1), "select people;"}
			if name == "output" {
				lines = append(lines, ".output off")
			}
			if name == "export" {
				lines = []string{lines[1], lines[0]}
			}
			screen := runLines(t, nil, lines...)
			if text := <-got; !strings.Contains(text, "Ada,36\n") {
				t.Errorf("the pipe had %q; the screen:\n%s", text, screen)
			}
			if info, err := os.Stat(fifo); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
				t.Errorf("the pipe is %v now, %v", info.Mode(), err)
			}
		})
	}
}

func TestInterruptOfAProgramAlone(t *testing.T) {
	// What comes after the rows, or in the editor, is not for what follows.
	for name, lines := range map[string]string{
		"pager":  "select many; select people;",
		"editor": ".edit\nselect people;",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			ready, release := namedPipe(t, dir, "ready"), namedPipe(t, dir, "release")
			program, _ := pagerTo(t, "if test -n \"$1\"; then echo 'select 1;' >\"$1\"; else cat >/dev/null; fi; echo >"+ready+"; read x <"+release)
			interrupts := make(chan struct{})
			l := start(t, func(o *Options) { o.Pager, o.Editor, o.Interrupts = program, program, interrupts })
			l.inputs <- lines
			if _, err := os.ReadFile(ready); err != nil {
				t.Fatal(err)
			}
			if name == "pager" {
				l.awaitLoan(lentOut)
			}
			before := l.clock.count()
			interrupts <- struct{}{}
			for l.clock.count() == before { // it has not been looked at
				runtime.Gosched()
			}
			if err := os.WriteFile(release, []byte("\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := l.end(t); err != nil {
				t.Fatal(err)
			}
			l.shows(t, "│ Ada ")
		})
	}
}

// awaitLoan returns once the terminal is lent so.
func (l *live) awaitLoan(want loan) {
	for l.tty.loan() != want {
		runtime.Gosched()
	}
}

// TestNobodyAtTheOtherEnd: a pipe that nobody reads or writes ends with an
// interrupt, and with the session.
func TestNobodyAtTheOtherEnd(t *testing.T) {
	for name, lines := range map[string]string{
		"once":   ".once -F csv FIFO\nselect people;",
		"forced": ".once -f -F csv FIFO\nselect people;",
		"output": ".output -F csv FIFO",
		"read":   ".read FIFO",
		"log":    ".log FIFO",
	} {
		t.Run(name, func(t *testing.T) {
			fifo := namedPipe(t, t.TempDir(), "pipe")
			ctx, cancel := context.WithCancel(t.Context())
			s := newTestSession(t, testOptions(t, &fakeEngine{}, &recorder{}))
			done := make(chan error)
			go func() { done <- s.Execute(ctx, strings.ReplaceAll(lines, "FIFO", fifo)) }()
			cancel()
			if err := <-done; !isCancelled(err) {
				t.Errorf("error %v", err)
			}
			// Lets the goroutine go that still waits.
			if file, err := os.OpenFile(fifo, os.O_RDWR, 0); err == nil {
				file.Close()
			}
		})
	}
}

// TestPipeThatIsFull: who has opened it need not read it.
func TestPipeThatIsFull(t *testing.T) {
	for name, line := range map[string]string{"once": ".once -F csv FIFO", "output": ".output -F csv FIFO"} {
		t.Run(name, func(t *testing.T) {
			fifo := namedPipe(t, t.TempDir(), "pipe")
			reader, err := os.OpenFile(fifo, os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			ctx, cancel := context.WithCancel(t.Context())
			e := &fakeEngine{started: make(chan struct{})}
			s := newTestSession(t, testOptions(t, e, &recorder{}))
			done := make(chan error)
			go func() { done <- s.Execute(ctx, strings.Replace(line, "FIFO", fifo, 1)+"\nselect stream;") }()
			<-e.started
			cancel()
			if err := <-done; !isCancelled(err) {
				t.Errorf("error %v", err)
			}
		})
	}
}
