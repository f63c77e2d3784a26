package metadata

import (
	"encoding/json"
	"fmt"

	"github.com/apache/iceberg-go"
)

// SortDirection says which values come first.
type SortDirection string

// The directions of the specification, "Sorting".
const (
	SortASC  SortDirection = "asc"
	SortDESC SortDirection = "desc"
)

// NullOrder says where null values come.
type NullOrder string

// The orders of nulls of the specification, "Sorting".
const (
	NullsFirst NullOrder = "nulls-first"
	NullsLast  NullOrder = "nulls-last"
)

// SortOrder is an order of rows in data files. The zero value is unsorted.
type SortOrder struct {
	OrderID int         `json:"order-id"` // 0 is reserved for unsorted
	Fields  []SortField `json:"fields"`
}

// SortField is one key of a SortOrder.
type SortField struct {
	SourceID  int               `json:"source-id"` // of the column
	Transform iceberg.Transform `json:"transform"`
	Direction SortDirection     `json:"direction"`
	NullOrder NullOrder         `json:"null-order"`
}

// Equal reports whether both fields sort the same.
func (f SortField) Equal(g SortField) bool {
	return f.SourceID == g.SourceID && f.Transform.Equals(g.Transform) && f.Direction == g.Direction && f.NullOrder == g.NullOrder
}

func (f SortField) String() string {
	return fmt.Sprintf("%s(%d) %s %s", f.Transform, f.SourceID, f.Direction, f.NullOrder)
}

// UnmarshalJSON decodes a field of the one source column that format version 2
// allows.
func (f *SortField) UnmarshalJSON(data []byte) error {
	type plain SortField // without this method
	j := struct {
		Transform string `json:"transform"`
		*plain
	}{plain: (*plain)(f)}
	if err := json.Unmarshal(data, &j); err != nil {
		return err
	}
	var err error
	f.Transform, err = iceberg.ParseTransform(j.Transform)
	return err
}

// check tells what is wrong with the order in a table of this schema.
func (o SortOrder) check(schema *iceberg.Schema) error {
	if (o.OrderID == 0) != (len(o.Fields) == 0) {
		return fmt.Errorf("sort order %d with %d fields: 0 is unsorted, and only 0", o.OrderID, len(o.Fields))
	}
	for _, f := range o.Fields {
		column, ok := schema.FindFieldByID(f.SourceID)
		if !ok {
			return fmt.Errorf("sort order %d: no column has id %d", o.OrderID, f.SourceID)
		}
		if _, ok := column.Type.(iceberg.PrimitiveType); !ok || !f.Transform.CanTransform(column.Type) {
			return fmt.Errorf("sort order %d: %s of column %q, which is %s", o.OrderID, f.Transform, column.Name, column.Type)
		}
		if f.Direction != SortASC && f.Direction != SortDESC {
			return fmt.Errorf("sort order %d: direction %q", o.OrderID, f.Direction)
		}
		if f.NullOrder != NullsFirst && f.NullOrder != NullsLast {
			return fmt.Errorf("sort order %d: null order %q", o.OrderID, f.NullOrder)
		}
	}
	return nil
}
