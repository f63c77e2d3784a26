package convert

import (
	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert/cloudtrail"
)

// Tables of a warehouse.
const (
	LogsTable       = "cloudtrail_logs"
	AggregatedTable = "aggregated_events"
	LedgerTable     = "source_files"
	RejectedTable   = "rejected_records"
)

// tableSpecs declares the tables.
func tableSpecs() []catalog.TableSpec {
	return []catalog.TableSpec{
		{
			Name:      LogsTable,
			Schema:    logsSchema(),
			Partition: []string{cloudtrail.RegionColumn, cloudtrail.DateColumn},
			Sort:      []string{cloudtrail.TimestampColumn},

			Properties: tableProperties(),
		},
		{Name: AggregatedTable, Schema: recordSchema[aggregatedRow](), Properties: tableProperties()},
		{Name: LedgerTable, Schema: recordSchema[ledgerRow](), Properties: tableProperties()},
		{Name: RejectedTable, Schema: recordSchema[rejectedRow](), Properties: tableProperties()},
	}
}

// tableProperties are for other readers: Spark's fast reader of Parquet does not
// know the encoding of our texts, its other one does.
func tableProperties() map[string]string {
	return map[string]string{"read.parquet.vectorization.enabled": "false"}
}

// logsSchema is the Iceberg schema of cloudtrail_logs.
func logsSchema() *iceberg.Schema {
	return iceberg.NewSchema(0, icebergFields(cloudtrail.Columns())...)
}

func icebergFields(cols []cloudtrail.Column) []iceberg.NestedField {
	var fields []iceberg.NestedField
	for _, c := range cols {
		f := iceberg.NestedField{ID: c.ID, Name: c.Name, Doc: c.Doc, Type: iceberg.PrimitiveTypes.String}
		switch c.Kind {
		case cloudtrail.Struct:
			f.Type = &iceberg.StructType{FieldList: icebergFields(c.Fields)}
		case cloudtrail.Resources:
			member := func(k int, name string) iceberg.NestedField {
				return iceberg.NestedField{ID: c.ID + cloudtrail.MemberOffset + k, Name: name, Type: iceberg.PrimitiveTypes.String}
			}
			f.Type = &iceberg.ListType{
				ElementID: c.ID + cloudtrail.ElementOffset,
				Element:   &iceberg.StructType{FieldList: []iceberg.NestedField{member(0, "arn"), member(1, "accountid"), member(2, "type")}},
			}
		case cloudtrail.Map:
			f.Type = &iceberg.MapType{
				KeyID: c.ID + cloudtrail.ElementOffset, KeyType: iceberg.PrimitiveTypes.String,
				ValueID: c.ID + cloudtrail.ValueOffset, ValueType: iceberg.PrimitiveTypes.String,
			}
		case cloudtrail.Timestamp:
			f.Type = iceberg.PrimitiveTypes.TimestampTz
		case cloudtrail.Int:
			f.Type = iceberg.PrimitiveTypes.Int64
		}
		fields = append(fields, f)
	}
	return fields
}
