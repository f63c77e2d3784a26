package complete

import (
	"slices"
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

// Span is a part of a text, [Start, End) in bytes, and its role. Spans are in
// order and do not overlap; what no span covers is plain.
type Span struct {
	Start, End int
	Role       Role
}

// Role says what a part of a text is.
type Role uint8

const (
	Plain Role = iota
	Keyword
	Function
	String
	Number
	Comment
	DotCommand
	Mistake // a quote that does not end, a bracket without a partner
)

// Highlight tells the roles of the parts of a text.
func Highlight(k *Known, text string) []Span {
	start := commandStart(text)
	if start < 0 {
		return highlightSQL(nil, text, 0)
	}
	end := start + commandName(text[start:])
	spans := []Span{{start, end, DotCommand}}
	if c := k.commandNamed(text[start:end]); c != nil {
		if sql := sqlOf(c, text, end); sql >= 0 && keyword(text[sql:sql+commandName(text[sql:])]) != "" {
			return highlightSQL(spans, text[sql:], sql)
		}
	}
	return spans
}

func highlightSQL(spans []Span, text string, offset int) []Span {
	tokens, open := dialect.Scan(text)
	if spans == nil {
		spans = make([]Span, 0, len(tokens)/2+1)
	}
	type bracket struct {
		span int
		text byte
	}
	var brackets []bracket
	// unmatched brackets are a mistake once the statement has ended; before,
	// somebody still writes it.
	unmatched := func() {
		for _, b := range brackets {
			spans[b.span].Role = Mistake
		}
		brackets = brackets[:0]
	}
	for i, t := range tokens {
		start, end := offset+t.Offset, offset+t.Offset+len(t.Text)
		role := Plain
		switch t.Kind {
		case dialect.Comment:
			role = Comment
		case dialect.String:
			role = String
		case dialect.Number:
			role = Number
		case dialect.Word:
			role = wordRole(tokens, i)
		case dialect.Operator:
			switch t.Text {
			case "(", "[", "{":
				brackets = append(brackets, bracket{len(spans), t.Text[0]})
				spans = append(spans, Span{start, end, Plain})
			case ")", "]", "}":
				if n := len(brackets) - 1; n >= 0 && closes(brackets[n].text, t.Text[0]) {
					brackets = brackets[:n]
				} else {
					role = Mistake
				}
			case ";":
				unmatched()
			}
		}
		if open && i == len(tokens)-1 && !strings.HasPrefix(t.Text, "--") {
			// Where it begins is what helps to find it.
			spans = append(spans, Span{start, start + 1, Mistake})
			start++
			if t.Kind == dialect.QuotedName || t.Kind == dialect.BacktickName {
				role = Plain
			}
		}
		if role != Plain && start < end {
			spans = append(spans, Span{start, end, role})
		}
	}
	return slices.DeleteFunc(spans, func(s Span) bool { return s.Role == Plain })
}

func closes(opening, closing byte) bool {
	return opening == '(' && closing == ')' || opening == '[' && closing == ']' || opening == '{' && closing == '}'
}

func wordRole(tokens []dialect.Token, i int) Role {
	if i > 0 && isOperator(tokens[i-1], ".") {
		return Plain
	}
	calls := i+1 < len(tokens) && isOperator(tokens[i+1], "(")
	switch word := keyword(tokens[i].Text); {
	case word == "CAST" || word == "TRY_CAST" || word == "REPLACE" && calls:
		return Function
	case word != "":
		return Keyword
	case calls:
		return Function
	case isLiteralType(tokens[i].Text) && nextSignificant(tokens, i).Kind == dialect.String:
		return Keyword // DATE '2026-01-01'
	}
	return Plain
}

func isLiteralType(word string) bool {
	return strings.EqualFold(word, "date") || strings.EqualFold(word, "timestamp") || strings.EqualFold(word, "time")
}

func nextSignificant(tokens []dialect.Token, i int) dialect.Token {
	for _, t := range tokens[i+1:] {
		if t.Kind != dialect.Space && t.Kind != dialect.Comment {
			return t
		}
	}
	return dialect.Token{}
}
