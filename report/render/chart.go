package render

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report"
)

// Charts are numbers and short texts: the template draws them, and escapes what
// comes from a log.

type (
	barChart struct {
		Width, Height int
		Says          string // what it shows, for those who do not see it
		Bars          []bar
		Lines         []string // paths
		Texts         []chartText
	}
	bar struct {
		X, Y, Width, Height float64
		Says                string
	}
	chartText struct {
		X, Y         float64
		Anchor, Text string // start, middle, end
	}
	heatMap struct {
		Width, Height         float64
		CellWidth, CellHeight float64
		Columns, Labels       []chartText
		Cells                 []heatCell
		Crosses, Corners      []string // paths
		Most                  int64    // events of a day
		Narrow                bool     // Crosses are lines over spans of days
		More                  int      // rows that are left out
	}
	heatCell struct {
		X, Y  float64
		Level int // 0 for none, to 5
		Says  string
	}
)

// Sizes are in units of the drawing, which is as wide as the text.
const (
	chartWidth  = 1080
	chartHeight = 120
	sparkWidth  = 110
	sparkHeight = 22
	// widestBar keeps a report of few days from looking like a wall.
	widestBar = 60.0
)

// bucket is a span of time and what was counted in it.
type bucket struct {
	name  string
	count int64
}

// mostBuckets are how many bars a chart has; longer periods are drawn in weeks.
const mostBuckets = 366

// days are those of the period, in its zone, as in CoverageCell.Day.
func (d *document) days() []string {
	zone, err := time.LoadLocation(d.Period.Zone)
	if err != nil {
		zone = time.UTC
	}
	var days []string
	from, to := d.Period.From.In(zone), d.Period.To
	// Noon exists every day, whatever the clocks do.
	for day := time.Date(from.Year(), from.Month(), from.Day(), 12, 0, 0, 0, zone); ; day = day.AddDate(0, 0, 1) {
		start := time.Date(day.Year(), day.Month(), day.Day(), 0, 0, 0, 0, zone)
		if !start.Before(to) || len(days) > 40_000 {
			return days
		}
		days = append(days, day.Format(time.DateOnly))
	}
}

// perDay spreads counts over the days of the period, or over its weeks if there
// are many days.
func (d *document) perDay(counts map[string]int64) []bucket {
	days := d.days()
	each := 1
	if len(days) > mostBuckets {
		each = 7
	}
	var buckets []bucket
	for i, day := range days {
		if i%each == 0 {
			name := day
			if each > 1 {
				name = "week from " + day
			}
			buckets = append(buckets, bucket{name: name})
		}
		buckets[len(buckets)-1].count += counts[day]
	}
	return buckets
}

// perHour is for periods of a day or two, when every finding is listed. What began
// before is in the first hour.
func (d *document) perHour(findings []report.Finding) []bucket {
	zone, err := time.LoadLocation(d.Period.Zone)
	if err != nil {
		zone = time.UTC
	}
	var buckets []bucket
	for at := d.Period.From; at.Before(d.Period.To); at = at.Add(time.Hour) {
		buckets = append(buckets, bucket{name: at.In(zone).Format("2006-01-02 15:04")})
	}
	for i := range findings {
		if hour := max(0, int(findings[i].Time.Sub(d.Period.From)/time.Hour)); hour < len(buckets) {
			buckets[hour].count++
		}
	}
	return buckets
}

// hourly reports whether charts go by the hour.
func (d *document) hourly() bool {
	return d.Period.To.Sub(d.Period.From) <= 50*time.Hour && d.summary.unlisted == 0
}

func (d *document) buckets(c *control) []bucket {
	if d.hourly() {
		return d.perHour(c.Findings)
	}
	counts := map[string]int64{}
	for _, n := range c.Days {
		counts[n.Day] += n.Count
	}
	return d.perDay(counts)
}

// chart is a control's findings over time; nil when there are none.
func (d *document) chart(c *control) *barChart {
	return newBarChart(d.buckets(c), "Findings of the control over time")
}

// timeline is that of all controls.
func (d *document) timeline() *barChart {
	var total []bucket
	for i := range d.controls {
		buckets := d.buckets(&d.controls[i])
		if total == nil {
			total = buckets
			continue
		}
		for k := range buckets {
			total[k].count += buckets[k].count
		}
	}
	return newBarChart(total, "Findings of all controls over time")
}

func greatest(buckets []bucket) (most int64) {
	for _, b := range buckets {
		most = max(most, b.count)
	}
	return most
}

func newBarChart(buckets []bucket, says string) *barChart {
	most := greatest(buckets)
	if most == 0 {
		return nil
	}
	const left, right, top, bottom = 56.0, 8.0, 12.0, 20.0
	base := chartHeight - bottom
	height := base - top
	step := (chartWidth - left - right) / float64(len(buckets))
	c := &barChart{Width: chartWidth, Height: chartHeight, Says: fmt.Sprintf("%s, %s to %s; at most %s", says, buckets[0].name, buckets[len(buckets)-1].name, quantity.Count(most))}
	for _, share := range []float64{0, 0.5, 1} {
		if share == 0.5 && most < 4 {
			continue
		}
		y := round(base - height*share)
		c.Lines = append(c.Lines, fmt.Sprintf("M%g %gH%d", left, y, chartWidth-int(right)))
		c.Texts = append(c.Texts, chartText{left - 6, y + 4, "end", quantity.Count(int64(math.Round(float64(most) * share)))})
	}
	width := min(step*0.8, widestBar)
	for i, b := range buckets {
		if b.count == 0 {
			continue
		}
		h := max(1.5, height*float64(b.count)/float64(most))
		x := left + step*(float64(i)+0.5) - width/2
		c.Bars = append(c.Bars, bar{round(x), round(base - h), round(width), round(h), fmt.Sprintf("%s: %s", b.name, quantity.Count(b.count))})
	}
	// As many names as fit without touching.
	const nameWidth = 110
	every := max(1, int(math.Ceil(nameWidth/step)))
	for i := 0; i < len(buckets); i += every {
		if x := round(left + step*(float64(i)+0.5)); x < chartWidth-nameWidth/2 || i == 0 {
			c.Texts = append(c.Texts, chartText{x, chartHeight - 4, "middle", buckets[i].name})
		}
	}
	return c
}

// spark is a small chart for a cell of a table.
func (d *document) spark(c *control) *barChart {
	buckets := d.buckets(c)
	most := greatest(buckets)
	if most == 0 {
		return nil
	}
	const fit = sparkWidth / 2
	each := (len(buckets) + fit - 1) / fit
	var sums []bucket
	for i, b := range buckets {
		if i%each == 0 {
			sums = append(sums, bucket{})
		}
		sums[len(sums)-1].count += b.count
	}
	top := greatest(sums)
	chart := &barChart{Width: sparkWidth, Height: sparkHeight, Says: fmt.Sprintf("Over the period, at most %s in a bar", quantity.Count(top))}
	step := float64(sparkWidth) / float64(len(sums))
	width := min(step*0.8, 12)
	for i, b := range sums {
		if b.count > 0 {
			h := max(1.5, sparkHeight*float64(b.count)/float64(top))
			chart.Bars = append(chart.Bars, bar{X: round(step*(float64(i)+0.5) - width/2), Y: round(sparkHeight - h), Width: round(width), Height: round(h)})
		}
	}
	return chart
}

// round keeps the drawing small.
func round(x float64) float64 { return math.Round(x*10) / 10 }

const (
	heatRows = 60
	// heatTitles are how many cells may say what they are: each costs a line.
	heatTitles = 2000
)

// heatMap is nil when nothing is known.
func (d *document) heatMap() *heatMap {
	days := d.days()
	if len(d.Coverage.Cells) == 0 || len(days) == 0 {
		return nil
	}
	type place struct{ account, region string }
	cells := map[place]map[string]report.CoverageCell{}
	var rows []place
	h := &heatMap{}
	for _, c := range d.Coverage.Cells {
		at := place{c.Account, c.Region}
		if cells[at] == nil {
			cells[at] = map[string]report.CoverageCell{}
			rows = append(rows, at)
		}
		cells[at][c.Day] = c
		h.Most = max(h.Most, c.Events)
	}
	gaps := map[place]map[string]gapShare{}
	for _, g := range d.Coverage.Gaps {
		for _, at := range rows {
			if g.Account != "" && at.account != g.Account || g.Region != "" && at.region != g.Region {
				continue
			}
			if gaps[at] == nil {
				gaps[at] = map[string]gapShare{}
			}
			for day, share := range d.daysOf(g) {
				gaps[at][day] = max(gaps[at][day], share)
			}
		}
	}
	if len(rows) > heatRows {
		h.More = len(rows) - heatRows
		slices.SortStableFunc(rows, func(a, b place) int { return cmp.Compare(len(gaps[b]), len(gaps[a])) })
		rows = rows[:heatRows]
		slices.SortFunc(rows, func(a, b place) int {
			return cmp.Or(cmp.Compare(a.account, b.account), cmp.Compare(a.region, b.region))
		})
	}
	const left, top, rowHeight = 230.0, 22.0, 19.0
	step := min((chartWidth-left)/float64(len(days)), 28)
	space := 2.0
	if h.Narrow = step < 8; h.Narrow {
		space = 0
	}
	h.CellWidth, h.CellHeight = round(step-space), rowHeight-3
	h.Width, h.Height = chartWidth, round(top+rowHeight*float64(len(rows)))
	every := max(1, int(math.Ceil(22/step)))
	for i := 0; i < len(days); i += every {
		text := days[i][8:]
		if len(days) > 62 || i == 0 && every > 1 {
			text = days[i][5:]
		}
		if len(days) > 62 && i > 0 && i/every%3 != 0 {
			continue
		}
		if x := round(left + step*float64(i)); x <= chartWidth-7*float64(len(text)) {
			h.Columns = append(h.Columns, chartText{X: x, Y: 14, Text: text})
		}
	}
	titles := len(rows)*len(days) <= heatTitles
	last := ""
	for r, at := range rows {
		y := top + rowHeight*float64(r)
		if at.account != last || r == 0 {
			h.Labels = append(h.Labels, chartText{X: 0, Y: y + 12, Text: cut(at.account, 15)})
			last = at.account
		}
		h.Labels = append(h.Labels, chartText{X: 118, Y: y + 12, Text: cut(at.region, 17)})
		since := -1 // first day of the gap that a narrow map is in
		for i, day := range days {
			c := cells[at][day]
			x := round(left + step*float64(i))
			cell := heatCell{X: x, Y: y, Level: heatLevel(c.Events, h.Most)}
			share := gaps[at][day]
			if titles {
				cell.Says = fmt.Sprintf("%s %s, %s: %s in %s of the day", at.account, at.region, day, quantity.Plural(c.Events, "event"), quantity.Plural(int64(c.Hours), "hour"))
				if share > 0 {
					cell.Says += "; gap"
				}
			}
			// Where days are narrow, the ground says that there are none.
			if cell.Level > 0 || !h.Narrow {
				h.Cells = append(h.Cells, cell)
			}
			w, bottom := h.CellWidth, y+h.CellHeight
			whole := share == gapWhole || share > 0 && c.Events == 0
			if whole && h.Narrow {
				if since < 0 {
					since = i
				}
				if last := i == len(days)-1; last || gaps[at][days[i+1]] == 0 || cells[at][days[i+1]].Events > 0 {
					h.Crosses = append(h.Crosses, fmt.Sprintf("M%g %gH%g", round(left+step*float64(since)), y+h.CellHeight/2, round(left+step*float64(i+1))))
					since = -1
				}
				continue
			}
			switch {
			case whole:
				inset := min(3, w/4)
				h.Crosses = append(h.Crosses, fmt.Sprintf("M%g %gL%g %gM%g %gL%g %g", round(x+inset), y+3, round(x+w-inset), bottom-3, round(x+w-inset), y+3, round(x+inset), bottom-3))
			case share > 0:
				side := min(9, w)
				h.Corners = append(h.Corners, fmt.Sprintf("M%g %gH%gV%gZ", round(x+w-side), bottom, round(x+w), round(bottom-side)))
			}
		}
	}
	return h
}

// cut makes a label fit.
func cut(s string, longest int) string {
	if r := []rune(s); len(r) > longest {
		return string(r[:longest-1]) + "…"
	}
	return s
}

// gapShare says how much of a day is missing.
type gapShare int

const (
	gapHours gapShare = 1
	gapWhole gapShare = 2
)

// daysOf are the days in the period's zone that a gap touches.
func (d *document) daysOf(g report.Gap) map[string]gapShare {
	zone, err := time.LoadLocation(d.Period.Zone)
	if err != nil {
		zone = time.UTC
	}
	shares := map[string]gapShare{}
	from, to := g.From.In(zone), g.To.In(zone)
	for day := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, zone); day.Before(to) && len(shares) <= 40_000; {
		next := time.Date(day.Year(), day.Month(), day.Day()+1, 0, 0, 0, 0, zone)
		share := gapHours
		if !from.After(day) && !to.Before(next) {
			share = gapWhole
		}
		shares[day.Format(time.DateOnly)] = share
		day = next
	}
	return shares
}

// heatLevel is by powers of two: a quiet region is not an empty one.
func heatLevel(n, most int64) int {
	if n <= 0 {
		return 0
	}
	level := 5
	for _, part := range []int64{2, 4, 8, 32} {
		if n > most/part {
			break
		}
		level--
	}
	return level
}
