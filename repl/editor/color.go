package editor

import (
	"sort"

	"github.com/trailql/trailql/repl/complete"
)

// The styles are of the sixteen colours, which the user's theme makes readable.
const (
	plainStyle    = "\x1b[0m"
	promptStyle   = "\x1b[1m"
	noteStyle     = "\x1b[2m"
	itemStyle     = ""
	detailStyle   = "\x1b[2m"
	selectedStyle = "\x1b[7m"
	markStyle     = "\x1b[1;4m"
)

var roleStyles = [...]string{
	complete.Plain:      "",
	complete.Keyword:    "\x1b[94m",
	complete.Function:   "\x1b[36m",
	complete.String:     "\x1b[32m",
	complete.Number:     "\x1b[33m",
	complete.Comment:    "\x1b[90m",
	complete.DotCommand: "\x1b[35m",
	complete.Mistake:    "\x1b[91m",
}

func (v *view) style(style, text string) string {
	if !v.color || style == "" || text == "" {
		return text
	}
	return style + text + plainStyle
}

// styles tells the style of each byte of a text, asked for in rising order of
// the bytes.
type styles struct {
	spans, marks []complete.Span
}

func (v *view) styles(p picture) *styles {
	if !v.color {
		return &styles{}
	}
	return &styles{p.spans, p.marks}
}

func (s *styles) at(i int) string {
	for _, m := range s.marks {
		if i >= m.Start && i < m.End {
			return markStyle
		}
	}
	// Most of the time it is the first: those before are done with.
	for n := 0; len(s.spans) > 0 && s.spans[0].End <= i; n++ {
		if n == 4 {
			s.spans = s.spans[sort.Search(len(s.spans), func(k int) bool { return s.spans[k].End > i }):]
			break
		}
		s.spans = s.spans[1:]
	}
	if len(s.spans) == 0 || i < s.spans[0].Start || int(s.spans[0].Role) >= len(roleStyles) {
		return ""
	}
	return roleStyles[s.spans[0].Role]
}

// roleAt is the role of a byte.
func roleAt(spans []complete.Span, i int) complete.Role {
	n := sort.Search(len(spans), func(k int) bool { return spans[k].End > i })
	if n < len(spans) && spans[n].Start <= i {
		return spans[n].Role
	}
	return complete.Plain
}
