package delivery

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/trailql/trailql/catalog/storage"
)

// lastFile is stored behind all others: a report that has it is whole.
const lastFile = "manifest.json"

// storeReport copies the report below a URI of objects, as copyReport does into a
// folder. Objects that an attempt has left are not replaced, so that no more than the
// right to write new ones is needed; if they are not equal to the file that is an error.
func (d *Deliverer) storeReport(ctx context.Context, m Message, uri string) error {
	if d.OpenStorage == nil {
		return permanent{fmt.Errorf("deliver to %s: this program cannot write there", uri)}
	}
	if err := reportThere(m.Dir); err != nil {
		return err
	}
	store, err := d.OpenStorage(ctx, uri)
	if err != nil {
		return fmt.Errorf("deliver to %s: %w", uri, err)
	}
	place := m.FolderName()
	if _, err := store.Stat(ctx, path.Join(place, lastFile)); err == nil {
		return nil // of this run: nobody else has its name
	} else if !errors.Is(err, storage.ErrNotExist) {
		return fmt.Errorf("deliver to %s: %w", uri, err)
	}
	files, err := reportFiles(m.Dir)
	for _, name := range files {
		if err = storeFile(ctx, store, filepath.Join(m.Dir, name), path.Join(place, filepath.ToSlash(name))); err != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("deliver to %s: %w", uri, err)
	}
	return nil
}

// reportFiles are the files of a report, lastFile behind all others.
func reportFiles(dir string) ([]string, error) {
	var files []string
	last := ""
	err := filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			return nil
		case !e.Type().IsRegular():
			return permanent{refused{fmt.Errorf("%s is not a regular file", name)}}
		}
		rest, err := filepath.Rel(dir, name)
		if rest == lastFile {
			last = rest
		} else {
			files = append(files, rest)
		}
		return err
	})
	if last != "" {
		files = append(files, last)
	}
	return files, err
}

func storeFile(ctx context.Context, store storage.Storage, from, name string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	w, err := store.Create(ctx, name)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, whileAlive{ctx, in}); err != nil {
		return errors.Join(err, w.Abort())
	}
	if err := w.Commit(); !errors.Is(err, storage.ErrExist) {
		return err
	}
	return sameContent(ctx, store, name, in)
}

// sameContent reports that an object is not what a file has.
func sameContent(ctx context.Context, store storage.Storage, name string, file *os.File) error {
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r, err := store.Open(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	var a, b [64 << 10]byte
	for {
		n, err := io.ReadFull(file, a[:])
		k, other := io.ReadFull(r, b[:])
		if n != k || !bytes.Equal(a[:n], b[:k]) {
			return permanent{refused{fmt.Errorf("%s is there and is not what the report has", name)}}
		}
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = nil
			}
			if errors.Is(other, io.EOF) || errors.Is(other, io.ErrUnexpectedEOF) {
				other = nil
			}
			return errors.Join(err, other)
		}
	}
}
