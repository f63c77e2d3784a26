package repl

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trailql/trailql/engine"
)

// lookup answers a question of a command's own: the values are nil, string,
// int64, float64, bool or time.Time, all else is text.
func (s *Session) lookup(ctx context.Context, sql string, params ...any) (rows [][]any, err error) {
	result, err := s.rows(ctx, sql, params...)
	if err != nil {
		return nil, err
	}
	defer s.tty.finish()
	return readRows(result)
}

// athenaLookup is lookup in Athena's words.
func (s *Session) athenaLookup(ctx context.Context, sql string, params ...any) (rows [][]any, err error) {
	result, err := s.athenaRows(ctx, sql, params...)
	if err != nil {
		return nil, err
	}
	defer s.tty.finish()
	return readRows(result)
}

// readRows reads a result and closes it.
func readRows(result *engine.Result) (rows [][]any, err error) {
	defer func() { err = errors.Join(err, result.Close()) }()
	for batch, err := range result.Batches() {
		if err != nil {
			return nil, err
		}
		columns := batch.Columns()
		for i := range int(batch.NumRows()) {
			row := make([]any, len(columns))
			for j, c := range columns {
				row[j] = valueOf(c, i)
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

// valueOf copies what it returns.
func valueOf(a arrow.Array, i int) any {
	if a.IsNull(i) {
		return nil
	}
	switch a := a.(type) {
	case *array.String:
		return string([]byte(a.Value(i)))
	case *array.LargeString:
		return string([]byte(a.Value(i)))
	case *array.Boolean:
		return a.Value(i)
	case *array.Int64:
		return a.Value(i)
	case *array.Int32:
		return int64(a.Value(i))
	case *array.Uint64:
		return int64(a.Value(i))
	case *array.Float64:
		return a.Value(i)
	case *array.Timestamp:
		unit := a.DataType().(*arrow.TimestampType).Unit
		return a.Value(i).ToTime(unit).UTC()
	}
	return a.ValueStr(i)
}

// textOf is the text of a value; "" for nil.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case time.Time:
		return v.Format(time.RFC3339)
	}
	return fmt.Sprint(v)
}

// number is the integer of a value; 0 for what is none.
func number(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case float64:
		return int64(v)
	case string: // sums of integers are wider than 64 bits
		if n, err := strconv.ParseInt(v, 10, 64); err == nil {
			return n
		}
	}
	return 0
}

// answer is a small result that a command has put together.
type answer struct {
	schema *arrow.Schema
	rows   [][]any // of nil, string and int64, as the columns want
}

// heading is a column of an answer: a text, unless it is a number.
type heading struct {
	name   string
	number bool
}

func texts(names ...string) []heading {
	var all []heading
	for _, n := range names {
		all = append(all, heading{name: n})
	}
	return all
}

func numbers(names ...string) []heading {
	var all []heading
	for _, n := range names {
		all = append(all, heading{n, true})
	}
	return all
}

func newAnswer(groups ...[]heading) *answer {
	var fields []arrow.Field
	for _, g := range groups {
		for _, h := range g {
			f := arrow.Field{Name: h.name, Type: arrow.BinaryTypes.String, Nullable: true, Metadata: arrow.NewMetadata([]string{engine.TypeKey}, []string{"varchar"})}
			if h.number {
				f.Type, f.Metadata = arrow.PrimitiveTypes.Int64, arrow.NewMetadata([]string{engine.TypeKey}, []string{"bigint"})
			}
			fields = append(fields, f)
		}
	}
	return &answer{schema: arrow.NewSchema(fields, nil)}
}

// showAnswer shows an answer whole, and nothing where there is no value.
func (s *Session) showAnswer(ctx context.Context, a *answer, title string) error {
	null, nothing := s.settings.null, ""
	s.settings.null = &nothing
	defer func() { s.settings.null = null }()
	return s.show(ctx, a.result(), title)
}

func (a *answer) add(values ...any) { a.rows = append(a.rows, values) }

// result is the answer as an engine would give it.
func (a *answer) result() *engine.Result {
	batches := iter.Seq2[arrow.RecordBatch, error](func(yield func(arrow.RecordBatch, error) bool) {
		b := array.NewRecordBuilder(memory.DefaultAllocator, a.schema)
		defer b.Release()
		for _, row := range a.rows {
			for i, v := range row {
				switch v := v.(type) {
				case string:
					b.Field(i).(*array.StringBuilder).Append(v)
				case int64:
					b.Field(i).(*array.Int64Builder).Append(v)
				default:
					b.Field(i).AppendNull()
				}
			}
		}
		batch := b.NewRecordBatch()
		defer batch.Release()
		yield(batch, nil)
	})
	stats := func() engine.Stats { return engine.Stats{Rows: int64(len(a.rows))} }
	return engine.NewResult(a.schema, batches, stats, func() error { return nil })
}

// orNil is a text, or nil for "".
func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}
