package repl

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// runExit: .exit
func runExit(s *Session, _ context.Context, a arguments) error {
	if len(a.words) == 0 {
		return &ExitError{}
	}
	word, err := a.one()
	if err != nil {
		return err
	}
	code, err := strconv.Atoi(word)
	if err != nil || code < 0 || code > 255 {
		return fmt.Errorf("%q is no exit code: 0 to 255", word)
	}
	return &ExitError{code}
}

// runSafe: .safe
func runSafe(s *Session, _ context.Context, _ arguments) error {
	s.options.Safe = true
	s.dropOnce()
	s.printf("safe mode: no programs are run, and no files read or written, until the end of the session\n")
	err := s.closeOutput()
	if s.log != nil {
		s.record("command", ".safe")
		s.notef("the transcript %s ends here", s.log.file.Name())
	}
	return errors.Join(err, s.closeLog())
}

// runClear: .clear
func runClear(s *Session, _ context.Context, _ arguments) error {
	if s.screen.Size != nil {
		fmt.Fprint(s.tty, "\x1b[H\x1b[2J")
	}
	return nil
}

// runWarehouse: .warehouse
func runWarehouse(s *Session, _ context.Context, _ arguments) error {
	if s.options.Warehouse == "" {
		s.printf("no warehouse is known\n")
	} else {
		s.printf("%s\n", s.options.Warehouse)
	}
	return nil
}
