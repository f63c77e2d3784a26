package complete

import (
	"slices"
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

// propose adds what may stand at the cursor outside of text in quotes.
func (k *Known) propose(l *ranking, at cursor, asked bool) {
	q := readQuery(at)
	upper := upperCase(at)
	last, previous := lastWord(at.before, 0), lastWord(at.before, 1)
	offer := func(c class, words ...string) {
		if at.quote == 0 && len(at.path) == 0 {
			l.keyword(c, upper, "", words...)
		}
	}
	switch {
	case q.wanted:
		k.proposeTables(l, at, q)
		if last == "SHOW" {
			break
		}
		offer(second, "UNNEST", "LATERAL")
		if q.clause == inFrom && len(at.before) > 0 && isOperator(at.before[len(at.before)-1], "(") {
			offer(second, "SELECT")
		}
	case len(at.path) > 0:
		k.proposeMembers(l, at, q)
	case q.clause == atStatement && !q.inCall:
		k.proposeStatement(l, at, last, previous, offer)
	case last == "GROUP" || last == "ORDER" || last == "PARTITION":
		offer(first, "BY")
	case last == "IS":
		offer(first, "NULL", "NOT NULL", "DISTINCT FROM", "NOT DISTINCT FROM", "TRUE", "FALSE")
	case previous == "IS" && last == "NOT":
		offer(first, "NULL", "DISTINCT FROM")
	case slices.Contains([]string{"LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "OUTER"}, last):
		offer(first, "JOIN", "OUTER JOIN")
	case last == "UNION" || last == "EXCEPT" || last == "INTERSECT":
		offer(first, "ALL", "SELECT", "DISTINCT")
	case last == "NULLS":
		offer(first, "LAST", "FIRST")
	case last == "AS" && (q.call == "cast" || q.call == "try_cast") || len(at.before) > 0 && isOperator(at.before[len(at.before)-1], "::"):
		offer(first, sqlTypes...)
	case last == "AS", q.clause == inWith && !q.inCall:
		if last != "AS" && last != "WITH" {
			offer(first, "AS", "SELECT")
		}
	case q.clause == inLimit && wantsOperand(at.before):
		offer(first, "ALL")
	case wantsOperand(at.before):
		k.proposeOperands(l, at, q, asked, last, offer)
	case last == "NOT":
		offer(first, "IN", "LIKE", "ILIKE", "BETWEEN")
	case isInterval(at.before):
		offer(first, units...)
	default:
		k.proposeOperators(q, offer)
	}
}

func (k *Known) proposeStatement(l *ranking, at cursor, last, previous string, offer func(class, ...string)) {
	switch {
	case len(at.before) == 0 || last == "EXPLAIN" || last == "ANALYZE" || isOperator(at.before[len(at.before)-1], "(") || last == "AS" || last == "FROM":
		offer(first, statementWords...)
		if k.Dialect == dialect.DuckDB {
			offer(first, localStatementWords...)
		}
	case last == "SHOW":
		offer(first, "TABLES", "COLUMNS FROM", "PARTITIONS", "VIEWS", "DATABASES", "CREATE TABLE", "CREATE VIEW")
	case previous == "SHOW" && last == "COLUMNS":
		offer(first, "FROM", "IN")
	case last == "CREATE":
		offer(first, "VIEW", "OR REPLACE VIEW", "EXTERNAL TABLE")
	case last == "DROP":
		offer(first, "VIEW", "TABLE")
	case last == "UNION" || last == "EXCEPT" || last == "INTERSECT":
		offer(first, "SELECT", "ALL", "DISTINCT")
	case last == "ALL" || last == "DISTINCT":
		offer(first, "SELECT")
	case last == "DESC" && len(at.before) == 1, strings.EqualFold(at.before[len(at.before)-1].Text, "partitions"):
		k.proposeTables(l, at, query{block: &block{}})
	default:
		offer(first, "AS", "FROM", "SELECT")
	}
}

// proposeTables adds what can stand behind FROM.
func (k *Known) proposeTables(l *ranking, at cursor, q query) {
	prefix := strings.Join(at.path, ".")
	if prefix == "" {
		for b := q.block; b != nil; b = b.outer {
			for _, w := range b.withs {
				l.add(first, w.alias, at.name(w.alias), "with")
			}
		}
	} else {
		prefix += "."
	}
	below := false // the path is the beginning of a name with a dot
	for _, r := range k.Relations {
		if prefix != "" && len(r.Name) > len(prefix) && strings.EqualFold(r.Name[:len(prefix)], prefix) {
			l.add(first, r.Name[len(prefix):], at.name(r.Name[len(prefix):]), "")
			below = true
		}
	}
	if below {
		return
	}
	for _, r := range k.Relations {
		if strings.ContainsAny(r.Name, ".$") {
			l.add(second, r.Name, at.dotted(r.Name), "")
		} else {
			l.add(first, r.Name, at.name(r.Name), "")
		}
	}
}

// dotted is a name with a schema in front.
func (at cursor) dotted(name string) string {
	if at.quote != 0 {
		return at.name(name)
	}
	if schema, rest, ok := strings.Cut(name, "."); ok {
		return at.name(schema) + "." + at.name(rest)
	}
	return at.name(name)
}

// name is a name as it is written at the cursor: in the quotes that are there,
// or in those that it needs.
func (at cursor) name(name string) string {
	switch {
	case at.quote != 0:
		q := string(at.quote)
		return q + strings.ReplaceAll(name, q, q+q) + q
	case needsQuotes(name):
		return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
	}
	return name
}

// proposeMembers adds what can stand behind a name and a dot.
func (k *Known) proposeMembers(l *ranking, at cursor, q query) {
	if len(at.path) == 1 && !at.indexed[0] {
		for b := q.block; b != nil; b = b.outer {
			for _, s := range k.sources(b) {
				if s.name() != "" && strings.EqualFold(s.name(), at.path[0]) {
					for _, c := range k.columns(b, s, 0) {
						k.proposeColumn(l, at, c, "")
					}
					return
				}
			}
		}
	}
	c, ok := k.resolve(q.block, at.path, at.indexed, 0)
	if !ok {
		return
	}
	for _, f := range c.Type.Fields {
		if f.Name != "" {
			l.add(first, f.Name, at.name(f.Name), typeName(f.Type))
		}
	}
}

func (k *Known) proposeColumn(l *ranking, at cursor, c column, qualifier string) {
	class, detail := first, typeName(c.Type)
	if c.virtual {
		if strings.HasPrefix(c.Name, "$") && at.quote == 0 && !strings.HasPrefix(at.typed, "$") {
			return
		}
		class, detail = second, "partition"
	}
	text := at.name(c.Name)
	if qualifier != "" {
		if at.quote != 0 {
			return // the quote has begun, and the qualifier stands in front of it
		}
		text = at.name(qualifier) + "." + text
	}
	if m := match(c.Name, at.typed); m != none {
		l.put(class, m, text, detail)
	}
}

// proposeOperands adds what an expression can begin with.
func (k *Known) proposeOperands(l *ranking, at cursor, q query, asked bool, last string, offer func(class, ...string)) {
	if asked && at.quote == 0 {
		k.proposeValues(l, at, q)
	}
	depth := 0
	for b := q.block; b != nil; b = b.outer {
		sources := k.sources(b)
		if depth > 0 && len(b.sources) == 0 {
			continue
		}
		for _, s := range sources {
			qualifier := ""
			if len(sources) > 1 || depth > 0 {
				if qualifier = s.name(); qualifier != "" && at.quote == 0 {
					l.add(second, qualifier, at.name(qualifier), "table")
				}
			}
			for _, c := range k.columns(b, s, 0) {
				k.proposeColumn(l, at, c, qualifier)
			}
			if s.alias != "" && qualifier == "" && at.typed != "" && at.quote == 0 {
				l.add(second, s.alias, at.name(s.alias), "table")
			}
		}
		if depth == 0 && (q.clause == inOrderBy || q.clause == inGroupBy || q.clause == inHaving) {
			for _, o := range b.outputs {
				if !o.star && len(o.path) == 0 && o.name != "" {
					l.add(first, o.name, at.name(o.name), "")
				}
			}
		}
		depth++
	}
	if at.quote != 0 {
		return
	}
	for i := range dialectFunctions {
		f := &dialectFunctions[i]
		m := match(f.Name, at.typed)
		if m == none {
			continue
		}
		text := f.Name
		if len(at.typed) > 1 && at.typed == strings.ToUpper(at.typed) {
			text = strings.ToUpper(text)
		}
		if !at.calls {
			if f.Arguments == "()" {
				text += "()"
			} else {
				text += "("
			}
		}
		l.put(third, m, text, f.Arguments)
	}
	words := operandWords
	if last == "SELECT" {
		offer(fourth, "DISTINCT")
	}
	if q.inCall {
		offer(fourth, "DISTINCT", "SELECT")
		if q.call == "over" {
			offer(first, "PARTITION BY", "ORDER BY")
		}
	}
	if last == "BETWEEN" || last == "LIKE" {
		words = nil
	}
	offer(fourth, words...)
}

// dialectFunctions are those of the dialect by name.
var dialectFunctions = func() []dialect.Function {
	sorted := slices.Clone(dialect.Functions())
	slices.SortFunc(sorted, func(a, b dialect.Function) int { return strings.Compare(a.Name, b.Name) })
	return sorted
}()

// proposeOperators adds what can stand behind an expression or a table.
func (k *Known) proposeOperators(q query, offer func(class, ...string)) {
	if q.inCall {
		switch q.call {
		case "cast", "try_cast":
			offer(first, "AS")
		case "over":
			offer(first, "ORDER BY", "ROWS BETWEEN", "RANGE BETWEEN", "DESC", "ASC")
		default:
			offer(first, comparisons...)
			offer(second, "ORDER BY", "FROM", "DESC")
		}
		offer(second, caseParts...)
		return
	}
	switch q.clause {
	case inSelect:
		offer(first, following[inSelect]...)
		offer(second, comparisons...)
	case inFrom, inLimit, inOrderBy:
		offer(first, following[q.clause]...)
	default:
		offer(first, comparisons...)
		offer(first, following[q.clause]...)
	}
	offer(second, caseParts...)
}

// wantsOperand reports whether an expression is to begin behind these tokens.
func wantsOperand(tokens []dialect.Token) bool {
	if len(tokens) == 0 {
		return true
	}
	last := tokens[len(tokens)-1]
	switch last.Kind {
	case dialect.Operator:
		if last.Text == "*" {
			// A star, or multiplied by?
			before := ""
			if len(tokens) > 1 {
				before = tokens[len(tokens)-2].Text
			}
			word := lastWord(tokens, 1)
			return !(before == "(" || before == "," || before == "." || word == "SELECT" || word == "DISTINCT")
		}
		return last.Text != ")" && last.Text != "]" && last.Text != "}"
	case dialect.Word:
		switch word := keyword(last.Text); word {
		case "", "NULL", "TRUE", "FALSE", "END", "CURRENT_DATE", "CURRENT_TIMESTAMP", "CURRENT_TIME", "ASC", "DESC", "ALL":
			return word == "ALL" && lastWord(tokens, 1) == "SELECT"
		case "NOT":
			return len(tokens) == 1 || wantsOperand(tokens[:len(tokens)-1])
		case "INTERVAL":
			return true
		default:
			return !notReserved(word)
		}
	}
	return false
}

// isInterval: INTERVAL '1' comes last.
func isInterval(tokens []dialect.Token) bool {
	return lastWord(tokens, 1) == "INTERVAL" && len(tokens) > 1 && !isName(tokens[len(tokens)-1])
}

// lastWord is the keyword at this place from the end, in upper case.
func lastWord(tokens []dialect.Token, fromEnd int) string {
	n := len(tokens) - 1 - fromEnd
	if n < 0 || tokens[n].Kind != dialect.Word {
		return ""
	}
	return keyword(tokens[n].Text)
}

// upperCase tells the case of keywords: as the user writes this one, or the
// others of the statement.
func upperCase(at cursor) bool {
	for _, c := range at.typed {
		switch {
		case 'a' <= c && c <= 'z':
			return false
		case 'A' <= c && c <= 'Z':
			return true
		}
	}
	for _, tokens := range [][]dialect.Token{at.before, at.after} {
		for _, t := range tokens {
			if t.Kind == dialect.Word {
				if word := keyword(t.Text); word != "" {
					return t.Text == word
				}
			}
		}
	}
	return false
}
