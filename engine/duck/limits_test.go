//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/engine"
)

// endless would run for hours: it yields nothing until it is done.
const endless = "SELECT count(*) FROM range(1000000000) a, range(1000000000) b WHERE (a.range * b.range) % 7 = 3"

// drain reads a result to its end.
func drain(ctx context.Context, e engine.Engine, q engine.Query) (rows int64, err error) {
	r, err := e.Query(ctx, q)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	for batch, err := range r.Batches() {
		if err != nil {
			return rows, err
		}
		rows += batch.NumRows()
	}
	return rows, nil
}

func TestLimits(t *testing.T) {
	e := open(t, newWarehouse(t), Options{Memory: 64 << 20, Threads: 2})
	tests := []struct {
		name  string
		query engine.Query
		rows  int64
		want  error
	}{
		{"time before the first row", engine.Query{SQL: endless, Limits: engine.Limits{Timeout: 50 * time.Millisecond}}, 0, engine.ErrTimeout},
		{"rows", engine.Query{SQL: "SELECT * FROM range(1000000)", Limits: engine.Limits{Rows: 5000}}, 5000, engine.ErrLimit},
		{"exactly the rows", engine.Query{SQL: "SELECT * FROM range(5000)", Limits: engine.Limits{Rows: 5000}}, 5000, nil},
		{"bytes", engine.Query{SQL: "SELECT * FROM range(1000000)", Limits: engine.Limits{Bytes: 50000}}, 6144, engine.ErrLimit},
		{"memory", engine.Query{SQL: "SELECT list(range) FROM range(20000000)"}, 0, engine.ErrLimit},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rows, err := drain(t.Context(), e, tt.query)
			if !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
			if rows != tt.rows {
				t.Errorf("got %d rows, want %d", rows, tt.rows)
			}
		})
	}
	t.Run("time while rows come", func(t *testing.T) {
		rows, err := drain(t.Context(), e, engine.Query{SQL: "SELECT * FROM range(100000000000)", Limits: engine.Limits{Timeout: 200 * time.Millisecond}})
		if !errors.Is(err, engine.ErrTimeout) || rows == 0 {
			t.Errorf("got %d rows, %v; want some and ErrTimeout", rows, err)
		}
	})
}

func TestCancel(t *testing.T) {
	e := open(t, newWarehouse(t), Options{})
	why := errors.New("the user pressed a key")
	// Three times: cancelling must go on working.
	for range 3 {
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(50*time.Millisecond, func() { cancel(why) })
		_, err := drain(ctx, e, engine.Query{SQL: endless})
		if !errors.Is(err, engine.ErrCanceled) || !errors.Is(err, why) {
			t.Errorf("got %v, want ErrCanceled and the cause", err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	if _, err := drain(ctx, e, engine.Query{SQL: "SELECT 1"}); !errors.Is(err, engine.ErrCanceled) {
		t.Errorf("cancelled before: got %v, want ErrCanceled", err)
	}
	if rows, err := drain(t.Context(), e, engine.Query{SQL: "SELECT 1"}); rows != 1 || err != nil {
		t.Errorf("afterwards: got %d rows, %v", rows, err)
	}
}

func TestCloseStopsTheQuery(t *testing.T) {
	e := open(t, newWarehouse(t), Options{})
	r, err := e.Query(t.Context(), engine.Query{SQL: "SELECT * FROM range(100000000000)"})
	if err != nil {
		t.Fatal(err)
	}
	for batch, err := range r.Batches() {
		if err != nil || batch.NumRows() == 0 {
			t.Fatalf("got %v, %v", batch, err)
		}
		break
	}
	for range 2 {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	for range r.Batches() {
		t.Fatal("rows after Close")
	}
}

func TestErrors(t *testing.T) {
	e := sample(t)
	tests := []struct{ name, sql, want string }{
		{"column", "SELECT *\n WHERE eventsorce = 'x'", `line 2:8: column "eventsorce" does not exist (did you mean "eventsource"?)`},
		{"column behind the added clause", "SELECT eventname WHERE\n evntid = 'x'", `line 2:2: column "evntid" does not exist (did you mean "eventid"?)`},
		{"column in EXPLAIN", "EXPLAIN SELECT evntid FROM cloudtrail_logs", `line 1:16: column "evntid" does not exist (did you mean "eventid"?)`},
		{"table", "SELECT * FROM rejected_record", `line 1:15: table "rejected_record" does not exist (did you mean "rejected_records"?)`},
		{"unlike any table", "SELECT * FROM x", `line 1:15: table "x" does not exist`},
		{"function", "SELECT lowr(eventname) FROM cloudtrail_logs", `line 1:8: function lowr does not exist (did you mean "lower"?)`},
		{"syntax", "SELECT eventname FROM\ncloudtrail_logs GROUP count", `line 2:23: syntax error at "count" (expected BY)`},
		{"lexer", "SELECT 'x", "line 1:8: string is not closed"},
		{"types", "SELECT eventname - 1 FROM cloudtrail_logs", "line 1:18: No function matches the given name and argument types '-(VARCHAR, INTEGER_LITERAL)'. You might need to add explicit type casts."},
		{"value", "SELECT CAST(eventname AS INTEGER) FROM cloudtrail_logs WHERE eventid = 'e0'", "line 1:8: Could not convert string 'Get0' to INT32"},
		{"value that DuckDB would take", "SELECT CAST(concat('1.5', eventname) AS BIGINT) FROM cloudtrail_logs WHERE eventid = 'e0'", "not an integer: 1.5Get0"},
		{"missing parameter", "SELECT ?", "the statement has 1 parameters, got 0 values (give one --param for each ?)"},
		{"not allowed", "SELECT * FROM read_text('x')", "line 1:15: not allowed: table function read_text"},
		{"not a query", "DROP TABLE x", `table "x" does not exist`},
		{"stored table", "DROP TABLE cloudtrail_logs", `not allowed: DROP of "cloudtrail_logs", which is no view of yours`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := rowsOf(t, e, tt.sql)
			var sqlError *engine.SQLError
			if !errors.As(err, &sqlError) {
				t.Fatalf("got %v, want an SQLError", err)
			}
			if sqlError.Error() != tt.want {
				t.Errorf("got  %s\nwant %s", sqlError, tt.want)
			}
		})
	}
}

func TestConcurrentQueriesAndCommits(t *testing.T) {
	w := newWarehouse(t)
	w.add(t, "us-east-1", "2023-07-10", 24)
	e := open(t, w, Options{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				rows, _, err := rowsOf(t, e, "SELECT count(*) % 24 FROM cloudtrail_logs")
				if err != nil || len(rows) != 1 || rows[0] != "0" {
					t.Errorf("got %q, %v; want a whole number of commits", rows, err)
					return
				}
			}
		})
	}
	for i := range 5 {
		w.add(t, "us-east-1", fmt.Sprintf("2023-07-%d", 11+i), 24)
	}
	wg.Wait()
	if rows, _, err := rowsOf(t, e, "SELECT count(*)"); err != nil || rows[0] != "144" {
		t.Errorf("got %q, %v; want 144: the newest snapshot", rows, err)
	}
}

// TestAddedColumns: files written before a column was added read as NULL there.
func TestAddedColumns(t *testing.T) {
	w := newWarehouse(t)
	w.add(t, "us-east-1", "2023-07-10", 2)
	extra := iceberg.NestedField{ID: 17, Name: "sourceidentity", Type: iceberg.PrimitiveTypes.String}
	if err := w.Define(t.Context(), testSpec(extra)); err != nil {
		t.Fatal(err)
	}
	e := open(t, w, Options{})
	query := "SELECT eventid, sourceidentity, date FROM cloudtrail_logs ORDER BY date, eventid"
	got, _, err := rowsOf(t, e, query)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"e0|(null)|2023-07-10", "e1|(null)|2023-07-10"}, got); diff != "" {
		t.Errorf("no new file: %s", diff)
	}
	w.add(t, "us-east-1", "2023-07-11", 1, "'alice' AS sourceidentity")
	got, stats, err := rowsOf(t, e, query)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"e0|(null)|2023-07-10", "e1|(null)|2023-07-10", "e0|alice|2023-07-11"}, got); diff != "" {
		t.Errorf("old and new files: %s", diff)
	}
	if stats.Files != 2 {
		t.Errorf("read %d files, want 2", stats.Files)
	}
}

// TestSQLTypes: every type of result arrives as Arrow, with its SQL name.
func TestSQLTypes(t *testing.T) {
	e := open(t, newWarehouse(t), Options{})
	tests := []struct {
		expression, kind, arrow string
		value                   string // as Arrow prints it, where that is exact
	}{
		{"'a'", "varchar", "large_utf8", "a"},
		{"9223372036854775807", "bigint", "int64", "9223372036854775807"},
		{"sum(170141183460469231731687303715884105727::HUGEINT)", "hugeint", "decimal(38, 0)", ""},
		{"1.50::DECIMAL(9, 2)", "decimal(9,2)", "decimal(9, 2)", "1.5"},
		{"0.1::DOUBLE", "double", "float64", "0.1"},
		{"true", "boolean", "bool", "true"},
		{"NULL", "integer", "int32", "(null)"},
		{"DATE '2023-07-10'", "date", "date32", "2023-07-10"},
		{"TIMESTAMP '2023-07-10 01:02:03.5'", "timestamp", "timestamp[us]", "2023-07-10T01:02:03.5"},
		{"TIMESTAMPTZ '2023-07-10 01:02:03+01'", "timestamp with time zone", "timestamp[us, tz=UTC]", "2023-07-10T00:02:03Z"},
		{"INTERVAL '1' DAY", "interval", "month_day_nano_interval", `{"months":0,"days":1,"nanoseconds":0}`},
		{"'a'::BLOB", "varbinary", "large_binary", "YQ=="},
		{"'00000000-0000-4000-8000-000000000001'::UUID", "uuid", "large_utf8", "00000000-0000-4000-8000-000000000001"},
		{"'{}'::JSON", "json", "large_utf8", "{}"},
		{"{'a': 1}", "struct", "struct<a: int32 nullable>", `{"a":1}`},
		{"[1, 2]", "integer[]", "large_list<l: int32, nullable>", "[1,2]"},
		{"MAP {'a': 1}", "map", "map<large_utf8, int32, items_nullable>", `[{"key":"a","value":1}]`},
		{"(1, 'x')", "struct", "struct<field0: int32 nullable, field1: large_utf8 nullable>", ""},
	}
	for _, tt := range tests {
		t.Run(tt.expression, func(t *testing.T) {
			r, err := e.Query(t.Context(), engine.Query{SQL: "SELECT " + tt.expression})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			field := r.Schema().Field(0)
			if kind, _ := field.Metadata.GetValue(engine.TypeKey); kind != tt.kind {
				t.Errorf("SQL type %q, want %q", kind, tt.kind)
			}
			if field.Type.String() != tt.arrow {
				t.Errorf("Arrow type %s, want %s", field.Type, tt.arrow)
			}
			for batch, err := range r.Batches() {
				if err != nil {
					t.Fatal(err)
				}
				if got := batch.Column(0).ValueStr(0); tt.value != "" && got != tt.value {
					t.Errorf("value %s, want %s", got, tt.value)
				}
			}
		})
	}
}

// TestCancelAnywhere: wherever a query is when it is cancelled, it is freed
// without harm to others.
func TestCancelAnywhere(t *testing.T) {
	e := sample(t)
	sql := "SELECT table_name, column_name, data_type FROM information_schema.columns ORDER BY table_name, ordinal_position"
	started := time.Now()
	if _, err := drain(t.Context(), e, engine.Query{SQL: sql}); err != nil {
		t.Fatal(err)
	}
	whole := time.Since(started)
	const steps = 60
	for i := range steps {
		ctx, cancel := context.WithTimeout(t.Context(), whole*time.Duration(i)/steps)
		_, err := drain(ctx, e, engine.Query{SQL: sql})
		cancel()
		if err != nil && !errors.Is(err, engine.ErrCanceled) && !errors.Is(err, engine.ErrTimeout) && !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
	}
}
