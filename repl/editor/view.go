package editor

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/repl/complete"
)

// view draws the statement that is being written, and knows what of it the
// screen shows. It returns what to write; the rest of the screen is left alone.
type view struct {
	color, ascii bool

	// reflows: a terminal that becomes narrower breaks its rows anew.
	reflows bool

	rows   []string // on the screen, in the order of the screen
	cursor int      // its row among them
	column int
	top    int // the first row of the text that is shown
	// fresh: the cursor may stand behind something that others wrote.
	fresh bool
}

// picture is what to show.
type picture struct {
	columns, lines int // of the screen
	prompt         Prompt
	draft          draft
	spans          []complete.Span
	marks          []complete.Span // what stands out, whatever its role
	menu           *menu
	note           string // below everything
	// done: the text as it stays on the screen, with the cursor below it.
	done   bool
	suffix string // behind a text that is done
}

// row is what of a text stands in a row of the screen.
type row struct {
	start, end int
	first      bool // of its line
}

// draw shows a picture; below is the number of rows below the cursor, -1 when
// it stands at the start of a new line.
func (v *view) draw(p picture) (out []byte, below int) {
	lines, cursor, column := v.layout(p)
	var b strings.Builder
	b.WriteString("\x1b[?2026h\x1b[?25l")
	if v.fresh {
		// Where the cursor is not at the left, this ends its line; else it leaves
		// nothing behind.
		b.WriteString(strings.Repeat(" ", max(p.columns-1, 0)) + " \r\x1b[K")
		v.fresh = false
	}
	at := v.cursor
	move := func(to int) {
		if to < at {
			fmt.Fprintf(&b, "\x1b[%dA", at-to)
		} else if to > at {
			// A line feed and not a motion: there may be no row yet.
			b.WriteString("\r" + strings.Repeat("\n", to-at))
		}
		at = to
	}
	for i, line := range lines {
		if i < len(v.rows) && v.rows[i] == line {
			continue
		}
		move(i)
		b.WriteString("\r" + line + "\x1b[K")
	}
	if len(v.rows) > len(lines) {
		move(len(lines))
		b.WriteString("\r\x1b[J")
	}
	if p.done {
		move(len(lines) - 1)
		b.WriteString("\r\n")
		v.forget()
	} else {
		move(cursor)
		b.WriteString("\r")
		if column > 0 {
			fmt.Fprintf(&b, "\x1b[%dC", column)
		}
		v.rows, v.cursor, v.column = lines, cursor, column
	}
	b.WriteString("\x1b[?25h\x1b[?2026l")
	if p.done {
		return []byte(b.String()), -1
	}
	return []byte(b.String()), len(lines) - 1 - cursor
}

// forget is for a screen that shows nothing of the statement; the cursor is where
// the statement is to start.
func (v *view) forget() { v.rows, v.cursor, v.column, v.top = nil, 0, 0, 0 }

// wipe removes the statement from a screen that has so many columns now, and
// returns what does so. On a terminal that breaks rows anew and is not known for
// it, something of the statement may stay above.
func (v *view) wipe(columns int) []byte {
	above := v.cursor
	if v.reflows && columns > 0 && len(v.rows) > 0 {
		// Behind the last character of a row that is just full the cursor is taken
		// to stay there: a row of ours that is left is better than one of others lost.
		above = max(min(v.column, shownWidth(v.rows[v.cursor])-1), 0) / columns
		for _, row := range v.rows[:v.cursor] {
			above += 1 + max(shownWidth(row)-1, 0)/columns
		}
	}
	text := "\r\x1b[J"
	if above > 0 {
		text = fmt.Sprintf("\x1b[%dA", above) + text
	}
	v.rows, v.cursor, v.column = nil, 0, 0
	return []byte(text)
}

// shownWidth is the number of cells of a row as it was written, with styles.
func shownWidth(row string) int {
	sum := 0
	for {
		text, rest, styled := strings.Cut(row, "\x1b")
		sum += uniseg.StringWidth(text)
		if !styled {
			return sum
		}
		_, row, _ = strings.Cut(rest, "m")
	}
}

// reflows tells by the environment of the process whether its terminal is one
// that is known to break rows anew.
func reflows(getenv func(string) string) bool {
	switch {
	case getenv("TMUX") != "":
		return true
	case getenv("STY") != "", getenv("XTERM_VERSION") != "": // set by those that do not, inside of others
		return false
	}
	for _, name := range []string{"VTE_VERSION", "KITTY_WINDOW_ID", "ALACRITTY_WINDOW_ID", "WEZTERM_PANE", "ITERM_SESSION_ID", "WT_SESSION"} {
		if getenv(name) != "" {
			return true
		}
	}
	return false
}

// layout makes the rows of the screen, and the place of the cursor.
func (v *view) layout(p picture) (lines []string, cursor, column int) {
	first, next, indent := v.prompts(p)
	width := max(p.columns-indent-1, 1) // the last column is for the cursor
	rows := v.wrap(p.draft.text, width)
	at := sort.Search(len(rows), func(i int) bool { return rows[i].start > p.draft.cursor }) - 1

	// What does not fit on the screen is scrolled away.
	notes := 0
	if p.note != "" && p.lines > 1 && !p.done {
		notes = 1
	}
	proposals := v.menuLines(p, rows[at], indent, max(p.lines-notes-1, 0))
	height := max(p.lines-notes, 1)
	from, to := 0, len(rows)
	if !p.done {
		v.top = min(v.top, at, max(len(rows)-height, 0))
		v.top = max(v.top, at+len(proposals)+1-height)
		from, to = v.top, min(v.top+height, len(rows))
	}
	styles := v.styles(p)
	for i := from; i < to; i++ {
		var b strings.Builder
		switch {
		case i == 0:
			b.WriteString(v.style(promptStyle, first))
		case rows[i].first:
			b.WriteString(v.style(promptStyle, next))
		default:
			b.WriteString(strings.Repeat(" ", indent))
		}
		v.text(&b, p.draft.text, rows[i], width, styles)
		lines = append(lines, b.String())
	}
	if p.done {
		lines[len(lines)-1] += p.suffix
		return lines, len(lines) - 1, 0
	}
	cursor = at - from
	column = indent + v.width(p.draft.text[rows[at].start:p.draft.cursor], width)
	column = min(column, p.columns-1)
	for i, line := range proposals {
		if n := cursor + 1 + i; n < len(lines) {
			lines[n] = line
		} else {
			lines = append(lines, line)
		}
	}
	if notes > 0 {
		note := v.cut(v.safe(p.note), max(p.columns-1, 1))
		lines = append(lines, v.style(noteStyle, note))
	}
	return lines, cursor, column
}

// narrow is the number of columns below which there is only the text.
const narrow = 8

// prompts are what stands before a line, cut where the screen is narrow.
func (v *view) prompts(p picture) (first, next string, indent int) {
	first, next = v.safe(p.prompt.First), v.safe(p.prompt.Next)
	indent = uniseg.StringWidth(first)
	switch {
	case p.columns < narrow:
		return "", "", 0
	case indent > p.columns/2:
		return "> ", "  ", 2
	}
	if n := uniseg.StringWidth(next); n < indent {
		next = strings.Repeat(" ", indent-n) + next
	} else if n > indent {
		next = strings.Repeat(" ", indent)
	}
	return first, next, indent
}

// shown is how a character looks on the screen, and its cells; never more than
// a limit.
func (v *view) shown(c string, width, limit int) (string, int) {
	if len(c) == 1 && c[0] >= 0x20 && c[0] < 0x7f {
		return c, 1
	}
	if c == "\t" {
		c, width = "    ", 4
	} else {
		safe := v.safe(c)
		if safe != c {
			c, width = safe, uniseg.StringWidth(safe)
		}
	}
	if width > limit {
		return "?", 1
	}
	return c, width
}

// safe is a text as the screen may show it, in one line.
func (v *view) safe(s string) string {
	if v.ascii {
		return spelled(s)
	}
	s = output.Escape(s)
	if s == "" {
		return s
	}
	if c, width := cluster(s); width == 0 { // a mark that has nothing to stand on
		return spelled(c) + s[len(c):]
	}
	return s
}

// spelled is a text in printable ASCII.
func spelled(s string) string {
	var b strings.Builder
	for _, c := range s {
		switch {
		case c >= 0x20 && c < 0x7f:
			b.WriteRune(c)
		case c < 0x20:
			b.WriteString("^" + string('@'+c))
		case c == 0x7f:
			b.WriteString("^?")
		default:
			fmt.Fprintf(&b, `\u{%x}`, c)
		}
	}
	return b.String()
}

func (v *view) width(s string, limit int) int {
	sum := 0
	for len(s) > 0 {
		c, n := cluster(s)
		_, n = v.shown(c, n, limit)
		sum += n
		s = s[len(c):]
	}
	return sum
}

// cut shortens a safe text to a number of cells.
func (v *view) cut(s string, cells int) string {
	if uniseg.StringWidth(s) <= cells {
		return s
	}
	mark := "…"
	if v.ascii {
		mark = "~"
	}
	sum, end := 1, 0
	for end < len(s) {
		c, n := cluster(s[end:])
		if sum += n; sum > cells {
			break
		}
		end += len(c)
	}
	return s[:end] + mark
}

// wrap breaks a text into rows.
func (v *view) wrap(text string, width int) []row {
	rows := make([]row, 0, 1+len(text)/width)
	for start := 0; ; {
		end := lineEnd(text, start)
		from, cells, first := start, 0, true
		if end-start <= width && isPlain(text[start:end]) {
			rows = append(rows, row{start, end, true})
		} else {
			for i := start; i < end; {
				c, n := cluster(text[i:end])
				_, n = v.shown(c, n, width)
				if cells+n > width {
					rows = append(rows, row{from, i, first})
					from, cells, first = i, 0, false
				}
				cells += n
				i += len(c)
			}
			rows = append(rows, row{from, end, first})
		}
		if end == len(text) {
			return rows
		}
		start = end + 1
	}
}

func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// text writes a row.
func (v *view) text(b *strings.Builder, text string, r row, width int, styles *styles) {
	current := ""
	for i := r.start; i < r.end; {
		c, n := cluster(text[i:r.end])
		if style := styles.at(i); style != current {
			if current != "" {
				b.WriteString(plainStyle)
			}
			b.WriteString(style)
			current = style
		}
		c2, _ := v.shown(c, n, width)
		b.WriteString(c2)
		i += len(c)
	}
	if current != "" {
		b.WriteString(plainStyle)
	}
}

// menuLines are the rows of the proposals, no more than there is room for.
func (v *view) menuLines(p picture, r row, indent, room int) []string {
	if p.menu == nil || !p.menu.open() || p.done || room < 1 || p.columns < narrow {
		return nil
	}
	m := p.menu
	first := m.first
	count := min(menuRows, len(m.Items)-first, room)
	if m.selected() && m.index-1 >= first+count { // a low screen
		first = m.index - count
	}
	hidden := len(m.Items) - count
	texts, details := make([]string, count), make([]string, count)
	wide, wideDetail := 0, 0
	for i := range count {
		item := m.Items[first+i]
		texts[i], details[i] = v.safe(valid(item.Text)), v.safe(valid(item.Detail))
		wide = max(wide, uniseg.StringWidth(texts[i]))
		wideDetail = max(wideDetail, uniseg.StringWidth(details[i]))
	}
	const margins = 3 // a mark, a space at the end, the cursor's column
	const gap = 2
	available := max(p.columns-margins, 1)
	wide = min(wide, available)
	if wideDetail > 0 && wide > available*2/3 && wide+gap+wideDetail > available {
		wide = max(available*2/3, available-wideDetail-gap)
	}
	wideDetail = max(min(wideDetail, available-wide-gap), 0)
	if wideDetail < 3 {
		wideDetail = 0
	}
	total := margins + wide
	if wideDetail > 0 {
		total += gap + wideDetail
	}
	start := max(min(m.Start, p.draft.cursor), r.start)
	left := indent + v.width(p.draft.text[r.start:start], p.columns) - 1
	left = max(min(left, p.columns-total), 0)

	lines := make([]string, count)
	for i := range count {
		text, detail := v.pad(texts[i], wide), ""
		if wideDetail > 0 {
			detail = strings.Repeat(" ", gap) + v.pad(details[i], wideDetail)
		}
		mark := " "
		selected := m.selected() && m.index-1 == first+i
		if selected && !v.color {
			mark = ">"
		}
		lines[i] = strings.Repeat(" ", left)
		if selected {
			lines[i] += v.style(selectedStyle, mark+text+detail+" ")
		} else {
			lines[i] += v.style(itemStyle, mark+text) + v.style(detailStyle, detail+" ")
		}
	}
	if hidden > 0 && count < room {
		more := fmt.Sprintf(" %d more", hidden)
		lines = slices.Concat(lines, []string{strings.Repeat(" ", left) + v.style(detailStyle, v.cut(more, max(p.columns-left-1, 1)))})
	}
	return lines
}

func (v *view) pad(s string, cells int) string {
	s = v.cut(s, cells)
	return s + strings.Repeat(" ", max(cells-uniseg.StringWidth(s), 0))
}
