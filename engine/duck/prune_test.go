//go:build cgo && duckdb_arrow

package duck

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/engine"
)

// converted is the warehouse of testdata/sample: three regions and three days,
// June 1 to 3, 2025, with a file for each.
func converted(t testing.TB) engine.Engine { return convertedFrom(t, "../../testdata/sample") }

func convertedFrom(t testing.TB, source string) engine.Engine {
	t.Helper()
	c, err := catalog.Create(t.Context(), filepath.Join(t.TempDir(), "warehouse"), catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := convert.Run(t.Context(), convert.Options{Catalog: c, Sources: []string{source}}); err != nil {
		t.Fatal(err)
	}
	e, err := Open(t.Context(), Options{Catalog: c, TempDir: t.TempDir(), UnloadDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// TestPruning: conditions in any spelling read the files that they need, and
// give the rows that they give when nothing is left out.
func TestPruning(t *testing.T) {
	e := converted(t)
	const (
		oneDay = "eventtimestamp >= TIMESTAMP '2025-06-02' AND eventtimestamp < TIMESTAMP '2025-06-03'"
		all    = 9
	)
	tests := []struct {
		where string
		same  string // a condition with the same rows
		files int
	}{
		// Partition columns under the names that people gave them.
		{"year = '2025' AND month = '06' AND day = '02'", oneDay, 3},
		{"year = '2025' AND month = '06' AND day IN ('02', '09')", oneDay, 3},
		{"year = 2025 AND month = 6 AND day = 2", oneDay, 3},
		{"year || month || day = '20250602'", oneDay, 3},
		{"concat(year, '-', month, '-', day) BETWEEN '2025-06-02' AND '2025-06-02'", oneDay, 3},
		{"yyyy = '2025' AND mm = '06' AND dd = '02'", oneDay, 3},
		{"timestamp = '2025/06/02'", oneDay, 3},
		{`"timestamp" BETWEEN '2025/06/02' AND '2025/06/02'`, oneDay, 3},
		{"timestamp >= '2025/06/02' AND timestamp < '2025/06/03'", oneDay, 3},
		{"timestamp >= date_format(date '2025-06-03' - interval '1' day, '%Y/%m/%d') AND timestamp < '2025/06/03'", oneDay, 3},
		{"timestamp LIKE '2025/06/02%'", oneDay, 3},
		{"date_parse(timestamp, '%Y/%m/%d') = timestamp '2025-06-02 00:00:00'", oneDay, 3},
		{"date = '2025-06-02'", oneDay, 3},
		{"dt = '2025-06-02'", oneDay, 3},
		{"eventdate = '2025-06-02'", oneDay, 3},
		{"ingest_date = '2025-06-02'", oneDay, 3},
		{"date_partition = '2025/06/02'", oneDay, 3},
		{"p_date = '2025/06/02'", oneDay, 3},
		{"cast(date AS date) = date '2025-06-02'", oneDay, 3},
		{"day >= '2025/06/02' AND day < '2025/06/03'", oneDay, 3},
		{"dt = '2025/06/02'", oneDay, 3},
		{"timestamp BETWEEN '2025-06-02' AND '20250602'", oneDay, 3},
		{"region = 'us-west-2'", "awsregion = 'us-west-2'", 3},
		{"region_partition IN ('us-west-2')", "region = 'us-west-2'", 3},
		{"p_region = 'us-west-2'", "region = 'us-west-2'", 3},
		{"awsregion = 'us-west-2'", "region = 'us-west-2'", 3},
		{"awsregion LIKE 'us-west%'", "region = 'us-west-2'", 3},
		{"lower(awsregion) = 'us-west-2'", "region = 'us-west-2'", 3},
		{"region <> 'us-east-1' AND NOT region = 'eu-west-1'", "region = 'us-west-2'", 3},
		{"region = 'us-west-2' AND year = '2025' AND month = '06' AND day = '02'", "region = 'us-west-2' AND " + oneDay, 1},
		{"(region = 'us-west-2' OR region = 'us-east-1') AND dt = '2025-06-02'", "awsregion LIKE 'us-%' AND " + oneDay, 2},
		{"dt = '2025-06-02' AND account_id = '111111111111'", oneDay + " AND recipientaccountid = '111111111111'", 3},
		{"dt = (CASE WHEN region = 'us-west-2' THEN '2025-06-02' ELSE 'x' END)", "region = 'us-west-2' AND " + oneDay, 1},

		// The event time as text.
		{"eventtime >= '2025-06-02T00:00:00Z' AND eventtime < '2025-06-03T00:00:00Z'", oneDay, 3},
		{"eventtime > '2025-06-02' AND eventtime < '2025-06-03'", oneDay, 3},
		{"eventtime BETWEEN '2025-06-02T00:00:00Z' AND '2025-06-02T23:59:59Z'", oneDay, 3},
		{"eventtime LIKE '2025-06-02%'", oneDay, 3},
		{"eventtime LIKE '2025-06-02T%'", oneDay, 3},
		{"starts_with(eventtime, '2025-06-02')", oneDay, 3},
		{"substr(eventtime, 1, 10) = '2025-06-02'", oneDay, 3},
		{"substring(eventtime, 9, 2) = '02'", oneDay, 3},
		{"split_part(eventtime, 'T', 1) = '2025-06-02'", oneDay, 3},
		{"eventtime >= '2025-06-02 00:00:00' AND eventtime <= '2025-06-02U'", oneDay, 3},
		{"'2025-06-03' > eventtime AND '2025-06-02' < eventtime", oneDay, 3},
		{"eventtime > date_format(timestamp '2025-06-02 00:00:00', '%Y-%m-%dT%H:%i:%sZ') AND eventtime < '2025-06-03'", oneDay, 3},
		{"eventtime > to_iso8601(timestamp '2025-06-03 00:00:00' - interval '1' day) AND eventtime < '2025-06-03'", oneDay, 3},

		// The event time as a time.
		{"from_iso8601_timestamp(eventtime) BETWEEN timestamp '2025-06-02 00:00:00' AND timestamp '2025-06-02 23:59:59'", oneDay, 3},
		{"from_iso8601_timestamp(eventtime) >= from_iso8601_timestamp('2025-06-02T00:00:00Z') AND from_iso8601_timestamp(eventtime) < from_iso8601_timestamp('2025-06-03T00:00:00Z')", oneDay, 3},
		{"cast(from_iso8601_timestamp(eventtime) AS date) = date '2025-06-02'", oneDay, 3},
		{"date(from_iso8601_timestamp(eventtime)) = date '2025-06-02'", oneDay, 3},
		{"date_trunc('day', from_iso8601_timestamp(eventtime)) = timestamp '2025-06-02 00:00:00'", oneDay, 3},
		{"year(from_iso8601_timestamp(eventtime)) = 2025 AND month(from_iso8601_timestamp(eventtime)) = 6 AND day(from_iso8601_timestamp(eventtime)) = 2", oneDay, 3},
		{"extract(day FROM from_iso8601_timestamp(eventtime)) = 2", oneDay, 3},
		{"date_format(from_iso8601_timestamp(eventtime), '%Y-%m-%d') = '2025-06-02'", oneDay, 3},
		{"date_parse(eventtime, '%Y-%m-%dT%H:%i:%sZ') BETWEEN timestamp '2025-06-02 00:00:00' AND timestamp '2025-06-02 23:59:59'", oneDay, 3},
		{"parse_datetime(eventtime, 'yyyy-MM-dd''T''HH:mm:ss''Z''') BETWEEN parse_datetime('2025-06-02-00:00:00','yyyy-MM-dd-HH:mm:ss') AND parse_datetime('2025-06-02-23:59:59','yyyy-MM-dd-HH:mm:ss')", oneDay, 3},
		{"cast(eventtime AS timestamp) >= timestamp '2025-06-02 00:00:00' AND cast(eventtime AS timestamp) < timestamp '2025-06-03 00:00:00'", oneDay, 3},
		{"cast(eventtime AS timestamp) > timestamp '2025-06-03 00:00:00' - interval '1' day AND eventtime < '2025-06-03'", oneDay, 3},
		{"from_iso8601_timestamp(eventtime) > date_add('day', -1, timestamp '2025-06-03 00:00:00') AND eventtime < '2025-06-03'", oneDay, 3},
		{"to_unixtime(from_iso8601_timestamp(eventtime)) >= 1748822400 AND to_unixtime(from_iso8601_timestamp(eventtime)) < 1748908800", oneDay, 3},
		{"eventtimestamp >= timestamp '2025-06-02 00:00:00' AND eventtimestamp < timestamp '2025-06-03 00:00:00'", oneDay, 3},
		{"eventtimestamp >= '2025-06-02' AND eventtimestamp < '2025-06-03'", oneDay, 3},
		{"eventtimestamp >= timestamp '2025-06-03 19:00:00'", "eventtime >= '2025-06-03T19:00:00Z'", 2},
		{"eventtime > now() - interval '1' day", "1 = 0", 0},
		{"from_iso8601_timestamp(eventtime) > now() - interval '7' day", "1 = 0", 0},
		{"timestamp >= date_format(now() - interval '7' day, '%Y/%m/%d')", "1 = 0", 0},
		{"dt = cast(current_date AS varchar)", "1 = 0", 0},

		// What partitions say nothing about.
		{"eventname = 'AssumeRole'", "eventname LIKE 'AssumeRole'", all},
		{"dt = '2025-06-02' OR eventname = 'AssumeRole'", "eventname = 'AssumeRole' OR dt = '2025-06-02'", all},
		{"hour(from_iso8601_timestamp(eventtime)) = 15", "substr(eventtime, 12, 2) = '15'", all},
		{"eventtime LIKE '%15:08:26Z'", "substr(eventtime, 12) = '15:08:26Z'", all},
		{"NOT (eventtime < '2025-06-02' AND eventname = 'x')", "eventname <> 'x' OR eventtime >= '2025-06-02'", all},
	}
	for _, tt := range tests {
		t.Run(tt.where, func(t *testing.T) {
			rows, stats, err := rowsOf(t, e, "SELECT count(*), min(eventid), max(eventid) FROM cloudtrail_logs WHERE "+tt.where)
			if err != nil {
				t.Fatal(err)
			}
			if stats.Files != tt.files || stats.FilesTotal != all {
				t.Errorf("read %d of %d files, want %d", stats.Files, stats.FilesTotal, tt.files)
			}
			if stats.Partitions != tt.files || stats.PartitionsTotal != all {
				t.Errorf("read %d of %d partitions", stats.Partitions, stats.PartitionsTotal)
			}
			want, _, err := rowsOf(t, e, "SELECT count(*), min(eventid), max(eventid) FROM (SELECT * FROM cloudtrail_logs OFFSET 0) WHERE "+tt.same)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Join(rows, "") != strings.Join(want, "") {
				t.Errorf("got %q, want %q", rows, want)
			}
			if tt.files > 0 && strings.HasPrefix(rows[0], "0|") {
				t.Errorf("no rows")
			}
		})
	}
}

// TestPruningOddTimes: texts of times in every form that convert takes are found
// by comparisons, in which they are texts, wherever their partitions lie.
func TestPruningOddTimes(t *testing.T) {
	source := t.TempDir()
	var records []string
	for day := range 4 {
		for k, form := range []string{
			"2023-12-%02dT12:00:00Z", "2023-12-%02dT00:30:00+02:00", "2023-12-%02dT23:30:00-02:00", "2023-12-%02d 12:00:00", "202312%02dT120000Z",
			"2023-12-%02dT12:00:00", "2023-12-%02dT23:59:59.999Z", "2023-12-%02dT00:00:00Z", "2023-12-%02dT00:00:00.5Z",
		} {
			if (day+k)%3 > 0 { // not every form on every day
				records = append(records, fmt.Sprintf(`{"eventVersion":"1.08","eventName":"x","awsRegion":"us-east-1","eventID":"%d-%d","eventTime":"%s"}`, day, k, fmt.Sprintf(form, 28+day)))
			}
		}
	}
	text := `{"Records":[` + strings.Join(records, ",") + `]}`
	if err := os.WriteFile(filepath.Join(source, "a.json"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	e := convertedFrom(t, source)
	conditions := []string{
		"%s LIKE '2023-12-29%%'", "%s LIKE '20231229%%'", "%s LIKE '2023-12-29 %%'", "%s BETWEEN '2023-12-29' AND '2023-12-30'", "%s BETWEEN '20231229' AND '20231230'",
		"%s IN ('2023-12-29T12:00:00Z', '20231229T120000Z')", "substr(%s, 1, 10) = '2023-12-29'", "substr(%s, 1, 8) = '20231229'", "substr(%s, 1, 10) > '2023-12-29'", "substr(%s, 1, 7) = '2023-12'",
		"from_iso8601_timestamp(%s) < timestamp '2023-12-29 00:00:00 UTC'", "date(from_iso8601_timestamp(%s)) = date '2023-12-29'", "CAST(%s AS timestamp) >= timestamp '2023-12-30 00:00:00'",
	}
	for _, bound := range []string{
		"2023", "2023-12-28", "2023-12-29", "2023-12-29T00:00:00Z", "2023-12-29T00:00:00", "2023-12-29T12:00:00Z", "2023-12-29 12:00:00", "2023-12-30T23:59:59Z",
		"2023-12-31T23:59:59.999Z", "2024", "2024-01-01", "20231229", "20231229T120000Z", "20240101", "2023-12-29T00:30:00+02:00",
	} {
		for _, operator := range []string{"<", "<=", "=", ">=", ">"} {
			conditions = append(conditions, "%s "+operator+" '"+bound+"'")
		}
	}
	for _, condition := range conditions {
		count := func(column string) string {
			rows, _, err := rowsOf(t, e, "SELECT count(*) FROM cloudtrail_logs WHERE "+fmt.Sprintf(condition, column))
			if err != nil {
				return "error" // DuckDB's cast refuses some of the forms
			}
			return rows[0]
		}
		if got, want := count("eventtime"), count("concat(eventtime, '')"); got != want && want != "error" {
			t.Errorf("%s: %s rows, want %s", fmt.Sprintf(condition, "eventtime"), got, want)
		}
	}
}

// TestPruningDayTexts: the same of partitions whose texts of times all start with
// their day, where more can be left out.
func TestPruningDayTexts(t *testing.T) {
	tests := []struct {
		name   string
		times  []string
		before int // files that are read for texts below midnight
	}{
		{"from five", []string{"2026-10-01T05:00:00Z", "2026-10-01T06:00:00Z"}, 0},
		{"first minute", []string{"2026-10-01T00:00:30Z", "2026-10-01T23:59:59Z"}, 0},
		{"first second", []string{"2026-10-01T00:00:00Z", "2026-10-01T12:00:00Z"}, 0},
		{"fraction", []string{"2026-10-01T00:00:00.5Z", "2026-10-01T12:00:00Z"}, 1},
		{"midnight by an offset", []string{"2026-10-01T00:00:00-05:00"}, 1},
		{"midnight by an offset, and later", []string{"2026-10-01T00:00:00-05:00", "2026-10-01T10:00:00-01:00", "2026-10-01T10:00:00Z"}, 1},
		{"other offsets", []string{"2026-10-01T10:00:00-01:00", "2026-10-01T03:00:00+02:00"}, 0},
		{"the day before by an offset", []string{"2026-09-30T20:00:00-05:00"}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var records []string
			for i, at := range tt.times {
				records = append(records, fmt.Sprintf(`{"eventVersion":"1.08","eventName":"x","awsRegion":"us-east-1","eventID":"%d","eventTime":"%s"}`, i, at))
			}
			source := t.TempDir()
			if err := os.WriteFile(filepath.Join(source, "a.json"), []byte(`{"Records":[`+strings.Join(records, ",")+`]}`), 0o666); err != nil {
				t.Fatal(err)
			}
			e := convertedFrom(t, source)
			count := func(condition string) (rows string, files int) {
				got, stats, err := rowsOf(t, e, "SELECT count(*) FROM cloudtrail_logs WHERE "+condition)
				if err != nil {
					t.Fatal(err)
				}
				return got[0], stats.Files
			}
			bounds := append([]string{"2026-10-01", "2026-10-01T00:00:00", "2026-10-01T00:00:00Z", "2026-10-01T23:59:59Z", "2026-10-02"}, tt.times...)
			for _, bound := range bounds {
				for _, operator := range []string{"<", "<=", "=", ">=", ">"} {
					got, _ := count(fmt.Sprintf("eventtime %s '%s'", operator, bound))
					want, _ := count(fmt.Sprintf("concat(eventtime, '') %s '%s'", operator, bound))
					if got != want {
						t.Errorf("eventtime %s '%s': %s rows, want %s", operator, bound, got, want)
					}
				}
			}
			if _, files := count("eventtime < '2026-10-01T00:00:00Z'"); files != tt.before {
				t.Errorf("read %d files for texts below midnight, want %d", files, tt.before)
			}
		})
	}
}

// TestPruningInQueries: wherever the condition stands on the table.
func TestPruningInQueries(t *testing.T) {
	e := converted(t)
	tests := []struct {
		name, dialect, sql string
		params             []any
		files, total       int
	}{
		{"CTE", "", "WITH x AS (SELECT * FROM cloudtrail_logs WHERE dt = '2025-06-02') SELECT count(*) FROM x", nil, 3, 9},
		{"subquery", "", "SELECT count(*) FROM (SELECT * FROM cloudtrail_logs WHERE dt = '2025-06-02') WHERE eventname <> 'x'", nil, 3, 9},
		{"unnest", "", "SELECT count(*) FROM cloudtrail_logs CROSS JOIN UNNEST(resources) AS t(r) WHERE year = '2025' AND month = '06' AND day = '02'", nil, 3, 9},
		{"alias", "", "SELECT count(*) FROM cloudtrail_logs AS c WHERE c.day = '02' AND c.region = 'us-west-2'", nil, 1, 9},
		{"join", "", "SELECT count(*) FROM cloudtrail_logs a JOIN cloudtrail_logs b ON a.eventid = b.eventid AND b.dt = '2025-06-02' WHERE a.dt = '2025-06-02'", nil, 3, 9},
		{"left join", "", "SELECT count(*) FROM cloudtrail_logs a LEFT JOIN cloudtrail_logs b ON a.eventid = b.eventid AND b.dt = '2025-06-02' WHERE a.dt = '2025-06-02'", nil, 3, 9},
		{"IN subquery", "", "SELECT count(*) FROM cloudtrail_logs WHERE dt = '2025-06-02' AND eventid IN (SELECT eventid FROM cloudtrail_logs WHERE dt = '2025-06-03')", nil, 6, 9},
		{"union", "", "SELECT eventid FROM cloudtrail_logs WHERE dt = '2025-06-02' UNION ALL SELECT eventid FROM cloudtrail_logs WHERE region = 'us-west-2'", nil, 5, 9},
		{"parameters", "", "SELECT count(*) FROM cloudtrail_logs WHERE region = ? AND eventname <> ? AND dt = ?", []any{"us-west-2", "x", "2025-06-02"}, 1, 9},
		{"other name", "", "SELECT count(*) FROM mydb.my_trail_logs WHERE dt = '2025-06-02'", nil, 3, 9},
		{"view of a kind", "", "SELECT count(*) FROM management_events WHERE dt = '2025-06-02'", nil, 3, 9},
		{"no FROM", "", "SELECT count(*) WHERE dt = '2025-06-02'", nil, 3, 9},
		{"Lake", "lake", "SELECT count(*) FROM 5e2676f8-9fce-46ef-8142-3e36a94e6691 WHERE eventTime >= '2025-06-02 00:00:00' AND eventTime < '2025-06-03 00:00:00'", nil, 3, 9},
		{"Lake, timestamp", "lake", "SELECT count(*) FROM $EDS_ID WHERE eventTime > timestamp '2025-06-02 00:00:00' AND eventTime < timestamp '2025-06-03 00:00:00' AND awsRegion = 'us-west-2'", nil, 1, 9},
		{"Lake, between", "lake", "SELECT count(*) FROM eds WHERE eventTime BETWEEN '2025-06-02 00:00:00' AND '2025-06-02 23:59:59'", nil, 3, 9},
		{"Tailpipe", "duckdb", "SELECT count(*) FROM aws_cloudtrail_log WHERE tp_date = '2025-06-02' AND aws_region = 'us-west-2'", nil, 1, 9},
		{"Tailpipe, time", "duckdb", "SELECT count(*) FROM aws_cloudtrail_log WHERE event_time >= TIMESTAMP '2025-06-02' AND event_time < TIMESTAMP '2025-06-03'", nil, 3, 9},
		{"needle", "", "SELECT count(*) FROM cloudtrail_logs WHERE eventid = '001b1ede-769d-435f-99f2-03748101ebdb'", nil, 1, 9},
		{"needle, parameter", "", "SELECT count(*) FROM cloudtrail_logs WHERE eventid = ?", []any{"001b1ede-769d-435f-99f2-03748101ebdb"}, 1, 9},
		{"needle, parameters", "duckdb", "SELECT count(*) FROM cloudtrail_logs WHERE $2 <> 'x' AND eventid IN ($1)", []any{"001b1ede-769d-435f-99f2-03748101ebdb", "y"}, 1, 9},
		{"needle in a struct", "", "SELECT count(*) >= 0 FROM cloudtrail_logs c WHERE c.useridentity.arn IN ('arn:aws:iam::1:user/nobody')", nil, 1, 9}, // that file has no ARN, and so no filter
		{"needle of Tailpipe", "duckdb", "SELECT count(*) FROM aws_cloudtrail_log WHERE event_id = '001b1ede-769d-435f-99f2-03748101ebdb'", nil, 1, 9},
		{"needle of either place", "", "SELECT count(*) FROM cloudtrail_logs a JOIN cloudtrail_logs b ON a.eventid = '001b1ede-769d-435f-99f2-03748101ebdb' AND b.dt = '2025-06-02'", nil, 9, 9},
		{"two tables", "", "SELECT count(*) FROM cloudtrail_logs WHERE dt = '2025-06-02' AND sourceobject IN (SELECT object FROM source_files)", nil, 4, 10},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := e.Query(t.Context(), engine.Query{SQL: tt.sql, Dialect: tt.dialect, Params: tt.params})
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			n := ""
			for batch, err := range r.Batches() {
				if err != nil {
					t.Fatal(err)
				}
				n = fmt.Sprint(batch.Column(0))
			}
			if s := r.Stats(); s.Files != tt.files || s.FilesTotal != tt.total {
				t.Errorf("read %d of %d files, want %d of %d", s.Files, s.FilesTotal, tt.files, tt.total)
			}
			if n == "[0]" && tt.name != "IN subquery" {
				t.Error("no rows")
			}
		})
	}
}
