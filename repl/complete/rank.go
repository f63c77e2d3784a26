package complete

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const maxItems = 100

// class orders proposals that match as well as each other.
type class uint8

const (
	first class = iota
	second
	third
	fourth
	classes
)

// How well a proposal matches what was typed.
const (
	atStart  = iota // it begins so
	atWord          // a word in it does
	anywhere        // it holds it
	matches
	none = -1
)

// ranking collects what matches.
type ranking struct {
	typed   string
	buckets [matches * int(classes)][]Item
}

func newRanking(typed string) ranking { return ranking{typed: typed} }

// add proposes text if name matches. It reports whether more of the class is
// wanted.
func (r *ranking) add(c class, name, text, detail string) bool {
	m := match(name, r.typed)
	if m == none {
		return true
	}
	return r.put(c, m, text, detail)
}

func (r *ranking) put(c class, m int, text, detail string) bool {
	b := &r.buckets[m*int(classes)+int(c)]
	if len(*b) < maxItems && visible(text) && visible(detail) {
		*b = append(*b, Item{text, detail})
	}
	return m != atStart || len(*b) < maxItems
}

// keyword proposes keywords, which match at their start only.
func (r *ranking) keyword(c class, upper bool, detail string, words ...string) {
	for _, w := range words {
		if match(w, r.typed) != atStart {
			continue
		}
		if !upper {
			w = strings.ToLower(w)
		}
		r.put(c, atStart, w, detail)
	}
}

func (r *ranking) items() []Item {
	total := 0
	for _, b := range r.buckets {
		total += len(b)
	}
	if total == 0 {
		return nil
	}
	items := make([]Item, 0, min(total, maxItems))
	for _, b := range r.buckets {
		for _, item := range b {
			if len(items) == maxItems {
				return items
			}
			items = append(items, item)
		}
	}
	return items
}

// match compares without regard to case.
func match(name, typed string) int {
	i := indexFold(name, typed)
	switch {
	case i < 0:
		return none
	case i == 0:
		return atStart
	case !isLetterOrDigit(name[i-1]):
		return atWord
	}
	return anywhere
}

func isLetterOrDigit(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c >= utf8.RuneSelf
}

func containsFold(s, part string) bool { return indexFold(s, part) >= 0 }

// indexFold finds part in s; only the letters of ASCII are the same in upper and
// lower case.
func indexFold(s, part string) int {
	if part == "" {
		return 0
	}
	c := lowerByte(part[0])
	for i := 0; i+len(part) <= len(s); i++ {
		if lowerByte(s[i]) == c && equalFold(s[i:i+len(part)], part) {
			return i
		}
	}
	return -1
}

func equalFold(a, b string) bool {
	for i := range len(a) {
		if lowerByte(a[i]) != lowerByte(b[i]) {
			return false
		}
	}
	return true
}

// visible is false of texts that would not show as what they are. They are not
// proposed: who inserts them would not see what he runs.
func visible(s string) bool {
	for _, r := range s {
		if r != ' ' && (!unicode.IsPrint(r) || r == utf8.RuneError) {
			return false
		}
	}
	return true
}
