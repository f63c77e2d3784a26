package report

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"

	"github.com/trailql/trailql/report/pack"
)

const (
	// DefaultMaxFindings is how many findings a control lists unless told otherwise.
	DefaultMaxFindings = 100_000
	// maxListedEvents is how many events all controls list together, about a kilobyte
	// each. Those with findings of high severity are listed beyond it.
	maxListedEvents = 500_000
	// maxListedFindings is the same of findings, about 250 bytes each in memory and
	// more in files.
	maxListedFindings = 2_000_000
	// reserve is how many times as many findings are listed if they matter: those of
	// high severity, and of several events or the archive, which come last.
	reserve      = 2
	maxGroupRows = 1000
	maxGroupKeys = 200_000
)

// collection sorts findings into controls.
type collection struct {
	controls    []*collector
	byRule      map[string][]membership
	maxFindings int
	listed      int // events
	findings    int // listed
	dayName     func(*Finding) string
}

// membership is that of a rule in a control.
type membership struct {
	control *collector
	rule    *ruleCount
}

// collector gathers what is found for one control.
type collector struct {
	pack    *pack.Pack
	control pack.Control
	scope   string // rule that has to take an event as well; ""
	rules   []*ruleCount

	findings []Finding
	unlisted int64
	events   sampler
	last     *pack.Event
	days     map[string]int64
	groups   []*grouping
	open     map[pack.Severity]int64
	severity pack.Severity // highest of those that are open
	seen     map[string]bool
	before   map[string]bool // finding ids of the baseline; nil without one
}

// ruleCount is a rule of a control and what was found of it.
type ruleCount struct {
	rule       *pack.Rule
	exceptions []*suppression
	outcome
}

// grouping counts by some columns.
type grouping struct {
	columns []string
	at      []int             // of the evidence; -1 for a rule's own
	counts  map[string]*int64 // by values, each behind its length: they can have any character
	others  int64
	key     []byte // of the finding that is added
}

func newGrouping(columns ...string) *grouping {
	g := &grouping{columns: columns, counts: map[string]*int64{}}
	for _, c := range columns {
		g.at = append(g.at, column(c))
	}
	return g
}

func (g *grouping) add(f *Finding) {
	g.key = g.key[:0]
	for i, at := range g.at {
		var value string
		if at >= 0 {
			value = f.Values[at]
		} else {
			value = f.Columns[g.columns[i]]
		}
		g.key = append(binary.AppendUvarint(g.key, uint64(len(value))), value...)
	}
	n := g.counts[string(g.key)] // which copies nothing
	switch {
	case n != nil:
		*n++
	case len(g.counts) < maxGroupKeys:
		n = new(int64)
		*n = 1
		g.counts[string(g.key)] = n
	default:
		g.others++
	}
}

func (g *grouping) group() Group {
	out := Group{Columns: g.columns, Others: g.others}
	for key, n := range g.counts {
		row := GroupRow{Values: make([]string, len(g.columns)), Count: *n}
		for i := range row.Values {
			length, size := binary.Uvarint([]byte(key[:min(len(key), binary.MaxVarintLen64)]))
			end := size + int(length)
			row.Values[i], key = key[size:end], key[end:]
		}
		out.Rows = append(out.Rows, row)
	}
	slices.SortFunc(out.Rows, func(a, b GroupRow) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), slices.Compare(a.Values, b.Values))
	})
	for _, r := range out.Rows[min(maxGroupRows, len(out.Rows)):] {
		out.Others += r.Count
	}
	out.Rows = out.Rows[:min(maxGroupRows, len(out.Rows))]
	return out
}

// room reports whether events are listed that have no findings of high severity.
func (c *collection) room() bool {
	return c.listed < maxListedEvents && c.findings < maxListedFindings
}

// limit is how many findings a control lists before one of an event.
func (c *collection) limit(severity pack.Severity, room bool) int {
	switch {
	case severity >= pack.High:
		return reserve * c.maxFindings
	case room:
		return c.maxFindings
	}
	return 0
}

// take adds an event to the controls of the rules that took it.
func (c *collection) take(e *pack.Event) error {
	room := c.room()
	isListed := false
	for _, t := range e.Taken {
		for _, at := range c.byRule[t.Rule.ID.Value] {
			if s := at.control.scope; s != "" && !slices.ContainsFunc(e.Taken, func(o pack.Taken) bool { return o.Rule.ID.Value == s }) {
				continue
			}
			f := Finding{Rule: t.Rule.ID.Value, Severity: t.Severity, Time: e.Time, Values: e.Values, Columns: t.Columns}
			if at.control.last != e {
				at.control.last = e
				at.control.events.add(identity(e.Values))
			}
			if c.add(at, f, c.limit(t.Severity, room)) {
				isListed = true
			}
		}
	}
	if isListed {
		c.listed++
	}
	return nil
}

// correlate adds what several events show together.
func (c *collection) correlate(x pack.Correlation) {
	values := make([]string, len(evidenceColumns))
	columns := map[string]string{}
	for i, name := range x.By {
		if at := column(name); at >= 0 {
			values[at] = x.Values[i]
		} else {
			columns[name] = x.Values[i]
		}
	}
	// Their events may have no more in common than a rule's own columns.
	id := findingID(x.Rule.ID.Value+"\n"+joined(columns), values)
	if x.Then != "" {
		columns["followed_by"] = x.Then
	}
	for _, at := range c.byRule[x.Rule.ID.Value] {
		if s := at.control.scope; s != "" && !slices.ContainsFunc(x.Scopes, func(r *pack.Rule) bool { return r.ID.Value == s }) {
			continue
		}
		c.add(at, Finding{
			ID: id, Rule: x.Rule.ID.Value, Severity: x.Severity, Time: x.First, Last: x.Last, Reached: x.Reached, Values: values, Columns: columns, Events: x.EventIDs,
		}, reserve*c.maxFindings)
	}
}

// add counts a finding and reports whether it is listed: if its control lists fewer
// than the limit. One of an event has no ID yet.
func (c *collection) add(at membership, f Finding, limit int) bool {
	k := at.control
	f.SuppressedBy = suppress(at.rule.exceptions, &f)
	at.rule.count++
	if f.SuppressedBy == "" {
		at.rule.open++
		at.rule.worst = max(at.rule.worst, f.Severity)
		k.severity = max(k.severity, f.Severity)
		k.open[f.Severity]++
	}
	k.days[c.dayName(&f)]++
	for _, g := range k.groups {
		g.add(&f)
	}
	if f.ID == "" && (k.before != nil || len(k.findings) < limit) {
		f.ID = findingID(f.Rule, f.Values)
	}
	if k.before != nil {
		k.seen[f.ID] = true
		f.Status = "new"
		if k.before[f.ID] {
			f.Status = "recurring"
		}
	}
	if len(k.findings) >= limit {
		k.unlisted++
		return false
	}
	c.findings++
	k.findings = append(k.findings, f)
	return true
}

func joined(columns map[string]string) string {
	var parts []string
	for name, v := range columns {
		parts = append(parts, name+"="+v)
	}
	slices.Sort(parts)
	return strings.Join(parts, "\n")
}

// sorted are the findings in order of time.
func (k *collector) sorted() []Finding {
	slices.SortStableFunc(k.findings, func(a, b Finding) int {
		if c := a.Time.Compare(b.Time); c != 0 {
			return c // as it is nearly always
		}
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Values[eventIDColumn], b.Values[eventIDColumn]), cmp.Compare(a.ID, b.ID))
	})
	return k.findings
}

// of is the part of the collection that belongs to some packs.
func (c *collection) of(packs []pack.Selection) *collection {
	part := *c
	part.byRule = map[string][]membership{}
	for rule, members := range c.byRule {
		for _, m := range members {
			if slices.ContainsFunc(packs, func(s pack.Selection) bool { return s.Pack == m.control.pack.ID.Value }) {
				part.byRule[rule] = append(part.byRule[rule], m)
			}
		}
	}
	return &part
}
