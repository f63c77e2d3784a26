package dialect

import (
	"fmt"
	"strings"
)

// from analyses the sources of a SELECT and says what they make visible.
func (a *analysis) from(list []*source, outer *scope, ctes *cteScope) *scope {
	in := &scope{outer: outer}
	for _, s := range list {
		a.source(s, in, ctes)
	}
	return in
}

func (a *analysis) source(s *source, in *scope, ctes *cteScope) {
	switch s.kind {
	case joinSource:
		a.source(s.left, in, ctes)
		a.source(s.right, in, ctes)
		if s.on != nil {
			a.expr(s.on, in, ctes)
		}
		return
	case parenSource:
		before := len(in.sources)
		a.source(s.left, in, ctes)
		if s.alias != nil { // (a JOIN b) AS c
			v := &visible{name: strings.ToLower(s.alias.text)}
			for _, w := range in.sources[before:] {
				v.columns = append(v.columns, w.columns...)
				v.open = v.open || w.open
			}
			in.sources = append(in.sources[:before], v)
		}
		return
	}
	v := &visible{}
	switch s.kind {
	case tableSource:
		a.tableSource(s, v, in, ctes)
	case querySource:
		around := in.outer
		if s.lateral {
			around = in
		}
		q := a.query(s.query, around, ctes)
		v.columns, v.virtual, v.open = q.columns, q.virtual, q.open
	case unnestSource:
		a.unnest(s, v, in, ctes)
	case functionSource:
		for _, x := range s.args {
			a.expr(x, in, ctes)
		}
		v.name, v.open = strings.ToLower(s.name[len(s.name)-1].text), true
	}
	if s.sample != (extent{}) {
		a.patches.wrap(s.sample, "", " PERCENT")
	}
	if s.alias != nil {
		v.name = strings.ToLower(s.alias.text)
		a.quoteReserved(*s.alias)
		if s.columns != nil {
			v.relation = nil
			v.columns, v.virtual = renamed(shape{columns: v.columns}, s.columns).columns, nil
			if len(v.columns) >= len(s.columns) && s.kind != functionSource {
				v.open = v.open && len(v.columns) == 0
			}
		}
	}
	in.sources = append(in.sources, v)
	in.open = in.open || v.open
}

// renamed gives the columns of a query other names.
func renamed(s shape, names []part) shape {
	if len(names) == 0 {
		return s
	}
	columns := make([]Column, max(len(names), len(s.columns)))
	copy(columns, s.columns)
	for i, n := range names {
		columns[i].Name = strings.ToLower(n.text)
	}
	return shape{columns: columns, open: s.open && len(s.columns) > len(names)}
}

func (a *analysis) tableSource(s *source, v *visible, in *scope, ctes *cteScope) {
	last := s.name[len(s.name)-1]
	v.name = strings.ToLower(last.text)
	if s.versionIs != nil {
		a.expr(s.versionIs, &scope{}, ctes)
		a.patches.replace(s.versionAt, func(w *writer) {
			w.text("AT ("+s.version+" => ", s.versionAt.start)
			if s.version == "TIMESTAMP" {
				w.text("CAST(", s.versionAt.start)
			}
			w.source(s.versionIs.extent)
			if s.version == "TIMESTAMP" {
				w.text(" AS TIMESTAMP)", s.versionAt.start)
			}
			w.text(")", s.versionAt.end-1)
		})
	}
	if len(s.name) == 1 {
		if c := ctes.find(v.name); c != nil {
			v.columns, v.virtual, v.open = c.columns, c.virtual, c.open
			a.quoteReserved(last)
			return
		}
	}
	if schema := strings.ToLower(s.name[0].text); len(s.name) > 1 && strings.EqualFold(s.name[len(s.name)-2].text, "information_schema") {
		if schema != "information_schema" { // awsdatacatalog.information_schema.tables
			a.patches.replaceText(s.nameAt, "information_schema."+quoteName(v.name))
		}
		v.open = true
		return
	}
	if a.target == ForTrino {
		a.trinoTable(s, v)
		return
	}
	r, suffix := a.tableNamed(s.name)
	if r == nil {
		a.fail(s.nameAt.start, fmt.Sprintf("table %q does not exist", shorten(v.name)), didYouMean(v.name, a.relations.Names()))
		v.open = true
		return
	}
	name := r.Name + suffix
	v.columns, v.virtual, v.open = r.Columns, r.Virtual, r.Columns == nil
	if suffix != "" {
		v.columns, v.virtual, v.open = nil, nil, true
	}
	if !last.quoted && strings.ContainsAny(v.name, "<>{}[]$- ") && suffix == "" {
		v.name = name // nobody calls a column by a placeholder
	}
	target := quoteName(name)
	if s.versionIs != nil && s.alias != nil { // DuckDB wants the alias in front of AT
		target += " AS " + quoteName(s.alias.text)
		a.patches.replaceText(s.aliasAt, "")
	}
	if s.alias == nil && v.name != name {
		target += " AS " + quoteName(v.name)
	}
	if a.text(s.nameAt) == target || strings.EqualFold(a.text(s.nameAt), name) && target == name {
		return
	}
	a.patches.replaceText(s.nameAt, target)
}

// unnest analyses UNNEST(…). Trino makes a column of each member of a ROW, two
// of a map, and pads the shorter of several lists. One name for a ROW of several
// members, which Trino refuses, is the ROW, as it was in Athena's engine 2.
func (a *analysis) unnest(s *source, v *visible, in *scope, ctes *cteScope) {
	v.name = ""
	var types []Type
	for _, x := range s.args {
		types = append(types, a.expr(x, in, ctes))
	}
	var columns []Column
	for _, t := range types {
		columns = append(columns, unnested(t)...)
	}
	named := len(s.columns)
	if s.ordinality {
		named--
	}
	element := types[0].element()
	plain := len(types) == 1 && types[0].Kind != Map && !types[0].isJSON() && (element.Kind != Struct || named == 1 && len(element.Fields) > 1)
	if !plain && types[0].Kind == Unknown && len(types) == 1 {
		plain = true
	}
	if types[0].isJSON() {
		a.fail(s.args[0].start, "UNNEST of JSON", "write UNNEST(CAST(json_parse(…) AS ARRAY(JSON)))")
	}
	if plain {
		if element.Kind == Struct && len(element.Fields) > 1 && named == 1 {
			a.wholeRows(s.args[0])
		}
		v.columns = []Column{{"unnest", element}}
		if s.ordinality {
			v.columns = append(v.columns, Column{"ordinality", Type{Kind: Integer}})
		}
		v.open = types[0].Kind == Unknown
		return
	}
	v.columns = columns
	if s.ordinality {
		v.columns = append(v.columns, Column{"ordinality", Type{Kind: Integer}})
	}
	prefix := "LATERAL "
	if s.lateral {
		prefix = ""
	}
	a.patches.replace(s.callAt, func(w *writer) {
		at := s.callAt.start
		w.text(prefix+"(SELECT ", at)
		for i, x := range s.args {
			if i > 0 {
				w.text(", ", x.start)
			}
			switch t := types[i]; {
			case t.Kind == Map:
				w.text("unnest(map_entries(", x.start)
				w.source(x.extent)
				w.text("), max_depth := 2)", x.end)
			case t.element().Kind == Struct:
				w.text("unnest(", x.start)
				w.source(x.extent)
				w.text(", max_depth := 2)", x.end)
			default:
				w.text("unnest(", x.start)
				w.source(x.extent)
				w.text(")", x.end)
			}
		}
		if s.ordinality {
			w.text(", unnest(range(1, 1 + greatest(", at)
			for i, x := range s.args {
				if i > 0 {
					w.text(", ", x.start)
				}
				if types[i].Kind == Map {
					w.text("CAST(cardinality(", x.start)
					w.source(x.extent)
					w.text(") AS BIGINT)", x.end)
				} else {
					w.text("len(", x.start)
					w.source(x.extent)
					w.text(")", x.end)
				}
			}
			w.text(")))", at)
		}
		w.text(")", s.callAt.end-1)
	})
	if s.alias == nil { // the engine wants a name for it
		a.patches.wrap(s.callAt, "", " AS "+quoteName("unnest"))
	}
}

// unnested are the columns that a list or map becomes.
func unnested(t Type) []Column {
	switch {
	case t.Kind == Map:
		return []Column{{"key", *t.Key}, {"value", *t.Elem}}
	case t.element().Kind == Struct:
		return t.element().Fields
	}
	return []Column{{"unnest", t.element()}}
}
