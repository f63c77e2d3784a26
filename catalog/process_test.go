package catalog_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
)

// childEnv makes the test binary a writer of the warehouse that it names.
const (
	childEnv   = "TRAILQL_CATALOG_TEST_CHILD"
	childRoot  = "TRAILQL_CATALOG_TEST_ROOT"
	childCount = 10
)

func TestMain(m *testing.M) {
	var err error
	switch os.Getenv(childEnv) {
	case "":
		os.Exit(m.Run())
	case "race":
		err = raceChild(os.Getenv(childRoot))
	case "crash":
		err = crashChild(os.Getenv(childRoot))
	case "s3":
		err = s3Child(os.Getenv(childRoot))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func child(t *testing.T, role, root string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childEnv+"="+role, childRoot+"="+root)
	cmd.Stderr = os.Stderr
	return cmd
}

// raceChild commits without the lock.
func raceChild(root string) error {
	ctx := context.Background()
	c, err := catalog.Open(ctx, root, catalog.Options{})
	if err != nil {
		return err
	}
	for i := range childCount {
		if err := addBatch(ctx, c, 1, "us-east-1", fmt.Sprintf("2023-07-%02d", i%28+1)); err != nil {
			return err
		}
	}
	return nil
}

func TestRaceOfProcesses(t *testing.T) {
	c := create(t, catalog.Options{})
	before := snapshot(t, c).Version()
	children := []*exec.Cmd{child(t, "race", c.Root()), child(t, "race", c.Root())}
	for _, cmd := range children {
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, len(children))
	for _, cmd := range children {
		go func() { done <- cmd.Wait() }()
	}
	for running := len(children); running > 0; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			running--
		default:
			checkWhole(t, c, snapshot(t, c)) // a reader meanwhile
		}
	}
	s := snapshot(t, reopen(t, c, catalog.Options{}))
	if n := checkWhole(t, c, s); n != 2*childCount {
		t.Errorf("%d records, want %d", n, 2*childCount)
	}
	if want := before + 2*childCount; s.Version() != want {
		t.Errorf("version %d, want %d", s.Version(), want)
	}
	checkNoOrphans(t, c)
}

// crashChild does what a converter does, for ever, and says on stdout how many
// records are committed.
func crashChild(root string) error {
	ctx := context.Background()
	c, err := catalog.Open(ctx, root, catalog.Options{Retain: time.Nanosecond})
	if err != nil {
		return err
	}
	if _, err := c.Lock(ctx, nil); err != nil {
		return err
	}
	s, err := c.Snapshot(ctx)
	if err != nil {
		return err
	}
	events, err := s.Table("events")
	if err != nil {
		return err
	}
	for n := events.Stats().Records; ; {
		fmt.Println(n)
		if err := addBatch(ctx, c, 1, "us-east-1", fmt.Sprintf("2023-07-%02d", n%3+1)); err != nil {
			return err
		}
		n++
		if n%5 == 0 {
			if err := compactAll(ctx, c); err != nil {
				return err
			}
		}
		if n%7 == 0 {
			if err := c.Expire(ctx); err != nil {
				return err
			}
		}
	}
}

func compactAll(ctx context.Context, c *catalog.Catalog) error {
	s, err := c.Snapshot(ctx)
	if err != nil {
		return err
	}
	events, err := s.Table("events")
	if err != nil {
		return err
	}
	remove, stats, err := events.Plan(ctx, catalog.Predicate{})
	if err != nil {
		return err
	}
	id, err := c.Begin(ctx)
	if err != nil {
		return err
	}
	big, err := newFile(ctx, c, id, "events", stats.Records, "us-east-1", "2023-07-01")
	if err != nil {
		return err
	}
	_, err = c.Commit(ctx, catalog.Batch{ID: id, Changes: map[string]catalog.Change{
		"events": {Add: []catalog.DataFile{big}, Remove: remove},
	}})
	return err
}

// TestKill kills a writer at many points. What it had said to be committed is
// there, the rest is there whole or not at all, and Repair leaves no orphan.
func TestKill(t *testing.T) {
	c := create(t, catalog.Options{})
	rounds := 25
	if testing.Short() {
		rounds = 2
	}
	repaired := 0
	for round := range rounds {
		cmd := child(t, "crash", c.Root())
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(out)
		said := int64(0)
		line := func() bool {
			s, err := lines.ReadString('\n')
			if err != nil {
				return false
			}
			said, err = strconv.ParseInt(strings.TrimSpace(s), 10, 64)
			return err == nil
		}
		if !line() { // it is at work
			t.Fatalf("round %d: the writer did not start: %v", round, cmd.Wait())
		}
		time.Sleep(time.Duration(round*37%400) * time.Millisecond / 2) // anywhere in the next commits
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for line() {
		}
		_ = cmd.Wait() // it was killed

		c := reopen(t, c, catalog.Options{})
		unlock, err := c.Lock(t.Context(), func(h string) { t.Errorf("the lock of a dead process is held by %s", h) })
		if err != nil {
			t.Fatal(err)
		}
		if n := checkWhole(t, c, snapshot(t, c)); n != said && n != said+1 {
			t.Errorf("round %d: %d records, the writer said %d", round, n, said)
		}
		stats, err := c.Repair(t.Context())
		if err != nil {
			t.Error(err)
		}
		repaired += stats.Batches
		checkNoOrphans(t, c)
		if err := unlock(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d rounds left %d unfinished batches", rounds, repaired)
}
