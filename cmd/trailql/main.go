// Command trailql converts AWS CloudTrail archives into a warehouse and
// queries it with SQL. Start with [run]; each command has a file of its own.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	os.Exit(runProcess())
}

// runProcess runs the program with the streams, arguments and signals of this
// process.
func runProcess() int {
	ctx, stop := withSignals(context.Background())
	defer stop()
	return run(ctx, os.Args[1:], &app{
		stdin:  os.Stdin,
		stdout: os.Stdout,
		stderr: os.Stderr,
		now:    time.Now,
	})
}

// withSignals cancels the context at the first SIGINT or SIGTERM, with a
// signalError as its cause. The second one ends the process at once.
func withSignals(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	// Asked for, a closed pipe is an error of the write instead of a sudden end.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)

	done := make(chan struct{})
	go func() {
		for {
			select {
			case <-done:
				return
			case s := <-signals:
				first := signalError{s.(syscall.Signal)}
				if ctx.Err() != nil {
					os.Exit(first.exitCode())
				}
				cancel(first)
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		cancel(nil)
	}
}
