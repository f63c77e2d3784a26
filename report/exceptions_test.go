package report_test

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

func exceptions(t testing.TB, text string) report.Exceptions {
	t.Helper()
	e, err := report.ParseExceptions("exceptions.yaml", []byte(text), library(t))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

const exceptionHead = `
exceptions:
  - id: EX-1
    rule: BAD
    reason: planned
    ticket: SEC-1
    approved_by: ann
    created: 2026-01-01
`

func TestExceptionsSuppress(t *testing.T) {
	e := at("11T10:00", "BadCall")
	e.ip, e.resource = "192.0.2.7", "arn:aws:s3:::cards-1"
	tests := []struct {
		name, exception, zone string
		suppressed            bool
		problem               string
	}{
		{"account", "    expires: 2026-12-31\n    match: {account: '111111111111'}", "", true, ""},
		{"other account", "    expires: 2026-12-31\n    match: {account: '222222222222'}", "", false, "unused"},
		{"one of accounts", "    expires: 2026-12-31\n    match: {account: ['222222222222', '111111111111']}", "", true, ""},
		{"glob", "    expires: 2026-12-31\n    match: {resource: 'arn:aws:s3:::cards*'}", "", true, ""},
		{"a glob is whole", "    expires: 2026-12-31\n    match: {resource: 'cards*'}", "", false, "unused"},
		{"a dot is a dot", "    expires: 2026-12-31\n    match: {resource: 'arn:aws:s3:::cards.1'}", "", false, "unused"},
		{"address", "    expires: 2026-12-31\n    match: {ip: 192.0.2.7}", "", true, ""},
		{"block", "    expires: 2026-12-31\n    match: {ip: 192.0.2.0/24}", "", true, ""},
		{"other block", "    expires: 2026-12-31\n    match: {ip: [10.0.0.0/8, '2001:db8::/32']}", "", false, "unused"},
		{"all have to match", "    expires: 2026-12-31\n    match: {account: '111111111111', actor: '*user/bob'}", "", false, "unused"},
		{"the last day", "    expires: 2026-08-11\n    match: {account: '*'}", "", true, "expired within the period"},
		{"the day before", "    expires: 2026-08-10\n    match: {account: '*'}", "", false, "expired within the period; 2 findings after it expired"},
		{"the last day ends later in the west", "    expires: 2026-08-11\n    match: {account: '*'}", "America/New_York", true, "expired within the period"},
		{"the last day ended in the east", "    expires: 2026-08-11\n    match: {account: '*'}", "Pacific/Kiritimati", false, "expired within the period; 2 findings after it expired"},
		{"before the period", "    expires: 2026-08-09\n    match: {account: '*'}", "", false, "expired before the period; 2 findings after it expired"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := run(t, quiet(e), func(o *report.Options) {
				o.Exceptions = exceptions(t, exceptionHead+test.exception)
				o.Period = period(t, "2026-08-10/2026-08-13", test.zone)
			})
			c := control(t, r, "acme/exception")
			want := report.Fail
			if test.suppressed {
				want = report.Suppressed
			}
			if c.State != want || c.Count != 1 || (c.Findings[0].SuppressedBy == "EX-1") != test.suppressed || (c.Suppressed == 1) != test.suppressed {
				t.Errorf("%s, %d of %d suppressed, by %q", c.State, c.Suppressed, c.Count, c.Findings[0].SuppressedBy)
			}
			if got := r.Exceptions[0].Problem; got != test.problem {
				t.Errorf("problem %q, want %q", got, test.problem)
			}
		})
	}
}

func TestExceptionsOfControls(t *testing.T) {
	text := strings.Replace(exceptionHead, "rule: BAD", "control: acme/exception", 1) + "    expires: 2026-12-31\n    match: {account: '*'}\n"
	r := run(t, quiet(at("11T10:00", "BadCall")), func(o *report.Options) { o.Exceptions = exceptions(t, text) })
	if a, b := control(t, r, "acme/exception").State, control(t, r, "acme/mixed").State; a != report.Suppressed || b != report.Review {
		t.Errorf("%s, %s", a, b)
	}
	if c := control(t, r, "acme/exception"); c.Severity != pack.High {
		t.Errorf("severity %s of a control whose findings are suppressed", c.Severity)
	}
}

// TestExceptionsOfThePast suppress, and are said.
func TestExceptionsOfThePast(t *testing.T) {
	text := exceptionHead + "    expires: 2026-12-31\n    match: {account: '*'}\n"
	text = regexp.MustCompile("created: [0-9-]+").ReplaceAllString(text, "created: 2026-08-12")
	r := run(t, quiet(at("11T23:59", "BadCall"), at("12T00:00", "BadCall")), func(o *report.Options) { o.Exceptions = exceptions(t, text) })
	if c, got := control(t, r, "acme/exception"), r.Exceptions[0].Problem; c.State != report.Suppressed || got != "created after 2 findings that it suppresses" {
		t.Errorf("%s; problem %q", c.State, got) // the finding is in two controls
	}
}

func TestExceptionsOverlap(t *testing.T) {
	text := exceptionHead + "    expires: 2026-12-31\n    match: {account: '*'}\n" +
		strings.TrimPrefix(strings.Replace(exceptionHead, "EX-1", "EX-2", 1), "\nexceptions:\n") + "    expires: 2026-12-31\n    match: {region: us-east-1}\n" +
		strings.NewReplacer("EX-1", "EX-3", "BAD", "LATE").Replace(strings.TrimPrefix(exceptionHead, "\nexceptions:\n")) + "    expires: 2026-12-31\n    match: {region: us-east-1}\n"
	r := run(t, quiet(at("11T10:00", "BadCall")), func(o *report.Options) { o.Exceptions = exceptions(t, text) })
	var got []string
	for _, e := range r.Exceptions {
		got = append(got, fmt.Sprintf("%s %d %s", e.ID, e.Suppressed, e.Problem))
	}
	// One finding in two controls.
	want := "[EX-1 2 overlaps EX-2 EX-2 0 overlaps EX-1 EX-3 0 concerns nothing in this report]"
	if fmt.Sprint(got) != want {
		t.Errorf("%v", got)
	}
	if by := control(t, r, "acme/exception").Findings[0].SuppressedBy; by != "EX-1" {
		t.Errorf("suppressed by %s", by)
	}
}

func TestAGapThatIsAcceptedIsNotCovered(t *testing.T) {
	f := quiet()
	f.events = without(f.events, "2026-08-11T00:00:00", "2026-08-12T00:00:00", "")
	text := strings.Replace(exceptionHead, "rule: BAD", "rule: GAP", 1) + "    expires: 2026-12-31\n    match: {account: '*'}\n"
	r := run(t, f, func(o *report.Options) { o.Exceptions = exceptions(t, text) })
	if c := control(t, r, "acme/whole"); c.State != report.NotAssessed || c.Suppressed != 1 {
		t.Errorf("%s, %d suppressed", c.State, c.Suppressed)
	}
}

func TestExceptionsFileIsChecked(t *testing.T) {
	good := exceptionHead + "    expires: 2026-12-31\n    match: {account: '*'}\n"
	tests := []struct{ name, text, want string }{
		{"empty", "", "exceptions.yaml: the file is empty"},
		{"no YAML", "exceptions: [", "exceptions.yaml:1: did not find expected node content"},
		{"a list", "- a", "exceptions.yaml:1:1: the file has to be a mapping"},
		{"unknown key", strings.Replace(good, "ticket:", "tickt:", 1), `exceptions.yaml:6:5: unknown key "tickt": want approved_by, control, created, expires, id, match, reason, rule, ticket`},
		{"unknown key of match", strings.Replace(good, "account:", "acount:", 1), `exceptions.yaml:10:13: unknown key "acount": want account, actor, ip, region, resource`},
		{"key twice", strings.Replace(good, "ticket: SEC-1", "reason: again", 1), `exceptions.yaml:6:5: key "reason" stands twice`},
		{"unknown rule", strings.Replace(good, "rule: BAD", "rule: BED", 1), `exceptions.yaml:4:11: there is no rule "BED"`},
		{"unknown control", strings.Replace(good, "rule: BAD", "control: acme/9", 1), `exceptions.yaml:4:14: there is no control "acme/9"`},
		{"no rule", strings.Replace(good, "    rule: BAD\n", "", 1), "exceptions.yaml:3:5: the exception has neither rule nor control"},
		{"no expiry", strings.Replace(good, "    expires: 2026-12-31\n", "", 1), "exceptions.yaml:3:5: the exception has no expires"},
		{"no ticket", strings.Replace(good, "    ticket: SEC-1\n", "", 1), "exceptions.yaml:3:5: the exception has no ticket"},
		{"no match", strings.Replace(good, "    match: {account: '*'}\n", "", 1), "exceptions.yaml:3:5: the exception has no match: to accept everything, write for example account: '*'"},
		{"no reason", strings.Replace(good, "reason: planned", "reason: ''", 1), "exceptions.yaml:5:13: reason is empty"},
		{"no day", strings.Replace(good, "2026-12-31", "soon", 1), `exceptions.yaml:9:14: expires: "soon" is no day such as 2026-12-31`},
		{"too long", strings.Replace(good, "2026-12-31", "2027-01-02", 1), "exceptions.yaml:3:5: the exception expires (2027-01-02) more than 365 days after it is created (2026-01-01)"},
		{"backwards", strings.Replace(good, "2026-12-31", "2025-12-31", 1), "exceptions.yaml:3:5: the exception expires (2025-12-31) before it is created (2026-01-01)"},
		{"no address", strings.Replace(good, "account: '*'", "ip: nowhere", 1), `exceptions.yaml:10:17: "nowhere" is neither an address nor a CIDR block`},
		{"id twice", good + strings.TrimPrefix(good, "\nexceptions:\n"), "exceptions.yaml:11:5: exception EX-1 stands twice"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := report.ParseExceptions("exceptions.yaml", []byte(test.text), library(t))
			if err == nil || err.Error() != test.want || !errors.Is(err, report.ErrInvalid) {
				t.Errorf("error %v, want %s", err, test.want)
			}
			var problems pack.Problems
			if !errors.As(err, &problems) {
				t.Errorf("%T", err)
			}
		})
	}
	if e := exceptions(t, strings.Replace(good, "2026-12-31", "2027-01-01", 1)); e.List[0].Expires != "2027-01-01" || e.SHA256 == "" {
		t.Errorf("365 days: %+v", e)
	}
}

func TestScopeFile(t *testing.T) {
	s, err := report.ParseScope("a/scope.yaml", []byte("accounts: [\"012345678901\", 111111111111]\nregions: us-east-1\nparameters:\n  wanted: [b, a]\n  least: 5\n"), library(t))
	if err != nil || fmt.Sprintf("%v %v %v %s", s.Accounts, s.Regions, s.Declared, s.File) != "[012345678901 111111111111] [us-east-1] map[least:[5] wanted:[b a]] scope.yaml" {
		t.Errorf("%+v, %v", s, err)
	}
	for _, test := range []struct{ text, want string }{
		{"accounts: [12]", `scope.yaml:1:12: "12" is no account: want 12 digits`},
		{"accounts: ['111111111111', '111111111111']", "scope.yaml:1:28: account 111111111111 stands twice"},
		{"regions: [all of them]", `scope.yaml:1:11: "all of them" is no region: want a name such as us-east-1`},
		{"account: ['111111111111']", `scope.yaml:1:1: unknown key "account": want accounts, not_applicable, parameters, regions`},
		{"not_applicable: {acme/9: none}", `scope.yaml:1:18: there is no control "acme/9"`},
		{"not_applicable: {acme/odd: ' '}", `scope.yaml:1:28: control acme/odd: say why it is not applicable`},
		{"parameters: {want: a}", `scope.yaml:1:14: there is no parameter "want": want [least regulated wanted]`},
		{"parameters: {least: many}", `scope.yaml:1:21: parameter least: "many" is no whole number`},
		{"parameters: {wanted: {a: b}}", "scope.yaml:1:22: wanted has to be a list"},
		{"accounts: []\n---\nregions: []", "scope.yaml:2:1: a second document in the file"},
		{"a: &a [*a]", `scope.yaml:1:1: unknown key "a": want accounts, not_applicable, parameters, regions`},
		{"\xff", "scope.yaml: the file is not UTF-8 text"},
	} {
		if _, err := report.ParseScope("scope.yaml", []byte(test.text), library(t)); err == nil || err.Error() != test.want || !errors.Is(err, report.ErrInvalid) {
			t.Errorf("%q: error %v, want %s", test.text, err, test.want)
		}
	}
}

// FuzzFiles: whatever is in a file, it is read or refused.
func FuzzFiles(f *testing.F) {
	f.Add(exceptionHead + "    expires: 2026-12-31\n    match: {account: '*', ip: 10.0.0.0/8}\n")
	f.Add("accounts: [\"012345678901\"]\nparameters: {wanted: [a]}")
	l := library(f)
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := report.ParseExceptions("e", []byte(text), l); err != nil && !errors.Is(err, report.ErrInvalid) {
			t.Error(err)
		}
		if _, err := report.ParseScope("s", []byte(text), l); err != nil && !errors.Is(err, report.ErrInvalid) {
			t.Error(err)
		}
	})
}
