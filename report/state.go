package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report/pack"
)

// outcome is what became of one rule in one control.
type outcome struct {
	rule        string
	kind        pack.Kind
	failed      string // why it could not be run to its end
	notAssessed string // why it could not run, or not say anything
	count       int64  // findings
	open        int64  // of them, not suppressed
	worst       pack.Severity
	disproved   bool   // of evidence: an open finding shows the opposite
	result      string // of a rule over the archive: what it found
}

// decide makes a control's state of what became of its rules. The first line that
// applies is the state:
//
//	ERROR          a rule failed
//	FAIL           exception, coverage: an open finding of severity medium or higher;
//	               evidence: an open finding shows the opposite of what the control asks for
//	REVIEW         exception, coverage: any other open finding;
//	               evidence: an open finding of severity medium or higher of a rule that is an exception
//	NOT_ASSESSED   the archive does not cover the period, or a rule could not run
//	SUPPRESSED     exception, coverage: findings, all of them suppressed
//	PASS           exception, coverage: no findings; evidence: findings
//	NO_ACTIVITY    evidence: no findings
//
// Before all of them, a control without findings that the user declares so is
// NOT_APPLICABLE.
//
// A finding is open unless an exception suppresses it. uncovered says what the
// archive lacks, "" for nothing.
func decide(kind pack.Kind, rules []outcome, uncovered string) (State, string) {
	var failed, notAssessed, results []string
	var count, open, alarms, toReview int64
	disproved := false
	judged := false  // by a rule over the archive that had something to say
	looking := false // a rule takes events
	for _, o := range rules {
		if o.failed != "" {
			failed = append(failed, o.rule+": "+o.failed)
		}
		if o.notAssessed != "" {
			notAssessed = append(notAssessed, o.rule+": "+o.notAssessed)
		}
		if o.result != "" {
			results = append(results, o.result)
			judged = true
		} else if o.kind != pack.Coverage {
			looking = true
		}
		disproved = disproved || o.disproved
		count += o.count
		open += o.open
		if o.open == 0 {
			continue
		}
		if o.worst >= pack.Medium {
			alarms += o.open
			if o.kind != pack.Evidence {
				toReview += o.open
			}
		}
	}
	found := quantity.Plural(count, "finding")
	if count > open {
		found += fmt.Sprintf(", %s suppressed", quantity.Count(count-open))
	}
	rest := ""
	if uncovered != "" {
		rest = "; besides, " + uncovered
	}
	with := func(sentence string) string { return strings.Join(append([]string{sentence}, results...), "; ") }
	switch evidence := kind == pack.Evidence; {
	case len(failed) > 0:
		return Error, "not assessed because of an error: " + strings.Join(failed, "; ")
	case !evidence && alarms > 0, disproved:
		return Fail, with(found) + rest
	case !evidence && open > 0:
		return Review, with(found+" to be judged") + rest
	case evidence && toReview > 0:
		return Review, with(fmt.Sprintf("%s, of which %s need a justification", found, quantity.Count(toReview))) + rest
	case uncovered != "":
		return NotAssessed, with(found) + ", but " + uncovered
	case len(notAssessed) > 0:
		return NotAssessed, with(found) + ", but not everything could be assessed: " + strings.Join(notAssessed, "; ")
	case !evidence && count > 0:
		return Suppressed, with(found)
	case evidence && count == 0 && (looking || !judged):
		return NoActivity, with("no such activity, and the archive covers the whole period")
	case evidence:
		return Pass, with("logged: " + found)
	}
	return Pass, with("no findings, and the archive covers the whole period")
}

// Alarms are the controls that FAIL or are to be REVIEWed with findings of that
// severity or higher, as PACK/CONTROL.
func (r *Report) Alarms(from pack.Severity) []string {
	return r.controls(func(c *Control) bool { return c.State.InAlarm() && c.Severity >= from })
}

// Errors are the controls in state ERROR, as PACK/CONTROL.
func (r *Report) Errors() []string {
	return r.controls(func(c *Control) bool { return c.State == Error })
}

func (r *Report) controls(is func(*Control) bool) []string {
	var list []string
	for i := range r.Packs {
		p := &r.Packs[i]
		for j := range p.Controls {
			if is(&p.Controls[j]) {
				list = append(list, p.ID+"/"+p.Controls[j].ID)
			}
		}
	}
	return list
}

// States counts the controls by their states.
func (r *Report) States() map[State]int {
	counts := map[State]int{}
	for _, p := range r.Packs {
		for _, c := range p.Controls {
			counts[c.State]++
		}
	}
	return counts
}

// AllStates are the states, those first that need attention.
func AllStates() []State {
	return []State{Fail, Error, Review, NotAssessed, Suppressed, Pass, NoActivity, NotApplicable}
}

// Urgency is the state's place among AllStates; -1 for one that is not known.
func (s State) Urgency() int { return slices.Index(AllStates(), s) }

// InAlarm reports whether a person has to look at the events of the control.
func (s State) InAlarm() bool { return s == Fail || s == Review }

// NeedsAttention reports whether somebody has to do something about the control.
func (s State) NeedsAttention() bool { return s.InAlarm() || s == Error || s == NotAssessed }

// uncovered says in a few words what the archive lacks, for the reason of each control.
func (c *Coverage) uncovered(p Period) string {
	var parts []string
	switch n := len(c.Gaps); n {
	case 0:
	case 1:
		parts = append(parts, "the archive has a gap: "+c.Gaps[0].String())
	default:
		parts = append(parts, "the archive has "+quantity.Plural(int64(n), "gap")+" in the period")
	}
	switch n := len(c.Undecided); n {
	case 0:
	case 1:
		parts = append(parts, "it cannot be decided whether the archive is whole: "+c.Undecided[0])
	default:
		parts = append(parts, "it cannot be decided whether the archive is whole, for "+quantity.Plural(int64(n), "reason"))
	}
	if p.Open {
		parts = append(parts, "the period may yet get events")
	}
	return strings.Join(parts, ", and ")
}

func (g Gap) String() string {
	at := place{g.Account, g.Region}
	const layout = "2006-01-02T15:04Z"
	return fmt.Sprintf("%s: nothing from %s to %s (%s)", at, g.From.Format(layout), g.To.Format(layout), g.Reason)
}

// Uncovered says what the archive lacks of the period and scope, naming the first gaps;
// "" for nothing.
func (r *Report) Uncovered() string {
	const named = 3
	var parts []string
	gaps := r.Coverage.Gaps
	for _, g := range gaps[:min(named, len(gaps))] {
		parts = append(parts, g.String())
	}
	if n := len(gaps) - named; n > 0 {
		parts = append(parts, "and "+quantity.Plural(int64(n), "more gap"))
	}
	undecided := r.Coverage.Undecided
	parts = append(parts, undecided[:min(named, len(undecided))]...)
	if n := len(undecided) - named; n > 0 {
		parts = append(parts, "and "+quantity.Plural(int64(n), "more doubt"))
	}
	if len(parts) == 0 && len(r.Coverage.Cells) == 0 {
		parts = append(parts, "there are no events of the period and scope") // nor a gap: it is short
	}
	if r.Period.Open {
		parts = append(parts, "the period may yet get events, which may come up to "+quantity.Duration(r.Period.Lateness)+" late")
	}
	return strings.Join(parts, "; ")
}
