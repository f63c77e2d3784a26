package storage

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
)

// Create implements [Storage].
func (f *Folder) Create(ctx context.Context, name string) (Writer, error) {
	p, err := f.path(ctx, "create", name)
	if err != nil {
		return nil, err
	}
	w, err := f.newWriter("write", name, p)
	if err != nil {
		return nil, err
	}
	return w, nil
}

// PutNew implements [Storage].
func (f *Folder) PutNew(ctx context.Context, name string, data []byte) error {
	return f.put(ctx, name, data, false)
}

// Put implements [Storage].
func (f *Folder) Put(ctx context.Context, name string, data []byte) error {
	return f.put(ctx, name, data, true)
}

func (f *Folder) put(ctx context.Context, name string, data []byte, replace bool) error {
	p, err := f.path(ctx, "put", name)
	if err != nil {
		return err
	}
	for {
		w, err := f.newWriter("put", name, p)
		if err != nil {
			return err
		}
		w.replace = replace
		// Only Commit's error counts: it repeats a failed write's.
		_, _ = w.Write(data)
		err = w.Commit()
		if !w.swept {
			return err
		}
		if err := ctx.Err(); err != nil {
			return nameError("put", name, err)
		}
	}
}

// fileWriter writes a temporary file and then gives it its name.
type fileWriter struct {
	folder     *Folder
	verb, name string
	path       string
	temp       *os.File
	replace    bool
	ended      bool
	swept      bool  // the temporary file was gone before it got its name
	err        error // of the first failed write, then of the end
}

func (f *Folder) newWriter(verb, name, path string) (*fileWriter, error) {
	temp, err := f.createTemp()
	if errors.Is(err, fs.ErrNotExist) { // somebody removed the folder since we made it
		f.forget()
		temp, err = f.createTemp()
	}
	if err != nil {
		return nil, nameError(verb, name, err)
	}
	return &fileWriter{folder: f, verb: verb, name: name, path: path, temp: temp}, nil
}

func (f *Folder) createTemp() (*os.File, error) {
	dir := f.root + "/" + tempDir
	if err := f.makeDir(dir); err != nil {
		return nil, err
	}
	for {
		p := dir + "/" + strconv.FormatUint(rand.Uint64(), 36)
		file, err := os.OpenFile(p, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if !errors.Is(err, fs.ErrExist) {
			return file, err
		}
	}
}

func (w *fileWriter) Write(p []byte) (int, error) {
	if w.ended || w.err != nil {
		return 0, nameError(w.verb, w.name, w.failure())
	}
	n, err := w.temp.Write(p)
	if err != nil {
		w.err = err
		err = nameError(w.verb, w.name, err)
	}
	return n, err
}

func (w *fileWriter) failure() error {
	if w.err != nil {
		return w.err
	}
	return fs.ErrClosed
}

func (w *fileWriter) Commit() error {
	if w.ended {
		if w.err != nil {
			return nameError(w.verb, w.name, w.err)
		}
		return nil
	}
	w.ended = true
	if w.err == nil {
		w.err = w.temp.Sync()
	}
	if err := w.temp.Close(); w.err == nil {
		w.err = err
	}
	if w.err == nil {
		w.err = w.publish()
	}
	if w.err != nil {
		os.Remove(w.temp.Name())
		return nameError(w.verb, w.name, w.err)
	}
	return nil
}

// publish gives the synced temporary file its name, durably.
func (w *fileWriter) publish() error {
	dir := filepath.Dir(w.path)
	if err := w.folder.makeDir(dir); err != nil {
		return err
	}
	err := w.place()
	if errors.Is(err, fs.ErrNotExist) { // somebody removed the folder since we made it
		w.folder.forget()
		if err := w.folder.makeDir(dir); err != nil {
			return err
		}
		err = w.place()
		w.swept = errors.Is(err, fs.ErrNotExist)
	}
	if err != nil {
		return err
	}
	return syncDir(dir)
}

func (w *fileWriter) place() error {
	if w.replace {
		return plain(os.Rename(w.temp.Name(), w.path))
	}
	// link fails when the name is taken, which a rename would not; that makes
	// it the one step that decides between concurrent writers.
	if err := os.Link(w.temp.Name(), w.path); err != nil {
		return plain(err)
	}
	// The object is there: a temporary name that stays behind is the sweep's.
	_ = os.Remove(w.temp.Name())
	return nil
}

// plain drops the two paths of a *LinkError; nameError adds the object's name.
func plain(err error) error {
	var lerr *os.LinkError
	if errors.As(err, &lerr) {
		return lerr.Err
	}
	return err
}

func (w *fileWriter) Abort() error {
	if w.ended {
		return nil
	}
	w.ended = true
	if w.err == nil {
		w.err = errors.New("aborted")
	}
	w.temp.Close()
	if err := os.Remove(w.temp.Name()); err != nil && !missing(err) {
		return nameError("abort", w.name, err)
	}
	return nil
}

// makeDir makes a folder at or below the root, durable with all its parents.
func (f *Folder) makeDir(dir string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.makeDirLocked(dir)
}

func (f *Folder) makeDirLocked(dir string) error {
	if f.synced[dir] {
		return nil
	}
	parent := filepath.Dir(dir)
	err := os.Mkdir(dir, 0o777)
	if errors.Is(err, fs.ErrNotExist) && parent != dir {
		if err := f.makeDirLocked(parent); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o777)
	}
	if err != nil {
		info, serr := os.Stat(dir)
		switch {
		case serr != nil:
			return err
		case !info.IsDir():
			return syscall.ENOTDIR
		}
	}
	// Also for a folder that was there: whoever made it may not have synced yet.
	// Above the root that is not ours to do, and may not be permitted.
	if err == nil || len(dir) > len(f.root) {
		if err := syncDir(parent); err != nil {
			return err
		}
	}
	f.synced[dir] = true
	return nil
}

func (f *Folder) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.synced)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
