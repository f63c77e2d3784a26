package pack

import (
	"slices"
	"time"
)

// Parts are those of a period that a plan's rows are read in, one after the other, so
// that less is asked of later events once enough is known. The zero value is one part.
type Parts struct {
	// Cuts are where one part ends and the next begins, in order. Those that do not lie
	// within the period cut nothing.
	Cuts []time.Time
	// Brief says before each part but the first which columns, of the evidence or of rules,
	// are still looked at in events of a rule; ok is false if all are. Of an event that no
	// rule took of which all are, other columns are empty. nil: all are.
	Brief func(*Rule) (columns []string, ok bool)
}

// extents are the parts of what is read: the period and the time around it.
func (p Parts) extents(period, read extent) []extent {
	var list []extent
	for _, cut := range p.Cuts {
		if cut.After(period.from) && cut.Before(period.to) && cut.After(read.from) {
			list = append(list, extent{read.from, cut})
			read.from = cut
		}
	}
	return append(list, read)
}

// needs are the rules, by word and bit, of whose events columns are needed.
type needs struct {
	every []int64            // all rules
	whole []int64            // those of which all columns are
	also  map[string][]int64 // others, by column
}

// needs asks brief, which may be nil. What bursts watch is needed whole.
func (s *scan) needs(brief func(*Rule) ([]string, bool)) *needs {
	n := &needs{every: make([]int64, s.words), whole: make([]int64, s.words), also: map[string][]int64{}}
	for _, p := range s.rules {
		bit := int64(1) << p.bit
		n.every[p.word] |= bit
		var columns []string
		isBrief := false
		if brief != nil && !s.isWatched(p.Rule) {
			columns, isBrief = brief(p.Rule)
		}
		if !isBrief {
			n.whole[p.word] |= bit
		}
		for _, c := range columns {
			if n.also[c] == nil {
				n.also[c] = make([]int64, s.words)
			}
			n.also[c][p.word] |= bit
		}
	}
	return n
}

// of are the rules of whose events one column is needed; all is true if it is of every
// event.
func (n *needs) of(column string) (masks []int64, all bool) {
	masks = slices.Clone(n.whole)
	for word, mask := range n.also[column] {
		masks[word] |= mask
	}
	return masks, slices.Equal(masks, n.every)
}

// isWatched reports whether a burst counts events of the rule or is followed by them.
func (b *planner) isWatched(r *Rule) bool {
	return slices.ContainsFunc(b.plan.watches, func(w watch) bool {
		return w.of == r || w.burst.Then != nil && w.burst.Then.Rule.Value == r.ID.Value
	})
}
