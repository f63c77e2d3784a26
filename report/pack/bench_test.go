//go:build cgo && duckdb_arrow

package pack_test

import (
	"context"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/duck"
	"github.com/trailql/trailql/report/pack"
)

// readColumns are the columns that all packs together read.
const readColumns = `eventtime, recipientaccountid, useridentity.accountid, awsregion, useridentity.sessioncontext.sessionissuer.arn, useridentity.arn,
	useridentity.principalid, useridentity.invokedby, useridentity.type, useridentity.accesskeyid, useridentity.sessioncontext.attributes.mfaauthenticated,
	eventname, additionaleventdata, sourceipaddress, useragent, vpcendpointid, eventsource, resources, requestparameters, errorcode, errormessage,
	responseelements, eventid, sourceobject, sourceindex, useridentity.username, readonly, sessioncredentialfromconsole, tlsdetails.tlsversion,
	eventtimestamp, eventtype, eventcategory`

// BenchmarkRules runs every rule by itself and all packs together on the warehouse
// of TRAILQL_BENCH_WAREHOUSE, such as one of cmd/trailgen's archives, with
// TRAILQL_BENCH_MEMORY bytes for DuckDB if it is set. The
// CPU seconds are the least of the iterations. Packs is measured against the slowest
// rule of any pack, run by itself, and against Scan, which counts the values of all columns that packs read:
//
//	go test -tags duckdb_arrow -run '^$' -bench Rules -benchtime 2x ./report/pack
func BenchmarkRules(b *testing.B) {
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
	l := builtIn(b)
	params := map[string]any{"regulated": []string{"*-data-*"}, "log_readers": []string{"nobody"}, "log_admins": []string{"nobody"},
		"service_accounts": []string{"nobody"}, "leavers": []string{"nobody"}, "subject_keys": []string{"AKIAIOSFODNN7EXAMPLE"}}
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
	all := ever
	all.Params = params
	all.From = benchPeriod(b, query)
	of := map[string]bool{}
	for _, p := range l.Packs {
		if p.ID.Value == "incident-triage" {
			continue // it is about one subject, and never run with the others
		}
		all.Packs = append(all.Packs, pack.Selection{Pack: p.ID.Value})
		for _, c := range p.At("") {
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
		count := "SELECT count(*), count(" + strings.ReplaceAll(readColumns, ",", "), count(") + ") FROM cloudtrail_logs"
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

// benchPeriod begins after some of the archive, so that first uses are counted.
func benchPeriod(b *testing.B, query pack.QueryFunc) time.Time {
	b.Helper()
	result, err := query(b.Context(), "SELECT min(eventtimestamp), max(eventtimestamp) FROM cloudtrail_logs")
	if err != nil {
		b.Fatal(err)
	}
	defer result.Close()
	var from time.Time
	for batch, err := range result.Batches() {
		if err != nil {
			b.Fatal(err)
		}
		at := func(column int) time.Time {
			c := batch.Column(column).(*array.Timestamp)
			return c.Value(0).ToTime(c.DataType().(*arrow.TimestampType).Unit)
		}
		from = at(0).Add(at(1).Sub(at(0)) / 100)
	}
	return from
}

// cpu is what the process has used so far.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
