package catalog

import (
	"fmt"
	"maps"
	"time"

	"github.com/trailql/trailql/catalog/metadata"
)

// TableSnapshot is one state of a table. A table has those that Expire has
// left: for a day, unless Options.Retain says otherwise, and the newest.
type TableSnapshot struct {
	ID        int64
	Parent    int64 // 0 for the first
	Committed time.Time
	Operation string            // append, replace, overwrite or delete, as Iceberg has it
	Summary   map[string]string // Iceberg's, such as added-records
	Manifests string            // path or URI of the manifest list
}

// History are the table's snapshots, oldest first.
func (t *Table) History() []TableSnapshot {
	var history []TableSnapshot
	for _, s := range t.meta.Snapshots() {
		h := TableSnapshot{
			ID: s.SnapshotID, Committed: time.UnixMilli(s.TimestampMs).UTC(), Manifests: s.ManifestList,
			Operation: string(s.Summary.Operation), Summary: maps.Clone(s.Summary.Properties),
		}
		if s.ParentSnapshotID != nil {
			h.Parent = *s.ParentSnapshotID
		}
		history = append(history, h)
	}
	return history
}

// AsOf is the table as it was at a time. The error wraps ErrNotExist if the
// table has no snapshot as old as that, or no longer.
func (t *Table) AsOf(at time.Time) (*Table, error) {
	var found *metadata.Snapshot
	for _, s := range t.meta.Snapshots() {
		if s.TimestampMs <= at.UnixMilli() {
			found = &s
		}
	}
	if found == nil {
		return nil, fmt.Errorf("a snapshot of table %q at %s %w", t.name, at.UTC().Format(time.RFC3339), ErrNotExist)
	}
	return t.at(found), nil
}

// Version is the table as one of its snapshots has it. The error wraps
// ErrNotExist if there is none of this id.
func (t *Table) Version(id int64) (*Table, error) {
	for _, s := range t.meta.Snapshots() {
		if s.SnapshotID == id {
			return t.at(&s), nil
		}
	}
	return nil, fmt.Errorf("snapshot %d of table %q %w", id, t.name, ErrNotExist)
}

func (t *Table) at(s *metadata.Snapshot) *Table {
	past := *t
	past.snapshot = s
	return &past
}
