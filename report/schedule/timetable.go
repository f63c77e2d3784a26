package schedule

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Timetable is a cron expression in a time zone. It follows the clock on the
// wall: a time that a DST change skips comes right after the gap, and one that
// happens twice comes the first time only. The zero value has no times.
type Timetable struct {
	wall cron.Schedule // over wall times, as if they were UTC
	zone *time.Location
}

// named are the expressions with a name. A week begins on Monday here, as in
// the period last-week; elsewhere @weekly is Sunday.
var named = map[string]string{
	"@daily":     "0 0 * * *",
	"@weekly":    "0 0 * * 1",
	"@monthly":   "0 0 1 * *",
	"@quarterly": "0 0 1 1,4,7,10 *",
	"@yearly":    "0 0 1 1 *",
}

// maxExpression is more than any expression that people write.
const maxExpression = 500

// ParseTimetable reads five fields (minute, hour, day of month, month, day of
// week; Sunday is 0 or 7) or one of @daily, @weekly, @monthly, @quarterly and
// @yearly, which are at midnight. When both days are restricted, either
// suffices, as in every cron. An expression that never comes is an error.
func ParseTimetable(expression string, zone *time.Location) (Timetable, error) {
	fail := func(format string, args ...any) (Timetable, error) {
		return Timetable{}, fmt.Errorf("cron expression %q: %s", shorten(expression), fmt.Sprintf(format, args...))
	}
	if len(expression) > maxExpression {
		return fail("longer than %d characters", maxExpression)
	}
	text := strings.TrimSpace(expression)
	if strings.HasPrefix(text, "@") {
		full, ok := named[strings.ToLower(text)]
		if !ok {
			return fail("want five fields, or @daily, @weekly, @monthly, @quarterly or @yearly")
		}
		text = full
	}
	fields := strings.Fields(text)
	if len(fields) != 5 {
		return fail("want 5 fields (minute, hour, day of month, month, day of week), not %d", len(fields))
	}
	names := []string{"minute", "hour", "day of month", "month", "day of week"}
	for i, field := range fields {
		// The parser is lenient about these.
		if strings.Contains(","+field+",", ",,") || strings.Contains(field, "*-") || strings.ContainsAny(field, "?+") {
			return fail("%s %q is not valid", names[i], field)
		}
	}
	days, err := sundayIsZero(fields[4])
	if err != nil {
		return fail("day of week %q: %s", fields[4], err)
	}
	fields[4] = days
	wall, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(strings.Join(fields, " "))
	if err != nil {
		return fail("%s", err)
	}
	if s, ok := wall.(*cron.SpecSchedule); ok {
		s.Location = time.UTC
	}
	// 2000 begins a span with every kind of leap year that the search looks at.
	if wall.Next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return fail("there is no such day")
	}
	return Timetable{wall: wall, zone: zone}, nil
}

func shorten(text string) string {
	if len(text) > 60 {
		return text[:60] + "…"
	}
	return text
}

// sundayIsZero writes day 7 as 0, which is the only Sunday that the parser knows.
func sundayIsZero(field string) (string, error) {
	var parts []string
	for part := range strings.SplitSeq(field, ",") {
		span, step, stepped := strings.Cut(part, "/")
		low, high, ranged := strings.Cut(span, "-")
		switch {
		case !ranged && low == "7":
			part = "0"
			if stepped {
				part = "0" // 7/2 is from 7 to the end of the week
			}
		case ranged && high == "7" && low == "7":
			part = "0"
		case ranged && high == "7":
			by := 1
			if stepped {
				var err error
				if by, err = strconv.Atoi(step); err != nil || by < 1 {
					return "", fmt.Errorf("step %q is not a positive number", step)
				}
			}
			first, err := weekday(low)
			if err != nil {
				return "", err
			}
			for day := first; day <= 7; day += by {
				parts = append(parts, strconv.Itoa(day%7))
			}
			continue
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ","), nil
}

func weekday(text string) (int, error) {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if strings.EqualFold(text, day.String()[:3]) {
			return int(day), nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > 7 {
		return 0, fmt.Errorf("%q is no day", text)
	}
	return n, nil
}

// Next is the first time after the given one, in UTC; zero if there is none
// within five years.
func (t Timetable) Next(after time.Time) time.Time {
	if t.wall == nil {
		return time.Time{}
	}
	// instant never goes back, so whatever is not later on the wall cannot be
	// later in truth.
	for wall := t.wall.Next(wallTime(after.In(t.zone))); !wall.IsZero(); wall = t.wall.Next(wall) {
		if at := instant(wall, t.zone); at.After(after) {
			return at
		}
	}
	return time.Time{}
}

// wallTime is what the clock shows, as if it were UTC.
func wallTime(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.UTC)
}

// instant is when a clock on the wall first shows a time, or goes past it.
func instant(wall time.Time, zone *time.Location) time.Time {
	t := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), wall.Second(), 0, zone)
	start, end := t.ZoneBounds()
	shown := wallTime(t)
	switch {
	case shown.After(wall): // in a gap, and taken for a time after it
		return start.UTC()
	case shown.Before(wall): // in a gap, and taken for a time before it
		return end.UTC()
	}
	if !start.IsZero() {
		// The same wall time may have been before the change.
		_, offset := start.Add(-time.Nanosecond).Zone()
		if earlier := wall.Add(-time.Duration(offset) * time.Second); earlier.Before(start) {
			return earlier.UTC()
		}
	}
	return t.UTC()
}
