//go:build cgo && duckdb_arrow

package pack_test

import (
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trailql/trailql/report/pack"
)

// TestCountsAsRun: what is counted in one pass is what runs of their own find.
func TestCountsAsRun(t *testing.T) {
	l := builtIn(t)
	query := archive(t, shared(t, "records/stratus-red-team"), shared(t, "archive"))
	rules := []string{"DATA-READ", "DATA-WRITE", "DENIED"}
	var params []map[string]any
	for _, pattern := range []string{"*stratus*", "*", "nowhere", "arn:aws:s3:::*", "stratus-red-team-ransomware-bucket*/*"} {
		params = append(params, map[string]any{"regulated": []string{pattern}})
	}
	counts, err := l.Counts(rules, params, pack.Statement{SQL: "recipientaccountid <> ?", Params: []any{"nobody"}})
	if err != nil {
		t.Fatal(err)
	}
	result, err := query(t.Context(), counts.SQL, counts.Params...)
	if err != nil {
		t.Fatal(err)
	}
	defer result.Close()
	different := map[int64]bool{}
	for batch, err := range result.Batches() {
		if err != nil {
			t.Fatal(err)
		}
		for i := range params {
			o := ever
			o.Rules, o.Params = rules, params[i]
			events, _ := run(t, l, query, o)
			n := batch.Column(i).(*array.Int64).Value(0)
			if n != int64(len(events)) {
				t.Errorf("%v: counted %d, found %d", params[i], n, len(events))
			}
			different[n] = true
		}
	}
	if len(different) < 3 {
		t.Errorf("counts %v: that proves little", different)
	}
	if _, err := l.Counts([]string{"GONE"}, params, pack.Statement{SQL: "true"}); err == nil {
		t.Error("an unknown rule is counted")
	}
}
