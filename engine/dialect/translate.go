package dialect

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Translate rewrites one statement; a semicolon behind it is allowed. The error
// is an *Error.
func Translate(sql string, o Options) (*Statement, error) {
	if offset := firstBadByte(sql); offset >= 0 {
		return nil, errorAt(sql, offset, "the statement is not UTF-8 text", "")
	}
	tokens, err := significantTokens(sql)
	if err != nil {
		return nil, err
	}
	for len(tokens) > 0 && tokens[len(tokens)-1].is(";") {
		tokens = tokens[:len(tokens)-1]
	}
	for i, t := range tokens {
		if t.is(";") && i+1 < len(tokens) {
			return nil, errorAt(sql, tokens[i+1].Offset, "more than one statement", "run them one at a time")
		}
	}
	if len(tokens) == 0 {
		return nil, errorAt(sql, 0, "no statement", "")
	}
	if o.Relations == nil {
		o.Relations = standardRelations()
	}
	if o.Table == "" {
		o.Table = DefaultTable
		if o.Dialect == Lake {
			o.Table = LakeTable
		}
	}
	t := &translation{Statement: Statement{source: sql}, options: o, tokens: tokens}
	if err := t.statement(); err != nil {
		return nil, err
	}
	return &t.Statement, nil
}

// firstBadByte is the offset of the first byte that is not UTF-8 or is zero, or
// -1. Engines written in C disagree with us about where such a text ends.
func firstBadByte(s string) int {
	for i, r := range s {
		if r == 0 {
			return i
		}
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(s[i:]); size == 1 {
				return i
			}
		}
	}
	return -1
}

// translation of one statement.
type translation struct {
	Statement
	options Options
	tokens  []Token // significant ones, without the semicolon
}

func (t *translation) fail(at Token, message, hint string) error {
	return errorAt(t.source, at.Offset, message, hint)
}

// query translates the tokens from lo on, which are a query, up to hi.
func (t *translation) query(lo, hi int) error {
	if lo >= hi {
		return t.fail(t.tokens[lo-1], "a query has to follow", "")
	}
	start, end := t.tokens[lo].Offset, t.tokens[hi-1].end()
	t.Source = t.source[start:end]
	edits, err := completeFrom(t.source, t.tokens[lo:hi], t.options.Table)
	if err != nil && t.options.Target == ForDuckDB {
		return err
	}
	completed, spans := applyEdits(t.source, start, end, edits)
	t.SQL, t.spans = completed, spans
	if t.options.Dialect == DuckDB {
		return t.countParameters(lo, hi)
	}
	err = t.translate(completed)
	var e *Error
	if errors.As(err, &e) { // its place is in the completed text
		e.offset = sourceOffset(spans, e.offset)
		e.Line, e.Column = Position(t.source, e.offset)
	}
	return err
}

// countParameters is for queries that nobody parses.
func (t *translation) countParameters(lo, hi int) error {
	p := parser{sql: t.source}
	for _, token := range t.tokens[lo:hi] {
		if token.Kind == Parameter {
			p.countParameter(token)
		}
	}
	t.Parameters, t.Marks = p.parameters, p.marks
	return nil
}

// translate parses the completed text and writes it anew.
func (t *translation) translate(text string) error {
	tokens, err := significantTokens(text)
	if err != nil {
		return err
	}
	p := &parser{sql: text, tokens: tokens, limit: len(text), dialect: t.options.Dialect}
	q, err := p.query()
	if err == nil && !p.done() {
		err = p.unexpected("the end of the statement")
	}
	if err != nil {
		if t.options.Target == ForTrino && len(t.options.Literals) == 0 && startsQuery(tokens) {
			return nil // its grammar has more than ours
		}
		return err
	}
	a := &analysis{
		sql: text, dialect: t.options.Dialect, table: t.options.Table, relations: t.options.Relations,
		patches: newPatches(text), macros: map[string]bool{},
		target: t.options.Target, database: t.options.Database, databases: t.options.Databases, literals: t.options.Literals,
	}
	a.own, a.shown = a.patches, resultBodies(q.body, map[*body]bool{})
	if a.target == ForTrino {
		a.patches = newPatches(text)
	}
	result := a.query(q, nil, nil)
	if a.err != nil {
		return a.err
	}
	a.marks = slices.Sorted(slices.Values(append(p.marks, a.quotedMarks...)))
	w := a.own.writer()
	w.source(extent{0, len(text)})
	for _, offset := range append(p.marks, a.quotedMarks...) {
		t.Marks = append(t.Marks, sourceOffset(t.spans, offset))
	}
	slices.Sort(t.Marks)
	t.SQL, t.spans = w.out.String(), compose(w.spans, t.spans)
	t.Macros = macroOrder(a.macros)
	t.Virtual = result.virtual
	t.Parameters = p.parameters + len(a.quotedMarks)
	return nil
}

// startsQuery: nothing but a query begins so, whatever follows.
func startsQuery(tokens []Token) bool {
	for len(tokens) > 0 && tokens[0].is("(") {
		tokens = tokens[1:]
	}
	return len(tokens) > 0 && (tokens[0].is("SELECT") || tokens[0].is("WITH") || tokens[0].is("VALUES") || tokens[0].is("TABLE"))
}

// edit is an insertion of text into the source.
type edit struct {
	offset int // in the source
	text   string
}

// applyEdits inserts into source[start:end].
func applyEdits(source string, start, end int, edits []edit) (string, []span) {
	var b strings.Builder
	var spans []span
	for _, e := range edits {
		spans = append(spans, span{b.Len(), start, true})
		b.WriteString(source[start:e.offset])
		spans = append(spans, span{b.Len(), e.offset, false})
		b.WriteString(e.text)
		start = e.offset
	}
	spans = append(spans, span{b.Len(), start, true})
	b.WriteString(source[start:end])
	return b.String(), spans
}

// compose gives the spans of a text made of a text made of the source.
func compose(outer, inner []span) []span {
	var spans []span
	for i, s := range outer {
		if !s.copied {
			spans = append(spans, span{s.offset, sourceOffset(inner, s.source), false})
			continue
		}
		length := 1 << 30
		if i+1 < len(outer) {
			length = outer[i+1].offset - s.offset
		}
		spans = append(spans, span{s.offset, sourceOffset(inner, s.source), copiedAt(inner, s.source)})
		for _, n := range inner { // pieces that begin inside of this one
			if n.offset > s.source && n.offset < s.source+length {
				spans = append(spans, span{s.offset + n.offset - s.source, n.source, n.copied})
			}
		}
	}
	return spans
}

func copiedAt(spans []span, offset int) bool {
	i, found := slices.BinarySearchFunc(spans, offset, func(s span, offset int) int { return s.offset - offset })
	if !found {
		i--
	}
	return i >= 0 && spans[i].copied
}

// is reports whether token i is one of these words.
func (t *translation) is(i int, words ...string) bool {
	if i >= len(t.tokens) {
		return false
	}
	for _, w := range words {
		if t.tokens[i].is(w) {
			return true
		}
	}
	return false
}

// statement finds out what kind of statement it is.
func (t *translation) statement() error {
	first := t.tokens[0]
	all := len(t.tokens)
	if t.is(0, "EXPLAIN") {
		return t.explain()
	}
	if t.options.Dialect == DuckDB {
		return t.query(0, all)
	}
	switch word := strings.ToUpper(first.Text); {
	case t.is(0, "SELECT", "WITH", "VALUES", "FROM", "TABLE", "("):
		return t.query(0, all)
	case t.is(0, "SHOW"), t.is(0, "DESCRIBE", "DESC"):
		read := t.describe
		if t.is(0, "SHOW") {
			read = t.show
		}
		if t.options.Target == ForDuckDB {
			return read()
		}
		return t.trinoShow(read)
	case t.is(0, "CREATE"):
		return t.create()
	case t.is(0, "DROP"):
		return t.drop()
	case t.is(0, "UNLOAD"):
		return t.unload()
	case t.is(0, "PREPARE"):
		return t.prepare()
	case t.is(0, "EXECUTE"):
		return t.execute()
	case t.is(0, "DEALLOCATE"):
		i := 1
		if t.is(i, "PREPARE") {
			i++
		}
		t.Kind = Deallocate
		return t.onlyName(i)
	case t.is(0, "MSCK"), t.is(0, "ALTER") && t.is(1, "TABLE"):
		return t.repair()
	case first.Kind == Word && (len(t.tokens) == 1 || t.tokens[1].Kind == Word || t.tokens[1].Kind == String || t.tokens[1].Kind == QuotedName):
		e := errorAt(t.source, first.Offset, fmt.Sprintf("%s is not a statement for queries", shorten(word)), t.statementHint(word))
		e.NotAllowed = true
		return e
	}
	return t.fail(first, fmt.Sprintf("syntax error at %q", shorten(first.Text)), "a statement begins with SELECT or another verb")
}

func (t *translation) statementHint(word string) string {
	switch word {
	case "INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE":
		return "the table is written by trailql convert only"
	case "SUMMARIZE", "PIVOT", "UNPIVOT":
		return "it is DuckDB's own: use the dialect duckdb"
	}
	return didYouMean(word, []string{"select", "with", "values", "show", "describe", "explain", "create", "drop", "unload", "prepare", "execute"})
}

// explain reads EXPLAIN [ANALYZE [VERBOSE]] query.
func (t *translation) explain() error {
	i := 1
	t.Kind = Explain
	if t.is(1, "ANALYZE") {
		t.Kind, i = ExplainAnalyze, 2
		if t.is(2, "VERBOSE") {
			i++
		}
	}
	switch {
	case i == len(t.tokens):
		return t.fail(t.tokens[0], "EXPLAIN needs a query", "")
	case t.is(i, "EXPLAIN"):
		return t.fail(t.tokens[i], "EXPLAIN of an EXPLAIN", "")
	case t.is(i, "(") && t.is(i+1, "FORMAT", "TYPE"):
		if match, ok := matchBrackets(t.tokens); ok && t.options.Target == ForTrino {
			t.Pattern = t.source[t.tokens[i].Offset:t.tokens[match[i]].end()]
			return t.query(match[i]+1, len(t.tokens))
		}
		return t.fail(t.tokens[i], "options of EXPLAIN are not supported", "write EXPLAIN or EXPLAIN ANALYZE")
	}
	return t.query(i, len(t.tokens))
}
