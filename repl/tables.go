package repl

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/engine/quantity"
)

// runTables lists tables and views with what the catalog says of their rows.
func runTables(s *Session, ctx context.Context, a arguments) error {
	if len(a.words) > 0 {
		return a.misused()
	}
	rows, err := s.lookup(ctx, "SELECT table_name, table_type FROM information_schema.tables WHERE "+s.inSchema()+" ORDER BY table_type, table_name")
	if err != nil {
		return err
	}
	list := newAnswer(texts("name", "kind"), numbers("rows", "files"), texts("size", "first_day", "last_day"), numbers("days"))
	for _, row := range rows {
		name, kind := textOf(row[0]), "view"
		if textOf(row[1]) == "BASE TABLE" {
			kind = "table"
		}
		line := []any{name, kind, nil, nil, nil, nil, nil, nil}
		if kind == "table" {
			sum, err := s.sumPartitions(ctx, name)
			var wrong *engine.SQLError
			switch {
			case errors.As(err, &wrong): // a registered name has no files of its own
			case err != nil:
				return err
			default:
				line = []any{name, kind, sum.rows, sum.files, quantity.Bytes(sum.bytes), orNil(sum.first), orNil(sum.last), nil}
				if sum.first != "" {
					line[7] = sum.days
				}
			}
		}
		list.add(line...)
	}
	return s.showAnswer(ctx, list, "")
}

// partitionsSum is what the partitions of a table hold together.
type partitionsSum struct {
	rows, files, bytes, partitions int64
	first, last                    string // days, where the table is partitioned by them
	days                           int64
}

func (s *Session) sumPartitions(ctx context.Context, table string) (sum partitionsSum, err error) {
	result, err := s.rows(ctx, "SELECT * FROM "+quoted(table+"$partitions"))
	if err != nil {
		return sum, err
	}
	defer s.tty.finish()
	column := map[string]int{}
	for i, f := range result.Schema().Fields() {
		column[f.Name] = i
	}
	rows, err := readRows(result)
	days := map[string]bool{}
	date, dated := column["date"]
	for _, row := range rows {
		sum.partitions++
		sum.rows += number(row[column["record_count"]])
		sum.files += number(row[column["file_count"]])
		sum.bytes += number(row[column["total_size"]])
		if !dated {
			continue
		}
		// Records without a time are in a partition that is no day.
		if day := textOf(row[date]); len(day) == len("2006-01-02") {
			days[day] = true
			sum.last = max(sum.last, day)
			sum.first = cmp.Or(min(sum.first, day), day)
		}
	}
	sum.days = int64(len(days))
	return sum, err
}

// runSchema shows the columns of a table; without one, the tables.
func runSchema(s *Session, ctx context.Context, a arguments) error {
	a, members := a.flag("-v")
	if len(a.words) == 0 {
		return runTables(s, ctx, a)
	}
	name, err := a.one()
	if err != nil {
		return err
	}
	columns, virtual, err := s.columnsOf(ctx, strings.ToLower(strings.TrimSuffix(name, ";")))
	if err != nil {
		return err
	}
	list := newAnswer(texts("column", "type", "comment"))
	for _, c := range columns {
		list.add(c.name, typeText(c.kind, !members), orNil(c.comment))
		if members {
			eachMember(c.name, dialect.ParseType(c.kind), func(path string, t dialect.Type) { list.add(path, kindText(t), nil) })
		}
	}
	if err := s.showAnswer(ctx, list, name); err != nil {
		return err
	}
	if len(virtual) > 0 {
		var names []string
		for _, v := range virtual {
			names = append(names, v.Name)
		}
		s.notef("also, as in tables of others: %s (computed; not in *)", strings.Join(names, ", "))
	}
	return nil
}

// tableColumn is a column as the engine describes it.
type tableColumn struct{ name, kind, comment string }

// columnsOf describes any table, view, list or earlier result.
func (s *Session) columnsOf(ctx context.Context, table string) (columns []tableColumn, virtual []dialect.Virtual, err error) {
	rows, err := s.lookup(ctx, "SELECT column_name, data_type, comment FROM information_schema.columns WHERE "+s.inSchema()+" AND table_name = ? ORDER BY ordinal_position", table)
	if err != nil {
		return nil, nil, err
	}
	for _, row := range rows {
		columns = append(columns, tableColumn{textOf(row[0]), textOf(row[1]), textOf(row[2])})
	}
	if len(columns) > 0 {
		if known := dialect.StandardRelations().Relation(table); known != nil {
			virtual = known.Virtual
		}
		return columns, virtual, nil
	}
	from := quoted(table)
	if schema, name, ok := strings.Cut(table, "."); ok {
		from = quoted(schema) + "." + quoted(name)
	}
	result, err := s.rows(ctx, "SELECT * FROM "+from+" LIMIT 0")
	if err != nil {
		var wrong *engine.SQLError
		if errors.As(err, &wrong) {
			return nil, nil, fmt.Errorf("there is no table %s (%s)", table, didYouMean(table, candidateTables(s, ""), ".tables lists all"))
		}
		return nil, nil, err
	}
	defer s.tty.finish()
	for _, f := range result.Schema().Fields() {
		columns = append(columns, tableColumn{name: f.Name, kind: typeName(f)})
	}
	return columns, nil, result.Close()
}

// typeName is the SQL type of a column of a result, with the members of its rows.
func typeName(f arrow.Field) string {
	switch t := f.Type.(type) {
	case *arrow.StructType:
		var members []string
		for _, m := range t.Fields() {
			members = append(members, quoted(m.Name)+" "+typeName(m))
		}
		return "row(" + strings.Join(members, ", ") + ")"
	case arrow.ListLikeType:
		if f.Type.ID() != arrow.MAP {
			return "array(" + typeName(t.ElemField()) + ")"
		}
		return "map(varchar, varchar)"
	}
	if kind, ok := f.Metadata.GetValue(engine.TypeKey); ok { // members have none
		return kind
	}
	switch f.Type.ID() {
	case arrow.STRING, arrow.LARGE_STRING:
		return "varchar"
	case arrow.TIMESTAMP:
		return "timestamp"
	}
	return f.Type.String()
}

// runColumns finds columns and members of structs by a part of their name, or by
// a pattern with * and ?.
func runColumns(s *Session, ctx context.Context, a arguments) error {
	pattern, err := a.one()
	if err != nil {
		return err
	}
	relations, err := loadRelations(ctx, s.options.Engine, ownQuery{s.ownDialect(), s.inSchema()}, s.results.tables())
	if err != nil {
		return err
	}
	// Many tables have the same columns.
	type found struct{ column, kind string }
	tables := map[found][]string{}
	var order []found
	slices.SortStableFunc(relations, func(a, b dialect.Relation) int {
		return btoi(b.Name == dialect.DefaultTable) - btoi(a.Name == dialect.DefaultTable)
	})
	for _, r := range relations {
		eachColumn(r, func(path string, t dialect.Type) {
			f := found{path, kindText(t)}
			if !matchesName(path, pattern) {
				return
			}
			if tables[f] == nil {
				order = append(order, f)
			}
			tables[f] = append(tables[f], r.Name)
		})
	}
	if len(order) == 0 {
		s.printf("(no column contains %s)\n", pattern)
		return nil
	}
	list := newAnswer(texts("column", "type", "tables"))
	for _, f := range order {
		list.add(f.column, f.kind, someOf(tables[f]))
	}
	return s.showAnswer(ctx, list, "")
}

// someOf names one or two, and how many more there are.
func someOf(names []string) string {
	if more := len(names) - 2; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:2], ", "), more)
	}
	return strings.Join(names, ", ")
}

// eachColumn calls f with all columns and members of structs.
func eachColumn(r dialect.Relation, f func(path string, t dialect.Type)) {
	for _, c := range r.Columns {
		f(c.Name, c.Type)
		eachMember(c.Name, c.Type, f)
	}
	for _, v := range r.Virtual {
		f(v.Name, v.Type)
	}
}

// matchesName compares without regard to case.
func matchesName(name, pattern string) bool {
	name, pattern = strings.ToLower(name), strings.ToLower(strings.ReplaceAll(pattern, "%", "*"))
	if strings.ContainsAny(pattern, "*?") {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	}
	return strings.Contains(name, pattern)
}

// eachMember calls f with the members of a struct, and theirs; [] stands for the
// elements of a list.
func eachMember(path string, t dialect.Type, f func(path string, t dialect.Type)) {
	if t.Kind == dialect.List && t.Elem != nil {
		eachMember(path+"[]", *t.Elem, f)
		return
	}
	for _, m := range t.Fields {
		f(path+"."+m.Name, m.Type)
		eachMember(path+"."+m.Name, m.Type, f)
	}
}

// typeText is a type as the engine writes it; structs are cut short if so wanted.
func typeText(kind string, cut bool) string {
	if t := dialect.ParseType(kind); cut && len(kind) > 40 && t.Kind != dialect.Unknown {
		return kindText(t)
	}
	return kind
}

// kindText says a type in short.
func kindText(t dialect.Type) string {
	switch t.Kind {
	case dialect.Struct:
		var names []string
		for _, f := range t.Fields {
			names = append(names, f.Name)
		}
		return "struct<" + strings.Join(names, ", ") + ">"
	case dialect.List:
		if t.Elem != nil {
			return "array<" + kindText(*t.Elem) + ">"
		}
		return "array"
	case dialect.Map:
		if t.Key != nil && t.Elem != nil {
			return "map<" + kindText(*t.Key) + ", " + kindText(*t.Elem) + ">"
		}
		return "map"
	}
	i := slices.IndexFunc(kindNames, func(k kindName) bool { return k.kind == t.Kind })
	if i < 0 {
		return "unknown"
	}
	return kindNames[i].name
}

type kindName struct {
	kind dialect.TypeKind
	name string
}

var kindNames = []kindName{
	{dialect.Text, "string"}, {dialect.JSONText, "string (JSON)"}, {dialect.JSON, "json"}, {dialect.Boolean, "boolean"}, {dialect.Integer, "bigint"},
	{dialect.Decimal, "decimal"}, {dialect.Double, "double"}, {dialect.Date, "date"}, {dialect.Time, "time"}, {dialect.Timestamp, "timestamp"},
	{dialect.TimestampTZ, "timestamp with time zone"}, {dialect.Zoned, "timestamp with time zone"}, {dialect.Interval, "interval"}, {dialect.Binary, "binary"},
	{dialect.Address, "ipaddress"}, {dialect.Network, "ipprefix"},
}
