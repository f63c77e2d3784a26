package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report/pack"
)

// reviewWithin is how long after a day "reviewed at least daily" lasts.
const reviewWithin = 48 * time.Hour

// The rules that are assessed over the ledger of runs.
const (
	runsRule      = "RUNS"
	retentionRule = "REPORT-RETENTION"
)

// PastRun is an earlier run of reports, as the ledger has it.
type PastRun struct {
	ID                string
	Started           time.Time
	From, To          time.Time // its period
	Packs             []string
	Accounts, Regions []string // empty: all
	Scheduled         bool     // not by hand
	Finished          bool
}

// covers reports whether a run was about a pack and all of a scope.
func (r PastRun) covers(packID string, s Scope) bool {
	whole := func(had, want []string) bool {
		return len(had) == 0 || len(want) > 0 && !slices.ContainsFunc(want, func(one string) bool { return !slices.Contains(had, one) })
	}
	return slices.Contains(r.Packs, packID) && whole(r.Accounts, s.Accounts) && whole(r.Regions, s.Regions)
}

// reviewed reports whether a run was made over a whole day, and soon after it.
func (r PastRun) reviewed(from, to time.Time) bool {
	return r.Finished && !r.From.After(from) && !r.To.Before(to) && !r.Started.After(to.Add(reviewWithin))
}

// earlierRuns are those that say whether the period was reviewed with a pack: the
// scheduled ones, and those by hand that came in time for a day. There are none unless
// one was scheduled: that somebody looks at an old month does not mean that it had to
// be reviewed then.
func (o *Options) earlierRuns(packID string) []PastRun {
	days := o.Period.wholeDays()
	scheduled := false
	var runs []PastRun
	for _, run := range o.Runs {
		if !run.covers(packID, o.Scope) || !run.From.Before(o.Period.To) || !o.Period.From.Before(run.To) {
			continue
		}
		inTime := slices.ContainsFunc(days, func(d date) bool { return run.reviewed(o.Period.day(d)) })
		if run.Scheduled || inTime {
			runs = append(runs, run)
			scheduled = scheduled || run.Scheduled
		}
	}
	if !scheduled {
		return nil
	}
	slices.SortFunc(runs, func(a, b PastRun) int { return cmp.Or(a.Started.Compare(b.Started), cmp.Compare(a.ID, b.ID)) })
	return runs
}

// wholeDays are the days of the zone that lie in the period.
func (p Period) wholeDays() []date {
	var list []date
	for d := civil(p.From.In(p.location())); ; d = d.add(0, 0, 1) {
		from, to := p.day(d)
		if to.After(p.To) {
			return list
		}
		if !from.Before(p.From) {
			list = append(list, d)
		}
	}
}

// day is where a day of the zone begins and ends.
func (p Period) day(d date) (from, to time.Time) {
	zone := p.location()
	return d.start(zone), d.add(0, 0, 1).start(zone)
}

// LedgerHash is the SHA-256 of what a report takes from the ledger of runs; "" if it
// takes nothing.
func (o *Options) LedgerHash() string {
	h := sha256.New()
	taken := false
	take := func(rule, packID, version string, runs []PastRun) {
		p := o.Library.Pack(packID)
		if p == nil || !slices.ContainsFunc(p.At(version), func(c pack.Control) bool {
			return slices.ContainsFunc(c.Rules, func(id pack.Text) bool { return id.Value == rule })
		}) {
			return
		}
		for _, run := range runs {
			taken = true
			line, err := json.Marshal([]any{packID, run.ID, run.Started.UTC(), run.From.UTC(), run.To.UTC(), run.Scheduled, run.Finished})
			if err != nil { // times of years beyond 9999
				line = []byte(run.ID)
			}
			h.Write(append(line, '\n'))
		}
	}
	for _, s := range o.Packs {
		take(runsRule, s.Pack, s.Version, o.earlierRuns(s.Pack))
		take(retentionRule, s.Pack, s.Version, o.retainedRuns(s.Pack))
	}
	if !taken {
		return ""
	}
	return hex.EncodeToString(h.Sum(nil))
}

// runs looks for a finished run of the pack over each day of the period, soon after
// it. This one says nothing about them: it is only being made.
func (a *assessor) runs(r *pack.Rule, packID string) judgement {
	if a.options.Runs == nil {
		return judgement{notAssessed: "no ledger of runs was given"}
	}
	p := a.options.Period
	runs := a.options.earlierRuns(packID)
	if len(runs) == 0 {
		return judgement{notAssessed: "the ledger has no scheduled run of this pack over the period and scope before this one"}
	}
	days := p.wholeDays()
	if len(days) == 0 {
		return judgement{notAssessed: "the period has no whole day"}
	}
	var j judgement
	for _, d := range days {
		from, to := p.day(d)
		if !slices.ContainsFunc(runs, func(run PastRun) bool { return run.reviewed(from, to) }) {
			j.findings = append(j.findings, finding(r, place{}, from, to, d.String(), map[string]string{"day": d.String()}))
		}
	}
	j.result = fmt.Sprintf("%d of %s were reported on within %d hours", len(days)-len(j.findings), quantity.Plural(int64(len(days)), "day"), int(reviewWithin.Hours()))
	return j
}

// retainedRuns are the finished runs of schedules over earlier periods, in their order.
func (o *Options) retainedRuns(packID string) []PastRun {
	var runs []PastRun
	for _, run := range o.Runs {
		if run.Finished && run.Scheduled && run.covers(packID, o.Scope) && run.From.Before(o.Period.From) {
			runs = append(runs, run)
		}
	}
	slices.SortFunc(runs, func(a, b PastRun) int { return cmp.Or(a.From.Compare(b.From), cmp.Compare(a.ID, b.ID)) })
	return runs
}

// retained looks for the reports of the pack over earlier periods. What the ledger
// knows counts, not whether the files are still there.
func (a *assessor) retained(r *pack.Rule, packID string) judgement {
	if a.options.Runs == nil {
		return judgement{notAssessed: "no ledger of runs was given"}
	}
	runs := a.options.retainedRuns(packID)
	if len(runs) == 0 {
		return judgement{notAssessed: "the ledger has no scheduled report of this pack and scope over an earlier period"}
	}
	var j judgement
	until := runs[0].To
	missing := func(to time.Time) {
		if until.Before(to) {
			j.findings = append(j.findings, finding(r, place{}, until, to, until.Format(time.RFC3339),
				map[string]string{"from": until.Format(time.RFC3339), "to": to.Format(time.RFC3339)}))
		}
	}
	for _, run := range runs[1:] {
		missing(run.From)
		until = latest(until, run.To)
	}
	missing(a.options.Period.From)
	texts := []string{"reports reach back to " + runs[0].From.Format(time.DateOnly), quantity.Plural(int64(len(runs)), "scheduled run") + " before this period"}
	if n := len(j.findings); n > 0 {
		texts = append(texts, quantity.Plural(int64(n), "span")+" without a report")
	}
	j.result = strings.Join(texts, "; ")
	return j
}
