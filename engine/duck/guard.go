//go:build cgo && duckdb_arrow

package duck

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
)

// refusal is a statement that the guard does not let through.
type refusal struct {
	kind    error // engine.ErrNotAllowed, engine.ErrUnsupported, or nil for an ordinary mistake
	offset  int   // in bytes; -1 when not known
	message string
	hint    string
}

func (r *refusal) Error() string { return r.message }

// inspection is what the guard learned about a statement that it lets through.
type inspection struct {
	// places read a relation of the warehouse, in no order.
	places []place
}

// place is where a statement reads a relation.
type place struct {
	relation string // its name, in lower case
	// condition is true of every row that the place takes, as far as it is
	// understood: nil takes all rows. Its columns are those of the partitions.
	condition object
	window    eventWindow
	needles   []catalog.Needle // every row that the place takes has one of each one's values
	travel    *travel          // nil: the newest snapshot
	through   bool             // the statement's rows are those that the place takes, as they are
	offset    int              // of the name, in bytes
	alias     string           // as written; "" when there is none
}

// travel is an older snapshot that a place asks for.
type travel struct {
	unit       string // timestamp or version
	expression object
}

// lookup finds a relation by its name in lower case.
type lookup func(name string) *relation

// inspect reads DuckDB's syntax tree of one statement, as json_serialize_sql
// writes it. find knows the relations, macros are the functions of the dialect
// that the translation calls, params the values for the statement. What is not
// understood is refused. The error is a
// *refusal.
func inspect(tree string, find lookup, names func() []string, macros []string, params []any) (*inspection, error) {
	var root struct {
		Error    bool
		Type     string `json:"error_type"`
		Message  string `json:"error_message"`
		Position string
		// Statements stay general: the tree has dozens of kinds of nodes.
		Statements []any
	}
	decoder := json.NewDecoder(strings.NewReader(tree))
	decoder.UseNumber() // an unknown location is 2^64-1
	if err := decoder.Decode(&root); err != nil {
		return nil, fmt.Errorf("read syntax tree: %w", err)
	}
	if root.Error {
		return nil, refuseSyntax(root.Type, root.Message, root.Position)
	}
	if len(root.Statements) != 1 {
		return nil, &refusal{kind: engine.ErrNotAllowed, offset: -1, message: "more than one statement"}
	}
	g := &guard{find: find, names: names, macros: macros, params: params, named: map[string]bool{}}
	if err := g.collectNames(root.Statements[0]); err != nil {
		return nil, err
	}
	if err := g.value(root.Statements[0]); err != nil {
		return nil, err
	}
	statement, _ := root.Statements[0].(object)
	query, _ := statement["node"].(object)
	if at := passedOn(query); at >= 0 {
		for i := range g.found.places {
			g.found.places[i].through = g.found.places[i].offset == at
		}
	}
	return &g.found, nil
}

// passedOn is where the one source of rows stands that a query passes on as they
// are, SELECT * FROM t WHERE …; -1 if it is no such query.
func passedOn(query object) int {
	from, _ := query["from_table"].(object)
	ctes, _ := query["cte_map"].(object)
	items := list(query, "select_list")
	if text(query, "type") != "SELECT_NODE" || text(from, "type") != "BASE_TABLE" || len(list(ctes, "map")) > 0 || len(items) != 1 ||
		len(list(query, "group_expressions")) > 0 || len(list(query, "group_sets")) > 0 || query["having"] != nil || query["qualify"] != nil ||
		query["sample"] != nil || from["sample"] != nil || len(list(from, "column_name_alias")) > 0 {
		return -1
	}
	for _, m := range list(query, "modifiers") {
		if modifier, _ := m.(object); text(modifier, "type") != "ORDER_MODIFIER" {
			return -1
		}
	}
	star, _ := items[0].(object)
	if text(star, "class") != "STAR" || star["expr"] != nil || star["columns"] == true {
		return -1
	}
	for _, changes := range []string{"exclude_list", "replace_list", "rename_list", "qualified_exclude_list"} {
		if len(list(star, changes)) > 0 {
			return -1
		}
	}
	return location(from)
}

func refuseSyntax(kind, message, position string) error {
	if kind == "not implemented" {
		return &refusal{kind: engine.ErrNotAllowed, offset: -1, message: "only SELECT, VALUES, DESCRIBE, SHOW, SUMMARIZE and EXPLAIN are allowed"}
	}
	offset := -1
	if n, err := json.Number(position).Int64(); err == nil {
		offset = int(n)
	}
	return &refusal{offset: offset, message: message}
}

type guard struct {
	find   lookup
	names  func() []string
	macros []string
	params []any           // of the statement
	named  map[string]bool // queries that a WITH names, in lower case
	found  inspection
}

// object is a node of the syntax tree.
type object = map[string]any

func text(o object, key string) string { s, _ := o[key].(string); return s }

func list(o object, key string) []any { l, _ := o[key].([]any); return l }

func location(o object) int {
	n, ok := o["query_location"].(json.Number)
	if !ok {
		return -1
	}
	offset, err := n.Int64()
	if err != nil {
		return -1
	}
	return int(offset)
}

// collectNames finds the names of all WITH queries. Where each is visible does
// not matter: a table of the same name is then taken to be read whole.
func (g *guard) collectNames(v any) error {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := g.collectNames(e); err != nil {
				return err
			}
		}
	case object:
		if ctes, ok := v["cte_map"].(object); ok {
			for _, e := range list(ctes, "map") {
				entry, _ := e.(object)
				name := strings.ToLower(text(entry, "key"))
				if looksLikeFile(name) {
					return &refusal{kind: engine.ErrNotAllowed, offset: -1, message: fmt.Sprintf("a WITH query cannot be named %q", name), hint: "use letters, digits and _"}
				}
				g.named[name] = true
			}
		}
		if text(v, "class") == "CONSTANT" {
			return nil
		}
		for _, e := range v {
			if err := g.collectNames(e); err != nil {
				return err
			}
		}
	}
	return nil
}

// looksLikeFile: DuckDB opens a file when a table of such a name does not exist.
func looksLikeFile(name string) bool { return strings.ContainsAny(name, `./\:*?[`) }

// value checks whatever stands somewhere in the tree, except behind FROM.
func (g *guard) value(v any) error {
	switch v := v.(type) {
	case []any:
		for _, e := range v {
			if err := g.value(e); err != nil {
				return err
			}
		}
	case object:
		kind := text(v, "type")
		switch {
		case v["class"] != nil:
			return g.expression(v)
		case strings.HasSuffix(kind, "_NODE"):
			return g.query(v, kind)
		case v["sample"] != nil || v["from_table"] != nil || v["table_name"] != nil:
			return g.unknown(v) // a source of rows where none is expected
		}
		return g.children(v)
	}
	return nil
}

func (g *guard) children(o object, except ...string) error {
	for key, v := range o {
		if slices.Contains(except, key) {
			continue
		}
		if err := g.value(v); err != nil {
			return err
		}
	}
	return nil
}

func (g *guard) unknown(o object) error {
	return &refusal{kind: engine.ErrUnsupported, offset: location(o), message: "this form of query is not supported: " + strings.ToLower(text(o, "type"))}
}

func (g *guard) query(o object, kind string) error {
	switch kind {
	case "SELECT_NODE":
		if err := g.from(o["from_table"], g.scopeOf(o)); err != nil {
			return err
		}
		return g.children(o, "from_table")
	case "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE":
		return g.children(o)
	}
	return g.unknown(o)
}

func (g *guard) expression(o object) error {
	switch text(o, "class") {
	case "CONSTANT":
		return nil
	case "FUNCTION", "WINDOW":
		if err := g.function(o); err != nil {
			return err
		}
	}
	return g.children(o)
}

func (g *guard) function(o object) error {
	name := strings.ToLower(text(o, "function_name"))
	switch {
	case allowedFunctions[name], slices.Contains(g.macros, name):
		return nil
	case refusedFunctions[name], internalFunction(name):
		return &refusal{kind: engine.ErrNotAllowed, offset: location(o), message: "function " + name}
	}
	known := maps.Clone(allowedFunctions)
	for _, f := range dialect.Functions() {
		known[f.Name] = f.Group != ""
	}
	maps.DeleteFunc(known, func(_ string, there bool) bool { return !there })
	return &refusal{offset: location(o), message: fmt.Sprintf("function %s does not exist", name), hint: didYouMean(name, slices.Values(slices.Sorted(maps.Keys(known))))}
}

// from checks a source of rows; s is what the query around it asks of them.
func (g *guard) from(v any, s scope) error {
	o, ok := v.(object)
	if !ok {
		return g.unknown(object{})
	}
	switch text(o, "type") {
	case "EMPTY":
		return nil
	case "BASE_TABLE":
		return g.table(o, s)
	case "JOIN":
		left, right := s.joined(o)
		if err := g.from(o["left"], left); err != nil {
			return err
		}
		if err := g.from(o["right"], right); err != nil {
			return err
		}
		return g.children(o, "left", "right")
	case "SUBQUERY", "EXPRESSION_LIST":
		return g.children(o)
	case "TABLE_FUNCTION":
		function, _ := o["function"].(object)
		if name := strings.ToLower(text(function, "function_name")); text(function, "class") != "FUNCTION" || !allowedTableFunctions[name] {
			return &refusal{kind: engine.ErrNotAllowed, offset: location(o), message: fmt.Sprintf("table function %s", name)}
		}
		return g.children(function)
	case "SHOW_REF":
		if o["query"] != nil {
			return g.value(o["query"])
		}
	}
	return g.unknown(o)
}

// table checks the name of a table and notes which of its rows are wanted.
func (g *guard) table(o object, s scope) error {
	name := strings.ToLower(text(o, "table_name"))
	schema := strings.ToLower(text(o, "schema_name"))
	if schema == informationSchema && text(o, "catalog_name") == "" {
		name, schema = schema+"."+name, ""
	}
	relation := g.find(name)
	switch {
	case schema != "" || text(o, "catalog_name") != "":
		hint := ""
		if relation != nil {
			hint = "write " + name + " alone"
		}
		return &refusal{offset: location(o), message: fmt.Sprintf("database %q does not exist", schema), hint: hint}
	case relation != nil:
		p := place{relation: name, offset: location(o), alias: text(o, "alias")}
		if at, ok := o["at_clause"].(object); ok {
			if g.named[name] {
				return &refusal{offset: location(o), message: fmt.Sprintf("%q is a query of this statement, which has no older snapshots", name)}
			}
			expression, _ := at["expr"].(object)
			if expression == nil {
				return g.unknown(o)
			}
			if err := g.value(expression); err != nil {
				return err
			}
			p.travel = &travel{unit: strings.ToLower(text(at, "unit")), expression: expression}
		}
		if !g.named[name] {
			p.condition, p.window = s.conditionOn(o, relation)
			p.needles = s.needlesOn(o, relation, g.params)
		}
		g.found.places = append(g.found.places, p)
		return nil
	case g.named[name]:
		return nil
	case looksLikeFile(name):
		return &refusal{kind: engine.ErrNotAllowed, offset: location(o), message: fmt.Sprintf("reading the file %q", text(o, "table_name"))}
	}
	return &refusal{offset: location(o), message: fmt.Sprintf("table %q does not exist", text(o, "table_name")), hint: didYouMean(name, slices.Values(g.names()))}
}

// didYouMean names the one that is spelt most like name, if one is.
func didYouMean(name string, candidates iter.Seq[string]) string {
	if best := dialect.Nearest(name, slices.Collect(candidates)); best != "" {
		return fmt.Sprintf("did you mean %q?", best)
	}
	return ""
}
