package output

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
)

// A row group is held in memory until it is complete.
const (
	rowGroupRows  = 122_880
	rowGroupBytes = 64 << 20 // encoded and compressed
)

// parquetWriter writes a file with ZSTD-compressed pages.
type parquetWriter struct {
	out     *pqarrow.FileWriter
	w       *failing
	plain   plainSchema
	summary Summary
}

func newParquetWriter(w io.Writer, schema *arrow.Schema) (*parquetWriter, error) {
	p := &parquetWriter{w: &failing{w: w}, plain: newPlainSchema(schema, notInParquet)}
	p.summary.Columns, p.summary.RenamedFields = schema.NumFields(), p.plain.renamed
	properties := parquet.NewWriterProperties(
		parquet.WithCompression(compress.Codecs.Zstd), parquet.WithCompressionLevel(1),
		parquet.WithMaxRowGroupLength(rowGroupRows), parquet.WithCreatedBy("trailql"))
	var err error
	if p.out, err = pqarrow.NewFileWriter(p.plain.schema, p.w, properties, pqarrow.DefaultWriterProps()); err != nil {
		return nil, fmt.Errorf("start Parquet file: %w", p.w.or(err))
	}
	return p, nil
}

// notInParquet: Parquet's interval has no nanoseconds, its lists have no fixed
// size, and readers differ about columns without values.
func notInParquet(t arrow.DataType) bool {
	switch t.ID() {
	case arrow.NULL, arrow.DICTIONARY, arrow.FIXED_SIZE_LIST, arrow.SPARSE_UNION, arrow.DENSE_UNION,
		arrow.INTERVAL_MONTH_DAY_NANO, arrow.INTERVAL_MONTHS, arrow.INTERVAL_DAY_TIME, arrow.DURATION,
		arrow.RUN_END_ENCODED, arrow.LIST_VIEW, arrow.LARGE_LIST_VIEW, arrow.STRING_VIEW, arrow.BINARY_VIEW, arrow.EXTENSION:
		return true
	}
	return false
}

func (p *parquetWriter) Write(batch arrow.RecordBatch) error {
	plain := p.plain.of(batch)
	defer plain.Release()
	p.summary.Rows += batch.NumRows()
	if err := p.out.WriteBuffered(plain); err != nil {
		return p.w.or(err)
	}
	if p.out.RowGroupTotalCompressedBytes() > rowGroupBytes {
		return p.w.or(p.out.NewBufferedRowGroupChecked())
	}
	return nil
}

func (p *parquetWriter) Close() (Summary, error) {
	p.summary.RowsShown, p.summary.ColumnsShown = p.summary.Rows, p.summary.Columns
	return p.summary, p.w.or(p.out.Close())
}
