package trino

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trailql/trailql/engine"
)

// fakeServer answers statements with pages that a test has written.
type fakeServer struct {
	*httptest.Server
	t     *testing.T
	pages []string // of the next statement; %s is the address of the next page

	mu        sync.Mutex
	requests  []*http.Request
	bodies    []string
	cancelled chan struct{} // closed by a DELETE
	hang      bool          // the second page never comes
	busy      int           // answers that say that the server is not available
}

func newFakeServer(t *testing.T, pages ...string) *fakeServer {
	s := &fakeServer{t: t, pages: pages, cancelled: make(chan struct{})}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *fakeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	sql := string(body)
	switch {
	case strings.Contains(sql, "information_schema.columns"): // of relations
		fmt.Fprint(w, `{"columns":[{"name":"a","type":"varchar","typeSignature":{"rawType":"varchar"}},{"name":"b","type":"varchar","typeSignature":{"rawType":"varchar"}},{"name":"c","type":"varchar","typeSignature":{"rawType":"varchar"}}],
			"data":[["cloudtrail_logs","eventname","varchar"],["cloudtrail_logs","eventtimestamp","timestamp(6) with time zone"],["cloudtrail_logs","date","varchar"],
			["cloudtrail_logs","eventcategory","varchar"],["cloudtrail_logs","eventtype","varchar"],["cloudtrail_logs","managementevent","varchar"]]}`)
		return
	case strings.Contains(sql, "information_schema.schemata"):
		fmt.Fprint(w, `{"columns":[{"name":"a","type":"varchar","typeSignature":{"rawType":"varchar"}}],"data":[["logs"],["others"]]}`)
		return
	case strings.Contains(sql, "LIKE '%trail%'"):
		fmt.Fprint(w, `{"columns":[{"name":"a","type":"varchar","typeSignature":{"rawType":"varchar"}}],"data":[["other_trail"]]}`)
		return
	}
	s.requests, s.bodies = append(s.requests, r), append(s.bodies, sql)
	if s.busy > 0 {
		s.busy--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	if r.Method == http.MethodDelete {
		close(s.cancelled)
		w.WriteHeader(http.StatusNoContent)
		return
	}
	n := 0
	if r.Method == http.MethodGet {
		fmt.Sscanf(r.URL.Path, "/v1/statement/executing/q/%d", &n)
	}
	if s.hang && n > 0 {
		s.mu.Unlock()
		select {
		case <-r.Context().Done():
		case <-s.cancelled:
		}
		s.mu.Lock()
		return
	}
	page := s.pages[n]
	if n+1 < len(s.pages) {
		// As a server behind a proxy would call itself.
		page = strings.TrimSuffix(page, "}") + fmt.Sprintf(`,"nextUri":"https://inside:1234/v1/statement/executing/q/%d"}`, n+1)
	}
	fmt.Fprint(w, page)
}

func (s *fakeServer) open() *Cluster {
	s.t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	c, err := Open(s.t.Context(), Options{Address: "trino://ann@" + u.Host + "/iceberg/logs", Password: "pass"})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { c.Close() })
	return c
}

const bigint = `"columns":[{"name":"n","type":"bigint","typeSignature":{"rawType":"bigint"}}]`

// numbers reads a result of one column.
func numbers(r *engine.Result) ([]string, error) {
	defer r.Close()
	var all []string
	for batch, err := range r.Batches() {
		if err != nil {
			return all, err
		}
		for i := range int(batch.NumRows()) {
			all = append(all, batch.Column(0).ValueStr(i))
		}
	}
	return all, nil
}

func TestRowsOfSeveralPages(t *testing.T) {
	s := newFakeServer(t, `{"id":"q"}`, `{`+bigint+`}`, `{`+bigint+`,"data":[[1],[2]],"stats":{"completedSplits":1,"totalSplits":4,"processedRows":10,"physicalInputBytes":99,"progressPercentage":25}}`, `{`+bigint+`}`, `{`+bigint+`,"data":[[3]]}`)
	s.busy = 2
	var told []engine.Progress
	r, err := s.open().Query(t.Context(), engine.Query{SQL: "SELECT n WHERE eventname = ?", Params: []any{"it's"}, Progress: func(p engine.Progress) { told = append(told, p) },
		Limits: engine.Limits{Scan: 1000, Timeout: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := numbers(r)
	if err != nil || !slices.Equal(got, []string{"1", "2", "3"}) {
		t.Errorf("got %v, %v", got, err)
	}
	if stats := r.Stats(); stats.Rows != 3 {
		t.Errorf("stats: got %+v", stats)
	}
	if len(told) != 5 || told[2].Fraction != 0.25 || told[2].Rows != 10 || told[2].Stats.Splits != 1 || told[2].Stats.SplitsTotal != 4 || told[2].Stats.Bytes != 99 || told[0].Fraction >= 0 {
		t.Errorf("progress: got %+v", told)
	}
	first := s.requests[0]
	if want := "SELECT n FROM cloudtrail_logs WHERE eventname = 'it''s'"; s.bodies[0] != want {
		t.Errorf("got %s, want %s", s.bodies[0], want)
	}
	for key, want := range map[string]string{"X-Trino-User": "ann", "X-Trino-Catalog": "iceberg", "X-Trino-Schema": "logs", "X-Trino-Time-Zone": "UTC", "X-Trino-Source": "trailql"} {
		if got := first.Header.Get(key); got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
	if session := first.Header.Values("X-Trino-Session"); !slices.Contains(session, "query_max_scan_physical_bytes=1000B") || len(session) != 2 {
		t.Errorf("session: got %q", session)
	}
	if user, password, _ := first.BasicAuth(); user != "ann" || password != "pass" {
		t.Errorf("got %s, %s", user, password)
	}
}

func TestFailures(t *testing.T) {
	tests := []struct {
		name, page string
		want       error
		text       string
	}{
		{"mistake", `{"error":{"message":"line 1:8: Column 'x' cannot be resolved","errorName":"COLUMN_NOT_FOUND","errorType":"USER_ERROR","errorLocation":{"lineNumber":1,"columnNumber":8}}}`,
			nil, "line 1:8: Column 'x' cannot be resolved"},
		{"behind what was put in", `{"error":{"message":"line 1:81: no","errorName":"SYNTAX_ERROR","errorType":"USER_ERROR","errorLocation":{"lineNumber":1,"columnNumber":81}}}`,
			nil, "line 1:22: no"},
		{"not supported", `{"error":{"message":"no","errorName":"NOT_SUPPORTED","errorType":"USER_ERROR"}}`, engine.ErrUnsupported, "no"},
		{"denied", `{"error":{"message":"no","errorName":"PERMISSION_DENIED","errorType":"USER_ERROR"}}`, engine.ErrNotAllowed, "no"},
		{"time", `{"error":{"message":"no","errorName":"EXCEEDED_TIME_LIMIT","errorType":"INSUFFICIENT_RESOURCES"}}`, engine.ErrTimeout, "no"},
		{"scan", `{"error":{"message":"no","errorName":"EXCEEDED_SCAN_LIMIT","errorType":"USER_ERROR"}}`, engine.ErrLimit, "add a condition"},
		{"memory", `{"error":{"message":"no","errorName":"EXCEEDED_LOCAL_MEMORY_LIMIT","errorType":"INSUFFICIENT_RESOURCES"}}`, engine.ErrLimit, "no"},
		{"killed", `{"error":{"message":"no","errorName":"ADMINISTRATIVELY_KILLED","errorType":"USER_ERROR"}}`, engine.ErrCanceled, "no"},
		{"inside", `{"error":{"message":"boom","errorName":"GENERIC_INTERNAL_ERROR","errorType":"INTERNAL_ERROR"}}`, nil, "boom"},
		{"no JSON", `<html>`, nil, "read answer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := newFakeServer(t, tt.page).open().Query(t.Context(), engine.Query{SQL: "SELECT x, year WHERE eventname = 1"})
			if err == nil || !strings.Contains(err.Error(), tt.text) || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v: %s", err, tt.want, tt.text)
			}
		})
	}
}

func TestLimitOfRows(t *testing.T) {
	s := newFakeServer(t, `{`+bigint+`,"data":[[1],[2],[3]]}`, `{`+bigint+`,"data":[[4]]}`)
	s.hang = true
	r, err := s.open().Query(t.Context(), engine.Query{SQL: "SELECT 1", Limits: engine.Limits{Rows: 2}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := numbers(r)
	if !errors.Is(err, engine.ErrLimit) || !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("got %v, %v", got, err)
	}
	<-s.cancelled
}

func TestLimitOfScan(t *testing.T) {
	s := newFakeServer(t, `{`+bigint+`,"data":[[1]],"stats":{"physicalInputBytes":900}}`, `{`+bigint+`,"data":[[2]],"stats":{"physicalInputBytes":1100}}`, `{`+bigint+`}`)
	r, err := s.open().Query(t.Context(), engine.Query{SQL: "SELECT 1", Limits: engine.Limits{Scan: 1000}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := numbers(r); !errors.Is(err, engine.ErrLimit) || !slices.Equal(got, []string{"1"}) {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestCancelAndTimeout(t *testing.T) {
	for _, columnsFirst := range []bool{true, false} {
		page := `{"id":"q"}`
		if columnsFirst {
			page = `{` + bigint + `}`
		}
		ask := func(t *testing.T, ctx context.Context, l engine.Limits) error {
			s := newFakeServer(t, page, "")
			s.hang = true
			r, err := s.open().Query(ctx, engine.Query{SQL: "SELECT 1", Limits: l})
			if err == nil {
				_, err = numbers(r)
			}
			<-s.cancelled
			return err
		}
		t.Run(fmt.Sprintf("timeout, columns known %v", columnsFirst), func(t *testing.T) {
			if err := ask(t, t.Context(), engine.Limits{Timeout: 50 * time.Millisecond}); !errors.Is(err, engine.ErrTimeout) {
				t.Errorf("got %v", err)
			}
		})
		t.Run(fmt.Sprintf("cancel, columns known %v", columnsFirst), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			if err := ask(t, ctx, engine.Limits{}); !errors.Is(err, engine.ErrCanceled) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestStatementsAsSent(t *testing.T) {
	within := engine.Window{From: time.Date(2023, 7, 1, 0, 0, 0, 0, time.UTC)}
	const cut = `(SELECT * FROM "logs"."cloudtrail_logs" WHERE eventtimestamp >= TIMESTAMP '2023-07-01 00:00:00.000000 UTC')`
	tests := []struct {
		sql    string
		window engine.Window
		want   string // what is sent, or the error
	}{
		{"SELECT count(*)", engine.Window{}, "SELECT count(*) FROM cloudtrail_logs"},
		{"SELECT count(*)", within, "SELECT count(*) FROM " + cut + " AS cloudtrail_logs"},
		{"SELECT count(*) FROM cloudtrail_logs l", within, "SELECT count(*) FROM " + cut + " l"},
		{"SELECT 1 FROM data_events", within, "SELECT 1 FROM (SELECT * FROM " + cut + " WHERE coalesce(eventcategory, " + olderCategory + ") = 'Data') AS data_events"},
		{"SELECT 1 FROM other_trail", within, "SELECT 1 FROM other_trail"},
		{"SELECT 1 FROM my_trail", engine.Window{}, "SELECT 1 FROM cloudtrail_logs AS my_trail"},
		{"CREATE OR REPLACE VIEW v AS SELECT year", engine.Window{}, `CREATE OR REPLACE VIEW "v" AS SELECT substr(cloudtrail_logs.date, 1, 4) AS year FROM cloudtrail_logs`},
		{"DROP VIEW IF EXISTS v", engine.Window{}, `DROP VIEW IF EXISTS "v"`},
		{"EXPLAIN ANALYZE SELECT 1", engine.Window{}, "EXPLAIN ANALYZE SELECT 1"},
		{"EXPLAIN (TYPE IO) SELECT 1", engine.Window{}, "EXPLAIN (TYPE IO) SELECT 1"},
		{"DESCRIBE cloudtrail_logs", engine.Window{}, "DESCRIBE cloudtrail_logs"},
		{"SHOW CATALOGS;", engine.Window{}, "SHOW CATALOGS"},
		{"SHOW TABLES LIKE 'a%'", engine.Window{}, "SELECT table_name AS tab_name FROM information_schema.tables WHERE table_schema = 'logs' AND table_name LIKE 'a%' ORDER BY 1"},
		{"DROP TABLE cloudtrail_logs", engine.Window{}, "not supported"},
		{"INSERT INTO t VALUES (1)", engine.Window{}, "not allowed"},
		{"EXPLAIN ANALYZE DELETE FROM t", engine.Window{}, "syntax error"},
		{"CREATE VIEW v AS DELETE FROM t", engine.Window{}, "syntax error"},
		{"DESCRIBE SELECT 1 a", engine.Window{}, "SELECT * FROM (SELECT 1 a) LIMIT 0"},
		{"CALL system.runtime.kill_query('x')", engine.Window{}, "not allowed"},
		{"SET SESSION x = 1", engine.Window{}, "not allowed"},
		{"SELECT 1; SELECT 2", engine.Window{}, "more than one statement"},
		{"SELECT ?", engine.Window{}, "1 parameters, got 0"},
	}
	for _, tt := range tests {
		t.Run(tt.sql, func(t *testing.T) {
			s := newFakeServer(t, `{`+bigint+`}`)
			r, err := s.open().Query(t.Context(), engine.Query{SQL: tt.sql, Window: tt.window})
			var got string
			if err != nil {
				got = "error: " + err.Error()
			} else {
				got = s.bodies[0]
				r.Close()
			}
			if got != tt.want && (err == nil || !strings.Contains(got, tt.want)) {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestPrepared(t *testing.T) {
	s := newFakeServer(t, `{`+bigint+`}`)
	c := s.open()
	for _, step := range []struct{ sql, sent, failure string }{
		{"PREPARE p FROM SELECT n FROM cloudtrail_logs WHERE eventname = ?", "", ""},
		{"EXECUTE p USING 'a''b'", "SELECT n FROM cloudtrail_logs WHERE eventname = 'a''b'", ""},
		{"EXECUTE p", "", "1 parameters, got 0"},
		{"EXECUTE q", "", "does not exist"},
		{"DEALLOCATE PREPARE p", "", ""},
		{"EXECUTE p USING 'a'", "", "does not exist"},
	} {
		s.bodies = nil
		r, err := c.Query(t.Context(), engine.Query{SQL: step.sql})
		if err == nil {
			r.Close()
		}
		if step.failure == "" && err != nil || step.failure != "" && (err == nil || !strings.Contains(err.Error(), step.failure)) {
			t.Errorf("%s: got %v, want %q", step.sql, err, step.failure)
		}
		if sent := strings.Join(s.bodies, "; "); sent != step.sent {
			t.Errorf("%s: sent %q, want %q", step.sql, sent, step.sent)
		}
	}
}

// TestLiterals: a value cannot become SQL.
func TestLiterals(t *testing.T) {
	tests := []struct {
		value any
		want  string
	}{
		{nil, "NULL"}, {true, "true"}, {-5, "(-5)"}, {uint64(1 << 63), "(9223372036854775808)"}, {1.5, "(DOUBLE '1.5')"},
		{"it's \\' \n ok", "'it''s \\'' \n ok'"}, {[]byte{0, 255}, "X'00ff'"},
		{time.Date(2024, 1, 2, 3, 4, 5, 6000, time.FixedZone("", 3600)), "TIMESTAMP '2024-01-02 02:04:05.000006 UTC'"},
	}
	for _, tt := range tests {
		if got, err := literal(tt.value); err != nil || got != tt.want {
			t.Errorf("%v: got %s, %v, want %s", tt.value, got, err, tt.want)
		}
	}
	if _, err := literal(struct{}{}); err == nil {
		t.Error("a value of an unknown type was written")
	}
}

func TestValues(t *testing.T) {
	simple := func(name string) string { return `{"rawType":"` + name + `"}` }
	of := func(raw string, arguments ...string) string {
		return `{"rawType":"` + raw + `","arguments":[` + strings.Join(arguments, ",") + `]}`
	}
	typ := func(s string) string { return `{"kind":"TYPE","value":` + s + `}` }
	member := func(name, s string) string {
		return `{"kind":"NAMED_TYPE","value":{"fieldName":{"name":"` + name + `"},"typeSignature":` + s + `}}`
	}
	number := func(n int) string { return fmt.Sprintf(`{"kind":"LONG","value":%d}`, n) }
	row := of("row", member("a", simple("varchar")), member("b", of("array", typ(simple("bigint")))))
	tests := []struct{ typ, value, want, name string }{
		{simple("boolean"), `true`, "true", "boolean"},
		{simple("tinyint"), `-5`, "-5", "tinyint"},
		{simple("bigint"), `9223372036854775807`, "9223372036854775807", "bigint"},
		{simple("double"), `"NaN"`, "NaN", "double"},
		{simple("double"), `"-Infinity"`, "-Inf", "double"},
		{simple("real"), `1.5`, "1.5", "float"},
		{of("decimal", number(38), number(2)), `"-12345678901234567890.05"`, "-12345678901234567890.05", "decimal(38,2)"},
		{simple("varchar"), `"a\"\u00e4\n"`, "a\"ä\n", "varchar"},
		{simple("varchar"), `"[1]"`, "[1]", "varchar"},
		{simple("json"), `"{\"a\":1}"`, `{"a":1}`, "json"},
		{simple("varbinary"), `"AP8="`, "AP8=", "varbinary"},
		{simple("date"), `"1969-12-31"`, "1969-12-31", "date"},
		{of("time", number(1)), `"01:02:03.5"`, "01:02:03.500000", "time"},
		{of("timestamp", number(9)), `"2024-01-02 03:04:05.123456789"`, "2024-01-02T03:04:05.123456", "timestamp"},
		{of("timestamp", number(0)), `"1960-01-02 03:04:05"`, "1960-01-02T03:04:05", "timestamp"},
		{of("timestamp with time zone", number(3)), `"2024-01-01 09:00:00.000 Asia/Tokyo"`, "2024-01-01T00:00:00Z", "timestamp with time zone"},
		{of("timestamp with time zone", number(3)), `"2024-01-01 00:00:00.000 -02:30"`, "2024-01-01T02:30:00Z", "timestamp with time zone"},
		{simple("interval day to second"), `"-1 02:00:00.500"`, `{"months":0,"days":-1,"nanoseconds":-7200500000000}`, "interval"},
		{simple("interval year to month"), `"1-2"`, `{"months":14,"days":0,"nanoseconds":0}`, "interval"},
		{simple("ipaddress"), `"10.0.0.1"`, "10.0.0.1", "ipaddress"},
		{simple("unknown"), `null`, "(null)", "unknown"},
		{row, `["x",[1,null,3]]`, `{"a":"x","b":[1,null,3]}`, "struct"},
		{row, `null`, "(null)", "struct"},
		{of("map", typ(simple("varchar")), typ(row)), `{"k\"":["x",null]}`, `[{"key":"k\"","value":{"a":"x","b":null}}]`, "map"},
		{of("map", typ(simple("bigint")), typ(simple("varchar"))), `{"7":null}`, `[{"key":7,"value":null}]`, "map"},
		{of("array", typ(of("array", typ(simple("varchar"))))), `[["a"],null,[]]`, `[["a"],null,[]]`, "varchar[][]"},
		{simple("Geometry"), `"POINT (1 2)"`, "POINT (1 2)", "geometry"},
		{simple("unheard of"), `{"a":[1]}`, `{"a":[1]}`, "unheard of"},
	}
	for _, tt := range tests {
		t.Run(tt.name+" "+tt.value, func(t *testing.T) {
			var s signature
			if err := json.Unmarshal([]byte(tt.typ), &s); err != nil {
				t.Fatal(err)
			}
			d := newDecoder([]column{{Name: "x", Type: s}})
			batch, err := d.batch([]byte(" [ [ " + tt.value + " ] ,[null]]"))
			if err != nil {
				t.Fatal(err)
			}
			if got := batch.Column(0).ValueStr(0); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if !batch.Column(0).IsNull(1) {
				t.Error("null became a value")
			}
			if got, _ := d.schema.Field(0).Metadata.GetValue(engine.TypeKey); got != tt.name {
				t.Errorf("type: got %s, want %s", got, tt.name)
			}
		})
	}
	for _, broken := range []string{`[[]]`, `[[1,2]]`, `[["x"]]`, `[[1`, `{}`, `[[{}]]`} {
		var s signature
		if err := json.Unmarshal([]byte(simple("bigint")), &s); err != nil {
			t.Fatal(err)
		}
		if _, err := newDecoder([]column{{Name: "x", Type: s}}).batch([]byte(broken)); err == nil {
			t.Errorf("%s: read without an error", broken)
		}
	}
}

var _ engine.Engine = (*Cluster)(nil)
