package report

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrInvalid is wrapped by errors of what the caller asked for: a period, a scope,
// a parameter. Nothing was run.
var ErrInvalid = errors.New("not valid")

// DefaultLateness is how long CloudTrail may take to deliver a log file, and more.
const DefaultLateness = time.Hour

// PeriodNames are the relative periods that ParsePeriod knows.
func PeriodNames() []string {
	return []string{"yesterday", "last-week", "last-month", "last-quarter", "last-year"}
}

// ParsePeriod reads a period: one of PeriodNames, a day 2026-08-14, a month 2026-08,
// a year 2026, or A/B, where both are days or RFC 3339 times, B may be now, and B is
// not in the period. Days begin and end in the zone; weeks begin on Monday.
// A period that is empty or ends after now is an error that wraps ErrInvalid.
func ParsePeriod(name string, zone *time.Location, now time.Time, lateness time.Duration) (Period, error) {
	p := Period{Name: name, Zone: zone.String(), Lateness: lateness}
	from, to, err := bounds(name, zone, now)
	if err != nil {
		return p, fmt.Errorf("period %q: %w: %w", name, ErrInvalid, err)
	}
	p.From, p.To = from.UTC(), to.UTC()
	switch {
	case !p.From.Before(p.To):
		return p, fmt.Errorf("period %q: %w: it is empty", name, ErrInvalid)
	case p.From.After(now):
		return p, fmt.Errorf("period %q: %w: it lies in the future", name, ErrInvalid)
	case p.To.After(now):
		return p, fmt.Errorf("period %q: %w: it has not ended; %s/now is what there is of it", name, ErrInvalid, from.Format(time.DateOnly))
	}
	p.Open = p.To.Add(lateness).After(now)
	return p, nil
}

// LoadZone finds a zone by its IANA name; "" is UTC.
func LoadZone(name string) (*time.Location, error) {
	if name == "Local" { // would mean something else on every machine
		return nil, fmt.Errorf("time zone %q: %w: write an IANA name such as Europe/Berlin", name, ErrInvalid)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("time zone %q: %w: write an IANA name such as Europe/Berlin", name, ErrInvalid)
	}
	return zone, nil
}

func bounds(name string, zone *time.Location, now time.Time) (from, to time.Time, err error) {
	today := civil(now.In(zone))
	start := func(d date) time.Time { return d.start(zone) }
	month := func(d date) date { return date{d.year, d.month, 1} }
	switch name {
	case "yesterday":
		return start(today.add(0, 0, -1)), start(today), nil
	case "last-week":
		monday := today.add(0, 0, -(int(today.weekday())+6)%7)
		return start(monday.add(0, 0, -7)), start(monday), nil
	case "last-month":
		return start(month(today).add(0, -1, 0)), start(month(today)), nil
	case "last-quarter":
		first := month(today).add(0, -(int(today.month)-1)%3, 0)
		return start(first.add(0, -3, 0)), start(first), nil
	case "last-year":
		return start(date{today.year - 1, 1, 1}), start(date{today.year, 1, 1}), nil
	}
	if a, b, ok := strings.Cut(name, "/"); ok {
		if from, err = moment(a, zone, now); err != nil {
			return from, to, err
		}
		to, err = moment(b, zone, now)
		return from, to, err
	}
	for layout, length := range map[string]date{"2006": {1, 0, 0}, "2006-01": {0, 1, 0}, time.DateOnly: {0, 0, 1}} {
		if t, err := time.Parse(layout, name); err == nil {
			d := civil(t)
			return start(d), start(d.add(length.year, int(length.month), length.day)), nil
		}
	}
	return from, to, fmt.Errorf("want %s, a day 2026-08-14, a month 2026-08, a year 2026, or FROM/TO", strings.Join(PeriodNames(), ", "))
}

// moment is one end of A/B.
func moment(text string, zone *time.Location, now time.Time) (time.Time, error) {
	if text == "now" {
		return now, nil
	}
	if t, err := time.Parse(time.DateOnly, text); err == nil {
		return civil(t).start(zone), nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return t, fmt.Errorf("%q is neither a day 2026-08-14 nor an RFC 3339 time 2026-08-14T12:00:00Z", text)
	}
	return t, nil
}

// date is a day of the calendar, wherever that is.
type date struct {
	year  int
	month time.Month
	day   int
}

func civil(t time.Time) date {
	y, m, d := t.Date()
	return date{y, m, d}
}

func parseDay(text string) (date, bool) {
	t, err := time.Parse(time.DateOnly, text)
	return civil(t), err == nil
}

func (d date) utc() time.Time                   { return time.Date(d.year, d.month, d.day, 0, 0, 0, 0, time.UTC) }
func (d date) add(years, months, days int) date { return civil(d.utc().AddDate(years, months, days)) }
func (d date) weekday() time.Weekday            { return d.utc().Weekday() }
func (d date) String() string                   { return d.utc().Format(time.DateOnly) }

// start is the first instant of the day in a zone. Where clocks are changed around
// midnight that need not be 00:00, or there are two of them.
func (d date) start(zone *time.Location) time.Time {
	noon := time.Date(d.year, d.month, d.day, 12, 0, 0, 0, zone)
	first := noon
	for t := noon; ; {
		_, offset := t.Zone()
		since, until := t.ZoneBounds()
		start := d.utc().Add(-time.Duration(offset) * time.Second).In(zone)
		if start.Before(since) {
			start = since
		}
		if civil(start) == d && (until.IsZero() || start.Before(until)) {
			first = start
		}
		if since.IsZero() || since.Before(noon.Add(-36*time.Hour)) {
			return first
		}
		t = since.Add(-time.Second)
	}
}

// location is the zone of a period; UTC if it cannot be loaded any more.
func (p Period) location() *time.Location {
	zone, err := time.LoadLocation(p.Zone)
	if err != nil {
		return time.UTC
	}
	return zone
}

// dayOf is the day of an instant in the period's zone.
func dayOf(t time.Time, zone *time.Location) string { return t.In(zone).Format(time.DateOnly) }

// shift is a span of time with one offset from UTC.
type shift struct {
	until  time.Time // zero: for good
	offset time.Duration
}

// shifts are the offsets of the zone in the period.
func (p Period) shifts(zone *time.Location) []shift {
	var list []shift
	for t := p.From.In(zone); ; {
		_, offset := t.Zone()
		_, until := t.ZoneBounds()
		s := shift{offset: time.Duration(offset) * time.Second}
		if until.IsZero() || !until.Before(p.To) {
			return append(list, s)
		}
		s.until = until.UTC()
		list = append(list, s)
		t = until
	}
}
