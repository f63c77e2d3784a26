//go:build cgo && duckdb_arrow

package duck

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trailql/trailql/engine"
)

// answer is a small result of our own: rows of text.
type answer struct {
	schema *arrow.Schema
	rows   [][]string
}

func newAnswer(columns ...string) *answer {
	var fields []arrow.Field
	for _, name := range columns {
		fields = append(fields, arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true,
			Metadata: arrow.NewMetadata([]string{engine.TypeKey}, []string{"varchar"})})
	}
	return &answer{schema: arrow.NewSchema(fields, nil)}
}

func (a *answer) add(values ...string) { a.rows = append(a.rows, values) }

// batch holds the rows; nil when there are none.
func (a *answer) batch() arrow.RecordBatch {
	if len(a.rows) == 0 {
		return nil
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, a.schema)
	defer b.Release()
	for _, row := range a.rows {
		for i, value := range row {
			b.Field(i).(*array.StringBuilder).Append(value)
		}
	}
	return b.NewRecordBatch()
}
