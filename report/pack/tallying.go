package pack

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// before is what there was before the period, for first uses.
type before struct {
	begins map[Duration]time.Time // the first event since a lookback began; none if there is none
	// used are the keys that were in use, by tally: those of By, and those of Known.
	used, known []map[string]bool
}

// before asks for it.
func (p *Plan) before(ctx context.Context, query QueryFunc) (*before, error) {
	b := &before{begins: map[Duration]time.Time{}}
	if p.past == nil {
		return b, nil
	}
	for _, lookback := range slices.Sorted(maps.Keys(p.past.begins)) {
		s := p.past.begins[lookback]
		if err := eachRow(ctx, query, s, func(batch arrow.RecordBatch, row int) {
			if at, ok := timeAt(batch.Column(0), row); ok {
				b.begins[lookback] = at
			}
		}); err != nil {
			return nil, fmt.Errorf("look for earlier events: %w", err)
		}
	}
	if len(b.begins) == 0 {
		return b, nil
	}
	b.used, b.known = make([]map[string]bool, len(p.tallies)), make([]map[string]bool, len(p.tallies))
	if err := eachRow(ctx, query, p.past.uses, func(batch arrow.RecordBatch, row int) {
		i, _ := integerAt(batch.Column(0), row)
		t := &p.tallies[i]
		key := make([]string, len(t.by()))
		for k := range key {
			key[k] = textOf(batch.Column(1+k), row)
		}
		own := len(t.first.By)
		if b.used[i] == nil {
			b.used[i], b.known[i] = map[string]bool{}, map[string]bool{}
		}
		b.used[i][keyText(key[:own])] = true
		b.known[i][keyText(key[own:])] = true
	}); err != nil {
		return nil, fmt.Errorf("look for earlier uses: %w", err)
	}
	return b, nil
}

// keyText is different for different keys, whatever they have in them.
func keyText(key []string) string {
	var b strings.Builder
	for _, k := range key {
		b.WriteString(strconv.Itoa(len(k)) + ":" + k)
	}
	return b.String()
}

// tallying makes correlations of the rows of tallies, which come by tally, key, step and
// value. Between key and step the rows say which scopes took one of the events.
type tallying struct {
	plan  *Plan
	past  *before
	tally *tally
	index int
	key   []string
	steps []step
	found []Correlation
}

// count reads what the tallies counted. Rules that ask for first uses are NotAssessed in
// this respect if nothing earlier is known.
func (p *Plan) count(ctx context.Context, query QueryFunc) ([]Correlation, error) {
	if len(p.tallies) == 0 {
		return nil, nil
	}
	past, err := p.before(ctx, query)
	if err != nil {
		return nil, err
	}
	t := &tallying{plan: p, past: past}
	if err := eachRow(ctx, query, p.counts, t.see); err != nil {
		return nil, fmt.Errorf("count events: %w", err)
	}
	t.finish()
	for _, one := range p.tallies {
		if one.first == nil {
			continue
		}
		if _, history := past.begins[one.first.Lookback]; !history {
			says := "the archive has no events before the period, so that every use would be the first"
			if len(one.first.Known) > 0 {
				says = "the archive has no events before the period that would say what is usual"
			}
			p.NotAssessed[one.rule.ID.Value] = says
		}
	}
	return t.found, nil
}

// see takes one row in.
func (t *tallying) see(batch arrow.RecordBatch, row int) {
	index, _ := integerAt(batch.Column(0), row)
	same := t.tally != nil && t.index == int(index)
	for i := 0; same && i < len(t.key); i++ {
		same = textOf(batch.Column(1+i), row) == t.key[i]
	}
	if !same {
		t.finish()
		t.tally, t.index = &t.plan.tallies[index], int(index)
		t.key = make([]string, len(t.tally.by()))
		for i := range t.key {
			t.key[i] = textAt(batch.Column(1+i), row)
		}
	}
	column := func(fromEnd int) arrow.Array { return batch.Column(int(batch.NumCols()) - fromEnd) }
	s := step{value: textAt(column(6), row), id: textAt(column(1), row)}
	number, _ := integerAt(column(7), row)
	s.number = number >> 1 // without whether it is in the period
	s.n, _ = integerAt(column(5), row)
	s.total, _ = integerAt(column(4), row)
	s.first, _ = timeAt(column(3), row)
	s.last, _ = timeAt(column(2), row)
	for i, scope := range t.plan.scopes {
		if took, _ := integerAt(column(7+len(t.plan.scopes)-i), row); took > 0 {
			s.scopes = append(s.scopes, scope)
		}
	}
	t.steps = append(t.steps, s)
}

// finish judges the steps of one key.
func (t *tallying) finish() {
	if len(t.steps) == 0 {
		return
	}
	found := t.tally.judge(t.key, t.steps)
	if t.tally.first != nil {
		found = t.firsts(found)
	} else {
		// Of bursts, those that reached their threshold before the period are none of it.
		found = slices.DeleteFunc(found, func(c Correlation) bool { return c.at.Before(t.plan.period.from) })
	}
	t.found, t.steps = append(t.found, found...), t.steps[:0]
}

// firsts leaves out what was in use before the period, and says since when nothing was.
// Where the archive has no earlier events, only what is compared can be said, and less of it.
func (t *tallying) firsts(found []Correlation) []Correlation {
	f := t.tally.first
	begin, history := t.past.begins[f.Lookback]
	own := len(f.By)
	if history && t.past.used[t.index][keyText(t.key[:own])] {
		return nil
	}
	var list []Correlation
	for _, c := range found {
		switch {
		case history:
			if c.strange && !t.past.known[t.index][keyText(t.key[own:])] {
				continue
			}
			if c.Since = t.plan.period.from.Add(-time.Duration(f.Lookback)); begin.After(c.Since) {
				c.Since = begin
			}
		case c.compared:
			c.Severity = min(c.Severity, Low)
			if c.strange {
				c.Severity = Info
			}
		default:
			continue
		}
		list = append(list, c)
	}
	return list
}
