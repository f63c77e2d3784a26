package storage_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/storagetest"
)

func TestFolderContract(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Storage { return newFolder(t, filepath.Join(t.TempDir(), "a b", "root")) })
}

func TestFaultWithoutFaultsIsTransparent(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Storage {
		return storagetest.NewFault(newFolder(t, t.TempDir()), storagetest.FaultOptions{})
	})
}

func newFolder(t *testing.T, path string) *storage.Folder {
	t.Helper()
	f, err := storage.NewFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestOpen(t *testing.T) {
	wd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ uri, root string }{
		{"/tmp/x", "/tmp/x"},
		{"/tmp/x/", "/tmp/x"},
		{"/tmp/50%25 off", "/tmp/50%25 off"},
		{"x/y", wd + "/x/y"},
		{".", wd},
		{"file:///tmp/a%20b", "/tmp/a b"},
		{"file://localhost/tmp/x", "/tmp/x"},
		{"file://elsewhere/tmp/x", ""},
		{"file:///tmp/%zz", ""},
		{"s3://bucket/x", ""},
		{"", ""},
		{file, ""},
	} {
		s, err := storage.Open(c.uri)
		switch {
		case c.root == "" && err == nil:
			t.Errorf("Open(%q) = %q, want an error", c.uri, s.Root())
		case c.root != "" && err != nil:
			t.Errorf("Open(%q) = %v", c.uri, err)
		case c.root != "" && s.Root() != c.root:
			t.Errorf("Open(%q).Root() = %q, want %q", c.uri, s.Root(), c.root)
		}
	}
}

func TestFolderLinks(t *testing.T) {
	root := t.TempDir()
	f := newFolder(t, root)
	if err := f.Put(t.Context(), "d/file", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"d/link": "file", "d/loop": "..", "d/nowhere": "missing"} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(root, "d/pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	names, errs := listing(t, f)
	if want := []string{"d/file", "d/link"}; !slices.Equal(names, want) {
		t.Errorf("listed %q, want %q", names, want)
	}
	if len(errs) != 2 || !strings.Contains(errs[0], `"d/loop"`) || !strings.Contains(errs[1], `"d/nowhere"`) {
		t.Errorf("errors %q, want one each about d/loop and d/nowhere", errs)
	}
	if _, err := f.Open(t.Context(), "d/pipe"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("Open of a pipe = %v, want ErrNotExist", err)
	}

	link := filepath.Join(t.TempDir(), "root")
	if err := os.Symlink(root, link); err != nil {
		t.Fatal(err)
	}
	if names, _ := listing(t, newFolder(t, link)); len(names) != 2 {
		t.Errorf("listed %q through a link to the root, want 2 objects", names)
	}
}

func TestFolderListGoesOnBehindErrors(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root reads every folder")
	}
	root := t.TempDir()
	f := newFolder(t, root)
	for _, n := range []string{"a/1", "b/2", "c/3"} {
		if err := f.Put(t.Context(), n, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(root, "b"), 0); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Chmod(filepath.Join(root, "b"), 0o700) })
	names, errs := listing(t, f)
	if want := []string{"a/1", "c/3"}; !slices.Equal(names, want) {
		t.Errorf("listed %q, want %q", names, want)
	}
	if len(errs) != 1 || !strings.Contains(errs[0], `"b"`) {
		t.Errorf("errors %q, want one that names b", errs)
	}
}

func listing(t *testing.T, s storage.Storage) (names, errs []string) {
	for o, err := range s.List(t.Context(), "") {
		if err != nil {
			errs = append(errs, err.Error())
		} else {
			names = append(names, o.Name)
		}
	}
	return names, errs
}

func TestFolderCommitNeverReplaces(t *testing.T) {
	f := newFolder(t, t.TempDir())
	ctx := t.Context()
	w, err := f.Create(ctx, "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Put(ctx, "x", []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); !errors.Is(err, storage.ErrExist) {
		t.Errorf("Commit on a taken name = %v, want ErrExist", err)
	}
	if got, err := storage.ReadAll(ctx, f, "x"); string(got) != "first" {
		t.Errorf("content = %q, %v", got, err)
	}
	if n, err := f.Sweep(ctx); n != 0 || err != nil {
		t.Errorf("Sweep = %d, %v: the failed Commit left its temporary file", n, err)
	}
}

func TestFolderSweep(t *testing.T) {
	f := newFolder(t, t.TempDir())
	ctx := t.Context()
	if n, err := f.Sweep(ctx); n != 0 || err != nil {
		t.Fatalf("Sweep of an empty folder = %d, %v", n, err)
	}
	for i := range 3 { // three writers that died
		w, err := f.Create(ctx, fmt.Sprint(i))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if names, errs := listing(t, f); len(names)+len(errs) != 0 {
		t.Errorf("temporary files are listed: %q %q", names, errs)
	}
	if err := f.Put(ctx, ".tmp/x", nil); !errors.Is(err, storage.ErrName) {
		t.Errorf("Put among the temporary files = %v, want ErrName", err)
	}
	if n, err := f.Sweep(ctx); n != 3 || err != nil {
		t.Errorf("Sweep = %d, %v, want 3", n, err)
	}
}

// TestFolderSweepBesidePut: who makes a warehouse holds no lock yet.
func TestFolderSweepBesidePut(t *testing.T) {
	ctx := t.Context()
	root := t.TempDir()
	done := make(chan struct{})
	var sweeping sync.WaitGroup
	sweeping.Go(func() {
		sweeper := newFolder(t, root)
		for {
			select {
			case <-done:
				return
			case <-time.After(10 * time.Millisecond):
				if _, err := sweeper.Sweep(ctx); err != nil {
					t.Error(err)
				}
			}
		}
	})
	f := newFolder(t, root)
	for i := range 300 {
		name := fmt.Sprintf("a/%d", i)
		if err := f.PutNew(ctx, name, []byte(name)); err != nil {
			t.Error(err)
		}
		if err := f.Put(ctx, "b", []byte(name)); err != nil {
			t.Error(err)
		}
		for _, object := range []string{name, "b"} {
			if got, err := storage.ReadAll(ctx, f, object); string(got) != name || err != nil {
				t.Errorf("%s: %q, %v", object, got, err)
			}
		}
	}
	close(done)
	sweeping.Wait()
}

func TestFolderSurvivesRemovalOfItsFolders(t *testing.T) {
	root := filepath.Join(t.TempDir(), "root")
	f := newFolder(t, root)
	for range 2 {
		if err := f.PutNew(t.Context(), "a/b/c", nil); err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(root); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFolderFileInTheWay(t *testing.T) {
	f := newFolder(t, t.TempDir())
	ctx := t.Context()
	if err := f.Put(ctx, "a", nil); err != nil {
		t.Fatal(err)
	}
	if err := f.Put(ctx, "a/b", nil); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("Put below a file = %v, want ENOTDIR", err)
	}
	if _, err := f.Open(ctx, "a/b"); !errors.Is(err, storage.ErrNotExist) {
		t.Errorf("Open below a file = %v, want ErrNotExist", err)
	}
}

func TestFault(t *testing.T) {
	script := func(s storage.Storage) error {
		ctx := context.Background()
		w, err := s.Create(ctx, "a")
		if err != nil {
			return err
		}
		if _, err := w.Write([]byte("1234")); err != nil {
			return errors.Join(err, w.Abort())
		}
		if err := w.Commit(); err != nil {
			return err
		}
		if err := s.PutNew(ctx, "b", nil); err != nil {
			return err
		}
		return s.Remove(ctx, "a")
	}
	for _, c := range []struct {
		name   string
		o      storagetest.FaultOptions
		failed string
		left   []string
	}{
		{"none", storagetest.FaultOptions{}, "", []string{"b"}},
		{"create", storagetest.FaultOptions{At: 1}, "create a", nil},
		{"write", storagetest.FaultOptions{At: 2}, "write a", nil},
		{"commit", storagetest.FaultOptions{At: 3}, "commit a", nil},
		{"put", storagetest.FaultOptions{At: 4}, "put b", []string{"a"}},
		{"put answer lost", storagetest.FaultOptions{At: 4, Lost: true}, "put b", []string{"a", "b"}},
		{"remove", storagetest.FaultOptions{At: 5}, "remove a", []string{"a", "b"}},
		{"beyond the last", storagetest.FaultOptions{At: 6}, "", []string{"b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inner := newFolder(t, t.TempDir())
			f := storagetest.NewFault(inner, c.o)
			err := script(f)
			if (c.failed != "") != errors.Is(err, syscall.ENOSPC) || f.Failed() != c.failed {
				t.Errorf("script = %v, failed %q; want %q", err, f.Failed(), c.failed)
			}
			if names, _ := listing(t, inner); !slices.Equal(names, c.left) {
				t.Errorf("left %q, want %q", names, c.left)
			}
			if n, err := inner.Sweep(t.Context()); n != 0 || err != nil {
				t.Errorf("Sweep = %d, %v: something temporary stayed", n, err)
			}
		})
	}
}

func BenchmarkFolderList(b *testing.B) {
	root := b.TempDir()
	const n = 100_000
	for i := range n {
		dir := filepath.Join(root, fmt.Sprintf("AWSLogs/1/CloudTrail/r%d/2023/07/%02d", i%10, i%28))
		if i < 280 {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				b.Fatal(err)
			}
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%06d.json.gz", i)), nil, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	f, err := storage.NewFolder(root)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		got := 0
		for _, err := range f.List(b.Context(), "") {
			if err != nil {
				b.Fatal(err)
			}
			got++
		}
		if got != n {
			b.Fatal(got)
		}
	}
}

func BenchmarkFolderCreateCommit(b *testing.B) {
	f, err := storage.NewFolder(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	data := make([]byte, 64<<10)
	i := 0
	for b.Loop() {
		w, err := f.Create(b.Context(), fmt.Sprintf("d%d/%d", i%50, i))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			b.Fatal(err)
		}
		if err := w.Commit(); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func TestMemoryContract(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Storage { return storagetest.NewMemory() })
}
