//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestQuery(t *testing.T) {
	e := sample(t)
	tests := []struct {
		name, sql string
		params    []any
		want      []string
		files     int // read after pruning, of 4
	}{
		{name: "the first query", sql: "SELECT * WHERE eventsource='s3.amazonaws.com' AND eventid='e3' ORDER BY region, date LIMIT 1", files: 4,
			want: []string{`e3|2023-07-10T03:00:00Z|s3.amazonaws.com|Get3|(null)|{"bucketName":"b3"}|{"arn":"arn:aws:iam::1:user/u1","type":"IAMUser"}|[{"arn":"arn:aws:s3:::b3"}]|2023-07-10T03:00:00Z|3|eu-west-1|2023-07-10`}},
		{name: "count", sql: "SELECT count(*)", want: []string{"96"}, files: 4},
		{name: "constant", sql: "SELECT 1", want: []string{"1"}},
		{name: "partition", sql: "SELECT count(*) FROM cloudtrail_logs WHERE region = 'us-east-1' AND date = '2023-07-10'", want: []string{"24"}, files: 1},
		{name: "region list", sql: "SELECT count(*) FROM cloudtrail_logs WHERE region IN ('us-east-1', 'ap-south-1')", want: []string{"48"}, files: 2},
		{name: "dates between", sql: "SELECT count(*) FROM cloudtrail_logs WHERE date BETWEEN '2023-07-11' AND '2023-07-31'", want: []string{"48"}, files: 2},
		{name: "prefix", sql: "SELECT count(*) FROM cloudtrail_logs WHERE region LIKE 'eu-%'", want: []string{"48"}, files: 2},
		{name: "event time", sql: "SELECT count(*) FROM cloudtrail_logs WHERE eventtimestamp >= TIMESTAMP '2023-07-11 12:00:00'", want: []string{"24"}, files: 2},
		{name: "no file", sql: "SELECT count(*) FROM cloudtrail_logs WHERE region = 'none'", want: []string{"0"}},
		{name: "either condition", sql: "SELECT count(*) FROM cloudtrail_logs WHERE region = 'us-east-1' OR date = '2023-07-10'", want: []string{"72"}, files: 3},
		{name: "negation", sql: "SELECT count(*) FROM cloudtrail_logs WHERE NOT (region = 'us-east-1')", want: []string{"48"}, files: 2},
		{name: "two places", sql: "SELECT (SELECT count(*) FROM cloudtrail_logs WHERE region = 'us-east-1' AND date = '2023-07-10') + (SELECT count(*) FROM cloudtrail_logs c WHERE c.region = 'eu-west-1' AND date = '2023-07-11')", want: []string{"48"}, files: 2},
		{name: "two places, one whole", sql: "SELECT count(*) FROM cloudtrail_logs WHERE region = 'us-east-1' UNION ALL SELECT count(*) FROM cloudtrail_logs", want: []string{"48", "96"}, files: 4},
		{name: "join", sql: "SELECT count(*) FROM cloudtrail_logs a JOIN cloudtrail_logs b ON a.eventid = b.eventid WHERE a.region = 'us-east-1' AND b.region = 'eu-west-1' AND a.date = '2023-07-10' AND b.date = '2023-07-10'", want: []string{"24"}, files: 2},
		{name: "left join", sql: "SELECT count(*) FROM cloudtrail_logs a LEFT JOIN cloudtrail_logs b ON a.eventid = b.eventid AND b.region = 'none' WHERE a.region = 'us-east-1'", want: []string{"48"}, files: 2},
		{name: "left join, condition on the right", sql: "SELECT count(*) FROM cloudtrail_logs a LEFT JOIN cloudtrail_logs b ON a.eventid = b.eventid WHERE b.region IS NULL", want: []string{"0"}, files: 4},
		{name: "WITH of the table's name", sql: "WITH cloudtrail_logs AS (SELECT 'us-east-1' AS region) SELECT count(*) FROM cloudtrail_logs WHERE region = 'us-east-1'", want: []string{"1"}, files: 4},
		{name: "alias of a column's name", sql: "SELECT 'us-east-1' AS region, count(*) FROM cloudtrail_logs WHERE region = 'eu-west-1'", want: []string{"us-east-1|48"}, files: 2},
		{name: "mixed case", sql: `SELECT Count(*) FROM "CloudTrail_Logs" WHERE Region = 'us-east-1' AND CloudTrail_Logs.Date = '2023-07-10'`, want: []string{"24"}, files: 1},
		{name: "struct and list", sql: "SELECT DISTINCT useridentity.arn FROM cloudtrail_logs, UNNEST(resources) t(r) WHERE r.arn = 'arn:aws:s3:::b1'", want: []string{"arn:aws:iam::1:user/u1"}, files: 4},
		{name: "empty table", sql: "SELECT count(*), max(reason) FROM rejected_records", want: []string{"0|(null)"}},
		{name: "parameters", sql: "SELECT count(*) FROM cloudtrail_logs WHERE region = ? AND sourceindex < ?", params: []any{"us-east-1", 10}, want: []string{"20"}, files: 2},
		{name: "integer division", sql: "SELECT 7 / 2", want: []string{"3"}},
		{name: "UTC", sql: "SELECT CAST('2023-07-10T00:00:00Z' AS TIMESTAMPTZ)", want: []string{"2023-07-10T00:00:00Z"}},
		{name: "describe", sql: "DESCRIBE rejected_records", want: []string{"reason|string|"}},
		{name: "show tables", sql: "SHOW TABLES", want: []string{"cloudtrail_logs", "rejected_records"}},
		{name: "information schema", sql: "SELECT table_name FROM information_schema.tables ORDER BY 1", want: []string{"cloudtrail_logs", "rejected_records"}},
		{name: "values", sql: "VALUES (1, 'a'), (2, NULL)", want: []string{"1|a", "2|(null)"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, stats, err := rowsOf(t, e, tt.sql, tt.params...)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if stats.Files != tt.files {
				t.Errorf("read %d of %d files, want %d", stats.Files, stats.FilesTotal, tt.files)
			}
			if int(stats.Rows) != len(got) {
				t.Errorf("stats count %d rows, got %d", stats.Rows, len(got))
			}
		})
	}
}

// TestDuckDBPrunes: what the guard does not see, DuckDB leaves out by the paths.
func TestDuckDBPrunes(t *testing.T) {
	rows, stats, err := rowsOf(t, sample(t), "EXPLAIN SELECT count(*) FROM (SELECT * FROM cloudtrail_logs) WHERE region = 'us-east-1' AND date = '2023-07-10'")
	if err != nil {
		t.Fatal(err)
	}
	if stats.Files != 4 {
		t.Errorf("handed over %d files, want all 4", stats.Files)
	}
	if len(rows) != 1 || !strings.Contains(rows[0], "Scanning Files: 1/4") {
		t.Errorf("the plan does not scan one file of four: %s", rows)
	}
}

func TestVersion(t *testing.T) {
	e := sample(t)
	version, err := e.(interface {
		Version(context.Context) (string, error)
	}).Version(t.Context())
	if err != nil || !regexp.MustCompile(`^version \d+, cloudtrail_logs snapshot \d+ of 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ$`).MatchString(version) {
		t.Errorf("version %q, %v", version, err)
	}
}
