package catalog_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage/storagetest"
)

// TestExpire follows a warehouse through days of commits and compaction.
func TestExpire(t *testing.T) {
	start := time.Now().Add(time.Hour) // behind the times that the storage gives its objects
	now := start
	c := create(t, catalog.Options{
		Storage: storagetest.NewMemory(),
		Now:     func() time.Time { return now },
		Retain:  24 * time.Hour,
	})
	for i := range 10 {
		mustAdd(t, c, 1, "r", fmt.Sprintf("2023-07-%02d", i+1))
	}
	old := snapshot(t, c)

	now = start.AddDate(0, 0, 10) // the snapshot is old, but nobody has replaced it
	if err := c.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkWhole(t, c, old)
	if err := compactAll(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if err := c.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := checkWhole(t, c, old); n != 10 { // it was current until just now
		t.Errorf("%d records in the replaced snapshot, want 10", n)
	}
	now = now.Add(23 * time.Hour)
	if err := c.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkWhole(t, c, old)

	now = now.Add(2 * time.Hour)
	if err := c.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := checkWhole(t, c, snapshot(t, c)); n != 10 {
		t.Errorf("%d records, want 10", n)
	}
	data := slices.DeleteFunc(objects(t, c), func(n string) bool { return !strings.HasPrefix(n, "default/events/data/") })
	if len(data) != 1 {
		t.Errorf("data files %q, want the compacted one only", data)
	}
	checkNoOrphans(t, c)
	before := objects(t, c)
	if err := c.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(before, objects(t, c)) {
		t.Error("a second Expire changed something")
	}
}

func TestExpireKeepsNewestVersions(t *testing.T) {
	now := time.Now()
	c := create(t, catalog.Options{Storage: storagetest.NewMemory(), Now: func() time.Time { return now }})
	for range 3 * catalog.KeepVersions {
		mustAdd(t, c, 1, "r", "2023-07-01")
	}
	last := snapshot(t, c).Version()
	now = now.AddDate(1, 0, 0)
	if err := c.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	versions := slices.DeleteFunc(objects(t, c), func(n string) bool { return !strings.HasPrefix(n, "catalog/versions/") })
	if len(versions) != catalog.KeepVersions {
		t.Errorf("%d versions are left, want %d", len(versions), catalog.KeepVersions)
	}
	if v := snapshot(t, c).Version(); v != last+1 { // the expiry is a version too
		t.Errorf("version %d, want %d", v, last+1)
	}
}

// TestHint: whatever the hint says, the newest version is found.
func TestHint(t *testing.T) {
	m := storagetest.NewMemory()
	now := time.Now()
	o := catalog.Options{Storage: m, Now: func() time.Time { return now }}
	c := create(t, o)
	for range 2 * catalog.KeepVersions {
		mustAdd(t, c, 1, "r", "2023-07-01")
	}
	now = now.AddDate(1, 0, 0)
	if err := c.Expire(t.Context()); err != nil { // so that the first versions are gone
		t.Fatal(err)
	}
	want := snapshot(t, c).Version()
	for _, hint := range []string{"", "1", "20", fmt.Sprint(want), fmt.Sprint(want + 1), "999999", "-5", "x", "9999999999999999999999"} {
		if err := m.Put(t.Context(), "catalog/latest", []byte(hint)); err != nil {
			t.Fatal(err)
		}
		if got := snapshot(t, reopen(t, c, o)).Version(); got != want {
			t.Errorf("hint %q: version %d, want %d", hint, got, want)
		}
	}
	if err := m.Remove(t.Context(), "catalog/latest"); err != nil {
		t.Fatal(err)
	}
	if got := snapshot(t, reopen(t, c, o)).Version(); got != want {
		t.Errorf("no hint: version %d, want %d", got, want)
	}
}

// TestWriterThatSlept: a writer that loaded a version long ago must not put its
// own where expired versions were.
func TestWriterThatSlept(t *testing.T) {
	m := storagetest.NewMemory()
	now := time.Now()
	o := catalog.Options{Storage: m, Now: func() time.Time { return now }}
	c := create(t, o)
	mustAdd(t, c, 1, "r", "2023-07-01")
	sleeper := &sleeping{Storage: m}
	slow, err := catalog.Open(t.Context(), "", catalog.Options{Storage: sleeper, Now: o.Now})
	if err != nil {
		t.Fatal(err)
	}
	sleeper.beforeVersion = func() { // just before its version is stored, a year passes for the others
		for range 3 * catalog.KeepVersions {
			mustAdd(t, c, 1, "r", "2023-07-01")
		}
		now = now.AddDate(1, 0, 0)
		if err := c.Expire(t.Context()); err != nil {
			t.Error(err)
		}
	}
	mustAdd(t, slow, 1, "r", "2023-07-01")
	if n := checkWhole(t, c, snapshot(t, c)); n != 3*catalog.KeepVersions+2 {
		t.Errorf("%d records, want %d: a commit was lost", n, 3*catalog.KeepVersions+2)
	}
	checkNoOrphans(t, c)
}

// TestReadersKeepTheirSnapshot reads snapshots while commits, compaction and
// expiry go on.
func TestReadersKeepTheirSnapshot(t *testing.T) {
	m := storagetest.NewMemory()
	writer := create(t, catalog.Options{Storage: m})
	mustAdd(t, writer, 1, "r", "2023-07-01")
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			c := reopen(t, writer, catalog.Options{Storage: m})
			held := snapshot(t, c)
			want := checkWhole(t, c, held)
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				checkWhole(t, c, snapshot(t, c))
				again := reopen(t, writer, catalog.Options{Storage: m})
				if got := checkWhole(t, again, held); got != want {
					t.Errorf("the held snapshot has %d records, had %d", got, want)
				}
			}
		})
	}
	for range 10 {
		mustAdd(t, writer, 1, "r", "2023-07-01")
		if err := compactAll(t.Context(), writer); err != nil {
			t.Error(err)
		}
		if err := writer.Expire(t.Context()); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	readers.Wait()
}
