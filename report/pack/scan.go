package pack

import (
	"slices"
	"strconv"
	"strings"
)

// placed is a rule that a scan looks for: a bit in one of its words.
type placed struct {
	*Rule
	word int
	bit  int // of the rule; those of its raises follow

	where Text // what gates leave of the rule's
	gated bool // by one at least
	// early: neither names nor gates spare it an event, and its condition is looked at
	// with the gates, so that what is left of the events is fewer.
	early bool
}

// maxBits is what is used of a word: the sign stays out of it.
const maxBits = 62

// bits is how many a rule needs: one, and one for each condition that raises it.
func (r *Rule) bits() int {
	n := 1
	for _, raise := range r.Raise {
		if raise.Where.Value != "" {
			n++
		}
	}
	return n
}

// scan is one pass over the table that finds out which of some rules take an event.
// It is written from the outside in: what asks of it comes first.
type scan struct {
	*planner
	rules  []*placed
	words  int
	shared []gate // in the order of their first use
}

// scan begins one. Until the next one begins, expressions are for what asks of it.
func (b *planner) scan(rules []*Rule) *scan {
	s := &scan{planner: b}
	for _, r := range rules {
		p := &placed{Rule: r, where: r.Where}
		if n := len(s.rules); n > 0 {
			last := s.rules[n-1]
			p.word, p.bit = last.word, last.bit+last.bits()
		}
		if p.bit+r.bits() > maxBits {
			p.word, p.bit = p.word+1, 0
		}
		s.rules = append(s.rules, p)
		s.words = p.word + 1
	}
	s.gates()
	b.flat = newFlatColumns()
	return s
}

// once adds nothing to a number. An engine must not compute bits a second time for a
// condition on them, and does not where chance comes in.
const once = " + CAST(floor(random()) AS bigint)"

// fewRules are so few that it costs more to leave events out than to look at their
// conditions.
const fewRules = 8

// write writes the events of a time with their bits, as a query in brackets:
//
//   - which rules an event may concern by its service and name is found out once
//     for each pair of them, and joined;
//   - columns that rules ask of, and macros, are computed once (flatColumns);
//   - simple conditions that rules share are, too, and close those rules (gate);
//   - so are the bits of the rules; a condition is looked at only for events that it
//     may concern.
func (s *scan) write(w *sqlWriter, read extent) error {
	w.add("(\nSELECT *")
	for word := range s.words {
		w.add(",\n")
		if err := s.word(w, word); err != nil {
			return err
		}
		w.add(once, " AS took", strconv.Itoa(word))
	}
	w.add("\nFROM (\nSELECT *")
	if err := s.writeLive(w); err != nil {
		return err
	}
	w.add("\nFROM (\nSELECT *")
	s.flat.writeMacros(w)
	named := slices.ContainsFunc(s.rules, func(p *placed) bool { return p.named() })
	w.add("\nFROM (\nSELECT ")
	for i := range s.words {
		if i > 0 {
			w.add(", ")
		}
		if !named {
			w.add("CAST(", number(s.always(i)), " AS bigint) AS ")
		}
		w.add("candidates", strconv.Itoa(i))
	}
	s.flat.write(w)
	w.add("\nFROM cloudtrail_logs")
	if named {
		w.add(" JOIN ")
		s.candidates(w, read)
		w.add(" ON coalesce(eventsource, '') = candidate_source AND coalesce(eventname, '') = candidate_name")
	}
	w.add("\nWHERE ")
	s.window(w, read)
	s.services(w)
	w.add(") columns) columns_and_macros) events")
	if len(s.rules) > fewRules {
		w.add(" WHERE ")
		s.any(w, "live")
	}
	w.add(")")
	return nil
}

// onlyNamed reports whether each rule is limited to some events.
func (s *scan) onlyNamed() bool {
	return !slices.ContainsFunc(s.rules, func(p *placed) bool { return !p.named() })
}

// services writes a condition, after others, that spares an engine events of services
// that no rule is about.
func (s *scan) services(w *sqlWriter) {
	var sources []string
	for _, p := range s.rules {
		if len(p.Events) == 0 {
			return
		}
		for _, set := range p.Events {
			if len(set.Source) == 0 {
				return
			}
			for _, one := range set.Source {
				sources = append(sources, one.Value+".amazonaws.com")
			}
		}
	}
	slices.Sort(sources)
	w.add(" AND ", namesCondition("eventsource", slices.Compact(sources)))
}

// taken writes the condition that any rule took an event.
func (s *scan) taken(w *sqlWriter) {
	s.any(w, "took")
}

// any writes the condition that a bit is set in the words of a name.
func (s *scan) any(w *sqlWriter, name string) {
	for i := range s.words {
		if i > 0 {
			w.add(" OR ")
		}
		w.add(name, strconv.Itoa(i), " <> 0")
	}
}

// masks writes the condition that one of the rules with these bits, by word, took an
// event.
func (s *scan) masks(w *sqlWriter, masks []int64) {
	terms := 0
	for word, mask := range masks {
		if mask == 0 {
			continue
		}
		if terms++; terms > 1 {
			w.add(" OR ")
		}
		w.add("bitwise_and(took", strconv.Itoa(word), ", ", number(mask), ") <> 0")
	}
}

// word writes the bits of all rules of one word.
func (s *scan) word(w *sqlWriter, word int) error {
	var named, gated []*placed
	plain := int64(0) // rules that are no more than names and gates
	for _, p := range s.rules {
		switch {
		case p.word != word:
		case (p.where.Value == "" || p.early) && p.bits() == 1:
			plain |= 1 << p.bit
		case p.named():
			named = append(named, p)
		default:
			gated = append(gated, p)
		}
	}
	w.add("bitwise_and(live", strconv.Itoa(word), ", ", number(plain), ")")
	for _, rules := range [][]*placed{sortedByService(named), gated} {
		if len(rules) == 0 {
			continue
		}
		w.add("\n\t+ ")
		if err := s.tree(w, word, rules); err != nil {
			return err
		}
	}
	return nil
}

// tree writes the bits of rules that are limited to some events, in halves: most
// events concern none of a half, and are done with in one step.
func (s *scan) tree(w *sqlWriter, word int, rules []*placed) error {
	mask := int64(0)
	for _, p := range rules {
		mask |= 1 << p.bit
	}
	w.add("CASE WHEN bitwise_and(live", strconv.Itoa(word), ", ", number(mask), ") <> 0 THEN ")
	if len(rules) == 1 {
		if err := s.took(w, rules[0]); err != nil {
			return err
		}
	} else {
		half := len(rules) / 2
		if err := s.tree(w, word, rules[:half]); err != nil {
			return err
		}
		w.add("\n\t+ ")
		if err := s.tree(w, word, rules[half:]); err != nil {
			return err
		}
	}
	w.add(" ELSE 0 END")
	return nil
}

// took writes the bits of one rule, as a number, for events that it may concern. CASE
// in CASE keeps the order, cheapest first; of AND engines choose it, and try others.
func (s *scan) took(w *sqlWriter, p *placed) error {
	if p.named() {
		s.flat.rule = p
		defer func() { s.flat.rule = nil }()
	}
	nested := 0
	if p.where.Value != "" && !p.early {
		e, err := s.expand(p.where)
		if err != nil {
			return err
		}
		w.add("CASE WHEN ")
		w.insert(e)
		w.add(" THEN ")
		nested++
	}
	w.add(number(1 << p.bit))
	bit := p.bit
	for _, raise := range p.Raise {
		if raise.Where.Value == "" {
			continue
		}
		bit++
		e, err := s.expand(raise.Where)
		if err != nil {
			return err
		}
		w.add(" + CASE WHEN ")
		w.insert(e)
		w.add(" THEN ", number(1<<bit), " ELSE 0 END")
	}
	w.add(strings.Repeat(" ELSE 0 END", nested))
	return nil
}

// sortedByService puts rules together that look at the same service first.
func sortedByService(rules []*placed) []*placed {
	service := func(p *placed) string {
		if sources := p.Events[0].Source; len(sources) > 0 {
			return sources[0].Value
		}
		return ""
	}
	slices.SortStableFunc(rules, func(a, b *placed) int { return strings.Compare(service(a), service(b)) })
	return rules
}

// always are the rules of a word that may concern any event.
func (s *scan) always(word int) int64 {
	mask := int64(0)
	for _, p := range s.rules {
		if p.word == word && !p.named() && !p.early {
			mask |= 1 << p.bit
		}
	}
	return mask
}

// candidates writes a query for the services and names that occur, with the rules
// that name them.
func (s *scan) candidates(w *sqlWriter, read extent) {
	w.add("(SELECT * FROM (SELECT *")
	for word := range s.words {
		w.add(",\n\tCAST(", number(s.always(word)))
		for _, p := range s.rules {
			if p.word == word && p.named() {
				w.add(" + CASE WHEN ")
				p.events(w, "candidate_source", "candidate_name")
				w.add(" THEN ", number(1<<p.bit), " ELSE 0 END")
			}
		}
		w.add(" AS bigint) AS candidates", strconv.Itoa(word))
	}
	w.add("\nFROM (SELECT DISTINCT coalesce(eventsource, '') AS candidate_source, coalesce(eventname, '') AS candidate_name FROM cloudtrail_logs WHERE ")
	s.window(w, read)
	w.add(") pairs) named")
	if s.onlyNamed() {
		for word := range s.words {
			if word == 0 {
				w.add(" WHERE ")
			} else {
				w.add(" OR ")
			}
			w.add("candidates", strconv.Itoa(word), " <> 0")
		}
	}
	w.add(") candidates")
}

// events writes which events a rule is limited to, as an expression of their source
// and name, which are not NULL.
func (r *Rule) events(w *sqlWriter, source, name string) {
	var sets []string
	for _, set := range r.Events {
		var terms []string
		if len(set.Source) > 0 {
			var sources []string
			for _, s := range set.Source {
				sources = append(sources, s.Value+".amazonaws.com")
			}
			terms = append(terms, namesCondition(source, sources))
		}
		if len(set.Names) > 0 {
			var names []string
			for _, n := range set.Names {
				names = append(names, n.Value)
			}
			terms = append(terms, "("+namesCondition(name, names)+")")
		}
		if len(terms) > 0 {
			sets = append(sets, strings.Join(terms, " AND "))
		}
	}
	if len(sets) == 0 {
		w.add("true")
		return
	}
	w.add("(", strings.Join(sets, " OR "), ")")
}

// named reports whether the rule is limited to some events.
func (r *Rule) named() bool {
	return len(r.Events) > 0 && !slices.ContainsFunc(r.Events, func(s EventSet) bool { return len(s.Source) == 0 && len(s.Names) == 0 })
}

func number(n int64) string { return strconv.FormatInt(n, 10) }
