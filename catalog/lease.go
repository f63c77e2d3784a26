package catalog

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/trailql/trailql/catalog/storage"
)

// A lease is a lock on a storage that has none of its own: an object that its
// holder replaces again and again, each time on the condition that it is still
// the one that it stored last. Whoever sees it unchanged for as long as it is
// valid may replace it, too.
//
// No clock is compared with one of another machine. A waiter measures by its own
// how long it sees the same object, and saves that time where the storage's clock
// says how old the object is, by the clock that dated it. A holder counts from
// before it sent the renewal. So clocks may differ, but must run equally fast to
// within a quarter, which is what a holder keeps as a reserve.
//
// A holder that sleeps, then acts as if it still held the lease, cannot be
// excluded; the commit protocol does not depend on it. See Repair.
type lease struct {
	swapper storage.Swapper
	name    string
	valid   time.Duration
	stop    context.CancelFunc // of the renewals
	stopped chan struct{}

	mu      sync.Mutex
	object  leaseObject
	etag    string
	renewed time.Time
	lost    bool
}

// leaseObject is the content of the lock of a warehouse that is not local, and of
// what tells that a converter is alive.
type leaseObject struct {
	Holder   string        `json:"holder,omitempty"` // "" when it was given back, or its holder has been given up
	Valid    time.Duration `json:"valid_ns"`
	Renewals int64         `json:"renewals"` // makes each content another one
	lockHolder
}

func (c *Catalog) takeLease(ctx context.Context, s storage.Swapper, waiting func(holder string)) (unlock func() error, err error) {
	l := c.newLease(s, lockName, rand.Text())
	var seen string     // the ETag
	var since time.Time // when it was seen first
	for {
		data, etag, age, err := s.Load(ctx, lockName)
		var found leaseObject
		switch {
		case errors.Is(err, storage.ErrNotExist):
			etag = ""
		case err != nil:
			return nil, err
		default:
			found = c.parseLease(data)
		}
		if etag != seen {
			seen, since = etag, time.Now()
		}
		expired := found.expired(since, age)
		if found.Holder == "" || found.Holder == l.object.Holder || expired {
			l.etag = etag
			err := l.renew(ctx)
			if err == nil {
				break
			}
			if !errors.Is(err, storage.ErrChanged) && !errors.Is(err, storage.ErrUnknown) || ctx.Err() != nil {
				return nil, err
			}
			continue
		}
		if waiting != nil {
			waiting(found.String())
			waiting = nil
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(min(found.Valid/10, time.Second)):
		}
	}
	c.hold(ctx, l)
	return func() error {
		c.drop(l)
		return l.release(context.WithoutCancel(ctx))
	}, nil
}

func (c *Catalog) newLease(s storage.Swapper, name, holder string) *lease {
	return &lease{
		swapper: s, name: name, valid: c.leaseOf, stopped: make(chan struct{}),
		object: leaseObject{Holder: holder, Valid: c.leaseOf, lockHolder: c.lockHolder()},
	}
}

// parseLease reads what a lease holds. A damaged one is somebody's.
func (c *Catalog) parseLease(data []byte) leaseObject {
	var found leaseObject
	if json.Unmarshal(data, &found) != nil || found.Holder != "" && found.Valid <= 0 {
		return leaseObject{Holder: "another process", Valid: c.leaseOf}
	}
	return found
}

// expired says whether a lease that has been seen unchanged since then, and that
// the storage says is so old, may be taken over. Dates of objects have whole
// seconds.
func (o leaseObject) expired(since time.Time, age time.Duration) bool {
	return time.Since(since) > o.Valid || age > o.Valid+2*time.Second
}

// hold begins to renew a lease that has been taken. It is needed for as long as
// the caller tidies up.
func (c *Catalog) hold(ctx context.Context, l *lease) {
	renewing, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	go l.keep(renewing)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leases = append(c.leases, l)
}

// drop forgets a lease, whoever holds it now.
func (c *Catalog) drop(l *lease) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.leases = slices.DeleteFunc(c.leases, func(o *lease) bool { return o == l })
}

// renew stores the lease again.
func (l *lease) renew(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.renewLocked(ctx)
}

func (l *lease) renewLocked(ctx context.Context) error {
	l.object.Renewals++
	data, err := json.Marshal(l.object)
	if err != nil {
		return err
	}
	sent := time.Now()
	etag, err := l.swapper.Swap(ctx, l.name, l.etag, append(data, '\n'))
	if err != nil {
		return err
	}
	l.etag, l.renewed = etag, sent
	return nil
}

// keep renews the lease until it is released or lost.
func (l *lease) keep(ctx context.Context) {
	defer close(l.stopped)
	tick := time.NewTicker(l.valid / 5)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		try, cancel := context.WithTimeout(ctx, l.valid)
		err := l.confirm(try)
		cancel()
		if errors.Is(err, ErrLockLost) {
			return
		}
	}
}

// check reports whether the caller still holds the lease. If a renewal is due,
// it makes one.
func (l *lease) check(ctx context.Context) error {
	l.mu.Lock()
	fresh := !l.lost && l.age() < l.valid*3/4
	l.mu.Unlock()
	if fresh {
		return nil
	}
	return l.confirm(ctx)
}

// age is how long ago the last renewal was sent. The clock that never jumps
// stands still while a machine is suspended, and the other one may be set back.
func (l *lease) age() time.Duration {
	now := time.Now()
	return max(now.Sub(l.renewed), now.Round(0).Sub(l.renewed.Round(0)))
}

// confirm renews the lease or finds that it is lost.
func (l *lease) confirm(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lost {
		return ErrLockLost
	}
	err := l.renewLocked(ctx)
	if !errors.Is(err, storage.ErrChanged) {
		return err
	}
	// It may be ours: of a renewal whose outcome was unknown.
	data, etag, _, err := l.swapper.Load(ctx, l.name)
	var found leaseObject
	switch {
	case err != nil && !errors.Is(err, storage.ErrNotExist):
		return err
	case err == nil && json.Unmarshal(data, &found) == nil && found.Holder == l.object.Holder:
		l.etag = etag
		if err := l.renewLocked(ctx); !errors.Is(err, storage.ErrChanged) {
			return err
		}
	}
	l.lost = true
	return ErrLockLost
}

// release gives the lease back, unless it is lost.
func (l *lease) release(ctx context.Context) error {
	l.stop()
	<-l.stopped
	// Without an answer, the lease ends by itself.
	ctx, cancel := context.WithTimeout(ctx, max(l.valid, 10*time.Second))
	defer cancel()
	l.mu.Lock()
	l.object.Holder = ""
	l.mu.Unlock()
	err := l.renew(ctx)
	if err != nil && !errors.Is(err, storage.ErrChanged) {
		return fmt.Errorf("unlock warehouse: %w", err)
	}
	return nil
}

// checkLock makes sure that what has been taken on this Catalog is still held: the
// lock, the place among several converters. Who has taken nothing needs nothing.
func (c *Catalog) checkLock(ctx context.Context) error {
	c.mu.Lock()
	held := slices.Clone(c.leases)
	c.mu.Unlock()
	for _, l := range held {
		if err := l.check(ctx); err != nil {
			return err
		}
	}
	return nil
}
