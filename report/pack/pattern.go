package pack

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode"

	"github.com/trailql/trailql/engine/dialect"
)

// wherePattern writes a rule's condition for a filter pattern of CloudWatch Logs, as
// benchmarks print them: { ($.eventName = A*) && ($.errorCode NOT EXISTS) || … }.
// && binds stronger than ||. As in conditions, a missing field is an empty text, so
// that != is true of it. The error is an *expandError.
func wherePattern(text string) (string, error) {
	p := &patternReader{text: text, columns: newExpander(nil)}
	if p.at = strings.IndexFunc(text, func(r rune) bool { return unicode.IsControl(r) && !unicode.IsSpace(r) }); p.at >= 0 {
		return "", p.fail("a pattern has no control characters")
	}
	p.at = 0
	p.space()
	if !p.take("{") {
		return "", p.fail("a pattern begins with {")
	}
	if err := p.or(0); err != nil {
		return "", err
	}
	if !p.take("}") {
		return "", p.fail("want &&, || or } here")
	}
	if p.at < len(p.text) {
		return "", p.fail("something stands behind the pattern")
	}
	return p.out.String(), nil
}

// patternReader reads a pattern from left to right. It stands behind spaces.
type patternReader struct {
	text    string
	at      int
	out     strings.Builder
	columns *expander
}

func (p *patternReader) fail(format string, args ...any) error {
	return &expandError{p.at, fmt.Sprintf(format, args...)}
}

func (p *patternReader) space() {
	for p.at < len(p.text) && strings.ContainsRune(" \t\r\n", rune(p.text[p.at])) {
		p.at++
	}
}

// take goes past a text if it stands here.
func (p *patternReader) take(text string) bool {
	if len(p.text)-p.at < len(text) || !strings.EqualFold(p.text[p.at:p.at+len(text)], text) {
		return false
	}
	p.at += len(text)
	p.space()
	return true
}

func (p *patternReader) or(depth int) error {
	if depth > maxDepth {
		return p.fail("brackets are nested too deeply")
	}
	for {
		if err := p.and(depth); err != nil {
			return err
		}
		if !p.take("||") {
			return nil
		}
		p.out.WriteString(" OR ")
	}
}

func (p *patternReader) and(depth int) error {
	for {
		if err := p.term(depth); err != nil {
			return err
		}
		if !p.take("&&") {
			return nil
		}
		p.out.WriteString(" AND ")
	}
}

func (p *patternReader) term(depth int) error {
	if !p.take("(") {
		return p.comparison()
	}
	p.out.WriteString("(")
	if err := p.or(depth + 1); err != nil {
		return err
	}
	if !p.take(")") {
		return p.fail("want &&, || or ) here")
	}
	p.out.WriteString(")")
	return nil
}

var (
	patternField  = regexp.MustCompile(`^\$((?:\.[A-Za-z0-9_:-]+(?:\[\d+\])*)+)`)
	patternWord   = regexp.MustCompile(`^[^\s(){}&|=<>!"]+`)
	patternNumber = regexp.MustCompile(`^-?\d{1,18}$`)
)

// comparison reads $.field and what is asked of it.
func (p *patternReader) comparison() error {
	m := patternField.FindStringSubmatch(p.text[p.at:])
	if m == nil {
		return p.fail("want a field here, such as $.eventName")
	}
	operand, err := p.operand(m[1][1:])
	if err != nil {
		return err
	}
	p.at += len(m[0])
	p.space()
	for _, one := range []struct{ words, sql string }{{"NOT EXISTS", " IS NULL"}, {"IS NULL", " IS NULL"}, {"EXISTS", " IS NOT NULL"}, {"IS TRUE", " = 'true'"}, {"IS FALSE", " = 'false'"}} {
		before, matches := p.at, true
		for word := range strings.FieldsSeq(one.words) {
			matches = matches && p.take(word)
		}
		if matches {
			p.out.WriteString(operand + one.sql)
			return nil
		}
		p.at = before
	}
	for _, operator := range []string{"!=", "<=", ">=", "=", "<", ">"} {
		if p.take(operator) {
			return p.value(operand, operator)
		}
	}
	return p.fail("want =, !=, <, >, EXISTS or NOT EXISTS here")
}

// operand is what a condition calls a field.
func (p *patternReader) operand(field string) (string, error) {
	first, rest, nested := strings.Cut(field, ".")
	for short, column := range jsonColumns {
		if strings.EqualFold(first, column) && nested {
			return short + "(" + rest + ")", nil
		}
	}
	reader := &pass{expander: p.columns}
	if _, kind := reader.find(strings.Split(field, ".")); kind != dialect.Text && kind != dialect.JSONText {
		return "", p.fail("no text of an event is called $.%s", field)
	}
	return strings.ToLower(field), nil
}

// value reads what a field is compared with.
func (p *patternReader) value(operand, operator string) error {
	var value string
	start := p.at
	if strings.HasPrefix(p.text[p.at:], `"`) {
		end := strings.IndexByte(p.text[p.at+1:], '"')
		if end < 0 {
			return p.fail("the quote is not closed")
		}
		value = p.text[p.at+1 : p.at+1+end]
		p.at += end + 2
	} else if value = patternWord.FindString(p.text[p.at:]); value != "" {
		p.at += len(value)
	} else {
		return p.fail("a value is missing")
	}
	p.space()
	quoted := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	switch {
	case operator != "=" && operator != "!=":
		if !patternNumber.MatchString(value) {
			p.at = start
			return p.fail("%s compares whole numbers", operator)
		}
		p.out.WriteString("number(" + operand + ") " + operator + " " + value)
	case strings.Contains(value, "*"):
		if operator == "!=" {
			p.out.WriteString("NOT ")
		}
		p.out.WriteString(operand + " LIKE " + quoted(globPattern(value)) + ` ESCAPE '\'`)
	default:
		p.out.WriteString(operand + " " + map[string]string{"=": "=", "!=": "<>"}[operator] + " " + quoted(value))
	}
	return nil
}

// usePattern makes a condition of the rule's pattern.
func (r *Rule) usePattern(problems *Problems) {
	if r.Pattern.Value == "" {
		return
	}
	if r.Where.Value != "" {
		problems.add(r.Pattern.At, "rule %s has both where and pattern", r.ID.Value)
		return
	}
	where, err := wherePattern(r.Pattern.Value)
	if err != nil {
		var wrong *expandError
		if errors.As(err, &wrong) {
			problems.add(r.Pattern.place(wrong.offset), "%s", wrong.message)
		}
		return
	}
	r.Where = Text{Value: where, At: r.Pattern.At}
}
