package output

import (
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// Message is the text of an error in one line, those of a joined one behind each
// other. It is not escaped.
func Message(err error) string {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok || !strings.Contains(err.Error(), "\n") {
		return err.Error()
	}
	var parts []string
	for _, e := range joined.Unwrap() {
		parts = append(parts, Message(e))
	}
	return strings.Join(parts, "; ")
}

// excerptWidth is how much of a long line is shown, in characters.
const excerptWidth = 100

// Excerpt is a line of a script, escaped, and a line with a caret below the word
// at the column; both from 1. It is nil for a place that is not in the script.
func Excerpt(script string, line, column int) []string {
	all := strings.Split(script, "\n")
	if line < 1 || line > len(all) || column < 1 {
		return nil
	}
	text := []rune(strings.TrimRight(all[line-1], "\r"))
	at := min(column-1, len(text))
	start, end := 0, len(text)
	if len(text) > excerptWidth {
		start = max(0, at-excerptWidth/2)
		end = min(len(text), start+excerptWidth)
	}
	visible := func(r []rune) string { return Escape(strings.ReplaceAll(string(r), "\t", " ")) }
	before, after := visible(text[start:at]), visible(text[at:end])
	caret := strings.Repeat(" ", uniseg.StringWidth(before)) + strings.Repeat("^", wordWidth(after))
	return []string{before + after, caret}
}

// wordWidth is how many carets to draw: as many as the word there is wide.
func wordWidth(s string) int {
	n := strings.IndexFunc(s, func(r rune) bool {
		return r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	if n < 0 {
		n = utf8.RuneCountInString(s)
	}
	return max(1, n)
}
