//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine/dialect"
)

// relation is what a statement can name behind FROM. One of table, shape, list,
// view and result says where its rows come from.
type relation struct {
	name    string
	columns []dialect.Column // nil when they are not known
	virtual []dialect.Virtual
	facts   map[string]fact // of its columns; nil when partitions say nothing

	table *catalog.Table // a table of the warehouse
	shape *shape         // a built-in view of a table
	list  *listing       // what the catalog knows
	view  *catalog.View  // a stored query
	// result is an earlier result of whoever asks; it goes with the query.
	result *keptResult
	hides  *relation // the stored query of the result's name; nil for none
	// registered is a name that a CREATE EXTERNAL TABLE has given to a table:
	// statements read the table in its place.
	registered *dialect.Statement
}

// relations are those of one snapshot, and implement dialect.Relations. Safe
// for concurrent use.
type relations struct {
	snapshot *catalog.Snapshot
	byName   map[string]*relation
}

// given is what an engine was told of besides the warehouse.
type given struct {
	listings []Listing
	views    []catalog.View
}

// knownRelations are the relations of a snapshot, and what was given besides.
func knownRelations(s *catalog.Snapshot, given given) (*relations, error) {
	r := &relations{snapshot: s, byName: map[string]*relation{}}
	standard := dialect.StandardRelations()
	for _, name := range s.Tables() {
		t, err := s.Table(name)
		if err != nil {
			return nil, err
		}
		rel := &relation{name: strings.ToLower(name), table: t, facts: tableFacts(t)}
		rel.columns, rel.virtual = tableColumns(t, standard)
		r.byName[rel.name] = rel
	}
	for i := range shapes {
		sh := &shapes[i]
		base := r.byName[sh.of]
		if base == nil || !sh.fits(base.table) || r.byName[sh.name] != nil {
			continue
		}
		rel := &relation{name: sh.name, shape: sh, facts: sh.facts}
		if sh.facts == nil {
			rel.facts = base.facts
		}
		if known := standard.Relation(sh.name); known != nil {
			rel.columns, rel.virtual = known.Columns, known.Virtual
		}
		if sh.asIs {
			rel.columns, rel.virtual = base.columns, base.virtual
		}
		r.byName[sh.name] = rel
	}
	for name, list := range listings(r.byName) {
		r.byName[name] = &relation{name: name, list: list, columns: list.columnsFor()}
	}
	for _, g := range given.listings {
		if list := g.given(); r.byName[g.Name] == nil {
			r.byName[g.Name] = &relation{name: g.Name, list: list, columns: list.columnsFor()}
		}
	}
	for _, v := range given.views {
		if r.byName[dialect.DefaultTable] != nil && r.byName[v.Name] == nil {
			r.add(&v)
		}
	}
	for _, name := range s.Views() {
		v, err := s.View(name)
		if err != nil {
			return nil, err
		}
		r.add(&v)
	}
	return r, nil
}

// add makes a stored view known. Its text is read when it is used; that of a
// registered table now, since its columns are those of the table.
func (r *relations) add(v *catalog.View) {
	rel := &relation{name: v.Name, view: v}
	for _, c := range v.Columns {
		rel.columns = append(rel.columns, dialect.Column{Name: c.Name, Type: dialect.ParseType(c.Type)})
	}
	if base := r.byName[dialect.DefaultTable]; v.Partitioned && base != nil {
		has := map[string]bool{}
		for _, c := range rel.columns {
			has[strings.ToLower(c.Name)] = true
		}
		rel.virtual, rel.facts = virtualOf(base.virtual, has), base.facts
	}
	if v.Dialect == registeredTable {
		s, err := dialect.Translate(v.SQL, dialect.Options{Relations: r})
		if err != nil || s.Table == nil {
			return // another version wrote it; a statement that names it says that it does not exist
		}
		rel.registered = s
	}
	r.byName[v.Name] = rel
}

// registeredTable is catalog.View.Dialect of a CREATE EXTERNAL TABLE.
const registeredTable = "hive"

// Relation implements dialect.Relations.
func (r *relations) Relation(name string) *dialect.Relation {
	rel := r.byName[name]
	if rel == nil {
		return nil
	}
	if rel.registered != nil {
		base := r.byName[dialect.DefaultTable]
		if base == nil {
			return nil
		}
		return rel.registered.Table.Relation(&dialect.Relation{Name: base.name, Columns: base.columns, Virtual: base.virtual})
	}
	columns := rel.columns
	if rel.result != nil {
		columns = rel.result.dialectColumns()
	}
	return &dialect.Relation{Name: rel.name, Columns: columns, Virtual: rel.virtual}
}

// Names implements dialect.Relations.
func (r *relations) Names() []string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(r.byName)) {
		if !strings.ContainsAny(name, "$.") {
			names = append(names, name)
		}
	}
	return names
}

// likeLogs: the columns of the relation mean what those of cloudtrail_logs do, so
// that conditions on a view which passes its rows on are conditions on it.
func (r *relations) likeLogs(name string) bool {
	rel, logs := r.byName[name], r.byName[dialect.DefaultTable]
	return rel != nil && logs != nil && maps.Equal(rel.facts, logs.facts)
}

// partitioned reports whether the rows of a stored view's statement have the
// partition columns of cloudtrail_logs.
func (r *relations) partitioned(s *dialect.Statement) bool {
	logs := r.byName[dialect.DefaultTable]
	return logs != nil && len(s.Virtual) > 0 && slices.EqualFunc(s.Virtual, logs.virtual, func(a, b dialect.Virtual) bool { return a.Name == b.Name && a.SQL == b.SQL })
}

// find is for the guard: registered names are gone from translations.
func (r *relations) find(name string) *relation {
	if rel := r.byName[name]; rel != nil && rel.registered == nil {
		return rel
	}
	return nil
}

// tableFacts are what the partitions of a table say about its columns.
func tableFacts(t *catalog.Table) map[string]fact {
	facts := map[string]fact{}
	spec := t.Spec()
	byDate := slices.Contains(spec, dateValue)
	for _, f := range t.Schema().Fields() {
		switch name := strings.ToLower(f.Name); {
		case name == regionValue && slices.Contains(spec, regionValue):
			facts[name] = exactRegion
		case name == "awsregion" && slices.Contains(spec, regionValue):
			facts[name] = recordRegion
		case name == dateValue && byDate:
			facts[name] = exactDate
		case name == "eventtime" && byDate:
			facts[name] = timeText
		case name == "eventtimestamp" && byDate:
			facts[name] = timeInstant
		}
	}
	return facts
}

// tableColumns are the columns as the dialect sees them: it knows which texts
// are JSON, the table which columns there are.
func tableColumns(t *catalog.Table, standard dialect.Relations) ([]dialect.Column, []dialect.Virtual) {
	known := map[string]dialect.Type{}
	relation := standard.Relation(strings.ToLower(t.Name()))
	if relation != nil {
		for _, c := range relation.Columns {
			known[c.Name] = c.Type
		}
	}
	var columns []dialect.Column
	has := map[string]bool{}
	for _, f := range t.Schema().Fields() {
		name := strings.ToLower(f.Name)
		has[name] = true
		kind, ok := known[name]
		if !ok {
			kind = dialect.ParseType(typeName(f.Type))
			if kind.Kind == dialect.Timestamp || kind.Kind == dialect.TimestampTZ {
				kind.Scale = 6 // as Iceberg has them
			}
		}
		columns = append(columns, dialect.Column{Name: name, Type: kind})
	}
	if relation == nil {
		return columns, nil
	}
	return columns, virtualOf(relation.Virtual, has)
}

// virtualOf are the virtual columns that real columns make possible.
func virtualOf(all []dialect.Virtual, has map[string]bool) []dialect.Virtual {
	var virtual []dialect.Virtual
	for _, v := range all {
		if !has[v.Name] && hasAll(has, v.SQL) {
			virtual = append(virtual, v)
		}
	}
	return virtual
}

// hasAll: the columns {a}, {b} of a virtual column's text are there.
func hasAll(has map[string]bool, sql string) bool {
	for _, part := range strings.Split(sql, "{")[1:] {
		name, _, _ := strings.Cut(part, "}")
		if !has[name] {
			return false
		}
	}
	return true
}

// hiveType is Athena's name of an Iceberg type.
func hiveType(t iceberg.Type) string {
	switch t := t.(type) {
	case iceberg.Int32Type:
		return "int"
	case iceberg.Int64Type:
		return "bigint"
	case iceberg.TimestampType, iceberg.TimestampTzType:
		return "timestamp"
	case *iceberg.ListType:
		return "array<" + hiveType(t.Element) + ">"
	case *iceberg.MapType:
		return "map<" + hiveType(t.KeyType) + "," + hiveType(t.ValueType) + ">"
	case *iceberg.StructType:
		var members []string
		for _, f := range t.FieldList {
			members = append(members, strings.ToLower(f.Name)+":"+hiveType(f.Type))
		}
		return "struct<" + strings.Join(members, ",") + ">"
	}
	return t.String()
}

// describedColumn is a column for people; kind is Athena's name of its type.
type describedColumn struct {
	name, kind, comment string
	virtual             bool
}

// describe lists the columns of a relation, then its virtual ones.
func (l *local) describe(ctx context.Context, r *relations, name string) ([]describedColumn, error) {
	rel := r.byName[name]
	if rel == nil {
		return nil, &refusal{offset: -1, message: fmt.Sprintf("table %q does not exist", name), hint: didYouMean(name, slices.Values(r.Names()))}
	}
	virtual := rel.virtual
	if rel.registered != nil {
		virtual = rel.registered.Table.Partition
		rel = r.byName[dialect.DefaultTable]
	}
	var columns []describedColumn
	if rel.table != nil {
		spec := rel.table.Spec()
		for _, f := range rel.table.Schema().Fields() {
			c := describedColumn{name: strings.ToLower(f.Name), kind: hiveType(f.Type), comment: f.Doc}
			if slices.Contains(spec, f.Name) && c.comment == "" {
				c.comment = "partition"
			}
			columns = append(columns, c)
		}
	} else {
		types, err := l.columnTypes(ctx, r, rel)
		if err != nil {
			return nil, err
		}
		for _, t := range types {
			columns = append(columns, describedColumn{name: t.Name, kind: strings.ToLower(t.Type)})
		}
	}
	for _, v := range virtual {
		if !strings.HasPrefix(v.Name, "$") {
			columns = append(columns, describedColumn{v.Name, "string", "partition column, not in *", true})
		}
	}
	return columns, nil
}
