package follow

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/convert/queue"
	"github.com/trailql/trailql/convert/queue/queuetest"
)

// TestMain lets the test binary be the process that follows and is killed.
func TestMain(m *testing.M) {
	if os.Getenv("TRAILQL_TEST_WAREHOUSE") != "" {
		fmt.Fprintln(os.Stderr, followAsChild())
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func followAsChild() error {
	ctx := context.Background()
	c, err := catalog.Create(ctx, os.Getenv("TRAILQL_TEST_WAREHOUSE"), catalog.Options{})
	if err != nil {
		return err
	}
	o, err := realListener(ctx, nil, c, os.Getenv("TRAILQL_TEST_QUEUE"))
	if err != nil {
		return err
	}
	bucketOf(&o, os.Getenv("TRAILQL_TEST_SOURCE"), os.Getenv("TRAILQL_TEST_ENDPOINT"))
	return Run(ctx, o)
}

// bucketOf makes a bucket of a real server what is listened to.
func bucketOf(o *Options, uri, endpoint string) {
	o.Convert.Sources = []string{uri}
	o.Convert.OpenSource = func(ctx context.Context, root string) (storage.Storage, error) {
		return s3.Open(ctx, root, s3.Options{EndpointURL: endpoint})
	}
}

func realListener(ctx context.Context, a *archive, c *catalog.Catalog, url string) (Options, error) {
	q, err := queue.Open(ctx, queuetest.Config(), url)
	return Options{
		Convert: convert.Options{Catalog: c, Sources: []string{"s3://trail"}, OpenSource: a.openSource},
		Queue:   q, window: 20 * time.Millisecond, visibility: 3 * time.Second,
	}, err
}

// A process that listens to a real queue and reads a real bucket is killed at any moment, again and
// again, while new objects come: in the end everything is in the table once and
// the queue is empty.
func TestKill(t *testing.T) {
	t.Parallel()
	s3server, server := s3test.Start(t), queuetest.Start(t)
	url, source, root := server.NewQueue(t, nil), s3server.NewBucket(t), t.TempDir()
	bucket := s3server.Open(t, source)
	dice := rand.New(rand.NewPCG(1, 1))
	var names []string
	deliver := func(n int) {
		for range n {
			names = append(names, fmt.Sprint("n", len(names)))
		}
		fresh := names[len(names)-n:]
		for _, name := range fresh {
			if err := bucket.PutNew(t.Context(), keyOf(name), []byte(logFile(name, 3))); err != nil {
				t.Fatal(err)
			}
		}
		for i := 0; i < n; i += 2 {
			keys := []string{keyOf(fresh[i]), keyOf(fresh[(i+1)%n])}
			if i%10 == 0 { // SQS and S3 repeat themselves
				server.Send(t, url, event("ObjectCreated:Put", strings.TrimPrefix(source, "s3://"), keys...))
			}
			server.Send(t, url, event("ObjectCreated:Put", strings.TrimPrefix(source, "s3://"), keys...))
		}
	}
	kills, halves := 0, 0
	for range 12 {
		deliver(20)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "TRAILQL_TEST_WAREHOUSE="+root, "TRAILQL_TEST_SOURCE="+source, "TRAILQL_TEST_ENDPOINT="+s3server.URL, "TRAILQL_TEST_QUEUE="+url)
		var said bytes.Buffer
		cmd.Stderr = &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100*time.Millisecond + time.Duration(dice.IntN(600))*time.Millisecond)
		deliver(6)
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err == nil || said.Len() > 0 {
			t.Fatalf("ended by itself: %s", &said)
		}
		kills++
		c, err := catalog.Open(t.Context(), root, catalog.Options{})
		if errors.Is(err, catalog.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		there := records(t, c)
		for id, n := range there {
			if n != 1 {
				t.Fatalf("kill %d: record %s is there %d times", kills, id, n)
			}
		}
		if len(there)%3 != 0 {
			t.Fatalf("kill %d: %d records are no whole objects", kills, len(there))
		}
		if len(there) > 0 && len(there) < 3*len(names) {
			halves++
		}
		c.Close()
	}
	if halves == 0 {
		t.Error("no kill came in the middle")
	}
	c := openWarehouse(t, root)
	o, err := realListener(t.Context(), nil, c, url)
	if err != nil {
		t.Fatal(err)
	}
	bucketOf(&o, source, s3server.URL)
	f := start(t, o)
	f.until(t, "empty queue", func([]Round, []error) bool {
		visible, taken := server.Messages(t, url)
		return visible+taken == 0
	})
	f.end(t)
	whole(t, c, names...)
	t.Logf("%d kills, %d of them with a part in the table", kills, halves)
}

// Both the queue and the bucket lie behind a bad network: everything is in the
// table once, and the queue gets empty.
func TestBadNetwork(t *testing.T) {
	t.Parallel()
	s3server, server := s3test.Start(t), queuetest.Start(t)
	source, url := s3server.NewBucket(t), server.NewQueue(t, nil)
	bucket := s3server.Open(t, source)
	var names []string
	for i := range 120 {
		name := fmt.Sprint("n", i)
		names = append(names, name)
		if err := bucket.PutNew(t.Context(), keyOf(name), []byte(logFile(name, 3))); err != nil {
			t.Fatal(err)
		}
		server.Send(t, url, event("ObjectCreated:Put", strings.TrimPrefix(source, "s3://"), keyOf(name)))
	}
	faults := append(slices.Clone(s3test.Recoverable), s3test.Shortened)
	s3proxy := s3server.NewProxy(t, s3test.Random(1, 0.2, faults...))
	sqsProxy := (&s3test.Server{URL: server.URL}).NewProxy(t, s3test.Random(2, 0.2, s3test.Recoverable...))
	c := openWarehouse(t, t.TempDir())
	o, err := realListener(t.Context(), nil, c, strings.Replace(url, server.URL, sqsProxy.URL, 1))
	for try := 0; err != nil && try < 9; try++ { // a start may fail
		o, err = realListener(t.Context(), nil, c, strings.Replace(url, server.URL, sqsProxy.URL, 1))
	}
	if err != nil {
		t.Fatal(err)
	}
	bucketOf(&o, source, s3proxy.URL)
	o.delay, o.wait = time.Second, 10*time.Millisecond
	f := start(t, o)
	f.until(t, "empty queue", func([]Round, []error) bool {
		visible, taken := server.Messages(t, url)
		return visible+taken == 0
	})
	f.end(t)
	whole(t, c, names...)
	s, m := sum(f.rounds)
	t.Logf("S3: %s; SQS: %s; %d rounds, %d failures reported, %d messages came again", s3proxy.Summary(), sqsProxy.Summary(), len(f.rounds), len(f.failed), m.Later)
	if s.Duplicates != 0 || m.Vanished != 0 {
		t.Errorf("%+v, %+v", s, m)
	}
}

// A round that takes longer than the visibility keeps its messages.
func TestSlowRound(t *testing.T) {
	t.Parallel()
	server := queuetest.Start(t)
	url := server.NewQueue(t, nil)
	a, c := newArchive(t), openWarehouse(t, t.TempDir())
	a.add(t, "a", "b")
	a.open = func(string) error {
		time.Sleep(5 * time.Second)
		return nil
	}
	server.Send(t, url, announce(keyOf("a")), announce(keyOf("b")))
	o, err := realListener(t.Context(), a, c, url)
	if err != nil {
		t.Fatal(err)
	}
	o.window = time.Second
	f := start(t, o)
	f.until(t, "rounds", deleted(2))
	f.end(t)
	whole(t, c, "a", "b")
	s, m := sum(f.rounds)
	if s.Objects != 2 || m.Deleted != 2 || s.Unchanged != 0 || len(f.failed) > 0 {
		t.Errorf("%+v, failures %v", f.rounds, f.failed)
	}
	if visible, taken := server.Messages(t, url); visible+taken != 0 {
		t.Errorf("%d visible, %d taken", visible, taken)
	}
}

// Two listeners share a queue and a warehouse.
func TestTwoListeners(t *testing.T) {
	t.Run("in turns", func(t *testing.T) { t.Parallel(); twoListeners(t, false) })
	t.Run("together", func(t *testing.T) { t.Parallel(); twoListeners(t, true) })
}

func twoListeners(t *testing.T, together bool) {
	server := queuetest.Start(t)
	url := server.NewQueue(t, nil)
	a, root := newArchive(t), t.TempDir()
	var both []*following
	for range 2 {
		o, err := realListener(t.Context(), a, openWarehouse(t, root), url)
		if err != nil {
			t.Fatal(err)
		}
		o.Convert.Together = together
		both = append(both, start(t, o))
	}
	var names []string
	for i := range 60 {
		names = append(names, fmt.Sprint("n", i))
		a.add(t, names[i])
		server.Send(t, url, announce(keyOf(names[i])))
	}
	both[0].until(t, "empty queue", func([]Round, []error) bool {
		visible, taken := server.Messages(t, url)
		return visible+taken == 0
	})
	for _, f := range both {
		f.end(t)
	}
	whole(t, openWarehouse(t, root), names...)
}
