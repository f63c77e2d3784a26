package pack

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/trailql/trailql/engine/dialect"
)

// athena translates as the local engine would, without a warehouse.
func athena(sql string) error {
	_, err := dialect.Translate(sql, dialect.Options{})
	return err
}

func builtInLibrary(t testing.TB) *Library {
	t.Helper()
	l, err := Load(BuiltIn())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestBuiltInIsValid(t *testing.T) {
	if err := builtInLibrary(t).Validate(athena); err != nil {
		t.Error(err)
	}
}

const brokenPack = `rules:
  - id: A
    title: a
    severity: grave
    kind: exception
    where: |
      eventname = 'x'
      AND evntsource = 'y'
  - id: B
    title: b
    severity: low
    kind: exception
    wher: true
    where: frobnicate(eventname) = 'x'
  - id: B
    title: b again
    where: OK
  - {id: C, title: c, where: "eventname = $nothing", columns: [nowhere]}
  - {id: D, title: d}
pack:
  id: mine
  title: mine
  params: {denied_calls: many}
  controls:
    - {id: "1", title: one, rules: [A, GONE]}
    - {id: "1", title: two, rules: A}
`

func TestProblemsHavePlaces(t *testing.T) {
	l, err := Load(BuiltIn(), fstest.MapFS{"mine.yaml": {Data: []byte(brokenPack)}})
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatalf("error %v", err)
	}
	var found []string
	for _, p := range problems {
		found = append(found, p.String())
	}
	errors.As(l.Validate(athena), &problems)
	for _, p := range problems {
		found = append(found, p.String())
	}
	for _, want := range []string{
		`mine.yaml:4:15: "grave" is no severity`,
		`mine.yaml:8:11: column "evntsource" does not exist`,
		`mine.yaml:13:5: unknown key "wher"`,
		`mine.yaml:14:12: there is no function or short name "frobnicate"`,
		`mine.yaml:15:9: rule "B" is defined at mine.yaml:9:9 already`,
		`mine.yaml:18:43: there is no parameter "nothing"`,
		`mine.yaml:18:64: there is no column "nowhere"`,
		`mine.yaml:19:10: rule D takes nothing`,
		`mine.yaml:23:26: parameter denied_calls: many is no whole number`,
		`mine.yaml:25:40: there is no rule "GONE"`,
		`mine.yaml:26:12: control "1" stands twice`,
	} {
		if !slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, want) }) {
			t.Errorf("missing: %s", want)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(found, "\n"))
	}
}

func TestConditionsThatAreNone(t *testing.T) {
	for _, test := range []struct{ where, problem string }{
		{`eventname`, "this is a value"},
		{`'text'`, "this is a value"},
		{`rp(userName)`, "this is a value"},
		{`ACTOR`, "this is a value"},
		{`cardinality(resources)`, "this is a value"},
		{`lower(eventname) || 'x'`, "this is a value"},
		{`CASE WHEN OK THEN 'yes' ELSE 'no' END`, "this is a value"},
		{`(OK)`, ""},
		{`regexp_like(useragent, 'a(b')`, "error parsing regexp"},
		{`OK AND regexp_extract(replace(useragent, ',', '('), '[a-', 0) = 'x'`, "error parsing regexp"},
		{`regexp_like(useragent, 'a\\b''(b)')`, ""},
		{`CASE WHEN OK THEN true ELSE ev(Get*) END`, ""},
		{`any_match(resources, r -> r.arn = 'x')`, ""},
		{`coalesce(any_match(resources, r -> r.arn = 'x'), false)`, ""},
		{`number(rp(a)) > 3`, ""},
		{`NOT listed(ACTOR, $pipeline)`, ""},
		{`true`, ""},
	} {
		l, err := Load(BuiltIn(), fstest.MapFS{"mine.yaml": {Data: []byte("rules:\n  - id: MINE\n    title: t\n    where: |\n      " + strings.ReplaceAll(test.where, `\\`, `\`) + "\n")}})
		if err != nil {
			t.Fatal(err)
		}
		switch err := l.Validate(athena); {
		case test.problem == "" && err != nil:
			t.Errorf("%s: %v", test.where, err)
		case test.problem != "" && (err == nil || !strings.Contains(err.Error(), "mine.yaml:5:") || !strings.Contains(err.Error(), test.problem)):
			t.Errorf("%s: error %v instead of %s", test.where, err, test.problem)
		}
	}
}

func TestControlIDsFollowTheVersion(t *testing.T) {
	p := builtInLibrary(t).Pack("cis-aws-foundations")
	for _, test := range []struct {
		version, first, last string
		n                    int
	}{{"v1.2", "3.1", "3.14", 14}, {"v1.3", "4.1", "4.15", 15}, {"v1.5", "4.1", "4.16", 16}, {"v5.0", "4.1", "4.16", 16}, {"v6.0", "5.1", "5.16", 16}, {"", "5.1", "5.16", 16}} {
		controls := p.At(test.version)
		if len(controls) != test.n || controls[0].ID.Value != test.first || controls[test.n-1].ID.Value != test.last {
			t.Errorf("%q: %d controls, %s to %s", test.version, len(controls), controls[0].ID, controls[len(controls)-1].ID)
		}
	}
	if p.At("v0.1") != nil {
		t.Error("there are controls of a version that does not exist")
	}
	for version, want := range map[string]string{"v4.0": "CIS-10", "v5.0": "CIS-10-V5"} {
		if got := p.At(version)[9].Rules[0].Value; got != want {
			t.Errorf("%s: rule %s", version, got)
		}
	}
}

// TestAttackIDs: both before and from the version that renamed them.
func TestAttackIDs(t *testing.T) {
	l := builtInLibrary(t)
	before, from := l.AttackIDs(l.Rule("TRAIL-OFF"))
	if before[0] != "T1562.008" || from[0] != "T1685.002" || l.AttackVersion() != 19 {
		t.Errorf("%v, %v, version %d", before, from, l.AttackVersion())
	}
}

func TestExpand(t *testing.T) {
	values := map[string]any{"n": int64(3), "list": []string{"a*", "*b*", "c", "d*e"}, "none": []string(nil), OwnAccounts: []string(nil)}
	for text, want := range map[string]string{
		`errorcode = 'OK $n rp(x)'`:               `coalesce(errorcode, '') = 'OK $n rp(x)'`,
		`errorcode IS NULL`:                       `errorcode IS NULL`,
		`rp(a.b-c[0]) IS NOT NULL`:                `json_extract_scalar(requestparameters, '$.a["b-c"][0]') IS NOT NULL`,
		`eventname NOT IN ('x', 'y')`:             `NOT contains(ARRAY['x', 'y'], coalesce(eventname, ''))`,
		`src(iam) AND number(rp(n)) > $n`:         `(coalesce(eventsource, '') = 'iam.amazonaws.com') AND coalesce(TRY_CAST(coalesce(json_extract_scalar(requestparameters, '$.n'), '') AS bigint), -1) > ?`,
		`listed(useragent, $none)`:                `false`,
		`listed(region, $list)`:                   `(starts_with(coalesce(region, ''), ?) OR strpos(coalesce(region, ''), ?) > 0 OR coalesce(region, '') = ? OR coalesce(region, '') LIKE ? ESCAPE '\')`,
		`coalesce(rp(a), useridentity.type) = ''`: `coalesce(json_extract_scalar(requestparameters, '$.a'), useridentity.type) = ''`,
	} {
		e, err := newExpander(values).expand(text)
		if err != nil || e.sql != want {
			t.Errorf("%s\n got %s, %v\nwant %s", text, e.sql, err, want)
		}
	}
	for text, want := range map[string]string{`$gone = 1`: "no parameter", `eventname IN (SELECT 1)`: "SELECT", `rp(a..b) = ''`: "path", `(errorcode`: "not closed", `OK) OR (true`: "not opened", `eventname = 'x'; true`: "semicolon", ``: "missing", `x = $list`: "listed"} {
		if e, err := newExpander(values).expand(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %s", text, err, e.sql)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(brokenPack))
	f.Add([]byte("rules: [{id: A, title: a, where: 'grants_admin(rp(a)) OR listed(ACTOR, $none)'}]\nparams: {none: {type: list}}\n"))
	f.Add([]byte("a: &a [*a]\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		l, err := Load(fstest.MapFS{"f.yaml": {Data: content}})
		if err != nil {
			return
		}
		if err := l.Validate(athena); err != nil {
			return
		}
		o := PlanOptions{From: time.Unix(0, 0), To: time.Unix(1, 0)}
		for _, p := range l.Packs {
			o.Packs = append(o.Packs, Selection{Pack: p.ID.Value})
		}
		for _, r := range l.Rules {
			o.Rules = append(o.Rules, r.ID.Value)
		}
		p, err := l.Plan(o)
		if err == nil && p.Rows.SQL != "" {
			if err := athena(p.Rows.SQL); err != nil {
				t.Errorf("%s\n%v", p.Rows.SQL, err)
			}
		}
	})
}
