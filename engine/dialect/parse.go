package dialect

import (
	"fmt"
	"strings"
)

// parser reads Trino's grammar of queries, and what DuckDB adds to it as far as
// people mix the two. It is lenient: the engine has the last word on what is
// valid, the parser only has to know which part of the text is what.
type parser struct {
	sql     string
	tokens  []Token // significant ones
	i       int
	limit   int // end of the text
	dialect Dialect
	depth   int
	// parameters counts ? and the highest $N.
	parameters int
	marks      []int // offsets of the ?
	err        error
}

// maxDepth of nested expressions: far beyond what people write, well within the
// stack.
const maxDepth = 500

func significantTokens(sql string) ([]Token, error) {
	all, err := Tokens(sql)
	if err != nil {
		return nil, err
	}
	tokens := make([]Token, 0, len(all))
	for _, t := range all {
		if t.significant() {
			tokens = append(tokens, t)
		}
	}
	return tokens, nil
}

func (t Token) end() int       { return t.Offset + len(t.Text) }
func (t Token) extent() extent { return extent{t.Offset, t.end()} }

func (p *parser) peek(n int) Token {
	if p.i+n < len(p.tokens) {
		return p.tokens[p.i+n]
	}
	return Token{Kind: Space, Offset: p.limit}
}

func (p *parser) done() bool { return p.i >= len(p.tokens) }

func (p *parser) peekIs(n int, operator string) bool {
	t := p.peek(n)
	return t.Kind == Operator && t.Text == operator
}

func (p *parser) peekWord(n int, words ...string) bool {
	t := p.peek(n)
	if t.Kind != Word {
		return false
	}
	for _, w := range words {
		if strings.EqualFold(t.Text, w) {
			return true
		}
	}
	return false
}

func (p *parser) accept(operator string) bool {
	if p.peekIs(0, operator) {
		p.i++
		return true
	}
	return false
}

func (p *parser) acceptWord(words ...string) bool {
	if p.peekWord(0, words...) {
		p.i++
		return true
	}
	return false
}

// acceptWords takes all of the words or none.
func (p *parser) acceptWords(words ...string) bool {
	for n, w := range words {
		if !p.peekWord(n, w) {
			return false
		}
	}
	p.i += len(words)
	return true
}

// behind is the end of the last token that was read.
func (p *parser) behind() int {
	n := min(p.i, len(p.tokens))
	if n == 0 {
		return 0
	}
	return p.tokens[n-1].end()
}

func (p *parser) since(start int) extent { return extent{start, max(start, p.behind())} }

func (p *parser) fail(at Token, message, hint string) error {
	if p.err == nil {
		p.err = errorAt(p.sql, at.Offset, message, hint)
	}
	return p.err
}

// unexpected is the error for what stands at the parser's place.
func (p *parser) unexpected(wanted string) error {
	t := p.peek(0)
	if t.Kind == Space {
		return p.fail(t, "the statement ends too early", "expected "+wanted)
	}
	return p.fail(t, fmt.Sprintf("syntax error at %q", shorten(t.Text)), p.syntaxHint(wanted))
}

// syntaxHint knows what people get wrong.
func (p *parser) syntaxHint(wanted string) string {
	t := p.peek(0)
	word := strings.ToUpper(t.Text)
	var before Token
	if p.i > 0 {
		before = p.tokens[p.i-1]
	}
	switch {
	case t.Kind == Word && before.Kind == Word && strings.EqualFold(before.Text, t.Text):
		return word + " stands there twice"
	case word == "ORDERBY" || word == "GROUPBY":
		return "write " + word[:5] + " BY"
	case t.is("=") && before.is("="):
		return "write a single ="
	case before.is(",") && reserved[word]:
		return "remove the comma before " + word
	case t.Kind == QuotedName && wanted == "an expression":
		return "write text in single quotes"
	}
	for keyword := range strings.FieldsSeq("BY ORDER GROUP LIMIT WHERE HAVING FROM") {
		if n := len(before.Text) - len(keyword); before.Kind == Word && n > 2 && strings.EqualFold(before.Text[n:], keyword) {
			return fmt.Sprintf("is a blank missing in %q?", shorten(before.Text))
		}
	}
	return "expected " + wanted
}

func shorten(s string) string {
	if runes := []rune(s); len(runes) > 40 {
		return string(runes[:40]) + "…"
	}
	return s
}

func (p *parser) expect(operator string) error {
	if !p.accept(operator) {
		return p.unexpected(operator)
	}
	return nil
}

func (p *parser) expectWord(word string) error {
	if !p.acceptWord(word) {
		return p.unexpected(word)
	}
	return nil
}

// enter guards against texts that nest too deep; the caller calls leave.
func (p *parser) enter() error {
	p.depth++
	if p.depth > maxDepth {
		return p.fail(p.peek(0), "the statement nests too deep", "")
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

// reserved words of Trino are no names. QUALIFY and LIMIT, which Trino allows as
// names, are not taken for an alias either.
var reserved = wordSet(`ALTER AND AS BETWEEN BY CASE CAST CONSTRAINT CREATE CROSS CUBE CURRENT_DATE CURRENT_TIME
	CURRENT_TIMESTAMP CURRENT_USER DEALLOCATE DELETE DESCRIBE DISTINCT DROP ELSE END ESCAPE EXCEPT EXECUTE EXISTS
	EXTRACT FALSE FOR FROM FULL GROUP GROUPING HAVING IN INNER INSERT INTERSECT INTO IS JOIN LEFT LIKE LOCALTIME
	LOCALTIMESTAMP NATURAL NOT NULL ON OR ORDER OUTER PREPARE RECURSIVE RIGHT ROLLUP SELECT TABLE THEN TRUE UESCAPE
	UNION UNNEST USING VALUES WHEN WHERE WITH`)

// notAlias are words that can follow a table or an expression.
var notAlias = wordSet(`LIMIT OFFSET FETCH WINDOW QUALIFY TABLESAMPLE SAMPLE ILIKE SIMILAR GLOB ISNULL NOTNULL COLLATE ASOF
	POSITIONAL ANTI SEMI LATERAL PIVOT UNPIVOT AT ASC DESC NULLS FILTER WITHIN OVER IGNORE RESPECT ROWS RANGE
	GROUPS SETS ORDERBY GROUPBY RETURNING`)

// duckReserved are words that are names for Trino and not for DuckDB.
var duckReserved = wordSet(`ALL ANALYSE ANALYZE ANY ARRAY ASC ASYMMETRIC BOTH CHECK COLLATE COLUMN DEFAULT DEFERRABLE
	DESC DO FETCH FOREIGN INITIALLY LAMBDA LATERAL LEADING LIMIT OFFSET ONLY PIVOT PIVOT_LONGER PIVOT_WIDER PLACING
	PRIMARY QUALIFY REFERENCES RETURNING SHOW SOME SUMMARIZE SYMMETRIC TO TRAILING UNIQUE UNPIVOT VARIADIC WINDOW
	ASOF AT GLOB ILIKE ISNULL NOTNULL OVERLAPS POSITIONAL SEMI ANTI SIMILAR TABLESAMPLE VERBOSE`)

// nameAt reports whether token n can be a name.
func (p *parser) nameAt(n int) bool {
	t := p.peek(n)
	switch t.Kind {
	case QuotedName, BacktickName:
		return true
	case Word:
		return !reserved[strings.ToUpper(t.Text)]
	}
	return false
}

// memberAt: behind a dot any word is a name.
func (p *parser) memberAt(n int) bool {
	k := p.peek(n).Kind
	return k == Word || k == QuotedName || k == BacktickName
}

// takeName reads the token as a name.
func (p *parser) takeName() part {
	t := p.peek(0)
	p.i++
	return part{t.extent(), t.spelling(), t.Kind != Word}
}

func (p *parser) name(what string) (part, error) {
	if !p.nameAt(0) {
		return part{}, p.unexpected(what)
	}
	return p.takeName(), nil
}

// dotted reads a.b.c; a backticked `a.b` is two parts, as CloudWatch has it.
func (p *parser) dotted() []part {
	parts := p.splitBackticks(p.takeName(), p.tokens[p.i-1])
	for p.peekIs(0, ".") && p.memberAt(1) {
		p.i++
		parts = append(parts, p.splitBackticks(p.takeName(), p.tokens[p.i-1])...)
	}
	return parts
}

func (p *parser) splitBackticks(n part, t Token) []part {
	if t.Kind != BacktickName || !strings.Contains(n.text, ".") {
		return []part{n}
	}
	var parts []part
	for text := range strings.SplitSeq(n.text, ".") {
		parts = append(parts, part{n.extent, text, true})
	}
	return parts
}

// names reads (a, b).
func (p *parser) names() ([]part, error) {
	if err := p.expect("("); err != nil {
		return nil, err
	}
	var names []part
	for {
		if !p.memberAt(0) {
			return nil, p.unexpected("a name")
		}
		names = append(names, p.takeName())
		if p.accept(",") {
			continue
		}
		return names, p.expect(")")
	}
}
