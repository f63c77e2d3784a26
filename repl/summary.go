package repl

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/engine/output"
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
	rows, err := s.athenaLookup(ctx, "SELECT count(*) FROM "+from)
	if err != nil {
		return err
	}
	if len(rows) != 1 || number(rows[0][0]) == 0 {
		s.printf("(no rows in %s%s)\n", name, s.inWindow())
		return nil
	}
	total := number(rows[0][0])
	heading, distinctOf := distinctMeasure(total * int64(len(of)))
	cut := s.summaryCut()
	var sql strings.Builder
	sql.WriteString("SELECT count(*)")
	for _, c := range of {
		sql.WriteString(",\n" + c.measures(distinctOf, cut))
	}
	if rows, err = s.athenaLookup(ctx, sql.String()+" FROM "+from+" t"); err != nil {
		return err
	}
	total = number(rows[0][0]) // which others may have changed
	frequent, err := s.frequentValues(ctx, of, rows[0][1:], from, total, cut)
	if err != nil {
		return err
	}
	list := newAnswer(texts("column", "null"), numbers(heading), texts("least", "greatest", "most_frequent"))
	for i, c := range of {
		m := rows[0][1+i*measured:][:measured]
		values := number(m[0])
		var distinct any
		if m[1] != nil {
			distinct = min(number(m[1]), values)
		}
		list.add(c.name, percent(total-values, total), distinct, s.cutValue(m[2], cut), s.cutValue(m[3], cut), orNil(frequent[i]))
	}
	return s.showAnswer(ctx, list, fmt.Sprintf("%s: %s", name, quantity.Plural(total, "row")))
}

// maxExact is how many values are told apart one by one, all columns together;
// of more, about how many differ has to do.
const maxExact = 50_000_000

// distinctMeasure is how values are told apart, and what that is called.
func distinctMeasure(values int64) (heading, sql string) {
	if values > maxExact {
		return "approx_distinct", "approx_distinct(%s)"
	}
	return "distinct", "count(DISTINCT %s)"
}

// summaryCut is how many characters of a value a table on the screen shows; 0 for
// all, which is what files, pipes and other formats get.
func (s *Session) summaryCut() int {
	if s.screen.Size == nil || s.next != nil || s.output != nil || s.formatOnScreen(shape{}) != output.Table {
		return 0
	}
	return 100
}

// leading is SQL for what cutValue needs of a value.
func leading(value string, cut int) string {
	if cut == 0 {
		return value
	}
	return fmt.Sprintf("substr(%s, 1, %d)", value, cut+1)
}

// cutValue says that there was more of a value.
func (s *Session) cutValue(v any, cut int) any {
	if text := []rune(textOf(v)); cut > 0 && len(text) > cut {
		return string(text[:cut]) + s.ellipsis()
	}
	return v
}

// maxCounted is how many values of a column are counted one by one; of more,
// none is frequent.
const maxCounted = 10_000

// maxListed is how many values there may be that are all different for any to be
// named as frequent.
const maxListed = 20

// frequentValues counts the values of columns, in a scan of its own, and names three
// of each with their shares.
func (s *Session) frequentValues(ctx context.Context, of []summarized, measures []any, from string, total int64, cut int) (map[int]string, error) {
	var columns []int
	var sql strings.Builder
	for i, c := range of {
		values, distinct := number(measures[i*measured]), number(measures[i*measured+1])
		if distinct == 0 || distinct > maxCounted || distinct >= values && values > maxListed {
			continue
		}
		columns = append(columns, i)
		fmt.Fprintf(&sql, ", json_format(CAST(histogram(CAST(%s AS varchar)) AS json))", c.path)
	}
	if len(columns) == 0 {
		return nil, nil
	}
	rows, err := s.athenaLookup(ctx, "SELECT "+sql.String()[2:]+" FROM "+from+" t")
	if err != nil || len(rows) != 1 {
		return nil, err
	}
	frequent := map[int]string{}
	for i, column := range columns {
		var parts []string
		for _, v := range mostFrequent(textOf(rows[0][i]), 3) {
			parts = append(parts, fmt.Sprintf("%s (%s)", textOf(s.cutValue(v.text, cut)), percent(v.count, total)))
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

// measures are the number of values, how many differ, the least and the greatest.
func (c summarized) measures(distinctOf string, cut int) string {
	count := "count(" + c.path + ")"
	switch c.kind.Kind {
	case dialect.JSON, dialect.JSONText, dialect.List, dialect.Map:
		return count + ", NULL, NULL, NULL"
	}
	if isDocument(c.name) {
		return count + ", NULL, NULL, NULL"
	}
	text := func(of string) string { return leading("CAST("+of+" AS VARCHAR)", cut) }
	return fmt.Sprintf("%s, "+distinctOf+", %s, %s", count, c.path, text("min("+c.path+")"), text("max("+c.path+")"))
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

// percent is a share, rounded: "0 %" and "100 %" only for none and all, "<1 %"
// and ">99 %" beside them.
func percent(n, of int64) string {
	switch rest := of - n; {
	case n == 0:
		return "0 %"
	case rest == 0:
		return "100 %"
	case n*100 < of:
		return "<1 %"
	case rest*100 < of:
		return ">99 %"
	}
	return fmt.Sprintf("%d %%", (n*200+of)/(2*of))
}

// counted is a value and how often it is there.
type counted struct {
	text  string
	count int64
}

// mostFrequent are the values with the highest counts of a histogram as JSON; of
// equal counts the least.
func mostFrequent(histogram string, most int) []counted {
	var counts map[string]int64
	if json.Unmarshal([]byte(histogram), &counts) != nil {
		return nil // NULL: there are no values
	}
	var all []counted
	for text, n := range counts {
		all = append(all, counted{text, n})
	}
	slices.SortFunc(all, func(a, b counted) int { return cmp.Or(cmp.Compare(b.count, a.count), cmp.Compare(a.text, b.text)) })
	return all[:min(len(all), most)]
}
