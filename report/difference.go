package report

import (
	"cmp"
	"slices"
	"time"
)

// ControlDifference is how one control changed between two reports.
type ControlDifference struct {
	Pack, Control, Title string
	Before, After        State // "" where a report does not have the control
	CountBefore, Count   int64 // findings
	New, Recurring       []BaselineFinding
	Resolved             []BaselineFinding
	Partial              bool // one of them lists only some of its findings
}

// Diff compares two reports by the ids of their findings, control by control, in the
// order of the later one, then those that it does not have. Nothing is resolved that
// the later report could not see.
func Diff(before, after *Report) []ControlDifference {
	var list []ControlDifference
	earlier := map[string]*Control{}
	eachControl(before, func(p *Pack, c *Control) { earlier[p.ID+"/"+c.ID] = c })
	eachControl(after, func(p *Pack, c *Control) {
		d := ControlDifference{Pack: p.ID, Control: c.ID, Title: c.Title, After: c.State, Count: c.Count, Partial: c.Unlisted > 0}
		was := summaries(p.ID, nil)
		if b := earlier[p.ID+"/"+c.ID]; b != nil {
			d.Before, d.CountBefore = b.State, b.Count
			d.Partial = d.Partial || b.Unlisted > 0
			was = summaries(p.ID, b)
			delete(earlier, p.ID+"/"+c.ID)
		}
		is := summaries(p.ID, c)
		for _, f := range is.order {
			if _, ok := was.byID[f.ID]; ok {
				d.Recurring = append(d.Recurring, f)
			} else {
				d.New = append(d.New, f)
			}
		}
		for _, f := range was.order {
			if _, ok := is.byID[f.ID]; !ok && showsAbsence(before, after, c, f) {
				d.Resolved = append(d.Resolved, f)
			}
		}
		list = append(list, d)
	})
	eachControl(before, func(p *Pack, c *Control) {
		if earlier[p.ID+"/"+c.ID] == c {
			list = append(list, ControlDifference{Pack: p.ID, Control: c.ID, Title: c.Title, Before: c.State, CountBefore: c.Count})
		}
	})
	return list
}

// showsAbsence reports whether a control of the later report would have the finding of
// an earlier one if it were still there: one that nobody could see is not resolved.
func showsAbsence(before, after *Report, c *Control, f BaselineFinding) bool {
	if !after.Coverage.Complete || c.State == NotAssessed || c.State == Error {
		return false
	}
	ran := slices.ContainsFunc(c.Rules, func(r RuleUse) bool { return r.ID == f.Rule && r.NotAssessed == "" && r.Error == "" })
	return ran && looksAt(after.Scope.Accounts, f.Account, before.Scope.Accounts) && looksAt(after.Scope.Regions, f.Region, before.Scope.Regions)
}

// looksAt reports whether a report of some accounts or regions, none for all, looks at
// one of them. What has none is of all that the earlier report looked at.
func looksAt(list []string, one string, earlier []string) bool {
	switch {
	case len(list) == 0:
		return true
	case one != "":
		return slices.Contains(list, one)
	}
	return len(earlier) > 0 && !slices.ContainsFunc(earlier, func(e string) bool { return !slices.Contains(list, e) })
}

func eachControl(r *Report, do func(*Pack, *Control)) {
	for i := range r.Packs {
		for j := range r.Packs[i].Controls {
			do(&r.Packs[i], &r.Packs[i].Controls[j])
		}
	}
}

// summary has the findings of a control, one of each id.
type summary struct {
	order []BaselineFinding
	byID  map[string]int
}

func summaries(packID string, c *Control) summary {
	s := summary{byID: map[string]int{}}
	if c == nil {
		return s
	}
	for i := range c.Findings {
		f := &c.Findings[i]
		last := latest(f.Time, f.Last)
		if at, ok := s.byID[f.ID]; ok {
			s.order[at].Last = latest(s.order[at].Last, last)
			s.order[at].Severity = max(s.order[at].Severity, f.Severity)
			continue
		}
		s.byID[f.ID] = len(s.order)
		s.order = append(s.order, BaselineFinding{
			Pack: packID, Control: c.ID, ID: f.ID, Rule: f.Rule, Account: f.Value("account_id"), Region: f.Value("region"),
			Actor: f.Value("actor"), Resource: f.Value("resource"), Event: f.Value("event_name"), Severity: f.Severity, Last: last,
		})
	}
	slices.SortStableFunc(s.order, func(a, b BaselineFinding) int {
		return cmp.Or(cmp.Compare(b.Severity, a.Severity), cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Actor, b.Actor), cmp.Compare(a.Resource, b.Resource), cmp.Compare(a.ID, b.ID))
	})
	for i, f := range s.order {
		s.byID[f.ID] = i
	}
	return s
}

// earlierFindings are the finding ids of a report, by PACK/CONTROL.
func earlierFindings(r *Report) map[string]map[string]bool {
	ids := map[string]map[string]bool{}
	if r == nil {
		return ids
	}
	eachControl(r, func(p *Pack, c *Control) {
		in := map[string]bool{}
		for _, f := range c.Findings {
			in[f.ID] = true
		}
		ids[p.ID+"/"+c.ID] = in
	})
	return ids
}

// compare fills what differs from the baseline.
func (r *runner) compare() {
	if r.Baseline == nil {
		return
	}
	b := &Baseline{RunID: r.Baseline.Run.ID, Period: r.Baseline.Period}
	earlier := map[string]*Control{}
	eachControl(r.Baseline, func(p *Pack, c *Control) { earlier[p.ID+"/"+c.ID] = c })
	at := 0
	eachControl(r.report, func(p *Pack, c *Control) {
		k := r.collection.controls[at]
		at++
		was := earlier[p.ID+"/"+c.ID]
		d := &Difference{}
		for id := range k.seen {
			if k.before[id] {
				d.Recurring++
			} else {
				d.New++
			}
		}
		if was != nil {
			d.Before, d.Partial = int64(len(summaries(p.ID, was).order)), was.Unlisted > 0
			for _, f := range summaries(p.ID, was).order {
				if !k.seen[f.ID] && showsAbsence(r.Baseline, r.report, c, f) {
					b.Resolved = append(b.Resolved, f)
					d.Resolved++
				}
			}
		}
		c.Difference = d
	})
	r.report.Baseline = b
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
