package catalog_test

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
)

// onS3 opens or makes a warehouse that somebody else may have, too.
func onS3(t *testing.T, s storage.Storage, o catalog.Options) *catalog.Catalog {
	t.Helper()
	o.Storage = s
	c, err := catalog.Create(t.Context(), "", o)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Define(t.Context(), eventsSpec(), filesSpec()); err != nil {
		t.Fatal(err)
	}
	return c
}

// TestRaceOnS3: writers that know nothing of each other, over connections that
// fail again and again.
func TestRaceOnS3(t *testing.T) {
	server := s3test.Start(t)
	root := server.NewBucket(t) + "/warehouse"
	c := onS3(t, server.Open(t, root), catalog.Options{})
	proxy := server.NewProxy(t, s3test.Random(2, 0.05, append(s3test.Recoverable, s3test.Late)...))
	var wg sync.WaitGroup
	for range 3 {
		w := onS3(t, proxy.Open(t, root), catalog.Options{})
		wg.Go(func() {
			for i := range childCount {
				if err := addBatch(t.Context(), w, 1, "us-east-1", fmt.Sprintf("2023-07-%02d", i+1)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
			checkWhole(t, c, snapshot(t, c)) // a reader meanwhile
		}
	}
	proxy.Wait()
	t.Logf("%d faults: %s", proxy.Injected(), proxy.Summary())
	if n := checkWhole(t, c, snapshot(t, c)); n != 3*childCount {
		t.Errorf("%d records, want %d", n, 3*childCount)
	}
}

// TestTurnsOnS3: converters that wait for each other, over such connections.
func TestTurnsOnS3(t *testing.T) {
	server := s3test.Start(t)
	root := server.NewBucket(t) + "/warehouse"
	c := onS3(t, server.Open(t, root), catalog.Options{})
	proxy := server.NewProxy(t, s3test.Random(4, 0.05, append(s3test.Recoverable, s3test.Late)...))
	const writers, turns = 3, 3
	var wg sync.WaitGroup
	for range writers {
		w := onS3(t, proxy.Open(t, root), catalog.Options{Lease: 5 * time.Second})
		wg.Go(func() {
			for range turns {
				unlock, err := w.Lock(t.Context(), nil)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := w.Repair(t.Context()); err != nil {
					t.Error(err)
				}
				if err := addBatch(t.Context(), w, 1, "us-east-1", "2023-07-10"); err != nil {
					t.Error(err)
				}
				if err := unlock(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	proxy.Wait()
	t.Logf("%d faults: %s", proxy.Injected(), proxy.Summary())
	if n := checkWhole(t, c, snapshot(t, c)); n != writers*turns {
		t.Errorf("%d records, want %d", n, writers*turns)
	}
	// What was left by requests that came late, or were carried out twice, goes.
	if _, err := c.Repair(t.Context()); err != nil {
		t.Error(err)
	}
	if n := checkWhole(t, c, snapshot(t, c)); n != writers*turns {
		t.Errorf("%d records after Repair, want %d", n, writers*turns)
	}
}

// s3Child does what a converter does, once.
func s3Child(root string) error {
	ctx := context.Background()
	b, err := s3.Open(ctx, root, s3.Options{}) // the endpoint is in the environment
	if err != nil {
		return err
	}
	c, err := catalog.Open(ctx, "", catalog.Options{Storage: b, Retain: time.Nanosecond, Lease: childLease})
	if err != nil {
		return err
	}
	unlock, err := c.Lock(ctx, nil)
	if err != nil {
		return err
	}
	if _, err := c.Repair(ctx); err != nil {
		return err
	}
	if err := addBatch(ctx, c, 1, "us-east-1", "2023-07-01"); err != nil {
		return err
	}
	if err := compactAll(ctx, c); err != nil {
		return err
	}
	if err := c.Expire(ctx); err != nil {
		return err
	}
	return unlock()
}

var everyRequest = flag.Bool("every-request", false, "crash at every request, not only at some")

const childLease = 300 * time.Millisecond

// TestCrashAtAnyRequest kills a writer when its k-th request is on the way, for
// many k: before the server has it, when the server has handled it, and before
// the server gets it when others have already cleaned up. With -every-request it
// is every k, which takes minutes.
func TestCrashAtAnyRequest(t *testing.T) {
	server := s3test.Start(t)
	for i, fault := range []s3test.Fault{s3test.CutBefore, s3test.CutAfter, s3test.Late} {
		t.Run(fault.String(), func(t *testing.T) {
			root := server.NewBucket(t) + "/warehouse"
			proxy := server.NewProxy(t, nil)
			c := onS3(t, server.Open(t, root), catalog.Options{Lease: childLease})
			mustAdd(t, c, 1, "us-east-1", "2023-07-01")
			before, killed := int64(1), 0
			first, step := int64(1+8*i), int64(25)
			if *everyRequest {
				first, step = 1, 1
			}
			for k := first; ; k += step {
				cmd := child(t, "s3", root)
				cmd.Env = append(cmd.Env, "AWS_ENDPOINT_URL_S3="+proxy.URL)
				cmd.Stderr = os.Stderr
				ready := make(chan struct{})
				proxy.Use(func(n int64, _ *http.Request) s3test.Fault {
					<-ready
					if n < k {
						return s3test.None
					}
					cmd.Process.Kill()
					return fault
				})
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				close(ready)
				err := cmd.Wait()
				done := err == nil
				if !done && cmd.ProcessState.Exited() {
					t.Fatalf("request %d: the writer failed: %v", k, err)
				}

				next := onS3(t, server.Open(t, root), catalog.Options{Lease: childLease})
				unlock, err := next.Lock(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := next.Repair(t.Context()); err != nil {
					t.Error(err)
				}
				proxy.Wait()
				n := checkWhole(t, next, snapshot(t, next))
				if n != before && n != before+1 || done && n != before+1 {
					t.Errorf("request %d: %d records, there were %d; done: %v", k, n, before, done)
				}
				if fault != s3test.Late { // what arrives behind the repair can be no more than an orphan
					checkNoOrphans(t, next)
				}
				if err := unlock(); err != nil {
					t.Error(err)
				}
				if t.Failed() {
					t.Fatalf("killed at request %d", k)
				}
				before = n
				if done {
					t.Logf("killed at %d requests", killed)
					if killed < 5 {
						t.Error("that is too few to be true")
					}
					return
				}
				killed++
			}
		})
	}
}
