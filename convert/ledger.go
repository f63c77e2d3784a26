package convert

import (
	"context"
	"fmt"
	"hash/maphash"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/trailql/trailql/catalog"
)

// Ledger knows which objects have been converted, as they are now. It holds a
// hash of path and ETag of each, 16 bytes, so that ten million objects fit. The
// zero value is ready; one run at a time uses it, always on the same warehouse.
type Ledger struct {
	seed  maphash.Seed
	known [][2]uint64     // sorted, each once
	files map[string]bool // of source_files that known has

	settled bool // nothing was without a verdict when it was last looked at
}

// update reads the files of source_files that are new to l.
func (l *Ledger) update(ctx context.Context, c *catalog.Catalog, s *catalog.Snapshot) error {
	t, err := s.Table(LedgerTable)
	if err != nil {
		return err
	}
	files, _, err := t.Plan(ctx, catalog.Predicate{})
	if err != nil {
		return err
	}
	if l.files == nil {
		l.files = map[string]bool{}
	}
	rows := int64(0)
	var added [][2]uint64
	now := map[string]bool{}
	for _, f := range files {
		rows += f.Records
		now[f.Path] = true
		if l.files[f.Path] {
			continue
		}
		hashes, err := l.load(ctx, c, f)
		if err != nil {
			*l = Ledger{seed: l.seed}
			return err
		}
		added = append(added, hashes...)
	}
	l.files = now
	l.merge(added)
	if int64(len(l.known)) > rows { // somebody has gone back to an older state
		*l = Ledger{seed: l.seed}
		return l.update(ctx, c, s)
	}
	return nil
}

// merge adds hashes, each once: a joined file has the rows of others.
func (l *Ledger) merge(added [][2]uint64) {
	if len(added) == 0 {
		return
	}
	slices.SortFunc(added, compareHashes)
	if len(l.known) == 0 {
		l.known = slices.Compact(added)
		return
	}
	added = slices.DeleteFunc(slices.Compact(added), func(h [2]uint64) bool {
		_, ok := slices.BinarySearchFunc(l.known, h, compareHashes)
		return ok
	})
	// From the end, so that what is there moves once.
	from := len(l.known)
	l.known = append(l.known, added...)
	for to := len(l.known) - 1; len(added) > 0; to-- {
		if last := len(added) - 1; from > 0 && compareHashes(l.known[from-1], added[last]) > 0 {
			from--
			l.known[to] = l.known[from]
		} else {
			l.known[to] = added[last]
			added = added[:last]
		}
	}
}

func compareHashes(a, b [2]uint64) int { return slices.Compare(a[:], b[:]) }

// load reads three columns of one ledger file.
func (l *Ledger) load(ctx context.Context, c *catalog.Catalog, f catalog.DataFile) (hashes [][2]uint64, err error) {
	pf, err := openDataFile(ctx, c, f, parquet.SkipPageIndex(true))
	if err != nil {
		return nil, err
	}
	defer pf.Close()
	for _, g := range pf.RowGroups() {
		var columns [3][]string
		for i, name := range []string{"object", "etag", "kind"} {
			leaf, ok := pf.Schema().Lookup(name)
			if !ok {
				continue
			}
			if columns[i], err = texts(g.ColumnChunks()[leaf.ColumnIndex]); err != nil {
				return nil, err
			}
		}
		for i := range columns[0] {
			if columns[2][i] == missingKind {
				continue
			}
			hashes = append(hashes, l.hash(columns[0][i], columns[1][i]))
		}
	}
	return hashes, nil
}

func texts(chunk parquet.ColumnChunk) ([]string, error) {
	var out []string
	pages := chunk.Pages()
	defer pages.Close()
	values := make([]parquet.Value, 1024)
	for {
		page, err := pages.ReadPage()
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		r := page.Values()
		for {
			n, err := r.ReadValues(values)
			for _, v := range values[:n] {
				out = append(out, string(v.ByteArray()))
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, err
			}
		}
		parquet.Release(page)
	}
}

// Missing counts the rows of source_files that stand for no object: see
// docs/integrity.md. It reads little more than footers.
func Missing(ctx context.Context, c *catalog.Catalog, t *catalog.Table) (n int64, err error) {
	files, _, err := t.Plan(ctx, catalog.Predicate{})
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		if err := countMissing(ctx, c, f, &n); err != nil {
			return 0, fmt.Errorf("read %s: %w", f.Path, err)
		}
	}
	return n, nil
}

func countMissing(ctx context.Context, c *catalog.Catalog, f catalog.DataFile, n *int64) error {
	pf, err := openDataFile(ctx, c, f, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return err
	}
	defer pf.Close()
	leaf, ok := pf.Schema().Lookup("kind")
	if !ok {
		return nil
	}
	for _, g := range pf.RowGroups() {
		chunk := g.ColumnChunks()[leaf.ColumnIndex]
		if known, ok := chunk.(*parquet.FileColumnChunk); ok {
			low, high, ok := known.Bounds()
			if ok && (string(low.ByteArray()) > missingKind || string(high.ByteArray()) < missingKind) {
				continue
			}
		}
		kinds, err := texts(chunk)
		if err != nil {
			return err
		}
		for _, kind := range kinds {
			if kind == missingKind {
				*n++
			}
		}
	}
	return nil
}

// hash is that of the path, then that of path and ETag.
func (l *Ledger) hash(path, etag string) (h [2]uint64) {
	if l.seed == (maphash.Seed{}) {
		l.seed = maphash.MakeSeed()
	}
	var m maphash.Hash
	m.SetSeed(l.seed)
	m.WriteString(path)
	h[0] = m.Sum64()
	m.WriteByte(0)
	m.WriteString(etag)
	h[1] = m.Sum64()
	return h
}

// has says whether this version of the object has been converted, or on a cluster
// any.
func (l *Ledger) has(o *object) bool {
	if len(l.known) == 0 {
		return false
	}
	if _, ok := slices.BinarySearchFunc(l.known, l.hash(o.path, o.etag), compareHashes); ok {
		return true
	}
	// A cluster that has converted it knows no ETag: its row has none.
	_, ok := slices.BinarySearchFunc(l.known, l.hash(o.path, ""), compareHashes)
	return ok
}

// knows says whether some version of the object may have been converted.
func (l *Ledger) knows(path string) bool {
	if len(l.known) == 0 {
		return false
	}
	h := l.hash(path, "")[0]
	i, _ := slices.BinarySearchFunc(l.known, [2]uint64{h, 0}, compareHashes)
	return i < len(l.known) && l.known[i][0] == h
}
