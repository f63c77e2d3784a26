package storage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"slices"
	"strings"
	"syscall"
)

var errFolderLink = errors.New("a symbolic link to a folder is not followed")

// List implements [Storage]. Each folder is read when the listing reaches it.
func (f *Folder) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		dir := f.root
		if prefix != "" {
			var err error
			if dir, err = f.path(ctx, "list", prefix); err != nil {
				yield(Object{}, err)
				return
			}
		}
		info, err := os.Stat(dir)
		switch {
		case err != nil && missing(err), err == nil && !info.IsDir():
			return
		case err != nil:
			yield(Object{}, nameError("list", prefix, err))
			return
		}
		if prefix != "" {
			prefix += "/"
		}
		f.walk(ctx, prefix, yield)
	}
}

// walk lists the folder prefix, which is "" or ends in a slash, and reports
// whether the listing goes on.
func (f *Folder) walk(ctx context.Context, prefix string, yield func(Object, error) bool) bool {
	// ReadDir returns what it read up to an error, and so is the listing.
	entries, err := os.ReadDir(f.root + "/" + prefix)
	if err != nil && !missing(err) {
		if !yield(Object{}, nameError("list", strings.TrimSuffix(prefix, "/"), err)) {
			return false
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return compareEntries(a, b) })
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			yield(Object{}, fmt.Errorf("list %q: %w", prefix, err))
			return false
		}
		name := prefix + e.Name()
		if e.IsDir() {
			if name != tempDir && !f.walk(ctx, name+"/", yield) {
				return false
			}
			continue
		}
		info, err := entryInfo(e, f.root+"/"+name)
		switch {
		case errors.Is(err, fs.ErrNotExist) && e.Type()&fs.ModeSymlink == 0:
			continue // removed since ReadDir
		case err != nil:
			if !yield(Object{}, nameError("list", name, err)) {
				return false
			}
		case info.Mode().IsRegular():
			if !yield(object(name, info), nil) {
				return false
			}
		}
	}
	return true
}

func entryInfo(e fs.DirEntry, path string) (fs.FileInfo, error) {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.Info()
	}
	info, err := os.Stat(path)
	if err == nil && info.IsDir() {
		return nil, errFolderLink
	}
	return info, err
}

// compareEntries orders entries as the object names below them: a folder counts
// as its name and a slash, so "a.b" comes before what is in "a".
func compareEntries(a, b fs.DirEntry) int {
	x, y := a.Name(), b.Name()
	n := min(len(x), len(y))
	if c := strings.Compare(x[:n], y[:n]); c != 0 {
		return c
	}
	return nextByte(a, x, n) - nextByte(b, y, n)
}

func nextByte(e fs.DirEntry, name string, i int) int {
	switch {
	case i < len(name):
		return int(name[i])
	case e.IsDir():
		return '/'
	}
	return -1
}

// Sweep implements [Sweeper].
func (f *Folder) Sweep(ctx context.Context) (removed int, err error) {
	dir := f.root + "/" + tempDir
	entries, err := os.ReadDir(dir)
	if err != nil && !missing(err) {
		return 0, nameError("sweep", tempDir, err)
	}
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return removed, nameError("sweep", tempDir, err)
		}
		if err := syscall.Unlink(dir + "/" + e.Name()); err != nil && !missing(err) {
			return removed, nameError("sweep", tempDir+"/"+e.Name(), err)
		}
		removed++
	}
	return removed, nil
}
