package duck

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog"
)

// The columns by whose conditions files are left out.
const (
	regionColumn    = "region"
	dateColumn      = "date"           // UTC day of the event time, YYYY-MM-DD
	timestampColumn = "eventtimestamp" // event time
	timeColumn      = "eventtime"      // the same as ISO 8601 text in UTC
)

// planner is a catalog.Table as this file needs it.
type planner interface {
	Schema() *iceberg.Schema
	Spec() []string
	Plan(context.Context, catalog.Predicate) ([]catalog.DataFile, catalog.PlanStats, error)
}

// plan returns the files that can hold rows for this use of the table, and what
// it left out.
func plan(ctx context.Context, t planner, u *use) ([]catalog.DataFile, catalog.PlanStats, error) {
	files, stats, err := t.Plan(ctx, u.window())
	if err != nil {
		return nil, stats, err
	}
	columns := partitionIndexes{region: slices.Index(t.Spec(), regionColumn), date: slices.Index(t.Spec(), dateColumn)}
	kept := files[:0:0]
	stats.Files, stats.Records, stats.Bytes = 0, 0, 0
	for _, f := range files {
		if u.mayNeed(columns.of(f)) {
			kept = append(kept, f)
			stats.Files++
			stats.Records += f.Records
			stats.Bytes += f.Bytes
		}
	}
	return kept, stats, nil
}

// window is the time outside which no place that reads the table takes rows.
func (u *use) window() catalog.Predicate {
	var p catalog.Predicate
	for i, filter := range u.filters {
		from, to := eventWindow(filter)
		if i == 0 || from.Before(p.From) {
			p.From = from // the zero time, which is no bound, is before all others
		}
		if i == 0 || !p.To.IsZero() && (to.IsZero() || to.After(p.To)) {
			p.To = to
		}
	}
	return p
}

// eventWindow reads the conditions on the event time: [from, to), zero if open.
func eventWindow(filter []condition) (from, to time.Time) {
	for _, c := range filter {
		if c.column != timestampColumn || len(c.ranges) != 1 {
			continue
		}
		if low, ok := parseTime(c.ranges[0].low); ok && low.After(from) {
			from = low
		}
		if high, ok := parseTime(c.ranges[0].high); ok {
			high = high.Add(time.Microsecond) // the range includes its end
			if to.IsZero() || high.Before(to) {
				to = high
			}
		}
	}
	return from, to
}

// parseTime reads the forms of a time that people write and DuckDB reads alike;
// the session's time zone is UTC.
func parseTime(o *operand) (time.Time, bool) {
	if o == nil {
		return time.Time{}, false
	}
	for _, layout := range []string{time.DateOnly, time.DateTime, "2006-01-02T15:04:05", time.RFC3339, "2006-01-02 15:04"} {
		if t, err := time.Parse(layout, o.text); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// partition is where a file lies; a value is empty when it is not known.
type partition struct{ region, date string }

type partitionIndexes struct{ region, date int }

func (p partitionIndexes) of(f catalog.DataFile) partition {
	value := func(i int) string {
		if i < 0 || i >= len(f.Partition) {
			return ""
		}
		return f.Partition[i]
	}
	return partition{region: value(p.region), date: value(p.date)}
}

// mayNeed reports whether some place that reads the table may take rows of the
// partition.
func (u *use) mayNeed(p partition) bool {
	return slices.ContainsFunc(u.filters, func(filter []condition) bool {
		return !slices.ContainsFunc(filter, func(c condition) bool { return c.rulesOut(p) })
	})
}

func (c condition) rulesOut(p partition) bool {
	switch c.column {
	case regionColumn:
		return p.region != "" && !c.includes(p.region)
	case dateColumn:
		return p.date != "" && !c.includes(p.date)
	case timeColumn:
		// Records whose time is not a time lie in a partition that is no day.
		day, err := time.Parse(time.DateOnly, p.date)
		return err == nil && !c.onDay(day)
	}
	return false
}

// includes compares bytes, as DuckDB orders text. A text that is compared with
// a date is cast to one, which is another order, so that rules nothing out.
func (c condition) includes(value string) bool {
	return slices.ContainsFunc(c.ranges, func(r textRange) bool {
		return (r.low == nil || r.low.cast || r.low.text <= value) && (r.high == nil || r.high.cast || value <= r.high.text)
	})
}

// onDay reports whether the condition may be true of the text of a time on this
// UTC day. With an offset from UTC the text can start with a day next to it.
func (c condition) onDay(day time.Time) bool {
	first := day.AddDate(0, 0, -1).Format(time.DateOnly)
	last := day.AddDate(0, 0, 1).Format(time.DateOnly) + "\xff" // above all texts that start so
	return slices.ContainsFunc(c.ranges, func(r textRange) bool {
		return (r.low == nil || r.low.cast || r.low.text <= last) && (r.high == nil || r.high.cast || first <= r.high.text)
	})
}

// knownTables are the lower-case names of a snapshot's tables.
func knownTables(s *catalog.Snapshot) map[string]bool {
	known := map[string]bool{}
	for _, name := range s.Tables() {
		known[strings.ToLower(name)] = true
	}
	return known
}
