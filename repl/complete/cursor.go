package complete

import (
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

// cursor is what is being written, and what stands before and behind it in the
// same statement, without space and comments.
type cursor struct {
	before, after []dialect.Token
	path          []string // the names in front of the word, each with a dot behind it
	indexed       []bool   // of path: an [index] stands behind the name
	typed         string   // of the word, up to the cursor
	quote         byte     // the word is in such quotes; 0 for none
	start, end    int      // the word, with its quotes
	calls         bool     // a parenthesis stands behind the word
}

// findCursor is false where nothing can be proposed: in comments, numbers,
// parameters.
func findCursor(text string, offset int) (cursor, bool) {
	tokens, open := dialect.Scan(text[:offset])
	at := cursor{start: offset, end: offset}
	if n := len(tokens) - 1; n >= 0 {
		last := tokens[n]
		lineComment := last.Kind == dialect.Comment && strings.HasPrefix(last.Text, "--")
		switch {
		case lineComment && !strings.HasSuffix(last.Text, "\n"), open && last.Kind == dialect.Comment:
			return at, false
		case last.Kind == dialect.Number, last.Kind == dialect.Parameter:
			return at, false
		case open:
			quote := last.Text[0]
			if strings.IndexByte("'\"`", quote) < 0 {
				return at, false // E'…' and $$…$$ are not for values
			}
			at.quoted(text, last, offset)
			tokens = tokens[:n]
		case last.Kind == dialect.Word:
			at.typed, at.start = last.Text, last.Offset
			tokens = tokens[:n]
		case last.Kind != dialect.Space && last.Kind != dialect.Comment && last.Kind != dialect.Operator:
			return at, false // right behind a quote
		}
	}
	behind, _ := dialect.Scan(text[at.start:])
	if at.quote != 0 {
		behind, _ = dialect.Scan(text[at.end:])
	} else if at.typed != "" {
		if first := behind[0]; first.Kind == dialect.Word {
			at.end = at.start + len(first.Text)
			behind = behind[1:]
		} else {
			behind, _ = dialect.Scan(text[at.end:])
		}
	}
	at.before = statementBefore(significant(tokens))
	at.after = statementAfter(significant(behind))
	at.calls = len(at.after) > 0 && at.after[0].Text == "("
	at.takePath()
	return at, true
}

// quoted: the cursor is in a quote. Whether the quote ends cannot be told from
// the text before it: if it does, an odd number of quotes follows.
func (at *cursor) quoted(text string, token dialect.Token, offset int) {
	at.quote = token.Text[0]
	quote := string(at.quote)
	at.start = token.Offset
	at.typed = strings.ReplaceAll(token.Text[1:], quote+quote, quote)
	rest := text[offset:]
	if strings.Count(rest, quote)%2 == 0 {
		return
	}
	if end := strings.Index(rest, quote); strings.IndexByte(rest[:end], '\n') < 0 {
		at.end = offset + end + 1
	}
}

// takePath moves names with dots from the end of before to path.
func (at *cursor) takePath() {
	if at.quote == '\'' {
		return
	}
	for {
		n := len(at.before)
		if n < 2 || at.before[n-1].Text != "." {
			return
		}
		n -= 2
		indexed := false
		if at.before[n].Text == "]" {
			for n > 0 && at.before[n].Text != "[" {
				n--
			}
			if n == 0 {
				return
			}
			n--
			indexed = true
		}
		if !isName(at.before[n]) {
			return
		}
		at.path = append([]string{spelling(at.before[n])}, at.path...)
		at.indexed = append([]bool{indexed}, at.indexed...)
		at.before = at.before[:n]
	}
}

func significant(tokens []dialect.Token) []dialect.Token {
	kept := tokens[:0]
	for _, t := range tokens {
		if t.Kind != dialect.Space && t.Kind != dialect.Comment {
			kept = append(kept, t)
		}
	}
	return kept
}

func statementBefore(tokens []dialect.Token) []dialect.Token {
	for i := len(tokens) - 1; i >= 0; i-- {
		if isOperator(tokens[i], ";") {
			return tokens[i+1:]
		}
	}
	return tokens
}

func statementAfter(tokens []dialect.Token) []dialect.Token {
	for i, t := range tokens {
		if isOperator(t, ";") {
			return tokens[:i]
		}
	}
	return tokens
}

func isOperator(t dialect.Token, text string) bool {
	return t.Kind == dialect.Operator && t.Text == text
}

// isName is true of what can name a table or column.
func isName(t dialect.Token) bool {
	return t.Kind == dialect.Word || t.Kind == dialect.QuotedName || t.Kind == dialect.BacktickName
}

// spelling is a name without its quotes, which may not be closed.
func spelling(t dialect.Token) string {
	if t.Kind == dialect.Word {
		return t.Text
	}
	quote := t.Text[:1]
	inside := t.Text[1:]
	if len(inside) > 0 && strings.HasSuffix(inside, quote) {
		inside = inside[:len(inside)-1]
	}
	return strings.ReplaceAll(inside, quote+quote, quote)
}
