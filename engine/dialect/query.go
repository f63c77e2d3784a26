package dialect

import (
	"fmt"
	"strconv"
	"strings"
)

// analysis reads the tree of one statement and notes what to replace.
type analysis struct {
	sql         string
	dialect     Dialect
	table       string // that placeholders and names of trails mean
	relations   Relations
	patches     *patches // what DuckDB needs; goes nowhere when the target is Trino
	own         *patches // what every engine needs
	target      Target
	database    string
	databases   []string
	literals    []string
	shown       map[*body]bool // those whose rows are the result
	marks       []int          // offsets of the parameters, in order, once all is read
	macros      map[string]bool
	tries       int   // calls of try around
	quotedMarks []int // offsets of the '?' of Lake dashboards
	made        int   // parameters of lambdas
	nested      int   // calls around the current place that may repeat their arguments
	err         error
}

func (a *analysis) fail(at int, message, hint string) {
	if a.target == ForTrino {
		return // it says itself what is wrong, and knows more than we do
	}
	if a.err == nil {
		a.err = errorAt(a.sql, at, message, hint)
	}
}

func (a *analysis) text(e extent) string { return a.sql[e.start:e.end] }

// cteScope holds the queries that a WITH names, for those behind it.
type cteScope struct {
	outer *cteScope
	name  string
	shape
}

func (c *cteScope) find(name string) *cteScope {
	for ; c != nil; c = c.outer {
		if c.name == name {
			return c
		}
	}
	return nil
}

// shape is what a query answers with.
type shape struct {
	columns []Column
	virtual []Virtual // of the tables that * shows: Athena's * has them
	open    bool      // columns that are not known
}

// query analyses one; outer is the scope around it.
func (a *analysis) query(q *query, outer *scope, ctes *cteScope) shape {
	for _, c := range q.with {
		own := ctes
		if q.recursive {
			own = &cteScope{outer: ctes, name: strings.ToLower(c.name.text), shape: shape{open: true}}
		}
		s := renamed(a.query(c.query, outer, own), c.columns)
		a.quoteReserved(c.name)
		ctes = &cteScope{outer: ctes, name: strings.ToLower(c.name.text), shape: s}
	}
	if q.body.kind == selectBody {
		return a.selection(q.body, q, outer, ctes)
	}
	s := a.body(q.body, outer, ctes)
	at := &scope{outer: outer, sources: []*visible{{columns: s.columns, virtual: s.virtual, open: s.open}}, open: s.open}
	for _, e := range q.order {
		a.expr(e, at, ctes)
	}
	return s
}

// body analyses a part of a query that has no ORDER BY of its own.
func (a *analysis) body(b *body, outer *scope, ctes *cteScope) shape {
	switch b.kind {
	case queryBody:
		return a.query(b.query, outer, ctes)
	case setBody:
		s := a.body(b.left, outer, ctes)
		a.body(b.right, outer, ctes)
		return s
	case valuesBody:
		return a.values(b, outer, ctes)
	case tableBody:
		at := a.from(b.from, outer, ctes)
		if a.target == ForTrino {
			a.own.replace(b.extent, func(w *writer) { w.text("SELECT * FROM ", b.start); w.source(b.from[0].extent) })
		}
		return shape{at.sources[0].columns, at.sources[0].virtual, at.open}
	}
	return a.selection(b, &query{}, outer, ctes)
}

func (a *analysis) values(b *body, outer *scope, ctes *cteScope) shape {
	var s shape
	for i, row := range b.rows {
		members := []*expr{row}
		if row.kind == rowExpr {
			members = row.args
			if row.op == "ROW" {
				a.patches.replace(row.extent, func(w *writer) { w.text("(", row.start); a.list(w, row.args); w.text(")", row.end) })
			}
		} else if row.kind == parenExpr {
			members = row.args
		} else {
			a.patches.wrap(row.extent, "(", ")") // VALUES 1, 2 are two rows of one column
		}
		for n, m := range members {
			t := a.expr(m, outer, ctes)
			if i == 0 {
				s.columns = append(s.columns, Column{"col" + strconv.Itoa(n), t})
			}
		}
	}
	return s
}

// selection analyses a SELECT; q has the ORDER BY that belongs to it.
func (a *analysis) selection(b *body, q *query, outer *scope, ctes *cteScope) shape {
	in := a.from(b.from, outer, ctes)
	var s shape
	aliases := map[string]Type{}
	for _, i := range b.items {
		a.item(i, in, ctes, &s, aliases, a.shown[b])
	}
	for _, e := range b.distinctOn {
		a.expr(e, in, ctes)
	}
	if b.where != nil {
		a.expr(b.where, in, ctes)
		a.bounds(b, in)
	}
	behind := *in
	behind.aliases, behind.aliased = aliases, map[string]*expr{}
	for _, i := range b.items {
		if i.alias != nil {
			behind.aliased[strings.ToLower(i.alias.text)] = i.expr
		}
	}
	behind.aliases = make(map[string]Type, len(aliases))
	for name, t := range aliases {
		behind.aliases[name] = t.bare()
	}
	for _, e := range b.group {
		if t := a.expr(e, &behind, ctes); t.Zone != "" && !a.shown[b] {
			a.instant(e) // as in the list
		}
	}
	for _, e := range []*expr{b.having, b.qualify} {
		if e != nil {
			a.expr(e, &behind, ctes)
		}
	}
	for _, w := range b.windows {
		a.quoteReserved(w.name)
		a.window(w.window, &behind, ctes)
	}
	last := behind
	last.aliases, last.aliasesFirst = aliases, true
	for _, e := range q.order {
		if t := a.expr(e, &last, ctes); t.Zone != "" && e.kind == columnExpr {
			a.instant(e)
		}
	}
	for _, e := range q.limits {
		a.expr(e, outer, ctes)
	}
	return s
}

// item adds one of a select list to what it shows. Instants in a constant time zone keep
// it in the type of their column, unless it is the result: there the local time is.
func (a *analysis) item(i *item, in *scope, ctes *cteScope, s *shape, aliases map[string]Type, shown bool) {
	e := i.expr
	if e.kind == starExpr {
		from := len(s.columns)
		a.star(i, in, ctes, s)
		if shown {
			a.showZones(i, s.columns[from:])
		}
		return
	}
	// DISTINCT (a, b) means the columns a and b to those who write it; Trino
	// answers with one row value, which has the same rows.
	t := a.expr(e, in, ctes)
	var name string
	switch {
	case i.alias != nil:
		name = i.alias.text
		a.quoteReserved(*i.alias)
		if i.alias.quoted && a.sql[i.alias.start] == '`' {
			a.own.replaceText(i.alias.extent, quoteName(name))
		}
	case e.kind == columnExpr:
		name = e.parts[len(e.parts)-1].text
		if p := a.own.byPart[e.extent]; p != nil && (p.write != nil || p.before != "" || p.zone != "") {
			a.own.wrap(i.extent, "", " AS "+quoteName(strings.ToLower(name)))
		}
	default:
		// Trino's name of a column without one.
		name = "_col" + strconv.Itoa(len(s.columns))
		if !s.open {
			a.patches.wrap(i.extent, "", " AS "+name)
		}
	}
	if e.kind == rowExpr {
		a.nameFields(e)
	}
	if t.Kind == Zoned && a.target == ForTrino && shown {
		after := " AS timestamp(6))" // its local time, as the local engine shows it
		if e.kind == columnExpr && i.alias == nil {
			after += " AS " + quoteName(strings.ToLower(name))
		}
		a.own.wrap(e.extent, "CAST(", after)
	}
	switch {
	case t.Kind != Zoned || a.target != ForDuckDB:
	case t.Zone == "" || shown:
		t = Type{Kind: Timestamp, Scale: 3}
	default:
		a.instant(e)
		t.stored = true
	}
	s.columns = append(s.columns, Column{strings.ToLower(name), t})
	if i.alias != nil {
		aliases[strings.ToLower(name)] = t
	}
}

// showZones puts the time zones on the columns that a * of the result has.
func (a *analysis) showZones(i *item, columns []Column) {
	if i.exclude || len(i.extras) > 0 || a.target != ForDuckDB {
		return // their instants, in UTC
	}
	times := map[string]int{}
	for _, c := range columns {
		times[c.Name]++
	}
	of := "" // x.*
	if parts := i.expr.parts; len(parts) > 0 {
		of = quoteName(strings.ToLower(parts[len(parts)-1].text)) + "."
	}
	var list []string
	for k, c := range columns {
		if name := quoteName(c.Name); c.Type.stored && times[c.Name] == 1 {
			list = append(list, of+name+" AT TIME ZONE "+zoneSQL(c.Type.Zone)+" AS "+name)
			columns[k].Type = Type{Kind: Timestamp, Scale: 3}
		}
	}
	if list != nil {
		a.patches.wrap(i.extent, "", " REPLACE ("+strings.Join(list, ", ")+")")
	}
}

// resultBodies are those whose rows are those of a query.
func resultBodies(b *body, in map[*body]bool) map[*body]bool {
	switch {
	case b == nil:
	case b.kind == queryBody:
		resultBodies(b.query.body, in)
	case b.kind == setBody:
		resultBodies(b.left, in)
		resultBodies(b.right, in)
	default:
		in[b] = true
	}
	return in
}

// nameFields gives a ROW that is a result Trino's names for its fields.
func (a *analysis) nameFields(e *expr) {
	a.patches.replace(e.extent, func(w *writer) {
		w.text("struct_pack(", e.start)
		for i, x := range e.args {
			if i > 0 {
				w.text(", ", x.start)
			}
			w.text("field"+strconv.Itoa(i)+" := ", x.start)
			w.source(x.extent)
		}
		w.text(")", e.end-1)
	})
}

func (a *analysis) star(i *item, in *scope, ctes *cteScope, s *shape) {
	for _, x := range i.extras {
		a.expr(x, in, ctes)
	}
	if i.exclude {
		s.open = true
	}
	if parts := i.expr.parts; len(parts) > 0 {
		name := parts[len(parts)-1].text
		v := in.named(name)
		if v == nil {
			if in.known() && in.here(parts).found { // row.*
				s.open = true
				return
			}
			if in.known() {
				a.fail(parts[0].start, fmt.Sprintf("table %q is not in FROM", name), didYouMean(name, sourceNames(in)))
			}
			s.open = true
			return
		}
		if len(parts) > 1 { // the database in front is not there for the engine
			a.patches.replaceText(extent{parts[0].start, parts[len(parts)-1].end}, quoteName(v.name))
		}
		s.show(v)
		s.open = s.open || v.open
		return
	}
	for _, v := range in.sources {
		s.show(v)
	}
	s.open = s.open || in.open || len(in.sources) == 0
}

// show adds the columns of a source. Virtual ones can be told from one table
// only: two have the columns that they are made of twice.
func (s *shape) show(v *visible) {
	s.columns = append(s.columns, v.columns...)
	switch {
	case len(v.virtual) == 0:
	case len(s.virtual) == 0:
		s.virtual = v.virtual
	default:
		s.virtual = nil
	}
}

func sourceNames(s *scope) []string {
	var names []string
	for ; s != nil; s = s.outer {
		for _, v := range s.sources {
			names = append(names, v.name)
		}
	}
	return names
}

// quoteReserved puts quotes around a name that only Trino takes as it is.
func (a *analysis) quoteReserved(n part) {
	if !n.quoted && duckReserved[strings.ToUpper(n.text)] {
		a.patches.replaceText(n.extent, quoteName(strings.ToLower(n.text)))
	}
}

// list writes expressions with commas between them.
func (a *analysis) list(w *writer, list []*expr) {
	for i, e := range list {
		if i > 0 {
			w.text(", ", e.start)
		}
		w.source(e.extent)
	}
}

func (a *analysis) window(w *window, in *scope, ctes *cteScope) {
	for _, list := range [][]*expr{w.partition, w.order, w.frame} {
		for _, e := range list {
			a.expr(e, in, ctes)
		}
	}
}
