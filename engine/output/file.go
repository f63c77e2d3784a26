package output

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// File is an output that appears whole under its name, or not at all. What is
// there already and is no regular file, such as a named pipe or /dev/null, is
// written as it is: a rename would put a file in its place. The methods that
// Writers use are those of os.File.
type File struct {
	*os.File
	name    string
	replace bool
	direct  bool // not under a temporary name
	done    bool
	free    func() bool // of StopWith
}

// CreateFile starts a file. A name that a regular file has is an error that is
// fs.ErrExist, unless the file is to be replaced. The caller ends it with Commit
// and Discard, or with Discard alone. ctx governs it until then: a named pipe
// may have no reader.
func CreateFile(ctx context.Context, name string, replace bool) (*File, error) {
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("write %s: it is a folder", name)
	case err == nil && !info.Mode().IsRegular():
		file, err := OpenFile(ctx, name, os.O_WRONLY, 0)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", name, err)
		}
		return &File{File: file, name: name, direct: true, free: StopWith(ctx, file)}, nil
	case err == nil && !replace:
		return nil, fmt.Errorf("write %s: %w", name, fs.ErrExist)
	}
	// A link stays one.
	place := name
	if target, err := filepath.EvalSymlinks(name); err == nil {
		place = target
	} else if _, err := os.Lstat(name); err == nil && !replace {
		return nil, fmt.Errorf("write %s: %w", name, fs.ErrExist)
	}
	// Not os.CreateTemp: the file gets the permissions that the user's files have.
	temp := fmt.Sprintf("%s.%d-%d.tmp", place, os.Getpid(), time.Now().UnixNano())
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		if p := (*fs.PathError)(nil); errors.As(err, &p) {
			err = p.Err // its path is not the user's
		}
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	return &File{File: file, name: place, replace: replace}, nil
}

// Commit gives the file its name. Until then there is nothing under it.
func (f *File) Commit() error {
	if f.direct {
		return nil
	}
	err := f.Sync()
	if err == nil && f.replace {
		err = os.Rename(f.Name(), f.name)
		f.done = err == nil
	} else if err == nil {
		err = os.Link(f.Name(), f.name) // unlike a rename it replaces nothing
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	return nil
}

// Discard ends the file, and removes what was not committed.
func (f *File) Discard() error {
	if f.free != nil {
		f.free()
	}
	err := f.Close()
	if !f.done && !f.direct {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	return nil
}
