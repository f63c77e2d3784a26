package duck

import (
	"slices"
	"strings"
)

// condition says that a column lies in one of some ranges.
type condition struct {
	column string // lower case
	ranges []textRange
}

// textRange is closed; nil is open-ended.
type textRange struct{ low, high *operand }

// operand is 'text', or cast: DATE 'text' or TIMESTAMP 'text'.
type operand struct {
	text string
	cast bool
}

// scope is what the WHERE of one SELECT says about the tables behind its FROM.
type scope struct {
	terms  []object // joined by AND
	single bool     // one table alone: its columns need no qualifier
}

// scopeOf reads the WHERE of a SELECT. It is empty where rows cannot be left
// out beforehand: samples and joins whose pairing depends on the other rows.
func scopeOf(selectNode, where object) scope {
	from, _ := selectNode["from_table"].(object)
	if where == nil || selectNode["sample"] != nil || !pairsRowByRow(from) {
		return scope{}
	}
	return scope{terms: conjunction(where), single: text(from, "type") == "BASE_TABLE"}
}

func pairsRowByRow(from object) bool {
	if from == nil || from["sample"] != nil {
		return false
	}
	if text(from, "type") != "JOIN" {
		return true
	}
	left, _ := from["left"].(object)
	right, _ := from["right"].(object)
	return slices.Contains([]string{"REGULAR", "CROSS", "NATURAL"}, text(from, "ref_type")) && pairsRowByRow(left) && pairsRowByRow(right)
}

func conjunction(o object) []object {
	if text(o, "type") != "CONJUNCTION_AND" {
		return []object{o}
	}
	var terms []object
	for _, c := range list(o, "children") {
		if child, ok := c.(object); ok {
			terms = append(terms, conjunction(child)...)
		}
	}
	return terms
}

// conditionsOn returns the conditions that rows of this table must meet to come
// through. Terms that are not understood are left to DuckDB.
func (s scope) conditionsOn(table object) []condition {
	if len(list(table, "column_name_alias")) > 0 {
		return nil
	}
	alias := text(table, "alias")
	if alias == "" {
		alias = text(table, "table_name")
	}
	var conditions []condition
	for _, term := range s.terms {
		if c, ok := s.condition(term, alias); ok {
			conditions = append(conditions, c)
		}
	}
	return conditions
}

func (s scope) condition(term object, alias string) (condition, bool) {
	switch text(term, "type") {
	case "COMPARE_EQUAL", "COMPARE_LESSTHAN", "COMPARE_LESSTHANOREQUALTO", "COMPARE_GREATERTHAN", "COMPARE_GREATERTHANOREQUALTO":
		return s.comparison(term, alias)
	case "COMPARE_BETWEEN":
		column, ok := s.column(term["input"], alias)
		low, okLow := constant(term["lower"])
		high, okHigh := constant(term["upper"])
		return condition{column, []textRange{{&low, &high}}}, ok && okLow && okHigh
	case "COMPARE_IN":
		return s.in(list(term, "children"), alias)
	}
	if text(term, "class") == "FUNCTION" && text(term, "function_name") == "~~" {
		return s.like(list(term, "children"), alias)
	}
	return condition{}, false
}

func (s scope) comparison(term object, alias string) (condition, bool) {
	operator := strings.TrimPrefix(text(term, "type"), "COMPARE_")
	column, ok := s.column(term["left"], alias)
	value, okValue := constant(term["right"])
	if !ok || !okValue {
		// 'x' < column
		column, ok = s.column(term["right"], alias)
		value, okValue = constant(term["left"])
		switch {
		case strings.HasPrefix(operator, "LESS"):
			operator = "GREATER"
		case strings.HasPrefix(operator, "GREATER"):
			operator = "LESS"
		}
	}
	r := textRange{&value, &value}
	switch {
	case strings.HasPrefix(operator, "LESS"):
		r.low = nil
	case strings.HasPrefix(operator, "GREATER"):
		r.high = nil
	}
	return condition{column, []textRange{r}}, ok && okValue
}

func (s scope) in(children []any, alias string) (condition, bool) {
	if len(children) < 2 {
		return condition{}, false
	}
	column, ok := s.column(children[0], alias)
	c := condition{column: column}
	for _, child := range children[1:] {
		value, okValue := constant(child)
		ok = ok && okValue
		c.ranges = append(c.ranges, textRange{&value, &value})
	}
	return c, ok
}

// like understands LIKE 'prefix%…'.
func (s scope) like(children []any, alias string) (condition, bool) {
	if len(children) != 2 {
		return condition{}, false
	}
	column, ok := s.column(children[0], alias)
	pattern, okPattern := plainText(children[1])
	prefix := pattern[:max(0, strings.IndexAny(pattern+"%", "%_"))]
	if !ok || !okPattern || prefix == "" || strings.Contains(prefix, `\`) {
		return condition{}, false
	}
	const aboveAll = "\xff" // no UTF-8 text goes on with that
	return condition{column, []textRange{{&operand{text: prefix}, &operand{text: prefix + aboveAll}}}}, true
}

// column is the name of a plain column of the table.
func (s scope) column(v any, alias string) (string, bool) {
	o, ok := v.(object)
	if !ok || text(o, "class") != "COLUMN_REF" {
		return "", false
	}
	names := list(o, "column_names")
	switch len(names) {
	case 1:
		name, _ := names[0].(string)
		return strings.ToLower(name), s.single
	case 2:
		table, _ := names[0].(string)
		name, _ := names[1].(string)
		return strings.ToLower(name), strings.EqualFold(table, alias)
	}
	return "", false
}

// constant reads 'text', DATE 'text' or TIMESTAMP 'text'.
func constant(v any) (operand, bool) {
	o, ok := v.(object)
	if ok && text(o, "class") == "CAST" {
		target, _ := o["cast_type"].(object)
		if !slices.Contains([]string{"DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE"}, text(target, "id")) {
			return operand{}, false
		}
		value, ok := plainText(o["child"])
		return operand{value, true}, ok
	}
	value, ok := plainText(v)
	return operand{text: value}, ok
}

func plainText(v any) (string, bool) {
	o, ok := v.(object)
	if !ok || text(o, "class") != "CONSTANT" {
		return "", false
	}
	value, _ := o["value"].(object)
	kind, _ := value["type"].(object)
	s, ok := value["value"].(string)
	return s, ok && text(kind, "id") == "VARCHAR"
}
