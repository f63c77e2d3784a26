package dialect

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// rewriteFunc writes a call anew; false leaves it to the table of functions.
type rewriteFunc func(a *analysis, e *expr, types []Type) (Type, bool)

// rewriteOf finds how a function is written that no macro can stand for; nil
// when there is nothing special about it.
func rewriteOf(name string) rewriteFunc {
	switch name {
	case "concat":
		return (*analysis).concat
	case "concat_ws":
		return (*analysis).concatList
	case "greatest", "least":
		return (*analysis).extreme
	case "if":
		return (*analysis).ifElse
	case "coalesce":
		return (*analysis).firstType
	case "element_at":
		return (*analysis).elementAt
	case "cardinality":
		return (*analysis).cardinality
	case "contains":
		return (*analysis).contains
	case "avg":
		return (*analysis).average
	case "max_by", "min_by":
		return (*analysis).extremeBy
	case "map_agg", "multimap_agg":
		return (*analysis).mapAggregate
	case "listagg":
		return (*analysis).listAggregate
	case "set_agg":
		return (*analysis).setAggregate
	case "substr", "substring":
		return (*analysis).substringCall
	case "trim", "ltrim", "rtrim":
		return (*analysis).trim
	case "replace":
		return (*analysis).replaceText
	case "regexp_replace":
		return (*analysis).replaceMatches
	case "reverse":
		return (*analysis).reverse
	case "format":
		return (*analysis).format
	case "strpos":
		return (*analysis).refuseThird
	case "map":
		return (*analysis).mapOf
	case "map_keys", "map_values", "map_entries":
		return (*analysis).mapPart
	case "histogram":
		return (*analysis).histogram
	case "date_format", "format_datetime":
		return (*analysis).formatTime
	case "date_parse", "parse_datetime":
		return (*analysis).parseTime
	case "at_timezone":
		return (*analysis).atZoneCall
	case "dateadd", "datediff":
		return (*analysis).sqlServerCall
	case "json_extract", "json_extract_scalar", "json_size", "json_extract_path":
		return (*analysis).jsonPathCall
	case "json_value", "json_query", "json_exists":
		return (*analysis).jsonQueryCall
	case "array_sort":
		return (*analysis).refuseComparator
	case "ip_prefix":
		return (*analysis).prefixOf
	case "from_iso8601_timestamp", "date":
		return (*analysis).castCall
	case "date_trunc":
		return (*analysis).truncateTime
	}
	return nil
}

// concat: NULL makes NULL, unlike DuckDB's.
func (a *analysis) concat(e *expr, types []Type) (Type, bool) {
	list := false
	for _, t := range types {
		list = list || t.Kind == List
	}
	for i, x := range e.args {
		switch {
		case list && types[i].Kind != List && types[i].Kind != Unknown:
			a.patches.wrap(x.extent, "[", "]")
		case isNull(x) && !list:
			a.patches.replaceText(x.extent, "CAST(NULL AS VARCHAR)")
		case !list && !types[i].isText():
			a.patches.wrap(x.extent, "CAST(", " AS VARCHAR)")
		default:
			a.patches.wrap(x.extent, "(", ")")
		}
	}
	a.patches.replace(e.extent, func(w *writer) {
		w.text("(", e.start)
		for i, x := range e.args {
			if i > 0 {
				w.text(" || ", x.start)
			}
			w.source(x.extent)
		}
		w.text(")", e.end-1)
	})
	if list {
		return common(types), true
	}
	return Type{Kind: Text}, true
}

// concatList is concat_ws(separator, array), which leaves out NULL as the one of
// texts does.
func (a *analysis) concatList(e *expr, types []Type) (Type, bool) {
	if len(e.args) != 2 || types[1].Kind != List {
		return Type{}, false
	}
	a.callMacro(e, "trino_concat_ws_list")
	return Type{Kind: Text}, true
}

// extreme is greatest or least: NULL makes NULL.
func (a *analysis) extreme(e *expr, types []Type) (Type, bool) {
	a.comparable(e.args, types)
	a.patches.replace(e.extent, func(w *writer) {
		w.text("CASE WHEN ", e.start)
		for i, x := range e.args {
			if i > 0 {
				w.text(" AND ", x.start)
			}
			w.text("(", x.start)
			w.source(x.extent)
			w.text(") IS NOT NULL", x.end)
		}
		w.text(" THEN "+e.op+"(", e.start)
		a.list(w, e.args)
		w.text(") END", e.end-1)
	})
	return common(types), true
}

// ifElse: IF without ELSE.
func (a *analysis) ifElse(e *expr, types []Type) (Type, bool) {
	if len(e.args) == 3 {
		return a.oneOf(e.args[1:], types[1:]), true
	}
	if len(e.args) != 2 {
		return Type{}, false
	}
	a.patches.replace(e.extent, func(w *writer) {
		w.text("CASE WHEN ", e.start)
		w.source(e.args[0].extent)
		w.text(" THEN ", e.args[1].start)
		w.source(e.args[1].extent)
		w.text(" END", e.end-1)
	})
	return types[1], true
}

func (a *analysis) elementAt(e *expr, types []Type) (Type, bool) {
	if len(e.args) != 2 {
		return Type{}, false
	}
	value, key := e.args[0], e.args[1]
	t := types[0]
	if t.isJSON() || t.Kind == Text { // an error in Trino
		if t.Kind == Text {
			a.fail(value.start, "element_at of text", "write element_at(split(text, delimiter), n), or substr")
		}
		a.patches.replace(e.extent, func(w *writer) {
			w.text("TRY(json_extract_string(", e.start)
			w.source(value.extent)
			if key.kind == stringExpr {
				w.text(", "+quoteText("$"+jsonPathStep(key.text))+"))", e.end-1)
			} else {
				w.text(", '$.\"' || (", key.start)
				w.source(key.extent)
				w.text(") || '\"'))", e.end-1)
			}
		})
		return Type{Kind: Text}, true
	}
	a.patches.replace(e.extent, func(w *writer) {
		w.text("(", e.start)
		w.source(value.extent)
		w.text(")[", key.start)
		w.source(key.extent)
		w.text("]", e.end-1)
	})
	return t.element(), true
}

func (a *analysis) cardinality(e *expr, types []Type) (Type, bool) {
	if len(types) == 1 && types[0].Kind == Map {
		a.patches.wrap(e.extent, "CAST(", " AS BIGINT)")
	} else if len(types) == 1 && types[0].isJSON() {
		a.patches.replaceText(e.call.name, "json_array_length")
	} else {
		a.patches.replaceText(e.call.name, "len")
	}
	return Type{Kind: Integer}, true
}

func (a *analysis) contains(e *expr, types []Type) (Type, bool) {
	if len(e.args) != 2 {
		return Type{}, false
	}
	network := types[0].Kind == Network || types[1].Kind == Address || e.args[0].kind == stringExpr && strings.Contains(e.args[0].text, "/")
	if network && types[0].Kind != List {
		a.patches.replaceText(e.call.name, a.network("trino_ip_contains", false))
	} else if types[0].isText() && !types[0].isJSON() {
		a.fail(e.start, "contains searches an array", "for text write strpos(text, part) > 0")
	} else if types[0].Kind == List {
		if types[0].element().Kind != Zoned { // which are local times, too
			a.comparable(e.args[1:], types[1:])
		}
		switch list := e.args[0]; {
		case withoutNulls(list): // DuckDB's gives the same
		case repeatable(list):
			a.callMacro(e, "trino_contains")
		default:
			a.callMacro(e, "trino_contains_once")
		}
	}
	return Type{Kind: Boolean}, true
}

// withoutNulls: an array of constants, or one of a function that never gives an
// array with NULL in it.
func withoutNulls(e *expr) bool {
	switch e.kind {
	case parenExpr:
		return withoutNulls(e.args[0])
	case callExpr:
		return arraysWithoutNulls[e.op]
	case arrayExpr:
		for _, x := range e.args {
			if x.kind != stringExpr && (x.kind != literalExpr || isNull(x)) {
				return false
			}
		}
		return true
	}
	return false
}

var arraysWithoutNulls = wordSetLower("split regexp_split map_keys sequence")

// repeatable: what can be written twice without another answer or a second query.
func repeatable(e *expr) bool {
	if e == nil {
		return true
	}
	switch e.kind {
	case queryExpr, existsExpr, opaqueExpr:
		return false
	case callExpr:
		if repeatedDiffer[e.op] {
			return false
		}
	}
	return !slices.ContainsFunc(e.args, func(x *expr) bool { return !repeatable(x) })
}

var repeatedDiffer = wordSetLower("rand random uuid gen_random_uuid uuidv4 uuidv7")

// average of decimals keeps their digits.
func (a *analysis) average(e *expr, types []Type) (Type, bool) {
	if len(types) == 1 && types[0].Kind == Decimal {
		scale := strconv.Itoa(types[0].Scale)
		a.patches.wrap(e.extent, "CAST(round(", ", "+scale+") AS DECIMAL(38, "+scale+"))")
		return types[0], true
	}
	return Type{Kind: Double}, true
}

// extremeBy is max_by(x, by, n), which DuckDB has under its own name.
func (a *analysis) extremeBy(e *expr, types []Type) (Type, bool) {
	if len(e.args) != 3 {
		return Type{}, false
	}
	a.patches.replaceText(e.call.name, map[string]string{"max_by": "arg_max", "min_by": "arg_min"}[e.op])
	return listOf(types[0]), true
}

// mapAggregate is map_agg and multimap_agg. The first value of a key counts.
func (a *analysis) mapAggregate(e *expr, types []Type) (Type, bool) {
	if len(e.args) != 2 || e.call.over != nil {
		a.fail(e.start, e.op+" takes a key and a value, without OVER", "")
		return Type{}, true
	}
	entries := func(w *writer) {
		w.text("list({'k': ", e.start)
		w.source(e.args[0].extent)
		w.text(", 'v': ", e.args[1].start)
		w.source(e.args[1].extent)
		w.text("}", e.args[1].end)
		if len(e.call.order) > 0 {
			w.text(" ", e.call.orderAt.start)
			w.source(e.call.orderAt)
		}
		w.text(") FILTER (WHERE (", e.start)
		w.source(e.args[0].extent)
		w.text(") IS NOT NULL", e.start)
		if e.call.filter != nil {
			w.text(" AND (", e.call.filter.start)
			w.source(e.call.filter.extent)
			w.text(")", e.call.filter.end)
		}
		w.text(")", e.end-1)
	}
	a.patches.replace(e.extent, func(w *writer) {
		w.text("map_from_entries(list_transform(list_filter(", e.start)
		entries(w)
		w.text(", lambda e, i: list_position(list_transform(", e.start)
		entries(w)
		w.text(", lambda f: f.k), e.k) = i), lambda e: {'k': e.k, 'v': ", e.start)
		if e.op == "map_agg" {
			w.text("e.v", e.start)
		} else {
			w.text("list_transform(list_filter(", e.start)
			entries(w)
			w.text(", lambda f: f.k = e.k), lambda f: f.v)", e.start)
		}
		w.text("}))", e.end-1)
	})
	if e.op == "map_agg" {
		return mapOf(types[0], types[1]), true
	}
	return mapOf(types[0], listOf(types[1])), true
}

// listAggregate is listagg(x, separator) WITHIN GROUP (ORDER BY …).
func (a *analysis) listAggregate(e *expr, types []Type) (Type, bool) {
	a.patches.replace(e.extent, func(w *writer) {
		w.text("string_agg(", e.start)
		if e.call.distinct {
			w.text("DISTINCT ", e.start)
		}
		w.source(e.args[0].extent)
		w.text(", ", e.start)
		if len(e.args) > 1 {
			w.source(e.args[1].extent)
		} else {
			w.text("''", e.start)
		}
		if at := e.call.withinAt; len(e.call.within) > 0 {
			text := a.sql[at.start:at.end]
			open := at.start + strings.IndexByte(text, '(') + 1
			w.text(" ", open)
			w.source(extent{open, at.end - 1})
		}
		w.text(")", e.call.tail)
		if e.call.filter != nil {
			w.text(" FILTER (WHERE ", e.call.filter.start)
			w.source(e.call.filter.extent)
			w.text(")", e.call.filter.end)
		}
	})
	return Type{Kind: Text}, true
}

func (a *analysis) setAggregate(e *expr, types []Type) (Type, bool) {
	if len(e.args) != 1 {
		return Type{}, false
	}
	a.patches.replaceText(extent{e.call.name.start, e.args[0].start}, "list(DISTINCT ")
	return listOf(types[0]), true
}

// substringCall leaves alone what has the same meaning in DuckDB: a start that
// is a positive constant.
func (a *analysis) substringCall(e *expr, types []Type) (Type, bool) {
	if len(e.args) < 2 {
		return Type{Kind: Text}, true
	}
	a.asText(e.args[0], types[0])
	if start := e.args[1]; start.kind == literalExpr && start.op == "number" && start.text != "0" {
		return Type{Kind: Text}, true
	}
	a.patches.replace(e.extent, func(w *writer) {
		w.text(a.macro("trino_substr")+"(", e.start)
		a.list(w, e.args)
		w.text(")", e.end-1)
	})
	a.macro("trino_substr")
	return Type{Kind: Text}, true
}

// trim removes white space, also the tabs and ends of lines that DuckDB leaves, if the call does
// not say what to remove.
func (a *analysis) trim(e *expr, types []Type) (Type, bool) {
	if len(e.args) != 1 {
		return Type{Kind: Text}, true
	}
	a.asText(e.args[0], types[0])
	head := extent{e.call.name.start, e.args[0].start} // trim(LEADING FROM
	words := strings.ToUpper(a.text(extent{e.call.name.end, e.args[0].start}))
	name := "trino_" + e.op
	switch {
	case strings.Contains(words, "LEADING"):
		name = "trino_ltrim"
	case strings.Contains(words, "TRAILING"):
		name = "trino_rtrim"
	}
	a.patches.replaceText(head, a.macro(name)+"(")
	return Type{Kind: Text}, true
}

// replaceText leaves alone what has the same meaning in DuckDB: a search for a
// constant. Only for an empty one is the replacement put around every character.
func (a *analysis) replaceText(e *expr, _ []Type) (Type, bool) {
	constant := len(e.args) == 3 && e.args[1].kind == stringExpr && e.args[1].text != ""
	return Type{Kind: Text}, constant
}

// replaceMatches is regexp_replace with a constant replacement, which the macro
// would read for each row.
func (a *analysis) replaceMatches(e *expr, _ []Type) (Type, bool) {
	if len(e.args) != 3 || e.args[2].kind != stringExpr || a.target == ForTrino {
		return Type{}, false
	}
	text, problem := replacement(e.args[2].text)
	if problem != "" {
		a.fail(e.args[2].start, "replacement: "+problem, `write $1 for a group, \$ and \\ for the characters`)
		return Type{Kind: Text}, true
	}
	a.patches.replaceText(e.args[2].extent, quoteText(text))
	a.patches.wrap(e.args[2].extent, "", ", 'g'")
	return Type{Kind: Text}, true
}

// replacement writes Java's $1 as \1; a backslash makes any character stand for
// itself there.
func replacement(java string) (text, problem string) {
	var b strings.Builder
	for i := 0; i < len(java); i++ {
		c := java[i]
		switch {
		case c == '\\':
			if i++; i == len(java) {
				return "", `it ends with \`
			}
			c = java[i]
		case c == '$' && i+1 < len(java) && java[i+1] == '{':
			return "", "${name} is not supported"
		case c == '$' && i+1 < len(java) && '0' <= java[i+1] && java[i+1] <= '9':
			b.WriteByte('\\')
			continue
		}
		if c == '\\' {
			b.WriteByte('\\')
		}
		b.WriteByte(c)
	}
	return b.String(), ""
}

func (a *analysis) reverse(e *expr, types []Type) (Type, bool) {
	if len(types) == 1 && types[0].Kind == List {
		a.patches.replaceText(e.call.name, "list_reverse")
		return types[0], true
	}
	return Type{Kind: Text}, true
}

// format: DuckDB's printf has the same letters, but %s takes text only.
func (a *analysis) format(e *expr, types []Type) (Type, bool) {
	if len(e.args) == 0 || e.args[0].kind != stringExpr {
		a.fail(e.start, "the format must be a constant", "")
		return Type{}, true
	}
	f := e.args[0].text
	n := 1
	for i := 0; i < len(f); i++ {
		if f[i] != '%' {
			continue
		}
		i++
		for i < len(f) && strings.IndexByte("-+ #0123456789.", f[i]) >= 0 {
			i++
		}
		if i == len(f) || strings.IndexByte("sdxXfeE%", f[i]) < 0 {
			a.fail(e.args[0].start, "a format with a letter that is not supported", "use %s, %d, %x, %f or %e")
			return Type{}, true
		}
		if f[i] == 's' && n < len(e.args) && !types[n].isText() {
			a.patches.wrap(e.args[n].extent, "CAST(", " AS VARCHAR)")
		}
		if f[i] == 'f' && n < len(e.args) && types[n].Kind == Integer {
			a.patches.wrap(e.args[n].extent, "CAST(", " AS DOUBLE)")
		}
		if f[i] != '%' {
			n++
		}
	}
	a.patches.replaceText(e.call.name, "printf")
	return Type{Kind: Text}, true
}

func (a *analysis) refuseComparator(e *expr, _ []Type) (Type, bool) {
	if len(e.args) > 1 {
		a.fail(e.args[1].start, "array_sort with a comparison is not supported", "")
	}
	return Type{}, false
}

// sqlServerCall is dateadd or datediff, whose names end up in queries by habit.
func (a *analysis) sqlServerCall(e *expr, types []Type) (Type, bool) {
	if e.op == "datediff" {
		a.callMacro(e, "trino_date_diff")
		return Type{Kind: Integer}, true
	}
	a.callMacro(e, "trino_date_add")
	if len(types) == 3 {
		return types[2], true
	}
	return Type{}, true
}

func (a *analysis) atZoneCall(e *expr, types []Type) (Type, bool) {
	if len(e.args) != 2 {
		return Type{}, false
	}
	e.opAt = e.call.name
	return a.atTimeZone(e, types[0], e.args[0], e.args[1]), true
}

// wholeTime is an ISO 8601 time with the parts that may be left out of it.
func wholeTime(text string) string {
	date, clock, _ := strings.Cut(text, "T")
	if isoMonth.MatchString(date) {
		date += "-01-01"[3*strings.Count(date, "-"):]
	}
	if m := isoClock.FindStringSubmatch(clock); m != nil {
		clock = m[1] + cmp.Or(m[2], ":00") + ":00" + m[3]
	}
	if clock != "" {
		date += "T" + clock
	}
	return date
}

var (
	isoMonth = regexp.MustCompile(`^\d{4}(-\d\d)?$`)
	isoClock = regexp.MustCompile(`^(\d\d)(:\d\d)?(Z|[+-]\d\d:?\d\d)?$`)
)

// castCall writes as a cast what is one: planning sees through casts.
func (a *analysis) castCall(e *expr, types []Type) (Type, bool) {
	if len(e.args) != 1 {
		return Type{}, false
	}
	a.asText(e.args[0], types[0])
	if x := e.args[0]; x.kind == stringExpr && e.op == "from_iso8601_timestamp" && a.target == ForDuckDB {
		a.patches.replaceText(x.extent, quoteText(wholeTime(x.text)))
	}
	sql, t := "TIMESTAMPTZ", Type{Kind: TimestampTZ, Scale: 3}
	if e.op == "date" {
		sql, t = "DATE", Type{Kind: Date}
	}
	a.patches.replace(e.extent, func(w *writer) {
		w.text("CAST(", e.start)
		w.source(e.args[0].extent)
		w.text(" AS "+sql+")", e.end-1)
	})
	return t, true
}

// truncateTime: a date stays a date.
func (a *analysis) truncateTime(e *expr, types []Type) (Type, bool) {
	if len(types) != 2 {
		return Type{}, false
	}
	switch types[1].Kind {
	case Unknown, Time:
		return Type{}, false
	case Date:
		a.patches.wrap(e.extent, "CAST(", " AS DATE)")
	}
	return types[1], true
}

func (a *analysis) prefixOf(e *expr, _ []Type) (Type, bool) {
	a.patches.replaceText(e.call.name, a.network("trino_ip_prefix_of", false))
	return Type{Kind: Network}, true
}

func (a *analysis) refuseThird(e *expr, _ []Type) (Type, bool) {
	if len(e.args) > 2 {
		a.fail(e.args[2].start, e.op+" with a third argument is not supported", "")
	}
	return Type{}, false
}

func (a *analysis) mapOf(e *expr, types []Type) (Type, bool) {
	if len(types) == 2 && types[0].Kind == List && types[1].Kind == List {
		return mapOf(types[0].element(), types[1].element()), true
	}
	if len(types) == 0 {
		a.patches.replaceText(e.extent, "MAP {}")
	}
	return Type{Kind: Map, Key: &Type{}, Elem: &Type{}}, true
}

func (a *analysis) mapPart(e *expr, types []Type) (Type, bool) {
	if len(types) != 1 || types[0].Kind != Map {
		return Type{}, true
	}
	switch e.op {
	case "map_keys":
		return listOf(*types[0].Key), true
	case "map_values":
		return listOf(*types[0].Elem), true
	}
	return listOf(Type{Kind: Struct, Fields: []Column{{"key", *types[0].Key}, {"value", *types[0].Elem}}}), true
}

func (a *analysis) histogram(e *expr, types []Type) (Type, bool) {
	if len(types) != 1 {
		return Type{}, false
	}
	return mapOf(types[0], Type{Kind: Integer}), true
}

func (a *analysis) firstType(e *expr, types []Type) (Type, bool) { return a.oneOf(e.args, types), true }
