//go:build cgo && duckdb_arrow

package report_test

import (
	"context"
	"math"
	"os"
	"strconv"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/duck"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

// slowestPack is a pack of the rule that takes longest by itself, which BenchmarkRules of
// report/pack finds out.
const slowestPack = `
pack:
  id: slowest
  title: The slowest rule
  controls:
    - {id: "1", title: The slowest rule, kind: exception, severity: low, rules: RECON}
`

// BenchmarkReport makes whole reports, with coverage and without files, of the warehouse
// of TRAILQL_BENCH_WAREHOUSE, with TRAILQL_BENCH_MEMORY bytes for DuckDB if it is set:
// one of the slowest rule and one of all packs. The CPU seconds are the least of the iterations:
//
//	go test -tags duckdb_arrow -run '^$' -bench Report -benchtime 2x ./report
func BenchmarkReport(b *testing.B) {
	root := os.Getenv("TRAILQL_BENCH_WAREHOUSE")
	if root == "" {
		b.Skip("TRAILQL_BENCH_WAREHOUSE is not set")
	}
	c, err := catalog.Open(b.Context(), root, catalog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	memory, _ := strconv.ParseInt(os.Getenv("TRAILQL_BENCH_MEMORY"), 10, 64)
	e, err := duck.Open(b.Context(), duck.Options{Catalog: c, TempDir: b.TempDir(), Memory: memory})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	query := func(ctx context.Context, sql string, params ...any) (*engine.Result, error) {
		return e.Query(ctx, engine.Query{SQL: sql, Params: params})
	}
	l, err := pack.Load(pack.BuiltIn(), fstest.MapFS{"slowest.yaml": {Data: []byte(slowestPack)}})
	if err != nil {
		b.Fatal(err)
	}
	whole := allButOneDay(b, query)
	measure := func(b *testing.B, packs ...pack.Selection) time.Duration {
		least := time.Duration(math.MaxInt64)
		var findings int64
		for b.Loop() {
			before := cpu()
			r, err := report.Run(b.Context(), report.Options{
				Library: l, Query: query, Packs: packs, Period: whole, Params: map[string]any{"regulated": []string{"*-data-*"}, "log_readers": []string{"nobody"}},
			})
			if err != nil {
				b.Fatal(err)
			}
			least = min(least, cpu()-before)
			findings = 0
			for _, p := range r.Packs {
				for _, c := range p.Controls {
					findings += c.Count
				}
			}
		}
		b.ReportMetric(least.Seconds(), "cpu-s")
		b.ReportMetric(float64(findings), "findings")
		return least
	}
	var slowest time.Duration
	b.Run("Slowest", func(b *testing.B) { slowest = measure(b, pack.Selection{Pack: "slowest"}) })
	b.Run("Packs", func(b *testing.B) {
		var packs []pack.Selection
		for _, p := range l.Packs {
			// incident-triage is about one subject, and never run with the others.
			if id := p.ID.Value; id != "incident-triage" && id != "slowest" {
				packs = append(packs, pack.Selection{Pack: id})
			}
		}
		least := measure(b, packs...)
		if slowest > 0 {
			b.ReportMetric(least.Seconds()/slowest.Seconds(), "x-slowest-rule")
		}
	})
}

// allButOneDay is a period that begins after the archive does, so that first uses count.
func allButOneDay(b *testing.B, query pack.QueryFunc) report.Period {
	b.Helper()
	result, err := query(b.Context(), "SELECT min(eventtimestamp), max(eventtimestamp) FROM cloudtrail_logs")
	if err != nil {
		b.Fatal(err)
	}
	defer result.Close()
	var p report.Period
	for batch, err := range result.Batches() {
		if err != nil {
			b.Fatal(err)
		}
		day := func(column int) time.Time {
			c := batch.Column(column).(*array.Timestamp)
			return c.Value(0).ToTime(c.DataType().(*arrow.TimestampType).Unit).UTC().Truncate(24*time.Hour).AddDate(0, 0, 1)
		}
		p = period(b, day(0).Format(time.DateOnly)+"/"+day(1).Format(time.DateOnly), "")
	}
	return p
}

// cpu is what the process has used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
