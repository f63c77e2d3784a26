package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/engine/quantity"
)

const (
	liveDelay     = 400 * time.Millisecond // shorter runs draw nothing
	liveInterval  = 100 * time.Millisecond
	plainDelay    = 2 * time.Second
	plainInterval = 10 * time.Second
	spareColumns  = 3 // at the end of the line, for the ^C that a terminal echoes
	clearLine     = "\r\x1b[K"
)

// progress shows how far a conversion is: one line that is redrawn on a
// terminal, a line now and then anywhere else. It owns the screen as long as
// it lives: what others have to say goes through interrupt. Safe for
// concurrent use.
type progress struct {
	mu      sync.Mutex
	out     io.Writer
	width   func() int // columns; nil: not a terminal
	now     func() time.Time
	drawn   bool
	phase   string
	started time.Duration // of the phase
	shown   time.Duration // last output
	said    string        // the phase of the last output
}

// newProgress chooses the form by what stderr is.
func newProgress(a *app) *progress {
	if a.quiet {
		return &progress{out: io.Discard, now: a.now}
	}
	p := &progress{out: a.stderr, now: a.now}
	file, ok := a.stderr.(*os.File)
	if ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" && os.Getenv("CI") == "" {
		p.width = func() int {
			columns, _, err := term.GetSize(int(file.Fd()))
			if err != nil || columns <= 0 {
				return 80
			}
			return columns
		}
	}
	return p
}

// update is convert's callback.
func (p *progress) update(s convert.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.Phase != p.phase {
		p.phase, p.started = s.Phase, s.Elapsed
	}
	if p.width == nil {
		if s.Elapsed < plainDelay || s.Phase == p.said && s.Elapsed-p.shown < plainInterval {
			return
		}
		p.shown, p.said = s.Elapsed, s.Phase
		fmt.Fprintf(p.out, "%s %s\n", p.now().UTC().Format(time.RFC3339), p.describe(s, false))
		return
	}
	if s.Elapsed < liveDelay || p.drawn && s.Elapsed-p.shown < liveInterval {
		return
	}
	p.shown, p.drawn = s.Elapsed, true
	width := p.width() - spareColumns
	line := p.describe(s, true)
	if utf8.RuneCountInString(line) > width {
		line = p.describe(s, false) // the numbers say more than the bar
	}
	fmt.Fprint(p.out, clearLine, cut(line, width))
}

// interrupt lets say write to the same screen.
func (p *progress) interrupt(say func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	say()
}

// restart is for the next conversion.
func (p *progress) restart() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	p.phase, p.said, p.started, p.shown = "", "", 0, 0
}

// finish leaves the screen to others.
func (p *progress) finish() {
	p.interrupt(func() {})
}

func (p *progress) erase() {
	if p.drawn {
		fmt.Fprint(p.out, clearLine)
		p.drawn = false
	}
}

func (p *progress) describe(s convert.Progress, withBar bool) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }

	done, total := s.Bytes, s.BytesTotal
	if total == 0 {
		done, total = s.Objects, s.ObjectsTotal
	}
	switch {
	case s.ObjectsTotal > 0:
		add("%s/%s objects", quantity.Count(s.Objects), quantity.Count(s.ObjectsTotal))
	case s.Objects > 0:
		add("%s", quantity.Plural(s.Objects, "object"))
	}
	if s.Records > 0 {
		add("%s", quantity.Plural(s.Records, "record"))
	}
	elapsed := s.Elapsed - p.started
	if s.JSONBytes > 0 {
		add("%s", quantity.Bytes(s.JSONBytes))
		if elapsed >= time.Second {
			add("%s/s", quantity.Bytes(int64(float64(s.JSONBytes)/elapsed.Seconds())))
		}
	}
	if s.Rejected > 0 {
		add("%s rejected", quantity.Count(s.Rejected))
	}
	if left, ok := remaining(elapsed, done, total); ok {
		add("%s left", left)
	}
	line := s.Phase
	if withBar && total > 0 {
		line = fmt.Sprintf("%-7s %s", s.Phase, quantity.Bar(float64(done)/float64(total), 12, false))
	}
	if len(parts) > 0 {
		line += " " + strings.Join(parts, " · ")
	}
	return line
}

// remaining extrapolates once there is something to extrapolate from.
func remaining(elapsed time.Duration, done, total int64) (time.Duration, bool) {
	if elapsed < 2*time.Second || done <= 0 || done >= total {
		return 0, false
	}
	left := time.Duration(float64(elapsed) * float64(total-done) / float64(done))
	return left.Round(time.Second), true
}

// cut shortens a line of single-width characters.
func cut(line string, columns int) string {
	if columns < 0 {
		columns = 0
	}
	if utf8.RuneCountInString(line) <= columns {
		return line
	}
	return string([]rune(line)[:columns])
}
