package catalog

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/bloom/xxhash"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// Needle says that a text column has one of these values in every row wanted.
// Column is the path in lower case: "useridentity.accesskeyid".
type Needle struct {
	Column string
	Values []string
}

// WithNeedles returns those of the files that can hold rows in which every
// needle is met, by the Bloom filters of their row groups. A file without
// filters, or one that cannot be read, is kept: who reads its rows says what is
// wrong with it. It opens every file once, for much less than reading a column
// of it costs.
func (t *Table) WithNeedles(ctx context.Context, files []DataFile, needles []Needle) ([]DataFile, error) {
	if len(needles) == 0 {
		return files, nil
	}
	keep := make([]bool, len(files))
	err := eachConcurrently(len(files), func(i int) error {
		keep[i] = t.mayHold(ctx, files[i], needles)
		return ctx.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("plan table %q: %w", t.name, err)
	}
	kept := make([]DataFile, 0, len(files))
	for i, f := range files {
		if keep[i] {
			kept = append(kept, f)
		}
	}
	return kept, nil
}

func (t *Table) mayHold(ctx context.Context, f DataFile, needles []Needle) bool {
	r, err := t.catalog.storage.Open(ctx, f.Path)
	if err != nil {
		return true
	}
	defer r.Close()
	footer, err := readFooter(r, r.Size())
	if err != nil {
		return true
	}
	return slices.ContainsFunc(footer.RowGroups, func(g format.RowGroup) bool {
		return !slices.ContainsFunc(needles, func(n Needle) bool { return n.missingFrom(r, g) })
	})
}

// missingFrom reports whether the filter of the column says that the row group
// has none of the values.
func (n Needle) missingFrom(r io.ReaderAt, g format.RowGroup) bool {
	i := slices.IndexFunc(g.Columns, func(c format.ColumnChunk) bool {
		return strings.EqualFold(strings.Join(c.MetaData.PathInSchema, "."), n.Column)
	})
	if i < 0 {
		return false
	}
	m := g.Columns[i].MetaData
	if m.BloomFilterOffset == 0 {
		return false
	}
	var head [64]byte // more than a header takes
	got, err := r.ReadAt(head[:], m.BloomFilterOffset)
	if err != nil && err != io.EOF {
		return false
	}
	rest := bytes.NewReader(head[:got])
	var h format.BloomFilterHeader
	var protocol thrift.CompactProtocol
	if err := thrift.NewDecoder(protocol.NewReader(rest)).Decode(&h); err != nil || h.NumBytes <= 0 || h.NumBytes%bloom.BlockSize != 0 {
		return false
	}
	_, hashed := h.Hash.Value.(*format.XxHash)
	_, blocks := h.Algorithm.Value.(*format.SplitBlockAlgorithm)
	_, plain := h.Compression.Value.(*format.BloomFilterUncompressed)
	if !hashed || !blocks || !plain {
		return false
	}
	size := int64(h.NumBytes)
	filter := io.NewSectionReader(r, m.BloomFilterOffset+int64(got-rest.Len()), size)
	return !slices.ContainsFunc(n.Values, func(v string) bool {
		there, err := bloom.CheckSplitBlock(filter, size, xxhash.Sum64([]byte(v)))
		return there || err != nil
	})
}

// readFooter reads a Parquet file's metadata.
func readFooter(r io.ReaderAt, size int64) (footer format.FileMetaData, err error) {
	var tail [8]byte
	if _, err := r.ReadAt(tail[:], size-int64(len(tail))); err != nil && err != io.EOF {
		return footer, err
	}
	n := int64(binary.LittleEndian.Uint32(tail[:4]))
	if string(tail[4:]) != "PAR1" || n > size-int64(len(tail)) {
		return footer, errors.New("not a Parquet file")
	}
	b := make([]byte, n)
	if _, err := r.ReadAt(b, size-int64(len(tail))-n); err != nil && err != io.EOF {
		return footer, err
	}
	return footer, thrift.Unmarshal(&thrift.CompactProtocol{}, b, &footer)
}
