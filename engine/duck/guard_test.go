//go:build cgo && duckdb_arrow

package duck

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/engine"
)

// TestHostileStatements: nothing but a query over the catalog's tables gets
// through, and nothing is written or read on the way. $DATA is a data file of
// the warehouse, $ROOT the warehouse, $OUT a file that must not come to be.
func TestHostileStatements(t *testing.T) {
	w := newWarehouse(t)
	w.add(t, "us-east-1", "2023-07-10", 3)
	e := open(t, w, Options{})
	data, err := filepath.Glob(strings.ReplaceAll(w.Root(), "[", "[[]") + "/default/cloudtrail_logs/data/*/*/*.parquet")
	if err != nil || len(data) != 1 {
		t.Fatalf("data files: %q, %v", data, err)
	}
	const (
		denied = "denied" // ErrNotAllowed
		wrong  = "wrong"  // SQLError
		either = "either" // not run, whatever the error
		other  = "other"  // another dialect reads another statement in it, which is harmless
	)
	tests := []struct{ name, sql, want string }{
		{"copy to", "COPY (SELECT 1) TO '$OUT'", denied},
		{"copy table to", "COPY cloudtrail_logs TO '$OUT' (FORMAT parquet)", denied},
		{"copy from", "COPY cloudtrail_logs FROM '$DATA'", denied},
		{"copy database", "COPY FROM DATABASE memory TO x", denied},
		{"explain copy", "EXPLAIN COPY (SELECT 1) TO '$OUT'", denied},
		{"explain analyze copy", "EXPLAIN ANALYZE COPY (SELECT 1) TO '$OUT'", denied},
		{"second statement", "SELECT 1; COPY (SELECT 1) TO '$OUT'", wrong},
		{"second statement first", "COPY (SELECT 1) TO '$OUT'; SELECT 1", wrong},
		{"attach", "ATTACH '$OUT' AS x", denied},
		{"detach", "DETACH memory", denied},
		{"use", "USE temp", denied},
		{"export", "EXPORT DATABASE '$OUT'", denied},
		{"import", "IMPORT DATABASE '$ROOT'", denied},
		{"install", "INSTALL httpfs", denied},
		{"load", "LOAD httpfs", denied},
		{"set", "SET enable_external_access = true", denied},
		{"set global", "SET GLOBAL lock_configuration = false", denied},
		{"reset", "RESET memory_limit", denied},
		{"set variable", "SET VARIABLE x = 1", denied},
		{"pragma", "PRAGMA database_list", denied},
		{"pragma version", "PRAGMA version", denied},
		{"pragma assignment", "PRAGMA threads = 1", denied},
		{"call", "CALL pragma_version()", denied},
		{"create table", "CREATE TABLE x AS SELECT 1", denied},
		{"create view of a file", "CREATE VIEW x AS SELECT * FROM read_text('/etc/passwd')", denied},
		{"create view over a built-in one", "CREATE OR REPLACE VIEW cloudtrail_logs AS SELECT 1 AS a", wrong},
		{"create view of a view of a file", "CREATE OR REPLACE VIEW x AS WITH y AS (SELECT * FROM glob('/*')) SELECT * FROM y", denied},
		{"create view named as a file", "CREATE VIEW \"/etc/passwd\" AS SELECT 1 AS a", wrong},
		{"create temporary view", "CREATE TEMP VIEW x AS SELECT 1", either},
		{"create table", "CREATE TABLE x (a INT)", either},
		{"create index", "CREATE INDEX i ON cloudtrail_logs (eventid)", either},
		{"create schema", "CREATE SCHEMA x", other},
		{"create sequence", "CREATE SEQUENCE s", either},
		{"create type", "CREATE TYPE t AS ENUM ('a')", either},
		{"create function shadowing", "CREATE OR REPLACE MACRO count(x) AS 0", either},
		{"create macro", "CREATE MACRO f(a) AS a", denied},
		{"create secret", "CREATE SECRET s (TYPE s3)", denied},
		{"insert", "INSERT INTO cloudtrail_logs SELECT * FROM cloudtrail_logs", denied},
		{"update", "UPDATE cloudtrail_logs SET region = 'x'", denied},
		{"delete", "DELETE FROM cloudtrail_logs", denied},
		{"merge", "MERGE INTO cloudtrail_logs USING (SELECT 1) s ON true WHEN MATCHED THEN DELETE", denied},
		{"drop", "DROP VIEW cloudtrail_logs", denied},
		{"alter", "ALTER VIEW cloudtrail_logs RENAME TO x", denied},
		{"truncate", "TRUNCATE cloudtrail_logs", denied},
		{"begin", "BEGIN", denied},
		{"commit", "COMMIT", denied},
		{"prepare of a file", "PREPARE p AS SELECT * FROM read_text('/etc/passwd')", either},
		{"prepare of COPY", "PREPARE p AS COPY (SELECT 1) TO '$OUT'", either},
		{"prepare of SET", "PREPARE p AS SET threads = 1", either},
		{"prepare from a text", "PREPARE p FROM SELECT * FROM glob('/*')", either},
		{"execute nothing", "EXECUTE p", wrong},
		{"execute with SQL", "EXECUTE p USING (SELECT content FROM read_text('/etc/passwd'))", either},
		{"deallocate all", "DEALLOCATE ALL", either},
		{"unload", "UNLOAD (SELECT 1 AS a) TO '$OUT' WITH (format = 'PARQUET')", either},
		{"unload to S3", "UNLOAD (SELECT 1 AS a) TO 's3://bucket/x/' WITH (format = 'PARQUET')", either},
		{"explain unload", "EXPLAIN ANALYZE UNLOAD (SELECT 1) TO '$OUT' WITH (format = 'PARQUET')", either},
		{"select into", "SELECT * INTO x FROM cloudtrail_logs", either},
		{"create external table elsewhere", "CREATE EXTERNAL TABLE x (a string) LOCATION '/etc/'", either},
		{"create table as", "CREATE TABLE x WITH (external_location = '$OUT') AS SELECT 1 AS a", denied},
		{"msck of a file", "MSCK REPAIR TABLE '$DATA'", either},
		{"show functions of files", "SHOW CREATE TABLE '/etc/passwd'", either},
		{"describe a file", "DESCRIBE '$DATA'", either},
		{"show partitions of a file", "SHOW PARTITIONS '$DATA'", either},
		{"comment on", "COMMENT ON TABLE cloudtrail_logs IS 'x'", either},
		{"grant", "GRANT SELECT ON cloudtrail_logs TO x", either},
		{"kill", "KILL 1", either},
		{"vacuum", "VACUUM", denied},
		{"checkpoint", "CHECKPOINT", denied},
		{"analyze", "ANALYZE", denied},
		{"insert in WITH", "WITH x AS (INSERT INTO cloudtrail_logs SELECT 1 RETURNING *) SELECT * FROM x", either},
		{"read_parquet", "SELECT * FROM read_parquet('$DATA')", denied},
		{"parquet_scan", "SELECT * FROM parquet_scan('$DATA')", denied},
		{"read_text", "SELECT * FROM read_text('/etc/passwd')", denied},
		{"read_blob", "SELECT * FROM read_blob('$DATA')", denied},
		{"read_csv", "SELECT * FROM read_csv('/etc/passwd')", denied},
		{"read_json", "SELECT * FROM read_json_auto('/etc/passwd')", denied},
		{"quoted function name", `SELECT * FROM "read_TEXT"('/etc/passwd')`, denied},
		{"qualified function name", "SELECT * FROM system.main.read_text('/etc/passwd')", denied},
		{"glob", "SELECT * FROM glob('/*')", denied},
		{"sniff_csv", "SELECT * FROM sniff_csv('/etc/passwd')", denied},
		{"parquet metadata", "SELECT * FROM parquet_metadata('$DATA')", denied},
		{"query function", "SELECT * FROM query('SELECT 1')", denied},
		{"query_table", "SELECT * FROM query_table('$DATA')", denied},
		{"table macro over a name", "SELECT * FROM histogram('$DATA', a)", denied},
		{"serialized SQL", "SELECT * FROM json_execute_serialized_sql('{}')", denied},
		{"checkpoint function", "SELECT * FROM checkpoint()", denied},
		{"enable_logging function", "SELECT * FROM enable_logging('QueryLog')", denied},
		{"settings function", "SELECT * FROM duckdb_settings()", denied},
		{"secrets function", "SELECT * FROM duckdb_secrets()", denied},
		{"function behind a comma", "SELECT * FROM cloudtrail_logs, read_text('/etc/passwd')", denied},
		{"function in a lateral join", "SELECT * FROM cloudtrail_logs c, LATERAL (SELECT * FROM read_text(c.eventname))", denied},
		{"function in a subquery", "SELECT (SELECT content FROM read_text('/etc/passwd'))", denied},
		{"function in WITH", "WITH x AS (SELECT * FROM read_text('/etc/passwd')) SELECT * FROM x", denied},
		{"function in an unused WITH", "WITH x AS (SELECT * FROM read_text('/etc/passwd')) SELECT 1 FROM cloudtrail_logs", denied},
		{"function in EXISTS", "SELECT 1 FROM cloudtrail_logs WHERE EXISTS (FROM read_text('/etc/passwd'))", denied},
		{"function in ORDER BY", "SELECT 1 ORDER BY (SELECT content FROM read_text('/etc/passwd'))", denied},
		{"function in LIMIT", "SELECT 1 LIMIT (SELECT count(*) FROM read_text('/etc/passwd'))", denied},
		{"function in a lambda", "SELECT list_transform([1], lambda x: (SELECT 1 FROM read_text('/etc/passwd')))", denied},
		{"function in a window", "SELECT row_number() OVER (ORDER BY (SELECT 1 FROM glob('/*')))", denied},
		{"function in VALUES", "VALUES ((SELECT content FROM read_text('/etc/passwd')))", denied},
		{"function in UNION", "SELECT 'x' UNION SELECT content FROM read_text('/etc/passwd')", denied},
		{"function in a recursive WITH", "WITH RECURSIVE x AS (SELECT 'a' AS a UNION SELECT content FROM read_text('/etc/passwd')) SELECT * FROM x", denied},
		{"describe a function", "DESCRIBE SELECT * FROM read_text('/etc/passwd')", denied},
		{"summarize a file", "SUMMARIZE '$DATA'", denied},
		{"explain a function", "EXPLAIN ANALYZE SELECT * FROM read_text('/etc/passwd')", denied},
		{"FROM first", "FROM read_text('/etc/passwd')", denied},
		{"file as a table", "SELECT * FROM '$DATA'", denied},
		{"quoted file as a table", `SELECT * FROM "$DATA"`, other},
		{"quoted file outside", `SELECT * FROM "/etc/passwd"`, either},
		{"file in a schema", `SELECT * FROM "/etc"."passwd"`, either},
		{"file with a catalog", `SELECT * FROM "x"."main"."/etc/passwd.csv"`, either},
		{"file as a table in a join", "SELECT * FROM cloudtrail_logs JOIN '/etc/passwd' ON true", either},
		{"file as a table in IN", "SELECT 1 FROM cloudtrail_logs WHERE eventid IN (SELECT content FROM '/etc/passwd')", either},
		{"file as a table in a view name's case", `SELECT * FROM "X.CSV"`, either},
		{"TABLE of a file", "TABLE '$DATA'", either},
		{"S3 URL", "SELECT * FROM 's3://bucket/x.parquet'", either},
		{"hf URL", "SELECT * FROM 'hf://datasets/x/y.parquet'", either},
		{"file URL", "SELECT * FROM 'file:///etc/passwd'", either},
		{"parent folder", "SELECT * FROM '$ROOT/../../x.parquet'", either},
		{"proc", "SELECT * FROM '/proc/self/environ'", either},
		{"stdin", "SELECT * FROM '/dev/stdin'", either},
		{"database file", "SELECT * FROM '$OUT.db'", either},
		{"relative file", "SELECT * FROM 'x.csv'", denied},
		{"URL", "SELECT * FROM 'https://example.com/x.parquet'", denied},
		{"glob as a table", "SELECT * FROM '$ROOT/**/*.parquet'", denied},
		{"file hidden behind WITH", `SELECT * FROM (WITH "$DATA" AS (SELECT 1) SELECT 1) x, "$DATA"`, denied},
		{"relation of an opening", `SELECT * FROM "@1"`, either},
		{"function of an opening", "SELECT * FROM p", either},
		{"time travel with a file", "SELECT * FROM cloudtrail_logs AT (TIMESTAMP => (SELECT content FROM read_text('/etc/passwd')))", either},
		{"time travel by FOR with a file", "SELECT * FROM cloudtrail_logs FOR TIMESTAMP AS OF (SELECT content FROM read_text('/etc/passwd'))", either},
		{"time travel of a function", "SELECT * FROM read_text('/etc/passwd') AT (VERSION => 1)", either},
		{"function in time", "SELECT * FROM cloudtrail_logs AT (VERSION => getvariable('x'))", either},
		{"full-width name", "SELECT * FROM ｒead_text('/etc/passwd')", either},
		{"dotless i", "SELECT * FROM glob('/*') -- \u0131", either},
		{"name in capitals", "SELECT * FROM READ_TEXT('/etc/passwd')", denied},
		{"name with a comment", "SELECT * FROM read_text/**/('/etc/passwd')", denied},
		{"name with a line break", "SELECT * FROM read_text\n('/etc/passwd')", denied},
		{"non-breaking space", "SELECT * FROM\u00a0read_text('/etc/passwd')", either},
		{"method call", "SELECT '/etc/passwd'.read_text()", either},
		{"method chain", "SELECT ('/etc/passwd').read_text()", either},
		{"function as a column", "SELECT read_text('/etc/passwd')", denied},
		{"scalar that makes a plan", "SELECT json_serialize_plan('SELECT * FROM read_text(''/etc/passwd'')')", denied},
		{"scalar that parses", "SELECT json_deserialize_sql('{}')", denied},
		{"current_query", "SELECT current_query()", denied},
		{"getvariable", "SELECT getvariable('x')", denied},
		{"nextval", "SELECT nextval('s')", denied},
		{"setseed", "SELECT setseed(0.5)", denied},
		{"pg_sleep", "SELECT pg_sleep(100)", denied},
		{"view definition", "SELECT pg_get_viewdef(0)", denied},
		{"views function", "SELECT * FROM duckdb_views()", denied},
		{"databases function", "SELECT * FROM duckdb_databases()", denied},
		{"tables function", "SELECT * FROM duckdb_tables()", denied},
		{"extensions function", "SELECT * FROM duckdb_extensions()", denied},
		{"variables function", "SELECT * FROM duckdb_variables()", denied},
		{"log function", "SELECT * FROM duckdb_logs()", denied},
		{"temporary files", "SELECT * FROM duckdb_temporary_files()", denied},
		{"prepared statements", "SELECT * FROM duckdb_prepared_statements()", denied},
		{"cache", "SELECT * FROM duckdb_external_file_cache()", denied},
		{"pragma function", "SELECT * FROM pragma_database_size()", denied},
		{"pragma show", "SELECT * FROM pragma_table_info('cloudtrail_logs')", denied},
		{"which_secret", "SELECT * FROM which_secret('s3://x', 's3')", denied},
		{"seq_scan", "SELECT * FROM seq_scan('x')", denied},
		{"read_csv with options", "SELECT * FROM read_csv('/etc/passwd', delim=':', header=false)", either},
		{"read_parquet of a list", "SELECT * FROM read_parquet(['$DATA', '/etc/passwd'])", denied},
		{"bloom probe", "SELECT * FROM parquet_bloom_probe('$DATA', 'a', 'b')", denied},
		{"test_all_types", "SELECT * FROM test_all_types()", denied},
		{"function in FILTER", "SELECT count(*) FILTER (WHERE EXISTS (SELECT 1 FROM glob('/*'))) FROM cloudtrail_logs", denied},
		{"function in HAVING", "SELECT region FROM cloudtrail_logs GROUP BY region HAVING count(*) > (SELECT count(*) FROM glob('/*'))", denied},
		{"function in QUALIFY", "SELECT region FROM cloudtrail_logs QUALIFY row_number() OVER () > (SELECT count(*) FROM glob('/*'))", either},
		{"function in GROUP BY", "SELECT count(*) FROM cloudtrail_logs GROUP BY (SELECT count(*) FROM glob('/*'))", denied},
		{"function in JOIN ON", "SELECT 1 FROM cloudtrail_logs a JOIN cloudtrail_logs b ON a.eventid = (SELECT max(file) FROM glob('/*'))", denied},
		{"function in CASE", "SELECT CASE WHEN true THEN (SELECT max(file) FROM glob('/*')) END", denied},
		{"function in an array", "SELECT ARRAY[(SELECT max(file) FROM glob('/*'))]", denied},
		{"function in UNNEST", "SELECT * FROM UNNEST((SELECT list(file) FROM glob('/*'))) AS t(x)", either},
		{"function in TABLESAMPLE", "SELECT * FROM glob('/*') TABLESAMPLE BERNOULLI (10)", denied},
		{"function in EXCEPT", "SELECT 'x' EXCEPT SELECT file FROM glob('/*')", denied},
		{"function deep in brackets", "SELECT ((((SELECT max(file) FROM glob('/*')))))", denied},
		{"aggregate of states", "SELECT finalize(1)", either},
		{"pivot a file", "PIVOT '$DATA' ON region USING count(*)", denied},
		{"getenv", "SELECT getenv('HOME')", either},
		{"current_setting", "SELECT current_setting('temp_directory')", denied},
		{"current_setting in a filter", "SELECT 1 FROM cloudtrail_logs WHERE sum(1) FILTER (WHERE current_setting('x') = 'y') > 0", denied},
		{"write_log", "SELECT write_log('x')", denied},
		{"sleep", "SELECT sleep_ms(100000)", denied},
		{"other catalog", "SELECT * FROM system.main.duckdb_settings", wrong},
		{"metadata view", "SELECT * FROM sqlite_master", wrong},
		{"settings view", "SELECT * FROM pg_catalog.pg_settings", wrong},
		{"show a setting", "SHOW temp_directory", wrong},
		{"time travel", "SELECT * FROM cloudtrail_logs AT (VERSION => 1)", either},
		{"NUL byte", "SELECT 1\x00; COPY (SELECT 1) TO '$OUT'", wrong},
		{"file behind a NUL byte", "SELECT 1 FROM cloudtrail_logs\x00, read_text('/etc/passwd')", wrong},
		{"not UTF-8", "SELECT '\xff'", wrong},
	}
	if len(tests) < 120 {
		t.Errorf("only %d statements", len(tests))
	}
	outside := t.TempDir()
	before := contents(t, w.Root(), outside)
	for _, tt := range tests {
		for _, d := range []string{"duckdb", "athena", "lake"} {
			t.Run(tt.name+"/"+d, func(t *testing.T) {
				out := filepath.Join(outside, "written")
				if strings.Contains(tt.sql, "warehouse") {
					out = filepath.Join(w.Root(), "written")
				}
				quoted := strings.NewReplacer("'", "''")
				sql := strings.NewReplacer("$DATA", quoted.Replace(data[0]), "$ROOT", quoted.Replace(w.Root()), "$OUT", quoted.Replace(out)).Replace(tt.sql)
				_, err := drain(t.Context(), e, engine.Query{SQL: sql, Dialect: d})
				var sqlError *engine.SQLError
				switch {
				case tt.want == other && d != "duckdb":
				case err == nil && d == "lake" && readsLake(tt.sql): // any name is the event data store
				case err == nil:
					t.Errorf("%s ran", sql)
				case (tt.want == denied || tt.want == other) && d == "duckdb" && !errors.Is(err, engine.ErrNotAllowed):
					t.Errorf("%s: got %v, want ErrNotAllowed", sql, err)
				case !errors.As(err, &sqlError):
					t.Errorf("%s: got %v, want an SQLError", sql, err)
				}
			})
		}
	}
	if diff := cmp.Diff(before, contents(t, w.Root(), outside)); diff != "" {
		t.Errorf("files have changed: %s", diff)
	}
	if rows, _, err := rowsOf(t, e, "SELECT count(*)"); err != nil || len(rows) != 1 || rows[0] != "3" {
		t.Errorf("afterwards the table has %q rows, %v; want 3", rows, err)
	}
}

// readsLake: the statement only reads a table of some name.
func readsLake(sql string) bool {
	return strings.HasPrefix(sql, "SELECT * FROM ") && !strings.Contains(sql, "(") || strings.HasPrefix(sql, "DESCRIBE") || strings.HasPrefix(sql, "SHOW")
}

// contents are the files below some folders with their sizes and times, without
// the hints and markers of the catalog.
func contents(t *testing.T, roots ...string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, root := range roots {
		err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err == nil {
				files[name] = fmt.Sprint(info.Size(), info.ModTime())
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// TestSandboxWithoutGuard: the settings alone keep a statement inside the
// warehouse, should the guard ever miss one.
func TestSandboxWithoutGuard(t *testing.T) {
	w := newWarehouse(t)
	e := open(t, w, Options{})
	c, err := e.(*local).db.connect()
	if err != nil {
		t.Fatal(err)
	}
	defer c.close()
	secret := filepath.Join(t.TempDir(), "secret.txt")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		"SELECT * FROM read_text('" + secret + "')",
		"SELECT * FROM '" + secret + "'",
		"COPY (SELECT 1) TO '" + secret + ".out'",
		"ATTACH '" + secret + ".db'",
		"SELECT * FROM glob('/*')",
		"INSTALL httpfs",
		"LOAD httpfs",
		"SELECT * FROM 'https://example.com/x.parquet'",
		"SET enable_external_access = true",
		"SET GLOBAL allowed_directories = ['/']",
		"SET lock_configuration = false",
		"SET temp_directory = '/tmp'",
	} {
		t.Run(sql, func(t *testing.T) {
			if err := c.exec(sql); err == nil {
				t.Error("it ran")
			}
		})
	}
}

func TestOrdinaryStatementsPass(t *testing.T) {
	e := sample(t)
	for _, sql := range []string{
		"SELECT 'read_text(''/etc/passwd'')'",
		"SELECT eventname AS read_text FROM cloudtrail_logs LIMIT 1",
		"SELECT * FROM range(3) t(i), unnest([1, 2]) u(x)",
		"SELECT json_extract_string(requestparameters, '$.bucketName') FROM cloudtrail_logs LIMIT 1",
		"SELECT e.value FROM cloudtrail_logs, json_each(requestparameters) e LIMIT 1",
		"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT * FROM t",
		"SELECT count(*) FILTER (WHERE errorcode IS NOT NULL), approx_count_distinct(eventname) FROM cloudtrail_logs",
		"SELECT eventname, row_number() OVER (PARTITION BY region ORDER BY eventtime) FROM cloudtrail_logs QUALIFY row_number() OVER () < 3",
		"SELECT region, count(*) FROM cloudtrail_logs GROUP BY GROUPING SETS ((region), ())",
		"SELECT * FROM cloudtrail_logs TABLESAMPLE BERNOULLI (10)",
		"SELECT a.eventid FROM cloudtrail_logs a POSITIONAL JOIN cloudtrail_logs b LIMIT 1",
		"EXPLAIN SELECT * FROM cloudtrail_logs",
		"EXPLAIN ANALYZE SELECT count(*)",
		"SELECT DISTINCT (eventname, region) FROM cloudtrail_logs",
		"(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1",
		"SELECT function_name FROM duckdb_functions() LIMIT 1",
		"SELECT list_transform([1, 2], x -> x + 1), {'type': 'BASE_TABLE', 'sample': 1}",
		"TABLE cloudtrail_logs",
	} {
		t.Run(sql, func(t *testing.T) {
			if _, _, err := rowsOf(t, e, sql); err != nil {
				t.Error(err)
			}
		})
	}
}
