package follow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert"
)

// logFile is a log file with records whose ids begin with its name.
func logFile(name string, records int) string {
	var elements []string
	for i := range records {
		elements = append(elements, fmt.Sprintf(`{"eventVersion":"1.08","eventTime":"2026-03-04T12:%02d:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"us-east-1","eventID":"%s-%d"}`, i%60, name, i))
	}
	return `{"Records":[` + strings.Join(elements, ",") + "]}"
}

// keyOf is where the trail delivers a log file.
func keyOf(name string) string {
	return "AWSLogs/111111111111/CloudTrail/us-east-1/2026/03/04/111111111111_CloudTrail_us-east-1_20260304T1205Z_" + name + ".json"
}

// archive is a folder that can be had as the bucket s3://trail.
type archive struct {
	dir     string
	open    func(name string) error // called before an object is opened
	refused atomic.Pointer[error]   // of opening the bucket
}

func newArchive(t testing.TB) *archive { return &archive{dir: t.TempDir()} }

func (a *archive) add(t testing.TB, names ...string) {
	t.Helper()
	for _, name := range names {
		path := filepath.Join(a.dir, filepath.FromSlash(keyOf(name)))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		// Followers may look at any time, and are to find whole files only.
		part := filepath.Join(t.TempDir(), "part")
		if err := os.WriteFile(part, []byte(logFile(name, 3)), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(part, path); err != nil {
			t.Fatal(err)
		}
	}
}

func (a *archive) openSource(_ context.Context, root string) (storage.Storage, error) {
	if root != "s3://trail" {
		return nil, fmt.Errorf("open %s", root)
	}
	if refused := a.refused.Load(); refused != nil {
		return nil, *refused
	}
	s, err := storage.Open(a.dir)
	return &bucket{s, a}, err
}

type bucket struct {
	storage.Storage
	a *archive
}

func (b *bucket) Root() string { return "s3://trail" }

func (b *bucket) Open(ctx context.Context, name string) (storage.Reader, error) {
	if b.a.open != nil {
		if err := b.a.open(name); err != nil {
			return nil, err
		}
	}
	return b.Storage.Open(ctx, name)
}

func openWarehouse(t testing.TB, dir string) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Create(t.Context(), dir, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// records are the ids in the table, with how often they are there.
func records(t testing.TB, c *catalog.Catalog) map[string]int {
	t.Helper()
	got := map[string]int{}
	err := convert.Export(t.Context(), convert.ExportOptions{Catalog: c, Write: func(_, _ string, record []byte) error {
		_, id, _ := strings.Cut(string(record), `"eventID":"`)
		id, _, _ = strings.Cut(id, `"`)
		got[id]++
		return nil
	}})
	if err != nil && !errors.Is(err, catalog.ErrNotExist) {
		t.Fatal(err)
	}
	return got
}

// whole checks that the table has the records of these log files, each once.
func whole(t testing.TB, c *catalog.Catalog, names ...string) {
	t.Helper()
	want := map[string]int{}
	for _, name := range names {
		for i := range 3 {
			want[fmt.Sprintf("%s-%d", name, i)] = 1
		}
	}
	if got := records(t, c); !maps.Equal(got, want) {
		for id, n := range got {
			if want[id] != n {
				t.Errorf("record %s: %d times, want %d", id, n, want[id])
			}
			delete(want, id)
		}
		for id := range want {
			t.Errorf("record %s: lost", id)
		}
	}
}

// tableRows is how many rows a table has.
func tableRows(t testing.TB, c *catalog.Catalog, name string) (n int64) {
	t.Helper()
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	table, err := s.Table(name)
	if err != nil {
		t.Fatal(err)
	}
	files, _, err := table.Plan(t.Context(), catalog.Predicate{})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		n += f.Records
	}
	return n
}

// following is a Run in the background.
type following struct {
	stop chan struct{}
	err  chan error

	mu     sync.Mutex
	rounds []Round
	failed []error
	pauses []time.Duration
	ended  bool
}

func start(t testing.TB, o Options) *following {
	t.Helper()
	f := &following{stop: make(chan struct{}), err: make(chan error, 1)}
	o.Stop = f.stop
	o.Done = func(r Round) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.rounds = append(f.rounds, r)
	}
	o.Failed = func(err error, again time.Duration) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.failed = append(f.failed, err)
		f.pauses = append(f.pauses, again)
	}
	go func() { f.err <- Run(context.WithoutCancel(t.Context()), o) }()
	t.Cleanup(func() { f.end(t) })
	return f
}

// end stops in order.
func (f *following) end(t testing.TB) {
	t.Helper()
	if f.ended {
		return
	}
	f.ended = true
	close(f.stop)
	select {
	case err := <-f.err:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("does not stop")
	}
}

// until waits for a state of what has been reported.
func (f *following) until(t testing.TB, what string, ok func(rounds []Round, failed []error) bool) {
	t.Helper()
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(5 * time.Millisecond) {
		f.mu.Lock()
		done := ok(f.rounds, f.failed)
		f.mu.Unlock()
		if done {
			return
		}
		if len(f.err) > 0 {
			break
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	t.Fatalf("no %s: rounds %+v, failures %v", what, f.rounds, f.failed)
}

// sum adds up what the rounds say.
func sum(rounds []Round) (n convert.Summary, m Messages) {
	for _, r := range rounds {
		n.Records += r.Records
		n.Objects += r.Objects
		n.Duplicates += r.Duplicates
		m.Deleted += r.Messages.Deleted
		m.Later += r.Messages.Later
		m.Malformed += r.Messages.Malformed
		m.Vanished += r.Messages.Vanished
		m.GivenUp += r.Messages.GivenUp
		m.Outside += r.Messages.Outside
		m.Removed += r.Messages.Removed
		m.Ignored += r.Messages.Ignored
	}
	return n, m
}

func objects(n int64) func([]Round, []error) bool {
	return func(rounds []Round, _ []error) bool { s, _ := sum(rounds); return s.Objects >= n }
}

// New files of a folder become rows, also while rounds fail, also after a
// restart.
func TestFolder(t *testing.T) {
	a, c := newArchive(t), openWarehouse(t, t.TempDir())
	a.add(t, "a", "b")
	o := Options{Convert: convert.Options{Catalog: c, Sources: []string{a.dir}}, Every: 10 * time.Millisecond, minAge: time.Nanosecond}
	f := start(t, o)
	f.until(t, "first round", objects(2))
	whole(t, c, "a", "b")
	a.add(t, "c")
	f.until(t, "round with the new file", objects(3))
	f.until(t, "empty round", func(r []Round, _ []error) bool { return r[len(r)-1].Unchanged == 3 })
	f.end(t)
	whole(t, c, "a", "b", "c")
	for _, r := range f.rounds {
		if !r.Listed || r.At.IsZero() || r.Unreadable > 0 {
			t.Errorf("round %+v", r)
		}
	}

	a.add(t, "d")
	f = start(t, o)
	f.until(t, "first round", objects(1))
	f.end(t)
	whole(t, c, "a", "b", "c", "d")
	if s, _ := sum(f.rounds); s.Objects != 1 || s.Duplicates != 0 {
		t.Errorf("the next start converts again: %+v", f.rounds)
	}
}

// A file that is still being written is left until it is whole, which is looked
// for sooner than at the next listing.
func TestMinAge(t *testing.T) {
	a, c := newArchive(t), openWarehouse(t, t.TempDir())
	a.add(t, "a")
	path := filepath.Join(a.dir, filepath.FromSlash(keyOf("a")))
	whole := []byte(logFile("a", 3))
	if err := os.WriteFile(path, whole[:100], 0o666); err != nil {
		t.Fatal(err)
	}
	f := start(t, Options{Convert: convert.Options{Catalog: c, Sources: []string{a.dir}}, Every: time.Hour, minAge: time.Second})
	f.until(t, "first round", func(r []Round, _ []error) bool { return len(r) > 0 })
	if err := os.WriteFile(path, whole, 0o666); err != nil {
		t.Fatal(err)
	}
	f.until(t, "round with the file", objects(1))
	f.end(t)
	if r := f.rounds[0]; r.Fresh != 1 {
		t.Errorf("first round %+v", r)
	}
	if n := tableRows(t, c, convert.RejectedTable); n != 0 {
		t.Errorf("%d rejected", n)
	}
}

// Two that follow the same archive into the same warehouse do not disturb each
// other, and each hears of what the other has done.
func TestTwoFollowers(t *testing.T) {
	t.Run("in turns", func(t *testing.T) { twoFollowers(t, false) })
	t.Run("together", func(t *testing.T) { twoFollowers(t, true) })
}

func twoFollowers(t *testing.T, together bool) {
	a, root := newArchive(t), t.TempDir()
	o := Options{Every: 5 * time.Millisecond, minAge: time.Nanosecond}
	var both []*following
	for range 2 {
		o.Convert = convert.Options{Catalog: openWarehouse(t, root), Sources: []string{a.dir}, Together: together}
		both = append(both, start(t, o))
	}
	var names []string
	for i := range 20 {
		names = append(names, fmt.Sprint("n", i))
		a.add(t, names[i])
		time.Sleep(10 * time.Millisecond)
	}
	for _, f := range both {
		f.until(t, "empty round", func(r []Round, _ []error) bool { return len(r) > 0 && r[len(r)-1].Unchanged == 20 })
		f.end(t)
	}
	n := both[0].rounds
	if s, _ := sum(append(n, both[1].rounds...)); s.Objects != 20 || s.Duplicates != 0 {
		t.Errorf("%d objects converted, %d duplicates", s.Objects, s.Duplicates)
	}
	whole(t, openWarehouse(t, root), names...)
}

// Of a bucket only the last days are listed, and everything now and then.
func TestListings(t *testing.T) {
	a, c := newArchive(t), openWarehouse(t, t.TempDir())
	a.add(t, "old")
	f := start(t, Options{
		Convert: convert.Options{Catalog: c, Sources: []string{"s3://trail/AWSLogs"}, OpenSource: a.openSource},
		Every:   time.Millisecond, Full: 300 * time.Millisecond,
	})
	f.until(t, "short and full listings", func(rounds []Round, _ []error) bool {
		full, short := 0, 0
		for _, r := range rounds {
			if r.Objects+r.Unchanged == 1 {
				full++
			} else if r.Skipped == 1 {
				short++
			}
		}
		return full >= 2 && short >= 2
	})
	if r := f.rounds[0]; r.Objects != 1 {
		t.Errorf("first round %+v", r)
	}
	a.add(t, "late") // into the folder of a day long ago
	f.until(t, "full listing", objects(2))
	f.end(t)
	whole(t, c, "old", "late")
}

// A round that fails is reported and made again, each time after a longer
// pause, until it succeeds.
func TestFailedRounds(t *testing.T) {
	a, c := newArchive(t), openWarehouse(t, t.TempDir())
	a.add(t, "a")
	down := errors.New("the network is down")
	a.refused.Store(&down)
	f := start(t, Options{
		Convert: convert.Options{Catalog: c, Sources: []string{"s3://trail"}, OpenSource: a.openSource},
		Every:   time.Millisecond, wait: time.Millisecond,
	})
	f.until(t, "failures", func(_ []Round, failed []error) bool { return len(failed) >= 4 })
	a.refused.Store(nil)
	f.until(t, "success", objects(1))
	f.end(t)
	for i, err := range f.failed {
		if !errors.Is(err, down) {
			t.Errorf("failure %d: %v", i, err)
		}
		if want := time.Millisecond << i; f.pauses[i] != want {
			t.Errorf("pause %d: %v, want %v", i, f.pauses[i], want)
		}
	}
	whole(t, c, "a")
}

// What cannot be read is said once, not in each round, and converted when it
// can be.
func TestUnreadable(t *testing.T) {
	a, c := newArchive(t), openWarehouse(t, t.TempDir())
	a.add(t, "a", "b")
	var denied atomic.Bool
	denied.Store(true)
	a.open = func(name string) error {
		if denied.Load() && strings.HasSuffix(name, "_b.json") {
			return fmt.Errorf("%w: needs s3:GetObject", storage.ErrDenied)
		}
		return nil
	}
	var said atomic.Int64
	f := start(t, Options{
		Convert: convert.Options{Catalog: c, Sources: []string{"s3://trail"}, OpenSource: a.openSource,
			Reject: func(object, reason string) { said.Add(1) }},
		Every: time.Millisecond, Full: unreadableShare * time.Millisecond,
	})
	f.until(t, "rounds", func(rounds []Round, _ []error) bool {
		return len(slices.DeleteFunc(slices.Clone(rounds), func(r Round) bool { return r.Unreadable == 0 })) >= 3
	})
	if n := said.Load(); n != 1 {
		t.Errorf("said %d times", n)
	}
	whole(t, c, "a")
	denied.Store(false)
	f.until(t, "round with the object", objects(2))
	f.end(t)
	whole(t, c, "a", "b")
}

// A stop ends the round in progress behind what it has read.
func TestStop(t *testing.T) {
	a, c := newArchive(t), openWarehouse(t, t.TempDir())
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("n%02d", i))
	}
	a.add(t, names...)
	reached, goOn := make(chan struct{}), make(chan struct{})
	a.open = func(name string) error {
		if strings.HasSuffix(name, "_n50.json") {
			<-goOn
		}
		return nil
	}
	some := sync.OnceFunc(func() { close(reached) })
	o := Options{Every: time.Hour, Convert: convert.Options{
		Catalog: c, Sources: []string{"s3://trail"}, OpenSource: a.openSource, Threads: 1,
		Progress: func(p convert.Progress) {
			if p.Objects > 0 {
				some()
			}
		},
	}}
	f := start(t, o)
	<-reached
	go func() {
		<-f.stop
		close(goOn)
	}()
	f.end(t)
	if len(f.rounds) != 1 || !f.rounds[0].Stopped || f.rounds[0].Objects == 0 || f.rounds[0].Objects == 100 {
		t.Errorf("rounds %+v", f.rounds)
	}
	if n := len(records(t, c)); int64(n) != 3*f.rounds[0].Objects {
		t.Errorf("%d records of %d objects", n, f.rounds[0].Objects)
	}
	f = start(t, o)
	f.until(t, "the rest", func(r []Round, _ []error) bool { return len(r) > 0 })
	f.end(t)
	whole(t, c, names...)
	if s, _ := sum(f.rounds); s.Duplicates != 0 {
		t.Errorf("%d duplicates", s.Duplicates)
	}
}

// A stop is heeded while another run holds the warehouse.
func TestStopWhileWaiting(t *testing.T) {
	a, root := newArchive(t), t.TempDir()
	unlock, err := openWarehouse(t, root).Lock(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	waiting := make(chan struct{})
	f := start(t, Options{Every: time.Hour, Convert: convert.Options{
		Catalog: openWarehouse(t, root), Sources: []string{a.dir}, Waiting: func(string) { close(waiting) },
	}})
	<-waiting
	f.end(t)
}

func TestBackoff(t *testing.T) {
	var got []time.Duration
	for n := range 10 {
		got = append(got, backoff(firstWait, n)/time.Second)
	}
	if want := []time.Duration{2, 4, 8, 16, 32, 64, 128, 256, 300, 300}; !slices.Equal(got, want) {
		t.Errorf("%d", got)
	}
	if d := backoff(firstWait, 1000); d != longestWait {
		t.Errorf("%v", d)
	}
}
