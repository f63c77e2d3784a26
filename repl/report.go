package repl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

// Reports are the packs that .report can run.
type Reports interface {
	// Names are the packs, and their controls as PACK/CONTROL.
	Names() []string
	// Run runs one pack, given as PACK or PACK@VERSION, over a period as
	// report.ParsePeriod reads it. Nothing is written.
	Run(ctx context.Context, pack, period string, zone *time.Location) (*report.Report, error)
}

func reportCandidates(s *Session, _ string) []string {
	if s.options.Reports == nil {
		return nil
	}
	return s.options.Reports.Names()
}

// runReport runs a pack over the window, or over a period that is named, and
// shows its controls; of a single control the findings as well.
func runReport(s *Session, ctx context.Context, a arguments) error {
	if s.options.Reports == nil {
		return errors.New("only the local engine has this command (.engine local)")
	}
	if len(a.words) == 0 {
		return s.lines(ctx, strings.Join(packsOf(s.options.Reports.Names()), "\n"))
	}
	if len(a.words) > 2 {
		return a.misused()
	}
	name, control, _ := strings.Cut(a.words[0], "/")
	var period string
	if len(a.words) == 2 {
		period = a.words[1]
	} else {
		var err error
		if period, err = s.reportPeriod(ctx); err != nil {
			return err
		}
		if period == "" {
			s.printf("(no events%s)\n", s.inWindow())
			return nil
		}
	}
	r, err := s.options.Reports.Run(ctx, name, period, s.zone)
	if err != nil {
		return err
	}
	return s.showReport(ctx, r, control)
}

func packsOf(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return strings.Contains(name, "/") })
}

// reportPeriod is the window; what it leaves open is the hour of the archive's first
// or last event. It is "" if there are no events.
func (s *Session) reportPeriod(ctx context.Context) (string, error) {
	from, to, now := s.window.From, s.window.To, s.options.Now()
	if from.IsZero() || to.IsZero() {
		first, last, err := report.Span(ctx, s.rows)
		if err != nil || first.IsZero() {
			return "", err
		}
		if from.IsZero() {
			from = first
		}
		if to.IsZero() {
			to = last
		}
	}
	if to.After(now) {
		to = now
	}
	return from.UTC().Format(time.RFC3339) + "/" + to.UTC().Format(time.RFC3339), nil
}

// showReport shows the controls of a report, or one of them with its findings.
func (s *Session) showReport(ctx context.Context, r *report.Report, control string) error {
	title := fmt.Sprintf("%s, %s to %s, %s", r.Title, r.Period.From.In(s.zone).Format(time.RFC3339), r.Period.To.In(s.zone).Format(time.RFC3339),
		quantity.Plural(r.Snapshot.Records, "event"))
	var err error
	if control == "" {
		err = s.showControls(ctx, r, title)
	} else {
		err = s.showControl(ctx, r.Packs[0], control, title)
	}
	if err == nil && !r.Coverage.Complete {
		s.notef("the archive does not cover everything: %s", r.Uncovered())
	}
	return err
}

func (s *Session) showControls(ctx context.Context, r *report.Report, title string) error {
	list := newAnswer(texts("control", "state", "severity"), numbers("findings"), texts("title"))
	for _, c := range r.Packs[0].Controls {
		list.add(c.ID, string(c.State), c.Severity.String(), c.Count, c.Title)
	}
	return s.showAnswer(ctx, list, title)
}

// shownEvidence are the columns of findings that fit a screen.
var shownEvidence = []string{"event_time", "event_name", "actor", "source_ip", "resource", "outcome", "event_id"}

func (s *Session) showControl(ctx context.Context, p report.Pack, id, title string) error {
	at := slices.IndexFunc(p.Controls, func(c report.Control) bool { return c.ID == id })
	if at < 0 {
		return fmt.Errorf("pack %s has no control %q: .report %s shows all of them", p.ID, id, p.ID)
	}
	c := p.Controls[at]
	s.notef("%s %s, severity %s, %s: %s", c.ID, c.Title, c.Severity, c.State, cmp.Or(c.Reason, quantity.Plural(c.Count, "finding")))
	if c.Unlisted > 0 {
		title += fmt.Sprintf("; %s of %s", quantity.Plural(int64(len(c.Findings)), "finding"), quantity.Count(c.Count))
	}
	list := newAnswer(texts("rule"), texts(shownEvidence...), texts("details"))
	columns := pack.EvidenceColumns()
	for _, f := range c.Findings {
		row := []any{f.Rule}
		for _, name := range shownEvidence {
			value := f.Values[slices.Index(columns, name)]
			switch { // several events have no time and id of their own
			case value != "":
			case name == "event_time" && !f.Time.IsZero():
				value = f.Time.UTC().Format(time.RFC3339)
			case name == "event_id" && len(f.Events) > 0:
				value = f.Events[0]
			}
			row = append(row, orNil(value))
		}
		list.add(append(row, orNil(findingDetails(f)))...)
	}
	return s.showAnswer(ctx, list, title)
}

// findingDetails are the rule's own columns, and of several events what they have in
// common.
func findingDetails(f report.Finding) string {
	var parts []string
	if len(f.Events) > 0 {
		for i, name := range pack.EvidenceColumns() {
			if f.Values[i] != "" && !slices.Contains(shownEvidence, name) {
				parts = append(parts, name+"="+f.Values[i])
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.Columns)) {
		if f.Columns[name] != "" {
			parts = append(parts, name+"="+f.Columns[name])
		}
	}
	return strings.Join(parts, " ")
}
