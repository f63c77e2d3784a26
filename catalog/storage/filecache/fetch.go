package filecache

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/trailql/trailql/catalog/storage"
)

// temporary begins the names of copies that are being made.
const temporary = ".tmp-"

// fetch makes a copy: whole, checked and on the disk when it gets its name.
func (c *Cache) fetch(ctx context.Context, s storage.Storage, f *File, copied string, count func(int64)) (err error) {
	if err := os.MkdirAll(filepath.Dir(copied), 0o700); err != nil {
		return err
	}
	in, err := s.Open(ctx, f.Name)
	if err != nil {
		return err
	}
	defer in.Close()
	if in.Size() != f.Size {
		return fmt.Errorf("it has %d bytes, the table says %d: %w", in.Size(), f.Size, storage.ErrChanged)
	}
	out, err := os.CreateTemp(filepath.Dir(copied), temporary)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, out.Close(), os.Remove(out.Name()))
		}
	}()
	n, err := io.CopyBuffer(struct{ io.Writer }{out}, &counted{in, ctx, count}, make([]byte, 256<<10))
	if err != nil {
		return err
	}
	if n != f.Size {
		return fmt.Errorf("got %d of %d bytes: %w", n, f.Size, io.ErrUnexpectedEOF)
	}
	if f.Check != nil {
		if err := f.Check(out); err != nil {
			return err
		}
	}
	if err := out.Sync(); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return os.Rename(out.Name(), copied)
}

// counted counts what is read, and ends with ctx.
type counted struct {
	r     io.Reader
	ctx   context.Context // of the one call of fetch
	count func(int64)
}

func (r *counted) Read(b []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := r.r.Read(b)
	r.count(int64(n))
	return n, err
}
