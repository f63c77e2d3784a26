package digest

import (
	"slices"
	"time"
)

// Span is the time [From, To).
type Span struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// settled are the digests of an account and Region with a verdict other than
// unproven: a copy's newest digest, which cannot be proven, is no hole. all has the
// times that lack digests too, which may lie before the first and behind the last.
type settled struct{ valid, all []Span }

// provenTime is what of [first, last) has no hole in any account and Region. One
// is expected from its first to its last digest only, as it may be younger, and
// where a gap was found.
func provenTime(first, last time.Time, areas map[area]*settled) []Span {
	if !first.Before(last) {
		return nil
	}
	proven := []Span{{first, last}}
	for _, a := range areas {
		known := merge(a.valid)
		at, end := merge(a.all)[0].From, lastEnd(a.all)
		for _, k := range append(known, Span{end, end}) {
			if at.Before(k.From) {
				proven = without(proven, Span{at, k.From})
			}
			if k.To.After(at) {
				at = k.To
			}
		}
	}
	return proven
}

// merge joins spans that touch, and sorts them.
func merge(spans []Span) (out []Span) {
	for _, s := range slices.SortedFunc(slices.Values(spans), func(a, b Span) int { return a.From.Compare(b.From) }) {
		if n := len(out) - 1; n >= 0 && !s.From.After(out[n].To) {
			if s.To.After(out[n].To) {
				out[n].To = s.To
			}
			continue
		}
		out = append(out, s)
	}
	return out
}

// without cuts a hole.
func without(spans []Span, hole Span) (out []Span) {
	for _, s := range spans {
		if !hole.To.After(s.From) || !hole.From.Before(s.To) {
			out = append(out, s)
			continue
		}
		if s.From.Before(hole.From) {
			out = append(out, Span{s.From, hole.From})
		}
		if hole.To.Before(s.To) {
			out = append(out, Span{hole.To, s.To})
		}
	}
	return out
}
