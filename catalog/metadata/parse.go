package metadata

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// document is a metadata file by its top-level fields.
type document map[string]json.RawMessage

// required are the fields that version 2 demands: "Table Metadata Fields".
var required = [...]string{
	"table-uuid", "location", "last-sequence-number", "last-updated-ms", "last-column-id", "schemas", "current-schema-id",
	"partition-specs", "default-spec-id", "last-partition-id", "sort-orders", "default-sort-order-id",
}

// Parse reads a metadata file. The error says what is wrong with it, and leaves
// naming the file to the caller. Of schemas, partition specs and sort orders
// only those in use are checked; of all other fields, those that [Table]'s
// methods return.
func Parse(data []byte) (*Table, error) {
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return nil, err
	}
	return d.table()
}

func (d document) table() (*Table, error) {
	var version int
	if err := d.read("format-version", &version); err != nil {
		return nil, err
	}
	if version != FormatVersion {
		return nil, fmt.Errorf("format version %d, only %d is supported", version, FormatVersion)
	}
	for _, name := range required {
		if !d.has(name) {
			return nil, fmt.Errorf("no %s", name)
		}
	}
	// A writer that puts these into version 2 counts on readers to keep them up.
	for _, name := range []string{"next-row-id", "encryption-keys"} {
		if d.has(name) {
			return nil, fmt.Errorf("%s needs format version 3, this is %d", name, version)
		}
	}

	t := &Table{document: d}
	var lastPartition int
	err := cmp.Or(
		d.read("table-uuid", &t.id),
		d.read("location", &t.location),
		d.read("last-sequence-number", &t.lastSequence),
		d.read("last-updated-ms", &t.lastUpdated),
		d.read("last-column-id", &t.lastColumn),
		d.read("last-partition-id", &lastPartition),
		d.read("properties", &t.properties),
		d.chosen("schemas", "schema-id", "current-schema-id", &t.schema),
		d.chosen("partition-specs", "spec-id", "default-spec-id", &t.partition),
		t.readSort(),
		t.readSnapshots(),
		t.readLogs(),
	)
	switch {
	case err != nil:
		return nil, err
	case t.id == uuid.Nil:
		return nil, errors.New("no table-uuid")
	case t.location == "":
		return nil, errors.New("no location")
	case t.lastSequence < 0 || t.lastColumn < 0:
		return nil, fmt.Errorf("last-sequence-number %d, last-column-id %d", t.lastSequence, t.lastColumn)
	}
	return t, t.sort.check(t.schema)
}

// has reports whether a field is there and not null, which means the same.
func (d document) has(name string) bool { return !isNull(d[name]) }

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// read decodes a field; v stays as it is if there is none.
func (d document) read(name string, v any) error {
	if !d.has(name) {
		return nil
	}
	if err := json.Unmarshal(d[name], v); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// chosen decodes the element of a list whose id a field names.
func (d document) chosen(list, idKey, field string, v any) error {
	var want int
	if err := d.read(field, &want); err != nil {
		return err
	}
	elements, err := d.byID(list, idKey)
	if err != nil {
		return err
	}
	raw, ok := elements[want]
	if !ok {
		return fmt.Errorf("%s: no %d in %s", field, want, list)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("%s: %w", list, err)
	}
	return nil
}

// byID has the elements of a list by their ids, each of which occurs once.
func (d document) byID(list, idKey string) (map[int]json.RawMessage, error) {
	var raws []json.RawMessage
	if err := d.read(list, &raws); err != nil {
		return nil, err
	}
	elements := map[int]json.RawMessage{}
	for _, raw := range raws {
		var element document
		if err := json.Unmarshal(raw, &element); err != nil {
			return nil, fmt.Errorf("%s: %w", list, err)
		}
		if !element.has(idKey) {
			return nil, fmt.Errorf("%s: no %s", list, idKey)
		}
		var id int
		if err := element.read(idKey, &id); err != nil {
			return nil, fmt.Errorf("%s: %w", list, err)
		}
		if _, twice := elements[id]; twice || id < 0 {
			return nil, fmt.Errorf("%s: %s %d is negative or there twice", list, idKey, id)
		}
		elements[id] = raw
	}
	return elements, nil
}

func (t *Table) readSort() error {
	var id int
	if err := t.document.read("default-sort-order-id", &id); err != nil || id == 0 {
		return err // 0 is unsorted, listed or not
	}
	return t.document.chosen("sort-orders", "order-id", "default-sort-order-id", &t.sort)
}

// readSnapshots reads the snapshots and checks them against what refers to
// them.
func (t *Table) readSnapshots() error {
	var all []snapshotJSON
	if err := t.document.read("snapshots", &all); err != nil {
		return err
	}
	byID := make(map[int64]*Snapshot, len(all))
	t.snapshots = make([]Snapshot, len(all))
	for i, j := range all {
		s, err := j.snapshot()
		if err != nil {
			return fmt.Errorf("snapshots: %w", err)
		}
		if byID[s.SnapshotID] != nil {
			return fmt.Errorf("snapshots: %d is there twice", s.SnapshotID)
		}
		if s.SequenceNumber > t.lastSequence {
			return fmt.Errorf("snapshots: %d has sequence number %d, the last one is %d", s.SnapshotID, s.SequenceNumber, t.lastSequence)
		}
		t.snapshots[i] = s
		byID[s.SnapshotID] = &t.snapshots[i]
	}

	var current *int64
	if err := t.document.read("current-snapshot-id", &current); err != nil {
		return err
	}
	if current != nil && *current != noSnapshot {
		if t.current = byID[*current]; t.current == nil {
			return fmt.Errorf("current-snapshot-id: no snapshot %d", *current)
		}
	}

	var refs map[string]struct {
		SnapshotID *int64 `json:"snapshot-id"`
		Type       string `json:"type"`
	}
	if err := t.document.read("refs", &refs); err != nil {
		return err
	}
	for name, ref := range refs {
		switch {
		case ref.SnapshotID == nil || byID[*ref.SnapshotID] == nil:
			return fmt.Errorf("refs: %q refers to no snapshot", name)
		case ref.Type != "branch" && ref.Type != "tag":
			return fmt.Errorf("refs: %q is a %q, neither branch nor tag", name, ref.Type)
		case name == MainBranch && ref.Type != "branch":
			return fmt.Errorf("refs: %q is a %q", name, ref.Type)
		case name == MainBranch && (t.current == nil || t.current.SnapshotID != *ref.SnapshotID):
			return fmt.Errorf("refs: branch %s is at snapshot %d, which is not the current one", name, *ref.SnapshotID)
		}
	}
	return nil
}

// noSnapshot is how the Java library writes that there is none: appendix F,
// "Assignment of Snapshot IDs and current-snapshot-id".
const noSnapshot = -1

// maxSkew is how far the clocks of writers may be apart, in milliseconds.
// iceberg-go and the Java library allow as much.
const maxSkew = 60_000

func (t *Table) readLogs() error {
	if err := t.document.read("metadata-log", &t.files); err != nil {
		return err
	}
	var snapshots []snapshotLogEntry
	if err := t.document.read("snapshot-log", &snapshots); err != nil {
		return err
	}
	times := make([]int64, 0, len(t.files)+1)
	for _, e := range t.files {
		if e.MetadataFile == "" {
			return errors.New("metadata-log: no metadata-file")
		}
		times = append(times, e.TimestampMs)
	}
	if !inOrder(append(times, t.lastUpdated)) {
		return errors.New("metadata-log is not in the order of time")
	}
	times = times[:0]
	for _, e := range snapshots {
		times = append(times, e.TimestampMs)
	}
	if !inOrder(append(times, t.lastUpdated)) {
		return errors.New("snapshot-log is not in the order of time")
	}
	return nil
}

// snapshotLogEntry says since when a snapshot was the current one.
type snapshotLogEntry struct {
	SnapshotID  int64 `json:"snapshot-id"`
	TimestampMs int64 `json:"timestamp-ms"`
}

func inOrder(times []int64) bool {
	for i := 1; i < len(times); i++ {
		if times[i]-times[i-1] < -maxSkew {
			return false
		}
	}
	return true
}
