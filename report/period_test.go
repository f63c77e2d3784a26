package report_test

import (
	"errors"
	"testing"
	"time"

	"github.com/trailql/trailql/report"
)

func TestParsePeriod(t *testing.T) {
	tests := []struct {
		name, period, zone, now string
		from, to                string // UTC; "" for an error
	}{
		{"yesterday", "yesterday", "", "2026-11-21T18:00:00Z", "2026-11-20T00:00:00Z", "2026-11-21T00:00:00Z"},
		{"yesterday is the zone's", "yesterday", "Pacific/Auckland", "2026-11-21T18:00:00Z", "2026-11-20T11:00:00Z", "2026-11-21T11:00:00Z"},
		{"week from Monday, asked on Saturday", "last-week", "", "2026-11-21T18:00:00Z", "2026-11-09T00:00:00Z", "2026-11-16T00:00:00Z"},
		{"week from Monday, asked on Monday", "last-week", "", "2026-11-16T00:00:00Z", "2026-11-09T00:00:00Z", "2026-11-16T00:00:00Z"},
		{"week from Monday, asked on Sunday", "last-week", "", "2026-11-15T23:59:59Z", "2026-11-02T00:00:00Z", "2026-11-09T00:00:00Z"},
		{"month with the end of summer time", "last-month", "Europe/Berlin", "2026-11-21T18:00:00Z", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"},
		{"month asked on the 31st", "last-month", "", "2026-03-31T12:00:00Z", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"},
		{"quarter", "last-quarter", "", "2026-11-21T18:00:00Z", "2026-07-01T00:00:00Z", "2026-10-01T00:00:00Z"},
		{"quarter over the year's end", "last-quarter", "", "2026-02-28T18:00:00Z", "2025-10-01T00:00:00Z", "2026-01-01T00:00:00Z"},
		{"year", "last-year", "", "2026-11-21T18:00:00Z", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"},
		{"a year", "2025", "", "2026-11-21T18:00:00Z", "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z"},
		{"a month", "2026-08", "", "2026-11-21T18:00:00Z", "2026-08-01T00:00:00Z", "2026-09-01T00:00:00Z"},
		{"a day of 23 hours", "2026-03-29", "Europe/Berlin", "2026-11-21T18:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"},
		{"a day of 25 hours", "2026-11-01", "America/New_York", "2026-11-21T18:00:00Z", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"},
		{"a day without midnight", "2018-11-04", "America/Sao_Paulo", "2026-11-21T18:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z"},
		{"a day with two midnights", "2025-11-02", "America/Havana", "2026-11-21T18:00:00Z", "2025-11-02T04:00:00Z", "2025-11-03T05:00:00Z"},
		{"days, the second not included", "2026-08-01/2026-08-15", "", "2026-11-21T18:00:00Z", "2026-08-01T00:00:00Z", "2026-08-15T00:00:00Z"},
		{"days in a zone", "2026-08-01/2026-08-15", "Asia/Kolkata", "2026-11-21T18:00:00Z", "2026-07-31T18:30:00Z", "2026-08-14T18:30:00Z"},
		{"times", "2026-08-01T10:00:00+02:00/2026-08-01T12:00:00Z", "", "2026-11-21T18:00:00Z", "2026-08-01T08:00:00Z", "2026-08-01T12:00:00Z"},
		{"until now", "2026-11-01/now", "", "2026-11-21T18:00:00Z", "2026-11-01T00:00:00Z", "2026-11-21T18:00:00Z"},
		{"empty", "2026-08-01/2026-08-01", "", "2026-11-21T18:00:00Z", "", ""},
		{"backwards", "2026-08-02/2026-08-01", "", "2026-11-21T18:00:00Z", "", ""},
		{"in the future", "2027", "", "2026-11-21T18:00:00Z", "", ""},
		{"not ended", "2026-11", "", "2026-11-21T18:00:00Z", "", ""},
		{"today", "2026-11-21", "", "2026-11-21T18:00:00Z", "", ""},
		{"no such month", "2026-13", "", "2026-11-21T18:00:00Z", "", ""},
		{"no such day", "2026-02-30", "", "2026-11-21T18:00:00Z", "", ""},
		{"a word", "tomorrow", "", "2026-11-21T18:00:00Z", "", ""},
		{"nothing", "", "", "2026-11-21T18:00:00Z", "", ""},
		{"half", "2026-08-01/", "", "2026-11-21T18:00:00Z", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			zone, err := report.LoadZone(test.zone)
			if err != nil {
				t.Fatal(err)
			}
			now, err := time.Parse(time.RFC3339, test.now)
			if err != nil {
				t.Fatal(err)
			}
			p, err := report.ParsePeriod(test.period, zone, now, report.DefaultLateness)
			if test.from == "" {
				if !errors.Is(err, report.ErrInvalid) {
					t.Errorf("%v to %v, error %v", p.From, p.To, err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if from, to := p.From.Format(time.RFC3339), p.To.Format(time.RFC3339); from != test.from || to != test.to {
				t.Errorf("%s to %s, want %s to %s", from, to, test.from, test.to)
			}
		})
	}
}

func TestPeriodIsOpenWithinLateness(t *testing.T) {
	end := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	for after, open := range map[time.Duration]bool{0: true, 59 * time.Minute: true, time.Hour: false, 24*time.Hour - 1: false} {
		p, err := report.ParsePeriod("yesterday", time.UTC, end.Add(after), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if p.Open != open {
			t.Errorf("%s after its end: open is %t", after, p.Open)
		}
	}
}

func TestLoadZoneRefuses(t *testing.T) {
	for _, name := range []string{"Local", "Berlin", "../etc/passwd"} {
		if _, err := report.LoadZone(name); !errors.Is(err, report.ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
