package repl

import (
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

// input is one statement or command of a text; neither at its end.
type input struct {
	command  string // its line
	sql      string // without its semicolon
	vertical bool   // it ended in \G
	ended    bool   // nothing is missing
	offset   int    // in the text, in bytes
}

// Finished reports whether a text can be run as it is: its last statement has
// ended with ; or \G outside quotes and comments, or its last line is a command.
func Finished(text string) bool {
	for {
		in, rest := nextInput(text)
		switch {
		case in.command == "" && in.sql == "":
			return in.ended
		case !in.ended:
			return false
		}
		text = rest
	}
}

// nextInput cuts the first statement or command from a text.
func nextInput(text string) (in input, rest string) {
	start, closed := skipBlank(text)
	if start == len(text) {
		return input{ended: closed}, ""
	}
	in.offset = start
	text = text[start:]
	if line, after, isCommand := commandLine(text); isCommand {
		in.command, in.ended = line, true
		return in, after
	}
	end, length, vertical := statementEnd(text)
	in.vertical = vertical
	in.ended = length > 0
	in.sql = strings.TrimSpace(text[:end])
	return in, text[end+length:]
}

// commandLine reports whether the text starts with a command, and cuts its line.
func commandLine(text string) (line, rest string, isCommand bool) {
	switch text[0] {
	case '.', '\\':
		line, rest, _ = strings.Cut(text, "\n")
		return strings.TrimSpace(line), rest, true
	case 'e', 'E', 'q', 'Q', 'h', 'H', '?':
	default:
		return "", "", false
	}
	// A line of one word; whatever is longer need not be read to its end.
	const enough = 64
	word, _, whole := strings.Cut(text[:min(enough, len(text))], "\n")
	if !whole && len(text) > enough {
		return "", "", false
	}
	rest = text[min(len(word)+1, len(text)):]
	switch word = strings.ToLower(strings.TrimRight(word, "; \t\r")); word {
	case "exit", "quit", "help", "?":
		return word, rest, true
	}
	return "", "", false
}

// skipBlank measures the space and the comments, and the lone semicolons, that a
// text starts with. closed is false for a comment that does not end.
func skipBlank(text string) (length int, closed bool) {
	for length < len(text) {
		s := text[length:]
		trimmed := strings.TrimLeft(s, " \t\r\n\f\v;\u00a0\ufeff")
		length += len(s) - len(trimmed)
		switch {
		case strings.HasPrefix(trimmed, "--"):
			end := strings.IndexByte(trimmed, '\n')
			if end < 0 {
				return len(text), true
			}
			length += end
		case strings.HasPrefix(trimmed, "/*"):
			end := commentEnd(trimmed)
			if end < 0 {
				return len(text), false
			}
			length += end
		default:
			return length, true
		}
	}
	return length, true
}

// commentEnd measures a comment in /* */, which may hold others; -1 if it does
// not end.
func commentEnd(s string) int {
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
				return n + 1
			}
		}
	}
	return -1
}

// statementEnd finds the ; or \G that ends the statement, and how long that is:
// 0 if it does not end. The text is read in growing pieces, since much may follow
// a short statement; what is last in a piece may be cut, and is read again.
func statementEnd(text string) (end, length int, vertical bool) {
	start := 0
	for piece := 64; ; piece *= 2 {
		stop := min(start+piece, len(text))
		tokens, _ := dialect.Scan(text[start:stop])
		for i, t := range tokens {
			if i == len(tokens)-1 && stop < len(text) {
				start += t.Offset
				break
			}
			if t.Kind != dialect.Operator {
				continue
			}
			at := start + t.Offset
			switch t.Text {
			case ";":
				return at, 1, false
			case `\`:
				if n, upright := terminator(text[at+1:]); n > 0 {
					return at, 1 + n, upright
				}
			}
		}
		if stop == len(text) {
			return len(text), 0, false
		}
	}
}

// terminator measures what stands behind the \ of \G, \gx or \g.
func terminator(s string) (length int, vertical bool) {
	for _, t := range []struct {
		text     string
		vertical bool
	}{{"gx", true}, {"G", true}, {"g", false}} {
		after, ok := strings.CutPrefix(s, t.text)
		if ok && (after == "" || strings.ContainsAny(after[:1], " \t\r\n;")) {
			return len(t.text) + len(after) - len(strings.TrimLeft(after, ";")), t.vertical
		}
	}
	return 0, false
}
