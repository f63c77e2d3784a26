//go:build cgo && duckdb_arrow

package pack_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/trailql/trailql/report/pack"
)

// TestConditionsAreTheBenchmarksPatterns: in every version each control's rules take
// the events that its filter pattern takes, but for two that their notes tell of: the
// first one's patterns are true of nearly every event in v1.3 to v3.0, and those on
// route tables take calls of API Gateway up to v2.0.
func TestConditionsAreTheBenchmarksPatterns(t *testing.T) {
	p := builtIn(t).Pack("cis-aws-foundations")
	ruleOf := map[string]string{} // by pattern
	var yaml strings.Builder
	yaml.WriteString("rules:\n")
	for _, v := range p.Versions {
		for _, c := range p.At(v.Value) {
			if c.Pattern != "" && ruleOf[c.Pattern] == "" {
				ruleOf[c.Pattern] = fmt.Sprint("PATTERN-", len(ruleOf))
				fmt.Fprintf(&yaml, "  - {id: %s, title: pattern, kind: evidence, severity: info, pattern: '%s'}\n", ruleOf[c.Pattern], strings.ReplaceAll(c.Pattern, "'", "''"))
			}
		}
	}
	if len(ruleOf) < 19 {
		t.Fatalf("%d patterns", len(ruleOf))
	}
	l, err := pack.Load(pack.BuiltIn(), fstest.MapFS{"patterns.yaml": {Data: []byte(yaml.String())}})
	if err != nil {
		t.Fatal(err)
	}
	o := ever
	o.Rules = slices.Collect(maps.Values(ruleOf))
	for _, v := range p.Versions {
		o.Packs = []pack.Selection{{Pack: p.ID.Value, Version: v.Value}}
		for _, c := range p.At(v.Value) {
			for _, r := range c.Rules {
				o.Rules = append(o.Rules, r.Value)
			}
		}
	}
	slices.Sort(o.Rules)
	o.Rules = slices.Compact(o.Rules)
	taken := map[string]map[string]bool{} // places of events in the archive by rule
	denied, sources := map[string]bool{}, map[string]string{}
	events, _ := run(t, l, archive(t, shared(t, "archive"), shared(t, "records")), o)
	for _, e := range events {
		id := e.Value("event_id") + " in " + e.Value("log_object") + " at " + e.Value("log_index")
		denied[id], sources[id] = e.Value("outcome") == "denied", e.Value("event_source")
		for _, one := range e.Taken {
			rule := one.Rule.ID.Value
			if taken[rule] == nil {
				taken[rule] = map[string]bool{}
			}
			taken[rule][id] = true
		}
	}
	compared := 0
	for _, v := range p.Versions {
		for n, c := range p.At(v.Value) {
			if c.Pattern == "" {
				continue
			}
			pattern := maps.Clone(taken[ruleOf[c.Pattern]])
			condition := map[string]bool{}
			for _, r := range c.Rules {
				maps.Copy(condition, taken[r.Value])
			}
			compared += len(condition)
			if n == 0 && slices.Contains([]string{"v1.3", "v1.4", "v1.5", "v2.0", "v3.0"}, v.Value) || n == 12 && slices.Contains([]string{"v1.2", "v1.3", "v1.4", "v1.5", "v2.0"}, v.Value) {
				maps.DeleteFunc(pattern, func(id string, _ bool) bool {
					return !condition[id] && (n == 0 && !denied[id] || n == 12 && sources[id] != "ec2.amazonaws.com")
				})
			}
			if !maps.Equal(pattern, condition) {
				t.Errorf("%s %s: the pattern takes %d events, the condition %d: %v", v, c.ID, len(pattern), len(condition), difference(pattern, condition))
			}
		}
	}
	if compared < 1000 {
		t.Errorf("only %d events were compared", compared)
	}
	t.Logf("%d events compared; by rule: %v", compared, counts(taken))
}

// difference are some that one set has and the other has not.
func difference(a, b map[string]bool) []string {
	var list []string
	for _, one := range []struct{ has, lacks map[string]bool }{{a, b}, {b, a}} {
		for _, id := range slices.Sorted(maps.Keys(one.has)) {
			if !one.lacks[id] && len(list) < 5 {
				list = append(list, id)
			}
		}
	}
	return list
}

func counts(taken map[string]map[string]bool) map[string]int {
	n := map[string]int{}
	for id, events := range taken {
		n[id] = len(events)
	}
	return n
}
