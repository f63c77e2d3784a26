package metadata_test

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog/metadata"
)

// TestBuilderKeepsAll checks that a change to a foreign file leaves what this
// package does not know as it was.
func TestBuilderKeepsAll(t *testing.T) {
	base := mustParse(t, foreign)
	at := time.UnixMilli(1700000004000)
	table, err := metadata.Update(base, "s3://bucket/default/events/metadata/c.json", at).
		SetProperties(map[string]string{"new": "1"}).
		AddSnapshot(14, "s3://bucket/default/events/metadata/4.avro", metadata.Summary{Operation: metadata.OpDelete, Properties: iceberg.Properties{"deleted-records": "7"}}).
		RemoveSnapshots([]int64{11}).
		Build()
	if err != nil {
		t.Fatal(err)
	}

	want := value(t, []byte(foreign))
	list := func(name string) []any { return want[name].([]any) }
	want["last-updated-ms"] = number("1700000004000")
	want["last-sequence-number"] = number("4")
	want["current-snapshot-id"] = number("14")
	want["properties"].(map[string]any)["new"] = "1"
	want["snapshots"] = append(list("snapshots")[1:], value(t, []byte(`{"snapshot-id": 14, "parent-snapshot-id": 9007199254740993, "sequence-number": 4,
		"timestamp-ms": 1700000004000, "schema-id": 4, "manifest-list": "s3://bucket/default/events/metadata/4.avro",
		"summary": {"operation": "delete", "deleted-records": "7"}}`)))
	want["snapshot-log"] = append(list("snapshot-log")[1:], value(t, []byte(`{"snapshot-id": 14, "timestamp-ms": 1700000004000}`)))
	want["metadata-log"] = append(list("metadata-log"), value(t, []byte(`{"metadata-file": "s3://bucket/default/events/metadata/c.json", "timestamp-ms": 1700000003000}`)))
	refs := want["refs"].(map[string]any)
	refs["main"].(map[string]any)["snapshot-id"] = number("14")
	delete(refs, "first")
	want["statistics"] = list("statistics")[1:]
	want["partition-statistics"] = []any{}
	if got := value(t, mustMarshal(t, table)); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	if got := value(t, mustMarshal(t, base)); !reflect.DeepEqual(got, value(t, []byte(foreign))) {
		t.Errorf("the base has changed: %v", got)
	}
}

func TestBuilderSchema(t *testing.T) {
	base := mustParse(t, foreign)
	former := iceberg.NewSchema(9, iceberg.NestedField{ID: 1, Name: "region", Type: iceberg.PrimitiveTypes.String})
	wider := iceberg.NewSchema(9, append(base.CurrentSchema().Fields(), iceberg.NestedField{ID: 8, Name: "x", Type: iceberg.PrimitiveTypes.Date})...)
	cases := []struct {
		name           string
		schema         *iceberg.Schema
		id, lastColumn int
		want           string
	}{
		{"new", wider, 5, 8, ""},
		{"current", base.CurrentSchema(), 4, 3, ""},
		{"without the sorted column", former, 0, 3, "no column has id 2"},
		{"of version 3", iceberg.NewSchema(0, iceberg.NestedField{ID: 9, Name: "v", Type: iceberg.VariantType{}}), 0, 0, "needs format version 3"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			table, err := metadata.Update(base, "f", created).SetSchema(c.schema).Build()
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want one with %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if s := table.CurrentSchema(); s.ID != c.id || !s.Equals(c.schema) || table.LastColumnID() != c.lastColumn {
				t.Errorf("schema %v, last column %d", s, table.LastColumnID())
			}
		})
	}
	if c := cases[0].schema; c.ID != 9 {
		t.Errorf("the caller's schema has become %d", c.ID)
	}
}

func TestBuilderRefuses(t *testing.T) {
	base := mustParse(t, foreign)
	update := func() *metadata.Builder { return metadata.Update(base, "f", created) }
	summary := metadata.Summary{Operation: metadata.OpAppend}
	cases := []struct {
		name    string
		builder *metadata.Builder
		want    string
	}{
		{"a known snapshot", update().AddSnapshot(12, "l", summary), "12 is there twice"},
		{"no manifest list", update().AddSnapshot(13, "", summary), "no manifest-list in snapshot 13"},
		{"remove the current snapshot", update().RemoveSnapshots([]int64{9007199254740993}), "current snapshot cannot be removed"},
		{"the first error", update().RemoveSnapshots([]int64{9007199254740993}).AddSnapshot(12, "", summary), "current snapshot cannot be removed"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := c.builder.Build(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestBuilderClock checks that a clock which was set back does not show.
func TestBuilderClock(t *testing.T) {
	base := newTable(t)
	table, err := metadata.Update(base, "f", created.Add(-time.Hour)).AddSnapshot(1, "l", metadata.Summary{Operation: metadata.OpAppend}).Build()
	if err != nil {
		t.Fatal(err)
	}
	if table.LastUpdatedMillis() != created.UnixMilli() || table.CurrentSnapshot().TimestampMs != created.UnixMilli() {
		t.Errorf("updated %d, snapshot of %d, want %d", table.LastUpdatedMillis(), table.CurrentSnapshot().TimestampMs, created.UnixMilli())
	}
}

// TestBuilderSteps checks that each step builds on those before it.
func TestBuilderSteps(t *testing.T) {
	summary := metadata.Summary{Operation: metadata.OpAppend}
	none := mustParse(t, strings.Replace(string(mustMarshal(t, newTable(t))), "{", `{"current-snapshot-id":-1,`, 1))
	table, err := metadata.Update(none, "f", created).AddSnapshot(1, "a", summary).AddSnapshot(2, "b", summary).RemoveSnapshots([]int64{1}).Build()
	if err != nil {
		t.Fatal(err)
	}
	s := table.CurrentSnapshot()
	if len(table.Snapshots()) != 1 || s.SnapshotID != 2 || s.SequenceNumber != 2 || s.ParentSnapshotID == nil || *s.ParentSnapshotID != 1 {
		t.Errorf("snapshots %+v", table.Snapshots())
	}
	table, err = metadata.Update(none, "f", created).AddSnapshot(1, "a", summary).Build()
	if err != nil {
		t.Fatal(err)
	}
	if s := table.CurrentSnapshot(); s.ParentSnapshotID != nil || s.SequenceNumber != 1 {
		t.Errorf("first snapshot %+v", s)
	}
	if _, err := metadata.Update(none, "f", created).AddSnapshot(1, "a", summary).RemoveSnapshots([]int64{1}).Build(); err == nil {
		t.Error("the current snapshot can be removed")
	}
}

// TestBuilderFirstSnapshot checks that a list is begun however a file says that it
// is empty.
func TestBuilderFirstSnapshot(t *testing.T) {
	for name, c := range map[string]struct{ lists, want string }{
		"absent":  {"", ""},
		"null":    {`"snapshots":null,"snapshot-log":null,`, ""},
		"empty":   {`"snapshots":[],"snapshot-log":[],`, ""},
		"spaces":  {"\"snapshots\": [ \n ] ,\"snapshot-log\":[ ],", ""},
		"no list": {`"snapshot-log":{},`, "snapshot-log"},
	} {
		t.Run(name, func(t *testing.T) {
			text := string(mustMarshal(t, newTable(t)))
			for _, list := range []string{`"snapshots":[],`, `"snapshot-log":[],`} {
				text = strings.Replace(text, list, "", 1)
			}
			base, err := metadata.Parse([]byte(strings.Replace(text, "{", "{"+c.lists, 1)))
			if c.want != "" {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("error %v, want one with %q", err, c.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			summary := metadata.Summary{Operation: metadata.OpAppend}
			table, err := metadata.Update(base, "f", created).AddSnapshot(1, "a", summary).AddSnapshot(2, "b", summary).Build()
			if err != nil {
				t.Fatal(err)
			}
			if s := mustParse(t, string(mustMarshal(t, table))).Snapshots(); len(s) != 2 || s[0].ManifestList != "a" || s[1].ManifestList != "b" {
				t.Errorf("snapshots %+v", s)
			}
			if len(base.Snapshots()) > 0 || strings.Contains(string(mustMarshal(t, base)), "manifest-list") {
				t.Error("the base has changed")
			}
		})
	}
}

func TestBuilderPreviousFiles(t *testing.T) {
	build := func(b *metadata.Builder) *metadata.Table {
		table, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		return table
	}
	names := func(table *metadata.Table) (names []string) {
		for _, f := range table.PreviousFiles() {
			names = append(names, f.MetadataFile)
		}
		return names
	}
	table := newTable(t)
	at := created
	for i := range 103 {
		at = at.Add(time.Second)
		table = build(metadata.Update(table, fmt.Sprint("f", i), at))
	}
	if got := names(table); len(got) != 100 || got[0] != "f3" || got[99] != "f102" {
		t.Errorf("%d files: %v", len(got), got)
	}
	// f100 was last changed 100 seconds after it was made.
	table = build(metadata.Update(table, "f103", at).ForgetFiles(created.Add(100 * time.Second)))
	if got, want := names(table), []string{"f100", "f101", "f102", "f103"}; !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
	table = build(metadata.Update(table, "f104", at).SetProperties(map[string]string{"write.metadata.previous-versions-max": "2"}))
	if got, want := names(table), []string{"f103", "f104"}; !slices.Equal(got, want) {
		t.Errorf("files %v, want %v", got, want)
	}
}
