package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/repl"
)

// Exit codes. They are part of the interface: scripts branch on them.
const (
	exitOK          = 0
	exitFailed      = 1   // a statement or the run failed
	exitUsage       = 2   // usage or configuration; nothing was run
	exitIncomplete  = 3   // finished, but some input was rejected
	exitLimit       = 4   // a limit stopped it: time, memory, disk
	exitAlarm       = 5   // reports ran, and a control is in alarm
	exitControl     = 6   // reports ran, and a control could not be assessed
	exitInternal    = 70  // a bug
	exitInterrupted = 130 // SIGINT
	exitClosedPipe  = 141 // the reader of our output went away
	exitTerminated  = 143 // SIGTERM
)

// usageError is an error of the caller: wrong flags, arguments or configuration.
type usageError struct{ err error }

func (e usageError) Error() string { return e.err.Error() }
func (e usageError) Unwrap() error { return e.err }

func usagef(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// partialError says that the run finished without some of its input.
type partialError struct{ message string }

func (e partialError) Error() string { return e.message }

// signalError is the cause of a context that a signal cancelled.
type signalError struct{ signal syscall.Signal }

func (e signalError) Error() string { return "stopped by signal: " + e.signal.String() }
func (e signalError) exitCode() int { return 128 + int(e.signal) }

// exitCode classifies what a command returned. ctx is the command's.
func exitCode(ctx context.Context, err error) int {
	if err == nil {
		return exitOK
	}
	// Whatever failed after the signal failed because of it.
	if s, ok := errors.AsType[signalError](context.Cause(ctx)); ok {
		return s.exitCode()
	}
	if _, ok := errors.AsType[usageError](err); ok {
		return exitUsage
	}
	if _, ok := errors.AsType[partialError](err); ok {
		return exitIncomplete
	}
	if o, ok := errors.AsType[outcomeError](err); ok {
		return o.code
	}
	if exit, ok := errors.AsType[*repl.ExitError](err); ok {
		return exit.Code
	}
	switch {
	case errors.Is(err, syscall.EPIPE):
		return exitClosedPipe
	case errors.Is(err, engine.ErrLimit), errors.Is(err, engine.ErrTimeout), errors.Is(err, syscall.ENOSPC):
		return exitLimit
	case errors.Is(err, engine.ErrCanceled), errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFailed
}

// detailedError explains itself in more lines below the message, such as the
// place in a statement.
type detailedError interface {
	error
	Lines() []string
}

// report writes the error to stderr and returns the exit code for it.
func (a *app) report(ctx context.Context, err error) int {
	code := exitCode(ctx, err)
	if _, ok := errors.AsType[*repl.ExitError](err); ok {
		return code
	}
	_, signalled := errors.AsType[signalError](context.Cause(ctx))
	switch {
	case code == exitOK, code == exitClosedPipe:
		return code
	case code == exitIncomplete, code == exitAlarm, code == exitControl:
		a.warn("%s", err)
		return code
	case code == exitInterrupted, signalled:
		err = errors.New("cancelled")
	}
	if a.jsonErrors {
		a.reportJSON(err, code)
		return code
	}
	a.line("error", output.Message(err))
	if detailed, ok := errors.AsType[detailedError](err); ok {
		for _, l := range detailed.Lines() {
			fmt.Fprintf(a.stderr, "  %s\n", output.Escape(l))
		}
	}
	return code
}

// errorLine is an error for machines. Its names are part of the interface.
type errorLine struct {
	Error    string `json:"error"`
	Line     int    `json:"line,omitempty"` // of the SQL, from 1
	Column   int    `json:"column,omitempty"`
	Hint     string `json:"hint,omitempty"`
	ExitCode int    `json:"exit_code"`
}

// reportJSON writes the error as one line that is safe on a terminal.
func (a *app) reportJSON(err error, code int) {
	l := errorLine{Error: output.Message(err), ExitCode: code}
	if at, ok := errors.AsType[*engine.SQLError](err); ok {
		l.Error, l.Line, l.Column, l.Hint = at.Message, at.Line, at.Column, at.Hint
		if at.Kind != nil {
			l.Error = at.Kind.Error() + ": " + l.Error
		}
	}
	text, err := json.Marshal(l)
	if err != nil {
		a.line("error", err.Error())
		return
	}
	fmt.Fprintf(a.stderr, "%s\n", output.SafeJSON(text))
}

// warn writes one warning to stderr, quiet or not.
func (a *app) warn(format string, args ...any) { a.line("warning", fmt.Sprintf(format, args...)) }

// note writes one note to stderr unless the user asked for quiet.
func (a *app) note(format string, args ...any) {
	if !a.quiet {
		a.line("note", fmt.Sprintf(format, args...))
	}
}

// line writes one line to stderr. The text may hold anything: paths and values
// from logs are written by strangers.
func (a *app) line(kind, text string) {
	fmt.Fprintf(a.stderr, "%s: %s\n", kind, output.Escape(text))
}

// crashed reports a panic and returns the exit code for it. The trace goes to
// a file: it is long, and it may quote log content.
func (a *app) crashed(cause any, args []string) int {
	trace := debug.Stack()
	file, err := os.CreateTemp("", "trailql-crash-*.txt")
	if err == nil {
		_, err = fmt.Fprintf(file, "trailql %s\narguments: %q\npanic: %v\n\n%s", buildVersion(), args, cause, trace)
		err = errors.Join(err, file.Close())
	}
	where := "no crash file could be written"
	if err == nil {
		where = "please report it with " + file.Name()
	}
	a.line("error", "internal: this is a bug in trailql; "+where)
	return exitInternal
}
