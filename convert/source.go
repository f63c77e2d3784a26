package convert

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/cloudtrail"
)

// segmentObjects bounds how many objects are listed before they are converted,
// so that an archive of any size is listed in bounded memory.
const segmentObjects = 250_000

// object is an object of the archive that is to be converted.
type object struct {
	store storage.Storage
	storage.Object
	path string // in the ledger: absolute, valid UTF-8
	key  cloudtrail.Key
}

// sources lists the objects of the given folders, files and globs.
type sources struct {
	o      *Options
	stores map[string]storage.Storage
}

// each calls yield with every object, an object that is named twice twice. What
// cannot be listed goes to fail and does not stop the rest; a source that does
// not exist is an error.
func (s *sources) each(ctx context.Context, yield func(object) error, fail func(name string, err error)) error {
	for _, src := range s.o.Sources {
		matches := []string{src}
		if _, err := os.Lstat(src); err != nil {
			found, globErr := filepath.Glob(src)
			if globErr != nil || len(found) == 0 {
				return fmt.Errorf("list %s: %w", src, err)
			}
			matches = found
		}
		for _, m := range matches {
			if err := s.source(ctx, m, yield, fail); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *sources) source(ctx context.Context, path string, yield func(object) error, fail func(string, error)) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("list %s: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("list %s: %w", path, err)
	}
	if !info.IsDir() {
		store, err := s.store(filepath.Dir(path))
		if err != nil {
			return err
		}
		o, err := store.Stat(ctx, filepath.Base(path))
		if err != nil {
			fail(path, err)
			return nil
		}
		return s.object(store, o, yield)
	}
	store, err := s.store(path)
	if err != nil {
		return err
	}
	for o, err := range store.List(ctx, "") {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			fail(path, err)
			continue
		}
		if err := s.object(store, o, yield); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *sources) store(root string) (storage.Storage, error) {
	if st, ok := s.stores[root]; ok {
		return st, nil
	}
	st, err := s.o.openSource(root)
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	s.stores[root] = st
	return st, nil
}

func (s *sources) object(store storage.Storage, o storage.Object, yield func(object) error) error {
	path := store.Root() + "/" + o.Name
	return yield(object{store: store, Object: o, path: strings.ToValidUTF8(path, "\uFFFD"), key: cloudtrail.ParseKey(path)})
}

// wanted applies the filters. What a key does not say excludes nothing.
func (o *Options) wanted(k cloudtrail.Key) bool {
	return (len(o.Accounts) == 0 || k.Account == "" || slices.Contains(o.Accounts, k.Account)) &&
		(len(o.Regions) == 0 || k.Region == "" || slices.Contains(o.Regions, k.Region)) &&
		k.MayHold(o.From, o.To)
}

// byPartition sorts objects so that those whose records share a partition come
// together, and drops those that are named twice.
func byPartition(objects []object) []object {
	slices.SortFunc(objects, func(a, b object) int {
		if c := a.key.Day.Compare(b.key.Day); c != 0 {
			return c
		}
		if c := cmp.Compare(a.key.Region, b.key.Region); c != 0 {
			return c
		}
		return cmp.Compare(a.path, b.path)
	})
	return slices.CompactFunc(objects, func(a, b object) bool { return a.path == b.path && a.ETag == b.ETag })
}
