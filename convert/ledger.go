package convert

import (
	"context"
	"hash/maphash"
	"io"
	"slices"

	"github.com/parquet-go/parquet-go"

	"github.com/trailql/trailql/catalog"
)

// ledger knows which objects have been converted, as they are now. It holds a
// hash of path and ETag of each, 16 bytes, so that ten million objects fit.
type ledger struct {
	seed  maphash.Seed
	known [][2]uint64 // sorted
}

func openLedger(ctx context.Context, c *catalog.Catalog, s *catalog.Snapshot) (*ledger, error) {
	l := &ledger{seed: maphash.MakeSeed()}
	t, err := s.Table(LedgerTable)
	if err != nil {
		return nil, err
	}
	files, _, err := t.Plan(ctx, catalog.Predicate{})
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := l.load(ctx, c, f); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(l.known, compareHashes)
	return l, nil
}

func compareHashes(a, b [2]uint64) int { return slices.Compare(a[:], b[:]) }

// load reads two columns of one ledger file.
func (l *ledger) load(ctx context.Context, c *catalog.Catalog, f catalog.DataFile) error {
	in, err := c.Storage().Open(ctx, f.Path)
	if err != nil {
		return err
	}
	defer in.Close()
	pf, err := parquet.OpenFile(in, in.Size(), parquet.SkipPageIndex(true))
	if err != nil {
		return err
	}
	for _, g := range pf.RowGroups() {
		var columns [2][]string
		for i, name := range []string{"object", "etag"} {
			leaf, ok := pf.Schema().Lookup(name)
			if !ok {
				continue
			}
			if columns[i], err = texts(g.ColumnChunks()[leaf.ColumnIndex]); err != nil {
				return err
			}
		}
		for i := range columns[0] {
			l.known = append(l.known, l.hash(columns[0][i], columns[1][i]))
		}
	}
	return nil
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

// hash is that of the path, then that of path and ETag.
func (l *ledger) hash(path, etag string) (h [2]uint64) {
	var m maphash.Hash
	m.SetSeed(l.seed)
	m.WriteString(path)
	h[0] = m.Sum64()
	m.WriteByte(0)
	m.WriteString(etag)
	h[1] = m.Sum64()
	return h
}

// has says whether this version of the object has been converted.
func (l *ledger) has(o *object) bool {
	if len(l.known) == 0 {
		return false
	}
	_, ok := slices.BinarySearchFunc(l.known, l.hash(o.path, o.ETag), compareHashes)
	return ok
}

// knows says whether some version of the object may have been converted.
func (l *ledger) knows(path string) bool {
	if len(l.known) == 0 {
		return false
	}
	h := l.hash(path, "")[0]
	i, _ := slices.BinarySearchFunc(l.known, [2]uint64{h, 0}, compareHashes)
	return i < len(l.known) && l.known[i][0] == h
}
