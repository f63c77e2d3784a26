//go:build cgo && duckdb_arrow

package duck

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine"
)

const pastedTable = `CREATE EXTERNAL TABLE my_events (
  userIdentity STRUCT<type: STRING, arn: STRING>, eventTime STRING, eventSource STRING,
  eventName STRING, errorCode STRING, requestParameters STRING, eventId STRING)
PARTITIONED BY (day string)
ROW FORMAT SERDE 'org.apache.hive.hcatalog.data.JsonSerDe'
STORED AS INPUTFORMAT 'com.amazon.emr.cloudtrail.CloudTrailInputFormat'
OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'
LOCATION 's3://bucket/AWSLogs/1/CloudTrail/us-east-1'
TBLPROPERTIES ('projection.enabled'='true', 'projection.day.type'='date', 'projection.day.format'='yyyy/MM/dd',
  'projection.day.range'='2020/01/01,NOW', 'storage.location.template'='s3://bucket/AWSLogs/1/CloudTrail/us-east-1/${day}')`

// TestStatements runs a session: each step sees what those before it have done.
func TestStatements(t *testing.T) {
	w := newWarehouse(t)
	for _, date := range []string{"2023-07-10", "2023-07-11"} {
		w.add(t, "us-east-1", date, 24)
	}
	e := open(t, w, Options{})
	steps := []struct {
		sql   string
		want  []string
		err   string // part of the error
		files int
	}{
		{sql: "SHOW DATABASES", want: []string{"default"}},
		{sql: "SHOW TABLES", want: []string{"cloudtrail_logs", "rejected_records"}},
		{sql: "SHOW TABLES LIKE 'rej%'", want: []string{"rejected_records"}},
		{sql: "SHOW TABLES 'cloud*'", want: []string{"cloudtrail_logs"}},
		{sql: "SHOW VIEWS"},
		{sql: "SHOW PARTITIONS cloudtrail_logs", want: []string{"region=us-east-1/date=2023-07-10", "region=us-east-1/date=2023-07-11"}},
		{sql: "SHOW COLUMNS IN rejected_records", want: []string{"reason"}},
		{sql: "DESCRIBE rejected_records", want: []string{"reason|string|"}},
		{sql: "SHOW CREATE TABLE nothing", err: `table "nothing" does not exist`},

		{sql: "CREATE VIEW denied AS SELECT eventname, count(*) AS n FROM cloudtrail_logs WHERE errorcode = 'AccessDenied' AND dt = '2023-07-10' GROUP BY eventname", want: nil},
		{sql: "CREATE VIEW denied AS SELECT 1 AS a", err: `"denied" exists already`},
		{sql: "SELECT sum(n) FROM denied", want: []string{"6"}, files: 1},
		{sql: "SELECT count(*) FROM denied a JOIN denied b ON a.eventname = b.eventname", want: []string{"5"}, files: 1},
		{sql: "SELECT nn FROM denied", err: `column "nn"`},
		{sql: "CREATE VIEW top AS SELECT eventname FROM denied ORDER BY n DESC, eventname LIMIT 1"},
		{sql: "SELECT * FROM top", want: []string{"Get0"}, files: 1},
		{sql: "CREATE OR REPLACE VIEW denied AS SELECT eventname, 1 AS n FROM top", err: "refers to itself"},
		{sql: "CREATE OR REPLACE VIEW denied AS SELECT eventname, 7 AS n FROM cloudtrail_logs WHERE eventid = 'e0' AND dt = '2023-07-11'"},
		{sql: "SELECT * FROM top", want: []string{"Get0"}, files: 1},
		// A view of * has the partition columns, as in Athena.
		{sql: "CREATE VIEW some AS SELECT * FROM cloudtrail_logs WHERE errorcode = 'AccessDenied'"},
		{sql: "CREATE VIEW same AS SELECT * FROM some"},
		{sql: "SELECT count(*) FROM same WHERE year = '2023' AND day = '10'", want: []string{"6"}, files: 1},
		{sql: "SELECT count(*) FROM same a JOIN some b ON a.eventid = b.eventid WHERE a.day = '10' AND b.day = '11'", want: []string{"6"}, files: 2},
		{sql: "SELECT count(*) FROM some WHERE day = '10' AND eventid IN (SELECT eventid FROM same)", want: []string{"6"}, files: 2},
		{sql: "CREATE OR REPLACE VIEW same AS SELECT * FROM some ORDER BY eventtime DESC LIMIT 1"},
		{sql: "SELECT count(*) FROM same WHERE day = '10'", want: []string{"0"}, files: 2},
		{sql: "CREATE OR REPLACE VIEW same AS SELECT * FROM some WHERE eventid IN (SELECT eventid FROM cloudtrail_logs WHERE dt = '2023-07-11')"},
		{sql: "SELECT count(*) FROM same WHERE day = '10'", want: []string{"6"}, files: 2},
		{sql: "CREATE OR REPLACE VIEW some AS SELECT eventname, date FROM cloudtrail_logs"},
		{sql: "SELECT count(*) FROM some WHERE day = '10'", err: `column "day" does not exist`},
		{sql: "DROP VIEW same"},
		{sql: "DROP VIEW some"},
		{sql: "CREATE VIEW wrong AS SELECT evntname FROM cloudtrail_logs", err: `line 1:29: column "evntname"`},
		{sql: "CREATE VIEW cloudtrail_logs AS SELECT 1 AS a", err: "is a table or a built-in view"},
		{sql: "CREATE VIEW twice AS SELECT eventid, eventid FROM cloudtrail_logs", err: "is there twice"},
		{sql: "SHOW VIEWS", want: []string{"denied", "top"}},
		{sql: "SHOW CREATE VIEW top", want: []string{"CREATE VIEW \"top\" AS\nSELECT eventname FROM denied ORDER BY n DESC, eventname LIMIT 1"}},
		{sql: "DESCRIBE denied", want: []string{"eventname|varchar|", "n|integer|"}},
		{sql: "SELECT table_name, table_type FROM information_schema.tables WHERE table_schema = 'default' ORDER BY 1", want: []string{"cloudtrail_logs|BASE TABLE", "denied|VIEW", "rejected_records|BASE TABLE", "top|VIEW"}},
		{sql: "SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'rejected_records'", want: []string{"reason|string"}},
		{sql: "SELECT v.table_name FROM information_schema.views AS v ORDER BY 1", want: []string{"denied", "top"}},
		{sql: "SELECT schema_name FROM information_schema.schemata ORDER BY 1", want: []string{"default", "information_schema"}},
		{sql: "DROP VIEW top"},
		{sql: "DROP VIEW top", err: `view "top" does not exist`},
		{sql: "DROP VIEW IF EXISTS top"},
		{sql: "DROP VIEW cloudtrail_logs", err: "not allowed"},
		{sql: "SELECT * FROM top", err: `table "top" does not exist`},

		{sql: pastedTable, want: []string{"my_events reads cloudtrail_logs"}},
		{sql: pastedTable, want: []string{"my_events reads cloudtrail_logs"}},
		{sql: "SELECT count(*) FROM my_events WHERE day = '2023/07/10'", want: []string{"24"}, files: 1},
		{sql: "SELECT count(*) FROM default.my_events e WHERE e.day >= '2023/07/10'", want: []string{"48"}, files: 2},
		{sql: "CREATE VIEW over AS SELECT eventid FROM my_events WHERE day = '2023/07/11'"},
		{sql: "SELECT count(*) FROM over", want: []string{"24"}, files: 1},
		{sql: "MSCK REPAIR TABLE my_events", want: []string{""}},
		{sql: "DROP VIEW my_events", err: "is not a view"},
		{sql: "DROP TABLE my_events"},
		{sql: "SELECT count(*) FROM over", err: `view "over"`},

		{sql: "PREPARE p FROM SELECT count(*) FROM cloudtrail_logs WHERE dt = ? AND sourceindex < ?"},
		{sql: "EXECUTE p USING '2023-07-10', 10", want: []string{"10"}, files: 1},
		{sql: "EXECUTE p USING '2023-07-10'", err: "has 2 parameters, got 1"},
		{sql: "DEALLOCATE PREPARE p"},
		{sql: "EXECUTE p USING '2023-07-10', 10", err: `prepared statement "p" does not exist`},

		{sql: `SELECT region, date, year, record_count, file_count FROM "cloudtrail_logs$partitions" ORDER BY date`, want: []string{"us-east-1|2023-07-10|2023|24|1", "us-east-1|2023-07-11|2023|24|1"}},
		{sql: `SELECT count(*), sum(record_count) FROM "cloudtrail_logs$files"`, want: []string{"2|48"}},
		{sql: `SELECT operation, summary['total-records'] FROM "cloudtrail_logs$snapshots" ORDER BY committed_at`, want: []string{"append|24", "append|48"}},
		{sql: "UNLOAD (SELECT 1 AS a) TO 'x' WITH (format = 'PARQUET')", err: "not allowed: UNLOAD writes files"},
	}
	for _, step := range steps {
		rows, stats, err := rowsOf(t, e, step.sql)
		switch {
		case step.err != "":
			if err == nil || !strings.Contains(err.Error(), step.err) {
				t.Errorf("%s: got %v, want %s", step.sql, err, step.err)
			}
		case err != nil:
			t.Errorf("%s: %v", step.sql, err)
		case strings.HasPrefix(step.sql, "MSCK"):
			if len(rows) != 1 {
				t.Errorf("%s: got %q", step.sql, rows)
			}
		default:
			if diff := cmp.Diff(step.want, rows); diff != "" {
				t.Errorf("%s: %s", step.sql, diff)
			}
			if stats.Files != step.files {
				t.Errorf("%s: read %d files, want %d", step.sql, stats.Files, step.files)
			}
		}
	}
	again, err := Open(t.Context(), Options{Catalog: w.Catalog, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if rows, _, err := rowsOf(t, again, "SELECT * FROM denied"); err != nil || len(rows) != 1 || rows[0] != "Get0|7" {
		t.Errorf("another engine: got %q, %v", rows, err)
	}
}

func TestTimeTravel(t *testing.T) {
	w := newWarehouse(t)
	w.add(t, "us-east-1", "2023-07-10", 24)
	time.Sleep(5 * time.Millisecond)
	between := time.Now().UTC()
	time.Sleep(5 * time.Millisecond)
	w.add(t, "us-east-1", "2023-07-11", 24)
	s, err := w.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	logs, err := s.Table("cloudtrail_logs")
	if err != nil {
		t.Fatal(err)
	}
	at := "TIMESTAMP '" + between.Format("2006-01-02 15:04:05.000000") + " UTC'"
	version := strconv.FormatInt(logs.History()[0].ID, 10)
	e := open(t, w, Options{})
	tests := []struct {
		name, sql, want string
		files           int
	}{
		{"timestamp", "SELECT count(*) FROM cloudtrail_logs FOR TIMESTAMP AS OF " + at, "24", 1},
		{"alias and condition", "SELECT count(c.eventid), max(c.dt) FROM cloudtrail_logs FOR TIMESTAMP AS OF " + at + " AS c WHERE c.sourceindex < 10", "10|2023-07-10", 1},
		{"version", "SELECT count(*) FROM cloudtrail_logs FOR VERSION AS OF " + version, "24", 1},
		{"both", "SELECT (SELECT count(*) FROM cloudtrail_logs) - (SELECT count(*) FROM cloudtrail_logs FOR VERSION AS OF " + version + ")", "24", 3},
		{"qualified by the table's name", "SELECT count(cloudtrail_logs.eventid) FROM cloudtrail_logs FOR VERSION AS OF " + version, "24", 1},
		{"now", "SELECT count(*) FROM cloudtrail_logs FOR TIMESTAMP AS OF current_timestamp", "48", 2},
	}
	for _, tt := range tests {
		rows, stats, err := rowsOf(t, e, tt.sql)
		if err != nil || len(rows) != 1 || rows[0] != tt.want || stats.Files != tt.files {
			t.Errorf("%s: got %q, %d files, %v; want %s, %d", tt.name, rows, stats.Files, err, tt.want, tt.files)
		}
	}
	for _, sql := range []string{
		"SELECT * FROM cloudtrail_logs FOR TIMESTAMP AS OF TIMESTAMP '2001-01-01 00:00:00'",
		"SELECT * FROM cloudtrail_logs FOR VERSION AS OF 1",
	} {
		_, _, err := rowsOf(t, e, sql)
		if _, ok := errors.AsType[*engine.SQLError](err); !ok || !strings.Contains(err.Error(), "does not exist") {
			t.Errorf("%s: got %v", sql, err)
		}
	}
}

func TestUnload(t *testing.T) {
	w := newWarehouse(t)
	w.add(t, "us-east-1", "2023-07-10", 24)
	dir := t.TempDir()
	e := open(t, w, Options{UnloadDir: dir})
	if err := os.Symlink("/tmp", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		sql, file, err string
	}{
		{sql: "UNLOAD (SELECT eventid, dt FROM cloudtrail_logs) TO 'a/b' WITH (format = 'PARQUET')", file: "a/b/part-00000.parquet"},
		{sql: "UNLOAD (SELECT eventid FROM cloudtrail_logs) TO 'a/b' WITH (format = 'PARQUET')", err: "not empty"},
		{sql: "UNLOAD (SELECT eventid FROM cloudtrail_logs) TO 'json' WITH (format = 'JSON', compression = 'NONE')", file: "json/part-00000.jsonl"},
		{sql: "UNLOAD (SELECT eventid, eventname FROM cloudtrail_logs) TO 'text' WITH (format = 'TEXTFILE', field_delimiter = ',')", file: "text/part-00000.csv.gz"},
		{sql: "UNLOAD (SELECT eventid FROM cloudtrail_logs) TO 'orc' WITH (format = 'ORC')", err: "not supported"},
		{sql: "UNLOAD (SELECT eventid FROM cloudtrail_logs) TO 's3://bucket/x' WITH (format = 'PARQUET')", err: "not allowed"},
		{sql: "UNLOAD (SELECT eventid FROM cloudtrail_logs) TO '../x' WITH (format = 'PARQUET')", err: "not allowed"},
		{sql: "UNLOAD (SELECT eventid FROM cloudtrail_logs) TO '/tmp/x' WITH (format = 'PARQUET')", err: "not allowed"},
		{sql: "UNLOAD (SELECT eventid FROM cloudtrail_logs) TO 'link/x' WITH (format = 'PARQUET')", err: "not allowed"},
		{sql: "UNLOAD (SELECT * FROM read_text('/etc/passwd')) TO 'c' WITH (format = 'JSON')", err: "not allowed"},
		{sql: "UNLOAD (SELECT CAST(eventname AS integer) FROM cloudtrail_logs) TO 'd' WITH (format = 'JSON')", err: "Could not convert"},
	}
	for _, tt := range tests {
		rows, _, err := rowsOf(t, e, tt.sql)
		if tt.err != "" {
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s: got %v, want %s", tt.sql, err, tt.err)
			}
			continue
		}
		if err != nil || len(rows) != 1 || rows[0] != "24" {
			t.Errorf("%s: got %q, %v", tt.sql, rows, err)
		}
		if _, err := os.Stat(filepath.Join(dir, tt.file)); err != nil {
			t.Error(err)
		}
	}
	left, err := filepath.Glob(filepath.Join(dir, ".trailql-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestScanLimit(t *testing.T) {
	w := newWarehouse(t)
	w.add(t, "us-east-1", "2023-07-10", 24)
	w.add(t, "us-east-1", "2023-07-11", 24)
	e := open(t, w, Options{})
	one := int64(0)
	s, err := w.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	logs, err := s.Table("cloudtrail_logs")
	if err != nil {
		t.Fatal(err)
	}
	files, _, err := logs.Plan(t.Context(), catalog.Predicate{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		one = max(one, f.Bytes)
	}
	_, err = drain(t.Context(), e, engine.Query{SQL: "SELECT * FROM cloudtrail_logs", Limits: engine.Limits{Scan: one}})
	if !errors.Is(err, engine.ErrLimit) || !strings.Contains(err.Error(), "in 2 of 2 files") {
		t.Errorf("got %v", err)
	}
	_, err = drain(t.Context(), e, engine.Query{SQL: "SELECT * FROM cloudtrail_logs", Limits: engine.Limits{Scan: 1000}})
	if err == nil || !strings.Contains(err.Error(), "allowed are 1.0 kB") {
		t.Errorf("got %v", err)
	}
	if rows, err := drain(t.Context(), e, engine.Query{SQL: "SELECT * FROM cloudtrail_logs WHERE dt = '2023-07-10'", Limits: engine.Limits{Scan: one}}); rows != 24 || err != nil {
		t.Errorf("got %d, %v", rows, err)
	}
}
