package dialect

import (
	"slices"
	"strings"
)

// place says where a query stands, which decides what its columns can mean.
type place uint8

const (
	outermost  place = iota
	derived          // directly behind FROM, or the body of a WITH: sees no other columns
	expression       // anywhere else: may mean the columns of the query around it
)

// completer adds the missing FROM clauses of one statement.
type completer struct {
	sql    string
	tokens []Token // significant ones
	match  []int   // for an opening bracket the index of the closing one
	clause string  // what to add
	edits  []edit
}

// completeFrom returns the insertions that make every SELECT without FROM read
// the table, by the rule in the package documentation.
func completeFrom(sql string, tokens []Token, table string) ([]edit, error) {
	match, ok := matchBrackets(tokens)
	if !ok {
		return nil, nil // the engine says what is wrong and where
	}
	c := &completer{sql: sql, tokens: tokens, match: match, clause: " FROM " + quoteName(table)}
	start := 0
	for start < len(tokens) && (tokens[start].is("DESCRIBE") || tokens[start].is("DESC") || tokens[start].is("SUMMARIZE")) {
		start++
	}
	if err := c.query(start, len(tokens), outermost); err != nil {
		return nil, err
	}
	slices.SortFunc(c.edits, func(a, b edit) int { return a.offset - b.offset })
	return c.edits, nil
}

func quoteName(name string) string {
	word := strings.ToUpper(name)
	plain := name != "" && !reserved[word] && !duckReserved[word]
	for i, r := range name {
		plain = plain && (r == '_' || 'a' <= r && r <= 'z' || i > 0 && '0' <= r && r <= '9')
	}
	if plain {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

func matchBrackets(tokens []Token) ([]int, bool) {
	const pairs = "()[]{}"
	match := make([]int, len(tokens))
	var open []int
	for i, t := range tokens {
		if t.Kind != Operator || len(t.Text) != 1 {
			continue
		}
		switch p := strings.Index(pairs, t.Text); {
		case p < 0:
		case p%2 == 0:
			open = append(open, i)
		case len(open) == 0 || tokens[open[len(open)-1]].Text[0] != pairs[p-1]:
			return nil, false
		default:
			match[open[len(open)-1]] = i
			open = open[:len(open)-1]
		}
	}
	return match, len(open) == 0
}

// skip is the index behind token i, or behind the bracket that it opens.
func (c *completer) skip(i int) int {
	if c.match[i] > 0 {
		return c.match[i] + 1
	}
	return i + 1
}

// keyword reports whether token i is this word and not a part of a dotted name.
func (c *completer) keyword(i int, word string) bool {
	return i >= 0 && i < len(c.tokens) && c.tokens[i].is(word) && !(i > 0 && c.tokens[i-1].is("."))
}

func (c *completer) anyKeyword(i int, words ...string) bool {
	return slices.ContainsFunc(words, func(w string) bool { return c.keyword(i, w) })
}

// startsQuery reports whether the tokens at i are a query and not an expression.
func (c *completer) startsQuery(i int) bool {
	for i < len(c.tokens) && c.tokens[i].is("(") {
		i++
	}
	return c.anyKeyword(i, "SELECT", "WITH", "FROM", "VALUES")
}

// query handles tokens[lo:hi], which are a whole query: WITH, arms joined by
// set operations, ORDER BY.
func (c *completer) query(lo, hi int, at place) error {
	with := c.keyword(lo, "WITH")
	if with {
		var err error
		if lo, err = c.with(lo+1, hi); err != nil {
			return err
		}
	}
	for start, i := lo, lo; i <= hi; {
		if i < hi && !c.setOperation(i) {
			i = c.skip(i)
			continue
		}
		if err := c.arm(start, min(i, hi), at, with); err != nil {
			return err
		}
		i++
		for c.anyKeyword(i, "ALL", "DISTINCT", "BY", "NAME") {
			i++
		}
		start = i
	}
	return nil
}

// setOperation tells EXCEPT the set operation from EXCEPT (columns).
func (c *completer) setOperation(i int) bool {
	if !c.anyKeyword(i, "UNION", "INTERSECT", "EXCEPT") {
		return false
	}
	for i++; c.anyKeyword(i, "ALL", "DISTINCT", "BY", "NAME"); i++ {
	}
	return c.startsQuery(i)
}

// with handles the named queries of a WITH and returns the start of the query
// that follows them.
func (c *completer) with(i, hi int) (int, error) {
	for i < hi && !c.anyKeyword(i, "SELECT", "FROM", "VALUES") {
		if !c.keyword(i, "AS") {
			if c.tokens[i].is("(") && c.startsQuery(i) {
				break // the main query, in parentheses
			}
			i = c.skip(i)
			continue
		}
		for i++; c.anyKeyword(i, "NOT", "MATERIALIZED"); i++ {
		}
		if i < hi && c.tokens[i].is("(") {
			if err := c.query(i+1, c.match[i], derived); err != nil {
				return 0, err
			}
			i = c.skip(i)
		}
	}
	return i, nil
}

// arm handles one SELECT, or a query in parentheses.
func (c *completer) arm(lo, hi int, at place, behindWith bool) error {
	if lo >= hi {
		return nil
	}
	if c.tokens[lo].is("(") {
		if err := c.query(lo+1, c.match[lo], at); err != nil {
			return err
		}
		return c.nested(c.match[lo]+1, hi)
	}
	if !c.keyword(lo, "SELECT") {
		return c.nested(lo, hi)
	}
	s := c.readSelect(lo, hi)
	if err := c.nested(lo, hi); err != nil {
		return err
	}
	if s.hasFrom || !s.star && !s.columns {
		return nil
	}
	if at == expression && !s.star {
		if !s.clauses {
			return nil // SELECT column: of the query around it
		}
		return c.missingFrom(lo, "this subquery has no FROM, so its columns could be those of the query around it")
	}
	if behindWith {
		return c.missingFrom(lo, "a SELECT behind WITH needs a FROM")
	}
	last := c.tokens[s.listEnd-1]
	c.edits = append(c.edits, edit{offset: last.Offset + len(last.Text), text: c.clause})
	return nil
}

func (c *completer) missingFrom(i int, message string) error {
	return errorAt(c.sql, c.tokens[i].Offset, message, "add"+c.clause)
}

// nested handles the subqueries inside tokens[lo:hi].
func (c *completer) nested(lo, hi int) error {
	for i := lo; i < hi; i++ {
		if !c.tokens[i].is("(") || !c.startsQuery(i+1) {
			continue
		}
		at := expression
		if c.fromClause(i - 1) {
			at = derived
		}
		if err := c.query(i+1, c.match[i], at); err != nil {
			return err
		}
		i = c.match[i]
	}
	return nil
}

// fromClause reports whether token i is the FROM of a clause, not that of
// IS DISTINCT FROM.
func (c *completer) fromClause(i int) bool {
	return c.keyword(i, "FROM") && !(c.keyword(i-1, "DISTINCT") && c.anyKeyword(i-2, "IS", "NOT"))
}
