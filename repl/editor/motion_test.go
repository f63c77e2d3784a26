package editor

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// marked is a draft with the cursor at the bar.
func marked(s string) draft {
	i := strings.Index(s, "|")
	return draft{s[:i] + s[i+1:], i}
}

func (d draft) String() string { return d.text[:d.cursor] + "|" + d.text[d.cursor:] }

func TestMotions(t *testing.T) {
	up := func(d draft) draft { d, _ = d.up(d.column()); return d }
	down := func(d draft) draft { d, _ = d.down(d.column()); return d }
	for _, test := range []struct {
		name       string
		move       func(draft) draft
		from, want string
	}{
		{"left", draft.left, "ab|c", "a|bc"},
		{"left at the start", draft.left, "|abc", "|abc"},
		{"left over a line's end", draft.left, "a\n|b", "a|\nb"},
		{"left over a wide letter", draft.left, "日本|", "日|本"},
		{"left over a combining mark", draft.left, "ae\u0301|", "a|e\u0301"},
		{"left over a family", draft.left, "x👩‍👩‍👧|", "x|👩‍👩‍👧"},
		{"left over a flag", draft.left, "🇩🇪🇫🇷|", "🇩🇪|🇫🇷"},
		{"left over CR LF", draft.left, "a\r\n|", "a\r|\n"},
		{"left to an empty line", draft.left, "日\n\n|日", "日\n|\n日"},
		{"right", draft.right, "a|bc", "ab|c"},
		{"right at the end", draft.right, "abc|", "abc|"},
		{"right over a line's end", draft.right, "a|\nb", "a\n|b"},
		{"right over a combining mark", draft.right, "|e\u0301a", "e\u0301|a"},
		{"right over a family", draft.right, "|👩‍👩‍👧x", "👩‍👩‍👧|x"},
		{"line start", draft.lineStart, "a\nbc|d\ne", "a\n|bcd\ne"},
		{"line end", draft.lineEnd, "a\nb|cd\ne", "a\nbcd|\ne"},
		{"line end of the last", draft.lineEnd, "a\nb|cd", "a\nbcd|"},
		{"text start", draft.textStart, "a\nb|", "|a\nb"},
		{"text end", draft.textEnd, "a|\nb", "a\nb|"},
		{"up", up, "abc\nde|f", "ab|c\ndef"},
		{"up to a short line", up, "a\nde|f", "a|\ndef"},
		{"up to an empty line", up, "\ndef|", "|\ndef"},
		{"up in the first line", up, "ab|c", "ab|c"},
		{"up by cells", up, "日本語\nabcd|", "日本|語\nabcd"},
		{"up into the middle of a wide letter", up, "日本語\nabc|", "日|本語\nabc"},
		{"down", down, "a|bc\ndef", "abc\nd|ef"},
		{"down to a short line", down, "abc|\nd", "abc\nd|"},
		{"down in the last line", down, "ab\nc|", "ab\nc|"},
		{"word left", draft.wordLeft, "where useridentity.arn| = 1", "where useridentity.|arn = 1"},
		{"word left over spaces", draft.wordLeft, "where a  \n |b", "where |a  \n b"},
		{"word left at the start", draft.wordLeft, "  |a", "|  a"},
		{"word left with marks", draft.wordLeft, "x e\u0301a|", "x |e\u0301a"},
		{"word right", draft.wordRight, "|where a", "where| a"},
		{"word right over signs", draft.wordRight, "where| (a_b)", "where (a_b|)"},
		{"word right to the end", draft.wordRight, "a| ;", "a ;|"},
		{"blank left", draft.blankLeft, "where useridentity.arn |= 1", "where |useridentity.arn = 1"},
		{"new line", draft.newline, "  a|b", "  a\n  |b"},
		{"new line in the margin", draft.newline, "  |  a", "  \n  |  a"},
		{"new line far in", draft.newline, strings.Repeat(" ", 100) + "a|", strings.Repeat(" ", 100) + "a\n" + strings.Repeat(" ", maxMargin) + "|"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.move(marked(test.from)); got != marked(test.want) {
				t.Errorf("%q, want %q", got, test.want)
			}
		})
	}
}

func TestInsertJoinsCharacters(t *testing.T) {
	if got := marked("a|\u0301b").insert("e"); got != marked("ae\u0301|b") {
		t.Errorf("%q", got)
	}
	// Without the space the mark belongs to the letter.
	d := draft{"e \u0301x", 1}
	if got, _ := d.without(2); got.text != "e\u0301x" || got.cursor != len("e\u0301") {
		t.Errorf("%q", got)
	}
}

func TestPartner(t *testing.T) {
	for _, test := range []struct {
		name, text  string
		here, there int
		found       bool
	}{
		{"at the cursor", "a |(b)", 2, 4, true},
		{"before the cursor", "a (b)|", 4, 2, true},
		{"inner", "((|a))", 1, 3, true},
		{"other brackets do not count", "(|[)]", 1, 3, true},
		{"in a text", "f|(')')", 1, 5, true},
		{"none", "f|(a", 0, 0, false},
		{"no bracket", "f|a", 0, 0, false},
		{"empty", "|", 0, 0, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := marked(test.text)
			quoted := func(i int) bool { return strings.Count(d.text[:i], "'")%2 == 1 }
			here, there, found := d.partner(quoted)
			if here != test.here || there != test.there || found != test.found {
				t.Errorf("%d, %d, %v", here, there, found)
			}
		})
	}
}

// onBorder reports whether the cursor is between two characters, as a count
// from the start of the text tells.
func onBorder(d draft) bool {
	if d.cursor < 0 || d.cursor > len(d.text) {
		return false
	}
	for i := 0; i <= d.cursor; {
		if i == d.cursor {
			return true
		}
		c, _, _, _ := uniseg.FirstGraphemeClusterInString(d.text[i:], -1)
		if c == "\r\n" {
			c = "\r"
		}
		i += len(c)
	}
	return false
}

func FuzzMotions(f *testing.F) {
	for _, s := range []string{"select 1", "a\nb\n\nc", "日本語\nabc", "e\u0301 👩‍👩‍👧🇩🇪\r\nx", "\u0301\u200d", "a\tb\x1b[31m"} {
		f.Add(s, 3, 2)
	}
	f.Fuzz(func(t *testing.T, text string, cursor, other int) {
		text = valid(text)
		d := at(text, cursor)
		for name, move := range map[string]func(draft) draft{
			"at": func(d draft) draft { return d }, "left": draft.left, "right": draft.right,
			"lineStart": draft.lineStart, "lineEnd": draft.lineEnd, "textStart": draft.textStart, "textEnd": draft.textEnd,
			"wordLeft": draft.wordLeft, "wordRight": draft.wordRight, "blankLeft": draft.blankLeft,
			"up":   func(d draft) draft { d, _ = d.up(other); return d },
			"down": func(d draft) draft { d, _ = d.down(other); return d },
		} {
			got := move(d)
			if got.text != text {
				t.Errorf("%s: %q became %q", name, text, got.text)
			}
			if !onBorder(got) {
				t.Errorf("%s: %q is inside of a character", name, got)
			}
			if strings.HasSuffix(name, "eft") && got.cursor >= d.cursor && d.cursor > 0 {
				t.Errorf("%s does not move %q", name, d)
			}
			if strings.HasSuffix(name, "ight") && got.cursor <= d.cursor && d.cursor < len(text) {
				t.Errorf("%s does not move %q", name, d)
			}
		}
		if back := d.left().right(); d.cursor > 0 && back != d {
			t.Errorf("left and right of %q is %q", d, back)
		}
		cut, gone := d.without(at(text, other).cursor)
		if len(cut.text)+len(gone) != len(text) || !onBorder(cut) || !utf8.ValidString(cut.text) {
			t.Errorf("%q less %q is %q", d, gone, cut)
		}
		if in := d.insert("日\u0301"); !onBorder(in) || len(in.text) != len(text)+len("日\u0301") {
			t.Errorf("%q with an insertion is %q", d, in)
		}
		if in := d.newline(); !onBorder(in) {
			t.Errorf("%q with a new line is %q", d, in)
		}
	})
}
