package shared

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/apache/iceberg-go"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/glue/types"
)

// Parameters of a column, as Iceberg's own GlueCatalog has them.
const (
	glueFieldID       = "iceberg.field.id"
	glueFieldOptional = "iceberg.field.optional"
	glueFieldCurrent  = "iceberg.field.current"
)

// maxComment is how long Glue takes one.
const maxComment = 255

// glueColumns are what Glue's console and search show of a table. Readers of the
// table go by its metadata.
func glueColumns(schema *iceberg.Schema) ([]types.Column, error) {
	var columns []types.Column
	for _, f := range schema.Fields() {
		kind, err := hiveType(f.Type)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", f.Name, err)
		}
		c := types.Column{Name: aws.String(f.Name), Type: &kind, Parameters: map[string]string{
			glueFieldID: strconv.Itoa(f.ID), glueFieldOptional: strconv.FormatBool(!f.Required), glueFieldCurrent: "true",
		}}
		if f.Doc != "" {
			c.Comment = aws.String(strings.ToValidUTF8(f.Doc[:min(len(f.Doc), maxComment)], ""))
		}
		columns = append(columns, c)
	}
	return columns, nil
}

// hiveType writes a type as Hive has it. Source: Apache Iceberg, "Hive",
// "Iceberg to Hive".
func hiveType(t iceberg.Type) (string, error) {
	switch t := t.(type) {
	case iceberg.BooleanType:
		return "boolean", nil
	case iceberg.Int32Type:
		return "int", nil
	case iceberg.Int64Type:
		return "bigint", nil
	case iceberg.Float32Type:
		return "float", nil
	case iceberg.Float64Type:
		return "double", nil
	case iceberg.DateType:
		return "date", nil
	case iceberg.TimeType, iceberg.StringType, iceberg.UUIDType:
		return "string", nil
	case iceberg.TimestampType, iceberg.TimestampTzType:
		return "timestamp", nil
	case iceberg.BinaryType, iceberg.FixedType:
		return "binary", nil
	case iceberg.DecimalType:
		return fmt.Sprintf("decimal(%d,%d)", t.Precision(), t.Scale()), nil
	case *iceberg.ListType:
		element, err := hiveType(t.Element)
		return "array<" + element + ">", err
	case *iceberg.MapType:
		key, err := hiveType(t.KeyType)
		if err != nil {
			return "", err
		}
		value, err := hiveType(t.ValueType)
		return "map<" + key + "," + value + ">", err
	case *iceberg.StructType:
		var members []string
		for _, f := range t.FieldList {
			member, err := hiveType(f.Type)
			if err != nil {
				return "", err
			}
			members = append(members, f.Name+":"+member)
		}
		return "struct<" + strings.Join(members, ",") + ">", nil
	}
	return "", fmt.Errorf("no type of Hive's for %s", t)
}
