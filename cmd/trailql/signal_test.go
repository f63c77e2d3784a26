package main

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSignalsCancel(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(s.String(), func(t *testing.T) {
			ctx, _, stop := withSignals(t.Context())
			defer stop()
			if err := syscall.Kill(os.Getpid(), s); err != nil {
				t.Fatal(err)
			}
			<-ctx.Done()
			if cause, ok := errors.AsType[signalError](context.Cause(ctx)); !ok || cause.signal != s {
				t.Errorf("cause %v, want %v", context.Cause(ctx), s)
			}
		})
	}
}

// A run that waits for its input ends when the signal comes.
func TestRunStoppedBySignal(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stdin, keepOpen := io.Pipe()
	defer keepOpen.Close()
	var stdout, stderr strings.Builder
	a := &app{stdin: stdin, stdout: &stdout, stderr: &stderr, warehouse: t.TempDir(), now: time.Now}
	cancel(signalError{syscall.SIGINT})
	if code := run(ctx, []string{"convert", "-"}, a); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	if stdout.String() != "" || stderr.String() != "error: cancelled\n" {
		t.Errorf("stdout %q, stderr %q", &stdout, &stderr)
	}
}

// A named pipe that nobody writes to is no reason to stay.
func TestNamedPipeStoppedBySignal(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "hunt.sql")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Skip("no named pipes: ", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	var stdout, stderr strings.Builder
	a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, warehouse: t.TempDir(), now: time.Now}
	code := make(chan int)
	go func() { code <- run(ctx, []string{"query", "-f", fifo}, a) }()
	cancel(signalError{syscall.SIGTERM})
	if got := <-code; got != exitTerminated {
		t.Errorf("exit code %d, want %d", got, exitTerminated)
	}
	// Lets the goroutine go that still waits.
	if file, err := os.OpenFile(fifo, os.O_RDWR, 0); err == nil {
		file.Close()
	}
	if stderr.String() != "error: cancelled\n" {
		t.Errorf("stderr %q", &stderr)
	}
}

func TestRunWithClosedPipe(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer writer.Close()
	reader.Close()
	var stderr strings.Builder
	a := &app{stdin: strings.NewReader(""), stdout: writer, stderr: &stderr, now: time.Now}
	if code := run(t.Context(), []string{"version"}, a); code != exitClosedPipe {
		t.Errorf("exit code %d, want %d", code, exitClosedPipe)
	}
	if stderr.String() != "" {
		t.Errorf("stderr %q, want nothing", &stderr)
	}
}
