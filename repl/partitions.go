package repl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/engine/quantity"
)

const dayLayout = "2006-01-02"

// runPartitions lists the partitions of a table; of cloudtrail_logs if none is
// named. The window leaves out days.
func runPartitions(s *Session, ctx context.Context, a arguments) error {
	table := dialect.DefaultTable
	if len(a.words) > 0 {
		name, err := a.one()
		if err != nil {
			return err
		}
		table = strings.ToLower(strings.TrimSuffix(name, ";"))
	}
	from := quoted(table + "$partitions")
	result, err := s.rows(ctx, "SELECT * FROM "+from+" LIMIT 0")
	if err != nil {
		var wrong *engine.SQLError
		if errors.As(err, &wrong) {
			tables := candidateTables(s, "")
			if slices.Contains(tables, table) {
				return fmt.Errorf("%s is a view: only tables have partitions", table)
			}
			return fmt.Errorf("there is no table %s (%s)", table, didYouMean(table, tables, ".tables lists all"))
		}
		return err
	}
	var by []string
	for _, f := range result.Schema().Fields() {
		switch f.Name {
		case "year", "month", "day", "record_count", "file_count", "total_size":
		default:
			by = append(by, f.Name)
		}
	}
	if err := result.Close(); err != nil {
		return err
	}
	var selected strings.Builder
	where, params := "", []any(nil)
	for _, name := range by {
		selected.WriteString(quoted(name) + ", ")
		if name == "date" {
			where, params = daysOf(s.window)
		}
	}
	rows, err := s.lookup(ctx, "SELECT count(*), sum(file_count), sum(record_count), sum(total_size) FROM "+from+where, params...)
	if err != nil {
		return err
	}
	if len(rows) == 0 || number(rows[0][0]) == 0 {
		s.printf("(no partitions)\n")
		return nil
	}
	order := ""
	for i := range by {
		order += ", " + strconv.Itoa(i+1)
	}
	if order != "" {
		order = " ORDER BY " + order[2:]
	}
	result, err = s.rows(ctx, "SELECT "+selected.String()+"record_count AS rows, file_count AS files, total_size AS bytes FROM "+from+where+order, params...)
	if err != nil {
		return err
	}
	if err := s.show(ctx, result, ""); err != nil {
		return err
	}
	sum := rows[0]
	s.notef("%s: %s, %s, %s, %s", table, quantity.Plural(number(sum[0]), "partition"), quantity.Plural(number(sum[1]), "file"), quantity.Plural(number(sum[2]), "row"), quantity.Bytes(number(sum[3])))
	return nil
}

// daysOf is the condition on the column date that a window makes. Days that are
// cut by its ends are in it.
func daysOf(w engine.Window) (where string, params []any) {
	var terms []string
	if !w.From.IsZero() {
		terms = append(terms, `"date" >= ?`)
		params = append(params, w.From.UTC().Format(dayLayout))
	}
	if !w.To.IsZero() {
		terms = append(terms, `"date" <= ?`)
		params = append(params, w.To.UTC().Add(-time.Nanosecond).Format(dayLayout))
	}
	if len(terms) == 0 {
		return "", nil
	}
	return " WHERE " + strings.Join(terms, " AND "), params
}
