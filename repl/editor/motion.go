package editor

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// draft is a text and a place in it, in bytes, which is never inside of what a
// reader sees as one character. Its methods return what would be; the text is
// valid UTF-8.
type draft struct {
	text   string
	cursor int
}

// at is a draft with the cursor at or behind a place.
func at(text string, cursor int) draft {
	return draft{text, border(text, cursor)}
}

// cluster is the first character of a text, as readers see characters, and the
// cells it takes.
func cluster(s string) (string, int) {
	if s[0] < utf8.RuneSelf && (len(s) == 1 || s[1] < utf8.RuneSelf) {
		return s[:1], 1
	}
	c, _, width, _ := uniseg.FirstGraphemeClusterInString(s, -1)
	if c == "\r\n" {
		return "\r", 1
	}
	return c, width
}

// border is the first place at or behind i that is between two characters.
func border(s string, i int) int {
	i = max(0, min(i, len(s)))
	if isBorder(s, i) {
		return i
	}
	end := lineStart(s, i)
	for end < i {
		c, _ := cluster(s[end:])
		end += len(c)
	}
	return end
}

// borderBefore is the last place at or before i that is between two characters.
func borderBefore(s string, i int) int {
	if behind := border(s, i); behind > i {
		return draft{s, behind}.left().cursor
	}
	return i
}

// isBorder is true where it is certain without a look at the whole line.
func isBorder(s string, i int) bool {
	return i == 0 || i == len(s) || s[i-1] < utf8.RuneSelf && s[i] < utf8.RuneSelf
}

func lineStart(s string, i int) int { return strings.LastIndexByte(s[:i], '\n') + 1 }

func lineEnd(s string, i int) int {
	if n := strings.IndexByte(s[i:], '\n'); n >= 0 {
		return i + n
	}
	return len(s)
}

func (d draft) insert(s string) draft {
	return at(d.text[:d.cursor]+s+d.text[d.cursor:], d.cursor+len(s))
}

// without is the draft less the bytes between the cursor and a place, and what
// these were.
func (d draft) without(place int) (draft, string) {
	from, to := min(place, d.cursor), max(place, d.cursor)
	return at(d.text[:from]+d.text[to:], from), d.text[from:to]
}

func (d draft) left() draft {
	if d.cursor == 0 {
		return d
	}
	if i := d.cursor - 1; isBorder(d.text, i) && d.text[i] < utf8.RuneSelf {
		return draft{d.text, i}
	}
	from := lineStart(d.text, d.cursor)
	if from == d.cursor {
		return draft{d.text, d.cursor - 1}
	}
	for {
		c, _ := cluster(d.text[from:])
		if from+len(c) >= d.cursor {
			return draft{d.text, from}
		}
		from += len(c)
	}
}

func (d draft) right() draft {
	if d.cursor == len(d.text) {
		return d
	}
	c, _ := cluster(d.text[d.cursor:])
	return draft{d.text, d.cursor + len(c)}
}

func (d draft) lineStart() draft { return draft{d.text, lineStart(d.text, d.cursor)} }
func (d draft) lineEnd() draft   { return draft{d.text, lineEnd(d.text, d.cursor)} }
func (d draft) textStart() draft { return draft{d.text, 0} }
func (d draft) textEnd() draft   { return draft{d.text, len(d.text)} }

// column is the number of cells before the cursor in its line.
func (d draft) column() int {
	column := 0
	for i := lineStart(d.text, d.cursor); i < d.cursor; {
		c, width := cluster(d.text[i:])
		column += width
		i += len(c)
	}
	return column
}

// up is a line up, at a column or before; false in the first line.
func (d draft) up(column int) (draft, bool) {
	start := lineStart(d.text, d.cursor)
	if start == 0 {
		return d, false
	}
	return d.inLine(lineStart(d.text, start-1), column), true
}

// down is a line down, at a column or before; false in the last line.
func (d draft) down(column int) (draft, bool) {
	end := lineEnd(d.text, d.cursor)
	if end == len(d.text) {
		return d, false
	}
	return d.inLine(end+1, column), true
}

func (d draft) inLine(start, column int) draft {
	i := start
	for i < len(d.text) && d.text[i] != '\n' {
		c, width := cluster(d.text[i:])
		if column -= width; column < 0 {
			break
		}
		i += len(c)
	}
	return draft{d.text, i}
}

func isWord(c rune) bool { return c == '_' || unicode.In(c, unicode.L, unicode.Nd, unicode.M) }

// wordLeft is the start of the word at or before the cursor.
func (d draft) wordLeft() draft {
	before := strings.TrimRightFunc(d.text[:d.cursor], func(c rune) bool { return !isWord(c) })
	before = strings.TrimRightFunc(before, isWord)
	return draft{d.text, borderBefore(d.text, len(before))}
}

// wordRight is the end of the word at or behind the cursor.
func (d draft) wordRight() draft {
	after := strings.TrimLeftFunc(d.text[d.cursor:], func(c rune) bool { return !isWord(c) })
	after = strings.TrimLeftFunc(after, isWord)
	return at(d.text, len(d.text)-len(after))
}

// blankLeft is the start of what stands between spaces, at or before the cursor.
func (d draft) blankLeft() draft {
	before := strings.TrimRightFunc(d.text[:d.cursor], unicode.IsSpace)
	before = strings.TrimRightFunc(before, func(c rune) bool { return !unicode.IsSpace(c) })
	return draft{d.text, borderBefore(d.text, len(before))}
}

// newline starts a line as far in as the one of the cursor.
func (d draft) newline() draft {
	line := d.text[lineStart(d.text, d.cursor):d.cursor]
	margin := len(line) - len(strings.TrimLeft(line, " \t"))
	return d.insert("\n" + line[:min(margin, maxMargin)])
}

// maxMargin is how far in a new line may start.
const maxMargin = 40

// partner is the bracket that belongs to the one at the cursor or before it,
// and the place of that; false when there is none. skip tells the bytes that
// are no SQL: texts and comments.
func (d draft) partner(skip func(i int) bool) (here, there int, found bool) {
	const open, closed = "([{", ")]}"
	for _, i := range []int{d.cursor, d.cursor - 1} {
		if i < 0 || i >= len(d.text) || skip(i) {
			continue
		}
		step, kind := 1, strings.IndexByte(open, d.text[i])
		if kind < 0 {
			step, kind = -1, strings.IndexByte(closed, d.text[i])
		}
		if kind < 0 {
			continue
		}
		depth := 0
		for j := i; j >= 0 && j < len(d.text); j += step {
			c := d.text[j]
			if c != open[kind] && c != closed[kind] || skip(j) {
				continue
			}
			if c == d.text[i] {
				depth++
			} else {
				depth--
			}
			if depth == 0 {
				return i, j, true
			}
		}
	}
	return 0, 0, false
}
