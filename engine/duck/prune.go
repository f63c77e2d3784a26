//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine"
)

// use is how a statement reads one table: an entry for each place.
type use struct {
	table  *catalog.Table
	places []place
}

// scan is what is read of a table.
type scan struct {
	files                       []catalog.DataFile
	stats                       catalog.PlanStats
	partitions, partitionsTotal int
}

// evaluator runs queries of ours: about partitions, with the statement's
// parameters.
type evaluator interface {
	// evaluate runs a query given as a syntax tree and returns its rows of
	// integers; null is nil. In prefix, partitionsParameter is partitions.
	evaluate(ctx context.Context, prefix string, statement object, partitions string) ([][]*int64, error)
}

// plan returns the files that can hold rows for this use of the table, of records
// only those inside the bounds. What the evaluator cannot answer leaves nothing out.
func (u *use) plan(ctx context.Context, e evaluator, bounds engine.Window) (scan, error) {
	window := u.window(ctx, e)
	if hasRecords(u.table.Schema()) {
		window = narrowed(window, bounds)
	}
	condition := u.condition()
	window.TimeTexts = mentions(condition, firstTime.text) || mentions(condition, "day_texts")
	files, stats, err := u.table.Plan(ctx, window)
	if err != nil {
		return scan{}, err
	}
	s := scan{files: files, stats: stats}
	region, date := slices.Index(u.table.Spec(), regionValue), slices.Index(u.table.Spec(), dateValue)
	s.partitionsTotal, err = u.countPartitions(ctx, files, window)
	if err != nil || region < 0 && date < 0 {
		return s, err
	}
	all := distinctPartitions(files, region, date)
	s.partitions = all.folders()
	if condition != nil && len(all.lines) > 0 {
		kept, err := all.that(ctx, e, condition)
		if ctx.Err() != nil {
			return s, ctx.Err()
		}
		if err == nil {
			s.files = make([]catalog.DataFile, 0, len(files))
			for i, f := range files {
				if kept[all.of[i]] {
					s.files = append(s.files, f)
				}
			}
		}
	}
	if s.files, err = u.withNeedles(ctx, s.files); err != nil {
		return s, err
	}
	if len(s.files) == len(files) {
		return s, nil
	}
	s.stats.Files, s.stats.Records, s.stats.Bytes = 0, 0, 0
	for _, f := range s.files {
		s.stats.Files++
		s.stats.Records += f.Records
		s.stats.Bytes += f.Bytes
	}
	s.partitions = distinctPartitions(s.files, region, date).folders()
	return s, nil
}

// narrowed is what lies in both.
func narrowed(p catalog.Predicate, w engine.Window) catalog.Predicate {
	if w.From.After(p.From) {
		p.From = w.From
	}
	if !w.To.IsZero() && (p.To.IsZero() || w.To.Before(p.To)) {
		p.To = w.To
	}
	return p
}

// mentions reports whether a condition refers to a column of the partitions.
func mentions(v any, name string) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, func(e any) bool { return mentions(e, name) })
	case object:
		if text(v, "class") == "COLUMN_REF" {
			names := list(v, "column_names")
			return len(names) > 0 && names[len(names)-1] == name
		}
		for _, e := range v {
			if mentions(e, name) {
				return true
			}
		}
	}
	return false
}

// countPartitions counts those of the whole table. planned has all files if the
// window is open.
func (u *use) countPartitions(ctx context.Context, planned []catalog.DataFile, window catalog.Predicate) (int, error) {
	if len(u.table.Spec()) == 0 {
		return 0, nil
	}
	if !window.From.IsZero() || !window.To.IsZero() {
		all, _, err := u.table.Plan(ctx, catalog.Predicate{})
		if err != nil {
			return 0, err
		}
		planned = all
	}
	// Files of a partition mostly share its values.
	lists, seen := map[*string]bool{}, map[string]bool{}
	for _, f := range planned {
		if first := &f.Partition[0]; !lists[first] {
			lists[first] = true
			seen[strings.Join(f.Partition, "\x00")] = true
		}
	}
	return len(seen), nil
}

// condition is true of the partitions that some place needs; nil: of all.
func (u *use) condition() object {
	var either []object
	for _, p := range u.places {
		if p.condition == nil {
			return nil
		}
		either = append(either, p.condition)
	}
	return join("CONJUNCTION_OR", either)
}

// partitions are the different ones of some files, apart by what is known of the
// texts of times.
type partitions struct {
	lines []string // region, tab, date, tab, catalog.TimeTexts
	of    []int    // by file
	vague []int    // those with a null, about which nothing is said
}

func distinctPartitions(files []catalog.DataFile, region, date int) partitions {
	p := partitions{of: make([]int, len(files))}
	type partition struct {
		region, date string
		texts        catalog.TimeTexts
	}
	number := map[partition]int{}
	for i, f := range files {
		key := partition{texts: f.TimeTexts}
		if region >= 0 {
			key.region = f.Partition[region]
		}
		if date >= 0 {
			key.date = f.Partition[date]
		}
		n, ok := number[key]
		if !ok {
			n = len(p.lines)
			number[key] = n
			if region >= 0 && key.region == "" || date >= 0 && key.date == "" {
				p.vague = append(p.vague, n)
			}
			p.lines = append(p.lines, fmt.Sprintf("%s\t%s\t%d", key.region, key.date, key.texts))
		}
		p.of[i] = n
	}
	return p
}

// folders counts the partitions.
func (p partitions) folders() int {
	seen := map[string]bool{}
	for _, line := range p.lines {
		seen[line[:strings.LastIndexByte(line, '\t')]] = true
	}
	return len(seen)
}

// partitionsParameter stands for the parameter with the partitions.
const partitionsParameter = "$partitions"

// partitionRows makes the rows that conditions are about. A partition whose date
// is no day has no times: conditions on them keep it. Texts of which nothing is
// known may have an offset, or be 20230710T120000Z, which is above 2023-12-31.
const partitionRows = `WITH lines AS (SELECT unnest(generate_series(0, len(l) - 1)) AS i, unnest(l) AS line FROM (SELECT string_split(CAST($partitions AS VARCHAR), chr(10)) AS l)),
parts AS (SELECT i, split_part(line, chr(9), 1) AS region, split_part(line, chr(9), 2) AS date, CAST(split_part(line, chr(9), 3) AS INTEGER) AS texts FROM lines),
days AS (SELECT *, CASE WHEN regexp_full_match(date, '[0-9]{4}-[0-9]{2}-[0-9]{2}') THEN TRY_CAST(date AS DATE) END AS day FROM parts),
` + partitionsTable + ` AS (SELECT i, region, date, day, texts > 0 AS day_texts,
	CASE texts WHEN 0 THEN strftime(day - 1, '%Y-%m-%d') WHEN 1 THEN strftime(day, '%Y-%m-%dT00:00:00') ELSE strftime(day, '%Y-%m-%dT00:00:00Z') END AS first_text,
	CASE texts WHEN 0 THEN strftime(day + 1, '%Y2') ELSE strftime(day, '%Y-%m-%dT23:59:59Z') END AS last_text,
	strftime(day, '%Y-%m-%dT00:00:00Z') AS first_parsed, strftime(day, '%Y-%m-%dT23:59:59.999999Z') AS last_parsed,
	strftime(day, '%Y-%m-%dT23:59:59Z') AS last_formatted,
	CAST(day AS TIMESTAMP) AS first_utc, CAST(day AS TIMESTAMP) + INTERVAL '86399.999999' SECOND AS last_utc,
	CAST(CAST(day AS TIMESTAMP) AS TIMESTAMP WITH TIME ZONE) AS first_instant,
	CAST(CAST(day AS TIMESTAMP) + INTERVAL '86399.999999' SECOND AS TIMESTAMP WITH TIME ZONE) AS last_instant FROM days) `

// that reports for which partitions the condition may be true.
func (p partitions) that(ctx context.Context, e evaluator, condition object) ([]bool, error) {
	noDay := node("OPERATOR", "OPERATOR_IS_NULL")
	noDay["children"] = []any{column(dayValue)}
	where := join("CONJUNCTION_OR", []object{condition, noDay})
	rows, err := e.evaluate(ctx, partitionRows, selectNode([]object{column("i")}, partitionsTable, where), strings.Join(p.lines, "\n"))
	if err != nil {
		return nil, err
	}
	kept := make([]bool, len(p.lines))
	for _, row := range rows {
		if row[0] == nil || *row[0] < 0 || *row[0] >= int64(len(kept)) {
			return nil, fmt.Errorf("partition out of range")
		}
		kept[*row[0]] = true
	}
	for _, n := range p.vague {
		kept[n] = true
	}
	return kept, nil
}

// window is the time outside which no place that reads the table takes rows.
func (u *use) window(ctx context.Context, e evaluator) catalog.Predicate {
	var p catalog.Predicate
	var bounds []object
	for _, place := range u.places {
		if len(place.window.from) == 0 && len(place.window.to) == 0 {
			return p
		}
		bounds = append(bounds, instants(place.window.from)...)
		bounds = append(bounds, instants(place.window.to)...)
	}
	if len(bounds) == 0 {
		return p
	}
	rows, err := e.evaluate(ctx, "", selectNode(bounds, "", nil), "")
	if err != nil || len(rows) != 1 || len(rows[0]) != len(bounds) {
		return p
	}
	values := rows[0]
	for i, place := range u.places {
		from, okFrom := extreme(values[:len(place.window.from)], func(a, b int64) bool { return a > b })
		values = values[len(place.window.from):]
		to, okTo := extreme(values[:len(place.window.to)], func(a, b int64) bool { return a < b })
		values = values[len(place.window.to):]
		fromTime, toTime := time.Time{}, time.Time{}
		if okFrom {
			fromTime = time.UnixMicro(from).UTC()
		}
		if okTo {
			toTime = time.UnixMicro(to).UTC().Add(time.Microsecond) // the range may include its end
		}
		if i == 0 || fromTime.Before(p.From) {
			p.From = fromTime // the zero time, which is no bound, is before all others
		}
		if i == 0 || !p.To.IsZero() && (toTime.IsZero() || toTime.After(p.To)) {
			p.To = toTime
		}
	}
	return p
}

// instants casts bounds to microseconds since 1970.
func instants(bounds []object) []object {
	var all []object
	for _, b := range bounds {
		cast := node("CAST", "OPERATOR_CAST")
		cast["child"], cast["try_cast"] = b, true
		cast["cast_type"] = object{"id": "TIMESTAMP WITH TIME ZONE", "type_info": nil}
		all = append(all, call("epoch_us", cast))
	}
	return all
}

func extreme(values []*int64, better func(a, b int64) bool) (best int64, ok bool) {
	for _, v := range values {
		if v != nil && (!ok || better(*v, best)) {
			best, ok = *v, true
		}
	}
	return best, ok
}

// selectNode is SELECT … FROM … WHERE … as json_serialize_sql writes it; from
// may be "" and where nil.
func selectNode(list []object, from string, where object) object {
	var items []any
	for _, o := range list {
		items = append(items, o)
	}
	source := object{"type": "EMPTY", "alias": "", "sample": nil, "query_location": nowhere}
	if from != "" {
		source = object{"type": "BASE_TABLE", "alias": "", "sample": nil, "query_location": nowhere, "schema_name": "", "table_name": from,
			"column_name_alias": []any{}, "catalog_name": "", "at_clause": nil}
	}
	n := object{
		"type": "SELECT_NODE", "modifiers": []any{}, "cte_map": object{"map": []any{}}, "select_list": items, "from_table": source,
		"group_expressions": []any{}, "group_sets": []any{}, "aggregate_handling": "STANDARD_HANDLING", "having": nil, "sample": nil, "qualify": nil,
	}
	n["where_clause"] = nil
	if where != nil {
		n["where_clause"] = where
	}
	return object{"node": n, "named_param_map": []any{}}
}

// statementJSON wraps a statement for json_deserialize_sql.
func statementJSON(statement object) (string, error) {
	data, err := json.Marshal(object{"error": false, "statements": []any{statement}})
	return string(data), err
}
