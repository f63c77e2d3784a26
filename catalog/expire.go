package catalog

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trailql/trailql/catalog/metadata"
)

// Expire forgets the snapshots that were replaced longer than Options.Retain
// ago, then removes the files that no remaining snapshot refers to. The caller
// holds the Lock. If it is interrupted, Repair finishes its work.
func (c *Catalog) Expire(ctx context.Context) error {
	cutoff := c.now().Add(-c.retain)
	if err := c.expireSnapshots(ctx, cutoff); err != nil {
		return fmt.Errorf("expire snapshots: %w", err)
	}
	if err := c.expireVersions(ctx, cutoff); err != nil {
		return fmt.Errorf("expire versions: %w", err)
	}
	return nil
}

func (c *Catalog) expireSnapshots(ctx context.Context, cutoff time.Time) error {
	s, err := c.Snapshot(ctx)
	if err != nil {
		return err
	}
	found := false
	for _, t := range s.tables {
		ids, _ := expired(t.meta, cutoff)
		found = found || len(ids) > 0
	}
	if !found {
		return nil
	}

	b, err := c.begin(ctx)
	if err != nil {
		return err
	}
	data, adopted := false, map[string]bool{}
	_, err = c.commit(ctx, b, func(ctx context.Context, base *Snapshot, st *stage) error {
		for _, name := range base.Tables() {
			t := base.tables[name]
			ids, removed := expired(t.meta, cutoff)
			data = data || removed
			if len(ids) == 0 {
				continue
			}
			if removed && t.meta.Properties()[adoptedSnapshot] != "" {
				if err := c.noteAdopted(ctx, t, ids, adopted); err != nil {
					return fmt.Errorf("table %q: %w", name, err)
				}
			}
			meta, err := t.next().RemoveSnapshots(ids).ForgetFiles(cutoff).Build()
			if err == nil {
				err = st.putMetadata(ctx, name, meta)
			}
			if err != nil {
				return fmt.Errorf("table %q: %w", name, err)
			}
		}
		return nil
	})
	if err != nil {
		return err // and not Abort: if it was committed all the same, there is still something to sweep
	}
	// Younger objects may be of a snapshot that somebody still reads, or of a
	// commit under way.
	if err := c.sweep(ctx, b, sweepScope{data: data, modified: cutoff}, &RepairStats{}); err != nil {
		return err
	}
	if err := c.removeAdopted(ctx, adopted); err != nil {
		return err
	}
	return c.end(ctx, b)
}

// noteAdopted notes the files of snapshots that another engine has made: their
// names do not tell sweep that they may go.
func (c *Catalog) noteAdopted(ctx context.Context, t *Table, ids []int64, adopted map[string]bool) error {
	for _, snap := range t.meta.Snapshots() {
		if !slices.Contains(ids, snap.SnapshotID) {
			continue
		}
		files, _, err := t.at(&snap).Plan(ctx, Predicate{})
		if err != nil {
			return err
		}
		for _, f := range files {
			if batchOf(f.Path) == "" {
				adopted[f.Path] = true
			}
		}
	}
	return nil
}

// removeAdopted removes those of the files that no snapshot refers to any more.
// What it does not come to stays for good.
func (c *Catalog) removeAdopted(ctx context.Context, adopted map[string]bool) error {
	if len(adopted) == 0 {
		return nil
	}
	s, err := c.Snapshot(ctx)
	if err != nil {
		return err
	}
	live, err := c.reachable(ctx, s, true)
	if err != nil {
		return err
	}
	for _, name := range sortedNames(adopted) {
		if live[name] {
			continue
		}
		if err := c.storage.Remove(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

// expired are the snapshots whose successor is older than cutoff: readers may
// have opened a snapshot until it was replaced, however old it was by then.
// removed says whether data files were removed between them and what stays.
func expired(meta *metadata.Table, cutoff time.Time) (ids []int64, removed bool) {
	snaps := meta.Snapshots() // in the order of commits
	for i := range len(snaps) - 1 {
		next := snaps[i+1]
		if next.TimestampMs >= cutoff.UnixMilli() {
			break
		}
		ids = append(ids, snaps[i].SnapshotID)
		removed = removed || next.Summary.Operation != metadata.OpAppend
	}
	return ids, removed
}

// expireVersions removes old versions, oldest first: see probe and advance.
func (c *Catalog) expireVersions(ctx context.Context, cutoff time.Time) error {
	newest, err := c.newest(ctx)
	if err != nil {
		return err
	}
	for o, err := range c.storage.List(ctx, versionsDir) {
		if err != nil {
			return err
		}
		n, ok := parseVersionName(o.Name)
		if !ok || n > newest.Version-keepVersions {
			continue
		}
		// A version is in use until its successor replaces it.
		next, err := c.readVersion(ctx, n+1)
		if err != nil {
			return err
		}
		if next.Committed.After(cutoff) {
			return nil
		}
		if err := c.storage.Remove(ctx, o.Name); err != nil {
			return err
		}
	}
	return nil
}
