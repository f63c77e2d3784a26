// Package filecache keeps whole copies of immutable objects of a storage as
// local files, for readers that can read nothing else, and lets processes share
// them.
//
// Start with [Open] and [Cache.Hold]. What lies in its folder:
//
//	files/AA/HASH   copies; the name is a hash of storage, name and size
//	files/AA/.tmp-* copies that are being made
//	held/ID/…       hard links to what a process holds now, under the objects' names
//	held/ID.lock    locked as long as that process lives
//
// A copy is used only if it has the right name and size and is a plain file of
// this user; whatever else is there is not looked at. It appears under its name
// when it is whole, checked and on the disk. Removing a copy that somebody holds
// does no harm: the link stays.
package filecache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gofrs/flock"

	"github.com/trailql/trailql/catalog/storage"
)

// DefaultLimit is how many bytes of copies are kept when Options.Limit is zero.
const DefaultLimit = 10 << 30

// Options of Open. Dir is required.
type Options struct {
	Dir   string // made if there is none; nobody else may write to it
	Limit int64  // bytes of copies that are kept for later; 0: DefaultLimit
}

// File is an object that is wanted as a local file.
type File struct {
	Name string // in the storage
	Size int64
	// Check says whether a copy that has just been made is what it should be;
	// nil: only the size counts.
	Check func(f *os.File) error
}

// Cache is a folder of copies. It is safe for concurrent use.
type Cache struct {
	dir   string
	limit int64
	root  string // of what this process holds
	lock  *flock.Flock

	mu   sync.Mutex
	held map[string]*held // by the path below root
}

// held is a link that somebody uses.
type held struct {
	users int
	made  chan struct{} // closed when it is there, or err is set
	err   error
}

// Open opens a cache. The caller closes it.
func Open(o Options) (*Cache, error) {
	c := &Cache{limit: o.Limit, held: map[string]*held{}}
	if c.limit <= 0 {
		c.limit = DefaultLimit
	}
	if err := c.open(o.Dir); err != nil {
		return nil, fmt.Errorf("open file cache: %w", err)
	}
	return c, nil
}

func (c *Cache) open(dir string) (err error) {
	if dir == "" {
		return errors.New("no folder")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if dir, err = filepath.Abs(dir); err == nil {
		c.dir, err = filepath.EvalSymlinks(dir)
	}
	if err != nil {
		return err
	}
	if err := private(c.dir); err != nil {
		return err
	}
	for _, name := range []string{"files", "held"} {
		if err := os.Mkdir(filepath.Join(c.dir, name), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := private(filepath.Join(c.dir, name)); err != nil {
			return err
		}
	}
	c.sweepHeld()
	for range 5 { // another process may sweep away a lock that is just being made
		if c.root, err = os.MkdirTemp(filepath.Join(c.dir, "held"), "p"); err != nil {
			return err
		}
		c.lock = flock.New(c.root + ".lock")
		ok, err := c.lock.TryLock()
		if err == nil && ok {
			return nil
		}
		if err := errors.Join(err, c.Close()); err != nil {
			return err
		}
	}
	return errors.New("it is busy")
}

// private makes sure that a folder is this user's and closed to others.
func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || ok && int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is not a folder of this user", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return os.Chmod(dir, 0o700)
	}
	return nil
}

// Close drops what is held. The copies stay.
func (c *Cache) Close() error {
	err := os.RemoveAll(c.root)
	if e := os.Remove(c.lock.Path()); !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, e)
	}
	err = errors.Join(err, c.lock.Close())
	if err != nil {
		return fmt.Errorf("close file cache: %w", err)
	}
	return nil
}

// Root is the folder below which held files are, by their storage's [Cache.Folder]
// and their names. It is this Cache's own.
func (c *Cache) Root() string { return c.root }

// Folder is below Root and has what is held of a storage, each file under its
// name.
func (c *Cache) Folder(s storage.Storage) string {
	return filepath.Join(c.root, hash(s.Root())[:16])
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// copyOf is the path of the copy of an object.
func (c *Cache) copyOf(s storage.Storage, f *File) string {
	name := hash(fmt.Sprintf("%s\x00%s\x00%d", s.Root(), f.Name, f.Size))
	return filepath.Join(c.dir, "files", name[:2], name)
}

// Missing says how many of the files would have to be fetched, and their bytes.
func (c *Cache) Missing(s storage.Storage, files []File) (n int, bytes int64) {
	for i := range files {
		if !usable(c.copyOf(s, &files[i]), files[i].Size) {
			n++
			bytes += files[i].Size
		}
	}
	return n, bytes
}

// usable says whether a file can be a copy: nobody but this user can have made
// it, as the folder is private.
func usable(name string, size int64) bool {
	info, err := os.Lstat(name)
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}

// fetches is how many objects are fetched at a time.
const fetches = 16

// Hold makes the files be there, below Folder, until release is called, which is
// nil after an error. What is not there already is fetched, several at a time.
// progress, if not nil, is called with the bytes fetched so far, from any
// goroutine.
func (c *Cache) Hold(ctx context.Context, s storage.Storage, files []File, progress func(fetched int64)) (release func(), err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var fetched atomic.Int64
	count := func(n int64) {
		if total := fetched.Add(n); progress != nil {
			progress(total)
		}
	}
	var next atomic.Int64
	got := make([]bool, len(files))
	var wg sync.WaitGroup
	for range min(fetches, len(files)) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= len(files) {
					return
				}
				if err := c.hold(ctx, s, &files[i], count); err != nil {
					cancel(fmt.Errorf("fetch %q: %w", files[i].Name, err))
					return
				}
				got[i] = true
			}
		})
	}
	wg.Wait()
	if fetched.Load() > 0 {
		c.makeRoom()
	}
	drop := func() {
		for i := range files {
			if got[i] {
				c.drop(s, &files[i])
			}
		}
	}
	if err := context.Cause(ctx); err != nil {
		drop()
		return nil, err
	}
	return sync.OnceFunc(drop), nil
}

// hold makes one file be there.
func (c *Cache) hold(ctx context.Context, s storage.Storage, f *File, count func(int64)) error {
	link := filepath.Join(c.Folder(s), filepath.FromSlash(f.Name))
	if !strings.HasPrefix(link, c.root+string(filepath.Separator)) || !filepath.IsLocal(filepath.FromSlash(f.Name)) {
		return storage.ErrName
	}
	for {
		c.mu.Lock()
		h := c.held[link]
		if h == nil {
			break
		}
		h.users++
		c.mu.Unlock()
		select {
		case <-h.made:
		case <-ctx.Done():
		}
		if h.err == nil && ctx.Err() == nil {
			return nil
		}
		c.forget(link, h)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		// Whoever was to make it has failed, perhaps because nobody waited for
		// him any more: this one tries itself.
	}
	h := &held{users: 1, made: make(chan struct{})}
	c.held[link] = h
	c.mu.Unlock()
	h.err = c.link(ctx, s, f, link, count)
	close(h.made)
	if h.err != nil {
		c.mu.Lock()
		if c.held[link] == h {
			delete(c.held, link)
		}
		c.mu.Unlock()
	}
	return h.err
}

func (c *Cache) drop(s storage.Storage, f *File) {
	link := filepath.Join(c.Folder(s), filepath.FromSlash(f.Name))
	c.mu.Lock()
	h := c.held[link]
	c.mu.Unlock()
	if h != nil {
		c.forget(link, h)
	}
}

// forget ends one use of a link, and with the last one the link.
func (c *Cache) forget(link string, h *held) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.users--; h.users == 0 && c.held[link] == h {
		delete(c.held, link)
		os.Remove(link)
	}
}

// link makes a link to the copy of an object, which is fetched if need be.
func (c *Cache) link(ctx context.Context, s storage.Storage, f *File, link string, count func(int64)) error {
	copied := c.copyOf(s, f)
	if err := os.MkdirAll(filepath.Dir(link), 0o700); err != nil {
		return err
	}
	for range 2 { // somebody may remove it to make room
		if !usable(copied, f.Size) {
			if err := c.fetch(ctx, s, f, copied, count); err != nil {
				return err
			}
		}
		err := os.Link(copied, link)
		if err == nil {
			now := time.Now()
			return os.Chtimes(link, now, now) // a use: what was unused longest is removed first
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return errors.New("the copies are removed as fast as they are made: allow the cache more room")
}
