package dialect

import "strings"

// sources reads what follows FROM.
func (p *parser) sources() ([]*source, error) {
	var list []*source
	for {
		s, err := p.joined()
		if err != nil {
			return nil, err
		}
		list = append(list, s)
		if !p.accept(",") {
			return list, nil
		}
		if p.done() || p.peekWord(0, "WHERE", "GROUP", "ORDER", "LIMIT") {
			return nil, p.unexpected("a table")
		}
	}
}

func (p *parser) joined() (*source, error) {
	left, err := p.table()
	for err == nil {
		j := &source{kind: joinSource, left: left}
		start := p.i
		j.natural = p.acceptWord("NATURAL")
		p.acceptWord("ASOF", "POSITIONAL")
		cross := p.acceptWord("CROSS")
		if !cross && !p.acceptWord("INNER", "SEMI", "ANTI") {
			j.outer = p.acceptWord("LEFT", "RIGHT", "FULL")
			p.acceptWord("OUTER")
		}
		if !p.acceptWord("JOIN") {
			p.i = start
			return left, nil
		}
		if j.right, err = p.table(); err != nil {
			return nil, err
		}
		if !cross && !j.natural {
			// a JOIN b JOIN c ON … ON …: the inner one comes first.
			if p.peekWord(0, "JOIN", "INNER", "LEFT", "RIGHT", "FULL") && !p.joinCondition() {
				return nil, p.unexpected("ON")
			}
			switch {
			case p.acceptWord("ON"):
				j.on, err = p.expression()
			case p.acceptWord("USING"):
				j.using, err = p.names()
			}
		}
		j.extent = p.since(left.start)
		left = j
	}
	return left, err
}

func (p *parser) joinCondition() bool { return p.peekWord(0, "ON", "USING") }

// table reads one source with its alias and sample.
func (p *parser) table() (*source, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	start := p.peek(0).Offset
	s := &source{}
	s.lateral = p.acceptWord("LATERAL")
	if err := p.tablePrimary(s); err != nil {
		return nil, err
	}
	aliasStart := p.peek(0).Offset
	switch {
	case p.acceptWord("AS"):
		n, err := p.name("an alias")
		if err != nil {
			return nil, err
		}
		s.alias = &n
	case p.aliasAt(0):
		n := p.takeName()
		s.alias = &n
	}
	if s.alias != nil {
		if p.peekIs(0, "(") {
			var err error
			if s.columns, err = p.names(); err != nil {
				return nil, err
			}
		}
		s.aliasAt = p.since(aliasStart)
	}
	if p.peekWord(0, "TABLESAMPLE") {
		at := p.peek(0).Offset
		p.i++
		for !p.done() && !p.peekIs(0, "(") {
			p.i++
		}
		s.sample = p.since(at)
		for !p.done() && !p.accept(")") {
			if p.peekWord(0, "PERCENT", "ROWS") || p.peekIs(0, "%") {
				s.sample = extent{}
			} else if p.peek(0).Kind == Number && s.sample.end > 0 {
				s.sample = p.peek(0).extent() // Trino's is a percentage
			}
			p.i++
		}
	}
	s.extent = p.since(start)
	return s, nil
}

func (p *parser) tablePrimary(s *source) (err error) {
	t := p.peek(0)
	switch {
	case p.peekWord(0, "UNNEST") && p.peekIs(1, "("):
		s.kind = unnestSource
		p.i += 2
		if s.args, err = p.expressions(); err != nil {
			return err
		}
		if err = p.expect(")"); err == nil && p.acceptWords("WITH", "ORDINALITY") {
			s.ordinality = true
		}
		s.callAt = p.since(t.Offset)
		return err
	case p.peekIs(0, "("):
		if p.startsQuery() && p.wholeQuery() {
			s.kind = querySource
			p.i++
			if s.query, err = p.query(); err != nil {
				return err
			}
			return p.expect(")")
		}
		s.kind = parenSource
		p.i++
		if s.left, err = p.joined(); err != nil {
			return err
		}
		return p.expect(")")
	case p.peekWord(0, "VALUES"):
		return p.fail(t, "VALUES needs parentheses here", "write (VALUES …) AS t(a, b)")
	}
	if p.tableName(s) {
		return p.asOf(s)
	}
	if !p.nameAt(0) && !p.peekWord(0, "GROUPING") {
		return p.unexpected("a table")
	}
	s.name = p.dotted()
	s.nameAt = p.since(t.Offset)
	if p.peekIs(0, "(") { // a table function
		s.kind = functionSource
		p.i++
		for !p.accept(")") {
			if len(s.args) > 0 {
				if err := p.expect(","); err != nil {
					return err
				}
			}
			if p.nameAt(0) && (p.peekIs(1, ":=") || p.peekIs(1, "=>") || p.peekIs(1, "=")) {
				p.i += 2
			}
			a, err := p.expression()
			if err != nil {
				return err
			}
			s.args = append(s.args, a)
		}
		if p.acceptWords("WITH", "ORDINALITY") {
			s.ordinality = true
		}
		return nil
	}
	return p.asOf(s)
}

// wholeQuery tells ((SELECT …) UNION …) from ((SELECT …) a JOIN b): it reads
// ahead and puts the parser back.
func (p *parser) wholeQuery() bool {
	if !p.peekIs(1, "(") {
		return true
	}
	saved := *p
	defer func() { *p = saved }()
	p.i++
	_, err := p.query()
	return err == nil && p.peekIs(0, ")")
}

// asOf reads FOR TIMESTAMP AS OF x.
func (p *parser) asOf(s *source) error {
	start := p.peek(0).Offset
	if !p.acceptWord("FOR") {
		return nil
	}
	p.acceptWord("SYSTEM_TIME", "SYSTEM_VERSION")
	s.version = "TIMESTAMP"
	if i := p.i - 1; strings.EqualFold(p.tokens[i].Text, "SYSTEM_VERSION") || p.peekWord(0, "VERSION") {
		s.version = "VERSION"
	}
	p.acceptWord("TIMESTAMP", "VERSION")
	if !p.acceptWords("AS", "OF") {
		return p.unexpected("AS OF")
	}
	var err error
	s.versionIs, err = p.binary(0)
	s.versionAt = p.since(start)
	return err
}
