package securitylake

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/apache/iceberg-go"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// Columns of the table that are ours, behind those of OCSF. A file may have the
// first three of them itself: they partition Security Lake.
const (
	RegionColumn    = "region"
	AccountColumn   = "accountid"
	DayColumn       = "eventday" // of the event time, UTC, as YYYYMMDD
	TimestampColumn = "eventtimestamp"
	ObjectColumn    = "sourceobject"
	IndexColumn     = "sourceindex" // place in the object, from 0
	HashColumn      = "sourcehash"  // of the row's values, hex: equal rows have the same
)

// Field ids of our columns; those of OCSF's are above.
const (
	RegionID = 1 + iota
	AccountID
	DayID
	TimestampID
	ObjectID
	IndexID
	HashID
)

// Partition has the partition columns, outermost first.
func Partition() []string { return []string{RegionColumn, AccountColumn, DayColumn} }

func ourFields() []iceberg.NestedField {
	text := iceberg.PrimitiveTypes.String
	return []iceberg.NestedField{
		{ID: TimestampID, Name: TimestampColumn, Type: iceberg.PrimitiveTypes.TimestampTz, Doc: "time as a timestamp"},
		{ID: RegionID, Name: RegionColumn, Type: text, Doc: "partition"},
		{ID: AccountID, Name: AccountColumn, Type: text, Doc: "partition"},
		{ID: DayID, Name: DayColumn, Type: text, Doc: "partition: UTC day of the event, YYYYMMDD"},
		{ID: ObjectID, Name: ObjectColumn, Type: text, Doc: "object that the row came from"},
		{ID: IndexID, Name: IndexColumn, Type: iceberg.PrimitiveTypes.Int64, Doc: "place in the object, from 0"},
		{ID: HashID, Name: HashColumn, Type: text, Doc: "hash of the row's values; equal rows are in the table once"},
	}
}

// ErrType is wrapped by the error about a column that the table cannot hold.
var ErrType = errors.New("column of another type")

// Grow returns the table's schema with the columns of a file that it lacks. have
// is nil if there is no table yet. A schema that lacks nothing is returned as it is.
func Grow(have *iceberg.Schema, f *File) (grown *iceberg.Schema, err error) {
	defer guard(&err)
	g := grower{next: HashID}
	fields := ourFields()
	if have != nil {
		g.next = max(g.next, have.HighestFieldID())
		fields = have.Fields()
	} else {
		g.grown = true
	}
	at := slices.IndexFunc(fields, func(n iceberg.NestedField) bool { return n.ID == TimestampID })
	ocsf, ours := fields[:at], fields[at:]
	ocsf, err = g.fields(slices.Clone(ocsf), f.root.Fields(), "", func(name string) bool {
		return slices.ContainsFunc(ours, func(n iceberg.NestedField) bool { return n.Name == name })
	})
	if err != nil {
		return nil, err
	}
	if !g.grown {
		return have, nil
	}
	id := 0
	if have != nil {
		id = have.ID
	}
	return iceberg.NewSchema(id, slices.Concat(ocsf, ours)...), nil
}

// grower assigns field ids.
type grower struct {
	next  int // the highest one in use
	grown bool
}

func (g *grower) id() int {
	g.next++
	g.grown = true
	return g.next
}

// fields adds nodes to fields, but for those that are ours.
func (g *grower) fields(have []iceberg.NestedField, nodes []parquet.Field, path string, ours func(name string) bool) ([]iceberg.NestedField, error) {
	seen := map[string]bool{}
	for _, n := range nodes {
		name := strings.ToLower(n.Name())
		if seen[name] {
			return nil, fmt.Errorf("column %s: there are two, apart by case", path+name)
		}
		seen[name] = true
		if ours(name) {
			if path == "" && !isText(n) {
				return nil, fmt.Errorf("%w: %s is not text", ErrType, name)
			}
			continue
		}
		at := slices.IndexFunc(have, func(f iceberg.NestedField) bool { return f.Name == name })
		if at < 0 {
			have = append(have, iceberg.NestedField{ID: g.id(), Name: name})
			at = len(have) - 1
		}
		t, err := g.typeOf(have[at].Type, n, path+name)
		if err != nil {
			return nil, err
		}
		have[at].Type = t
	}
	return have, nil
}

func nothing(string) bool { return false }

// typeOf is the type of a node, merged with the one that the table has, if any.
func (g *grower) typeOf(have iceberg.Type, n parquet.Node, path string) (iceberg.Type, error) {
	conflict := func() error {
		return fmt.Errorf("%w: %s is %s in the table", ErrType, path, have)
	}
	switch kind := kindOf(n); kind {
	case structKind:
		h, ok := have.(*iceberg.StructType)
		if have != nil && !ok {
			return nil, conflict()
		}
		var members []iceberg.NestedField
		if h != nil {
			members = slices.Clone(h.FieldList)
		}
		members, err := g.fields(members, n.Fields(), path+".", nothing)
		return &iceberg.StructType{FieldList: members}, err
	case listKind:
		element, err := elementOf(n, path)
		if err != nil {
			return nil, err
		}
		h, ok := have.(*iceberg.ListType)
		if have != nil && !ok {
			return nil, conflict()
		}
		t := &iceberg.ListType{}
		if h != nil {
			*t = *h
		} else {
			t.ElementID = g.id()
		}
		t.Element, err = g.typeOf(t.Element, repeatedOnce{element}, path+".element")
		return t, err
	case mapKind:
		key, value, err := entryOf(n, path)
		if err != nil {
			return nil, err
		}
		h, ok := have.(*iceberg.MapType)
		if have != nil && !ok {
			return nil, conflict()
		}
		t := &iceberg.MapType{}
		if h != nil {
			*t = *h
		} else {
			t.KeyID, t.ValueID = g.id(), g.id()
		}
		if t.KeyType, err = g.typeOf(t.KeyType, key, path+".key"); err != nil {
			return nil, err
		}
		t.ValueType, err = g.typeOf(t.ValueType, value, path+".value")
		return t, err
	case unknownKind:
		return nil, fmt.Errorf("%w: %s is %s", ErrType, path, n.String())
	default:
		t := kind.iceberg()
		if have != nil && !have.Equals(t) {
			return nil, conflict()
		}
		return t, nil
	}
}

// kind is what a node is in the table.
type kind int

const (
	unknownKind kind = iota
	structKind
	listKind
	mapKind
	boolKind
	intKind
	floatKind
	textKind
	bytesKind
	dateKind
	localKind   // timestamp without a time zone
	instantKind // timestamp with one
)

func (k kind) iceberg() iceberg.Type {
	switch k {
	case boolKind:
		return iceberg.PrimitiveTypes.Bool
	case intKind:
		return iceberg.PrimitiveTypes.Int64
	case floatKind:
		return iceberg.PrimitiveTypes.Float64
	case bytesKind:
		return iceberg.PrimitiveTypes.Binary
	case dateKind:
		return iceberg.PrimitiveTypes.Date
	case localKind:
		return iceberg.PrimitiveTypes.Timestamp
	case instantKind:
		return iceberg.PrimitiveTypes.TimestampTz
	}
	return iceberg.PrimitiveTypes.String
}

func kindOf(n parquet.Node) kind {
	if n.Repeated() {
		return unknownKind // outside of a list
	}
	logical := logicalType(n)
	if !n.Leaf() {
		switch logical.(type) {
		case nil:
			return structKind
		case *format.ListType:
			return listKind
		case *format.MapType:
			return mapKind
		}
		return unknownKind
	}
	switch logical.(type) {
	case *format.ListType, *format.MapType:
		return unknownKind
	}
	switch n.Type().Kind() {
	case parquet.Boolean:
		return boolKind
	case parquet.Int32, parquet.Int64:
		switch t := logical.(type) {
		case nil:
			return intKind
		case *format.IntType:
			if t.IsSigned || t.BitWidth < 64 {
				return intKind
			}
		case *format.DateType:
			return dateKind
		case *format.TimestampType:
			if t.IsAdjustedToUTC {
				return instantKind
			}
			return localKind
		}
	case parquet.Int96:
		return localKind
	case parquet.Float, parquet.Double:
		return floatKind
	case parquet.ByteArray:
		switch logical.(type) {
		case nil:
			return bytesKind
		case *format.StringType, *format.EnumType, *format.JsonType:
			return textKind
		}
	}
	return unknownKind
}

// logicalType is what a node's values mean beyond how they are stored; nil is
// nothing.
func logicalType(n parquet.Node) format.LogicalTypeValue {
	if l := n.Type().LogicalType(); l != nil {
		return l.Value
	}
	return nil
}

func isText(n parquet.Node) bool { return n.Leaf() && !n.Repeated() && kindOf(n) == textKind }

// repeatedOnce is an element of a list without the repetition that makes it one.
type repeatedOnce struct{ parquet.Node }

func (repeatedOnce) Repeated() bool { return false }

// elementOf is the element of a list: of three levels, or of two as older writers
// have it.
func elementOf(list parquet.Node, path string) (parquet.Node, error) {
	fields := list.Fields()
	if len(fields) != 1 || !fields[0].Repeated() {
		return nil, fmt.Errorf("%w: %s is a list of no known form", ErrType, path)
	}
	if isElement(fields[0]) {
		return fields[0], nil
	}
	return fields[0].Fields()[0], nil
}

// isElement reports whether the repeated node of a list is its element.
func isElement(repeated parquet.Field) bool {
	return repeated.Leaf() || len(repeated.Fields()) != 1 || repeated.Name() == "array" || strings.HasSuffix(repeated.Name(), "_tuple")
}

// entryOf is the key and the value of a map.
func entryOf(m parquet.Node, path string) (key, value parquet.Node, err error) {
	fields := m.Fields()
	if len(fields) != 1 || !fields[0].Repeated() || len(fields[0].Fields()) != 2 {
		return nil, nil, fmt.Errorf("%w: %s is a map of no known form", ErrType, path)
	}
	entry := fields[0].Fields()
	return entry[0], entry[1], nil
}
