package filecache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/storagetest"
)

// bucket counts what is opened, and can fail in the middle of an object.
type bucket struct {
	*storagetest.Memory
	opened atomic.Int64
	cut    atomic.Bool // readers end early
	block  chan struct{}
}

type brokenReader struct {
	storage.Reader
	left  int
	block chan struct{}
}

var errBroken = errors.New("connection reset")

func (r *brokenReader) Read(b []byte) (int, error) {
	if r.left == 0 {
		if r.block != nil {
			<-r.block
		}
		return 0, errBroken
	}
	n, err := r.Reader.Read(b[:min(len(b), r.left)])
	r.left -= n
	return n, err
}

func (b *bucket) Open(ctx context.Context, name string) (storage.Reader, error) {
	b.opened.Add(1)
	r, err := b.Memory.Open(ctx, name)
	if err == nil && b.cut.Load() {
		r = &brokenReader{r, int(r.Size() / 2), b.block}
	}
	return r, err
}

func newBucket(t *testing.T, names ...string) (*bucket, []File) {
	t.Helper()
	b := &bucket{Memory: storagetest.NewMemory()}
	var files []File
	for i, name := range names {
		data := content(name, 1000+i)
		if err := b.PutNew(t.Context(), name, data); err != nil {
			t.Fatal(err)
		}
		files = append(files, File{Name: name, Size: int64(len(data))})
	}
	return b, files
}

func content(name string, n int) []byte { return bytes.Repeat([]byte(name), n) }

func openCache(t *testing.T, dir string, limit int64) *Cache {
	t.Helper()
	c, err := Open(Options{Dir: dir, Limit: limit})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func hold(t *testing.T, c *Cache, s storage.Storage, files []File) func() {
	t.Helper()
	release, err := c.Hold(t.Context(), s, files, nil)
	if err != nil {
		t.Fatal(err)
	}
	return release
}

// check reads what is held.
func check(t *testing.T, c *Cache, s storage.Storage, files []File) {
	t.Helper()
	for _, f := range files {
		data, err := os.ReadFile(filepath.Join(c.Folder(s), f.Name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(data, content(f.Name, len(data)/len(f.Name))) || int64(len(data)) != f.Size {
			t.Errorf("%s: %d bytes that are not its own", f.Name, len(data))
		}
	}
}

// tree is what is below a folder, without folders.
func tree(t *testing.T, dir string) (names []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, strings.TrimPrefix(name, dir+"/"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestHold(t *testing.T) {
	b, files := newBucket(t, "t/region=us-east-1/date=2025-01-01/a.parquet", "t/region=us-east-1/date=2025-01-02/b.parquet", "t/c.parquet")
	dir := filepath.Join(t.TempDir(), "cache")
	c := openCache(t, dir, 0)
	if n, size := c.Missing(b, files); n != 3 || size != files[0].Size+files[1].Size+files[2].Size {
		t.Errorf("%d missing, %d bytes", n, size)
	}
	var fetched atomic.Int64
	release, err := c.Hold(t.Context(), b, files, func(n int64) { fetched.Store(max(fetched.Load(), n)) })
	if err != nil {
		t.Fatal(err)
	}
	check(t, c, b, files)
	if want := files[0].Size + files[1].Size + files[2].Size; fetched.Load() != want {
		t.Errorf("fetched %d bytes, want %d", fetched.Load(), want)
	}
	again := hold(t, c, b, files[:2])
	release()
	release() // is nothing
	check(t, c, b, files[:2])
	if _, err := os.Stat(filepath.Join(c.Folder(b), files[2].Name)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what nobody holds: %v", err)
	}
	again()
	if left := tree(t, c.Root()); len(left) > 0 {
		t.Errorf("still held: %q", left)
	}
	// Another process finds the copies.
	other := openCache(t, dir, 0)
	defer hold(t, other, b, files)()
	check(t, other, b, files)
	if n, _ := other.Missing(b, files); n != 0 {
		t.Errorf("%d missing", n)
	}
	if n := b.opened.Load(); n != 3 {
		t.Errorf("opened %d objects, want 3", n)
	}
	// The same name elsewhere is another file.
	elsewhere := &bucket{Memory: b.Memory}
	if c.copyOf(rooted{elsewhere, "s3://b"}, &files[0]) == c.copyOf(rooted{elsewhere, "s3://c"}, &files[0]) {
		t.Error("two storages share copies")
	}
	root := c.Root()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	for _, name := range []string{root, root + ".lock"} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s after Close: %v", name, err)
		}
	}
}

type rooted struct {
	storage.Storage
	root string
}

func (r rooted) Root() string { return r.root }

// A copy is whole and right or not there.
func TestHoldFails(t *testing.T) {
	errCheck := errors.New("not the file")
	for name, c := range map[string]struct {
		change func(b *bucket, f *File)
		want   error
	}{
		"cut":        {func(b *bucket, _ *File) { b.cut.Store(true) }, errBroken},
		"gone":       {func(b *bucket, f *File) { b.Remove(t.Context(), f.Name) }, storage.ErrNotExist},
		"other size": {func(_ *bucket, f *File) { f.Size++ }, storage.ErrChanged},
		"wrong":      {func(_ *bucket, f *File) { f.Check = func(*os.File) error { return errCheck } }, errCheck},
		"escaping":   {func(_ *bucket, f *File) { f.Name = "../../x" }, storage.ErrName},
		"absolute":   {func(_ *bucket, f *File) { f.Name = "/etc/passwd" }, storage.ErrName},
	} {
		t.Run(name, func(t *testing.T) {
			b, files := newBucket(t, "a", "b", "c")
			cache := openCache(t, t.TempDir(), 0)
			broken := slices.Clone(files)
			c.change(b, &broken[1])
			if _, err := cache.Hold(t.Context(), b, broken, nil); !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if left := tree(t, cache.Root()); len(left) > 0 {
				t.Errorf("still held: %q", left)
			}
			for _, f := range tree(t, filepath.Join(cache.dir, "files")) {
				if strings.Contains(f, temporary) {
					t.Errorf("left: %s", f)
				}
			}
			b.cut.Store(false)
			_ = b.PutNew(t.Context(), "b", content("b", 1001))
			defer hold(t, cache, b, files)()
			check(t, cache, b, files)
		})
	}
}

func TestHoldCancelled(t *testing.T) {
	b, files := newBucket(t, "a", "b")
	b.cut.Store(true)
	b.block = make(chan struct{})
	c := openCache(t, t.TempDir(), 0)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, func() { cancel(); close(b.block) })
	if _, err := c.Hold(ctx, b, files, nil); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if left := tree(t, filepath.Join(c.dir, "files")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// Nothing but a plain file of the right name and size is taken for a copy.
func TestForeignFiles(t *testing.T) {
	b, files := newBucket(t, "a", "b", "c")
	c := openCache(t, t.TempDir(), 0)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, content("x", int(files[0].Size)), 0o600); err != nil {
		t.Fatal(err)
	}
	for i, plant := range []func(name string) error{
		func(name string) error { return os.Symlink(secret, name) },
		func(name string) error { return os.WriteFile(name, []byte("short"), 0o600) },
		func(name string) error { return os.WriteFile(name, content("y", int(files[2].Size)+1), 0o600) },
	} {
		name := c.copyOf(b, &files[i])
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := plant(name); err != nil {
			t.Fatal(err)
		}
	}
	defer hold(t, c, b, files)()
	check(t, c, b, files)
	if data, err := os.ReadFile(secret); err != nil || data[0] != 'x' {
		t.Errorf("a link was written through: %v", err)
	}
}

func TestPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "cache")
	if err := os.Mkdir(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	openCache(t, dir, 0)
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if _, err := Open(Options{}); err == nil {
		t.Error("no folder: no error")
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Options{Dir: file}); err == nil {
		t.Error("a file: no error")
	}
}

// What was unused longest goes first, and what is held stays readable.
func TestRoom(t *testing.T) {
	b, files := newBucket(t, "a", "b", "c", "d")
	dir := t.TempDir()
	c := openCache(t, dir, 2500)
	release := hold(t, c, b, files[:1])
	for i := range 3 {
		time.Sleep(10 * time.Millisecond) // the clock of the file system
		hold(t, c, b, files[i+1:i+2])()
	}
	check(t, c, b, files[:1])
	var kept []string
	for i := range files {
		if n, _ := c.Missing(b, files[i:i+1]); n == 0 {
			kept = append(kept, files[i].Name)
		}
	}
	if fmt.Sprint(kept) != "[c d]" {
		t.Errorf("kept %q, want c and d", kept)
	}
	release()
	// A use counts as well as a fetch.
	time.Sleep(10 * time.Millisecond)
	hold(t, c, b, files[2:3])()
	time.Sleep(10 * time.Millisecond)
	hold(t, c, b, files[:1])()
	if n, _ := c.Missing(b, files[2:3]); n != 0 {
		t.Error("what was used last was removed")
	}
	if n, _ := c.Missing(b, files[3:]); n != 1 {
		t.Error("what was unused longest stayed")
	}
	// More than there is room for at once works nevertheless.
	defer hold(t, c, b, files)()
	check(t, c, b, files)
}

// Several processes and statements want the same at once.
func TestHoldTogether(t *testing.T) {
	var names []string
	for i := range 40 {
		names = append(names, fmt.Sprintf("f%02d", i))
	}
	b, files := newBucket(t, names...)
	dir := t.TempDir()
	caches := []*Cache{openCache(t, dir, 20_000), openCache(t, dir, 20_000), openCache(t, dir, 0)}
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			c := caches[i%len(caches)]
			for n := range 4 {
				wanted := files[(i*7+n*11)%30:][:10]
				release, err := c.Hold(t.Context(), b, wanted, nil)
				if err != nil {
					t.Error(err)
					return
				}
				check(t, c, b, wanted)
				release()
			}
		})
	}
	wg.Wait()
	for _, c := range caches {
		if left := tree(t, c.Root()); len(left) > 0 {
			t.Errorf("still held: %q", left)
		}
	}
}

// The links of a process that has died are removed, those of one that lives stay.
func TestSweepHeld(t *testing.T) {
	b, files := newBucket(t, "a")
	dir := t.TempDir()
	living := openCache(t, dir, 0)
	defer hold(t, living, b, files)()
	dead := filepath.Join(dir, "held", "pdead")
	if err := os.MkdirAll(filepath.Join(dead, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dead, "x", "a"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	lock := flock.New(dead + ".lock")
	if ok, err := lock.TryLock(); err != nil || !ok {
		t.Fatal(err)
	}
	openCache(t, dir, 0)
	if _, err := os.Stat(dead); err != nil {
		t.Errorf("while it lives: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	openCache(t, dir, 0)
	if _, err := os.Stat(dead); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("after its death: %v", err)
	}
	check(t, living, b, files)
}
