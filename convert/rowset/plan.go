package rowset

import (
	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/trailql/trailql/convert/cloudtrail"
)

// physical is a Parquet column of the table.
type physical struct {
	column *cloudtrail.Column
	id     int // field id of the values
	path   []string
	leaf   cloudtrail.Leaf
	chain  uint8 // enclosing struct columns as bits of Set.structs
	maxDef uint8

	constant func(*Set) string // a partition column's value
	list     func(*Set) *lists // of a repeated column
	member   int               // which of the list's members
	required bool              // a map's key
}

// plan is the Parquet columns in file order.
func plan() []physical { return physicals }

var physicals, elements = layOut()

// schemaElements is the Parquet schema, with Iceberg's field ids.
func schemaElements() []format.SchemaElement { return elements }

// layOut derives both from the table's columns.
func layOut() (out []physical, schema []format.SchemaElement) {
	group := func(name string, rep format.FieldRepetitionType, children, id int) *format.SchemaElement {
		e := format.SchemaElement{Name: name, NumChildren: thrift.New(int32(children)), FieldID: int32(id)}
		if name != "root" {
			e.RepetitionType = thrift.New(rep)
		}
		schema = append(schema, e)
		return &schema[len(schema)-1]
	}
	value := func(name string, rep format.FieldRepetitionType, typ format.Type, id int) *format.SchemaElement {
		schema = append(schema, format.SchemaElement{
			Name: name, Type: thrift.New(typ), RepetitionType: thrift.New(rep), FieldID: int32(id),
		})
		return &schema[len(schema)-1]
	}
	text := func(name string, rep format.FieldRepetitionType, id int) {
		e := value(name, rep, format.ByteArray, id)
		e.ConvertedType = thrift.New(deprecated.UTF8)
		e.LogicalType = format.LogicalType{Value: new(format.StringType)}
	}
	leaf, groups := 0, 0
	var walk func(cols []cloudtrail.Column, path []string, chain uint8, depth uint8)
	walk = func(cols []cloudtrail.Column, path []string, chain uint8, depth uint8) {
		for i := range cols {
			c := &cols[i]
			here := append(path[:len(path):len(path)], c.Name)
			p := physical{column: c, id: c.ID, path: here, chain: chain, maxDef: depth + 1}
			switch c.Kind {
			case cloudtrail.Struct:
				group(c.Name, format.Optional, len(c.Fields), c.ID)
				groups++
				walk(c.Fields, here, chain|1<<(groups-1), depth+1)
				continue
			case cloudtrail.Resources:
				e := group(c.Name, format.Optional, 1, c.ID)
				e.ConvertedType = thrift.New(deprecated.List)
				e.LogicalType = format.LogicalType{Value: new(format.ListType)}
				group("list", format.Repeated, 1, 0)
				group("element", format.Optional, 3, c.ID+cloudtrail.ElementOffset)
				p.list = func(s *Set) *lists { return &s.resources }
				p.maxDef = depth + 4
				for k, name := range []string{"arn", "accountid", "type"} {
					id := c.ID + cloudtrail.MemberOffset + k
					text(name, format.Optional, id)
					p.id, p.member = id, k
					p.path = append(here[:len(here):len(here)], "list", "element", name)
					out = append(out, p)
				}
				continue
			case cloudtrail.Map:
				e := group(c.Name, format.Optional, 1, c.ID)
				e.ConvertedType = thrift.New(deprecated.Map)
				e.LogicalType = format.LogicalType{Value: new(format.MapType)}
				group("key_value", format.Repeated, 2, 0)
				p.list = func(s *Set) *lists { return &s.attributes }
				text("key", format.Required, c.ID+cloudtrail.ElementOffset)
				text("value", format.Optional, c.ID+cloudtrail.ValueOffset)
				p.id, p.member, p.maxDef, p.required = c.ID+cloudtrail.ElementOffset, 0, depth+2, true
				p.path = append(here[:len(here):len(here)], "key_value", "key")
				out = append(out, p)
				p.id, p.member, p.maxDef, p.required = c.ID+cloudtrail.ValueOffset, 1, depth+3, false
				p.path = append(here[:len(here):len(here)], "key_value", "value")
				out = append(out, p)
				continue
			case cloudtrail.Timestamp:
				e := value(c.Name, format.Optional, format.Int64, c.ID)
				e.ConvertedType = thrift.New(deprecated.TimestampMicros)
				e.LogicalType = format.LogicalType{Value: &format.TimestampType{
					IsAdjustedToUTC: true, Unit: format.TimeUnit{Value: new(format.MicroSeconds)},
				}}
			case cloudtrail.Int:
				value(c.Name, format.Optional, format.Int64, c.ID)
			default:
				text(c.Name, format.Optional, c.ID)
				switch c.Name {
				case cloudtrail.RegionColumn:
					p.constant = func(s *Set) string { return s.Region }
				case cloudtrail.DateColumn:
					p.constant = func(s *Set) string { return s.Date }
				default:
					p.leaf = cloudtrail.Leaf(leaf)
					leaf++
				}
			}
			out = append(out, p)
		}
	}
	cols := cloudtrail.Columns()
	group("root", format.Required, len(cols), 0)
	walk(cols, nil, 0, 0)
	return out, schema
}
