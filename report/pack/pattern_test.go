package pack

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"unicode/utf8"
)

func TestPatterns(t *testing.T) {
	for pattern, want := range map[string]string{
		`{ $.eventName = ConsoleLogin }`:                                  `eventname = 'ConsoleLogin'`,
		`{($.eventName="A*")&&($.errorCode!="*x_y")}`:                     `(eventname LIKE 'A%' ESCAPE '\') AND (NOT errorcode LIKE '%x\_y' ESCAPE '\')`,
		`{ $.userIdentity.invokedBy NOT EXISTS || $.errorCode EXISTS }`:   `useridentity.invokedby IS NULL OR errorcode IS NOT NULL`,
		`{ $.additionalEventData.MFAUsed != "Yes" }`:                      `ad(MFAUsed) <> 'Yes'`,
		`{ $.requestParameters.a[0].b-c = "it's" && $.readOnly IS TRUE }`: `rp(a[0].b-c) = 'it''s' AND readonly = 'true'`,
		`{ $.requestParameters.fromPort <= 22 }`:                          `number(rp(fromPort)) <= 22`,
	} {
		got, err := wherePattern(pattern)
		if err != nil || got != want {
			t.Errorf("%s\n got %s, %v\nwant %s", pattern, got, err, want)
			continue
		}
		e, err := newExpander(nil).expand(got)
		if err == nil {
			err = athena("SELECT 1 FROM cloudtrail_logs WHERE " + e.sql)
		}
		if err != nil {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	for pattern, want := range map[string]string{
		``: "begins with {", `{ $.eventName = A`: "or } here", `{ ($.eventName = A }`: "or ) here", `{ eventName = A }`: "want a field",
		`{ $.eventNam = A }`: "no text", `{ $.resources = A }`: "no text", `{ $.eventName }`: "want =", `{ $.eventName = }`: "missing", `{ $.eventName = "A }`: "not closed",
		`{ $.eventName > A }`: "whole numbers", `{ $.eventName = A } x`: "behind", `{ ` + strings.Repeat("(", 100): "too deeply",
	} {
		if got, err := wherePattern(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %q, %v instead of %s", pattern, got, err, want)
		}
	}
}

func TestPatternProblemsHavePlaces(t *testing.T) {
	_, err := Load(fstest.MapFS{"mine.yaml": {Data: []byte("rules:\n  - id: A\n    title: a\n    pattern: '{ $.eventName ~ x }'\n")}})
	var problems Problems
	if !errors.As(err, &problems) || !slices.ContainsFunc(problems, func(p Problem) bool { return strings.HasPrefix(p.String(), "mine.yaml:4:29: want =") }) {
		t.Error(err)
	}
}

func FuzzPattern(f *testing.F) {
	for _, c := range builtInLibrary(f).Pack("cis-aws-foundations").At("") {
		f.Add(c.Pattern)
	}
	f.Fuzz(func(t *testing.T, pattern string) {
		where, err := wherePattern(pattern)
		if err != nil || !utf8.ValidString(pattern) {
			return
		}
		e, err := newExpander(nil).expand(where)
		if err != nil {
			return // a path that conditions cannot name
		}
		if err := athena("SELECT 1 FROM cloudtrail_logs WHERE (" + e.sql + ")"); err != nil {
			t.Errorf("%s\n%s\n%v", pattern, e.sql, err)
		}
	})
}
