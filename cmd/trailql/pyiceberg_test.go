package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/icebergtest"
)

// countWithPython counts the rows of each partition by reading them, and says
// what the table's own summary has.
const countWithPython = `
import collections, json, sys
from pyiceberg.table import StaticTable

def seen(table):
    rows = table.scan(selected_fields=("eventid", "region", "date")).to_arrow().to_pylist()
    counts = collections.Counter(f'{r["region"]}/{r["date"]}' for r in rows)
    return {
        "rows": dict(counts),
        "s3": table.scan(row_filter="eventsource = 's3.amazonaws.com'").to_arrow().num_rows,
        "total": int(table.current_snapshot().summary["total-records"]),
    }

print(json.dumps(seen(StaticTable.from_metadata(sys.argv[1]))))
`

type seenByPython struct {
	Rows  map[string]int64
	S3    int64
	Total int64
}

// TestPyicebergReadsConvertedTable converts the sample archive in two runs, and
// what pyiceberg then reads is what was converted.
func TestPyicebergReadsConvertedTable(t *testing.T) {
	warehouse := filepath.Join(t.TempDir(), "warehouse")
	convert := func(args ...string) {
		t.Helper()
		var stderr strings.Builder
		a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: &stderr, warehouse: warehouse, now: time.Now}
		if code := run(t.Context(), append([]string{"convert"}, args...), a); code != exitOK {
			t.Fatalf("exit code %d: %s", code, &stderr)
		}
	}
	const sample = "../../testdata/sample"
	convert("--regions", "eu-west-1", sample)
	convert(sample)

	c, err := catalog.Open(t.Context(), warehouse, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	snapshot, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	logs, err := snapshot.Table("cloudtrail_logs")
	if err != nil {
		t.Fatal(err)
	}
	files, _, err := logs.Plan(t.Context(), catalog.Predicate{})
	if err != nil {
		t.Fatal(err)
	}
	// The sample's counts, as DuckDB and jq have them, too.
	want := seenByPython{Rows: map[string]int64{}, S3: 227, Total: 1197}
	for _, f := range files {
		want.Rows[strings.Join(f.Partition, "/")] += f.Records
	}
	var got seenByPython
	icebergtest.Python(t, countWithPython, []string{filepath.Join(warehouse, "default", "cloudtrail_logs")}, &got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}
