package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/convert/digest"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

//go:embed verify.html.tmpl
var integrityPage string

// What a page shows at most, to stay readable. The JSON report has the rest.
const (
	pageFindings = 2000
	pageChains   = 500
	pageRows     = 200
	pageDays     = 400
)

// writePage writes a page that needs nothing else: no script, no link, no image.
// What comes from the archive goes through v there.
func (r integrityReport) writePage(w writerTo) error {
	page, err := template.New("page").Funcs(template.FuncMap{
		"v":     output.Escape,
		"n":     quantity.Count,
		"clock": clock,
		"tally": tallyText,
		"chain": chainName,
		"half":  func(y int) int { return y + 7 },
	}).Parse(integrityPage)
	if err != nil {
		return err
	}
	found := r.Result
	findings := shownFindings(found)
	return page.Execute(w, map[string]any{
		"Report": r, "Sources": strings.Join(r.Sources, ", "), "Asked": r.asked(), "Proven": r.proven(),
		"Tiles": []pageTile{
			{"Digest files", found.Digests}, {"Backfill digest files", found.Backfill}, {"Log files", found.Logs},
		},
		"Uncovered": uncoveredText(found.Uncovered),
		"Findings":  findings[:min(len(findings), pageFindings)],
		"Hidden":    int64(max(0, len(findings)-pageFindings)) + found.Omitted,
		"Chains":    found.Chains[:min(len(found.Chains), pageChains)], "MoreChains": int64(max(0, len(found.Chains)-pageChains)),
		"Heat": newHeat(found.Hours), "Verdict": r.headline(),
	})
}

type pageTile struct {
	Name  string
	Tally digest.Tally
}

func (r integrityReport) headline() string {
	if err := r.verdict(); err != nil {
		return "Does not hold: " + err.Error() + "."
	}
	text := "Holds: nothing contradicts the digests, and there is no gap between them."
	if n := r.Result.Digests.Unproven + r.Result.Backfill.Unproven; n > 0 {
		text += fmt.Sprintf(" %s cannot be proven from a copy.", quantity.Plural(n, "digest"))
	}
	return text
}

// heat is a map of days by account and Region.
type heat struct {
	Rows                 []heatRow
	Ticks                []heatTick
	Width, Height        int
	MoreRows, HiddenDays int64
	First, Last          time.Time
}

type heatRow struct {
	Name  string
	Y     int
	Text  int // baseline
	Cells []heatCell
}

type heatCell struct {
	X           int
	Mark, Title string
}

type heatTick struct {
	X    int
	Name string
}

const (
	heatLabel = 250
	heatCellX = 9
	heatCellY = 18
)

// newHeat draws what is known of each day. A day has one of five marks, which
// differ in form too: invalid, none, part, unproven, valid.
func newHeat(hours []digest.Hour) *heat {
	const day = 24 * time.Hour
	type key struct{ account, region string }
	type sum struct{ digests, unproven, invalid, logs, wrong, uncovered int64 }
	days := map[key]map[time.Time]*sum{}
	h := &heat{}
	for _, x := range hours {
		at := x.Hour.Truncate(day)
		if h.First.IsZero() || at.Before(h.First) {
			h.First = at
		}
		if at.After(h.Last) {
			h.Last = at
		}
		k := key{x.Account, x.Region}
		if days[k] == nil {
			days[k] = map[time.Time]*sum{}
		}
		s := days[k][at]
		if s == nil {
			s = &sum{}
			days[k][at] = s
		}
		switch x.Digest {
		case digest.Valid:
			s.digests++
		case digest.Unproven:
			s.unproven++
		case digest.Invalid:
			s.invalid++
		}
		s.logs += x.Logs.Total
		s.wrong += x.Logs.Invalid
		s.uncovered += x.NotCovered
	}
	if len(days) == 0 {
		return nil
	}
	if shown := h.Last.Add(-(pageDays - 1) * day); h.First.Before(shown) {
		h.HiddenDays = int64(shown.Sub(h.First) / day)
		h.First = shown
	}
	keys := make([]key, 0, len(days))
	for k := range days {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b key) int { return strings.Compare(a.account+" "+a.region, b.account+" "+b.region) })
	if len(keys) > pageRows {
		h.MoreRows = int64(len(keys) - pageRows)
		keys = keys[:pageRows]
	}
	for i, k := range keys {
		row := heatRow{Name: strings.TrimSpace(k.account + " " + k.region), Y: (i + 1) * heatCellY, Text: (i+1)*heatCellY + 11}
		x := heatLabel
		for at := h.First; !at.After(h.Last); at = at.Add(day) {
			s := days[k][at]
			if s == nil {
				s = &sum{}
			}
			mark := "valid"
			switch {
			case s.invalid+s.wrong > 0:
				mark = "invalid"
			case s.digests+s.unproven == 0:
				mark = "none"
			case s.digests+s.unproven < 24:
				mark = "part"
			case s.unproven > 0:
				mark = "unproven"
			}
			title := fmt.Sprintf("%s %s: %d hours with a valid digest, %d unproven, %d invalid; %s log files, %s invalid, %s without digest",
				row.Name, at.Format(time.DateOnly), s.digests, s.unproven, s.invalid, quantity.Count(s.logs), quantity.Count(s.wrong), quantity.Count(s.uncovered))
			row.Cells = append(row.Cells, heatCell{x, mark, title})
			if i == 0 && (at.Day() == 1 || at.Equal(h.First)) && (len(h.Ticks) == 0 || x-h.Ticks[len(h.Ticks)-1].X > 70) {
				h.Ticks = append(h.Ticks, heatTick{x, at.Format(time.DateOnly)})
			}
			x += heatCellX
		}
		h.Width = max(h.Width, x+80)
		h.Rows = append(h.Rows, row)
	}
	h.Height = (len(h.Rows) + 1) * heatCellY
	return h
}
