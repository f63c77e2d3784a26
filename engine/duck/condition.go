//go:build cgo && duckdb_arrow

package duck

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// fact says what the partition of a file tells about a column.
type fact uint8

const (
	nothing      fact = iota
	exactRegion       // the partition's region
	exactDate         // the partition's date
	recordRegion      // the partition's region, unless that is unknown
	timeText          // the event time as text, in the forms of ISO 8601
	timeInstant       // the event time as a timestamp with time zone
	timeUTC           // the event time as a timestamp, in UTC
	exactDay          // the partition's date, as a date
)

// Columns of the table of partitions that conditions are evaluated on: region
// and date as they are, and the first and last event time that the date allows,
// in the types of the three facts about it. The text of a time with an offset can
// start with the day before or after the UTC day, and one without dashes is above
// those with, as first_text and last_text allow for unless the files are known to
// have no such text; what a text means as
// a time lies on the day.
const (
	partitionsTable = "p"
	regionValue     = "region"
	dateValue       = "date"
	dayValue        = "day"
	unknownRegion   = "unknown" // where the record has none that can name a folder
)

// end names the columns with an end of the day.
type end struct{ text, parsed, formatted, instant, utc string }

var (
	firstTime = end{"first_text", "first_parsed", "first_parsed", "first_instant", "first_utc"}
	lastTime  = end{"last_text", "last_parsed", "last_formatted", "last_instant", "last_utc"}
)

func (e end) of(f fact) string {
	return map[fact]string{timeText: e.text, timeInstant: e.instant, timeUTC: e.utc}[f]
}

// scope is what one SELECT asks of the rows behind its FROM.
type scope struct {
	terms []object // joined by AND
}

// scopeOf reads the WHERE of a SELECT. It is empty where rows cannot be left
// out beforehand: a sample depends on the other rows.
func (g *guard) scopeOf(selectNode object) scope {
	where, _ := selectNode["where_clause"].(object)
	if where == nil || selectNode["sample"] != nil {
		return scope{}
	}
	return scope{conjunction(where)}
}

// joined splits what is asked of a join's rows into what is asked of either
// side. Terms stay with both: conditionOn takes those on its own columns.
func (s scope) joined(join object) (left, right scope) {
	if join["sample"] != nil {
		return scope{}, scope{}
	}
	var on []object
	if c, ok := join["condition"].(object); ok {
		on = conjunction(c)
	}
	if !slices.Contains([]string{"REGULAR", "CROSS", "NATURAL"}, text(join, "ref_type")) {
		return scope{}, scope{}
	}
	switch text(join, "join_type") {
	case "INNER":
		both := scope{slices.Concat(s.terms, on)}
		return both, both
	case "LEFT": // a right row that ON rules out is paired with nothing
		return s, scope{on}
	case "RIGHT":
		return scope{on}, s
	}
	return scope{}, scope{}
}

func conjunction(o object) []object {
	if text(o, "type") != "CONJUNCTION_AND" {
		return []object{o}
	}
	var terms []object
	for _, c := range list(o, "children") {
		if child, ok := c.(object); ok {
			terms = append(terms, conjunction(child)...)
		}
	}
	return terms
}

// conditionOn joins the terms that rows of this table must meet to come
// through, as far as they are understood.
func (s scope) conditionOn(table object, r *relation) (object, eventWindow) {
	if len(list(table, "column_name_alias")) > 0 || table["sample"] != nil || len(r.facts) == 0 {
		return nil, eventWindow{}
	}
	c := conditions{alias: text(table, "alias"), facts: r.facts}
	if c.alias == "" {
		c.alias = text(table, "table_name")
	}
	var all []object
	var w eventWindow
	for _, term := range s.terms {
		if o := c.possible(term); o != nil {
			all = append(all, o)
		}
		c.narrow(&w, term)
	}
	return join("CONJUNCTION_AND", all), w
}

// conditions turns terms about one table's rows into terms about partitions.
type conditions struct {
	alias string
	facts map[string]fact
}

// possible is a term that is true of every partition that can hold rows for
// which the given one is; nil if none is known.
func (c conditions) possible(term object) object {
	switch kind := text(term, "type"); kind {
	case "CONJUNCTION_AND", "CONJUNCTION_OR":
		var known []object
		for _, child := range list(term, "children") {
			o, _ := child.(object)
			p := c.possible(o)
			if p != nil {
				known = append(known, p)
			} else if kind == "CONJUNCTION_OR" {
				return nil
			}
		}
		return join(kind, known)
	}
	if o := c.onPartition(term); o != nil {
		return o
	}
	return c.onTime(term)
}

// onPartition rewrites a term that depends on the partition alone.
func (c conditions) onPartition(term object) object {
	r := replacement{conditions: c}
	o := r.value(term)
	if r.failed || r.columns == 0 {
		return nil
	}
	rewritten, _ := o.(object)
	if r.recordRegion {
		rewritten = join("CONJUNCTION_OR", []object{rewritten, compare("COMPARE_EQUAL", column(regionValue), textConstant(unknownRegion))})
	}
	if r.dayTexts {
		unknown := node("OPERATOR", "OPERATOR_NOT")
		unknown["children"] = []any{column("day_texts")}
		rewritten = join("CONJUNCTION_OR", []object{rewritten, unknown})
	}
	return rewritten
}

// replacement copies a tree with its columns replaced.
type replacement struct {
	conditions
	columns      int
	recordRegion bool
	dayTexts     bool // holds where texts are known to start with the day
	failed       bool
}

func (r *replacement) value(v any) any {
	switch v := v.(type) {
	case []any:
		copied := make([]any, len(v))
		for i, e := range v {
			copied[i] = r.value(e)
		}
		return copied
	case object:
		switch class := text(v, "class"); class {
		case "SUBQUERY", "WINDOW", "STAR", "POSITIONAL_REFERENCE", "DEFAULT":
			r.failed = true
			return v
		case "COLUMN_REF":
			return r.column(v)
		case "CONSTANT":
			return v
		case "FUNCTION":
			name := strings.ToLower(text(v, "function_name"))
			if volatileFunctions[name] {
				r.failed = true
			}
			if day := r.dayOnly(name, v); day != nil {
				return day
			}
		}
		copied := make(object, len(v))
		for k, e := range v {
			copied[k] = r.value(e)
		}
		return copied
	}
	return v
}

func (r *replacement) column(v object) any {
	switch r.fact(v) {
	case exactRegion:
		r.columns++
		return column(regionValue)
	case recordRegion:
		r.columns++
		r.recordRegion = true
		return column(regionValue)
	case exactDate:
		r.columns++
		return column(dateValue)
	case exactDay:
		r.columns++
		return column(dayValue)
	}
	if isNow(v) {
		return v
	}
	r.failed = true
	return v
}

// dayOnly rewrites a call that depends on the day of the event time only.
func (r *replacement) dayOnly(name string, call object) any {
	children := list(call, "children")
	var of object
	switch {
	case calendarFunctions[name] && len(children) == 1:
		of, _ = children[0].(object)
	case (name == "date_part" || name == "datepart") && len(children) == 2:
		unit, _ := plainText(children[0])
		if calendarFunctions[strings.ToLower(unit)] {
			of, _ = children[1].(object)
		}
	case (name == "substr" || name == "substring") && len(children) == 3:
		// Characters 1 to 10 of the text are the date, where that is known.
		from, okFrom := plainInt(children[1])
		length, okLength := plainInt(children[2])
		if okFrom && okLength && from >= 1 && length >= 0 && from+length-1 <= len("2006-01-02") {
			if o, _ := children[0].(object); o != nil && r.fact(o) == timeText {
				of = o
			}
		}
	}
	if of == nil || r.fact(of) == timeText && calendarFunctions[name] {
		return nil
	}
	first, ok := r.monotone(of, firstTime)
	if !ok {
		return nil
	}
	r.dayTexts = r.dayTexts || mentions(first, firstTime.text)
	copied := maps.Clone(call)
	args := slices.Clone(children)
	for i, a := range args {
		if o, _ := a.(object); o != nil && sameNode(o, of) {
			args[i] = first
		}
	}
	copied["children"] = args
	r.columns++
	return copied
}

// sameNode: maps are compared by what they are, not by what they hold.
func sameNode(a, b object) bool {
	return location(a) == location(b) && text(a, "class") == text(b, "class")
}

// calendarFunctions depend on the day of a time only.
var calendarFunctions = nameSet(`day dayofmonth month year quarter week weekofyear dayofweek isodow weekday dayofyear isoyear yearweek
	day_of_week dow day_of_month day_of_year doy week_of_year year_of_week yow last_day dayname monthname
	trino_day_of_week trino_day_of_year trino_day_of_month trino_week_of_year trino_year_of_week trino_last_day_of_month
	trino_year trino_month trino_day trino_quarter trino_week`)

// onTime rewrites a comparison of the event time, or of what grows with it, with
// something that does not depend on the row.
func (c conditions) onTime(term object) object {
	kind := text(term, "type")
	switch kind {
	case "COMPARE_EQUAL", "COMPARE_LESSTHAN", "COMPARE_LESSTHANOREQUALTO", "COMPARE_GREATERTHAN", "COMPARE_GREATERTHANOREQUALTO":
		left, _ := term["left"].(object)
		right, _ := term["right"].(object)
		if isConstant(left) {
			left, right, kind = right, left, mirrored(kind)
		}
		return c.ordered(kind, left, right)
	case "COMPARE_BETWEEN":
		input, _ := term["input"].(object)
		lower, _ := term["lower"].(object)
		upper, _ := term["upper"].(object)
		return and(c.ordered("COMPARE_GREATERTHANOREQUALTO", input, lower), c.ordered("COMPARE_LESSTHANOREQUALTO", input, upper))
	case "COMPARE_IN":
		children := list(term, "children")
		if len(children) < 2 {
			return nil
		}
		input, _ := children[0].(object)
		var either []object
		for _, child := range children[1:] {
			value, _ := child.(object)
			o := c.ordered("COMPARE_EQUAL", input, value)
			if o == nil {
				return nil
			}
			either = append(either, o)
		}
		return join("CONJUNCTION_OR", either)
	}
	return c.startsWith(term)
}

func mirrored(comparison string) string {
	switch {
	case strings.HasPrefix(comparison, "COMPARE_LESS"):
		return "COMPARE_GREATER" + strings.TrimPrefix(comparison, "COMPARE_LESS")
	case strings.HasPrefix(comparison, "COMPARE_GREATER"):
		return "COMPARE_LESS" + strings.TrimPrefix(comparison, "COMPARE_GREATER")
	}
	return comparison
}

// ordered: a day has a time above a bound if its last one is.
func (c conditions) ordered(comparison string, growing, bound object) object {
	first, okFirst := c.monotone(growing, firstTime)
	last, okLast := c.monotone(growing, lastTime)
	if !okFirst || !okLast || !isConstant(bound) {
		return nil
	}
	switch comparison {
	case "COMPARE_EQUAL":
		return and(compare("COMPARE_LESSTHANOREQUALTO", first, bound), compare("COMPARE_GREATERTHANOREQUALTO", last, bound))
	case "COMPARE_LESSTHAN", "COMPARE_LESSTHANOREQUALTO":
		return compare(comparison, first, bound)
	}
	return compare(comparison, last, bound)
}

// startsWith understands LIKE 'prefix%…' and its kin on the text of the time.
func (c conditions) startsWith(term object) object {
	children := list(term, "children")
	if text(term, "class") != "FUNCTION" || len(children) < 2 {
		return nil
	}
	input, _ := children[0].(object)
	if input == nil || c.fact(input) != timeText {
		return nil
	}
	pattern, ok := plainText(children[1])
	if !ok {
		return nil
	}
	prefix := pattern
	switch name := strings.ToLower(text(term, "function_name")); name {
	case "~~", "like_escape":
		escape := ""
		if len(children) == 3 {
			if escape, ok = plainText(children[2]); !ok {
				return nil
			}
		}
		if end := strings.IndexAny(pattern, "%_"+escape); end >= 0 {
			prefix = pattern[:end]
		}
	case "starts_with", "prefix", "^@":
	default:
		return nil
	}
	if prefix == "" || len(prefix) > len("2006-01-02T15:04:05Z") {
		return nil
	}
	cut := func(e end) object {
		return call("substr", column(e.text), intConstant(1), intConstant(len(prefix)))
	}
	bound := textConstant(prefix)
	return and(compare("COMPARE_LESSTHANOREQUALTO", cut(firstTime), bound), compare("COMPARE_GREATERTHANOREQUALTO", cut(lastTime), bound))
}

// monotone replaces the event time in an expression that never falls while the
// time grows by an end of the day.
func (c conditions) monotone(o object, e end) (object, bool) {
	switch text(o, "class") {
	case "COLUMN_REF":
		name := e.of(c.fact(o))
		return column(name), name != ""
	case "CAST":
		target, _ := o["cast_type"].(object)
		child, _ := o["child"].(object)
		switch text(target, "id") {
		case "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS":
			return c.replaced(o, child, c.parsed(child, e))
		case "DATE": // of a text it is the day that the text starts with
			return c.replaced(o, child, e)
		}
		return nil, false
	case "OPERATOR":
		if text(o, "type") == "OPERATOR_TRY" && len(list(o, "children")) == 1 {
			return c.argument(o, 0, e)
		}
	case "FUNCTION":
		name := strings.ToLower(text(o, "function_name"))
		children := list(o, "children")
		switch i, ok := growingFunctions[name]; {
		case (name == "substr" || name == "substring") && len(children) == 3:
			if from, ok := plainInt(children[1]); ok && from == 1 {
				return c.argument(o, 0, e)
			}
		case (name == "split_part" || name == "trino_split_part") && len(children) == 3:
			if separator, _ := plainText(children[1]); separator == "T" {
				if n, ok := plainInt(children[2]); ok && n == 1 {
					return c.argument(o, 0, e)
				}
			}
		case name == "timezone" && len(children) == 2:
			if zone, _ := plainText(children[0]); strings.EqualFold(zone, "UTC") {
				return c.argument(o, 1, e)
			}
		case name == "strftime" || name == "trino_date_format" || name == "trino_format_datetime":
			if len(children) == 2 {
				if format, ok := plainText(children[1]); ok && sortedFormat(format) {
					return c.argument(o, 0, e)
				}
			}
		case (name == "+" || name == "-") && len(children) != 2:
			return nil, false // -x falls
		case ok && i < len(children):
			arg, _ := children[i].(object)
			switch {
			case parsingFunctions[name]:
				e = c.parsed(arg, e)
			case formatFunctions[name] && c.fact(arg) == timeText:
				e.text = e.formatted // a format says whether there is a fraction; CloudTrail writes none
			}
			return c.argument(o, i, e)
		}
	}
	return nil, false
}

// parsed is the end to use where the whole text of the time is read as a time.
func (c conditions) parsed(o object, e end) end {
	if c.fact(o) == timeText {
		e.text = e.parsed
	}
	return e
}

// parsingFunctions read a text as a time, with its offset.
var parsingFunctions = nameSet(`trino_from_iso8601_timestamp trino_timestamp`)

// formatFunctions read a text in one form.
var formatFunctions = nameSet(`strptime try_strptime trino_date_parse trino_parse_datetime`)

// replaced is a cast of an end of the day.
func (c conditions) replaced(o, child object, e end) (object, bool) {
	if child == nil {
		return nil, false
	}
	inner, ok := c.monotone(child, e)
	if !ok {
		return nil, false
	}
	copied := maps.Clone(o)
	copied["child"] = inner
	return copied, true
}

// argument replaces argument i of a call whose other arguments are constant.
func (c conditions) argument(o object, i int, e end) (object, bool) {
	children := slices.Clone(list(o, "children"))
	for j, child := range children {
		arg, _ := child.(object)
		if j == i {
			inner, ok := c.monotone(arg, e)
			if !ok {
				return nil, false
			}
			children[j] = inner
		} else if !isConstant(arg) {
			return nil, false
		}
	}
	copied := maps.Clone(o)
	copied["children"] = children
	return copied, true
}

// growingFunctions never fall while the argument of this index grows. + and -
// are those of times and intervals: numbers do not come into it.
var growingFunctions = map[string]int{
	"date_trunc": 1, "datetrunc": 1, "strptime": 0, "try_strptime": 0, "epoch": 0, "epoch_ms": 0, "epoch_us": 0, "to_timestamp": 0,
	"year": 0, "left": 0, "+": 0, "-": 0, "date": 0, "trim": 0,
	"trino_from_iso8601_timestamp": 0, "trino_from_iso8601_date": 0, "trino_date": 0, "trino_date_parse": 0, "trino_parse_datetime": 0,
	"trino_date_add": 2, "trino_date_trunc": 1, "trino_to_unixtime": 0, "trino_from_unixtime": 0, "trino_year": 0, "trino_timestamp": 0,
	"trino_to_iso8601": 0,
}

// sortedFormat: texts of this format sort as the times do.
func sortedFormat(format string) bool {
	format = strings.NewReplacer("yyyy", "%Y", "YYYY", "%Y", "MM", "%m", "dd", "%d", "HH", "%H", "mm", "%M", "ss", "%S", "'", "").Replace(format)
	format = strings.NewReplacer("%i", "%M", "%s", "%S", "%F", "%Y-%m-%d", "%T", "%H:%M:%S").Replace(format)
	rest := "YmdHMS"
	for i := strings.IndexByte(format, '%'); i >= 0; i = strings.IndexByte(format, '%') {
		if i+1 >= len(format) || rest == "" || format[i+1] != rest[0] {
			return false
		}
		rest, format = rest[1:], format[i+2:]
	}
	return len(rest) < len("YmdHMS")
}

// fact is what is known of a column of the table; nothing for other expressions.
func (c conditions) fact(o object) fact {
	if text(o, "class") != "COLUMN_REF" {
		return nothing
	}
	names := list(o, "column_names")
	switch len(names) {
	case 1:
		// Were it a column of another table as well, the query would be ambiguous.
		name, _ := names[0].(string)
		return c.facts[strings.ToLower(name)]
	case 2:
		table, _ := names[0].(string)
		name, _ := names[1].(string)
		if strings.EqualFold(table, c.alias) {
			return c.facts[strings.ToLower(name)]
		}
	}
	return nothing
}

// isConstant: the value is the same for all rows of the statement.
func isConstant(o object) bool {
	if o == nil {
		return false
	}
	ok := true
	var visit func(v any)
	visit = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				visit(e)
			}
		case object:
			switch text(v, "class") {
			case "COLUMN_REF":
				ok = ok && isNow(v)
			case "SUBQUERY", "WINDOW", "STAR", "POSITIONAL_REFERENCE", "LAMBDA", "LAMBDA_REF":
				ok = false
			case "CONSTANT":
				return
			case "FUNCTION":
				ok = ok && !volatileFunctions[strings.ToLower(text(v, "function_name"))]
			}
			for _, e := range v {
				visit(e)
			}
		}
	}
	visit(o)
	return ok
}

// isNow: SQL writes some functions like columns.
func isNow(o object) bool {
	names := list(o, "column_names")
	if len(names) != 1 {
		return false
	}
	name, _ := names[0].(string)
	return nowNames[strings.ToLower(name)]
}

var nowNames = nameSet(`current_date current_time current_timestamp localtime localtimestamp`)

// eventWindow are the bounds that a place puts on the event time, as constant
// expressions that can be cast to a timestamp with time zone.
type eventWindow struct{ from, to []object }

// narrow notes what a term says about the instant of the event.
func (c conditions) narrow(w *eventWindow, term object) {
	bound := func(comparison string, value any) {
		o, _ := value.(object)
		if !isConstant(o) {
			return
		}
		if comparison == "COMPARE_EQUAL" || strings.HasPrefix(comparison, "COMPARE_GREATER") {
			w.from = append(w.from, o)
		}
		if comparison == "COMPARE_EQUAL" || strings.HasPrefix(comparison, "COMPARE_LESS") {
			w.to = append(w.to, o)
		}
	}
	switch kind := text(term, "type"); kind {
	case "COMPARE_EQUAL", "COMPARE_LESSTHAN", "COMPARE_LESSTHANOREQUALTO", "COMPARE_GREATERTHAN", "COMPARE_GREATERTHANOREQUALTO":
		switch {
		case c.isInstant(term["left"]):
			bound(kind, term["right"])
		case c.isInstant(term["right"]):
			bound(mirrored(kind), term["left"])
		}
	case "COMPARE_BETWEEN":
		if c.isInstant(term["input"]) {
			bound("COMPARE_GREATERTHANOREQUALTO", term["lower"])
			bound("COMPARE_LESSTHANOREQUALTO", term["upper"])
		}
	}
}

// isInstant: the expression is the event time itself, as a timestamp.
func (c conditions) isInstant(v any) bool {
	o, _ := v.(object)
	switch text(o, "class") {
	case "COLUMN_REF":
		f := c.fact(o)
		return f == timeInstant || f == timeUTC
	case "CAST":
		target, _ := o["cast_type"].(object)
		child, _ := o["child"].(object)
		return slices.Contains([]string{"TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}, text(target, "id")) && (c.isInstant(child) || c.fact(child) == timeText)
	case "FUNCTION":
		if children := list(o, "children"); text(o, "function_name") == "trino_from_iso8601_timestamp" && len(children) == 1 {
			child, _ := children[0].(object)
			return child != nil && c.fact(child) == timeText
		}
	}
	return false
}

func plainText(v any) (string, bool) {
	o, _ := v.(object)
	if text(o, "class") != "CONSTANT" {
		return "", false
	}
	value, _ := o["value"].(object)
	kind, _ := value["type"].(object)
	s, ok := value["value"].(string)
	return s, ok && text(kind, "id") == "VARCHAR"
}

func plainInt(v any) (int, bool) {
	o, _ := v.(object)
	if text(o, "class") == "CAST" {
		return plainInt(o["child"])
	}
	if text(o, "class") != "CONSTANT" {
		return 0, false
	}
	value, _ := o["value"].(object)
	n, ok := value["value"].(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return int(i), err == nil
}

// The nodes below are as json_serialize_sql writes them.

const nowhere = json.Number("18446744073709551615")

func node(class, kind string) object {
	return object{"class": class, "type": kind, "alias": "", "query_location": nowhere}
}

func column(name string) object {
	o := node("COLUMN_REF", "COLUMN_REF")
	o["column_names"] = []any{partitionsTable, name}
	return o
}

func compare(kind string, left, right object) object {
	o := node("COMPARISON", kind)
	o["left"], o["right"] = left, right
	return o
}

func and(a, b object) object {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	return join("CONJUNCTION_AND", []object{a, b})
}

func join(kind string, terms []object) object {
	switch len(terms) {
	case 0:
		return nil
	case 1:
		return terms[0]
	}
	o := node("CONJUNCTION", kind)
	var children []any
	for _, t := range terms {
		children = append(children, t)
	}
	o["children"] = children
	return o
}

func constantNode(kind string, value any) object {
	o := node("CONSTANT", "VALUE_CONSTANT")
	o["value"] = object{"type": object{"id": kind, "type_info": nil}, "is_null": false, "value": value}
	return o
}

func textConstant(s string) object { return constantNode("VARCHAR", s) }
func intConstant(n int) object     { return constantNode("INTEGER", n) }

func call(name string, arguments ...object) object {
	o := node("FUNCTION", "FUNCTION")
	var children []any
	for _, a := range arguments {
		children = append(children, a)
	}
	o["function_name"], o["schema"], o["catalog"], o["children"] = name, "", "", children
	o["filter"], o["order_bys"] = nil, object{"type": "ORDER_MODIFIER", "orders": []any{}}
	o["distinct"], o["is_operator"], o["export_state"] = false, false, false
	return o
}
