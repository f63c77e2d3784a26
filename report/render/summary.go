package render

import (
	"cmp"
	"slices"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

// severities are all of them, the worst first.
var severities = []pack.Severity{pack.Critical, pack.High, pack.Medium, pack.Low, pack.Info}

// summary is the numbers that every format shows.
type summary struct {
	controls   int
	states     map[report.State]int
	count      int64 // findings of all controls; one of two controls is counted twice
	suppressed int64
	unlisted   int64
	open       map[pack.Severity]int64 // findings that no exception suppresses, of controls that FAIL or are to be reviewed
	difference *report.Difference      // of all controls; nil without a baseline
}

func summarize(controls []control) summary {
	s := summary{controls: len(controls), states: map[report.State]int{}, open: map[pack.Severity]int64{}}
	for _, c := range controls {
		s.states[c.State]++
		s.count += c.Count
		s.suppressed += c.Suppressed
		s.unlisted += c.Unlisted
		if c.State.InAlarm() {
			for severity, n := range c.Open {
				s.open[severity] += n
			}
		}
		if c.Difference == nil {
			continue
		}
		if s.difference == nil {
			s.difference = &report.Difference{}
		}
		s.difference.New += c.Difference.New
		s.difference.Recurring += c.Difference.Recurring
		s.difference.Resolved += c.Difference.Resolved
		s.difference.Before += c.Difference.Before
		s.difference.Partial = s.difference.Partial || c.Difference.Partial
	}
	return s
}

// attention are the controls that need it, the most urgent first.
func (d *document) attention() []control {
	var list []control
	for _, c := range d.controls {
		if c.State.NeedsAttention() {
			list = append(list, c)
		}
	}
	slices.SortStableFunc(list, func(a, b control) int {
		return cmp.Or(cmp.Compare(a.State.Urgency(), b.State.Urgency()), cmp.Compare(b.Severity, a.Severity))
	})
	return list
}
