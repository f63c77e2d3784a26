// Package storagetest holds every implementation of [storage.Storage] to one
// contract ([Run]), lets its users meet a failing one ([NewFault]) and has one
// without a disk ([Memory]).
package storagetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog/storage"
)

// Run checks a storage. Each call of open returns a new, empty one.
func Run(t *testing.T, open func(t *testing.T) storage.Storage) {
	for _, c := range []struct {
		name string
		test func(*testing.T, storage.Storage)
	}{
		{"missing object", missingObject},
		{"writer", writer},
		{"put", put},
		{"put new has one winner", putNewHasOneWinner},
		{"put is never seen half", putIsNeverSeenHalf},
		{"read", read},
		{"list", list},
		{"list stops", listStops},
		{"odd names", oddNames},
		{"invalid names", invalidNames},
		{"etag", etag},
		{"cancelled", cancelled},
		{"swap", swap},
		{"range", listRange},
		{"metadata", metadata},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func missingObject(t *testing.T, s storage.Storage) {
	ctx := t.Context()
	check := func(when string) {
		if _, err := s.Open(ctx, "a/b"); !errors.Is(err, storage.ErrNotExist) {
			t.Errorf("%s: Open = %v, want ErrNotExist", when, err)
		}
		if _, err := s.Stat(ctx, "a/b"); !errors.Is(err, storage.ErrNotExist) {
			t.Errorf("%s: Stat = %v, want ErrNotExist", when, err)
		}
		if err := s.Remove(ctx, "a/b"); err != nil {
			t.Errorf("%s: Remove = %v, want nil", when, err)
		}
	}
	check("empty storage")
	expect(t, s, "")
	expect(t, s, "a")
	mustPut(t, s, "a/b", "x")
	if err := s.Remove(ctx, "a/b"); err != nil {
		t.Fatal(err)
	}
	check("removed")
	expect(t, s, "")
	mustPut(t, s, "a/b/c", "x")
	if _, err := s.Open(ctx, "a/b"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("Open of what is only a prefix = %v, want ErrNotExist", err)
	}
	if _, err := s.Stat(ctx, "a/b"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("Stat of what is only a prefix = %v, want ErrNotExist", err)
	}
}

func writer(t *testing.T, s storage.Storage) {
	ctx := t.Context()
	w, err := s.Create(ctx, "d/one")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"hello", ", ", "world"} {
		if n, err := w.Write([]byte(part)); err != nil || n != len(part) {
			t.Fatalf("Write = %d, %v", n, err)
		}
	}
	expect(t, s, "") // not visible yet
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	expect(t, s, "", "d/one")
	if err := w.Abort(); err != nil {
		t.Errorf("Abort after Commit = %v, want nil", err)
	}
	content(t, s, "d/one", "hello, world")

	w, err = s.Create(ctx, "d/two")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write([]byte("gone")); err != nil {
		t.Fatal(err)
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err == nil {
		t.Error("Commit after Abort = nil, want an error")
	}
	if _, err := w.Write([]byte("x")); err == nil {
		t.Error("Write after Abort = nil, want an error")
	}
	expect(t, s, "", "d/one")
}

func put(t *testing.T, s storage.Storage) {
	ctx := t.Context()
	mustPut(t, s, "p", "old")
	mustPut(t, s, "p", "new")
	content(t, s, "p", "new")
	if err := s.PutNew(ctx, "p", []byte("third")); !errors.Is(err, storage.ErrExist) {
		t.Errorf("PutNew on a taken name = %v, want ErrExist", err)
	}
	content(t, s, "p", "new")
	if err := s.Remove(ctx, "p"); err != nil {
		t.Fatal(err)
	}
	if err := s.PutNew(ctx, "p", nil); err != nil {
		t.Errorf("PutNew on a freed name = %v", err)
	}
	content(t, s, "p", "")
}

func putNewHasOneWinner(t *testing.T, s storage.Storage) {
	for round := range 20 {
		name := fmt.Sprintf("race/%d", round)
		won := make([]bool, 8)
		var wg sync.WaitGroup
		for i := range won {
			wg.Go(func() {
				err := s.PutNew(t.Context(), name, []byte{byte(i)})
				if err != nil && !errors.Is(err, storage.ErrExist) {
					t.Errorf("PutNew = %v", err)
				}
				won[i] = err == nil
			})
		}
		wg.Wait()
		i := slices.Index(won, true)
		if i < 0 || slices.Contains(won[i+1:], true) {
			t.Fatalf("winners %v, want exactly one", won)
		}
		content(t, s, name, string([]byte{byte(i)}))
	}
}

func putIsNeverSeenHalf(t *testing.T, s storage.Storage) {
	ctx := t.Context()
	long, short := strings.Repeat("a", 100_000), strings.Repeat("b", 10)
	mustPut(t, s, "x", long)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 50 {
			if err := s.Put(ctx, "x", []byte([]string{short, long}[i%2])); err != nil {
				t.Errorf("Put = %v", err)
			}
		}
	}()
	for {
		got, err := storage.ReadAll(ctx, s, "x")
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != long && string(got) != short {
			t.Fatalf("read %d bytes of a mixture", len(got))
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

func read(t *testing.T, s storage.Storage) {
	want := make([]byte, 3<<20)
	for i := range want {
		want[i] = byte(i * i >> 7)
	}
	mustPut(t, s, "big", string(want))
	r, err := s.Open(t.Context(), "big")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if r.Size() != int64(len(want)) {
		t.Errorf("Size = %d, want %d", r.Size(), len(want))
	}
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			off := i * 300_000
			got := make([]byte, 100_000)
			if _, err := r.ReadAt(got, int64(off)); err != nil {
				t.Errorf("ReadAt = %v", err)
			}
			if !bytes.Equal(got, want[off:off+len(got)]) {
				t.Errorf("ReadAt(%d) returned other bytes", off)
			}
		})
	}
	wg.Wait()
	if n, err := r.ReadAt(make([]byte, 10), int64(len(want))-4); n != 4 || err != io.EOF {
		t.Errorf("ReadAt over the end = %d, %v, want 4, EOF", n, err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v; want the %d written", len(got), err, len(want))
	}
}

func list(t *testing.T, s storage.Storage) {
	names := []string{"a-b", "a.b/c", "a/b", "a/b-c/d", "a/b.c", "a/b/c", "aa", "b", "a0", "a/Z", "a/\x7f"}
	// A folder cannot hold both "a/b" and "a/b/c".
	names = slices.DeleteFunc(names, func(n string) bool { return n == "a/b" })
	for _, n := range names {
		mustPut(t, s, n, n)
	}
	slices.Sort(names)
	expect(t, s, "", names...)
	expect(t, s, "a", "a/Z", "a/b-c/d", "a/b.c", "a/b/c", "a/\x7f")
	expect(t, s, "a/b", "a/b/c")
	expect(t, s, "b") // an object is not below itself
	expect(t, s, "no")
	for o, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		st, err := s.Stat(t.Context(), o.Name)
		if err != nil || st != o {
			t.Errorf("Stat = %+v, %v; List says %+v", st, err, o)
		}
		if o.Size != int64(len(o.Name)) || o.Modified.IsZero() || o.ETag == "" {
			t.Errorf("incomplete object %+v", o)
		}
	}
}

func listStops(t *testing.T, s storage.Storage) {
	for i := range 5 {
		mustPut(t, s, fmt.Sprintf("d%d/x", i), "")
	}
	n := 0
	for range s.List(t.Context(), "") {
		if n++; n == 2 {
			break
		}
	}
	if n != 2 {
		t.Errorf("listing went on to %d objects", n)
	}
}

// oddNames: a name works or is refused; it never becomes another one.
func oddNames(t *testing.T, s storage.Storage) {
	var stored []string
	for _, name := range []string{
		"with space", "per%20cent", "new\nline", "not-utf8-\xff\xfe", "ünïcödé", "a=b&c?d#e", "back\\slash", "..a/b..",
		".hidden", "esc\x1b[31m", "quote\"'`", "*", "-rf", "region=us-east-1/date=2023-07-10/x", "\u202egpj.exe", strings.Repeat("n", 200),
	} {
		if err := s.PutNew(t.Context(), name, []byte(name)); err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("error shows the name raw: %q", err.Error())
			}
			continue
		}
		content(t, s, name, name)
		stored = append(stored, name)
	}
	slices.Sort(stored)
	expect(t, s, "", stored...)
}

func invalidNames(t *testing.T, s storage.Storage) {
	ctx := t.Context()
	for _, name := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "../a", "a/../b", "a/./b", "a\x00b"} {
		if err := s.Put(ctx, name, nil); err == nil {
			t.Errorf("Put(%q) = nil, want an error", name)
		}
		if _, err := s.Create(ctx, name); err == nil {
			t.Errorf("Create(%q) = nil, want an error", name)
		}
		if _, err := s.Open(ctx, name); err == nil {
			t.Errorf("Open(%q) = nil, want an error", name)
		}
	}
	expect(t, s, "")
}

func etag(t *testing.T, s storage.Storage) {
	seen := map[string]bool{}
	for _, c := range []string{"1", "22", "333"} {
		mustPut(t, s, "x", c)
		o, err := s.Stat(t.Context(), "x")
		if err != nil {
			t.Fatal(err)
		}
		if seen[o.ETag] {
			t.Errorf("ETag %q stayed when the content changed", o.ETag)
		}
		seen[o.ETag] = true
	}
}

func cancelled(t *testing.T, s storage.Storage) {
	mustPut(t, s, "x", "1")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, openErr := s.Open(ctx, "x")
	_, statErr := s.Stat(ctx, "x")
	_, createErr := s.Create(ctx, "y")
	var listErr error
	for _, err := range s.List(ctx, "") {
		listErr = err
	}
	for op, err := range map[string]error{
		"Open": openErr, "Stat": statErr, "Create": createErr, "List": listErr,
		"Put": s.Put(ctx, "y", nil), "PutNew": s.PutNew(ctx, "y", nil), "Remove": s.Remove(ctx, "x"),
	} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s = %v, want context.Canceled", op, err)
		}
	}
	expect(t, s, "", "x")
}

func swap(t *testing.T, s storage.Storage) {
	w, ok := s.(storage.Swapper)
	if !ok {
		t.Skip("the storage is no Swapper")
	}
	ctx := t.Context()
	if _, _, _, err := w.Load(ctx, "x"); errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else if !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("Load of nothing = %v, want ErrNotExist", err)
	}
	if _, err := w.Swap(ctx, "x", "0123456789abcdef0123456789abcdef", nil); !errors.Is(err, storage.ErrChanged) {
		t.Errorf("Swap of a missing object = %v, want ErrChanged", err)
	}
	first, err := w.Swap(ctx, "x", "", []byte("1"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Swap(ctx, "x", "", []byte("other")); !errors.Is(err, storage.ErrChanged) {
		t.Errorf("Swap of nothing on a taken name = %v, want ErrChanged", err)
	}
	second, err := w.Swap(ctx, "x", first, []byte("2"))
	if err != nil || second == first {
		t.Fatalf("Swap = %q, %v; the ETag was %q", second, err, first)
	}
	if _, err := w.Swap(ctx, "x", first, []byte("3")); !errors.Is(err, storage.ErrChanged) {
		t.Errorf("Swap with an old ETag = %v, want ErrChanged", err)
	}
	data, etag, age, err := w.Load(ctx, "x")
	if string(data) != "2" || etag != second || age < 0 || age > time.Hour || err != nil {
		t.Errorf("Load = %q, %q, %v, %v; want 2, %q", data, etag, age, err, second)
	}
	won := make([]bool, 8)
	var wg sync.WaitGroup
	for i := range won {
		wg.Go(func() {
			_, err := w.Swap(ctx, "x", second, []byte{byte(i)})
			if err != nil && !errors.Is(err, storage.ErrChanged) {
				t.Errorf("Swap = %v", err)
			}
			won[i] = err == nil
		})
	}
	wg.Wait()
	i := slices.Index(won, true)
	if i < 0 || slices.Contains(won[i+1:], true) {
		t.Fatalf("winners %v, want exactly one", won)
	}
	content(t, s, "x", string([]byte{byte(i)}))
}

func listRange(t *testing.T, s storage.Storage) {
	l, ok := s.(storage.RangeLister)
	if !ok {
		t.Skip("the storage is no RangeLister")
	}
	for _, n := range []string{"a/1", "a/2", "a/b/3", "a/b/4", "a/c", "ab/5", "d"} {
		mustPut(t, s, n, n)
	}
	for _, c := range []struct {
		r    storage.Range
		want []string
	}{
		{storage.Range{}, []string{"a/1", "a/2", "a/b/3", "a/b/4", "a/c", "ab/5", "d"}},
		{storage.Range{Folders: true}, []string{"a/", "ab/", "d"}},
		{storage.Range{Prefix: "a", Folders: true}, []string{"a/1", "a/2", "a/b/", "a/c"}},
		{storage.Range{Prefix: "a", After: "a/2"}, []string{"a/b/3", "a/b/4", "a/c"}},
		{storage.Range{Prefix: "a", After: "a/b/3", Folders: true}, []string{"a/c"}},
		{storage.Range{After: "a/c", Folders: true}, []string{"ab/", "d"}},
		{storage.Range{Prefix: "x", Folders: true}, nil},
	} {
		var got []string
		for o, err := range l.ListRange(t.Context(), c.r) {
			if err != nil {
				t.Errorf("%+v: %v", c.r, err)
			}
			if strings.HasSuffix(o.Name, "/") && (o != storage.Object{Name: o.Name}) {
				t.Errorf("%+v: the folder has more than a name: %+v", c.r, o)
			}
			got = append(got, o.Name)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%+v = %q, want %q", c.r, got, c.want)
		}
	}
}

func metadata(t *testing.T, s storage.Storage) {
	m, ok := s.(storage.MetadataReader)
	if !ok {
		t.Skip("the storage is no MetadataReader")
	}
	if _, err := m.Metadata(t.Context(), "x"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("Metadata of nothing = %v, want ErrNotExist", err)
	}
	mustPut(t, s, "x", "x")
	if _, err := m.Metadata(t.Context(), "x"); err != nil {
		t.Errorf("Metadata = %v", err)
	}
}

func mustPut(t *testing.T, s storage.Storage, name, data string) {
	t.Helper()
	if err := s.Put(t.Context(), name, []byte(data)); err != nil {
		t.Fatalf("Put(%q) = %v", name, err)
	}
}

func content(t *testing.T, s storage.Storage, name, want string) {
	t.Helper()
	got, err := storage.ReadAll(t.Context(), s, name)
	if err != nil || string(got) != want {
		t.Errorf("content of %q = %q, %v; want %q", name, got, err, want)
	}
}

func expect(t *testing.T, s storage.Storage, prefix string, want ...string) {
	t.Helper()
	var got []string
	for o, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Errorf("List(%q) = %v", prefix, err)
			return
		}
		got = append(got, o.Name)
	}
	if !slices.Equal(got, want) {
		t.Errorf("List(%q) =\n %q, want\n %q", prefix, got, want)
	}
}
