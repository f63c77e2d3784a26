package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/storagetest"
)

// scenario is something a writer does that may fail at any operation.
type scenario struct {
	name string
	do   func(t *testing.T, c *catalog.Catalog) error
	want int64 // records once it is done
}

func scenarios() []scenario {
	return []scenario{
		{"append", func(t *testing.T, c *catalog.Catalog) error {
			return addBatch(t.Context(), c, 7, "us-east-1", "2023-07-12")
		}, faultRecords + 7},
		{"compact", func(t *testing.T, c *catalog.Catalog) error {
			return compactDay(t, c, "2023-07-10")
		}, faultRecords},
		{"define", func(t *testing.T, c *catalog.Catalog) error {
			other := filesSpec()
			other.Name = "more_files"
			return c.Define(t.Context(), other)
		}, faultRecords},
		{"expire", func(t *testing.T, c *catalog.Catalog) error {
			return c.Expire(t.Context())
		}, faultRecords},
	}
}

const faultRecords = 9

// late is the clock of the scenarios: by then there is something to expire.
func late() time.Time { return time.Now().Add(48 * time.Hour) }

// faultWarehouse is about to merge its manifests, has files to compact and a
// snapshot to expire, and no more than that, because it is used very often.
func faultWarehouse(t *testing.T) *storagetest.Memory {
	m := storagetest.NewMemory()
	c, err := catalog.Create(t.Context(), "", catalog.Options{Storage: m, Now: late})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Define(t.Context(), eventsSpec(), filesSpec()); err != nil {
		t.Fatal(err)
	}
	add := func(n int) {
		for i := range n {
			mustAdd(t, c, 1, "us-east-1", fmt.Sprintf("2023-07-%02d", 10+i%2))
		}
	}
	add(4)
	if err := compactDay(t, c, "2023-07-11"); err != nil {
		t.Fatal(err)
	}
	add(4)
	later, err := catalog.Open(t.Context(), "", catalog.Options{
		Storage: m, Now: func() time.Time { return late().Add(48 * time.Hour) },
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := later.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	add(faultRecords - 8)
	if n := manifestCount(t, c, "events"); n != catalog.MergeAt {
		t.Fatalf("%d manifests, not just before a merge", n)
	}
	return m
}

// compactDay makes one file of all the files of a day.
func compactDay(t *testing.T, c *catalog.Catalog, date string) error {
	ctx := t.Context()
	s, err := c.Snapshot(ctx)
	if err != nil {
		return err
	}
	events, err := s.Table("events")
	if err != nil {
		return err
	}
	remove, stats, err := events.Plan(ctx, catalog.Predicate{From: day(date), To: day(date).AddDate(0, 0, 1)})
	if err != nil || len(remove) == 1 {
		return err
	}
	id, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	big, err := newFile(ctx, c, id, "events", stats.Records, "us-east-1", date)
	if err != nil {
		return err
	}
	_, err = c.Commit(ctx, catalog.Batch{ID: id, Changes: map[string]catalog.Change{
		"events": {Add: []catalog.DataFile{big}, Remove: remove},
	}})
	return err
}

// TestFailureAtEveryOperation lets the k-th operation of a storage fail, for
// every k, and as a process would that then stops: whatever k is, the warehouse
// shows the old or the new state, whole; the next process repairs it and does
// the work again, and then it is as if nothing had happened.
func TestFailureAtEveryOperation(t *testing.T) {
	base := faultWarehouse(t)
	open := func(s storage.Storage) (*catalog.Catalog, error) {
		return catalog.Open(context.Background(), "", catalog.Options{Storage: s, Now: func() time.Time { return late().AddDate(0, 1, 0) }})
	}
	for _, sc := range scenarios() {
		for mode, o := range map[string]storagetest.FaultOptions{
			"write once":        {Ops: storagetest.Mutations},
			"write from then":   {Ops: storagetest.Mutations, Stay: true},
			"write answer lost": {Ops: storagetest.Mutations, Lost: true},
			"read once":         {Ops: storagetest.Reads},
		} {
			t.Run(sc.name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				failures, step := 0, int64(1)
				if testing.Short() {
					step = 13
				}
				for k := int64(1); ; k += step {
					inner := base.Clone()
					o.At = k
					fault := storagetest.NewFault(inner, o)
					c, err := open(fault)
					if err == nil {
						err = sc.do(t, c)
					}
					if err != nil && !errors.Is(err, syscall.ENOSPC) {
						t.Fatalf("operation %d (%s): error %v does not say ENOSPC", k, fault.Failed(), err)
					}
					if err != nil {
						failures++
					}
					checkRecovery(t, open, inner, sc, err == nil)
					if t.Failed() {
						t.Fatalf("operation %d (%s) failed with: %v", k, fault.Failed(), err)
					}
					if fault.Failed() == "" {
						break // there is no k-th operation
					}
				}
				if failures == 0 {
					t.Error("no failure was seen")
				}
			})
		}
	}
}

func checkRecovery(t *testing.T, open func(storage.Storage) (*catalog.Catalog, error), s storage.Storage, sc scenario, done bool) {
	t.Helper()
	c, err := open(s)
	if err != nil {
		t.Fatal(err)
	}
	n := checkWhole(t, c, snapshot(t, c))
	switch {
	case n == sc.want:
	case n == faultRecords && !done:
	default:
		t.Errorf("%d records are neither the old %d nor the new %d (done: %v)", n, faultRecords, sc.want, done)
	}
	if _, err := c.Repair(t.Context()); err != nil {
		t.Errorf("Repair = %v", err)
	}
	checkNoOrphans(t, c)
	if n != sc.want || sc.want == faultRecords { // those that change no record are done again in any case
		if err := sc.do(t, c); err != nil {
			t.Errorf("doing it again = %v", err)
		}
	}
	if n := checkWhole(t, c, snapshot(t, c)); n != sc.want {
		t.Errorf("%d records in the end, want %d", n, sc.want)
	}
	checkNoOrphans(t, c)
	if stats, err := c.Repair(t.Context()); err != nil || stats != (catalog.RepairStats{}) {
		t.Errorf("nothing to repair: %+v, %v", stats, err)
	}
}

// TestCommitOfUnknownOutcome: the version was stored, but the writer could not
// learn of it.
func TestCommitOfUnknownOutcome(t *testing.T) {
	for _, then := range []string{"commit again", "abort"} {
		t.Run(then, func(t *testing.T) {
			s := &cutOff{Storage: storagetest.NewMemory()}
			c := create(t, catalog.Options{Storage: s})
			id := begin(t, c)
			b := catalog.Batch{ID: id, Changes: map[string]catalog.Change{}}
			for table, partition := range map[string][]string{"events": {"r", "2023-07-10"}, "files": nil} {
				f, err := newFile(t.Context(), c, id, table, 5, partition...)
				if err != nil {
					t.Fatal(err)
				}
				b.Changes[table] = catalog.Change{Add: []catalog.DataFile{f}}
			}
			s.armed = true
			if _, err := c.Commit(t.Context(), b); !errors.Is(err, syscall.ETIMEDOUT) {
				t.Fatalf("Commit = %v, want ETIMEDOUT", err)
			}
			s.down = false
			want := snapshot(t, c).Version()
			switch then {
			case "commit again":
				if v, err := c.Commit(t.Context(), b); v != want || err != nil {
					t.Errorf("second Commit = %d, %v, want %d", v, err, want)
				}
			case "abort":
				if err := c.Abort(t.Context(), id); err != nil {
					t.Error(err)
				}
			}
			if n := checkWhole(t, c, snapshot(t, c)); n != 5 {
				t.Errorf("%d records, want 5", n)
			}
			checkNoOrphans(t, c)
		})
	}
}
