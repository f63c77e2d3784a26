package render

import (
	"fmt"
	"strings"
	"time"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

// stateWords are how a state is written for people, and what it means.
var stateWords = map[report.State]struct{ name, symbol, meaning string }{
	report.Fail:          {"Fail", "✖", "Events that need a justification, and have no exception."},
	report.Error:         {"Error", "‼", "The control could not be run. Nothing is known."},
	report.Review:        {"Review", "◆", "Events that a person has to judge."},
	report.NotAssessed:   {"Not assessed", "?", "The archive or the configuration does not allow an answer. This is not a pass."},
	report.Suppressed:    {"Suppressed", "∅", "There are events, and an approved exception covers every one of them."},
	report.NoActivity:    {"No activity", "–", "The archive covers the period, and there is no such event."},
	report.Pass:          {"Pass", "✔", "The archive covers the period, and shows what the control asks for."},
	report.NotApplicable: {"Not applicable", "·", "The control does not apply here."},
}

func stateName(s report.State) string {
	if w, ok := stateWords[s]; ok {
		return w.name
	}
	return string(s)
}

// symbol tells states apart without colour.
func symbol(s report.State) string {
	if w, ok := stateWords[s]; ok {
		return w.symbol
	}
	return "!"
}

// kindWords say what rows of a control mean.
var kindWords = map[pack.Kind]string{
	pack.Evidence:  "Evidence: each row proves that this class of event is logged.",
	pack.Exception: "Exception: each row needs a justification.",
	pack.Coverage:  "Coverage: computed over the archive, not over events.",
}

// headline is the outcome in a sentence, without its full stop.
func (d *document) headline() string {
	n := d.summary.states
	var parts []string
	add := func(count int, one, many string) {
		switch count {
		case 0:
		case 1:
			parts = append(parts, "1 "+one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", count, many))
		}
	}
	add(n[report.Fail], "failed", "failed")
	add(n[report.Review], "needs a review", "need a review")
	add(n[report.NotAssessed], "could not be assessed", "could not be assessed")
	add(n[report.Error], "could not be run", "could not be run")
	switch {
	case d.summary.controls == 0:
		return "The report has no controls"
	case len(parts) == 0:
		return fmt.Sprintf("Nothing needs attention in %s", quantity.Plural(int64(d.summary.controls), "control"))
	}
	sentence := strings.Join(parts[:len(parts)-1], ", ")
	if sentence != "" {
		sentence += " and "
	}
	return fmt.Sprintf("Of %s, %s%s", quantity.Plural(int64(d.summary.controls), "control"), sentence, parts[len(parts)-1])
}

// coverageVerdict says in a sentence whether the archive has the period.
func (d *document) coverageVerdict() string {
	c := d.Coverage
	accounts, regions := map[string]bool{}, map[string]bool{}
	for _, cell := range c.Cells {
		accounts[cell.Account], regions[cell.Region] = true, true
	}
	if len(c.Cells) == 0 {
		return "The archive has nothing of the period."
	}
	of := fmt.Sprintf("%s, %s and %s", quantity.Plural(int64(len(accounts)), "account"), quantity.Plural(int64(len(regions)), "region"), quantity.Plural(int64(len(d.days())), "day"))
	if c.Complete {
		return fmt.Sprintf("The archive covers the period without a gap: %s.", of)
	}
	switch {
	case len(c.Gaps) > 0:
		return fmt.Sprintf("The archive does not cover the whole period: %s in %s.", quantity.Plural(int64(len(c.Gaps)), "gap"), of)
	case d.Period.Open && len(c.Undecided) == 0:
		return fmt.Sprintf("The period is still open, and more events may come. There is no gap so far: %s.", of)
	}
	return fmt.Sprintf("The archive may not cover the whole period: %s.", of)
}

// periodText is [from, to) as people say it.
func (d *document) periodText() string {
	p := d.Period
	zone, err := time.LoadLocation(p.Zone)
	if err != nil {
		zone = time.UTC
	}
	const layout = "2006-01-02 15:04"
	from, to := p.From.In(zone), p.To.In(zone)
	text := fmt.Sprintf("%s to %s (%s, end not included)", from.Format(layout), to.Format(layout), p.Zone)
	if isMidnight(from) && isMidnight(to) {
		if last := to.AddDate(0, 0, -1); last.Equal(from) {
			text = fmt.Sprintf("%s (%s)", from.Format(time.DateOnly), p.Zone)
		} else {
			text = fmt.Sprintf("%s to %s (%s, both days included)", from.Format(time.DateOnly), last.Format(time.DateOnly), p.Zone)
		}
	}
	if p.Open {
		text += fmt.Sprintf("; still open: events may be %s late", duration(p.Lateness))
	}
	return text
}

func isMidnight(t time.Time) bool { return t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 }

// duration writes whole hours as such.
func duration(d time.Duration) string {
	if d >= time.Hour && d%time.Hour == 0 {
		return quantity.Plural(int64(d/time.Hour), "hour")
	}
	return quantity.Duration(d)
}
