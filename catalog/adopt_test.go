package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/metadata"
	"github.com/trailql/trailql/catalog/storage/storagetest"
)

// engine is another engine that writes to the tables.
type engine struct {
	t       *testing.T
	c       *catalog.Catalog
	commits int
	at      map[string]string // locations of metadata, by table
}

// openTables is one that has read the tables as they are.
func openTables(t *testing.T, c *catalog.Catalog) *engine {
	t.Helper()
	e := &engine{t: t, c: c, at: map[string]string{}}
	s := snapshot(t, c)
	for _, name := range s.Tables() {
		e.at[name] = table(t, s, name).RegisteredLocation()
	}
	return e
}

func table(t *testing.T, s *catalog.Snapshot, name string) *catalog.Table {
	t.Helper()
	found, err := s.Table(name)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// commit adds a file of some records.
func (e *engine) commit(op metadata.Operation, tableName string, records int64, partition ...string) {
	e.t.Helper()
	e.commits++
	name := fmt.Sprintf("%05d-3f2504e0-4f89-41d3-9a0c-0305e82c33%02d", e.commits, len(tableName))
	folder := "default/" + tableName + "/data"
	if len(partition) > 0 {
		folder += "/region=" + partition[0] + "/date=" + partition[1]
	}
	f := catalog.DataFile{Path: folder + "/" + name + ".parquet", Partition: partition, Records: records, Bytes: 4}
	if err := e.c.Storage().Put(e.t.Context(), f.Path, []byte("rows")); err != nil {
		e.t.Fatal(err)
	}
	at, err := catalog.AppendAs(e.t.Context(), table(e.t, snapshot(e.t, e.c), tableName), e.at[tableName], name, op, f)
	if err != nil {
		e.t.Fatal(err)
	}
	e.at[tableName] = at
}

func adopt(t *testing.T, e *engine, want map[string]int64) {
	t.Helper()
	got, err := e.c.Adopt(t.Context(), e.at)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Errorf("adopted %v, want %v", got, want)
	}
	for name, n := range want {
		if got[name].Records != n {
			t.Errorf("adopted %v, want %v", got, want)
		}
	}
	s := snapshot(t, reopen(t, e.c, catalog.Options{Storage: e.c.Storage()}))
	for name, at := range e.at {
		if !table(t, s, name).HasRegistered(at) {
			t.Errorf("%s does not count as one of ours", at)
		}
	}
}

func countRecords(t *testing.T, c *catalog.Catalog, table string) (n int64) {
	t.Helper()
	files, stats := plan(t, snapshot(t, c), table, catalog.Predicate{})
	for _, f := range files {
		n += f.Records
	}
	if stats.RecordsTotal != n {
		t.Errorf("%d records in total, %d in the files", stats.RecordsTotal, n)
	}
	return n
}

func TestAdopt(t *testing.T) {
	c := create(t, catalog.Options{Storage: storagetest.NewMemory()})
	mustAdd(t, c, 1, "r", "2023-07-01")
	e := openTables(t, c)
	adopt(t, e, nil)
	e.commit(metadata.OpAppend, "events", 10, "r", "2023-07-01")
	e.commit(metadata.OpAppend, "events", 100, "r", "2023-07-02")
	e.commit(metadata.OpAppend, "files", 5)
	before := snapshot(t, c).Version()
	adopt(t, e, map[string]int64{"events": 110, "files": 5})
	if v := snapshot(t, c).Version(); v != before+1 {
		t.Errorf("version %d behind %d", v, before)
	}
	adopt(t, e, nil)
	if n := countRecords(t, c, "events"); n != 111 {
		t.Errorf("%d events", n)
	}
	if files, _ := plan(t, snapshot(t, c), "events", catalog.Predicate{From: day("2023-07-02")}); len(files) != 1 || files[0].Records != 100 {
		t.Errorf("planned %v", files)
	}

	// It goes on from its own commits: what was adopted was not registered.
	e.commit(metadata.OpAppend, "events", 1000, "r", "2023-07-01")
	adopt(t, e, map[string]int64{"events": 1000})
	// And from ours.
	e = openTables(t, c)
	e.commits = 10
	e.commit(metadata.OpAppend, "events", 10_000, "r", "2023-07-01")
	adopt(t, e, map[string]int64{"events": 10_000})
	if n := countRecords(t, c, "events"); n != 11_111 {
		t.Errorf("%d events", n)
	}
	checkNoMarkers(t, c)
}

// TestAdoptBesideOurs: both have gone on.
func TestAdoptBesideOurs(t *testing.T) {
	for _, tt := range []struct {
		name   string
		first  bool // there are rows before
		change func(t *testing.T, c *catalog.Catalog)
		fails  bool
	}{
		{"another partition", true, func(t *testing.T, c *catalog.Catalog) { mustAdd(t, c, 1, "r", "2023-07-02") }, false},
		{"the same partition", true, func(t *testing.T, c *catalog.Catalog) { mustAdd(t, c, 1, "r", "2023-07-01") }, true},
		{"the same partition, of a table that was empty", false, func(t *testing.T, c *catalog.Catalog) { mustAdd(t, c, 1, "r", "2023-07-01") }, true},
		{"compaction", true, func(t *testing.T, c *catalog.Catalog) {
			if err := compactAll(t.Context(), c); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := create(t, catalog.Options{Storage: storagetest.NewMemory()})
			if tt.first {
				mustAdd(t, c, 1, "r", "2023-07-01")
				mustAdd(t, c, 1, "r", "2023-07-01")
			}
			e := openTables(t, c)
			e.commit(metadata.OpAppend, "events", 10, "r", "2023-07-01")
			e.commit(metadata.OpAppend, "files", 10)
			tt.change(t, c)
			before, version := countRecords(t, c, "events"), snapshot(t, c).Version()
			_, err := c.Adopt(t.Context(), e.at, "files")
			if failed := errors.Is(err, catalog.ErrNotAdoptable); failed != tt.fails || !failed && err != nil {
				t.Fatal(err)
			}
			want := before + 10
			if tt.fails {
				want = before
				if v := snapshot(t, c).Version(); v != version {
					t.Errorf("version %d behind %d", v, version)
				}
			}
			if n := countRecords(t, c, "events"); n != want {
				t.Errorf("%d events, want %d", n, want)
			}
		})
	}
}

func TestAdoptRefuses(t *testing.T) {
	now := time.Now().Add(time.Hour)
	c := create(t, catalog.Options{Storage: storagetest.NewMemory(), Now: func() time.Time { return now }})
	mustAdd(t, c, 1, "r", "2023-07-01")
	for _, op := range []metadata.Operation{metadata.OpReplace, metadata.OpOverwrite, metadata.OpDelete} {
		e := openTables(t, c)
		e.commits = len(op) // a name of its own
		e.commit(op, "events", 10, "r", "2023-07-01")
		if _, err := c.Adopt(t.Context(), e.at); !errors.Is(err, catalog.ErrNotAdoptable) || !strings.Contains(err.Error(), string(op)) {
			t.Errorf("%s: %v", op, err)
		}
	}
	e := openTables(t, c)
	e.commits = 40
	e.commit(metadata.OpAppend, "files", 10)
	mustAdd(t, c, 1, "r", "2023-07-01")
	if _, err := c.Adopt(t.Context(), e.at); !errors.Is(err, catalog.ErrNotAdoptable) { // rows could be there twice
		t.Error(err)
	}
	e = openTables(t, c)
	if _, err := c.Adopt(t.Context(), map[string]string{"events": "file:///elsewhere/metadata/00001-3f2504e0-4f89-41d3-9a0c-0305e82c3300.metadata.json"}); !errors.Is(err, catalog.ErrNotAdoptable) {
		t.Error(err)
	}
	e.commits = 50
	e.commit(metadata.OpAppend, "events", 10, "r", "2023-07-01")
	now = now.AddDate(0, 0, 2)
	mustAdd(t, c, 1, "r", "2023-07-02")
	now = now.AddDate(0, 0, 2)
	if err := c.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Adopt(t.Context(), e.at); !errors.Is(err, catalog.ErrNotAdoptable) || !strings.Contains(err.Error(), "expired here") {
		t.Error(err)
	}
	checkNoMarkers(t, c)
}

func checkNoMarkers(t *testing.T, c *catalog.Catalog) {
	t.Helper()
	left := slices.DeleteFunc(objects(t, c), func(n string) bool { return !strings.HasPrefix(n, "catalog/batches/") })
	if len(left) > 0 {
		t.Errorf("markers %q", left)
	}
}

// TestAdoptedFilesExpire: files of other names go when nobody reads them any more.
func TestAdoptedFilesExpire(t *testing.T) {
	now := time.Now().Add(time.Hour)
	c := create(t, catalog.Options{Storage: storagetest.NewMemory(), Now: func() time.Time { return now }})
	mustAdd(t, c, 1, "r", "2023-07-01")
	e := openTables(t, c)
	e.commit(metadata.OpAppend, "events", 10, "r", "2023-07-01")
	adopt(t, e, map[string]int64{"events": 10})
	foreign := func() int {
		return len(slices.DeleteFunc(objects(t, c), func(n string) bool {
			return !strings.HasPrefix(n, "default/events/data/") || catalog.BatchOf(n) != ""
		}))
	}
	for _, step := range []struct {
		do   func(context.Context, *catalog.Catalog) error
		want int
	}{
		{func(context.Context, *catalog.Catalog) error { return nil }, 1},
		{compactAll, 1},
		{func(ctx context.Context, c *catalog.Catalog) error {
			now = now.Add(25 * time.Hour)
			return c.Expire(ctx)
		}, 0},
	} {
		if err := step.do(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		if n := foreign(); n != step.want {
			t.Errorf("%d files of the other engine, want %d", n, step.want)
		}
	}
	if n := countRecords(t, c, "events"); n != 11 {
		t.Errorf("%d events", n)
	}
}
