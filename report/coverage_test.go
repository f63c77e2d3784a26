package report_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/report"
)

// without drops the events of a span, of all accounts or one.
func without(events []event, from, to, account string) []event {
	return slices.DeleteFunc(slices.Clone(events), func(e event) bool {
		return !e.at.Before(utc(from)) && e.at.Before(utc(to)) && (account == "" || e.account == account)
	})
}

// everyNth keeps one event of n.
func everyNth(events []event, n int) []event {
	var list []event
	for i := 0; i < len(events); i += n {
		list = append(list, events[i])
	}
	return list
}

type gapTest struct {
	name   string
	events []event
	scope  report.Scope
	period string
	want   []string // account region from-to, in hours behind 2026-08-10
	notes  int      // of what need not be there
	doubts int      // what keeps the archive from being whole
}

func TestGaps(t *testing.T) {
	a := everyHour("2026-08-01", "2026-08-20", accountA, "us-east-1", 1)
	west := everyHour("2026-08-01", "2026-08-20", accountA, "us-west-2", 1)
	b := everyHour("2026-08-01", "2026-08-20", accountB, "us-east-1", 1)
	busy := everyHour("2026-08-01", "2026-08-20", accountA, "us-east-1", 25)
	join := func(lists ...[]event) []event { return slices.Concat(lists...) }
	seldom := []event{{at: utc("2026-08-01T10:00:00"), account: accountB, region: "us-east-1"}, {at: utc("2026-08-12T10:00:00"), account: accountB, region: "us-east-1"}}
	tests := []gapTest{
		{"whole", join(a, b), report.Scope{}, "2026-08-10/2026-08-13", nil, 0, 0},
		{"a day of all", without(a, "2026-08-11T00:00:00", "2026-08-12T00:00:00", ""), report.Scope{}, "2026-08-10/2026-08-13", []string{"24-48"}, 0, 0},
		{"two days of all are one gap", without(a, "2026-08-10T00:00:00", "2026-08-12T00:00:00", ""), report.Scope{}, "2026-08-10/2026-08-13", []string{"0-48"}, 0, 0},
		{"a day of one account", without(join(a, b), "2026-08-11T00:00:00", "2026-08-12T00:00:00", accountB), report.Scope{}, "2026-08-10/2026-08-13", []string{"222222222222 24-48"}, 0, 0},
		{"an account that falls silent", without(join(a, b), "2026-08-12T00:00:00", "2026-09-12T00:00:00", accountB), report.Scope{}, "2026-08-10/2026-08-13", []string{"222222222222 48-72"}, 0, 0},
		{"an account that is new", without(join(a, b), "2026-08-01T00:00:00", "2026-08-12T00:00:00", accountB), report.Scope{}, "2026-08-10/2026-08-13", nil, 0, 0},
		{"a region that falls silent", join(a, without(west, "2026-08-11T00:00:00", "2026-09-12T00:00:00", "")), report.Scope{}, "2026-08-10/2026-08-13", []string{"111111111111 us-west-2 24-72"}, 0, 0},
		{"a region's gap within one of its account", without(join(a, west, b), "2026-08-11T00:00:00", "2026-08-12T00:00:00", accountA), report.Scope{}, "2026-08-10/2026-08-13", []string{"111111111111 24-48"}, 0, 0},
		{"before the archive", a, report.Scope{}, "2026-07-30/2026-08-02", []string{"-264--216"}, 0, 0},
		{"behind the archive", a, report.Scope{}, "2026-08-18/2026-08-22", []string{"240-288"}, 0, 0},
		{"before and behind", a, report.Scope{}, "2026-07-31/2026-08-21", []string{"-240--216", "240-264"}, 0, 0},
		{"an account that is seldom there", join(a, seldom), report.Scope{}, "2026-08-10/2026-08-13", nil, 0, 1},
		{"the same, declared", join(a, seldom), report.Scope{Accounts: []string{accountA, accountB}}, "2026-08-10/2026-08-13", []string{"222222222222 0-48"}, 1, 0},
		{"a declared account that is not there", a, report.Scope{Accounts: []string{accountA, accountB}}, "2026-08-10/2026-08-13", []string{"222222222222 0-72"}, 0, 0},
		{"a declared region that is not there", a, report.Scope{Regions: []string{"us-east-1", "us-west-2"}}, "2026-08-10/2026-08-13", []string{" us-west-2 0-72"}, 0, 0},
		{"one region alone", join(a, without(west, "2026-08-11T00:00:00", "2026-08-12T00:00:00", "")), report.Scope{Regions: []string{"us-east-1"}}, "2026-08-10/2026-08-13", nil, 0, 0},
		{"an hour of a busy archive", without(busy, "2026-08-11T05:00:00", "2026-08-11T06:00:00", ""), report.Scope{}, "2026-08-10/2026-08-13", []string{"29-30"}, 0, 0},
		{"an hour, in a report of one day", without(busy, "2026-08-11T05:00:00", "2026-08-11T06:00:00", ""), report.Scope{}, "2026-08-11", []string{"29-30"}, 0, 0},
		{"two hours are one gap", without(busy, "2026-08-11T05:00:00", "2026-08-11T07:00:00", ""), report.Scope{}, "2026-08-10/2026-08-13", []string{"29-31"}, 0, 0},
		{"an hour of a quiet archive", without(a, "2026-08-11T05:00:00", "2026-08-11T06:00:00", ""), report.Scope{}, "2026-08-10/2026-08-13", nil, 0, 0},
		{"an hour of a busy account", without(join(busy, everyHour("2026-08-01", "2026-08-20", accountB, "us-east-1", 25)), "2026-08-11T05:00:00", "2026-08-11T06:00:00", accountB),
			report.Scope{}, "2026-08-10/2026-08-13", []string{"222222222222 29-30"}, 0, 0},
		{"an hour and a part of the next", append(without(busy, "2026-08-11T05:00:00", "2026-08-11T07:00:00", ""), busy[10*24*25+6*25]), report.Scope{}, "2026-08-10/2026-08-13", []string{"29-30"}, 0, 0},
		{"an hour, and one with an event on another day", append(without(without(busy, "2026-08-11T05:00:00", "2026-08-11T06:00:00", ""), "2026-08-12T05:00:00", "2026-08-12T06:00:00", ""), busy[11*24*25+5*25]), report.Scope{}, "2026-08-10/2026-08-13", []string{"29-30"}, 0, 0},
		{"a day of an account with few events", without(join(a, everyNth(b, 24)), "2026-08-11T00:00:00", "2026-08-12T00:00:00", accountB), report.Scope{}, "2026-08-10/2026-08-13", nil, 0, 1},
		{"a day with hours that are quiet beside a silent one", append(without(busy, "2026-08-11T05:00:00", "2026-08-11T08:00:00", ""), busy[10*24*25+6*25], busy[10*24*25+7*25]), report.Scope{}, "2026-08-10/2026-08-13", []string{"29-30"}, 0, 0},
		{"nights", slices.DeleteFunc(slices.Clone(busy), func(e event) bool { return e.at.Hour() >= 20 }), report.Scope{}, "2026-08-10/2026-08-13", nil, 0, 0},
		{"a part of a day", without(a, "2026-08-11T00:00:00", "2026-08-12T00:00:00", ""), report.Scope{}, "2026-08-10T12:00:00Z/2026-08-11T06:00:00Z", []string{"24-30"}, 0, 0},
	}
	hours := func(events []event, missing ...string) []event {
		for _, h := range missing {
			events = without(events, "2026-08-"+h+":00:00", "2026-08-"+h+":59:59", "")
		}
		return events
	}
	few := everyNth(b, 7)
	both := []string{accountA, accountB}
	office := slices.DeleteFunc(everyHour("2026-07-01", "2026-08-25", accountB, "us-east-1", 2), func(e event) bool {
		return e.at.Hour() < 8 || e.at.Hour() > 17 || e.at.Weekday() == time.Saturday || e.at.Weekday() == time.Sunday
	})
	tests = append(tests, []gapTest{
		{"six hours of a day", hours(busy, "10T01", "10T05", "10T09", "10T13", "10T17", "10T21"), report.Scope{}, "2026-08-10", []string{"1-2", "5-6", "9-10", "13-14", "17-18", "21-22"}, 0, 0},
		{"ten hours of declared places", hours(join(a, b), "11T05", "11T06", "11T07", "11T08", "11T09", "11T10", "11T11", "11T12", "11T13", "11T14"),
			report.Scope{Accounts: both, Regions: []string{"us-east-1"}}, "2026-08-10/2026-08-13", []string{"29-39"}, 0, 0},
		{"ten hours of one account", without(join(a, b), "2026-08-11T05:00:00", "2026-08-11T15:00:00", accountB), report.Scope{}, "2026-08-10/2026-08-13", []string{"222222222222 29-39"}, 0, 0},
		{"the last day is cut", without(join(a, b), "2026-08-12T08:00:00", "2026-09-12T00:00:00", ""), report.Scope{}, "2026-08-10/2026-08-13", []string{"56-72"}, 0, 0},
		{"the first day is cut", without(join(a, b), "2026-08-01T00:00:00", "2026-08-10T08:00:00", ""), report.Scope{}, "2026-08-10/2026-08-13", []string{"0-8"}, 0, 0},
		{"few events each day, then silent", append(without(few, "2026-08-11T00:00:00", "2026-09-12T00:00:00", ""), a...), report.Scope{}, "2026-08-10/2026-08-20", []string{"222222222222 23-240"}, 0, 0},
		{"silent long before the period", join(a, everyHour("2026-07-01", "2026-07-20", accountB, "us-east-1", 1)), report.Scope{}, "2026-08-10/2026-08-13", []string{"222222222222 0-72"}, 0, 0},
		{"silent for months", join(everyHour("2026-01-01", "2026-08-20", accountA, "us-east-1", 1), everyHour("2026-01-01", "2026-02-01", accountB, "us-east-1", 1)),
			report.Scope{}, "2026-08-10/2026-08-13", nil, 1, 0},
		{"silent for months, declared", join(everyHour("2026-01-01", "2026-08-20", accountA, "us-east-1", 1), everyHour("2026-01-01", "2026-02-01", accountB, "us-east-1", 1)),
			report.Scope{Accounts: both}, "2026-08-10/2026-08-13", []string{"222222222222 0-72"}, 0, 0},
		{"office hours", join(everyHour("2026-07-01", "2026-08-25", accountA, "us-east-1", 2), office), report.Scope{}, "2026-08-03/2026-08-17", nil, 0, 0},
		{"a day of office hours", join(everyHour("2026-07-01", "2026-08-25", accountA, "us-east-1", 2), without(office, "2026-08-12T00:00:00", "2026-08-13T00:00:00", "")),
			report.Scope{}, "2026-08-03/2026-08-17", []string{"222222222222 42-80"}, 0, 0},
		{"a quiet region", join(a, everyNth(west, 100)), report.Scope{}, "2026-08-10/2026-08-13", nil, 1, 0},
		{"an archive of one day", hours(everyHour("2026-08-10", "2026-08-11", accountA, "us-east-1", 1), "10T05", "10T06", "10T07", "10T08", "10T09"), report.Scope{}, "2026-08-10", nil, 0, 1},
		{"an archive of one busy day", hours(everyHour("2026-08-10", "2026-08-11", accountA, "us-east-1", 25), "10T05", "10T06", "10T07", "10T08", "10T09", "10T10"), report.Scope{}, "2026-08-10", []string{"5-11"}, 0, 0},
	}...)
	// A place that is always active, with few events in each hour.
	nine := func(account, region string) []event { return everyHour("2026-07-25", "2026-08-16", account, region, 3) }
	everybody := join(nine(accountA, "us-east-1"), nine(accountA, "eu-west-1"), nine(accountB, "us-east-1"))
	one := func(e event) bool {
		return e.account == accountA && e.region == "us-east-1" && e.at.Day() == 12 && e.at.Hour() == 10
	}
	nightly := slices.DeleteFunc(slices.Clone(everybody), func(e event) bool {
		return e.at.Day() >= 10 && e.at.Day() < 14 && (e.at.Hour() == 2 || e.at.Hour() == 3)
	})
	split := slices.DeleteFunc(slices.Clone(everybody), func(e event) bool { return e.at.Day() == 12 && e.at.Hour()%2 == 0 })
	var halves []string
	for h := 48; h < 72; h += 2 {
		halves = append(halves, fmt.Sprintf("%d-%d", h, h+1))
	}
	tests = append(tests, []gapTest{
		{"always active", everybody, report.Scope{}, "2026-08-12", nil, 0, 0},
		{"an hour of all", hours(everybody, "12T10"), report.Scope{}, "2026-08-12", []string{"58-59"}, 0, 0},
		{"an hour of all in a week", hours(everybody, "12T10"), report.Scope{}, "2026-08-06/2026-08-13", []string{"58-59"}, 0, 0},
		{"an hour of all in three weeks", hours(everybody, "12T10"), report.Scope{}, "2026-07-25/2026-08-15", nil, 0, 1},
		{"two hours of all in three weeks", hours(everybody, "12T10", "12T11"), report.Scope{}, "2026-07-25/2026-08-15", []string{"58-60"}, 0, 0},
		{"an hour of a region", slices.DeleteFunc(slices.Clone(everybody), one), report.Scope{}, "2026-08-12", []string{"111111111111 us-east-1 58-59"}, 0, 0},
		{"an hour of a region in a week", slices.DeleteFunc(slices.Clone(everybody), one), report.Scope{}, "2026-08-06/2026-08-13", nil, 0, 1},
		{"two hours of four nights", nightly, report.Scope{}, "2026-08-12", []string{"50-52"}, 0, 0},
		{"every other hour", split, report.Scope{Accounts: both, Regions: []string{"us-east-1", "eu-west-1"}}, "2026-08-12", halves, 0, 0},
		{"every other hour of a day in three weeks", split, report.Scope{}, "2026-07-25/2026-08-15", halves, 0, 0},
		{"two hours of a quiet archive", hours(a, "11T05", "11T06"), report.Scope{}, "2026-08-10/2026-08-13", []string{"29-31"}, 0, 0},
		{"scattered hours of a quiet archive", hours(a, "11T05", "11T09", "11T18"), report.Scope{}, "2026-08-10/2026-08-13", []string{"29-30", "33-34", "42-43"}, 0, 0},
		{"an hour of every night", slices.DeleteFunc(slices.Clone(everybody), func(e event) bool { return e.at.Hour() == 3 }), report.Scope{}, "2026-08-12", nil, 0, 0},
		{"an hour of every Sunday", slices.DeleteFunc(everyHour("2026-07-01", "2026-08-25", accountA, "us-east-1", 3), func(e event) bool { return e.at.Weekday() == time.Sunday && e.at.Hour() == 3 }),
			report.Scope{}, "2026-08-03/2026-08-17", nil, 0, 0},
	}...)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := run(t, &fakeArchive{events: test.events}, func(o *report.Options) { o.Period, o.Scope = period(t, test.period, ""), test.scope })
			var got []string
			for _, g := range r.Coverage.Gaps {
				hours := func(at time.Time) int { return int(at.Sub(utc("2026-08-10T00:00:00")) / time.Hour) }
				text := fmt.Sprintf("%d-%d", hours(g.From), hours(g.To))
				if g.Region != "" {
					text = g.Region + " " + text
				}
				if g.Account != "" || g.Region != "" {
					text = g.Account + " " + text
				}
				got = append(got, text)
				if g.Hours != hours(g.To)-hours(g.From) || g.Reason == "" {
					t.Errorf("gap %+v", g)
				}
			}
			if !slices.Equal(got, test.want) || len(r.Coverage.Notes) != test.notes+test.doubts || len(r.Coverage.Undecided) != test.doubts {
				t.Errorf("%v (notes %q), want %v", r.Coverage.Gaps, r.Coverage.Notes, test.want)
			}
			if r.Coverage.Complete != (len(test.want) == 0 && test.doubts == 0) {
				t.Errorf("complete is %t", r.Coverage.Complete)
			}
			if whole := control(t, r, "acme/whole"); (whole.State == report.Pass) != r.Coverage.Complete {
				t.Errorf("coverage %s (%s)", whole.State, whole.Reason)
			}
		})
	}
}

// TestGapsInZones: hours are those of UTC, whatever the offset of the zone.
func TestGapsInZones(t *testing.T) {
	busy := everyHour("2026-08-01", "2026-08-20", accountA, "us-east-1", 25)
	events := without(busy, "2026-08-11T05:00:00", "2026-08-11T06:00:00", "")
	for _, zone := range []string{"UTC", "Asia/Kolkata", "Asia/Kathmandu", "America/New_York"} {
		r := run(t, &fakeArchive{events: events}, func(o *report.Options) { o.Period = period(t, "2026-08-10/2026-08-13", zone) })
		if g := r.Coverage.Gaps; len(g) != 1 || !g[0].From.Equal(utc("2026-08-11T05:00:00")) || g[0].Hours != 1 {
			t.Errorf("%s: %v", zone, g)
		}
		whole := run(t, &fakeArchive{events: busy}, func(o *report.Options) { o.Period = period(t, "2026-08-10/2026-08-13", zone) })
		if !whole.Coverage.Complete {
			t.Errorf("%s: %v, %q", zone, whole.Coverage.Gaps, whole.Coverage.Notes)
		}
	}
}

// TestLedgerShowsTheEnd: a file that was delivered later shows that the archive goes on.
func TestLedgerShowsTheEnd(t *testing.T) {
	f := &fakeArchive{events: without(quiet().events, "2026-08-12T23:00:00", "2026-09-01T00:00:00", "")}
	if r := run(t, f, nil); len(r.Coverage.Gaps) != 1 {
		t.Errorf("the archive ends early: %v", r.Coverage.Gaps)
	}
	f.objects = []report.LogObject{{Object: "a", First: utc("2026-08-12T21:30:00"), Last: utc("2026-08-12T21:30:00"), Delivered: utc("2026-08-13T00:01:00")}}
	if r := run(t, f, nil); !r.Coverage.Complete {
		t.Errorf("the archive does not end early: %v", r.Coverage.Gaps)
	}
}

func TestRejectedRecords(t *testing.T) {
	f := quiet(at("10T10:00", "SeenCall"), at("10T10:00", "BadCall"))
	f.rejected = 2
	r := run(t, f, nil)
	if r.Coverage.Complete || len(r.Coverage.Undecided) != 1 || !strings.Contains(r.Uncovered(), "2 records of 1 log file") {
		t.Errorf("%+v", r.Coverage)
	}
	for id, want := range map[string]report.State{"evidence": report.NotAssessed, "exception": report.Fail, "odd": report.NotAssessed, "whole": report.NotAssessed} {
		if c := control(t, r, "acme/"+id); c.State != want || !strings.Contains(c.Reason, "could not be read") {
			t.Errorf("%s is %s (%s)", id, c.State, c.Reason)
		}
	}
}

// TestNoEventsOfThePeriod: a period may be so short that its silence is no gap.
func TestNoEventsOfThePeriod(t *testing.T) {
	r := run(t, quiet(), func(o *report.Options) { o.Period = period(t, "2026-08-10T10:35:00Z/2026-08-10T10:50:00Z", "") })
	if r.Coverage.Complete || len(r.Coverage.Gaps) > 0 || r.Uncovered() != "there are no events of the period and scope" {
		t.Errorf("%q, %+v", r.Uncovered(), r.Coverage)
	}
}

func TestCellsAreDaysOfTheZone(t *testing.T) {
	f := &fakeArchive{events: everyHour("2026-08-01", "2026-08-20", accountA, "us-east-1", 1)}
	r := run(t, f, func(o *report.Options) { o.Period = period(t, "2026-08-10/2026-08-12", "Europe/Berlin") })
	if len(r.Coverage.Cells) != 2 || !r.Coverage.Complete {
		t.Fatalf("cells %v, gaps %v", r.Coverage.Cells, r.Coverage.Gaps)
	}
	for i, day := range []string{"2026-08-10", "2026-08-11"} {
		if c := r.Coverage.Cells[i]; c.Day != day || c.Events != 24 || c.Hours != 24 {
			t.Errorf("%+v", c)
		}
	}
	if got := r.Coverage.First.Format(time.RFC3339); got != "2026-08-09T22:30:00Z" {
		t.Errorf("first event %s", got)
	}
}

// TestShiftOfTheZone: a day on which clocks are changed is asked for with both offsets.
func TestShiftOfTheZone(t *testing.T) {
	f := &fakeArchive{events: everyHour("2026-03-01", "2026-04-10", accountA, "us-east-1", 1)}
	run(t, f, func(o *report.Options) { o.Period = period(t, "2026-03-29", "Europe/Berlin") })
	want := "CASE WHEN eventtimestamp < from_iso8601_timestamp('2026-03-29T01:00:00Z') THEN 3600 ELSE 7200 END"
	if !slices.ContainsFunc(f.asked, func(sql string) bool { return strings.Contains(sql, want) }) {
		t.Errorf("no statement has %s", want)
	}
}

func TestObjectsOfCells(t *testing.T) {
	f := quiet()
	f.objects = []report.LogObject{{Object: "a", First: utc("2026-08-10T10:00:00"), Last: utc("2026-08-10T10:04:00")}}
	var got []string
	f.lib = library(t)
	err := report.Objects(t.Context(), f.query, period(t, "2026-08-10", ""), report.Scope{}, func(o report.LogObject) error {
		got = append(got, o.Object)
		return nil
	})
	if err != nil || fmt.Sprint(got) != "[a]" {
		t.Errorf("%v, %v", got, err)
	}
	// A file below one account's folder can have events of another.
	f.events = append(f.events, event{at: utc("2026-08-10T10:00:00"), account: accountB, region: "us-east-1", object: "a"},
		event{at: utc("2026-08-10T11:00:00"), account: accountB, region: "us-east-1", object: "a"}, event{at: utc("2026-08-10T12:00:00"), account: accountB, region: "us-east-1", object: "b"})
	for _, c := range run(t, f, nil).Coverage.Cells {
		want := int64(0)
		if c.Account == accountB {
			want = 2
		}
		if c.Objects != want {
			t.Errorf("%+v: want %d log files", c, want)
		}
	}
}
