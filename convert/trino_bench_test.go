package convert

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine/trino/trinotest"
)

// BenchmarkTrinoPlan has a Trino server plan one day of tables with so many files,
// which are not there: see BenchmarkPlanTable.
func BenchmarkTrinoPlan(b *testing.B) {
	trinotest.Address(b)
	model := modelFile(b)
	for _, files := range []int{100, 1_000, 10_000, 100_000} {
		c := tableOf(b, mustOpen(b, b.TempDir()), model, files)
		trinotest.Register(b, c, "scale")
		b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) {
			day := benchDay(max(0, files-benchFilesPerDay)).Format(time.DateOnly)
			for b.Loop() {
				trinotest.Run(b, fmt.Sprintf("EXPLAIN SELECT count(*) FROM iceberg.scale.%s WHERE date = '%s'", LogsTable, day))
			}
		})
	}
	trinotest.Empty(b, "scale")
}

// BenchmarkTrinoScan has a Trino server read all rows of a warehouse, which
// $TRAILQL_BENCH_WAREHOUSE names, in queries of different width.
//
//	cpu-s/M  seconds of the server's workers per million rows
func BenchmarkTrinoScan(b *testing.B) {
	trinotest.Address(b)
	dir := os.Getenv("TRAILQL_BENCH_WAREHOUSE")
	if dir == "" {
		b.Skip("no warehouse in $TRAILQL_BENCH_WAREHOUSE")
	}
	c, err := catalog.Open(b.Context(), dir, catalog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	snapshot, err := c.Snapshot(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	t, err := snapshot.Table(LogsTable)
	if err != nil {
		b.Fatal(err)
	}
	trinotest.Register(b, c, "scale")
	for _, q := range []struct{ name, sql string }{
		{"source", "SELECT eventsource, count(*) FROM %s GROUP BY 1"},
		{"denied", "SELECT useridentity.arn, count(*) FROM %s WHERE errorcode LIKE '%%Denied%%' GROUP BY 1"},
		{"addresses", "SELECT count(DISTINCT sourceipaddress), min(eventtime), max(eventname) FROM %s"},
		{"request", "SELECT count(*) FROM %s WHERE json_extract_scalar(requestparameters, '$.bucketName') LIKE 'a%%'"},
	} {
		b.Run(q.name, func(b *testing.B) {
			var cpu float64
			for b.Loop() {
				marker := fmt.Sprintf("-- %d\n", time.Now().UnixNano())
				trinotest.Run(b, marker+fmt.Sprintf(q.sql, "iceberg.scale."+LogsTable))
				rows := trinotest.Run(b, "SELECT sum(t.split_cpu_time_ms) FROM system.runtime.tasks t JOIN system.runtime.queries q ON t.query_id = q.query_id WHERE substr(q.query, 1, length('"+marker+"')) = '"+marker+"'")
				ms, ok := rows[0][0].(float64)
				if !ok {
					b.Fatalf("no time of the query's tasks: %v", rows)
				}
				cpu += ms / 1e3
			}
			b.ReportMetric(cpu/float64(b.N)/(float64(t.Stats().Records)/1e6), "cpu-s/M")
		})
	}
	trinotest.Empty(b, "scale")
}
