//go:build cgo && duckdb_arrow

package duck

import (
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	bindings "github.com/duckdb/duckdb-go-bindings"

	"github.com/trailql/trailql/engine"
)

// rows is a result that DuckDB produces while it is read.
type rows struct {
	result  bindings.Result
	options bindings.ArrowOptions
	schema  *arrow.Schema
}

func (r *rows) close() {
	bindings.DestroyArrowOptions(&r.options)
	bindings.DestroyResult(&r.result)
}

func (r *rows) readSchema() error {
	count := bindings.ColumnCount(&r.result)
	names, types := make([]string, count), make([]bindings.LogicalType, count)
	for i := range count {
		names[i] = bindings.ColumnName(&r.result, i)
		types[i] = bindings.ColumnLogicalType(&r.result, i)
		defer bindings.DestroyLogicalType(&types[i])
	}
	r.options = bindings.ResultGetArrowOptions(&r.result)
	schema, failure := bindings.NewArrowSchema(r.options, types, names)
	if err := takeFailure(failure); err != nil {
		r.close()
		return fmt.Errorf("describe result: %w", err)
	}
	fields := schema.Fields()
	for i := range fields {
		fields[i].Metadata = arrow.NewMetadata([]string{engine.TypeKey}, []string{sqlType(types[i])})
	}
	r.schema = arrow.NewSchema(fields, nil)
	return nil
}

// next returns nil after the last batch.
func (r *rows) next() (arrow.RecordBatch, error) {
	chunk := bindings.FetchChunk(r.result)
	if chunk.Ptr == nil {
		if message := bindings.ResultError(&r.result); message != "" {
			return nil, readFailure(message)
		}
		return nil, nil
	}
	defer bindings.DestroyDataChunk(&chunk)
	batch, failure := bindings.DataChunkToArrowArray(r.options, r.schema, chunk)
	if err := takeFailure(failure); err != nil {
		return nil, fmt.Errorf("read result: %w", err)
	}
	return batch, nil
}

func takeFailure(failure bindings.ErrorData) error {
	defer bindings.DestroyErrorData(&failure)
	if failure.Ptr != nil && bindings.ErrorDataHasError(failure) {
		return errors.New(bindings.ErrorDataMessage(failure))
	}
	return nil
}

// sqlType names a type for people; what structs and maps contain is left out.
func sqlType(t bindings.LogicalType) string {
	if alias := bindings.LogicalTypeGetAlias(t); alias != "" {
		return strings.ToLower(alias)
	}
	switch id := bindings.GetTypeId(t); id {
	case bindings.TypeDecimal:
		return fmt.Sprintf("decimal(%d,%d)", bindings.DecimalWidth(t), bindings.DecimalScale(t))
	case bindings.TypeList:
		child := bindings.ListTypeChildType(t)
		defer bindings.DestroyLogicalType(&child)
		return sqlType(child) + "[]"
	case bindings.TypeArray:
		child := bindings.ArrayTypeChildType(t)
		defer bindings.DestroyLogicalType(&child)
		return fmt.Sprintf("%s[%d]", sqlType(child), bindings.ArrayTypeArraySize(t))
	default:
		return typeNames[id]
	}
}

var typeNames = map[bindings.Type]string{
	bindings.TypeBoolean: "boolean", bindings.TypeTinyInt: "tinyint", bindings.TypeSmallInt: "smallint",
	bindings.TypeInteger: "integer", bindings.TypeBigInt: "bigint", bindings.TypeUTinyInt: "utinyint",
	bindings.TypeUSmallInt: "usmallint", bindings.TypeUInteger: "uinteger", bindings.TypeUBigInt: "ubigint",
	bindings.TypeHugeInt: "hugeint", bindings.TypeUHugeInt: "uhugeint", bindings.TypeBigNum: "bignum",
	bindings.TypeFloat: "float", bindings.TypeDouble: "double",
	bindings.TypeDate: "date", bindings.TypeTime: "time", bindings.TypeTimeNS: "time", bindings.TypeTimeTZ: "time with time zone",
	bindings.TypeTimestamp: "timestamp", bindings.TypeTimestampS: "timestamp", bindings.TypeTimestampMS: "timestamp",
	bindings.TypeTimestampNS: "timestamp", bindings.TypeTimestampTZ: "timestamp with time zone", bindings.TypeInterval: "interval",
	bindings.TypeVarchar: "varchar", bindings.TypeBlob: "varbinary", bindings.TypeBit: "bit", bindings.TypeUUID: "uuid",
	bindings.TypeEnum: "enum", bindings.TypeStruct: "struct", bindings.TypeMap: "map", bindings.TypeUnion: "union",
	bindings.TypeSQLNull: "unknown", bindings.TypeVariant: "variant", bindings.TypeGeometry: "geometry",
}
