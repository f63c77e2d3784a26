package follow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/convert/queue"
)

const (
	// shortestWindow is how long messages are collected, so that a commit has
	// more than one object.
	shortestWindow = 3 * time.Second
	// A round takes at most one roundShare-th of the time: in a warehouse in
	// which a commit takes long there are fewer.
	roundShare    = 10
	longestWindow = time.Minute
	// maxObjects is of how many objects or messages a round is made at once.
	maxObjects = 5000
	// visibility is for how long SQS hides a message from others; it is
	// extended as long as we have it, so this is the time until somebody else
	// gets it when we die.
	visibility = 2 * time.Minute
	// What could not be read comes again after firstDelay, then after twice as
	// long, up to longestDelay.
	firstDelay   = 30 * time.Second
	longestDelay = 15 * time.Minute
)

// Queue is what messages come from; see queue.Queue.
type Queue interface {
	URL() string
	Retention() time.Duration
	Receive(ctx context.Context, visibility time.Duration) ([]queue.Message, error)
	Extend(ctx context.Context, messages []queue.Message, visibility time.Duration) error
	Delete(ctx context.Context, messages []queue.Message) error
}

// Messages counts what a round's messages were. A message is deleted when
// everything that it names is converted, skipped, or a row of rejected_records.
type Messages struct {
	Deleted int // done with
	Later   int // name an object that cannot be read now, and come again

	Malformed int // rows of rejected_records
	Vanished  int // objects that are not there: rows of rejected_records
	GivenUp   int // objects that could not be read as long as the queue kept the message: rows of rejected_records
	Outside   int // objects of other places than the Sources, left alone
	Removed   int // objects that were announced as deleted
	Ignored   int // notices that name nothing to read

	AnOutside, ARemoved string // URIs, for example
}

// delivery is a message with what it says.
type delivery struct {
	queue.Message
	notice queue.Notice
	fault  error
}

// inbox holds the messages that have been received and not yet deleted. A nil
// inbox has none.
type inbox struct {
	o        *Options
	failed   func(error, time.Duration)
	window   time.Duration
	arrived  chan delivery
	stop     context.CancelFunc
	ended    sync.WaitGroup
	visible  time.Duration
	delay    time.Duration
	pending  []delivery // of the next round
	objects  int        // in pending
	opened   time.Time  // when the first of pending came
	duration time.Duration

	mu   sync.Mutex
	held map[string]queue.Message // by id: of pending, and on the way there
}

func openInbox(ctx context.Context, o *Options, failed func(error, time.Duration)) *inbox {
	b := &inbox{o: o, failed: failed, window: o.window, visible: o.visibility, delay: o.delay, arrived: make(chan delivery), held: map[string]queue.Message{}}
	if b.window == 0 {
		b.window = shortestWindow
	}
	if b.visible == 0 {
		b.visible = visibility
	}
	if b.delay == 0 {
		b.delay = firstDelay
	}
	ctx, b.stop = context.WithCancel(ctx)
	b.ended.Go(func() { b.receive(ctx) })
	b.ended.Go(func() { b.extend(ctx) })
	return b
}

// close gives back what is held: somebody else may receive it at once.
func (b *inbox) close(ctx context.Context) {
	b.stop()
	b.ended.Wait()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	_ = b.o.Queue.Extend(ctx, slices.Collect(maps.Values(b.held)), 0) // else they come again later
}

func (b *inbox) receive(ctx context.Context) {
	first := b.o.wait
	if first == 0 {
		first = firstWait
	}
	for failures := 0; ctx.Err() == nil; {
		messages, err := b.o.Queue.Receive(ctx, b.visible)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			pause := backoff(first, failures)
			failures++
			b.failed(err, pause)
			sleep(ctx, nil, pause)
			continue
		}
		failures = 0
		for _, m := range messages {
			if !b.hold(m) {
				continue
			}
			d := delivery{Message: m}
			d.notice, d.fault = queue.Parse(m.Body)
			select {
			case b.arrived <- d:
			case <-ctx.Done():
				return
			}
		}
	}
}

// hold takes a message. One that is there already, because SQS has delivered it
// twice, only has a new receipt.
func (b *inbox) hold(m queue.Message) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	_, twice := b.held[m.ID]
	b.held[m.ID] = m
	return !twice
}

func (b *inbox) drop(ds []delivery) []queue.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	messages := make([]queue.Message, len(ds))
	for i, d := range ds {
		messages[i] = b.held[d.ID] // its last receipt
		delete(b.held, d.ID)
	}
	return messages
}

// extend keeps what is held invisible to others. What could not be extended
// may be received and converted once more, to no effect.
func (b *inbox) extend(ctx context.Context) {
	tick := time.NewTicker(b.visible / 3)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		b.mu.Lock()
		messages := slices.Collect(maps.Values(b.held))
		b.mu.Unlock()
		if err := b.o.Queue.Extend(ctx, messages, b.visible); err != nil && ctx.Err() == nil {
			b.failed(err, b.visible/3)
		}
	}
}

func (b *inbox) arrivals() <-chan delivery {
	if b == nil {
		return nil
	}
	return b.arrived
}

func (b *inbox) add(d delivery) {
	if len(b.pending) == 0 {
		b.opened = time.Now()
	}
	b.pending = append(b.pending, d)
	b.objects += len(d.notice.Created)
}

func (b *inbox) waiting() bool { return b != nil && len(b.pending) > 0 }

// dueAt is when the next round is to be; zero when there is nothing to do.
func (b *inbox) dueAt() time.Time {
	if !b.waiting() {
		return time.Time{}
	}
	if max(b.objects, len(b.pending)) >= maxObjects {
		return b.opened
	}
	return b.opened.Add(min(longestWindow, max(b.window, roundShare*b.duration)))
}

func (b *inbox) due(now time.Time) bool {
	at := b.dueAt()
	return !at.IsZero() && !now.Before(at)
}

// round converts the objects of the pending messages. With an error the
// messages stay pending.
func (b *inbox) round(ctx context.Context) (Round, error) {
	var r Round
	co := b.o.Convert
	co.Sources = nil
	unreadable := map[string]error{} // by URI
	co.Unreadable = func(object string, err error) { unreadable[object] = err }

	wanted := map[string]bool{}
	for _, d := range b.pending {
		b.count(&r.Messages, d)
		if d.fault != nil {
			co.Rejections = append(co.Rejections, b.malformed(d))
		}
		for _, o := range d.notice.Created {
			if b.inside(o) {
				wanted[o.URI()] = true
			}
		}
	}
	co.Objects = slices.Sorted(maps.Keys(wanted))
	if len(co.Objects)+len(co.Rejections) > 0 {
		begun := time.Now()
		var err error
		if r.Summary, err = convert.Run(ctx, co); err != nil {
			return r, err
		}
		b.duration = time.Since(begun)
		for _, one := range co.Rejections {
			b.o.Convert.Reject(one.Object, one.Reason)
		}
	}
	return r, b.settle(ctx, &r.Messages, unreadable)
}

// settle deletes the messages that are done with, and lets the others come
// again.
func (b *inbox) settle(ctx context.Context, n *Messages, unreadable map[string]error) error {
	var done []delivery
	later := map[time.Duration][]delivery{}
	var lost []convert.Rejection
	for _, d := range b.pending {
		again := false
		for _, o := range d.notice.Created {
			err := unreadable[strings.ToValidUTF8(o.URI(), "\uFFFD")]
			switch {
			case err == nil:
			case errors.Is(err, storage.ErrNotExist), errors.Is(err, storage.ErrName):
				n.Vanished++
				lost = append(lost, convert.Rejection{Object: o.URI(), Reason: fmt.Sprintf("announced, but cannot be there: %v", err), Raw: d.Body})
			case b.lastChance(d.Message):
				n.GivenUp++
				lost = append(lost, convert.Rejection{Object: o.URI(), Reason: fmt.Sprintf("announced, but could not be read as long as the queue has kept the message: %v", err), Raw: d.Body})
			default:
				again = true
			}
		}
		if !again {
			done = append(done, d)
			continue
		}
		delay := min(longestDelay, b.delay<<min(max(d.Received, 1)-1, 16))
		later[delay] = append(later[delay], d)
		n.Later++
	}
	if len(lost) > 0 {
		co := b.o.Convert
		co.Sources, co.Rejections = nil, lost
		if _, err := convert.Run(ctx, co); err != nil {
			return err
		}
	}
	n.Deleted = len(done)
	b.pending, b.objects = b.pending[:0], 0
	if err := b.o.Queue.Delete(ctx, b.drop(done)); err != nil {
		b.failed(err, b.visible) // they come again, to no effect
	}
	for delay, ds := range later {
		if err := b.o.Queue.Extend(ctx, b.drop(ds), delay); err != nil {
			b.failed(err, b.visible)
		}
	}
	return nil
}

// malformed is a message that is no notice, or not in all its parts.
func (b *inbox) malformed(d delivery) convert.Rejection {
	return convert.Rejection{Object: b.o.Queue.URL() + "#" + d.ID, Reason: d.fault.Error(), Raw: d.Body}
}

func (b *inbox) count(n *Messages, d delivery) {
	if d.fault != nil {
		n.Malformed++
	}
	n.Ignored += len(d.notice.Ignored)
	for _, o := range d.notice.Removed {
		if b.inside(o) {
			n.Removed++
			n.ARemoved = o.URI()
		}
	}
	for _, o := range d.notice.Created {
		if !b.inside(o) {
			n.Outside++
			n.AnOutside = o.URI()
		}
	}
}

// inside says whether an object is of the Sources. Anybody who can send
// messages could have us read any bucket otherwise.
func (b *inbox) inside(o queue.Object) bool {
	uri := o.URI()
	return slices.ContainsFunc(b.o.Convert.Sources, func(source string) bool {
		source = strings.TrimSuffix(source, "/")
		return uri == source || strings.HasPrefix(uri, source+"/")
	})
}

// lastChance says that the queue will have dropped the message before it would
// come again.
func (b *inbox) lastChance(m queue.Message) bool {
	keeps := b.o.Queue.Retention()
	if keeps == 0 || m.Sent.IsZero() {
		return false
	}
	return time.Since(m.Sent) > keeps-min(2*longestDelay, keeps/4)
}
