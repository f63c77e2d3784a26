package report_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

// quiet is an archive that covers August 2026 and has no event that a rule takes.
func quiet(more ...event) *fakeArchive {
	return &fakeArchive{events: append(everyHour("2026-08-01", "2026-08-20", accountA, "us-east-1", 1), more...)}
}

func at(text, name string) event {
	return event{at: utc("2026-08-" + text + ":00"), name: name, account: accountA, region: "us-east-1", actor: "arn:aws:iam::111111111111:user/ann", id: name + text}
}

func TestStatesOfControls(t *testing.T) {
	gap := func() *fakeArchive {
		f := quiet()
		f.events = slices.DeleteFunc(f.events, func(e event) bool { return e.at.Day() == 11 })
		return f
	}
	with := func(f *fakeArchive, more ...event) *fakeArchive {
		f.events = append(f.events, more...)
		return f
	}
	tests := []struct {
		name    string
		archive *fakeArchive
		want    map[string]report.State
	}{
		{"quiet and covered", quiet(), map[string]report.State{
			"evidence": report.NoActivity, "mixed": report.NoActivity, "exception": report.Pass, "odd": report.Pass,
			"needy": report.NotAssessed, "whole": report.Pass, "digests": report.NotAssessed,
		}},
		{"evidence", quiet(at("10T10:00", "SeenCall")), map[string]report.State{"evidence": report.Pass, "mixed": report.Pass}},
		{"an exception among evidence", quiet(at("10T10:00", "BadCall")), map[string]report.State{
			"evidence": report.NoActivity, "mixed": report.Review, "exception": report.Fail,
		}},
		{"a weak exception", quiet(at("10T10:00", "OddCall")), map[string]report.State{"odd": report.Review}},
		{"a burst", quiet(at("10T10:00", "SeenCall"), at("10T10:01", "SeenCall"), at("10T10:02", "SeenCall")), map[string]report.State{"odd": report.Fail}},
		{"no burst", quiet(at("10T10:00", "SeenCall"), at("10T10:01", "SeenCall"), at("10T10:22", "SeenCall")), map[string]report.State{"odd": report.Pass}},
		{"a day is missing", gap(), map[string]report.State{
			"evidence": report.NotAssessed, "mixed": report.NotAssessed, "exception": report.NotAssessed, "odd": report.NotAssessed,
			"needy": report.NotAssessed, "whole": report.Fail, "digests": report.NotAssessed,
		}},
		{"a day is missing, and there is evidence", with(gap(), at("10T10:00", "SeenCall")), map[string]report.State{"evidence": report.NotAssessed}},
		{"a day is missing, and there are findings", with(gap(), at("10T10:00", "BadCall")), map[string]report.State{
			"exception": report.Fail, "mixed": report.Review,
		}},
		{"outside of the period", quiet(at("09T23:59", "BadCall"), at("13T00:00", "BadCall")), map[string]report.State{"exception": report.Pass}},
		{"the first and the last moment", quiet(at("10T00:00", "BadCall"), at("12T23:59", "BadCall")), map[string]report.State{"exception": report.Fail}},
		{"an empty archive", &fakeArchive{}, map[string]report.State{
			"evidence": report.NotAssessed, "exception": report.NotAssessed, "whole": report.NotAssessed, "digests": report.NotAssessed,
		}},
		{"nothing in the period", &fakeArchive{events: everyHour("2026-07-01", "2026-08-01", accountA, "us-east-1", 1)}, map[string]report.State{
			"evidence": report.NotAssessed, "exception": report.NotAssessed, "whole": report.NotAssessed,
		}},
		{"a rule fails", func() *fakeArchive {
			f := quiet(at("10T10:00", "OddCall"))
			f.fails = map[string]error{"'BadCall'": errQuery}
			return f
		}(), map[string]report.State{"exception": report.Error, "mixed": report.Error, "odd": report.Review, "evidence": report.NoActivity, "whole": report.Pass}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := run(t, test.archive, nil)
			for id, want := range test.want {
				if c := control(t, r, "acme/"+id); c.State != want || c.Reason == "" {
					t.Errorf("%s is %s (%s), want %s", id, c.State, c.Reason, want)
				}
			}
		})
	}
}

func TestCountsOfFindings(t *testing.T) {
	both := at("10T10:00", "SeenCall")
	both.calls = []string{"BadCall"}
	r := run(t, quiet(both, at("11T10:00", "SeenCall"), at("11T11:00", "BadCall")), nil)
	c := control(t, r, "acme/mixed")
	if c.Count != 4 || c.Events != 3 || len(c.Findings) != 4 || c.Unlisted != 0 {
		t.Errorf("%d findings of %d events, %d listed, %d not", c.Count, c.Events, len(c.Findings), c.Unlisted)
	}
	if got := fmt.Sprint(c.Days); got != "[{2026-08-10 2} {2026-08-11 2}]" {
		t.Errorf("days %s", got)
	}
	if got := fmt.Sprint(c.Groups[0], c.Groups[1]); got != "{[account_id] [{[111111111111] 4}] 0} {[actor] [{[arn:aws:iam::111111111111:user/ann] 4}] 0}" {
		t.Errorf("groups %s", got)
	}
	if c.Severity != pack.High || !slices.IsSortedFunc(c.Findings, func(a, b report.Finding) int { return a.Time.Compare(b.Time) }) {
		t.Errorf("severity %s, findings %v", c.Severity, c.Findings)
	}
	if evidence := control(t, r, "acme/evidence"); len(evidence.Groups) != 3 || fmt.Sprint(evidence.Groups[2].Rows) != "[{[SeenCall ] 2}]" {
		t.Errorf("groups %v", evidence.Groups)
	}
	if r.Snapshot.Records != 72+3 {
		t.Errorf("%d records", r.Snapshot.Records)
	}
}

// TestDayOfWhatBeganBefore: a burst that began before the period counts on its first day.
func TestDayOfWhatBeganBefore(t *testing.T) {
	r := run(t, quiet(at("09T23:57", "SeenCall"), at("09T23:58", "SeenCall"), at("10T00:01", "SeenCall")), nil)
	if got := fmt.Sprint(control(t, r, "acme/odd").Days); got != "[{2026-08-10 1}]" {
		t.Errorf("days %s", got)
	}
}

func TestFindingsBeyondTheLimitAreCounted(t *testing.T) {
	var events []event
	for i := range 9 {
		for _, name := range []string{"OddCall", "BadCall", "SeenCall"} {
			e := at(fmt.Sprintf("10T10:0%d", i), name)
			e.account = []string{accountA, accountB}[i%2]
			events = append(events, e)
		}
	}
	r := run(t, quiet(events...), func(o *report.Options) { o.MaxFindings = 4 })
	for _, test := range []struct {
		control                 string
		count, listed, unlisted int64
	}{
		{"evidence", 9, 4, 5},
		{"exception", 9, 8, 1}, // of high severity
		{"odd", 11, 6, 5},      // with two bursts
	} {
		c := control(t, r, "acme/"+test.control)
		open := int64(0)
		for _, n := range c.Open {
			open += n
		}
		if open != test.count || c.Count != test.count || int64(len(c.Findings)) != test.listed || c.Unlisted != test.unlisted || c.Days[0].Count != test.count {
			t.Errorf("%s: %d findings, %d listed, %d not, days %v", test.control, c.Count, len(c.Findings), c.Unlisted, c.Days)
		}
	}
	all := run(t, quiet(events...), func(o *report.Options) { o.MaxFindings = math.MaxInt })
	if c := control(t, all, "acme/odd"); c.Count != 11 || len(c.Findings) != 11 {
		t.Errorf("%d findings, %d listed, where all are wanted", c.Count, len(c.Findings))
	}
	if c := control(t, r, "acme/exception"); c.Groups[0].Rows[0].Count != 5 {
		t.Errorf("groups %v", c.Groups)
	}
	if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], " findings counted but not listed") {
		t.Errorf("notes %q", r.Notes)
	}
}

func TestFindingIDs(t *testing.T) {
	ids := func(e event) string {
		return control(t, run(t, quiet(e), nil), "acme/exception").Findings[0].ID
	}
	first := at("10T10:00", "BadCall")
	first.resource = "arn:aws:lambda:us-east-1:111111111111:function:f:1"
	same := at("12T20:00", "BadCall")
	same.resource, same.ip = "arn:aws:lambda:us-east-1:111111111111:function:f:$LATEST", "192.0.2.1"
	if ids(first) != ids(same) {
		t.Error("time, address and version of the function should not matter")
	}
	for name, change := range map[string]func(*event){
		"account":  func(e *event) { e.account = accountB },
		"region":   func(e *event) { e.region = "eu-west-1" },
		"actor":    func(e *event) { e.actor = "arn:aws:iam::111111111111:user/bob" },
		"resource": func(e *event) { e.resource = "arn:aws:lambda:us-east-1:111111111111:function:g" },
	} {
		other := first
		change(&other)
		if ids(other) == ids(first) {
			t.Errorf("%s does not matter", name)
		}
	}
}

// TestTwoRunsAreEqual but for their headers.
func TestTwoRunsAreEqual(t *testing.T) {
	events := []event{at("10T10:00", "SeenCall"), at("10T10:00", "BadCall"), at("10T10:00", "OddCall"), at("11T10:00", "WorseCall")}
	var texts []string
	for i := range 2 {
		r := run(t, quiet(events...), func(o *report.Options) {
			o.Packs = []pack.Selection{{Pack: "acme"}, {Pack: "other"}}
			o.Sample = report.SampleOptions{Size: 2, Seed: 7}
			o.Run.ID = fmt.Sprint(i)
			o.Now = func() time.Time { return utc("2026-11-21T18:00:00").Add(time.Duration(i) * time.Hour) }
		})
		r.Run = report.Header{}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if texts[0] != texts[1] {
		t.Errorf("%s\n%s", texts[0], texts[1])
	}
}

// TestPasses: packs share a scan unless they want different values of a parameter.
func TestPasses(t *testing.T) {
	for _, test := range []struct {
		name   string
		packs  []pack.Selection
		params map[string]any
		want   int
	}{
		{"no pack sets anything", []pack.Selection{{Pack: "acme"}, {Pack: "archive"}}, nil, 1},
		{"one does", []pack.Selection{{Pack: "acme"}, {Pack: "other"}, {Pack: "archive"}}, nil, 2},
		{"the run sets the same", []pack.Selection{{Pack: "acme"}, {Pack: "other"}}, map[string]any{"least": 4}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := quiet()
			run(t, f, func(o *report.Options) { o.Packs, o.Params = test.packs, test.params })
			scans := 0
			for _, sql := range f.asked {
				if strings.Contains(sql, "AS details") {
					scans++
				}
			}
			if scans != test.want {
				t.Errorf("%d scans, want %d", scans, test.want)
			}
		})
	}
}

// ownPacks have values of their own for parameters, and rules that others have as well.
var ownPacks = fstest.MapFS{
	"rules.yaml": {Data: []byte(`
params:
  least: {type: integer, default: 3, doc: A number.}
  learnt: {type: list, default: [], doc: Things., infer: SELECT learnt}
  wanted: {type: list, default: [], doc: Things.}
  own_accounts: {type: list, default: [], doc: Accounts.}
  regulated: {type: list, default: [], doc: Resources.}
  retention_days: {type: integer, default: 365, doc: Days.}
rules:
  - {id: SEEN, title: Seen, severity: info, kind: evidence, events: [{names: SeenCall}]}
  - {id: MANY, title: Many, severity: high, kind: exception, bursts: [{of: SEEN, by: [account_id, actor], within: 10m, at_least: $least}]}
  - {id: LEARNT, title: Learnt, severity: high, kind: exception, events: [{names: LearntCall}], where: "listed(rp(a), $learnt) OR listed(rp(b), $own_accounts)"}
  - {id: NEEDY, title: Needy, severity: high, kind: exception, needs: wanted, events: [{names: NeedyCall}]}
  - {id: DATA-READ, title: Read, kind: evidence, events: [{source: s3, names: GetObject}], where: touches($regulated)}
  - {id: DATA-COVERAGE, title: Data events, severity: medium, kind: coverage}
  - {id: RETENTION, title: Retention, severity: high, kind: coverage}
`)},
	"plain.yaml": {Data: []byte(ownPack("plain", "{}"))},
	"same.yaml":  {Data: []byte(ownPack("same", "{least: 3}"))},
	"lax.yaml":   {Data: []byte(ownPack("lax", "{least: 100}"))},
	"own.yaml":   {Data: []byte(ownPack("own", "{learnt: [mine], wanted: [x], regulated: [cards], retention_days: 5, own_accounts: ['333333333333']}"))},
}

func ownPack(id, params string) string {
	return "pack:\n  id: " + id + "\n  title: " + id + "\n  params: " + params + `
  controls:
    - {id: many, title: Many, kind: exception, severity: high, rules: MANY}
    - {id: learnt, title: Learnt, kind: exception, severity: high, rules: LEARNT}
    - {id: needy, title: Needy, kind: exception, severity: high, rules: NEEDY}
    - {id: data, title: Data, kind: coverage, severity: high, rules: DATA-COVERAGE}
    - {id: retention, title: Retention, kind: coverage, severity: high, rules: RETENTION}
`
}

// TestParametersOfPacks: what a pack sets holds for it and for no other pack, whichever
// run together and in whatever order; what is given for the run comes first.
func TestParametersOfPacks(t *testing.T) {
	l, err := pack.Load(ownPacks)
	if err != nil {
		t.Fatal(err)
	}
	plain := map[string]report.State{"many": report.Fail, "needy": report.NotAssessed, "data": report.NotAssessed, "retention": report.Fail}
	lax := map[string]report.State{"many": report.Pass, "needy": report.NotAssessed, "data": report.NotAssessed, "retention": report.Fail}
	own := map[string]report.State{"many": report.Fail, "needy": report.Pass, "data": report.Pass, "retention": report.Pass}
	for _, test := range []struct {
		packs  string
		params map[string]any
		want   map[string]map[string]report.State
	}{
		{"plain", nil, map[string]map[string]report.State{"plain": plain}},
		{"lax", nil, map[string]map[string]report.State{"lax": lax}},
		{"own", nil, map[string]map[string]report.State{"own": own}},
		{"plain lax own", nil, map[string]map[string]report.State{"plain": plain, "lax": lax, "own": own}},
		{"own lax same plain", nil, map[string]map[string]report.State{"plain": plain, "same": plain, "lax": lax, "own": own}},
		{"lax own", map[string]any{"least": 3, "retention_days": 1000, "regulated": []string{"nothing"}}, map[string]map[string]report.State{
			"lax": {"many": report.Fail, "needy": report.NotAssessed, "data": report.Review, "retention": report.Fail},
			"own": {"many": report.Fail, "needy": report.Pass, "data": report.Review, "retention": report.Fail},
		}},
	} {
		t.Run(fmt.Sprint(test.packs, test.params), func(t *testing.T) {
			f := quiet(at("10T10:00", "SeenCall"), at("10T10:01", "SeenCall"), at("10T10:02", "SeenCall"),
				event{at: utc("2026-08-10T10:00:00"), account: accountA, region: "us-east-1", resource: "cards"})
			r := run(t, f, func(o *report.Options) {
				o.Packs, o.Library, f.lib, o.Params = nil, l, l, test.params
				o.Scope.Accounts = []string{accountA}
				for _, id := range strings.Fields(test.packs) {
					o.Packs = append(o.Packs, pack.Selection{Pack: id})
				}
			})
			for id, states := range test.want {
				for name, want := range states {
					if c := control(t, r, id+"/"+name); c.State != want {
						t.Errorf("%s/%s is %s (%s), want %s", id, name, c.State, c.Reason, want)
					}
				}
			}
			asked := 0
			for _, sql := range f.asked {
				if sql == "SELECT learnt" {
					asked++
				}
			}
			if asked != 1 {
				t.Errorf("the archive was asked %d times for the same", asked)
			}
			// What the archive says is added to the pack's list, and to the default of others.
			for _, s := range r.Statements {
				if s.Name != "rules" {
					continue
				}
				values := fmt.Sprint(s.Params)
				isOwn := strings.Contains(values, "mine")
				if !strings.Contains(values, "found") || isOwn != strings.Contains(values, "333333333333") || isOwn && !strings.Contains(test.packs, "own") {
					t.Errorf("the rules have the values %s", values)
				}
			}
		})
	}
}

func TestFailures(t *testing.T) {
	limit := fmt.Errorf("memory: %w", engine.ErrLimit)
	for _, test := range []struct {
		name  string
		fails map[string]error
		want  error
	}{
		{"coverage cannot be read", map[string]error{"eventtimestamp IS NOT NULL": errQuery}, errQuery},
		{"a limit ends the rules", map[string]error{"AS details": limit}, engine.ErrLimit},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := quiet()
			f.fails = test.fails
			r, err := tryRun(t, f, nil)
			if !errors.Is(err, test.want) || r != nil {
				t.Errorf("report %v, error %v", r != nil, err)
			}
		})
	}
	t.Run("all rules fail", func(t *testing.T) {
		f := quiet()
		f.fails = map[string]error{"AS details": errQuery}
		r := run(t, f, nil)
		if got := r.Errors(); len(got) != 4 {
			t.Errorf("errors in %v", got)
		}
		if c := control(t, r, "acme/exception"); !strings.Contains(c.Reason, errQuery.Error()) || c.Rules[0].Error == "" {
			t.Errorf("reason %q", c.Reason)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		f := quiet()
		f.lib = library(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		f.fails = map[string]error{"AS details": context.Canceled}
		_, err := report.Run(ctx, report.Options{Library: f.lib, Query: f.query, Packs: []pack.Selection{{Pack: "acme"}}, Period: period(t, "2026-08-10", "")})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("error %v", err)
		}
	})
}

func TestInvalidOptions(t *testing.T) {
	for name, change := range map[string]func(*report.Options){
		"no pack":           func(o *report.Options) { o.Packs = nil },
		"unknown pack":      func(o *report.Options) { o.Packs = []pack.Selection{{Pack: "acne"}} },
		"unknown version":   func(o *report.Options) { o.Packs = []pack.Selection{{Pack: "acme", Version: "3"}} },
		"a pack twice":      func(o *report.Options) { o.Packs = []pack.Selection{{Pack: "acme"}, {Pack: "acme", Version: "1"}} },
		"no such zone":      func(o *report.Options) { o.Period.Zone = "Nowhere" },
		"no period":         func(o *report.Options) { o.Period = report.Period{} },
		"no account":        func(o *report.Options) { o.Scope.Accounts = []string{"1"} },
		"no region":         func(o *report.Options) { o.Scope.Regions = []string{"everywhere"} },
		"unknown parameter": func(o *report.Options) { o.Params = map[string]any{"want": []string{"x"}} },
		"wrong parameter":   func(o *report.Options) { o.Params = map[string]any{"least": "many"} },
		"wrong declaration": func(o *report.Options) { o.Scope.Declared = map[string][]string{"least": {"many"}} },
		"no input":          func(o *report.Options) { o.Packs = []pack.Selection{{Pack: "about"}} },
		"negative findings": func(o *report.Options) { o.MaxFindings = -1 },
	} {
		t.Run(name, func(t *testing.T) {
			f := quiet()
			if r, err := tryRun(t, f, change); !errors.Is(err, report.ErrInvalid) || r != nil || len(f.asked) > 0 {
				t.Errorf("error %v, %d statements", err, len(f.asked))
			}
		})
	}
}

func TestScopeOfPack(t *testing.T) {
	about := at("10T10:00", "SeenCall")
	about.calls = []string{"NeedyCall"}
	r := run(t, quiet(about, at("10T11:00", "SeenCall")), func(o *report.Options) {
		o.Packs = []pack.Selection{{Pack: "about"}}
		o.Scope.Declared = map[string][]string{"wanted": {"x"}}
	})
	if c := control(t, r, "about/1"); c.Count != 1 || c.Findings[0].Value("event_id") != about.id {
		t.Errorf("%d findings", c.Count)
	}
}

// TestBurstsInScopeOfPack: a burst is in scope if one of its events is, named or not.
func TestBurstsInScopeOfPack(t *testing.T) {
	for _, test := range []struct {
		name string
		of   int // which event is in scope; -1 for none
		want report.State
	}{{"none", -1, report.Pass}, {"the first", 0, report.Fail}, {"the last", 1099, report.Fail}} {
		t.Run(test.name, func(t *testing.T) {
			var events []event
			for i := range 1100 {
				e := at("10T10:00", "SeenCall")
				e.at, e.id = e.at.Add(time.Duration(i)*time.Millisecond), fmt.Sprint("event", i)
				if i == test.of {
					e.calls = []string{"NeedyCall"}
				}
				events = append(events, e)
			}
			r := run(t, quiet(events...), func(o *report.Options) {
				o.Packs = []pack.Selection{{Pack: "about"}}
				o.Scope.Declared = map[string][]string{"wanted": {"x"}}
			})
			if c := control(t, r, "about/2"); c.State != test.want {
				t.Errorf("%s (%s), want %s", c.State, c.Reason, test.want)
			}
		})
	}
}

// TestScopeThatFails: a pack whose scope could not be looked for says nothing, and no PASS.
func TestScopeThatFails(t *testing.T) {
	f := quiet(at("10T10:00", "BadCall"))
	f.fails = map[string]error{"'NeedyCall'": errQuery}
	r := run(t, f, func(o *report.Options) {
		o.Packs = []pack.Selection{{Pack: "about"}}
		o.Scope.Declared = map[string][]string{"wanted": {"x"}}
	})
	for _, id := range []string{"about/1", "about/2"} {
		if c := control(t, r, id); c.State != report.Error || !strings.Contains(c.Reason, "NEEDY") {
			t.Errorf("%s: %s (%s), want ERROR for NEEDY", id, c.State, c.Reason)
		}
	}
}

func TestAlarms(t *testing.T) {
	r := run(t, quiet(at("10T10:00", "BadCall"), at("10T11:00", "OddCall")), nil)
	for severity, want := range map[pack.Severity]string{
		pack.Critical: "[]", pack.High: "[acme/mixed acme/exception]", pack.Low: "[acme/mixed acme/exception acme/odd]",
	} {
		if got := fmt.Sprint(r.Alarms(severity)); got != want {
			t.Errorf("%s: %s, want %s", severity, got, want)
		}
	}
}

func TestControlsThatAreNotApplicable(t *testing.T) {
	r := run(t, quiet(at("10T10:00", "BadCall")), func(o *report.Options) {
		o.NotApplicable = map[string]string{"acme/needy": "no needs", "odd": "none", "exception": "never happens", "other/1": "not run"}
	})
	for id, want := range map[string]report.State{"needy": report.NotApplicable, "odd": report.NotApplicable, "exception": report.Fail, "evidence": report.NoActivity} {
		if c := control(t, r, "acme/"+id); c.State != want {
			t.Errorf("%s is %s (%s), want %s", id, c.State, c.Reason, want)
		}
	}
	if c := control(t, r, "acme/exception"); !strings.Contains(c.Reason, "never happens") {
		t.Errorf("reason %q", c.Reason)
	}
}

func TestOpenPeriodIsNeverPass(t *testing.T) {
	f := quiet()
	r := run(t, f, func(o *report.Options) { o.Period.Open = true })
	if c := control(t, r, "acme/exception"); c.State != report.NotAssessed || r.Coverage.Complete || len(r.Notes) != 1 {
		t.Errorf("%s, %q", c.State, r.Notes)
	}
}

func TestSampleIsRandomButRepeatable(t *testing.T) {
	var events []event
	for i := range 50 {
		e := at("10T10:00", "BadCall")
		e.id = fmt.Sprintf("id-%02d", i)
		events = append(events, e)
	}
	sample := func(size int, seed int64, events []event) *report.Sample {
		r := run(t, quiet(events...), func(o *report.Options) { o.Sample = report.SampleOptions{Size: size, Seed: seed}; o.MaxFindings = 5 })
		return control(t, r, "acme/exception").Sample
	}
	first := sample(10, 1, events)
	backwards := slices.Clone(events)
	slices.Reverse(backwards)
	if again := sample(10, 1, backwards); fmt.Sprint(first) != fmt.Sprint(again) || first.Population != 50 || len(first.EventIDs) != 10 {
		t.Errorf("%v, then %v", first, again)
	}
	if other := sample(10, 2, events); fmt.Sprint(first.EventIDs) == fmt.Sprint(other.EventIDs) {
		t.Error("the seed does not matter")
	}
	if fewer := sample(3, 1, events); fmt.Sprint(fewer.EventIDs) != fmt.Sprint(first.EventIDs[:3]) {
		t.Errorf("a smaller sample is no part of a greater one: %v, %v", fewer.EventIDs, first.EventIDs)
	}
	if all := sample(100, 1, events); len(all.EventIDs) != 50 {
		t.Errorf("%d of 50", len(all.EventIDs))
	}
	if sample(0, 1, events) != nil {
		t.Error("a sample that nobody asked for")
	}
}

// TestGroupsOfNUL: a value of a log may have any character.
func TestGroupsOfNUL(t *testing.T) {
	of := func(actor, ip string) event {
		e := at("10T10:00", "SeenCall")
		e.actor, e.ip = actor, ip
		return e
	}
	c := control(t, run(t, quiet(of("a\x00b", "x"), of("a", "\x00x"), of("a", "\x00x")), nil), "acme/evidence")
	want := [][]report.GroupRow{
		{{Values: []string{"a"}, Count: 2}, {Values: []string{"a\x00b"}, Count: 1}},
		{{Values: []string{"SeenCall", "\x00x"}, Count: 2}, {Values: []string{"SeenCall", "x"}, Count: 1}},
	}
	for i, g := range c.Groups[1:] {
		if !reflect.DeepEqual(g.Rows, want[i]) {
			t.Errorf("groups by %v: %+v, want %+v", g.Columns, g.Rows, want[i])
		}
	}
}

func TestBaseline(t *testing.T) {
	recurs := at("10T10:00", "BadCall")
	gone := at("10T11:00", "BadCall")
	gone.actor = "arn:aws:iam::111111111111:user/gone"
	before := run(t, quiet(recurs, gone), nil)
	recursLater := at("11T10:00", "BadCall")
	fresh := at("11T11:00", "BadCall")
	fresh.resource = "new"
	r := run(t, quiet(recursLater, fresh), func(o *report.Options) { o.Baseline = before })
	c := control(t, r, "acme/exception")
	if fmt.Sprint(*c.Difference) != "{1 1 1 2 false}" || c.Findings[0].Status != "recurring" || c.Findings[1].Status != "new" {
		t.Errorf("difference %v, findings %v", *c.Difference, c.Findings)
	}
	if len(r.Baseline.Resolved) != 2 || r.Baseline.Resolved[1].Actor != gone.actor || r.Baseline.Resolved[1].Control != "exception" {
		t.Errorf("resolved %v", r.Baseline.Resolved)
	}
	f := quiet(recursLater)
	f.events = without(f.events, "2026-08-12T00:00:00", "2026-08-13T00:00:00", "")
	for _, d := range report.Diff(before, run(t, f, nil)) {
		if len(d.Resolved) > 0 {
			t.Errorf("resolved in an archive with gaps: %+v", d)
		}
	}
	for _, d := range report.Diff(before, r) {
		if d.Control == "exception" && (len(d.New) != 1 || len(d.Recurring) != 1 || len(d.Resolved) != 1 || d.CountBefore != 2) {
			t.Errorf("%+v", d)
		}
	}
	t.Run("what is not covered is not resolved", func(t *testing.T) {
		f := quiet()
		f.events = f.events[:10*24]
		r := run(t, f, func(o *report.Options) { o.Baseline = before })
		if c := control(t, r, "acme/exception"); c.State != report.NotAssessed || len(r.Baseline.Resolved) > 0 {
			t.Errorf("%s, resolved %v", c.State, r.Baseline.Resolved)
		}
	})
}

// TestResolved: what the later report could not see is not gone.
func TestResolved(t *testing.T) {
	needy := at("10T10:00", "NeedyCall")
	ofB := at("10T11:00", "BadCall")
	ofB.account = accountB
	west := at("10T12:00", "BadCall")
	west.region = "us-west-2"
	archive := func(more ...event) *fakeArchive {
		f := quiet(more...)
		f.events = append(f.events, everyHour("2026-08-01", "2026-08-20", accountB, "us-east-1", 1)...)
		f.events = append(f.events, everyHour("2026-08-01", "2026-08-20", accountA, "us-west-2", 1)...)
		return f
	}
	wanted := map[string][]string{"wanted": {"x"}}
	only := []pack.Selection{{Pack: "pair"}}
	onlyA := report.Scope{Accounts: []string{accountA}, Declared: wanted}
	tests := []struct {
		name          string
		before, after report.Scope
		packs         []pack.Selection // later
		more          []event          // there in both
		want          []string
	}{
		{name: "all of them", before: report.Scope{Declared: wanted}, after: report.Scope{Declared: wanted}, want: []string{"BAD 222222222222 us-east-1", "BAD 111111111111 us-west-2", "NEEDY 111111111111 us-east-1"}},
		{name: "a rule that lacks a parameter", before: report.Scope{Declared: wanted}, more: []event{at("11T10:00", "BadCall")}, want: []string{"BAD 222222222222 us-east-1", "BAD 111111111111 us-west-2"}},
		{name: "another account", before: report.Scope{Declared: wanted}, after: onlyA, want: []string{"BAD 111111111111 us-west-2", "NEEDY 111111111111 us-east-1"}},
		{name: "the same accounts", before: onlyA, after: onlyA, want: []string{"BAD 111111111111 us-west-2", "NEEDY 111111111111 us-east-1"}},
		{name: "another region", before: report.Scope{Declared: wanted}, after: report.Scope{Regions: []string{"us-east-1"}, Declared: wanted}, want: []string{"BAD 222222222222 us-east-1", "NEEDY 111111111111 us-east-1"}},
		{name: "another pack", before: report.Scope{Declared: wanted}, after: report.Scope{Declared: wanted}, packs: []pack.Selection{{Pack: "acme"}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := run(t, archive(append(test.more, needy, ofB, west)...), func(o *report.Options) { o.Packs, o.Scope = only, test.before })
			after := run(t, archive(test.more...), func(o *report.Options) {
				o.Packs, o.Scope, o.Baseline = only, test.after, before
				if test.packs != nil {
					o.Packs = test.packs
				}
			})
			var diff []report.BaselineFinding
			for _, d := range report.Diff(before, after) {
				diff = append(diff, d.Resolved...)
			}
			for name, list := range map[string][]report.BaselineFinding{"baseline": after.Baseline.Resolved, "diff": diff} {
				var got []string
				for _, f := range list {
					got = append(got, f.Rule+" "+f.Account+" "+f.Region)
				}
				slices.Sort(got)
				want := slices.Sorted(slices.Values(test.want))
				if !slices.Equal(got, want) {
					t.Errorf("%s: resolved %q, want %q", name, got, want)
				}
			}
		})
	}
}

// TestResolvedWithoutAPlace: a finding without an account is within a scope if all is
// that the earlier report was about.
func TestResolvedWithoutAPlace(t *testing.T) {
	of := func(accounts ...string) *report.Report {
		return &report.Report{Scope: report.Scope{Accounts: accounts}, Coverage: report.Coverage{Complete: true}, Packs: []report.Pack{{ID: "p", Controls: []report.Control{
			{ID: "c", State: report.Pass, Rules: []report.RuleUse{{ID: "GAP"}}}}}}}
	}
	tests := []struct {
		name          string
		before, after []string
		want          int
	}{
		{"all accounts", nil, nil, 1},
		{"all accounts, then one", nil, []string{accountA}, 0},
		{"one account, then all", []string{accountA}, nil, 1},
		{"the same account", []string{accountA}, []string{accountA}, 1},
		{"one of two", []string{accountA, accountB}, []string{accountA}, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := of(test.before...)
			before.Packs[0].Controls[0].Findings = []report.Finding{{ID: "1", Rule: "GAP"}}
			if got := report.Diff(before, of(test.after...)); len(got[0].Resolved) != test.want {
				t.Errorf("%d resolved, want %d", len(got[0].Resolved), test.want)
			}
		})
	}
}

func TestDispositions(t *testing.T) {
	f := quiet(at("10T10:00", "BadCall"))
	before := run(t, f, nil)
	id := control(t, before, "acme/exception").Findings[0].ID
	with := func(list ...report.Disposition) *report.Report {
		return run(t, quiet(at("10T10:00", "BadCall")), func(o *report.Options) {
			o.Packs = append(o.Packs, pack.Selection{Pack: "archive"})
			o.Baseline, o.Dispositions = before, list
		})
	}
	r := with()
	if c := control(t, r, "archive/dispositions"); c.State != report.Fail || c.Count != 1 || c.Findings[0].Columns["finding"] != id {
		t.Errorf("%s (%s), %v", c.State, c.Reason, c.Findings)
	}
	r = with(report.Disposition{Finding: id, By: "ann"}, report.Disposition{Finding: id, By: "bob"})
	if c := control(t, r, "archive/dispositions"); c.State != report.Pass {
		t.Errorf("%s (%s)", c.State, c.Reason)
	}
	before = run(t, quiet(), nil)
	if c := control(t, with(), "archive/dispositions"); c.State != report.NotAssessed {
		t.Errorf("nothing to acknowledge: %s (%s)", c.State, c.Reason)
	}
	if d := control(t, r, "acme/exception").Findings[0].Disposition; d == nil || d.By != "bob" {
		t.Errorf("disposition %v", d)
	}
}

func TestRulesOverTheArchive(t *testing.T) {
	nobody := at("10T10:00", "QuietCall")
	nobody.nobody = true
	day := func(d int) time.Time { return time.Date(2026, 8, d, 0, 0, 0, 0, time.UTC) }
	past := func(from, to, started int, finished bool) report.PastRun {
		return report.PastRun{From: day(from), To: day(to), Started: day(started), Packs: []string{"archive"}, Scheduled: true, Finished: finished}
	}
	byHand := func(r report.PastRun) report.PastRun { r.Scheduled = false; return r }
	tests := []struct {
		name, control string
		archive       *fakeArchive
		runs          []report.PastRun
		want          report.State
		findings      int64
	}{
		{"content", "content", quiet(), nil, report.Pass, 0},
		{"a record without a user", "content", quiet(nobody), nil, report.Fail, 1},
		{"no log file", "lag", quiet(), nil, report.NotAssessed, 0},
		{"a log file in time", "lag", &fakeArchive{events: quiet().events, objects: []report.LogObject{
			{First: utc("2026-08-10T10:00:00"), Last: utc("2026-08-10T10:04:00"), Delivered: utc("2026-08-10T10:10:00")}}}, nil, report.Pass, 0},
		{"a log file that came late", "lag", &fakeArchive{events: quiet().events, objects: []report.LogObject{
			{First: utc("2026-08-10T10:00:00"), Last: utc("2026-08-10T10:04:00"), Delivered: utc("2026-08-10T11:10:00")}}}, nil, report.Review, 1},
		{"a young archive", "retention", quiet(), nil, report.Fail, 1},
		{"an archive of more than a year", "retention", &fakeArchive{events: everyHour("2025-08-01", "2026-08-20", accountA, "us-east-1", 1)}, nil, report.Pass, 0},
		{"data events of what is declared", "data", &fakeArchive{events: append(quiet().events, event{at: utc("2026-08-10T10:00:00"), resource: "cards"}, event{at: utc("2026-08-10T10:00:00"), resource: "health%"})},
			nil, report.Pass, 0},
		{"a declared resource without data events", "data", &fakeArchive{events: append(quiet().events, event{at: utc("2026-08-10T10:00:00"), resource: "cards"}, event{at: utc("2026-08-13T00:00:00"), resource: "health%"})},
			nil, report.Review, 1},
		{"no ledger", "runs", quiet(), nil, report.NotAssessed, 0},
		{"no runs", "runs", quiet(), []report.PastRun{}, report.NotAssessed, 0},
		{"runs over other periods", "runs", quiet(), []report.PastRun{past(9, 10, 10, true), past(13, 14, 14, true)}, report.NotAssessed, 0},
		{"a run for each day", "runs", quiet(), []report.PastRun{past(10, 11, 11, true), past(11, 12, 12, true), past(12, 13, 14, true)}, report.Pass, 0},
		{"this run is none", "runs", &fakeArchive{events: everyHour("2026-11-01", "2026-11-21", accountA, "us-east-1", 1)}, []report.PastRun{}, report.NotAssessed, 0},
		{"runs of another pack", "runs", quiet(), []report.PastRun{{From: day(10), To: day(13), Started: day(13), Packs: []string{"other"}, Finished: true}}, report.NotAssessed, 0},
		{"runs of one account", "runs", quiet(), []report.PastRun{{From: day(10), To: day(13), Started: day(11), Packs: []string{"archive"}, Accounts: []string{accountB}, Finished: true}}, report.NotAssessed, 0},
		{"runs by hand, late", "runs", quiet(), []report.PastRun{byHand(past(10, 13, 20, true))}, report.NotAssessed, 0},
		{"runs by hand, in time", "runs", quiet(), []report.PastRun{byHand(past(10, 13, 13, true))}, report.NotAssessed, 0},
		{"a run by hand for one that failed", "runs", quiet(), []report.PastRun{past(10, 11, 11, true), past(11, 12, 12, false), byHand(past(11, 12, 13, true)), past(12, 13, 14, true)}, report.Pass, 0},
		{"one that failed", "runs", quiet(), []report.PastRun{past(10, 11, 11, true), past(11, 12, 12, false), past(12, 13, 14, true)}, report.Fail, 1},
		{"one that came late", "runs", quiet(), []report.PastRun{past(10, 11, 14, true), past(11, 13, 14, true)}, report.Fail, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := run(t, test.archive, func(o *report.Options) {
				o.Packs, o.Runs = []pack.Selection{{Pack: "archive"}}, test.runs
				o.Params = map[string]any{"regulated": []string{"cards", "health%"}}
				if test.archive.events[0].at.Month() == time.November {
					o.Period = period(t, "2026-11-20", "")
				}
			})
			if c := control(t, r, "archive/"+test.control); c.State != test.want || c.Count != test.findings {
				t.Errorf("%s with %d findings (%s)", c.State, c.Count, c.Reason)
			}
		})
	}
}

// TestLedgerHash: what a report takes from the ledger is an input of it.
func TestLedgerHash(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 8, d, 0, 0, 0, 0, time.UTC) }
	hash := func(packID string, runs ...report.PastRun) string {
		o := report.Options{Library: library(t), Packs: []pack.Selection{{Pack: packID}}, Period: period(t, "2026-08-10/2026-08-13", ""), Runs: runs}
		return o.LedgerHash()
	}
	daily := report.PastRun{ID: "a", From: day(10), To: day(11), Started: day(11), Packs: []string{"archive", "acme"}, Scheduled: true, Finished: true}
	late := report.PastRun{ID: "b", From: day(10), To: day(13), Started: day(20), Packs: []string{"archive"}, Finished: true}
	inTime := late
	inTime.Started = day(12)
	one := hash("archive", daily)
	if one == "" || hash("archive", daily, late) != one || hash("archive", daily, inTime) == one {
		t.Error("the hash is of the runs that count")
	}
	if hash("archive", late) != "" || hash("archive", inTime) != "" || hash("acme", daily) != "" {
		t.Error("nothing is taken without a scheduled run, or without the rule")
	}
}

func TestPackHash(t *testing.T) {
	hash := func(text string) string {
		l, err := pack.Load(fstest.MapFS{"acme.yaml": {Data: []byte(text)}})
		if err != nil {
			t.Fatal(err)
		}
		f := quiet()
		f.lib = l
		r, err := report.Run(t.Context(), report.Options{Library: l, Query: f.query, Packs: []pack.Selection{{Pack: "acme"}}, Period: period(t, "2026-08-10", "")})
		if err != nil {
			t.Fatal(err)
		}
		return r.Packs[0].Hash
	}
	first := hash(testPacks)
	if first != hash("# a comment\n"+testPacks) {
		t.Error("where things stand in the file should not matter")
	}
	for _, change := range []struct{ from, to string }{
		{"OddCall", "OtherCall"}, {"within: 10m", "within: 20m"}, {"default: 3", "default: 4"}, {"title: Mixed", "title: Both"}, {"rules: [SEEN, BAD]", "rules: [SEEN, WORSE]"},
	} {
		if hash(strings.Replace(testPacks, change.from, change.to, 1)) == first {
			t.Errorf("%s instead of %s does not matter", change.to, change.from)
		}
	}
}
