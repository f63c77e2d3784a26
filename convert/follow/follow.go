// Package follow converts continuously: it lists an archive again and again,
// hears of new objects from a queue, or both.
//
// Call [Run]. It makes rounds, each of which is one run of package convert, so
// that it may be killed at any moment as that may: a message is deleted only
// behind the commit that has its objects, and the next start lists everything.
package follow

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert"
)

const (
	// DefaultEvery is how often an archive is listed.
	DefaultEvery = 5 * time.Minute
	// DefaultFull is how often all of a bucket is listed and not only what has
	// been delivered lately.
	DefaultFull = 24 * time.Hour
	// lateListing is how long before the last listing a day may end that is
	// still listed: folders are those of the day on which a log file was made.
	lateListing = 48 * time.Hour
	// Where something could not be read, the next full listing comes so many
	// times as soon.
	unreadableShare = 24
	// minAge is how long a file of a folder has to be unchanged before it is
	// converted: whoever brings it may not have written all of it.
	minAge = 10 * time.Second
	// A failed round is tried again after firstWait, then after twice as long,
	// up to longestWait.
	firstWait   = 2 * time.Second
	longestWait = 5 * time.Minute
)

// Options of following. Convert and one of Every and Queue are required.
type Options struct {
	// Convert has what each round needs. With a Queue its Sources are the
	// buckets and prefixes that messages may name objects of. Its Reject is called
	// for an object once an hour at most. Its Unreadable, Ledger, Objects,
	// Rejections, Stop, MinAge and DeliveredFrom are not used.
	Convert convert.Options
	// Every is the time from one listing of the Sources to the next; 0: they are
	// never listed.
	Every time.Duration
	// Full is how often a listing of a bucket is a full one; 0: DefaultFull.
	Full time.Duration
	// Queue has messages about new objects; nil: none.
	Queue Queue
	// Stop, once closed, ends following in order: the round in progress commits
	// what it has read.
	Stop <-chan struct{}

	// Done is called behind each round, Failed when something goes wrong that is
	// tried again after a while. Both come from one goroutine at a time.
	Done   func(Round)
	Failed func(err error, again time.Duration)

	// These stand for their defaults when they are 0.
	window, visibility, wait, minAge, delay time.Duration
}

// Round is what a round has done.
type Round struct {
	convert.Summary
	At       time.Time // when it ended, UTC
	Listed   bool      // the Sources were listed
	Stopped  bool      // before its end
	Messages Messages
}

// Run follows until Options.Stop is closed, which is no error, or ctx is done.
// Whatever fails is tried again.
func Run(ctx context.Context, o Options) error {
	f := &follower{o: &o, wait: o.wait, reported: map[string]time.Time{}}
	if f.wait == 0 {
		f.wait = firstWait
	}
	if o.Full == 0 {
		o.Full = DefaultFull
	}
	o.Convert.Stop, o.Convert.Ledger = o.Stop, &convert.Ledger{}
	if o.Convert.MinAge = o.minAge; o.minAge == 0 {
		o.Convert.MinAge = minAge
	}
	o.Convert.OpenSource = keepOpen(o.Convert.OpenSource)
	reject := o.Convert.Reject
	o.Convert.Reject = func(object, reason string) {
		if reject != nil && f.isNew(object) {
			reject(object, reason)
		}
	}
	if o.Queue != nil {
		f.inbox = openInbox(ctx, &o, f.failed)
		defer f.inbox.close(ctx)
	}
	for failures := 0; ; {
		list, err := f.idle(ctx)
		if err == nil {
			err = f.round(ctx, list)
		}
		switch {
		case errors.Is(err, convert.ErrStopped):
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case err == nil:
			failures = 0
			continue
		}
		pause := backoff(f.wait, failures)
		failures++
		f.failed(err, pause)
		if !sleep(ctx, o.Stop, pause) {
			return context.Cause(ctx)
		}
	}
}

// keepOpen opens each storage once and not in each round.
func keepOpen(open func(context.Context, string) (storage.Storage, error)) func(context.Context, string) (storage.Storage, error) {
	if open == nil {
		return nil
	}
	stores := map[string]storage.Storage{}
	return func(ctx context.Context, root string) (storage.Storage, error) {
		if s, ok := stores[root]; ok {
			return s, nil
		}
		s, err := open(ctx, root)
		if err == nil {
			stores[root] = s
		}
		return s, err
	}
}

type follower struct {
	o        *Options
	wait     time.Duration
	inbox    *inbox
	reported map[string]time.Time // when, by object
	telling  sync.Mutex           // Done and Failed

	next     time.Time // when the next listing is due
	nextFull time.Time
	last     time.Time // when the last listing began
}

func (f *follower) failed(err error, again time.Duration) {
	f.telling.Lock()
	defer f.telling.Unlock()
	if f.o.Failed != nil {
		f.o.Failed(err, again)
	}
}

const (
	// maxReported bounds what is remembered of what has been reported.
	maxReported = 10_000
	// reportEvery is after how long it is reported again.
	reportEvery = time.Hour
)

// isNew says whether an object was not rejected lately: what cannot be read is
// tried again in every round.
func (f *follower) isNew(object string) bool {
	now := time.Now()
	if at, ok := f.reported[object]; ok && now.Sub(at) < reportEvery {
		return false
	}
	if len(f.reported) >= maxReported {
		clear(f.reported)
	}
	f.reported[object] = now
	return true
}

// idle waits until there is something to do. list says that a listing is due.
func (f *follower) idle(ctx context.Context) (list bool, err error) {
	for {
		select {
		case <-f.o.Stop:
			return false, convert.ErrStopped
		default:
		}
		now := time.Now()
		list := f.o.Every > 0 && !now.Before(f.next)
		if list || f.inbox.due(now) {
			return list, nil
		}
		until := f.inbox.dueAt()
		if f.o.Every > 0 && (until.IsZero() || f.next.Before(until)) {
			until = f.next
		}
		var timer <-chan time.Time // none: a message wakes
		if !until.IsZero() {
			timer = time.After(until.Sub(now))
		}
		select {
		case d := <-f.inbox.arrivals():
			f.inbox.add(d)
		case <-timer:
		case <-f.o.Stop:
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}

// round converts what the messages name, then what a listing finds.
func (f *follower) round(ctx context.Context, list bool) error {
	if f.inbox.waiting() {
		r, err := f.inbox.round(ctx)
		if err := f.finish(r, err); err != nil {
			return err
		}
	}
	if !list {
		return nil
	}
	begun, full := time.Now(), f.fullListing()
	co := f.o.Convert
	if !full {
		co.DeliveredFrom = f.last.Add(-lateListing)
	}
	s, err := convert.Run(ctx, co)
	if err := f.finish(Round{Summary: s, Listed: true}, err); err != nil {
		return err
	}
	f.last, f.next = begun, begun.Add(f.o.Every)
	if full {
		f.nextFull = begun.Add(f.o.Full)
	}
	if s.Fresh > 0 {
		f.next = earlier(f.next, begun.Add(co.MinAge))
	}
	if s.Unreadable > 0 {
		f.nextFull = earlier(f.nextFull, begun.Add(f.o.Full/unreadableShare))
	}
	return nil
}

// finish reports a round that has come to an end, or has been stopped.
func (f *follower) finish(r Round, err error) error {
	r.Stopped = errors.Is(err, convert.ErrStopped)
	f.telling.Lock()
	defer f.telling.Unlock()
	if r.At = time.Now().UTC(); f.o.Done != nil && (err == nil || r.Stopped) {
		f.o.Done(r)
	}
	return err
}

// fullListing says whether the next listing is one of everything. Those of
// folders always are: they have no way to list less.
func (f *follower) fullListing() bool {
	remote := slices.ContainsFunc(f.o.Convert.Sources, func(s string) bool { return strings.Contains(s, "://") })
	return !remote || !time.Now().Before(f.nextFull)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// backoff is how long to wait after so many failures before the last one.
func backoff(first time.Duration, failures int) time.Duration {
	return min(longestWait, first<<min(failures, 16))
}

// sleep waits. It returns false when ctx is done.
func sleep(ctx context.Context, stop <-chan struct{}, d time.Duration) bool {
	select {
	case <-time.After(d):
	case <-stop:
	case <-ctx.Done():
		return false
	}
	return true
}
