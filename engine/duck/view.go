//go:build cgo && duckdb_arrow

package duck

import (
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine"
)

// quoteName writes a name for SQL.
func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// quoteText writes a text for SQL. It is for paths and settings, never for what
// a log or a user says.
func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func quoteTexts(all []string) []string {
	quoted := make([]string, len(all))
	for i, s := range all {
		quoted[i] = quoteText(s)
	}
	return quoted
}

// escapeGlob makes DuckDB take a path literally.
func escapeGlob(name string) string {
	if !strings.ContainsAny(name, "*?[") {
		return name
	}
	return strings.NewReplacer("*", "[*]", "?", "[?]", "[", "[[]").Replace(name)
}

// view is the SELECT that stands for a table: its columns under their lower-case
// names, read from these files. root is the folder that has them.
type view struct {
	root      string
	schema    *iceberg.Schema
	partition []string
	window    engine.Window
}

// timeColumn has the event time of a record. Tables without it have no records.
const timeColumn = "eventtimestamp"

func hasRecords(s *iceberg.Schema) bool {
	f, ok := s.FindFieldByName(timeColumn)
	_, isTime := f.Type.(iceberg.TimestampTzType)
	return ok && isTime
}

func (v view) sql(files []catalog.DataFile) string {
	if v.window.IsZero() || !hasRecords(v.schema) {
		return v.all(files)
	}
	var within []string
	for _, bound := range []struct {
		operator string
		at       time.Time
	}{{" >= ", v.window.From}, {" < ", v.window.To}} {
		if !bound.at.IsZero() {
			within = append(within, quoteName(timeColumn)+bound.operator+"TIMESTAMPTZ "+quoteText(bound.at.UTC().Format(timeLayout)))
		}
	}
	return "SELECT * FROM (" + v.all(files) + ") WHERE " + strings.Join(within, " AND ")
}

func (v view) all(files []catalog.DataFile) string {
	if len(files) == 0 {
		return v.selectNothing()
	}
	columns := "SELECT " + strings.Join(v.columns(), ", ")
	// A schema that was never replaced is that of every file. Otherwise files
	// may lack columns, or members of structs, and DuckDB reads what each has.
	if v.schema.ID == 0 {
		return columns + " FROM " + v.read(files, "")
	}
	return fmt.Sprintf("%s FROM (%s UNION ALL BY NAME SELECT * FROM %s)", columns, v.selectNothing(), v.read(files, ", union_by_name = true"))
}

func (v view) columns() []string {
	var names []string
	for _, f := range v.schema.Fields() {
		names = append(names, columnName(f))
	}
	return names
}

func columnName(f iceberg.NestedField) string { return quoteName(strings.ToLower(f.Name)) }

// read is the call that reads the files. The partition columns come from the
// paths, which lets DuckDB leave out files by itself, too.
func (v view) read(files []catalog.DataFile, options string) string {
	var names, types []string
	for _, f := range files {
		names = append(names, quoteText(escapeGlob(path.Join(v.root, f.Path))))
	}
	for _, p := range v.partition {
		types = append(types, quoteText(p)+": VARCHAR")
	}
	if len(types) > 0 {
		options += ", hive_partitioning = true, hive_types = {" + strings.Join(types, ", ") + "}"
	} else {
		options += ", hive_partitioning = false"
	}
	return fmt.Sprintf("read_parquet([%s]%s)", strings.Join(names, ", "), options)
}

// selectNothing is an empty table with the right columns.
func (v view) selectNothing() string {
	var columns []string
	for _, f := range v.schema.Fields() {
		columns = append(columns, fmt.Sprintf("CAST(NULL AS %s) AS %s", typeName(f.Type), columnName(f)))
	}
	return "SELECT " + strings.Join(columns, ", ") + " WHERE false"
}

// typeName is DuckDB's name of an Iceberg type.
func typeName(t iceberg.Type) string {
	switch t := t.(type) {
	case iceberg.BooleanType:
		return "BOOLEAN"
	case iceberg.Int32Type:
		return "INTEGER"
	case iceberg.Int64Type:
		return "BIGINT"
	case iceberg.Float32Type:
		return "FLOAT"
	case iceberg.Float64Type:
		return "DOUBLE"
	case iceberg.DateType:
		return "DATE"
	case iceberg.TimeType:
		return "TIME"
	case iceberg.TimestampType:
		return "TIMESTAMP"
	case iceberg.TimestampTzType:
		return "TIMESTAMP WITH TIME ZONE"
	case iceberg.UUIDType:
		return "UUID"
	case iceberg.BinaryType, iceberg.FixedType:
		return "BLOB"
	case iceberg.DecimalType:
		return fmt.Sprintf("DECIMAL(%d, %d)", t.Precision(), t.Scale())
	case *iceberg.ListType:
		return typeName(t.Element) + "[]"
	case *iceberg.MapType:
		return fmt.Sprintf("MAP(%s, %s)", typeName(t.KeyType), typeName(t.ValueType))
	case *iceberg.StructType:
		var members []string
		for _, f := range t.FieldList {
			members = append(members, columnName(f)+" "+typeName(f.Type))
		}
		return "STRUCT(" + strings.Join(members, ", ") + ")"
	}
	return "VARCHAR"
}
