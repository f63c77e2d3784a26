package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog/storage"
)

// indexedManifest is from how many files on a manifest has an index beside it.
const indexedManifest = 512

// fileIndex says of the files of one manifest what planning needs, column by
// column. A manifest has column statistics for every file, which take ten times
// longer to read past than the index takes to read. The index is only a copy:
// without it, the manifest is read.
type fileIndex struct {
	Partitions [][]string `json:"partitions"` // distinct
	Folders    []string   `json:"folders"`    // distinct, below the table's folder
	Partition  []int      `json:"partition"`  // by file, from here on
	Folder     []int      `json:"folder"`
	Name       []string   `json:"name"`
	Records    []int64    `json:"records"`
	Bytes      []int64    `json:"bytes"`
	First      []int64    `json:"first"` // event time, microseconds; behind Last if not known
	Last       []int64    `json:"last"`
	Texts      []int      `json:"texts,omitempty"` // TimeTexts; indexes of before it was thought of have none
}

// indexName is the name of the index of a manifest.
func indexName(manifest string) string { return strings.TrimSuffix(manifest, ".avro") + ".files.json" }

func indexed(m iceberg.ManifestFile) bool { return liveFiles(m) >= indexedManifest }

// distinct numbers different values from 0.
type distinct map[string]int

func (d distinct) number(v string) (n int, isNew bool) {
	n, ok := d[v]
	if !ok {
		n = len(d)
		d[v] = n
	}
	return n, !ok
}

// partitionKey distinguishes partitions whatever their values hold.
func partitionKey(values []string) string { return fmt.Sprintf("%q", values) }

func encodeIndex(t *Table, entries []entry) ([]byte, error) {
	var x fileIndex
	partitions, folders := distinct{}, distinct{}
	for _, e := range entries {
		df := e.DataFile()
		name, err := t.paths.name(df.FilePath())
		if err != nil {
			return nil, err
		}
		p, isNew := partitions.number(partitionKey(e.partition))
		if isNew {
			x.Partitions = append(x.Partitions, e.partition)
		}
		dir := strings.TrimPrefix(path.Dir(name), t.paths.dir+"/")
		d, isNew := folders.number(dir)
		if isNew {
			x.Folders = append(x.Folders, dir)
		}
		x.Partition, x.Folder = append(x.Partition, p), append(x.Folder, d)
		x.Name = append(x.Name, path.Base(name))
		x.Records, x.Bytes = append(x.Records, df.Count()), append(x.Bytes, df.FileSizeBytes())
		first, last := e.times.first, e.times.last
		if !e.times.known {
			first, last = 1, 0
		}
		x.First, x.Last = append(x.First, first), append(x.Last, last)
		x.Texts = append(x.Texts, int(e.times.texts))
	}
	return json.Marshal(x)
}

// readIndex reads the index of a manifest.
func (c *Catalog) readIndex(ctx context.Context, t *Table, manifest string, files int) (*manifestFiles, error) {
	name := indexName(manifest)
	data, err := storage.ReadAll(ctx, c.storage, name)
	if err != nil {
		return nil, err
	}
	var x fileIndex
	if err := json.Unmarshal(data, &x); err != nil {
		return nil, fmt.Errorf("read file index %q: %w", name, err)
	}
	for _, n := range []int{len(x.Partition), len(x.Folder), len(x.Name), len(x.Records), len(x.Bytes), len(x.First), len(x.Last)} {
		if n != files {
			return nil, fmt.Errorf("read file index %q: %d files, the manifest has %d", name, n, files)
		}
	}
	l := &manifestFiles{files: make([]DataFile, files), times: make([]timeSpan, files)}
	for i := range files {
		p, d := x.Partition[i], x.Folder[i]
		if p < 0 || p >= len(x.Partitions) || len(x.Partitions[p]) != len(t.fields) || d < 0 || d >= len(x.Folders) {
			return nil, fmt.Errorf("read file index %q: file %d has no partition or folder", name, i)
		}
		l.files[i] = DataFile{
			Path:      t.paths.dir + "/" + x.Folders[d] + "/" + x.Name[i],
			Partition: x.Partitions[p],
			Records:   x.Records[i],
			Bytes:     x.Bytes[i],
		}
		l.times[i] = timeSpan{first: x.First[i], last: x.Last[i], known: x.First[i] <= x.Last[i]}
		if len(x.Texts) == files && l.times[i].known {
			switch x.Texts[i] {
			case int(LateTexts):
				l.times[i].texts = LateTexts
			case int(DayTexts), int(lateEvents):
				l.times[i].texts = DayTexts
			}
		}
	}
	return l, nil
}
