package catalog_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
)

// Field ids of the events table.
const (
	eventIDField = 1 + iota
	eventTimeField
	regionField
	dateField
)

// eventsSpec is a table in the layout of cloudtrail_logs; filesSpec one in the
// layout of a ledger.
func eventsSpec() catalog.TableSpec {
	return catalog.TableSpec{
		Name: "events",
		Schema: iceberg.NewSchema(0,
			iceberg.NestedField{ID: eventIDField, Name: "eventid", Type: iceberg.PrimitiveTypes.String},
			iceberg.NestedField{ID: eventTimeField, Name: "eventtimestamp", Type: iceberg.PrimitiveTypes.TimestampTz},
			iceberg.NestedField{ID: regionField, Name: "region", Type: iceberg.PrimitiveTypes.String},
			iceberg.NestedField{ID: dateField, Name: "date", Type: iceberg.PrimitiveTypes.String},
		),
		Partition:  []string{"region", "date"},
		Sort:       []string{"eventtimestamp"},
		Properties: map[string]string{"comment": "a test"},
	}
}

func filesSpec() catalog.TableSpec {
	return catalog.TableSpec{
		Name:   "files",
		Schema: iceberg.NewSchema(0, iceberg.NestedField{ID: 1, Name: "object", Type: iceberg.PrimitiveTypes.String, Required: true}),
	}
}

// create opens a new warehouse with both tables.
func create(t testing.TB, o catalog.Options) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Create(t.Context(), path.Join(t.TempDir(), "warehouse"), o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Define(t.Context(), eventsSpec(), filesSpec()); err != nil {
		t.Fatal(err)
	}
	return c
}

// reopen opens the same warehouse without what the first one remembers.
func reopen(t testing.TB, c *catalog.Catalog, o catalog.Options) *catalog.Catalog {
	t.Helper()
	again, err := catalog.Open(t.Context(), c.Root(), o)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

func begin(t testing.TB, c *catalog.Catalog) string {
	t.Helper()
	id, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// newFile stores a file of some bytes that nobody will read as Parquet.
func newFile(ctx context.Context, c *catalog.Catalog, batch, table string, records int64, partition ...string) (catalog.DataFile, error) {
	content := fmt.Sprintf("%s %q %d", table, partition, records)
	name, w, err := c.NewFile(ctx, batch, table, partition...)
	if err != nil {
		return catalog.DataFile{}, err
	}
	if _, err := w.Write([]byte(content)); err != nil {
		return catalog.DataFile{}, err
	}
	if err := w.Commit(); err != nil {
		return catalog.DataFile{}, err
	}
	return catalog.DataFile{Path: name, Partition: partition, Records: records, Bytes: int64(len(content))}, nil
}

// addBatch commits one event file and one ledger file together.
func addBatch(ctx context.Context, c *catalog.Catalog, records int64, region, date string) error {
	id, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	event, err := newFile(ctx, c, id, "events", records, region, date)
	if err != nil {
		return err
	}
	ledger, err := newFile(ctx, c, id, "files", records)
	if err != nil {
		return err
	}
	_, err = c.Commit(ctx, catalog.Batch{ID: id, Changes: map[string]catalog.Change{
		"events": {Add: []catalog.DataFile{event}},
		"files":  {Add: []catalog.DataFile{ledger}},
	}})
	return err
}

func mustAdd(t testing.TB, c *catalog.Catalog, records int64, region, date string) {
	t.Helper()
	if err := addBatch(t.Context(), c, records, region, date); err != nil {
		t.Fatal(err)
	}
}

func snapshot(t testing.TB, c *catalog.Catalog) *catalog.Snapshot {
	t.Helper()
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func plan(t testing.TB, s *catalog.Snapshot, table string, p catalog.Predicate) ([]catalog.DataFile, catalog.PlanStats) {
	t.Helper()
	tab, err := s.Table(table)
	if err != nil {
		t.Fatal(err)
	}
	files, stats, err := tab.Plan(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return files, stats
}

// checkWhole checks that a snapshot is whole: both tables have had the same
// batches, the totals are those of the files, and every file is there. It
// returns the number of records.
func checkWhole(t testing.TB, c *catalog.Catalog, s *catalog.Snapshot) int64 {
	t.Helper()
	records := map[string]int64{}
	for _, name := range s.Tables() {
		files, stats := plan(t, s, name, catalog.Predicate{})
		if stats.Files != stats.FilesTotal || stats.Records != stats.RecordsTotal || stats.Bytes != stats.BytesTotal {
			t.Errorf("table %q: planned %+v, not all of it", name, stats)
		}
		records[name] = stats.Records
		for _, f := range files {
			o, err := c.Storage().Stat(t.Context(), f.Path)
			if err != nil || o.Size != f.Bytes {
				t.Errorf("table %q: file of %d bytes: %+v, %v", name, f.Bytes, o, err)
			}
		}
	}
	if records["events"] != records["files"] {
		t.Errorf("version %d is not whole: %v records", s.Version(), records)
	}
	return records["events"]
}

// objects lists the warehouse, with what is random in the names left out.
func objects(t testing.TB, c *catalog.Catalog) []string {
	t.Helper()
	var names []string
	for o, err := range c.Storage().List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, o.Name)
	}
	return names
}

var batchID = regexp.MustCompile(`\d{8}T\d{9}Z-[0-9a-f]{8}`)

// checkNoOrphans checks that each object of the warehouse is needed: by the
// newest snapshot, by one that it has not forgotten, or as a hint.
func checkNoOrphans(t testing.TB, c *catalog.Catalog) {
	t.Helper()
	s := snapshot(t, c)
	live, err := catalog.Reachable(t.Context(), c, s)
	if err != nil {
		t.Fatal(err)
	}
	missing := maps.Clone(live)
	for _, name := range objects(t, c) {
		delete(missing, name)
		base := path.Base(name)
		switch {
		case live[name], base == "version-hint.text", name == "catalog/latest", name == "catalog/lock":
		case strings.HasPrefix(name, "catalog/versions/"):
		case strings.HasPrefix(base, "v") && strings.HasSuffix(base, ".metadata.json"):
		default:
			t.Errorf("orphan %q", batchID.ReplaceAllString(name, "BATCH"))
		}
	}
	for name := range missing {
		if strings.HasPrefix(path.Base(name), "v") { // a hint that a crash kept from being written
			continue
		}
		t.Errorf("missing %q", name)
	}
	if sw, ok := c.Storage().(storage.Sweeper); ok {
		if n, err := sw.Sweep(t.Context()); n != 0 || err != nil {
			t.Errorf("%d temporary files left, %v", n, err)
		}
	}
}

func micros(s string) []byte {
	at, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return binary.LittleEndian.AppendUint64(nil, uint64(at.UnixMicro()))
}

func paths(files []catalog.DataFile) []string {
	var p []string
	for _, f := range files {
		p = append(p, f.Path)
	}
	slices.Sort(p)
	return p
}

// sleeping is a storage that does something else just before a version is stored.
type sleeping struct {
	storage.Storage
	beforeVersion func()
}

func (s *sleeping) PutNew(ctx context.Context, name string, data []byte) error {
	if do := s.beforeVersion; do != nil && isVersion(name) {
		s.beforeVersion = nil
		do()
	}
	return s.Storage.PutNew(ctx, name, data)
}

func isVersion(name string) bool { return strings.HasPrefix(name, "catalog/versions/") }

// cutOff is a storage that loses its connection when a version has been stored.
type cutOff struct {
	storage.Storage
	armed, down bool
}

func (s *cutOff) PutNew(ctx context.Context, name string, data []byte) error {
	err := s.Storage.PutNew(ctx, name, data)
	if s.armed && isVersion(name) {
		s.armed, s.down = false, true
		return syscall.ETIMEDOUT
	}
	return err
}

func (s *cutOff) Open(ctx context.Context, name string) (storage.Reader, error) {
	if s.down {
		return nil, syscall.ETIMEDOUT
	}
	return s.Storage.Open(ctx, name)
}
