//go:build cgo && duckdb_arrow

package pack_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/report/pack"
)

// TestInPartsAsWhole: parts have the same events, with all columns where a rule wants
// them and with those that are named where none does.
func TestInPartsAsWhole(t *testing.T) {
	l := builtIn(t)
	query := archive(t, shared(t, "records/stratus-red-team"), shared(t, "archive"))
	o := ever
	o.Rules = allRules(l)
	o.Params = map[string]any{"regulated": []string{"*stratus*"}}
	whole, wholeFound := run(t, l, query, o)
	p, err := l.Plan(o)
	if err != nil {
		t.Fatal(err)
	}
	// The first part is short, and whole anyway.
	parts := pack.Parts{Cuts: []time.Time{o.From, whole[2].Time, whole[2].Time, whole[len(whole)/2].Time, whole[len(whole)-1].Time.Truncate(time.Hour), o.To}}
	brief := map[*pack.Rule]bool{}
	parts.Brief = func(r *pack.Rule) ([]string, bool) {
		brief[r] = !strings.HasPrefix(r.ID.Value, "L")
		return []string{"account_id", "bucket"}, brief[r]
	}
	var events []*pack.Event
	found, err := p.RunInParts(t.Context(), query, parts, func(e *pack.Event) error {
		events = append(events, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != len(whole) || !reflect.DeepEqual(found, wholeFound) {
		t.Fatalf("%d events and %d correlations in parts, %d and %d without", len(events), len(found), len(whole), len(wholeFound))
	}
	briefEvents, briefBuckets := 0, 0
	for i, e := range events {
		want := whole[i]
		if !e.Time.Equal(want.Time) || len(e.Taken) != len(want.Taken) {
			t.Fatalf("event %d is %v, want %v", i, e, want)
		}
		isBrief := e.Value("event_id") == "" && want.Value("event_id") != ""
		if isBrief {
			briefEvents++
			if e.Value("account_id") != want.Value("account_id") || slices.ContainsFunc(e.Values[2:], func(v string) bool { return v != "" }) {
				t.Errorf("event %d in brief has %q of %q", i, e.Values, want.Values)
			}
		} else if !slices.Equal(e.Values, want.Values) {
			t.Errorf("event %d has %q, want %q", i, e.Values, want.Values)
		}
		for k, one := range e.Taken {
			if one.Rule != want.Taken[k].Rule || one.Severity != want.Taken[k].Severity {
				t.Errorf("event %d was taken by %s, want %s", i, one.Rule.ID, want.Taken[k].Rule.ID)
			}
			if isBrief && !brief[one.Rule] {
				t.Errorf("event %d is in brief, and %s wants all", i, one.Rule.ID)
			}
			columns := want.Taken[k].Columns
			if isBrief {
				columns = map[string]string{}
				if bucket, ok := want.Taken[k].Columns["bucket"]; ok {
					columns["bucket"] = bucket
					briefBuckets++
				}
			}
			if brief[one.Rule] && !isBrief {
				continue // another rule may want a column, too
			}
			if len(columns)+len(one.Columns) > 0 && fmt.Sprint(one.Columns) != fmt.Sprint(columns) {
				t.Errorf("event %d has %v of %s, want %v", i, one.Columns, one.Rule.ID, columns)
			}
		}
	}
	if briefEvents < 100 || briefBuckets == 0 || briefEvents > len(events)-100 {
		t.Errorf("%d of %d events are in brief, %d with a bucket: that proves little", briefEvents, len(events), briefBuckets)
	}
}
