package pack

import (
	"slices"
	"strconv"
	"time"
)

// rows plans the listing of events: the whole of it is one statement.
func (b *planner) rows() error {
	for _, r := range b.admitted {
		if r.listed() {
			b.listed = append(b.listed, r)
		}
	}
	if len(b.listed) == 0 {
		return nil
	}
	s := b.scan(b.listed)
	b.plan.rules, b.plan.words = s.rules, s.words
	b.plan.read, b.plan.around = b.around(s)
	var err error
	b.plan.Rows, err = b.list(b.plan.read, nil)
	return err
}

// list writes the statement that lists the events of a part of the time that is read.
// Evidence and details are computed for those that a rule took, as far as they are
// needed of them.
func (b *planner) list(part extent, brief func(*Rule) ([]string, bool)) (Statement, error) {
	s := b.scan(b.listed)
	needed := s.needs(brief)
	w := &sqlWriter{}
	w.add("SELECT ")
	for _, e := range evidence {
		c, err := b.column(e.name)
		if err != nil {
			return Statement{}, err
		}
		switch masks, all := needed.of(e.name); {
		case all:
			w.insert(c)
		case slices.Max(masks) == 0:
			w.add("CAST(NULL AS varchar)")
		default:
			w.add("CASE WHEN ")
			s.masks(w, masks)
			w.add(" THEN ")
			w.insert(c)
			w.add(" END")
		}
		w.add(" AS ", e.name, ",\n\t")
	}
	if err := s.details(w, needed); err != nil {
		return Statement{}, err
	}
	w.add(" AS details")
	for i := range s.words {
		w.add(", took", strconv.Itoa(i))
	}
	instant, object, index := b.flat.column("eventtimestamp"), b.flat.column("sourceobject"), b.flat.column("sourceindex")
	w.add(",\n\t", instant, " AS instant\nFROM ")
	if err := s.write(w, part); err != nil {
		return Statement{}, err
	}
	w.add(" taken\nLEFT JOIN (SELECT object AS ledger_object, sha256 AS ", ledgerHash, " FROM source_files) ledger ON ledger_object = ", object, "\nWHERE ")
	if part.within(b.plan.period) {
		s.taken(w)
	} else {
		w.add("(")
		s.taken(w)
		w.add(") AND (", instant, " >= ", InstantSQL(b.options.From), " AND ", instant, " < ", InstantSQL(b.options.To), " OR ")
		s.masks(w, b.plan.around)
		w.add(")")
	}
	w.add("\nORDER BY ", instant, ", ", object, ", ", index)
	return w.statement(), nil
}

// around is the time to read for bursts that begin before the period, or are followed
// after it, and the bits of the rules whose events are needed for that. To know
// whether a burst goes on at the beginning takes two of its windows.
func (b *planner) around(s *scan) (extent, []int64) {
	read, masks := b.plan.period, make([]int64, s.words)
	for _, watch := range b.plan.watches {
		read.from = earlier(read.from, b.options.From.Add(-2*time.Duration(watch.burst.Within)))
		of := []*Rule{watch.of}
		if then := watch.burst.Then; then != nil {
			of = append(of, b.lib.rules[then.Rule.Value])
			if end := b.options.To.Add(time.Duration(then.Within)); end.After(read.to) {
				read.to = end
			}
		}
		for _, p := range s.rules {
			if slices.Contains(of, p.Rule) {
				masks[p.word] |= 1 << p.bit
			}
		}
	}
	return read, masks
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// detailEnd stands between the extra columns of an event, which are name=text. Of a
// text that has chr(31) in it, = follows that. JSON would be written and read slowly.
const detailEnd = "chr(31) || ','"

// details writes the extra columns of the rules that took an event, each once, as far as
// they are needed.
func (s *scan) details(w *sqlWriter, needed *needs) error {
	var names []string
	wanted := map[string][]int64{} // the rules that show a column
	for _, p := range s.rules {
		for _, c := range p.Columns {
			if masks, _ := needed.of(c.Value); masks[p.word]&(1<<p.bit) == 0 {
				continue
			}
			if wanted[c.Value] == nil {
				wanted[c.Value] = make([]int64, s.words)
				names = append(names, c.Value)
			}
			wanted[c.Value][p.word] |= 1 << p.bit
		}
	}
	if len(names) == 0 {
		w.add("''")
		return nil
	}
	w.add("coalesce(")
	if err := s.members(w, names, wanted); err != nil {
		return err
	}
	w.add(", '')")
	return nil
}

// members writes columns, with detailEnd between them, or NULL for events of which none
// is wanted: in halves, for most events have few.
func (s *scan) members(w *sqlWriter, names []string, wanted map[string][]int64) error {
	masks := make([]int64, s.words)
	for _, name := range names {
		for word, mask := range wanted[name] {
			masks[word] |= mask
		}
	}
	w.add("\n\tCASE WHEN ")
	s.masks(w, masks)
	w.add(" THEN ")
	if half := len(names) / 2; half > 0 {
		w.add("concat_ws(", detailEnd, ", ")
		if err := s.members(w, names[:half], wanted); err != nil {
			return err
		}
		w.add(", ")
		if err := s.members(w, names[half:], wanted); err != nil {
			return err
		}
		w.add(")")
	} else {
		e, err := s.column(names[0])
		if err != nil {
			return err
		}
		w.add("'", names[0], "=' || replace(CAST(")
		w.insert(e)
		w.add(" AS varchar), chr(31), chr(31) || '=')")
	}
	w.add(" END")
	return nil
}
