package catalog

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trailql/trailql/catalog/metadata"
	"github.com/trailql/trailql/catalog/storage"
)

const (
	versionsDir = "catalog/versions"
	latestHint  = "catalog/latest"
	// keepVersions newest versions are never removed, so that a writer can tell
	// a version it won from one it put where an expired version had been.
	keepVersions = 16
)

// version is one state of the whole warehouse. Storing it is the commit.
type version struct {
	Version   int64                   `json:"version"`
	Batch     string                  `json:"batch,omitempty"` // the batch that made it
	Committed time.Time               `json:"committed"`
	Tables    map[string]tableVersion `json:"tables"`
	Views     map[string]View         `json:"views,omitempty"`
}

type tableVersion struct {
	Metadata string `json:"metadata"` // object name of the Iceberg table metadata
	Changed  int64  `json:"changed"`  // the version that brought this metadata
}

// tables yields the names in order.
func (v version) tables() []string { return slices.Sorted(maps.Keys(v.Tables)) }

func versionName(n int64) string { return fmt.Sprintf("%s/%020d.json", versionsDir, n) }

func parseVersionName(name string) (int64, bool) {
	n, err := strconv.ParseInt(strings.TrimSuffix(path.Base(name), ".json"), 10, 64)
	return n, err == nil && n > 0 && versionName(n) == name
}

// putVersion stores a version if its number is free, else storage.ErrExist.
func (c *Catalog) putVersion(ctx context.Context, v version) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode version %d: %w", v.Version, err)
	}
	return c.storage.PutNew(ctx, versionName(v.Version), append(data, '\n'))
}

func (c *Catalog) readVersion(ctx context.Context, n int64) (version, error) {
	data, err := storage.ReadAll(ctx, c.storage, versionName(n))
	if err != nil {
		return version{}, err
	}
	var v version
	if err := json.Unmarshal(data, &v); err != nil {
		return version{}, fmt.Errorf("damaged file %q: %w", versionName(n), err)
	}
	if v.Version != n {
		return version{}, fmt.Errorf("damaged file %q: it says that it is version %d", versionName(n), v.Version)
	}
	return v, nil
}

// newest finds the newest version. A hint says where to start; from there it
// probes forward, so a stale hint costs time and a wrong one a listing, but
// neither can make it return an old version.
func (c *Catalog) newest(ctx context.Context) (version, error) {
	n := c.startVersion(ctx)
	for {
		if n == 0 {
			var err error
			if n, err = c.listNewest(ctx); err != nil {
				return version{}, err
			}
		}
		v, ok, err := c.probe(ctx, n)
		if err != nil {
			return version{}, err
		}
		if ok {
			c.noteVersion(v)
			return v, nil
		}
		n = 0
	}
}

// probe goes forward from version n to the newest one. It reports false if the
// versions were removed under its feet.
func (c *Catalog) probe(ctx context.Context, n int64) (version, bool, error) {
	v, err := c.readVersion(ctx, n)
	for err == nil {
		var next version
		if next, err = c.readVersion(ctx, v.Version+1); err == nil {
			v = next
		}
	}
	if !errors.Is(err, storage.ErrNotExist) {
		return version{}, false, err
	}
	// Versions are removed oldest first. So if this one is still there, its
	// successor was never removed: it has never been.
	_, err = c.storage.Stat(ctx, versionName(max(v.Version, n)))
	if errors.Is(err, storage.ErrNotExist) {
		return version{}, false, nil
	}
	return v, err == nil, err
}

// startVersion is where probing starts; 0 if nothing is known.
func (c *Catalog) startVersion(ctx context.Context) int64 {
	c.mu.Lock()
	n := c.latest
	c.mu.Unlock()
	// Whatever is wrong with the hint, the listing is right.
	if data, err := storage.ReadAll(ctx, c.storage, latestHint); err == nil {
		if h, err := strconv.ParseInt(string(bytes.TrimSpace(data)), 10, 64); err == nil {
			n = max(n, h)
		}
	}
	return n
}

func (c *Catalog) listNewest(ctx context.Context) (int64, error) {
	var last int64
	for o, err := range c.storage.List(ctx, versionsDir) {
		if err != nil {
			return 0, err
		}
		if n, ok := parseVersionName(o.Name); ok {
			last = max(last, n)
		}
	}
	if last == 0 {
		return 0, fmt.Errorf("warehouse %w: run trailql convert to make one", ErrNotExist)
	}
	return last, nil
}

// noteVersion remembers v and forgets the metadata of older versions.
func (c *Catalog) noteVersion(v version) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if v.Version <= c.latest {
		return
	}
	c.latest = v.Version
	current := map[string]bool{}
	for _, t := range v.Tables {
		current[t.Metadata] = true
	}
	maps.DeleteFunc(c.metadata, func(name string, _ *metadata.Table) bool { return !current[name] })
}

// readMetadata returns a table's metadata, which never changes under its name.
func (c *Catalog) readMetadata(ctx context.Context, name string) (*metadata.Table, error) {
	c.mu.Lock()
	meta, ok := c.metadata[name]
	c.mu.Unlock()
	if ok {
		return meta, nil
	}
	data, err := storage.ReadAll(ctx, c.storage, name)
	if err != nil {
		return nil, fmt.Errorf("read table metadata: %w", err)
	}
	meta, err = metadata.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("read table metadata %q: %w", name, err)
	}
	c.keepMetadata(name, meta)
	return meta, nil
}

// keepMetadata saves reading what is stored, or about to be, under a name. It is
// forgotten with the next version that does not have it.
func (c *Catalog) keepMetadata(name string, meta *metadata.Table) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.metadata[name] = meta
}

// committedAs finds the version after base, up to newest, that a batch made.
func (c *Catalog) committedAs(ctx context.Context, id string, base int64, newest version) (int64, bool, error) {
	for n := newest.Version; n > base; n-- {
		v := newest
		if n != newest.Version {
			var err error
			v, err = c.readVersion(ctx, n)
			if errors.Is(err, storage.ErrNotExist) { // expired, and so is what is older
				return 0, false, nil
			}
			if err != nil {
				return 0, false, err
			}
		}
		if v.Batch == id {
			return n, true, nil
		}
	}
	return 0, false, nil
}
