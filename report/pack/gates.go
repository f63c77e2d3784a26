package pack

import (
	"slices"
	"strconv"
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

// gate is a simple condition that must hold for several rules. It is looked at once
// for each event, and the rules that it closes are left out before their own
// conditions are.
type gate struct {
	where Text
	rules []*placed
}

// conjunct is a part of a condition, between the ANDs that hold for all of it.
type conjunct struct {
	from, to int // in the condition, with the AND before it
	text     string
	simple   bool // no bracket, parameter or JSON: it costs little for any event
}

// conjuncts splits a condition. One with an OR for all of it cannot be, and has none.
func conjuncts(condition string) []conjunct {
	tokens, err := dialect.Tokens(condition)
	if err != nil || strings.TrimSpace(condition) == "" {
		return nil // whoever expands it says what is wrong
	}
	var list []conjunct
	one, words, depth := conjunct{simple: true}, []string(nil), 0
	end := func(at int) {
		// A member's name stays in one piece, or the whole struct would be read.
		one.to, one.text = at, strings.ReplaceAll(strings.Join(words, " "), " . ", ".")
		list = append(list, one)
		one, words = conjunct{from: at, simple: true}, nil
	}
	for _, t := range tokens {
		word := ""
		switch t.Kind {
		case dialect.Space, dialect.Comment:
			continue
		case dialect.Word, dialect.Operator:
			word = strings.ToUpper(t.Text)
		case dialect.Parameter:
			one.simple = false
		}
		switch word {
		case "(", "[", "CASE":
			depth++
			one.simple = false
		case ")", "]", "END":
			depth--
		case "OR", "BETWEEN":
			if depth == 0 {
				return nil
			}
		case "AND":
			if depth == 0 {
				end(t.Offset)
				continue
			}
		case "OMITTED":
			one.simple = false
		default:
			if isJSON(t.Text) {
				one.simple = false
			}
		}
		words = append(words, t.Text)
	}
	end(len(condition))
	return list
}

func isJSON(column string) bool {
	for _, c := range jsonColumns {
		if strings.EqualFold(c, column) {
			return true
		}
	}
	return false
}

// gates takes the simple conditions that rules share out of theirs.
func (s *scan) gates() {
	parts := make([][]conjunct, len(s.rules))
	uses := map[string]int{}
	for i, p := range s.rules {
		parts[i] = conjuncts(p.where.Value)
		for _, c := range parts[i] {
			if c.simple {
				uses[c.text]++
			}
		}
	}
	for i, p := range s.rules {
		rest := p.where.Value
		for _, c := range parts[i] {
			if !c.simple || uses[c.text] < 2 {
				continue
			}
			k := slices.IndexFunc(s.shared, func(g gate) bool { return g.where.Value == c.text })
			if k < 0 {
				k = len(s.shared)
				s.shared = append(s.shared, gate{where: Text{Value: c.text, At: p.where.At}})
			}
			s.shared[k].rules = append(s.shared[k].rules, p)
			p.gated = true
			rest = rest[:c.from] + strings.Repeat(" ", c.to-c.from) + rest[c.to:]
		}
		p.where.Value = withoutAnd(rest)
		p.early = !p.named() && !p.gated && p.where.Value != ""
	}
}

// withoutAnd blanks an AND that nothing stands before any more: what is left keeps
// its place in the file.
func withoutAnd(condition string) string {
	if strings.TrimSpace(condition) == "" {
		return ""
	}
	tokens, err := dialect.Tokens(condition)
	if err != nil {
		return condition // whoever expands it says what is wrong
	}
	for _, t := range tokens {
		if t.Kind == dialect.Space || t.Kind == dialect.Comment {
			continue
		}
		if t.Kind == dialect.Word && strings.EqualFold(t.Text, "AND") {
			return condition[:t.Offset] + "   " + condition[t.Offset+len(t.Text):]
		}
		break
	}
	return condition
}

// writeLive writes the rules that an event may still concern after the gates, and
// the early ones that take it.
func (s *scan) writeLive(w *sqlWriter) error {
	for word := range s.words {
		live := "candidates" + strconv.Itoa(word)
		text := ""
		for _, g := range s.shared {
			mask := int64(0)
			for _, p := range g.rules {
				if p.word == word {
					mask |= 1 << p.bit
				}
			}
			if mask == 0 {
				continue
			}
			e, err := s.expand(g.where)
			if err != nil {
				return err
			}
			live, text = "bitwise_and("+live, text+", CASE WHEN "+e.sql+" THEN -1 ELSE "+number(^mask)+" END)"
		}
		w.add(",\n\t", live, text)
		for _, p := range s.rules {
			if p.word != word || !p.early {
				continue
			}
			e, err := s.expand(p.where)
			if err != nil {
				return err
			}
			w.add(" + CASE WHEN ")
			w.insert(e)
			w.add(" THEN ", number(1<<p.bit), " ELSE 0 END")
		}
		w.add(once, " AS live", strconv.Itoa(word))
	}
	return nil
}
