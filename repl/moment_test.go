package repl

import (
	"testing"
	"time"
)

func TestParseWindow(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	// The clocks in Berlin went back on October 25.
	now := time.Date(2026, 10, 31, 14, 3, 22, 900, time.UTC)
	for _, c := range []struct {
		name     string
		zone     *time.Location
		from, to string
		want     string // from/to
	}{
		{"open", time.UTC, "", "", "-/-"},
		{"days", time.UTC, "-7d", "", "2026-10-24T14:03:22Z/-"},
		{"without a sign", time.UTC, "2h", "30m", "2026-10-31T12:03:22Z/2026-10-31T13:33:22Z"},
		{"several units", time.UTC, "-1w2d3h", "", "2026-10-22T11:03:22Z/-"},
		{"words", time.UTC, "2 hours ago", "one hour ago", "2026-10-31T12:03:22Z/2026-10-31T13:03:22Z"},
		{"article", time.UTC, "a week ago", "now", "2026-10-24T14:03:22Z/2026-10-31T14:03:22Z"},
		{"months", time.UTC, "1mo", "", "2026-10-01T14:03:22Z/-"},
		{"year", time.UTC, "1 year", "", "2025-10-31T14:03:22Z/-"},
		{"date", time.UTC, "2026-10-30", "2026-10-31", "2026-10-30T00:00:00Z/2026-10-31T00:00:00Z"},
		{"month", time.UTC, "2026-10", "", "2026-10-01T00:00:00Z/-"},
		{"RFC 3339", berlin, "2026-10-30T01:00:00Z", "2026-10-30t03:00:00+01:00", "2026-10-30T01:00:00Z/2026-10-30T02:00:00Z"},
		{"local time", berlin, "2026-10-30 01:00", "2026-10-30T02:00:01", "2026-10-30T00:00:00Z/2026-10-30T01:00:01Z"},
		{"minutes with Z", berlin, "2026-10-30T01:00Z", "", "2026-10-30T01:00:00Z/-"},
		{"local days", berlin, "yesterday", "today", "2026-10-29T23:00:00Z/2026-10-30T23:00:00Z"},
		{"days over the change of clocks", berlin, "7d", "", "2026-10-24T13:03:22Z/-"},
		{"open start", time.UTC, "", "-1d", "-/2026-10-30T14:03:22Z"},
		{"space", time.UTC, "  -1d ", "", "2026-10-30T14:03:22Z/-"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, err := ParseWindow(now, c.zone, c.from, c.to)
			if err != nil {
				t.Fatal(err)
			}
			text := func(t time.Time) string {
				if t.IsZero() {
					return "-"
				}
				return t.Format(time.RFC3339Nano)
			}
			if got := text(w.From) + "/" + text(w.To); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	for _, c := range [][2]string{
		{"nonsense", ""}, {"-", ""}, {"7", ""}, {"7x", ""}, {"-7d", "-8d"}, {"now", "now"}, {"2026-13-01", ""}, {"2026-02-30", ""},
		{"d7", ""}, {"99999999999999999999d", ""}, {"1000000y", ""}, {"ago", ""}, {"-7d", "31.10.2026"}, {"\x1b[2J", ""},
	} {
		if w, err := ParseWindow(now, time.UTC, c[0], c[1]); err == nil {
			t.Errorf("%q to %q: %v, want an error", c[0], c[1], w)
		}
	}
}

func FuzzParseWindow(f *testing.F) {
	f.Add("-7d", "2 hours ago")
	f.Add("2026-10-31", "2026-10-31T14:03:22Z")
	f.Fuzz(func(t *testing.T, from, to string) {
		w, err := ParseWindow(testTime, time.UTC, from, to)
		if err == nil && !w.From.IsZero() && !w.To.IsZero() && !w.From.Before(w.To) {
			t.Errorf("%q to %q: %v", from, to, w)
		}
	})
}
