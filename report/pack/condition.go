package pack

import (
	"regexp"
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

// significant are the tokens of a text without spaces and comments.
func significant(text string) []dialect.Token {
	tokens, err := dialect.Tokens(text)
	if err != nil {
		return nil
	}
	var list []dialect.Token
	for _, t := range tokens {
		if t.Kind != dialect.Space && t.Kind != dialect.Comment {
			list = append(list, t)
		}
	}
	return list
}

func isWord(t dialect.Token, words ...string) bool {
	if t.Kind != dialect.Word && t.Kind != dialect.Operator {
		return false
	}
	for _, w := range words {
		if strings.EqualFold(t.Text, w) {
			return true
		}
	}
	return false
}

// nesting is how many brackets and CASEs a token opens, or closes if it is negative.
func nesting(t dialect.Token) int {
	switch {
	case isWord(t, "(", "[", "CASE"):
		return 1
	case isWord(t, ")", "]", "END"):
		return -1
	}
	return 0
}

// splitTop splits tokens at those of some words that nothing encloses.
func splitTop(tokens []dialect.Token, words ...string) [][]dialect.Token {
	var parts [][]dialect.Token
	depth, from := 0, 0
	for i, t := range tokens {
		depth += nesting(t)
		if depth == 0 && isWord(t, words...) {
			parts = append(parts, tokens[from:i])
			from = i + 1
		}
	}
	return append(parts, tokens[from:])
}

// isCondition reports whether SQL can be true or false; when it cannot be told, it
// can.
func isCondition(tokens []dialect.Token) bool {
	if len(tokens) == 0 {
		return true
	}
	if len(splitTop(tokens, "AND", "OR", "NOT", "LIKE", "IN", "IS", "BETWEEN", "=", "<>", "!=", "<", ">", "<=", ">=")) > 1 {
		return true
	}
	if len(splitTop(tokens, "+", "-", "*", "/", "%", "||")) > 1 {
		return false
	}
	first, last := tokens[0], tokens[len(tokens)-1]
	switch {
	case isWord(first, "(") && len(tokens) > 1:
		return isCondition(tokens[1 : len(tokens)-1])
	case isWord(first, "CASE") && isWord(last, "END"):
		branches := splitTop(tokens[1:len(tokens)-1], "THEN", "ELSE")
		for _, b := range branches[1:] {
			if result := splitTop(b, "WHEN")[0]; len(result) > 0 && !isWord(result[0], "NULL") && !isCondition(result) {
				return false
			}
		}
		return true
	case first.Kind == dialect.String, first.Kind == dialect.Number:
		return false
	case first.Kind != dialect.Word:
		return true
	case len(tokens) > 3 && isWord(tokens[1], "(") && isWord(last, ")"):
		return isTruthFunction(first, tokens[2:len(tokens)-1])
	}
	var parts []string
	for _, t := range tokens {
		if t.Kind == dialect.Word {
			parts = append(parts, t.Text)
		}
	}
	isColumn, kind := (&pass{expander: newExpander(nil)}).find(parts)
	return !isColumn || kind == dialect.Boolean || kind == dialect.Unknown
}

// isTruthFunction is isCondition for a call.
func isTruthFunction(name dialect.Token, inside []dialect.Token) bool {
	args := splitTop(inside, ",")
	switch {
	case isWord(name, "coalesce", "try"):
		return isCondition(args[0])
	case isWord(name, "if"):
		return len(args) < 2 || isCondition(args[1])
	case isWord(name, "cast", "try_cast"):
		return isWord(inside[len(inside)-1], "boolean")
	}
	f, ok := dialect.FunctionNamed(strings.ToLower(name.Text))
	return !ok || f.Returns == "" || f.Returns == "BOOLEAN" || strings.ContainsAny(f.Returns, "$*")
}

// badPattern finds a constant regular expression that does not compile, and where it
// stands; the error is nil if there is none.
func badPattern(text string) (offset int, err error) {
	tokens := significant(text)
	for i, t := range tokens {
		if t.Kind != dialect.Word || !strings.HasPrefix(strings.ToLower(t.Text), "regexp_") || i+1 >= len(tokens) || !isWord(tokens[i+1], "(") {
			continue
		}
		depth := 0
		for k := i + 1; k < len(tokens); k++ {
			depth += nesting(tokens[k])
			if depth == 0 {
				break
			}
			if depth != 1 || !isWord(tokens[k], ",") || k+2 >= len(tokens) {
				continue
			}
			if p := tokens[k+1]; p.Kind == dialect.String && isWord(tokens[k+2], ",", ")") && strings.HasPrefix(p.Text, "'") {
				if _, err := regexp.Compile(strings.ReplaceAll(p.Text[1:len(p.Text)-1], "''", "'")); err != nil {
					return p.Offset, err
				}
			}
			break
		}
	}
	return 0, nil
}
