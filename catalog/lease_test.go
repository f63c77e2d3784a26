package catalog_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/storagetest"
)

// shared opens another catalog on the same storage, as another machine would.
func shared(t *testing.T, s storage.Storage, lease time.Duration) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Create(t.Context(), "", catalog.Options{Storage: s, Lease: lease})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Define(t.Context(), eventsSpec(), filesSpec()); err != nil {
		t.Fatal(err)
	}
	return c
}

func lock(t *testing.T, c *catalog.Catalog) (unlock func() error) {
	t.Helper()
	unlock, err := c.Lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return unlock
}

func TestLeaseIsOfOneAtATime(t *testing.T) {
	m := storagetest.NewMemory()
	var holders, records atomic.Int64
	var wg sync.WaitGroup
	for range 5 {
		c := shared(t, m, time.Minute)
		wg.Go(func() {
			for range 3 {
				unlock, err := c.Lock(t.Context(), nil)
				if err != nil {
					t.Error(err)
					return
				}
				if n := holders.Add(1); n != 1 {
					t.Errorf("%d hold the lock", n)
				}
				if err := addBatch(t.Context(), c, 1, "r", "2023-07-10"); err != nil {
					t.Error(err)
				}
				records.Add(1)
				holders.Add(-1)
				if err := unlock(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	c := shared(t, m, time.Minute)
	if n := checkWhole(t, c, snapshot(t, c)); n != records.Load() {
		t.Errorf("%d records, want %d", n, records.Load())
	}
}

func TestLeaseIsRenewed(t *testing.T) {
	m := storagetest.NewMemory()
	holder, other := shared(t, m, 250*time.Millisecond), shared(t, m, 250*time.Millisecond)
	unlock := lock(t, holder)
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	var said string
	if _, err := other.Lock(ctx, func(h string) { said = h }); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("second Lock = %v, want DeadlineExceeded", err)
	}
	if !strings.Contains(said, "process ") {
		t.Errorf("the holder is said to be %q", said)
	}
	if err := addBatch(t.Context(), holder, 1, "r", "2023-07-10"); err != nil {
		t.Error(err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	if err := lock(t, other)(); err != nil {
		t.Error(err)
	}
}

// severed is a storage that its user cannot reach for a while.
type severed struct {
	*storagetest.Memory
	down atomic.Bool
}

func (s *severed) Swap(ctx context.Context, name, etag string, data []byte) (string, error) {
	if s.down.Load() {
		return "", syscall.ETIMEDOUT
	}
	return s.Memory.Swap(ctx, name, etag, data)
}

// TestLeaseIsTakenOver: the first holder comes back when another one has cleaned
// up behind it, and must not commit what it had begun.
func TestLeaseIsTakenOver(t *testing.T) {
	for _, locked := range []bool{true, false} { // false: as if it could not notice
		t.Run(map[bool]string{true: "noticed", false: "not noticed"}[locked], func(t *testing.T) {
			s := &severed{Memory: storagetest.NewMemory()}
			holder := shared(t, s, 200*time.Millisecond)
			unlock := func() error { return nil }
			if locked {
				unlock = lock(t, holder)
			}
			mustAdd(t, holder, 1, "r", "2023-07-10")
			id := begin(t, holder)
			event, err := newFile(t.Context(), holder, id, "events", 5, "r", "2023-07-10")
			if err != nil {
				t.Fatal(err)
			}
			ledger, err := newFile(t.Context(), holder, id, "files", 5)
			if err != nil {
				t.Fatal(err)
			}
			s.down.Store(true)

			other := shared(t, s.Memory, 200*time.Millisecond)
			defer lock(t, other)()
			stats, err := other.Repair(t.Context())
			if err != nil || stats.Batches != 1 {
				t.Errorf("Repair = %+v, %v, want one batch", stats, err)
			}
			if _, err := other.Storage().Stat(t.Context(), event.Path); !errors.Is(err, storage.ErrNotExist) {
				t.Errorf("a file of the dead batch: %v, want ErrNotExist", err)
			}
			mustAdd(t, other, 2, "r", "2023-07-10")

			s.down.Store(false)
			_, err = holder.Commit(t.Context(), catalog.Batch{ID: id, Changes: map[string]catalog.Change{
				"events": {Add: []catalog.DataFile{event}}, "files": {Add: []catalog.DataFile{ledger}},
			}})
			want := catalog.ErrConflict
			if locked {
				want = catalog.ErrLockLost
				if _, err := holder.Begin(t.Context()); !errors.Is(err, catalog.ErrLockLost) {
					t.Errorf("Begin = %v, want ErrLockLost", err)
				}
			}
			if !errors.Is(err, want) {
				t.Errorf("Commit = %v, want %v", err, want)
			}
			if err := holder.Abort(t.Context(), id); err != nil {
				t.Errorf("Abort = %v", err)
			}
			if err := unlock(); err != nil {
				t.Errorf("unlock of a lost lock = %v", err)
			}
			if n := checkWhole(t, other, snapshot(t, other)); n != 3 {
				t.Errorf("%d records, want 3", n)
			}
			checkNoOrphans(t, other)
			mustAdd(t, other, 1, "r", "2023-07-10") // the lock is still the other's
		})
	}
}

func TestLeaseOutlastsASeveredConnection(t *testing.T) {
	s := &severed{Memory: storagetest.NewMemory()}
	c := shared(t, s, 100*time.Millisecond)
	unlock := lock(t, c)
	s.down.Store(true)
	time.Sleep(200 * time.Millisecond)
	if _, err := c.Begin(t.Context()); !errors.Is(err, syscall.ETIMEDOUT) {
		t.Errorf("Begin with an expired lease = %v, want ETIMEDOUT", err)
	}
	s.down.Store(false)
	mustAdd(t, c, 1, "r", "2023-07-10") // nobody has taken it
	if err := unlock(); err != nil {
		t.Error(err)
	}
}

func TestLeaseOfDamagedLockExpires(t *testing.T) {
	m := storagetest.NewMemory()
	if err := m.Put(t.Context(), "catalog/lock", []byte("{")); err != nil {
		t.Fatal(err)
	}
	c := shared(t, m, 50*time.Millisecond)
	waited := false
	unlock, err := c.Lock(t.Context(), func(string) { waited = true })
	if err != nil || !waited {
		t.Fatalf("Lock = %v, waited: %v", err, waited)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
}
