package complete

import (
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

// clause is a part of a query.
type clause uint8

const (
	atStatement clause = iota // where a query begins
	inSelect
	inFrom
	inOn
	inUsing
	inWhere
	inGroupBy
	inHaving
	inOrderBy
	inLimit
	inValues
	inWith
)

// block is one SELECT.
type block struct {
	outer   *block
	sources []source
	withs   []source // the names that WITH gives, for this block and those inside
	outputs []output
}

// source is an item of FROM, or of WITH.
type source struct {
	alias   string   // how the rest of the query calls it
	path    []string // of a relation
	query   *block   // of a subquery
	columns []string // the names given behind the alias
}

// output is a column that a query gives.
type output struct {
	name string
	path []string // of the column that it is, where it is one
	star bool     // all columns of path, or of all sources
}

// frame is what a parenthesis opens, or the statement.
type frame struct {
	block    *block
	clause   clause
	query    bool   // it holds a query
	call     string // name in front of the parenthesis, in lower case
	wanted   bool   // a source comes next
	named    bool   // the last source may still get its alias
	item     int    // first token of the select list's item
	derived  bool   // a query in FROM
	with     string // the query is that of a name in WITH
	withCols []string
}

// query is what the statement around a cursor says about it.
type query struct {
	block  *block
	clause clause
	call   string // function or keyword in front of the innermost parenthesis
	inCall bool   // the cursor is in parentheses that hold no query
	wanted bool   // a table is
	before []dialect.Token
}

// reader reads a statement that need not be complete.
type reader struct {
	tokens []dialect.Token
	i      int
	frames []frame
}

// readQuery reads the statement around a cursor.
func readQuery(at cursor) query {
	r := reader{tokens: make([]dialect.Token, 0, len(at.before)+len(at.after))}
	r.tokens = append(append(r.tokens, at.before...), at.after...)
	r.frames = append(r.frames, frame{block: &block{}, query: true})
	q := query{before: at.before}
	seen := false
	note := func() {
		f := r.top()
		q.block, q.clause, q.call, q.inCall, q.wanted = f.block, f.clause, f.call, !f.query, f.wanted
		seen = true
		// The word at the cursor is the source, or a part of an expression.
		if at.typed != "" || at.quote != 0 {
			f.wanted, f.named = false, false
		}
	}
	for r.i < len(r.tokens) {
		if r.i == len(at.before) && !seen {
			note()
		}
		from := r.i
		r.step(len(at.before))
		// What belongs together may not jump over the cursor.
		if from < len(at.before) && r.i > len(at.before) {
			r.i = len(at.before)
		}
	}
	if !seen {
		note()
	}
	for len(r.frames) > 0 {
		r.endItem()
		r.frames = r.frames[:len(r.frames)-1]
	}
	return q
}

func (r *reader) top() *frame { return &r.frames[len(r.frames)-1] }

func (r *reader) peek(n int) dialect.Token {
	if r.i+n < len(r.tokens) {
		return r.tokens[r.i+n]
	}
	return dialect.Token{}
}

// word is the keyword n tokens ahead, in upper case.
func (r *reader) word(n int) string {
	if t := r.peek(n); t.Kind == dialect.Word && t.Text != "" {
		return keyword(t.Text)
	}
	return ""
}

func (r *reader) step(cursor int) {
	t := r.peek(0)
	switch {
	case isOperator(t, "("):
		r.open()
		return
	case isOperator(t, ")"):
		r.close()
		return
	case isOperator(t, ","):
		r.comma()
	case t.Kind == dialect.Word && (r.i == 0 || !isOperator(r.tokens[r.i-1], ".")):
		if word := keyword(t.Text); word != "" && !(notReserved(word) && r.top().wanted) && r.keyword(word) {
			break
		}
		r.name(cursor)
		return
	case isName(t):
		r.name(cursor)
		return
	}
	r.i++
}

// keyword reports whether it was one that ends what was before.
func (r *reader) keyword(word string) bool {
	switch word {
	case "FROM", "WHERE", "GROUP", "HAVING", "LIMIT", "UNION", "INTERSECT", "EXCEPT", "QUALIFY", "SELECT":
		r.leaveExpression(word)
	}
	f := r.top()
	to := func(c clause) bool {
		if f.query && f.clause == inSelect {
			r.endItem()
		}
		f.clause, f.wanted, f.named = c, false, false
		return true
	}
	if !f.query { // the keywords of a call, a list or a window
		switch {
		case word == "ORDER" || word == "PARTITION":
			f.clause = inOrderBy
		case word == "WHERE":
			f.clause = inWhere
		}
		return true
	}
	switch word {
	case "SELECT":
		// FROM may stand in front.
		to(inSelect)
		f.item = r.i + 1
	case "FROM", "JOIN", "DESCRIBE", "SUMMARIZE":
		to(inFrom)
		f.wanted = true
	case "TABLE", "VIEW", "PARTITIONS":
		if f.clause == atStatement {
			f.wanted = true
		}
	case "WHERE", "QUALIFY":
		to(inWhere)
	case "ON":
		to(inOn)
	case "USING":
		to(inUsing)
	case "GROUP":
		to(inGroupBy)
	case "HAVING":
		to(inHaving)
	case "ORDER":
		to(inOrderBy)
	case "LIMIT", "OFFSET", "FETCH":
		to(inLimit)
	case "VALUES":
		to(inValues)
	case "UNION", "INTERSECT", "EXCEPT":
		to(atStatement)
		f.block = &block{outer: f.block.outer, withs: f.block.withs}
	case "WITH":
		if f.clause == atStatement {
			to(inWith)
		}
	case "DISTINCT", "ALL":
		if f.clause == inSelect && f.item == r.i {
			f.item++
		}
	case "AS":
		f.wanted = f.wanted && f.clause == inFrom
		if f.clause == atStatement && len(r.frames) == 1 { // CREATE VIEW v AS
			f.wanted = false
		}
	case "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "TABLESAMPLE", "SEMI", "ANTI", "ASOF", "POSITIONAL":
		f.named = false
	case "LATERAL", "UNNEST":
		return word == "LATERAL"
	}
	return true
}

// leaveExpression ends parentheses that were not closed, where a clause begins
// that cannot stand in them.
func (r *reader) leaveExpression(word string) {
	for len(r.frames) > 1 {
		f := r.top()
		switch {
		case f.query:
			return
		case word == "FROM" && (f.call == "extract" || f.call == "trim" || f.call == "substring" || f.call == "overlay"):
			return
		case word == "WHERE" && f.call == "filter":
			return
		case word == "SELECT" && r.i > 0 && isOperator(r.tokens[r.i-1], "("):
			return
		}
		r.frames = r.frames[:len(r.frames)-1]
	}
}

// open reads "(".
func (r *reader) open() {
	f := r.top()
	next := frame{block: f.block, clause: f.clause, item: r.i + 1}
	if r.i > 0 && r.tokens[r.i-1].Kind == dialect.Word {
		next.call = strings.ToLower(r.tokens[r.i-1].Text)
	}
	switch word := r.word(1); {
	case word == "SELECT" || word == "WITH" || word == "VALUES" || word == "FROM" && f.query && (f.clause == inFrom || f.clause == inWith):
		next.query, next.clause, next.call = true, atStatement, ""
		next.block = &block{outer: f.block}
		switch {
		case f.query && f.clause == inFrom && f.wanted:
			f.wanted = false
			next.derived = true
		case f.query && f.clause == inWith && f.with != "":
			next.with, next.withCols = f.with, f.withCols
			f.with, f.withCols = "", nil
			// It sees the names before its own.
			next.block.outer = &block{outer: f.block.outer, withs: f.block.withs}
		}
	case f.query && f.clause == inFrom && f.wanted:
		next.query, next.wanted = true, true // FROM (a JOIN b)
		f.wanted = false
	case r.i+1 >= len(r.tokens) && f.query && f.clause == inWith:
		next.query, next.clause = true, atStatement
		next.block = &block{outer: &block{outer: f.block.outer, withs: f.block.withs}}
	}
	r.frames = append(r.frames, next)
	r.i++
}

// close reads ")".
func (r *reader) close() {
	if len(r.frames) > 1 {
		r.endItem()
		f := *r.top()
		r.frames = r.frames[:len(r.frames)-1]
		outer := r.top()
		switch {
		case f.with != "":
			outer.block.withs = append(outer.block.withs, source{alias: f.with, query: f.block, columns: f.withCols})
		case f.derived:
			outer.block.sources = append(outer.block.sources, source{query: f.block})
			outer.named = true
		}
	}
	r.i++
}

func (r *reader) comma() {
	f := r.top()
	if !f.query {
		return
	}
	switch f.clause {
	case inSelect:
		r.endItem()
		f.item = r.i + 1
	case inFrom, inOn, inUsing:
		f.clause, f.wanted, f.named = inFrom, true, false
	}
}

// name reads a name where it means a source or its alias, or steps over it.
func (r *reader) name(cursor int) {
	f := r.top()
	switch {
	case !f.query:
		r.i++
	case f.wanted:
		r.source(cursor)
	case f.clause == inFrom && f.named:
		f.named = false
		s := &f.block.sources[len(f.block.sources)-1]
		s.alias = spelling(r.peek(0))
		r.i++
		s.columns = r.columnNames(cursor)
	case f.clause == inWith:
		f.with = spelling(r.peek(0))
		r.i++
		f.withCols = r.columnNames(cursor)
	default:
		r.i++
	}
}

// source reads a path, or the call of a function that gives rows.
func (r *reader) source(cursor int) {
	f := r.top()
	path := []string{spelling(r.peek(0))}
	r.i++
	for isOperator(r.peek(0), ".") && isName(r.peek(1)) && r.i != cursor && r.i+1 != cursor {
		path = append(path, spelling(r.peek(1)))
		r.i += 2
	}
	f.wanted, f.named = false, true
	if f.clause != inFrom {
		f.named = false
		if f.clause == atStatement {
			return // SHOW, DROP, CREATE VIEW
		}
	}
	s := source{path: path}
	if isOperator(r.peek(0), "(") && r.i != cursor {
		s.path = nil
	}
	f.block.sources = append(f.block.sources, s)
}

// columnNames reads (a, b) behind an alias.
func (r *reader) columnNames(cursor int) []string {
	if !isOperator(r.peek(0), "(") {
		return nil
	}
	var names []string
	for n := 1; r.i+n < len(r.tokens); n += 2 {
		if !isName(r.peek(n)) || r.i+n >= cursor && r.i < cursor {
			return nil
		}
		names = append(names, spelling(r.peek(n)))
		if isOperator(r.peek(n+1), ")") {
			r.i += n + 2
			return names
		}
		if !isOperator(r.peek(n+1), ",") {
			return nil
		}
	}
	return nil
}

// endItem notes what the item of a select list is called.
func (r *reader) endItem() {
	f := r.top()
	if !f.query || f.clause != inSelect || f.item >= r.i || f.item < 0 {
		return
	}
	item := r.tokens[f.item:min(r.i, len(r.tokens))]
	f.item = r.i
	if len(item) == 0 {
		return
	}
	last := item[len(item)-1]
	if isOperator(last, "*") {
		f.block.outputs = append(f.block.outputs, output{star: true, path: pathOf(item[:max(0, len(item)-2)])})
		return
	}
	if !isName(last) {
		return
	}
	o := output{name: spelling(last)}
	if o.path = pathOf(item); o.path == nil {
		// Behind AS, or simply behind the expression.
		n := len(item) - 1
		if n > 0 && item[n-1].Kind == dialect.Word && strings.EqualFold(item[n-1].Text, "as") {
			n--
		}
		o.path = pathOf(item[:n])
	}
	f.block.outputs = append(f.block.outputs, o)
}

// pathOf are the names of a.b.c; nil for anything else.
func pathOf(tokens []dialect.Token) []string {
	if len(tokens)%2 == 0 {
		return nil
	}
	var path []string
	for i, t := range tokens {
		if i%2 == 1 {
			if !isOperator(t, ".") {
				return nil
			}
			continue
		}
		if !isName(t) {
			return nil
		}
		path = append(path, spelling(t))
	}
	return path
}
