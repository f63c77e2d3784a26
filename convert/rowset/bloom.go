package rowset

import (
	"github.com/parquet-go/parquet-go/bloom"
	"github.com/parquet-go/parquet-go/bloom/xxhash"
	"github.com/parquet-go/parquet-go/format"
)

// bitsPerValue is the least that a filter has; it takes one value in forty for
// one that is there. The sizes are powers of two because some readers want that.
const bitsPerValue = 8

// pendingFilter waits for the end of its row group, so that column chunks lie
// side by side.
type pendingFilter struct {
	column int
	filter bloom.SplitBlockFilter
}

// filter makes the Bloom filter of a text column chunk (Parquet format
// specification, BloomFilter.md). With a dictionary w.used lists its values.
func (w *Writer) filter(col *column, codes []uint32, dictionary bool, values int) {
	if dictionary {
		codes, values = w.used, len(w.used)
	}
	blocks := 1
	for blocks < bloom.NumSplitBlocksOf(int64(values), bitsPerValue) {
		blocks *= 2
	}
	f := make(bloom.SplitBlockFilter, blocks)
	for _, code := range codes {
		if code != 0 {
			f.Insert(xxhash.Sum64(col.entry(code)))
		}
	}
	g := &w.file.RowGroups[len(w.file.RowGroups)-1]
	w.filters = append(w.filters, pendingFilter{column: len(g.Columns), filter: f})
}

// writeFilters writes the filters of the row group.
func (w *Writer) writeFilters(g *format.RowGroup) {
	for _, p := range w.filters {
		m := &g.Columns[p.column].MetaData
		m.BloomFilterOffset = w.at
		bits := p.filter.Bytes()
		w.thrift(&format.BloomFilterHeader{
			NumBytes:    int32(len(bits)),
			Algorithm:   format.BloomFilterAlgorithm{Value: new(format.SplitBlockAlgorithm)},
			Hash:        format.BloomFilterHash{Value: new(format.XxHash)},
			Compression: format.BloomFilterCompression{Value: new(format.BloomFilterUncompressed)},
		})
		w.write(bits)
		m.BloomFilterLength = int32(w.at - m.BloomFilterOffset)
	}
	w.filters = w.filters[:0]
}
