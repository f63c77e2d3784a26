package securitylake

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/format"
)

// Layout is how rows of a file are laid out in a data file of the table. Files
// with equal Signature have the same one.
type Layout struct {
	Schema    *parquet.Schema
	Signature string

	file     *File
	convert  []func(parquet.Value) (parquet.Value, error) // by the file's column; nil: as it is
	appended []appended
}

// appended is a column of ours that the file does not have.
type appended struct {
	name     string
	optional bool
}

// NewLayout lays the file out for a table of a schema that Grow has returned.
func NewLayout(table *iceberg.Schema, f *File) *Layout {
	l := &Layout{file: f, convert: make([]func(parquet.Value) (parquet.Value, error), len(f.schema.Columns()))}
	b := builder{layout: l}
	fields := b.members(f.root.Fields(), table.Fields())
	for _, ours := range table.Fields()[len(table.Fields())-len(ourFields()):] {
		if slices.ContainsFunc(fields, func(f parquet.Field) bool { return f.Name() == ours.Name }) {
			continue
		}
		n := parquet.String()
		optional := false
		switch ours.ID {
		case TimestampID:
			n, optional = parquet.Optional(parquet.Timestamp(parquet.Microsecond)), true
		case IndexID:
			n = parquet.Int(64)
		}
		fields = append(fields, named{parquet.FieldID(n, ours.ID), ours.Name})
		l.appended = append(l.appended, appended{ours.Name, optional})
	}
	root := group{Node: f.root, fields: fields}
	l.Schema = parquet.NewSchema("security_lake", root)
	l.Signature = Signature(root)
	return l
}

// Signature is equal for schemas whose rows can stand in one file.
func Signature(root parquet.Node) string {
	var signature strings.Builder
	describe(&signature, root)
	return signature.String()
}

// describe writes all that rows of a schema depend on.
func describe(w *strings.Builder, n parquet.Node) {
	for _, f := range n.Fields() {
		fmt.Fprintf(w, "%s %d %t %t", f.Name(), f.ID(), f.Optional(), f.Repeated())
		if f.Leaf() {
			fmt.Fprintf(w, " %s;", f.Type())
		} else {
			w.WriteString("{")
			describe(w, f)
			w.WriteString("}")
		}
	}
}

// group is a node with other members, or with an id.
type group struct {
	parquet.Node
	id     int
	fields []parquet.Field
}

func (g group) ID() int                 { return g.id }
func (g group) Fields() []parquet.Field { return g.fields }

// named is a node as a member.
type named struct {
	parquet.Node
	name string
}

func (n named) Name() string { return n.name }

// Value is for Go values, of which there are none.
func (n named) Value(base reflect.Value) reflect.Value { return reflect.Value{} }

// builder makes the nodes of a layout. column counts the leaves.
type builder struct {
	layout *Layout
	column int
}

func (b *builder) members(nodes []parquet.Field, table []iceberg.NestedField) []parquet.Field {
	var fields []parquet.Field
	for _, n := range nodes {
		name := strings.ToLower(n.Name())
		at := slices.IndexFunc(table, func(f iceberg.NestedField) bool { return f.Name == name })
		fields = append(fields, named{b.node(n, table[at].ID, table[at].Type), name})
	}
	return fields
}

// node is a node with the field ids of the table.
func (b *builder) node(n parquet.Node, id int, t iceberg.Type) parquet.Node {
	switch t := t.(type) {
	case *iceberg.StructType:
		return group{n, id, b.members(n.Fields(), t.FieldList)}
	case *iceberg.ListType:
		repeated := n.Fields()[0]
		if isElement(repeated) {
			return group{n, id, []parquet.Field{named{b.node(repeated, t.ElementID, t.Element), repeated.Name()}}}
		}
		element := repeated.Fields()[0]
		inner := group{repeated, 0, []parquet.Field{named{b.node(element, t.ElementID, t.Element), element.Name()}}}
		return group{n, id, []parquet.Field{named{inner, repeated.Name()}}}
	case *iceberg.MapType:
		repeated := n.Fields()[0]
		key, value := repeated.Fields()[0], repeated.Fields()[1]
		inner := group{repeated, 0, []parquet.Field{named{b.node(key, t.KeyID, t.KeyType), key.Name()}, named{b.node(value, t.ValueID, t.ValueType), value.Name()}}}
		return group{n, id, []parquet.Field{named{inner, repeated.Name()}}}
	}
	stored, convert := stored(n)
	b.layout.convert[b.column] = convert
	b.column++
	return parquet.FieldID(stored, id)
}

// stored is a leaf as the table's files have it.
func stored(n parquet.Node) (parquet.Node, func(parquet.Value) (parquet.Value, error)) {
	var to parquet.Node
	var convert func(parquet.Value) (parquet.Value, error)
	physical := n.Type().Kind()
	switch kindOf(repeatedOnce{n}) {
	case boolKind:
		to = parquet.Leaf(parquet.BooleanType)
	case intKind:
		to = parquet.Int(64)
		if physical == parquet.Int32 {
			t, isInt := logicalType(n).(*format.IntType)
			unsigned := isInt && !t.IsSigned
			convert = func(v parquet.Value) (parquet.Value, error) {
				if unsigned {
					return parquet.Int64Value(int64(v.Uint32())), nil
				}
				return parquet.Int64Value(int64(v.Int32())), nil
			}
		}
	case floatKind:
		to = parquet.Leaf(parquet.DoubleType)
		if physical == parquet.Float {
			convert = func(v parquet.Value) (parquet.Value, error) { return parquet.DoubleValue(float64(v.Float())), nil }
		}
	case bytesKind:
		to = parquet.Leaf(parquet.ByteArrayType)
	case dateKind:
		to = parquet.Date()
	case localKind, instantKind:
		to = parquet.TimestampAdjusted(parquet.Microsecond, kindOf(repeatedOnce{n}) == instantKind)
		convert = toMicroseconds(n)
	default:
		to = parquet.String()
	}
	switch {
	case n.Optional():
		to = parquet.Optional(to)
	case n.Repeated():
		to = parquet.Repeated(to)
	}
	return to, convert
}

// toMicroseconds converts timestamps of other units.
func toMicroseconds(n parquet.Node) func(parquet.Value) (parquet.Value, error) {
	scale := func(by int64) func(parquet.Value) (parquet.Value, error) {
		return func(v parquet.Value) (parquet.Value, error) {
			micros := v.Int64() * by
			if micros/by != v.Int64() {
				return v, fmt.Errorf("timestamp %d is out of range", v.Int64())
			}
			return parquet.Int64Value(micros), nil
		}
	}
	if n.Type().Kind() == parquet.Int96 {
		return func(v parquet.Value) (parquet.Value, error) {
			micros, err := int96Micros(v.Int96())
			return parquet.Int64Value(micros), err
		}
	}
	t, _ := logicalType(n).(*format.TimestampType)
	switch t.Unit.Value.(type) {
	case *format.MilliSeconds:
		return scale(1000)
	case *format.NanoSeconds:
		return func(v parquet.Value) (parquet.Value, error) {
			if v.Int64()%1000 != 0 {
				return v, fmt.Errorf("timestamp with nanoseconds, which the table cannot hold: %d", v.Int64())
			}
			return parquet.Int64Value(v.Int64() / 1000), nil
		}
	}
	return nil
}

// int96Micros reads a time of day in nanoseconds and a Julian day.
func int96Micros(v deprecated.Int96) (int64, error) {
	const epoch = 2440588 // 1970-01-01
	nanos := int64(v[1])<<32 | int64(v[0])
	if nanos%1000 != 0 {
		return 0, fmt.Errorf("timestamp with nanoseconds, which the table cannot hold: %d", nanos)
	}
	return (int64(v[2])-epoch)*int64(24*time.Hour/time.Microsecond) + nanos/1000, nil
}
