package editor

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"strings"
	"time"

	prompt "github.com/c-bata/go-prompt"

	"github.com/trailql/trailql/repl/complete"
)

// model is go-prompt's model of an editor, with our terminal and our view. It
// holds the text and decides on the order of events; what keys do to the text
// is decided in editing.
//
// go-prompt asks for keys in one goroutine (Read) and does everything else in
// another (Input). Here the other one waits for keys, at the end of a rendering
// (Flush): then nothing runs while nobody types, and Read only passes on that
// there are some. A rendering therefore ends when something happened, and the
// two goroutines take turns.
type model struct {
	prompt   *prompt.Prompt
	terminal *terminal
	options  Options

	keys    keyReader
	editing editing
	view    view

	now      context.Context // of the Read that is under way
	label    Prompt
	history  []string
	document prompt.Document // that go-prompt last showed the completer
	shown    draft           // what was rendered
	result   outcome         // of the last key
	native   string          // a key for go-prompt itself, to be passed on next
	pending  bool            // the terminal holds what was typed before
	broken   bool            // go-prompt did not return

	// What go-prompt's calls of the writer are about.
	rendering, breaking bool

	highlighted string // the text of spans
	spans       []complete.Span

	pass   chan string
	ending bool // go-prompt is about to return; only Read uses it
}

// The keys that go-prompt is given: its own ones for what it does by itself,
// and one that stands for all of ours.
const (
	nativeEnter = "\r"
	nativeClear = "\x03"
	nativeLeave = "\x04"
	ourKeys     = "\x1b\x1bkeys"
)

func newModel(o Options, t *terminal) *model {
	m := &model{
		terminal: t,
		options:  o,
		editing:  editing{finished: o.Finished, complete: o.Complete},
		view:     view{color: o.Color, ascii: o.ASCII, reflows: reflows(os.Getenv)},
		pass:     make(chan string, 1),
	}
	// The completer is only asked so that the document is known.
	see := func(d prompt.Document) []prompt.Suggest {
		m.document = d
		return nil
	}
	m.prompt = prompt.New(func(string) {}, see,
		prompt.OptionParser(parser{m}),
		prompt.OptionWriter(writer{m}),
		prompt.OptionPrefix(""),
		prompt.OptionShowCompletionAtStart(),
		prompt.OptionAddASCIICodeBind(prompt.ASCIICodeBind{ASCIICode: []byte(ourKeys), Fn: m.press}))
	return m
}

// read is one statement; preload is what it starts with.
func (m *model) read(ctx context.Context, label Prompt, preload string) (string, error) {
	if m.broken {
		return "", errors.New("the editor is unusable after a panic")
	}
	m.now, m.label = ctx, label
	m.result, m.native = stay, ""
	m.rendering, m.breaking = false, false
	m.view.forget()
	m.view.fresh = true
	m.history = nil
	if m.options.History != nil {
		m.history = m.options.History()
	}
	m.editing.begin(m.history)
	pending, err := m.terminal.raw()
	if err != nil {
		return "", err
	}
	defer m.terminal.restore()
	m.pending = pending
	for _, set := range []prompt.Option{
		prompt.OptionHistory(nil), // ours is used; its own would only grow
		prompt.OptionInitialBufferText(valid(preload)),
	} {
		if err := set(m.prompt); err != nil {
			return "", err
		}
	}
	defer m.terminal.watch()()
	defer context.AfterFunc(ctx, func() { m.terminal.tell(keyCancel) })()

	m.broken = true
	text := m.prompt.Input()
	m.broken = false
	switch m.result {
	case cancelled:
		return "", ctx.Err()
	case leave, hangup:
		return "", io.EOF
	}
	return text, nil
}

// press does what the keys that came are for.
func (m *model) press(b *prompt.Buffer) {
	d := contents(b.Document())
	m.result = stay
	for m.result == stay {
		k, more := m.keys.next()
		if !more {
			break
		}
		if k.code == keyCancel && m.now.Err() == nil {
			continue // it was about the Read before
		}
		d, m.result = m.editing.press(k, d)
	}
	switch m.result {
	case submit, cancelled, hangup:
		m.native = nativeEnter
	case leave:
		m.native = nativeLeave
	case forget:
		m.native = nativeClear
		m.editing.begin(m.history)
	case suspend:
		m.away(m.terminal.suspend)
	case edit:
		if m.options.Edit != nil {
			m.away(func() { d = m.edit(d) })
		}
	case clearScreen:
		_ = m.terminal.write([]byte("\x1b[H\x1b[2J"), 0) // the next redraw tells
		m.view.forget()
	case resize:
		m.wipe(0)
	case resume:
		m.terminal.rawAgain()
		m.view.forget()
		m.view.fresh = true
	}
	place(b, d)
}

func (m *model) wipe(below int) {
	columns, _ := m.terminal.size()
	_ = m.terminal.write(m.view.wipe(columns), below) // the next redraw tells
}

// away gives the terminal to others for a while.
func (m *model) away(f func()) {
	m.wipe(-1)
	m.terminal.restore()
	f()
	if _, err := m.terminal.raw(); err != nil {
		m.result, m.native = hangup, nativeEnter
	}
	m.view.forget()
	m.view.fresh = true
}

func (m *model) edit(d draft) draft {
	text, err := m.options.Edit(m.now, d.text)
	if err != nil {
		m.editing.note = err.Error()
		return d
	}
	return draft{text: strings.TrimRight(valid(text), "\n")}.textEnd()
}

// contents is the text of go-prompt, which counts in runes.
func contents(d *prompt.Document) draft {
	return at(d.Text, len(d.TextBeforeCursor()))
}

// place sets text and cursor by the operations of the buffer that count right.
func place(b *prompt.Buffer, d draft) {
	if contents(b.Document()) == d {
		return
	}
	b.DeleteBeforeCursor(len([]rune(b.Document().TextBeforeCursor())))
	b.Delete(len([]rune(b.Document().TextAfterCursor())))
	b.InsertText(d.text[:d.cursor], false, true)
	b.InsertText(d.text[d.cursor:], false, false)
}

// show draws the statement; done for the last time.
func (m *model) show(done bool) {
	columns, rows := m.terminal.size()
	p := m.picture(m.shown, columns, rows)
	if done {
		p.done, p.marks = true, nil
		if m.result == forget {
			p.suffix = "^C"
		}
	}
	if err := m.terminal.write(m.view.draw(p)); err != nil {
		m.terminal.tell(keyHangup)
	}
}

func (m *model) picture(d draft, columns, rows int) picture {
	p := picture{columns: columns, lines: rows, prompt: m.label, draft: d, note: m.editing.note, menu: &m.editing.menu}
	if m.options.Highlight != nil {
		if m.highlighted != d.text {
			m.spans, m.highlighted = m.options.Highlight(d.text), d.text
		}
		p.spans = m.spans
	}
	if s := m.editing.search; s != nil {
		p.note = s.note()
		if s.from >= 0 {
			p.marks = []complete.Span{{Start: s.from, End: s.from + len(s.words)}}
		}
		return p
	}
	here, there, found := d.partner(func(i int) bool {
		role := roleAt(p.spans, i)
		return role == complete.String || role == complete.Comment
	})
	if found {
		p.marks = []complete.Span{{Start: here, End: here + 1}, {Start: there, End: there + 1}}
	}
	return p
}

// await returns when there are keys.
func (m *model) await() {
	for len(m.keys.keys) == 0 {
		timeout := time.Duration(-1)
		if m.keys.unsure() {
			timeout = escapeWait
		}
		typed, happened, err := m.terminal.read(timeout)
		for _, c := range happened {
			m.keys.add(c)
		}
		switch {
		case err != nil:
			m.keys.add(keyHangup)
		case len(typed) > 0:
			m.keys.feed(typed, m.pending)
		case len(happened) == 0:
			m.keys.flush()
		}
		m.pending = false
	}
}

// parser gives go-prompt its keys.
type parser struct{ m *model }

func (p parser) Setup() error {
	p.m.ending = false
	return nil
}

func (p parser) TearDown() error {
	p.m.terminal.restore()
	return nil
}

// GetWinSize: without rows go-prompt does not lay the text out, which is done in
// the view; without columns it would divide by zero.
func (p parser) GetWinSize() *prompt.WinSize { return &prompt.WinSize{Row: 0, Col: 60000} }

var errNoKey = errors.New("no key")

// Read waits for what Flush passes on. At the end of a statement it must not
// wait: go-prompt returns between two calls.
func (p parser) Read() ([]byte, error) {
	if p.m.ending {
		return nil, errNoKey
	}
	key := <-p.m.pass
	p.m.ending = key == nativeEnter || key == nativeLeave
	return []byte(key), nil
}

// writer learns from go-prompt when to draw what. Its own drawing is not
// followed.
type writer struct{ m *model }

// EraseScreen begins a rendering, as go-prompt finds the screen too small.
func (w writer) EraseScreen() { w.m.rendering = true }

// WriteStr with a line feed at the end is the text as it stays.
func (w writer) WriteStr(s string) { w.m.breaking = w.m.breaking || strings.HasSuffix(s, "\n") }

func (w writer) Flush() error {
	m := w.m
	switch {
	case m.breaking:
		m.breaking = false
		m.show(true)
	case m.rendering:
		m.rendering = false
		m.shown = contents(&m.document)
		key := m.native
		m.native = ""
		if key == "" {
			m.show(false)
			m.await()
			key = ourKeys
		}
		m.pass <- key
		// Lets Read take it, else go-prompt would see nothing there and sleep.
		runtime.Gosched()
	}
	return nil
}

func (w writer) WriteRaw([]byte)                    {}
func (w writer) Write([]byte)                       {}
func (w writer) WriteRawStr(string)                 {}
func (w writer) EraseUp()                           {}
func (w writer) EraseDown()                         {}
func (w writer) EraseStartOfLine()                  {}
func (w writer) EraseEndOfLine()                    {}
func (w writer) EraseLine()                         {}
func (w writer) ShowCursor()                        {}
func (w writer) HideCursor()                        {}
func (w writer) CursorGoTo(int, int)                {}
func (w writer) CursorUp(int)                       {}
func (w writer) CursorDown(int)                     {}
func (w writer) CursorForward(int)                  {}
func (w writer) CursorBackward(int)                 {}
func (w writer) AskForCPR()                         {}
func (w writer) SaveCursor()                        {}
func (w writer) UnSaveCursor()                      {}
func (w writer) ScrollDown()                        {}
func (w writer) ScrollUp()                          {}
func (w writer) SetTitle(string)                    {}
func (w writer) ClearTitle()                        {}
func (w writer) SetColor(_, _ prompt.Color, _ bool) {}
