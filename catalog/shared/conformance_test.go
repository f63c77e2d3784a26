package shared_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/shared"
)

// sharedCatalog is an empty namespace of a server, or of what stands for one.
type sharedCatalog interface {
	open(t *testing.T) *shared.Publisher
	// metadata is what readers find, by table.
	metadata(t *testing.T) map[string][]byte
	// writeTo makes a commit of another engine.
	writeTo(t *testing.T, c *catalog.Catalog, table string)
}

// conforms is what holds for every catalog. empty gives a new namespace.
func conforms(t *testing.T, empty func(t *testing.T) sharedCatalog) {
	for name, test := range oneWriter {
		t.Run(name, func(t *testing.T) { test(t, empty(t)) })
	}
	t.Run("several writers", func(t *testing.T) {
		if testing.Short() {
			t.Skip("seconds of contention")
		}
		testSeveralWriters(t, empty(t))
	})
}

var oneWriter = map[string]func(*testing.T, sharedCatalog){
	"follows":        testFollows,
	"another engine": testAnotherEngine,
	"another table":  testAnotherTable,
	"leaves others":  testLeavesOthers,
	"adopts":         testAdopts,
}

func testFollows(t *testing.T, s sharedCatalog) {
	now := time.Now()
	c := warehouse(t, catalog.Options{Retain: time.Hour, Now: func() time.Time { return now }})
	p := s.open(t)
	publish := func(want int) {
		t.Helper()
		changes, err := p.Publish(t.Context(), c)
		if err != nil || len(changes) != want {
			t.Fatalf("Publish = %v, %v, want %d", changes, err, want)
		}
		checkCurrent(t, s, c)
	}
	publish(2)
	publish(0)
	define(t, c, "events")
	publish(1)
	define(t, c, "events", "more")
	publish(2)
	add(t, c, "events", "files")
	publish(2)
	for range 3 { // as after converters whose catalog was not there
		now = now.Add(time.Minute)
		add(t, c, "events")
	}
	publish(1)
	now = now.Add(2 * time.Hour)
	add(t, c, "events")
	if err := c.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	publish(1)
	widen(t, c, "events", "b")
	widen(t, c, "events", "c")
	add(t, c, "events")
	publish(1)
	// Another run, on another connection.
	p = s.open(t)
	publish(0)
	add(t, c, "events")
	publish(1)
}

// testAnotherEngine: what another engine has written is not overwritten, nor is
// anything else then.
func testAnotherEngine(t *testing.T, s sharedCatalog) {
	c, p := warehouse(t, catalog.Options{}), s.open(t)
	add(t, c, "events", "files")
	if _, err := p.Publish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	s.writeTo(t, c, "files")
	before := s.metadata(t)
	add(t, c, "events", "files")
	if _, err := p.Publish(t.Context(), c); !errors.Is(err, shared.ErrForeign) || !strings.Contains(err.Error(), ".files in ") {
		t.Errorf("Publish = %v, want ErrForeign", err)
	}
	if diff := cmp.Diff(before, s.metadata(t)); diff != "" {
		t.Error(diff)
	}
}

// testAdopts: what another engine has committed becomes the warehouse's, where the
// catalog says where it lies.
func testAdopts(t *testing.T, s sharedCatalog) {
	c, p := warehouse(t, catalog.Options{}), s.open(t)
	add(t, c, "events", "files")
	if _, err := p.Publish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	location := current(t, c)["files"]
	theirs := c.Root() + "/default/files" + foreignMetadata
	if err := os.WriteFile(theirs, readLocations(t, map[string]string{"files": location})["files"], 0o666); err != nil {
		t.Fatal(err)
	}
	s.writeTo(t, c, "files")
	_, err := p.Adopt(t.Context(), c)
	if _, is := s.(onREST); is {
		if err == nil || !strings.Contains(err.Error(), "does not say where") {
			t.Errorf("Adopt = %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	checkCurrent(t, s, c)
	if is := current(t, c)["files"]; is == location {
		t.Error("the warehouse has no new version")
	}
	add(t, c, "files")
	if _, err := p.Publish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	checkCurrent(t, s, c)
}

func testAnotherTable(t *testing.T, s sharedCatalog) {
	c, p := warehouse(t, catalog.Options{}), s.open(t)
	if _, err := p.Publish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	other := warehouse(t, catalog.Options{})
	if _, err := s.open(t).Publish(t.Context(), other); !errors.Is(err, shared.ErrForeign) {
		t.Errorf("Publish = %v, want ErrForeign", err)
	}
	checkCurrent(t, s, c)
}

// testLeavesOthers: a table that the warehouse has not is somebody else's.
func testLeavesOthers(t *testing.T, s sharedCatalog) {
	other := warehouse(t, catalog.Options{}, "theirs")
	if _, err := s.open(t).Publish(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	c := warehouse(t, catalog.Options{})
	if _, err := s.open(t).Publish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	got := s.metadata(t)
	if len(got) != 3 {
		t.Errorf("%d tables", len(got))
	}
}

// testSeveralWriters: those that commit and publish at the same time, each behind
// its own commits, leave the newest version.
func testSeveralWriters(t *testing.T, s sharedCatalog) {
	c := warehouse(t, catalog.Options{})
	if _, err := s.open(t).Publish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	publishAtOnce(t, s, c)
	checkCurrent(t, s, c)
}

func publishAtOnce(t *testing.T, s sharedCatalog, c *catalog.Catalog) {
	t.Helper()
	const writers, commits = 4, 5
	var all sync.WaitGroup
	for range writers {
		p := s.open(t)
		all.Go(func() {
			own, err := catalog.Open(t.Context(), c.Root(), catalog.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			for i := range commits {
				if i%2 == 0 {
					err = tryAdd(t, own, "events", "files")
				} else {
					err = own.Define(t.Context(), spec("events"))
				}
				// Others may be faster more often than Publish tries: what that
				// leaves behind, the next one puts right.
				if err == nil {
					_, err = p.Publish(t.Context(), own)
				}
				if err != nil && !strings.Contains(err.Error(), "registered anew meanwhile") {
					t.Error(err)
					return
				}
			}
			for {
				if _, err := p.Publish(t.Context(), own); err == nil || !strings.Contains(err.Error(), "registered anew meanwhile") {
					if err != nil {
						t.Error(err)
					}
					return
				}
			}
		})
	}
	all.Wait()
}

// state is what readers of a table go by.
type state struct {
	UUID, Location string
	Columns        int
	Head           *int64
	Snapshots      map[int64]string // manifest lists
	Schemas        map[int64]int    // by snapshot
	Sequence       int64
	Comment        string
}

func stateOf(t *testing.T, text []byte) state {
	t.Helper()
	var m struct {
		UUID     string `json:"table-uuid"`
		Location string
		Current  int `json:"current-schema-id"`
		Schemas  []struct {
			ID     int `json:"schema-id"`
			Fields []any
		}
		Head      *int64 `json:"current-snapshot-id"`
		Snapshots []struct {
			ID     int64  `json:"snapshot-id"`
			List   string `json:"manifest-list"`
			Schema int    `json:"schema-id"`
		}
		Sequence   int64 `json:"last-sequence-number"`
		Properties map[string]string
	}
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	s := state{UUID: m.UUID, Location: m.Location, Head: m.Head, Snapshots: map[int64]string{}, Schemas: map[int64]int{}, Sequence: m.Sequence, Comment: m.Properties["comment"]}
	if s.Head != nil && *s.Head == -1 {
		s.Head = nil // as Java writes it
	}
	for _, schema := range m.Schemas {
		if schema.ID == m.Current {
			s.Columns = len(schema.Fields)
		}
	}
	for _, one := range m.Snapshots {
		s.Snapshots[one.ID], s.Schemas[one.ID] = one.List, one.Schema
	}
	return s
}

// checkCurrent checks that readers find what the warehouse has.
func checkCurrent(t *testing.T, s sharedCatalog, c *catalog.Catalog) {
	t.Helper()
	want, got := map[string]state{}, map[string]state{}
	for name, location := range current(t, c) {
		text, err := os.ReadFile(strings.TrimPrefix(location, "file://"))
		if err != nil {
			t.Fatal(err)
		}
		want[name] = stateOf(t, text)
	}
	for name, text := range s.metadata(t) {
		got[name] = stateOf(t, text)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("readers do not find what is there (-want +got):\n%s", diff)
	}
}

// current are the locations that should be registered, by table.
func current(t *testing.T, c *catalog.Catalog) map[string]string {
	t.Helper()
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, name := range s.Tables() {
		table, err := s.Table(name)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = table.RegisteredLocation()
	}
	return all
}

// readLocations reads what locations name.
func readLocations(t *testing.T, locations map[string]string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	for name, location := range locations {
		text, err := os.ReadFile(strings.TrimPrefix(location, "file://"))
		if os.IsNotExist(err) { // another engine's, of which there is no more
			text, err = json.Marshal(location)
		}
		if err != nil {
			t.Fatal(err)
		}
		all[name] = text
	}
	return all
}

func warehouse(t *testing.T, o catalog.Options, tables ...string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Create(t.Context(), path.Join(t.TempDir(), "it's a warehouse"), o)
	if err != nil {
		t.Fatal(err)
	}
	if len(tables) == 0 {
		tables = []string{"events", "files"}
	}
	define(t, c, tables...)
	return c
}

func spec(name string) catalog.TableSpec {
	return catalog.TableSpec{
		Name:       name,
		Schema:     iceberg.NewSchema(0, iceberg.NestedField{ID: 1, Name: "object", Type: iceberg.PrimitiveTypes.String}),
		Properties: map[string]string{"comment": fmt.Sprint(rand.Uint64())},
	}
}

// define makes tables, and a commit even where they are there.
func define(t *testing.T, c *catalog.Catalog, names ...string) {
	t.Helper()
	var specs []catalog.TableSpec
	for _, name := range names {
		specs = append(specs, spec(name))
	}
	if err := c.Define(t.Context(), specs...); err != nil {
		t.Fatal(err)
	}
}

// widen gives a table one more column.
func widen(t *testing.T, c *catalog.Catalog, table, column string) {
	t.Helper()
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	is, err := s.Table(table)
	if err != nil {
		t.Fatal(err)
	}
	fields := append(is.Schema().Fields(), iceberg.NestedField{ID: is.Schema().NumFields() + 1, Name: column, Type: iceberg.PrimitiveTypes.String})
	if err := c.Define(t.Context(), catalog.TableSpec{Name: table, Schema: iceberg.NewSchema(0, fields...)}); err != nil {
		t.Fatal(err)
	}
}

// add commits a file to each table, which nobody will read as Parquet.
func add(t *testing.T, c *catalog.Catalog, tables ...string) {
	t.Helper()
	if err := tryAdd(t, c, tables...); err != nil {
		t.Fatal(err)
	}
}

func tryAdd(t *testing.T, c *catalog.Catalog, tables ...string) error {
	t.Helper()
	batch, err := c.Begin(t.Context())
	if err != nil {
		return err
	}
	changes := map[string]catalog.Change{}
	for _, table := range tables {
		name, w, err := c.NewFile(t.Context(), batch, table)
		if err != nil {
			return err
		}
		if _, err := w.Write([]byte("rows")); err != nil {
			return err
		}
		if err := w.Commit(); err != nil {
			return err
		}
		changes[table] = catalog.Change{Add: []catalog.DataFile{{Path: name, Records: 1, Bytes: 4}}}
	}
	_, err = c.Commit(t.Context(), catalog.Batch{ID: batch, Changes: changes})
	return err
}

func openPublisher(t *testing.T, address string, o shared.Options) *shared.Publisher {
	t.Helper()
	p, err := shared.Open(address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}
