package catalog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/trailql/trailql/catalog/metadata"
	"github.com/trailql/trailql/catalog/storage"
)

// Commit makes a batch visible in all its tables at once, ends it, removes the
// files that it began but did not add, and returns the version that it made.
// If other writers commit meanwhile, it stages the batch again behind them. The
// error wraps ErrConflict when a file to be removed has gone.
//
// After an error the batch is still open: Commit it again or Abort it. The
// batch may have become visible nevertheless; both find that out, and a second
// Commit then returns the version of the first.
func (c *Catalog) Commit(ctx context.Context, b Batch) (version int64, err error) {
	fixed := b.Changes
	if fixed == nil {
		fixed = map[string]Change{}
	}
	return c.commitOn(ctx, b.ID, fixed, func(context.Context, *Snapshot) (map[string]Change, error) { return b.Changes, nil })
}

// CommitOn is Commit of changes that depend on what is there: changes is called with
// the version that the batch is about to be staged on, again for each that other
// writers have made meanwhile. Its error ends the commit.
func (c *Catalog) CommitOn(ctx context.Context, id string, changes func(ctx context.Context, base *Snapshot) (map[string]Change, error)) (version int64, err error) {
	return c.commitOn(ctx, id, nil, changes)
}

// commitOn commits; fixed are the changes that any try of this batch has, nil if
// they differ.
func (c *Catalog) commitOn(ctx context.Context, id string, fixed map[string]Change, changes func(ctx context.Context, base *Snapshot) (map[string]Change, error)) (version int64, err error) {
	open, err := c.batch(id)
	if err != nil {
		return 0, fmt.Errorf("commit: %w", err)
	}
	last := fixed
	v, err := c.commit(ctx, open, func(ctx context.Context, base *Snapshot, s *stage) error {
		if last, err = changes(ctx, base); err != nil {
			return err
		}
		for _, name := range sortedNames(last) {
			ch := last[name]
			if len(ch.Add)+len(ch.Remove) == 0 {
				continue
			}
			t, err := base.Table(name)
			if err != nil {
				return err
			}
			if err := open.checkChange(name, ch, len(t.fields)); err != nil {
				return fmt.Errorf("table %q: %w", name, err)
			}
			meta, err := s.change(ctx, t, ch)
			if err != nil {
				return fmt.Errorf("table %q: %w", name, err)
			}
			if err := s.putMetadata(ctx, name, meta); err != nil {
				return fmt.Errorf("table %q: %w", name, err)
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("commit batch %s: %w", id, err)
	}
	// The batch is visible, whatever happens to ctx now. What cannot be tidied is
	// Repair's.
	tidying := context.WithoutCancel(ctx)
	open.mu.Lock()
	sure := fixed != nil || last != nil && !open.late // that it is the last try which is visible
	open.mu.Unlock()
	if sure && c.removeAll(tidying, open.unused(last)) == nil {
		_ = c.end(tidying, open)
	}
	c.mu.Lock()
	delete(c.batches, id)
	c.mu.Unlock()
	return v, nil
}

// commit stores the next version. plan stages what a batch changes on top of
// base and is called again whenever another writer was faster. If it stages
// neither a table nor the views, there is nothing to commit.
func (c *Catalog) commit(ctx context.Context, b *batch, plan func(ctx context.Context, base *Snapshot, s *stage) error) (int64, error) {
	for try := 0; ; try++ {
		if err := c.checkLock(ctx); err != nil {
			return 0, err
		}
		base, err := c.Snapshot(ctx)
		if err != nil {
			return 0, err
		}
		if n, ok, err := c.committedAs(ctx, b.id, b.base, base.version); ok || err != nil {
			return n, err
		}
		// In this order: see Repair.
		if err := c.stillOpen(ctx, b); err != nil {
			return 0, err
		}
		s := c.newStage(b, base.Version()+1)
		if err := plan(ctx, base, s); err != nil {
			s.discard(ctx)
			return 0, err
		}
		if len(s.tables) == 0 && s.views == nil && !s.fence {
			return base.Version(), nil
		}
		won, err := c.advance(ctx, b, base.version, s)
		if err != nil {
			return 0, err
		}
		if won {
			return base.Version() + 1, nil
		}
		s.discard(ctx)
		if err := pause(ctx, try); err != nil {
			return 0, err
		}
	}
}

// stillOpen makes sure that no Repair has taken the batch for a dead one's.
func (c *Catalog) stillOpen(ctx context.Context, b *batch) error {
	_, err := c.storage.Stat(ctx, markerName(b.id))
	if errors.Is(err, storage.ErrNotExist) {
		return fmt.Errorf("%w: another process has cleaned up this batch", ErrConflict)
	}
	return err
}

// fence stores a version that changes nothing. A write of an earlier one that is
// still on its way somewhere finds its number taken.
func (c *Catalog) fence(ctx context.Context) error {
	b, err := c.begin(ctx)
	if err != nil {
		return err
	}
	if err := c.fenceAs(ctx, b); err != nil {
		return err
	}
	return c.end(ctx, b)
}

func (c *Catalog) fenceAs(ctx context.Context, b *batch) error {
	_, err := c.commit(ctx, b, func(_ context.Context, _ *Snapshot, s *stage) error {
		s.fence = true
		return nil
	})
	return err
}

// advance makes the staged tables the next version after base, unless another
// writer has made one.
func (c *Catalog) advance(ctx context.Context, b *batch, base version, s *stage) (won bool, err error) {
	next := version{Version: base.Version + 1, Batch: b.id, Committed: c.now().UTC(), Tables: map[string]tableVersion{}, Views: base.Views}
	if s.views != nil {
		next.Views = s.views
	}
	for name, t := range base.Tables {
		next.Tables[name] = t
	}
	for name, t := range s.tables {
		next.Tables[name] = t
	}

	if err := c.checkLock(ctx); err != nil {
		s.discard(ctx)
		return false, err
	}
	if err := c.putVersion(ctx, next); err != nil {
		// Whether it was stored is for the storage to say: an answer may have
		// been lost behind the deed. If even that fails, the files stay, since
		// the version may refer to them.
		stored, rerr := c.readVersion(ctx, next.Version)
		switch {
		case rerr == nil && stored.Batch == b.id:
		case errors.Is(err, storage.ErrExist) && rerr == nil:
			return false, nil
		case errors.Is(err, storage.ErrUnknown):
			b.mu.Lock()
			b.late = true
			b.mu.Unlock()
			return false, errors.Join(err, rerr)
		case errors.Is(rerr, storage.ErrNotExist):
			s.discard(ctx)
			return false, err
		default:
			return false, errors.Join(err, rerr)
		}
	}

	// A writer that slept for so long that its base expired has put its version
	// where an expired one had been. Versions expire oldest first, and never the
	// newest ones, so the base tells.
	_, err = c.storage.Stat(ctx, versionName(base.Version))
	if errors.Is(err, storage.ErrNotExist) {
		return false, c.storage.Remove(ctx, versionName(next.Version))
	}
	if err != nil {
		return false, err
	}
	c.publish(ctx, next)
	return true, nil
}

// publish writes the hints for a new version: ours, and for each table that it
// changed those of Iceberg readers which know no catalog. Nothing depends on
// them, so failures are left to the next commit.
func (c *Catalog) publish(ctx context.Context, v version) {
	for name, t := range v.Tables {
		if t.Changed == v.Version {
			_ = c.publishTable(ctx, name, t)
		}
	}
	_ = c.storage.Put(ctx, latestHint, []byte(strconv.FormatInt(v.Version, 10)+"\n"))
	if c.told != nil {
		c.told(ctx)
	}
}

// publishTable stores the metadata again under the name by which such readers
// find it. It must not have that name before the commit, because they probe for
// successors of the version in the hint.
func (c *Catalog) publishTable(ctx context.Context, tableName string, t tableVersion) error {
	data, err := storage.ReadAll(ctx, c.storage, t.Metadata)
	if err != nil {
		return err
	}
	if err := c.storage.Put(ctx, hintedMetadata(tableName, t.Changed), data); err != nil {
		return err
	}
	return c.storage.Put(ctx, versionHint(tableName), []byte(strconv.FormatInt(t.Changed, 10)))
}

func versionHint(tableName string) string { return metadataDir(tableName) + "/version-hint.text" }

func hintedMetadata(tableName string, n int64) string {
	return fmt.Sprintf("%s/v%d.metadata.json", metadataDir(tableName), n)
}

// pause waits a little before another try, at random so that rivals part.
func pause(ctx context.Context, try int) error {
	t := time.NewTimer(time.Duration(1+rand.IntN(10*(1+min(try, 10)))) * time.Millisecond)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// stage holds what one try of a commit has stored.
type stage struct {
	catalog *Catalog
	version int64  // the version it would make
	prefix  string // of the names of what it stores
	batchID string
	try     int
	n       int
	stored  []string
	tables  map[string]tableVersion
	views   map[string]View // all of them; nil if they stay as they are
	fence   bool            // a version that changes nothing is wanted
}

func (c *Catalog) newStage(b *batch, version int64) *stage {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.attempts++
	return &stage{
		catalog: c,
		version: version,
		prefix:  fmt.Sprintf("%s-%d", b.id, b.attempts),
		batchID: b.id,
		try:     b.attempts,
		tables:  map[string]tableVersion{},
	}
}

// put stores a metadata object under a new name of this try.
func (s *stage) put(ctx context.Context, tableName, suffix string, data []byte) (name string, err error) {
	name = metadataDir(tableName) + "/" + s.prefix + suffix
	return name, s.store(ctx, name, data)
}

func (s *stage) store(ctx context.Context, name string, data []byte) error {
	s.stored = append(s.stored, name)
	return s.catalog.storage.PutNew(ctx, name, data)
}

// putMetadata stages a table's new metadata.
func (s *stage) putMetadata(ctx context.Context, tableName string, meta *metadata.Table) error {
	data, err := meta.MarshalJSON() // json.Marshal would check all of it once more
	if err != nil {
		return fmt.Errorf("encode table metadata: %w", err)
	}
	name := metadataDir(tableName) + "/" + metadataName(s.batchID, s.try, s.version)
	if err := s.store(ctx, name, data); err != nil {
		return err
	}
	s.catalog.keepMetadata(name, meta)
	s.tables[tableName] = tableVersion{Metadata: name, Changed: s.version}
	return nil
}

// discard removes what the try has stored. What it cannot remove is Repair's.
func (s *stage) discard(ctx context.Context) {
	_ = s.catalog.removeAll(context.WithoutCancel(ctx), s.stored)
}
