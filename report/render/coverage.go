package render

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report"
)

// CoverageSchema is the version of what WriteCoverageJSON writes.
const CoverageSchema = "trailql.coverage/1"

// coveragePage is what the template coveragepage shows.
type coveragePage struct {
	Style             template.CSS
	Period, Covered   string
	Heat              *heatMap
	Gaps              []report.Gap
	MoreGaps          int
	Elsewhere         string
	CoverageNotes     []string
	MoreCoverageNotes int
	Places            []placeView
}

type placeView struct {
	report.Place
	Active              int // hours with events
	Categories, Slowest string
	Silent              bool
}

func newPlaceView(p report.Place) placeView {
	v := placeView{Place: p, Silent: !p.SilentSince.IsZero()}
	for _, h := range p.Hours {
		if h.Events > 0 {
			v.Active++
		}
	}
	var parts []string
	for _, name := range sortedKeys(p.Categories) {
		parts = append(parts, name+" "+quantity.Count(p.Categories[name]))
	}
	v.Categories = strings.Join(parts, ", ")
	if p.SlowestDelivery > 0 {
		v.Slowest = quantity.Duration(p.SlowestDelivery)
	}
	return v
}

func coverageDocument(i *report.Inventory) *document {
	return newDocument(&report.Report{Period: i.Period, Scope: i.Scope, Coverage: i.Coverage}, nil)
}

// CoverageNotes are what a reader of an inventory has to know beside the gaps.
func CoverageNotes(i *report.Inventory) []string {
	notes := slices.Clone(i.Coverage.Notes)
	global := map[string]bool{}
	for _, p := range i.Places {
		if p.GlobalEventsMissing && !global[p.Account] {
			global[p.Account] = true
			notes = append(notes, fmt.Sprintf("account %s has no events of us-east-1: those of IAM, of STS's global endpoint and of most console sign-ins are recorded there", p.Account))
		}
		if p.MissingDigests > 0 {
			notes = append(notes, fmt.Sprintf("region %s of account %s: no digest ends in %s, though there are earlier and later ones",
				p.Region, p.Account, quantity.Plural(p.MissingDigests, "hour")))
		}
	}
	return notes
}

// WriteCoverageHTML writes one file that opens anywhere and loads nothing.
func WriteCoverageHTML(w io.Writer, i *report.Inventory) error {
	t, err := template.New("page").Funcs(pageFunctions).Parse(pageSource)
	if err != nil {
		return fmt.Errorf("read the page's template: %w", err)
	}
	d := coverageDocument(i)
	notes := CoverageNotes(i)
	p := coveragePage{
		Style: template.CSS(pageStyle), Period: d.periodText(), Covered: d.coverageVerdict(), Heat: d.heatMap(), Elsewhere: "in the format json",
		Gaps:          i.Coverage.Gaps[:min(len(i.Coverage.Gaps), pageGaps)],
		CoverageNotes: notes[:min(len(notes), pageNotes)],
	}
	p.MoreGaps, p.MoreCoverageNotes = len(i.Coverage.Gaps)-len(p.Gaps), len(notes)-len(p.CoverageNotes)
	for _, place := range i.Places {
		p.Places = append(p.Places, newPlaceView(place))
	}
	return t.ExecuteTemplate(w, "coveragepage", p)
}

type (
	jsonInventory struct {
		Schema    string      `json:"schema"`
		Period    jsonPeriod  `json:"period"`
		Complete  bool        `json:"complete"`
		Verdict   string      `json:"verdict"`
		Gaps      []jsonGap   `json:"gaps"`
		Undecided []string    `json:"undecided"`
		Notes     []string    `json:"notes"`
		Places    []jsonPlace `json:"places"`
	}
	jsonPlace struct {
		Account             string           `json:"account"`
		Region              string           `json:"region"`
		Events              int64            `json:"events"`
		Categories          map[string]int64 `json:"categories"`
		Objects             int64            `json:"objects"`
		Digests             int64            `json:"digests"`
		MissingDigests      int64            `json:"missing_digests"`
		FirstEvent          *time.Time       `json:"first_event"`
		LastEvent           *time.Time       `json:"last_event"`
		FirstDelivery       *time.Time       `json:"first_delivery"`
		LastDelivery        *time.Time       `json:"last_delivery"`
		SlowestDelivery     int64            `json:"slowest_delivery_seconds"`
		SilentSince         *time.Time       `json:"silent_since"`
		GlobalEventsMissing bool             `json:"global_events_missing"`
		Hours               []jsonHour       `json:"hours"`
	}
	jsonHour struct {
		Hour    time.Time `json:"hour"`
		Events  int64     `json:"events"`
		Objects int64     `json:"objects"`
		Digests int64     `json:"digests"`
	}
)

// WriteCoverageJSON writes an inventory as one object.
func WriteCoverageJSON(w io.Writer, i *report.Inventory) error {
	moment := func(t time.Time) *time.Time {
		if t.IsZero() {
			return nil
		}
		t = t.UTC()
		return &t
	}
	c := i.Coverage
	all := jsonInventory{
		Schema: CoverageSchema, Period: newJSONPeriod(i.Period), Complete: c.Complete, Verdict: coverageDocument(i).coverageVerdict(),
		Undecided: list(c.Undecided), Notes: list(CoverageNotes(i)),
		Gaps: each(c.Gaps, func(g report.Gap) jsonGap {
			return jsonGap{g.Account, g.Region, g.From.UTC(), g.To.UTC(), g.Hours, g.Reason}
		}),
		Places: each(i.Places, func(p report.Place) jsonPlace {
			return jsonPlace{
				Account: p.Account, Region: p.Region, Events: p.Events, Categories: table(p.Categories), Objects: p.Objects, Digests: p.Digests, MissingDigests: p.MissingDigests,
				FirstEvent: moment(p.FirstEvent), LastEvent: moment(p.LastEvent), FirstDelivery: moment(p.FirstDelivery), LastDelivery: moment(p.LastDelivery),
				SlowestDelivery: int64(p.SlowestDelivery / time.Second), SilentSince: moment(p.SilentSince), GlobalEventsMissing: p.GlobalEventsMissing,
				Hours: each(p.Hours, func(h report.HourCount) jsonHour { return jsonHour(h) }),
			}
		}),
	}
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		return fmt.Errorf("write coverage: %w", err)
	}
	_, err = w.Write(append(output.SafeJSON(b), '\n'))
	return err
}

// TextStyle is what a terminal, or whoever reads a text, can show.
type TextStyle struct {
	Columns int // 0: as many as it takes
	ASCII   bool
}

// mostCells and leastCells bound the heat map of a text.
const (
	mostCells  = 72
	leastCells = 8
)

// WriteCoverageText writes an inventory as a table with a heat map, the gaps, and notes.
func WriteCoverageText(w io.Writer, i *report.Inventory, style TextStyle) error {
	d := coverageDocument(i)
	rows := [][]string{{"account", "region", "events", "hours", "log files", "digests", "last event", "slowest"}}
	for _, p := range i.Places {
		v := newPlaceView(p)
		last := "-"
		if !p.LastEvent.IsZero() {
			last = p.LastEvent.UTC().Format("2006-01-02 15:04Z")
		}
		rows = append(rows, []string{cmp.Or(p.Account, "-"), cmp.Or(p.Region, "-"), quantity.Count(p.Events), quantity.Count(int64(v.Active)), quantity.Count(p.Objects),
			quantity.Count(p.Digests), last, cmp.Or(v.Slowest, "-")})
	}
	lines := aligned(rows, 2, 3, 4, 5)
	cells := mostCells
	if style.Columns > 0 {
		cells = min(max(style.Columns-len([]rune(lines[0]))-2, leastCells), mostCells)
	}
	hours := int((i.Period.To.Sub(i.Period.From) + time.Hour - 1) / time.Hour)
	each := (hours + cells - 1) / cells
	lines[0] += "  activity"
	for n, p := range i.Places {
		counts := make([]int64, (hours+each-1)/each)
		for _, h := range p.Hours {
			if at := int(h.Hour.Sub(i.Period.From)/time.Hour) / each; !h.Hour.Before(i.Period.From.Truncate(time.Hour)) && at < len(counts) {
				counts[at] += h.Events
			}
		}
		lines[n+1] += "  " + quantity.Heat(counts, style.ASCII)
	}
	text := fmt.Sprintf("%s; a sign of activity is %s\n%s\n", d.periodText(), quantity.Plural(int64(each), "hour"), d.coverageVerdict())
	if len(i.Places) > 0 {
		text += "\n" + strings.Join(lines, "\n") + "\n"
	}
	if len(i.Coverage.Gaps) > 0 {
		gaps := [][]string{{"gap of", "from", "to", "hours", "reason"}}
		for _, g := range i.Coverage.Gaps {
			gaps = append(gaps, []string{placeText(g), clock(g.From) + "Z", clock(g.To) + "Z", quantity.Count(int64(g.Hours)), g.Reason})
		}
		text += "\n" + strings.Join(aligned(gaps, 3), "\n") + "\n"
	}
	if notes := CoverageNotes(i); len(notes) > 0 {
		text += "\n"
		for _, n := range notes {
			text += "- " + output.Escape(n) + "\n"
		}
	}
	_, err := io.WriteString(w, text)
	return err
}

func placeText(g report.Gap) string {
	switch {
	case g.Account == "" && g.Region == "":
		return "everything"
	case g.Region == "":
		return "account " + g.Account
	case g.Account == "":
		return "region " + g.Region
	}
	return g.Account + " " + g.Region
}

// aligned are the rows in columns two blanks apart, numbers to the right.
func aligned(rows [][]string, numbers ...int) []string {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for c, value := range row {
			row[c] = output.Escape(value)
			widths[c] = max(widths[c], len([]rune(row[c])))
		}
	}
	lines := make([]string, len(rows))
	for r, row := range rows {
		for c, value := range row {
			pad := strings.Repeat(" ", widths[c]-len([]rune(value)))
			switch {
			case slices.Contains(numbers, c):
				value = pad + value
			case c < len(row)-1:
				value += pad
			}
			if c > 0 {
				lines[r] += "  "
			}
			lines[r] += value
		}
	}
	return lines
}
