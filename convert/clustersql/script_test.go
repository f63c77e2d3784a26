package clustersql

import (
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/convert/cloudtrail"
)

func testOptions() Options {
	return Options{
		Tables: "iceberg.a", Archive: "hive.a", Location: "s3://it's/AWSLogs/111122223333", Regions: []string{"us-east-1", "eu-west-1"},
		First: time.Date(2024, 2, 28, 0, 0, 0, 0, time.UTC), Last: time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC),
	}
}

func TestScript(t *testing.T) {
	o := testOptions()
	o.Except = []string{"s3://b/it's.json.gz"}
	athena := o
	athena.Athena, athena.Staging = true, "s3://b/s"
	for name, o := range map[string]Options{"trino": o, "athena": athena} {
		got := Script(o)
		if strings.Contains(got, "%!") || strings.Count(got, "'")%2 != 0 {
			t.Errorf("%s: got %s", name, got)
		}
		for want, n := range map[string]int{
			"\n-- 2024-02-28\nDELETE FROM iceberg.a.cloudtrail_window;": 1,
			"WHERE day = '2024/02/29';":                                 1,
			"INSERT INTO iceberg.a.cloudtrail_logs (":                   3,
			"INSERT INTO iceberg.a.source_files (":                      3,
			"s3://it''s/AWSLogs/111122223333/CloudTrail/${region}":      1,
			`"$path" NOT IN ('s3://b/it''s.json.gz')`:                   1,
		} {
			if strings.Count(got, want) != n {
				t.Errorf("%s: %q is not in it %d times", name, want, n)
			}
		}
		// Each statement ends a line, and none has another in it.
		for _, s := range strings.Split(strings.TrimSuffix(got, ";\n"), ";\n\n") {
			if strings.Contains(s, ";") {
				t.Errorf("%s: a statement with a semicolon: %s", name, s)
			}
		}
	}
}

// TestColumns: every column of the table is written, and every object that holds
// some is read behind its parent.
func TestColumns(t *testing.T) {
	got := parse("SELECT 1")
	for _, c := range cloudtrail.Columns() {
		if c.Name != cloudtrail.TimestampColumn && !strings.Contains(got, " AS "+c.Name+",") {
			t.Errorf("%s is not written", c.Name)
		}
	}
	all, _ := objects()
	seen := map[*object]bool{}
	for _, o := range all {
		if o.parent != nil && !seen[o.parent] {
			t.Errorf("%s comes before %s", o.name, o.parent.name)
		}
		seen[o] = true
		for _, m := range o.members {
			if m.key == "" || m.child == nil && m.kind == cloudtrail.Struct {
				t.Errorf("%s has a member %+v", o.name, m)
			}
		}
	}
	if len(all) != cloudtrail.Groups()+1 {
		t.Errorf("%d objects, want the record and %d", len(all), cloudtrail.Groups())
	}
}

// TestMarks: a record needs what the decoder wants of it.
func TestMarks(t *testing.T) {
	for i := range marks {
		members := make([]string, 0, 3)
		for k := range 3 {
			members = append(members, `"`+marks[(i+k)%len(marks)]+`":"2024-02-29T00:00:00Z"`)
		}
		for n, want := range map[int]bool{2: false, 3: true} {
			is := true
			for _, err := range cloudtrail.Records(strings.NewReader("{" + strings.Join(members[:n], ",") + "}")) {
				is = err == nil || !strings.Contains(err.Error(), cloudtrail.ErrNotRecord.Error())
			}
			if is != want {
				t.Errorf("%q: a record: %v, want %v", members[:n], is, want)
			}
		}
	}
}
