package repl

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"

	"github.com/trailql/trailql/engine"
)

// fakeEngine answers a few statements from memory.
type fakeEngine struct {
	stats   engine.Stats  // of each statement; Rows are counted
	started chan struct{} // receives when a statement blocks; nil for none does

	mu      sync.Mutex
	queries []engine.Query
}

// hostile is what an attacker may write into a log.
const hostile = "\x1b]52;c;Y3VybA==\x07\x1b[2J\u202eevil\u009b31m\nrow"

func (f *fakeEngine) Close() error { return nil }

func (f *fakeEngine) Query(ctx context.Context, q engine.Query) (*engine.Result, error) {
	f.mu.Lock()
	f.queries = append(f.queries, q)
	f.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, engine.ErrCanceled
	}
	sql := strings.ToLower(strings.Join(strings.Fields(q.SQL), " "))
	switch {
	case sql == "select people":
		return f.rows(nil, people())
	case sql == "select hostile":
		return f.rows(nil, textRows([]string{"name", hostile}, []string{hostile, "x"}, []string{"plain", "y"}))
	case strings.HasPrefix(sql, "select many"):
		return f.rows(nil, numberRows(0, 500), numberRows(500, 1000))
	case sql == "select wide":
		names, values := make([]string, 40), make([]string, 40)
		for i := range names {
			names[i], values[i] = fmt.Sprintf("column_%d", i), strings.Repeat("v", 30)
		}
		return f.rows(nil, textRows(names, values))
	case sql == "select query":
		return f.rows(nil, textRows([]string{"params", "window", "dialect"},
			[]string{fmt.Sprintf("%#v", q.Params), fmt.Sprintf("%s/%s", q.Window.From.Format(time.RFC3339), q.Window.To.Format(time.RFC3339)), q.Dialect}))
	case strings.HasPrefix(sql, "select ?"):
		return f.rows(nil, textRows([]string{"params"}, []string{fmt.Sprintf("%#v", q.Params)}))
	case sql == "select times":
		return f.rows(nil, instants())
	case sql == "select limit":
		return f.rows(fmt.Errorf("%w: 3 rows", engine.ErrLimit), people())
	case strings.Contains(sql, "wrng"):
		lines := strings.Split(q.SQL, "\n")
		for i, line := range lines {
			if at := strings.Index(line, "wrng"); at >= 0 {
				return nil, &engine.SQLError{Line: i + 1, Column: at + 1, Message: `column "wrng" not found` + hostile, Hint: "did you mean wrong?"}
			}
		}
	case sql == "select block":
		f.started <- struct{}{}
		<-ctx.Done()
		return nil, engine.ErrCanceled
	case sql == "select stream": // rows until somebody stops it
		return f.stream(ctx)
	case strings.HasPrefix(sql, "create view"):
		return engine.NewResult(arrow.NewSchema(nil, nil), func(func(arrow.RecordBatch, error) bool) {}, func() engine.Stats { return engine.Stats{Elapsed: time.Second} }, func() error { return nil }), nil
	case sql == "select * from _", sql == "from _":
		path := q.Results["_"]
		if path == "" {
			return nil, &engine.SQLError{Message: "there is no table _"}
		}
		batch, err := readParquet(ctx, path)
		if err != nil {
			return nil, err
		}
		return f.rows(nil, batch)
	}
	// Any other text shows where events would be compared.
	return f.rows(nil, textRows([]string{"sql"}, []string{q.SQL}))
}

func (f *fakeEngine) rows(failed error, batches ...arrow.RecordBatch) (*engine.Result, error) {
	stats := f.stats
	yielded := func(yield func(arrow.RecordBatch, error) bool) {
		for _, b := range batches {
			stats.Rows += b.NumRows()
			if !yield(b, nil) {
				return
			}
		}
		if failed != nil {
			yield(nil, failed)
		}
	}
	return engine.NewResult(batches[0].Schema(), yielded, func() engine.Stats { return stats }, func() error { return nil }), nil
}

func (f *fakeEngine) stream(ctx context.Context) (*engine.Result, error) {
	stats := f.stats
	var batches iter.Seq2[arrow.RecordBatch, error] = func(yield func(arrow.RecordBatch, error) bool) {
		for i := int64(0); ; i += 100 {
			if ctx.Err() != nil {
				yield(nil, engine.ErrCanceled)
				return
			}
			stats.Rows += 100
			if !yield(numberRows(i, i+100), nil) {
				return
			}
			if i == 1000 && f.started != nil {
				f.started <- struct{}{}
			}
		}
	}
	return engine.NewResult(numberRows(0, 0).Schema(), batches, func() engine.Stats { return stats }, func() error { return nil }), nil
}

func (f *fakeEngine) last() engine.Query {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.queries[len(f.queries)-1]
}

func field(name string, t arrow.DataType, kind string) arrow.Field {
	return arrow.Field{Name: name, Type: t, Nullable: true, Metadata: arrow.NewMetadata([]string{engine.TypeKey}, []string{kind})}
}

func textRows(names []string, rows ...[]string) arrow.RecordBatch {
	var fields []arrow.Field
	for _, name := range names {
		fields = append(fields, field(name, arrow.BinaryTypes.String, "varchar"))
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema(fields, nil))
	defer b.Release()
	for _, row := range rows {
		for i, v := range row {
			b.Field(i).(*array.StringBuilder).Append(v)
		}
	}
	return b.NewRecordBatch()
}

func people() arrow.RecordBatch {
	schema := arrow.NewSchema([]arrow.Field{field("name", arrow.BinaryTypes.String, "varchar"), field("age", arrow.PrimitiveTypes.Int64, "bigint")}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	b.Field(0).(*array.StringBuilder).AppendValues([]string{"Ada", "", "=1+2"}, []bool{true, true, true})
	b.Field(1).(*array.Int64Builder).AppendValues([]int64{36, 0, 7}, []bool{true, false, true})
	return b.NewRecordBatch()
}

// instants are a time with a time zone and one without.
func instants() arrow.RecordBatch {
	schema := arrow.NewSchema([]arrow.Field{
		field("at", &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, "timestamp with time zone"),
		field("plain", &arrow.TimestampType{Unit: arrow.Microsecond}, "timestamp"),
	}, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer b.Release()
	for i := range 2 {
		b.Field(i).(*array.TimestampBuilder).Append(arrow.Timestamp(testTime.UnixMicro()))
	}
	return b.NewRecordBatch()
}

func numberRows(from, to int64) arrow.RecordBatch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, arrow.NewSchema([]arrow.Field{field("n", arrow.PrimitiveTypes.Int64, "bigint")}, nil))
	defer b.Release()
	for i := from; i < to; i++ {
		b.Field(0).(*array.Int64Builder).Append(i)
	}
	return b.NewRecordBatch()
}

func readParquet(ctx context.Context, path string) (arrow.RecordBatch, error) {
	text, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer text.Close()
	table, err := pqarrow.ReadTable(ctx, text, parquet.NewReaderProperties(nil), pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	reader := array.NewTableReader(table, -1)
	if !reader.Next() {
		return nil, errors.New("no rows")
	}
	batch := reader.RecordBatch()
	batch.Retain()
	return batch, nil
}
