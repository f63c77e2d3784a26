package complete

import (
	"slices"
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

// proposeValues adds those of the column that the next text is compared with,
// in quotes.
func (k *Known) proposeValues(l *ranking, at cursor, q query) {
	if k.Values == nil {
		return
	}
	path := compared(at.before)
	if path == nil {
		return
	}
	c, ok := k.resolve(q.block, path, nil, 0)
	if !ok || c.relation == nil {
		return
	}
	for _, v := range k.Values(c.relation.Name, strings.ToLower(c.path)) {
		if m := match(v, l.typed); m != none && !l.put(first, m, literal(v), "") {
			return
		}
	}
}

// compared is the path of the column that the next text is compared with:
// column =, column LIKE, column BETWEEN 'a' AND, column IN ('a',.
func compared(tokens []dialect.Token) []string {
	n := len(tokens)
	if n == 0 {
		return nil
	}
	list := false
	for n > 0 && (isOperator(tokens[n-1], ",") || tokens[n-1].Kind == dialect.String) {
		n--
		list = true
	}
	switch {
	case n > 1 && isOperator(tokens[n-1], "(") && lastWord(tokens[:n], 1) == "IN":
		n -= 2
	case list:
		return nil
	case tokens[n-1].Kind == dialect.Operator && slices.Contains([]string{"=", "==", "<>", "!=", "<", ">", "<=", ">="}, tokens[n-1].Text):
		n--
	case slices.Contains([]string{"LIKE", "ILIKE", "BETWEEN"}, lastWord(tokens, 0)):
		n--
	case n > 3 && lastWord(tokens, 0) == "AND" && tokens[n-2].Kind == dialect.String && lastWord(tokens, 2) == "BETWEEN":
		n -= 3
	default:
		return nil
	}
	if lastWord(tokens[:n], 0) == "NOT" {
		n--
	}
	// The path that ends here.
	start := n
	for start > 0 && isName(tokens[start-1]) {
		start--
		if start == 0 || !isOperator(tokens[start-1], ".") {
			break
		}
		start--
	}
	if start == n {
		return nil
	}
	return pathOf(tokens[start:n])
}

// literal writes a text for SQL.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
