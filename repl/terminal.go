package repl

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/rivo/uniseg"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

const (
	progressDelay    = 400 * time.Millisecond // shorter statements draw nothing
	progressInterval = 100 * time.Millisecond
	spareColumns     = 3 // at the end of the line, for the ^C that a terminal echoes
	eraseLine        = "\r\x1b[K"
)

// terminal is what a session writes to. It owns the line of progress, which is
// gone before anything else appears. Safe for concurrent use.
type terminal struct {
	out, err io.Writer
	size     func() (columns, rows int) // nil: no terminal
	ascii    bool
	now      func() time.Time

	mu      sync.Mutex
	running bool // there may be a line of progress
	started time.Time
	shown   time.Time
	drawn   bool
	lent    loan
}

func newTerminal(o Options) *terminal {
	return &terminal{out: o.Out, err: o.Err, size: o.Screen.Size, ascii: o.Screen.ASCII, now: o.Now}
}

// say writes to stderr, which must be text that is escaped.
func (t *terminal) say(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.erase()
	fmt.Fprint(t.err, t.plain(text))
}

// plain spells a text that is escaped in ASCII where the screen shows nothing
// else.
func (t *terminal) plain(text string) string {
	if !t.ascii {
		return text
	}
	lines := strings.Split(asciiSigns.Replace(text), "\n")
	for i, line := range lines {
		lines[i] = output.EscapeASCII(line)
	}
	return strings.Join(lines, "\n")
}

// asciiSigns stand for those of our own messages.
var asciiSigns = strings.NewReplacer("…", "...", " · ", " | ")

// Write is for rows and answers, which must be escaped. It ends the progress.
func (t *terminal) Write(p []byte) (int, error) {
	t.finish()
	return t.out.Write(p)
}

// start begins the progress of a statement.
func (t *terminal) start() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.running, t.started, t.shown = t.size != nil, t.now(), time.Time{}
}

// finish ends it: its line is gone, and does not come back.
func (t *terminal) finish() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.erase()
	t.running = false
}

func (t *terminal) erase() {
	if t.drawn {
		fmt.Fprint(t.err, eraseLine)
		t.drawn = false
	}
}

// loan says whether a program has the terminal, and whose interrupts are then.
type loan int

const (
	notLent loan = iota
	shared       // an interrupt is also for the statement whose rows the program shows
	lentOut      // all that happens is for the program
)

// lend leaves the terminal to a program, or takes it back.
func (t *terminal) lend(l loan) {
	t.finish()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lent = l
}

func (t *terminal) loan() loan {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lent
}

// update is the engine's callback.
func (t *terminal) update(p engine.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.now()
	if !t.running || now.Sub(t.started) < progressDelay || t.drawn && now.Sub(t.shown) < progressInterval {
		return
	}
	columns, _ := t.size()
	t.shown, t.drawn = now, true
	fmt.Fprint(t.err, eraseLine, t.line(p, now.Sub(t.started), columns-spareColumns))
}

// line describes the progress in so many columns.
func (t *terminal) line(p engine.Progress, elapsed time.Duration, columns int) string {
	var parts []string
	if p.FetchTotal > 0 {
		p.Fraction = float64(p.Fetched) / float64(p.FetchTotal)
		parts = append(parts, "fetching "+quantity.Bytes(p.FetchTotal))
	}
	known := p.Fraction >= 0 && p.Fraction <= 1
	if known {
		parts = append(parts, fmt.Sprintf("%.0f%%", p.Fraction*100))
	}
	if p.Rows > 0 {
		parts = append(parts, quantity.Short(p.Rows)+" rows")
	}
	if p.Stats.Bytes > 0 && p.FetchTotal == 0 {
		parts = append(parts, quantity.Bytes(p.Stats.Bytes))
	}
	if p.Rows > 0 && elapsed >= time.Second {
		parts = append(parts, quantity.Short(int64(float64(p.Rows)/elapsed.Seconds()))+" rows/s")
	}
	if p.Stats.SplitsTotal > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s", quantity.Count(int64(p.Stats.Splits)), quantity.Plural(int64(p.Stats.SplitsTotal), "split")))
	}
	if p.Stats.Files > 0 {
		parts = append(parts, quantity.Plural(int64(p.Stats.Files), "file"))
	}
	if known && p.Fraction > 0.02 && p.Fraction < 1 && elapsed >= 2*time.Second {
		left := time.Duration(float64(elapsed) * (1 - p.Fraction) / p.Fraction)
		parts = append(parts, quantity.Duration(max(left, 0).Round(time.Second))+" left")
	} else {
		parts = append(parts, quantity.Duration(elapsed))
	}
	text := strings.Join(parts, " · ")
	text = t.plain(text)
	mark := t.spinner(elapsed)
	if known {
		mark = quantity.Bar(p.Fraction, barCells, t.ascii)
	}
	if whole := mark + " " + text; cellWidth(whole) <= columns {
		return whole
	}
	// The numbers say more than the bar, the first of them most.
	for len(parts) > 1 && cellWidth(text) > columns {
		parts = parts[:len(parts)-1]
		text = t.plain(strings.Join(parts, " · "))
	}
	return cutCells(text, columns)
}

const barCells = 10

func (t *terminal) spinner(elapsed time.Duration) string {
	turn := int(elapsed / progressInterval)
	if t.ascii {
		return string(`|/-\`[turn%4])
	}
	return string([]rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")[turn%10])
}

// escape makes a text of somebody else's safe, in one line.
func escape(text string) string { return output.Escape(text) }

// escapeLines escapes each line of a text.
func escapeLines(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = escape(strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", "    "))
	}
	return strings.Join(lines, "\n")
}

func cellWidth(s string) int { return uniseg.StringWidth(s) }

func padLeft(s string, width int) string {
	return strings.Repeat(" ", max(0, width-cellWidth(s))) + s
}

func padRight(s string, width int) string {
	return s + strings.Repeat(" ", max(0, width-cellWidth(s)))
}

// cutCells shortens a text to so many columns of the screen.
func cutCells(s string, columns int) string {
	if cellWidth(s) <= columns {
		return s
	}
	end, used := 0, 0
	for g := uniseg.NewGraphemes(s); g.Next() && used+g.Width() <= columns; {
		used += g.Width()
		_, end = g.Positions()
	}
	return s[:end]
}

// escaped are the arguments of a message, texts among them made safe.
func escaped(args []any) []any {
	safe := make([]any, len(args))
	for i, a := range args {
		switch a := a.(type) {
		case string:
			safe[i] = escape(a)
		case error:
			safe[i] = escape(a.Error())
		case fmt.Stringer:
			safe[i] = escape(a.String())
		default:
			safe[i] = a
		}
	}
	return safe
}

// printf answers on Out. Texts among the arguments are escaped.
func (s *Session) printf(format string, args ...any) {
	fmt.Fprint(s.tty, s.tty.plain(fmt.Sprintf(format, escaped(args)...)))
}

// notef says something on Err that does not change what happens.
func (s *Session) notef(format string, args ...any) {
	s.sayWrapped("note: " + fmt.Sprintf(format, escaped(args)...))
}

func (s *Session) warnf(format string, args ...any) {
	s.sayWrapped("warning: " + fmt.Sprintf(format, escaped(args)...))
}

// sayWrapped says a line, which a terminal shows in lines of whole words.
func (s *Session) sayWrapped(text string) {
	if s.screen.Size != nil && cellWidth(text) >= s.columns() {
		text = strings.Join(wrap(text, max(20, s.columns()-3)), "\n  ")
	}
	s.tty.say(text + "\n")
}

// noteOnce says something once in a session. Those who pipe know.
func (s *Session) noteOnce(format string, args ...any) {
	if s.options.Interactive && !s.said[format] {
		s.said[format] = true
		s.notef(format, args...)
	}
}

// columns is how wide the screen is; 80 where there is none.
func (s *Session) columns() int {
	if s.screen.Size != nil {
		if columns, _ := s.screen.Size(); columns > 0 {
			return columns
		}
	}
	return 80
}
