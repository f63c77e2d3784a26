package catalog

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"

	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog/metadata"
	"github.com/trailql/trailql/catalog/storage"
)

// manifestFiles are the live files of one manifest, as planning needs them.
// A manifest never changes, so they are kept from plan to plan.
type manifestFiles struct {
	files []DataFile
	times []timeSpan // by file; nil if they were not needed yet
}

// manifests reads the manifest list of a snapshot; none for a nil snapshot.
func (c *Catalog) manifests(ctx context.Context, snap *metadata.Snapshot, paths tablePaths) ([]iceberg.ManifestFile, error) {
	if snap == nil {
		return nil, nil
	}
	name, err := paths.name(snap.ManifestList)
	if err != nil {
		return nil, fmt.Errorf("read manifest list: %w", err)
	}
	r, err := c.storage.Open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read manifest list: %w", err)
	}
	defer r.Close()
	list, err := iceberg.ReadManifestList(r)
	if err != nil {
		return nil, fmt.Errorf("read manifest list %q: %w", name, err)
	}
	for _, m := range list {
		if m.ManifestContent() != iceberg.ManifestContentData {
			return nil, fmt.Errorf("read manifest list %q: row-level deletes are not supported", name)
		}
	}
	return list, nil
}

// files returns the live files of a manifest, with the bounds of their event
// times if wanted.
func (c *Catalog) files(ctx context.Context, m iceberg.ManifestFile, t *Table, times bool) (*manifestFiles, error) {
	name, err := t.paths.name(m.FilePath())
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	times = times && t.timeField != 0
	c.mu.Lock()
	l := c.planned[t.name][name]
	c.mu.Unlock()
	if l != nil && (l.times != nil || !times) {
		return l, nil
	}

	if l, err = c.readFiles(ctx, t, m, name, times); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.planned[t.name] == nil {
		c.planned[t.name] = map[string]*manifestFiles{}
	}
	c.planned[t.name][name] = l
	return l, nil
}

// readFiles reads the index of a manifest, or the manifest if it has none.
func (c *Catalog) readFiles(ctx context.Context, t *Table, m iceberg.ManifestFile, name string, times bool) (*manifestFiles, error) {
	if indexed(m) {
		l, err := c.readIndex(ctx, t, name, liveFiles(m))
		if err == nil || !errors.Is(err, storage.ErrNotExist) {
			return l, err
		}
	}
	l := &manifestFiles{}
	seen := map[string][]string{} // partitions repeat from file to file
	projection := &iceberg.ManifestEntryProjection{IncludePruningStats: times}
	err := c.eachEntry(ctx, name, m, projection, func(e iceberg.ManifestEntry) error {
		if e.Status() == iceberg.EntryStatusDELETED {
			return nil
		}
		df := e.DataFile()
		file, err := t.paths.name(df.FilePath())
		if err != nil {
			return err
		}
		values, err := partitionValues(df, t.fields)
		if err != nil {
			return err
		}
		key := partitionKey(values)
		if known, ok := seen[key]; ok {
			values = known
		} else {
			seen[key] = values
		}
		l.files = append(l.files, DataFile{Path: file, Partition: values, Records: df.Count(), Bytes: df.FileSizeBytes()})
		if times {
			l.times = append(l.times, t.eventTimes(df.LowerBoundValues(), df.UpperBoundValues()))
		}
		return nil
	})
	return l, err
}

// forgetPlanned drops what is kept for manifests that are not of this snapshot.
func (c *Catalog) forgetPlanned(t *Table, manifests []iceberg.ManifestFile) {
	current := map[string]bool{}
	for _, m := range manifests {
		current[m.FilePath()] = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.planned[t.name], func(name string, _ *manifestFiles) bool { return !current[t.paths.uri(name)] })
}

// eachEntry calls do with every entry of a manifest, read whole without a
// projection.
func (c *Catalog) eachEntry(ctx context.Context, name string, m iceberg.ManifestFile, p *iceberg.ManifestEntryProjection, do func(iceberg.ManifestEntry) error) error {
	r, err := c.storage.Open(ctx, name)
	if err != nil {
		return fmt.Errorf("read manifest: %w", err)
	}
	defer r.Close()
	in := bufio.NewReaderSize(r, 256<<10)
	var mr *iceberg.ManifestReader
	if p == nil {
		mr, err = iceberg.NewManifestReader(m, in)
	} else {
		mr, err = iceberg.NewManifestReaderWithProjection(m, in, *p)
	}
	if err != nil {
		return fmt.Errorf("read manifest %q: %w", name, err)
	}
	for n := 0; ; n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		e, err := mr.ReadEntry()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = do(e)
		}
		if err != nil {
			return errors.Join(fmt.Errorf("read manifest %q: %w", name, err), mr.Close())
		}
	}
	if err := mr.Close(); err != nil {
		return fmt.Errorf("read manifest %q: %w", name, err)
	}
	return nil
}

// partitionValues are a file's values of the partition columns; "" is null.
func partitionValues(df iceberg.DataFile, fields []iceberg.PartitionField) ([]string, error) {
	if len(fields) == 0 {
		return nil, nil
	}
	byID := df.Partition()
	values := make([]string, len(fields))
	for i, f := range fields {
		switch v := byID[f.FieldID].(type) {
		case nil:
		case string:
			values[i] = v
		default:
			return nil, fmt.Errorf("file %q: partition column %q has a %T", df.FilePath(), f.Name, v)
		}
	}
	return values, nil
}
