package report_test

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

// TestParts: reading a period in parts changes nothing in a report, whatever it counts
// by, and asks less of events that are not listed unless all of them matter.
func TestParts(t *testing.T) {
	var events []event
	for day := 10; day < 13; day++ {
		for i := range 12 {
			for _, name := range []string{"SeenCall", "OddCall", "BadCall", "WorseCall"} {
				e := at(fmt.Sprintf("%dT%02d:10", day, 2*i), name)
				e.account, e.actor = []string{accountA, accountB}[i%2], fmt.Sprint("actor", i%3)
				e.ip, e.resource, e.id = fmt.Sprint("192.0.2.", i%4), fmt.Sprint("bucket", i%5), fmt.Sprint(name, day, i)
				if i%3 == 0 {
					e.calls = []string{"NeedyCall"}
				}
				events = append(events, e)
			}
		}
	}
	before := run(t, quiet(events[:20]...), nil)
	for _, test := range []struct {
		name    string
		change  func(*report.Options)
		isBrief bool
	}{
		{"all are listed", func(*report.Options) {}, false},
		{"some are not", func(o *report.Options) { o.MaxFindings = 2 }, true},
		{"by a rule's scope", func(o *report.Options) {
			o.MaxFindings, o.Packs, o.Scope.Declared = 2, []pack.Selection{{Pack: "about"}}, map[string][]string{"wanted": {"x"}}
		}, true},
		{"packs that count differently", func(o *report.Options) {
			o.MaxFindings, o.Packs = 2, []pack.Selection{{Pack: "acme"}, {Pack: "other"}}
		}, true},
		{"a sample", func(o *report.Options) {
			o.MaxFindings, o.Sample = 2, report.SampleOptions{Size: 5, Seed: 1}
		}, true},
		{"an earlier report", func(o *report.Options) { o.MaxFindings, o.Baseline = 2, before }, true},
		{"exceptions for one control", func(o *report.Options) {
			one := report.Exception{ID: "x", Reason: "known", Ticket: "T", ApprovedBy: "B", Expires: "2027-01-01", Controls: []string{"odd"}}
			one.Match.Resources, one.Match.IPs = []string{"bucket1"}, []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}
			o.MaxFindings, o.Exceptions = 2, report.Exceptions{List: []report.Exception{one}}
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			archive := quiet(events...)
			whole := run(t, archive, test.change)
			lists := func() (n int, isBrief bool) {
				for _, sql := range archive.asked {
					if strings.Contains(sql, "AS details") {
						n++
						isBrief = isBrief || !asked(sql, "user_agent", 0)
					}
				}
				return n, isBrief
			}
			if n, isBrief := lists(); n == 0 || isBrief {
				t.Fatalf("read in %d parts, brief: %v", n, isBrief)
			}
			archive.asked = nil
			parts := run(t, archive, func(o *report.Options) {
				test.change(o)
				o.PartEvents = 30
			})
			if n, isBrief := lists(); n < 2 || isBrief != test.isBrief {
				t.Errorf("read in %d parts, brief: %v", n, isBrief)
			}
			if !reflect.DeepEqual(parts, whole) {
				t.Errorf("in parts\n%+v\nwhole\n%+v", parts, whole)
			}
		})
	}
}

// TestCuts: parts end between days, or hours where days are too large, and grow.
func TestCuts(t *testing.T) {
	f := &fakeArchive{events: everyHour("2026-08-09", "2026-08-14", accountA, "us-east-1", 2)}
	for _, test := range []struct {
		events int
		want   string
	}{
		{1000, ""},
		{96, "12T00"},
		{40, "11T00 12T00"},
		{10, "10T10 10T20 11T16"},
	} {
		f.asked = nil
		run(t, f, func(o *report.Options) { o.PartEvents = test.events })
		var cuts []string
		for _, sql := range f.asked {
			if !strings.Contains(sql, "AS details") {
				continue
			}
			_, text, _ := strings.Cut(sql[strings.LastIndex(sql, "date >="):], "eventtimestamp >= from_iso8601_timestamp('")
			from, err := time.Parse(time.RFC3339, text[:strings.Index(text, "'")])
			if err != nil {
				t.Fatal(err)
			}
			cuts = append(cuts, from.Format("02T15"))
		}
		if got := strings.Join(cuts[1:], " "); got != test.want {
			t.Errorf("parts of %d events begin at %s, want %s", test.events, got, test.want)
		}
	}
}
