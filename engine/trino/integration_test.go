//go:build cgo && duckdb_arrow

package trino

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/trino/trinotest"
)

// slow runs for minutes unless it is stopped.
const slow = "SELECT count(*) FROM tpch.sf10.lineitem a JOIN tpch.sf10.lineitem b ON a.partkey % 100 = b.partkey % 100"

// TestIntegrationStop: what is stopped here is stopped there.
func TestIntegrationStop(t *testing.T) {
	c := openCluster(t, trinotest.Address(t))
	tests := []struct {
		name   string
		limits engine.Limits
		cancel bool // once it is under way
		want   error
	}{
		{name: "cancel", cancel: true, want: engine.ErrCanceled},
		{name: "timeout", limits: engine.Limits{Timeout: 2 * time.Second}, want: engine.ErrTimeout},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			marker := fmt.Sprintf("%s AND a.suppkey <> %d", slow, time.Now().UnixNano())
			told := 0
			q := engine.Query{SQL: marker, Limits: tt.limits, Progress: func(p engine.Progress) {
				if told++; tt.cancel && p.Stats.SplitsTotal > 0 {
					cancel()
				}
			}}
			r, err := c.Query(ctx, q)
			if err == nil {
				_, err = numbers(r)
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if told == 0 && tt.cancel {
				t.Error("no progress was told")
			}
			for attempt := 0; ; attempt++ {
				rows := trinotest.Run(t, "SELECT state FROM system.runtime.queries WHERE query LIKE '"+strings.ReplaceAll(marker, "'", "''")+"%'")
				if len(rows) == 1 && rows[0][0] == "FAILED" || len(rows) == 0 && !tt.cancel { // the time may be over before the cluster has it
					break
				}
				if attempt == 120 {
					t.Fatalf("the cluster goes on: %v", rows)
				}
				time.Sleep(500 * time.Millisecond)
			}
		})
	}
}

func TestIntegrationLimits(t *testing.T) {
	local, cluster := bothEngines(t, "../../testdata/sample")
	for _, e := range []engine.Engine{local, cluster} {
		r, err := e.Query(t.Context(), engine.Query{SQL: "SELECT sourceindex FROM cloudtrail_logs", Limits: engine.Limits{Rows: 10}})
		if err != nil {
			t.Fatal(err)
		}
		got, err := numbers(r)
		if len(got) != 10 || !errors.Is(err, engine.ErrLimit) {
			t.Errorf("rows: got %d, %v", len(got), err)
		}
		q := engine.Query{SQL: "SELECT count(DISTINCT eventid) FROM cloudtrail_logs", Limits: engine.Limits{Scan: 1000}}
		if r, err = e.Query(t.Context(), q); err == nil {
			_, err = numbers(r)
		}
		if !errors.Is(err, engine.ErrLimit) {
			t.Errorf("scan: got %v", err)
		}
	}
}

// TestIntegrationWindow: a window cuts tables and views alike.
func TestIntegrationWindow(t *testing.T) {
	local, cluster := bothEngines(t, "../../testdata/sample")
	for _, w := range []engine.Window{
		{From: time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC)},
		{From: time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC), To: time.Date(2025, 6, 2, 12, 0, 0, 0, time.UTC)},
		{To: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)},
	} {
		for _, sql := range []string{
			"SELECT count(*)", "SELECT count(*) FROM management_events", "SELECT count(*), min(eventtime), max(eventtime) FROM cloudtrail_lake",
			"SELECT count(*) FROM aws_cloudtrail_log", "SELECT count(*) FROM source_files", "WITH a AS (SELECT * FROM data_events) SELECT count(*) FROM a",
		} {
			if d := compare(t, local, cluster, engine.Query{SQL: sql, Window: w}); d != nil {
				t.Errorf("%s in %v\nDuckDB %s\nTrino  %s", sql, w, d.local, d.cluster)
			}
		}
	}
}

// TestIntegrationViews: a stored view is Trino's own then, and means the same.
func TestIntegrationViews(t *testing.T) {
	_, cluster := bothEngines(t, "../../testdata/sample")
	for _, step := range []struct{ sql, want string }{
		{"CREATE VIEW denied AS SELECT eventname, year, requestparameters.bucketName WHERE errorcode = 'AccessDenied'", ""},
		{"SELECT count(*) > 10, count(DISTINCT year), max(year) FROM denied", `true | 1 | "2025"`},
		{"SHOW VIEWS LIKE 'den%'", `"denied"`},
		{"DROP VIEW denied", ""},
		{"DROP VIEW IF EXISTS denied", ""},
		{"SELECT 1 FROM denied", "does not exist"},
	} {
		_, rows, err := readAll(t, cluster, engine.Query{SQL: step.sql})
		got := strings.Join(rows, "\n")
		if err != nil {
			got = err.Error()
		}
		if got != step.want && (err == nil || step.want == "" || !strings.Contains(got, step.want)) {
			t.Errorf("%s: got %s, want %s", step.sql, got, step.want)
		}
	}
}

// TestIntegrationParameters: values go as they are.
func TestIntegrationParameters(t *testing.T) {
	local, cluster := bothEngines(t, "../../testdata/sample")
	at := time.Date(2025, 6, 2, 12, 0, 0, 0, time.UTC)
	for _, q := range []engine.Query{
		{SQL: "SELECT count(*) WHERE eventname = ? AND eventtimestamp > ?", Params: []any{"Decrypt", at}},
		{SQL: "SELECT ? AS a, ? AS b, ? AS c, ? AS d", Params: []any{"it's \\ \n é", int64(-7), 1.5, true}},
		{SQL: "SELECT count(*) WHERE eventname = $1 OR errorcode = $1", Params: []any{"AccessDenied"}},
		{SQL: "SELECT eventName WHERE eventTime > '?'", Params: []any{"2025-06-03 00:00:00"}, Dialect: "lake"},
		{SQL: "SELECT coalesce(?, 'x') AS a", Params: []any{nil}},
	} {
		if d := compare(t, local, cluster, q); d != nil {
			t.Errorf("%s\nDuckDB %s\nTrino  %s", q.SQL, d.local, d.cluster)
		}
	}
}

// TestIntegrationMistakes: places are those of the statement as it was written.
func TestIntegrationMistakes(t *testing.T) {
	_, cluster := bothEngines(t, "../../testdata/sample")
	for _, tt := range []struct{ sql, want string }{
		{"SELECT year, evenname", "line 1:14: Column 'evenname' cannot be resolved"},
		{"SELECT eventname FROM management_events\nWHERE evenname = 'é' AND no_such = 1", "line 2:7: Column 'evenname' cannot be resolved"},
		{"SELECT * FROM nowhere", "line 1:15: Table 'iceberg.default.nowhere' does not exist"},
		{"SELECT no_such(1)", "line 1:8: Function 'no_such' not registered"},
		{"SELECT 1 +", "line 1:11: mismatched input '<EOF>'"},
	} {
		_, _, err := readAll(t, cluster, engine.Query{SQL: tt.sql})
		if _, ok := errors.AsType[*engine.SQLError](err); !ok || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.sql, err, tt.want)
		}
	}
}

// TestIntegrationManyRows: a result is read as it comes.
func TestIntegrationManyRows(t *testing.T) {
	c := openCluster(t, trinotest.Address(t))
	started := time.Now()
	r, err := c.Query(t.Context(), engine.Query{SQL: "SELECT orderkey, orderstatus, totalprice, orderdate, comment FROM tpch.sf1.orders LIMIT 500000"})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	batches := 0
	for batch, err := range r.Batches() {
		if err != nil {
			t.Fatal(err)
		}
		if batch.NumRows() > 0 {
			batches++
		}
	}
	if r.Stats().Rows != 500_000 || batches < 10 {
		t.Errorf("got %d rows in %d batches", r.Stats().Rows, batches)
	}
	t.Logf("%d rows in %d batches in %s", r.Stats().Rows, batches, time.Since(started).Round(10*time.Millisecond))
}
