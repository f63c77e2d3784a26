package repl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trailql/trailql/engine"
)

// inputs is a Reader that the test feeds.
type inputs chan string

func (c inputs) Read(ctx context.Context, _ Prompt) (string, error) {
	select {
	case text, ok := <-c:
		if !ok {
			return "", io.EOF
		}
		return text, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// live is a session that runs while the test acts on it.
type live struct {
	*Session
	engine     *fakeEngine
	screen     *recorder
	inputs     inputs
	interrupts chan struct{}
	clock      *clock
	done       chan error // of Run
}

// clock stands still unless it is moved.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	asked int // how often
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return c.now
}

func (c *clock) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func start(t *testing.T, change func(*Options)) *live {
	t.Helper()
	l := &live{
		engine: &fakeEngine{started: make(chan struct{})}, screen: &recorder{}, inputs: make(inputs),
		interrupts: make(chan struct{}, 1), clock: &clock{now: testTime}, done: make(chan error, 1),
	}
	o := testOptions(t, l.engine, l.screen)
	o.Interrupts, o.Now = l.interrupts, l.clock.Now
	if change != nil {
		change(&o)
	}
	l.Session = newTestSession(t, o)
	go func() { l.done <- l.Run(context.Background(), l.inputs) }()
	return l
}

// end waits for the end of Run.
func (l *live) end(t *testing.T) error {
	t.Helper()
	close(l.inputs)
	return <-l.done
}

func (l *live) shows(t *testing.T, text string) {
	t.Helper()
	if !strings.Contains(l.screen.String(), text) {
		t.Errorf("the screen does not show %q:\n%s", text, l.screen.String())
	}
}

func TestCancelAgainAndAgain(t *testing.T) {
	l := start(t, nil)
	for range 3 {
		l.inputs <- "select block;"
		<-l.engine.started
		l.clock.move(3400 * time.Millisecond)
		l.interrupts <- struct{}{}
	}
	l.inputs <- "select people;"
	if err := l.end(t); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(l.screen.String(), "! Cancelling… (Ctrl-C again to quit)\n"); n != 3 {
		t.Errorf("announced %d times", n)
	}
	if n := strings.Count(l.screen.String(), "nothing was written\n"); n != 3 {
		t.Errorf("ended %d times", n)
	}
	l.shows(t, "cancelled after 3.4 s; nothing was written\n")
	l.shows(t, "│ Ada ")
}

// stubborn does not end before it is told to.
type stubborn struct {
	fakeEngine
	release chan struct{}
}

func (f *stubborn) Query(ctx context.Context, q engine.Query) (*engine.Result, error) {
	f.started <- struct{}{}
	<-f.release
	return nil, engine.ErrCanceled
}

func TestInterruptedTwice(t *testing.T) {
	f := &stubborn{fakeEngine{started: make(chan struct{})}, make(chan struct{})}
	unbuffered := make(chan struct{})
	l := start(t, func(o *Options) { o.Engine, o.Interrupts = f, unbuffered })
	l.inputs <- "select 1;"
	<-f.started
	unbuffered <- struct{}{}
	l.screen.await("Cancelling")
	l.clock.move(time.Second)
	unbuffered <- struct{}{}
	unbuffered <- struct{}{} // the one before has been seen
	f.release <- struct{}{}
	err := <-l.done
	if !errors.Is(err, engine.ErrCanceled) {
		t.Errorf("Run: %v, want one that is cancelled", err)
	}
}

func TestInterruptedSlowly(t *testing.T) {
	f := &stubborn{fakeEngine{started: make(chan struct{})}, make(chan struct{})}
	unbuffered := make(chan struct{})
	l := start(t, func(o *Options) { o.Engine, o.Interrupts = f, unbuffered })
	l.inputs <- "select 1;"
	<-f.started
	unbuffered <- struct{}{}
	l.screen.await("Cancelling")
	l.clock.move(3 * time.Second)
	unbuffered <- struct{}{}
	f.release <- struct{}{}
	if err := l.end(t); err != nil {
		t.Errorf("Run: %v: that was no second one", err)
	}
}

func TestInterruptAtThePromptIsForgotten(t *testing.T) {
	l := start(t, nil)
	l.interrupts <- struct{}{}
	l.inputs <- "select people;"
	if err := l.end(t); err != nil {
		t.Fatal(err)
	}
	l.shows(t, "│ Ada ")
}

func TestCancelledStreamShowsWhatItHas(t *testing.T) {
	l := start(t, nil)
	l.inputs <- ".mode csv"
	l.inputs <- "select people;"
	l.inputs <- "select stream;"
	<-l.engine.started
	l.interrupts <- struct{}{}
	l.inputs <- "from _;"
	if err := l.end(t); err != nil {
		t.Fatal(err)
	}
	l.shows(t, "cancelled after 0.0 s; the rows above are not all\n")
	if _, after, _ := strings.Cut(l.screen.String(), "cancelled after"); !strings.Contains(after, "Ada,36\n") {
		t.Errorf("table _ is not the result before:\n%s", after)
	}
}

func TestCancelledFileIsNotWritten(t *testing.T) {
	t.Chdir(t.TempDir())
	l := start(t, nil)
	l.inputs <- ".once rows.csv"
	l.inputs <- "select stream;"
	<-l.engine.started
	l.interrupts <- struct{}{}
	if err := l.end(t); err != nil {
		t.Fatal(err)
	}
	l.shows(t, "nothing was written\n")
	left, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestCancelledProgram(t *testing.T) {
	l := start(t, nil)
	l.inputs <- ".once '|cat >/dev/null; sleep 1000'"
	l.inputs <- "select stream;"
	<-l.engine.started
	l.interrupts <- struct{}{}
	if err := l.end(t); err != nil {
		t.Fatal(err)
	}
	l.shows(t, "cancelled after")
}

func TestWatchEndsWithAnInterrupt(t *testing.T) {
	l := start(t, nil)
	pauses := make(chan time.Duration)
	l.after = func(d time.Duration) <-chan time.Time {
		pauses <- d
		c := make(chan time.Time, 1)
		if l.clock.Now().Sub(testTime) < time.Second {
			l.clock.move(time.Second)
			c <- testTime
		}
		return c // the second time nothing comes
	}
	l.inputs <- ".watch 5 select people"
	if d := <-pauses; d != 5*time.Second {
		t.Errorf("pause of %s", d)
	}
	<-pauses
	l.interrupts <- struct{}{}
	l.inputs <- ".watch 0"
	l.inputs <- ".watch 5 select wrng"
	if err := l.end(t); err != nil {
		t.Fatal(err)
	}
	text := l.screen.String()
	if n := strings.Count(text, "│ Ada "); n != 2 {
		t.Errorf("ran %d times:\n%s", n, text)
	}
	l.shows(t, `"0" is no pause`)
	if n := strings.Count(text, "error: "); n != 2 {
		t.Errorf("%d errors:\n%s", n, text)
	}
}

func TestContextEndsASession(t *testing.T) {
	f := &fakeEngine{started: make(chan struct{})}
	var screen recorder
	s := newTestSession(t, testOptions(t, f, &screen))
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-f.started
		cancel()
	}()
	err := s.Run(ctx, NewLineReader(LineReaderOptions{In: strings.NewReader("select block;\nselect people;\n")}))
	if !errors.Is(err, engine.ErrCanceled) {
		t.Errorf("Run: %v", err)
	}
	if text := screen.String(); strings.Contains(text, "Ada") {
		t.Errorf("it went on:\n%s", text)
	}
}

func TestProgress(t *testing.T) {
	var screen recorder
	c := &clock{now: testTime}
	term := newTerminal(Options{
		Out: screen.writer(""), Err: screen.writer("! "), Now: c.Now,
		Screen: Screen{Size: func() (int, int) { return 100, 24 }},
	})
	half := engine.Progress{Fraction: 0.63, Rows: 41_200_000, Stats: engine.Stats{Bytes: 2_100_000_000, Files: 28}}
	term.start()
	term.update(half) // too early
	c.move(500 * time.Millisecond)
	term.update(half)
	c.move(50 * time.Millisecond)
	term.update(half) // too soon
	c.move(2950 * time.Millisecond)
	term.update(half)
	term.say("note\n")
	c.move(time.Second)
	term.update(engine.Progress{Fraction: -1, Rows: 5000})
	fmt.Fprintln(term, "rows")
	c.move(time.Second)
	term.update(half) // the rows have the screen now
	want := "! " + eraseLine + "▕██████░░░░▏ 63% · 41.2 M rows · 2.1 GB · 28 files · 0.50 s" +
		eraseLine + "▕██████░░░░▏ 63% · 41.2 M rows · 2.1 GB · 11.8 M rows/s · 28 files · 2.00 s left" + eraseLine + "note\n" +
		"! " + eraseLine + "⠴ 5,000 rows · 1,111 rows/s · 4.50 s" + eraseLine + "rows\n"
	if got := screen.String(); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestProgressFitsTheScreen(t *testing.T) {
	half := engine.Progress{Fraction: 0.5, Rows: 41_200_000, Stats: engine.Stats{Bytes: 2_100_000_000, Files: 28}}
	for _, ascii := range []bool{false, true} {
		term := &terminal{ascii: ascii}
		for columns := range 100 {
			line := term.line(half, 10*time.Second, columns)
			if cellWidth(line) > columns {
				t.Errorf("%d columns: %q", columns, line)
			}
			for _, r := range line {
				if ascii && r > 0x7e {
					t.Fatalf("%q is not ASCII", line)
				}
			}
		}
	}
}
