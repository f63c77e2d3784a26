package repl

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/engine/quantity"
)

// runCoverage says for each account and region on which days there are events,
// and on which in between there are none.
func runCoverage(s *Session, ctx context.Context, a arguments) error {
	rows, err := s.lookup(ctx, `SELECT coalesce(recipientaccountid, useridentity.accountid, '(none)'), coalesce(region, '(none)'), "date", count(*)
		FROM cloudtrail_logs GROUP BY 1, 2, 3`)
	if err != nil {
		return err
	}
	c := newCoverage()
	for _, row := range rows {
		c.add(textOf(row[0]), textOf(row[1]), textOf(row[2]), number(row[3]))
	}
	if len(c.streams) == 0 {
		s.printf("(no events%s)\n", s.inWindow())
		return nil
	}
	first, last := c.first, c.last
	// A window says how far records are expected, the archive how far they go.
	if !s.window.From.IsZero() {
		first = min(first, dayOf(s.window.From))
	}
	if !s.window.To.IsZero() {
		last = min(max(last, dayOf(s.window.To.Add(-time.Nanosecond))), max(last, dayOf(s.options.Now())))
	}
	streams := c.inOrder()
	shown, width := s.coverageColumns(streams)
	list := newAnswer(shown)
	for _, st := range streams {
		gaps := st.gaps(last)
		missing := int64(0)
		for _, g := range gaps {
			missing += int64(g.days())
		}
		all := map[string]any{
			"account": st.account, "region": st.region, "first_day": st.days[0].text(), "last_day": st.days[len(st.days)-1].text(),
			"days": int64(len(st.days)), "missing": missing, "events": st.events,
			"activity": s.heat(st, first, last, width), "gaps": orNil(gapsText(gaps, last, s.ellipsis())),
		}
		var row []any
		for _, h := range shown {
			row = append(row, all[h.name])
		}
		list.add(row...)
	}
	days := int(last-first) + 1
	title := fmt.Sprintf("%s %s %s (%s)", first.text(), s.ellipsis(), last.text(), quantity.Plural(int64(days), "day"))
	if cell := cellDays(days, width); days > 1 {
		title += fmt.Sprintf("; in activity a sign is %s, the more the fuller", quantity.Plural(int64(cell), "day"))
	}
	if err := s.showAnswer(ctx, list, title); err != nil {
		return err
	}
	for _, account := range c.accounts() {
		if account != "(none)" && c.streams[[2]string{account, "us-east-1"}] == nil {
			s.notef("account %s has no events of us-east-1: those of IAM, of STS's global endpoint and of most console sign-ins are recorded there", account)
		}
	}
	if c.undated > 0 {
		s.notef("%s without a time", quantity.Plural(c.undated, "event"))
	}
	s.noteOnce("a gap is a day without a single event in the archive: the trail was off, log files are missing, or nothing happened")
	return nil
}

// day is a calendar day in UTC, counted from 1970.
type day int

func dayOf(t time.Time) day { return day(math.Floor(float64(t.Unix()) / 86400)) }

func parseDay(text string) (day, bool) {
	t, err := time.Parse(dayLayout, text)
	return dayOf(t), err == nil
}

func (d day) text() string { return time.Unix(int64(d)*86400, 0).UTC().Format(dayLayout) }

// stream is what one account recorded in one region, or in all of them.
type stream struct {
	account, region string
	events          int64
	byDay           map[day]int64
	days            []day // with events, in order
}

// coverage is all of them.
type coverage struct {
	streams     map[[2]string]*stream
	first, last day
	undated     int64
}

// allRegions is the region of an account's streams together.
const allRegions = "(all)"

func newCoverage() *coverage { return &coverage{streams: map[[2]string]*stream{}} }

func (c *coverage) add(account, region, date string, events int64) {
	d, ok := parseDay(date)
	if !ok {
		c.undated += events
		return
	}
	if len(c.streams) == 0 {
		c.first, c.last = d, d
	}
	c.first, c.last = min(c.first, d), max(c.last, d)
	for _, r := range []string{region, allRegions} {
		key := [2]string{account, r}
		st := c.streams[key]
		if st == nil {
			st = &stream{account: account, region: r, byDay: map[day]int64{}}
			c.streams[key] = st
		}
		st.events += events
		st.byDay[d] += events
	}
}

func (c *coverage) accounts() []string {
	var all []string
	for key := range c.streams {
		if key[1] == allRegions {
			all = append(all, key[0])
		}
	}
	slices.Sort(all)
	return all
}

// inOrder are the streams by account, its sum first where it has several regions.
func (c *coverage) inOrder() []*stream {
	regions := map[string]int{}
	for key := range c.streams {
		regions[key[0]]++
	}
	var all []*stream
	for key, st := range c.streams {
		if key[1] == allRegions && regions[key[0]] == 2 {
			continue
		}
		st.days = slices.Sorted(maps.Keys(st.byDay))
		all = append(all, st)
	}
	slices.SortFunc(all, func(a, b *stream) int {
		return cmp.Or(strings.Compare(a.account, b.account), -cmp.Compare(btoi(a.region == allRegions), btoi(b.region == allRegions)), strings.Compare(a.region, b.region))
	})
	return all
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// gap is a span of days without events, both ends in it.
type gap struct{ from, to day }

func (g gap) days() int { return int(g.to-g.from) + 1 }

// gaps are those behind the first event, up to the last day of the archive.
func (s *stream) gaps(last day) []gap {
	var all []gap
	for i, d := range s.days {
		next := last + 1
		if i+1 < len(s.days) {
			next = s.days[i+1]
		}
		if next > d+1 {
			all = append(all, gap{d + 1, next - 1})
		}
	}
	return all
}

// shownGaps is how many gaps are named, the longest first.
const shownGaps = 3

func gapsText(gaps []gap, last day, ellipsis string) string {
	shown := slices.Clone(gaps)
	slices.SortStableFunc(shown, func(a, b gap) int { return cmp.Compare(b.days(), a.days()) })
	shown = shown[:min(len(shown), shownGaps)]
	var parts []string
	for _, g := range shown {
		switch {
		case g.to == last && g.days() > 1:
			parts = append(parts, "since "+g.from.text())
		case g.days() == 1:
			parts = append(parts, g.from.text())
		default:
			parts = append(parts, fmt.Sprintf("%s%s%s (%d)", g.from.text(), ellipsis, g.to.text(), g.days()))
		}
	}
	text := strings.Join(parts, ", ")
	if more := len(gaps) - len(shown); more > 0 {
		text += fmt.Sprintf(", and %d more", more)
	}
	return text
}

const (
	leastHeat = 10
	mostHeat  = 62
	frame     = 3 // of a column in a box
)

// coverageColumns are those that the screen has room for, and how many signs the
// activity has: nothing is left of it when it is cut.
func (s *Session) coverageColumns(streams []*stream) (shown []heading, width int) {
	all := slices.Concat(texts("account", "region", "first_day", "last_day"), numbers("days", "missing", "events"), texts("activity", "gaps"))
	if s.screen.Size == nil {
		return all, mostHeat
	}
	region := len("region")
	for _, st := range streams {
		region = max(region, len(st.region))
	}
	cells := map[string]int{"account": 12, "region": region, "first_day": 10, "last_day": 10, "days": 5, "missing": 7, "events": 9, "activity": 0, "gaps": 0}
	room := func() int {
		room := s.columns() - 1 - frame*len(all)
		for _, h := range all {
			room -= cells[h.name]
		}
		return room
	}
	for _, drop := range []string{"first_day", "last_day", "days"} {
		if room() < 4*leastHeat {
			all = slices.DeleteFunc(all, func(h heading) bool { return h.name == drop })
		}
	}
	// Of two texts that do not fit the longer is cut first.
	return all, min(max(room()/2, leastHeat), mostHeat)
}

// cellDays is how many days a sign stands for.
func cellDays(days, width int) int { return max(1, (days+width-1)/width) }

// heat draws the events of a stream: a sign for a day, or for some.
func (s *Session) heat(st *stream, first, last day, width int) string {
	cell := cellDays(int(last-first)+1, width)
	sums := make([]int64, (int(last-first)+cell)/cell)
	for d, n := range st.byDay {
		if i := int(d-first) / cell; d >= first && i < len(sums) {
			sums[i] += n
		}
	}
	return quantity.Heat(sums, s.screen.ASCII)
}
