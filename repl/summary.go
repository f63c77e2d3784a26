package repl

import (
	"context"
	"fmt"
	"strings"

	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/engine/quantity"
)

// summarized is a column or member that .summary looks at.
type summarized struct {
	name string // as people write it
	path string // in SQL
	kind dialect.Type
}

// maxSummarized columns are looked at.
const maxSummarized = 400

// runSummary tells of each column of a table how many values are missing, how
// many differ, the least, the greatest and the most frequent ones.
func runSummary(s *Session, ctx context.Context, a arguments) error {
	name, err := a.one()
	if err != nil {
		return err
	}
	name = strings.ToLower(strings.TrimSuffix(name, ";"))
	columns, _, err := s.columnsOf(ctx, name)
	if err != nil {
		return err
	}
	var of []summarized
	for _, c := range columns {
		of = appendSummarized(of, c.name, "t."+quoted(c.name), dialect.ParseType(c.kind))
	}
	if len(of) > maxSummarized {
		s.notef("only the first %d of %d columns and members are looked at", maxSummarized, len(of))
		of = of[:maxSummarized]
	}
	from := quoted(name)
	if schema, table, ok := strings.Cut(name, "."); ok {
		from = quoted(schema) + "." + quoted(table)
	}
	var sql strings.Builder
	sql.WriteString("SELECT count(*)")
	for _, c := range of {
		sql.WriteString(",\n" + c.measures())
	}
	rows, err := s.lookup(ctx, sql.String()+" FROM "+from+" t")
	if err != nil {
		return err
	}
	if len(rows) != 1 || number(rows[0][0]) == 0 {
		s.printf("(no rows in %s%s)\n", name, s.inWindow())
		return nil
	}
	total := number(rows[0][0])
	frequent, err := s.mostFrequent(ctx, of, rows[0][1:], from, total)
	if err != nil {
		return err
	}
	list := newAnswer(texts("column", "null"), numbers("distinct"), texts("least", "greatest", "most_frequent"))
	for i, c := range of {
		m := rows[0][1+i*measured:][:measured]
		values := number(m[0])
		var distinct any
		if m[1] != nil {
			distinct = min(number(m[1]), values)
		}
		list.add(c.name, percent(total-values, total), distinct, m[2], m[3], orNil(frequent[i]))
	}
	return s.showAnswer(ctx, list, fmt.Sprintf("%s: %s", name, quantity.Plural(total, "row")))
}

// maxCounted is how many values of a column are counted one by one; of more,
// none is frequent.
const maxCounted = 10_000

// mostFrequent counts the values of the columns that repeat them, in a scan of
// its own, and names three of each with their shares.
func (s *Session) mostFrequent(ctx context.Context, of []summarized, measures []any, from string, total int64) (map[int]string, error) {
	var counted []int
	var sql strings.Builder
	for i, c := range of {
		values, distinct := number(measures[i*measured]), number(measures[i*measured+1])
		if distinct == 0 || distinct > maxCounted || distinct*2 > values && values > 3 {
			continue
		}
		counted = append(counted, i)
		fmt.Fprintf(&sql, `, list_slice(list_sort(list_transform(map_entries(histogram(CAST(%s AS VARCHAR))), lambda e: {'n': -CAST(e.value AS BIGINT), 'v': left(e.key, 60)})), 1, 3)`, c.path)
	}
	if len(counted) == 0 {
		return nil, nil
	}
	var columns strings.Builder
	for i := range counted {
		for k := 1; k <= 3; k++ {
			fmt.Fprintf(&columns, ", c%d[%d].n, c%d[%d].v", i, k, i, k)
		}
	}
	names := make([]string, len(counted))
	for i := range counted {
		names[i] = fmt.Sprintf("c%d", i)
	}
	rows, err := s.lookup(ctx, "SELECT "+columns.String()[2:]+" FROM (SELECT "+sql.String()[2:]+" FROM "+from+" t) AS s("+strings.Join(names, ", ")+")")
	if err != nil || len(rows) != 1 {
		return nil, err
	}
	frequent := map[int]string{}
	for i, column := range counted {
		var parts []string
		for k := range 3 {
			if n := rows[0][i*6+k*2]; n != nil {
				parts = append(parts, fmt.Sprintf("%s (%s)", textOf(rows[0][i*6+k*2+1]), percent(-number(n), total)))
			}
		}
		frequent[column] = strings.Join(parts, ", ")
	}
	return frequent, nil
}

// appendSummarized adds a column, or the members of a struct in its place.
func appendSummarized(of []summarized, name, path string, t dialect.Type) []summarized {
	if t.Kind != dialect.Struct {
		return append(of, summarized{name, path, t})
	}
	for _, m := range t.Fields {
		of = appendSummarized(of, name+"."+m.Name, path+"."+quoted(m.Name), m.Type)
	}
	return of
}

// measured is how many values measures gives.
const measured = 4

// measures are the number of values, about how many differ, the least and the
// greatest. Long texts are cut, since nobody could read them here.
func (c summarized) measures() string {
	count := "count(" + c.path + ")"
	switch c.kind.Kind {
	case dialect.JSON, dialect.JSONText, dialect.List, dialect.Map:
		return count + ", NULL, NULL, NULL"
	}
	if isDocument(c.name) {
		return count + ", NULL, NULL, NULL"
	}
	text := func(of string) string { return "left(CAST(" + of + " AS VARCHAR), 100)" }
	return fmt.Sprintf("%s, approx_count_distinct(%s), %s, %s", count, c.path, text("min("+c.path+")"), text("max("+c.path+")"))
}

// isDocument: the column holds JSON as text, of which no two are the same.
func isDocument(column string) bool {
	logs := dialect.StandardRelations().Relation(dialect.DefaultTable)
	for _, c := range logs.Columns {
		if c.Name == column {
			return c.Type.Kind == dialect.JSONText
		}
	}
	return column == "eventjson"
}

// percent is a share: "0 %", "<1 %", "100 %" only for all.
func percent(n, of int64) string {
	switch {
	case n == 0:
		return "0 %"
	case n == of:
		return "100 %"
	case n*100 < of:
		return "<1 %"
	}
	return fmt.Sprintf("%d %%", min(99, n*100/of))
}
