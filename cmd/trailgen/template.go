package main

import (
	"fmt"
	"strings"
)

// template is a piece of JSON with words to fill in: in
// {"bucketName":"<bucket>"} the word bucket stands for a bucket of the account
// that the call is made in. A word means the same thing throughout one record,
// so a bucket is the same in the request, the host name and the ARN; words
// marked fresh in the vocabulary are drawn anew each time.
type template []segment

// segment is a literal or a word.
type segment struct {
	literal string
	word    *word
}

// word is one entry of the vocabulary.
type word struct {
	slot  int // where a call remembers it; -1 for fresh words
	write func(c *call, dst []byte) []byte
}

// parseTemplate splits text at its <words>.
func parseTemplate(text string, words vocabulary) (template, error) {
	var t template
	for rest := text; rest != ""; {
		before, after, found := strings.Cut(rest, "<")
		if before != "" {
			t = append(t, segment{literal: before})
		}
		if !found {
			break
		}
		name, tail, closed := strings.Cut(after, ">")
		w, known := words[name]
		if !closed || !known {
			return nil, fmt.Errorf("parse template %q: unknown word %q", text, name)
		}
		t = append(t, segment{word: w})
		rest = tail
	}
	return t, nil
}

// write appends the template with its words filled in for c.
func (t template) write(c *call, dst []byte) []byte {
	for _, s := range t {
		switch {
		case s.word == nil:
			dst = append(dst, s.literal...)
		case s.word.slot < 0:
			dst = s.word.write(c, dst)
		default:
			dst = c.recall(s.word, dst)
		}
	}
	return dst
}

// memory keeps the words of one record.
type memory struct {
	spans []span
	text  []byte
	turn  int
}

type span struct{ from, to, turn int }

// forget starts the next record.
func (m *memory) forget() {
	m.turn++
	m.text = m.text[:0]
}

// recall appends what w stands for in this record, settling it on first use.
func (c *call) recall(w *word, dst []byte) []byte {
	for w.slot >= len(c.memory.spans) {
		c.memory.spans = append(c.memory.spans, span{})
	}
	if s := c.memory.spans[w.slot]; s.turn == c.memory.turn {
		return append(dst, c.memory.text[s.from:s.to]...)
	}
	from := len(dst)
	dst = w.write(c, dst)
	start := len(c.memory.text)
	c.memory.text = append(c.memory.text, dst[from:]...)
	c.memory.spans[w.slot] = span{start, len(c.memory.text), c.memory.turn}
	return dst
}
