package pack

import (
	"cmp"
	"slices"
)

// mergeBursts leaves one finding where bursts of one rule are about the same events: of
// one key at one time, or where the events of one are all among those of another. It says
// what those have in common whose events are the same.
func mergeBursts(found []Correlation) []Correlation {
	order := make([]int, len(found))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(found[b].Events, found[a].Events) })
	type key struct {
		rule *Rule
		text string
	}
	byEvent, byValues := map[key][]int{}, map[key][]int{} // of those that are kept
	gone := make([]bool, len(found))
	for _, i := range order {
		c := &found[i]
		if c.Since.IsZero() && !c.compared && len(c.EventIDs) > 0 {
			values := key{c.Rule, join(c.By) + join(c.Values)}
			into := -1
			for _, k := range slices.Concat(byValues[values], byEvent[key{c.Rule, c.EventIDs[0]}]) {
				if found[k].has(c) {
					into = k
					break
				}
			}
			if into >= 0 {
				found[into].merge(c)
				gone[i] = true
				continue
			}
			byValues[values] = append(byValues[values], i)
			for _, id := range c.EventIDs {
				byEvent[key{c.Rule, id}] = append(byEvent[key{c.Rule, id}], i)
			}
		}
	}
	kept := found[:0]
	for i, c := range found {
		if !gone[i] {
			kept = append(kept, c)
		}
	}
	return kept
}

func join(texts []string) string {
	joined := ""
	for _, t := range texts {
		joined += t + "\x00"
	}
	return joined
}

// has reports whether another burst of the rule is about the same key and time, or about
// some of the same events and no others.
func (c *Correlation) has(other *Correlation) bool {
	if slices.Equal(c.By, other.By) && slices.Equal(c.Values, other.Values) {
		return !other.First.After(c.Last) && !c.First.After(other.Last)
	}
	if c.Events < other.Events || int(other.Events) > len(other.EventIDs) {
		return false
	}
	ids := make(map[string]bool, len(c.EventIDs))
	for _, id := range c.EventIDs {
		ids[id] = true
	}
	return !slices.ContainsFunc(other.EventIDs, func(id string) bool { return !ids[id] })
}

func (c *Correlation) merge(other *Correlation) {
	if c.Events == other.Events {
		c.By, c.Values = slices.Clone(c.By), slices.Clone(c.Values)
		for i, name := range other.By {
			if !slices.Contains(c.By, name) {
				c.By, c.Values = append(c.By, name), append(c.Values, other.Values[i])
			}
		}
	}
	c.Severity, c.Reached = max(c.Severity, other.Severity), max(c.Reached, other.Reached)
	if other.First.Before(c.First) {
		c.First = other.First
	}
	if other.Last.After(c.Last) {
		c.Last = other.Last
	}
	c.Then = cmp.Or(c.Then, other.Then)
	c.addScopes(other.Scopes)
}
