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

const (
	convertersDir = "catalog/converters"
	sharesDir     = "catalog/shares"
)

// Converter is one of several that work on a warehouse at the same time. It is
// alive for as long as it renews its lease; all that it holds, shares of the work
// and open batches, is its own for so long. Its methods are safe for concurrent
// use.
type Converter struct {
	catalog *Catalog
	id      string
	lease   *lease
	swapper swapper

	mu     sync.Mutex
	others sightings
	owners map[string]string // of shares that were not to be had
}

// sightings are what is known of other converters.
type sightings struct {
	catalog *Catalog
	seen    map[string]sighting
	gone    map[string]bool // for good: ids are never used again
}

// sighting is when a converter's lease was first seen as it is.
type sighting struct {
	etag    string
	since   time.Time
	checked time.Time
	holder  string
}

func (c *Catalog) newSightings() sightings {
	return sightings{catalog: c, seen: map[string]sighting{}, gone: map[string]bool{}}
}

func converterName(id string) string { return convertersDir + "/" + id }

func (c *Catalog) memberID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.member
}

// Join makes the caller one of the converters of this warehouse, until Leave. It
// waits while somebody holds the Lock, and Lock waits while there are converters.
// waiting is as for Lock. What earlier writers have left behind is cleaned up
// first, as by Repair, but for what belongs to converters that are alive.
//
// A converter that has not renewed its lease for Options.Lease is given up by the
// others: what it then does with this Catalog fails with ErrLockLost, its open
// batches can no longer be committed, and its shares are free.
func (c *Catalog) Join(ctx context.Context, waiting func(holder string)) (*Converter, RepairStats, error) {
	m, stats, err := c.join(ctx, waiting)
	if err != nil {
		return nil, stats, fmt.Errorf("join the converters of warehouse %q: %w", c.Root(), err)
	}
	return m, stats, nil
}

func (c *Catalog) join(ctx context.Context, waiting func(holder string)) (m *Converter, stats RepairStats, err error) {
	unlock, err := c.lockToJoin(ctx, waiting)
	if err != nil {
		return nil, stats, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	s := c.swapper()
	id := rand.Text()
	l := c.newLease(s, converterName(id), id)
	if err := l.renew(ctx); err != nil {
		if !errors.Is(err, storage.ErrUnknown) {
			return nil, stats, err
		}
		if err := l.confirm(ctx); err != nil {
			return nil, stats, err
		}
	}
	m = &Converter{catalog: c, id: id, lease: l, swapper: s, others: c.newSightings(), owners: map[string]string{}}
	c.hold(ctx, l)
	c.mu.Lock()
	c.member = id
	c.mu.Unlock()
	if stats, err = m.repairDead(ctx); err != nil {
		return nil, stats, errors.Join(err, m.Leave(ctx))
	}
	return m, stats, nil
}

// patience is how long a lock is waited for before that is worth a word: others
// who join have it for a moment.
const patience = 2 * time.Second

func (c *Catalog) lockToJoin(ctx context.Context, waiting func(holder string)) (unlock func() error, err error) {
	if waiting == nil {
		return c.lockAlone(ctx, nil)
	}
	var said *time.Timer
	unlock, err = c.lockAlone(ctx, func(holder string) {
		said = time.AfterFunc(patience, func() { waiting(holder) })
	})
	if said != nil {
		said.Stop()
	}
	return unlock, err
}

// repairDead cleans up what has no living owner. The caller holds the lock, so
// whoever is no converter has none.
func (m *Converter) repairDead(ctx context.Context) (RepairStats, error) {
	ids, err := m.catalog.converters(ctx)
	if err != nil {
		return RepairStats{}, err
	}
	there := map[string]bool{}
	for _, id := range ids {
		there[id] = true
	}
	alone := len(ids) == 1 // it is this one
	return m.catalog.repair(ctx, alone, func(k marker) bool { return !there[k.Converter] })
}

// converters are the ids of those that have joined and neither left nor been
// cleared away.
func (c *Catalog) converters(ctx context.Context) (ids []string, err error) {
	for range 2 { // a listing can miss what is replaced meanwhile: see numbered
		for o, err := range c.storage.List(ctx, convertersDir) {
			if err != nil {
				return nil, err
			}
			if id := swapped(convertersDir, o.Name); !slices.Contains(ids, id) {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

// state is what is to be said of another converter.
type state int

const (
	alive state = iota
	dying       // given up, but what it has left is not cleared away
	gone
)

// look finds out about a converter. One whose lease has run out is given up. What
// is younger than fresh is not looked at again.
func (s *sightings) look(ctx context.Context, id string, fresh time.Duration) (state, error) {
	if s.gone[id] {
		return gone, nil
	}
	before := s.seen[id]
	if !before.checked.IsZero() && time.Since(before.checked) < fresh {
		return alive, nil
	}
	swap := s.catalog.swapper()
	data, etag, age, err := swap.Load(ctx, converterName(id))
	if errors.Is(err, storage.ErrNotExist) {
		s.gone[id] = true
		delete(s.seen, id)
		return gone, nil
	}
	if err != nil {
		return alive, err
	}
	found := s.catalog.parseLease(data)
	if found.Holder == "" {
		return dying, nil
	}
	now := sighting{etag: etag, since: time.Now(), checked: time.Now(), holder: found.String()}
	if etag == before.etag {
		now.since = before.since
	}
	s.seen[id] = now
	if !found.expired(now.since, age) {
		return alive, nil
	}
	found.Holder = ""
	found.Renewals++
	data, err = json.Marshal(found)
	if err != nil {
		return alive, err
	}
	_, err = swap.Swap(ctx, converterName(id), etag, append(data, '\n'))
	switch {
	case err == nil:
		return dying, nil
	case errors.Is(err, storage.ErrChanged), errors.Is(err, storage.ErrUnknown):
		return alive, nil // so it seems, until it is looked at again
	}
	return alive, err
}

// anyAlive finds a converter that is alive.
func (s *sightings) anyAlive(ctx context.Context) (holder string, found bool, err error) {
	ids, err := s.catalog.converters(ctx)
	if err != nil {
		return "", false, err
	}
	for _, id := range ids {
		what, err := s.look(ctx, id, 0)
		if err != nil {
			return "", false, err
		}
		if what == alive {
			holder, found = s.seen[id].holder, true
		}
	}
	return holder, found, nil
}

// look finds out about another converter, and clears away what a dead one has left:
// it is gone then, and can commit nothing any more.
func (m *Converter) look(ctx context.Context, id string) (state, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	what, err := m.others.look(ctx, id, m.catalog.leaseOf/20)
	if err != nil || what != dying {
		return what, err
	}
	// Behind this its late commits fail: see Repair.
	stats, err := m.catalog.repair(ctx, false, func(k marker) bool { return k.Converter == id })
	if err == nil && stats.Batches == 0 {
		err = m.catalog.fence(ctx) // another one may have its markers, and no fence yet
	}
	if err != nil {
		return dying, err
	}
	if err := m.swapper.remove(ctx, converterName(id)); err != nil {
		return dying, err
	}
	m.others.gone[id] = true
	return gone, nil
}

// Count is how many converters there are, this one included. It may be out of date
// as soon as it is known.
func (m *Converter) Count(ctx context.Context) (int, error) {
	ids, err := m.catalog.converters(ctx)
	if err != nil {
		return 0, fmt.Errorf("count converters: %w", err)
	}
	n := 1
	for _, id := range ids {
		if id == m.id {
			continue
		}
		what, err := m.look(ctx, id)
		if err != nil {
			return 0, fmt.Errorf("count converters: %w", err)
		}
		if what == alive {
			n++
		}
	}
	return n, nil
}

// shareHolder is the content of a share that somebody has.
type shareHolder struct {
	Converter string `json:"converter"`
	lockHolder
}

// Take takes a share of the work, whose name has letters, digits, dots, dashes and
// underscores, if no converter that is alive has it. over says that one had it that
// has died: what it has committed is in the next Snapshot, and it can commit
// nothing any more.
func (m *Converter) Take(ctx context.Context, name string) (taken, over bool, err error) {
	if taken, over, err = m.take(ctx, name); err != nil {
		return false, false, fmt.Errorf("take share %q: %w", name, err)
	}
	return taken, over, nil
}

// Free are those of some shares that are worth trying to Take: nobody has them, or
// who had them when they were last tried has gone. It costs much less than trying.
func (m *Converter) Free(ctx context.Context, names []string) (free []string, err error) {
	there := map[string]bool{}
	for o, err := range m.catalog.storage.List(ctx, sharesDir) {
		if err != nil {
			return nil, fmt.Errorf("find free shares: %w", err)
		}
		there[swapped(sharesDir, o.Name)] = true
	}
	for _, name := range names {
		m.mu.Lock()
		owner := m.owners[name]
		m.mu.Unlock()
		if there[name] && owner != "" {
			what, err := m.look(ctx, owner)
			if err != nil {
				return nil, fmt.Errorf("find free shares: %w", err)
			}
			if what != gone {
				continue
			}
		}
		free = append(free, name)
	}
	return free, nil
}

func (m *Converter) take(ctx context.Context, share string) (taken, over bool, err error) {
	name := sharesDir + "/" + share
	if err := m.catalog.checkLock(ctx); err != nil {
		return false, false, err
	}
	mine, err := json.Marshal(shareHolder{Converter: m.id, lockHolder: m.catalog.lockHolder()})
	if err != nil {
		return false, false, err
	}
	mine = append(mine, '\n')
	etag := ""
	for {
		_, err := m.swapper.Swap(ctx, name, etag, mine)
		if err == nil {
			return true, over, nil
		}
		if !errors.Is(err, storage.ErrChanged) && !errors.Is(err, storage.ErrUnknown) || ctx.Err() != nil {
			return false, false, err
		}
		data, found, _, err := m.swapper.Load(ctx, name)
		if errors.Is(err, storage.ErrNotExist) {
			etag, over = "", false
			continue // it has been given back
		}
		if err != nil {
			return false, false, err
		}
		var owner shareHolder
		if json.Unmarshal(data, &owner) == nil && owner.Converter != "" {
			if owner.Converter == m.id {
				return true, over, nil
			}
			what, err := m.look(ctx, owner.Converter)
			if err != nil || what != gone {
				m.mu.Lock()
				m.owners[share] = owner.Converter
				m.mu.Unlock()
				return false, false, err
			}
		}
		etag, over = found, true
	}
}

// GiveBack ends the work on a share. Others may take it.
func (m *Converter) GiveBack(ctx context.Context, name string) error {
	// Who has lost it leaves it alone.
	if err := m.catalog.checkLock(ctx); err != nil {
		return fmt.Errorf("give back share %q: %w", name, err)
	}
	if err := m.swapper.remove(ctx, sharesDir+"/"+name); err != nil {
		return fmt.Errorf("give back share %q: %w", name, err)
	}
	return nil
}

// Check makes sure that the others have not given this converter up: else the error
// wraps ErrLockLost.
func (m *Converter) Check(ctx context.Context) error { return m.lease.confirm(ctx) }

// Leave ends it. The shares that it still holds are free, and its open batches are
// left to be cleaned up.
func (m *Converter) Leave(ctx context.Context) error {
	c := m.catalog
	ctx = context.WithoutCancel(ctx)
	c.drop(m.lease)
	c.mu.Lock()
	open := false
	for _, b := range c.batches {
		open = open || b.converter == m.id
	}
	if c.member == m.id {
		c.member = ""
	}
	c.mu.Unlock()
	err := m.lease.release(ctx)
	m.lease.mu.Lock()
	lost := m.lease.lost
	m.lease.mu.Unlock()
	if err == nil && !open && !lost {
		err = m.swapper.remove(ctx, converterName(m.id))
	}
	if err != nil {
		return fmt.Errorf("leave the converters of warehouse %q: %w", c.Root(), err)
	}
	return nil
}
