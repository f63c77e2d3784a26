package report_test

import (
	"testing"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

// TestSecurityHub: the archive of the test takes EnableSecurityHub only as evidence. The last event of each account and region counts, also one of before
// the period.
func TestSecurityHub(t *testing.T) {
	both := append(quiet().events, everyHour("2026-08-01", "2026-08-20", accountB, "us-east-1", 1)...)
	b := func(e event) event {
		e.account = accountB
		return e
	}
	for _, test := range []struct {
		name   string
		events []event
		want   report.State
		count  int64
	}{
		{"nothing tells", quiet().events, report.NotAssessed, 0},
		{"enabled", quiet(at("10T10:00", "EnableSecurityHub")).events, report.Pass, 1},
		{"enabled before", quiet(at("02T10:00", "EnableSecurityHub")).events, report.Pass, 0},
		{"disabled", quiet(at("02T10:00", "EnableSecurityHub"), at("10T10:00", "DisableSecurityHub")).events, report.Fail, 1},
		{"disabled before", quiet(at("02T10:00", "DisableSecurityHub")).events, report.Fail, 1},
		{"disabled and enabled again", quiet(at("10T10:00", "DisableSecurityHub"), at("10T11:00", "EnableSecurityHub")).events, report.Pass, 1},
		{"enabled, and disabled after the period", quiet(at("10T10:00", "EnableSecurityHub"), at("14T10:00", "DisableSecurityHub")).events, report.Pass, 1},
		{"nothing tells of one account", append(both, at("10T10:00", "EnableSecurityHub")), report.NotAssessed, 1},
		{"disabled in one account", append(both, at("10T10:00", "EnableSecurityHub"), b(at("10T10:00", "DisableSecurityHub"))), report.Fail, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := run(t, &fakeArchive{events: test.events}, func(o *report.Options) { o.Packs = []pack.Selection{{Pack: "archive"}} })
			if c := control(t, r, "archive/hub"); c.State != test.want || c.Count != test.count || c.Reason == "" {
				t.Errorf("%s with %d findings (%s), want %s with %d", c.State, c.Count, c.Reason, test.want, test.count)
			}
		})
	}
}
