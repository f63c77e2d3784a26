package catalog

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog/metadata"
)

// Snapshot is one consistent version of all tables. It stays readable while
// later commits replace it, for at least Options.Retain after that. It holds
// nothing that needs closing and is safe for concurrent use.
type Snapshot struct {
	version version
	tables  map[string]*Table
}

// Snapshot returns the newest version.
func (c *Catalog) Snapshot(ctx context.Context) (*Snapshot, error) {
	v, err := c.newest(ctx)
	if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	s := &Snapshot{version: v, tables: map[string]*Table{}}
	for name, tv := range v.Tables {
		meta, err := c.readMetadata(ctx, tv.Metadata)
		if err != nil {
			return nil, fmt.Errorf("open snapshot: table %q: %w", name, err)
		}
		s.tables[name] = newTable(c, name, tv, meta)
	}
	return s, nil
}

// Version grows with every commit to any table.
func (s *Snapshot) Version() int64 { return s.version.Version }

// Tables are the names of the tables, in order.
func (s *Snapshot) Tables() []string { return s.version.tables() }

// Table returns a table by name; the error wraps ErrNotExist if there is none.
func (s *Snapshot) Table(name string) (*Table, error) {
	t, ok := s.tables[name]
	if !ok {
		return nil, fmt.Errorf("table %q %w", name, ErrNotExist)
	}
	return t, nil
}

// Table is one table of a Snapshot.
type Table struct {
	catalog  *Catalog
	name     string
	meta     *metadata.Table
	metaName string
	changed  int64 // the version that brought the metadata
	paths    tablePaths

	snapshot  *metadata.Snapshot // that is read; nil before the first commit
	fields    []iceberg.PartitionField
	timeField int // field id of the event time; 0 if there is none
	textField int // field id of its text; 0 if there is none
}

func newTable(c *Catalog, name string, v tableVersion, meta *metadata.Table) *Table {
	t := &Table{catalog: c, name: name, meta: meta, metaName: v.Metadata, changed: v.Changed, paths: newTablePaths(name, meta), snapshot: meta.CurrentSnapshot()}
	spec := meta.PartitionSpec()
	for _, f := range spec.Fields() {
		t.fields = append(t.fields, f)
	}
	if f, ok := meta.CurrentSchema().FindFieldByName(eventTimeColumn); ok {
		t.timeField = f.ID
	}
	if f, ok := meta.CurrentSchema().FindFieldByName(timeTextColumn); ok {
		t.textField = f.ID
	}
	return t
}

// next begins the metadata behind the table's.
func (t *Table) next() *metadata.Builder {
	return metadata.Update(t.meta, t.paths.uri(t.metaName), t.catalog.now())
}

// TableStats are the totals of a table.
type TableStats struct {
	Files, Records, Bytes int64
}

// Name is the table's name without the database.
func (t *Table) Name() string { return t.name }

// Schema has the columns with their field ids. Treat it as read-only.
func (t *Table) Schema() *iceberg.Schema { return t.meta.CurrentSchema() }

// Spec has the names of the partition columns, outermost first.
func (t *Table) Spec() []string {
	var columns []string
	for _, f := range t.fields {
		columns = append(columns, f.Name)
	}
	return columns
}

// Stats come from the table's metadata: no file is read.
func (t *Table) Stats() TableStats {
	snap := t.snapshot
	if snap == nil {
		return TableStats{}
	}
	p := snap.Summary.Properties
	return TableStats{
		Files:   p.GetInt64(totalFiles, 0),
		Records: p.GetInt64(totalRecords, 0),
		Bytes:   p.GetInt64(totalBytes, 0),
	}
}

// CommittedAt is when a batch last changed the table, UTC; zero if none did.
func (t *Table) CommittedAt() time.Time {
	snap := t.snapshot
	if snap == nil {
		return time.Time{}
	}
	return time.UnixMilli(snap.TimestampMs).UTC()
}

// MetadataLocation is the path or URI of the Iceberg metadata file of exactly
// this snapshot, for other readers of the table.
func (t *Table) MetadataLocation() string {
	return t.catalog.Root() + "/" + t.metaName
}

// RegisteredLocation is the URI of the same file as MetadataLocation, for the
// catalogs of other engines: as the table's metadata has it, wherever the
// warehouse lies today. The file's name is one that these engines take: tables
// that nothing was committed to for long may have it as a copy, which the next
// commit to them replaces.
func (t *Table) RegisteredLocation() string {
	if batchOfMetadata(t.metaName) != "" {
		return t.paths.uri(t.metaName)
	}
	return t.paths.uri(hintedMetadata(t.name, t.changed))
}

// HasRegistered reports whether a location can be one that RegisteredLocation
// has given of this table, now or in an earlier version, or the one that was
// adopted last: what another engine writes lies elsewhere or has other names.
func (t *Table) HasRegistered(location string) bool {
	if name, err := t.paths.name(location); err == nil && t.meta.Properties()[adoptedMetadata] == path.Base(name) && path.Dir(name) == metadataDir(t.name) {
		return true
	}
	return t.isOwnMetadata(location) && strings.HasSuffix(location, ".metadata.json")
}

// HasListed reports whether a location can be one of a manifest list of this
// table, of a snapshot now or expired.
func (t *Table) HasListed(location string) bool {
	return t.isOwnMetadata(location) && strings.HasSuffix(location, ".avro")
}

func (t *Table) isOwnMetadata(location string) bool {
	name, err := t.paths.name(location)
	return err == nil && path.Dir(name) == metadataDir(t.name) && removable(name)
}

// Metadata is the table's metadata as of this version.
func (t *Table) Metadata() *metadata.Table { return t.meta }
