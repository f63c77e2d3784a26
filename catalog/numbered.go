package catalog

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trailql/trailql/catalog/storage"
)

// swapper is what several converters agree by: objects that are replaced only if
// they are still what somebody thinks they are.
type swapper interface {
	storage.Swapper
	// remove deletes an object; a missing one is no error.
	remove(ctx context.Context, name string) error
}

// swapper is the storage's own way to swap, or one that needs only PutNew.
func (c *Catalog) swapper() swapper {
	if s, ok := c.storage.(storage.Swapper); ok {
		return native{s, c.storage}
	}
	return numbered{c.storage}
}

type native struct {
	storage.Swapper
	storage storage.Storage
}

func (n native) remove(ctx context.Context, name string) error { return n.storage.Remove(ctx, name) }

// numbered swaps on a storage that can only say "store this if the name is free",
// such as a folder. Each content of an object is stored as <name>/<number>, one
// above that which it replaces, and the highest number counts. Whoever has stored a
// number removes what is more than one below it, in ascending order. So where the
// number below one's own is still there, one's own has never been before. No lock
// is needed, and nobody can sleep while holding one.
type numbered struct{ storage storage.Storage }

func numberedName(name string, n int64) string { return fmt.Sprintf("%s/%020d", name, n) }

// numbers are those there are, ascending. A listing can miss what is replaced
// meanwhile, so none are none only if that is so again.
func (s numbered) numbers(ctx context.Context, name string) (all []int64, err error) {
	for try := 0; len(all) == 0 && try < listingTries; try++ {
		if all, err = s.listNumbers(ctx, name); err != nil {
			return nil, err
		}
	}
	return all, nil
}

const listingTries = 3

func (s numbered) listNumbers(ctx context.Context, name string) ([]int64, error) {
	var all []int64
	for o, err := range s.storage.List(ctx, name) {
		if err != nil {
			return nil, err
		}
		if n, err := strconv.ParseInt(path.Base(o.Name), 10, 64); err == nil && numberedName(name, n) == o.Name {
			all = append(all, n)
		}
	}
	slices.Sort(all)
	return all, nil
}

// Load implements [storage.Swapper]. The storage has no clock that everybody could
// trust, so everything is new.
func (s numbered) Load(ctx context.Context, name string) (data []byte, etag string, age time.Duration, err error) {
	for {
		all, err := s.numbers(ctx, name)
		if err != nil {
			return nil, "", 0, err
		}
		if len(all) == 0 {
			return nil, "", 0, fmt.Errorf("load %q: %w", name, storage.ErrNotExist)
		}
		n := all[len(all)-1]
		data, err := storage.ReadAll(ctx, s.storage, numberedName(name, n))
		if errors.Is(err, storage.ErrNotExist) {
			continue // it has been replaced or removed since
		}
		return data, strconv.FormatInt(n, 10), 0, err
	}
}

// Swap implements [storage.Swapper].
func (s numbered) Swap(ctx context.Context, name, etag string, data []byte) (newETag string, err error) {
	changed := fmt.Errorf("swap %q: %w", name, storage.ErrChanged)
	var below int64
	if etag != "" {
		if below, err = strconv.ParseInt(etag, 10, 64); err != nil {
			return "", changed
		}
	}
	mine := numberedName(name, below+1)
	if err := s.storage.PutNew(ctx, mine, data); err != nil {
		if errors.Is(err, storage.ErrExist) {
			return "", changed
		}
		return "", err
	}
	all, err := s.numbers(ctx, name)
	if err != nil {
		return "", errors.Join(fmt.Errorf("swap %q: %w", name, storage.ErrUnknown), err)
	}
	if below > 0 && !slices.Contains(all, below) || below == 0 && (len(all) == 0 || all[len(all)-1] > 1) {
		// Another one has long gone on from there.
		return "", errors.Join(changed, s.storage.Remove(ctx, mine))
	}
	for _, n := range all {
		if n < below {
			_ = s.storage.Remove(ctx, numberedName(name, n)) // the next one tries again
		}
	}
	return strconv.FormatInt(below+1, 10), nil
}

func (s numbered) remove(ctx context.Context, name string) error {
	all, err := s.numbers(ctx, name)
	if err != nil {
		return err
	}
	for _, n := range all {
		if err := s.storage.Remove(ctx, numberedName(name, n)); err != nil {
			return err
		}
	}
	return nil
}

// swapped is the name of the object that a listing has found below dir: its own, or
// that of one of its numbers.
func swapped(dir, found string) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(found, dir+"/"), "/")
	return name
}
