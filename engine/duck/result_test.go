//go:build cgo && duckdb_arrow

package duck

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/output"
)

// keep writes the rows of a query as an earlier result.
func keep(t *testing.T, e engine.Engine, folder, name string, q engine.Query) string {
	t.Helper()
	path := filepath.Join(folder, name)
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	r, err := e.Query(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w, err := output.New(file, r.Schema(), output.Options{Format: output.Parquet, TypeKey: engine.TypeKey})
	if err != nil {
		t.Fatal(err)
	}
	for batch, err := range r.Batches() {
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(batch); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestResults(t *testing.T) {
	w := newWarehouse(t)
	w.add(t, "us-east-1", "2023-07-10", 24)
	folder, unload := filepath.Join(t.TempDir(), "kept [results] it's"), t.TempDir()
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	e := open(t, w, Options{ResultDir: folder, UnloadDir: unload})
	results := map[string]string{"_": keep(t, e, folder, "1.parquet", engine.Query{SQL: `SELECT eventid, eventtimestamp, useridentity, resources,
		requestparameters, errorcode AS "Error Code" FROM cloudtrail_logs WHERE sourceindex < 5 ORDER BY sourceindex DESC`})}
	results["before"] = keep(t, e, folder, "2.parquet", engine.Query{SQL: `SELECT eventid FROM _ WHERE "error code" IS NULL`, Results: results})
	tests := []struct {
		name, dialect, sql string
		params             []any
		want               []string
	}{
		{name: "all, in order", sql: "SELECT eventid FROM _", want: []string{"e4", "e3", "e2", "e1", "e0"}},
		{name: "from first", dialect: "duckdb", sql: "FROM _ LIMIT 1", want: []string{
			`e4|2023-07-10T04:00:00Z|{"arn":"arn:aws:iam::1:user/u0","type":"IAMUser"}|[{"arn":"arn:aws:s3:::b4"}]|{"bucketName":"b4"}|AccessDenied`}},
		{name: "lake", dialect: "lake", sql: "SELECT eventid FROM _ WHERE useridentity.type = 'IAMUser' AND eventtimestamp > '2023-07-10 03:30:00'", want: []string{"e4"}},
		{name: "struct", sql: "SELECT useridentity.arn FROM _ AS r WHERE r.eventid = ?", params: []any{"e1"}, want: []string{"arn:aws:iam::1:user/u1"}},
		{name: "list", sql: "SELECT arn FROM _ CROSS JOIN UNNEST(resources) AS t(arn) WHERE eventid = 'e2'", want: []string{"arn:aws:s3:::b2"}},
		{name: "json", sql: "SELECT json_extract_scalar(requestparameters, '$.bucketName') FROM _ LIMIT 1", want: []string{"b4"}},
		{name: "member of json", sql: "SELECT requestparameters.bucketName FROM _ LIMIT 1", want: []string{"b4"}},
		{name: "join", sql: "SELECT count(*) FROM cloudtrail_logs c JOIN _ USING (eventid)", want: []string{"5"}},
		{name: "with", sql: "WITH x AS (SELECT * FROM _) SELECT count(*) FROM x", want: []string{"5"}},
		{name: "another", sql: "SELECT * FROM before", want: []string{"e3", "e2", "e1"}},
		{name: "both", sql: "SELECT count(*) FROM _ WHERE eventid NOT IN (SELECT eventid FROM before)", want: []string{"2"}},
		{name: "unload", sql: "UNLOAD (SELECT * FROM _) TO 'x' WITH (format = 'PARQUET')", want: []string{"5"}},
		{name: "describe", sql: "DESCRIBE before", want: []string{"eventid|varchar|"}},
		{name: "describe query", sql: "DESCRIBE SELECT eventid AS a FROM _", want: []string{"a|varchar|"}},
		{name: "show columns", sql: "SHOW COLUMNS FROM before", want: []string{"eventid"}},
		{name: "show tables", sql: "SHOW TABLES", want: []string{"_", "before", "cloudtrail_logs", "rejected_records"}},
		{name: "tables", sql: "SELECT table_name, table_type FROM information_schema.tables WHERE table_name < 'c' ORDER BY 1", want: []string{"_|LOCAL TEMPORARY", "before|LOCAL TEMPORARY"}},
		{name: "columns", sql: "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'before'", want: []string{"eventid|varchar"}},
		{name: "WITH of the name", sql: "WITH _ AS (SELECT 1 AS a) SELECT * FROM _", want: []string{"1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := answers(t, e, engine.Query{SQL: tt.sql, Dialect: tt.dialect, Params: tt.params, Results: results})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("explain", func(t *testing.T) {
		if _, _, err := answers(t, e, engine.Query{SQL: "EXPLAIN SELECT * FROM _", Results: results}); err != nil {
			t.Error(err)
		}
	})
	t.Run("a window is about records", func(t *testing.T) {
		got, _, err := answers(t, e, engine.Query{SQL: "SELECT count(*) FROM _", Results: results, Window: engine.Window{From: at(t, "2024-01-01T00:00:00Z")}})
		if diff := cmp.Diff([]string{"5"}, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	})
	t.Run("tables hide results", func(t *testing.T) {
		got, _, err := answers(t, e, engine.Query{SQL: "SELECT count(*) FROM cloudtrail_logs", Results: map[string]string{"cloudtrail_logs": results["_"]}})
		if diff := cmp.Diff([]string{"24"}, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
	})
}

// TestStoredUnderTheNameOfAResult: such views come from versions that allowed
// them.
func TestStoredUnderTheNameOfAResult(t *testing.T) {
	w := newWarehouse(t)
	w.add(t, "us-east-1", "2023-07-10", 3)
	folder := t.TempDir()
	e := open(t, w, Options{ResultDir: folder})
	under := map[string]string{"_": keep(t, e, folder, "1.parquet", engine.Query{SQL: "SELECT 'result' AS a"})}
	for _, results := range []map[string]string{nil, under} {
		for _, sql := range []string{"CREATE VIEW _ AS SELECT 1 AS a", `CREATE OR REPLACE VIEW "_" AS SELECT 1 AS a`, strings.Replace(pastedTable, "my_events", "_", 1)} {
			if _, _, err := answers(t, e, engine.Query{SQL: sql, Results: results}); err == nil || !strings.Contains(err.Error(), `cannot be named "_"`) {
				t.Errorf("%.40s: %v", sql, err)
			}
		}
	}
	old := catalog.View{Name: "_", Dialect: "athena", SQL: "SELECT 'stored' AS a", Columns: []catalog.ViewColumn{{Name: "a", Type: "VARCHAR"}}}
	above := catalog.View{Name: "above", Dialect: "athena", SQL: "SELECT a FROM _", Columns: old.Columns}
	for _, v := range []catalog.View{old, above} {
		if err := w.PutView(t.Context(), v, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	// Not the rows of something else.
	if got, _, err := answers(t, e, engine.Query{SQL: "SELECT a FROM above", Results: under}); err == nil || !strings.Contains(err.Error(), "earlier result") {
		t.Errorf("a view of a hidden one: %q, %v", got, err)
	}
	for _, step := range []struct {
		sql     string
		results map[string]string
		want    []string
	}{
		{"SELECT a FROM _", nil, []string{"stored"}},
		{"SELECT a FROM _", under, []string{"result"}},
		{"SELECT a FROM above", nil, []string{"stored"}},
		{"DROP VIEW _", under, nil},
		{"SELECT a FROM _", under, []string{"result"}},
	} {
		got, _, err := answers(t, e, engine.Query{SQL: step.sql, Results: step.results})
		if diff := cmp.Diff(step.want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", step.sql, err, diff)
		}
	}
	if _, _, err := answers(t, e, engine.Query{SQL: "SELECT a FROM _"}); err == nil {
		t.Error("the view is still there")
	}
}

func TestResultsRefused(t *testing.T) {
	w := newWarehouse(t)
	w.add(t, "us-east-1", "2023-07-10", 3)
	folder, outside := t.TempDir(), t.TempDir()
	e := open(t, w, Options{ResultDir: folder})
	kept := keep(t, e, folder, "1.parquet", engine.Query{SQL: "SELECT 1 AS a"})
	foreign := keep(t, e, outside, "1.parquet", engine.Query{SQL: "SELECT 1 AS a"})
	link := filepath.Join(folder, "link.parquet")
	if err := os.Symlink(foreign, link); err != nil {
		t.Fatal(err)
	}
	torn := filepath.Join(folder, "torn.parquet")
	if err := os.WriteFile(torn, []byte("PAR1"), 0o600); err != nil {
		t.Fatal(err)
	}
	under := map[string]string{"_": kept}
	tests := []struct {
		name, sql string
		results   map[string]string
		want      string // in the error
	}{
		{"unknown without results", "SELECT * FROM _", nil, `table "_" does not exist`},
		{"outside", "SELECT 1", map[string]string{"_": foreign}, "is not below"},
		{"outside by dots", "SELECT 1", map[string]string{"_": folder + "/../" + filepath.Base(outside) + "/1.parquet"}, ""},
		{"outside by a link", "SELECT * FROM _", map[string]string{"_": link}, "is not below"},
		{"the warehouse", "SELECT * FROM _", map[string]string{"_": w.Root()}, "is not below"},
		{"not there", "SELECT * FROM _", map[string]string{"_": folder + "/none.parquet"}, "no such file"},
		{"torn", "SELECT * FROM _", map[string]string{"_": torn}, ""},
		{"a file's name", "SELECT 1", map[string]string{"/etc/passwd": kept}, "cannot be named"},
		{"quotes", "SELECT 1", map[string]string{`a"b`: kept}, "cannot be named"},
		{"upper case", "SELECT 1", map[string]string{"A": kept}, "cannot be named"},
		{"empty name", "SELECT 1", map[string]string{"": kept}, "cannot be named"},
		{"reserved", "SELECT 1", map[string]string{"@1": kept}, "cannot be named"},
		{"stored in a view", "CREATE VIEW v AS SELECT * FROM _", under, "earlier result"},
		{"stored in a view's query", "CREATE VIEW v AS WITH x AS (SELECT * FROM cloudtrail_logs, _) SELECT a FROM x", under, "earlier result"},
		{"dropped", "DROP VIEW _", under, "no view of yours"},
		{"dropped as a table", "DROP TABLE _", under, ""},
		{"partitions", "SHOW PARTITIONS _", under, "not partitioned"},
		{"definition", "SHOW CREATE TABLE _", under, ""},
		{"its snapshots", "SELECT * FROM _ FOR TIMESTAMP AS OF current_timestamp", under, "no snapshots"},
		{"its file", "SELECT * FROM \"" + kept + "\"", under, ""},
		{"its file read", "SELECT * FROM read_parquet('" + kept + "')", under, "not allowed"},
		{"written", "COPY (SELECT 1) TO '" + folder + "/x'", under, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := answers(t, e, engine.Query{SQL: tt.sql, Results: tt.results})
			if err == nil {
				t.Fatalf("ran: %q", got)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want %q in it", err, tt.want)
			}
		})
	}
	for _, d := range []string{"athena", "lake", "duckdb"} {
		_, _, err := answers(t, e, engine.Query{SQL: "CREATE TABLE _ AS SELECT 1 AS a", Dialect: d, Results: under})
		if err == nil {
			t.Errorf("%s: a table was made", d)
		}
	}
	without := open(t, w, Options{})
	if _, _, err := answers(t, without, engine.Query{SQL: "SELECT * FROM _", Results: under}); err == nil || errors.Is(err, engine.ErrCanceled) {
		t.Errorf("an engine without a folder for results: %v", err)
	}
}
