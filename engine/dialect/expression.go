package dialect

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// expr analyses an expression and says its type.
func (a *analysis) expr(e *expr, in *scope, ctes *cteScope) Type {
	if e == nil {
		return Type{}
	}
	t := a.exprType(e, in, ctes)
	e.result = t
	return t
}

func (a *analysis) exprType(e *expr, in *scope, ctes *cteScope) Type {
	switch e.kind {
	case literalExpr:
		return literalType(e)
	case stringExpr:
		if a.dialect == Lake && e.text == "?" { // a dashboard's parameter
			a.patches.replaceText(e.extent, "CAST(? AS VARCHAR)")
			a.quotedMarks = append(a.quotedMarks, e.start)
			a.literal(e)
		}
		return Type{Kind: Text}
	case parameterExpr:
		a.literal(e)
		return Type{}
	case typedExpr:
		return a.typedLiteral(e)
	case intervalExpr:
		return a.interval(e, in, ctes)
	case columnExpr:
		return a.column(e, in)
	case callExpr:
		return a.call(e, in, ctes)
	case castExpr:
		return a.cast(e, in, ctes)
	case memberExpr:
		return a.members(e, a.expr(e.args[0], in, ctes), e.args[0].extent, e.parts)
	case lambdaExpr:
		a.lambda(e, nil, in, ctes)
		return Type{Kind: Lambda}
	case queryExpr:
		if s := a.query(e.query, in, ctes); len(s.columns) == 1 {
			return a.inZone(e.extent, s.columns[0].Type)
		}
		return Type{}
	case existsExpr:
		a.query(e.query, in, ctes)
		return Type{Kind: Boolean}
	}
	types := make([]Type, len(e.args))
	for i, x := range e.args {
		types[i] = a.expr(x, in, ctes)
	}
	if e.query != nil {
		a.query(e.query, in, ctes)
	}
	switch e.kind {
	case parenExpr:
		return types[0]
	case unaryExpr:
		return types[0]
	case binaryExpr:
		return a.binary(e, types)
	case compareExpr, betweenExpr, inExpr:
		if e.query == nil {
			a.comparable(e.args, types)
		} else {
			a.sameInstants(e.args, types)
		}
		return Type{Kind: Boolean}
	case isExpr:
		if e.op == "DISTINCT" {
			a.comparable(e.args, types)
		}
		return Type{Kind: Boolean}
	case logicExpr:
		return Type{Kind: Boolean}
	case likeExpr:
		a.asText(e.args[0], types[0])
		a.caseless(e)
		return Type{Kind: Boolean}
	case caseExpr:
		return a.cases(e, types)
	case arrayExpr:
		return listOf(common(types))
	case rowExpr:
		return rowOf(types)
	case subscriptExpr:
		return a.subscript(e, types)
	case zoneExpr:
		return a.atTimeZone(e, types[0], e.args[0], e.args[1])
	case extractExpr:
		return a.extract(e, types[0])
	}
	return Type{}
}

func literalType(e *expr) Type {
	switch e.op {
	case "number":
		switch point := strings.IndexByte(e.text, '.'); {
		case strings.ContainsAny(e.text, "eE") && !strings.HasPrefix(strings.ToLower(e.text), "0x"):
			return Type{Kind: Double}
		case point >= 0:
			return Type{Kind: Decimal, Scale: len(e.text) - point - 1}
		}
		return Type{Kind: Integer}
	case "true", "false":
		return Type{Kind: Boolean}
	case "null":
		return Type{}
	}
	return Type{Kind: valueWords[e.op], Scale: 3}
}

// common is the type of a list of values, of CASE and of COALESCE.
func common(types []Type) Type {
	var t Type
	for _, u := range types {
		switch {
		case t.Kind == Unknown, t.Kind == Integer && u.is(Decimal, Double), t.Kind == Decimal && u.Kind == Double,
			t.Kind == JSONText && u.Kind == Text:
			t = u
		case t.Kind == Decimal && u.Kind == Decimal:
			t.Scale = max(t.Scale, u.Scale)
		}
	}
	return t
}

func rowOf(types []Type) Type {
	t := Type{Kind: Struct}
	for i, u := range types {
		t.Fields = append(t.Fields, Column{"field" + strconv.Itoa(i), u})
	}
	return t
}

// typedLiteral reads TIMESTAMP '…' and its like. A time zone in it makes it an
// instant.
func (a *analysis) typedLiteral(e *expr) Type {
	kind := scalarTypes[e.op]
	literal := quoteText(e.text)
	switch e.op {
	case "TIMESTAMP", "DATETIME":
		literal = quoteText(zonedText(e.text))
		if hasZone(e.text) {
			a.patches.replaceText(e.extent, "TIMESTAMPTZ "+literal)
			return Type{Kind: TimestampTZ, Scale: fractionDigits(e.text)}
		}
		return Type{Kind: Timestamp, Scale: fractionDigits(e.text)}
	case "IPADDRESS":
		a.patches.replaceText(e.extent, a.network("trino_ip_address", false)+"("+literal+")")
	case "IPPREFIX":
		a.patches.replaceText(e.extent, a.network("trino_ip_prefix", false)+"("+literal+")")
	case "X":
		a.patches.replaceText(e.extent, "unhex("+quoteText(strings.ReplaceAll(e.text, " ", ""))+")")
		kind = Binary
	case "CHAR":
		a.patches.replaceText(e.extent, literal)
	case "DECIMAL":
		_, fraction, _ := strings.Cut(e.text, ".")
		a.patches.replaceText(e.extent, fmt.Sprintf("CAST(%s AS DECIMAL(38, %d))", literal, len(fraction)))
		return Type{Kind: Decimal, Scale: len(fraction)}
	}
	return Type{Kind: kind}
}

// fractionDigits are those of a second.
func fractionDigits(text string) int {
	_, fraction, _ := strings.Cut(text, ".")
	return len(fraction) - len(strings.TrimLeft(fraction, "0123456789"))
}

// timeAndZone are those of a timestamp, with the blank between them.
var timeAndZone = regexp.MustCompile(`^(\s*\d{4}-\d\d?-\d\d?[ T]\d\d?:\d\d)(:\d\d(?:\.\d+)?)?\s+([A-Za-z+-].*)$`)

// zonedText is the text of a timestamp as DuckDB reads it: with seconds, and no blank
// before an offset.
func zonedText(text string) string {
	m := timeAndZone.FindStringSubmatch(text)
	if m == nil {
		return text
	}
	if m[2] == "" {
		m[2] = ":00"
	}
	if strings.ContainsAny(m[3][:1], "+-") {
		return m[1] + m[2] + m[3]
	}
	return m[1] + m[2] + " " + m[3]
}

// hasZone reports whether the text of a timestamp ends with a time zone.
func hasZone(s string) bool {
	if len(s) <= len("2024-01-01") {
		return false
	}
	rest := strings.TrimSpace(s[len("2024-01-01"):])
	return strings.ContainsAny(strings.TrimPrefix(rest, "T"), "+-/ZUz") || strings.ContainsFunc(rest, func(r rune) bool { return r > 'T' && r <= 'z' })
}

func quoteText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (a *analysis) interval(e *expr, in *scope, ctes *cteScope) Type {
	t := a.expr(e.args[0], in, ctes)
	if e.text == "-" {
		a.patches.replace(e.extent, func(w *writer) {
			w.text("(-INTERVAL (", e.start)
			w.source(e.args[0].extent)
			w.text(") "+e.op+")", e.end-1)
		})
	} else if e.args[0].kind == literalExpr && e.op == "" && t.Kind == Integer {
		a.fail(e.start, "an interval needs a unit", "write INTERVAL '1' DAY")
	}
	return Type{Kind: Interval}
}

// column analyses a dotted name.
func (a *analysis) column(e *expr, in *scope) Type {
	m := in.find(e.parts)
	if !m.found {
		if in.known() {
			a.unknownColumn(e, in)
		}
		a.quoteParts(e.parts)
		return Type{}
	}
	if m.ambiguous != nil {
		name := e.parts[0].text
		a.fail(e.start, fmt.Sprintf("column %q is in more than one table", name), fmt.Sprintf("write %s.%s or %s.%s", m.source.name, name, m.ambiguous.name, name))
	}
	qualified := e.parts[:m.rest]
	name := qualified[len(qualified)-1]
	at := extent{qualified[0].start, name.end}
	if m.virtual != nil {
		e.virtual = &m
		a.own.replaceText(at, a.virtualSQL(m))
	} else if m.alias != nil && a.target == ForTrino {
		a.own.replace(at, func(w *writer) { w.text("(", at.start); w.source(m.alias.extent); w.text(")", at.end-1) })
	} else if len(qualified) > 2 && m.source != nil && m.source.moved {
		a.own.replaceText(at, quoteName(m.source.name)+"."+quoteName(m.column))
	} else if m.written != "" {
		a.patches.replaceText(at, m.written)
	} else if len(qualified) > 2 { // the database in front is not there for the engine
		a.patches.replaceText(at, quoteName(strings.ToLower(qualified[len(qualified)-2].text))+"."+quoteName(m.column))
	} else {
		a.quoteParts(qualified)
	}
	if m.rest == len(e.parts) {
		return a.inZone(at, m.typ)
	}
	if a.sql[name.start] == '`' { // `resources.0.ARN`: all parts have the same place
		var names []string
		for _, n := range qualified {
			names = append(names, quoteName(strings.ToLower(n.text)))
		}
		e.head = strings.Join(names, ".")
	}
	return a.members(e, m.typ, at, e.parts[m.rest:])
}

// quoteParts keeps names that only Trino, or CloudWatch's backticks, take as
// they are.
func (a *analysis) quoteParts(parts []part) {
	if len(parts) == 0 {
		return
	}
	for _, n := range parts {
		if n.quoted && a.sql[n.start] == '`' {
			var names []string
			for _, m := range parts {
				names = append(names, quoteName(m.text))
			}
			a.own.replaceText(extent{parts[0].start, parts[len(parts)-1].end}, strings.Join(names, "."))
			return
		}
	}
	if len(parts) == 1 {
		a.quoteReserved(parts[0])
	}
}

// virtualSQL is the expression of a virtual column, over its own table.
func (a *analysis) virtualSQL(m meaning) string {
	var b strings.Builder
	rest := m.virtual.SQL
	for {
		before, after, ok := strings.Cut(rest, "{")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		name, behind, _ := strings.Cut(after, "}")
		if m.source.name != "" {
			b.WriteString(quoteName(m.source.name) + ".")
		}
		b.WriteString(quoteName(name))
		rest = behind
	}
}

func (a *analysis) unknownColumn(e *expr, in *scope) {
	first := e.parts[0]
	name := first.text
	hint := didYouMean(name, in.names())
	if len(e.parts) > 1 {
		if v := in.named(name); v != nil {
			var names []string
			for _, c := range v.columns {
				names = append(names, c.Name)
			}
			first, name = e.parts[1], e.parts[1].text
			hint = didYouMean(name, names)
		}
	}
	if hint == "" && first.quoted && a.sql[first.start] == '"' {
		hint = "text stands in single quotes"
	}
	a.fail(first.start, fmt.Sprintf("column %q does not exist", shorten(name)), hint)
}

// members reads what stands behind the dots of an expression at e: members of a
// struct, or of JSON, or values of a map.
func (a *analysis) members(e *expr, t Type, at extent, parts []part) Type {
	for i, n := range parts {
		switch t.Kind {
		case Struct:
			f, ok := t.field(n.text)
			if !ok {
				var names []string
				for _, c := range t.Fields {
					names = append(names, c.Name)
				}
				a.fail(n.start, fmt.Sprintf("there is no %q in it", shorten(n.text)), didYouMean(n.text, names))
			}
			t = f
		case JSON, JSONText:
			path := "$"
			for _, m := range parts[i:] {
				path += jsonPathStep(m.text)
			}
			if a.target == ForTrino {
				a.trinoMember(e, func(w *writer) { a.memberText(w, e, at, parts[:i]) }, parts[i:])
				return Type{Kind: Text}
			}
			a.wrapMember(e, at, parts, i, "TRY(json_extract_string(", ", "+quoteText(path)+"))")
			return Type{Kind: Text}
		case Map:
			if i+1 < len(parts) {
				a.fail(parts[i+1].start, "values of a map have no members", "")
			}
			if a.target == ForTrino { // where a subscript of what is not there is an error
				a.wrapMember(e, at, parts, i, "element_at(", ", "+quoteText(n.text)+")")
			} else {
				a.wrapMember(e, at, parts, i, "", "["+quoteText(n.text)+"]")
			}
			return t.element()
		case List:
			if index, err := strconv.Atoi(n.text); err == nil { // resources.0.ARN, as CloudWatch has it
				rest := parts[i+1:]
				suffix := "[" + strconv.Itoa(index+1) + "]"
				t = t.element()
				for _, m := range rest {
					suffix += "." + quoteName(strings.ToLower(m.text))
					t, _ = t.field(m.text)
				}
				if a.target == ForTrino {
					a.wrapMember(e, at, parts, i, "element_at(", ", "+strings.Replace(suffix[1:], "]", ")", 1))
				} else {
					a.wrapMember(e, at, parts, i, "", suffix)
				}
				return t
			}
			a.fail(n.start, "an array has no members", "write [1]."+n.text+" for the first element, or UNNEST it")
			return Type{}
		case Unknown:
			return Type{}
		default:
			a.fail(n.start, fmt.Sprintf("there is no %q in it: it is a single value", shorten(n.text)), "")
			return Type{}
		}
	}
	a.quoteBackticked(e, at, parts)
	return t
}

// wrapMember writes the first i members as they are, and before and after
// around them instead of the others.
func (a *analysis) wrapMember(e *expr, at extent, parts []part, i int, before, after string) {
	a.own.replace(e.extent, func(w *writer) {
		w.text(before, e.start)
		a.memberText(w, e, at, parts[:i])
		w.text(after, e.end-1)
	})
}

func (a *analysis) memberText(w *writer, e *expr, at extent, parts []part) {
	if e.head != "" {
		w.text(e.head, e.start)
	} else {
		w.source(at)
	}
	for _, n := range parts {
		w.text("."+quoteName(strings.ToLower(n.text)), n.start)
	}
}

func (a *analysis) quoteBackticked(e *expr, at extent, parts []part) {
	for _, n := range parts {
		if n.quoted && a.sql[n.start] == '`' {
			a.wrapMember(e, at, parts, len(parts), "", "")
			return
		}
	}
}

func (a *analysis) subscript(e *expr, types []Type) Type {
	if len(types) < 2 {
		return Type{}
	}
	list, index := e.args[0], e.args[1]
	switch t := types[0]; {
	case t.Kind == List, t.Kind == Map:
		return t.element()
	case t.isJSON():
		if index.kind == stringExpr && a.target == ForTrino {
			a.trinoMember(e, func(w *writer) { w.source(list.extent) }, []part{{text: index.text}})
			return Type{Kind: Text}
		}
		if index.kind == stringExpr {
			path := quoteText("$" + jsonPathStep(index.text))
			a.patches.replace(e.extent, func(w *writer) {
				w.text("TRY(json_extract_string(", e.start)
				w.source(list.extent)
				w.text(", "+path+"))", e.end-1)
			})
			return Type{Kind: Text}
		}
		a.patches.replace(e.extent, func(w *writer) {
			w.text("json_extract(", e.start)
			w.source(list.extent)
			w.text(", '$[' || (", index.start)
			w.source(index.extent)
			w.text(") || ']')", e.end-1)
		})
		return Type{Kind: JSON}
	case t.Kind == Struct && index.kind == literalExpr:
		if n, err := strconv.Atoi(index.text); err == nil && n >= 1 && n <= len(t.Fields) {
			a.patches.replace(e.extent, func(w *writer) {
				w.text("struct_extract(", e.start)
				w.source(list.extent)
				if name := t.Fields[n-1].Name; strings.HasPrefix(name, "field") || name == "" {
					w.text(", "+strconv.Itoa(n)+")", e.end-1)
				} else {
					w.text(", "+quoteText(name)+")", e.end-1)
				}
			})
			return t.Fields[n-1].Type
		}
	}
	return Type{}
}

func (a *analysis) cases(e *expr, types []Type) Type {
	var results []Type
	var values []*expr
	whens := types[1:]
	for i := 1; i < len(whens); i += 2 {
		results, values = append(results, whens[i]), append(values, e.args[1+i])
	}
	if len(whens)%2 == 1 {
		results, values = append(results, whens[len(whens)-1]), append(values, e.args[len(whens)])
	}
	return a.oneOf(values, results)
}

// oneOf is the type of what is one of some values. Of instants in different zones it has
// none.
func (a *analysis) oneOf(values []*expr, types []Type) Type {
	zones := map[string]bool{}
	for _, t := range types {
		if t.Kind != Unknown {
			zones[t.Zone] = true
		}
	}
	if len(zones) > 1 {
		a.sameInstants(values, types)
	}
	return common(types)
}

// binary is an operator between values. Division of integers and decimals by
// zero is NULL, where Trino raises an error.
func (a *analysis) binary(e *expr, types []Type) Type {
	left, right := types[0], types[1]
	switch e.op {
	case "||":
		if left.Kind == List || right.Kind == List {
			return a.concatenation(e, left, right)
		}
		// DuckDB takes the type of NULL || 'a' for a number's.
		if isNull(e.args[0]) || isNull(e.args[1]) {
			a.patches.replaceText(e.extent, "CAST(NULL AS VARCHAR)")
		}
		return Type{Kind: Text}
	case "->", "->>":
		if a.target == ForTrino {
			return a.trinoArrow(e)
		}
		// DuckDB binds these more loosely than AND.
		a.patches.wrap(e.extent, "(", ")")
		if e.op == "->" {
			return Type{Kind: JSON}
		}
		return Type{Kind: Text}
	case "+", "-":
		for i, x := range e.args { // an instant in another zone stays the same instant
			if types[i].Kind == Zoned {
				a.instant(x)
				types[i] = Type{Kind: TimestampTZ, Scale: 3}
			}
		}
		left, right = types[0], types[1]
		switch {
		case left.isText() && right.Kind == Interval: // an error in Trino
			a.patches.wrap(e.args[0].extent, "CAST(", " AS TIMESTAMPTZ)")
			return Type{Kind: TimestampTZ, Scale: 3}
		case right.Kind == Interval && left.is(Date, Timestamp, TimestampTZ):
			if left.Kind == Date && e.args[1].kind == intervalExpr && a.wholeDays(e.args[1]) {
				a.patches.wrap(e.extent, "CAST(", " AS DATE)") // DuckDB makes a timestamp of it
			} else if left.Kind == Date {
				return Type{Kind: Timestamp}
			}
			return left
		case left.Kind == Interval && right.is(Date, Timestamp, TimestampTZ):
			return right
		case left.is(Timestamp, TimestampTZ, Date) && right.is(Timestamp, TimestampTZ, Date):
			if left.Kind == Date && right.Kind == Date { // DuckDB makes a number of days of it
				a.patches.wrap(e.args[0].extent, "CAST(", " AS TIMESTAMP)")
			}
			return Type{Kind: Interval}
		case left.Kind == Date && right.Kind == Integer:
			return Type{Kind: Date}
		}
		return numeric(left, right, max(left.Scale, right.Scale))
	case "*":
		if left.Kind == Interval || right.Kind == Interval {
			return Type{Kind: Interval}
		}
		return numeric(left, right, left.Scale+right.Scale)
	case "/":
		t := numeric(left, right, max(left.Scale, right.Scale))
		divisor := e.args[1]
		if t.Kind == Double && (divisor.kind != literalExpr || strings.Trim(divisor.text, "0.eE") == "") {
			a.patches.replace(e.extent, func(w *writer) { // DuckDB makes NULL of x / 0
				w.text("trino_divide(", e.start)
				a.list(w, e.args)
				w.text(")", e.end-1)
			})
			a.macro("trino_divide")
		}
		if t.Kind == Decimal { // Trino keeps the digits of its operands
			scale := strconv.Itoa(t.Scale)
			a.patches.wrap(e.extent, "CAST(round(", ", "+scale+") AS DECIMAL(38, "+scale+"))")
		}
		return t
	case "%":
		return numeric(left, right, max(left.Scale, right.Scale))
	case "~", "!~", "~~", "^@", "@>", "<@", "&&":
		return Type{Kind: Boolean}
	}
	return Type{}
}

// numeric is the type of arithmetic; scale is that of decimals.
func numeric(left, right Type, scale int) Type {
	switch {
	case left.Kind == Double || right.Kind == Double:
		return Type{Kind: Double}
	case left.is(Decimal, Integer) && right.is(Decimal, Integer) && (left.Kind == Decimal || right.Kind == Decimal):
		return Type{Kind: Decimal, Scale: scale}
	case left.Kind == Integer && right.Kind == Integer:
		return Type{Kind: Integer}
	}
	return Type{}
}

func isNull(e *expr) bool { return e.kind == literalExpr && e.op == "null" }

func (a *analysis) wholeDays(e *expr) bool {
	switch e.op {
	case "day", "week", "month", "quarter", "year":
		return true
	}
	return false
}

// concatenation of lists; Trino also takes a single element.
func (a *analysis) concatenation(e *expr, left, right Type) Type {
	for i, t := range []Type{left, right} {
		if t.Kind != List && t.Kind != Unknown {
			a.patches.wrap(e.args[i].extent, "[", "]")
		}
	}
	if left.Kind == List {
		return left
	}
	return right
}

// comparable makes the sides of a comparison mean what they do in Trino.
func (a *analysis) comparable(args []*expr, types []Type) {
	a.wholeDates(args)
	var times, texts, addresses bool
	for _, t := range types {
		times = times || t.is(Timestamp, TimestampTZ, Zoned)
		texts = texts || t.isText()
		addresses = addresses || t.is(Address)
	}
	if a.target == ForTrino {
		a.trinoComparable(args, types)
		return
	}
	a.sameInstants(args, types)
	for i, e := range args {
		switch {
		case types[i].Kind == JSON && texts: // an error in Trino
			a.asText(e, types[i])
		case addresses:
			a.patches.wrap(e.extent, a.macro("trino_ip_key")+"(", ")")
		}
	}
}

// wholeDates compares a partition column that is a day with dates as they are written:
// tables of others have other separators in it, or whole dates in their day.
func (a *analysis) wholeDates(args []*expr) {
	at := slices.IndexFunc(args, func(e *expr) bool { return e.virtual != nil && dayFormats[e.virtual.virtual.SQL] != nil })
	if at < 0 {
		return
	}
	column := args[at].virtual
	format, differs := dayFormats[column.virtual.SQL], false
	for i, e := range args {
		if i != at && (e.kind != stringExpr || !wholeDate.MatchString(e.text)) {
			return
		}
		differs = differs || i != at && !format.MatchString(e.text)
	}
	if !differs {
		return
	}
	for i, e := range args {
		if i != at {
			m := wholeDate.FindStringSubmatch(e.text)
			a.own.replaceText(e.extent, quoteText(m[1]+"-"+m[2]+"-"+m[3]))
		}
	}
	whole := *column
	whole.virtual = &Virtual{SQL: wholeDay}
	a.own.replaceText(args[at].extent, a.virtualSQL(whole))
}

var wholeDate = regexp.MustCompile(`^(\d{4})[/-]?(\d\d)[/-]?(\d\d)$`)

// asText makes text of JSON where text is wanted, which Trino refuses.
func (a *analysis) asText(e *expr, t Type) {
	if t.Kind == JSON {
		a.patches.wrap(e.extent, "json_extract_string(", ", '$')")
	}
}

// atTimeZone: the same instant, shown in another zone. Its local time stands
// for it, and the instant comes back where one is needed.
func (a *analysis) atTimeZone(e *expr, t Type, value, in *expr) Type {
	if t.Kind == Zoned { // only the outermost zone matters
		a.instant(value)
	}
	e.zoned = value
	if m := zoneOffset.FindStringSubmatch(in.text); in.kind == stringExpr && m != nil && m[3] != "00" {
		a.fail(in.start, "an offset of "+in.text+" is not supported", "write the name of a time zone, such as Asia/Kolkata")
	}
	cast := !value.result.isInstant()
	a.patches.replace(e.extent, func(w *writer) {
		w.text("(", e.start)
		if cast {
			w.text("CAST(", e.start)
		}
		w.source(value.extent)
		if cast {
			w.text(" AS TIMESTAMPTZ)", e.start)
		}
		w.text(" AT TIME ZONE ", e.opAt.start)
		if in.kind == stringExpr {
			w.text(zoneSQL(in.text), in.start)
		} else {
			w.source(in.extent)
		}
		w.text(")", e.end-1)
	})
	result := Type{Kind: Zoned, Scale: value.result.Scale}
	if in.kind == stringExpr {
		result.Zone = in.text
	}
	return result
}

// zoneOffset is a time zone that is an offset from UTC.
var zoneOffset = regexp.MustCompile(`^([+-])(\d\d):(\d\d)$`)

// zoneSQL is a constant time zone for DuckDB, which knows offsets by the names of
// their zones only; these count westwards.
func zoneSQL(zone string) string {
	m := zoneOffset.FindStringSubmatch(zone)
	switch {
	case zone == "Z", m != nil && m[2] == "00":
		return "'UTC'"
	case m != nil && m[1] == "+":
		return "'Etc/GMT-" + strings.TrimPrefix(m[2], "0") + "'"
	case m != nil:
		return "'Etc/GMT+" + strings.TrimPrefix(m[2], "0") + "'"
	}
	return quoteText(zone)
}

// inZone puts the time zone on a column that has instants.
func (a *analysis) inZone(e extent, t Type) Type {
	if t.stored && a.target == ForDuckDB {
		a.patches.at(e).zone = zoneSQL(t.Zone)
	}
	return t.shown()
}

// sameInstants takes time zones off, and off the types.
func (a *analysis) sameInstants(args []*expr, types []Type) {
	if a.target == ForTrino {
		return
	}
	for i, e := range args {
		if types[i].Kind == Zoned {
			a.instant(e)
			types[i] = Type{Kind: TimestampTZ, Scale: types[i].Scale}
		}
	}
}

// instant takes the time zone off again.
func (a *analysis) instant(e *expr) {
	for e.kind == parenExpr {
		e = e.args[0]
	}
	if e.zoned == nil {
		p := a.patches.byPart[e.extent]
		switch {
		case p != nil && p.zone != "":
			p.zone = ""
		case e.result.Zone != "": // of a function, which has made a local time of local times
			a.patches.wrap(e.extent, "(", " AT TIME ZONE "+zoneSQL(e.result.Zone)+")")
		}
		return
	}
	value := e.zoned
	cast := !value.result.isInstant()
	a.patches.replace(e.extent, func(w *writer) {
		if cast {
			w.text("CAST(", e.start)
		}
		w.source(value.extent)
		if cast {
			w.text(" AS TIMESTAMPTZ)", e.end-1)
		}
	})
}

// extract reads EXTRACT(unit FROM x).
func (a *analysis) extract(e *expr, t Type) Type {
	unit, ok := extractUnits[e.op]
	if !ok {
		unit = e.op
	}
	if t.Kind == Interval && e.op == "epoch" {
		unit = "epoch"
	}
	x := e.args[0]
	if t.isText() {
		a.patches.wrap(x.extent, "CAST(", " AS TIMESTAMPTZ)")
	}
	a.patches.replaceText(e.opAt, unit)
	return Type{Kind: Integer}
}

// extractUnits are Trino's where DuckDB calls them otherwise. Trino counts days
// of the week from Monday = 1, and knows the ISO year of a week only.
var extractUnits = map[string]string{"day_of_month": "day", "day_of_week": "isodow", "dow": "isodow", "day_of_year": "doy", "doy": "doy", "year_of_week": "isoyear", "yow": "isoyear"}

// jsonPathStep is a member of a JSON path as DuckDB writes it.
func jsonPathStep(name string) string {
	return `."` + strings.ReplaceAll(strings.ReplaceAll(name, `\`, `\\`), `"`, `\"`) + `"`
}
