package main

import (
	"strings"
	"time"
)

const windowHelp = "date or RFC 3339 time, UTC unless it says otherwise"

// parseWindow reads --from and --to as the half-open window [from, to). An
// empty bound is open, the zero time.
func parseWindow(from, to string) (start, end time.Time, err error) {
	if start, err = parseTime("--from", from); err != nil {
		return time.Time{}, time.Time{}, err
	}
	if end, err = parseTime("--to", to); err != nil {
		return time.Time{}, time.Time{}, err
	}
	if !start.IsZero() && !end.IsZero() && !start.Before(end) {
		return time.Time{}, time.Time{}, usagef("--to %s is not after --from %s", to, from)
	}
	return start, end, nil
}

func parseTime(flag, value string) (time.Time, error) {
	value = strings.TrimSpace(value)
	if value == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, value); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, usagef("%s %q: want a date (2026-10-31) or an RFC 3339 time (2026-10-31T14:00:00Z)", flag, value)
}
