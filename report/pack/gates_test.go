//go:build cgo && duckdb_arrow

package pack_test

import (
	"slices"
	"testing"
	"testing/fstest"

	"github.com/trailql/trailql/report/pack"
)

func TestConjuncts(t *testing.T) {
	for _, test := range []struct {
		name, condition string
		want            []string
	}{
		{"one", "OK", []string{"!OK"}},
		{"several", "OK AND NOT  BY_SERVICE\n\tAND readonly = 'false'", []string{"!OK", "!NOT BY_SERVICE", "!readonly = 'false'"}},
		{"an OR for all", "OK AND ROOT OR DENIED", nil},
		{"an OR in brackets", "OK AND(ROOT OR DENIED)", []string{"!OK", "( ROOT OR DENIED )"}},
		{"an AND in CASE", "CASE WHEN ROOT AND OK THEN true ELSE DENIED OR OK END AND OK", []string{"CASE WHEN ROOT AND OK THEN true ELSE DENIED OR OK END", "!OK"}},
		{"an AND of BETWEEN", "sourceindex BETWEEN 1 AND 2", nil},
		{"an AND in a text", "useragent = 'a AND b' AND OK", []string{"!useragent = 'a AND b'", "!OK"}},
		{"a comment", "OK -- AND\nAND ROOT", []string{"!OK", "!ROOT"}},
		{"JSON", "requestparameters LIKE '%a%' AND OMITTED AND OK", []string{"requestparameters LIKE '%a%'", "OMITTED", "!OK"}},
		{"parameter", "ACTOR = $who AND OK", []string{"ACTOR = $who", "!OK"}},
		{"nothing", " ", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := pack.Conjuncts(test.condition); !slices.Equal(got, test.want) {
				t.Errorf("%q instead of %q", got, test.want)
			}
		})
	}
}

// TestGatesKeepWhatRulesTake: rules that share conditions take together what each
// takes by itself.
func TestGatesKeepWhatRulesTake(t *testing.T) {
	const rules = `rules:
  - {id: G1, title: t, where: OK AND readonly = 'false'}
  - {id: G2, title: t, where: "readonly = 'false' AND rp(a) = 'x' AND OK"}
  - {id: G3, title: t, where: "NOT OK AND readonly = 'false'"}
  - {id: G4, title: t, where: "(OK OR DENIED) AND readonly = 'false'"}
  - {id: G5, title: t, where: NOT OK, raise: [{to: high, where: DENIED}]}
  - {id: G6, title: t, events: [{source: s3}], where: NOT OK}
  - {id: G7, title: t, events: [{source: s3}], where: "OK AND rp(a) <> 'x'"}
  - {id: G8, title: t, where: "readonly = 'false' AND/* only this */rp(a) = 'x'"}
  - {id: G9, title: t, where: "/* only this */ readonly = 'false' and'x' = rp(a)"}
  - {id: G10, title: t, where: "OK AND -- only this\n NOT rp(a) = 'x' AND readonly = 'false'"}
`
	l, err := pack.Load(pack.BuiltIn(), fstest.MapFS{"mine.yaml": {Data: []byte(rules)}})
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	for _, service := range []string{"s3", "iam"} {
		for _, code := range []string{"", "AccessDenied", "Throttling"} {
			for _, readOnly := range []bool{false, true} {
				for _, value := range []string{"x", "y"} {
					record := caseRecord(t, len(list), ruleCase{record: request(service, "DoIt", `{"a":"`+value+`"}`)})
					record["readOnly"] = readOnly
					if code != "" {
						record["errorCode"] = code
					}
					list = append(list, record)
				}
			}
		}
	}
	query := records(t, list...)
	taken := func(ids ...string) map[string][]string {
		o := ever
		o.Rules = ids
		found := map[string][]string{}
		events, _ := run(t, l, query, o)
		for _, e := range events {
			for _, one := range e.Taken {
				id := one.Rule.ID.Value
				found[id] = append(found[id], e.Value("log_index")+" "+one.Severity.String())
			}
		}
		return found
	}
	ids := []string{"G1", "G2", "G3", "G4", "G5", "G6", "G7", "G8", "G9", "G10"}
	together := taken(ids...)
	for i, want := range []int{4, 2, 8, 8, 16, 8, 2, 6, 6, 2} {
		id := ids[i]
		if alone := taken(id)[id]; !slices.Equal(together[id], alone) || len(alone) != want {
			t.Errorf("%s takes %v with others, %v by itself", id, together[id], alone)
		}
	}
}
