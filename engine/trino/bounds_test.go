//go:build cgo && duckdb_arrow

package trino

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trailql/trailql/engine"
)

// TestIntegrationPruning: a condition on time, region or one of the columns that
// people partition by makes Trino read fewer files than the table has, however it is
// said, and takes no row away.
func TestIntegrationPruning(t *testing.T) {
	local, cluster := bothEngines(t, "../../testdata/sample")
	bytes := func(sql string) (read int64, splits int) {
		t.Helper()
		r, err := cluster.Query(t.Context(), engine.Query{SQL: sql})
		if err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
		defer r.Close()
		for _, err := range r.Batches() {
			if err != nil {
				t.Fatal(err)
			}
		}
		return r.Stats().Bytes, r.Stats().SplitsTotal
	}
	const all = "SELECT count(*), count(DISTINCT eventid) FROM cloudtrail_logs"
	whole, splits := bytes(all) // 9 files: 3 days of 3 regions
	if whole < 100_000 {
		t.Fatalf("all of it are %d bytes", whole)
	}
	for _, tt := range []struct{ from, where string }{
		{"cloudtrail_logs", "year = '2025' AND month = '06' AND day = '02'"},
		{"cloudtrail_logs", "month = '06' AND day = '03'"},
		{"cloudtrail_logs", "dt = '2025-06-02'"},
		{"cloudtrail_logs", `"timestamp" = '2025/06/02'`},
		{"cloudtrail_logs", `"timestamp" BETWEEN '2025/06/02' AND '2025/06/02'`},
		{"cloudtrail_logs", "date_partition >= '2025/06/03'"},
		{"cloudtrail_logs", "region = 'eu-west-1'"},
		{"cloudtrail_logs", "p_region = 'eu-west-1' AND account = '111111111111'"},
		{"cloudtrail_logs", "awsregion = 'eu-west-1'"},
		{"cloudtrail_logs", "eventtime >= '2025-06-03T00:00:00Z'"},
		{"cloudtrail_logs", "eventtime LIKE '2025-06-02T%'"},
		{"cloudtrail_logs", "eventtimestamp < TIMESTAMP '2025-06-02 00:00:00 UTC'"},
		{"cloudtrail_logs", "eventtimestamp < '2025-06-02'"},
		{"cloudtrail_logs", "eventtimestamp < from_iso8601_timestamp('2025-06-02T00:00:00Z')"},
		{"cloudtrail_logs", "from_iso8601_timestamp(eventtime) >= TIMESTAMP '2025-06-03 00:00:00 UTC'"},
		{"cloudtrail_logs", "from_iso8601_timestamp(eventtime) < from_iso8601_timestamp('2025-06-03T00:00:00Z') - INTERVAL '1' DAY"},
		{"cloudtrail_logs", "TIMESTAMP '2025-06-03 00:00:00' <= from_iso8601_timestamp(eventtime)"},
		{"cloudtrail_logs l", "date_parse(l.eventtime, '%Y-%m-%dT%H:%i:%sZ') BETWEEN TIMESTAMP '2025-06-02 06:00:00' AND TIMESTAMP '2025-06-02 18:00:00'"},
		{"cloudtrail_logs", "from_iso8601_timestamp(eventtime) < TIMESTAMP '2025-06-02 00:00:00 UTC'"},
		{"cloudtrail_logs", "date(from_iso8601_timestamp(eventtime)) = DATE '2025-06-01'"},
		{"cloudtrail_logs", "(CAST(from_iso8601_timestamp(eventtime) AS date) < DATE '2025-06-02') AND eventname <> 'x'"},
		{"cloudtrail_logs", "CAST(eventtime AS timestamp) < TIMESTAMP '2025-06-02 00:00:00'"},
		{"cloudtrail_logs", "from_iso8601_timestamp(eventtime) > date_add('day', -365000, now()) AND from_iso8601_timestamp(eventtime) < '2025-06-02'"},
		{"management_events", "year = '2025' AND day = '02'"},
		{"management_events m", "from_iso8601_timestamp(m.eventtime) >= TIMESTAMP '2025-06-03 00:00:00 UTC'"},
		{"cloudtrail_lake", "eventtime >= TIMESTAMP '2025-06-03 00:00:00'"},
		{"cloudtrail_lake", "eventtime > '2025-06-01 12:00:00' AND eventtime < '2025-06-02 00:00:00'"},
		{"cloudtrail_lake e", "e.eventtime BETWEEN TIMESTAMP '2025-06-02 06:00:00' AND TIMESTAMP '2025-06-02 12:00:00'"},
		{"cloudtrail_lake", "eventtime >= date_add('hour', 48, TIMESTAMP '2025-06-01 00:00:00')"},
		{"cloudtrail_lake", "eventtime < from_iso8601_timestamp('2025-06-02T00:00:00Z')"},
		{"aws_cloudtrail_log", "event_time >= TIMESTAMP '2025-06-03 00:00:00'"},
	} {
		id := "eventid"
		if tt.from == "aws_cloudtrail_log" {
			id = "event_id"
		}
		sql := fmt.Sprintf("SELECT count(*), count(DISTINCT %s) FROM %s WHERE %s", id, tt.from, tt.where)
		if d := compare(t, local, cluster, engine.Query{SQL: sql}); d != nil {
			t.Errorf("%s\nDuckDB %s\nTrino  %s", sql, d.local, d.cluster)
			continue
		}
		if got := rowsOf(t, cluster, sql); strings.HasSuffix(got, "\n0 | 0") || strings.HasSuffix(got, "\n1197 | 1197") {
			t.Errorf("it proves nothing: %s", got)
		}
		if read, parts := bytes(sql); read > whole*3/4 || read == 0 || parts >= splits {
			t.Errorf("%s: %d of %d bytes were read, in %d of %d splits", sql, read, whole, parts, splits)
		}
	}
	// Whoever has no time is not left out by a condition that says nothing of it.
	for _, where := range []string{"from_iso8601_timestamp(eventtime) IS NULL OR day = '02'", "NOT from_iso8601_timestamp(eventtime) > TIMESTAMP '2025-06-03 00:00:00 UTC'"} {
		sql := "SELECT count(*) FROM cloudtrail_logs WHERE " + where
		if d := compare(t, local, cluster, engine.Query{SQL: sql}); d != nil {
			t.Errorf("%s\nDuckDB %s\nTrino  %s", sql, d.local, d.cluster)
		}
	}
}
