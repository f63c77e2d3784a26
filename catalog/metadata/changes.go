package metadata

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/apache/iceberg-go"
	"github.com/google/uuid"
)

// ErrApart is wrapped by errors about metadata that does not lead to other
// metadata: both have gone on since they were one, or never were.
var ErrApart = errors.New("not an earlier version of the table")

// Changes are what brings one metadata of a table to a later one, as a catalog
// takes them that writes metadata files of its own.
//
// Source: Apache Iceberg REST catalog API, schemas "TableUpdate" and
// "TableRequirement".
type Changes struct {
	Requirements []map[string]any
	Updates      []map[string]any // none: there is nothing to change
}

// ChangesTo compares t with a later metadata. The requirements say that the
// table is still what t says: its columns and the head of main. Properties that
// only t has stay: a catalog may have put them there. isOurs tells of the manifest
// list of a snapshot that only t has whether it once was the later one's, too;
// such snapshots are removed.
//
// The error wraps ErrApart if t has what later never had, or if what differs is
// nothing that our tables ever change.
func (t *Table) ChangesTo(later *Table, isOurs func(manifestList string) bool) (Changes, error) {
	d := differ{from: t, to: later}
	if err := cmp.Or(d.readIdentity(), d.same("location", t.location, later.location)); err != nil {
		return Changes{}, err
	}
	for _, step := range []func() error{d.shape, d.schemas, func() error { return d.snapshots(isOurs) }, d.properties} {
		if err := step(); err != nil {
			return Changes{}, err
		}
	}
	c := Changes{Updates: d.updates}
	if len(d.updates) == 0 {
		return c, nil
	}
	c.Requirements = []map[string]any{
		{"type": "assert-table-uuid", "uuid": d.id},
		{"type": "assert-current-schema-id", "current-schema-id": t.document["current-schema-id"]},
		{"type": "assert-ref-snapshot-id", "ref": MainBranch, "snapshot-id": headOf(t)},
	}
	return c, nil
}

// headOf is null before the first snapshot.
func headOf(t *Table) any {
	if t.current == nil {
		return nil
	}
	return t.current.SnapshotID
}

type differ struct {
	from, to *Table
	id       uuid.UUID
	updates  []map[string]any
}

func (d *differ) update(action string, fields map[string]any) {
	fields["action"] = action
	d.updates = append(d.updates, fields)
}

func (d *differ) readIdentity() error {
	var other uuid.UUID
	if err := cmp.Or(d.from.document.read("table-uuid", &d.id), d.to.document.read("table-uuid", &other)); err != nil {
		return err
	}
	return d.same("table-uuid", d.id.String(), other.String())
}

func (d *differ) same(what, a, b string) error {
	if a != b {
		return fmt.Errorf("%w: its %s is %s, not %s", ErrApart, what, a, b)
	}
	return nil
}

// shape is what our tables keep from their first metadata on.
func (d *differ) shape() error {
	a, b := d.from.PartitionSpec(), d.to.PartitionSpec()
	if !a.Equals(b) {
		return fmt.Errorf("%w: it is partitioned otherwise", ErrApart)
	}
	if !slices.EqualFunc(d.from.sort.Fields, d.to.sort.Fields, SortField.Equal) {
		return fmt.Errorf("%w: it is sorted otherwise", ErrApart)
	}
	return nil
}

func (d *differ) schemas() error {
	had, err := d.from.document.byID("schemas", "schema-id")
	if err != nil {
		return err
	}
	has, err := d.to.document.byID("schemas", "schema-id")
	if err != nil {
		return err
	}
	next := 0
	for id, raw := range had {
		if same, err := sameSchema(raw, has[id]); err != nil || !same {
			return cmp.Or(err, fmt.Errorf("%w: it has had columns (schema %d) that the table never had", ErrApart, id))
		}
		next = max(next, id+1)
	}
	for _, id := range slices.Sorted(maps.Keys(has)) {
		if _, ok := had[id]; ok {
			continue
		}
		// Whoever adds it gives it the next number.
		if id != next {
			return fmt.Errorf("%w: schema %d is missing", ErrApart, next)
		}
		next++
		d.update("add-schema", map[string]any{"schema": has[id], "last-column-id": d.to.lastColumn})
	}
	if from, to := d.from.schema.ID, d.to.schema.ID; from != to {
		d.update("set-current-schema", map[string]any{"schema-id": to})
	}
	return nil
}

// sameSchema compares what they say; each writer spells it in its own way.
func sameSchema(a, b json.RawMessage) (bool, error) {
	if isNull(a) || isNull(b) {
		return false, nil
	}
	var one, other iceberg.Schema
	if err := cmp.Or(json.Unmarshal(a, &one), json.Unmarshal(b, &other)); err != nil {
		return false, fmt.Errorf("schemas: %w", err)
	}
	return one.Equals(&other), nil
}

func (d *differ) snapshots(isOurs func(manifestList string) bool) error {
	var raws []json.RawMessage
	if err := d.to.document.read("snapshots", &raws); err != nil {
		return err
	}
	has := map[int64]string{}
	for _, s := range d.to.snapshots {
		has[s.SnapshotID] = s.ManifestList
	}
	had := map[int64]bool{}
	var gone []int64
	for _, s := range d.from.snapshots {
		had[s.SnapshotID] = true
		list, kept := has[s.SnapshotID]
		switch {
		case kept && list == s.ManifestList:
		case kept || !isOurs(s.ManifestList):
			return fmt.Errorf("%w: snapshot %d is not the table's", ErrApart, s.SnapshotID)
		default:
			gone = append(gone, s.SnapshotID)
		}
	}
	for i, s := range d.to.snapshots {
		if had[s.SnapshotID] {
			continue
		}
		if s.SequenceNumber <= d.from.lastSequence {
			return fmt.Errorf("%w: it has gone on to sequence number %d without snapshot %d", ErrApart, d.from.lastSequence, s.SnapshotID)
		}
		d.update("add-snapshot", map[string]any{"snapshot": raws[i]})
	}
	if d.from.lastSequence > d.to.lastSequence {
		return fmt.Errorf("%w: it has gone on to sequence number %d", ErrApart, d.from.lastSequence)
	}
	if from, to := headOf(d.from), headOf(d.to); from != to {
		if to == nil {
			return fmt.Errorf("%w: it has rows", ErrApart)
		}
		d.update("set-snapshot-ref", map[string]any{"ref-name": MainBranch, "type": "branch", "snapshot-id": to})
	}
	// One by one: not every server takes several.
	for _, id := range gone {
		d.update("remove-snapshots", map[string]any{"snapshot-ids": []int64{id}})
	}
	return nil
}

func (d *differ) properties() error {
	changed := map[string]string{}
	for key, value := range d.to.properties {
		if is, ok := d.from.properties[key]; !ok || is != value {
			changed[key] = value
		}
	}
	if len(changed) > 0 {
		d.update("set-properties", map[string]any{"updates": changed})
	}
	return nil
}
