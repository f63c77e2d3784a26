package dialect

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// TokenKind says what a token is.
type TokenKind uint8

const (
	Space      TokenKind = iota
	Comment              // -- to the end of the line, or /* */, which nests
	Word                 // a keyword or an unquoted name
	QuotedName           // "name"
	BacktickName
	String // 'text', E'text' with backslash escapes, or $tag$text$tag$
	Number
	Parameter // ?, $1 or $name
	Operator  // punctuation; brackets and separators stand alone
)

// Token is a piece of a statement. The texts of all tokens in order are the
// statement again, byte for byte.
type Token struct {
	Kind   TokenKind
	Text   string
	Offset int // in bytes
}

// is reports whether the token is this keyword (given in upper case) or
// operator.
func (t Token) is(text string) bool {
	switch t.Kind {
	case Word:
		return strings.EqualFold(t.Text, text)
	case Operator:
		return t.Text == text
	}
	return false
}

// significant is false for what only separates.
func (t Token) significant() bool { return t.Kind != Space && t.Kind != Comment }

// name is what a Word or a name in quotes names, in lower case: names do not
// differ by case.
func (t Token) name() string { return strings.ToLower(t.spelling()) }

// spelling is the name as it was written, without its quotes.
func (t Token) spelling() string {
	switch t.Kind {
	case QuotedName:
		return strings.ReplaceAll(t.Text[1:len(t.Text)-1], `""`, `"`)
	case BacktickName:
		return strings.ReplaceAll(t.Text[1:len(t.Text)-1], "``", "`")
	}
	return t.Text
}

// value is the text that a String in plain quotes stands for.
func (t Token) value() string {
	if t.Kind == String && t.Text[0] == '\'' {
		return strings.ReplaceAll(t.Text[1:len(t.Text)-1], "''", "'")
	}
	return t.Text
}

// Tokens splits SQL text. The error is an *Error for a quote or comment that
// does not end.
func Tokens(sql string) ([]Token, error) {
	var tokens []Token
	for offset := 0; offset < len(sql); {
		kind, length, problem := next(sql[offset:])
		if problem != "" {
			return nil, errorAt(sql, offset, problem, "")
		}
		tokens = append(tokens, Token{Kind: kind, Text: sql[offset : offset+length], Offset: offset})
		offset += length
	}
	return tokens, nil
}

// Scan splits text that is still being written; it never fails. open is true if
// the last token is a quote or comment that does not end: it reaches to the end
// of the text.
func Scan(text string) (tokens []Token, open bool) {
	tokens = make([]Token, 0, len(text)/4+1)
	for offset := 0; offset < len(text); {
		kind, length, problem := next(text[offset:])
		if problem != "" {
			open, length = true, len(text)-offset
		}
		tokens = append(tokens, Token{Kind: kind, Text: text[offset : offset+length], Offset: offset})
		offset += length
	}
	return tokens, open
}

// next measures the token at the start of s, which is not empty.
func next(s string) (kind TokenKind, length int, problem string) {
	switch c := s[0]; {
	case spaceAt(s) > 0:
		return Space, spaces(s), ""
	case strings.HasPrefix(s, "--"):
		if end := strings.IndexByte(s, '\n'); end >= 0 {
			return Comment, end, ""
		}
		return Comment, len(s), ""
	case strings.HasPrefix(s, "/*"):
		return blockComment(s)
	case c == '\'':
		return quoted(s, 0, '\'', String, "string")
	case (c == 'e' || c == 'E') && len(s) > 1 && s[1] == '\'':
		return escapeString(s)
	case c == '"':
		return quoted(s, 0, '"', QuotedName, "quoted name")
	case c == '`':
		return quoted(s, 0, '`', BacktickName, "quoted name")
	case c == '$':
		return dollar(s)
	case c == '?':
		return Parameter, 1, ""
	case isDigit(c), c == '.' && len(s) > 1 && isDigit(s[1]):
		return Number, number(s), ""
	case isNameStart(s):
		return Word, word(s), ""
	case strings.IndexByte("()[]{},;", c) >= 0:
		return Operator, 1, ""
	}
	return Operator, operator(s), ""
}

// spaceAt is the length of the space at the start of s, or 0. Pasted text often
// holds spaces that are not ASCII; the engine takes those for spaces as well.
func spaceAt(s string) int {
	r, size := utf8.DecodeRuneInString(s)
	if unicode.IsSpace(r) && r != 0x85 || r == 0x200b || r == 0xfeff {
		return size
	}
	return 0
}

func spaces(s string) int {
	n := 0
	for n < len(s) && spaceAt(s[n:]) > 0 {
		n += spaceAt(s[n:])
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func run(s string, in func(byte) bool) int {
	n := 0
	for n < len(s) && in(s[n]) {
		n++
	}
	return n
}

// isNameStart: letters of any script; bytes that are not UTF-8 belong to names
// too, so that the engine is the one to refuse them.
func isNameStart(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return r == '_' || unicode.IsLetter(r) || r >= utf8.RuneSelf && spaceAt(s) == 0
}

func word(s string) int {
	n := 0
	for n < len(s) && (isNameStart(s[n:]) || isDigit(s[n]) || s[n] == '$') {
		_, size := utf8.DecodeRuneInString(s[n:])
		n += size
	}
	return n
}

func number(s string) int {
	digits := func(c byte) bool { return isDigit(c) || c == '_' }
	if len(s) > 2 && s[0] == '0' && strings.IndexByte("xXbBoO", s[1]) >= 0 && isHex(s[2]) {
		return 2 + run(s[2:], func(c byte) bool { return isHex(c) || c == '_' })
	}
	n := run(s, digits)
	if n < len(s) && s[n] == '.' {
		n += 1 + run(s[n+1:], digits)
	}
	if n < len(s) && (s[n] == 'e' || s[n] == 'E') {
		exponent := n + 1
		if exponent < len(s) && (s[exponent] == '+' || s[exponent] == '-') {
			exponent++
		}
		if length := run(s[exponent:], isDigit); length > 0 {
			n = exponent + length
		}
	}
	return n
}

func isHex(c byte) bool {
	return isDigit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// quoted measures a text in quotes, which are doubled inside it.
func quoted(s string, start int, quote byte, kind TokenKind, what string) (TokenKind, int, string) {
	for n := start + 1; n < len(s); n++ {
		if s[n] != quote {
			continue
		}
		if n+1 < len(s) && s[n+1] == quote {
			n++
			continue
		}
		return kind, n + 1, ""
	}
	return kind, 0, fmt.Sprintf("%s is not closed", what)
}

func escapeString(s string) (TokenKind, int, string) {
	for n := 2; n < len(s); n++ {
		switch {
		case s[n] == '\\':
			n++
		case s[n] != '\'':
		case n+1 < len(s) && s[n+1] == '\'':
			n++
		default:
			return String, n + 1, ""
		}
	}
	return String, 0, "string is not closed"
}

// dollar measures $1, $name, $$text$$ or $tag$text$tag$.
func dollar(s string) (TokenKind, int, string) {
	tag := 1 + run(s[1:], func(c byte) bool {
		return isDigit(c) || c == '_' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf
	})
	switch {
	case tag < len(s) && s[tag] == '$' && (tag == 1 || !isDigit(s[1])):
		quote := s[:tag+1]
		end := strings.Index(s[len(quote):], quote)
		if end < 0 {
			return String, 0, fmt.Sprintf("string that starts with %s is not closed", quote)
		}
		return String, end + 2*len(quote), ""
	case tag > 1:
		return Parameter, tag, ""
	}
	return Operator, 1, ""
}

func blockComment(s string) (TokenKind, int, string) {
	depth := 0
	for n := 0; n+1 < len(s); n++ {
		switch s[n : n+2] {
		case "/*":
			depth++
			n++
		case "*/":
			depth--
			n++
			if depth == 0 {
				return Comment, n + 1, ""
			}
		}
	}
	return Comment, 0, "comment is not closed"
}

// longOperators are those whose parts mean something else.
var longOperators = [...]string{"->>", "::", ":=", "->", "=>", "<=", ">=", "<>", "!=", "||", "//", "**", "@>", "<@", "&&", "^@", "!~", "~~"}

func operator(s string) int {
	for _, o := range longOperators {
		if strings.HasPrefix(s, o) {
			return len(o)
		}
	}
	_, size := utf8.DecodeRuneInString(s)
	return size
}
