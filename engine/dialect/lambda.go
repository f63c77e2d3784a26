package dialect

import (
	"strconv"
	"strings"
)

// lambdas are the functions that take one.
var lambdas = wordSetLower(`transform filter any_match all_match none_match reduce zip_with map_filter transform_values
	transform_keys list_transform list_filter list_reduce list_apply array_transform array_filter apply`)

// lambda analyses one whose parameters have these types, and writes it with
// DuckDB's keyword: its arrow may as well be JSON's.
func (a *analysis) lambda(e *expr, types []Type, in *scope, ctes *cteScope) Type {
	local := map[string]Type{}
	var names []string
	for i, n := range e.parts {
		var t Type
		if i < len(types) {
			t = types[i]
		}
		local[strings.ToLower(n.text)] = t
		a.quoteReserved(n)
		names = append(names, quoteName(strings.ToLower(n.text)))
	}
	t := a.expr(e.args[0], &scope{outer: in, local: local}, ctes)
	if e.op == "" {
		a.patches.replace(e.extent, func(w *writer) {
			w.text("lambda "+strings.Join(names, ", ")+": ", e.start)
			w.source(e.args[0].extent)
		})
	}
	return t
}

// parameter makes up a name for a parameter that no name of the query hides.
func (a *analysis) parameter() string {
	a.made++
	return "_e" + strconv.Itoa(a.made)
}

// substituted analyses the body of a lambda in which something else is written
// for its parameters.
func (a *analysis) substituted(e *expr, types []Type, written []string, in *scope, ctes *cteScope) Type {
	s := &scope{outer: in, local: map[string]Type{}, written: map[string]string{}}
	for i, n := range e.parts {
		if i < len(written) {
			name := strings.ToLower(n.text)
			s.local[name], s.written[name] = types[i], written[i]
		}
	}
	return a.expr(e.args[0], s, ctes)
}

// lambdaCall analyses the call of a function that takes a lambda.
func (a *analysis) lambdaCall(e *expr, in *scope, ctes *cteScope) Type {
	types := make([]Type, len(e.args))
	for i, x := range e.args {
		if x.kind != lambdaExpr {
			types[i] = a.expr(x, in, ctes)
		}
	}
	wanted := map[string][]int{"transform": {1}, "filter": {1}, "any_match": {1}, "all_match": {1}, "none_match": {1},
		"reduce": {2, 3}, "zip_with": {2}, "map_filter": {1}, "transform_values": {1}, "transform_keys": {1}}
	for _, i := range wanted[e.op] {
		if i >= len(e.args) || e.args[i].kind != lambdaExpr {
			f, _ := FunctionNamed(e.op)
			a.fail(e.start, e.op+" needs a lambda", "write "+e.op+f.Arguments)
			return Type{}
		}
	}
	// write replaces the call by text with the arguments %1, %2 in it, and the
	// body of a lambda as $1, $2.
	write := func(template string) {
		a.patches.replace(e.extent, func(w *writer) {
			for template := template; template != ""; {
				i := strings.IndexAny(template, "%$")
				if i < 0 {
					w.text(template, e.start)
					return
				}
				w.text(template[:i], e.start)
				x := e.args[template[i+1]-'1']
				if template[i] == '$' {
					x = x.args[0]
				}
				w.source(x.extent)
				template = template[i+2:]
			}
		})
	}
	element := Type{}
	if len(types) > 0 {
		element = types[0].element()
	}
	switch e.op {
	case "transform", "list_transform", "list_apply", "array_transform", "apply":
		t := a.lambda(e.args[1], []Type{element, {Kind: Integer}}, in, ctes)
		if e.op == "transform" {
			a.patches.replaceText(e.call.name, "list_transform")
		}
		return listOf(t)
	case "filter", "list_filter", "array_filter":
		a.lambda(e.args[1], []Type{element, {Kind: Integer}}, in, ctes)
		a.patches.replaceText(e.call.name, "list_filter")
		return types[0]
	case "any_match", "all_match", "none_match":
		a.lambda(e.args[1], []Type{element}, in, ctes)
		write(map[string]string{
			"any_match":  "(len(list_filter(%1, %2)) > 0)",
			"all_match":  "(len(list_filter(%1, %2)) = len(%1))",
			"none_match": "(len(list_filter(%1, %2)) = 0)",
		}[e.op])
		return Type{Kind: Boolean}
	case "reduce":
		if len(e.args) != 4 || len(e.args[2].parts) != 2 || len(e.args[3].parts) != 1 {
			a.fail(e.start, "reduce takes an array, a start, and two lambdas", "")
			return Type{}
		}
		state := a.lambda(e.args[2], []Type{types[1], element}, in, ctes)
		if element.Kind != Unknown && types[1].Kind != Unknown && element.Kind != types[1].Kind && !(element.isText() && types[1].isText()) &&
			!(element.is(Integer, Decimal, Double) && types[1].is(Integer, Decimal, Double)) {
			a.fail(e.args[1].start, "reduce needs a start of the same type as the elements", "transform the array first")
		}
		t := a.lambda(e.args[3], []Type{state}, in, ctes)
		write("list_transform([list_reduce(%1, %3, %2)], %4)[1]")
		return t
	case "zip_with":
		p := a.parameter()
		t := a.substituted(e.args[2], []Type{element, types[1].element()}, []string{"struct_extract(" + p + ", 1)", "struct_extract(" + p + ", 2)"}, in, ctes)
		write("list_transform(list_zip(%1, %2), lambda " + p + ": $3)")
		return listOf(t)
	case "map_filter", "transform_values", "transform_keys":
		p := a.parameter()
		key := Type{}
		if types[0].Key != nil {
			key = *types[0].Key
		}
		t := a.substituted(e.args[1], []Type{key, element}, []string{p + ".key", p + ".value"}, in, ctes)
		switch e.op {
		case "map_filter":
			write("map_from_entries(list_filter(map_entries(%1), lambda " + p + ": $2))")
			return types[0]
		case "transform_values":
			write("map_from_entries(list_transform(map_entries(%1), lambda " + p + ": {'k': " + p + ".key, 'v': $2}))")
			return mapOf(key, t)
		}
		write("map_from_entries(list_transform(map_entries(%1), lambda " + p + ": {'k': $2, 'v': " + p + ".value}))")
		return mapOf(t, element)
	}
	for _, x := range e.args { // DuckDB's list_reduce
		if x.kind == lambdaExpr {
			a.lambda(x, []Type{element, element}, in, ctes)
		}
	}
	return Type{}
}
