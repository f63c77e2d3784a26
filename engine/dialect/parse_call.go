package dialect

import "strings"

// column reads a dotted name, or the call of a function.
func (p *parser) column() (*expr, error) {
	start := p.peek(0).Offset
	parts := p.dotted()
	if p.peekIs(0, "(") {
		return p.callTo(start, parts)
	}
	if p.peekIs(0, ".") && p.peekIs(1, "*") {
		p.i += 2
		return &expr{extent: p.since(start), kind: starExpr, parts: parts}, nil
	}
	return &expr{extent: p.since(start), kind: columnExpr, parts: parts}, nil
}

func (p *parser) callTo(start int, parts []part) (*expr, error) {
	e := &expr{kind: callExpr, parts: parts, op: strings.ToLower(parts[len(parts)-1].text)}
	e.call = &call{name: p.since(start)}
	p.i++
	e.call.distinct = p.acceptWord("DISTINCT")
	if !e.call.distinct && p.peekWord(0, "ALL") && !p.peekIs(1, ",") && !p.peekIs(1, ")") {
		p.i++
	}
	if p.peekIs(0, "*") && p.peekIs(1, ")") {
		e.call.star = true
		p.i++
	}
	if p.startsQuery() {
		return nil, p.unexpected("an expression; put the query in parentheses of its own")
	}
	for !p.peekIs(0, ")") && !p.peekWord(0, "ORDER") && !e.call.star {
		if len(e.args) > 0 && !p.accept(",") && !p.acceptWord("FROM", "FOR", "IN") { // substring(x FROM 1 FOR 2), position(a IN b)
			return nil, p.unexpected(", or )")
		}
		if p.peekWord(0, "LEADING", "TRAILING", "BOTH") && e.op == "trim" {
			p.i++
			p.acceptWord("FROM")
		}
		if p.nameAt(0) && (p.peekIs(1, ":=") || p.peekIs(1, "=>")) {
			p.i += 2
		}
		arg, err := p.argument(e.op)
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, arg)
	}
	if p.peekWord(0, "ORDER") {
		var err error
		if e.call.order, e.call.orderAt, err = p.orderBy(); err != nil {
			return nil, err
		}
	}
	if p.acceptWords("ON", "OVERFLOW") { // listagg
		return nil, p.fail(p.tokens[p.i-1], "ON OVERFLOW is not supported", "leave it out: texts have no limit here")
	}
	e.call.tail = p.peek(0).Offset
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	if err := p.callSuffix(e); err != nil {
		return nil, err
	}
	e.extent = p.since(start)
	return e, nil
}

// argument of a function; position(a IN b) is not IN.
func (p *parser) argument(function string) (*expr, error) {
	if function == "position" {
		return p.binary(0)
	}
	return p.expression()
}

// callSuffix reads WITHIN GROUP, FILTER, IGNORE NULLS and OVER.
func (p *parser) callSuffix(e *expr) (err error) {
	for err == nil {
		start := p.peek(0).Offset
		switch {
		case p.acceptWords("WITHIN", "GROUP"):
			if err = p.expect("("); err != nil {
				return err
			}
			if e.call.within, _, err = p.orderBy(); err == nil {
				err = p.expect(")")
			}
			e.call.withinAt = p.since(start)
		case p.peekWord(0, "FILTER") && p.peekIs(1, "("):
			p.i += 2
			p.acceptWord("WHERE")
			if e.call.filter, err = p.expression(); err == nil {
				err = p.expect(")")
			}
		case p.acceptWords("IGNORE", "NULLS"), p.acceptWords("RESPECT", "NULLS"):
			e.call.nulls = p.since(start)
		case p.peekWord(0, "OVER"):
			p.i++
			if p.nameAt(0) {
				p.i++
				e.call.over = &window{}
				continue
			}
			e.call.over, err = p.window()
		default:
			return nil
		}
	}
	return err
}

// window reads (PARTITION BY … ORDER BY … frame).
func (p *parser) window() (*window, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	w := &window{}
	var err error
	if p.nameAt(0) && !p.peekWord(0, "PARTITION", "ROWS", "RANGE", "GROUPS") {
		p.i++
	}
	if p.acceptWords("PARTITION", "BY") {
		if w.partition, err = p.expressions(); err != nil {
			return nil, err
		}
	}
	if p.peekWord(0, "ORDER") {
		if w.order, _, err = p.orderBy(); err != nil {
			return nil, err
		}
	}
	for !p.peekIs(0, ")") { // the frame
		if p.acceptWord("ROWS", "RANGE", "GROUPS", "BETWEEN", "UNBOUNDED", "PRECEDING", "FOLLOWING", "AND", "EXCLUDE", "TIES", "OTHERS", "NO", "GROUP") ||
			p.acceptWords("CURRENT", "ROW") {
			continue
		}
		bound, err := p.binary(0)
		if err != nil {
			return nil, err
		}
		w.frame = append(w.frame, bound)
	}
	return w, p.expect(")")
}

func (p *parser) expressions() ([]*expr, error) {
	var list []*expr
	for {
		e, err := p.expression()
		if err != nil {
			return nil, err
		}
		list = append(list, e)
		if !p.accept(",") {
			return list, nil
		}
	}
}

// orderBy reads ORDER BY with its items.
func (p *parser) orderBy() ([]*expr, extent, error) {
	start := p.peek(0).Offset
	for _, word := range []string{"ORDER", "BY"} {
		if err := p.expectWord(word); err != nil {
			return nil, extent{}, err
		}
	}
	var list []*expr
	for {
		e, err := p.expression()
		if err != nil {
			return nil, extent{}, err
		}
		list = append(list, e)
		p.acceptWord("ASC", "DESC")
		if p.acceptWord("NULLS") {
			p.acceptWord("FIRST", "LAST")
		}
		if !p.accept(",") {
			return list, p.since(start), nil
		}
	}
}
