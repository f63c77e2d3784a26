//go:build linux || darwin

package editor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/hinshun/vt10x"
	"golang.org/x/sys/unix"

	"github.com/trailql/trailql/repl/complete"
)

// The tests of the terminal run this test binary again as a small shell on a
// terminal of its own, with a model of a terminal at the other end.
func TestMain(m *testing.M) {
	if os.Getenv("TRAILQL_TEST_SHELL") != "" {
		os.Exit(testShell())
	}
	os.Exit(m.Run())
}

const waitLimit = 20 * time.Second

// testShell reads statements, and says what they were. Some do something:
// "sleep;" runs until an interrupt, "panic;" panics, "cancel;" ends the next
// Read after a moment, "restore;" has another goroutine restore the terminal in
// the next Read.
func testShell() (status int) {
	if os.Getenv("TRAILQL_TEST_LATE") != "" { // somebody types before it has started
		unix.Poll([]unix.PollFd{{Fd: 0, Events: unix.POLLIN}}, -1)
	}
	var history []string
	e, err := New(Options{
		In: os.Stdin, Out: os.Stdout,
		Finished: func(text string) bool {
			return strings.HasPrefix(text, ".") || strings.HasSuffix(strings.TrimSpace(text), ";")
		},
		History: func() []string { return history },
		Complete: func(text string, cursor int, asked bool) complete.Completion {
			start := strings.LastIndexAny(text[:cursor], " \n(,") + 1
			word := text[start:cursor]
			if strings.Contains(text, "explode") {
				panic("a fault in completion")
			}
			if !asked && len(word) < 2 {
				return complete.Completion{}
			}
			c := complete.Completion{Start: start, End: cursor}
			for _, s := range []string{"select", "sessioncontext", "useridentity", "user\x1b]52;c;x\x07agent"} {
				if strings.HasPrefix(s, word) {
					c.Items = append(c.Items, complete.Item{Text: s, Detail: "type of " + s})
				}
			}
			return c
		},
		Edit: func(ctx context.Context, text string) (string, error) {
			stty := exec.Command("stty", "-a")
			stty.Stdin = os.Stdin
			out, err := stty.Output()
			if err == nil && strings.Contains(string(out), "-icanon") {
				err = errors.New("the terminal is raw")
			}
			return text + "\nfrom edited;\n", err
		},
		Color: os.Getenv("TRAILQL_TEST_SHELL") == "color",
	})
	if err != nil {
		fmt.Println(err)
		return 2
	}
	defer e.Close()
	defer func() {
		if p := recover(); p != nil {
			e.Restore()
			fmt.Println("panicked:", p)
			status = 70
		}
	}()
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	if os.Getenv("TRAILQL_TEST_NOHUP") != "" {
		signal.Ignore(syscall.SIGHUP)
	} else {
		signal.Notify(ended, syscall.SIGHUP)
	}
	go func() {
		<-ended
		e.Restore()
		fmt.Println("terminated")
		os.Exit(143)
	}()
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt)
	ctx := context.Background()
	prompt := Prompt{"sql> ", "  -> "}
	if p := os.Getenv("TRAILQL_TEST_PROMPT"); p != "" {
		prompt = Prompt{p, p}
	}
	for n := 1; ; n++ {
		text, err := e.Read(ctx, prompt)
		switch {
		case errors.Is(err, io.EOF):
			fmt.Println("end of input")
			return 0
		case err != nil:
			fmt.Println("error:", err)
			ctx = context.Background()
			continue
		}
		history = append(history, text)
		fmt.Printf("[%d] %q\n", n, text)
		switch text {
		case ".exit":
			return 0
		case "sleep;":
			fmt.Println("sleeping")
			<-interrupts
			fmt.Println("interrupted")
		case "panic;":
			panic("as told")
		case "goroutines;":
			fmt.Println("goroutines:", runtime.NumGoroutine())
		case "restore;":
			go func() {
				waitForRaw()
				e.Restore()
				e.Restore()
				fmt.Println("restored")
				os.Exit(3)
			}()
		case "preload;":
			e.Preload("select\n  1")
		case "cancel;":
			var stop context.CancelFunc
			ctx, stop = context.WithCancel(context.Background())
			go func() {
				waitForRaw()
				stop()
			}()
		}
	}
}

// waitForRaw returns when a Read is under way.
func waitForRaw() {
	for {
		command := exec.Command("stty", "-a")
		command.Stdin = os.Stdin
		if state, _ := command.Output(); strings.Contains(string(state), "-icanon") {
			return
		}
	}
}

// screen is a program on a terminal, as somebody sees it who looks at it.
type screen struct {
	t        testing.TB
	model    vt10x.Terminal
	terminal *os.File
	command  *exec.Cmd

	mu      sync.Mutex
	changed *sync.Cond
	raw     strings.Builder // all that was written
	gone    bool            // the terminal is to be closed after the next output
	before  string          // the terminal's state
	ended   chan struct{}
}

func startScreen(t testing.TB, columns, rows int, environment ...string) *screen {
	t.Helper()
	return startCommand(t, columns, rows, exec.Command(os.Args[0]), environment...)
}

func startCommand(t testing.TB, columns, rows int, command *exec.Cmd, environment ...string) *screen {
	t.Helper()
	s := &screen{t: t, model: vt10x.New(vt10x.WithSize(columns, rows)), command: command}
	s.changed = sync.NewCond(&s.mu)
	command.Env = append(os.Environ(), "TRAILQL_TEST_SHELL=1", "TERM=xterm", "TMUX=", "XTERM_VERSION=1")
	command.Env = append(command.Env, environment...)
	terminal, tty, err := pty.Open()
	if err != nil {
		t.Skipf("no pseudo terminal: %v", err)
	}
	s.terminal = terminal
	if err := pty.Setsize(terminal, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)}); err != nil {
		t.Fatal(err)
	}
	s.before = s.state()
	command.Stdin, command.Stdout, command.Stderr = tty, tty, tty
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	s.ended = make(chan struct{})
	go func() {
		command.Wait()
		close(s.ended)
	}()
	go func() {
		b := make([]byte, 64<<10)
		for {
			n, err := terminal.Read(b)
			s.mu.Lock()
			s.model.Write(b[:n])
			s.raw.Write(b[:n])
			s.changed.Broadcast()
			gone := s.gone
			s.mu.Unlock()
			if gone {
				terminal.Close() // only works while nobody reads from it
			}
			if err != nil || gone {
				return
			}
		}
	}()
	t.Cleanup(func() {
		command.Process.Kill()
		<-s.ended
		tty.Close()
		terminal.Close()
	})
	return s
}

func (s *screen) send(keys string) {
	s.t.Helper()
	if _, err := io.WriteString(s.terminal, keys); err != nil {
		s.t.Fatal(err)
	}
}

// text is what the screen shows, without the blanks at the right and below.
func (s *screen) text() string {
	var lines []string
	for _, line := range strings.Split(s.model.String(), "\n") {
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return strings.TrimRight(strings.Join(lines, "\n"), "\n")
}

// until waits for the screen to show something.
func (s *screen) until(what string, shown func(text string) bool) {
	s.t.Helper()
	alarm := time.AfterFunc(waitLimit, s.changed.Broadcast)
	defer alarm.Stop()
	limit := time.Now().Add(waitLimit)
	s.mu.Lock()
	defer s.mu.Unlock()
	for !shown(s.text()) {
		if time.Now().After(limit) {
			s.t.Fatalf("the screen does not show %s:\n%s\n\nwritten: %q", what, s.text(), tail(s.raw.String(), 2000))
		}
		s.changed.Wait()
	}
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

func (s *screen) shows(parts ...string) {
	s.t.Helper()
	s.until(fmt.Sprintf("%q", parts), func(text string) bool {
		for _, part := range parts {
			if !strings.Contains(text, part) {
				return false
			}
		}
		return true
	})
}

// ends waits until the screen ends with a text.
func (s *screen) ends(text string) {
	s.t.Helper()
	s.until(fmt.Sprintf("%q at the end", text), func(shown string) bool { return strings.HasSuffix(shown, text) })
}

// after sends keys and waits until the screen ends with a text.
func (s *screen) after(keys, shown string) {
	s.t.Helper()
	s.send(keys)
	s.ends(shown)
}

// state is the terminal's state, as stty tells it.
func (s *screen) state() string {
	s.t.Helper()
	command := exec.Command("stty", "-g")
	command.Stdin = s.terminal
	out, err := command.Output()
	if err != nil {
		s.t.Skipf("stty: %v", err)
	}
	return string(out)
}

func (s *screen) exits(status int) {
	s.t.Helper()
	select {
	case <-s.ended:
		if got := s.command.ProcessState.ExitCode(); got != status {
			s.t.Errorf("status %d, want %d", got, status)
		}
	case <-time.After(waitLimit):
		s.t.Fatalf("it does not end:\n%s", s.text())
	}
	if after := s.state(); after != s.before {
		s.t.Errorf("the terminal was left as %s, not as %s", after, s.before)
	}
}

// written is all that the program wrote.
func (s *screen) written() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.raw.String()
}

func (s *screen) resize(columns, rows int) {
	s.t.Helper()
	s.mu.Lock()
	s.model.Resize(columns, rows)
	s.mu.Unlock()
	if err := pty.Setsize(s.terminal, &pty.Winsize{Cols: uint16(columns), Rows: uint16(rows)}); err != nil {
		s.t.Fatal(err)
	}
}

const (
	upKey   = "\x1b[A"
	downKey = "\x1b[B"
	homeKey = "\x1b[H"
)

func TestTerminalStatement(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	s.after("select a,\r", "sql> select a,\n  ->")
	s.after("b\r", "  -> b\n  ->")
	s.after("from t;", "  -> from t;")
	s.after("\r", "[1] \"select a,\\nb\\nfrom t;\"\nsql>")
	s.after(upKey, "sql> select a,\n  -> b\n  -> from t;")
	s.send(upKey + upKey + homeKey)
	s.send("/* x */ ")
	s.ends("sql> /* x */ select a,\n  -> b\n  -> from t;")
	s.after("\r", "[2] \"/* x */ select a,\\nb\\nfrom t;\"\nsql>")
}

func TestTerminalCompletion(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	s.after("se", "sql> se\n     select          type of select\n     sessioncontext  type of sessioncontext")
	s.after("\t\t", "sql> sessioncontext\n     select          type of select\n    >sessioncontext  type of sessioncontext")
	s.after("\x1b[Z", "sql> select\n    >select          type of select\n     sessioncontext  type of sessioncontext")
	s.after("\r", "sql> select") // accepted, and neither run nor a new line
	s.after(" us\t", "sql> select useridentity\n           >useridentity        type of useridentity\n"+
		"            user␛]52;c;x␇agent  type of user␛]52;c;x␇agent")
	s.after("\t", "sql> select user␛]52;c;x␇agent\n            useridentity        type of useridentity\n           >user␛]52;c;x␇agent  type of user␛]52;c;x␇agent")
}

func TestTerminalCompletionAccepts(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	s.after("se\t", "sql> select\n    >select          type of select\n     sessioncontext  type of sessioncontext")
	s.after("\x1b", "sql> se") // given up
	s.after("le\t", "sql> select")
	s.after(" sess\t", "sql> select sessioncontext")
	s.after(";\r", "[1] \"select sessioncontext;\"\nsql>")
	s.after("user\x1b[Z", "sql> user␛]52;c;x␇agent\n     useridentity        type of useridentity\n    >user␛]52;c;x␇agent  type of user␛]52;c;x␇agent")
	s.after("\r", "sql> user␛]52;c;x␇agent")
	s.send(";\r")
	s.ends("[2] \"user\\x1b]52;c;x\\aagent;\"\nsql>")
	s.send(upKey)
	s.ends("sql> user␛]52;c;x␇agent;")
	if strings.Contains(s.written(), "\x1b]") {
		t.Errorf("a proposal reached the terminal as it was")
	}
}

func TestTerminalPaste(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	s.send("\x1b[200~select 'a;b', -- not; the end\r\n\tx,\r\n  y\n\x1b[31mfrom t\r\nwhere z;\x1b[201~")
	s.ends("sql> select 'a;b', -- not; the end\n  ->     x,\n  ->   y\n  -> [31mfrom t\n  -> where z;")
	s.after("\r", `[1] "select 'a;b', -- not; the end\n    x,\n  y\n[31mfrom t\nwhere z;"`+"\nsql>")
}

// Some terminals, and scripts, do not say that they paste.
func TestTerminalPasteWithoutBrackets(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	s.send("select 1;\r  select 2;\rselect 3;\r")
	s.ends("sql> select 1;\n  ->   select 2;\n  -> select 3;\n  ->")
	s.after("\r", `[1] "select 1;\n  select 2;\nselect 3;\n"`+"\nsql>")
}

func longStatement(lines int) string {
	var b strings.Builder
	b.WriteString("select\n")
	for i := range lines - 2 {
		fmt.Fprintf(&b, "  column_%04d, -- %d\n", i, i)
	}
	return b.String() + "1;"
}

func TestTerminalLongPaste(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	text := longStatement(502)
	s.send("\x1b[200~" + text + "\x1b[201~")
	s.ends("  ->   column_0499, -- 499\n  -> 1;")
	s.send("\x1b<" + "/**/ ")
	s.until("the first lines", func(text string) bool { return strings.HasPrefix(text, "sql> /**/ select\n  ->   column_0000") })
	s.send("\r")
	s.until("the statement", func(string) bool {
		return strings.Contains(s.raw.String(), fmt.Sprintf("[1] %q", "/**/ "+text))
	})
	s.ends("sql>")
}

func TestTerminalHugePaste(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	s.send("x\x1b[200~" + strings.Repeat("a long line of text\n", 3<<16) + "\x1b[201~y")
	s.ends("sql> xy")
	s.send("\x03")
	s.ends("sql> xy^C\nsql>")
	s.send("\x1b[200~" + strings.Repeat("a long line of text\n", 3<<16) + "\x1b[201~")
	s.shows("paste of 3.8 MiB refused, 1 MiB is the limit: put it in a file for .read")
	s.after(";\r", "[1] \";\"\nsql>")
}

func TestTerminalWideText(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	s.send("select '日本語'")
	s.shows("日本語")
	s.send("\x1b[D\x1b[D") // between the last two
	s.send("の\x1b[C\x1b[C👩‍👩‍👧\x7f;\r")
	s.ends("[1] \"select '日本の語';\"\nsql>")
}

func TestTerminalInterrupt(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	s.after("\x03", "sql>\n"+leaveHint)
	s.after("select\r", "sql> select\n  ->")
	s.after("x\x03", "sql> select\n  -> x^C\nsql>")
	for i := range 3 {
		s.send("sleep;\r")
		s.ends("sleeping")
		s.send("\x03")
		s.ends(fmt.Sprintf("sql> sleep;\n[%d] \"sleep;\"\nsleeping\n^Cinterrupted\nsql>", i+1))
	}
}

func TestTerminalTypeAhead(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	s.send("sleep;\r")
	s.ends("sleeping")
	s.send("select 1,\r  2,\r")
	s.send("\t3;\rselect 4;\rsel")
	s.shows("sel")
	if err := s.command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	s.ends("interrupted\nsql> select 1,\n  ->   2,\n  ->     3;\n[2] \"select 1,\\n  2,\\n    3;\"\n" +
		"sql> select 4;\n[3] \"select 4;\"\nsql> sel\n     select  type of select")
}

func TestTerminalPasteDuringStart(t *testing.T) {
	s := startScreen(t, 80, 24, "TRAILQL_TEST_LATE=1")
	s.send("select 1,\r  2;\r")
	s.ends("[1] \"select 1,\\n  2;\"\nsql>")
}

func TestTerminalSearch(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	for i, text := range []string{"select\nroot,\n1;", "select 2;", "select\nroot,\n3;", "select 4;"} {
		s.send("\x1b[200~" + text + "\x1b[201~\r")
		s.ends(fmt.Sprintf("[%d] %q\nsql>", i+1, text))
	}
	s.after("draft", "sql> draft")
	s.after("\x12", "sql> draft\n(reverse-i-search)`':")
	s.after("root", "sql> select\n  -> root,\n  -> 3;\n(reverse-i-search)`root':")
	s.after("\x12", "sql> select\n  -> root,\n  -> 1;\n(reverse-i-search)`root':")
	s.after("\x12", "sql> select\n  -> root,\n  -> 1;\n(failed reverse-i-search)`root':")
	s.after("\x13", "sql> select\n  -> root,\n  -> 3;\n(i-search)`root':")
	s.after("\x1b", "sql> draft")
	s.after("\x12\x12", "sql> draft\n(reverse-i-search)`':")
	s.after("root\x12", "sql> select\n  -> root,\n  -> 1;\n(reverse-i-search)`root':")
	s.after("\r", "sql> select\n  -> root,\n  -> 1;")
	s.after("x\r", "[5] \"select\\nxroot,\\n1;\"\nsql>")
}

func TestTerminalResize(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	const text = "select 11111111 22222222 33333333 44444444 55555555 66666666 77777777"
	s.after(text, "sql> "+text)
	s.resize(50, 24)
	s.ends("sql> select 11111111 22222222 33333333 44444444 5\n     5555555 66666666 77777777")
	s.resize(100, 24)
	s.ends("sql> " + text)
	s.after(";\r", "[1] \""+text+";\"\nsql>")
}

func TestTerminalOfTwentyColumns(t *testing.T) {
	s := startScreen(t, 20, 6, "TRAILQL_TEST_PROMPT=trailql:prod*> ")
	s.ends(">")
	s.after("select 1, 22222222222", "> select 1, 2222222\n  2222")
	s.after(",\ra\rb\rc\rd", "  a\n  b\n  c\n  d")
	s.after("\x1b<x", "> xselect 1, 222222\n  22222,\n  a\n  b\n  c\n  d")
	s.after("\x1b>;\r", "  c\n  d;\n[1] \"xselect 1, 2222\n2222222,\\na\\nb\\nc\\nd\n;\"\n>")
}

func TestTerminalKeysWithoutMeaning(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	// Alone, in the middle, with Alt; unknown sequences; a reply to a question
	// that nobody asked; function keys of the Linux console; a mouse.
	s.send("a\x1b[99;99xb\x1bqc\x1b[?1;2cd\x1b]11;rgb:0000/0000/0000\x07e\x1b[[Af\x1bOPg\x1b[<0;1;1Mh\x1b\x1b[15~i\x00j\x1b日k")
	s.ends("sql> abcdefghijk")
	s.after(" se", "sql> abcdefghijk se\n                 select          type of select\n                 sessioncontext  type of sessioncontext")
	s.after("\x1b", "sql> abcdefghijk se")
	s.after(";\r", "[1] \"abcdefghijk se;\"\nsql>")
}

func TestTerminalEdit(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	s.after("select 1\x18\x05", "sql> select 1\n  -> from edited;")
	s.after("\r", "[1] \"select 1\\nfrom edited;\"\nsql>")
}

func TestTerminalPreload(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	s.send("preload;\r")
	s.ends("sql> select\n  ->   1")
	s.after(";\r", "[2] \"select\\n  1;\"\nsql>")
}

func TestTerminalClear(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	s.after("one;\r", "[1] \"one;\"\nsql>")
	s.send("two\x0c")
	s.until("only the statement", func(text string) bool { return text == "sql> two" })
}

func TestTerminalEnds(t *testing.T) {
	for _, test := range []struct {
		name   string
		keys   string
		signal os.Signal
		says   string
		status int
	}{
		{name: "Ctrl-D", keys: "\x04", says: "end of input"},
		{name: "command", keys: ".exit\r", says: `[1] ".exit"`},
		{name: "panic between statements", keys: "panic;\r", says: "panicked: as told", status: 70},
		{name: "panic in the editor", keys: "explode", says: "panicked: a fault in completion", status: 70},
		{name: "SIGTERM at the prompt", keys: "select\r", signal: syscall.SIGTERM, says: "terminated", status: 143},
		{name: "SIGHUP at the prompt", signal: syscall.SIGHUP, says: "terminated", status: 143},
		{name: "SIGTERM in a statement", keys: "sleep;\r", signal: syscall.SIGTERM, says: "terminated", status: 143},
		{name: "another goroutine", keys: "restore;\r", says: "restored", status: 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := startScreen(t, 80, 24)
			s.ends("sql>")
			s.send(test.keys)
			if test.signal != nil {
				switch {
				case strings.HasPrefix(test.keys, "sleep"):
					s.ends("sleeping")
				case test.keys != "":
					s.ends("  ->")
				}
				if err := s.command.Process.Signal(test.signal); err != nil {
					t.Fatal(err)
				}
			}
			s.exits(test.status)
			s.shows(test.says)
			modes := s.written()
			if on, off := strings.LastIndex(modes, pasteModeOn), strings.LastIndex(modes, pasteModeOff); on > off {
				t.Errorf("bracketed paste was left on")
			}
			if on, off := strings.LastIndex(modes, showCursor), strings.LastIndex(modes, "\x1b[?25l"); off > on {
				t.Errorf("the cursor was left hidden")
			}
		})
	}
}

// The window is closed, and the process does not mind SIGHUP.
func TestTerminalIsGone(t *testing.T) {
	s := startScreen(t, 80, 24, "TRAILQL_TEST_NOHUP=1")
	s.ends("sql>")
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
	s.send("x")
	select {
	case <-s.ended:
	case <-time.After(waitLimit):
		t.Fatal("it does not end")
	}
	if status := s.command.ProcessState.ExitCode(); status != 0 {
		t.Errorf("status %d", status)
	}
}

func TestTerminalCancelledRead(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	s.send("cancel;\r")
	s.ends("error: context canceled\nsql>")
	s.after("select;\r", "[3] \"select;\"\nsql>")
	s.send("\x04")
	s.exits(0)
}

func TestTerminalOfAnother(t *testing.T) {
	for _, test := range []struct {
		name    string
		command *exec.Cmd
	}{
		{"no terminal of its own", exec.Command("setsid", "-w", os.Args[0])},
		{"input is a file", exec.Command("sh", "-c", `exec "$0" </dev/null`, os.Args[0])},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := startCommand(t, 80, 24, test.command)
			s.exits(2)
			s.shows("open the line editor: ")
		})
	}
}

// child is the process that the command started.
func (s *screen) child() int {
	s.t.Helper()
	out, err := exec.Command("ps", "-o", "pid=", "--ppid", fmt.Sprint(s.command.Process.Pid)).Output()
	if err != nil {
		s.t.Skip(err)
	}
	var pid int
	fmt.Sscan(string(out), &pid)
	return pid
}

// A shell with job control starts the editor, learns that it stopped, and
// starts it again.
func TestTerminalSuspend(t *testing.T) {
	for _, test := range []struct{ name, key string }{
		{"key", "\x1a"},
		{"SIGSTOP", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := startCommand(t, 160, 24, exec.Command("sh", "-c",
				`set -m; "$0"; echo "stopped $(stty -g)"; read line; fg; echo status $?`, os.Args[0]))
			s.ends("sql>")
			s.after("select", "sql> select")
			if test.key != "" {
				s.send(test.key)
				s.shows("stopped " + strings.TrimSpace(s.before))
				s.send("\r")
			} else {
				pid := s.child()
				if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
				s.shows("stopped ")
				s.send("\n")
			}
			s.ends("sql> select")
			s.after("\r", "sql> select\n  ->")
			s.after("2;\r", "[1] \"select\\n2;\"\nsql>")
			s.send("\x04")
			s.ends("status 0")
			s.exits(0)
		})
	}
}

func TestTerminalKeepsNothing(t *testing.T) {
	s := startScreen(t, 80, 24)
	s.ends("sql>")
	count := func(n int) (count int) {
		s.send("goroutines;\r")
		var found string
		s.until("the goroutines", func(text string) bool {
			_, after, shown := strings.Cut(text, fmt.Sprintf("[%d] \"goroutines;\"\n", n))
			found, _, _ = strings.Cut(after, "\n")
			return shown && strings.HasSuffix(text, "\nsql>")
		})
		if _, err := fmt.Sscanf(found, "goroutines: %d", &count); err != nil {
			t.Fatal(err)
		}
		return count
	}
	first := count(1)
	for n := range 5 { // one may still be about to end
		if again := count(n + 2); again > first+1 {
			t.Errorf("%d goroutines at first, %d later", first, again)
		}
	}
}
