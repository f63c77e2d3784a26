package pack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// maxEventIDs is how many events a correlation names; all of them count.
const maxEventIDs = 1000

// Correlation is what several events show together.
type Correlation struct {
	Rule        *Rule
	Severity    Severity
	By, Values  []string // the columns that the events have in common
	First, Last time.Time
	Events      int64
	// Reached is the greatest count, number of distinct values or sum in one window;
	// 1 for a first use.
	Reached  int64
	EventIDs []string // of the first events; of some where events were only counted, of a scope's if there are any
	Scopes   []*Rule  // of those that the plan was made with: each took one of the events at least
	Then     string   // id of the event that followed and raised the severity
	// Since is when the time begins in which there was no use before the first one, as
	// far as the archive goes back; zero for a burst.
	Since time.Time

	compared bool      // a first use of what is known by others
	strange  bool      // and nothing earlier is known
	at       time.Time // when a burst reached its threshold
}

// correlator watches events that come in order of time.
type correlator struct {
	period  extent
	scopes  []*Rule
	watches []*watching
}

func newCorrelator(p *Plan) *correlator {
	c := &correlator{period: p.period, scopes: p.scopes}
	for _, w := range p.watches {
		c.watches = append(c.watches, &watching{watch: w, keys: map[string]*window{}})
	}
	return c
}

// watching is a watch with what it has seen.
type watching struct {
	watch
	keys  map[string]*window
	found []*Correlation
	seen  int // events since windows were last forgotten
}

// window is what lies in the sliding window of one key.
type window struct {
	events []seen
	weight int64
	values map[string]int // how often a distinct value is in it
	open   *Correlation
	last   *Correlation // for what may follow
}

type seen struct {
	at     time.Time
	id     string
	values []string // distinct ones
	weight int64
	scopes []*Rule // that took it
}

func (c *correlator) see(e *Event) {
	for _, w := range c.watches {
		if t, ok := e.By(w.of); ok && e.Time.Before(c.period.to) {
			w.add(e, t, c.scopes)
		}
		if then := w.burst.Then; then != nil {
			for _, t := range e.Taken {
				if t.Rule.ID.Value == then.Rule.Value {
					w.follow(e, t)
				}
			}
		}
	}
}

// of is the value of a column for an event that a rule took.
func (e *Event) of(t Taken, column string) string {
	if i := evidenceIndex(column); i >= 0 {
		return e.Values[i]
	}
	return t.Columns[column]
}

func (w *watching) key(e *Event, t Taken) (string, []string) {
	values := make([]string, len(w.burst.By))
	for i, c := range w.burst.By {
		values[i] = e.of(t, c.Value)
	}
	return strings.Join(values, "\x00"), values
}

func (w *watching) add(e *Event, t Taken, scopes []*Rule) {
	key, values := w.key(e, t)
	for i, column := range w.burst.By {
		if values[i] == "" && !mayLack(column) {
			return
		}
	}
	one := seen{at: e.Time, id: e.Value("event_id"), weight: 1}
	if w.burst.Distinct.Value != "" {
		if one.values = elements(e.of(t, w.burst.Distinct.Value)); len(one.values) == 0 {
			return
		}
	}
	for _, scope := range scopes {
		if _, ok := e.By(scope); ok {
			one.scopes = append(one.scopes, scope)
		}
	}
	in := w.keys[key]
	if in == nil {
		in = &window{values: map[string]int{}}
		w.keys[key] = in
	}
	if w.burst.Sum.Value != "" {
		one.weight = 0
		_, _ = fmt.Sscan(e.of(t, w.burst.Sum.Value), &one.weight) // no number counts as none
	}
	in.push(one, time.Duration(w.burst.Within))
	reached := in.weight
	if w.burst.Distinct.Value != "" {
		reached = int64(len(in.values))
	}
	w.judge(in, reached, values)
	w.forget(e.Time)
}

// elements are the different values in a column: those of a list, which is JSON, or its
// text. A value that the record lacks is none.
func elements(text string) []string {
	switch {
	case text == "" || text == "null" || text == "[]":
		return nil
	case !strings.HasPrefix(text, `["`):
		return []string{text}
	}
	var list []string
	if json.Unmarshal([]byte(text), &list) != nil {
		return []string{text}
	}
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(s string) bool { return s == "" })
}

func (in *window) push(one seen, within time.Duration) {
	old := 0
	for ; old < len(in.events) && one.at.Sub(in.events[old].at) > within; old++ {
		s := in.events[old]
		in.weight -= s.weight
		for _, v := range s.values {
			if in.values[v]--; in.values[v] == 0 {
				delete(in.values, v)
			}
		}
	}
	in.events = append(in.events[old:], one)
	in.weight += one.weight
	for _, v := range one.values {
		in.values[v]++
	}
}

// judge opens, goes on with or ends the burst of a window.
func (w *watching) judge(in *window, reached int64, values []string) {
	newest := in.events[len(in.events)-1]
	if reached < w.least {
		in.open = nil
		return
	}
	if in.open == nil {
		in.open = &Correlation{Rule: w.rule, Severity: w.to, Values: values, First: in.events[0].at, at: newest.at}
		for _, b := range w.burst.By {
			in.open.By = append(in.open.By, b.Value)
		}
		for _, s := range in.events[:len(in.events)-1] {
			in.open.note(s)
		}
		w.found = append(w.found, in.open)
		in.last = in.open
	}
	in.open.Last = newest.at
	in.open.Reached = max(in.open.Reached, reached)
	in.open.note(newest)
}

func (c *Correlation) note(s seen) {
	c.Events++
	c.addScopes(s.scopes)
	if len(c.EventIDs) < maxEventIDs {
		c.EventIDs = append(c.EventIDs, s.id)
	}
}

func (c *Correlation) addScopes(scopes []*Rule) {
	for _, s := range scopes {
		if !slices.Contains(c.Scopes, s) {
			c.Scopes = append(c.Scopes, s)
		}
	}
}

// follow raises the burst that an event follows.
func (w *watching) follow(e *Event, t Taken) {
	key, _ := w.key(e, t)
	in := w.keys[key]
	if in == nil || in.last == nil || in.last.Then != "" || e.Time.Sub(in.last.Last) > time.Duration(w.burst.Then.Within) {
		return
	}
	in.last.Then = e.Value("event_id")
	in.last.Severity = max(in.last.Severity, w.burst.Then.To)
}

// forget drops windows that nothing can come of any more.
func (w *watching) forget(now time.Time) {
	if w.seen++; w.seen < 100_000 {
		return
	}
	w.seen = 0
	keep := time.Duration(w.burst.Within)
	if w.burst.Then != nil {
		keep = max(keep, time.Duration(w.burst.Then.Within))
	}
	for key, in := range w.keys {
		if now.Sub(in.events[len(in.events)-1].at) > keep {
			delete(w.keys, key)
		}
	}
}

func (c *correlator) correlations() []Correlation {
	var list []Correlation
	for _, w := range c.watches {
		for _, f := range w.found {
			if !f.at.Before(c.period.from) {
				list = append(list, *f)
			}
		}
	}
	return list
}

// step is what a tally counted of one key in one step of time, for one value.
type step struct {
	number      int64
	value       string
	n, total    int64
	first, last time.Time
	id          string // of one of its events, of a first use that of the first
	scopes      []*Rule
}

// judge finds the bursts of one key.
func (t *tally) judge(key []string, steps []step) []Correlation {
	var by []string
	for _, column := range t.by() {
		by = append(by, column.Value)
	}
	start := func(s step) Correlation {
		return Correlation{Rule: t.rule, Severity: t.to, By: by, Values: key, First: s.first, Last: s.last}
	}
	if t.burst == nil {
		c := start(steps[0])
		c.Events, c.Reached, c.EventIDs = steps[0].n, 1, []string{steps[0].id}
		c.addScopes(steps[0].scopes)
		c.compared, c.strange = len(t.first.Known) > 0, steps[0].total > 0
		return []Correlation{c}
	}
	within := time.Duration(t.burst.Within)
	if t.burst.Distinct.Value != "" {
		// The number can only grow at the first time of a value in a step.
		slices.SortStableFunc(steps, func(a, b step) int { return a.first.Compare(b.first) })
	}
	var found []Correlation
	var open *Correlation
	from, counted := 0, 0 // counted: steps that the open burst has
	values := map[string]bool{}
	for i, end := range steps {
		reached := int64(0)
		var lo int
		if t.burst.Distinct.Value != "" {
			for from < i && steps[from].number < end.number-1 {
				from++
			}
			clear(values)
			lo = i
			if int64(i-from+1) < t.least {
				open = nil
				continue
			}
			for j := from; j <= i; j++ {
				if end.first.Sub(steps[j].last) <= within {
					values[steps[j].value] = true
					lo = min(lo, j)
				}
			}
			reached = int64(len(values))
		} else {
			for from < i && end.number-steps[from].number > int64(within/t.step) {
				from++
			}
			lo = from
			for _, s := range steps[from : i+1] {
				if t.burst.Sum.Value != "" {
					reached += s.total
				} else {
					reached += s.n
				}
			}
		}
		if reached < t.least {
			open = nil
			continue
		}
		if open == nil {
			found = append(found, start(steps[lo]))
			open = &found[len(found)-1]
			if open.at = end.last; t.burst.Distinct.Value != "" {
				open.at = end.first
			}
			// A burst before may have counted some of the steps; they are of this one, too.
			for _, s := range steps[lo:i] {
				open.addScopes(s.scopes)
			}
			counted = max(counted, lo)
		}
		for ; counted <= i; counted++ {
			s := steps[counted]
			open.Events += s.n
			open.addScopes(s.scopes)
			if s.last.After(open.Last) {
				open.Last = s.last
			}
			if len(open.EventIDs) < maxEventIDs {
				open.EventIDs = append(open.EventIDs, s.id)
			}
		}
		open.Reached = cmp.Or(max(open.Reached, reached), reached)
	}
	return found
}
