package output

import (
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// arrowWriter writes the batches as they are, as Arrow's IPC format has them.
type arrowWriter struct {
	out     io.Closer
	w       *failing
	write   func(arrow.RecordBatch) error
	plain   plainSchema
	summary Summary
}

func newArrowWriter(w io.Writer, schema *arrow.Schema, o Options) (*arrowWriter, error) {
	a := &arrowWriter{w: &failing{w: w}, plain: newPlainSchema(schema, isDictionary)}
	a.summary.Columns, a.summary.RenamedFields = schema.NumFields(), a.plain.renamed
	options := []ipc.Option{ipc.WithSchema(a.plain.schema), ipc.WithAllocator(memory.DefaultAllocator)}
	if o.Format == ArrowStream {
		stream := ipc.NewWriter(a.w, options...)
		a.out, a.write = stream, stream.Write
		return a, nil
	}
	file, err := ipc.NewFileWriter(a.w, options...)
	if err != nil {
		return nil, fmt.Errorf("start Arrow file: %w", a.w.or(err))
	}
	a.out, a.write = file, file.Write
	return a, nil
}

func (a *arrowWriter) Write(batch arrow.RecordBatch) error {
	plain := a.plain.of(batch)
	defer plain.Release()
	a.summary.Rows += batch.NumRows()
	return a.w.or(a.write(plain))
}

func (a *arrowWriter) Close() (Summary, error) {
	a.summary.RowsShown, a.summary.ColumnsShown = a.summary.Rows, a.summary.Columns
	return a.summary, a.w.or(a.out.Close())
}

// failing keeps the error of the underlying writer, which libraries wrap in
// ways that cannot be unwrapped.
type failing struct {
	w   io.Writer
	err error
}

func (f *failing) Write(p []byte) (int, error) {
	n, err := f.w.Write(p)
	if err != nil && f.err == nil {
		f.err = err
	}
	return n, err
}

// or returns the underlying writer's error, if there is one and err is not nil.
func (f *failing) or(err error) error {
	if err != nil && f.err != nil {
		return f.err
	}
	return err
}

// plainSchema is a schema with unique names and without the types that a format
// cannot hold: a column that has one anywhere is text, as in CSV.
type plainSchema struct {
	schema  *arrow.Schema
	asText  []bool
	renamed bool
}

func newPlainSchema(schema *arrow.Schema, cannotHold func(arrow.DataType) bool) plainSchema {
	p := plainSchema{asText: make([]bool, schema.NumFields())}
	var names []string
	names, p.renamed = uniqueNames(schema)
	fields := make([]arrow.Field, schema.NumFields())
	for i, f := range schema.Fields() {
		fields[i] = arrow.Field{Name: names[i], Type: f.Type, Nullable: true}
		if p.asText[i] = anyType(f.Type, cannotHold); p.asText[i] {
			fields[i].Type = arrow.BinaryTypes.LargeString
		}
	}
	p.schema = arrow.NewSchema(fields, nil)
	return p
}

// of is the batch under this schema. The caller releases it.
func (p plainSchema) of(batch arrow.RecordBatch) arrow.RecordBatch {
	columns := make([]arrow.Array, batch.NumCols())
	for n, values := range batch.Columns() {
		columns[n] = values
		if p.asText[n] {
			columns[n] = textArray(values)
			defer columns[n].Release()
		}
	}
	return array.NewRecordBatch(p.schema, columns, batch.NumRows())
}

func textArray(values arrow.Array) arrow.Array {
	b := array.NewLargeStringBuilder(memory.DefaultAllocator)
	defer b.Release()
	isNull, text := nullsOf(values), textAppender(values, nil)
	var value []byte
	for i := range values.Len() {
		if isNull(i) {
			b.AppendNull()
		} else {
			value = text(value[:0], i)
			b.Append(string(value))
		}
	}
	return b.NewArray()
}

func isDictionary(t arrow.DataType) bool { return t.ID() == arrow.DICTIONARY }

// anyType looks at a type and all that it contains.
func anyType(t arrow.DataType, is func(arrow.DataType) bool) bool {
	if is(t) {
		return true
	}
	nested, ok := t.(arrow.NestedType)
	if !ok {
		return false
	}
	for _, f := range nested.Fields() {
		if anyType(f.Type, is) {
			return true
		}
	}
	return false
}
