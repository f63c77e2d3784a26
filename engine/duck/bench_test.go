//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine"
)

// BenchmarkOpen is an engine from start to end with one trivial query.
func BenchmarkOpen(b *testing.B) {
	c, err := catalog.Create(b.Context(), b.TempDir(), catalog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Define(b.Context(), testSpec()); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		e, err := Open(b.Context(), Options{Catalog: c, TempDir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := drainSQL(b, e, "SELECT 1"); err != nil {
			b.Fatal(err)
		}
		if err := e.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPlan plans one day of 100,000 files, and all of them, as far as
// DuckDB: the files are not there.
func BenchmarkPlan(b *testing.B) {
	c, err := catalog.Create(b.Context(), b.TempDir(), catalog.Options{})
	if err != nil {
		b.Fatal(err)
	}
	if err := c.Define(b.Context(), testSpec()); err != nil {
		b.Fatal(err)
	}
	addFiles(b, c, 100_000)
	for _, where := range []string{"", " WHERE year = '2023' AND month = '02' AND day = '03'", " WHERE eventtime >= '2023-02-03T00:00:00Z' AND eventtime < '2023-02-04T00:00:00Z'", " WHERE from_iso8601_timestamp(eventtime) > timestamp '2023-02-03 12:00:00'"} {
		b.Run("where="+where, func(b *testing.B) {
			files := 0
			for b.Loop() {
				// A new catalog has nothing in memory.
				fresh, err := catalog.Open(b.Context(), c.Root(), catalog.Options{})
				if err != nil {
					b.Fatal(err)
				}
				opened, err := Open(b.Context(), Options{Catalog: fresh, TempDir: b.TempDir()})
				if err != nil {
					b.Fatal(err)
				}
				l := opened.(*local)
				s, known, err := l.translate(b.Context(), engine.Query{SQL: "SELECT count(*) FROM cloudtrail_logs" + where})
				if err != nil {
					b.Fatal(err)
				}
				connection, err := l.db.connect()
				if err != nil {
					b.Fatal(err)
				}
				o := newOpening(b.Context(), l, connection, known)
				if _, err := o.read(s, place{}); err != nil {
					b.Fatal(err)
				}
				if err := o.prepareTables(); err != nil {
					b.Fatal(err)
				}
				files = len(o.scans["cloudtrail_logs"].files)
				connection.close()
				if err := l.Close(); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(files), "files")
		})
	}
}

// addFiles commits files that do not exist: 10 regions, days from 2020 on.
func addFiles(b *testing.B, c *catalog.Catalog, n int) {
	b.Helper()
	ctx := context.WithoutCancel(b.Context())
	id, err := c.Begin(ctx)
	if err != nil {
		b.Fatal(err)
	}
	var files []catalog.DataFile
	start := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range n {
		region, day := fmt.Sprintf("region-%d", i%10), start.AddDate(0, 0, i/10%1500).Format(time.DateOnly)
		name, w, err := c.NewFile(ctx, id, "cloudtrail_logs", region, day)
		if err != nil {
			b.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			b.Fatal(err)
		}
		text := []byte(day + "T01:00")
		files = append(files, catalog.DataFile{Path: name, Partition: []string{region, day}, Records: 1000, Bytes: 100_000,
			LowerBounds: map[int][]byte{2: text, 13: micros(day, 1)}, UpperBounds: map[int][]byte{2: text, 13: micros(day, 23)}})
	}
	if _, err := c.Commit(ctx, catalog.Batch{ID: id, Changes: map[string]catalog.Change{"cloudtrail_logs": {Add: files}}}); err != nil {
		b.Fatal(err)
	}
}

func micros(day string, hour int) []byte {
	t, _ := time.Parse(time.DateOnly, day)
	return binary.LittleEndian.AppendUint64(nil, uint64(t.Add(time.Duration(hour)*time.Hour).UnixMicro()))
}

func drainSQL(b *testing.B, e engine.Engine, sql string) (int64, error) {
	return drain(b.Context(), e, engine.Query{SQL: sql})
}
