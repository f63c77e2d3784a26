package render

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report"
)

// findingLimit is how many findings of a control the page shows, so that all
// controls together stay within the page's limit.
func (d *document) findingLimit() int {
	for _, limit := range []int{pageControlFindings, 50, 25} {
		total := 0
		for i := range d.controls {
			total += min(limit, len(d.controls[i].Findings))
		}
		if total <= pageFindings {
			return limit
		}
	}
	return 10
}

func (d *document) controlView(c *control, limit int) controlView {
	view := controlView{Control: c.Control, Anchor: c.slug, Pack: c.pack.ID, Kind: kindWords[c.Kind], Spark: d.spark(c), Chart: d.chart(c)}
	view.Counts = quantity.Plural(c.Count, "finding")
	if c.Events != c.Count && c.Events > 0 {
		view.Counts += " in " + quantity.Plural(c.Events, "event")
	}
	if c.Suppressed > 0 {
		view.Counts += ", " + quantity.Count(c.Suppressed) + " with an approved exception"
	}
	if x := c.Difference; x != nil && x.New+x.Recurring+x.Resolved > 0 {
		view.Counts += fmt.Sprintf("; %s new, %s recurring, %s resolved since the report before", quantity.Count(x.New), quantity.Count(x.Recurring), quantity.Count(x.Resolved))
	}
	view.Counts += "."
	for _, name := range sortedKeys(c.Control.Related) {
		view.Related = append(view.Related, named{name, c.Control.Related[name]})
	}
	for _, g := range c.Control.Groups {
		if !hasValues(g) {
			continue
		}
		view.Groups = append(view.Groups, newGroupView("Findings by "+strings.Join(g.Columns, ", "), g))
	}
	shown := mostSevere(c.Control.Findings, limit)
	for _, i := range shown {
		view.Findings = append(view.Findings, d.findingView(c, i))
	}
	view.Caption = d.caption(c, len(shown))
	return view
}

// mostSevere are the indices of the findings to show, in order. Those that an
// exception suppresses come last where some have to be left out.
func mostSevere(findings []report.Finding, limit int) []int {
	indices := make([]int, len(findings))
	for i := range indices {
		indices[i] = i
	}
	if len(findings) <= limit {
		return indices
	}
	excepted := func(i int) int {
		if findings[i].SuppressedBy != "" {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(indices, func(a, b int) int {
		return cmp.Or(cmp.Compare(excepted(a), excepted(b)), cmp.Compare(findings[b].Severity, findings[a].Severity))
	})
	indices = indices[:limit]
	slices.Sort(indices)
	return indices
}

// caption says which findings there are, and where the others are.
func (d *document) caption(c *control, shown int) string {
	if int64(shown) == c.Count {
		return "All " + quantity.Plural(int64(shown), "finding") + ", in order of time"
	}
	text := fmt.Sprintf("The %s most severe of %s, in order of time.", quantity.Count(int64(shown)), quantity.Plural(c.Count, "finding"))
	listed := len(c.Control.Findings)
	if listed > shown {
		text += fmt.Sprintf(" All %s are in %s.", quantity.Count(int64(listed)), d.whereListed(c))
	}
	if c.Unlisted > 0 {
		text += fmt.Sprintf(" %s more were counted and are not listed.", quantity.Count(c.Unlisted))
	}
	return text
}

func (d *document) whereListed(c *control) string {
	switch {
	case d.has(CSV):
		return c.file()
	case d.has(JSONLines):
		return jsonLinesFile
	case d.has(JSON):
		return jsonFile
	}
	return "the archive; the formats csv, json and jsonl list them"
}

// mainColumns are evidence columns that the first line of a finding shows.
var mainColumns = []string{"event_name", "actor", "resource", "source_ip", "outcome"}

func (d *document) findingView(c *control, i int) findingView {
	f := &c.Control.Findings[i]
	view := findingView{Number: i + 1, Anchor: fmt.Sprintf("%s_%d", c.slug, i+1), Time: clock(f.Time), Severity: f.Severity,
		Event: d.value(f, "event_name"), Actor: d.value(f, "actor"), Resource: d.value(f, "resource"), From: d.value(f, "source_ip"), Outcome: d.value(f, "outcome"),
		SuppressedBy: f.SuppressedBy}
	if isCorrelation(f) {
		view.Event = c.ruleTitle(f.Rule)
		view.Rest = append(view.Rest, nameValue{"until", clock(f.Last)})
		if f.Reached > 0 {
			view.Rest = append(view.Rest, nameValue{"reached", quantity.Count(f.Reached)})
		}
	}
	if x := f.Disposition; x != nil {
		view.Disposition = fmt.Sprintf("Acknowledged by %s on %s: %s", x.By, clock(x.At), x.Note)
		if x.Ticket != "" {
			view.Disposition += " (" + x.Ticket + ")"
		}
	}
	for e, name := range d.evidence {
		if e < len(f.Values) && f.Values[e] != "" && !slices.Contains(mainColumns, name) {
			view.Rest = append(view.Rest, nameValue{name, f.Values[e]})
		}
	}
	for _, name := range sortedKeys(f.Columns) {
		view.Rest = append(view.Rest, nameValue{name, f.Columns[name]})
	}
	view.Rest = append(view.Rest, nameValue{"rule_id", f.Rule}, nameValue{"control_ids", strings.Join(d.controlIDs(f), " ")}, nameValue{"finding_id", f.ID})
	if f.Status != "" {
		view.Rest = append(view.Rest, nameValue{"status", f.Status})
	}
	if len(f.Events) > 0 {
		view.Rest = append(view.Rest, nameValue{"events", strings.Join(f.Events, " ")})
	}
	return view
}

// hasValues: a group of gaps has no actor, and says nothing.
func hasValues(g report.Group) bool {
	return slices.ContainsFunc(g.Rows, func(row report.GroupRow) bool {
		return slices.ContainsFunc(row.Values, func(v string) bool { return v != "" })
	})
}

func newGroupView(caption string, g report.Group) groupView {
	view := groupView{Caption: caption, Columns: g.Columns, Others: g.Others}
	most := int64(1)
	for _, row := range g.Rows {
		most = max(most, row.Count)
	}
	for i, row := range g.Rows {
		if i >= pageGroupRows {
			view.Others += row.Count
			continue
		}
		view.Rows = append(view.Rows, groupRowView{row.Values, row.Count, int(max(1, row.Count*100/most))})
	}
	return view
}

// topGroups add up the groups by account and by actor of all controls.
func (d *document) topGroups() []groupView {
	var views []groupView
	for _, by := range []struct{ column, caption string }{{"account_id", "Findings of all controls by account"}, {"actor", "Findings of all controls by actor"}} {
		counts := map[string]int64{}
		total := report.Group{Columns: []string{by.column}}
		for i := range d.controls {
			for _, g := range d.controls[i].Control.Groups {
				if len(g.Columns) != 1 || g.Columns[0] != by.column {
					continue
				}
				for _, row := range g.Rows {
					if len(row.Values) == 1 {
						counts[row.Values[0]] += row.Count
					}
				}
				total.Others += g.Others
				break
			}
		}
		for _, value := range sortedKeys(counts) {
			total.Rows = append(total.Rows, report.GroupRow{Values: []string{value}, Count: counts[value]})
		}
		slices.SortStableFunc(total.Rows, func(a, b report.GroupRow) int { return cmp.Compare(b.Count, a.Count) })
		if len(total.Rows) > 0 {
			views = append(views, newGroupView(by.caption, total))
		}
	}
	return views
}
