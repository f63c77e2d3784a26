package catalog

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"

	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog/metadata"
	"github.com/trailql/trailql/catalog/storage"
)

// ErrNotAdoptable is wrapped by Adopt's error when what another engine has
// committed cannot become part of the warehouse.
var ErrNotAdoptable = errors.New("cannot be adopted")

// What of another engine's commits a table has adopted, as properties of it: they
// have to outlive the snapshots that expire.
const (
	adoptedSnapshot = "trailql.adopted-snapshot" // the newest of theirs
	adoptedMetadata = "trailql.adopted-metadata" // its metadata file
)

// Adopt makes the files that another engine has added to the tables part of the
// next version, all tables at once, as they are. locations are those of the
// engine's metadata files, by table; one of ours, or one that has been adopted, is
// passed over. It returns what is new, by table.
//
// The engine must have added files only, in our columns and partitions, on top of a
// version of ours that has not expired. A partition that has new rows here, too,
// since then is not adopted, because nobody has looked for rows that are in both,
// but in tables where a row may be twice. The error then wraps ErrNotAdoptable, and
// nothing changes.
//
// The caller holds the Lock, so that nobody converts the same records meanwhile.
func (c *Catalog) Adopt(ctx context.Context, locations map[string]string, mayRepeat ...string) (map[string]TableStats, error) {
	b, err := c.begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("adopt tables: %w", err)
	}
	var adopted map[string]TableStats
	_, err = c.commit(ctx, b, func(ctx context.Context, base *Snapshot, s *stage) error {
		adopted = map[string]TableStats{}
		for _, name := range sortedNames(locations) {
			t, err := base.Table(name)
			if err != nil {
				return err
			}
			ch, err := t.adoption(ctx, locations[name], slices.Contains(mayRepeat, name))
			if err != nil {
				return fmt.Errorf("table %q: %w", name, err)
			}
			if ch.foreign == nil {
				continue
			}
			meta, err := s.change(ctx, t, ch)
			if err == nil {
				err = s.putMetadata(ctx, name, meta)
			}
			if err != nil {
				return fmt.Errorf("table %q: %w", name, err)
			}
			adopted[name] = totals(ch.Add)
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("adopt tables: %w", err), c.Abort(context.WithoutCancel(ctx), b.id))
	}
	_ = c.end(context.WithoutCancel(ctx), b) // a marker that stays is Repair's
	return adopted, nil
}

// foreignFiles are what a change adopts, besides Add, which says the same in our
// words.
type foreignFiles struct {
	files      []iceberg.DataFile
	properties map[string]string
}

// adoption is the change that adopts a metadata file, without foreign if there is
// nothing in it.
func (t *Table) adoption(ctx context.Context, location string, mayRepeat bool) (ch Change, err error) {
	if t.HasRegistered(location) {
		return ch, nil
	}
	refuse := func(format string, args ...any) (Change, error) {
		return Change{}, fmt.Errorf("%q %w: %s", location, ErrNotAdoptable, fmt.Sprintf(format, args...))
	}
	name, err := t.paths.name(location)
	if err != nil {
		return refuse("%v", err)
	}
	data, err := storage.ReadAll(ctx, t.catalog.storage, name)
	if err != nil {
		return ch, fmt.Errorf("read table metadata: %w", err)
	}
	meta, err := metadata.Parse(data)
	if err != nil {
		return refuse("%v", err)
	}
	if meta.ID() != t.meta.ID() || meta.Location() != t.meta.Location() {
		return refuse("it is another table's")
	}
	theirSpec, ourSpec := meta.PartitionSpec(), t.meta.PartitionSpec()
	if !samePartition(theirSpec, ourSpec) || theirSpec.ID() != ourSpec.ID() || !meta.CurrentSchema().Equals(t.Schema()) {
		return refuse("the table's columns or partitions are others there")
	}
	theirs, since, err := t.lineage(meta)
	if err != nil {
		return refuse("%v", err)
	}
	ch.foreign = &foreignFiles{properties: map[string]string{adoptedMetadata: path.Base(location)}}
	if len(theirs) == 0 {
		return ch, nil // such as new statistics
	}
	ch.foreign.properties[adoptedSnapshot] = strconv.FormatInt(meta.CurrentSnapshot().SnapshotID, 10)
	entries, err := t.entriesOf(ctx, meta.CurrentSnapshot(), theirs)
	if err != nil {
		return refuse("%v", err)
	}
	for _, e := range entries {
		df := e.DataFile()
		file, err := t.paths.name(df.FilePath())
		if err != nil {
			return refuse("%v", err)
		}
		if df.FileFormat() != iceberg.ParquetFile {
			return refuse("%q is no Parquet file", df.FilePath())
		}
		ch.foreign.files = append(ch.foreign.files, df)
		ch.Add = append(ch.Add, DataFile{
			Path: file, Partition: e.partition, Records: df.Count(), Bytes: df.FileSizeBytes(),
			LowerBounds: df.LowerBoundValues(), UpperBounds: df.UpperBoundValues(),
		})
	}
	if len(since) > 0 && !mayRepeat {
		ours, err := t.entriesOf(ctx, t.meta.CurrentSnapshot(), since)
		if err != nil {
			return ch, err
		}
		for _, e := range ours {
			if slices.ContainsFunc(ch.Add, func(f DataFile) bool { return slices.Equal(f.Partition, e.partition) }) {
				return refuse("rows have been added here, too, since it began: to partition %q", e.partition)
			}
		}
	}
	return ch, nil
}

// lineage finds where another engine's snapshots began: theirs are its own, since
// are ours that came behind the one that it began on and have added rows.
func (t *Table) lineage(meta *metadata.Table) (theirs, since map[int64]bool, err error) {
	byID := map[int64]metadata.Snapshot{}
	for _, s := range meta.Snapshots() {
		byID[s.SnapshotID] = s
	}
	ours := t.meta.Snapshots()
	known := func(id int64) bool {
		return slices.ContainsFunc(ours, func(s metadata.Snapshot) bool { return s.SnapshotID == id })
	}
	theirs = map[int64]bool{}
	began := int64(0) // none: before the first snapshot
	for s := meta.CurrentSnapshot(); s != nil; {
		id := s.SnapshotID
		if known(id) {
			began = id
			break
		}
		if strconv.FormatInt(id, 10) == t.meta.Properties()[adoptedSnapshot] {
			// It is in a snapshot of ours behind which theirs have gone on.
			began = t.adoptedIn(id)
			break
		}
		if s.Summary.Properties[batchKey] != "" {
			return nil, nil, fmt.Errorf("it began on snapshot %d, which has expired here", id)
		}
		if s.Summary.Operation != metadata.OpAppend {
			return nil, nil, fmt.Errorf("snapshot %d is of operation %q, and only new rows can be adopted", id, s.Summary.Operation)
		}
		theirs[id] = true
		if s.ParentSnapshotID == nil {
			break
		}
		parent, ok := byID[*s.ParentSnapshotID]
		if !ok {
			return nil, nil, fmt.Errorf("snapshot %d, which snapshot %d is behind, has expired there", *s.ParentSnapshotID, id)
		}
		s = &parent
	}
	since = map[int64]bool{}
	for _, s := range slices.Backward(ours) {
		if s.SnapshotID == began {
			break
		}
		since[s.SnapshotID] = true
	}
	joined := func(s metadata.Snapshot) bool {
		return !since[s.SnapshotID] || s.Summary.Operation == metadata.OpReplace
	}
	if !slices.ContainsFunc(ours, func(s metadata.Snapshot) bool { return !joined(s) }) {
		since = nil
	}
	return theirs, since, nil
}

// adoptedIn is the snapshot that has adopted one of another engine; 0 if it has
// expired.
func (t *Table) adoptedIn(id int64) int64 {
	for _, s := range t.meta.Snapshots() {
		if s.Summary.Properties[adoptedSnapshot] == strconv.FormatInt(id, 10) {
			return s.SnapshotID
		}
	}
	return 0
}

// entriesOf are the live files of a snapshot that one of some snapshots has added.
func (t *Table) entriesOf(ctx context.Context, snap *metadata.Snapshot, of map[int64]bool) (entries []entry, err error) {
	manifests, err := t.catalog.manifests(ctx, snap, t.paths)
	if err != nil {
		return nil, err
	}
	spec := t.meta.PartitionSpec()
	for _, m := range manifests {
		if !of[m.SnapshotID()] { // nobody else has written their entries
			continue
		}
		if m.PartitionSpecID() != int32(spec.ID()) {
			return nil, fmt.Errorf("manifest %q is of other partitions", m.FilePath())
		}
		name, err := t.paths.name(m.FilePath())
		if err != nil {
			return nil, err
		}
		err = t.catalog.eachEntry(ctx, name, m, nil, func(e iceberg.ManifestEntry) error {
			if e.Status() == iceberg.EntryStatusDELETED || !of[e.SnapshotID()] {
				return nil
			}
			values, err := partitionValues(e.DataFile(), t.fields)
			entries = append(entries, entry{ManifestEntry: e, partition: values})
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return entries, nil
}
