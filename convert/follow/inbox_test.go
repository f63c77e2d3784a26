package follow

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/convert/queue"
)

// testQueue is a queue in memory. It delivers as SQS does.
type testQueue struct {
	retention time.Duration

	mu       sync.Mutex
	messages []*testMessage
	deleted  []string // bodies
	receipts int
	fail     error // of every call
}

type testMessage struct {
	queue.Message
	visible time.Time
}

func (q *testQueue) URL() string              { return "https://sqs.example.com/1/trail" }
func (q *testQueue) Retention() time.Duration { return q.retention }

func (q *testQueue) send(bodies ...string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, body := range bodies {
		q.messages = append(q.messages, &testMessage{Message: queue.Message{ID: strconv.Itoa(len(q.messages)), Body: body, Sent: time.Now()}})
	}
}

func (q *testQueue) Receive(ctx context.Context, visibility time.Duration) ([]queue.Message, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fail != nil {
		return nil, q.fail
	}
	var out []queue.Message
	for _, m := range q.messages {
		if now := time.Now(); !now.Before(m.visible) && len(out) < 10 {
			q.receipts++
			m.Receipt = strconv.Itoa(q.receipts)
			m.Received++
			m.visible = now.Add(visibility)
			out = append(out, m.Message)
		}
	}
	if len(out) == 0 {
		q.mu.Unlock()
		sleep(ctx, nil, 5*time.Millisecond)
		q.mu.Lock()
	}
	return out, nil
}

func (q *testQueue) Extend(_ context.Context, messages []queue.Message, visibility time.Duration) error {
	return q.each(messages, func(m *testMessage) bool {
		m.visible = time.Now().Add(visibility)
		return true
	})
}

func (q *testQueue) Delete(_ context.Context, messages []queue.Message) error {
	return q.each(messages, func(m *testMessage) bool {
		q.deleted = append(q.deleted, m.Body)
		return false
	})
}

func (q *testQueue) each(messages []queue.Message, keep func(*testMessage) bool) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fail != nil {
		return q.fail
	}
	for _, m := range messages {
		var rest []*testMessage
		for _, have := range q.messages {
			if have.Receipt != m.Receipt || keep(have) {
				rest = append(rest, have)
			}
		}
		q.messages = rest
	}
	return nil
}

// left is how many messages there are, and how many of them nobody holds.
func (q *testQueue) left() (all, visible int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, m := range q.messages {
		if !time.Now().Before(m.visible) {
			visible++
		}
	}
	return len(q.messages), visible
}

func (q *testQueue) breaks(err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.fail = err
}

// announce is S3's message about new objects.
func announce(keys ...string) string { return event("ObjectCreated:Put", "trail", keys...) }

func event(kind, bucket string, keys ...string) string {
	var records []string
	for _, key := range keys {
		records = append(records, fmt.Sprintf(`{"eventSource":"aws:s3","eventName":%q,"s3":{"bucket":{"name":%q},"object":{"key":%q}}}`, kind, bucket, key))
	}
	return `{"Records":[` + strings.Join(records, ",") + `]}`
}

func (a *archive) listener(t testing.TB, q Queue) Options {
	return Options{
		Convert: convert.Options{Catalog: openWarehouse(t, t.TempDir()), Sources: []string{"s3://trail"}, OpenSource: a.openSource},
		Queue:   q, window: 10 * time.Millisecond, wait: time.Millisecond,
	}
}

func deleted(n int) func([]Round, []error) bool {
	return func(rounds []Round, _ []error) bool { _, m := sum(rounds); return m.Deleted >= n }
}

// Each kind of message: what becomes of it and of what it names.
func TestMessages(t *testing.T) {
	tests := map[string]struct {
		send     []string
		want     Messages
		records  []string // log files
		rejected string   // what the reasons in rejected_records begin with
	}{
		"one object":      {send: []string{announce(keyOf("a"))}, want: Messages{Deleted: 1}, records: []string{"a"}},
		"several":         {send: []string{announce(keyOf("a"), keyOf("b"))}, want: Messages{Deleted: 1}, records: []string{"a", "b"}},
		"twice":           {send: []string{announce(keyOf("a")), announce(keyOf("a"), keyOf("a"))}, want: Messages{Deleted: 2}, records: []string{"a"}},
		"CloudTrail's":    {send: []string{`{"s3Bucket":"trail","s3ObjectKey":["` + keyOf("a") + `"]}`}, want: Messages{Deleted: 1}, records: []string{"a"}},
		"foreign object":  {send: []string{announce("notes.txt")}, want: Messages{Deleted: 1}},
		"other bucket":    {send: []string{event("ObjectCreated:Put", "other", keyOf("a"))}, want: Messages{Deleted: 1, Outside: 1, AnOutside: "s3://other/" + keyOf("a")}},
		"both":            {send: []string{`{"Records":[` + strings.TrimSuffix(strings.TrimPrefix(announce(keyOf("a")), `{"Records":[`), "]}") + "," + strings.TrimPrefix(event("ObjectCreated:Put", "other", "x"), `{"Records":[`)}, want: Messages{Deleted: 1, Outside: 1, AnOutside: "s3://other/x"}, records: []string{"a"}},
		"removed":         {send: []string{event("ObjectRemoved:Delete", "trail", keyOf("a"))}, want: Messages{Deleted: 1, Removed: 1, ARemoved: "s3://trail/" + keyOf("a")}},
		"removed outside": {send: []string{event("ObjectRemoved:Delete", "other", keyOf("a"))}, want: Messages{Deleted: 1}},
		"test":            {send: []string{`{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"trail"}`}, want: Messages{Deleted: 1, Ignored: 1}},
		"vanished":        {send: []string{announce(keyOf("nosuch"))}, want: Messages{Deleted: 1, Vanished: 1}, rejected: "announced, but cannot be there: "},
		"vanished, twice": {send: []string{announce(keyOf("nosuch")), announce(keyOf("nosuch"))}, want: Messages{Deleted: 2, Vanished: 2}, rejected: "announced, but cannot be there: "},
		"one vanished":    {send: []string{announce(keyOf("nosuch"), keyOf("a"))}, want: Messages{Deleted: 1, Vanished: 1}, records: []string{"a"}, rejected: "announced, but cannot be there: "},
		"no clean name":   {send: []string{announce("AWSLogs/../../etc/passwd")}, want: Messages{Deleted: 1, Vanished: 1}, rejected: "announced, but cannot be there: "},
		"malformed":       {send: []string{"hello"}, want: Messages{Deleted: 1, Malformed: 1}, rejected: "parse message: "},
		"half malformed":  {send: []string{strings.Replace(announce(keyOf("a"), ""), "]}", ",7]}", 1)}, want: Messages{Deleted: 1, Malformed: 1}, records: []string{"a"}, rejected: "parse message: record 1: key of 0 bytes"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, q := newArchive(t), &testQueue{}
			a.add(t, "a", "b")
			if err := os.WriteFile(filepath.Join(a.dir, "notes.txt"), []byte("notes"), 0o666); err != nil {
				t.Fatal(err)
			}
			o := a.listener(t, q)
			q.send(test.send...)
			f := start(t, o)
			f.until(t, "end of the messages", deleted(len(test.send)))
			f.end(t)
			_, got := sum(f.rounds)
			for _, r := range f.rounds {
				got.AnOutside += r.Messages.AnOutside
				got.ARemoved += r.Messages.ARemoved
			}
			if got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
			if all, _ := q.left(); all != 0 {
				t.Errorf("%d messages left", all)
			}
			whole(t, o.Convert.Catalog, test.records...)
			if s, _ := sum(f.rounds); s.Duplicates != 0 {
				t.Errorf("%d duplicates", s.Duplicates)
			}
			checkRejected(t, o.Convert, test.rejected)
		})
	}
}

// checkRejected checks that rejected_records has one row of a reason, or none.
func checkRejected(t testing.TB, co convert.Options, reason string) {
	t.Helper()
	s, err := co.Catalog.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Table(convert.RejectedTable); err != nil && reason == "" {
		return // no run was needed
	}
	want := int64(0)
	if reason != "" {
		want = 1
	}
	if n := tableRows(t, co.Catalog, convert.RejectedTable); n != want {
		t.Errorf("%d rejected, want %d", n, want)
	}
}

// An object that cannot be read comes again, later each time, and is converted
// when it can be read; the other objects of its message are converted at once.
func TestLater(t *testing.T) {
	a, q := newArchive(t), &testQueue{}
	a.add(t, "a", "b")
	var denied atomic.Bool
	denied.Store(true)
	a.open = func(name string) error {
		if denied.Load() && strings.HasSuffix(name, "_b.json") {
			return fmt.Errorf("%w: needs s3:GetObject", storage.ErrDenied)
		}
		return nil
	}
	o := a.listener(t, q)
	q.send(announce(keyOf("a"), keyOf("b")))
	f := start(t, o)
	f.until(t, "round", func(r []Round, _ []error) bool { return len(r) > 0 })
	whole(t, o.Convert.Catalog, "a")
	if all, visible := q.left(); all != 1 || visible != 0 {
		t.Errorf("%d messages, %d visible", all, visible)
	}
	q.mu.Lock()
	if in := time.Until(q.messages[0].visible); in < firstDelay/2 || in > firstDelay {
		t.Errorf("comes again in %v", in)
	}
	q.messages[0].visible = time.Now()
	q.mu.Unlock()
	f.until(t, "second round", func(r []Round, _ []error) bool { return len(r) > 1 })
	q.mu.Lock()
	if in := time.Until(q.messages[0].visible); in < firstDelay || in > 2*firstDelay {
		t.Errorf("comes again in %v", in)
	}
	denied.Store(false)
	q.messages[0].visible = time.Now()
	q.mu.Unlock()
	f.until(t, "third round", deleted(1))
	f.end(t)
	whole(t, o.Convert.Catalog, "a", "b")
	if _, m := sum(f.rounds); m.Later != 2 {
		t.Errorf("%+v", m)
	}
}

// Before the queue drops a message whose object cannot be read, it is a row of
// rejected_records.
func TestGivenUp(t *testing.T) {
	a, q := newArchive(t), &testQueue{retention: time.Hour}
	a.add(t, "a")
	a.open = func(name string) error { return storage.ErrDenied }
	o := a.listener(t, q)
	q.send(announce(keyOf("a")))
	q.messages[0].Sent = time.Now().Add(-50 * time.Minute)
	f := start(t, o)
	f.until(t, "end", deleted(1))
	f.end(t)
	if _, m := sum(f.rounds); m != (Messages{Deleted: 1, GivenUp: 1}) {
		t.Errorf("%+v", m)
	}
	checkRejected(t, o.Convert, "announced, but could not be read")
	// A listing converts it all the same.
	a.open = nil
	if _, err := convert.Run(t.Context(), o.Convert); err != nil {
		t.Fatal(err)
	}
	whole(t, o.Convert.Catalog, "a")
}

// An object that was converted and has gone since is no loss.
func TestVanishedBehindConversion(t *testing.T) {
	a, q := newArchive(t), &testQueue{}
	a.add(t, "a")
	o := a.listener(t, q)
	q.send(announce(keyOf("a")))
	f := start(t, o)
	f.until(t, "end", deleted(1))
	if err := os.Remove(filepath.Join(a.dir, filepath.FromSlash(keyOf("a")))); err != nil {
		t.Fatal(err)
	}
	q.send(announce(keyOf("a")))
	f.until(t, "end", deleted(2))
	f.end(t)
	if _, m := sum(f.rounds); m.Vanished != 0 {
		t.Errorf("%+v", m)
	}
	checkRejected(t, o.Convert, "")
}

// Messages of a round that fails are kept from others and tried again; those of
// a round that is stopped are given back.
func TestMessagesOfAFailedRound(t *testing.T) {
	a, q := newArchive(t), &testQueue{}
	a.add(t, "a")
	down := errors.New("the network is down")
	a.refused.Store(&down)
	o := a.listener(t, q)
	o.visibility = time.Second
	q.send(announce(keyOf("a")))
	f := start(t, o)
	f.until(t, "failures", func(_ []Round, failed []error) bool { return len(failed) >= 12 }) // 2 s
	q.mu.Lock()
	if m := q.messages[0]; m.Received != 1 {
		t.Errorf("received %d times", m.Received)
	}
	q.mu.Unlock()
	f.end(t)
	if all, visible := q.left(); all != 1 || visible != 1 {
		t.Errorf("stopped: %d messages, %d visible", all, visible)
	}
	a.refused.Store(nil)
	f = start(t, o)
	f.until(t, "end", deleted(1))
	f.end(t)
	whole(t, o.Convert.Catalog, "a")
}

// A queue that cannot be reached is tried again, and a message that could not be
// deleted comes again without effect.
func TestQueueFaults(t *testing.T) {
	a, q := newArchive(t), &testQueue{}
	a.add(t, "a")
	down := errors.New("the network is down")
	var once sync.Once
	a.open = func(string) error { once.Do(func() { q.breaks(down) }); return nil }
	o := a.listener(t, q)
	o.visibility = 100 * time.Millisecond
	q.send(announce(keyOf("a")))
	f := start(t, o)
	f.until(t, "failures", func(r []Round, failed []error) bool { return len(failed) >= 3 && len(r) > 0 })
	if all, _ := q.left(); all != 1 {
		t.Errorf("%d messages", all)
	}
	q.breaks(nil)
	f.until(t, "end", func([]Round, []error) bool { all, _ := q.left(); return all == 0 })
	f.end(t)
	whole(t, o.Convert.Catalog, "a")
	for _, err := range f.failed {
		if !errors.Is(err, down) {
			t.Error(err)
		}
	}
	if s, _ := sum(f.rounds); s.Objects != 1 || s.Duplicates != 0 {
		t.Errorf("%d objects, %d duplicates", s.Objects, s.Duplicates)
	}
}

// Many messages make few rounds.
func TestWindow(t *testing.T) {
	a, q := newArchive(t), &testQueue{}
	o := a.listener(t, q)
	o.window = 200 * time.Millisecond
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprint("n", i))
	}
	a.add(t, names...)
	for _, name := range names {
		q.send(announce(keyOf(name)))
	}
	f := start(t, o)
	f.until(t, "end", deleted(300))
	f.end(t)
	whole(t, o.Convert.Catalog, names...)
	if n := len(f.rounds); n > 10 {
		t.Errorf("%d rounds", n)
	}
}

// A listing finds what no message has announced.
func TestQueueAndListing(t *testing.T) {
	a, q := newArchive(t), &testQueue{}
	a.add(t, "a", "b")
	o := a.listener(t, q)
	o.Every = time.Hour
	q.send(announce(keyOf("a")))
	f := start(t, o)
	f.until(t, "both", func(r []Round, _ []error) bool { s, m := sum(r); return s.Objects == 2 && m.Deleted == 1 })
	a.add(t, "c")
	q.send(announce(keyOf("c")))
	f.until(t, "the new one", deleted(2))
	f.end(t)
	whole(t, o.Convert.Catalog, "a", "b", "c")
}

func TestInside(t *testing.T) {
	for _, test := range []struct {
		source, bucket, key string
		want                bool
	}{
		{"s3://trail", "trail", "a", true},
		{"s3://trail/", "trail", "a", true},
		{"s3://trail", "trail2", "a", false},
		{"s3://trail/AWSLogs", "trail", "AWSLogs/a", true},
		{"s3://trail/AWSLogs/", "trail", "AWSLogs/a", true},
		{"s3://trail/AWSLogs", "trail", "AWSLogs2/a", false},
		{"s3://trail/AWSLogs", "trail", "x/AWSLogs/a", false},
		{"s3://trail/a.json", "trail", "a.json", true},
	} {
		b := &inbox{o: &Options{Convert: convert.Options{Sources: []string{test.source}}}}
		if got := b.inside(queue.Object{Bucket: test.bucket, Key: test.key}); got != test.want {
			t.Errorf("%s in %s: %v", test.key, test.source, got)
		}
	}
}
