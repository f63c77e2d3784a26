package schedule

import (
	"strings"
	"testing"
	"time"
)

func zoneFor(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Skipf("no time zone data: %v", err)
	}
	return zone
}

func TestNext(t *testing.T) {
	tests := []struct {
		name, cron, zone, after string
		want                    []string // successive times, UTC
	}{
		{"five fields", "30 6 * * *", "UTC", "2026-11-21T06:30:00Z", []string{"2026-11-22T06:30:00Z", "2026-11-23T06:30:00Z"}},
		{"strictly after", "30 6 * * *", "UTC", "2026-11-21T06:29:59Z", []string{"2026-11-21T06:30:00Z"}},
		{"daily", "@daily", "UTC", "2026-11-21T12:00:00Z", []string{"2026-11-22T00:00:00Z"}},
		{"weekly is Monday", "@weekly", "UTC", "2026-11-21T12:00:00Z", []string{"2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"}},
		{"monthly", "@monthly", "UTC", "2026-11-21T12:00:00Z", []string{"2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"}},
		{"quarterly", "@quarterly", "UTC", "2026-11-21T12:00:00Z", []string{"2027-01-01T00:00:00Z", "2027-04-01T00:00:00Z", "2027-07-01T00:00:00Z", "2027-10-01T00:00:00Z"}},
		{"yearly", "@YEARLY", "UTC", "2026-11-21T12:00:00Z", []string{"2027-01-01T00:00:00Z"}},
		{"zone", "0 6 * * *", "Asia/Kolkata", "2026-11-21T00:00:00Z", []string{"2026-11-21T00:30:00Z", "2026-11-22T00:30:00Z"}},
		{"either day", "0 0 13 * 5", "UTC", "2026-11-09T00:00:00Z", []string{"2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z", "2026-11-27T00:00:00Z", "2026-12-04T00:00:00Z", "2026-12-11T00:00:00Z", "2026-12-13T00:00:00Z"}},
		{"Sunday is 7, too", "0 0 * * 7", "UTC", "2026-11-21T00:00:00Z", []string{"2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"}},
		{"range to 7", "0 0 * * fri-7", "UTC", "2026-11-19T00:00:00Z", []string{"2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", "2026-11-27T00:00:00Z"}},
		{"range to 7 in steps", "0 0 * * 3-7/2", "UTC", "2026-11-16T00:00:00Z", []string{"2026-11-18T00:00:00Z", "2026-11-20T00:00:00Z", "2026-11-22T00:00:00Z", "2026-11-25T00:00:00Z"}},
		{"leap day", "0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", []string{"2028-02-29T00:00:00Z"}},

		// 2026-03-29 in Berlin: 02:00 to 03:00 does not exist (01:00Z).
		{"Berlin, in the gap", "30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", []string{"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
		{"Berlin, start of the gap", "0 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"}},
		{"Berlin, end of the gap", "0 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", []string{"2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"}},
		{"Berlin, several in the gap come once", "*/20 1-3 * * *", "Europe/Berlin", "2026-03-29T00:20:00Z", []string{"2026-03-29T00:40:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:20:00Z", "2026-03-29T01:40:00Z", "2026-03-29T23:00:00Z"}},
		{"Berlin, monthly over the change", "@monthly", "Europe/Berlin", "2026-03-15T00:00:00Z", []string{"2026-03-31T22:00:00Z", "2026-04-30T22:00:00Z"}},
		// 2026-10-25 in Berlin: 02:00 to 03:00 happens twice (00:00Z and 01:00Z).
		{"Berlin, in the doubled hour", "30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
		{"Berlin, asked between the two", "30 2 * * *", "Europe/Berlin", "2026-10-25T01:10:00Z", []string{"2026-10-26T01:30:00Z"}},
		{"Berlin, asked in the second", "*/15 * * * *", "Europe/Berlin", "2026-10-25T01:05:00Z", []string{"2026-10-25T02:00:00Z", "2026-10-25T02:15:00Z"}},
		{"Berlin, at the end of the doubled hour", "0 3 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", []string{"2026-10-25T02:00:00Z", "2026-10-26T02:00:00Z"}},

		// 2026-03-08 in New York: 02:00 to 03:00 does not exist (07:00Z); 2026-11-01: 01:00 to 02:00 twice (05:00Z and 06:00Z).
		{"New York, in the gap", "30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z", []string{"2026-03-08T07:00:00Z", "2026-03-09T06:30:00Z"}},
		{"New York, in the doubled hour", "30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z", []string{"2026-11-01T05:30:00Z", "2026-11-02T06:30:00Z"}},
		{"New York, daily over both", "@daily", "America/New_York", "2026-10-31T05:00:00Z", []string{"2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"}},

		{"midnight does not exist", "@daily", "America/Sao_Paulo", "2018-11-03T12:00:00Z", []string{"2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"}},
		{"a day does not exist", "0 12 * * *", "Pacific/Apia", "2011-12-29T00:00:00Z", []string{"2011-12-29T22:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"}},
		{"half an hour twice", "45 1 * * *", "Australia/Lord_Howe", "2026-04-03T22:00:00Z", []string{"2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			table, err := ParseTimetable(test.cron, zoneFor(t, test.zone))
			if err != nil {
				t.Fatal(err)
			}
			at, err := time.Parse(time.RFC3339, test.after)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range test.want {
				at = table.Next(at)
				if got := at.Format(time.RFC3339); got != want {
					t.Fatalf("got %s, want %s", got, want)
				}
			}
		})
	}
}

// TestEveryDayOnce: whatever a zone does to its clocks, a daily run comes once a
// day.
func TestEveryDayOnce(t *testing.T) {
	for _, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "America/Sao_Paulo", "Asia/Tehran"} {
		zone := zoneFor(t, name)
		for hour := range 4 {
			table, err := ParseTimetable("30 "+time.Date(0, 1, 1, hour, 0, 0, 0, time.UTC).Format("15")+" * * *", zone)
			if err != nil {
				t.Fatal(err)
			}
			at := time.Date(2018, 1, 1, 0, 0, 0, 0, zone)
			days := 0
			for end := time.Date(2020, 1, 1, 0, 0, 0, 0, zone); ; days++ {
				next := table.Next(at)
				if !next.Before(end) {
					break
				}
				if gap := next.Sub(at); days > 0 && (gap < 22*time.Hour || gap > 26*time.Hour) {
					t.Errorf("%s: hour %d: %v after %v", name, hour, next, at)
				}
				at = next
			}
			if days != 730 {
				t.Errorf("%s: hour %d: %d runs on 730 days", name, hour, days)
			}
		}
	}
}

func TestParseTimetableErrors(t *testing.T) {
	for _, test := range []struct{ expression, want string }{
		{"", "want 5 fields"},
		{"* * * *", "not 4"},
		{"0 * * * * *", "not 6"},
		{"@hourly", "@quarterly"},
		{"@every 1s", "@quarterly"},
		{"TZ=UTC 0 6 * * *", "not 6"},
		{"TZ=UTC", "not 1"},
		{"60 * * * *", "above maximum"},
		{"* 24 * * *", "above maximum"},
		{"* * 0 * *", "below minimum"},
		{"* * * 13 *", "above maximum"},
		{"* * * * 8", "above maximum"},
		{"*/0 * * * *", "positive"},
		{"*/-1 * * * *", "negative"},
		{"5-1 * * * *", "beyond end"},
		{", * * * *", "not valid"},
		{"1,,2 * * * *", "not valid"},
		{"? * * * *", "not valid"},
		{"+1 * * * *", "not valid"},
		{"0 *-5 * * *", "hour \"*-5\" is not valid"},
		{"0 1,*-x * * *", "not valid"},
		{"0 0 30 2 *", "no such day"},
		{"0 0 31 4,6,9,11 *", "no such day"},
		{"0 0 * * 5-7/0", "positive"},
		{"0 0 * * x-7", "no day"},
		{strings.Repeat("1,", 400) + "1 * * * *", "longer than"},
	} {
		_, err := ParseTimetable(test.expression, time.UTC)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: got %v, want an error with %q", test.expression, err, test.want)
		}
	}
}

func FuzzParseTimetable(f *testing.F) {
	f.Add("30 2 * * *")
	f.Add("@weekly")
	f.Add("TZ= 1 1 1 1 7-7/9")
	after := time.Date(2026, 3, 28, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, expression string) {
		table, err := ParseTimetable(expression, time.UTC)
		if err == nil && !table.Next(after).After(after) {
			t.Errorf("%q: no time after", expression)
		}
	})
}
