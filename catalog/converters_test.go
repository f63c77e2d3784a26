package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
)

// eachKind runs a test on a storage that can swap objects and on one that cannot.
func eachKind(t *testing.T, test func(t *testing.T, open func(lease time.Duration) *catalog.Catalog)) {
	t.Run("folder", func(t *testing.T) {
		root := t.TempDir()
		test(t, func(lease time.Duration) *catalog.Catalog {
			c, err := catalog.Create(t.Context(), root, catalog.Options{Lease: lease})
			if err != nil {
				t.Fatal(err)
			}
			return c
		})
	})
	t.Run("s3", func(t *testing.T) {
		server := s3test.Start(t)
		root := server.NewBucket(t) + "/lake"
		test(t, func(lease time.Duration) *catalog.Catalog {
			return shared(t, server.Open(t, root), lease)
		})
	})
}

func join(t *testing.T, c *catalog.Catalog) *catalog.Converter {
	t.Helper()
	m, _, err := c.Join(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func take(t *testing.T, m *catalog.Converter, share string) (taken, over bool) {
	t.Helper()
	taken, over, err := m.Take(t.Context(), share)
	if err != nil {
		t.Fatal(err)
	}
	return taken, over
}

// A share is one converter's until it gives it back or leaves.
func TestShares(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(time.Duration) *catalog.Catalog) {
		a, b := join(t, open(time.Minute)), join(t, open(time.Minute))
		for _, m := range []*catalog.Converter{a, b} {
			if n, err := m.Count(t.Context()); n != 2 || err != nil {
				t.Errorf("%d converters, %v", n, err)
			}
		}
		for _, c := range []struct {
			who         *catalog.Converter
			share       string
			taken, over bool
		}{{a, "x", true, false}, {a, "x", true, false}, {b, "x", false, false}, {b, "y", true, false}, {a, "y", false, false}} {
			if taken, over := take(t, c.who, c.share); taken != c.taken || over != c.over {
				t.Errorf("take %s: %v, %v; want %v, %v", c.share, taken, over, c.taken, c.over)
			}
		}
		free := func(want string) {
			t.Helper()
			if free, err := b.Free(t.Context(), []string{"x", "y", "z"}); err != nil || strings.Join(free, " ") != want {
				t.Errorf("free: %q, %v; want %q", free, err, want)
			}
		}
		free("y z") // y is its own
		if err := a.GiveBack(t.Context(), "x"); err != nil {
			t.Error(err)
		}
		free("x y z")
		if taken, over := take(t, b, "x"); !taken || over {
			t.Errorf("given back, then taken: %v, over: %v", taken, over)
		}
		if err := b.Leave(t.Context()); err != nil {
			t.Error(err)
		}
		for taken := false; !taken; { // others find out a little later
			var over bool
			if taken, over = take(t, a, "y"); taken && !over {
				t.Error("not taken over from one that has left")
			}
			time.Sleep(10 * time.Millisecond)
		}
		if err := a.Leave(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// Of any number of converters that want a share at once one has it.
func TestShareIsOfOne(t *testing.T) {
	eachKind(t, func(t *testing.T, open func(time.Duration) *catalog.Catalog) {
		var all []*catalog.Converter
		for range 4 {
			all = append(all, join(t, open(time.Minute)))
		}
		for round := range 5 {
			var mu sync.Mutex
			var wg sync.WaitGroup
			var owner *catalog.Converter
			n := 0
			for _, m := range all {
				wg.Go(func() {
					taken, _, err := m.Take(t.Context(), "x")
					mu.Lock()
					defer mu.Unlock()
					if err != nil {
						t.Error(err)
					}
					if taken {
						n++
						owner = m
					}
				})
			}
			wg.Wait()
			if n != 1 {
				t.Fatalf("round %d: %d have it", round, n)
			}
			if err := owner.GiveBack(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// stalled is a storage whose changes wait from a moment on, as those of a process
// that is paused.
type stalled struct {
	storage.Storage
	mu   sync.Mutex
	wait chan struct{} // nil: nothing waits
}

func (s *stalled) stall() (resume func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	wait := make(chan struct{})
	s.wait = wait
	return func() { close(wait) }
}

func (s *stalled) PutNew(ctx context.Context, name string, data []byte) error {
	s.mu.Lock()
	wait := s.wait
	s.mu.Unlock()
	if wait != nil {
		<-wait
	}
	return s.Storage.PutNew(ctx, name, data)
}

// A converter that is silent is given up: others get its share, its batch can be
// committed no more, and what it has stored goes. Batches of others stay.
func TestSilentConverter(t *testing.T) {
	folder, err := storage.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &stalled{Storage: folder}
	const lease = 500 * time.Millisecond
	silent, err := catalog.Create(t.Context(), "", catalog.Options{Storage: s, Lease: lease})
	if err != nil {
		t.Fatal(err)
	}
	other, err := catalog.Open(t.Context(), "", catalog.Options{Storage: folder, Lease: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	m := join(t, silent)
	if err := silent.Define(t.Context(), eventsSpec(), filesSpec()); err != nil {
		t.Fatal(err)
	}
	o := join(t, other)
	if taken, _ := take(t, m, "x"); !taken {
		t.Fatal("not taken")
	}
	id := begin(t, silent)
	f, err := newFile(t.Context(), silent, id, "events", 1, "us-east-1", "2023-07-01")
	if err != nil {
		t.Fatal(err)
	}
	living := begin(t, other)
	g, err := newFile(t.Context(), other, living, "events", 1, "us-east-1", "2023-07-02")
	if err != nil {
		t.Fatal(err)
	}
	resume := s.stall()
	for taken := false; !taken; {
		var over bool
		if taken, over = take(t, o, "x"); taken && !over {
			t.Error("not taken over from a dead one")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := folder.Stat(t.Context(), f.Path); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("its file is still there: %v", err)
	}
	resume()
	if _, err := silent.Commit(t.Context(), catalog.Batch{ID: id, Changes: map[string]catalog.Change{"events": {Add: []catalog.DataFile{f}}}}); !errors.Is(err, catalog.ErrLockLost) && !errors.Is(err, catalog.ErrConflict) {
		t.Errorf("its commit: %v", err)
	}
	if err := m.Check(t.Context()); !errors.Is(err, catalog.ErrLockLost) {
		t.Errorf("it believes that it is alive: %v", err)
	}
	if _, _, err := m.Take(t.Context(), "y"); !errors.Is(err, catalog.ErrLockLost) {
		t.Errorf("it takes another share: %v", err)
	}
	if err := silent.Abort(t.Context(), id); err != nil {
		t.Error(err)
	}
	if err := m.Leave(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := other.Commit(t.Context(), catalog.Batch{ID: living, Changes: map[string]catalog.Change{"events": {Add: []catalog.DataFile{g}}}}); err != nil {
		t.Errorf("the living one's commit: %v", err)
	}
	m = join(t, silent) // under another name
	if err := m.Check(t.Context()); err != nil {
		t.Error(err)
	}
	for _, m := range []*catalog.Converter{m, o} {
		if err := m.GiveBack(t.Context(), "x"); err != nil {
			t.Error(err)
		}
		if err := m.Leave(t.Context()); err != nil {
			t.Error(err)
		}
	}
	checkNoOrphans(t, other)
	for _, name := range objects(t, other) {
		if strings.HasPrefix(name, "catalog/converters/") || strings.HasPrefix(name, "catalog/shares/") {
			t.Errorf("left behind: %s", name)
		}
	}
}

// CommitOn asks for its changes anew when another writer was faster.
func TestCommitOn(t *testing.T) {
	c := create(t, catalog.Options{})
	other := reopen(t, c, catalog.Options{})
	if err := c.Define(t.Context(), eventsSpec(), filesSpec()); err != nil {
		t.Fatal(err)
	}
	id := begin(t, c)
	var made []catalog.DataFile
	var bases []int64
	_, err := c.CommitOn(t.Context(), id, func(ctx context.Context, base *catalog.Snapshot) (map[string]catalog.Change, error) {
		bases = append(bases, base.Version())
		f, err := newFile(ctx, c, id, "events", int64(len(bases)), "us-east-1", "2023-07-01")
		if err != nil {
			return nil, err
		}
		made = append(made, f)
		if len(bases) < 3 {
			mustAdd(t, other, 1, "us-east-1", fmt.Sprintf("2023-07-%02d", 10+len(bases)))
		}
		return map[string]catalog.Change{"events": {Add: []catalog.DataFile{f}}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(bases) != 3 || bases[0] == bases[1] || bases[1] == bases[2] {
		t.Errorf("asked for the versions %v", bases)
	}
	if _, stats := plan(t, snapshot(t, c), "events", catalog.Predicate{}); stats.Records != 3+2 {
		t.Errorf("%d records, want those of the last changes and of the other writer", stats.Records)
	}
	checkNoOrphans(t, c) // the files of the first two tries have gone

	id = begin(t, c)
	no := errors.New("no")
	if _, err := c.CommitOn(t.Context(), id, func(context.Context, *catalog.Snapshot) (map[string]catalog.Change, error) { return nil, no }); !errors.Is(err, no) {
		t.Errorf("error %v", err)
	}
	if err := c.Abort(t.Context(), id); err != nil {
		t.Error(err)
	}
	checkNoOrphans(t, c)
}

// What has been added since is what plans differ by, through merges and compaction.
func TestAddedSince(t *testing.T) {
	c := create(t, catalog.Options{})
	if err := c.Define(t.Context(), eventsSpec(), filesSpec()); err != nil {
		t.Fatal(err)
	}
	var states []*catalog.Table
	note := func() {
		tab, err := snapshot(t, c).Table("events")
		if err != nil {
			t.Fatal(err)
		}
		states = append(states, tab)
	}
	note()
	for i := range 40 {
		mustAdd(t, c, 1, "us-east-1", fmt.Sprintf("2023-07-%02d", 1+i%5))
		if i%9 == 8 {
			if err := compactDay(t, c, "2023-07-01"); err != nil {
				t.Fatal(err)
			}
		}
		note()
	}
	for i, before := range states {
		for k := i; k < len(states); k += 7 {
			had, _, err := before.Plan(t.Context(), catalog.Predicate{})
			if err != nil {
				t.Fatal(err)
			}
			known := map[string]bool{}
			for _, f := range had {
				known[f.Path] = true
			}
			now, _, err := states[k].Plan(t.Context(), catalog.Predicate{})
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]bool{}
			for _, f := range now {
				if !known[f.Path] {
					want[f.Path] = true
				}
			}
			added, err := states[k].AddedSince(t.Context(), before)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range added {
				if !want[f.Path] {
					t.Errorf("%d to %d: %s was there", i, k, f.Path)
				}
				delete(want, f.Path)
			}
			for name := range want {
				t.Errorf("%d to %d: %s is missing", i, k, name)
			}
		}
	}
}
