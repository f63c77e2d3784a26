package metadata

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/google/uuid"
)

// Definition says what a new table is.
type Definition struct {
	ID         uuid.UUID
	Location   string          // URI of its folder
	Schema     *iceberg.Schema // with the column ids that the data files have
	Partition  iceberg.PartitionSpec
	Sort       []SortField // none: unsorted
	Properties map[string]string
	Created    time.Time
}

// New makes the metadata of a table without snapshots.
func New(d Definition) (*Table, error) {
	if d.Schema == nil {
		return nil, errors.New("no schema")
	}
	if err := checkSchema(d.Schema); err != nil {
		return nil, err
	}
	none, first := iceberg.PartitionDataIDStart-1, 0
	partition, err := d.Partition.BindToSchema(d.Schema, &none, &first)
	if err != nil {
		return nil, err
	}
	order := SortOrder{Fields: []SortField{}}
	if len(d.Sort) > 0 {
		order = SortOrder{OrderID: 1, Fields: d.Sort}
	}
	file := map[string]any{
		"format-version":        FormatVersion,
		"table-uuid":            d.ID,
		"location":              d.Location,
		"last-sequence-number":  0,
		"last-updated-ms":       d.Created.UnixMilli(),
		"last-column-id":        d.Schema.HighestFieldID(),
		"schemas":               []*iceberg.Schema{numbered(d.Schema, 0)},
		"current-schema-id":     0,
		"partition-specs":       []iceberg.PartitionSpec{partition},
		"default-spec-id":       partition.ID(),
		"last-partition-id":     partition.LastAssignedFieldID(),
		"sort-orders":           []SortOrder{order},
		"default-sort-order-id": order.OrderID,
	}
	if len(d.Properties) > 0 { // pyiceberg does not read null
		file["properties"] = d.Properties
	}
	data, err := json.Marshal(file)
	if err != nil {
		return nil, err
	}
	return Parse(data)
}

// numbered is the schema under another id.
func numbered(s *iceberg.Schema, id int) *iceberg.Schema {
	return iceberg.NewSchemaWithIdentifiers(id, s.IdentifierFieldIDs, s.Fields()...)
}

// checkSchema refuses what format version 3 has added: appendix E, "Version 3".
func checkSchema(s *iceberg.Schema) error {
	fields, err := s.FlatFields()
	if err != nil {
		return err
	}
	for f := range fields {
		switch f.Type.(type) {
		case iceberg.TimestampNsType, iceberg.TimestampTzNsType, iceberg.UnknownType, iceberg.VariantType, iceberg.GeometryType, iceberg.GeographyType:
			return fmt.Errorf("column %q (id %d): %s needs format version 3", f.Name, f.ID, f.Type)
		}
		if f.InitialDefault != nil || f.WriteDefault != nil {
			return fmt.Errorf("column %q (id %d): a default value needs format version 3", f.Name, f.ID)
		}
	}
	return nil
}
