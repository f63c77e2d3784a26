package metadata_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/trailql/trailql/catalog/metadata"
)

// FuzzParse puts a value in the place of one field of the foreign file, or of
// the whole of it if the field has no name. It checks that Parse does not panic,
// that what it accepts is written as it was read, and that an accepted file can
// be changed or is refused.
func FuzzParse(f *testing.F) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal([]byte(foreign), &fields); err != nil {
		f.Fatal(err)
	}
	for field, value := range fields {
		f.Add(field, []byte(value))
	}
	f.Add("", []byte(foreign))
	f.Add("next-row-id", []byte("1"))
	f.Fuzz(func(t *testing.T, field string, data []byte) {
		if field != "" {
			if !json.Valid(data) {
				return
			}
			var doc map[string]json.RawMessage
			if err := json.Unmarshal([]byte(foreign), &doc); err != nil {
				t.Fatal(err)
			}
			doc[field] = data
			data = mustMarshal(t, doc)
		}
		table, err := metadata.Parse(data)
		if err != nil {
			return
		}
		written := mustMarshal(t, table)
		if !reflect.DeepEqual(value(t, written), value(t, data)) {
			t.Fatalf("read  %s\nwrote %s", data, written)
		}
		if _, err := metadata.Parse(written); err != nil {
			t.Fatalf("what was written is refused: %v", err)
		}

		next, err := metadata.Update(table, "f", created).AddSnapshot(1<<62, "l", metadata.Summary{Operation: metadata.OpAppend}).Build()
		if err != nil {
			return
		}
		if s := next.CurrentSnapshot(); s.SnapshotID != 1<<62 || len(next.Snapshots()) != len(table.Snapshots())+1 {
			t.Fatalf("snapshot %+v of %d", s, len(next.Snapshots()))
		}
		if old := table.CurrentSnapshot(); old != nil {
			if _, err := metadata.Update(next, "f", created).RemoveSnapshots([]int64{old.SnapshotID}).Build(); err != nil {
				t.Fatalf("remove snapshot: %v", err)
			}
		}
	})
}
