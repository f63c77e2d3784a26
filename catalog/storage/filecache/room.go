package filecache

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// abandoned is how old a temporary file is whose maker has died: while one is
// made, it grows.
const abandoned = time.Hour

// makeRoom removes the copies that were unused longest until the others are
// within the limit. One process at a time does it; what it cannot do, the next
// one does.
func (c *Cache) makeRoom() {
	lock := flock.New(filepath.Join(c.dir, "room.lock"))
	defer lock.Close()
	if ok, err := lock.TryLock(); err != nil || !ok {
		return
	}
	type copied struct {
		path string
		size int64
		used time.Time
	}
	var all []copied
	var total int64
	// What cannot be looked at is not counted.
	_ = filepath.WalkDir(filepath.Join(c.dir, "files"), func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil //nolint:nilerr // see above
		}
		info, err := e.Info()
		if err != nil {
			return nil //nolint:nilerr // removed since
		}
		if strings.HasPrefix(e.Name(), temporary) {
			if time.Since(info.ModTime()) > abandoned {
				os.Remove(name)
			}
			return nil
		}
		all = append(all, copied{name, info.Size(), info.ModTime()})
		total += info.Size()
		return nil
	})
	if total <= c.limit {
		return
	}
	slices.SortFunc(all, func(a, b copied) int { return a.used.Compare(b.used) })
	for _, f := range all {
		if total <= c.limit {
			return
		}
		if err := os.Remove(f.path); err == nil {
			total -= f.size
		}
	}
}

// sweepHeld removes the links of processes that have died.
func (c *Cache) sweepHeld() {
	held := filepath.Join(c.dir, "held")
	entries, err := os.ReadDir(held)
	if err != nil {
		return
	}
	for _, e := range entries {
		name := filepath.Join(held, e.Name())
		if !e.IsDir() {
			if strings.HasSuffix(name, ".lock") {
				if _, err := os.Lstat(strings.TrimSuffix(name, ".lock")); err == nil {
					continue // seen with its folder
				}
				removeDead(name)
			}
			continue
		}
		info, err := e.Info()
		if _, missing := os.Lstat(name + ".lock"); err != nil || missing != nil && time.Since(info.ModTime()) < time.Minute {
			continue // it is just being made
		}
		removeDead(name + ".lock")
	}
}

// removeDead removes a lock that nobody holds, and its folder.
func removeDead(name string) {
	lock := flock.New(name)
	defer lock.Close()
	if ok, err := lock.TryLock(); err != nil || !ok {
		return
	}
	os.RemoveAll(strings.TrimSuffix(name, ".lock"))
	os.Remove(name)
}
