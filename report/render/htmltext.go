package render

import (
	"fmt"
	"html/template"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report"
)

// pageFunctions are what the template calls.
var pageFunctions = template.FuncMap{
	"v":          pageValue,
	"parts":      nameParts,
	"sql":        pageSQL,
	"n":          func(n any) string { return quantity.Count(integer(n)) },
	"clock":      clock,
	"duration":   duration,
	"unassessed": func() report.State { return report.NotAssessed },
	"symbol":     symbol,
	"stateName":  stateName,
	"meaning":    func(s report.State) string { return stateWords[s].meaning },
}

func integer(n any) int64 {
	switch n := n.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	}
	return -1
}

// pageValue makes a text of anybody's visible and harmless in a line. html/template
// does the rest.
func pageValue(s string) string { return output.Escape(shorten(s, pageText)) }

// nameParts cuts a name, such as an ARN, where a line may break.
func nameParts(s string) []string {
	var parts []string
	text := pageValue(s)
	start := 0
	for i := range len(text) - 1 {
		if isBreak(text[i]) && !isBreak(text[i+1]) && i > start {
			parts = append(parts, text[start:i+1])
			start = i + 1
		}
	}
	return append(parts, text[start:])
}

func isBreak(c byte) bool { return c == ':' || c == '/' }

// pageSQL keeps lines.
func pageSQL(s string) string {
	lines := strings.Split(strings.TrimRight(shorten(s, pageQuery), "\n"), "\n")
	for i, line := range lines {
		lines[i] = output.Escape(strings.ReplaceAll(strings.TrimSuffix(line, "\r"), "\t", "    "))
	}
	return strings.Join(lines, "\n")
}

// shortenWords cuts a text behind a word.
func shortenWords(s string, longest int) string {
	if utf8.RuneCountInString(s) <= longest {
		return s
	}
	s = string([]rune(s)[:longest])
	if i := strings.LastIndexByte(s, ' '); i > longest/2 {
		s = s[:i]
	}
	return strings.TrimRight(s, " ,;:") + " …"
}

// shorten cuts a text that is longer, and says so.
func shorten(s string, longest int) string {
	if len(s) <= longest {
		return s
	}
	count := utf8.RuneCountInString(s)
	if count <= longest {
		return s
	}
	end := 0
	for range longest {
		_, size := utf8.DecodeRuneInString(s[end:])
		end += size
	}
	return fmt.Sprintf("%s… (%s characters in all)", s[:end], quantity.Count(int64(count)))
}

// clock is a time to the second, in UTC.
func clock(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format(time.DateTime)
}
