package rowset

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/trailql/trailql/convert/cloudtrail"
)

const (
	// rowGroupRows is the size at which a reader can skip a part of a file by
	// its statistics and still read in large pieces.
	rowGroupRows = 128 << 10
	pageRows     = 16 << 10
	// pageBytes is where a page with texts ends that has fewer rows. Ordinary
	// ones have a quarter.
	pageBytes = 16 << 20
)

// Metrics describes a written file. Maps have the columns that
// cloudtrail.Column.Metrics names; they are keyed by Iceberg field id; bounds
// are in Iceberg's single-value serialisation, texts cut to 16 characters and
// those of eventtime to 20.
type Metrics struct {
	Rows, Bytes             int64
	SplitOffsets            []int64 // where row groups begin
	ColumnSizes             map[int]int64
	ValueCounts, NullCounts map[int]int64
	LowerBounds             map[int][]byte
	UpperBounds             map[int][]byte
	First, Last             time.Time // event times
}

// Writer writes sets as Parquet files and keeps its buffers between them. Not
// safe for concurrent use.
type Writer struct {
	zstd      *zstd.Encoder
	pageBytes int

	out  *bufio.Writer
	at   int64
	err  error
	file format.FileMetaData
	m    Metrics

	set   *Set
	order []uint32 // rows of the row group, sorted
	// entries are the row group's entries of each fragment.
	entries [cloudtrail.NumFragments][]uint32

	filters []pendingFilter
	offsets []format.OffsetIndex
	indexes []*format.ColumnIndex

	codes   []uint32
	remap   []uint32
	used    []uint32
	indices []int32
	lengths []int32
	ints    []int64
	def     []uint8
	rep     []uint8
	body    []byte
	packed  []byte
	levels  []byte
	header  []byte
}

// NewWriter makes a writer.
func NewWriter() (*Writer, error) {
	enc, err := zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(1),
		zstd.WithEncoderCRC(false),
		zstd.WithAllLitEntropyCompression(true), // ids are hex: no matches, but half the bits
		zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, fmt.Errorf("make zstd encoder: %w", err)
	}
	return &Writer{zstd: enc, pageBytes: pageBytes, out: bufio.NewWriterSize(nil, 128<<10)}, nil
}

// Write writes the rows of a set as one Parquet file. Row groups follow each other in
// time; the rows of each are sorted by service, name and time. The set must have rows;
// it is not changed.
func (w *Writer) Write(out io.Writer, s *Set) (Metrics, error) {
	w.out.Reset(out)
	w.at, w.err, w.set = 0, nil, s
	w.m = Metrics{
		Rows:        int64(s.Len()),
		ColumnSizes: map[int]int64{}, ValueCounts: map[int]int64{}, NullCounts: map[int]int64{},
		LowerBounds: map[int][]byte{}, UpperBounds: map[int][]byte{},
	}
	w.file = format.FileMetaData{
		Version:   2,
		Schema:    schemaElements(),
		NumRows:   int64(s.Len()),
		CreatedBy: "trailql",
	}
	for range plan() {
		w.file.ColumnOrders = append(w.file.ColumnOrders, format.ColumnOrder{Value: new(format.TypeDefinedOrder)})
	}
	w.filters, w.offsets, w.indexes = w.filters[:0], nil, nil
	w.write([]byte("PAR1"))
	order := s.order()
	w.m.First = time.UnixMicro(s.micros.at(int(order[0]))).UTC()
	w.m.Last = time.UnixMicro(s.micros.at(int(order[len(order)-1]))).UTC()
	for from := 0; from < len(order); from += rowGroupRows {
		w.order = order[from:min(from+rowGroupRows, len(order))]
		s.group(w.order)
		w.rowGroup(from / rowGroupRows)
	}
	w.footer()
	w.m.Bytes = w.at
	maps.DeleteFunc(w.m.UpperBounds, func(_ int, v []byte) bool { return v == nil })
	if err := w.out.Flush(); w.err == nil {
		w.err = err
	}
	w.set = nil
	w.out.Reset(nil)
	return w.m, w.err
}

func (w *Writer) write(b []byte) {
	if w.err != nil {
		return
	}
	n, err := w.out.Write(b)
	w.at += int64(n)
	if err != nil {
		w.err = err
	}
}

func (w *Writer) rowGroup(ordinal int) {
	start := w.at
	w.file.RowGroups = append(w.file.RowGroups, format.RowGroup{
		NumRows:    int64(len(w.order)),
		FileOffset: start,
		Ordinal:    int16(ordinal),
	})
	w.m.SplitOffsets = append(w.m.SplitOffsets, start)
	for k := range w.entries {
		entries := grow(&w.entries[k], len(w.order))
		for i, row := range w.order {
			entries[i] = w.set.fragments[k].entry(int(row))
		}
	}
	var sorted [3]format.SortingColumn
	for i, c := range plan() {
		switch {
		case c.column.Name == cloudtrail.TimestampColumn:
			sorted[2].ColumnIdx = int32(i)
		case c.leaf == cloudtrail.LeafEventSource && c.column.Name == "eventsource":
			sorted[0] = format.SortingColumn{ColumnIdx: int32(i), NullsFirst: true}
		case c.leaf == cloudtrail.LeafEventName && c.column.Name == "eventname":
			sorted[1] = format.SortingColumn{ColumnIdx: int32(i), NullsFirst: true}
		}
		switch {
		case c.list != nil:
			w.repeated(c)
		case c.column.Kind == cloudtrail.Timestamp:
			w.integers(c, &w.set.micros)
		case c.column.Kind == cloudtrail.Int:
			w.integers(c, &w.set.index)
		case c.constant != nil:
			w.constant(c, c.constant(w.set))
		default:
			w.text(c)
		}
	}
	g := &w.file.RowGroups[len(w.file.RowGroups)-1]
	g.SortingColumns = sorted[:]
	g.TotalCompressedSize = w.at - start
	for i := range g.Columns {
		g.TotalByteSize += g.Columns[i].MetaData.TotalUncompressedSize
	}
	w.writeFilters(g)
}

func (w *Writer) footer() {
	k := 0
	for g := range w.file.RowGroups {
		columns := w.file.RowGroups[g].Columns
		for i := range columns {
			if index := w.indexes[k]; index != nil {
				columns[i].ColumnIndexOffset = w.at
				columns[i].ColumnIndexLength = int32(w.thrift(index))
			}
			k++
		}
	}
	k = 0
	for g := range w.file.RowGroups {
		columns := w.file.RowGroups[g].Columns
		for i := range columns {
			columns[i].OffsetIndexOffset = w.at
			columns[i].OffsetIndexLength = int32(w.thrift(&w.offsets[k]))
			k++
		}
	}
	n := w.thrift(&w.file)
	w.write(append(binary.LittleEndian.AppendUint32(nil, uint32(n)), "PAR1"...))
}

func (w *Writer) thrift(v any) int {
	b, err := thrift.Marshal(&thrift.CompactProtocol{}, v)
	if err != nil && w.err == nil {
		w.err = fmt.Errorf("encode parquet metadata: %w", err)
	}
	w.write(b)
	return len(b)
}
