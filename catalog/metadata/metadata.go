// Package metadata reads and writes the metadata file of an Iceberg table: its
// schema, partitioning, sort order, snapshots and logs.
//
// Source of the format: Apache Iceberg table specification, format version 2,
// "Snapshots", "Snapshot References", "Table Metadata" and appendix C, "JSON
// serialization"; a section is named where it decides something. Schemas, types,
// partition specs and transforms are iceberg-go's. Its package table is not used,
// because what it imports costs 85 ms at every start of the program.
//
// A file may hold more than is modelled here: statistics, tags, fields of later
// specifications. All of it is kept. A [Table] is the file's own JSON, from which
// what the catalog asks for has been read, and a [Builder] edits that JSON.
//
//   - metadata.go: a table's metadata and what can be asked of it
//   - parse.go: reading and checking a file
//   - new.go, builder.go: the first metadata of a table, and each next one
//   - changes.go: what leads from one metadata to a later one
//   - snapshot.go, sort.go: parts of it
package metadata

import (
	"encoding/json"

	"github.com/apache/iceberg-go"
	"github.com/google/uuid"
)

// FormatVersion is the only version that is read or written.
const FormatVersion = 2

// Table is the metadata of one table as one file has it. It never changes and
// is safe for concurrent use; what its methods return is read-only.
type Table struct {
	document document

	id           uuid.UUID
	location     string
	lastSequence int64
	lastUpdated  int64
	lastColumn   int
	schema       *iceberg.Schema
	partition    iceberg.PartitionSpec
	sort         SortOrder
	properties   iceberg.Properties
	snapshots    []Snapshot
	current      *Snapshot
	files        []MetadataLogEntry
}

// MetadataLogEntry is an earlier metadata file of a table.
type MetadataLogEntry struct {
	TimestampMs  int64  `json:"timestamp-ms"` // when the table was last changed as of that file
	MetadataFile string `json:"metadata-file"`
}

// MarshalJSON encodes the file: what was parsed, white space and the order of
// members aside.
func (t *Table) MarshalJSON() ([]byte, error) { return json.Marshal(t.document) }

// ID is the table's UUID.
func (t *Table) ID() uuid.UUID { return t.id }

// Version is the format version.
func (t *Table) Version() int { return FormatVersion }

// Location is the URI of the table's folder, without a slash at the end unless
// the file has one.
func (t *Table) Location() string { return t.location }

// LastSequenceNumber is the highest sequence number given to a snapshot; 0
// before the first.
func (t *Table) LastSequenceNumber() int64 { return t.lastSequence }

// LastUpdatedMillis is when the table was last changed, in milliseconds since
// 1970 UTC.
func (t *Table) LastUpdatedMillis() int64 { return t.lastUpdated }

// LastColumnID is the highest column id ever used.
func (t *Table) LastColumnID() int { return t.lastColumn }

// CurrentSchema has the columns of the table.
func (t *Table) CurrentSchema() *iceberg.Schema { return t.schema }

// PartitionSpec is how new files are partitioned.
func (t *Table) PartitionSpec() iceberg.PartitionSpec { return t.partition }

// SortOrder is how new files are sorted.
func (t *Table) SortOrder() SortOrder { return t.sort }

// Properties are the table's settings.
func (t *Table) Properties() iceberg.Properties { return t.properties }

// Snapshots are all snapshots in the order in which they were added.
func (t *Table) Snapshots() []Snapshot { return t.snapshots }

// CurrentSnapshot is the head of branch main; nil before the first.
func (t *Table) CurrentSnapshot() *Snapshot { return t.current }

// PreviousFiles are the earlier metadata files that the table still names,
// oldest first.
func (t *Table) PreviousFiles() []MetadataLogEntry { return t.files }
