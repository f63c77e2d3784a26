package pack

import (
	"fmt"
	"sort"
	"strconv"
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

// maxDepth of macros and calls in each other, and maxExpansion in bytes: what
// people write stays far below, and so does a list of some hundred resources.
const (
	maxDepth     = 40
	maxExpansion = 1 << 22
)

const tooLong = "the condition becomes too long"

// expansion is SQL in which nothing of ours is left, with values for its ?.
type expansion struct {
	sql    string
	params []any
	marks  []mark
}

// mark says that the SQL from out on comes from the rule's text at in.
type mark struct{ out, in int }

// source is the offset in the rule's text of an offset in the expansion.
func (e expansion) source(offset int) int {
	i := sort.Search(len(e.marks), func(i int) bool { return e.marks[i].out > offset })
	if i == 0 {
		return 0
	}
	return e.marks[i-1].in
}

// expandError is a text that cannot be expanded.
type expandError struct {
	offset  int
	message string
}

func (e *expandError) Error() string { return e.message }

// expander replaces macros and parameters, token by token, never inside of
// strings.
type expander struct {
	values map[string]any
	// paramNames are the parameters that were used.
	paramNames map[string]bool
	columns    []dialect.Column
	flat       *flatColumns // nil: columns are computed where they stand
}

func newExpander(values map[string]any) *expander {
	return &expander{values: values, paramNames: map[string]bool{},
		columns: dialect.StandardRelations().Relation(dialect.DefaultTable).Columns}
}

// expand makes SQL of a rule's text. The error is an *expandError.
func (x *expander) expand(text string) (expansion, error) {
	tokens, err := dialect.Tokens(text)
	if err != nil {
		return expansion{}, &expandError{0, err.Error()}
	}
	p := &pass{expander: x, text: text, tokens: tokens}
	if len(strings.TrimSpace(text)) == 0 {
		return expansion{}, &expandError{0, "a condition is missing"}
	}
	if err := p.run(0, len(tokens)); err != nil {
		return expansion{}, err
	}
	return expansion{string(p.out), p.params, p.marks}, nil
}

// argument of a macro.
type argument struct {
	expansion
	text string // as it was written
}

// pass over one text: a rule's or a macro's.
type pass struct {
	*expander
	text   string
	tokens []dialect.Token
	args   []argument
	depth  int
	end    int  // of the tokens to expand
	raw    bool // an operand that is all of them may be NULL

	out    []byte
	params []any
	marks  []mark
}

func (p *pass) fail(i int, format string, args ...any) error {
	offset := len(p.text)
	if i < len(p.tokens) {
		offset = p.tokens[i].Offset
	}
	return &expandError{offset, fmt.Sprintf(format, args...)}
}

func (p *pass) emit(i int, text string) {
	p.marks = append(p.marks, mark{len(p.out), p.tokens[i].Offset})
	p.out = append(p.out, text...)
}

func (p *pass) emitParam(i int, values ...any) {
	p.emit(i, strings.TrimSuffix(strings.Repeat("?, ", len(values)), ", "))
	p.params = append(p.params, values...)
}

func (p *pass) insert(i int, e expansion) {
	p.emit(i, e.sql)
	p.params = append(p.params, e.params...)
}

// next is the index of the significant token after i, or len(tokens).
func (p *pass) next(i int) int {
	for i++; i < len(p.tokens) && (p.tokens[i].Kind == dialect.Space || p.tokens[i].Kind == dialect.Comment); i++ {
	}
	return i
}

func (p *pass) is(i int, text string) bool {
	return i < len(p.tokens) && (p.tokens[i].Kind == dialect.Operator || p.tokens[i].Kind == dialect.Word) && strings.EqualFold(p.tokens[i].Text, text)
}

// closing is the index of the bracket that closes the one at i.
func (p *pass) closing(i int) (int, error) {
	depth := 0
	for j := i; j < len(p.tokens); j++ {
		if p.tokens[j].Kind != dialect.Operator {
			continue
		}
		switch p.tokens[j].Text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			if depth--; depth == 0 {
				return j, nil
			}
		}
	}
	return 0, p.fail(i, "the bracket is not closed")
}

// arguments splits what stands between the brackets at open and end.
func (p *pass) arguments(open, end int) [][2]int {
	var list [][2]int
	depth, from := 0, open+1
	for j := open + 1; j < end; j++ {
		if p.tokens[j].Kind != dialect.Operator {
			continue
		}
		switch p.tokens[j].Text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		case ",":
			if depth == 0 {
				list = append(list, [2]int{from, j})
				from = j + 1
			}
		}
	}
	if p.next(open) == end {
		return nil
	}
	return append(list, [2]int{from, end})
}

// written is the text of some tokens.
func (p *pass) written(lo, hi int) string {
	var b strings.Builder
	for _, t := range p.tokens[lo:hi] {
		b.WriteString(t.Text)
	}
	return strings.TrimSpace(b.String())
}

// word is a name or text between lo and hi, without its quotes.
func (p *pass) word(lo, hi int) string {
	w := p.written(lo, hi)
	if len(w) >= 2 && w[0] == '\'' && w[len(w)-1] == '\'' {
		return strings.ReplaceAll(w[1:len(w)-1], "''", "'")
	}
	return w
}

// run expands the tokens from lo to hi.
func (p *pass) run(lo, hi int) error {
	if p.depth > maxDepth {
		return p.fail(lo, "brackets are nested too deeply")
	}
	p.end = hi
	dot := false // the token before is one
	depth := 0
	for i := lo; i < hi; {
		t := p.tokens[i]
		after, err := i+1, error(nil)
		switch {
		case t.Kind == dialect.Space || t.Kind == dialect.Comment:
			p.emit(i, " ")
			i++
			continue
		case t.Kind == dialect.Parameter:
			err = p.parameter(i)
		case t.Kind == dialect.Operator && t.Text == "{" && p.args != nil:
			after, err = p.placeholder(i)
		case t.Kind == dialect.String && p.args != nil:
			p.emit(i, p.fill(t.Text))
		case t.Kind == dialect.Operator && (t.Text == "(" || t.Text == ")"):
			// A bracket that closes one of ours would change what is asked.
			if depth++; t.Text == ")" {
				depth -= 2
			}
			if depth < 0 {
				return p.fail(i, "the bracket was not opened")
			}
			p.emit(i, t.Text)
		case t.Kind == dialect.Operator && t.Text == ";":
			err = p.fail(i, "a condition has no semicolon")
		case t.Kind == dialect.Word && !dot:
			start := len(p.out)
			if after, err = p.name(i, hi); err == nil {
				after, err = p.in(i, start, after)
			}
		default:
			p.emit(i, t.Text)
		}
		if err != nil {
			return err
		}
		if len(p.out) > maxExpansion {
			return p.fail(i, tooLong)
		}
		dot = t.Kind == dialect.Operator && t.Text == "."
		i = after
	}
	if depth > 0 {
		return p.fail(hi, "a bracket is not closed")
	}
	return nil
}

// parameter writes $name.
func (p *pass) parameter(i int) error {
	name := strings.TrimPrefix(p.tokens[i].Text, "$")
	v, known := p.values[name]
	if !known {
		return p.fail(i, "there is no parameter %q", name)
	}
	p.paramNames[name] = true
	switch v := v.(type) {
	case []string:
		return p.fail(i, "a list can stand only in listed(x, $%s)", name)
	case []int64:
		values := make([]any, len(v))
		for i, n := range v {
			values[i] = n
		}
		if len(values) == 0 {
			values = []any{int64(-1 << 62)} // an empty list has no type
		}
		p.emitParam(i, values...)
	default:
		p.emitParam(i, v)
	}
	return nil
}

// placeholder writes {1}.
func (p *pass) placeholder(i int) (after int, err error) {
	n, _ := strconv.Atoi(p.tokens[i+1].Text)
	p.insert(i, p.args[n-1].expansion)
	return i + 3, nil
}

// fill replaces {1} in a string of a macro by the argument as it is written.
func (p *pass) fill(text string) string {
	for i, a := range p.args {
		text = strings.ReplaceAll(text, "{"+strconv.Itoa(i+1)+"}", a.text)
	}
	return text
}

// name writes a macro, a call, a column or anything else that begins with a word.
func (p *pass) name(i, hi int) (after int, err error) {
	name := p.tokens[i].Text
	if strings.EqualFold(name, "select") {
		return 0, p.fail(i, "a condition is about one event: no SELECT")
	}
	open := p.next(i)
	if !p.is(open, "(") || open >= hi {
		if m, ok := macros[name]; ok && m.arguments == 0 {
			e, err := p.macro(i, m, nil)
			if p.flat != nil && err == nil {
				if shared, ok := p.flat.macro(name, e.sql); ok {
					e = expansion{sql: shared}
				}
			}
			p.insert(i, e)
			return i + 1, err
		}
		return p.column(i, hi)
	}
	end, err := p.closing(open)
	if err != nil {
		return 0, err
	}
	if end >= hi {
		return 0, p.fail(open, "the bracket is not closed")
	}
	args := p.arguments(open, end)
	after = end + 1
	lower := strings.ToLower(name)
	switch {
	case jsonColumns[strings.TrimSuffix(lower, "t")] != "" && len(lower) <= 3:
		return after, p.path(i, end, lower, args)
	case lower == "ev" || lower == "src":
		return after, p.oneOf(i, lower, args)
	case lower == "listed":
		return after, p.listed(i, args)
	case lower == "named":
		return after, p.named(i, args)
	case lower == "touches":
		return after, p.touches(i, args)
	case lower == "foreign_account":
		return after, p.foreignAccount(i, args)
	}
	if m, ok := macros[name]; ok && m.arguments > 0 {
		if len(args) != m.arguments {
			return 0, p.fail(i, "%s takes %d values", name, m.arguments)
		}
		list := make([]argument, len(args))
		for k, a := range args {
			if list[k], err = p.argument(a, false); err != nil {
				return 0, err
			}
		}
		e, err := p.macro(i, m, list)
		p.insert(i, e)
		return after, err
	}
	if f, ok := dialect.FunctionNamed(lower); (!ok || f.Group == "") && !wordsBeforeBrackets[lower] {
		return 0, p.fail(i, "there is no function or short name %q", name)
	}
	instead, mayBeNull := insteadOfNull[lower]
	member := ""
	if lower == "element_at" && len(args) == 2 && end+2 < hi && p.is(end+1, ".") && p.textOfElement(p.written(args[0][0], args[0][1]), p.tokens[end+2].Text) {
		member, instead, mayBeNull = "."+p.tokens[end+2].Text, "''", true
		after = end + 3
	}
	if mayBeNull = mayBeNull && !p.mayBeNull(p.next(after-1)); mayBeNull {
		p.emit(i, "coalesce(")
	}
	p.emit(i, name+"(")
	for k, a := range args {
		if k > 0 {
			p.emit(i, ", ")
		}
		e, err := p.argument(a, lower == "coalesce" || (lower == "any_match" || lower == "element_at") && k == 0 || strings.HasPrefix(lower, "json_"))
		if err != nil {
			return 0, err
		}
		p.insertMapped(e.expansion)
	}
	p.emit(end, ")"+member)
	if mayBeNull {
		p.emit(end, ", "+instead+")")
	}
	return after, nil
}

// textOfElement reports whether a column is a list whose elements have a member of text.
func (x *expander) textOfElement(column, member string) bool {
	for _, c := range x.columns {
		if !strings.EqualFold(c.Name, column) || c.Type.Elem == nil {
			continue
		}
		for _, f := range c.Type.Elem.Fields {
			if strings.EqualFold(f.Name, member) {
				return f.Type.Kind == dialect.Text
			}
		}
	}
	return false
}

// insteadOfNull are functions that may be NULL although no argument is, and what they
// are then: of a list, one of its elements may be missing.
var insteadOfNull = map[string]string{
	"any_match": "false", "all_match": "false", "none_match": "true", "contains": "false", "arrays_overlap": "false",
	"json_array_contains": "false", "is_json_scalar": "false", "regexp_like": "false", "starts_with": "false",
	"cardinality": "0", "json_array_length": "0", "json_size": "0", "strpos": "0", "length": "0", "url_extract_port": "0",
	"json_extract_scalar": "''", "json_format": "''", "json_value": "''", "json_query": "''", "regexp_extract": "''", "regexp_replace": "''", "split_part": "''",
	"url_extract_host": "''", "url_extract_path": "''", "url_extract_query": "''", "url_extract_protocol": "''", "url_extract_parameter": "''",
	"lower": "''", "upper": "''", "trim": "''", "substr": "''", "replace": "''",
}

// wordsBeforeBrackets are no functions, and stand before brackets.
var wordsBeforeBrackets = map[string]bool{"and": true, "or": true, "not": true, "in": true, "case": true, "when": true, "then": true, "else": true,
	"cast": true, "try_cast": true, "array": true, "between": true, "like": true, "is": true, "row": true, "decimal": true, "varchar": true, "end": true}

// insertMapped inserts an argument with its own marks.
func (p *pass) insertMapped(e expansion) {
	base := len(p.out)
	for _, m := range e.marks {
		p.marks = append(p.marks, mark{base + m.out, m.in})
	}
	p.out = append(p.out, e.sql...)
	p.params = append(p.params, e.params...)
}

// argument expands the tokens of one argument. A raw one may be NULL.
func (p *pass) argument(extent [2]int, raw bool) (argument, error) {
	sub := &pass{expander: p.expander, text: p.text, tokens: p.tokens, args: p.args, depth: p.depth + 1, raw: raw}
	lo, hi := extent[0], extent[1]
	for lo < hi && p.tokens[lo].Kind == dialect.Space {
		lo++
	}
	for hi > lo && p.tokens[hi-1].Kind == dialect.Space {
		hi--
	}
	if lo == hi {
		return argument{}, p.fail(lo, "a value is missing")
	}
	if err := sub.run(lo, hi); err != nil {
		return argument{}, err
	}
	return argument{expansion{string(sub.out), sub.params, sub.marks}, p.word(lo, hi)}, nil
}

// macro expands one for the token at i.
func (p *pass) macro(i int, m macro, args []argument) (expansion, error) {
	tokens, err := dialect.Tokens(m.sql)
	if err != nil {
		return expansion{}, p.fail(i, "%v", err)
	}
	if args == nil {
		args = []argument{}
	}
	if m.arguments == 2 && !memberName.MatchString(args[1].text) {
		return expansion{}, p.fail(i, "a member's name has letters and digits")
	}
	sub := &pass{expander: p.expander, text: m.sql, tokens: tokens, args: args, depth: p.depth + 1}
	if err := sub.run(0, len(tokens)); err != nil {
		return expansion{}, p.fail(i, "%v", err)
	}
	return expansion{sql: string(sub.out), params: sub.params}, nil
}
