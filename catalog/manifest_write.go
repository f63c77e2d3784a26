package catalog

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strconv"

	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog/metadata"
)

const (
	// manifestFull is the most files of one manifest: enough that a plan reads
	// few of them, few enough that a date can leave most of them out.
	manifestFull = 4096
	// manifestClosed is from where on a manifest is not merged with others.
	manifestClosed = manifestFull / 2
	// mergeAt is how many smaller ones there are before they become one, so
	// that a commit of a few files rewrites the others only now and then.
	mergeAt = 8
)

// Keys of a snapshot's summary.
const (
	totalFiles   = "total-data-files"
	totalRecords = "total-records"
	totalBytes   = "total-files-size"
	batchKey     = "trailql.batch"
)

// entry is a line of a manifest to be written.
type entry struct {
	iceberg.ManifestEntry
	partition []string
	times     timeSpan
}

// change stages a new snapshot of a table and returns the metadata with it.
func (s *stage) change(ctx context.Context, t *Table, ch Change) (*metadata.Table, error) {
	parent := t.meta.CurrentSnapshot()
	manifests, err := s.catalog.manifests(ctx, parent, t.paths)
	if err != nil {
		return nil, err
	}
	// What holds only deleted files told the parent's readers what the parent
	// had removed.
	manifests = slices.DeleteFunc(manifests, func(m iceberg.ManifestFile) bool { return liveFiles(m) == 0 })

	snapshotID := rand.Int64N(1<<63-1) + 1
	entries, err := addedEntries(t, ch, snapshotID)
	if err != nil {
		return nil, err
	}
	kept, deleted, manifests, err := s.remove(ctx, t, manifests, ch.Remove)
	if err != nil {
		return nil, err
	}
	entries = append(entries, kept...)

	small := func(m iceberg.ManifestFile) bool { return liveFiles(m) < manifestClosed }
	if n := len(slices.Collect(filterSeq(manifests, small))); n+1 > mergeAt {
		for m := range filterSeq(manifests, small) {
			live, err := s.readLive(ctx, t, m)
			if err != nil {
				return nil, err
			}
			entries = append(entries, live...)
		}
		manifests = slices.DeleteFunc(manifests, small)
	}

	written, err := s.writeManifests(ctx, t, snapshotID, entries, deleted)
	if err != nil {
		return nil, err
	}
	return s.snapshot(ctx, t, ch, snapshotID, append(written, manifests...))
}

func liveFiles(m iceberg.ManifestFile) int {
	return int(m.AddedDataFiles()) + int(m.ExistingDataFiles())
}

func filterSeq[T any](all []T, keep func(T) bool) func(yield func(T) bool) {
	return func(yield func(T) bool) {
		for _, v := range all {
			if keep(v) && !yield(v) {
				return
			}
		}
	}
}

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// addedEntries describes new files to Iceberg.
func addedEntries(t *Table, ch Change, snapshotID int64) ([]entry, error) {
	files := ch.Add
	spec := t.meta.PartitionSpec()
	entries := make([]entry, 0, len(files))
	for i, f := range files {
		if ch.foreign != nil {
			e := iceberg.NewManifestEntry(iceberg.EntryStatusADDED, &snapshotID, nil, nil, ch.foreign.files[i])
			entries = append(entries, entry{e, f.Partition, t.eventTimes(f.LowerBounds, f.UpperBounds)})
			continue
		}
		partition := map[int]any{}
		for i, field := range t.fields {
			partition[field.FieldID] = nil
			if f.Partition[i] != "" {
				partition[field.FieldID] = f.Partition[i]
			}
		}
		b, err := iceberg.NewDataFileBuilder(spec, iceberg.EntryContentData, t.paths.uri(f.Path), iceberg.ParquetFile,
			partition, nil, nil, f.Records, f.Bytes)
		if err != nil {
			return nil, fmt.Errorf("add file %q: %w", f.Path, err)
		}
		// No sort order: rows are sorted within row groups.
		b.ColumnSizes(f.ColumnSizes).ValueCounts(f.ValueCounts).NullValueCounts(f.NullCounts).
			LowerBoundValues(f.LowerBounds).UpperBoundValues(f.UpperBounds)
		if len(f.SplitOffsets) > 0 {
			b.SplitOffsets(f.SplitOffsets)
		}
		e := iceberg.NewManifestEntry(iceberg.EntryStatusADDED, &snapshotID, nil, nil, b.Build())
		entries = append(entries, entry{e, f.Partition, t.eventTimes(f.LowerBounds, f.UpperBounds)})
	}
	return entries, nil
}

// remove takes files out of the manifests that hold them. It returns the other
// files of those manifests, the removed ones, and the manifests that stay.
func (s *stage) remove(ctx context.Context, t *Table, manifests []iceberg.ManifestFile, files []DataFile) (kept, deleted []entry, stay []iceberg.ManifestFile, err error) {
	if len(files) == 0 {
		return nil, nil, manifests, nil
	}
	missing := map[string]bool{}
	for _, f := range files {
		if len(f.Partition) != len(t.fields) {
			return nil, nil, nil, fmt.Errorf("remove file %q: %d partition values, want %d", f.Path, len(f.Partition), len(t.fields))
		}
		missing[t.paths.uri(f.Path)] = true
	}
	for _, m := range manifests {
		if !slices.ContainsFunc(files, func(f DataFile) bool { return within(f.Partition, m.Partitions()) }) {
			stay = append(stay, m)
			continue
		}
		live, err := s.readLive(ctx, t, m)
		if err != nil {
			return nil, nil, nil, err
		}
		var gone, rest []entry
		for _, e := range live {
			if uri := e.DataFile().FilePath(); missing[uri] {
				delete(missing, uri)
				gone = append(gone, e)
			} else {
				rest = append(rest, e)
			}
		}
		if len(gone) == 0 {
			stay = append(stay, m)
			continue
		}
		kept, deleted = append(kept, rest...), append(deleted, gone...)
	}
	for uri := range missing {
		return nil, nil, nil, fmt.Errorf("%w: %d of %d files to remove are not in the table any more, such as %q",
			ErrConflict, len(missing), len(files), path.Base(uri))
	}
	return kept, deleted, stay, nil
}

// within reports whether a manifest with these bounds can hold the partition.
func within(partition []string, bounds []iceberg.FieldSummary) bool {
	for i, v := range partition {
		if lo, hi, ok := textBounds(bounds, i); ok && (v < lo || v > hi) {
			return false
		}
	}
	return true
}

// readLive reads the live entries of a manifest in full, for rewriting.
func (s *stage) readLive(ctx context.Context, t *Table, m iceberg.ManifestFile) ([]entry, error) {
	name, err := t.paths.name(m.FilePath())
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	var live []entry
	err = s.catalog.eachEntry(ctx, name, m, nil, func(e iceberg.ManifestEntry) error {
		if e.Status() == iceberg.EntryStatusDELETED {
			return nil
		}
		df := e.DataFile()
		values, err := partitionValues(df, t.fields)
		live = append(live, entry{e, values, t.eventTimes(df.LowerBoundValues(), df.UpperBoundValues())})
		return err
	})
	return live, err
}

// writeManifests stores manifests of the entries. Sorted by the innermost
// partition column first, the date, each covers a short time.
func (s *stage) writeManifests(ctx context.Context, t *Table, snapshotID int64, entries, deleted []entry) ([]iceberg.ManifestFile, error) {
	slices.SortStableFunc(entries, func(a, b entry) int {
		for i := len(a.partition) - 1; i >= 0; i-- {
			if c := cmp.Compare(a.partition[i], b.partition[i]); c != 0 {
				return c
			}
		}
		return 0
	})
	type part struct {
		entries []entry
		write   func(w *iceberg.ManifestWriter, e entry) error
	}
	var parts []part
	if n := (len(entries) + manifestFull - 1) / manifestFull; n > 0 {
		for chunk := range slices.Chunk(entries, (len(entries)+n-1)/n) {
			parts = append(parts, part{chunk, func(w *iceberg.ManifestWriter, e entry) error {
				if e.Status() == iceberg.EntryStatusADDED && e.SnapshotID() == snapshotID {
					return w.Add(e.ManifestEntry)
				}
				return w.Existing(e.ManifestEntry)
			}})
		}
	}
	if len(deleted) > 0 {
		parts = append(parts, part{deleted, func(w *iceberg.ManifestWriter, e entry) error { return w.Delete(e.ManifestEntry) }})
	}

	spec, schema := t.meta.PartitionSpec(), t.meta.CurrentSchema()
	writers := make([]*iceberg.ManifestWriter, len(parts))
	encoded := make([]bytes.Buffer, len(parts))
	err := eachConcurrently(len(parts), func(i int) error {
		w, err := iceberg.NewManifestWriter(t.meta.Version(), &encoded[i], spec, schema, snapshotID)
		for _, e := range parts[i].entries {
			if err == nil {
				err = parts[i].write(w, e)
			}
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			return fmt.Errorf("write manifest: %w", err)
		}
		writers[i] = w
		return nil
	})
	if err != nil {
		return nil, err
	}
	var written []iceberg.ManifestFile
	for i, w := range writers {
		s.n++
		suffix := fmt.Sprintf("-m%d.avro", s.n)
		name, err := s.put(ctx, t.name, suffix, encoded[i].Bytes())
		if err != nil {
			return nil, fmt.Errorf("write manifest: %w", err)
		}
		m, err := w.ToManifestFile(t.paths.uri(name), int64(encoded[i].Len()))
		if err != nil {
			return nil, fmt.Errorf("write manifest: %w", err)
		}
		if indexed(m) {
			index, err := encodeIndex(t, parts[i].entries)
			if err != nil {
				return nil, fmt.Errorf("write file index: %w", err)
			}
			if _, err := s.put(ctx, t.name, indexName(suffix), index); err != nil {
				return nil, fmt.Errorf("write file index: %w", err)
			}
		}
		written = append(written, m)
	}
	return written, nil
}

// snapshot stores the manifest list and adds the snapshot to the metadata.
func (s *stage) snapshot(ctx context.Context, t *Table, ch Change, snapshotID int64, manifests []iceberg.ManifestFile) (*metadata.Table, error) {
	var parentID *int64
	if parent := t.meta.CurrentSnapshot(); parent != nil {
		parentID = &parent.SnapshotID
	}
	sequence := t.meta.LastSequenceNumber() + 1
	var list bytes.Buffer
	if err := iceberg.WriteManifestList(t.meta.Version(), &list, snapshotID, parentID, &sequence, 0, manifests); err != nil {
		return nil, fmt.Errorf("write manifest list: %w", err)
	}
	name, err := s.put(ctx, t.name, "-snapshot.avro", list.Bytes())
	if err != nil {
		return nil, fmt.Errorf("write manifest list: %w", err)
	}
	next := t.next().AddSnapshot(snapshotID, t.paths.uri(name), s.summary(t, ch))
	if ch.foreign != nil {
		next.SetProperties(ch.foreign.properties)
	}
	return next.Build()
}

// summary counts a change, as the specification's appendix F has it.
func (s *stage) summary(t *Table, ch Change) metadata.Summary {
	props := map[string]string{batchKey: s.batchID}
	if ch.foreign != nil {
		maps.Copy(props, ch.foreign.properties)
	}
	set := func(key string, n int64) {
		if n > 0 {
			props[key] = strconv.FormatInt(n, 10)
		}
	}
	added, removed := totals(ch.Add), totals(ch.Remove)
	set("added-data-files", added.Files)
	set("added-records", added.Records)
	set("added-files-size", added.Bytes)
	set("deleted-data-files", removed.Files)
	set("deleted-records", removed.Records)
	set("removed-files-size", removed.Bytes)
	partitions := map[string]bool{}
	for _, f := range slices.Concat(ch.Add, ch.Remove) {
		partitions[partitionKey(f.Partition)] = true
	}
	set("changed-partition-count", int64(len(partitions)))

	total := t.Stats()
	props[totalFiles] = strconv.FormatInt(total.Files+added.Files-removed.Files, 10)
	props[totalRecords] = strconv.FormatInt(total.Records+added.Records-removed.Records, 10)
	props[totalBytes] = strconv.FormatInt(total.Bytes+added.Bytes-removed.Bytes, 10)
	for _, key := range []string{"total-delete-files", "total-position-deletes", "total-equality-deletes"} {
		props[key] = "0"
	}

	op := metadata.OpAppend
	switch {
	case removed.Files == 0:
	case added.Files == 0:
		op = metadata.OpDelete
	case added.Records == removed.Records && !ch.Rewrite:
		op = metadata.OpReplace
	default:
		op = metadata.OpOverwrite
	}
	return metadata.Summary{Operation: op, Properties: props}
}

func totals(files []DataFile) TableStats {
	t := TableStats{Files: int64(len(files))}
	for _, f := range files {
		t.Records += f.Records
		t.Bytes += f.Bytes
	}
	return t
}
