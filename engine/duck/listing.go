//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine/dialect"
)

const informationSchema = "information_schema"

// The names under which Athena's information_schema lists a warehouse.
const (
	athenaCatalog = "awsdatacatalog"
	databaseName  = "default"
)

// listing is a relation whose rows are what the catalog knows.
type listing struct {
	columns []listedColumn
	// rows have a value for each column: nil, or what encoding/json writes.
	rows func(ctx context.Context, l *local, r *relations) ([][]any, error)
	// shown: people see it in lists, as a table.
	shown bool
}

type listedColumn struct{ name, kind string } // kind is DuckDB's

// given is the listing of somebody else.
func (l Listing) given() *listing {
	g := &listing{shown: true, rows: func(ctx context.Context, _ *local, _ *relations) ([][]any, error) { return l.Rows(ctx) }}
	for _, c := range l.Columns {
		g.columns = append(g.columns, listedColumn{c.Name, c.Type})
	}
	return g
}

// listings are the ones of a snapshot, by name.
func listings(byName map[string]*relation) map[string]*listing {
	found := map[string]*listing{
		informationSchema + ".schemata": {
			columns: []listedColumn{{"catalog_name", "VARCHAR"}, {"schema_name", "VARCHAR"}},
			rows: func(context.Context, *local, *relations) ([][]any, error) {
				return [][]any{{athenaCatalog, databaseName}, {athenaCatalog, informationSchema}}, nil
			},
		},
		informationSchema + ".tables": {
			columns: []listedColumn{{"table_catalog", "VARCHAR"}, {"table_schema", "VARCHAR"}, {"table_name", "VARCHAR"}, {"table_type", "VARCHAR"}},
			rows:    listTables,
		},
		informationSchema + ".columns": {
			columns: []listedColumn{{"table_catalog", "VARCHAR"}, {"table_schema", "VARCHAR"}, {"table_name", "VARCHAR"}, {"column_name", "VARCHAR"},
				{"ordinal_position", "BIGINT"}, {"column_default", "VARCHAR"}, {"is_nullable", "VARCHAR"}, {"data_type", "VARCHAR"}, {"comment", "VARCHAR"}},
			rows: listColumns,
		},
		informationSchema + ".views": {
			columns: []listedColumn{{"table_catalog", "VARCHAR"}, {"table_schema", "VARCHAR"}, {"table_name", "VARCHAR"}, {"view_definition", "VARCHAR"}},
			rows: func(_ context.Context, _ *local, r *relations) ([][]any, error) {
				var rows [][]any
				for _, rel := range r.inOrder() {
					if rel.isView() {
						rows = append(rows, []any{athenaCatalog, databaseName, rel.name, rel.definition()})
					}
				}
				return rows, nil
			},
		},
	}
	for _, rel := range byName {
		if rel.table == nil {
			continue
		}
		for suffix, l := range tableListings(rel.table) {
			found[rel.name+suffix] = l
		}
	}
	return found
}

func listTables(_ context.Context, _ *local, r *relations) ([][]any, error) {
	var rows [][]any
	for _, rel := range r.inOrder() {
		kind := "BASE TABLE"
		switch {
		case rel.isView():
			kind = "VIEW"
		case rel.result != nil:
			kind = "LOCAL TEMPORARY"
		}
		rows = append(rows, []any{athenaCatalog, databaseName, rel.name, kind})
	}
	return rows, nil
}

func listColumns(ctx context.Context, l *local, r *relations) ([][]any, error) {
	var rows [][]any
	for _, rel := range r.inOrder() {
		columns, err := l.describe(ctx, r, rel.name)
		if err != nil {
			continue // a stored view that does not run any more
		}
		for i, c := range columns {
			if c.virtual {
				continue
			}
			var comment any
			if c.comment != "" {
				comment = c.comment
			}
			rows = append(rows, []any{athenaCatalog, databaseName, rel.name, c.name, i + 1, nil, "YES", c.kind, comment})
		}
	}
	return rows, nil
}

// inOrder are the relations that people see in lists.
func (r *relations) inOrder() []*relation {
	var all []*relation
	for _, name := range slices.Sorted(maps.Keys(r.byName)) {
		if rel := r.byName[name]; rel.list == nil || rel.list.shown {
			all = append(all, rel)
		}
	}
	return all
}

func (r *relation) isView() bool { return r.shape != nil || r.view != nil && r.registered == nil }

// definition is the text of a view.
func (r *relation) definition() string {
	if r.shape != nil {
		return r.shape.over(r.shape.of)
	}
	return r.view.SQL
}

// tableListings are "table$partitions" and its kin, by suffix.
func tableListings(t *catalog.Table) map[string]*listing {
	var partition []listedColumn
	for _, name := range t.Spec() {
		partition = append(partition, listedColumn{strings.ToLower(name), "VARCHAR"})
	}
	date := slices.Index(t.Spec(), dateValue)
	calendar := []listedColumn{}
	if date >= 0 {
		calendar = []listedColumn{{"year", "VARCHAR"}, {"month", "VARCHAR"}, {"day", "VARCHAR"}}
	}
	// calendarOf splits a date as Athena's tables are partitioned.
	calendarOf := func(values []string) []any {
		if date < 0 {
			return nil
		}
		parts := append(strings.SplitN(values[date], "-", 3), "", "", "")
		return []any{parts[0], parts[1], parts[2]}
	}
	return map[string]*listing{
		"$partitions": {
			columns: slices.Concat(partition, calendar, []listedColumn{{"record_count", "BIGINT"}, {"file_count", "BIGINT"}, {"total_size", "BIGINT"}}),
			rows: func(ctx context.Context, _ *local, _ *relations) ([][]any, error) {
				sums, err := partitionsOf(ctx, t)
				var rows [][]any
				for _, p := range sums {
					row := append(anyOf(p.values), calendarOf(p.values)...)
					rows = append(rows, append(row, p.records, p.files, p.bytes))
				}
				return rows, err
			},
		},
		"$files": {
			columns: slices.Concat([]listedColumn{{"content", "INTEGER"}, {"file_path", "VARCHAR"}, {"file_format", "VARCHAR"}}, partition,
				[]listedColumn{{"record_count", "BIGINT"}, {"file_size_in_bytes", "BIGINT"}}),
			rows: func(ctx context.Context, l *local, _ *relations) ([][]any, error) {
				files, _, err := t.Plan(ctx, catalog.Predicate{})
				var rows [][]any
				for _, f := range files {
					row := append([]any{0, l.root + "/" + f.Path, "PARQUET"}, anyOf(f.Partition)...)
					rows = append(rows, append(row, f.Records, f.Bytes))
				}
				return rows, err
			},
		},
		"$snapshots": {
			columns: []listedColumn{{"committed_at", "TIMESTAMP WITH TIME ZONE"}, {"snapshot_id", "BIGINT"}, {"parent_id", "BIGINT"},
				{"operation", "VARCHAR"}, {"manifest_list", "VARCHAR"}, {"summary", "MAP(VARCHAR, VARCHAR)"}},
			rows: func(context.Context, *local, *relations) ([][]any, error) {
				var rows [][]any
				for _, s := range t.History() {
					rows = append(rows, []any{s.Committed.Format(timeLayout), s.ID, parentOf(s), s.Operation, s.Manifests, s.Summary})
				}
				return rows, nil
			},
		},
		"$history": {
			columns: []listedColumn{{"made_current_at", "TIMESTAMP WITH TIME ZONE"}, {"snapshot_id", "BIGINT"}, {"parent_id", "BIGINT"}, {"is_current_ancestor", "BOOLEAN"}},
			rows: func(context.Context, *local, *relations) ([][]any, error) {
				var rows [][]any
				for _, s := range t.History() {
					rows = append(rows, []any{s.Committed.Format(timeLayout), s.ID, parentOf(s), true})
				}
				return rows, nil
			},
		},
	}
}

const timeLayout = "2006-01-02 15:04:05.000000+00"

func parentOf(s catalog.TableSnapshot) any {
	if s.Parent == 0 {
		return nil
	}
	return s.Parent
}

func anyOf(texts []string) []any {
	var values []any
	for _, s := range texts {
		values = append(values, s)
	}
	return values
}

// partitionSum is what a partition of a table holds.
type partitionSum struct {
	values                []string
	files, records, bytes int64
}

// partitionsOf are the partitions of a table in order.
func partitionsOf(ctx context.Context, t *catalog.Table) ([]partitionSum, error) {
	files, _, err := t.Plan(ctx, catalog.Predicate{})
	if err != nil {
		return nil, err
	}
	sums := map[string]*partitionSum{}
	for _, f := range files {
		key := strings.Join(f.Partition, "\x00")
		s := sums[key]
		if s == nil {
			s = &partitionSum{values: f.Partition}
			sums[key] = s
		}
		s.files++
		s.records += f.Records
		s.bytes += f.Bytes
	}
	var all []partitionSum
	for _, key := range slices.Sorted(maps.Keys(sums)) {
		all = append(all, *sums[key])
	}
	return all, nil
}

// columnsFor says what the dialect needs to know of a listing.
func (l *listing) columnsFor() []dialect.Column {
	var columns []dialect.Column
	for _, c := range l.columns {
		columns = append(columns, dialect.Column{Name: c.name, Type: dialect.ParseType(c.kind)})
	}
	return columns
}
