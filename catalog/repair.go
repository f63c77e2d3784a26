package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog/storage"
)

// RepairStats says what a Repair found.
type RepairStats struct {
	Batches   int   // that were left unfinished
	Objects   int   // removed: data files, manifests, metadata
	Bytes     int64 // of them
	Temporary int   // half-written objects removed
}

// Repair cleans up after a writer that died: it removes what no table refers
// to and corrects the hints. It does so only if an unfinished batch says that
// there may be something; else it costs two short listings. The caller holds
// the Lock and has no batch open, because Repair cannot tell an open batch from
// a dead one: a batch that lives on, of a writer that lost its lease, then fails
// with ErrConflict. Batches that begin meanwhile are left alone.
func (c *Catalog) Repair(ctx context.Context) (RepairStats, error) {
	stats, err := c.repair(ctx, true, func(marker) bool { return true })
	if err != nil {
		return stats, fmt.Errorf("repair warehouse: %w", err)
	}
	return stats, nil
}

// repair cleans up behind the batches that are dead. alone says that nobody else
// writes: what is half-written is garbage then, and so are converters.
func (c *Catalog) repair(ctx context.Context, alone bool, isDead func(marker) bool) (stats RepairStats, err error) {
	if s, ok := c.storage.(storage.Sweeper); ok && alone {
		// Temporary objects cost space and nothing else, so the right to look
		// for them is not worth failing.
		if stats.Temporary, err = s.Sweep(ctx); err != nil && !errors.Is(err, storage.ErrDenied) {
			return stats, err
		}
	}
	var left []string
	if alone {
		if left, err = c.converters(ctx); err != nil {
			return stats, err
		}
	}
	dead, err := c.deadMarkers(ctx, isDead)
	if err == nil && len(dead) > 0 {
		err = c.repairBehind(ctx, dead, &stats)
	}
	if err != nil {
		return stats, err
	}
	for _, id := range left {
		if id == c.memberID() {
			continue
		}
		if err := c.swapper().remove(ctx, converterName(id)); err != nil {
			return stats, err
		}
	}
	if !alone {
		return stats, nil
	}
	for o, err := range c.storage.List(ctx, sharesDir) {
		if err == nil {
			err = c.storage.Remove(ctx, o.Name)
		}
		if err != nil {
			return stats, err
		}
	}
	return stats, nil
}

// repairBehind cleans up behind the batches of these ids.
func (c *Catalog) repairBehind(ctx context.Context, dead map[string]bool, stats *RepairStats) error {
	stats.Batches = len(dead)

	// A writer loads a version, looks for its marker and stores the next version,
	// in this order. Without the markers, it stops at the second step if it did
	// the first behind the fence, and at the third if it did so before. Unless it
	// was through before the fence: then the snapshot below has its files. Until
	// all is done, the marker of the fence says that there are leftovers.
	b, err := c.begin(ctx)
	if err != nil {
		return err
	}
	for id := range dead {
		if err := c.storage.Remove(ctx, markerName(id)); err != nil {
			return err
		}
	}
	if err := c.fenceAs(ctx, b); err != nil {
		return err
	}
	if err := c.sweep(ctx, b, sweepAll, stats); err != nil {
		return err
	}
	s, err := c.Snapshot(ctx)
	if err != nil {
		return err
	}
	for name, t := range s.version.Tables {
		if err := c.publishTable(ctx, name, t); err != nil {
			return fmt.Errorf("table %q: %w", name, err)
		}
	}
	return c.end(ctx, b)
}

// deadMarkers are the ids of the unfinished batches that are dead.
func (c *Catalog) deadMarkers(ctx context.Context, isDead func(marker) bool) (map[string]bool, error) {
	all, err := c.markers(ctx)
	if err != nil {
		return nil, err
	}
	for id := range all {
		data, err := storage.ReadAll(ctx, c.storage, markerName(id))
		if errors.Is(err, storage.ErrNotExist) {
			delete(all, id) // it has ended
			continue
		}
		if err != nil {
			return nil, err
		}
		var m marker
		if json.Unmarshal(data, &m) != nil {
			m = marker{} // damaged: nobody's
		}
		if !isDead(m) {
			delete(all, id)
		}
	}
	return all, nil
}

// markers are the ids of the batches that are unfinished.
func (c *Catalog) markers(ctx context.Context) (map[string]bool, error) {
	ids := map[string]bool{}
	for o, err := range c.storage.List(ctx, batchesDir) {
		if err != nil {
			return nil, err
		}
		ids[strings.TrimSuffix(path.Base(o.Name), ".json")] = true
	}
	return ids, nil
}

// sweepScope says what a sweep may remove.
type sweepScope struct {
	data     bool      // data files too, not only metadata
	modified time.Time // only what is older; zero: whatever its age
}

var sweepAll = sweepScope{data: true}

// sweep removes the objects of tables that carry a batch's name and that no
// snapshot in the newest metadata refers to. What other programs put beside
// them has other names and stays, and so does what belongs to an open batch, but
// for own, which is the caller's.
func (c *Catalog) sweep(ctx context.Context, own *batch, scope sweepScope, stats *RepairStats) error {
	s, err := c.Snapshot(ctx)
	if err != nil {
		return err
	}
	live, err := c.reachable(ctx, s, scope.data)
	if err != nil {
		return err
	}
	var garbage []storage.Object
	collect := func(dir string) error {
		for o, err := range c.storage.List(ctx, dir) {
			if err != nil {
				return err
			}
			if !live[o.Name] && removable(o.Name) && (scope.modified.IsZero() || o.Modified.Before(scope.modified)) {
				garbage = append(garbage, o)
			}
		}
		return nil
	}
	if scope.data { // also of tables that a crash kept from being made
		err = collect(database)
	} else {
		for _, name := range s.Tables() {
			if err = collect(metadataDir(name)); err != nil {
				break
			}
		}
	}
	if err != nil || len(garbage) == 0 {
		return err
	}
	// A batch found above that is not open now had ended before this listing. If
	// it was committed, the version that is loaded behind it has its files.
	open, err := c.markers(ctx)
	if err != nil {
		return err
	}
	delete(open, own.id)
	now, err := c.Snapshot(ctx)
	if err != nil {
		return err
	}
	if now.Version() != s.Version() {
		if live, err = c.reachable(ctx, now, scope.data); err != nil {
			return err
		}
	}
	for _, o := range garbage {
		if live[o.Name] || open[batchOf(o.Name)] {
			continue
		}
		if err := c.storage.Remove(ctx, o.Name); err != nil {
			return err
		}
		stats.Objects++
		stats.Bytes += o.Size
	}
	return nil
}

// removable reports whether an object was made by this package.
func removable(name string) bool {
	parts := strings.SplitN(name, "/", 4) // database, table, "data" or "metadata", rest
	if len(parts) != 4 || parts[2] != "data" && parts[2] != "metadata" {
		return false
	}
	if batchOf(name) != "" {
		return true
	}
	n, ok := strings.CutPrefix(strings.TrimSuffix(path.Base(name), ".metadata.json"), "v")
	if !ok || parts[2] != "metadata" {
		return false
	}
	_, err := strconv.ParseInt(n, 10, 64)
	return err == nil
}

// reachable are the names of all objects that the tables' snapshots refer to.
func (c *Catalog) reachable(ctx context.Context, s *Snapshot, data bool) (map[string]bool, error) {
	live := map[string]bool{}
	for _, tableName := range s.Tables() {
		t := s.tables[tableName]
		live[t.metaName] = true
		live[hintedMetadata(tableName, s.version.Tables[tableName].Changed)] = true
		for _, f := range t.meta.PreviousFiles() {
			name, err := t.paths.name(f.MetadataFile)
			if err != nil {
				return nil, err
			}
			live[name] = true
		}
		for _, snap := range t.meta.Snapshots() {
			manifests, err := c.manifests(ctx, &snap, t.paths)
			if err != nil {
				return nil, fmt.Errorf("table %q: %w", tableName, err)
			}
			if err := c.reach(ctx, live, t, snap.ManifestList, manifests, data); err != nil {
				return nil, fmt.Errorf("table %q: %w", tableName, err)
			}
		}
	}
	return live, nil
}

func (c *Catalog) reach(ctx context.Context, live map[string]bool, t *Table, list string, manifests []iceberg.ManifestFile, data bool) error {
	name, err := t.paths.name(list)
	if err != nil {
		return err
	}
	live[name] = true
	for _, m := range manifests {
		name, err := t.paths.name(m.FilePath())
		if err != nil {
			return err
		}
		if live[name] {
			continue // a manifest is shared by many snapshots
		}
		live[name] = true
		if indexed(m) {
			live[indexName(name)] = true
		}
		if !data {
			continue
		}
		l, err := c.files(ctx, m, t, false)
		if err != nil {
			return err
		}
		for _, f := range l.files {
			live[f.Path] = true
		}
	}
	return nil
}
