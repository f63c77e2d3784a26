package trino

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trailql/trailql/engine"
)

// signature is a type of Trino's.
type signature struct {
	Raw       string     `json:"rawType"`
	Arguments []argument `json:"arguments"`
}

// argument of a type: another type, a member of a row, or a number.
type argument struct {
	name   string
	typ    signature
	number int64
}

func (a *argument) UnmarshalJSON(text []byte) error {
	var kind struct {
		Kind  string          `json:"kind"`
		Value json.RawMessage `json:"value"`
	}
	if err := json.Unmarshal(text, &kind); err != nil {
		return err
	}
	switch kind.Kind {
	case "LONG":
		return json.Unmarshal(kind.Value, &a.number)
	case "TYPE":
		return json.Unmarshal(kind.Value, &a.typ)
	case "NAMED_TYPE":
		var named struct {
			Name *struct {
				Name string `json:"name"`
			} `json:"fieldName"`
			Type signature `json:"typeSignature"`
		}
		if err := json.Unmarshal(kind.Value, &named); err != nil {
			return err
		}
		if a.typ = named.Type; named.Name != nil {
			a.name = named.Name.Name
		}
	}
	return nil
}

// decimal is the precision and scale.
func (t signature) decimal() (precision, scale int32) {
	if len(t.Arguments) < 2 {
		return 38, 0
	}
	return int32(t.Arguments[0].number), int32(t.Arguments[1].number)
}

// members are those of a row. Ones without a name are called as Trino does it
// where it has to.
func (t signature) members() []argument {
	members := make([]argument, len(t.Arguments))
	for i, a := range t.Arguments {
		if a.name == "" {
			a.name = fmt.Sprintf("field%d", i)
		}
		members[i] = a
	}
	return members
}

// isRow, isList, isMap: well formed, too.
func (t signature) isRow() bool  { return t.Raw == "row" && len(t.Arguments) > 0 }
func (t signature) isList() bool { return t.Raw == "array" && len(t.Arguments) == 1 }
func (t signature) isMap() bool  { return t.Raw == "map" && len(t.Arguments) == 2 }

// arrow is the type of the values.
func (t signature) arrow() arrow.DataType {
	switch t.Raw {
	case "boolean":
		return arrow.FixedWidthTypes.Boolean
	case "tinyint":
		return arrow.PrimitiveTypes.Int8
	case "smallint":
		return arrow.PrimitiveTypes.Int16
	case "integer", "unknown":
		return arrow.PrimitiveTypes.Int32
	case "bigint":
		return arrow.PrimitiveTypes.Int64
	case "real":
		return arrow.PrimitiveTypes.Float32
	case "double":
		return arrow.PrimitiveTypes.Float64
	case "decimal":
		precision, scale := t.decimal()
		return &arrow.Decimal128Type{Precision: precision, Scale: scale}
	case "varbinary":
		return arrow.BinaryTypes.LargeBinary
	case "date":
		return arrow.FixedWidthTypes.Date32
	case "time":
		return arrow.FixedWidthTypes.Time64us
	case "timestamp":
		return &arrow.TimestampType{Unit: arrow.Microsecond}
	case "timestamp with time zone":
		return arrow.FixedWidthTypes.Timestamp_us
	case "interval day to second", "interval year to month":
		return arrow.FixedWidthTypes.MonthDayNanoInterval
	}
	switch {
	case t.isList():
		return arrow.LargeListOfField(arrow.Field{Name: "l", Type: t.Arguments[0].typ.arrow(), Nullable: true})
	case t.isMap():
		return arrow.MapOf(t.Arguments[0].typ.arrow(), t.Arguments[1].typ.arrow())
	case t.isRow():
		var fields []arrow.Field
		for _, m := range t.members() {
			fields = append(fields, arrow.Field{Name: m.name, Type: m.typ.arrow(), Nullable: true})
		}
		return arrow.StructOf(fields...)
	}
	return arrow.BinaryTypes.LargeString
}

// name is for people, and is that of engine/duck: what rows and maps contain is
// left out.
func (t signature) name() string {
	switch {
	case t.Raw == "decimal":
		precision, scale := t.decimal()
		return fmt.Sprintf("decimal(%d,%d)", precision, scale)
	case t.isList():
		return t.Arguments[0].typ.name() + "[]"
	}
	switch t.Raw {
	case "row":
		return "struct"
	case "real":
		return "float"
	case "interval day to second", "interval year to month":
		return "interval"
	}
	return strings.ToLower(t.Raw)
}

func schemaOf(columns []column) *arrow.Schema {
	fields := make([]arrow.Field, len(columns))
	for i, c := range columns {
		fields[i] = arrow.Field{Name: c.Name, Type: c.Type.arrow(), Nullable: true, Metadata: arrow.NewMetadata([]string{engine.TypeKey}, []string{c.Type.name()})}
	}
	return arrow.NewSchema(fields, nil)
}
