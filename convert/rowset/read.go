package rowset

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/trailql/trailql/convert/cloudtrail"
)

// File is a data file that this package wrote. Not safe for concurrent use.
type File struct {
	groups  []*parquet.File // one for each row group, for parquet-go knows only the codecs of the first
	columns []int           // for each column of the table its place in the file, or -1
	values  []parquet.Value
}

// Open reads the footer of a data file of the given size. The file is read from
// r as needed; the caller closes it.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f, err := openParquet(r, size)
	if err != nil {
		return nil, fmt.Errorf("open parquet file: %w", err)
	}
	groups, err := eachGroup(r, size, f)
	if err != nil {
		return nil, fmt.Errorf("open parquet file: %w", err)
	}
	places := map[string]int{}
	for i, path := range f.Schema().Columns() {
		places[strings.Join(path, ".")] = i
	}
	out := &File{groups: groups, values: make([]parquet.Value, 1024)}
	for _, c := range plan() {
		name := strings.Join(c.path, ".")
		place, ok := places[name]
		if !ok {
			place = -1 // written before the table had the column: null
		}
		delete(places, name)
		out.columns = append(out.columns, place)
	}
	for name := range places {
		return nil, fmt.Errorf("open parquet file: column %s is not known: a newer trailql has written it", name)
	}
	return out, nil
}

func openParquet(r io.ReaderAt, size int64) (*parquet.File, error) {
	return parquet.OpenFile(r, size, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true), parquet.ReadBufferSize(256<<10))
}

// eachGroup opens each row group as a file of its own, if there are several.
func eachGroup(r io.ReaderAt, size int64, f *parquet.File) ([]*parquet.File, error) {
	all := f.Metadata()
	if len(all.RowGroups) == 1 {
		return []*parquet.File{f}, nil
	}
	var groups []*parquet.File
	for i := range all.RowGroups {
		one := *all
		g := all.RowGroups[i]
		g.Ordinal = 0
		one.RowGroups, one.NumRows = []format.RowGroup{g}, g.NumRows
		footer, err := thrift.Marshal(&thrift.CompactProtocol{}, &one)
		if err != nil {
			return nil, err
		}
		footer = append(binary.LittleEndian.AppendUint32(footer, uint32(len(footer))), "PAR1"...)
		group, err := openParquet(withFooter{r, size, footer}, size+int64(len(footer)))
		if err != nil {
			return nil, err
		}
		groups = append(groups, group)
	}
	return groups, nil
}

// withFooter is a file that goes on.
type withFooter struct {
	io.ReaderAt
	size   int64
	footer []byte
}

func (f withFooter) ReadAt(p []byte, at int64) (int, error) {
	if at >= f.size {
		n := copy(p, f.footer[min(at-f.size, int64(len(f.footer))):])
		if n < len(p) {
			return n, io.EOF
		}
		return n, nil
	}
	n, err := f.ReaderAt.ReadAt(p[:min(int64(len(p)), f.size-at)], at)
	if n < len(p) && at+int64(n) == f.size {
		more, err := f.ReadAt(p[n:], f.size)
		return n + more, err
	}
	return n, err
}

// RowGroups is the number of row groups.
func (f *File) RowGroups() int { return len(f.groups) }

// Rows is the number of rows of a row group.
func (f *File) Rows(group int) int { return int(f.groups[group].NumRows()) }

// Load appends the rows of a row group to an empty set, in file order and
// without looking for equal ones.
func (f *File) Load(group int, s *Set) error {
	chunks := f.groups[group].RowGroups()[0].ColumnChunks()
	n := f.Rows(group)
	s.rows = n
	for range n {
		s.structs.append(0, &s.memory)
	}
	var vectors [cloudtrail.NumFragments][]uint32
	for k := range vectors {
		vectors[k] = make([]uint32, n*strides[k])
	}
	for i, c := range plan() {
		if f.columns[i] < 0 {
			continue
		}
		chunk := chunks[f.columns[i]]
		var err error
		switch {
		case c.list != nil:
			err = f.loadList(chunk, c, s)
		case c.column.Kind == cloudtrail.Timestamp:
			err = f.each(chunk, func(v *parquet.Value) { s.micros.append(v.Int64(), &s.memory) })
		case c.column.Kind == cloudtrail.Int:
			err = f.each(chunk, func(v *parquet.Value) { s.index.append(v.Int64(), &s.memory) })
		case c.constant != nil:
			// The set's own; the path of the file says the same.
		default:
			err = f.loadText(chunk, c, s, &vectors)
		}
		if err != nil {
			return fmt.Errorf("read column %s: %w", c.column.Name, err)
		}
	}
	for k := range vectors {
		s.fragments[k].build(k, s, vectors[k])
	}
	if s.micros.len() != n || s.index.len() != n {
		return fmt.Errorf("read row group %d: %d event times for %d rows", group, s.micros.len(), n)
	}
	return nil
}

// Identities calls yield with the event time and identity hash of each row of a
// row group, in file order. Rows without an event id have identity 0.
func (f *File) Identities(group int, yield func(row int, micros int64, identity uint64)) error {
	chunks := f.groups[group].RowGroups()[0].ColumnChunks()
	var micros []int64
	ids := chunks[0]
	for i, c := range plan() {
		if f.columns[i] < 0 {
			continue
		}
		chunk := chunks[f.columns[i]]
		var err error
		switch {
		case c.column.Kind == cloudtrail.Timestamp:
			err = f.each(chunk, func(v *parquet.Value) { micros = append(micros, v.Int64()) })
		case c.list == nil && c.column.Kind == cloudtrail.Text && c.constant == nil && c.leaf == cloudtrail.LeafEventID:
			ids = chunk
		}
		if err != nil {
			return fmt.Errorf("read column %s: %w", c.column.Name, err)
		}
	}
	row := 0
	return f.each(ids, func(v *parquet.Value) {
		h := uint64(0)
		if !v.IsNull() && len(v.ByteArray()) > 0 {
			h = hashID(v.ByteArray())
		}
		if row < len(micros) {
			yield(row, micros[row], h)
		}
		row++
	})
}

// each calls f with every value of a column chunk, nulls included.
func (f *File) each(chunk parquet.ColumnChunk, yield func(*parquet.Value)) error {
	pages := chunk.Pages()
	defer pages.Close()
	for {
		page, err := pages.ReadPage()
		if err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		values := page.Values()
		for {
			n, err := values.ReadValues(f.values)
			for i := range f.values[:n] {
				yield(&f.values[i])
			}
			if err != nil {
				parquet.Release(page)
				if errors.Is(err, io.EOF) {
					break
				}
				return err
			}
		}
	}
}

func (f *File) loadText(chunk parquet.ColumnChunk, c physical, s *Set, vectors *[cloudtrail.NumFragments][]uint32) error {
	col := &s.leaves[c.leaf]
	p := places[c.leaf]
	row := 0
	return f.each(chunk, func(v *parquet.Value) {
		if c.chain != 0 && row < s.structs.len() {
			s.structs.set(row, s.structs.at(row)|outermost(c.chain, v.DefinitionLevel()))
		}
		switch {
		case v.IsNull():
		case p.fragment >= 0:
			if at := row*strides[p.fragment] + p.slot; at < len(vectors[p.fragment]) {
				vectors[p.fragment][at] = col.intern(v.ByteArray(), &s.memory)
			}
		default:
			col.append(row, v.ByteArray(), &s.memory)
		}
		row++
	})
}

// outermost is the n outermost structs of a chain: struct columns are numbered
// from the outside in.
func outermost(chain uint8, n int) uint8 {
	var out uint8
	for ; n > 0 && chain != 0; n-- {
		bit := chain & -chain
		out |= bit
		chain &^= bit
	}
	return out
}

func (f *File) loadList(chunk parquet.ColumnChunk, c physical, s *Set) error {
	list := c.list(s)
	col := &list.members[c.member]
	depth := 0
	for chain := c.chain; chain != 0; chain &= chain - 1 {
		depth++
	}
	row, element := -1, -1
	return f.each(chunk, func(v *parquet.Value) {
		level := v.DefinitionLevel()
		if v.RepetitionLevel() == 0 {
			row++
			if row < s.structs.len() {
				s.structs.set(row, s.structs.at(row)|outermost(c.chain, level))
			}
			if c.member == 0 && level > depth {
				list.begin(row, &s.memory)
			}
		}
		if level <= depth+1 {
			return // null or empty list
		}
		element++
		if c.member == 0 {
			list.n++
		}
		if !v.IsNull() {
			col.append(element, v.ByteArray(), &s.memory)
		}
	})
}
