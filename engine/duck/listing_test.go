//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestListings: tables whose rows somebody else has are like others, and read anew
// by each statement.
func TestListings(t *testing.T) {
	w := newWarehouse(t)
	w.add(t, "us-east-1", "2023-07-10", 24)
	var rows [][]any
	var failure error
	given := Listing{
		Name: "visits",
		Columns: []ListingColumn{
			{"who", "VARCHAR"}, {"at", "TIMESTAMP WITH TIME ZONE"}, {"n", "BIGINT"}, {"ok", "BOOLEAN"},
		},
		Rows: func(context.Context) ([][]any, error) { return rows, failure },
	}
	taken := Listing{Name: "cloudtrail_logs", Rows: func(context.Context) ([][]any, error) { return nil, errors.New("asked") }}
	e := open(t, w, Options{Listings: []Listing{given, taken}})

	check := func(sql string, want ...string) {
		t.Helper()
		got, _, err := rowsOf(t, e, sql)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%s: %v %s", sql, err, diff)
		}
	}
	check("SELECT count(*) FROM visits", "0")
	rows = [][]any{
		{"a'\"\\\n\x1b", "2026-11-21 06:00:00.123000+00", int64(1) << 60, true},
		{"b", "2026-11-22 06:00:00.000000+00", int64(2), false},
		{nil, nil, nil, nil},
	}
	check("SELECT count(*), count(who), max(n) FROM visits", "3|2|1152921504606846976")
	check("SELECT date(at), ok FROM visits WHERE who LIKE 'a''%' ORDER BY 1", "2026-11-21|true")
	check("SELECT who FROM visits WHERE at >= TIMESTAMP '2026-11-22 00:00:00 UTC'", "b")
	check("SELECT v.n, count(*) FROM visits v JOIN cloudtrail_logs l ON v.n = l.sourceindex GROUP BY 1", "2|1")
	check("SELECT count(*) FROM cloudtrail_logs", "24")
	check("SHOW TABLES", "cloudtrail_logs", "rejected_records", "visits")
	check("SHOW VIEWS")
	check("SELECT table_type FROM information_schema.tables WHERE table_name = 'visits'", "BASE TABLE")
	check("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'visits' ORDER BY ordinal_position",
		"who|varchar", "at|timestamp with time zone", "n|bigint", "ok|boolean")
	check("CREATE VIEW visitors AS SELECT who FROM visits WHERE ok")
	check("SELECT count(*) FROM visitors", "1")

	for sql, want := range map[string]string{
		"CREATE VIEW visits AS SELECT 1 AS a": "is a table or a built-in view",
		"DROP VIEW visits":                    "no view of yours",
		"SHOW PARTITIONS visits":              "visits",
		"SELECT whom FROM visits":             `column "whom"`,
		"SELECT * FROM visit":                 `"visits"`,
		"INSERT INTO visits VALUES (1)":       "not allowed",
	} {
		if _, _, err := rowsOf(t, e, sql); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", sql, err, want)
		}
	}
	failure = errors.New("read run 7: broken disk")
	if _, _, err := rowsOf(t, e, "SELECT * FROM visits"); err == nil || !strings.Contains(err.Error(), "broken disk") {
		t.Errorf("got %v", err)
	}
	check("SELECT count(*) FROM rejected_records", "0")
}
