package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/trailql/trailql/engine"
)

func TestExitCode(t *testing.T) {
	stoppedBy := func(s syscall.Signal) context.Context {
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(signalError{s})
		return ctx
	}
	tests := []struct {
		name string
		ctx  context.Context
		err  error
		want int
	}{
		{"success", t.Context(), nil, exitOK},
		{"success in spite of a signal", stoppedBy(syscall.SIGINT), nil, exitOK},
		{"failure", t.Context(), errors.New("read: broken disk"), exitFailed},
		{"usage", t.Context(), fmt.Errorf("wrapped: %w", usagef("no")), exitUsage},
		{"something rejected", t.Context(), partialError{"2 records rejected"}, exitIncomplete},
		{"limit", t.Context(), fmt.Errorf("query: %w", engine.ErrLimit), exitLimit},
		{"timeout", t.Context(), fmt.Errorf("query: %w", engine.ErrTimeout), exitLimit},
		{"disk full", t.Context(), &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC}, exitLimit},
		{"not allowed", t.Context(), engine.ErrNotAllowed, exitFailed},
		{"cancelled without a signal", t.Context(), engine.ErrCanceled, exitInterrupted},
		{"interrupt", stoppedBy(syscall.SIGINT), errors.New("whatever failed then"), exitInterrupted},
		{"terminated", stoppedBy(syscall.SIGTERM), context.Canceled, exitTerminated},
		{"closed pipe", t.Context(), &os.PathError{Op: "write", Path: "|1", Err: syscall.EPIPE}, exitClosedPipe},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := exitCode(tt.ctx, tt.err); got != tt.want {
				t.Errorf("exitCode(%v) = %d, want %d", tt.err, got, tt.want)
			}
		})
	}
}

type placedError struct{}

func (placedError) Error() string   { return "column \"a\x1b[2J\" not found" }
func (placedError) Lines() []string { return []string{"select a\x1b[2J", "       ^"} }

func TestReport(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"nothing for a closed pipe", syscall.EPIPE, ""},
		{"warning for something rejected", partialError{"1 record rejected"}, "warning: 1 record rejected\n"},
		{"one line", errors.New("read a\nb: no"), "error: read a␊b: no\n"},
		{"joined", errors.Join(errors.New("read"), errors.New("close")), "error: read; close\n"},
		{"details, made safe", fmt.Errorf("query: %w", placedError{}), "error: query: column \"a␛[2J\" not found\n  select a␛[2J\n         ^\n"},
		{"cancelled", engine.ErrCanceled, "error: cancelled\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var stderr strings.Builder
			a := &app{stderr: &stderr, quiet: true}
			a.report(t.Context(), tt.err)
			if got := stderr.String(); got != tt.want {
				t.Errorf("report wrote %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCrash(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("TMPDIR", folder)
	var stderr strings.Builder
	a := &app{stderr: &stderr}
	if code := a.crashed("index out of range", []string{"query"}); code != exitInternal {
		t.Errorf("exit code %d, want %d", code, exitInternal)
	}
	files, err := filepath.Glob(filepath.Join(folder, "trailql-crash-*.txt"))
	if err != nil || len(files) != 1 {
		t.Fatalf("crash files: %v, %v", files, err)
	}
	if !strings.Contains(stderr.String(), files[0]) || strings.Count(stderr.String(), "\n") != 1 {
		t.Errorf("stderr %q does not name %s in one line", &stderr, files[0])
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"index out of range", `["query"]`, "goroutine"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("crash file lacks %q:\n%s", want, text)
		}
	}
}
