package convert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/cloudtrail"
)

// segmentObjects bounds how many objects are listed before they are converted,
// so that an archive of any size is listed in bounded memory.
const segmentObjects = 100_000

// object is an object of the archive that is to be converted. There may be many
// at a time: it has only what is needed until its turn comes.
type object struct {
	store  storage.Storage
	name   string // in store
	path   string // in the ledger: absolute, valid UTF-8
	etag   string
	size   int64
	day    int32  // of the key, in days since 1970
	fresh  bool   // it may still be written to
	region string // of the key
}

func (o *object) key() cloudtrail.Key { return cloudtrail.ParseKey(o.path) }

// sources lists the objects of the given folders, files and globs.
type sources struct {
	o      *Options
	stores map[string]storage.Storage
	// yield is called with every object, one that is named twice twice; fail
	// with what cannot be listed, which does not stop the rest; skip with every
	// folder that is left out. Only one of them is called at a time.
	yield func(object, cloudtrail.Key) error
	fail  func(path string, err error)
	skip  func(path string)
}

// list lists all sources. One that does not exist is an error.
func (s *sources) list(ctx context.Context) error {
	for _, src := range s.o.Sources {
		if isURI(src) {
			if err := s.remote(ctx, src); err != nil {
				return err
			}
			continue
		}
		matches := []string{src}
		if _, err := os.Lstat(src); err != nil {
			found, globErr := filepath.Glob(src)
			if globErr != nil || len(found) == 0 {
				return fmt.Errorf("list %s: %w", src, err)
			}
			matches = found
		}
		for _, m := range matches {
			if err := s.local(ctx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// local lists a folder or a file.
func (s *sources) local(ctx context.Context, path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("list %s: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("list %s: %w", path, err)
	}
	if !info.IsDir() {
		return s.one(ctx, path)
	}
	store, err := s.store(ctx, path)
	if err != nil {
		return err
	}
	return s.all(ctx, store, "")
}

// remote lists what is below a URI; one that names an object is that object.
func (s *sources) remote(ctx context.Context, uri string) error {
	store, name, err := s.locate(ctx, uri)
	if err != nil {
		return err
	}
	if IsObject(uri) {
		return s.one(ctx, uri)
	}
	seen := false
	inner := *s
	inner.yield = func(o object, k cloudtrail.Key) error { seen = true; return s.yield(o, k) }
	inner.fail = func(path string, err error) { seen = true; s.fail(path, err) }
	inner.skip = func(path string) { seen = true; s.skip(path) }
	if ranges, ok := store.(storage.RangeLister); ok {
		err = inner.descend(ctx, store, ranges, name)
	} else {
		err = inner.all(ctx, store, name)
	}
	if err == nil && !seen && name != "" && !strings.HasSuffix(uri, "/") {
		o, statErr := store.Stat(ctx, name)
		if statErr == nil {
			return s.object(store, o)
		}
		// Nothing is there: an empty listing.
	}
	return err
}

// one is a single object. It may have gone since somebody has named it.
func (s *sources) one(ctx context.Context, path string) error {
	store, name, err := s.locate(ctx, path)
	if err != nil {
		return err
	}
	o, err := store.Stat(ctx, name)
	if err != nil {
		if stops(ctx, err) {
			return err
		}
		s.fail(path, err)
		return nil
	}
	return s.object(store, o)
}

// all lists what is below a prefix with one listing.
func (s *sources) all(ctx context.Context, store storage.Storage, prefix string) error {
	for o, err := range store.List(ctx, prefix) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if stops(ctx, err) {
				return err
			}
			s.fail(join(store.Root(), prefix), err)
			continue
		}
		if err := s.object(store, o); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// stops says whether an error about one object or folder is one about all.
func stops(ctx context.Context, err error) bool {
	return ctx.Err() != nil || errors.Is(err, storage.ErrCredentials)
}

// locate is where the object of an absolute path or a URI is, or the prefix.
func (s *sources) locate(ctx context.Context, uri string) (store storage.Storage, name string, err error) {
	root := filepath.Dir(uri)
	if isURI(uri) {
		scheme, rest, _ := strings.Cut(uri, "://")
		bucket, key, _ := strings.Cut(rest, "/")
		root, name = scheme+"://"+bucket, strings.TrimSuffix(key, "/")
	} else {
		name = filepath.Base(uri)
	}
	store, err = s.store(ctx, root)
	return store, name, err
}

// store is the storage of a folder or a bucket.
func (s *sources) store(ctx context.Context, root string) (storage.Storage, error) {
	if st, ok := s.stores[root]; ok {
		return st, nil
	}
	st, err := s.o.OpenSource(ctx, root)
	if err != nil {
		return nil, fmt.Errorf("open source: %w", err)
	}
	s.stores[root] = st
	return st, nil
}

func (s *sources) object(store storage.Storage, found storage.Object) error {
	path := join(store.Root(), found.Name)
	key := cloudtrail.ParseKey(path)
	if found.ETag == "" { // not every server has one
		found.ETag = fmt.Sprintf("%x-%x", found.Size, found.Modified.UnixNano())
	}
	o := object{
		store: store, name: path[len(path)-len(found.Name):], path: strings.ToValidUTF8(path, "\uFFFD"),
		etag: found.ETag, size: found.Size, day: int32(key.Day.Unix() / 86400), region: key.Region,
		fresh: !isURI(path) && s.o.fresh(found.Modified),
	}
	return s.yield(o, key)
}

// join is the path or URI of a name below a root.
func join(root, name string) string {
	if name == "" {
		return root
	}
	return root + "/" + name
}

func isURI(name string) bool { return strings.Contains(name, "://") }

// IsObject tells by its name whether a source is one file of an archive; else it
// is taken for a folder.
func IsObject(name string) bool {
	switch path.Ext(name) {
	case ".gz", ".json", ".zip", ".zst", ".ndjson", ".jsonl":
		return true
	}
	return false
}

// wanted applies the filters. What a key does not say excludes nothing.
func (o *Options) wanted(k cloudtrail.Key) bool {
	return (len(o.Accounts) == 0 || k.Account == "" || slices.Contains(o.Accounts, k.Account)) &&
		(len(o.Regions) == 0 || k.Region == "" || slices.Contains(o.Regions, k.Region)) &&
		(k.Day.IsZero() || !k.Day.Before(o.DeliveredFrom.UTC().Truncate(24*time.Hour))) &&
		k.MayHold(o.From, o.To)
}

// fresh says whether a file that was changed then is too young. What a clock
// that is ahead has changed is not.
func (o *Options) fresh(changed time.Time) bool {
	return o.MinAge > 0 && o.Now().Sub(changed).Abs() < o.MinAge
}

// deliveryDays are the first and the last day of delivery that wanted lets
// through; zero without one.
func (o *Options) deliveryDays() (first, last time.Time) {
	first, last = cloudtrail.DeliveryDays(o.From, o.To)
	if first.Before(o.DeliveredFrom) {
		first = o.DeliveredFrom.UTC().Truncate(24 * time.Hour)
	}
	return first, last
}

// byPartition sorts objects so that those whose records share a partition come
// together, and drops those that are named twice.
func byPartition(objects []object) []object {
	slices.SortFunc(objects, func(a, b object) int {
		if c := cmp.Compare(a.day, b.day); c != 0 {
			return c
		}
		if c := cmp.Compare(a.region, b.region); c != 0 {
			return c
		}
		return cmp.Compare(a.path, b.path)
	})
	return slices.CompactFunc(objects, func(a, b object) bool { return a.path == b.path && a.etag == b.etag })
}
