package dialect

import (
	"strings"
)

// scope is what names mean at a place of a query.
type scope struct {
	outer   *scope
	sources []*visible
	// local names come first: parameters of lambdas.
	local map[string]Type
	// written is what to write for a local name instead of it.
	written map[string]string
	// aliases of the select list, where they may be used; they come after
	// columns, or before them in ORDER BY.
	aliases      map[string]Type
	aliased      map[string]*expr
	aliasesFirst bool
	// open: a source's columns are not known, so any name may be one.
	open bool
}

// visible is a source of columns under its name.
type visible struct {
	name    string // alias or table, in lower case; may be ""
	columns []Column
	virtual []Virtual
	open    bool

	// Of a table for Trino: what it is, where its name stands, and what stands
	// behind its query.
	relation *Relation
	at       extent
	as       string
	moved    bool // from a database that is not there
}

// meaning of a dotted name.
type meaning struct {
	typ     Type
	rest    int // index of the first part that names a member
	virtual *Virtual
	source  *visible
	column  string
	found   bool
	written string // instead of the name
	alias   *expr  // what it stands for, where Trino does not know it
	// ambiguous is another source with such a virtual column.
	ambiguous *visible
}

func (v *visible) column(name string) (Type, bool) {
	for _, c := range v.columns {
		if strings.EqualFold(c.Name, name) {
			return c.Type, true
		}
	}
	return Type{}, false
}

func (v *visible) virtualColumn(name string) *Virtual {
	for i := range v.virtual {
		if strings.EqualFold(v.virtual[i].Name, name) {
			return &v.virtual[i]
		}
	}
	return nil
}

// find says what a dotted name means, from the innermost query outwards.
func (s *scope) find(parts []part) meaning {
	for ; s != nil; s = s.outer {
		if m := s.here(parts); m.found {
			return m
		}
		if s.open {
			return meaning{}
		}
	}
	return meaning{}
}

func (s *scope) here(parts []part) meaning {
	first := strings.ToLower(parts[0].text)
	if t, ok := s.local[first]; ok {
		return meaning{typ: t, rest: 1, found: true, written: s.written[first]}
	}
	if s.aliasesFirst {
		if t, ok := s.aliases[first]; ok {
			return meaning{typ: t, rest: 1, found: true}
		}
	}
	// Trino prefers the longest qualifier: db.table.column, table.column, column.
	for n := min(3, len(parts)-1); n >= 0; n-- {
		for _, v := range s.sources {
			if n > 0 && v.name != strings.ToLower(parts[n-1].text) {
				continue
			}
			if m := v.find(parts, n); m.found && m.virtual == nil {
				return m
			}
		}
	}
	if t, ok := s.aliases[first]; ok {
		return meaning{typ: t, rest: 1, found: true, alias: s.aliased[first]}
	}
	for n := min(3, len(parts)-1); n >= 0; n-- {
		var found meaning
		for _, v := range s.sources {
			if n > 0 && v.name != strings.ToLower(parts[n-1].text) {
				continue
			}
			switch m := v.find(parts, n); {
			case m.found && !found.found:
				found = m
			case m.found && m.virtual != nil: // of a real one DuckDB says so
				found.ambiguous = v
			}
		}
		if found.found {
			return found
		}
	}
	if len(parts) == 1 { // a whole row, under its table's name
		for _, v := range s.sources {
			if v.name == first && v.name != "" {
				return meaning{typ: Type{Kind: Struct, Fields: v.columns}, rest: 1, found: true}
			}
		}
	}
	return meaning{}
}

// find looks for parts[n] among the source's columns.
func (v *visible) find(parts []part, n int) meaning {
	name := strings.ToLower(parts[n].text)
	if t, ok := v.column(name); ok {
		return meaning{typ: t, rest: n + 1, found: true, source: v, column: name}
	}
	if w := v.virtualColumn(name); w != nil {
		return meaning{typ: w.Type, rest: n + 1, found: true, source: v, virtual: w, column: name}
	}
	if v.open && n > 0 {
		return meaning{rest: n + 1, found: true, source: v, column: name}
	}
	return meaning{}
}

// named finds a source by name, from the innermost query outwards.
func (s *scope) named(name string) *visible {
	for ; s != nil; s = s.outer {
		for _, v := range s.sources {
			if strings.EqualFold(v.name, name) {
				return v
			}
		}
	}
	return nil
}

// known reports whether every column that a name could mean is known.
func (s *scope) known() bool {
	for ; s != nil; s = s.outer {
		if s.open {
			return false
		}
	}
	return true
}

// names are all that a name could mean, for "did you mean".
func (s *scope) names() []string {
	var names []string
	for ; s != nil; s = s.outer {
		for _, v := range s.sources {
			for _, c := range v.columns {
				names = append(names, c.Name)
			}
			for _, c := range v.virtual {
				names = append(names, c.Name)
			}
		}
		for n := range s.aliases {
			names = append(names, n)
		}
	}
	return names
}
