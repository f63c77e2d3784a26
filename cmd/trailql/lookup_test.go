package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseAttribute(t *testing.T) {
	for _, c := range []struct {
		text string
		want attribute
		fail string
	}{
		{text: "EventName=ConsoleLogin", want: attribute{"EventName", "ConsoleLogin"}},
		{text: "username=a=b", want: attribute{"Username", "a=b"}},
		{text: "READONLY=True", want: attribute{"ReadOnly", "true"}},
		{text: "AttributeKey=EventName,AttributeValue=ConsoleLogin", want: attribute{"EventName", "ConsoleLogin"}},
		{text: "AttributeValue=a,AttributeKey=b,AttributeKey=Username", want: attribute{"Username", "a,AttributeKey=b"}},
		{text: "AttributeKey=ResourceName,AttributeValue='a,b'", want: attribute{"ResourceName", "a,b"}},
		{text: `AttributeKey="ResourceName",AttributeValue="a"`, want: attribute{"ResourceName", "a"}},
		{text: ` {"AttributeKey":"EventId","AttributeValue":"x"} `, want: attribute{"EventId", "x"}},
		{text: `[{"AttributeKey":"EventId","AttributeValue":"x"}]`, want: attribute{"EventId", "x"}},
		{text: `[{"AttributeKey":"EventId"}]`, fail: "no value"},
		{text: `[{"Key":"EventId"}]`, fail: "unknown field"},
		{text: `{"AttributeKey"`, fail: "lookup attributes"},
		{text: "AttributeKey=EventName", fail: "want AttributeKey=KEY"},
		{text: "AttributeValue=x", fail: "want AttributeKey=KEY"},
		{text: "ConsoleLogin", fail: "is no attribute"},
		{text: "=x", fail: "want one of"},
		{text: "ReadOnly=1", fail: "true or false"},
	} {
		t.Run(c.text, func(t *testing.T) {
			got, err := (&lookupFlags{attributes: []string{c.text}}).parseAttributes()
			if c.fail != "" {
				if err == nil || !strings.Contains(err.Error(), c.fail) {
					t.Fatalf("got %v, %v; want an error with %q", got, err, c.fail)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff([]attribute{c.want}, got, cmp.AllowUnexported(attribute{})); d != "" {
				t.Error(d)
			}
		})
	}
}

// What is looked for is never part of the SQL.
func FuzzLookupConditions(f *testing.F) {
	f.Add("EventName=x' OR 1=1 --", "eu-west-1")
	f.Add("AttributeKey=ResourceName,AttributeValue=a\"),.*", "'")
	f.Fuzz(func(t *testing.T, text, region string) {
		attributes, err := (&lookupFlags{attributes: []string{text}}).parseAttributes()
		if err != nil {
			return
		}
		plain := make([]attribute, len(attributes))
		for i, a := range attributes {
			plain[i] = attribute{a.key, "x"}
		}
		given := lookup{attributes: attributes, regions: []string{region}}
		harmless := lookup{attributes: plain, regions: []string{"x"}}
		for _, s := range []source{logsSource, lakeSource} {
			got, want := given.where(s), harmless.where(s)
			if got.sql() != want.sql() || len(got.params) != len(want.params) {
				t.Errorf("%q: %s\nwant %s", text, got.sql(), want.sql())
			}
		}
	})
}
