package dialect

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestStatements(t *testing.T) {
	tests := []struct {
		name, sql string
		want      Statement
	}{
		{"show tables", "SHOW TABLES;", Statement{Kind: ShowTables}},
		{"show tables with a pattern", "show tables in default 'cloud*'", Statement{Kind: ShowTables, Database: "default", Pattern: "cloud%"}},
		{"show views", "show views like 'a%'", Statement{Kind: ShowViews, Pattern: "a%"}},
		{"show databases", "SHOW DATABASES", Statement{Kind: ShowDatabases}},
		{"show schemas", "SHOW SCHEMAS LIKE 'x'", Statement{Kind: ShowDatabases, Pattern: "x"}},
		{"show columns", "SHOW COLUMNS IN default.cloudtrail_logs", Statement{Kind: ShowColumns, Name: "cloudtrail_logs"}},
		{"show columns from", "show columns from cloudtrail_logs from default", Statement{Kind: ShowColumns, Name: "cloudtrail_logs"}},
		{"show partitions of a trail by another name", "SHOW PARTITIONS my_trail_logs", Statement{Kind: ShowPartitions, Name: "cloudtrail_logs"}},
		{"show create table", "SHOW CREATE TABLE cloudtrail_logs", Statement{Kind: ShowCreateTable, Name: "cloudtrail_logs"}},
		{"describe", "DESCRIBE cloudtrail_logs", Statement{Kind: Describe, Name: "cloudtrail_logs"}},
		{"describe formatted", "describe formatted `default.cloudtrail_logs`", Statement{Kind: Describe, Name: "cloudtrail_logs"}},
		{"describe of a query", "describe select 1 as a", Statement{Kind: Describe, SQL: "select 1 as a", Source: "select 1 as a"}},
		{"create view", "CREATE VIEW denied AS SELECT eventname FROM my_trail WHERE errorcode IS NOT NULL", Statement{Kind: CreateView, Name: "denied",
			SQL:    "SELECT eventname FROM cloudtrail_logs AS my_trail WHERE errorcode IS NOT NULL",
			Source: "SELECT eventname FROM my_trail WHERE errorcode IS NOT NULL"}},
		{"replace view", `create or replace view "default"."My View" as select 1 x`, Statement{Kind: CreateView, Name: "my view", Database: "default", Replace: true, SQL: "select 1 x", Source: "select 1 x"}},
		{"drop view", "DROP VIEW IF EXISTS denied", Statement{Kind: DropView, Name: "denied", IfExists: true}},
		{"drop table", "DROP TABLE trail_old", Statement{Kind: DropTable, Name: "trail_old"}},
		{"unload", "UNLOAD (SELECT eventid FROM cloudtrail_logs) TO 's3://bucket/x/' WITH (format = 'PARQUET', partitioned_by = ARRAY['a', 'b'])",
			Statement{Kind: Unload, SQL: "SELECT eventid FROM cloudtrail_logs", Source: "SELECT eventid FROM cloudtrail_logs", Location: "s3://bucket/x/",
				Properties: map[string]string{"format": "PARQUET", "partitioned_by": "a,b"}}},
		{"prepare", "PREPARE by_name FROM SELECT eventid FROM cloudtrail_logs WHERE eventname = ? LIMIT ?", Statement{Kind: Prepare, Name: "by_name",
			SQL: "SELECT eventid FROM cloudtrail_logs WHERE eventname = ? LIMIT ?", Source: "SELECT eventid FROM cloudtrail_logs WHERE eventname = ? LIMIT ?", Parameters: 2, Marks: []int{75, 83}}},
		{"execute", "EXECUTE by_name USING 'it''s', -2, 1.5, true, null, DATE '2024-01-01'", Statement{Kind: Execute, Name: "by_name",
			Arguments: []any{"it's", int64(-2), 1.5, true, nil, "2024-01-01"}}},
		{"execute without values", "execute q", Statement{Kind: Execute, Name: "q"}},
		{"deallocate", "DEALLOCATE PREPARE q", Statement{Kind: Deallocate, Name: "q"}},
		{"explain", "EXPLAIN SELECT 1 AS a", Statement{Kind: Explain, SQL: "SELECT 1 AS a", Source: "SELECT 1 AS a"}},
		{"explain analyze", "explain analyze verbose select 1 a", Statement{Kind: ExplainAnalyze, SQL: "select 1 a", Source: "select 1 a"}},
		{"repair", "MSCK REPAIR TABLE cloudtrail_logs", Statement{Kind: NotNeeded, Name: "cloudtrail_logs", Note: "partitions are tracked when records are converted"}},
		{"add partition", "ALTER TABLE cloudtrail_logs ADD IF NOT EXISTS PARTITION (region='us-east-1', year='2024') LOCATION 's3://b/'",
			Statement{Kind: NotNeeded, Name: "cloudtrail_logs", Note: "partitions are tracked when records are converted"}},
		{"macros in order of creation", "select array_union(resources, resources) as x from cloudtrail_logs", Statement{Kind: Query,
			SQL:    "select trino_array_union(resources, resources) as x from cloudtrail_logs",
			Source: "select array_union(resources, resources) as x from cloudtrail_logs",
			Macros: []string{"trino_array_distinct", "trino_array_union"}}},
		{"time travel", "select eventid from cloudtrail_logs for timestamp as of timestamp '2024-01-01 00:00:00 UTC' t", Statement{Kind: Query,
			SQL:    "select eventid from cloudtrail_logs AS t AT (TIMESTAMP => CAST(TIMESTAMPTZ '2024-01-01 00:00:00 UTC' AS TIMESTAMP)) ",
			Source: "select eventid from cloudtrail_logs for timestamp as of timestamp '2024-01-01 00:00:00 UTC' t"}},
		{"metadata tables", `select * from "default"."my_trail$partitions"`, Statement{Kind: Query,
			SQL:    `select * from "cloudtrail_logs$partitions" AS "my_trail$partitions"`,
			Source: `select * from "default"."my_trail$partitions"`}},
		{"information_schema", "select table_name from awsdatacatalog.information_schema.tables", Statement{Kind: Query,
			SQL:    "select table_name from information_schema.tables",
			Source: "select table_name from awsdatacatalog.information_schema.tables"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Translate(tt.sql, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(&tt.want, s, cmpopts.IgnoreUnexported(Statement{})); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestStatementsRefused(t *testing.T) {
	tests := []struct {
		name, sql, want string
		notAllowed      bool
	}{
		{"insert", "INSERT INTO cloudtrail_logs SELECT 1", "line 1:1: INSERT is not a statement for queries (the table is written by trailql convert only)", true},
		{"copy", "COPY cloudtrail_logs TO 'x.csv'", "line 1:1: COPY is not a statement for queries", true},
		{"attach", "ATTACH 'x.db'", "line 1:1: ATTACH is not a statement for queries", true},
		{"drop schema", "DROP SCHEMA x", "line 1:1: only views and registered tables can be dropped", true},
		{"create table", "CREATE TABLE x AS SELECT 1", "line 1:1: tables are made by trailql convert only (use CREATE VIEW, or UNLOAD for a copy of the rows)", true},
		{"create macro", "CREATE MACRO x() AS 1", "line 1:1: this CREATE is not supported (use CREATE VIEW or CREATE EXTERNAL TABLE)", true},
		{"misspelt verb", "SELCT eventname FROM cloudtrail_logs", `line 1:1: SELCT is not a statement for queries (did you mean "select"?)`, true},
		{"alter table", "ALTER TABLE cloudtrail_logs RENAME TO x", "line 1:1: the table cannot be altered (it is written by trailql convert only)", true},
		{"unknown table", "DESCRIBE cloudtrial", `line 1:10: table "cloudtrial" does not exist`, false},
		{"unload without a query", "UNLOAD cloudtrail_logs TO 'x'", "line 1:1: UNLOAD needs a query in parentheses (write UNLOAD (SELECT …) TO 'folder' WITH (format = 'PARQUET'))", false},
		{"prepare of a prepare", "PREPARE a FROM PREPARE b FROM SELECT 1", "line 1:16: only queries can be prepared", false},
		{"execute of an expression", "EXECUTE q USING now()", "line 1:17: values are constants (write 'text', 12, 1.5, true, null, DATE '…' or TIMESTAMP '…')", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Translate(tt.sql, Options{})
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("got error %v, want an *Error", err)
			}
			if e.Error() != tt.want || e.NotAllowed != tt.notAllowed {
				t.Errorf("got  %s, not allowed: %v\nwant %s, not allowed: %v", e, e.NotAllowed, tt.want, tt.notAllowed)
			}
		})
	}
}
