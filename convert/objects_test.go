package convert

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/storagetest"
)

// Objects that are named one by one leave the same tables as a listing, and
// each that cannot be read is told with its cause.
func TestNamedObjects(t *testing.T) {
	src := crashArchive(t, 12)
	want := undisturbed(t, src)
	objects := []string{filepath.Join(src, "nosuch.json")}
	for i := range 12 {
		objects = append(objects, filepath.Join(src, fmt.Sprintf("%03d.json", i)))
	}
	c := warehouse(t)
	unreadable := map[string]error{}
	o := Options{Catalog: c, Objects: append(objects, objects...), Unreadable: func(object string, err error) { unreadable[object] = err }}
	s, err := Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if s.Objects != 12 || s.Duplicates != 0 {
		t.Errorf("summary %+v", s)
	}
	if err := unreadable[objects[0]]; len(unreadable) != 1 || !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("unreadable %v", unreadable)
	}
	if d := gocmp.Diff(want, read(t, c, true)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	if s := mustRun(t, Options{Catalog: c, Sources: []string{src}}); s.Objects != 0 || s.Unchanged != 12 {
		t.Errorf("a listing behind it converts again: %+v", s)
	}
}

// The root and the name of an object, whatever its name is.
func TestSplit(t *testing.T) {
	for uri, want := range map[string][2]string{
		"s3://trail/a/b.json": {"s3://trail", "a/b.json"},
		"s3://trail/a//b":     {"s3://trail", "a//b"},
		"s3://trail//a":       {"s3://trail", "/a"},
		"s3://trail/a://b/":   {"s3://trail", "a://b/"},
		"s3://trail":          {"s3://trail", ""},
		"/a/b.json":           {"/a", "b.json"},
	} {
		if root, name, err := split(uri); err != nil || root != want[0] || name != want[1] {
			t.Errorf("%s: %q, %q, %v", uri, root, name, err)
		}
	}
}

// What somebody else rejects is a row, once, also where nothing is converted.
func TestRejections(t *testing.T) {
	c := warehouse(t)
	bad := Rejection{Object: "https://sqs.example.com/1/q#1", Reason: "no notification", Raw: "hello"}
	other := bad
	other.Raw = "\xff"
	for range 2 {
		mustRun(t, Options{Catalog: c, Rejections: []Rejection{bad, other, bad}})
	}
	got := read(t, c, true).Rejected
	if len(got) != 2 {
		t.Fatalf("%d rows: %+v", len(got), got)
	}
	slices.SortFunc(got, func(a, b rejectedRow) int { return strings.Compare(b.Encoding, a.Encoding) })
	if r := got[0]; r.Object != bad.Object || r.Reason != bad.Reason || r.Raw != bad.Raw || r.Size != 5 {
		t.Errorf("row %+v", r)
	}
	if r := got[1]; r.Encoding != "base64" {
		t.Errorf("row %+v", r)
	}
	checkNoOrphans(t, c)
}

// A run that is stopped at any object has converted whole objects, and the next
// one does the rest.
func TestStop(t *testing.T) {
	src := crashArchive(t, 16)
	want := undisturbed(t, src)
	for at := int64(1); at <= 16; at += 3 {
		c, stop := warehouse(t), make(chan struct{})
		var opened atomic.Int64
		o := Options{
			Catalog: c, Sources: []string{src}, Threads: 1, Stop: stop,
			OpenSource: func(_ context.Context, root string) (storage.Storage, error) {
				s, err := storage.Open(root)
				return countingSource{s, func() {
					if opened.Add(1) == at {
						close(stop)
					}
				}}, err
			},
		}
		s, err := Run(t.Context(), o)
		if at == 16 {
			if err != nil { // nothing was left
				t.Errorf("stopped at the last object: %v", err)
			}
		} else if !errors.Is(err, ErrStopped) {
			t.Errorf("stopped at object %d: %v", at, err)
		}
		half := read(t, c, true)
		whole(t, want, half)
		if n := int64(len(half.Ledger)); n != at || int64(rowCount(half)) != s.Records {
			t.Errorf("stopped at object %d: %d objects, summary %+v", at, n, s)
		}
		mustRun(t, Options{Catalog: c, Sources: []string{src}})
		if d := gocmp.Diff(want, read(t, c, true)); d != "" {
			t.Errorf("stopped at object %d, then:\n%s", at, d)
		}
		checkNoOrphans(t, c)
	}
	// Before it begins.
	stop := make(chan struct{})
	close(stop)
	if s, err := Run(t.Context(), Options{Catalog: warehouse(t), Sources: []string{src}, Stop: stop}); !errors.Is(err, ErrStopped) || s.Objects != 0 {
		t.Errorf("stopped before: %+v, %v", s, err)
	}
}

type countingSource struct {
	storage.Storage
	opened func()
}

func (s countingSource) Open(ctx context.Context, name string) (storage.Reader, error) {
	s.opened()
	return s.Storage.Open(ctx, name)
}

// Runs that share a Ledger read each file of source_files once, see what other
// runs have added, and notice that the warehouse has become an older one.
func TestLedgerIsShared(t *testing.T) {
	src := crashArchive(t, 40)
	object := func(i int) []string { return []string{filepath.Join(src, fmt.Sprintf("%03d.json", i))} }
	inner := storagetest.NewMemory()
	disk := newLocal(t, inner)
	reads := &ledgerReads{Storage: disk, names: map[string]int{}}
	c := open(t, reads)
	var l Ledger
	var early *storagetest.Memory
	for i := range 39 {
		if i == 20 {
			early = inner.Clone()
		}
		o := Options{Catalog: c, Objects: object(i), Ledger: &l}
		if i%2 == 1 {
			o.Ledger = nil // somebody else's
		}
		mustRun(t, o)
		clear(reads.names)
		if s := mustRun(t, Options{Catalog: c, Objects: object(i), Ledger: &l}); s.Unchanged != 1 {
			t.Fatalf("object %d: %+v", i, s)
		}
		if i > 2 && len(reads.names) > 2 {
			t.Errorf("object %d: reads %v", i, slices.Collect(maps.Keys(reads.names)))
		}
	}
	if len(l.known) != 39 {
		t.Errorf("%d objects known", len(l.known))
	}
	back := open(t, newLocal(t, early))
	if s := mustRun(t, Options{Catalog: back, Objects: object(30), Ledger: &l}); s.Objects != 1 {
		t.Errorf("in the older warehouse: %+v", s)
	}
}

// ledgerReads counts the reads of files of source_files.
type ledgerReads struct {
	storage.Storage
	names map[string]int
}

func (r *ledgerReads) Open(ctx context.Context, name string) (storage.Reader, error) {
	if strings.Contains(name, LedgerTable+"/data") {
		r.names[name]++
	}
	return r.Storage.Open(ctx, name)
}
