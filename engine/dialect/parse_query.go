package dialect

import "strings"

// startsQuery reports whether a query follows, be it in parentheses.
func (p *parser) startsQuery() bool {
	n := 0
	for p.peekIs(n, "(") {
		n++
	}
	switch {
	case p.peekWord(n, "SELECT", "FROM"):
		return true
	case p.peekWord(n, "VALUES"):
		return true
	case p.peekWord(n, "WITH"):
		return true
	case p.peekWord(n, "TABLE"):
		return p.nameAt(n + 1)
	}
	return false
}

// query reads WITH, the body, ORDER BY, LIMIT.
func (p *parser) query() (*query, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	start := p.peek(0).Offset
	q := &query{}
	if p.acceptWord("WITH") {
		q.recursive = p.acceptWord("RECURSIVE")
		for {
			c, err := p.cte()
			if err != nil {
				return nil, err
			}
			q.with = append(q.with, c)
			if !p.accept(",") {
				break
			}
		}
	}
	var err error
	if q.body, err = p.setOperation(0); err != nil {
		return nil, err
	}
	if p.peekWord(0, "ORDER") {
		if q.order, _, err = p.orderBy(); err != nil {
			return nil, err
		}
	}
	for { // LIMIT and OFFSET in any order
		switch {
		case p.acceptWord("LIMIT"):
			if p.acceptWord("ALL") {
				continue
			}
		case p.acceptWord("OFFSET"):
		case p.acceptWord("FETCH"):
			if !p.acceptWord("FIRST") {
				p.acceptWord("NEXT")
			}
			if p.peekWord(0, "ROW", "ROWS") {
				p.i++
				p.acceptWord("ONLY")
				continue
			}
		default:
			q.extent = p.since(start)
			return q, nil
		}
		limit, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		p.accept("%")
		q.limits = append(q.limits, limit)
		if p.acceptWord("ROW", "ROWS") {
			if p.acceptWords("WITH", "TIES") {
				return nil, p.fail(p.tokens[p.i-2], "WITH TIES is not supported", "use rank() over (order by …) <= n")
			}
			p.acceptWord("ONLY")
		}
	}
}

func (p *parser) cte() (*cte, error) {
	name, err := p.name("a name")
	if err != nil {
		return nil, err
	}
	c := &cte{name: name}
	if p.peekIs(0, "(") {
		if c.columns, err = p.names(); err != nil {
			return nil, err
		}
	}
	if err := p.expectWord("AS"); err != nil {
		return nil, err
	}
	p.acceptWord("NOT")
	p.acceptWord("MATERIALIZED")
	if err := p.expect("("); err != nil {
		return nil, err
	}
	if c.query, err = p.query(); err != nil {
		return nil, err
	}
	return c, p.expect(")")
}

// setOperation reads UNION and EXCEPT (level 0) or INTERSECT (level 1).
func (p *parser) setOperation(level int) (*body, error) {
	operand := p.selectBody
	words := []string{"INTERSECT"}
	if level == 0 {
		operand = func() (*body, error) { return p.setOperation(1) }
		words = []string{"UNION", "EXCEPT"}
	}
	left, err := operand()
	for err == nil && p.peekWord(0, words...) {
		p.i++
		if !p.acceptWord("ALL") {
			p.acceptWord("DISTINCT")
		}
		p.acceptWords("BY", "NAME")
		var right *body
		if right, err = operand(); err == nil {
			left = &body{extent: p.since(left.start), kind: setBody, left: left, right: right}
		}
	}
	return left, err
}

func (p *parser) selectBody() (*body, error) {
	start := p.peek(0).Offset
	b := &body{}
	var err error
	switch {
	case p.accept("("):
		b.kind = queryBody
		if b.query, err = p.query(); err == nil {
			err = p.expect(")")
		}
	case p.acceptWord("VALUES"):
		b.kind = valuesBody
		b.rows, err = p.expressions()
	case p.acceptWord("TABLE"):
		b.kind = tableBody
		var s *source
		s, err = p.table()
		b.from = []*source{s}
	case p.peekWord(0, "FROM"): // DuckDB's FROM first
		p.i++
		if b.from, err = p.sources(); err != nil {
			return nil, err
		}
		if p.peekWord(0, "SELECT") {
			p.i++
			err = p.selection(b)
		} else {
			b.items = []*item{{expr: &expr{kind: starExpr}}}
			err = p.clauses(b)
		}
	case p.acceptWord("SELECT"):
		err = p.selection(b)
	default:
		return nil, p.unexpected("SELECT")
	}
	if err != nil {
		return nil, err
	}
	b.extent = p.since(start)
	return b, nil
}

// selection reads what follows SELECT.
func (p *parser) selection(b *body) error {
	if p.acceptWord("DISTINCT") {
		b.distinct = true
		if p.peekWord(0, "ON") && p.peekIs(1, "(") {
			p.i += 2
			list, err := p.expressions()
			if err != nil {
				return err
			}
			b.distinctOn = list
			if err := p.expect(")"); err != nil {
				return err
			}
		}
	} else if p.peekWord(0, "ALL") {
		p.i++
	}
	for {
		if p.peekWord(0, "FROM") && len(b.items) > 0 {
			return p.unexpected("an expression")
		}
		i, err := p.item()
		if err != nil {
			return err
		}
		b.items = append(b.items, i)
		if !p.accept(",") {
			break
		}
	}
	if p.acceptWord("FROM") && b.from == nil {
		list, err := p.sources()
		if err != nil {
			return err
		}
		b.from = list
	}
	return p.clauses(b)
}

// clauses reads WHERE to WINDOW.
func (p *parser) clauses(b *body) (err error) {
	for err == nil {
		switch {
		case p.peekWord(0, "WHERE") && b.where == nil && b.group == nil:
			p.i++
			b.where, err = p.expression()
		case p.peekWord(0, "GROUP") && b.group == nil && b.having == nil:
			p.i++
			if err = p.expectWord("BY"); err != nil {
				return err
			}
			if p.acceptWord("ALL") && (p.done() || !p.peekIs(0, "(")) {
				b.groupAll = true
				continue
			}
			p.acceptWord("DISTINCT")
			b.group, err = p.grouping()
		case p.acceptWord("HAVING"):
			b.having, err = p.expression()
		case p.acceptWord("QUALIFY"):
			b.qualify, err = p.expression()
		case p.peekWord(0, "WINDOW") && p.nameAt(1):
			p.i++
			for {
				w := &namedWindow{name: p.takeName()}
				if err = p.expectWord("AS"); err != nil {
					return err
				}
				if w.window, err = p.window(); err != nil {
					return err
				}
				b.windows = append(b.windows, w)
				if !p.accept(",") {
					break
				}
			}
		case p.peekWord(0, "USING") && p.peekWord(1, "SAMPLE"):
			return p.unexpected("TABLESAMPLE behind the table")
		default:
			return nil
		}
	}
	return err
}

// grouping reads what follows GROUP BY.
func (p *parser) grouping() ([]*expr, error) {
	var list []*expr
	for {
		switch {
		case p.peekWord(0, "ROLLUP", "CUBE") && p.peekIs(1, "("):
			p.i += 2
			more, err := p.expressions()
			if err != nil {
				return nil, err
			}
			list = append(list, more...)
			if err := p.expect(")"); err != nil {
				return nil, err
			}
		case p.peekWord(0, "GROUPING") && p.peekWord(1, "SETS"):
			p.i += 2
			if err := p.expect("("); err != nil {
				return nil, err
			}
			more, err := p.grouping()
			if err != nil {
				return nil, err
			}
			list = append(list, more...)
			if err := p.expect(")"); err != nil {
				return nil, err
			}
		default:
			e, err := p.expression()
			if err != nil {
				return nil, err
			}
			list = append(list, e)
		}
		if !p.accept(",") {
			return list, nil
		}
	}
}

func (p *parser) item() (*item, error) {
	start := p.peek(0).Offset
	if p.nameAt(0) && p.peekIs(1, ":") { // name: expression, as DuckDB has it
		return nil, p.fail(p.peek(1), "an alias in front of its expression is not Athena's", "write expression AS name")
	}
	e, err := p.expression()
	if err != nil {
		return nil, err
	}
	i := &item{expr: e}
	for e.kind == starExpr && p.peekIs(1, "(") && p.peekWord(0, "EXCLUDE", "EXCEPT", "REPLACE", "RENAME") {
		i.exclude = true
		replace := p.peekWord(0, "REPLACE")
		p.i += 2
		for !p.accept(")") {
			if !replace {
				if p.done() {
					return nil, p.unexpected(")")
				}
				p.i++
				continue
			}
			x, err := p.expression()
			if err != nil {
				return nil, err
			}
			i.extras = append(i.extras, x)
			if p.acceptWord("AS") {
				p.i++
			}
			p.accept(",")
		}
	}
	if e.kind == starExpr && p.peekWord(0, "EXCLUDE") {
		i.exclude = true
		p.i += 2
	}
	if p.acceptWord("AS") {
		if e.kind == starExpr && p.peekIs(0, "(") { // row.* AS (a, b)
			if _, err := p.names(); err != nil {
				return nil, err
			}
		} else if p.memberAt(0) {
			n := p.takeName()
			i.alias = &n
		} else if p.peek(0).Kind == String {
			return nil, p.fail(p.peek(0), "an alias is a name, not text", "write it in double quotes")
		} else {
			return nil, p.unexpected("a name")
		}
	} else if p.aliasAt(0) {
		n := p.takeName()
		i.alias = &n
	}
	i.extent = p.since(start)
	return i, nil
}

// aliasAt reports whether a name without AS follows.
func (p *parser) aliasAt(n int) bool {
	return p.nameAt(n) && !(p.peek(n).Kind == Word && notAlias[strings.ToUpper(p.peek(n).Text)])
}
