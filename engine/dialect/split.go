package dialect

// Part is one statement of a script, without its semicolon.
type Part struct {
	SQL    string
	Offset int // in the script, in bytes
}

// Split cuts a script at its semicolons. Parts of nothing but space and
// comments are left out.
func Split(script string) ([]Part, error) {
	tokens, err := Tokens(script)
	if err != nil {
		return nil, err
	}
	var parts []Part
	first, last := -1, -1 // the significant tokens of this statement
	for i, t := range tokens {
		switch {
		case t.is(";"):
			parts = appendPart(parts, script, tokens, first, last)
			first = -1
		case t.significant():
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	return appendPart(parts, script, tokens, first, last), nil
}

func appendPart(parts []Part, script string, tokens []Token, first, last int) []Part {
	if first < 0 {
		return parts
	}
	start, end := tokens[first].Offset, tokens[last].Offset+len(tokens[last].Text)
	return append(parts, Part{SQL: script[start:end], Offset: start})
}
