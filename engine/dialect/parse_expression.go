package dialect

import "strings"

// expression reads one, with OR as its loosest operator.
func (p *parser) expression() (*expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	return p.logic("OR", func() (*expr, error) { return p.logic("AND", p.negation) })
}

func (p *parser) logic(op string, operand func() (*expr, error)) (*expr, error) {
	left, err := operand()
	for err == nil && p.peekWord(0, op) {
		at := p.peek(0).extent()
		p.i++
		var right *expr
		if right, err = operand(); err == nil {
			left = &expr{extent: p.since(left.start), kind: logicExpr, op: op, args: []*expr{left, right}, opAt: at}
		}
	}
	return left, err
}

func (p *parser) negation() (*expr, error) {
	if !p.peekWord(0, "NOT") {
		return p.predicate()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	t := p.peek(0)
	p.i++
	e, err := p.negation()
	if err != nil {
		return nil, err
	}
	return &expr{extent: p.since(t.Offset), kind: logicExpr, op: "NOT", args: []*expr{e}, opAt: t.extent()}, nil
}

var comparisons = map[string]bool{"=": true, "<>": true, "!=": true, "<": true, "<=": true, ">": true, ">=": true}

func (p *parser) predicate() (*expr, error) {
	left, err := p.binary(0)
	for err == nil {
		t := p.peek(0)
		e := &expr{args: []*expr{left}, opAt: t.extent()}
		switch {
		case t.Kind == Operator && comparisons[t.Text]:
			p.i++
			e.kind, e.op = compareExpr, t.Text
			if p.peekWord(0, "ALL", "ANY", "SOME") && p.peekIs(1, "(") {
				p.i += 2
				if p.startsQuery() {
					e.query, err = p.query()
				} else {
					var list *expr
					list, err = p.expression()
					e.args, e.kind = append(e.args, list), opaqueExpr
				}
				if err == nil {
					err = p.expect(")")
				}
			} else {
				var right *expr
				right, err = p.binary(0)
				e.args = append(e.args, right)
			}
		case p.peekWord(0, "IS"):
			p.i++
			e.kind, e.not = isExpr, p.acceptWord("NOT")
			switch {
			case p.acceptWords("DISTINCT", "FROM"):
				var right *expr
				e.op = "DISTINCT"
				right, err = p.binary(0)
				e.args = append(e.args, right)
			case p.peekWord(0, "NULL", "TRUE", "FALSE", "UNKNOWN", "JSON"):
				e.op = strings.ToUpper(p.peek(0).Text)
				p.i++
			default:
				return nil, p.unexpected("NULL or DISTINCT FROM")
			}
		case p.peekWord(0, "ISNULL", "NOTNULL"):
			p.i++
			e.kind, e.op = isExpr, "NULL"
		default:
			n := 0
			if p.peekWord(0, "NOT") {
				n, e.not = 1, true
			}
			if !p.peekWord(n, "BETWEEN", "IN", "LIKE", "ILIKE", "SIMILAR", "GLOB") {
				return left, nil
			}
			p.i += n
			err = p.wordPredicate(e)
		}
		if err != nil {
			return nil, err
		}
		e.extent = p.since(left.start)
		left = e
	}
	return left, err
}

// wordPredicate reads BETWEEN, IN and LIKE behind their left side.
func (p *parser) wordPredicate(e *expr) (err error) {
	e.op, e.opAt = strings.ToUpper(p.peek(0).Text), p.peek(0).extent()
	p.i++
	operand := func() {
		if err == nil {
			var o *expr
			o, err = p.binary(0)
			e.args = append(e.args, o)
		}
	}
	switch e.op {
	case "BETWEEN":
		e.kind = betweenExpr
		p.acceptWord("SYMMETRIC", "ASYMMETRIC")
		operand()
		if err == nil {
			err = p.expectWord("AND")
		}
		operand()
	case "IN":
		e.kind = inExpr
		if !p.peekIs(0, "(") { // IN list, as DuckDB has it
			operand()
			return err
		}
		p.i++
		if p.startsQuery() {
			if e.query, err = p.query(); err != nil {
				return err
			}
			return p.expect(")")
		}
		for err == nil {
			var o *expr
			o, err = p.expression()
			e.args = append(e.args, o)
			if !p.accept(",") {
				break
			}
		}
		if err == nil {
			err = p.expect(")")
		}
	default:
		e.kind = likeExpr
		if e.op == "SIMILAR" {
			p.acceptWord("TO")
		}
		operand()
		if err == nil && p.acceptWord("ESCAPE") {
			operand()
		}
	}
	return err
}

// binaryLevels are the operators between predicates and signs, loosest first.
// Those of DuckDB alone stand with ||.
var binaryLevels = []map[string]bool{
	{"||": true, "->": true, "->>": true, "~": true, "!~": true, "~~": true, "@>": true, "<@": true, "&&": true, "^@": true, "&": true, "|": true},
	{"+": true, "-": true},
	{"*": true, "/": true, "%": true, "//": true},
	{"**": true, "^": true},
}

func (p *parser) binary(level int) (*expr, error) {
	if level == len(binaryLevels) {
		return p.signed()
	}
	left, err := p.binary(level + 1)
	for err == nil {
		t := p.peek(0)
		if t.Kind != Operator || !binaryLevels[level][t.Text] {
			return left, nil
		}
		p.i++
		var right *expr
		if right, err = p.binary(level + 1); err == nil {
			left = &expr{extent: p.since(left.start), kind: binaryExpr, op: t.Text, args: []*expr{left, right}, opAt: t.extent()}
		}
	}
	return left, err
}

func (p *parser) signed() (*expr, error) {
	t := p.peek(0)
	if !t.is("-") && !t.is("+") && !t.is("~") && !t.is("@") {
		return p.postfix()
	}
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	p.i++
	e, err := p.signed()
	if err != nil {
		return nil, err
	}
	return &expr{extent: p.since(t.Offset), kind: unaryExpr, op: t.Text, args: []*expr{e}, opAt: t.extent()}, nil
}

// postfix reads subscripts, members, ::casts and AT TIME ZONE.
func (p *parser) postfix() (*expr, error) {
	e, err := p.primary()
	for err == nil {
		t := p.peek(0)
		switch {
		case t.is("["):
			e, err = p.subscript(e)
		case t.is(".") && p.memberAt(1):
			p.i++
			e = &expr{kind: memberExpr, args: []*expr{e}, parts: p.dotted()}
			e.extent = p.since(e.args[0].start)
			if p.peekIs(0, "(") { // a method call, as DuckDB has it
				return nil, p.unexpected("an operator")
			}
		case t.is("::"):
			p.i++
			at := p.peek(0).Offset
			name, ok := p.tryType()
			if !ok {
				return nil, p.unexpected("a type")
			}
			e = &expr{extent: p.since(e.start), kind: castExpr, op: "CAST", syntax: "::", args: []*expr{e}, typ: name, typAt: p.since(at)}
		case t.is("AT") && p.peekWord(1, "TIME") && p.peekWord(2, "ZONE"):
			p.i += 3
			var zone *expr
			if zone, err = p.primary(); err == nil {
				e = &expr{extent: p.since(e.start), kind: zoneExpr, args: []*expr{e, zone}, opAt: t.extent()}
			}
		case t.is("COLLATE"):
			p.i += 2
			e = &expr{extent: p.since(e.start), kind: opaqueExpr, args: []*expr{e}}
		default:
			return e, nil
		}
	}
	return nil, err
}

func (p *parser) subscript(list *expr) (*expr, error) {
	p.i++
	e := &expr{kind: subscriptExpr, args: []*expr{list}}
	if !p.peekIs(0, ":") {
		index, err := p.expression()
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, index)
	}
	for p.accept(":") || p.accept("::") { // a slice, as DuckDB has it
		e.kind = opaqueExpr
		if p.peekIs(0, "]") || p.peekIs(0, ":") || p.accept("-") {
			continue
		}
		bound, err := p.expression()
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, bound)
	}
	if err := p.expect("]"); err != nil {
		return nil, err
	}
	e.extent = p.since(list.start)
	return e, nil
}
