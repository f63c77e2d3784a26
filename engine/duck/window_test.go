//go:build cgo && duckdb_arrow

package duck

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/engine"
)

// TestWindow: records outside the window, and those without a time, are in no
// table and in no view; their files are not read.
func TestWindow(t *testing.T) {
	w := newWarehouse(t)
	for _, region := range []string{"eu-west-1", "us-east-1"} {
		for _, date := range []string{"2023-07-10", "2023-07-11"} {
			w.add(t, region, date, 24)
		}
	}
	w.addRows(t, "us-east-1", "unknown", "SELECT "+strings.Replace(eventColumns, "t::TIMESTAMPTZ", "NULL::TIMESTAMPTZ", 1)+
		", 'us-east-1' AS region, 'unknown' AS date FROM (SELECT 99 AS i, NULL::TIMESTAMP AS t)", 1)
	e := open(t, w, Options{UnloadDir: t.TempDir()})
	if _, _, err := rowsOf(t, e, "CREATE VIEW denials AS SELECT * FROM cloudtrail_logs WHERE errorcode = 'AccessDenied'"); err != nil {
		t.Fatal(err)
	}
	morning := engine.Window{From: at(t, "2023-07-10T10:00:00Z"), To: at(t, "2023-07-10T12:00:00Z")}
	const count = "SELECT count(*), count(eventtime) FROM cloudtrail_logs"
	tests := []struct {
		name   string
		window engine.Window
		sql    string
		want   []string
		files  int // of 5
	}{
		{name: "open", sql: count, want: []string{"97|96"}, files: 5},
		{name: "both bounds", window: morning, sql: count, want: []string{"4|4"}, files: 2},
		{name: "another zone", window: engine.Window{From: morning.From.In(time.FixedZone("", 7200)), To: morning.To.In(time.FixedZone("", -3600))}, sql: count, want: []string{"4|4"}, files: 2},
		{name: "from", window: engine.Window{From: at(t, "2023-07-11T22:00:00Z")}, sql: count, want: []string{"4|4"}, files: 3},
		{name: "to", window: engine.Window{To: at(t, "2023-07-10T00:00:01Z")}, sql: count, want: []string{"2|2"}, files: 2},
		{name: "with a condition", window: morning, sql: count + " WHERE region = 'us-east-1' AND eventtime > '2023-07-10T10:30:00Z'", want: []string{"1|1"}, files: 1},
		{name: "disjoint condition", window: morning, sql: count + " WHERE eventtimestamp > TIMESTAMP '2023-07-11 00:00:00'", want: []string{"0|0"}},
		{name: "stored view", window: morning, sql: "SELECT count(*) FROM denials", want: []string{"0"}, files: 2},
		{name: "stored view", window: engine.Window{To: at(t, "2023-07-10T01:00:00Z")}, sql: "SELECT count(*) FROM denials WHERE region = 'us-east-1'", want: []string{"1"}, files: 1},
		{name: "join", window: morning, sql: "SELECT count(*) FROM cloudtrail_logs a JOIN cloudtrail_logs b USING (eventid)", want: []string{"8"}, files: 2},
		{name: "no records", window: morning, sql: "SELECT count(*) FROM rejected_records", want: []string{"0"}},
		{name: "what the catalog knows", window: morning, sql: `SELECT count(*) FROM "cloudtrail_logs$partitions"`, want: []string{"5"}},
		{name: "other statements", window: morning, sql: "SHOW PARTITIONS cloudtrail_logs", want: []string{
			"region=eu-west-1/date=2023-07-10", "region=eu-west-1/date=2023-07-11", "region=us-east-1/date=2023-07-10",
			"region=us-east-1/date=2023-07-11", "region=us-east-1/date=unknown"}},
		{name: "unload", window: morning, sql: "UNLOAD (SELECT * FROM cloudtrail_logs) TO 'x' WITH (format = 'JSON')", want: []string{"4"}, files: 2},
		{name: "time travel", window: morning, sql: "SELECT count(*) FROM cloudtrail_logs FOR TIMESTAMP AS OF current_timestamp", want: []string{"4"}, files: 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, stats, err := answers(t, e, engine.Query{SQL: tt.sql, Window: tt.window})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if stats.Files != tt.files {
				t.Errorf("read %d of %d files, want %d", stats.Files, stats.FilesTotal, tt.files)
			}
		})
	}
}

// TestWindowOfShapes: the window is about records in whatever shape.
func TestWindowOfShapes(t *testing.T) {
	e := converted(t)
	all, stats, err := rowsOf(t, e, "SELECT count(*), epoch_us(min(eventtimestamp)), epoch_us(max(eventtimestamp)) FROM cloudtrail_logs")
	if err != nil {
		t.Fatal(err)
	}
	day := engine.Window{From: at(t, "2025-06-02T12:00:00Z"), To: at(t, "2025-06-02T18:00:00Z")}
	want, _, err := rowsOf(t, e, "SELECT count(*) FROM cloudtrail_logs WHERE eventtimestamp >= TIMESTAMP '2025-06-02 12:00:00' AND eventtimestamp < TIMESTAMP '2025-06-02 18:00:00'")
	if err != nil || len(want) != 1 || want[0] == "0" || strings.HasPrefix(all[0], want[0]+"|") {
		t.Fatalf("the sample has %s at that time, of %s: %v", want, all, err)
	}
	for _, name := range []string{"cloudtrail_logs", "cloudtrail_lake", "aws_cloudtrail_log"} {
		got, windowed, err := answers(t, e, engine.Query{SQL: "SELECT count(*) FROM " + name, Window: day})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(name, diff)
		}
		if windowed.Files >= stats.Files || windowed.FilesTotal != stats.FilesTotal {
			t.Errorf("%s: read %d of %d files, without a window %d", name, windowed.Files, windowed.FilesTotal, stats.Files)
		}
	}
}

func at(t *testing.T, s string) time.Time {
	t.Helper()
	parsed, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}
