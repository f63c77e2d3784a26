package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage/storagetest"
)

func TestOpenWithoutWarehouse(t *testing.T) {
	dir := t.TempDir()
	_, err := catalog.Open(t.Context(), dir, catalog.Options{})
	if !errors.Is(err, catalog.ErrNotExist) || !strings.Contains(err.Error(), "run trailql convert") {
		t.Errorf("Open = %v, want ErrNotExist with a hint", err)
	}
	if names, _ := os.ReadDir(dir); len(names) != 0 {
		t.Errorf("Open made %v", names)
	}
	if _, err := catalog.Create(t.Context(), dir, catalog.Options{}); err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Open(t.Context(), "file://"+dir, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if s := snapshot(t, c); s.Version() != 1 || len(s.Tables()) != 0 {
		t.Errorf("new warehouse: version %d, tables %v", s.Version(), s.Tables())
	}
}

func TestCommit(t *testing.T) {
	now := time.Date(2023, 7, 10, 12, 0, 0, 0, time.UTC)
	c := create(t, catalog.Options{Now: func() time.Time { return now }})
	before := snapshot(t, c)
	id := begin(t, c)
	one, err := newFile(t.Context(), c, id, "events", 10, "us-east-1", "2023-07-10")
	if err != nil {
		t.Fatal(err)
	}
	two, err := newFile(t.Context(), c, id, "events", 5, "", "2023-07-11")
	if err != nil {
		t.Fatal(err)
	}
	ledger, err := newFile(t.Context(), c, id, "files", 15)
	if err != nil {
		t.Fatal(err)
	}
	unused, err := newFile(t.Context(), c, id, "files", 15)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		one.Path:    "default/events/data/region=us-east-1/date=2023-07-10/" + id + "-00000.parquet",
		two.Path:    "default/events/data/region=__HIVE_DEFAULT_PARTITION__/date=2023-07-11/" + id + "-00001.parquet",
		ledger.Path: "default/files/data/" + id + "-00002.parquet",
	} {
		if file != want {
			t.Errorf("path %q, want %q", file, want)
		}
	}
	if files, _ := plan(t, snapshot(t, c), "events", catalog.Predicate{}); len(files) != 0 {
		t.Errorf("visible before the commit: %v", files)
	}
	one.LowerBounds = map[int][]byte{eventTimeField: micros("2023-07-10T00:00:00Z")}
	version, err := c.Commit(t.Context(), catalog.Batch{ID: id, Changes: map[string]catalog.Change{
		"events": {Add: []catalog.DataFile{one, two}},
		"files":  {Add: []catalog.DataFile{ledger}},
	}})
	if err != nil {
		t.Fatal(err)
	}

	for _, c := range []*catalog.Catalog{c, reopen(t, c, catalog.Options{})} {
		s := snapshot(t, c)
		if s.Version() != version || version != before.Version()+1 {
			t.Errorf("version %d, Commit said %d, before %d", s.Version(), version, before.Version())
		}
		if n := checkWhole(t, c, s); n != 15 {
			t.Errorf("%d records, want 15", n)
		}
		files, _ := plan(t, s, "events", catalog.Predicate{})
		slices.SortFunc(files, func(a, b catalog.DataFile) int { return strings.Compare(b.Path, a.Path) })
		one.LowerBounds = nil // a plan leaves the maps out
		if diff := cmp.Diff([]catalog.DataFile{one, two}, files); diff != "" {
			t.Errorf("planned files (-want +got):\n%s", diff)
		}
		events, err := s.Table("events")
		if err != nil {
			t.Fatal(err)
		}
		if got := events.CommittedAt(); !got.Equal(now) {
			t.Errorf("CommittedAt = %v, want %v", got, now)
		}
		if got, want := events.Stats(), (catalog.TableStats{Files: 2, Records: 15, Bytes: one.Bytes + two.Bytes}); got != want {
			t.Errorf("Stats = %+v, want %+v", got, want)
		}
		if got := events.Spec(); !slices.Equal(got, []string{"region", "date"}) {
			t.Errorf("Spec = %q", got)
		}
		if f, ok := events.Schema().FindFieldByName("eventtimestamp"); !ok || f.ID != eventTimeField {
			t.Errorf("field %+v: the declared id was not kept", f)
		}
		if _, err := os.Stat(events.MetadataLocation()); err != nil {
			t.Error(err)
		}
	}
	if files, _ := plan(t, before, "events", catalog.Predicate{}); len(files) != 0 {
		t.Errorf("the older snapshot changed: %v", files)
	}
	if _, err := os.Stat(filepath.Join(c.Root(), unused.Path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file that was not added is still there: %v", err)
	}
	checkNoOrphans(t, c)
	if _, err := c.Commit(t.Context(), catalog.Batch{ID: id}); err == nil {
		t.Error("a batch was committed twice")
	}
}

func TestCommitOfNothing(t *testing.T) {
	c := create(t, catalog.Options{})
	before := snapshot(t, c).Version()
	for name, changes := range map[string]map[string]catalog.Change{"no table": nil, "no change": {"events": {}}} {
		v, err := c.Commit(t.Context(), catalog.Batch{ID: begin(t, c), Changes: changes})
		if err != nil || v != before || snapshot(t, c).Version() != before {
			t.Errorf("%s: version %d, %v; want %d still", name, v, err, before)
		}
	}
	checkNoOrphans(t, c)
}

func TestCommitRefuses(t *testing.T) {
	c := create(t, catalog.Options{})
	ctx := t.Context()
	other := begin(t, c)
	foreign, err := newFile(ctx, c, other, "files", 1)
	if err != nil {
		t.Fatal(err)
	}
	id := begin(t, c)
	good, err := newFile(ctx, c, id, "files", 1)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(f *catalog.DataFile)) []catalog.DataFile {
		f := good
		change(&f)
		return []catalog.DataFile{f}
	}
	for _, tc := range []struct {
		name, table string
		add         []catalog.DataFile
	}{
		{"unknown table", "nothing", []catalog.DataFile{good}},
		{"another table's file", "events", with(func(f *catalog.DataFile) { f.Partition = []string{"a", "b"} })},
		{"another batch's file", "files", []catalog.DataFile{foreign}},
		{"file twice", "files", []catalog.DataFile{good, good}},
		{"too many partition values", "files", with(func(f *catalog.DataFile) { f.Partition = []string{"a"} })},
		{"no bytes", "files", with(func(f *catalog.DataFile) { f.Bytes = 0 })},
		{"negative records", "files", with(func(f *catalog.DataFile) { f.Records = -1 })},
	} {
		if _, err := c.Commit(ctx, catalog.Batch{ID: id, Changes: map[string]catalog.Change{tc.table: {Add: tc.add}}}); err == nil {
			t.Errorf("%s: committed", tc.name)
		}
	}
	if _, _, err := c.NewFile(ctx, id, "events", "only-region"); err == nil {
		t.Error("NewFile took too few partition values")
	}
	if _, _, err := c.NewFile(ctx, id, "nothing"); !errors.Is(err, catalog.ErrNotExist) {
		t.Errorf("NewFile for an unknown table = %v, want ErrNotExist", err)
	}
	if _, _, err := c.NewFile(ctx, "20230710T120000000Z-00000000", "files"); err == nil {
		t.Error("NewFile took an unknown batch")
	}
	// A refused commit leaves the batch open.
	if _, err := c.Commit(ctx, catalog.Batch{ID: id, Changes: map[string]catalog.Change{"files": {Add: []catalog.DataFile{good}}}}); err != nil {
		t.Error(err)
	}
}

func TestAbort(t *testing.T) {
	c := create(t, catalog.Options{})
	mustAdd(t, c, 1, "r", "2023-07-10")
	before := objects(t, c)
	id := begin(t, c)
	for i := range 5 {
		if _, err := newFile(t.Context(), c, id, "events", 10, fmt.Sprint("r", i), "2023-07-10"); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Abort(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, objects(t, c)); diff != "" {
		t.Errorf("objects (-before +after):\n%s", diff)
	}
	if err := c.Abort(t.Context(), id); err == nil {
		t.Error("a batch was aborted twice")
	}
}

func TestBatchIDsSortByTime(t *testing.T) {
	now := time.Date(2023, 7, 10, 23, 59, 59, 999_000_000, time.UTC)
	c := create(t, catalog.Options{Now: func() time.Time { now = now.Add(time.Millisecond); return now }})
	var ids []string
	for range 50 {
		ids = append(ids, begin(t, c))
	}
	if !slices.IsSorted(ids) {
		t.Errorf("ids do not sort: %q", ids)
	}
}

func TestReplace(t *testing.T) {
	c := create(t, catalog.Options{})
	for i := range 10 {
		mustAdd(t, c, 10, "us-east-1", fmt.Sprintf("2023-07-%02d", i%2+1))
	}
	old := snapshot(t, c)
	remove, _ := plan(t, old, "events", catalog.Predicate{From: day("2023-07-01"), To: day("2023-07-02")})
	if len(remove) != 5 {
		t.Fatalf("planned %d files, want 5", len(remove))
	}
	compact := func() error {
		id := begin(t, c)
		big, err := newFile(t.Context(), c, id, "events", 50, "us-east-1", "2023-07-01")
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Commit(t.Context(), catalog.Batch{ID: id, Changes: map[string]catalog.Change{
			"events": {Add: []catalog.DataFile{big}, Remove: remove},
		}})
		if err != nil {
			return errors.Join(err, c.Abort(t.Context(), id))
		}
		return nil
	}
	if err := compact(); err != nil {
		t.Fatal(err)
	}
	if n := checkWhole(t, c, snapshot(t, c)); n != 100 {
		t.Errorf("%d records, want 100", n)
	}
	if files, _ := plan(t, snapshot(t, c), "events", catalog.Predicate{}); len(files) != 6 {
		t.Errorf("%d files, want 6", len(files))
	}
	checkWhole(t, c, old)
	if err := compact(); !errors.Is(err, catalog.ErrConflict) {
		t.Errorf("removing the same files again = %v, want ErrConflict", err)
	}
	mustAdd(t, c, 1, "us-east-1", "2023-07-01")
	if n := checkWhole(t, c, snapshot(t, c)); n != 101 {
		t.Errorf("%d records, want 101", n)
	}
	checkNoOrphans(t, c)
}

// TestMerge checks that small commits do not make many manifests.
func TestMerge(t *testing.T) {
	c := create(t, catalog.Options{Storage: storagetest.NewMemory()})
	const commits = 3*catalog.MergeAt + 5
	for i := range commits {
		mustAdd(t, c, 1, "us-east-1", fmt.Sprintf("2023-07-%02d", i%28+1))
		if n := manifestCount(t, c, "events"); n > catalog.MergeAt+1 {
			t.Fatalf("%d manifests after %d commits", n, i+1)
		}
	}
	if n := checkWhole(t, c, snapshot(t, c)); n != commits {
		t.Errorf("%d records, want %d", n, commits)
	}
}

func manifestCount(t *testing.T, c *catalog.Catalog, table string) int {
	t.Helper()
	tab, err := snapshot(t, c).Table(table)
	if err != nil {
		t.Fatal(err)
	}
	n, err := catalog.CountManifests(t.Context(), tab)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestClockSetBack(t *testing.T) {
	now := time.Date(2023, 7, 10, 12, 0, 0, 0, time.UTC)
	c := create(t, catalog.Options{Now: func() time.Time { return now }})
	mustAdd(t, c, 1, "r", "2023-07-10")
	now = now.Add(-48 * time.Hour)
	mustAdd(t, c, 1, "r", "2023-07-10")
	if n := checkWhole(t, c, snapshot(t, c)); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
}

func TestMovedWarehouse(t *testing.T) {
	c := create(t, catalog.Options{})
	mustAdd(t, c, 1, "r", "2023-07-10")
	moved := filepath.Join(t.TempDir(), "moved")
	if err := os.Rename(c.Root(), moved); err != nil {
		t.Fatal(err)
	}
	c, err := catalog.Open(t.Context(), moved, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	mustAdd(t, c, 2, "r", "2023-07-10")
	if n := checkWhole(t, c, snapshot(t, c)); n != 3 {
		t.Errorf("%d records, want 3", n)
	}
	checkNoOrphans(t, c)
}

func TestDefine(t *testing.T) {
	c := create(t, catalog.Options{})
	mustAdd(t, c, 1, "r", "2023-07-10")
	before := snapshot(t, c)
	withField := func(fields ...iceberg.NestedField) catalog.TableSpec {
		s := eventsSpec()
		s.Schema = iceberg.NewSchema(0, append(s.Schema.Fields(), fields...)...)
		return s
	}
	structField := func(id int, members ...iceberg.NestedField) iceberg.NestedField {
		return iceberg.NestedField{ID: id, Name: "useridentity", Type: &iceberg.StructType{FieldList: members}}
	}
	text := func(id int, name string) iceberg.NestedField {
		return iceberg.NestedField{ID: id, Name: name, Type: iceberg.PrimitiveTypes.String}
	}
	if err := c.Define(t.Context(), filesSpec(), eventsSpec()); err != nil {
		t.Fatal(err)
	}
	if v := snapshot(t, c).Version(); v != before.Version() {
		t.Errorf("defining the same again made version %d of %d", v, before.Version())
	}

	for _, tc := range []struct {
		name string
		spec catalog.TableSpec
	}{
		{"bad name", catalog.TableSpec{Name: "../x", Schema: filesSpec().Schema}},
		{"no schema", catalog.TableSpec{Name: "x"}},
		{"unknown partition column", catalog.TableSpec{Name: "x", Schema: filesSpec().Schema, Partition: []string{"y"}}},
		{"unknown sort column", catalog.TableSpec{Name: "x", Schema: filesSpec().Schema, Sort: []string{"y"}}},
		{"partition by a number", catalog.TableSpec{Name: "x", Partition: []string{"n"},
			Schema: iceberg.NewSchema(0, iceberg.NestedField{ID: 1, Name: "n", Type: iceberg.PrimitiveTypes.Int64})}},
		{"column lost", catalog.TableSpec{Name: "events", Partition: []string{"region", "date"}, Sort: []string{"eventtimestamp"},
			Schema: iceberg.NewSchema(0, eventsSpec().Schema.Fields()[1:]...)}},
		{"column required", withField(iceberg.NestedField{ID: 9, Name: "x", Type: iceberg.PrimitiveTypes.String, Required: true})},
		{"other partition", func() catalog.TableSpec { s := eventsSpec(); s.Partition = []string{"date"}; return s }()},
		{"other sort order", func() catalog.TableSpec { s := eventsSpec(); s.Sort = nil; return s }()},
		{"other type", func() catalog.TableSpec {
			s := eventsSpec()
			fields := s.Schema.Fields()
			fields[0].Type = iceberg.PrimitiveTypes.Int64
			s.Schema = iceberg.NewSchema(0, fields...)
			return s
		}()},
	} {
		if err := c.Define(t.Context(), tc.spec); err == nil {
			t.Errorf("%s: defined", tc.name)
		}
	}
	if v := snapshot(t, c).Version(); v != before.Version() {
		t.Errorf("refused declarations made version %d of %d", v, before.Version())
	}

	grown := withField(structField(5, text(8, "type")))
	if err := c.Define(t.Context(), grown); err != nil {
		t.Fatal(err)
	}
	if err := c.Define(t.Context(), withField(structField(5, text(8, "type"), text(7, "arn")))); err == nil {
		t.Error("a field id that may have been used before was accepted")
	}
	deeper := withField(structField(5, text(9, "arn"), text(8, "type")))
	deeper.Properties["owner"] = "me"
	if err := c.Define(t.Context(), deeper); err != nil {
		t.Fatal(err)
	}
	if err := c.Define(t.Context(), grown); err == nil {
		t.Error("a struct member was lost")
	}
	mustAdd(t, c, 1, "r", "2023-07-10")
	s := snapshot(t, reopen(t, c, catalog.Options{}))
	if n := checkWhole(t, c, s); n != 2 {
		t.Errorf("%d records, want 2", n)
	}
	events, err := s.Table("events")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(deeper.Schema.String(), events.Schema().String()); diff != "" {
		t.Errorf("schema (-declared +stored):\n%s", diff)
	}
	checkNoOrphans(t, c)
}

func TestHivePath(t *testing.T) {
	for _, tc := range []struct{ value, want string }{
		{"us-east-1", "r=us-east-1"},
		{"", "r=__HIVE_DEFAULT_PARTITION__"},
		{"..", "r=.."},
		{"../../etc", "r=..%2F..%2Fetc"},
		{"a b%c\n\x1b[0m", "r=a%20b%25c%0A%1B%5B0m"},
		{"é\xff", "r=%C3%A9%FF"},
	} {
		if got := catalog.HivePath([]string{"r"}, []string{tc.value}); got != tc.want {
			t.Errorf("HivePath(%q) = %q, want %q", tc.value, got, tc.want)
		}
	}
}

func TestHostilePartition(t *testing.T) {
	c := create(t, catalog.Options{})
	values := []string{"../../../x", "a/b", "\x1b[31m", "é\xff", "%2F", "__HIVE_DEFAULT_PARTITION__", "  "}
	for _, v := range values {
		mustAdd(t, c, 1, v, "2023-07-10")
	}
	s := snapshot(t, reopen(t, c, catalog.Options{}))
	checkWhole(t, c, s)
	for _, v := range values {
		files, _ := plan(t, s, "events", catalog.Predicate{Regions: []string{v}})
		if len(files) != 1 || files[0].Partition[0] != v || !strings.HasPrefix(files[0].Path, "default/events/data/region=") {
			t.Errorf("region %q planned as %+v", v, files)
		}
	}
}

func TestLock(t *testing.T) {
	c := create(t, catalog.Options{})
	unlock, err := c.Lock(t.Context(), func(string) { t.Error("waited for a free lock") })
	if err != nil {
		t.Fatal(err)
	}
	other := reopen(t, c, catalog.Options{})
	ctx, cancel := context.WithCancel(t.Context())
	var holder string
	_, err = other.Lock(ctx, func(h string) { holder = h; cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("second Lock = %v, want context.Canceled", err)
	}
	if want := fmt.Sprintf("process %d", os.Getpid()); !strings.HasPrefix(holder, want) {
		t.Errorf("holder %q, want %q…", holder, want)
	}
	got := make(chan error)
	go func() {
		unlock2, err := other.Lock(t.Context(), func(string) { got <- unlock() })
		if err == nil {
			err = unlock2()
		}
		got <- err
	}()
	for range 2 {
		if err := <-got; err != nil {
			t.Error(err)
		}
	}
}

func day(s string) time.Time {
	d, err := time.Parse(time.DateOnly, s)
	if err != nil {
		panic(err)
	}
	return d
}

// TestCommitted: it is called behind each version, which is there by then.
func TestCommitted(t *testing.T) {
	var c *catalog.Catalog
	var seen []int64
	c = create(t, catalog.Options{})
	c = reopen(t, c, catalog.Options{Committed: func(context.Context) { seen = append(seen, snapshot(t, c).Version()) }})
	before := snapshot(t, c).Version()
	mustAdd(t, c, 1, "us-east-1", "2026-01-01")
	mustAdd(t, c, 1, "us-east-1", "2026-01-02")
	if err := c.Abort(t.Context(), begin(t, c)); err != nil {
		t.Fatal(err)
	}
	if want := []int64{before + 1, before + 2}; !slices.Equal(seen, want) {
		t.Errorf("seen %d, want %d", seen, want)
	}
}
