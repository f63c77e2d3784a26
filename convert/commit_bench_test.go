package convert

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
	"github.com/trailql/trailql/catalog/storage/storagetest"
	"github.com/trailql/trailql/convert/cloudtrail"
	"github.com/trailql/trailql/convert/rowset"
)

const (
	// benchRegions and benchFilesPerDay are how the files of a table of a
	// benchmark are spread.
	benchRegions     = 17
	benchFilesPerDay = 12 * benchRegions
	// benchBatch is how many files a commit that is measured adds.
	benchBatch = benchRegions
)

// BenchmarkCommit commits batches like a converter's, of one file for each
// region and one of the ledger, to tables that have so many files already. The
// files are not there, but their statistics are those of a real one.
//
//	cpu-ms    of one commit, with all that the process does meanwhile
//	requests  to the storage in one commit, Begin included
//	wrote-KB  in one commit, all of it metadata
//	read-KB   in one commit
//	live-MB   of metadata that the newest snapshot needs
//	manifests that it has
func BenchmarkCommit(b *testing.B) {
	model := modelFile(b)
	for _, where := range []string{"folder", "s3"} {
		b.Run(where, func(b *testing.B) {
			for _, files := range []int{100, 1_000, 10_000, 100_000} {
				b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) {
					var inner storage.Storage
					requests := func() int64 { return 0 }
					if where == "s3" {
						server := s3test.Start(b)
						proxy := server.NewProxy(b, nil)
						inner, requests = proxy.Open(b, server.NewBucket(b)+"/warehouse"), proxy.Requests
					} else {
						inner = mustOpen(b, b.TempDir())
					}
					s := &metered{Storage: inner}
					if where == "folder" {
						requests = s.calls.Load
					}
					c := tableOf(b, s, model, files)
					b.ResetTimer()
					used := cpuTime(b)
					sent, wrote, read := requests(), s.wrote.Load(), s.read.Load()
					next := files
					for b.Loop() {
						commitFiles(b, c, model, next, benchBatch)
						next += benchBatch
					}
					b.StopTimer()
					n := float64(b.N)
					b.ReportMetric(float64((cpuTime(b)-used).Milliseconds())/n, "cpu-ms")
					b.ReportMetric(float64(requests()-sent)/n, "requests")
					b.ReportMetric(float64(s.wrote.Load()-wrote)/n/1e3, "wrote-KB")
					b.ReportMetric(float64(s.read.Load()-read)/n/1e3, "read-KB")
					live, manifests := liveMetadata(b, c)
					b.ReportMetric(float64(live)/1e6, "live-MB")
					b.ReportMetric(float64(manifests), "manifests")
				})
			}
		})
	}
}

// BenchmarkCommitJoin commits what joining leaves: one file in place of all twelve
// of a Region and day, each time of another one. The metrics are BenchmarkCommit's.
func BenchmarkCommitJoin(b *testing.B) {
	model := modelFile(b)
	for _, files := range []int{1_000, 10_000, 100_000} {
		b.Run(fmt.Sprintf("files=%d", files), func(b *testing.B) {
			s := &metered{Storage: mustOpen(b, b.TempDir())}
			c := tableOf(b, s, model, files)
			joinDay(b, c, model, benchDay(files-1), 1)
			b.ResetTimer()
			used, calls, wrote, read := cpuTime(b), s.calls.Load(), s.wrote.Load(), s.read.Load()
			for n := 0; b.Loop(); n++ {
				day := benchDay(files-benchFilesPerDay).AddDate(0, 0, -n/benchRegions)
				joinDay(b, c, model, day, n%benchRegions)
			}
			b.StopTimer()
			n := float64(b.N)
			b.ReportMetric(float64((cpuTime(b)-used).Milliseconds())/n, "cpu-ms")
			b.ReportMetric(float64(s.calls.Load()-calls)/n, "requests")
			b.ReportMetric(float64(s.wrote.Load()-wrote)/n/1e3, "wrote-KB")
			b.ReportMetric(float64(s.read.Load()-read)/n/1e3, "read-KB")
		})
	}
}

// joinDay puts one file in place of those of a Region's day.
func joinDay(tb testing.TB, c *catalog.Catalog, model catalog.DataFile, day time.Time, region int) {
	tb.Helper()
	name := fmt.Sprintf("us-east-%d", region)
	remove := mustPlan(tb, c, catalog.Predicate{Regions: []string{name}, From: day, To: day.AddDate(0, 0, 1)})
	if len(remove) == 0 {
		tb.Fatalf("no files of %s on %s", name, day)
	}
	id, err := c.Begin(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	add := model
	add.Path = fmt.Sprintf("default/%s/data/region=%s/date=%s/%s-00000.parquet", LogsTable, name, day.Format(time.DateOnly), id)
	add.Partition = remove[0].Partition
	add.Records *= int64(len(remove))
	if _, err := c.Commit(tb.Context(), catalog.Batch{ID: id, Changes: map[string]catalog.Change{LogsTable: {Add: []catalog.DataFile{add}, Remove: remove}}}); err != nil {
		tb.Fatal(err)
	}
}

// BenchmarkCommitBehind commits what BenchmarkCommit does to a small table that has so many
// snapshots which have not expired: the table's metadata names all of them, and
// each commit reads and writes it.
func BenchmarkCommitBehind(b *testing.B) {
	model := modelFile(b)
	for _, snapshots := range []int{100, 1_000, 10_000} {
		b.Run(fmt.Sprintf("snapshots=%d", snapshots), func(b *testing.B) {
			s := &metered{Storage: storagetest.NewMemory()}
			c := tableOf(b, s, model, 100)
			c = withHistory(b, c, s, snapshots)
			b.ResetTimer()
			used := cpuTime(b)
			wrote, read := s.wrote.Load(), s.read.Load()
			next := 100
			for b.Loop() {
				commitFiles(b, c, model, next, benchBatch)
				next += benchBatch
			}
			b.StopTimer()
			n := float64(b.N)
			b.ReportMetric(float64((cpuTime(b)-used).Milliseconds())/n, "cpu-ms")
			b.ReportMetric(float64(s.wrote.Load()-wrote)/n/1e3, "wrote-KB")
			b.ReportMetric(float64(s.read.Load()-read)/n/1e3, "read-KB")
		})
	}
}

// BenchmarkPlanTable plans with a catalog that has nothing in memory yet.
//
//	files    that are left
//	heap-MB  that the catalog and the plan hold
func BenchmarkPlanTable(b *testing.B) {
	model := modelFile(b)
	for _, files := range []int{100, 1_000, 10_000, 100_000} {
		s := &metered{Storage: mustOpen(b, b.TempDir())}
		tableOf(b, s, model, files)
		last := benchDay(max(0, files-benchFilesPerDay)) // that is complete
		for _, q := range []struct {
			name string
			p    catalog.Predicate
		}{
			{"all", catalog.Predicate{}},
			{"day", catalog.Predicate{From: last, To: last.AddDate(0, 0, 1)}},
			{"hour", catalog.Predicate{From: last.Add(12 * time.Hour), To: last.Add(13 * time.Hour)}},
		} {
			b.Run(fmt.Sprintf("files=%d/%s", files, q.name), func(b *testing.B) {
				var planned []catalog.DataFile
				var c *catalog.Catalog
				without := heap()
				calls, used := s.calls.Load(), cpuTime(b)
				for b.Loop() {
					c = opened(b, s)
					planned = mustPlan(b, c, q.p)
				}
				b.ReportMetric(float64((cpuTime(b)-used).Milliseconds())/float64(b.N), "cpu-ms")
				b.ReportMetric(float64(s.calls.Load()-calls)/float64(b.N), "requests")
				b.ReportMetric(float64(len(planned)), "files")
				with := heap()
				runtime.KeepAlive(c)
				runtime.KeepAlive(planned)
				b.ReportMetric(float64(with-without)/1e6, "heap-MB")
			})
		}
	}
}

// cpuTime is what this process has used: on a busy machine it says more than the
// clock.
func cpuTime(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// heap is what is reachable, in bytes.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// modelFile has the statistics of a file of cloudtrail_logs with the sample's
// records.
func modelFile(tb testing.TB) catalog.DataFile {
	tb.Helper()
	names, err := filepath.Glob("../testdata/sample/AWSLogs/*/CloudTrail/*/*/*/*/*.json.gz")
	if err != nil || len(names) == 0 {
		tb.Fatalf("no sample: %v", err)
	}
	set, d := rowset.New(&rowset.Pool{}), cloudtrail.NewDecoder()
	set.Region, set.Date = "us-east-1", "2025-06-01"
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			tb.Fatal(err)
		}
		d.Reset(bytes.NewReader(data))
		for {
			rec, err := d.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				tb.Fatal(err)
			}
			set.Add(rec)
		}
	}
	w, err := rowset.NewWriter()
	if err != nil {
		tb.Fatal(err)
	}
	m, err := w.Write(io.Discard, set)
	if err != nil {
		tb.Fatal(err)
	}
	return catalog.DataFile{
		Records: m.Rows, Bytes: m.Bytes, SplitOffsets: m.SplitOffsets, ColumnSizes: m.ColumnSizes,
		ValueCounts: m.ValueCounts, NullCounts: m.NullCounts, LowerBounds: m.LowerBounds, UpperBounds: m.UpperBounds,
	}
}

// tableOf makes a warehouse whose cloudtrail_logs has so many files and no
// history.
func tableOf(tb testing.TB, s storage.Storage, model catalog.DataFile, files int) *catalog.Catalog {
	tb.Helper()
	c, err := catalog.Create(tb.Context(), "", catalog.Options{Storage: s, Retain: time.Nanosecond})
	if err == nil {
		err = c.Define(tb.Context(), tableSpecs()...)
	}
	if err != nil {
		tb.Fatal(err)
	}
	for n := 0; n < files; n += maxBatchFiles {
		commitFiles(tb, c, model, n, min(maxBatchFiles, files-n))
	}
	if err := c.Expire(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return opened(tb, s)
}

func opened(tb testing.TB, s storage.Storage) *catalog.Catalog {
	tb.Helper()
	c, err := catalog.Open(tb.Context(), "", catalog.Options{Storage: s})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func mustPlan(tb testing.TB, c *catalog.Catalog, p catalog.Predicate) []catalog.DataFile {
	tb.Helper()
	snapshot, err := c.Snapshot(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	t, err := snapshot.Table(LogsTable)
	if err != nil {
		tb.Fatal(err)
	}
	files, _, err := t.Plan(tb.Context(), p)
	if err != nil {
		tb.Fatal(err)
	}
	return files
}

// benchDay is the day of the n-th file.
func benchDay(n int) time.Time {
	return time.Date(2025, 1, 1+n/benchFilesPerDay, 0, 0, 0, 0, time.UTC)
}

// commitFiles adds the files from first on, and one to the ledger.
func commitFiles(tb testing.TB, c *catalog.Catalog, model catalog.DataFile, first, count int) {
	tb.Helper()
	id, err := c.Begin(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	logs := make([]catalog.DataFile, count)
	for i := range logs {
		day, region := benchDay(first+i), fmt.Sprintf("us-east-%d", (first+i)%benchRegions)
		date := day.Format(time.DateOnly)
		f := model
		f.Path = fmt.Sprintf("default/%s/data/region=%s/date=%s/%s-%05d.parquet", LogsTable, region, date, id, i)
		f.Partition = []string{region, date}
		// Each file has an hour.
		start := day.Add(time.Duration((first+i)%benchFilesPerDay/benchRegions) * 2 * time.Hour)
		f.LowerBounds, f.UpperBounds = maps.Clone(f.LowerBounds), maps.Clone(f.UpperBounds)
		f.LowerBounds[timestampID], f.UpperBounds[timestampID] = micros(start), micros(start.Add(time.Hour-time.Second))
		logs[i] = f
	}
	ledger := catalog.DataFile{Path: fmt.Sprintf("default/%s/data/%s-%05d.parquet", LedgerTable, id, count), Records: 1000, Bytes: 50_000, ValueCounts: map[int]int64{1: 1000}}
	if _, err := c.Commit(tb.Context(), catalog.Batch{ID: id, Changes: map[string]catalog.Change{
		LogsTable: {Add: logs}, LedgerTable: {Add: []catalog.DataFile{ledger}},
	}}); err != nil {
		tb.Fatal(err)
	}
}

// timestampID is the field id of the event time.
var timestampID = func() int {
	f, _ := logsSchema().FindFieldByName(cloudtrail.TimestampColumn)
	return f.ID
}()

func micros(t time.Time) []byte {
	return binary.LittleEndian.AppendUint64(nil, uint64(t.UnixMicro()))
}

// liveMetadata is the size of what the newest snapshots of all tables consist of,
// without data files, and the number of manifests of cloudtrail_logs: all that
// is left when whatever was before has expired.
func liveMetadata(tb testing.TB, c *catalog.Catalog) (size int64, manifests int) {
	tb.Helper()
	s := c.Storage()
	old, err := catalog.Open(tb.Context(), "", catalog.Options{Storage: s, Retain: time.Nanosecond})
	if err == nil {
		err = old.Expire(tb.Context())
	}
	if err != nil {
		tb.Fatal(err)
	}
	for o, err := range s.List(tb.Context(), "default") {
		if err != nil {
			tb.Fatal(err)
		}
		if strings.Contains(o.Name, "/metadata/") {
			size += o.Size
			if strings.Contains(o.Name, LogsTable) && strings.HasSuffix(o.Name, ".avro") && !strings.HasSuffix(o.Name, "-snapshot.avro") {
				manifests++
			}
		}
	}
	return size, manifests
}

// withHistory gives cloudtrail_logs so many snapshots: copies of its only one.
func withHistory(tb testing.TB, c *catalog.Catalog, s storage.Storage, snapshots int) *catalog.Catalog {
	tb.Helper()
	snapshot, err := c.Snapshot(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	for _, table := range []string{LogsTable, LedgerTable} {
		t, err := snapshot.Table(table)
		if err != nil {
			tb.Fatal(err)
		}
		name := strings.TrimPrefix(t.MetadataLocation(), c.Root()+"/")
		data, err := storage.ReadAll(tb.Context(), s, name)
		if err != nil {
			tb.Fatal(err)
		}
		var meta map[string]any
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		if err := d.Decode(&meta); err != nil {
			tb.Fatal(err)
		}
		for _, list := range []string{"snapshots", "snapshot-log"} {
			all := meta[list].([]any)
			last := all[len(all)-1].(map[string]any)
			var before []any
			for i := range snapshots - 1 {
				copied := maps.Clone(last)
				copied["snapshot-id"] = i + 1
				delete(copied, "parent-snapshot-id")
				before = append(before, copied)
			}
			meta[list] = slices.Concat(before, []any{last})
		}
		if data, err = json.Marshal(meta); err == nil {
			err = s.Put(tb.Context(), name, data)
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	return opened(tb, s)
}

// metered is a storage that counts calls and bytes.
type metered struct {
	storage.Storage
	calls, wrote, read atomic.Int64
}

func (m *metered) Open(ctx context.Context, name string) (storage.Reader, error) {
	m.calls.Add(1)
	r, err := m.Storage.Open(ctx, name)
	if err == nil {
		m.read.Add(r.Size())
	}
	return r, err
}

func (m *metered) Stat(ctx context.Context, name string) (storage.Object, error) {
	m.calls.Add(1)
	return m.Storage.Stat(ctx, name)
}

func (m *metered) PutNew(ctx context.Context, name string, data []byte) error {
	m.calls.Add(1)
	m.wrote.Add(int64(len(data)))
	return m.Storage.PutNew(ctx, name, data)
}

func (m *metered) Put(ctx context.Context, name string, data []byte) error {
	m.calls.Add(1)
	m.wrote.Add(int64(len(data)))
	return m.Storage.Put(ctx, name, data)
}

func (m *metered) Remove(ctx context.Context, name string) error {
	m.calls.Add(1)
	return m.Storage.Remove(ctx, name)
}
