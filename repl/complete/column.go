package complete

import (
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

// Of subqueries in subqueries so many are looked into for the names of columns,
// and so many sources of each.
const (
	maxDepth   = 8
	maxSources = 12
)

// column is one that a statement can name.
type column struct {
	dialect.Column
	virtual bool
	// Where its values come from; nil when it is computed.
	relation *dialect.Relation
	path     string // of the relation's column, in lower case
}

// columns are those of a source, in their order.
func (k *Known) columns(from *block, s source, depth int) []column {
	if depth > maxDepth {
		return nil
	}
	var found []column
	switch {
	case s.query != nil:
		found = k.outputs(s.query, depth+1)
	case len(s.path) == 1 && with(from, s.path[0]) != nil:
		w := with(from, s.path[0])
		found = k.columns(&block{}, *w, depth+1)
	case len(s.path) > 0:
		if r := k.meant(s.path); r != nil {
			found = relationColumns(r)
		}
	}
	for i, name := range s.columns {
		if i < len(found) {
			found[i].Name = name
		} else {
			found = append(found, column{Column: dialect.Column{Name: name}})
		}
	}
	return found
}

func relationColumns(r *dialect.Relation) []column {
	found := make([]column, 0, len(r.Columns)+len(r.Virtual))
	for _, c := range r.Columns {
		found = append(found, column{Column: c, relation: r, path: c.Name})
	}
	for _, v := range r.Virtual {
		found = append(found, column{Column: dialect.Column{Name: v.Name, Type: v.Type}, virtual: true, relation: r, path: v.Name})
	}
	return found
}

// with finds a name that WITH gives.
func with(b *block, name string) *source {
	for ; b != nil; b = b.outer {
		for i := range b.withs {
			if strings.EqualFold(b.withs[i].alias, name) {
				return &b.withs[i]
			}
		}
	}
	return nil
}

// outputs are the columns that a query gives.
func (k *Known) outputs(b *block, depth int) []column {
	var found []column
	for _, o := range b.outputs {
		if o.star {
			for _, s := range k.sources(b) {
				if len(o.path) == 0 || strings.EqualFold(s.name(), o.path[len(o.path)-1]) {
					for _, c := range k.columns(b, s, depth+1) {
						if !c.virtual {
							found = append(found, c)
						}
					}
				}
			}
			continue
		}
		c, ok := k.resolve(b, o.path, nil, depth+1)
		if !ok {
			c = column{}
		}
		c.Name = o.name
		c.virtual = false
		found = append(found, c)
	}
	return found
}

// sources are those of the block; without FROM the standard table.
func (k *Known) sources(b *block) []source {
	if len(b.sources) == 0 {
		if r := k.standard(); r != nil {
			return []source{{path: []string{r.Name}}}
		}
	}
	return b.sources[:min(len(b.sources), maxSources)]
}

// name is how columns of the source are qualified.
func (s source) name() string {
	if s.alias == "" && len(s.path) > 0 {
		return s.path[len(s.path)-1]
	}
	return s.alias
}

// resolve finds the column or member that a path means, from the block or one
// around it. indexed says behind which names an [index] stands; nil for none.
func (k *Known) resolve(b *block, path []string, indexed []bool, depth int) (column, bool) {
	if len(path) == 0 || depth > maxDepth {
		return column{}, false
	}
	for ; b != nil; b = b.outer {
		for _, s := range k.sources(b) {
			if len(path) > 1 && strings.EqualFold(s.name(), path[0]) && s.name() != "" {
				var rest []bool
				if indexed != nil {
					rest = indexed[1:]
				}
				if c, ok := member(k.columns(b, s, depth), path[1:], rest); ok {
					return c, true
				}
			}
		}
		for _, s := range k.sources(b) {
			if c, ok := member(k.columns(b, s, depth), path, indexed); ok {
				return c, true
			}
		}
	}
	return column{}, false
}

// member walks from a column down to a member of its structs.
func member(columns []column, path []string, indexed []bool) (column, bool) {
	for _, c := range columns {
		if !strings.EqualFold(c.Name, path[0]) {
			continue
		}
		for i := range path {
			if i > 0 {
				found := false
				for _, f := range c.Type.Fields {
					if strings.EqualFold(f.Name, path[i]) {
						c.Name, c.Type = f.Name, f.Type
						c.path += "." + strings.ToLower(f.Name)
						found = true
						break
					}
				}
				if !found {
					return column{}, false
				}
			}
			if i < len(indexed) && indexed[i] {
				if c.Type.Elem == nil {
					return column{}, false
				}
				c.Type = *c.Type.Elem
				c.relation = nil // values of an element are not those of the column
			}
		}
		return c, true
	}
	return column{}, false
}

// typeName is a type in a few letters.
func typeName(t dialect.Type) string {
	switch t.Kind {
	case dialect.Text:
		return "varchar"
	case dialect.JSONText, dialect.JSON:
		return "json"
	case dialect.Boolean:
		return "boolean"
	case dialect.Integer:
		return "bigint"
	case dialect.Decimal:
		return "decimal"
	case dialect.Double:
		return "double"
	case dialect.Date:
		return "date"
	case dialect.Time:
		return "time"
	case dialect.Timestamp:
		return "timestamp"
	case dialect.TimestampTZ, dialect.Zoned:
		return "timestamp with time zone"
	case dialect.Interval:
		return "interval"
	case dialect.Binary:
		return "varbinary"
	case dialect.Address:
		return "ipaddress"
	case dialect.Network:
		return "ipprefix"
	case dialect.Struct:
		return "struct"
	case dialect.Map:
		return "map"
	case dialect.List:
		if t.Elem != nil && t.Elem.Kind != dialect.Unknown {
			return typeName(*t.Elem) + "[]"
		}
		return "array"
	}
	return ""
}
