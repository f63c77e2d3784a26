package dialect

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Error is a statement that cannot be translated.
type Error struct {
	Line, Column int // from 1, in characters
	Message      string
	Hint         string // what to write instead; may be empty
	// NotAllowed: the statement would change something, or leave the sandbox.
	NotAllowed bool

	offset int // in bytes
}

func (e *Error) Error() string {
	text := fmt.Sprintf("line %d:%d: %s", e.Line, e.Column, e.Message)
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	return text
}

func errorAt(sql string, offset int, message, hint string) *Error {
	line, column := Position(sql, offset)
	return &Error{Line: line, Column: column, Message: message, Hint: hint, offset: offset}
}

// Position converts an offset in bytes to line and column, both from 1, the
// column in characters. An offset outside the text means its nearest end.
func Position(sql string, offset int) (line, column int) {
	before := sql[:max(0, min(offset, len(sql)))]
	start := strings.LastIndexByte(before, '\n') + 1
	return 1 + strings.Count(before, "\n"), 1 + utf8.RuneCountInString(before[start:])
}
