package main

import (
	"context"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

// signals is what this process does about the signals that it gets.
type signals struct {
	incoming chan os.Signal
	done     chan struct{}

	mu         sync.Mutex
	interrupts chan struct{} // SIGINT goes here; nil: it ends the run
	restore    func()        // before the process ends at once; may be nil
}

// withSignals cancels the context at the first SIGINT or SIGTERM, with a
// signalError as its cause. The second one ends the process at once.
func withSignals(parent context.Context) (ctx context.Context, s *signals, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	s = &signals{incoming: make(chan os.Signal, 4), done: make(chan struct{})}
	signal.Notify(s.incoming, syscall.SIGINT, syscall.SIGTERM)
	// Asked for, a closed pipe is an error of the write instead of a sudden end.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	go s.watch(ctx, cancel)
	return ctx, s, func() {
		signal.Stop(s.incoming)
		close(s.done)
		cancel(nil)
	}
}

func (s *signals) watch(ctx context.Context, cancel context.CancelCauseFunc) {
	for {
		select {
		case <-s.done:
			return
		case got := <-s.incoming:
			cause := signalError{got.(syscall.Signal)}
			if cause.signal == syscall.SIGINT && s.forward() {
				continue
			}
			if ctx.Err() != nil {
				s.exit(cause)
			}
			cancel(cause)
			s.exitLate(cause)
		}
	}
}

// forward hands a SIGINT to whoever takes them. Nobody does who has left some
// unread, or when the run is about to end.
func (s *signals) forward() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.interrupts == nil {
		return false
	}
	select {
	case s.interrupts <- struct{}{}:
		return true
	default:
		return false
	}
}

// patience is how long a shell may take to end after a signal.
const patience = 3 * time.Second

// exitLate ends a shell that does not end by itself: nobody may be there any
// more to send a second signal.
func (s *signals) exitLate(cause signalError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.interrupts != nil {
		time.AfterFunc(patience, func() { s.exit(cause) })
	}
}

func (s *signals) exit(cause signalError) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.restore != nil {
		s.restore()
	}
	os.Exit(cause.exitCode())
}

// heedTerminal makes the signals of a terminal that goes away end the run, too.
func (s *signals) heedTerminal() {
	for _, also := range []os.Signal{syscall.SIGHUP, syscall.SIGQUIT} {
		if !signal.Ignored(also) { // by nohup
			signal.Notify(s.incoming, also)
		}
	}
}

// shell hands every SIGINT to the channel. restore, from any goroutine, leaves
// the terminal as it was.
func (s *signals) shell(interrupts chan struct{}, restore func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.interrupts, s.restore = interrupts, restore
}
