package metadata

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/apache/iceberg-go"
)

// previousFiles is how many earlier metadata files a table names unless its
// property previousFilesKey says otherwise, as in other writers.
const (
	previousFiles    = 100
	previousFilesKey = "write.metadata.previous-versions-max"
)

// Builder makes the metadata that follows another one. Steps after an error do
// nothing; Build returns it.
type Builder struct {
	base     *Table
	file     string
	document document
	at       int64 // milliseconds
	err      error
}

// Update begins the metadata behind base, which lies at the URI file. now is
// the time of the change; a clock that was set back does not stop it, for it
// counts as made when base was, at the earliest.
func Update(base *Table, file string, now time.Time) *Builder {
	return &Builder{base: base, file: file, document: maps.Clone(base.document), at: max(now.UnixMilli(), base.lastUpdated)}
}

// SetSchema gives the table other columns. Whether the old files can be read
// with them is for the caller to know.
func (b *Builder) SetSchema(s *iceberg.Schema) *Builder {
	return b.step(func() error {
		if err := checkSchema(s); err != nil {
			return err
		}
		schemas, err := b.document.byID("schemas", "schema-id")
		if err != nil {
			return err
		}
		id, known := 0, false
		for _, have := range slices.Sorted(maps.Keys(schemas)) {
			var old iceberg.Schema
			if json.Unmarshal(schemas[have], &old) == nil && old.Equals(s) {
				id, known = have, true
				break
			}
			id = max(id, have+1)
		}
		if !known {
			var last int
			if err := b.document.read("last-column-id", &last); err != nil {
				return err
			}
			b.append("schemas", numbered(s, id))
			b.set("last-column-id", max(last, s.HighestFieldID()))
		}
		b.set("current-schema-id", id)
		return nil
	})
}

// SetProperties sets these properties and keeps the others.
func (b *Builder) SetProperties(properties map[string]string) *Builder {
	return b.step(func() error {
		if len(properties) == 0 {
			return nil
		}
		all := map[string]json.RawMessage{}
		err := b.document.read("properties", &all)
		for key, value := range properties {
			all[key] = b.encode(value)
		}
		b.set("properties", all)
		return err
	})
}

// AddSnapshot adds a snapshot behind the current one, in whose place it comes
// as the head of branch main. Its sequence number is the one after the last one,
// its schema the current one, its time that of the change.
func (b *Builder) AddSnapshot(id int64, manifestList string, summary Summary) *Builder {
	return b.step(func() error {
		s := snapshotJSON{SnapshotID: &id, TimestampMs: &b.at, ManifestList: manifestList, Summary: map[string]string{}}
		maps.Copy(s.Summary, summary.Properties)
		s.Summary[operationKey] = string(summary.Operation)
		var refs map[string]document
		if err := cmp.Or(
			b.document.read("last-sequence-number", &s.SequenceNumber),
			b.document.read("current-snapshot-id", &s.ParentSnapshotID),
			b.document.read("current-schema-id", &s.SchemaID),
			b.document.read("refs", &refs),
		); err != nil {
			return err
		}
		s.SequenceNumber++
		if s.ParentSnapshotID != nil && *s.ParentSnapshotID == noSnapshot {
			s.ParentSnapshotID = nil
		}
		if refs == nil {
			refs = map[string]document{}
		}
		if refs[MainBranch] == nil {
			refs[MainBranch] = document{"type": b.encode("branch")}
		}
		refs[MainBranch]["snapshot-id"] = b.encode(id)

		b.append("snapshots", s)
		b.append("snapshot-log", snapshotLogEntry{SnapshotID: id, TimestampMs: b.at})
		b.set("refs", refs)
		b.set("current-snapshot-id", id)
		b.set("last-sequence-number", s.SequenceNumber)
		return nil
	})
}

// RemoveSnapshots forgets snapshots with their statistics and the branches and
// tags at them. Removing the current one is an error.
func (b *Builder) RemoveSnapshots(ids []int64) *Builder {
	return b.step(func() error {
		gone := make(map[int64]bool, len(ids))
		for _, id := range ids {
			gone[id] = true
		}
		current := int64(noSnapshot)
		if err := b.document.read("current-snapshot-id", &current); err != nil {
			return err
		}
		if gone[current] && current != noSnapshot {
			return errors.New("the current snapshot cannot be removed")
		}
		for _, list := range []string{"snapshots", "statistics", "partition-statistics"} {
			b.edit(list, func(all []element) []element {
				return slices.DeleteFunc(all, func(e element) bool { return gone[e.SnapshotID] })
			})
		}
		// With a snapshot go the entries before it ("Table Metadata Fields",
		// snapshot-log): the log must not skip what it once knew.
		b.edit("snapshot-log", func(all []element) []element {
			for i, e := range slices.Backward(all) {
				if gone[e.SnapshotID] {
					return all[i+1:]
				}
			}
			return all
		})

		var refs map[string]document
		if err := b.document.read("refs", &refs); err != nil || refs == nil {
			return err
		}
		maps.DeleteFunc(refs, func(_ string, ref document) bool {
			var id int64
			return ref.read("snapshot-id", &id) == nil && gone[id]
		})
		b.set("refs", refs)
		return nil
	})
}

// ForgetFiles leaves the metadata files of before a time out of the log, so that
// they can be removed.
func (b *Builder) ForgetFiles(before time.Time) *Builder {
	return b.step(func() error {
		b.edit("metadata-log", func(all []element) []element {
			return slices.DeleteFunc(all, func(e element) bool { return e.TimestampMs < before.UnixMilli() })
		})
		return nil
	})
}

// Build returns the new metadata. Its log names base's file.
func (b *Builder) Build() (*Table, error) {
	b.step(func() error {
		var properties iceberg.Properties
		if err := b.document.read("properties", &properties); err != nil {
			return err
		}
		most := max(1, properties.GetInt(previousFilesKey, previousFiles))
		b.append("metadata-log", MetadataLogEntry{TimestampMs: b.base.lastUpdated, MetadataFile: b.file})
		b.edit("metadata-log", func(all []element) []element { return all[max(0, len(all)-most):] })
		b.set("last-updated-ms", b.at)
		return nil
	})
	if b.err != nil {
		return nil, b.err
	}
	return b.document.table()
}

func (b *Builder) step(do func() error) *Builder {
	if b.err == nil {
		if err := do(); b.err == nil {
			b.err = err
		}
	}
	return b
}

func (b *Builder) set(field string, v any) { b.document[field] = b.encode(v) }

func (b *Builder) encode(v any) json.RawMessage {
	raw, err := json.Marshal(v)
	if err != nil && b.err == nil {
		b.err = err
	}
	return raw
}

// append adds an element to a list as text: lists grow by one with each commit,
// and decoding all of them each time is what a commit would spend its time on.
func (b *Builder) append(list string, v any) {
	added := b.encode(v)
	if !b.document.has(list) {
		b.document[list] = slices.Concat([]byte("["), added, []byte("]"))
		return
	}
	// That it is a list has been checked when it was read.
	head := bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(b.document[list]), []byte("]")))
	if len(head) > len("[") {
		added = slices.Concat([]byte(","), added)
	}
	b.document[list] = slices.Concat(head, added, []byte("]"))
}

// element is one of a list, with what decides whether it stays.
type element struct {
	raw         json.RawMessage
	SnapshotID  int64 `json:"snapshot-id"`
	TimestampMs int64 `json:"timestamp-ms"`
}

// UnmarshalJSON keeps the whole of the element.
func (e *element) UnmarshalJSON(data []byte) error {
	type plain element // without this method
	e.raw = bytes.Clone(data)
	return json.Unmarshal(data, (*plain)(e))
}

// MarshalJSON is what was decoded.
func (e element) MarshalJSON() ([]byte, error) { return e.raw, nil }

// edit changes a list; one that is not there stays so if nothing is added.
func (b *Builder) edit(list string, change func([]element) []element) {
	var all []element
	if err := b.document.read(list, &all); err != nil && b.err == nil {
		b.err = err
	}
	if changed := change(all); len(changed) > 0 || len(all) > 0 {
		b.set(list, changed)
	}
}
