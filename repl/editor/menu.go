package editor

import (
	"strings"
	"unicode/utf8"

	"github.com/trailql/trailql/repl/complete"
)

// menu is the list of proposals below the cursor. The one that is selected
// stands in the text already.
type menu struct {
	complete.Completion
	base  draft // the text without a proposal
	index int   // of the selected one, from 1; 0 when none is
	first int   // that is shown
}

// menuRows is how many proposals are shown at once.
const menuRows = 8

func (m *menu) open() bool     { return len(m.Items) > 0 }
func (m *menu) selected() bool { return m.index > 0 }

// offer shows what may stand at the cursor, while the user types.
func (e *editing) offer(d draft) {
	e.menu = e.proposals(d, false)
	if len(e.menu.Items) == 1 && e.menu.Items[0].Text == d.text[e.menu.Start:e.menu.End] {
		e.menu = menu{}
	}
}

func (e *editing) proposals(d draft, asked bool) menu {
	if e.complete == nil {
		return menu{}
	}
	c := e.complete(d.text, d.cursor, asked)
	if c.Start < 0 || c.Start > c.End || c.End > len(d.text) || !startsRune(d.text, c.Start) || !startsRune(d.text, c.End) {
		return menu{}
	}
	return menu{Completion: c, base: d}
}

func startsRune(s string, i int) bool { return i == len(s) || utf8.RuneStart(s[i]) }

// propose answers Tab and Shift-Tab.
func (e *editing) propose(k key, d draft) draft {
	if !e.menu.open() {
		e.menu = e.proposals(d, true)
	}
	switch len(e.menu.Items) {
	case 0:
		e.menu = menu{}
		line := d.text[lineStart(d.text, d.cursor):d.cursor]
		if k.code == keyTab && strings.TrimLeft(line, " ") == "" {
			return d.insert("  ")
		}
		return d
	case 1:
		d = e.menu.move(true)
		e.menu = menu{}
		return d
	}
	return e.menu.move(k.code == keyTab)
}

// move selects the next proposal or the one before, none at either end.
func (m *menu) move(next bool) draft {
	count := len(m.Items) + 1
	if next {
		m.index = (m.index + 1) % count
	} else {
		m.index = (m.index + count - 1) % count
	}
	if !m.selected() {
		m.first = 0
		return m.base
	}
	m.first = max(min(m.first, m.index-1), m.index-menuRows, 0)
	text := valid(m.Items[m.index-1].Text)
	return at(m.base.text[:m.Start]+text+m.base.text[m.End:], m.Start+len(text))
}

// abandon closes the menu and takes back what it put into the text.
func (m *menu) abandon(d draft) draft {
	if m.selected() {
		d = m.base
	}
	*m = menu{}
	return d
}
