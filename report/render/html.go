package render

import (
	"cmp"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

//go:embed report.html.tmpl
var pageSource string

//go:embed report.css
var pageStyle string

// Limits keep the page readable, and a printed one affordable. Counts are exact
// whatever is left out, and what is left out is in the other files.
const (
	pageFindings        = 2000 // of all controls
	pageControlFindings = 100  // of one control
	pageGroupRows       = 8
	pageGaps            = 50
	pageResolved        = 50
	pageNotes           = 12
	pageUnassessed      = 8
	pageReason          = 160 // characters
	pageText            = 600
	pageQuery           = 20_000
)

// page is what report.html.tmpl shows. Texts of a log go through v or sql there.
type page struct {
	Style                        template.CSS
	Title, Period, Headline      string
	Open                         string // findings by severity
	Covered, Scope, Span         string
	Committed, Digests, Baseline string
	Worst                        report.State
	Complete                     bool
	Shares                       []share
	States                       []stateCount
	Snapshot                     report.Snapshot
	Count, Suppressed            int64
	Difference                   *report.Difference
	Notes                        []string
	Attention                    []controlView
	Unassessed                   int // controls that Attention leaves out
	Heat                         *heatMap
	Gaps                         []report.Gap
	MoreGaps                     int
	CoverageNotes                []string
	MoreCoverageNotes            int
	Timeline                     *barChart
	Tops                         []groupView
	Packs                        []packView
	Resolved                     []report.BaselineFinding
	MoreResolved                 int
	Elsewhere                    string // where what is left out is
	Exceptions                   []report.ExceptionUse
	From, To                     time.Time
	PeriodName, Zone             string
	Lateness                     time.Duration
	StillOpen                    bool
	Accounts, Regions            []string
	Declared                     []named
	ScopeFile                    string
	Statements                   []report.Statement
	Files                        []string
	Run                          report.Header
}

type (
	share struct {
		State    report.State
		X, Width int
	}
	stateCount struct {
		State report.State
		Count int
	}
	named struct {
		Name   string
		Values []string
	}
	packView struct {
		ID, Title, Version, Hash string
		Notes                    []string
		Controls                 []controlView
	}
	controlView struct {
		*report.Control
		Anchor, Pack, Counts, Kind, Caption string
		Why                                 string // Reason, short
		Related                             []named
		Spark, Chart                        *barChart
		Groups                              []groupView
		Findings                            []findingView
	}
	groupView struct {
		Caption string
		Columns []string
		Rows    []groupRowView
		Others  int64
	}
	groupRowView struct {
		Values []string
		Count  int64
		Share  int // of the greatest, in percent
	}
	findingView struct {
		Number                                int
		Anchor, Time                          string
		Severity                              pack.Severity
		Event, Actor, Resource, From, Outcome string
		SuppressedBy, Disposition             string
		Rest                                  []nameValue
	}
	nameValue struct{ Name, Value string }
)

// writeHTML writes one file that opens anywhere and loads nothing.
func (d *document) writeHTML(w io.Writer) error {
	t, err := template.New("page").Funcs(pageFunctions).Parse(pageSource)
	if err != nil {
		return fmt.Errorf("read the page's template: %w", err)
	}
	return t.ExecuteTemplate(w, "report", d.page())
}

func (d *document) page() page {
	p := page{
		Style: template.CSS(pageStyle), Title: d.Title, Period: d.periodText(), Headline: d.headline(), Open: d.openFindings(),
		Covered: d.coverageVerdict(), Scope: d.scopeText(), Digests: cmp.Or(d.Coverage.Digests, "not checked"),
		Complete: d.Coverage.Complete, Snapshot: d.Snapshot, Count: d.summary.count, Suppressed: d.summary.suppressed, Difference: d.summary.difference,
		Notes: d.Notes, Exceptions: d.Exceptions, From: d.Period.From, To: d.Period.To, PeriodName: d.Period.Name,
		Zone: d.Period.Zone, Lateness: d.Period.Lateness, StillOpen: d.Period.Open, Accounts: d.Report.Scope.Accounts, Regions: d.Report.Scope.Regions,
		Statements: d.Statements, Run: d.Run, Worst: d.worst(), Heat: d.heatMap(), Timeline: d.timeline(), Tops: d.topGroups(),
	}
	if p.Title == "" {
		p.Title = "Report"
	}
	if c := d.Coverage; !c.First.IsZero() {
		p.Span = clock(c.First) + " to " + clock(c.Last) + " UTC"
	}
	if at := d.Snapshot.Committed; !at.IsZero() {
		p.Committed = clock(at) + " UTC"
	}
	x, before := 0, 0
	for _, state := range report.AllStates() {
		p.States = append(p.States, stateCount{state, d.summary.states[state]})
		// Ends, not widths, are rounded, so that the shares fill the line.
		before += d.summary.states[state]
		if end := before * 1000 / max(1, d.summary.controls); end > x {
			p.Shares = append(p.Shares, share{state, x, end - x})
			x = end
		}
	}
	p.Gaps = d.Coverage.Gaps[:min(len(d.Coverage.Gaps), pageGaps)]
	p.MoreGaps = len(d.Coverage.Gaps) - len(p.Gaps)
	p.CoverageNotes = d.Coverage.Notes[:min(len(d.Coverage.Notes), pageNotes)]
	p.MoreCoverageNotes = len(d.Coverage.Notes) - len(p.CoverageNotes)
	if b := d.Baseline; b != nil {
		earlier := document{Report: &report.Report{Period: b.Period}}
		p.Baseline = fmt.Sprintf("the report of %s (run %s)", earlier.periodText(), b.RunID)
		p.Resolved = b.Resolved[:min(len(b.Resolved), pageResolved)]
		p.MoreResolved = len(b.Resolved) - len(p.Resolved)
	}
	for _, name := range sortedKeys(d.Report.Scope.Declared) {
		p.Declared = append(p.Declared, named{name, d.Report.Scope.Declared[name]})
	}
	if s := d.Report.Scope; s.File != "" {
		p.ScopeFile = s.File + " " + s.SHA256
	}
	p.Files = d.fileNames()
	p.Elsewhere = "in the formats csv and json"
	if d.has(JSON) {
		p.Elsewhere = "in " + jsonFile
	}
	limit := d.findingLimit()
	for i := range d.Packs {
		of := &d.Packs[i]
		view := packView{ID: of.ID, Title: cmp.Or(of.Title, of.ID), Version: of.Version, Hash: of.Hash, Notes: of.Notes}
		for k := range d.controls {
			if c := &d.controls[k]; c.pack == of {
				view.Controls = append(view.Controls, d.controlView(c, limit))
			}
		}
		p.Packs = append(p.Packs, view)
	}
	p.Attention, p.Unassessed = d.attentionViews()
	return p
}

// attentionViews are what the first screen shows. Many controls that could not be
// assessed have one cause, and are counted only.
func (d *document) attentionViews() (views []controlView, unassessed int) {
	all := d.attention()
	many := d.summary.states[report.NotAssessed] > pageUnassessed
	for _, c := range all {
		if many && c.State == report.NotAssessed {
			unassessed++
			continue
		}
		views = append(views, controlView{Control: c.Control, Anchor: c.slug, Pack: c.pack.ID, Why: shortenWords(c.Reason, pageReason)})
	}
	return views, unassessed
}

// worst is the most urgent state that there is, PASS if none needs attention.
func (d *document) worst() report.State {
	for _, s := range report.AllStates() {
		if s.NeedsAttention() && d.summary.states[s] > 0 {
			return s
		}
	}
	if d.summary.controls == 0 {
		return report.NotAssessed
	}
	return report.Pass
}

// openFindings says how severe what needs a person is.
func (d *document) openFindings() string {
	var parts []string
	for _, s := range severities {
		if n := d.summary.open[s]; n > 0 {
			parts = append(parts, quantity.Count(n)+" "+s.String())
		}
	}
	if len(parts) == 0 {
		return ""
	}
	text := "Their findings without an exception, by severity: " + strings.Join(parts, ", ")
	if d.summary.unlisted > 0 {
		text += "; " + quantity.Count(d.summary.unlisted) + " of all findings are counted and not listed"
	}
	return text + "."
}

func (d *document) scopeText() string {
	say := func(list []string, noun string) string {
		if len(list) == 0 {
			return "all " + noun + "s"
		}
		if len(list) > 4 {
			return quantity.Plural(int64(len(list)), noun)
		}
		return strings.Join(list, ", ")
	}
	return say(d.Report.Scope.Accounts, "account") + "; " + say(d.Report.Scope.Regions, "region")
}

// fileNames are those at the top of the folder.
func (d *document) fileNames() []string {
	var names []string
	for _, of := range []struct {
		format Format
		name   string
	}{{HTML, htmlFile}, {Markdown, markdownFile}, {JSON, jsonFile}, {JSONLines, jsonLinesFile}, {CSV, controlsFile}, {JUnit, junitFile}, {OCSF, ocsfFile}} {
		if d.has(of.format) {
			names = append(names, of.name)
		}
	}
	return names
}
