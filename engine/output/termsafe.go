package output

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxMarks is how many combining marks a character may carry. More would paint
// over the lines above and below.
const maxMarks = 8

// Escape makes text safe to show on a terminal in one line. Control characters
// become their pictures (␛ for ESC, ␊ for a line feed); what is invisible or
// reorders text, and bytes that are not UTF-8, are spelled out as \u{202e} or
// \x9b. Escaping again changes nothing.
func Escape(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	var before rune
	for i, marks := 0, 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.Is(unicode.M, r) {
			marks++
		} else {
			marks = 0
		}
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r < 0x20:
			b.WriteRune('␀' + r)
		case r == 0x7f:
			b.WriteRune('␡')
		case r >= 0x80 && r < 0xa0:
			fmt.Fprintf(&b, `\x%02x`, r)
		case r == zeroWidthJoiner && joinsEmoji(before, s[i+size:]):
			b.WriteRune(r)
		case isHidden(r), marks > maxMarks:
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteString(s[i : i+size])
		}
		before = r
		i += size
	}
	return b.String()
}

// EscapeASCII is Escape for terminals that show nothing but ASCII: control
// characters become ^[, and other characters are spelled out as \u{e9}.
func EscapeASCII(s string) string {
	if isPlain(s) {
		return s
	}
	var b strings.Builder
	for _, r := range Escape(s) {
		switch {
		case r >= '␀' && r < '␀'+0x20:
			b.WriteString("^" + string('@'+r-'␀'))
		case r == '␡':
			b.WriteString("^?")
		case r >= 0x7f:
			fmt.Fprintf(&b, `\u{%x}`, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isPlain: printable ASCII, which is nearly everything.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

const zeroWidthJoiner = 0x200d

// isHidden: characters that show nothing, or change the order of others.
func isHidden(r rune) bool {
	switch {
	case r == 0x00ad, r == 0x034f, r == 0x061c, r == 0x115f, r == 0x1160, r == 0x3164, r == 0xfeff, r == 0xffa0:
		return true
	case r >= 0x180b && r <= 0x180f:
		return true
	case r >= 0x200b && r <= 0x200f: // zero width, marks of direction
		return true
	case r >= 0x2028 && r <= 0x202e: // line and paragraph separator, bidi embedding
		return true
	case r >= 0x2060 && r <= 0x206f: // invisible operators, bidi isolates
		return true
	case r >= 0xfff0 && r <= 0xfffb:
		return true
	case r >= 0xe0000 && r <= 0xe0fff: // tags, more variation selectors
		return true
	}
	return false
}

// joinsEmoji: a family of emoji is one character on the screen.
func joinsEmoji(before rune, after string) bool {
	next, _ := utf8.DecodeRuneInString(after)
	return isEmoji(next) && (isEmoji(before) || before == 0xfe0f)
}

func isEmoji(r rune) bool {
	return r >= 0x1f000 && r <= 0x1faff || r >= 0x2190 && r <= 0x2bff && unicode.IsSymbol(r)
}

// isUnsafe: characters that must not reach a terminal as they are.
func isUnsafe(r rune) bool {
	return r < 0x20 || r >= 0x7f && r < 0xa0 || isHidden(r)
}
