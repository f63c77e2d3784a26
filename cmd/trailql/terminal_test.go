//go:build cgo && duckdb_arrow && (linux || darwin)

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
)

// patienceOfTests is far above what anything takes, also on a busy machine.
const patienceOfTests = 20 * time.Second

// terminal is a terminal with a program in it.
type terminal struct {
	t       testing.TB
	cmd     *exec.Cmd
	master  *os.File
	tty     *os.File
	screen  vt10x.Terminal
	before  string // what stty says
	changed chan struct{}
	ended   chan error

	mu  sync.Mutex
	raw bytes.Buffer // all that was written
}

// shellPlace is where shells of a test run: a warehouse and the folders of a user.
type shellPlace struct {
	program, warehouse, home string
	environment              []string
}

// newShellPlace converts the sample archive.
func newShellPlace(t testing.TB) *shellPlace {
	t.Helper()
	if testing.Short() {
		t.Skip("runs the program in a terminal")
	}
	home := t.TempDir()
	p := &shellPlace{program: filepath.Join(home, "trailql"), warehouse: filepath.Join(home, "warehouse"), home: home}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// testscript.Main knows the program by its name.
	if err := os.Symlink(self, p.program); err != nil {
		t.Fatal(err)
	}
	p.environment = []string{
		"HOME=" + home, "PATH=" + home + ":" + os.Getenv("PATH"), "TERM=xterm-256color", "LANG=C.UTF-8", "TMPDIR=" + t.TempDir(),
		"XDG_CONFIG_HOME=" + filepath.Join(home, "config"), "XDG_STATE_HOME=" + filepath.Join(home, "state"), "XDG_DATA_HOME=" + filepath.Join(home, "data"),
		"TRAILQL_WAREHOUSE=" + p.warehouse, "PAGER=cat", "GOCOVERDIR=" + t.TempDir(),
	}
	convert := exec.Command(p.program, "convert", "-q", "../../testdata/sample")
	convert.Env = p.environment
	if out, err := convert.CombinedOutput(); err != nil {
		t.Fatalf("convert: %v\n%s", err, out)
	}
	return p
}

// start runs a program in a terminal of its own.
func (p *shellPlace) start(t testing.TB, name string, args ...string) *terminal {
	t.Helper()
	return p.startSized(t, &pty.Winsize{Rows: 24, Cols: 80}, name, args...)
}

func (p *shellPlace) startSized(t testing.TB, size *pty.Winsize, name string, args ...string) *terminal {
	t.Helper()
	// A program takes over what its parent ignores, and nohup ignores SIGHUP.
	hangups := make(chan os.Signal, 1)
	signal.Notify(hangups, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangups) })
	master, tty, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo-terminal: %v", err)
	}
	if err := pty.Setsize(master, size); err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, master: master, tty: tty, changed: make(chan struct{}, 1), ended: make(chan error, 1),
		screen: vt10x.New(vt10x.WithSize(int(size.Cols), int(size.Rows)), vt10x.WithWriter(master))}
	x.before = x.stty()
	x.cmd = exec.Command(name, args...)
	x.cmd.Env, x.cmd.Stdin, x.cmd.Stdout, x.cmd.Stderr = p.environment, tty, tty, tty
	x.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := x.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go x.draw()
	go func() { x.ended <- x.cmd.Wait() }()
	t.Cleanup(func() {
		x.cmd.Process.Kill()
		tty.Close()
		master.Close()
	})
	return x
}

// shell starts the program and waits for its prompt.
func (p *shellPlace) shell(t testing.TB, args ...string) *terminal {
	t.Helper()
	x := p.start(t, p.program, args...)
	x.waitLast("trailql>")
	return x
}

func (x *terminal) draw() {
	buffer := make([]byte, 4096)
	left := 0 // bytes of a character that is not complete
	for {
		n, err := x.master.Read(buffer[left:])
		x.mu.Lock()
		x.raw.Write(buffer[left : left+n])
		x.mu.Unlock()
		n += left
		left = 0
		for left < min(n, utf8.UTFMax-1) && !utf8.RuneStart(buffer[n-left-1]) {
			left++
		}
		if start := n - left - 1; start >= 0 && buffer[start] >= utf8.RuneSelf && !utf8.FullRune(buffer[start:n]) {
			left++
		} else {
			left = 0
		}
		x.screen.Write(buffer[:n-left])
		copy(buffer, buffer[n-left:n])
		select {
		case x.changed <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// stty is the state of the terminal.
func (x *terminal) stty() string {
	x.t.Helper()
	cmd := exec.Command("stty", "-g")
	cmd.Stdin = x.tty
	out, err := cmd.CombinedOutput()
	if err != nil {
		x.t.Fatalf("stty: %v %s", err, out)
	}
	return string(out)
}

// text is what the screen shows, without spaces at the ends of lines.
func (x *terminal) text() string {
	lines := strings.Split(x.screen.String(), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " ")
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

func (x *terminal) written() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.raw.String()
}

func (x *terminal) send(keys string) {
	x.t.Helper()
	if _, err := x.master.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

// wait waits until the screen shows all of the texts.
func (x *terminal) wait(texts ...string) {
	x.t.Helper()
	x.waitFor(fmt.Sprintf("%q", texts), func(screen string) bool {
		for _, text := range texts {
			if !strings.Contains(screen, text) {
				return false
			}
		}
		return true
	})
}

// waitLast waits until the last line that is not empty is this one.
func (x *terminal) waitLast(line string) {
	x.t.Helper()
	x.waitFor(fmt.Sprintf("last line %q", line), func(screen string) bool {
		return strings.TrimRight(screen[strings.LastIndexByte(screen, '\n')+1:], " ") == strings.TrimRight(line, " ")
	})
}

func (x *terminal) waitFor(what string, shown func(screen string) bool) {
	x.t.Helper()
	timeout := time.After(patienceOfTests)
	for !shown(x.text()) {
		select {
		case <-x.changed:
		case <-timeout:
			x.t.Fatalf("the screen does not show %s:\n%s", what, x.text())
		}
	}
}

// end waits for the end of the program, with this code and the terminal as it was.
func (x *terminal) end(code int) {
	x.t.Helper()
	select {
	case err := <-x.ended:
		got := 0
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			got = exit.ExitCode()
		} else if err != nil {
			x.t.Fatal(err)
		}
		if got != code {
			x.t.Errorf("exit code %d, want %d:\n%s", got, code, x.text())
		}
	case <-time.After(patienceOfTests):
		x.t.Fatalf("the program does not end:\n%s", x.text())
	}
	if after := x.stty(); after != x.before {
		x.t.Errorf("the terminal is left changed: %s, was %s", after, x.before)
	}
}
