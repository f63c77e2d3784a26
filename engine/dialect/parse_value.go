package dialect

import (
	"strconv"
	"strings"
)

// valueWords are functions without parentheses.
var valueWords = map[string]TypeKind{"CURRENT_DATE": Date, "CURRENT_TIME": Time, "CURRENT_TIMESTAMP": TimestampTZ, "LOCALTIME": Time, "LOCALTIMESTAMP": Timestamp, "CURRENT_USER": Text}

func (p *parser) primary() (*expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	t := p.peek(0)
	one := func(kind exprKind) *expr {
		p.i++
		return &expr{extent: t.extent(), kind: kind, text: t.value()}
	}
	switch t.Kind {
	case String:
		return one(stringExpr), nil
	case Number:
		e := one(literalExpr)
		e.op, e.text = "number", t.Text
		return e, nil
	case Parameter:
		e := one(parameterExpr)
		p.countParameter(t)
		return e, nil
	case QuotedName, BacktickName:
		return p.column()
	case Operator:
		switch t.Text {
		case "(":
			return p.parenthesis()
		case "*":
			e := one(starExpr)
			return e, nil
		case "[":
			return p.list(t.Offset)
		case "{":
			return p.structure()
		}
	case Word:
		return p.word()
	}
	return nil, p.unexpected("an expression")
}

func (p *parser) countParameter(t Token) {
	if n, err := strconv.Atoi(strings.TrimPrefix(t.Text, "$")); err == nil {
		p.parameters = max(p.parameters, n)
	} else if t.Text == "?" {
		p.parameters++
		p.marks = append(p.marks, t.Offset)
	}
}

func (p *parser) word() (*expr, error) {
	t, next := p.peek(0), p.peek(1)
	word := strings.ToUpper(t.Text)
	switch {
	case next.Kind == String && next.Text[0] == '\'' && literalTypes[word]:
		p.i += 2
		return &expr{extent: p.since(t.Offset), kind: typedExpr, op: word, text: next.value()}, nil
	case word == "INTERVAL" && (next.Kind == String || next.Kind == Number || next.is("-") || next.is("+") || next.is("(")):
		return p.interval()
	case word == "TRUE" || word == "FALSE" || word == "NULL":
		p.i++
		return &expr{extent: t.extent(), kind: literalExpr, op: strings.ToLower(word)}, nil
	case valueWords[word] != Unknown && !next.is("."):
		p.i++
		if p.accept("(") { // a precision
			for !p.done() && !p.accept(")") {
				p.i++
			}
		}
		return &expr{extent: p.since(t.Offset), kind: literalExpr, op: word}, nil
	case (word == "CAST" || word == "TRY_CAST") && next.is("("):
		return p.cast(word)
	case word == "CASE":
		return p.cases()
	case word == "EXISTS" && next.is("("):
		p.i += 2
		q, err := p.query()
		if err != nil {
			return nil, err
		}
		if err := p.expect(")"); err != nil {
			return nil, err
		}
		return &expr{kind: existsExpr, query: q, extent: p.since(t.Offset)}, nil
	case word == "EXTRACT" && next.is("("):
		return p.extract()
	case word == "ROW" && next.is("("):
		p.i++
		e, err := p.parenthesis()
		if err != nil {
			return nil, err
		}
		if e.kind != rowExpr {
			e = &expr{kind: rowExpr, args: []*expr{e.args[0]}}
		}
		e.op, e.extent = "ROW", p.since(t.Offset)
		return e, nil
	case word == "ARRAY" && next.is("["):
		p.i++
		return p.list(t.Offset)
	case word == "ARRAY" && next.is("("):
		p.i += 2
		if p.startsQuery() {
			q, err := p.query()
			if err != nil {
				return nil, err
			}
			if err := p.expect(")"); err != nil {
				return nil, err
			}
			return &expr{kind: opaqueExpr, query: q, extent: p.since(t.Offset)}, nil
		}
		p.i -= 2
	case word == "MAP" && next.is("{"):
		p.i++
		return p.structure()
	case word == "LAMBDA" && p.nameAt(1):
		return p.pythonLambda()
	case reserved[word] && !(next.is("(") && (word == "GROUPING" || word == "LEFT" || word == "RIGHT" || word == "UNNEST")):
		return nil, p.unexpected("an expression")
	}
	if next.is("->") && !p.jsonPathAt(2) && p.nameAt(0) {
		return p.lambda()
	}
	return p.column()
}

// literalTypes are those with literals: TYPE 'text'.
var literalTypes = wordSet(`DATE TIME TIMESTAMP TIMESTAMPTZ DATETIME DECIMAL DOUBLE REAL BIGINT INTEGER SMALLINT TINYINT
	JSON VARCHAR CHAR IPADDRESS IPPREFIX UUID BOOLEAN X`)

func (p *parser) jsonPathAt(n int) bool {
	k := p.peek(n).Kind
	return k == String || k == Number
}

func (p *parser) lambda() (*expr, error) {
	name := p.takeName()
	p.i++
	body, err := p.expression()
	if err != nil {
		return nil, err
	}
	return &expr{extent: p.since(name.start), kind: lambdaExpr, parts: []part{name}, args: []*expr{body}}, nil
}

// pythonLambda reads LAMBDA x, y: expression, as DuckDB has it.
func (p *parser) pythonLambda() (*expr, error) {
	start := p.peek(0).Offset
	p.i++
	e := &expr{kind: lambdaExpr, op: "LAMBDA"}
	for p.nameAt(0) {
		e.parts = append(e.parts, p.takeName())
		if !p.accept(",") {
			break
		}
	}
	if err := p.expect(":"); err != nil {
		return nil, err
	}
	body, err := p.expression()
	if err != nil {
		return nil, err
	}
	e.args, e.extent = []*expr{body}, p.since(start)
	return e, nil
}

// lambdaAhead: (a, b) -> or () ->.
func (p *parser) lambdaAhead() bool {
	n := 1
	for p.nameAt(n) || p.peekIs(n, ",") {
		n++
	}
	return p.peekIs(n, ")") && p.peekIs(n+1, "->") && !p.jsonPathAt(n+2)
}

func (p *parser) parenthesis() (*expr, error) {
	start := p.peek(0).Offset
	if p.lambdaAhead() {
		e := &expr{kind: lambdaExpr}
		for p.i++; !p.accept(")"); {
			if !p.accept(",") {
				e.parts = append(e.parts, p.takeName())
			}
		}
		p.i++
		body, err := p.expression()
		if err != nil {
			return nil, err
		}
		e.args, e.extent = []*expr{body}, p.since(start)
		return e, nil
	}
	p.i++
	if p.startsQuery() {
		q, err := p.query()
		if err != nil {
			return nil, err
		}
		if err := p.expect(")"); err != nil {
			return nil, err
		}
		return &expr{extent: p.since(start), kind: queryExpr, query: q}, nil
	}
	e := &expr{kind: parenExpr}
	for !p.accept(")") {
		if len(e.args) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
			e.kind = rowExpr
		}
		member, err := p.expression()
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, member)
	}
	if len(e.args) == 0 {
		e.kind = rowExpr
	}
	e.extent = p.since(start)
	return e, nil
}

// list reads [a, b], or what follows ARRAY.
func (p *parser) list(start int) (*expr, error) {
	p.i++
	e := &expr{kind: arrayExpr}
	for !p.accept("]") {
		if len(e.args) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		member, err := p.expression()
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, member)
		if p.acceptWord("FOR") { // a list comprehension, as DuckDB has it
			return nil, p.fail(p.tokens[p.i-1], "list comprehensions are not Athena's", "write transform(list, x -> …), or use the dialect duckdb")
		}
	}
	e.extent = p.since(start)
	return e, nil
}

// structure reads {'a': 1} and MAP {'a': 1}, as DuckDB has them.
func (p *parser) structure() (*expr, error) {
	start := p.peek(0).Offset
	p.i++
	e := &expr{kind: opaqueExpr}
	for !p.accept("}") {
		if len(e.args) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		if p.peekIs(1, ":") {
			p.i++
		} else if _, err := p.expression(); err != nil {
			return nil, err
		}
		if err := p.expect(":"); err != nil {
			return nil, err
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		e.args = append(e.args, value)
	}
	e.extent = p.since(start)
	return e, nil
}

func (p *parser) interval() (*expr, error) {
	start := p.peek(0).Offset
	p.i++
	e := &expr{kind: intervalExpr}
	sign := p.i
	if p.accept("-") || p.accept("+") {
		e.text = p.tokens[sign].Text
	}
	quantity, err := p.primary()
	if err != nil {
		return nil, err
	}
	e.args = []*expr{quantity}
	if t := p.peek(0); t.Kind == Word && intervalUnits[strings.ToLower(strings.TrimSuffix(strings.ToLower(t.Text), "s"))] {
		e.op = strings.TrimSuffix(strings.ToLower(t.Text), "s")
		p.i++
		if p.acceptWord("TO") {
			p.i++
			e.op = ""
		}
	}
	e.extent = p.since(start)
	return e, nil
}

var intervalUnits = map[string]bool{"millisecond": true, "second": true, "minute": true, "hour": true, "day": true, "week": true, "month": true, "quarter": true, "year": true}

func (p *parser) cast(op string) (*expr, error) {
	start := p.peek(0).Offset
	p.i += 2
	e := &expr{kind: castExpr, op: op}
	value, err := p.expression()
	if err != nil {
		return nil, err
	}
	e.args = []*expr{value}
	if err := p.expectWord("AS"); err != nil {
		return nil, err
	}
	at := p.peek(0).Offset
	name, ok := p.tryType()
	if !ok {
		return nil, p.unexpected("a type")
	}
	e.typ, e.typAt = name, p.since(at)
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	e.extent = p.since(start)
	return e, nil
}

func (p *parser) cases() (*expr, error) {
	e := &expr{kind: caseExpr, args: []*expr{nil}}
	start := p.peek(0).Offset
	p.i++
	read := func() (err error) {
		var o *expr
		o, err = p.expression()
		e.args = append(e.args, o)
		return err
	}
	if !p.peekWord(0, "WHEN") {
		operand, err := p.expression()
		if err != nil {
			return nil, err
		}
		e.args[0] = operand
	}
	for p.acceptWord("WHEN") {
		if err := read(); err != nil {
			return nil, err
		}
		if err := p.expectWord("THEN"); err != nil {
			return nil, err
		}
		if err := read(); err != nil {
			return nil, err
		}
	}
	if p.acceptWord("ELSE") {
		if err := read(); err != nil {
			return nil, err
		}
	}
	if err := p.expectWord("END"); err != nil {
		return nil, err
	}
	e.extent = p.since(start)
	return e, nil
}

func (p *parser) extract() (*expr, error) {
	start := p.peek(0).Offset
	p.i += 2
	e := &expr{kind: extractExpr}
	t := p.peek(0)
	if t.Kind != Word && t.Kind != String {
		return nil, p.unexpected("a unit of time")
	}
	e.op, e.opAt = strings.ToLower(t.value()), t.extent()
	p.i++
	if err := p.expectWord("FROM"); err != nil {
		return nil, err
	}
	value, err := p.expression()
	if err != nil {
		return nil, err
	}
	e.args = []*expr{value}
	if err := p.expect(")"); err != nil {
		return nil, err
	}
	e.extent = p.since(start)
	return e, nil
}
