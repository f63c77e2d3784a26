package report

import (
	"maps"
	"slices"
	"time"

	"github.com/trailql/trailql/report/pack"
)

// defaultPartEvents is about how many events are read at a time, at first.
const defaultPartEvents = 1_000_000

// cuts are where a period is cut into parts that have so many events: between days if
// it can be, for files are of days. Later parts grow, because ever less changes between them.
func (h *archive) cuts(p Period, events int64) []time.Time {
	var cuts []time.Time
	var earlier, part int64 // events of the parts before, and of this one
	hours := h.around[place{}]
	for _, at := range slices.Sorted(maps.Keys(hours)) {
		start := timeOf(at)
		if start.Before(p.From) || !start.Before(p.To) {
			continue
		}
		if enough := max(events, earlier/2); part >= 2*enough || part >= enough && at%24 == 0 {
			cuts = append(cuts, start)
			earlier, part = earlier+part, 0
		}
		part += hours[at]
	}
	return cuts
}

// identityColumns are those of identity, keyColumns those of findingID, and matchColumns
// those that exceptions look at.
var (
	identityColumns = []string{"event_id", "log_object", "log_index"}
	keyColumns      = []string{"account_id", "region", "resource", "actor"}
	matchColumns    = []string{"account_id", "region", "resource", "actor", "source_ip"}
)

// brief names the columns that the findings of a rule are counted by, once none of its
// controls can list any more of them.
func (c *collection) brief(rule *pack.Rule) ([]string, bool) {
	severity := rule.Severity
	for _, raise := range rule.Raise {
		severity = max(severity, raise.To)
	}
	var columns []string
	for _, at := range c.byRule[rule.ID.Value] {
		k := at.control
		if len(k.findings) < c.limit(severity, c.room()) {
			return nil, false
		}
		if k.events.Size > 0 {
			columns = append(columns, identityColumns...)
		}
		if k.before != nil {
			columns = append(columns, keyColumns...)
		}
		if len(at.rule.exceptions) > 0 {
			columns = append(columns, matchColumns...)
		}
		for _, g := range k.groups {
			columns = append(columns, g.columns...)
		}
	}
	return columns, true
}
