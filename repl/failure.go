package repl

import (
	"errors"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/engine/output"
)

// statementError is an error with its place in a statement.
type statementError struct {
	err   error
	lines []string
}

func (e statementError) Error() string { return e.err.Error() }
func (e statementError) Unwrap() error { return e.err }

// Lines are those of the statement with a mark below the place, escaped.
func (e statementError) Lines() []string { return e.lines }

// located adds the line of the statement that is at fault.
func located(err error, sql string) error {
	var e *engine.SQLError
	var d *dialect.Error
	switch {
	case errors.As(err, &e):
		return statementError{err, output.Excerpt(sql, e.Line, e.Column)}
	case errors.As(err, &d):
		return statementError{err, output.Excerpt(sql, d.Line, d.Column)}
	}
	return err
}

// reportError tells the user why an input ended.
func (s *Session) reportError(err error) {
	var cancelled cancelledError
	if errors.As(err, &cancelled) {
		s.tty.say(cancelled.Error() + "\n")
		return
	}
	if isCancelled(err) {
		s.tty.say("cancelled\n")
		return
	}
	s.sayWrapped("error: " + escape(output.Message(err)))
	var text string
	var placed interface{ Lines() []string }
	if errors.As(err, &placed) {
		for _, line := range placed.Lines() {
			text += "  " + line + "\n"
		}
	}
	if text != "" {
		s.tty.say(text)
	}
}

// didYouMean asks for the name that is nearest, or says something else when none
// is near.
func didYouMean(name string, names []string, otherwise string) string {
	if near := dialect.Nearest(name, names); near != "" {
		return "did you mean " + near + "?"
	}
	return otherwise
}
