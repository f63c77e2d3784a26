package duck

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/trailql/trailql/engine"
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
	tables    map[string]*use // the catalog's tables that it reads
	allTables bool            // it asks which tables there are
}

// use is how a statement reads one table.
type use struct {
	// filters has an entry for each place that reads the table: conditions that
	// every row it takes from there meets. An empty entry takes every row.
	filters [][]condition
}

// inspect reads DuckDB's syntax tree of one statement, as json_serialize_sql
// writes it. known says which tables the catalog has, by lower-case name. What
// is not understood is refused. The error is a *refusal.
func inspect(tree string, known map[string]bool) (*inspection, error) {
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
	g := &guard{known: known, named: map[string]bool{}, found: inspection{tables: map[string]*use{}}}
	if err := g.collectNames(root.Statements[0]); err != nil {
		return nil, err
	}
	if err := g.value(root.Statements[0]); err != nil {
		return nil, err
	}
	return &g.found, nil
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
	known map[string]bool
	named map[string]bool // queries that a WITH names, in lower case
	found inspection
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
		conditions, _ := o["where_clause"].(object)
		if err := g.from(o["from_table"], scopeOf(o, conditions)); err != nil {
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
		if name := strings.ToLower(text(o, "function_name")); deniedFunctions[name] {
			return &refusal{kind: engine.ErrNotAllowed, offset: location(o), message: fmt.Sprintf("function %s", name)}
		}
	}
	return g.children(o)
}

// from checks a source of rows; s is what the WHERE behind it asks of them.
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
		if err := g.from(o["left"], s); err != nil {
			return err
		}
		if err := g.from(o["right"], s); err != nil {
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
		if o["query"] == nil {
			g.found.allTables = true
			return nil
		}
		return g.value(o["query"])
	}
	return g.unknown(o)
}

// table checks the name of a table and notes which of its rows are wanted.
func (g *guard) table(o object, s scope) error {
	name := strings.ToLower(text(o, "table_name"))
	schema := strings.ToLower(text(o, "schema_name"))
	switch {
	case o["at_clause"] != nil:
		return &refusal{kind: engine.ErrUnsupported, offset: location(o), message: "reading an older snapshot (AT)"}
	case schema == "information_schema" && text(o, "catalog_name") == "" && !looksLikeFile(name):
		g.found.allTables = true
		return nil
	case schema != "" || text(o, "catalog_name") != "":
		hint := ""
		if g.known[name] {
			hint = "write " + name + " alone"
		}
		return &refusal{offset: location(o), message: fmt.Sprintf("database %q does not exist", schema), hint: hint}
	case g.known[name]:
		u := g.found.tables[name]
		if u == nil {
			u = &use{}
			g.found.tables[name] = u
		}
		var filter []condition
		if !g.named[name] {
			filter = s.conditionsOn(o)
		}
		u.filters = append(u.filters, filter)
		return nil
	case g.named[name]:
		return nil
	case looksLikeFile(name):
		return &refusal{kind: engine.ErrNotAllowed, offset: location(o), message: fmt.Sprintf("reading the file %q", text(o, "table_name"))}
	}
	return &refusal{offset: location(o), message: fmt.Sprintf("table %q does not exist", text(o, "table_name")), hint: g.didYouMean(name)}
}

func (g *guard) didYouMean(name string) string {
	best, distance := "", max(2, len(name)/3)+1
	for known := range g.known {
		if d := editDistance(name, known); d < distance || d == distance && known < best {
			best, distance = known, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("did you mean %q?", best)
}

// editDistance counts the bytes to insert, delete or change.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// deniedFunctions look outside the query: at the environment, files, settings,
// or make others wait.
var deniedFunctions = nameSet(`getenv current_setting current_query write_log sleep_ms pg_sleep nextval currval setseed
	add_parquet_key json_execute_serialized_sql query query_table glob read_text read_blob read_csv read_csv_auto
	read_json read_json_auto read_json_objects read_json_objects_auto read_ndjson read_ndjson_auto
	read_ndjson_objects read_parquet parquet_scan parquet_metadata parquet_schema parquet_file_metadata
	parquet_full_metadata parquet_kv_metadata parquet_bloom_probe read_duckdb sniff_csv which_secret
	pg_get_viewdef parse_duckdb_log_message`)

// allowedTableFunctions make rows of their arguments, or of what the engine
// knows about its own language. It is a list of the allowed ones so that a new
// version of DuckDB brings nothing in.
var allowedTableFunctions = nameSet(`unnest generate_series range repeat repeat_row json_each json_tree
	duckdb_functions duckdb_keywords duckdb_types pg_timezone_names icu_calendar_names`)

func nameSet(names string) map[string]bool {
	set := map[string]bool{}
	for n := range strings.FieldsSeq(names) {
		set[n] = true
	}
	return set
}
