package dialect

import (
	"fmt"
	"strings"
)

// macro notes that the translation calls one of ours and gives back its name.
func (a *analysis) macro(name string) string {
	a.macros[name] = true
	return name
}

// network is what to call for one of the functions of addresses: the macro, whose
// error ends the query, or where an error is to be null the engine's function, which
// gives null. TRY around the macro would spoil rows without an error, too: it
// runs them again one by one, and not as the engine's function is told.
func (a *analysis) network(name string, try bool) string {
	if try || a.tries > 0 {
		return strings.TrimPrefix(name, "trino_")
	}
	return a.macro(name)
}

// maxNested calls of functions that repeat an argument: each may double the
// text, here or where a macro is expanded. concat_ws, which joins what it is given, is
// written anew without that.
const maxNested = 10

// call analyses the call of a function.
func (a *analysis) call(e *expr, in *scope, ctes *cteScope) Type {
	c := e.call
	if f, known := FunctionNamed(e.op); known && (f.Macro != "" || rewriteOf(e.op) != nil && e.op != "concat_ws") || lambdas[e.op] {
		if a.nested++; a.nested > maxNested {
			a.fail(e.start, "calls nest too deep", "use WITH for the inner ones")
			return Type{}
		}
		defer func() { a.nested-- }()
	}
	if lambdas[e.op] {
		return a.lambdaCall(e, in, ctes)
	}
	if e.op == "try" {
		a.tries++
		defer func() { a.tries-- }()
	}
	types := make([]Type, len(e.args))
	for i, x := range e.args {
		if i == 0 && bareUnits[e.op] && x.kind == columnExpr && len(x.parts) == 1 && !x.parts[0].quoted && len(e.args) == 3 {
			a.own.replaceText(x.extent, quoteText(strings.ToLower(strings.TrimSuffix(strings.ToLower(x.parts[0].text), "s"))))
			continue // DATEADD(DAY, …)
		}
		types[i] = a.expr(x, in, ctes)
	}
	for _, list := range [][]*expr{c.order, c.within} {
		for _, x := range list {
			a.expr(x, in, ctes)
		}
	}
	if c.filter != nil {
		a.expr(c.filter, in, ctes)
	}
	if c.over != nil {
		a.window(c.over, in, ctes)
	}
	if words := a.text(c.nulls); words != "" { // DuckDB wants them inside of the parentheses
		a.patches.replaceText(c.nulls, "")
		a.patches.replaceText(extent{c.tail, c.tail}, " "+words)
	}
	if len(e.parts) > 1 {
		return Type{} // schema.function: the engine's own
	}
	if name := trinoNames[e.op]; name != "" && a.target == ForTrino {
		a.own.replaceText(c.name, name)
	}
	a.trinoElement(e)
	f, known := FunctionNamed(e.op)
	if known && f.Group == "" || strings.HasPrefix(e.op, "trino_") {
		a.fail(e.start, "function "+e.op+" does not exist", "")
		return Type{}
	}
	if f.Difference == "not supported" {
		a.fail(e.start, "function "+e.op+" is not supported", "")
		return Type{}
	}
	if !known {
		if hint, wrong := foreign[e.op]; wrong {
			a.fail(e.start, "function "+e.op+" does not exist", hint)
		}
		return otherResult(e.op, types)
	}
	for _, digit := range f.Times {
		if i := int(digit - '1'); i < len(e.args) {
			if types[i].isText() {
				types[i] = Type{Kind: TimestampTZ, Scale: 3}
				a.patches.wrap(e.args[i].extent, "CAST(", " AS TIMESTAMPTZ)")
				a.trinoTime(e.args[i], TimestampTZ)
			} else if types[i].Kind == Zoned && instantFunctions[e.op] {
				a.instant(e.args[i])
				types[i] = Type{Kind: TimestampTZ, Scale: 3}
			}
		}
	}
	if rewrite := rewriteOf(e.op); rewrite != nil {
		if t, done := rewrite(a, e, types); done {
			return t
		}
	}
	switch {
	case f.To != "":
		a.patches.replaceText(c.name, f.To)
	case f.Macro != "":
		a.callMacro(e, f.MacroName())
	}
	return f.result(types)
}

// callMacro calls one of ours. Arguments that SQL separates by words become a
// list.
func (a *analysis) callMacro(e *expr, name string) {
	a.patches.replaceText(e.call.name, a.macro(name))
	if e.op == "date_add" && len(e.args) == 3 && e.args[0].kind == stringExpr {
		unit := strings.TrimSuffix(strings.ToLower(e.args[0].text), "s")
		if !intervalUnits[unit] {
			a.fail(e.args[0].start, fmt.Sprintf("%q is not a unit of time", shorten(e.args[0].text)), "use second, minute, hour, day, week, month, quarter or year")
		}
	}
}

// instantFunctions ask for an instant, whatever zone it is shown in.
var instantFunctions = wordSetLower("to_unixtime date_diff datediff to_iso8601")

// bareUnits take a unit of time without quotes from those who know other
// engines.
var bareUnits = wordSetLower("dateadd datediff date_add date_diff")

func wordSetLower(words string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(words) {
		set[w] = true
	}
	return set
}

// result reads Returns.
func (f Function) result(types []Type) Type {
	r := f.Returns
	argument := func(digit byte) Type {
		if i := int(digit - '1'); i < len(types) {
			return types[i]
		}
		return Type{}
	}
	switch {
	case r == "":
		return Type{}
	case r[0] == '*':
		return argument(r[1]).element()
	case strings.HasSuffix(r, "[]") && r[0] == '$':
		return listOf(argument(r[1]))
	case r[0] == '$':
		t := argument(r[1])
		if t.Kind == JSONText {
			t.Kind = Text
		}
		return t
	}
	return ParseType(r)
}

// otherResult knows the types of some functions that only DuckDB has.
func otherResult(name string, types []Type) Type {
	switch name {
	case "string_split", "str_split", "string_to_array", "str_split_regex":
		return listOf(Type{Kind: Text})
	case "json_extract_string", "strftime", "string_agg", "left", "right", "format_bytes":
		return Type{Kind: Text}
	case "strptime":
		return Type{Kind: Timestamp, Scale: 3}
	case "to_json", "json_object", "json_array":
		return Type{Kind: JSON}
	}
	return Type{}
}

// foreign are functions of other engines, with what to write instead.
var foreign = map[string]string{
	"charindex": "write strpos(text, part)", "instr": "write strpos(text, part)", "nvl": "write coalesce(a, b)", "isnull": "write coalesce(a, b)",
	"getdate": "write now()", "sysdate": "write now()", "to_date": "write date_parse(text, format)", "to_char": "write date_format(time, format)",
	"date_sub": "write date_add(unit, -n, time)", "get_json_object": "write json_extract_scalar(json, path)", "explode": "write CROSS JOIN UNNEST(array) AS t(x)",
	"collect_set": "write array_agg(DISTINCT x)", "collect_list": "write array_agg(x)", "parse_json": "write json_parse(text)",
}
