package dialect

import (
	"strings"
	"unicode/utf8"
)

// DefaultTable is what a SELECT without FROM reads.
const DefaultTable = "cloudtrail_logs"

// Options of a translation. The zero value is ready to use.
type Options struct {
	Table string // read by a SELECT without FROM; default DefaultTable
}

// Verb says what to do with the query of a statement.
type Verb uint8

const (
	Run Verb = iota
	Explain
	ExplainAnalyze
)

// Statement is a translated statement.
type Statement struct {
	Verb Verb
	SQL  string // of the query alone, without EXPLAIN

	source string
	start  int // of SQL in source
	edits  []edit
}

// edit is an insertion of text into the source.
type edit struct {
	offset int // in the source
	text   string
}

// Position converts an offset in SQL, in bytes, to a place in the source: line
// and column from 1, the column in characters.
func (s *Statement) Position(offset int) (line, column int) {
	place, shift := offset+s.start, 0
	for _, e := range s.edits {
		inserted := e.offset + shift
		if place <= inserted {
			break
		}
		if place < inserted+len(e.text) {
			return Position(s.source, e.offset)
		}
		shift += len(e.text)
	}
	return Position(s.source, place-shift)
}

// Translate rewrites one statement; a semicolon behind it is allowed. The error
// is an *Error.
func Translate(sql string, o Options) (*Statement, error) {
	if o.Table == "" {
		o.Table = DefaultTable
	}
	if offset := firstBadByte(sql); offset >= 0 {
		return nil, errorAt(sql, offset, "the statement is not UTF-8 text", "")
	}
	all, err := Tokens(sql)
	if err != nil {
		return nil, err
	}
	tokens := make([]Token, 0, len(all))
	for _, t := range all {
		switch {
		case t.Kind == BacktickName:
			name := strings.Trim(t.Text, "`")
			return nil, errorAt(sql, t.Offset, "backticks do not quote names in a query", `write "`+name+`"`)
		case t.significant():
			tokens = append(tokens, t)
		}
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
	s := &Statement{source: sql}
	if tokens[0].is("EXPLAIN") {
		s.Verb, tokens, err = explained(sql, tokens)
		if err != nil {
			return nil, err
		}
	}
	s.start = tokens[0].Offset
	if s.edits, err = completeFrom(sql, tokens, o.Table); err != nil {
		return nil, err
	}
	s.SQL = s.rewritten(tokens[len(tokens)-1])
	return s, nil
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

// explained reads EXPLAIN [ANALYZE] and returns the tokens of the query.
func explained(sql string, tokens []Token) (Verb, []Token, error) {
	verb, query := Explain, tokens[1:]
	if len(query) > 0 && query[0].is("ANALYZE") {
		verb, query = ExplainAnalyze, query[1:]
	}
	if len(query) == 0 {
		return 0, nil, errorAt(sql, tokens[0].Offset, "EXPLAIN needs a query", "")
	}
	if query[0].is("EXPLAIN") {
		return 0, nil, errorAt(sql, query[0].Offset, "EXPLAIN of an EXPLAIN", "")
	}
	if len(query) > 1 && query[0].is("(") && (query[1].is("FORMAT") || query[1].is("TYPE")) {
		return 0, nil, errorAt(sql, query[0].Offset, "options of EXPLAIN are not supported", "write EXPLAIN or EXPLAIN ANALYZE")
	}
	return verb, query, nil
}

// rewritten applies the edits to the source from s.start to the end of last.
func (s *Statement) rewritten(last Token) string {
	var b strings.Builder
	from := s.start
	for _, e := range s.edits {
		b.WriteString(s.source[from:e.offset])
		b.WriteString(e.text)
		from = e.offset
	}
	b.WriteString(s.source[from : last.Offset+len(last.Text)])
	return b.String()
}
