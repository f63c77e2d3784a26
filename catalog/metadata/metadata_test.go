package metadata_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/google/uuid"

	"github.com/trailql/trailql/catalog/metadata"
)

// foreign is a file as another writer may have made it: with a tag, statistics,
// a former schema, and fields of which this package knows nothing.
const foreign = `{
  "format-version": 2,
  "table-uuid": "6b1f7d0e-3c55-4a1e-9c5b-2f6f0a4f1a11",
  "location": "s3://bucket/default/events",
  "last-sequence-number": 3,
  "last-updated-ms": 1700000003000,
  "last-column-id": 3,
  "schemas": [
    {"type": "struct", "schema-id": 0, "fields": [{"id": 1, "name": "region", "required": false, "type": "string"}]},
    {"type": "struct", "schema-id": 4, "identifier-field-ids": [], "fields": [
      {"id": 1, "name": "region", "required": false, "type": "string", "doc": "where", "a": 1.50},
      {"id": 2, "name": "n", "required": false, "type": "long"}]}
  ],
  "current-schema-id": 4,
  "partition-specs": [{"spec-id": 1, "fields": [{"source-id": 1, "field-id": 1000, "name": "region", "transform": "identity", "b": null}]}],
  "default-spec-id": 1,
  "last-partition-id": 1000,
  "properties": {"owner": "somebody <x>"},
  "current-snapshot-id": 9007199254740993,
  "snapshots": [
    {"snapshot-id": 11, "timestamp-ms": 1700000001000, "manifest-list": "s3://bucket/default/events/metadata/1.avro"},
    {"snapshot-id": 12, "parent-snapshot-id": 11, "sequence-number": 2, "timestamp-ms": 1700000002000, "schema-id": 0,
     "manifest-list": "s3://bucket/default/events/metadata/2.avro", "summary": {"operation": "append", "added-records": "7"}},
    {"snapshot-id": 9007199254740993, "parent-snapshot-id": 12, "sequence-number": 3, "timestamp-ms": 1700000003000, "schema-id": 4,
     "manifest-list": "s3://bucket/default/events/metadata/3.avro", "summary": {"operation": "overwrite"}, "key-id": "k"}
  ],
  "snapshot-log": [
    {"snapshot-id": 11, "timestamp-ms": 1700000001000},
    {"snapshot-id": 12, "timestamp-ms": 1700000002000},
    {"snapshot-id": 9007199254740993, "timestamp-ms": 1700000003000}
  ],
  "metadata-log": [
    {"metadata-file": "s3://bucket/default/events/metadata/a.json", "timestamp-ms": 1700000001000},
    {"metadata-file": "s3://bucket/default/events/metadata/b.json", "timestamp-ms": 1700000002000}
  ],
  "sort-orders": [{"order-id": 0, "fields": []}, {"order-id": 2, "fields": [{"source-id": 2, "transform": "bucket[16]", "direction": "desc", "null-order": "nulls-last"}]}],
  "default-sort-order-id": 2,
  "refs": {
    "main": {"snapshot-id": 9007199254740993, "type": "branch", "min-snapshots-to-keep": 2},
    "audit": {"snapshot-id": 12, "type": "tag", "max-ref-age-ms": 5},
    "first": {"snapshot-id": 11, "type": "tag"}
  },
  "statistics": [{"snapshot-id": 11, "statistics-path": "x.puffin"}, {"snapshot-id": 12, "statistics-path": "y.puffin", "c": [1e3]}],
  "partition-statistics": [{"snapshot-id": 11, "statistics-path": "x"}],
  "of a later specification": {"number": 1.10, "null": null}
}`

func mustParse(t *testing.T, data string) *metadata.Table {
	t.Helper()
	table, err := metadata.Parse([]byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func mustMarshal(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// value decodes JSON so that equal values are deeply equal, number literals
// included.
func value(t *testing.T, data []byte) map[string]any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v map[string]any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestParse(t *testing.T) {
	table := mustParse(t, foreign)
	if got := table.Location(); got != "s3://bucket/default/events" {
		t.Errorf("location %q", got)
	}
	if got := table.CurrentSchema(); got.ID != 4 || got.NumFields() != 2 {
		t.Errorf("schema %v", got)
	}
	spec := table.PartitionSpec()
	if spec.ID() != 1 || spec.NumFields() != 1 || spec.Field(0).Name != "region" {
		t.Errorf("partition spec %v", spec)
	}
	order := metadata.SortOrder{OrderID: 2, Fields: []metadata.SortField{
		{SourceID: 2, Transform: iceberg.BucketTransform{NumBuckets: 16}, Direction: metadata.SortDESC, NullOrder: metadata.NullsLast}}}
	if got := table.SortOrder(); !reflect.DeepEqual(got, order) {
		t.Errorf("sort order %v", got)
	}
	snapshots := table.Snapshots()
	if len(snapshots) != 3 || table.CurrentSnapshot().SnapshotID != 9007199254740993 {
		t.Fatalf("snapshots %v", snapshots)
	}
	if s := snapshots[0]; s.ParentSnapshotID != nil || s.SequenceNumber != 0 || s.Summary.Operation != "" || s.Summary.Properties != nil {
		t.Errorf("snapshot without optional fields: %+v", s)
	}
	if s := snapshots[1]; *s.ParentSnapshotID != 11 || s.SequenceNumber != 2 || s.TimestampMs != 1700000002000 ||
		s.ManifestList != "s3://bucket/default/events/metadata/2.avro" || s.Summary.Operation != metadata.OpAppend ||
		!maps.Equal(s.Summary.Properties, iceberg.Properties{"added-records": "7"}) {
		t.Errorf("snapshot: %+v", s)
	}
	if files := table.PreviousFiles(); len(files) != 2 || files[1] != (metadata.MetadataLogEntry{TimestampMs: 1700000002000, MetadataFile: "s3://bucket/default/events/metadata/b.json"}) {
		t.Errorf("previous files %v", files)
	}
	if table.LastColumnID() != 3 || table.LastSequenceNumber() != 3 || table.LastUpdatedMillis() != 1700000003000 || table.Properties()["owner"] != "somebody <x>" {
		t.Errorf("totals: %d %d %d %v", table.LastColumnID(), table.LastSequenceNumber(), table.LastUpdatedMillis(), table.Properties())
	}
}

// TestParseKeepsAll checks that a file which is read and written stays the same.
func TestParseKeepsAll(t *testing.T) {
	got := mustMarshal(t, mustParse(t, foreign))
	if want := value(t, []byte(foreign)); !reflect.DeepEqual(value(t, got), want) {
		t.Errorf("got %s", got)
	}
}

func TestParseRefuses(t *testing.T) {
	edit := func(from, to string) string {
		if !strings.Contains(foreign, from) {
			t.Fatalf("the file has no %s", from)
		}
		return strings.ReplaceAll(foreign, from, to)
	}
	without := func(field string) string {
		v := value(t, []byte(foreign))
		delete(v, field)
		return string(mustMarshal(t, v))
	}
	cases := []struct{ name, data, want string }{
		{"nothing", "", "unexpected end"},
		{"null", "null", "format version 0"},
		{"a list", "[]", "cannot unmarshal"},
		{"half a file", foreign[:len(foreign)/2], "unexpected end"},
		{"version 1", edit(`"format-version": 2`, `"format-version": 1`), "format version 1, only 2"},
		{"version 3", edit(`"format-version": 2`, `"format-version": 3`), "format version 3, only 2"},
		{"null location", edit(`"location": "s3://bucket/default/events"`, `"location": null`), "no location"},
		{"empty location", edit(`"location": "s3://bucket/default/events"`, `"location": ""`), "no location"},
		{"location a number", edit(`"location": "s3://bucket/default/events"`, `"location": 1`), "location: "},
		{"no uuid", edit("6b1f7d0e-3c55-4a1e-9c5b-2f6f0a4f1a11", "00000000-0000-0000-0000-000000000000"), "no table-uuid"},
		{"row lineage", edit(`"last-column-id": 3`, `"last-column-id": 3, "next-row-id": 1`), "next-row-id needs format version 3"},
		{"encryption", edit(`"last-column-id": 3`, `"last-column-id": 3, "encryption-keys": []`), "encryption-keys needs format version 3"},
		{"current schema", edit(`"current-schema-id": 4`, `"current-schema-id": 5`), "current-schema-id: no 5 in schemas"},
		{"schema twice", edit(`"schema-id": 0, "fields"`, `"schema-id": 4, "fields"`), "schema-id 4 is negative or there twice"},
		{"negative schema", edit(`"schema-id": 0, "fields"`, `"schema-id": -1, "fields"`), "schema-id -1 is negative or there twice"},
		{"schema without id", edit(`"schema-id": 4, "id`, `"id`), "schemas: no schema-id"},
		{"null schema", edit(`"schemas": [`, `"schemas": [null,`), "schemas: no schema-id"},
		{"default spec", edit(`"default-spec-id": 1`, `"default-spec-id": 0`), "default-spec-id: no 0"},
		{"default sort order", edit(`"default-sort-order-id": 2`, `"default-sort-order-id": 1`), "default-sort-order-id: no 1"},
		{"sorted by no column", edit(`[{"source-id": 2,`, `[{"source-id": 7,`), "no column has id 7"},
		{"sorted nowhere", edit(`"direction": "desc"`, `"direction": "up"`), `direction "up"`},
		{"nulls nowhere", edit(`"nulls-last"`, `""`), `null order ""`},
		{"sort transform", edit(`bucket[16]`, `bucket[0]`), "bucket[0]"},
		{"sort transform of the type", edit(`bucket[16]`, `day`), "day of column"},
		{"sorted by nothing", edit(`[{"source-id": 2, "transform": "bucket[16]", "direction": "desc", "null-order": "nulls-last"}]`, `[]`), "sort order 2 with 0 fields"},
		{"snapshot twice", edit(`"snapshot-id": 12,`, `"snapshot-id": 11,`), "11 is there twice"},
		{"snapshot without id", edit(`{"snapshot-id": 11, "timestamp-ms": 1700000001000, "m`, `{"timestamp-ms": 1700000001000, "m`), "no snapshot-id"},
		{"snapshot without time", edit(`{"snapshot-id": 11, "timestamp-ms": 1700000001000, "m`, `{"snapshot-id": 11, "m`), "no timestamp-ms in snapshot 11"},
		{"snapshot without list", edit(`"manifest-list": "s3://bucket/default/events/metadata/2.avro"`, `"manifests": []`), "no manifest-list in snapshot 12"},
		{"sequence number", edit(`"last-sequence-number": 3`, `"last-sequence-number": 2`), "sequence number 3, the last one is 2"},
		{"negative sequence number", edit(`"last-sequence-number": 3`, `"last-sequence-number": -1`), "the last one is -1"},
		{"current snapshot", edit(`"current-snapshot-id": 9007199254740993`, `"current-snapshot-id": 9007199254740992`), "no snapshot 9007199254740992"},
		{"main elsewhere", edit(`"main": {"snapshot-id": 9007199254740993`, `"main": {"snapshot-id": 12`), "branch main is at snapshot 12"},
		{"main without current", edit(`"current-snapshot-id": 9007199254740993,`, ``), "branch main is at snapshot"},
		{"main a tag", edit(`9007199254740993, "type": "branch"`, `9007199254740993, "type": "tag"`), `"main" is a "tag"`},
		{"tag of nothing", edit(`"audit": {"snapshot-id": 12`, `"audit": {"snapshot-id": 13`), `"audit" refers to no snapshot`},
		{"tag without type", edit(`"audit": {"snapshot-id": 12, "type": "tag"`, `"audit": {"snapshot-id": 12`), `"audit" is a ""`},
		{"null tag", edit(`"audit": {"snapshot-id": 12, "type": "tag", "max-ref-age-ms": 5}`, `"audit": null`), `"audit" refers to no snapshot`},
		{"files out of order", edit(`a.json", "timestamp-ms": 1700000001000`, `a.json", "timestamp-ms": 1700000062001`), "metadata-log is not in the order"},
		{"file without name", edit(`"metadata-file": "s3://bucket/default/events/metadata/a.json", `, ``), "no metadata-file"},
		{"updated before it was", edit(`"last-updated-ms": 1700000003000`, `"last-updated-ms": 1699999942999`), "snapshot-log is not in the order"},
		{"property a number", edit(`"somebody <x>"`, `1`), "properties: "},
	}
	for _, field := range []string{"format-version", "table-uuid", "location", "last-sequence-number", "last-updated-ms", "last-column-id", "schemas",
		"current-schema-id", "partition-specs", "default-spec-id", "last-partition-id", "sort-orders", "default-sort-order-id"} {
		want := "no " + field
		if field == "format-version" {
			want = "format version 0"
		}
		cases = append(cases, struct{ name, data, want string }{"without " + field, without(field), want})
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if _, err := metadata.Parse([]byte(c.data)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

// TestParseAllows has the liberties that the specification gives writers.
func TestParseAllows(t *testing.T) {
	unused := mustParse(t, string(mustMarshal(t, newTable(t))))
	cases := []struct{ name, old, new string }{
		{"an unlisted unsorted order", `"sort-orders": [{"order-id": 0, "fields": []}, `, `"sort-orders": [`},
		{"clocks apart", `a.json", "timestamp-ms": 1700000001000`, `a.json", "timestamp-ms": 1700000062000`},
		{"an unknown transform", "bucket[16]", "of a later specification"},
		{"no main", `"main": {"snapshot-id": 9007199254740993, "type": "branch", "min-snapshots-to-keep": 2},`, ``},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if table := mustParse(t, strings.Replace(foreign, c.old, c.new, 1)); table.CurrentSnapshot() == nil {
				t.Error("no current snapshot")
			}
		})
	}
	for _, none := range []string{"null", "-1"} {
		data := string(mustMarshal(t, unused))
		table := mustParse(t, strings.Replace(data, "{", `{"current-snapshot-id":`+none+`,"snapshots":null,`, 1))
		if table.CurrentSnapshot() != nil || len(table.Snapshots()) != 0 {
			t.Errorf("current-snapshot-id %s: there is a snapshot", none)
		}
	}
}

func newTable(t *testing.T) *metadata.Table {
	t.Helper()
	table, err := metadata.New(definition())
	if err != nil {
		t.Fatal(err)
	}
	return table
}

var created = time.Date(2024, 1, 2, 3, 4, 5, 6_000_000, time.UTC)

func definition() metadata.Definition {
	return metadata.Definition{
		ID:       uuid.MustParse("6b1f7d0e-3c55-4a1e-9c5b-2f6f0a4f1a11"),
		Location: "file:///warehouse/default/events",
		Schema: iceberg.NewSchema(0,
			iceberg.NestedField{ID: 1, Name: "eventid", Type: iceberg.PrimitiveTypes.String, Doc: "a <b>"},
			iceberg.NestedField{ID: 7, Name: "eventtimestamp", Type: iceberg.PrimitiveTypes.TimestampTz},
			iceberg.NestedField{ID: 20, Name: "useridentity", Type: &iceberg.StructType{FieldList: []iceberg.NestedField{
				{ID: 21, Name: "type", Type: iceberg.PrimitiveTypes.String},
				{ID: 22, Name: "groups", Type: &iceberg.ListType{ElementID: 23, Element: iceberg.PrimitiveTypes.String}},
			}}},
			iceberg.NestedField{ID: 9, Name: "region", Type: iceberg.PrimitiveTypes.String},
			iceberg.NestedField{ID: 10, Name: "date", Type: iceberg.PrimitiveTypes.String},
		),
		Partition: iceberg.NewPartitionSpec(
			iceberg.PartitionField{SourceIDs: []int{9}, FieldID: 1000, Name: "region", Transform: iceberg.IdentityTransform{}},
			iceberg.PartitionField{SourceIDs: []int{10}, FieldID: 1001, Name: "date", Transform: iceberg.IdentityTransform{}}),
		Sort: []metadata.SortField{
			{SourceID: 7, Transform: iceberg.IdentityTransform{}, Direction: metadata.SortASC, NullOrder: metadata.NullsFirst},
			{SourceID: 1, Transform: iceberg.TruncateTransform{Width: 4}, Direction: metadata.SortDESC, NullOrder: metadata.NullsLast}},
		Properties: map[string]string{"owner": "trailql"},
		Created:    created,
	}
}

func TestNewRefuses(t *testing.T) {
	cases := []struct {
		name string
		edit func(*metadata.Definition)
		want string
	}{
		{"no schema", func(d *metadata.Definition) { d.Schema = nil }, "no schema"},
		{"no id", func(d *metadata.Definition) { d.ID = uuid.Nil }, "no table-uuid"},
		{"no location", func(d *metadata.Definition) { d.Location = "" }, "no location"},
		{"a type of version 3", func(d *metadata.Definition) {
			d.Schema = iceberg.NewSchema(0, append(d.Schema.Fields(), iceberg.NestedField{ID: 30, Name: "v", Type: &iceberg.ListType{ElementID: 31, Element: iceberg.PrimitiveTypes.TimestampNs}})...)
		}, "timestamp_ns needs format version 3"},
		{"a default of version 3", func(d *metadata.Definition) {
			d.Schema = iceberg.NewSchema(0, append(d.Schema.Fields(), iceberg.NestedField{ID: 30, Name: "v", Type: iceberg.PrimitiveTypes.String, WriteDefault: "x"})...)
		}, "default value needs format version 3"},
		{"partitioned by no column", func(d *metadata.Definition) {
			d.Partition = iceberg.NewPartitionSpec(iceberg.PartitionField{SourceIDs: []int{99}, FieldID: 1000, Name: "x", Transform: iceberg.IdentityTransform{}})
		}, "99"},
		{"sorted by no column", func(d *metadata.Definition) { d.Sort[0].SourceID = 99 }, "no column has id 99"},
		{"sorted by a struct", func(d *metadata.Definition) { d.Sort[0].SourceID = 20 }, `column "useridentity"`},
		{"sorted nowhere", func(d *metadata.Definition) { d.Sort[0].Direction = "" }, `direction ""`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := definition()
			c.edit(&d)
			if _, err := metadata.New(d); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want one with %q", err, c.want)
			}
		})
	}
}

func TestSortFieldEqual(t *testing.T) {
	f := metadata.SortField{SourceID: 1, Transform: iceberg.BucketTransform{NumBuckets: 4}, Direction: metadata.SortASC, NullOrder: metadata.NullsFirst}
	if !f.Equal(f) {
		t.Error("a field differs from itself")
	}
	for name, edit := range map[string]func(*metadata.SortField){
		"column":     func(f *metadata.SortField) { f.SourceID = 2 },
		"transform":  func(f *metadata.SortField) { f.Transform = iceberg.BucketTransform{NumBuckets: 5} },
		"direction":  func(f *metadata.SortField) { f.Direction = metadata.SortDESC },
		"null order": func(f *metadata.SortField) { f.NullOrder = metadata.NullsLast },
	} {
		g := f
		edit(&g)
		if f.Equal(g) || g.Equal(f) {
			t.Errorf("another %s makes no difference", name)
		}
	}
}
