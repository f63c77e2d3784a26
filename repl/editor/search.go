package editor

import (
	"strings"
	"unicode/utf8"
)

// search looks through the history while its words are typed.
type search struct {
	words  string
	newer  bool // it goes towards newer entries
	failed bool
	entry  int   // that is shown
	before draft // where it began
	at     int   // the entry where it began
	from   int   // of the words in the text; -1 when they are not there
}

func (e *editing) startSearch(d draft) {
	e.search = &search{entry: e.past.at, at: e.past.at, before: d, from: -1}
}

// searching takes the keys of a search. It is not done with those that end it
// and then do what they do otherwise.
func (e *editing) searching(k key, d draft) (draft, bool) {
	s := e.search
	switch k.code {
	case keyText, keyPaste:
		s.words += strings.ReplaceAll(k.text, "\n", " ")
		return e.find(d, s.entry, s.newer), true
	case keyBackspace:
		_, size := utf8.DecodeLastRuneInString(s.words)
		s.words = s.words[:len(s.words)-size]
		if s.words == "" {
			s.failed, s.from, s.entry = false, -1, s.at
			return s.before, true
		}
		return e.find(d, len(e.past.entries)-1, false), true
	case keySearchOlder, keySearchNewer:
		if s.words == "" {
			s.words = e.searched
		}
		s.newer = k.code == keySearchNewer
		if s.newer {
			return e.find(d, s.entry+1, true), true
		}
		return e.find(d, s.entry-1, false), true
	case keyEscape, keyAbort, keyInterrupt:
		e.search = nil
		return s.before, true
	case keyEnter, keyLine:
		e.endSearch()
		return d, true
	case keyResize, keyResume, keySuspend, keyClear, keyCancel, keyHangup:
		return d, false
	}
	e.endSearch()
	return d, false
}

func (e *editing) endSearch() {
	s := e.search
	e.search = nil
	if s.words != "" {
		e.searched = s.words
	}
	if s.entry != s.at {
		e.past.leaveFor(s.before, s.entry)
	}
}

// find shows the first entry from a place on that holds the words and is not
// the text shown.
func (e *editing) find(d draft, from int, newer bool) draft {
	s := e.search
	if s.words == "" {
		return d
	}
	step := -1
	if newer {
		step = 1
	}
	from = min(from, len(e.past.entries)-1)
	for i := from; i >= 0 && i < len(e.past.entries); i += step {
		text := valid(e.past.entries[i])
		n := indexWords(text, s.words)
		if n < 0 || text == d.text && i != s.entry {
			continue
		}
		s.entry, s.from, s.failed = i, n, false
		return at(text, n)
	}
	s.failed = true
	return d
}

// note says what is searched for.
func (s *search) note() string {
	name := "reverse-i-search"
	if s.newer {
		name = "i-search"
	}
	if s.failed {
		name = "failed " + name
	}
	return "(" + name + ")`" + s.words + "': "
}

// indexWords finds words in a text; capitals only count when there are some.
func indexWords(text, words string) int {
	if words == strings.ToLower(words) {
		if lower := strings.ToLower(text); len(lower) == len(text) {
			text = lower
		}
	}
	return strings.Index(text, words)
}
