package repl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/trailql/trailql/engine"
)

// quitWithin is how soon a second interrupt has to come to end the session.
const quitWithin = 2 * time.Second

// errInterrupted is the cause of a context that an interrupt cancelled.
var errInterrupted = fmt.Errorf("%w by the user", engine.ErrCanceled)

// errInterruptedTwice ends the session.
var errInterruptedTwice = fmt.Errorf("%w twice", engine.ErrCanceled)

// interruptible runs f under a context that an interrupt cancels.
func (s *Session) interruptible(ctx context.Context, f func(context.Context) error) error {
	defer s.tty.finish()
	if s.options.Interrupts == nil {
		return f(ctx)
	}
	for drained := false; !drained; { // what came at the prompt
		select {
		case <-s.options.Interrupts:
		default:
			drained = true
		}
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done, stopped := make(chan struct{}), make(chan bool)
	go func() { stopped <- s.watchInterrupts(done, cancel) }()
	err := f(ctx)
	close(done)
	if twice := <-stopped; twice {
		return errInterruptedTwice
	}
	return err
}

// watchInterrupts cancels for each interrupt until done, and reports whether the
// user wants to leave.
func (s *Session) watchInterrupts(done <-chan struct{}, cancel context.CancelCauseFunc) (twice bool) {
	var last time.Time
	for {
		select {
		case <-done:
			return twice
		case <-s.options.Interrupts:
		}
		loan, now := s.tty.loan(), s.options.Now()
		switch {
		case loan == lentOut:
		case loan == shared:
			cancel(errInterrupted)
		case !last.IsZero() && now.Sub(last) <= quitWithin:
			twice = true
		default:
			last = now
			s.tty.say("Cancelling" + s.ellipsis() + " (Ctrl-C again to quit)\n")
			cancel(errInterrupted)
		}
	}
}

func (s *Session) ellipsis() string {
	if s.screen.ASCII {
		return "..."
	}
	return "…"
}

// isCancelled is true of what ended because somebody wanted so.
func isCancelled(err error) bool {
	// Deadlines are those of output.StopWith.
	return errors.Is(err, engine.ErrCanceled) || errors.Is(err, context.Canceled) || errors.Is(err, os.ErrDeadlineExceeded)
}

// cancelledError says what a cancelled statement has left.
type cancelledError struct {
	after time.Duration
	shown bool // some of its rows
}

func (e cancelledError) Error() string {
	left := "nothing was written"
	if e.shown {
		left = "the rows above are not all"
	}
	return fmt.Sprintf("cancelled after %.1f s; %s", e.after.Seconds(), left)
}

func (e cancelledError) Unwrap() error { return engine.ErrCanceled }
