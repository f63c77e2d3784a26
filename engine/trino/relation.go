package trino

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
)

// relations are what the schema of the cluster has of ours. Its other tables need
// not be known: their names go there as they are.
type relations struct {
	schema string
	read   time.Time
	// columns are those of the tables and views that we have, too, by name.
	columns map[string][]dialect.Column
	// others are names with trail in them, which would mean cloudtrail_logs if
	// nothing were called so.
	others  map[string]bool
	schemas []string // all of the catalog, in lower case
	views   map[string]string
}

// staleAfter is how long what was read holds. Views of other users appear then.
const staleAfter = time.Minute

func (c *Cluster) relations(ctx context.Context) (*relations, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.known != nil && time.Since(c.known.read) < staleAfter {
		return c.known, nil
	}
	schema := c.client.address.schema
	var names []string
	for _, n := range append(ourNames(), slices.Sorted(maps.Keys(c.views))...) {
		names = append(names, quoteText(n))
	}
	r := &relations{schema: schema, views: c.views, read: time.Now(), columns: map[string][]dialect.Column{}, others: map[string]bool{}}
	rows, err := c.rows(ctx, "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = "+quoteText(schema)+
		" AND table_name IN ("+strings.Join(names, ", ")+") ORDER BY table_name, ordinal_position")
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		r.columns[row[0]] = append(r.columns[row[0]], knownColumn(row[0], row[1], row[2]))
	}
	if rows, err = c.rows(ctx, "SELECT table_name FROM information_schema.tables WHERE table_schema = "+quoteText(schema)+" AND table_name LIKE '%trail%'"); err != nil {
		return nil, err
	}
	for _, row := range rows {
		r.others[row[0]] = true
	}
	if rows, err = c.rows(ctx, "SELECT lower(schema_name) FROM information_schema.schemata"); err != nil {
		return nil, err
	}
	for _, row := range rows {
		r.schemas = append(r.schemas, row[0])
	}
	c.known = r
	return r, nil
}

func (c *Cluster) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known = nil
}

// rows runs a query of ours, whose columns are texts.
func (c *Cluster) rows(ctx context.Context, sql string) ([][]string, error) {
	r := &running{client: c.client, started: time.Now()}
	r.ctx, r.stop = context.WithCancel(ctx)
	defer r.close()
	if err := r.start(sql); err != nil {
		return nil, err
	}
	var rows [][]string
	for batch, err := range r.batches() {
		if err != nil {
			return nil, err
		}
		for i := range int(batch.NumRows()) {
			row := make([]string, batch.NumCols())
			for j, column := range batch.Columns() {
				if text, ok := column.(array.StringLike); ok && !column.IsNull(i) {
					row[j] = text.Value(i)
				}
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

type describedColumn struct{ name, kind string }

// columnsOf are those of a query, which is not run.
func (c *Cluster) columnsOf(ctx context.Context, query string) ([]describedColumn, error) {
	r := &running{client: c.client, started: time.Now()}
	r.ctx, r.stop = context.WithCancel(ctx)
	defer r.close()
	if err := r.start("SELECT * FROM (" + query + ") LIMIT 0"); err != nil {
		return nil, err
	}
	var columns []describedColumn
	for _, col := range r.first.Columns {
		columns = append(columns, describedColumn{col.Name, col.Kind})
	}
	return columns, nil
}

// knownColumn: the cluster says what there is, we know which texts are JSON.
func knownColumn(table, name, kind string) dialect.Column {
	t := dialect.ParseType(kind)
	if standard := dialect.StandardRelations().Relation(table); standard != nil && t.Kind == dialect.Text {
		for _, c := range standard.Columns {
			if c.Name == name && c.Type.Kind == dialect.JSONText {
				t = c.Type
			}
		}
	}
	return dialect.Column{Name: strings.ToLower(name), Type: t}
}

func ourNames() []string {
	names := dialect.StandardRelations().Names()
	slices.Sort(names)
	return names
}

// within are the relations for a query whose records lie in a window. It
// implements dialect.Relations.
func (r *relations) within(w engine.Window) windowed { return windowed{r, w} }

type windowed struct {
	*relations
	window engine.Window
}

func (r windowed) Names() []string { return slices.Sorted(maps.Keys(r.columns)) }

func (r windowed) Relation(name string) *dialect.Relation {
	columns, ok := r.columns[name]
	switch {
	case ok:
		return &dialect.Relation{Name: name, Columns: columns, Virtual: r.virtual(name, columns), Query: r.cut(name, columns)}
	case r.others[name]:
		return &dialect.Relation{Name: name}
	case name == dialect.DefaultTable+"$partitions" && r.columns[dialect.DefaultTable] != nil:
		return &dialect.Relation{Name: name, Query: partitions(r.table(dialect.DefaultTable + "$partitions"))}
	}
	if r.views[name] != "" {
		return r.view(name)
	}
	base := r.columns[dialect.DefaultTable]
	shape := shapeNamed(name)
	if shape == nil || !hasColumns(base, shape.needs) {
		return nil
	}
	table := r.table(dialect.DefaultTable)
	if cut := r.cut(dialect.DefaultTable, base); cut != "" {
		table = "(" + cut + ")"
	}
	made := &dialect.Relation{Name: name, Query: strings.ReplaceAll(shape.sql, "{table}", table)}
	if shape.asIs {
		made.Columns, made.Virtual = base, r.virtual(name, base)
	} else if standard := dialect.StandardRelations().Relation(name); standard != nil {
		made.Columns, made.Virtual = standard.Columns, standard.Virtual
	}
	if made.Time = timeColumns[name]; made.Time != "" && hasColumns(base, []string{"eventtimestamp", "date"}) {
		made.Bounded = strings.ReplaceAll(shape.sql, "{table}", "(SELECT * FROM "+table+" WHERE {bounds})")
	}
	return made
}

// view is one of Options.Views; nil where it cannot be.
func (r windowed) view(name string) *dialect.Relation {
	below := *r.relations
	below.views = nil
	s, err := dialect.Translate(r.views[name], dialect.Options{Target: dialect.ForTrino, Relations: below.within(r.window), Database: r.schema})
	if err != nil {
		return nil
	}
	return &dialect.Relation{Name: name, Query: s.SQL}
}

// table is the name with its schema, which no WITH can hide.
func (r *relations) table(name string) string { return quoteName(r.schema) + "." + quoteName(name) }

// timeColumns are the event times of records, by table.
var timeColumns = map[string]string{dialect.LakeTable: "eventtime", "aws_cloudtrail_log": "event_time"}

// cut is the query that leaves out what is outside the window; "" for none.
func (r windowed) cut(name string, columns []dialect.Column) string {
	column, ok := timeColumns[name]
	if !ok {
		column = "eventtimestamp"
	}
	if r.window.IsZero() || !hasColumns(columns, []string{column}) {
		return ""
	}
	var within []string
	for _, bound := range []struct {
		operator string
		at       time.Time
	}{{" >= ", r.window.From}, {" < ", r.window.To}} {
		if !bound.at.IsZero() {
			text := bound.at.UTC().Format("2006-01-02 15:04:05.000000")
			if column == "eventtimestamp" {
				text += " UTC"
			}
			within = append(within, column+bound.operator+"TIMESTAMP "+quoteText(text))
		}
	}
	return "SELECT * FROM " + r.table(name) + " WHERE " + strings.Join(within, " AND ")
}

// virtual are the virtual columns that real ones make possible.
func (r *relations) virtual(name string, columns []dialect.Column) []dialect.Virtual {
	standard := dialect.StandardRelations().Relation(name)
	if standard == nil {
		return nil
	}
	var virtual []dialect.Virtual
	for _, v := range standard.Virtual {
		var needs []string
		for _, part := range strings.Split(v.SQL, "{")[1:] {
			column, _, _ := strings.Cut(part, "}")
			needs = append(needs, column)
		}
		if !hasColumns(columns, []string{v.Name}) && hasColumns(columns, needs) {
			virtual = append(virtual, v)
		}
	}
	return virtual
}

func hasColumns(columns []dialect.Column, names []string) bool {
	for _, name := range names {
		if !slices.ContainsFunc(columns, func(c dialect.Column) bool { return c.Name == name }) {
			return false
		}
	}
	return len(columns) > 0
}
