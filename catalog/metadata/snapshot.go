package metadata

import (
	"fmt"

	"github.com/apache/iceberg-go"
)

// MainBranch is the branch whose head is the table's current snapshot.
const MainBranch = "main"

// Operation says what a snapshot did to the one before.
type Operation string

// The operations of the specification, "Snapshots".
const (
	OpAppend    Operation = "append"    // added data files
	OpReplace   Operation = "replace"   // put other files in place of some, with the same rows
	OpOverwrite Operation = "overwrite" // added and removed data files
	OpDelete    Operation = "delete"    // removed data files
)

// Snapshot is the table as of one commit.
type Snapshot struct {
	SnapshotID       int64
	ParentSnapshotID *int64 // nil for the first
	SequenceNumber   int64
	TimestampMs      int64 // since 1970 UTC
	ManifestList     string
	Summary          Summary
}

// Summary says what a snapshot changed. The operation is empty if the writer
// did not say it.
type Summary struct {
	Operation  Operation
	Properties iceberg.Properties // such as added-records: appendix F
}

// snapshotJSON is a snapshot as a file has it, so far as it is read or written.
type snapshotJSON struct {
	SnapshotID       *int64            `json:"snapshot-id"`
	ParentSnapshotID *int64            `json:"parent-snapshot-id,omitempty"`
	SequenceNumber   int64             `json:"sequence-number"` // 0 if it was made in version 1: appendix E
	TimestampMs      *int64            `json:"timestamp-ms"`
	ManifestList     string            `json:"manifest-list"`
	Summary          map[string]string `json:"summary,omitempty"`
	SchemaID         *int              `json:"schema-id,omitempty"`
}

const operationKey = "operation"

func (j snapshotJSON) snapshot() (Snapshot, error) {
	switch {
	case j.SnapshotID == nil:
		return Snapshot{}, fmt.Errorf("no snapshot-id")
	case j.TimestampMs == nil:
		return Snapshot{}, fmt.Errorf("no timestamp-ms in snapshot %d", *j.SnapshotID)
	case j.ManifestList == "":
		return Snapshot{}, fmt.Errorf("no manifest-list in snapshot %d", *j.SnapshotID)
	}
	s := Snapshot{
		SnapshotID:       *j.SnapshotID,
		ParentSnapshotID: j.ParentSnapshotID,
		SequenceNumber:   j.SequenceNumber,
		TimestampMs:      *j.TimestampMs,
		ManifestList:     j.ManifestList,
		Summary:          Summary{Operation: Operation(j.Summary[operationKey]), Properties: j.Summary},
	}
	delete(s.Summary.Properties, operationKey)
	return s, nil
}
