//go:build cgo && duckdb_arrow

package report_test

import (
	"context"
	"math"
	"os"
	"strconv"
	"strings"
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

// readColumns are the columns that all packs together read.
const readColumns = `eventtime, recipientaccountid, useridentity.accountid, awsregion, useridentity.sessioncontext.sessionissuer.arn, useridentity.arn,
	useridentity.principalid, useridentity.invokedby, useridentity.type, useridentity.accesskeyid, useridentity.sessioncontext.attributes.mfaauthenticated,
	eventname, additionaleventdata, sourceipaddress, useragent, vpcendpointid, eventsource, resources, requestparameters, errorcode, errormessage,
	responseelements, eventid, sourceobject, sourceindex, useridentity.username, readonly, sessioncredentialfromconsole, tlsdetails.tlsversion,
	eventtimestamp, eventtype, eventcategory`

// slowestPack is a pack of the rule that takes longest by itself, which BenchmarkRules
// finds out.
const slowestPack = `
pack:
  id: slowest
  title: The slowest rule
  controls:
    - {id: "1", title: The slowest rule, kind: exception, severity: low, rules: RECON}
`

// benchQuery opens the warehouse of TRAILQL_BENCH_WAREHOUSE, such as one of cmd/trailgen's
// archives, with TRAILQL_BENCH_MEMORY bytes for DuckDB if it is set.
func benchQuery(b *testing.B) pack.QueryFunc {
	b.Helper()
	root := os.Getenv("TRAILQL_BENCH_WAREHOUSE")
	if root == "" {
		b.Skip("TRAILQL_BENCH_WAREHOUSE is not set")
	}
	c, err := catalog.Open(b.Context(), root, catalog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	memory, _ := strconv.ParseInt(os.Getenv("TRAILQL_BENCH_MEMORY"), 10, 64)
	e, err := duck.Open(b.Context(), duck.Options{Catalog: c, TempDir: b.TempDir(), Memory: memory})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { e.Close() })
	return func(ctx context.Context, sql string, params ...any) (*engine.Result, error) {
		return e.Query(ctx, engine.Query{SQL: sql, Params: params})
	}
}

func benchLibrary(b *testing.B) *pack.Library {
	b.Helper()
	l, err := pack.Load(pack.BuiltIn(), fstest.MapFS{"slowest.yaml": {Data: []byte(slowestPack)}})
	if err != nil {
		b.Fatal(err)
	}
	return l
}

// benchParams give values to the parameters without which rules do not run.
var benchParams = map[string]any{"regulated": []string{"*-data-*"}, "log_readers": []string{"nobody"}, "log_admins": []string{"nobody"},
	"service_accounts": []string{"nobody"}, "leavers": []string{"nobody"}, "subject_keys": []string{"AKIAIOSFODNN7EXAMPLE"}}

// benchPacks are those that run together: incident-triage is about one subject, and never
// run with the others.
func benchPacks(l *pack.Library) []pack.Selection {
	var packs []pack.Selection
	for _, p := range l.Packs {
		if id := p.ID.Value; id != "incident-triage" && id != "slowest" {
			packs = append(packs, pack.Selection{Pack: id})
		}
	}
	return packs
}

// BenchmarkRules runs every rule by itself and all packs together, listing each event with
// all its evidence. The CPU seconds are the least of the iterations. Packs is measured against the slowest
// rule of any pack, run by itself, and against Scan, which counts the values of all columns that packs read:
//
//	go test -tags duckdb_arrow -run '^$' -bench Rules -benchtime 2x ./report
func BenchmarkRules(b *testing.B) {
	query, l := benchQuery(b), benchLibrary(b)
	measure := func(b *testing.B, o pack.PlanOptions) (least time.Duration, rows int) {
		p, err := l.Plan(o)
		if err != nil {
			b.Fatal(err)
		}
		least = time.Duration(math.MaxInt64)
		for b.Loop() {
			rows = 0
			before := cpu()
			if _, err := p.Run(b.Context(), query, func(*pack.Event) error { rows++; return nil }); err != nil {
				b.Fatal(err)
			}
			least = min(least, cpu()-before)
		}
		b.ReportMetric(least.Seconds(), "cpu-s")
		b.ReportMetric(float64(rows), "rows")
		return least, rows
	}
	period := allButOneDay(b, query)
	all := pack.PlanOptions{From: period.From, To: period.To, Params: benchParams, Packs: benchPacks(l)}
	of := map[string]bool{}
	for _, s := range all.Packs {
		for _, c := range l.Pack(s.Pack).At("") {
			for _, r := range c.Rules {
				of[r.Value] = true
			}
		}
	}
	var slowest time.Duration
	for _, r := range l.Rules {
		if !of[r.ID.Value] || r.Kind == pack.Coverage {
			continue
		}
		one := all
		one.Packs, one.Rules = nil, []string{r.ID.Value}
		b.Run("Rule/"+r.ID.Value, func(b *testing.B) {
			least, _ := measure(b, one)
			slowest = max(slowest, least)
		})
	}
	for _, p := range l.Packs {
		one := all
		one.Packs = []pack.Selection{{Pack: p.ID.Value}}
		b.Run("Pack/"+p.ID.Value, func(b *testing.B) { measure(b, one) })
	}
	scan := time.Duration(math.MaxInt64)
	b.Run("Scan", func(b *testing.B) {
		count := "SELECT count(*), count(" + strings.ReplaceAll(readColumns, ",", "), count(") + ") FROM cloudtrail_logs WHERE date >= '" + period.From.Format(time.DateOnly) + "'"
		for b.Loop() {
			before := cpu()
			result, err := query(b.Context(), count)
			if err != nil {
				b.Fatal(err)
			}
			for _, err := range result.Batches() {
				if err != nil {
					b.Fatal(err)
				}
			}
			result.Close()
			scan = min(scan, cpu()-before)
		}
		b.ReportMetric(scan.Seconds(), "cpu-s")
	})
	b.Run("Packs", func(b *testing.B) {
		least, _ := measure(b, all)
		if scan < math.MaxInt64 {
			b.ReportMetric(least.Seconds()/scan.Seconds(), "x-scan")
		}
		if slowest > 0 {
			b.ReportMetric(least.Seconds()/slowest.Seconds(), "x-slowest-rule")
		}
	})
}

// BenchmarkReport makes whole reports, with coverage and without files: one of the slowest
// rule and one of all packs. The CPU seconds are the least of the iterations:
//
//	go test -tags duckdb_arrow -run '^$' -bench Report -benchtime 2x ./report
func BenchmarkReport(b *testing.B) {
	query, l := benchQuery(b), benchLibrary(b)
	whole := allButOneDay(b, query)
	measure := func(b *testing.B, packs ...pack.Selection) time.Duration {
		least := time.Duration(math.MaxInt64)
		var findings int64
		for b.Loop() {
			before := cpu()
			r, err := report.Run(b.Context(), report.Options{Library: l, Query: query, Packs: packs, Period: whole, Params: benchParams})
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
		least := measure(b, benchPacks(l)...)
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
