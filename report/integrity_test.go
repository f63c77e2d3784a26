package report_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

func TestDigestVerdicts(t *testing.T) {
	log := func(v string) verdict {
		return verdict{kind: "log", verdict: v, object: "s3://trail/" + v, reason: "its hash is another one"}
	}
	digest := func(v string) verdict {
		return verdict{kind: "digest", verdict: v, object: "s3://trail/digest-" + v, reason: "its signature is another one"}
	}
	tests := []struct {
		name     string
		verdicts []verdict
		state    report.State
		count    int64
		says     string // of the control or of the coverage
	}{
		{"a ledger without verdicts", nil, report.NotAssessed, 0, "trailql convert --verify"},
		{"nothing was checked", []verdict{log(""), digest("")}, report.NotAssessed, 0, "trailql convert --verify"},
		{"all valid", []verdict{log("valid"), log("valid"), digest("valid")}, report.Pass, 0, "2 of 2 log files and 1 of 1 digest valid"},
		{"a log file in no digest", []verdict{log("valid"), log("not_covered"), digest("valid")}, report.NotAssessed, 0, "1 of 2 log files and 1 of 1 digest valid; 1 in no digest"},
		{"no key", []verdict{log("unproven"), digest("unproven")}, report.NotAssessed, 0, "2 without a signature that could be checked"},
		{"the newest digest of a copy", []verdict{log("valid"), digest("valid"), digest("unproven")}, report.Pass, 0, "1 without a signature"},
		{"a changed log file", []verdict{log("valid"), log("invalid"), digest("valid")}, report.Fail, 1, "1 not as delivered"},
		{"a missing log file", []verdict{log("valid"), digest("valid"), {kind: "missing", verdict: "invalid", object: "s3://trail/gone", reason: "named by another one and not there"}}, report.Fail, 1, "; 1 named by a digest and not there"},
		{"a log file that is not converted yet", []verdict{log("valid"), digest("valid"), {kind: "missing", verdict: "unproven", object: "s3://trail/late"}}, report.NotAssessed, 0, "; 1 named by a digest and not converted"},
		{"a changed digest", []verdict{log("not_covered"), digest("invalid")}, report.Fail, 1, "1 in no digest"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := &fakeArchive{events: everyHour("2026-08-01", "2026-08-20", accountA, "us-east-1", 1), verdicts: test.verdicts}
			r := run(t, f, nil)
			c := control(t, r, "acme/digests")
			if c.State != test.state || c.Count != test.count {
				t.Errorf("%s with %d findings, want %s with %d: %s", c.State, c.Count, test.state, test.count, c.Reason)
			}
			if text := c.Reason + r.Coverage.Digests + c.Rules[0].NotAssessed; !strings.Contains(text, test.says) {
				t.Errorf("it says %q", text)
			}
			for _, one := range c.Findings {
				if one.Values[slices.Index(pack.EvidenceColumns(), "resource")] == "" || !strings.Contains(one.Columns["reason"], "another one") {
					t.Errorf("finding %+v", one)
				}
			}
		})
	}
}

func TestReportRetention(t *testing.T) {
	past := func(from, to string, scheduled bool) report.PastRun {
		return report.PastRun{ID: from, From: utc(from + "T00:00:00"), To: utc(to + "T00:00:00"), Packs: []string{"archive"}, Scheduled: scheduled, Finished: true}
	}
	tests := []struct {
		name  string
		runs  []report.PastRun
		state report.State
		count int64
	}{
		{"no ledger", nil, report.NotAssessed, 0},
		{"by hand only", []report.PastRun{past("2026-08-01", "2026-08-10", false)}, report.NotAssessed, 0},
		{"whole", []report.PastRun{past("2026-08-01", "2026-08-05", true), past("2026-08-05", "2026-08-10", true)}, report.Pass, 0},
		{"a span is missing", []report.PastRun{past("2026-08-06", "2026-08-10", true), past("2026-08-01", "2026-08-05", true)}, report.Fail, 1},
		{"the last ones are missing", []report.PastRun{past("2026-08-01", "2026-08-05", true)}, report.Fail, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := &fakeArchive{events: everyHour("2026-08-01", "2026-08-20", accountA, "us-east-1", 1)}
			r := run(t, f, func(o *report.Options) {
				o.Packs = []pack.Selection{{Pack: "archive"}}
				o.Period = period(t, "2026-08-10/2026-08-11", "")
				o.Runs = test.runs
			})
			if c := control(t, r, "archive/reports"); c.State != test.state || c.Count != test.count {
				t.Errorf("%s with %d findings, want %s with %d: %s", c.State, c.Count, test.state, test.count, c.Reason)
			}
		})
	}
}
