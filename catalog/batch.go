package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trailql/trailql/catalog/storage"
)

const batchesDir = "catalog/batches"

// batch is one begun here. Everything that it stores carries its id in the last
// name element, so that a leftover can be told from what other programs put
// beside the tables.
type batch struct {
	id        string
	base      int64  // newest version when it began
	converter string // whose it is; "" if there is only one

	mu        sync.Mutex
	attempts  int // of commits, each with its own metadata names
	paths     []string
	late      bool                // a version of it may yet be stored
	partition map[string][]string // columns by table
}

// ownName recognises names made by a batch, and whose they are: all but those of
// metadata files, which are metadataName's. (Metadata files had such names once.)
var ownName = regexp.MustCompile(`^(\d{8}T\d{9}Z-[0-9a-f]{8})-`)

// batchOf is the id of the batch that made an object, "" if none has.
func batchOf(name string) string {
	if m := ownName.FindStringSubmatch(path.Base(name)); m != nil {
		return m[1]
	}
	return batchOfMetadata(name)
}

// marker is stored for as long as a batch is unfinished.
type marker struct {
	Batch   string    `json:"batch"`
	Base    int64     `json:"base"` // newest version when it began
	Started time.Time `json:"started"`
	Process int       `json:"process"`
	// Converter is whose batch it is, if it is that of one among several.
	Converter string `json:"converter,omitempty"`
}

func markerName(id string) string { return batchesDir + "/" + id + ".json" }

// Begin starts a batch. What it stores is invisible until Commit. Until Commit
// or Abort a marker tells Repair that there may be leftovers. Ids are unique
// and sort by the time of Begin.
func (c *Catalog) Begin(ctx context.Context) (id string, err error) {
	b, err := c.begin(ctx)
	if err != nil {
		return "", err
	}
	return b.id, nil
}

func (c *Catalog) begin(ctx context.Context) (*batch, error) {
	if err := c.checkLock(ctx); err != nil {
		return nil, fmt.Errorf("begin batch: %w", err)
	}
	v, err := c.newest(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin batch: %w", err)
	}
	for {
		now := c.now().UTC()
		stamp := strings.Replace(now.Format("20060102T150405.000Z"), ".", "", 1)
		b := &batch{
			id:        fmt.Sprintf("%s-%08x", stamp, rand.Uint32()),
			base:      v.Version,
			converter: c.memberID(),
			partition: map[string][]string{},
		}
		data, err := json.Marshal(marker{Batch: b.id, Base: b.base, Started: now, Process: os.Getpid(), Converter: b.converter})
		if err != nil {
			return nil, fmt.Errorf("begin batch: %w", err)
		}
		err = c.storage.PutNew(ctx, markerName(b.id), append(data, '\n'))
		if errors.Is(err, storage.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("begin batch: %w", err)
		}
		c.mu.Lock()
		c.batches[b.id] = b
		c.mu.Unlock()
		return b, nil
	}
}

func (c *Catalog) batch(id string) (*batch, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.batches[id]
	if b == nil {
		return nil, fmt.Errorf("batch %q was not begun here or has ended", id)
	}
	return b, nil
}

// end forgets a batch and removes its marker. A marker that stays does no harm:
// the next Repair finds nothing to do for it.
func (c *Catalog) end(ctx context.Context, b *batch) error {
	if err := c.storage.Remove(ctx, markerName(b.id)); err != nil {
		return err
	}
	c.mu.Lock()
	delete(c.batches, b.id)
	c.mu.Unlock()
	return nil
}

// NewFile starts a data file of a batch, with one partition value for each of
// the table's partition columns; "" is null. The file is part of the table once
// a Commit of the batch adds its path. The caller ends the writer.
func (c *Catalog) NewFile(ctx context.Context, batchID, tableName string, partition ...string) (name string, w storage.Writer, err error) {
	b, err := c.batch(batchID)
	if err != nil {
		return "", nil, fmt.Errorf("new file: %w", err)
	}
	if err := c.checkLock(ctx); err != nil {
		return "", nil, fmt.Errorf("new file: %w", err)
	}
	columns, err := c.partitionColumns(ctx, b, tableName)
	if err != nil {
		return "", nil, fmt.Errorf("new file: %w", err)
	}
	if len(partition) != len(columns) {
		return "", nil, fmt.Errorf("new file: table %q: %d partition values for the columns %q", tableName, len(partition), columns)
	}
	b.mu.Lock()
	file := fmt.Sprintf("%s-%05d.parquet", b.id, len(b.paths))
	name = path.Join(dataDir(tableName), hivePath(columns, partition), file)
	b.paths = append(b.paths, name) // before it exists, so that Abort cannot miss it
	b.mu.Unlock()
	w, err = c.storage.Create(ctx, name)
	if err != nil {
		return "", nil, fmt.Errorf("new file: %w", err)
	}
	return name, w, nil
}

func dataDir(tableName string) string     { return database + "/" + tableName + "/data" }
func metadataDir(tableName string) string { return database + "/" + tableName + "/metadata" }

func (c *Catalog) partitionColumns(ctx context.Context, b *batch, tableName string) ([]string, error) {
	b.mu.Lock()
	columns, ok := b.partition[tableName]
	b.mu.Unlock()
	if ok {
		return columns, nil
	}
	s, err := c.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	t, err := s.Table(tableName)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	b.partition[tableName] = t.Spec()
	b.mu.Unlock()
	return t.Spec(), nil
}

// Abort ends a batch and removes what it stored. A batch that a Commit made
// visible before it failed stays committed. Hand it a context that is still
// alive (context.WithoutCancel): if Abort fails, Repair does its work.
func (c *Catalog) Abort(ctx context.Context, batchID string) error {
	b, err := c.batch(batchID)
	if err != nil {
		return fmt.Errorf("abort: %w", err)
	}
	b.mu.Lock()
	late := b.late
	b.mu.Unlock()
	if late {
		if err := c.fence(ctx); err != nil {
			return fmt.Errorf("abort batch %s: %w", b.id, err)
		}
	}
	v, err := c.newest(ctx)
	if err != nil {
		return fmt.Errorf("abort batch %s: %w", b.id, err)
	}
	_, committed, err := c.committedAs(ctx, b.id, b.base, v)
	if err == nil && !committed {
		err = c.removeAll(ctx, b.paths)
	}
	if err == nil {
		err = c.end(ctx, b)
	}
	if err != nil {
		return fmt.Errorf("abort batch %s: %w", b.id, err)
	}
	return nil
}

// removeAll removes what it can and returns the first error.
func (c *Catalog) removeAll(ctx context.Context, names []string) error {
	var first error
	for _, name := range names {
		if err := c.storage.Remove(ctx, name); err != nil && first == nil {
			first = err
		}
	}
	return first
}

// checkChange refuses a change that could not be recorded or cleaned up.
func (b *batch) checkChange(tableName string, ch Change, columns int) error {
	added := map[string]bool{}
	for _, f := range ch.Add {
		switch {
		case !strings.HasPrefix(f.Path, dataDir(tableName)+"/") || !strings.HasPrefix(path.Base(f.Path), b.id+"-"):
			return fmt.Errorf("file %q is not of this batch and table", f.Path)
		case added[f.Path]:
			return fmt.Errorf("file %q is added twice", f.Path)
		case len(f.Partition) != columns:
			return fmt.Errorf("file %q has %d partition values, want %d", f.Path, len(f.Partition), columns)
		case f.Records < 0 || f.Bytes <= 0:
			return fmt.Errorf("file %q: %d records in %d bytes", f.Path, f.Records, f.Bytes)
		}
		added[f.Path] = true
	}
	return nil
}

// unused are the files begun but not added by the changes.
func (b *batch) unused(changes map[string]Change) []string {
	added := map[string]bool{}
	for _, ch := range changes {
		for _, f := range ch.Add {
			added[f.Path] = true
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(b.paths), func(p string) bool { return added[p] })
}
