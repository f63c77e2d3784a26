package editor

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/trailql/trailql/repl/complete"
)

// editing is what the keys do. The text itself is passed in and out; here is
// what is remembered between two keys.
type editing struct {
	finished func(text string) bool
	complete func(text string, cursor int, asked bool) complete.Completion

	past   past
	menu   menu
	search *search // while the user searches, else nil
	// searched are the words of the last search.
	searched string

	column   int // where up and down aim at, -1 for where the cursor is
	cut      string
	cutting  bool // the last key cut, the next one adds to it
	undo     []draft
	typing   bool // the last key was text, of which the next is part
	lastWord lastWord
	note     string // for the user, until the next key
}

// outcome is what is to be done after a key, apart from showing the text.
type outcome uint8

const (
	stay    outcome = iota
	submit          // the text is the statement
	forget          // the text is dropped, and the prompt shown again
	leave           // there is no more input
	suspend         // the process stops until it is told to go on
	edit            // in the user's program
	clearScreen
	resize
	resume // the process was stopped by others
	cancelled
	hangup
)

const leaveHint = "Ctrl-D or .exit leaves"

// begin starts a statement.
func (e *editing) begin(history []string) {
	e.past = past{entries: history, at: len(history)}
	e.menu = menu{}
	e.search = nil
	e.column, e.undo, e.typing, e.cutting, e.note = -1, nil, false, false, ""
	e.lastWord = lastWord{}
}

// press does what a key is for.
func (e *editing) press(k key, d draft) (draft, outcome) {
	e.note = ""
	if e.search != nil {
		next, done := e.searching(k, d)
		if done {
			return next, stay
		}
		d = next
	}
	next, out := e.act(k, d)
	if next.text != d.text && k.code != keyUndo {
		if !(k.code == keyText && e.typing) {
			e.remember(d)
		}
	}
	e.typing = k.code == keyText
	switch k.code {
	case keyUp, keyDown:
	default:
		e.column = -1
	}
	switch k.code {
	case keyCutBack, keyCutWordLeft, keyCutWordRight, keyCutLineLeft, keyCutLineRight:
		e.cutting = true
	case keyResize:
	default:
		e.cutting = false
	}
	if k.code != keyLastWord {
		e.lastWord = lastWord{}
	}
	return next, out
}

// undoBytes is how much text undo holds at most, apart from the last change.
const undoBytes = 8 << 20

func (e *editing) remember(d draft) {
	e.undo = append(e.undo, d)
	bytes := 0
	for i := len(e.undo) - 1; i >= 0; i-- {
		if bytes += len(e.undo[i].text); bytes > undoBytes {
			e.undo = slices.Delete(e.undo, 0, min(i+1, len(e.undo)-1))
			break
		}
	}
}

func (e *editing) act(k key, d draft) (draft, outcome) {
	switch k.code {
	case keyTab, keyBackTab:
		return e.propose(k, d), stay
	case keyUp, keyDown:
		if e.menu.selected() {
			return e.menu.move(k.code == keyDown), stay
		}
	case keyEscape, keyAbort:
		return e.menu.abandon(d), stay
	case keyEnter, keyLine:
		if e.menu.selected() {
			e.menu = menu{}
			return d, stay
		}
	case keyResize:
		return d, resize
	case keyResume:
		return d, resume
	}
	open := e.menu.open()
	e.menu = menu{}
	switch k.code {
	case keyText:
		d = d.insert(k.text)
		e.offer(d)
	case keyPaste:
		d = d.insert(k.text)
	case keyRefused:
		e.note = k.text
	case keyEnter:
		if e.runs(d.text) {
			return d, submit
		}
		d = d.newline()
	case keyLine:
		if e.runs(d.text) {
			return d, submit
		}
		d = d.insert("\n")
	case keyNewline:
		d = d.newline()
	case keyUp:
		return e.up(d), stay
	case keyDown:
		return e.down(d), stay
	case keyOlder:
		return e.past.move(d, -1), stay
	case keyNewer:
		return e.past.move(d, 1), stay
	case keyLeft:
		d = d.left()
	case keyRight:
		d = d.right()
	case keyLineStart:
		d = d.lineStart()
	case keyLineEnd:
		d = d.lineEnd()
	case keyWordLeft:
		d = d.wordLeft()
	case keyWordRight:
		d = d.wordRight()
	case keyTextStart:
		d = d.textStart()
	case keyTextEnd:
		d = d.textEnd()
	case keyBackspace:
		d, _ = d.without(d.left().cursor)
		if open {
			e.offer(d)
		}
	case keyDelete:
		d, _ = d.without(d.right().cursor)
	case keyEnd:
		if d.text == "" {
			return d, leave
		}
		d, _ = d.without(d.right().cursor)
	case keyCutBack:
		d = e.kill(d, d.blankLeft().cursor)
	case keyCutWordLeft:
		d = e.kill(d, d.wordLeft().cursor)
	case keyCutWordRight:
		d = e.kill(d, d.wordRight().cursor)
	case keyCutLineLeft:
		to := d.lineStart().cursor
		if to == d.cursor {
			to = d.left().cursor // joins the lines
		}
		d = e.kill(d, to)
	case keyCutLineRight:
		to := d.lineEnd().cursor
		if to == d.cursor {
			to = d.right().cursor
		}
		d = e.kill(d, to)
	case keyYank:
		d = d.insert(e.cut)
	case keyLastWord:
		d = e.lastWord.insert(d, e.past.entries)
	case keyUndo:
		if n := len(e.undo); n > 0 {
			d, e.undo = e.undo[n-1], e.undo[:n-1]
		}
	case keySearchOlder, keySearchNewer:
		e.startSearch(d)
	case keyInterrupt:
		if d.text == "" {
			e.note = leaveHint
			return d, stay
		}
		return d, forget
	case keySuspend:
		return d, suspend
	case keyClear:
		return d, clearScreen
	case keyEdit:
		return d, edit
	case keyCancel:
		return d, cancelled
	case keyHangup:
		return d, hangup
	}
	return d, stay
}

func (e *editing) runs(text string) bool {
	return e.finished == nil || strings.TrimSpace(text) == "" || e.finished(text)
}

func (e *editing) up(d draft) draft {
	if e.column < 0 {
		e.column = d.column()
	}
	if next, moved := d.up(e.column); moved {
		return next
	}
	e.column = -1
	return e.past.move(d, -1)
}

func (e *editing) down(d draft) draft {
	if e.column < 0 {
		e.column = d.column()
	}
	if next, moved := d.down(e.column); moved {
		return next
	}
	e.column = -1
	return e.past.move(d, 1)
}

// kill removes the text up to a place and keeps it for yank.
func (e *editing) kill(d draft, to int) draft {
	before := to < d.cursor
	d, text := d.without(to)
	switch {
	case text == "":
	case !e.cutting:
		e.cut = text
	case before:
		e.cut = text + e.cut
	default:
		e.cut += text
	}
	return d
}

// past is the history as it is walked through. What the user changes in an
// entry stays so until the statement is done.
type past struct {
	entries []string
	at      int // len(entries) is the new statement
	changed map[int]string
}

func (p *past) text(i int) string {
	if text, changed := p.changed[i]; changed {
		return text
	}
	if i >= len(p.entries) {
		return ""
	}
	return valid(p.entries[i])
}

func valid(text string) string { return strings.ToValidUTF8(text, string(utf8.RuneError)) }

func (p *past) move(d draft, step int) draft {
	to := p.at + step
	if to < 0 || to > len(p.entries) {
		return d
	}
	return p.leaveFor(d, to).textEnd()
}

// leaveFor goes to an entry; the cursor is at its start.
func (p *past) leaveFor(d draft, to int) draft {
	if d.text != p.text(p.at) {
		if p.changed == nil {
			p.changed = map[int]string{}
		}
		p.changed[p.at] = d.text
	}
	p.at = to
	return draft{p.text(to), 0}
}

// lastWord inserts the last word of the statement before; of the one before that
// when asked again.
type lastWord struct {
	asked int
	from  int // of the word inserted last
}

func (l *lastWord) insert(d draft, entries []string) draft {
	if l.asked > 0 {
		d, _ = d.without(l.from)
	}
	for l.asked < len(entries) {
		l.asked++
		words := strings.FieldsFunc(valid(entries[len(entries)-l.asked]), func(c rune) bool { return unicode.IsSpace(c) || c == ';' })
		if len(words) > 0 {
			l.from = d.cursor
			return d.insert(words[len(words)-1])
		}
	}
	l.from = d.cursor
	return d
}
