package dialect

import (
	"regexp"
	"strconv"
)

// cast analyses CAST, TRY_CAST and x::type.
func (a *analysis) cast(e *expr, in *scope, ctes *cteScope) Type {
	value := e.args[0]
	from, to := a.expr(value, in, ctes), e.typ
	if e.syntax == "::" { // DuckDB's syntax, so DuckDB's meaning
		a.trinoCast(e, from)
		return to.Type
	}
	if a.ofEventTime(e, in) {
		return to.Type
	}
	switch {
	case to.Kind != TimestampTZ:
	case from.Kind == Zoned:
		a.instant(value)
	case value.kind == stringExpr && a.target == ForDuckDB:
		a.patches.replaceText(value.extent, quoteText(zonedText(value.text)))
	}
	if e.typAt.start < e.typAt.end && a.text(e.typAt) != to.sql {
		a.patches.replaceText(e.typAt, to.sql)
	}
	instead := func(before, after string) { // of the whole cast
		a.patches.replace(e.extent, func(w *writer) {
			if e.op == "TRY_CAST" {
				before, after = "TRY("+before, after+")"
			}
			w.text(before, e.start)
			w.source(value.extent)
			w.text(after, e.end-1)
		})
	}
	function := func(name string) { // in place of the whole cast
		a.patches.replace(e.extent, func(w *writer) {
			w.text(name+"(", e.start)
			w.source(value.extent)
			w.text(")", e.end-1)
		})
	}
	switch to.Kind {
	case Text:
		a.castToText(e, from, instead)
		if to.length != "" {
			a.patches.wrap(e.extent, "left(", ", "+to.length+")")
		}
	case Integer:
		switch from.Kind { // Trino rounds halves up
		case Text, JSONText:
			if value.kind != stringExpr || !plainInteger.MatchString(value.text) {
				a.patches.wrap(value.extent, a.macro("trino_integer_text")+"(", ")")
			}
		case Double:
			a.patches.wrap(value.extent, "round(", ")")
		case Unknown:
			if !isNull(value) && value.kind != parameterExpr {
				a.patches.wrap(value.extent, a.macro("trino_integer_of")+"(", ")")
			}
		}
	case Boolean:
		if from.isText() {
			a.patches.wrap(value.extent, a.macro("trino_boolean_text")+"(", ")")
		}
	case Date:
		if from.isText() && e.op == "TRY_CAST" { // planning sees through CAST
			a.patches.wrap(value.extent, a.macro("trino_date_text")+"(", ")")
		}
	case JSON:
		if from.isText() || from.Kind == Unknown && value.kind == stringExpr {
			instead("to_json(", ")") // a JSON string; json_parse reads JSON
		}
	case List, Map, Struct:
		switch from.Kind {
		case JSONText:
			a.patches.wrap(value.extent, "CAST(", " AS JSON)")
		case Text:
			a.fail(value.start, "text cannot be cast to an array, map or row", "write CAST(json_parse(…) AS …)")
		}
	case Address:
		function(a.network("trino_ip_address", e.op == "TRY_CAST"))
	case Network:
		function(a.network("trino_ip_prefix", e.op == "TRY_CAST"))
	case Unknown:
		return Type{}
	}
	return to.Type
}

var plainInteger = regexp.MustCompile(`^[+-]?[0-9]+$`)

// castToText prints values as Trino does.
func (a *analysis) castToText(e *expr, from Type, instead func(before, after string)) {
	value := e.args[0]
	switch from.Kind {
	case JSON:
		instead("json_extract_string(", ", '$')")
	case Double:
		instead(a.macro("trino_double_text")+"(", ")")
	case Timestamp:
		before, after := printed(from.Scale)
		instead(before, after)
	case TimestampTZ:
		before, after := printed(from.Scale)
		instead("("+before, after+" || ' UTC')")
	case Zoned:
		for value.kind == parenExpr {
			value = value.args[0]
		}
		before, after := printed(from.Scale)
		a.patches.replace(e.extent, func(w *writer) {
			w.text("("+before, e.start)
			w.source(e.args[0].extent)
			w.text(after+" || ' ' || ", e.start)
			if from.Zone != "" {
				w.text(quoteText(from.Zone), e.start)
			} else {
				w.source(value.args[len(value.args)-1].extent)
			}
			w.text(")", e.end-1)
		})
	case Binary:
		a.fail(e.start, "binary data cannot be cast to text", "write from_utf8(…) or to_hex(…)")
	case Unknown:
		if !isNull(value) && value.kind != parameterExpr {
			instead(a.macro("trino_text_of")+"(", ")")
		}
	}
}

// printed is what stands around a time to print it with so many digits of a
// second.
func printed(scale int) (before, after string) {
	const format = "%Y-%m-%d %H:%M:%S"
	switch {
	case scale == 0:
		return "strftime(", ", '" + format + "')"
	case scale == 3:
		return "strftime(", ", '" + format + ".%g')"
	case scale >= 6:
		return "strftime(", ", '" + format + ".%f')"
	}
	return "left(strftime(", ", '" + format + ".%f'), " + strconv.Itoa(len("2024-01-01 00:00:00.")+scale) + ")"
}

// jsonPathCall translates a constant path.
func (a *analysis) jsonPathCall(e *expr, types []Type) (Type, bool) {
	if len(e.args) != 2 {
		return Type{}, false
	}
	if t := types[0]; t.Kind == Map || t.Kind == Struct || t.Kind == List { // an error in Trino
		a.patches.wrap(e.args[0].extent, "to_json(", ")")
	}
	path := e.args[1]
	if path.kind != stringExpr {
		return Type{}, false
	}
	if text, _, problem := jsonPath(path.text, bracketStep); problem == "" && a.target == ForTrino && !plainPath.MatchString(path.text) {
		a.own.replaceText(path.extent, quoteText(text)) // $.x-amz-acl
	}
	text, wild, problem := jsonPath(path.text, jsonPathStep)
	if problem != "" {
		a.fail(path.start, "JSON path: "+problem, "write a path like '$.member[0].\"other member\"'")
		return Type{}, true
	}
	a.patches.replaceText(path.extent, quoteText(text))
	if !wild {
		return Type{}, false
	}
	if e.op != "json_extract" && e.op != "json_extract_path" {
		a.fail(path.start, "JSON path: [*] gives many values", "use json_extract")
		return Type{}, true
	}
	a.callMacro(e, "trino_json_extract")
	a.patches.wrap(e.extent, "to_json(", ")")
	return Type{Kind: JSON}, true
}

// jsonPath writes Trino's path with every member in quotes, as step does it.
func jsonPath(path string, step func(name string) string) (text string, wild bool, problem string) {
	if path == "" || path[0] != '$' {
		return "", false, "it has to begin with $"
	}
	text = "$"
	for i := 1; i < len(path); {
		switch {
		case path[i] == '.' && i+1 < len(path) && path[i+1] == '"', path[i] == '[' && i+1 < len(path) && (path[i+1] == '"' || path[i+1] == '\''):
			bracket, quote := path[i] == '[', path[i+1]
			name := ""
			i += 2
			for i < len(path) && path[i] != quote {
				if path[i] == '\\' && i+1 < len(path) {
					i++
				}
				name += string(path[i])
				i++
			}
			i++
			if bracket {
				if i >= len(path) || path[i] != ']' {
					return "", false, "a bracket is not closed"
				}
				i++
			}
			text += step(name)
		case path[i] == '.':
			end := i + 1
			for end < len(path) && path[end] != '.' && path[end] != '[' {
				end++
			}
			name := path[i+1 : end]
			switch name {
			case "":
				return "", false, "a member has no name"
			case "*":
				text, wild = text+".*", true
			default:
				text += step(name)
			}
			i = end
		case path[i] == '[':
			end := i + 1
			for end < len(path) && path[end] != ']' {
				end++
			}
			if end == len(path) {
				return "", false, "a bracket is not closed"
			}
			index := path[i+1 : end]
			if index == "*" {
				wild = true
			} else if n, err := strconv.Atoi(index); err != nil || n < 0 {
				return "", false, "an index is not a number"
			}
			text += "[" + index + "]"
			i = end + 1
		default:
			return "", false, "expected . or ["
		}
	}
	return text, wild, ""
}
