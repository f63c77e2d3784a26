package report_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/report"
)

// digestsOf are those of one place, one each hour, ending some minutes after the full
// hour.
func digestsOf(from, to, account, region string) []event {
	list := everyHour(from, to, account, region, 1)
	for i := range list {
		list[i].at = list[i].at.Add(22 * time.Minute)
	}
	return list
}

func TestDigestsAttest(t *testing.T) {
	east := everyHour("2026-08-01", "2026-08-20", accountA, "us-east-1", 25)
	west := everyHour("2026-08-01", "2026-08-20", accountA, "us-west-2", 25)
	eastDigests := digestsOf("2026-08-01", "2026-08-20", accountA, "us-east-1")
	westDigests := digestsOf("2026-08-01", "2026-08-20", accountA, "us-west-2")
	const from, to = "2026-08-11T05:00:00", "2026-08-12T10:00:00"
	silentEast := without(east, from, to, "")
	both := slices.Concat(silentEast, without(west, from, to, ""))
	tests := []struct {
		name    string
		events  []event
		digests []event
		scope   report.Scope
		want    []string
	}{
		{"no digests", silentEast, nil, report.Scope{}, []string{"29-58"}},
		{"quiet hours", silentEast, eastDigests, report.Scope{}, nil},
		{"digests are missing as well", silentEast, without(eastDigests, from, to, ""), report.Scope{}, []string{"29-58"}},
		{"one digest is missing", silentEast, without(eastDigests, "2026-08-11T20:00:00", "2026-08-11T21:00:00", ""), report.Scope{}, []string{"43-45"}},
		{"digests of another region", both, westDigests, report.Scope{}, []string{"29-58"}},
		{"digests of all regions", both, slices.Concat(eastDigests, westDigests), report.Scope{}, nil},
		{"a declared account", silentEast, eastDigests, report.Scope{Accounts: []string{accountA}}, nil},
		{"behind the last event", without(east, "2026-08-12T00:00:00", "2026-09-01T00:00:00", ""), eastDigests, report.Scope{}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			archive := &fakeArchive{events: test.events, digests: test.digests}
			inventory, err := report.ReadInventory(t.Context(), archive.query, period(t, "2026-08-10/2026-08-13", ""), test.scope)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, g := range inventory.Coverage.Gaps {
				start := utc("2026-08-10T00:00:00")
				got = append(got, fmt.Sprintf("%d-%d", g.From.Sub(start)/time.Hour, g.To.Sub(start)/time.Hour))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("gaps (-want +got):\n%s%v", diff, inventory.Coverage.Gaps)
			}
		})
	}
}

func TestInventory(t *testing.T) {
	const from, to = "2026-08-12T05:00:00", "2026-09-01T00:00:00"
	archive := &fakeArchive{
		events: slices.Concat(everyHour("2026-08-01", "2026-08-20", accountA, "us-east-1", 2), without(everyHour("2026-08-01", "2026-08-20", accountA, "us-west-2", 25), from, to, ""),
			everyHour("2026-08-01", "2026-08-20", accountB, "eu-west-1", 1)),
		digests: without(digestsOf("2026-08-10", "2026-08-13", accountB, "eu-west-1"), "2026-08-11T00:00:00", "2026-08-11T03:00:00", ""),
	}
	inventory, err := report.ReadInventory(t.Context(), archive.query, period(t, "2026-08-10/2026-08-13", ""), report.Scope{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, p := range inventory.Places {
		got = append(got, fmt.Sprintf("%s %s: %d events in %d hours, %d digests, %d missing, silent since %s, global missing %v",
			p.Account, p.Region, p.Events, len(p.Hours), p.Digests, p.MissingDigests, p.SilentSince.Format("02T15"), p.GlobalEventsMissing))
	}
	want := []string{
		"111111111111 us-east-1: 144 events in 72 hours, 0 digests, 0 missing, silent since 01T00, global missing false",
		"111111111111 us-west-2: 1325 events in 53 hours, 0 digests, 0 missing, silent since 12T05, global missing false",
		"222222222222 eu-west-1: 72 events in 72 hours, 69 digests, 3 missing, silent since 01T00, global missing true",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places (-want +got):\n%s", diff)
	}
}

func TestDigestsNameWhatIsMissing(t *testing.T) {
	east := everyHour("2026-08-01", "2026-08-20", accountA, "us-east-1", 25)
	digests := digestsOf("2026-08-01", "2026-08-20", accountA, "us-east-1")
	hole := without(digests, "2026-08-11T12:00:00", "2026-08-11T13:00:00", "")
	quiet := without(east, "2026-08-11T12:00:00", "2026-08-11T13:00:00", "")
	west := everyHour("2026-08-01", "2026-08-20", accountA, "us-west-2", 25)
	gone := func(at, category, verdict string) []missing {
		return []missing{{event{at: utc(at), account: accountA, region: "us-east-1"}, category, verdict}}
	}
	tests := []struct {
		name             string
		events, digests  []event
		missing          []missing
		want             []string
		undecided, whole bool
	}{
		{name: "nothing", events: east, digests: digests, whole: true},
		{name: "log file", events: east, digests: digests, missing: gone("2026-08-11T12:30:00", "CloudTrail", "invalid"), want: []string{"36-37"}},
		{name: "log file of a quiet hour", events: slices.Concat(quiet, west), digests: digests, missing: gone("2026-08-11T12:30:00", "CloudTrail", "invalid"), want: []string{"36-37"}},
		{name: "log file with events of two hours", events: east, digests: digests, missing: gone("2026-08-11T12:05:00", "CloudTrail", "invalid"), want: []string{"35-37"}},
		{name: "log file outside", events: east, digests: digests, missing: gone("2026-08-14T12:05:00", "CloudTrail", "invalid"), whole: true},
		{name: "log file that is not converted", events: east, digests: digests, missing: gone("2026-08-11T12:30:00", "CloudTrail", "unproven"), undecided: true},
		{name: "digest", events: east, digests: hole, missing: gone("2026-08-11T12:50:00", "CloudTrail-Digest", "invalid"), undecided: true},
		{name: "digest that nobody names", events: east, digests: hole, undecided: true},
		{name: "digest and the events of its hour", events: slices.Concat(quiet, west), digests: hole, want: []string{"36-37"}, undecided: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			archive := &fakeArchive{events: test.events, digests: test.digests, missing: test.missing}
			inventory, err := report.ReadInventory(t.Context(), archive.query, period(t, "2026-08-10/2026-08-13", ""), report.Scope{})
			if err != nil {
				t.Fatal(err)
			}
			checkCovered(t, inventory.Coverage, test.want, test.undecided, test.whole)
		})
	}
}

// checkCovered compares the gaps, as hours since 2026-08-10, and what else is said of a coverage.
func checkCovered(t *testing.T, c report.Coverage, want []string, undecided, whole bool) {
	t.Helper()
	var got []string
	for _, g := range c.Gaps {
		start := utc("2026-08-10T00:00:00")
		got = append(got, fmt.Sprintf("%d-%d", g.From.Sub(start)/time.Hour, g.To.Sub(start)/time.Hour))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("gaps (-want +got):\n%s%v", diff, c.Gaps)
	}
	if (len(c.Undecided) > 0) != undecided || c.Complete != whole {
		t.Errorf("complete %v, undecided %q", c.Complete, c.Undecided)
	}
}

// TestDigestsThatStop: those of other places go on, so that a place is not whole that
// has none any more.
func TestDigestsThatStop(t *testing.T) {
	of := func(list func(account, region string) []event) map[string][]event {
		return map[string][]event{"a": list(accountA, "us-east-1"), "b": list(accountB, "us-west-2")}
	}
	events := of(func(account, region string) []event { return everyHour("2026-05-01", "2026-08-20", account, region, 2) })
	digests := of(func(account, region string) []event { return digestsOf("2026-05-01", "2026-08-20", account, region) })
	until := func(list []event, end string) []event { return without(list, end, "2026-09-01T00:00:00", "") }
	sparse := everyNth(events["b"], 480)
	tests := []struct {
		name             string
		events, digests  []event // of account B
		scope            report.Scope
		want             []string
		undecided, whole bool
		missing          int64 // digests of account B
	}{
		{name: "they go on", events: events["b"], digests: digests["b"], whole: true},
		{name: "the region is quiet", events: sparse, digests: digests["b"], whole: true},
		{name: "with the events of a region that is often quiet", events: until(sparse, "2026-08-11T07:00:00"), digests: until(digests["b"], "2026-08-11T07:00:00"), want: []string{"31-72"}, undecided: true},
		{name: "before the period", events: until(sparse, "2026-08-01T00:00:00"), digests: until(digests["b"], "2026-08-01T00:00:00"), want: []string{"0-72"}, undecided: true},
		{name: "long before the period", events: until(sparse, "2026-06-01T00:00:00"), digests: until(digests["b"], "2026-06-01T00:00:00"), want: []string{"0-72"}, undecided: true},
		{name: "so long before that nobody waits", events: until(events["b"], "2026-05-02T00:00:00"), digests: until(digests["b"], "2026-05-02T00:00:00"), whole: true},
		{name: "a region that never had an event", digests: until(digests["b"], "2026-08-11T07:00:00"), want: []string{"31-72"}, undecided: true},
		{name: "alone, the events go on", events: events["b"], digests: until(digests["b"], "2026-08-11T07:00:00"), undecided: true, missing: 41},
		{name: "the scope has no other place", events: events["b"], digests: until(digests["b"], "2026-08-11T07:00:00"), scope: report.Scope{Accounts: []string{accountB}}, undecided: true, missing: 41},
		{name: "a region that the scope leaves out", events: sparse, digests: until(digests["b"], "2026-08-11T07:00:00"), scope: report.Scope{Regions: []string{"us-east-1"}}, whole: true},
		{name: "behind the period", events: events["b"], digests: until(digests["b"], "2026-08-14T07:00:00"), whole: true},
		{name: "a region that came later", events: without(events["b"], "2026-05-01T00:00:00", "2026-08-11T07:00:00", ""), digests: without(digests["b"], "2026-05-01T00:00:00", "2026-08-11T07:00:00", ""), whole: true},
		{name: "there never were any", events: events["b"], whole: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			archive := &fakeArchive{events: slices.Concat(events["a"], test.events), digests: slices.Concat(digests["a"], test.digests)}
			inventory, err := report.ReadInventory(t.Context(), archive.query, period(t, "2026-08-10/2026-08-13", ""), test.scope)
			if err != nil {
				t.Fatal(err)
			}
			checkCovered(t, inventory.Coverage, test.want, test.undecided, test.whole)
			for _, p := range inventory.Places {
				if p.Account == accountB && test.missing > 0 && p.MissingDigests != test.missing {
					t.Errorf("%d digests are missing, want %d", p.MissingDigests, test.missing)
				}
			}
		})
	}
}
