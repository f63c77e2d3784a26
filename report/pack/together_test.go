//go:build cgo && duckdb_arrow

package pack_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/trailql/trailql/report/pack"
)

// TestTogetherAsAlone: what a rule finds does not depend on which others run with it.
// Its own run is the small statement, the run of all packs the large one.
func TestTogetherAsAlone(t *testing.T) {
	l := builtIn(t)
	query := archive(t, shared(t, "records/stratus-red-team"), shared(t, "archive"))
	o := ever
	o.From = time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC) // some of it is before
	o.Params = map[string]any{"regulated": []string{"*stratus*"}, "log_readers": []string{"nobody"}, "log_admins": []string{"nobody"},
		"service_accounts": []string{"nobody"}, "leavers": []string{"*christophe*"}, "subject_keys": []string{"AKIA*"}}
	all := o
	var ids []string
	for _, p := range l.Packs {
		all.Packs = append(all.Packs, pack.Selection{Pack: p.ID.Value})
		for _, r := range l.RulesOf(p, "") {
			if !slices.Contains(ids, r.ID.Value) {
				ids = append(ids, r.ID.Value)
			}
		}
	}
	found := func(o pack.PlanOptions) map[string][]string {
		by := map[string][]string{}
		events, correlations := run(t, l, query, o)
		for _, e := range events {
			for _, one := range e.Taken {
				id := one.Rule.ID.Value
				by[id] = append(by[id], fmt.Sprint(e.Time, e.Values, one.Severity, one.Columns))
			}
		}
		for _, c := range correlations {
			id := c.Rule.ID.Value
			by[id] = append(by[id], fmt.Sprint(c.Severity, c.By, c.Values, c.First, c.Last, c.Events, c.Reached, c.EventIDs, c.Then, c.Since))
		}
		return by
	}
	together := found(all)
	some := 0
	for _, id := range ids {
		alone := o
		alone.Rules = []string{id}
		if want := found(alone)[id]; !slices.Equal(together[id], want) {
			t.Errorf("%s finds %d with others and %d by itself, or others", id, len(together[id]), len(want))
		} else if len(want) > 0 {
			some++
		}
	}
	if some < 40 {
		t.Errorf("%d of %d rules find something: that proves little", some, len(ids))
	}
}
