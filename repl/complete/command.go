package complete

import (
	"strings"
	"unicode/utf8"
)

// commandStart is where a dot command, or the alias of one with a backslash,
// begins; -1 for a statement.
func commandStart(text string) int {
	start := len(text) - len(strings.TrimLeft(text, " \t\r\n"))
	if start < len(text) && (text[start] == '.' && !(start+1 < len(text) && '0' <= text[start+1] && text[start+1] <= '9') || text[start] == '\\') {
		return start
	}
	return -1
}

// commandNamed finds a command by its name or the beginning of one.
func (k *Known) commandNamed(name string) *Command {
	var found *Command
	for i := range k.Commands {
		c := &k.Commands[i]
		switch {
		case strings.EqualFold(c.Name, name):
			return c
		case found == nil && len(name) < len(c.Name) && strings.EqualFold(c.Name[:len(name)], name):
			found = c
		}
	}
	return found
}

// commandName is the length of the command's name at the start of text.
func commandName(text string) int {
	if n := strings.IndexAny(text, " \t\r\n"); n >= 0 {
		return n
	}
	return len(text)
}

func (k *Known) atCommand(text string, start, cursor int, asked bool) Completion {
	end := start + commandName(text[start:])
	if cursor <= end {
		return k.commandsAt(text, start, cursor, end, asked)
	}
	c := k.commandNamed(text[start:end])
	if c == nil {
		return Completion{Start: cursor, End: cursor}
	}
	if sql := sqlOf(c, text, end); sql >= 0 && sql < cursor {
		found := k.atStatement(text[sql:], cursor-sql, asked)
		found.Start += sql
		found.End += sql
		if len(found.Items) > 0 || c.Candidates == nil {
			return found
		}
	}
	return k.argumentsAt(c, text, end, cursor, asked)
}

func (k *Known) commandsAt(text string, start, cursor, end int, asked bool) Completion {
	done := Completion{Start: start, End: end}
	if cursor == start || !asked && cursor-start < 2 {
		return done
	}
	typed := text[start:cursor]
	l := newRanking(typed[1:])
	for _, c := range k.Commands {
		if c.Name == "" || c.Name[0] != typed[0] {
			continue
		}
		if m := match(c.Name[1:], l.typed); m == atStart || m != none && asked {
			detail := c.Arguments
			if c.Help != "" {
				if detail != "" {
					detail += "  "
				}
				detail += c.Help
			}
			l.put(first, m, c.Name, detail)
		}
	}
	done.Items = l.items()
	if len(done.Items) == 1 && done.Items[0].Text == text[start:end] && !asked {
		done.Items = nil
	}
	return done
}

// sqlOf is where the statement begins that a command takes; -1 if there is none.
func sqlOf(c *Command, text string, end int) int {
	if !strings.Contains(c.Arguments, "SQL") {
		return -1
	}
	for i := end; i < len(text); {
		rest := text[i:]
		i += len(rest) - len(strings.TrimLeft(rest, " \t\r\n"))
		n := commandName(text[i:])
		switch keyword(text[i : i+n]) {
		case "SELECT", "FROM", "WITH", "SHOW", "DESCRIBE", "VALUES", "TABLE", "EXPLAIN", "CREATE", "DROP", "SUMMARIZE":
			return i
		}
		if n == 0 || i+n == len(text) {
			// The first word may become one.
			if onlyArgument := strings.TrimSpace(text[end:i]) == ""; onlyArgument && n > 0 {
				return i
			}
			break
		}
		i += n
	}
	return -1
}

func (k *Known) argumentsAt(c *Command, text string, end, cursor int, asked bool) Completion {
	word := lastArgument(text[end:cursor])
	done := Completion{Start: end + word.start, End: cursor}
	if c.Candidates == nil || !asked && utf8.RuneCountInString(word.typed) < 2 {
		return done
	}
	if rest := text[cursor:]; word.quote == 0 {
		done.End += commandName(rest)
	} else if i := strings.IndexByte(rest, word.quote); i >= 0 {
		done.End += i + 1
	}
	l := newRanking(word.typed)
	for _, candidate := range c.Candidates(text[end:cursor]) {
		if m := match(candidate, word.typed); m == atStart || m != none && !strings.Contains(word.typed, "/") {
			l.put(first, m, word.write(candidate), "")
		}
	}
	done.Items = l.items()
	if len(done.Items) == 1 && done.Items[0].Text == text[done.Start:done.End] && !asked {
		done.Items = nil
	}
	return done
}

// argument is one of a command's that is being written.
type argument struct {
	typed string // without quotes
	quote byte
	start int
}

// lastArgument finds the last of the arguments in text.
func lastArgument(text string) argument {
	var a argument
	var typed strings.Builder
	inside := false
	for i := range len(text) {
		switch c := text[i]; {
		case a.quote != 0 && c == a.quote:
			a.quote = 0
		case a.quote != 0:
			typed.WriteByte(c)
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			inside = false
			typed.Reset()
			a.start = i + 1
		case (c == '"' || c == '\'') && !inside:
			a.quote, a.start, inside = c, i, true
		default:
			inside = true
			typed.WriteByte(c)
		}
	}
	a.typed = typed.String()
	return a
}

// write is an argument as a command reads it.
func (a argument) write(s string) string {
	switch {
	case a.quote == 0 && !strings.ContainsAny(s, " \t'\"\\|"):
		return s
	case a.quote == '\'' && !strings.Contains(s, "'"):
		return "'" + s + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
