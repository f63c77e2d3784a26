//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
	"github.com/trailql/trailql/engine"
)

// watched is a bucket that notes which data files are opened.
type watched struct {
	*s3.Bucket
	delay time.Duration

	mu   sync.Mutex
	read []string
}

func (w *watched) Open(ctx context.Context, name string) (storage.Reader, error) {
	if strings.HasSuffix(name, ".parquet") {
		w.mu.Lock()
		w.read = append(w.read, name)
		w.mu.Unlock()
		time.Sleep(w.delay)
	}
	return w.Bucket.Open(ctx, name)
}

// opened is which data files were opened since the last call.
func (w *watched) opened() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	read := w.read
	w.read = nil
	slices.Sort(read)
	return read
}

// remoteSample is the warehouse of sample in a bucket.
func remoteSample(t *testing.T, server *s3test.Server) (*warehouse, *watched) {
	t.Helper()
	b := &watched{Bucket: server.Open(t, server.NewBucket(t)+"/ware house/it's=[here]")}
	w := newWarehouseAt(t, b.Root(), catalog.Options{Storage: b})
	for _, region := range []string{"eu-west-1", "us-east-1"} {
		for _, date := range []string{"2023-07-10", "2023-07-11"} {
			w.add(t, region, date, 24)
		}
	}
	b.opened()
	return w, b
}

// copies are the files below a folder.
func copies(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() && !strings.HasSuffix(name, ".lock") {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// A warehouse in a bucket answers as one in a folder; what is fetched of it is
// what a query needs, once.
func TestRemoteWarehouse(t *testing.T) {
	w, b := remoteSample(t, s3test.Start(t))
	cache := filepath.Join(t.TempDir(), "it's a [cache]", "a=b")
	if err := os.MkdirAll(filepath.Dir(cache), 0o777); err != nil {
		t.Fatal(err)
	}
	near, far := sample(t), open(t, w, Options{CacheDir: cache})
	for _, c := range []struct {
		sql     string
		fetched int
	}{
		{"SELECT count(*) FROM cloudtrail_logs WHERE region = 'none'", 0},
		{"SELECT count(*) FROM cloudtrail_logs WHERE region = 'us-east-1' AND date = '2023-07-10'", 1},
		{"SELECT count(*), max(eventid) FROM cloudtrail_logs WHERE region = 'us-east-1'", 1},
		{"SELECT count(*) FROM cloudtrail_logs WHERE date = '2023-07-10' AND region = 'us-east-1'", 0},
		{"SELECT region, date, eventname, count(*) FROM cloudtrail_logs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3", 2},
		{"SELECT a.eventid, b.region FROM cloudtrail_logs a JOIN cloudtrail_logs b ON a.eventid = b.eventid ORDER BY 1, 2", 0},
		{"SELECT count(*) FROM rejected_records", 0},
		{`SELECT region, date, record_count FROM "cloudtrail_logs$partitions" ORDER BY 1, 2`, 0},
		{"DESCRIBE cloudtrail_logs", 0},
	} {
		want, _, err := rowsOf(t, near, c.sql)
		if err != nil {
			t.Fatal(err)
		}
		got, _, err := rowsOf(t, far, c.sql)
		if err != nil {
			t.Errorf("%s: %v", c.sql, err)
			continue
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", c.sql, d)
		}
		if read := b.opened(); len(read) != c.fetched {
			t.Errorf("%s: opened %q, want %d files", c.sql, read, c.fetched)
		}
	}
	if held := copies(t, filepath.Join(cache, "held")); len(held) > 0 {
		t.Errorf("still held: %q", held)
	}

	paths, _, err := rowsOf(t, far, `SELECT file_path FROM "cloudtrail_logs$files"`)
	if err != nil || len(paths) != 4 || !strings.HasPrefix(paths[0], b.Root()+"/default/cloudtrail_logs/data/region=") {
		t.Errorf("files: %q, %v", paths, err)
	}
	ddl, _, err := rowsOf(t, far, "SHOW CREATE TABLE cloudtrail_logs")
	if err != nil || !strings.Contains(strings.Join(ddl, "\n"), "LOCATION '"+b.Root()+"/default/cloudtrail_logs/data'") {
		t.Errorf("ddl: %q, %v", ddl, err)
	}

	// Another engine finds the copies.
	if _, _, err := rowsOf(t, open(t, w, Options{CacheDir: cache}), "SELECT count(*) FROM cloudtrail_logs"); err != nil {
		t.Error(err)
	}
	if read := b.opened(); len(read) > 0 {
		t.Errorf("opened %q again", read)
	}
	// A commit makes new files; the old ones stay.
	w.add(t, "us-east-1", "2023-07-12", 24)
	rows, _, err := rowsOf(t, far, "SELECT count(*) FROM cloudtrail_logs")
	if read := b.opened(); err != nil || len(rows) != 1 || rows[0] != "120" || len(read) != 1 {
		t.Errorf("after a commit: %q, opened %q, %v", rows, read, err)
	}
}

// What may not be read is not fetched, and a file that is not the committed one
// is no answer.
func TestRemoteRefuses(t *testing.T) {
	w, b := remoteSample(t, s3test.Start(t))
	if _, err := Open(t.Context(), Options{Catalog: w.Catalog}); err == nil {
		t.Error("without a folder for copies: no error")
	}
	cache := t.TempDir()
	e := open(t, w, Options{CacheDir: cache})
	_, err := e.Query(t.Context(), engine.Query{SQL: "SELECT * FROM cloudtrail_logs", Limits: engine.Limits{Scan: 10}})
	if !errors.Is(err, engine.ErrLimit) {
		t.Errorf("limit: %v", err)
	}
	if read := b.opened(); len(read) > 0 {
		t.Errorf("opened %q beyond the limit", read)
	}

	paths, _, err := rowsOf(t, e, `SELECT file_path FROM "cloudtrail_logs$files" ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(paths[0], b.Root()+"/")
	whole, err := storage.ReadAll(t.Context(), b, name)
	if err != nil {
		t.Fatal(err)
	}
	other, err := storage.ReadAll(t.Context(), b, strings.TrimPrefix(paths[1], b.Root()+"/"))
	if err != nil {
		t.Fatal(err)
	}
	damaged := slices.Clone(whole)
	for i := len(damaged) - 300; i < len(damaged)-200; i++ {
		damaged[i] ^= 0xff
	}
	fewer := slices.Clone(whole)
	copy(fewer, "PARX")
	for what, content := range map[string][]byte{
		"cut": whole[:len(whole)/2], "footer": damaged, "magic": fewer[:len(fewer)-4], "longer": append(slices.Clone(other), 0), "empty": {},
	} {
		if err := b.Put(t.Context(), name, content); err != nil {
			t.Fatal(err)
		}
		if rows, _, err := rowsOf(t, e, "SELECT count(*) FROM cloudtrail_logs"); err == nil {
			t.Errorf("%s: %q", what, rows)
		} else if _, ok := errors.AsType[*engine.SQLError](err); ok {
			t.Errorf("%s: %v is an error of the statement", what, err)
		}
	}
	if err := b.Remove(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	if _, _, err := rowsOf(t, e, "SELECT count(*) FROM cloudtrail_logs"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("gone: %v", err)
	}
	if err := b.Put(t.Context(), name, whole); err != nil {
		t.Fatal(err)
	}
	if rows, _, err := rowsOf(t, e, "SELECT count(*) FROM cloudtrail_logs"); err != nil || rows[0] != "96" {
		t.Errorf("healed: %q, %v", rows, err)
	}
}

// DuckDB may read what a query holds, not what the cache has.
func TestRemoteSandbox(t *testing.T) {
	w, _ := remoteSample(t, s3test.Start(t))
	cache := t.TempDir()
	e := open(t, w, Options{CacheDir: cache})
	if _, _, err := rowsOf(t, e, "SELECT count(*) FROM cloudtrail_logs"); err != nil {
		t.Fatal(err)
	}
	kept := copies(t, filepath.Join(cache, "files"))
	if len(kept) != 4 {
		t.Fatalf("kept %q", kept)
	}
	c, err := e.(*local).db.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	for _, name := range append(kept, filepath.Join(cache, "files", "*", "*"), "s3://bucket/x.parquet", "http://127.0.0.1/x.parquet") {
		err := c.exec("SELECT * FROM read_parquet(" + quoteText(name) + ")")
		if err == nil || !strings.Contains(err.Error(), "Permission") && !strings.Contains(err.Error(), "disabled") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A cancelled query leaves nothing behind, and says that it was cancelled.
func TestRemoteCancel(t *testing.T) {
	server := s3test.Start(t)
	w, b := remoteSample(t, server)
	proxy := server.NewProxy(t, nil)
	far, err := catalog.Open(t.Context(), b.Root(), catalog.Options{Storage: proxy.Open(t, b.Root())})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { far.Close() })
	cache := t.TempDir()
	e := open(t, &warehouse{Catalog: far, writer: w.writer}, Options{CacheDir: cache})
	if _, _, err := rowsOf(t, e, "SHOW TABLES"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	fetching := make(chan struct{})
	go func() { <-fetching; cancel() }()
	proxy.Use(func(n int64, _ *http.Request) s3test.Fault {
		if n == 3 {
			close(fetching)
		}
		return s3test.Busy
	})
	if _, err := e.Query(ctx, engine.Query{SQL: "SELECT count(*) FROM cloudtrail_logs"}); !errors.Is(err, engine.ErrCanceled) {
		t.Errorf("cancelled: %v", err)
	}
	proxy.Use(s3test.Random(1, 0.4, s3test.Recoverable...))
	if rows, _, err := rowsOf(t, e, "SELECT count(*) FROM cloudtrail_logs"); err != nil || rows[0] != "96" {
		t.Errorf("with faults: %q, %v", rows, err)
	}
	if held := copies(t, filepath.Join(cache, "held")); len(held) > 0 {
		t.Errorf("still held: %q", held)
	}
}

func TestRemoteProgress(t *testing.T) {
	server := s3test.Start(t)
	w, b := remoteSample(t, server)
	b.delay = 2 * progressInterval
	e := open(t, w, Options{CacheDir: t.TempDir()})
	var mu sync.Mutex
	var told []engine.Progress
	r, err := e.Query(t.Context(), engine.Query{SQL: "SELECT count(*) FROM cloudtrail_logs", Progress: func(p engine.Progress) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, p)
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	mu.Lock()
	defer mu.Unlock()
	if !slices.ContainsFunc(told, func(p engine.Progress) bool { return p.FetchTotal > 0 }) {
		t.Errorf("nothing was told of the fetching: %+v", told)
	}
	for _, p := range told {
		if p.FetchTotal > 0 && (p.Fetched > p.FetchTotal || p.FetchTotal != p.Stats.Bytes || p.Stats.Files != 4) {
			t.Errorf("%+v", p)
		}
	}
}
