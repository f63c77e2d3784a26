package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/storagetest"
)

// delayed is a storage on which the write of a version gets stuck somewhere on
// the way, and arrives when the test says so.
type delayed struct {
	*storagetest.Memory
	armed  bool
	arrive func() error
}

func (s *delayed) PutNew(ctx context.Context, name string, data []byte) error {
	if s.armed && isVersion(name) {
		s.armed = false
		s.arrive = func() error { return s.Memory.PutNew(ctx, name, data) }
		return fmt.Errorf("put %q: timeout: %w", name, storage.ErrUnknown)
	}
	return s.Memory.PutNew(ctx, name, data)
}

// TestCommitThatArrivesLate: whatever happens between the failure of a commit
// and the arrival of its version, the version is never one whose files have been
// removed meanwhile.
func TestCommitThatArrivesLate(t *testing.T) {
	for _, c := range []struct {
		name string
		// between what the writer has seen to fail and its arrival
		do      func(t *testing.T, c *catalog.Catalog, b catalog.Batch)
		arrives error // as the storage answers to nobody
		records int64
	}{
		{"at once", func(*testing.T, *catalog.Catalog, catalog.Batch) {}, nil, 5},
		{"aborted", func(t *testing.T, c *catalog.Catalog, b catalog.Batch) {
			if err := c.Abort(t.Context(), b.ID); err != nil {
				t.Error(err)
			}
		}, storage.ErrExist, 0},
		{"committed again", func(t *testing.T, c *catalog.Catalog, b catalog.Batch) {
			if _, err := c.Commit(t.Context(), b); err != nil {
				t.Error(err)
			}
		}, storage.ErrExist, 5},
		{"repaired by another process", func(t *testing.T, c *catalog.Catalog, b catalog.Batch) {
			other, err := catalog.Open(t.Context(), "", catalog.Options{Storage: c.Storage()})
			if err != nil {
				t.Fatal(err)
			}
			if stats, err := other.Repair(t.Context()); err != nil || stats.Batches != 1 {
				t.Errorf("Repair = %+v, %v", stats, err)
			}
		}, storage.ErrExist, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &delayed{Memory: storagetest.NewMemory()}
			w := create(t, catalog.Options{Storage: s})
			id := begin(t, w)
			b := catalog.Batch{ID: id, Changes: map[string]catalog.Change{}}
			for table, partition := range map[string][]string{"events": {"r", "2023-07-10"}, "files": nil} {
				f, err := newFile(t.Context(), w, id, table, 5, partition...)
				if err != nil {
					t.Fatal(err)
				}
				b.Changes[table] = catalog.Change{Add: []catalog.DataFile{f}}
			}
			s.armed = true
			if _, err := w.Commit(t.Context(), b); !errors.Is(err, storage.ErrUnknown) {
				t.Fatalf("Commit = %v, want ErrUnknown", err)
			}
			c.do(t, w, b)
			if err := s.arrive(); !errors.Is(err, c.arrives) {
				t.Errorf("the late write = %v, want %v", err, c.arrives)
			}
			again, err := catalog.Open(t.Context(), "", catalog.Options{Storage: s})
			if err != nil {
				t.Fatal(err)
			}
			if n := checkWhole(t, again, snapshot(t, again)); n != c.records {
				t.Errorf("%d records, want %d", n, c.records)
			}
			mustAdd(t, again, 1, "r", "2023-07-10")
			if _, err := again.Repair(t.Context()); err != nil {
				t.Error(err)
			}
			if n := checkWhole(t, again, snapshot(t, again)); n != c.records+1 {
				t.Errorf("%d records in the end, want %d", n, c.records+1)
			}
		})
	}
}

// beginning is a storage on which somebody begins a batch while Repair lists
// the tables.
type beginning struct {
	*storagetest.Memory
	begin func()
}

func (s *beginning) List(ctx context.Context, prefix string) iter.Seq2[storage.Object, error] {
	if do := s.begin; do != nil && prefix == "default" {
		s.begin = nil
		do()
	}
	return s.Memory.List(ctx, prefix)
}

func TestRepairLeavesBatchesThatBeginMeanwhile(t *testing.T) {
	s := &beginning{Memory: storagetest.NewMemory()}
	c := create(t, catalog.Options{Storage: s})
	dead := begin(t, c)
	if _, err := newFile(t.Context(), c, dead, "files", 1); err != nil {
		t.Fatal(err)
	}
	other, err := catalog.Open(t.Context(), "", catalog.Options{Storage: s.Memory})
	if err != nil {
		t.Fatal(err)
	}
	live := catalog.Batch{Changes: map[string]catalog.Change{}}
	s.begin = func() {
		live.ID = begin(t, other)
		for table, partition := range map[string][]string{"events": {"r", "2023-07-10"}, "files": nil} {
			f, err := newFile(t.Context(), other, live.ID, table, 5, partition...)
			if err != nil {
				t.Fatal(err)
			}
			live.Changes[table] = catalog.Change{Add: []catalog.DataFile{f}}
		}
	}
	if stats, err := c.Repair(t.Context()); err != nil || stats.Batches != 1 || stats.Objects != 1 {
		t.Errorf("Repair = %+v, %v, want one file of one batch removed", stats, err)
	}
	if _, err := other.Commit(t.Context(), live); err != nil {
		t.Errorf("Commit of the batch that began meanwhile = %v", err)
	}
	if n := checkWhole(t, c, snapshot(t, c)); n != 5 {
		t.Errorf("%d records, want 5", n)
	}
	checkNoOrphans(t, c)
}
