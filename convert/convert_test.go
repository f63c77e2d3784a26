package convert

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	iceio "github.com/apache/iceberg-go/io"
	icetable "github.com/apache/iceberg-go/table"
	gocmp "github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/storagetest"
	"github.com/trailql/trailql/convert/cloudtrail"
)

const sharedData = "../../shared/data"

func shared(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.EvalSymlinks(filepath.Join(sharedData, name)) // a walk does not follow a link
	if err != nil {
		t.Skipf("the corpus of real records is not here: %v", err)
	}
	return path
}

// warehouse is in memory, without a disk to wait for.
func warehouse(t testing.TB) *catalog.Catalog {
	t.Helper()
	return open(t, newLocal(t, storagetest.NewMemory()))
}

// local is a storage in memory at a place where there may be a lock.
type local struct {
	storage.Storage
	root string
}

func (l local) Root() string { return l.root }

func newLocal(t testing.TB, s storage.Storage) local {
	t.Helper()
	root := t.TempDir()
	if err := os.Mkdir(filepath.Join(root, "catalog"), 0o777); err != nil {
		t.Fatal(err)
	}
	return local{s, root}
}

func open(t testing.TB, s storage.Storage) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Create(t.Context(), "", catalog.Options{Storage: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// diskWarehouse is a warehouse as users have it.
func diskWarehouse(t testing.TB, root string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Create(t.Context(), root, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func mustRun(t testing.TB, o Options) Summary {
	t.Helper()
	s, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// table is the records of cloudtrail_logs by their canonical text.
func table(t testing.TB, c *catalog.Catalog) map[string]int {
	t.Helper()
	out := map[string]int{}
	err := Export(t.Context(), ExportOptions{Catalog: c, Write: func(_, _ string, rec []byte) error {
		out[string(cloudtrail.Canonical(rec))]++
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// rows reads a small table.
func rows[T any](t testing.TB, c *catalog.Catalog, name string) (out []T) {
	t.Helper()
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tab, err := s.Table(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := readRecords(t.Context(), c, tab, func(row *T) { out = append(out, *row) }); err != nil {
		t.Fatal(err)
	}
	return out
}

// state is everything that a warehouse answers, without what differs from run
// to run.
type state struct {
	Logs       map[string]int // by canonical text, object and place
	Aggregated []aggregatedRow
	Ledger     []ledgerRow
	Rejected   []rejectedRow
}

// read reads the state of one snapshot; provenance says that it matters which
// of several equal deliveries a record came from.
func read(t testing.TB, c *catalog.Catalog, provenance bool) state {
	t.Helper()
	st := state{Logs: map[string]int{}}
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	logs, err := s.Table(LogsTable)
	if errors.Is(err, catalog.ErrNotExist) {
		return st // a run that got nowhere
	}
	if err != nil {
		t.Fatal(err)
	}
	files, _, err := logs.Plan(t.Context(), catalog.Predicate{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		n := int64(0)
		err := eachRow(t.Context(), c, f, func(rec *cloudtrail.Record) error {
			n++
			key := string(cloudtrail.Canonical(rec.AppendJSON(nil)))
			if provenance || len(rec.Text(cloudtrail.LeafEventID)) == 0 {
				key += fmt.Sprintf(" %s %d", rec.Text(cloudtrail.LeafSourceObject), rec.Index)
			}
			st.Logs[key]++
			return nil
		})
		if err != nil {
			t.Fatalf("%s: %v", f.Path, err)
		}
		if n != f.Records {
			t.Errorf("%s: %d rows, not %d", f.Path, n, f.Records)
		}
	}
	small(t, c, s, AggregatedTable, &st.Aggregated, func(r *aggregatedRow) string {
		return r.EventJSON
	})
	small(t, c, s, LedgerTable, &st.Ledger, func(r *ledgerRow) string {
		r.Batch, r.Converted = "", time.Time{}
		return r.Object + r.ETag
	})
	small(t, c, s, RejectedTable, &st.Rejected, func(r *rejectedRow) string {
		r.Batch, r.Rejected = "", time.Time{}
		return fmt.Sprintf("%s %d %d %s", r.Object, r.Index, r.Offset, r.Reason)
	})
	return st
}

func small[T any](t testing.TB, c *catalog.Catalog, s *catalog.Snapshot, name string, rows *[]T, key func(*T) string) {
	t.Helper()
	tab, err := s.Table(name)
	if err == nil {
		err = readRecords(t.Context(), c, tab, func(row *T) { *rows = append(*rows, *row) })
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range *rows {
		key(&(*rows)[i])
	}
	slices.SortFunc(*rows, func(a, b T) int { return cmp.Compare(key(&a), key(&b)) })
}

// files are the data files of a table, by partition.
func dataFiles(t testing.TB, c *catalog.Catalog, name string) map[string][]catalog.DataFile {
	t.Helper()
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tab, err := s.Table(name)
	if err != nil {
		t.Fatal(err)
	}
	files, _, err := tab.Plan(t.Context(), catalog.Predicate{})
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]catalog.DataFile{}
	for _, f := range files {
		key := strings.Join(f.Partition, " ")
		out[key] = append(out[key], f)
	}
	return out
}

// icebergFiles lets the Iceberg library read a storage.
type icebergFiles struct{ storage.Storage }

// name is the object of a URI, wherever the warehouse stood when it was written.
func (f icebergFiles) name(uri string) string {
	return uri[strings.LastIndex(uri, "/default/")+1:]
}

func (f icebergFiles) Open(uri string) (iceio.File, error) {
	text, err := storage.ReadAll(context.Background(), f.Storage, f.name(uri))
	if err != nil {
		return nil, err
	}
	return icebergFile{Reader: bytes.NewReader(text)}, nil
}

func (f icebergFiles) Remove(string) error { return errors.ErrUnsupported }

type icebergFile struct {
	*bytes.Reader
	os.FileInfo
}

func (f icebergFile) Stat() (os.FileInfo, error) { return f, nil }
func (f icebergFile) Size() int64                { return f.Reader.Size() }
func (f icebergFile) Close() error               { return nil }

// checkNoOrphans reads the tables' metadata by the Iceberg library, not by our
// own catalog: every data file is referred to by some snapshot, and no batch or
// temporary file is left.
func checkNoOrphans(t testing.TB, c *catalog.Catalog) {
	t.Helper()
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	files := icebergFiles{c.Storage()}
	known := map[string]bool{}
	for _, name := range s.Tables() {
		tab, err := s.Table(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := storage.ReadAll(t.Context(), c.Storage(), files.name(tab.MetadataLocation()))
		if err != nil {
			t.Fatal(err)
		}
		meta, err := icetable.ParseMetadataBytes(text)
		if err != nil {
			t.Fatal(err)
		}
		for _, snap := range meta.Snapshots() {
			manifests, err := snap.Manifests(files)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range manifests {
				for e, err := range m.Entries(files, true) {
					if err != nil {
						t.Fatal(err)
					}
					known[files.name(e.DataFile().FilePath())] = true
				}
			}
		}
	}
	for o, err := range c.Storage().List(t.Context(), "") {
		switch {
		case err != nil:
			t.Fatal(err)
		case strings.HasSuffix(o.Name, ".parquet"):
			if !known[o.Name] {
				t.Errorf("orphan %s", o.Name)
			}
			delete(known, o.Name)
		case strings.HasPrefix(o.Name, "catalog/batches/"):
			t.Errorf("left behind: %s", o.Name)
		}
	}
	for name := range known {
		t.Errorf("missing %s", name)
	}
	if f, ok := c.Storage().(storage.Sweeper); ok {
		if n, err := f.Sweep(t.Context()); n != 0 || err != nil {
			t.Errorf("%d temporary files, %v", n, err)
		}
	}
}

// The facts of the real archive: see shared/data/README.md §2.
func TestRealArchive(t *testing.T) {
	src := shared(t, "archive/AWSLogs")
	c := diskWarehouse(t, t.TempDir())
	s := mustRun(t, Options{Catalog: c, Sources: []string{src}})
	if s.Objects != 60 || s.Records != 3087 || s.Rejected != 0 || s.Duplicates != 0 || s.Partitions != 4 {
		t.Errorf("summary %+v", s)
	}
	days := map[string]int{}
	ids := map[string]int{}
	err := Export(t.Context(), ExportOptions{Catalog: c, Write: func(region, date string, rec []byte) error {
		days[region+" "+date]++
		ids[cloudtrail.Member(rec, "eventID")]++
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"eu-central-1 2017-12-11": 2, "us-east-1 2020-09-30": 182, "us-east-1 2020-10-01": 3, "us-east-1 2023-07-10": 2900}
	if d := gocmp.Diff(want, days); d != "" {
		t.Error(d)
	}
	if len(ids) != 3086 {
		t.Errorf("%d event ids", len(ids))
	}
	before := table(t, c)
	s = mustRun(t, Options{Catalog: c, Sources: []string{src}})
	if s.Unchanged != 60 || s.Records != 0 || s.Objects != 0 {
		t.Errorf("second run: %+v", s)
	}
	if d := gocmp.Diff(before, table(t, c)); d != "" {
		t.Error(d)
	}
}
