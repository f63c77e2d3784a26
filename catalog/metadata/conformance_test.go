package metadata_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/apache/iceberg-go"
	icetable "github.com/apache/iceberg-go/table"

	"github.com/trailql/trailql/catalog/metadata"
)

func number(literal string) json.Number { return json.Number(literal) }

// TestConformance leads a table through its life with this package and with
// iceberg-go and checks, after each step, that both have written the same JSON
// and that each reads what the other has written.
func TestConformance(t *testing.T) {
	wider := append(definition().Schema.Fields(), iceberg.NestedField{ID: 40, Name: "tlsdetails", Type: iceberg.PrimitiveTypes.String})
	snapshot := func(id int64, op metadata.Operation, props map[string]string) step {
		list := fmt.Sprintf("file:///warehouse/default/events/metadata/%d.avro", id)
		return step{
			name: fmt.Sprintf("snapshot %d", id),
			ours: func(b *metadata.Builder) *metadata.Builder {
				return b.AddSnapshot(id, list, metadata.Summary{Operation: op, Properties: props})
			},
			theirs: func(b *icetable.MetadataBuilder, base icetable.Metadata, at int64) error {
				s := &icetable.Snapshot{
					SnapshotID: id, SequenceNumber: base.LastSequenceNumber() + 1, TimestampMs: at, ManifestList: list,
					Summary: &icetable.Summary{Operation: icetable.Operation(op), Properties: props}, SchemaID: &base.CurrentSchema().ID,
				}
				if parent := base.CurrentSnapshot(); parent != nil {
					s.ParentSnapshotID = &parent.SnapshotID
				}
				if err := b.AddSnapshot(s); err != nil {
					return err
				}
				return b.SetSnapshotRef(icetable.MainBranch, id, icetable.BranchRef)
			},
		}
	}
	steps := []step{
		snapshot(1<<62+1, metadata.OpAppend, map[string]string{"added-records": "7", "trailql.batch": "<b>"}),
		snapshot(5, metadata.OpOverwrite, nil),
		{
			name: "columns and properties",
			ours: func(b *metadata.Builder) *metadata.Builder {
				return b.SetSchema(iceberg.NewSchema(0, wider...)).SetProperties(map[string]string{"owner": "x", "more": "y"})
			},
			theirs: func(b *icetable.MetadataBuilder, base icetable.Metadata, at int64) error {
				if err := b.AddSchema(iceberg.NewSchema(0, wider...)); err != nil {
					return err
				}
				if err := b.SetCurrentSchemaID(-1); err != nil {
					return err
				}
				if err := b.SetProperties(iceberg.Properties{"owner": "x", "more": "y"}); err != nil {
					return err
				}
				return setUpdated(b, at, base.LastSequenceNumber())
			},
		},
		snapshot(6, metadata.OpReplace, map[string]string{}),
		{
			name: "expire",
			ours: func(b *metadata.Builder) *metadata.Builder {
				return b.RemoveSnapshots([]int64{1<<62 + 1}).ForgetFiles(created.Add(2 * time.Second))
			},
			theirs: func(b *icetable.MetadataBuilder, base icetable.Metadata, at int64) error {
				if err := b.RemoveSnapshots([]int64{1<<62 + 1}, false); err != nil {
					return err
				}
				b.TrimMetadataLogs(2)
				return setUpdated(b, at, base.LastSequenceNumber())
			},
		},
		snapshot(7, metadata.OpDelete, map[string]string{"deleted-records": "1"}),
	}

	plain := definition()
	plain.Partition, plain.Sort, plain.Properties = iceberg.NewPartitionSpec(), nil, nil
	plainOurs, err := metadata.New(plain)
	if err != nil {
		t.Fatal(err)
	}
	checkSame(t, "plain", plainOurs, newTheirs(t, plain))

	ours, theirs := newTable(t), newTheirs(t, definition())
	checkSame(t, "new", ours, theirs)
	at := created
	for i, s := range steps {
		at = at.Add(time.Second)
		file := fmt.Sprintf("file:///warehouse/default/events/metadata/%d.json", i)
		var err error
		base := theirs
		b, err := icetable.MetadataBuilderFromBase(base, file)
		if err == nil {
			err = s.theirs(b, base, at.UnixMilli())
		}
		if err == nil {
			theirs, err = b.Build()
		}
		if err != nil {
			t.Fatalf("%s: iceberg-go: %v", s.name, err)
		}
		if ours, err = s.ours(metadata.Update(ours, file, at)).Build(); err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		checkSame(t, s.name, ours, theirs)
	}
}

type step struct {
	name   string
	ours   func(*metadata.Builder) *metadata.Builder
	theirs func(b *icetable.MetadataBuilder, base icetable.Metadata, at int64) error
}

// newTheirs makes a table with iceberg-go.
func newTheirs(t *testing.T, d metadata.Definition) icetable.Metadata {
	t.Helper()
	b, err := icetable.NewMetadataBuilder(metadata.FormatVersion)
	if err != nil {
		t.Fatal(err)
	}
	var fields []icetable.SortField
	for _, f := range d.Sort {
		fields = append(fields, icetable.SortField{
			SourceIDs: []int{f.SourceID}, Transform: f.Transform,
			Direction: icetable.SortDirection(f.Direction), NullOrder: icetable.NullOrder(f.NullOrder),
		})
	}
	order := icetable.UnsortedSortOrder
	if len(fields) > 0 {
		if order, err = icetable.NewSortOrder(1, fields); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{
		b.SetUUID(d.ID), b.SetLoc(d.Location), b.AddSchema(d.Schema), b.SetCurrentSchemaID(-1), b.AddPartitionSpec(&d.Partition, true),
		b.SetDefaultSpecID(-1), b.AddSortOrder(&order), b.SetDefaultSortOrderID(-1), b.SetProperties(d.Properties), setUpdated(b, created.UnixMilli(), 0),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	table, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// setUpdated sets the time of a change that makes no snapshot: iceberg-go takes
// the system's clock, unless a snapshot comes, and be it to go again.
func setUpdated(b *icetable.MetadataBuilder, at, sequence int64) error {
	const id = 99
	if err := b.AddSnapshot(&icetable.Snapshot{SnapshotID: id, SequenceNumber: sequence, TimestampMs: at}); err != nil {
		return err
	}
	return b.RemoveSnapshots([]int64{id}, false)
}

func checkSame(t *testing.T, step string, ours *metadata.Table, theirs icetable.Metadata) {
	t.Helper()
	written, theirsWritten := mustMarshal(t, ours), mustMarshal(t, theirs)
	if got, want := value(t, written), value(t, theirsWritten); !reflect.DeepEqual(got, want) {
		for _, field := range slices.Sorted(maps.Keys(want)) {
			if !reflect.DeepEqual(got[field], want[field]) {
				t.Errorf("%s: %s\n got %v\nwant %v", step, field, got[field], want[field])
			}
			delete(got, field)
		}
		for field := range got {
			t.Errorf("%s: %s: iceberg-go writes none", step, field)
		}
	}
	read, err := icetable.ParseMetadataBytes(written)
	if err != nil {
		t.Fatalf("%s: iceberg-go does not read it: %v", step, err)
	}
	checkAccessors(t, step, ours, read)
	parsed := mustParse(t, string(theirsWritten))
	checkAccessors(t, step, parsed, theirs)
	if got := mustMarshal(t, parsed); !reflect.DeepEqual(value(t, got), value(t, theirsWritten)) {
		t.Errorf("%s: read and written: %s", step, got)
	}
}

func checkAccessors(t *testing.T, step string, ours *metadata.Table, theirs icetable.Metadata) {
	t.Helper()
	check := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %s %v, iceberg-go has %v", step, what, got, want)
		}
	}
	check("version", ours.Version(), theirs.Version())
	check("location", ours.Location(), theirs.Location())
	check("last sequence number", ours.LastSequenceNumber(), theirs.LastSequenceNumber())
	check("last updated", ours.LastUpdatedMillis(), theirs.LastUpdatedMillis())
	check("last column", ours.LastColumnID(), theirs.LastColumnID())
	if !maps.Equal(ours.Properties(), theirs.Properties()) {
		t.Errorf("%s: properties %v, iceberg-go has %v", step, ours.Properties(), theirs.Properties())
	}
	check("schema id", ours.CurrentSchema().ID, theirs.CurrentSchema().ID)
	if !ours.CurrentSchema().Equals(theirs.CurrentSchema()) {
		t.Errorf("%s: schema %v, iceberg-go has %v", step, ours.CurrentSchema(), theirs.CurrentSchema())
	}
	spec, theirSpec := ours.PartitionSpec(), theirs.PartitionSpec()
	if !spec.Equals(theirSpec) {
		t.Errorf("%s: partition spec %v, iceberg-go has %v", step, spec, theirSpec)
	}
	check("files", ours.PreviousFiles(), logEntries(theirs))

	check("sort order", ours.SortOrder().OrderID, theirs.DefaultSortOrder())
	var fields []metadata.SortField
	for _, f := range theirs.SortOrder().Fields() {
		fields = append(fields, metadata.SortField{
			SourceID: f.SourceID(), Transform: f.Transform, Direction: metadata.SortDirection(f.Direction), NullOrder: metadata.NullOrder(f.NullOrder)})
	}
	check("sort fields", ours.SortOrder().Fields, fields)

	check("snapshots", len(ours.Snapshots()), len(theirs.Snapshots()))
	for i, s := range theirs.Snapshots() {
		check("snapshot", ours.Snapshots()[i], converted(s))
	}
	if s := theirs.CurrentSnapshot(); s == nil {
		check("current snapshot", ours.CurrentSnapshot(), (*metadata.Snapshot)(nil))
	} else {
		check("current snapshot", *ours.CurrentSnapshot(), converted(*s))
	}
}

func logEntries(m icetable.Metadata) (entries []metadata.MetadataLogEntry) {
	for f := range m.PreviousFiles() {
		entries = append(entries, metadata.MetadataLogEntry{TimestampMs: f.TimestampMs, MetadataFile: f.MetadataFile})
	}
	return entries
}

func converted(s icetable.Snapshot) metadata.Snapshot {
	props := s.Summary.Properties
	if props == nil {
		props = iceberg.Properties{}
	}
	return metadata.Snapshot{
		SnapshotID: s.SnapshotID, ParentSnapshotID: s.ParentSnapshotID, SequenceNumber: s.SequenceNumber, TimestampMs: s.TimestampMs,
		ManifestList: s.ManifestList, Summary: metadata.Summary{Operation: metadata.Operation(s.Summary.Operation), Properties: props},
	}
}

// TestConformanceForeign checks that iceberg-go takes the foreign file to mean
// the same, before and after a change.
func TestConformanceForeign(t *testing.T) {
	// Summaries are required in version 2; without one, iceberg-go has nil.
	ours := mustParse(t, foreign)
	ours, err := metadata.Update(ours, "f", created).RemoveSnapshots([]int64{11}).Build()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := icetable.ParseMetadataBytes(mustMarshal(t, ours))
	if err != nil {
		t.Fatal(err)
	}
	checkAccessors(t, "foreign", ours, theirs)
}
