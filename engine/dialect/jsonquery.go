package dialect

import "strings"

// jsonQueryCall is json_value, json_query or json_exists of SQL/JSON, whose path
// begins with lax or strict.
func (a *analysis) jsonQueryCall(e *expr, types []Type) (Type, bool) {
	kinds := map[string]TypeKind{"json_value": Text, "json_query": Text, "json_exists": Boolean}
	if len(e.args) != 2 || e.args[1].kind != stringExpr {
		a.fail(e.start, e.op+" takes JSON and a constant path", "")
		return Type{Kind: kinds[e.op]}, true
	}
	path := e.args[1]
	text := strings.TrimSpace(path.text)
	for _, mode := range []string{"lax ", "strict "} {
		text = strings.TrimSpace(strings.TrimPrefix(text, mode))
	}
	text, wild, problem := jsonPath(text, jsonPathStep)
	if problem == "" && wild {
		problem = "[*] is not supported here"
	}
	if problem != "" {
		a.fail(path.start, "JSON path: "+problem, "")
		return Type{Kind: kinds[e.op]}, true
	}
	var before, after string
	switch e.op {
	case "json_value":
		before, after = a.macro("trino_json_extract_scalar")+"(", ")"
	case "json_query":
		before, after = "CAST(TRY(json_extract(", ")) AS VARCHAR)"
	case "json_exists":
		before, after = "coalesce(TRY(json_exists(", ")), false)"
	}
	a.patches.replace(e.extent, func(w *writer) {
		w.text(before, e.start)
		w.source(e.args[0].extent)
		w.text(", "+quoteText(text)+after, e.end-1)
	})
	return Type{Kind: kinds[e.op]}, true
}
