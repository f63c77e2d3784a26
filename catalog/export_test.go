package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"

	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog/metadata"
)

// Reachable are all objects that a snapshot's tables refer to.
func Reachable(ctx context.Context, c *Catalog, s *Snapshot) (map[string]bool, error) {
	return c.reachable(ctx, s, true)
}

// KeepVersions is the number of versions that Expire leaves.
const KeepVersions = keepVersions

// Limits of manifests.
const (
	ManifestFull = manifestFull
	MergeAt      = mergeAt

	IndexedManifest = indexedManifest
)

// HivePath is the folder of a partition.
var HivePath = hivePath

// CountManifests is the number of manifests of a table.
func CountManifests(ctx context.Context, t *Table) (int, error) {
	m, err := t.catalog.manifests(ctx, t.meta.CurrentSnapshot(), t.paths)
	return len(m), err
}

// MetadataName and BatchOf name metadata files, and tell whose an object is.
var (
	MetadataName = metadataName
	BatchOf      = batchOf
)

// AppendAs commits files to a table as another engine does: behind a metadata file,
// under names of its own, and without the catalog. It gives the location of the
// metadata that it has made.
func AppendAs(ctx context.Context, t *Table, behind, name string, op metadata.Operation, files ...DataFile) (string, error) {
	behind, err := t.paths.name(behind)
	if err != nil {
		return "", err
	}
	meta, err := t.catalog.readMetadata(ctx, behind)
	if err != nil {
		return "", err
	}
	theirs := newTable(t.catalog, t.name, tableVersion{Metadata: behind}, meta)
	id := rand.Int64N(1<<62) + 1
	s := &stage{catalog: t.catalog, prefix: name, tables: map[string]tableVersion{}}
	entries, err := addedEntries(theirs, Change{Add: files}, id)
	if err != nil {
		return "", err
	}
	manifests, err := t.catalog.manifests(ctx, meta.CurrentSnapshot(), theirs.paths)
	if err != nil {
		return "", err
	}
	written, err := s.writeManifests(ctx, theirs, id, entries, nil)
	if err != nil {
		return "", err
	}
	var list bytes.Buffer
	sequence := meta.LastSequenceNumber() + 1
	if err := iceberg.WriteManifestList(meta.Version(), &list, id, nil, &sequence, 0, append(written, manifests...)); err != nil {
		return "", err
	}
	listName, err := s.put(ctx, t.name, "-list.avro", list.Bytes())
	if err != nil {
		return "", err
	}
	next, err := theirs.next().AddSnapshot(id, theirs.paths.uri(listName), metadata.Summary{Operation: op}).Build()
	if err != nil {
		return "", err
	}
	data, err := json.Marshal(next)
	if err != nil {
		return "", err
	}
	metaName, err := s.put(ctx, t.name, ".metadata.json", data)
	return theirs.paths.uri(metaName), err
}
