package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/trailql/trailql/catalog/storage"
)

const (
	// aheadObjects is how many objects of a bucket are fetched at a time, so that
	// what one answer takes to come is spread over many.
	aheadObjects = 32
	// aheadBytes is the most that fetched objects may take together.
	aheadBytes = 64 << 20
	// aheadLargest is how large an object may be to be fetched whole. Others
	// are read as they are decoded.
	aheadLargest = 8 << 20
)

// ahead fetches objects of buckets into memory before their turn comes, in the
// order in which they are wanted.
type ahead struct {
	work   [][]object
	limit  int64
	cancel context.CancelFunc
	ended  sync.WaitGroup

	mu      sync.Mutex
	changed sync.Cond
	next    place // that is fetched next
	held    int64 // bytes
	slots   map[place]*slot
	taken   map[place]bool // by who did not want to wait until they are next
	stopped bool
}

// place is that of an object in the work.
type place struct{ task, object int }

// slot is an object that is being fetched, or has been.
type slot struct {
	done chan struct{}
	in   storage.Reader
	err  error
	size int64
}

// readAhead starts to fetch what is remote; nil when nothing is. The caller
// closes it.
func readAhead(ctx context.Context, work [][]object, memory int64) *ahead {
	remote := false
	for _, task := range work {
		for i := range task {
			remote = remote || isURI(task[i].path)
		}
	}
	if !remote {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &ahead{work: work, limit: min(aheadBytes, memory/8), cancel: cancel, slots: map[place]*slot{}, taken: map[place]bool{}}
	a.changed.L = &a.mu
	for range aheadObjects {
		a.ended.Go(func() { a.fetch(ctx) })
	}
	return a
}

// close ends the fetching and drops what nobody has wanted.
func (a *ahead) close() {
	if a == nil {
		return
	}
	a.cancel()
	a.mu.Lock()
	a.stopped = true
	a.changed.Broadcast()
	a.mu.Unlock()
	a.ended.Wait()
}

// fetch fetches one object after another.
func (a *ahead) fetch(ctx context.Context) {
	for {
		o, s := a.begin()
		if s == nil {
			return
		}
		s.in, s.err = fetchWhole(ctx, o)
		close(s.done)
	}
}

// isFetched says whether an object is to be fetched whole, before it is wanted.
func isFetched(o *object) bool { return isURI(o.path) && o.size <= aheadLargest }

// begin takes the next object that is to be fetched, once there is room for it.
func (a *ahead) begin() (*object, *slot) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.stopped {
		for a.next.task < len(a.work) && a.next.object == len(a.work[a.next.task]) {
			a.next = place{task: a.next.task + 1}
		}
		if a.next.task == len(a.work) {
			return nil, nil
		}
		o := &a.work[a.next.task][a.next.object]
		if !isFetched(o) || a.taken[a.next] {
			delete(a.taken, a.next)
			a.next.object++
			continue
		}
		if a.held > 0 && a.held+o.size > a.limit {
			a.changed.Wait()
			continue
		}
		s := &slot{done: make(chan struct{}), size: o.size}
		a.slots[a.next] = s
		a.held += s.size
		a.next.object++
		return o, s
	}
	return nil, nil
}

// open is the object at a place: from memory, or from where it is. The caller
// calls release when it has read it.
func (a *ahead) open(ctx context.Context, at place, o *object) (in storage.Reader, release func(), err error) {
	var s *slot
	if a != nil && isFetched(o) {
		s = a.claim(at)
	}
	if s == nil {
		in, err = openListed(ctx, o)
		return in, func() {}, err
	}
	release = func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		a.held -= s.size
		a.changed.Broadcast()
	}
	select {
	case <-s.done:
		return s.in, release, s.err
	case <-ctx.Done():
		return nil, release, ctx.Err()
	}
}

// claim is the slot of a place; nil if nobody has begun to fetch it, and then
// nobody will.
func (a *ahead) claim(at place) *slot {
	a.mu.Lock()
	defer a.mu.Unlock()
	s := a.slots[at]
	if s == nil {
		a.taken[at] = true
		return nil
	}
	delete(a.slots, at)
	return s
}

var errChanged = errors.New("it has changed since it was listed")

// openListed opens an object if it is still what the listing said.
func openListed(ctx context.Context, o *object) (storage.Reader, error) {
	in, err := o.store.Open(ctx, o.name)
	if errors.Is(err, storage.ErrNotExist) {
		return nil, fmt.Errorf("it has gone since it was listed: %w", err)
	}
	if err != nil {
		return nil, err
	}
	if v, ok := in.(storage.Versioned); ok && v.ETag() != "" && v.ETag() != o.etag {
		in.Close()
		return nil, errChanged
	} else if ok && in.Size() != o.size { // the same, but not all of it has come
		in.Close()
		return nil, fmt.Errorf("read: %d bytes of %d", in.Size(), o.size)
	}
	return in, nil
}

// fetchWhole reads an object into memory.
func fetchWhole(ctx context.Context, o *object) (storage.Reader, error) {
	in, err := openListed(ctx, o)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	data := make([]byte, in.Size())
	if _, err := io.ReadFull(in, data); err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}
	// Only at the end does a storage know that what it sent is what it has.
	if _, err := io.ReadFull(in, make([]byte, 1)); err == nil {
		return nil, fmt.Errorf("read: more than %d bytes", len(data))
	} else if err != io.EOF {
		return nil, fmt.Errorf("read: %w", err)
	}
	return fetched{bytes.NewReader(data)}, nil
}

// fetched is an object in memory.
type fetched struct{ *bytes.Reader }

func (fetched) Close() error { return nil }
