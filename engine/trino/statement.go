package trino

import (
	"context"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
)

// text is the SQL that the server is sent; shift is how many bytes of ours stand
// before the statement's own.
func (c *Cluster) text(ctx context.Context, s *dialect.Statement) (sql string, shift int, err error) {
	schema := c.client.address.schema
	before := func(prefix string) (string, int, error) { return prefix + s.SQL, len(prefix), nil }
	whole := func(sql string) (string, int, error) { return sql, len(sql), nil } // a place in it means nothing
	switch s.Kind {
	case dialect.Query:
		return before("")
	case dialect.Explain, dialect.ExplainAnalyze:
		verb := "EXPLAIN "
		if s.Kind == dialect.ExplainAnalyze {
			verb = "EXPLAIN ANALYZE "
		}
		if s.Pattern != "" {
			verb += s.Pattern + " "
		}
		return before(verb)
	case dialect.CreateView:
		verb := "CREATE VIEW "
		if s.Replace {
			verb = "CREATE OR REPLACE VIEW "
		}
		return before(verb + qualified(s) + " AS ")
	case dialect.DropView:
		verb := "DROP VIEW "
		if s.IfExists {
			verb += "IF EXISTS "
		}
		return whole(verb + qualified(s))
	case dialect.Describe, dialect.ShowColumns:
		return c.describe(ctx, s)
	case dialect.ShowTables, dialect.ShowViews, dialect.ShowDatabases:
		return whole(show(s, schema))
	case dialect.ShowPartitions:
		return whole("SELECT 'region=' || partition.region || '/date=' || partition.\"date\" AS partition FROM " + quoteName(s.Name+"$partitions") + " ORDER BY 1")
	case dialect.ShowCreateTable, dialect.ShowCreateView:
		return whole(s.Source)
	case dialect.NotNeeded:
		return whole("SELECT " + quoteText(s.Note) + " AS result")
	}
	refused := &engine.SQLError{Kind: engine.ErrUnsupported, Message: "this kind of statement on Trino"}
	switch s.Kind {
	case dialect.Unload:
		refused.Message, refused.Hint = "UNLOAD on Trino", "trailql query -o FILE.parquet writes the rows of a query on this machine; on the cluster CREATE TABLE … AS does, in a client of its own"
	case dialect.CreateTable:
		refused.Message, refused.Hint = "CREATE EXTERNAL TABLE on Trino", "trailql ddl --for trino, with --raw for log files, prints what makes a table known there"
	case dialect.DropTable:
		refused.Message, refused.Hint = "DROP TABLE on Trino", "nothing here changes tables of a cluster"
	}
	return "", 0, refused
}

func show(s *dialect.Statement, schema string) string {
	if s.Database != "" {
		schema = s.Database
	}
	column, from, where := "table_name AS tab_name", "tables", "table_schema = "+quoteText(schema)
	switch s.Kind {
	case dialect.ShowViews:
		column, from = "table_name AS views", "views"
	case dialect.ShowDatabases:
		column, from, where = "schema_name AS database_name", "schemata", "true"
	}
	if name, _, _ := strings.Cut(column, " "); s.Pattern != "" {
		where += " AND " + name + " LIKE " + quoteText(s.Pattern)
	}
	return "SELECT " + column + " FROM information_schema." + from + " WHERE " + where + " ORDER BY 1"
}

// describe asks for columns. Of a query they are those of a view that is not
// made, so Trino tells them of the prepared text.
func (c *Cluster) describe(ctx context.Context, s *dialect.Statement) (string, int, error) {
	known, err := c.relations(ctx)
	if err != nil {
		return "", 0, err
	}
	query := s.SQL
	if r := known.within(engine.Window{}).Relation(s.Name); query == "" && s.Database == "" && r != nil && r.Query != "" {
		query = r.Query
	}
	if query == "" {
		return s.Source, 0, nil
	}
	described, err := c.columnsOf(ctx, query)
	if err != nil {
		return "", 0, err
	}
	var rows []string
	for i, col := range described {
		rows = append(rows, fmt.Sprintf("(%d, %s, %s, '')", i, quoteText(col.name), quoteText(col.kind)))
	}
	columns := "name AS col_name, kind AS data_type, remark AS comment"
	if s.Kind == dialect.ShowColumns {
		columns = "name AS field"
	}
	sql := "SELECT " + columns + " FROM (VALUES " + strings.Join(rows, ", ") + ") AS t(i, name, kind, remark) ORDER BY i"
	return sql, len(sql), nil
}

func qualified(s *dialect.Statement) string {
	if s.Database != "" {
		return quoteName(s.Database) + "." + quoteName(s.Name)
	}
	return quoteName(s.Name)
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// quoteText: nothing but the quote has a meaning inside of Trino's quotes.
func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// literal writes the value of a parameter.
func literal(value any) (string, error) {
	switch v := value.(type) {
	case nil:
		return "NULL", nil
	case bool:
		return strconv.FormatBool(v), nil
	case int, int8, int16, int32, int64, uint8, uint16, uint32, uint64:
		return fmt.Sprintf("(%d)", v), nil
	case float32:
		return literal(float64(v))
	case float64:
		switch {
		case math.IsNaN(v):
			return "nan()", nil
		case math.IsInf(v, 1):
			return "infinity()", nil
		case math.IsInf(v, -1):
			return "(-infinity())", nil
		}
		return "(DOUBLE '" + strconv.FormatFloat(v, 'g', -1, 64) + "')", nil
	case string:
		return quoteText(v), nil
	case []byte:
		return "X'" + hex.EncodeToString(v) + "'", nil
	case time.Time:
		return "TIMESTAMP '" + v.UTC().Format("2006-01-02 15:04:05.000000") + " UTC'", nil
	}
	return "", fmt.Errorf("values of type %T are not supported", value)
}
