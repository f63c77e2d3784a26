package report

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report/pack"
)

// regulated is the parameter with the resources whose data events have to be logged.
const regulated = "regulated"

// touched counts the data events of a declared resource.
type touched struct {
	pattern string
	events  int64
}

// listKey tells a list of declared resources from others.
func listKey(patterns []string) string { return fmt.Sprintf("%q", patterns) }

// dataRules are those on reading and writing regulated data.
var dataRules = []string{"DATA-READ", "DATA-WRITE"}

// services are those that the rules are about, as a list of SQL.
func services(l *pack.Library) string {
	list := []string{"''"}
	for _, id := range dataRules {
		if rule := l.Rule(id); rule != nil {
			for _, set := range rule.Events {
				for _, source := range set.Source {
					list = append(list, "'"+source.Value+".amazonaws.com'")
				}
			}
		}
	}
	slices.Sort(list)
	return strings.Join(slices.Compact(list), ", ")
}

// patternsAtOnce are counted by one statement.
const patternsAtOnce = 50

// readTouched counts, for each declared name or ARN, what the rules on reading and
// writing regulated data would take if it was the only one.
func readTouched(ctx context.Context, a *asker, l *pack.Library, p Period, s Scope, patterns []string) ([]touched, error) {
	rules := slices.DeleteFunc(slices.Clone(dataRules), func(id string) bool { return l.Rule(id) == nil })
	var list []touched
	for len(patterns) > 0 {
		part := patterns[:min(patternsAtOnce, len(patterns))]
		patterns = patterns[len(part):]
		var each []map[string]any
		for _, pattern := range part {
			each = append(each, map[string]any{regulated: []string{pattern}})
		}
		condition, params := where(p, s)
		counts, err := l.Counts(rules, each, pack.Statement{SQL: "eventsource IN (" + services(l) + ") AND " + condition, Params: params})
		if err != nil {
			return nil, fmt.Errorf("data events of declared resources: %w", err)
		}
		err = a.rows(ctx, "data events of declared resources", counts.SQL, counts.Params, func(r row) error {
			for i, pattern := range part {
				list = append(list, touched{pattern, r.number(i)})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// dataEvents says which declared resources have data events. Without any, nobody used
// the resource or nobody logs it: somebody has to look.
func (a *assessor) dataEvents(r *pack.Rule, p *pack.Pack) judgement {
	patterns, _ := a.param(p, regulated).([]string)
	declared := a.touched[listKey(patterns)]
	if len(declared) == 0 {
		return judgement{notAssessed: "the parameter " + regulated + " has no value"}
	}
	var j judgement
	seen := 0
	for _, t := range declared {
		if t.events > 0 {
			seen++
			continue
		}
		f := finding(r, place{}, a.options.Period.From, a.options.Period.To, t.pattern, map[string]string{"declared": t.pattern})
		f.Severity = pack.Low
		f.Values[resourceColumn] = t.pattern
		j.findings = append(j.findings, f)
	}
	j.result = fmt.Sprintf("%d of %s have data events", seen, quantity.Plural(int64(len(declared)), "declared resource"))
	return j
}
