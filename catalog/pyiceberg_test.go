package catalog_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/icebergtest"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
)

// readWithPython is what another program sees that opens the table by its
// folder, or by its metadata file, without any catalog.
const readWithPython = `
import json, sys
from pyiceberg.table import StaticTable
from pyiceberg.expressions import EqualTo

def seen(table):
    task = table.scan(row_filter=EqualTo("region", "us-east-1")).plan_files()
    return {
        "rows": sorted([str(r["eventid"]), str(r["eventtimestamp"]), str(r["region"]), str(r["date"])] for r in table.scan().to_arrow().to_pylist()),
        "files of us-east-1": len(list(task)),
        "rows of us-east-1": table.scan(row_filter=EqualTo("region", "us-east-1")).to_arrow().num_rows,
        "rows without region": table.scan(row_filter="region is null").to_arrow().num_rows,
        "rows of an hour": table.scan(row_filter="eventtimestamp >= '2023-07-10T10:00:00+00:00' and eventtimestamp < '2023-07-10T11:00:00+00:00'").to_arrow().num_rows,
        "partition": [f.name for f in table.spec().fields],
        "sorted": [f.source_id for f in table.sort_order().fields],
        "operations": [s.summary.operation.value for s in table.metadata.snapshots],
        "total": table.current_snapshot().summary["total-records"],
        "sequence": [s.sequence_number for s in table.metadata.snapshots],
    }

print(json.dumps([seen(StaticTable.from_metadata(p, json.loads(sys.argv[1]))) for p in sys.argv[2:]]))
`

type event struct {
	ID        *string `parquet:"eventid,optional,id(1)"`
	Timestamp *int64  `parquet:"eventtimestamp,optional,timestamp(microsecond),id(2)"`
	Region    *string `parquet:"region,optional,id(3)"`
	Date      *string `parquet:"date,optional,id(4)"`
}

func writeEvents(ctx context.Context, t *testing.T, c *catalog.Catalog, batch, region, date string, events []event) catalog.DataFile {
	t.Helper()
	name, w, err := c.NewFile(ctx, batch, "events", region, date)
	if err != nil {
		t.Fatal(err)
	}
	if err := parquet.Write(w, events); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
	o, err := c.Storage().Stat(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	return catalog.DataFile{Path: name, Partition: []string{region, date}, Records: int64(len(events)), Bytes: o.Size}
}

func TestPyiceberg(t *testing.T) {
	c, err := catalog.Create(t.Context(), filepath.Join(t.TempDir(), "a warehouse 100%"), catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	readByPyiceberg(t, c, "{}")
}

func TestPyicebergOnS3(t *testing.T) {
	icebergtest.Python(t, `print("[]")`, nil, &[]any{}) // before a server is started for nothing
	server := s3test.Start(t)
	c := onS3(t, server.Open(t, server.NewBucket(t)+"/a warehouse"), catalog.Options{})
	readByPyiceberg(t, c, fmt.Sprintf(`{"s3.endpoint": %q, "s3.region": "us-east-1"}`, server.URL))
}

func readByPyiceberg(t *testing.T, c *catalog.Catalog, properties string) {
	ctx := t.Context()
	if err := c.Define(ctx, eventsSpec(), filesSpec()); err != nil {
		t.Fatal(err)
	}
	ptr := func(s string) *string {
		if s == "" {
			return nil
		}
		return &s
	}
	var want [][]string
	add := func(id, region, at string) catalog.DataFile {
		batch := begin(t, c)
		us := day(at[:10]).UnixMicro() + 1e6*(3600*int64((at[11]-'0')*10+at[12]-'0'))
		f := writeEvents(ctx, t, c, batch, region, at[:10], []event{{&id, &us, ptr(region), ptr(at[:10])}})
		f.LowerBounds = map[int][]byte{eventIDField: []byte(id), eventTimeField: micros(at)}
		f.UpperBounds = f.LowerBounds
		f.ValueCounts = map[int]int64{eventIDField: 1, eventTimeField: 1}
		f.NullCounts = map[int]int64{eventIDField: 0, eventTimeField: 0}
		f.SplitOffsets = []int64{4}
		if _, err := c.Commit(ctx, catalog.Batch{ID: batch, Changes: map[string]catalog.Change{"events": {Add: []catalog.DataFile{f}}}}); err != nil {
			t.Fatal(err)
		}
		shown := region
		if region == "" {
			shown = "None"
		}
		want = append(want, []string{id, strings.Replace(strings.TrimSuffix(at, "Z"), "T", " ", 1) + "+00:00", shown, at[:10]})
		return f
	}
	one := add("a", "us-east-1", "2023-07-10T09:00:00Z")
	two := add("b", "us-east-1", "2023-07-10T10:00:00Z")
	add("c", "a/b c%#?é", "2023-07-10T11:00:00Z")
	add("d", "", "2023-07-11T00:00:00Z")

	// A compaction, and commits enough to merge manifests.
	batch := begin(t, c)
	us := []int64{day("2023-07-10").Add(9 * 3600e9).UnixMicro(), day("2023-07-10").Add(10 * 3600e9).UnixMicro()}
	both := writeEvents(ctx, t, c, batch, "us-east-1", "2023-07-10", []event{
		{ptr("a"), &us[0], ptr("us-east-1"), ptr("2023-07-10")}, {ptr("b"), &us[1], ptr("us-east-1"), ptr("2023-07-10")},
	})
	if _, err := c.Commit(ctx, catalog.Batch{ID: batch, Changes: map[string]catalog.Change{
		"events": {Add: []catalog.DataFile{both}, Remove: []catalog.DataFile{one, two}},
	}}); err != nil {
		t.Fatal(err)
	}
	operations, sequence := []string{"append", "append", "append", "append", "replace"}, []int{1, 2, 3, 4, 5}
	for i := range catalog.MergeAt + 1 {
		add("e"+string(rune('a'+i)), "eu-west-1", "2023-07-12T00:00:00Z")
		operations, sequence = append(operations, "append"), append(sequence, 6+i)
	}

	events, err := snapshot(t, c).Table("events")
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	icebergtest.Python(t, readWithPython, []string{properties, events.MetadataLocation(), c.Root() + "/default/events"}, &got)
	expected, err := json.Marshal(map[string]any{
		"rows": want, "files of us-east-1": 1, "rows of us-east-1": 2, "rows without region": 1, "rows of an hour": 1,
		"partition": []string{"region", "date"}, "sorted": []int{eventTimeField}, "operations": operations,
		"total": "13", "sequence": sequence,
	})
	if err != nil {
		t.Fatal(err)
	}
	var expectedSeen map[string]any
	if err := json.Unmarshal(expected, &expectedSeen); err != nil {
		t.Fatal(err)
	}
	for i, by := range []string{"metadata file", "folder"} {
		if diff := cmp.Diff(expectedSeen, got[i]); diff != "" {
			t.Errorf("by its %s (-want +got):\n%s", by, diff)
		}
	}
}
