package report

import (
	"strings"
	"testing"

	"github.com/trailql/trailql/report/pack"
)

// TestDecide is the table of states: what became of the rules, and what the archive
// lacks.
func TestDecide(t *testing.T) {
	none := outcome{rule: "R", kind: pack.Exception}
	high := outcome{rule: "R", kind: pack.Exception, count: 2, open: 2, worst: pack.High}
	low := outcome{rule: "R", kind: pack.Exception, count: 2, open: 2, worst: pack.Low}
	suppressed := outcome{rule: "R", kind: pack.Exception, count: 2}
	partly := outcome{rule: "R", kind: pack.Exception, count: 2, open: 1, worst: pack.Medium}
	rows := outcome{rule: "E", kind: pack.Evidence, count: 5, open: 5, worst: pack.High}
	noRows := outcome{rule: "E", kind: pack.Evidence}
	failed := outcome{rule: "F", failed: "broken"}
	missing := outcome{rule: "N", notAssessed: "no parameter"}
	judged := outcome{rule: "C", kind: pack.Coverage, result: "all is there"}
	tests := []struct {
		name                            string
		rules                           []outcome
		evidence, exception             State  // by the kind of the control, covered
		evidenceInGaps, exceptionInGaps State  // the same, uncovered
		reason                          string // of the exception, covered
	}{
		{"nothing", []outcome{none}, NoActivity, Pass, NotAssessed, NotAssessed, "no findings, and the archive covers the whole period"},
		{"no rows", []outcome{noRows}, NoActivity, Pass, NotAssessed, NotAssessed, ""},
		{"high", []outcome{high}, Review, Fail, Review, Fail, "2 findings"},
		{"low", []outcome{low}, Pass, Review, NotAssessed, Review, "2 findings to be judged"},
		{"rows of evidence", []outcome{rows}, Pass, Fail, NotAssessed, Fail, "5 findings"},
		{"all suppressed", []outcome{suppressed}, Pass, Suppressed, NotAssessed, NotAssessed, "2 findings, 2 suppressed"},
		{"some suppressed", []outcome{partly}, Review, Fail, Review, Fail, "2 findings, 1 suppressed"},
		{"one suppressed, one with findings", []outcome{suppressed, high}, Review, Fail, Review, Fail, "4 findings, 2 suppressed"},
		{"a rule that failed", []outcome{high, failed}, Error, Error, Error, Error, "not assessed because of an error: F: broken"},
		{"a rule that could not run", []outcome{none, missing}, NotAssessed, NotAssessed, NotAssessed, NotAssessed,
			"0 findings, but not everything could be assessed: N: no parameter"},
		{"findings, and a rule that could not run", []outcome{high, missing}, Review, Fail, Review, Fail, "2 findings"},
		{"suppressed, and a rule that could not run", []outcome{suppressed, missing}, NotAssessed, NotAssessed, NotAssessed, NotAssessed,
			"2 findings, 2 suppressed, but not everything could be assessed: N: no parameter"},
		{"judged", []outcome{judged}, Pass, Pass, NotAssessed, NotAssessed, "no findings, and the archive covers the whole period; all is there"},
		{"judged, and no rows", []outcome{judged, noRows}, NoActivity, Pass, NotAssessed, NotAssessed, ""},
		{"judged by the last of all rows", []outcome{{rule: "E", kind: pack.Evidence, result: "it is on"}}, Pass, Pass, NotAssessed, NotAssessed, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			const gap = "a day"
			for _, one := range []struct {
				kind      pack.Kind
				uncovered string
				want      State
			}{
				{pack.Evidence, "", test.evidence}, {pack.Exception, "", test.exception}, {pack.Coverage, "", test.exception},
				{pack.Evidence, gap, test.evidenceInGaps}, {pack.Exception, gap, test.exceptionInGaps}, {pack.Coverage, gap, test.exceptionInGaps},
			} {
				state, reason := decide(one.kind, test.rules, one.uncovered)
				if state != one.want {
					t.Errorf("%s, uncovered %q: %s (%s), want %s", one.kind, one.uncovered, state, reason, one.want)
				}
				if one.uncovered != "" && state != Error && !strings.Contains(reason, gap) {
					t.Errorf("%s: the gap is not in the reason %q", one.kind, reason)
				}
			}
			if _, reason := decide(pack.Exception, test.rules, ""); test.reason != "" && reason != test.reason {
				t.Errorf("reason %q, want %q", reason, test.reason)
			}
		})
	}
}
