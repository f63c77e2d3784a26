package schedule

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

// killedFile and killedDir tell the test program to be a process that is killed.
const (
	killedFile = "TRAILQL_TEST_SCHEDULES"
	killedDir  = "TRAILQL_TEST_STATE"
)

var killedAt = time.Date(2026, 11, 4, 6, 0, 0, 0, time.UTC)

func TestMain(m *testing.M) {
	if file := os.Getenv(killedFile); file != "" {
		r := Runner{File: file, StateDir: os.Getenv(killedDir), Now: func() time.Time { return killedAt }}
		r.Run = func(_ context.Context, d Due) error {
			fmt.Println(d.Period.From.Format(time.DateOnly))
			if d.Period.From.Day() == 2 {
				select {} // until it is killed
			}
			return nil
		}
		_, err := r.RunDue(context.Background())
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// TestKilledProcess: a process dies in its second run. Meanwhile nobody else gets
// at the schedules; afterwards what it made is not made again, and the rest is.
func TestKilledProcess(t *testing.T) {
	w := newWorld(t, "2026-11-04 06:00", daily)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := exec.CommandContext(t.Context(), self)
	other.Env = append(os.Environ(), killedFile+"="+w.File, killedDir+"="+w.StateDir)
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for _, want := range []string{"2026-11-01", "2026-11-02"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("the process made %q, want %s", lines.Text(), want)
		}
	}
	if _, err := w.RunDue(t.Context()); !errors.Is(err, ErrRunning) {
		t.Errorf("beside the process: %v", err)
	}
	if err := other.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := other.Wait(); err == nil {
		t.Error("it was not killed")
	}
	w.runAt("2026-11-04 06:00", "daily 2026-11-02 missed", "daily 2026-11-03")
}
