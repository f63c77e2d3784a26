package catalog

import (
	"context"
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
// a dead one.
func (c *Catalog) Repair(ctx context.Context) (RepairStats, error) {
	var stats RepairStats
	var err error
	if s, ok := c.storage.(storage.Sweeper); ok {
		if stats.Temporary, err = s.Sweep(ctx); err != nil {
			return stats, fmt.Errorf("repair warehouse: %w", err)
		}
	}
	var markers []string
	for o, err := range c.storage.List(ctx, batchesDir) {
		if err != nil {
			return stats, fmt.Errorf("repair warehouse: %w", err)
		}
		markers = append(markers, o.Name)
	}
	if len(markers) == 0 {
		return stats, nil
	}
	stats.Batches = len(markers)

	s, err := c.Snapshot(ctx)
	if err != nil {
		return stats, fmt.Errorf("repair warehouse: %w", err)
	}
	if err := c.sweep(ctx, s, sweepAll, &stats); err != nil {
		return stats, fmt.Errorf("repair warehouse: %w", err)
	}
	for name, t := range s.version.Tables {
		if err := c.publishTable(ctx, name, t); err != nil {
			return stats, fmt.Errorf("repair warehouse: table %q: %w", name, err)
		}
	}
	if err := c.removeAll(ctx, markers); err != nil {
		return stats, fmt.Errorf("repair warehouse: %w", err)
	}
	return stats, nil
}

// sweepScope says what a sweep may remove.
type sweepScope struct {
	data     bool      // data files too, not only metadata
	modified time.Time // only what is older; zero: whatever its age
}

var sweepAll = sweepScope{data: true}

// sweep removes the objects of tables that carry a batch's name and that no
// snapshot in the newest metadata refers to. What other programs put beside
// them has other names and stays.
func (c *Catalog) sweep(ctx context.Context, s *Snapshot, scope sweepScope, stats *RepairStats) error {
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
	if err != nil {
		return err
	}
	for _, o := range garbage {
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
	base := path.Base(name)
	if ownName.MatchString(base) {
		return true
	}
	n, ok := strings.CutPrefix(strings.TrimSuffix(base, ".metadata.json"), "v")
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
