package repl

import (
	"errors"
	"fmt"
	"strings"
)

// arguments are what stands behind the name of a command.
type arguments struct {
	text  string   // as it was typed, without space around it
	words []string // split as a shell does, without quotes
	usage string   // of the command
}

// parseArguments splits at spaces. Quotes hold words together; a backslash
// takes the next character as it is, but not between single quotes. A quote
// within a word stands for itself, and so does one that is not closed: SQL need
// not be quoted.
func parseArguments(text string) arguments {
	a := arguments{text: strings.TrimSpace(text)}
	for rest := a.text; rest != ""; rest = strings.TrimLeft(rest, " \t") {
		word, length, closed := nextWord(rest)
		if !closed {
			word, length = rest, len(rest)
		}
		a.words = append(a.words, word)
		rest = rest[length:]
	}
	return a
}

func nextWord(s string) (word string, length int, closed bool) {
	if quote := s[0]; quote == '\'' || quote == '"' {
		return quotedWord(s, quote)
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ' ' || c == '\t':
			return b.String(), i, true
		case c == '\\' && i+1 < len(s) && (s[i+1] == ' ' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		case c == '=' && i+1 < len(s) && (s[i+1] == '\'' || s[i+1] == '"'): // name='a value'
			b.WriteByte(c)
			value, n, ok := quotedWord(s[i+1:], s[i+1])
			if !ok {
				return s, len(s), false
			}
			b.WriteString(value)
			i += n
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), len(s), true
}

func quotedWord(s string, quote byte) (word string, length int, closed bool) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == quote && quote == '\'' && i+1 < len(s) && s[i+1] == quote: // as in SQL
			i++
			b.WriteByte(quote)
		case c == quote:
			return b.String(), i + 1, true
		case c == '\\' && quote == '"' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return s, len(s), false
}

// misused is the error of arguments that a command does not take.
func (a arguments) misused() error { return errors.New("usage: " + a.usage) }

// flag takes a flag out, wherever it stands among the words.
func (a arguments) flag(name string) (arguments, bool) {
	for i, w := range a.words {
		if w == name {
			a.words = append(append([]string{}, a.words[:i]...), a.words[i+1:]...)
			a.text = strings.TrimSpace(strings.Replace(a.text, name, "", 1))
			return a, true
		}
	}
	return a, false
}

// option takes a flag with its value out.
func (a arguments) option(name string) (rest arguments, value string, err error) {
	for i, w := range a.words {
		if w != name {
			continue
		}
		if i+1 == len(a.words) {
			return a, "", fmt.Errorf("%s needs a value: %s", name, a.usage)
		}
		value = a.words[i+1]
		a.words = append(append([]string{}, a.words[:i]...), a.words[i+2:]...)
		return a, value, nil
	}
	return a, "", nil
}

// one is the only argument.
func (a arguments) one() (string, error) {
	if len(a.words) != 1 || a.words[0] == "" {
		return "", a.misused()
	}
	return a.words[0], nil
}

// cutWord takes the first word from the text as it was typed.
func (a arguments) cutWord() (word, rest string) {
	if a.text == "" {
		return "", ""
	}
	word, length, _ := nextWord(a.text)
	return word, strings.TrimSpace(a.text[length:])
}
