package metadata_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/trailql/trailql/catalog/metadata"
)

func isOurs(manifestList string) bool { return strings.HasPrefix(manifestList, "ours") }

// follow adds a step to a table.
func follow(t *testing.T, base *metadata.Table, step func(*metadata.Builder)) *metadata.Table {
	t.Helper()
	b := metadata.Update(base, "file", time.UnixMilli(base.LastUpdatedMillis()+1))
	step(b)
	next, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	return next
}

func snapshotStep(id int64, list string) func(*metadata.Builder) {
	return func(b *metadata.Builder) { b.AddSnapshot(id, list, metadata.Summary{Operation: metadata.OpAppend}) }
}

func TestChangesTo(t *testing.T) {
	first := newTable(t)
	one := follow(t, first, snapshotStep(1, "ours-1.avro"))
	two := follow(t, one, snapshotStep(2, "ours-2.avro"))
	expired := follow(t, two, func(b *metadata.Builder) { b.RemoveSnapshots([]int64{1}) })
	wider := follow(t, expired, func(b *metadata.Builder) {
		fields := append(first.CurrentSchema().Fields(), iceberg.NestedField{ID: first.LastColumnID() + 1, Name: "more", Type: iceberg.PrimitiveTypes.String})
		b.SetSchema(iceberg.NewSchema(0, fields...))
	})
	back := follow(t, wider, func(b *metadata.Builder) { b.SetSchema(first.CurrentSchema()) })
	noted := follow(t, one, func(b *metadata.Builder) { b.SetProperties(map[string]string{"a": "b"}) })
	theirs := follow(t, one, snapshotStep(3, "theirs.avro"))
	for _, tt := range []struct {
		name     string
		from, to *metadata.Table
		want     []string // actions
		head     any
	}{
		{"nothing", two, two, nil, nil},
		{"first snapshot", first, one, []string{"add-snapshot 1", "set-snapshot-ref 1"}, nil},
		{"several", first, two, []string{"add-snapshot 1", "add-snapshot 2", "set-snapshot-ref 2"}, nil},
		{"expired meanwhile", one, expired, []string{"add-snapshot 2", "set-snapshot-ref 2", "remove-snapshots 1"}, 1.0},
		{"expired", two, expired, []string{"remove-snapshots 1"}, 2.0},
		{"columns", expired, wider, []string{"add-schema 1", "set-current-schema 1"}, 2.0},
		{"all of it", one, wider, []string{"add-schema 1", "set-current-schema 1", "add-snapshot 2", "set-snapshot-ref 2", "remove-snapshots 1"}, 1.0},
		{"the same columns again", expired, back, []string{"add-schema 1"}, 2.0},
		{"columns that were there before", wider, back, []string{"set-current-schema 0"}, 2.0},
		{"properties", one, noted, []string{"set-properties a"}, 1.0},
		{"properties of others", noted, one, nil, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.from.ChangesTo(tt.to, isOurs)
			if err != nil {
				t.Fatal(err)
			}
			var sent struct {
				Requirements []struct {
					Type, Ref string
					Snapshot  any `json:"snapshot-id"`
				}
				Updates []struct {
					Action string
					Schema struct {
						ID int `json:"schema-id"`
					}
					SchemaID int `json:"schema-id"`
					Snapshot struct {
						ID int `json:"snapshot-id"`
					}
					Head    int               `json:"snapshot-id"`
					Gone    []int             `json:"snapshot-ids"`
					Updates map[string]string `json:"updates"`
				}
			}
			if err := json.Unmarshal(mustMarshal(t, got), &sent); err != nil {
				t.Fatal(err)
			}
			var actions []string
			for _, u := range sent.Updates {
				about := map[string]any{"add-schema": u.Schema.ID, "set-current-schema": u.SchemaID, "add-snapshot": u.Snapshot.ID, "set-snapshot-ref": u.Head}[u.Action]
				switch u.Action {
				case "remove-snapshots":
					about = u.Gone[0]
				case "set-properties":
					for key := range u.Updates {
						about = key
					}
				}
				actions = append(actions, u.Action+" "+strings.Trim(string(mustMarshal(t, about)), `"`))
			}
			if diff := cmp.Diff(tt.want, actions); diff != "" {
				t.Error(diff)
			}
			if len(tt.want) == 0 {
				return
			}
			if len(sent.Requirements) != 3 || sent.Requirements[2].Ref != "main" || sent.Requirements[2].Snapshot != tt.head {
				t.Errorf("requirements %+v, want main at %v", sent.Requirements, tt.head)
			}
		})
	}
	d := definition()
	d.ID = uuid.MustParse("6b1f7d0e-3c55-4a1e-9c5b-2f6f0a4f1a12")
	another, err := metadata.New(d)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ from, to *metadata.Table }{
		"another table":            {another, first},
		"rows of another engine":   {theirs, two},
		"behind another engine":    {theirs, one},
		"later":                    {two, one},
		"rows that were taken out": {two, first},
		"columns of others":        {wider, two},
	} {
		if got, err := tt.from.ChangesTo(tt.to, isOurs); !errors.Is(err, metadata.ErrApart) {
			t.Errorf("%s: %v, %v, want ErrApart", name, got, err)
		}
	}
}
