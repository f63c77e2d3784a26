package catalog

import "context"

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
)

// HivePath is the folder of a partition.
var HivePath = hivePath

// CountManifests is the number of manifests of a table.
func CountManifests(ctx context.Context, t *Table) (int, error) {
	m, err := t.catalog.manifests(ctx, t.meta.CurrentSnapshot(), t.paths)
	return len(m), err
}
