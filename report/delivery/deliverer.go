package delivery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/report/ledger"
)

// Limits of a Deliverer whose fields are zero.
const (
	DefaultAttempts = 4
	DefaultTimeout  = 30 * time.Second // of a webhook
	mailTimeout     = 5 * time.Minute
	folderTimeout   = time.Hour // it may be far away
	firstWait       = time.Second
	// retryFor is how long after the first attempt another one begins: a receiver that
	// takes the call and says nothing holds up the run once only.
	retryFor = 30 * time.Second
	// stopWait is how long a process that is told to stop waits for others to let it
	// note a message: less than what service managers allow.
	stopWait = 10 * time.Second
)

// Deliverer sends messages. Backlog is required; the zero values of the rest
// work. Several processes may use one backlog: they take turns.
type Deliverer struct {
	Backlog  string        // folder for what could not be sent; it is made
	Attempts int           // of one Deliver or Retry, for each message and target; 0: DefaultAttempts
	Timeout  time.Duration // of one attempt; 0: what suits the kind of target

	// OpenStorage opens s3://BUCKET/PREFIX; nil: nothing is delivered there.
	OpenStorage func(ctx context.Context, uri string) (storage.Storage, error)

	Now    func() time.Time                                 // nil: time.Now
	Getenv func(name string) string                         // nil: os.Getenv
	Sleep  func(ctx context.Context, d time.Duration) error // nil: by the clock
	Random func() float64                                   // in [0, 1), for waits; nil: of the system
}

// Outcome says what became of one message at one target.
type Outcome struct {
	RunID, Target string
	Err           error // nil: it is there
	Kept          bool  // it stays in the backlog
	Warning       string
}

var (
	// ErrGone is wrapped when the report is not there any more.
	ErrGone = errors.New("the report is gone")
	// ErrGivenUp is wrapped when a message has left the backlog without having
	// been sent.
	ErrGivenUp = errors.New("given up")
	// ErrNotKept is wrapped when a message was not sent and could not be noted, so that
	// nobody tries it again.
	ErrNotKept = errors.New("the message is neither sent nor in the backlog")
)

// permanent errors are not tried again at once: somebody has to do something.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// refused is in permanent errors that may be about the message alone: the target may
// well take another one.
type refused struct{ error }

func (r refused) Unwrap() error { return r.error }

// later is an error of a receiver that said when to come back.
type later struct {
	error
	after time.Duration
}

func (l later) Unwrap() error { return l.error }

// Deliver sends a message to each target that has not got it and wants it. What
// cannot be sent stays in the backlog: all is noted there before the first is sent, also
// when the context is over. The error wraps ErrNotKept if a message is neither there nor
// sent. Else it is about the backlog, or the context's, and what is not sent stays.
func (d *Deliverer) Deliver(ctx context.Context, m Message, targets []Target) ([]Outcome, error) {
	if m.RunID == "" {
		return nil, errors.New("deliver report: no run id")
	}
	var wanted []Target
	for _, t := range targets {
		if (t.When != OnAlarm || m.Status != ledger.OK) && (m.Dir != "" || t.Folder+t.S3 == "") {
			wanted = append(wanted, t)
		}
	}
	if len(wanted) == 0 {
		return nil, nil // nothing to wait for others for
	}
	longer, end := outlast(ctx, stopWait)
	defer end()
	b, err := openBacklog(longer, d.Backlog, d.now())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNotKept, err)
	}
	defer b.close()
	var outcomes []Outcome
	var kept, loose []pending
	var why []error // of each that is loose
	for _, t := range wanted {
		if b.sent(key(m, t)) {
			continue
		}
		if err := t.Validate(); err != nil {
			outcomes = append(outcomes, Outcome{RunID: m.RunID, Target: t.Name(), Err: err})
			continue
		}
		p, given, err := b.add(m, t, d.now())
		outcomes = append(outcomes, given...)
		if err != nil {
			loose, why = append(loose, p), append(why, err)
			continue
		}
		kept = append(kept, p)
	}
	var lost error
	for i, p := range loose { // A full disk is no reason not to try.
		warning, failed := d.send(ctx, p)
		if failed != nil {
			failed = errors.Join(failed, why[i])
		}
		if failed != nil && !errors.Is(failed, ErrGone) {
			lost = errors.Join(lost, fmt.Errorf("deliver to %s: %w", p.Target.Name(), ErrNotKept))
		}
		outcomes = append(outcomes, Outcome{RunID: m.RunID, Target: p.Target.Name(), Err: failed, Warning: warning})
	}
	sent, err := d.sendAll(ctx, b, kept)
	return append(outcomes, sent...), errors.Join(lost, err)
}

// outlast is a context that ends a while after ctx.
func outlast(ctx context.Context, while time.Duration) (longer context.Context, end func()) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		time.AfterFunc(while, func() { cancel(context.Cause(ctx)) })
	})
	return longer, func() {
		stop()
		cancel(nil)
	}
}

// Retry sends what is in the backlog, oldest first. A target that fails is left
// alone for the rest of the call, unless it refuses a message for good: that must not
// keep the others from it. targets are those of today by schedule: they take
// the place of targets of the same schedule and name, which may have been mended.
func (d *Deliverer) Retry(ctx context.Context, targets map[string][]Target) ([]Outcome, error) {
	b, err := openBacklog(ctx, d.Backlog, d.now())
	if err != nil {
		return nil, err
	}
	defer b.close()
	all, outcomes, err := b.list(d.now())
	if err != nil {
		return outcomes, err
	}
	for i := range all {
		for _, t := range targets[all[i].Message.Schedule] {
			if t.Name() == all[i].Target.Name() {
				all[i].Target = t
			}
		}
	}
	sent, err := d.sendAll(ctx, b, all)
	return append(outcomes, sent...), err
}

func (d *Deliverer) sendAll(ctx context.Context, b *backlog, all []pending) ([]Outcome, error) {
	var outcomes []Outcome
	type place struct{ schedule, target string } // names are unique in a schedule
	failing := map[place]bool{}
	for _, p := range all {
		if err := context.Cause(ctx); err != nil {
			return outcomes, err
		}
		o := Outcome{RunID: p.Message.RunID, Target: p.Target.Name()}
		at := place{p.Message.Schedule, o.Target}
		switch {
		case b.sent(p.key()): // killed between the mark and the removal
			if err := b.remove(p); err != nil {
				return outcomes, err
			}
			continue
		case failing[at]:
			continue
		}
		warning, err := d.send(ctx, p)
		o.Err, o.Warning = err, warning
		switch {
		case err == nil:
			err = b.mark(p, d.now())
		case errors.Is(err, ErrGone):
			err = b.remove(p)
		case context.Cause(ctx) != nil:
			return outcomes, context.Cause(ctx)
		default:
			_, one := errors.AsType[refused](err)
			failing[at], o.Kept = !one, true
			err = b.failed(p, d.now(), err)
		}
		outcomes = append(outcomes, o)
		if err != nil {
			return outcomes, err
		}
	}
	return outcomes, nil
}

// send tries until it works, the attempts are used up, or it is hopeless.
func (d *Deliverer) send(ctx context.Context, p pending) (warning string, err error) {
	attempts := d.Attempts
	if attempts == 0 {
		attempts = DefaultAttempts
	}
	wait, begun := firstWait, d.now()
	for n := 1; ; n++ {
		pause := time.Duration(float64(wait) * (0.5 + d.random()))
		tooLate := func() bool { return d.now().Add(pause).Sub(begun) > retryFor }
		last := func() bool { return n >= attempts || p.Failed > 0 || tooLate() }
		if warning, err = d.attempt(ctx, p, last); err == nil {
			return warning, nil
		}
		if l, ok := errors.AsType[later](err); ok {
			pause = max(pause, l.after)
		}
		if _, hopeless := errors.AsType[permanent](err); hopeless || n >= attempts || context.Cause(ctx) != nil || tooLate() {
			return "", err
		}
		if stopped := d.sleep(ctx, pause); stopped != nil {
			return "", err
		}
		wait *= 4
	}
}

// attempt tries once. The last attempt of a call settles for a part of the recipients,
// and so does each of a later call: how long an attempt takes decides which is the last.
func (d *Deliverer) attempt(ctx context.Context, p pending, last func() bool) (warning string, err error) {
	t, timeout := p.Target, DefaultTimeout
	switch {
	case d.Timeout != 0:
		timeout = d.Timeout
	case t.SMTP != nil:
		timeout = mailTimeout
	case t.Folder != "", t.S3 != "":
		timeout = folderTimeout
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	switch {
	case t.Folder != "":
		err = copyReport(ctx, p.Message, t.Folder)
	case t.SMTP != nil:
		warning, err = d.sendMail(ctx, p, t.SMTP, last)
	case t.Webhook != nil:
		err = d.sendWebhook(ctx, p, t.Webhook)
	case t.Slack != nil:
		err = d.sendSlack(ctx, p, t.Slack)
	case t.S3 != "":
		err = d.storeReport(ctx, p.Message, t.S3)
	default:
		err = permanent{errors.New("no target")}
	}
	if err != nil && (errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded)) {
		err = fmt.Errorf("no answer within %s: %w", timeout, err)
	}
	return warning, err
}

// key names a message at a target: the same for every attempt.
func key(m Message, t Target) string {
	sum := sha256.Sum256([]byte(m.RunID + "\x00" + t.Name()))
	return hex.EncodeToString(sum[:16])
}

func (d *Deliverer) now() time.Time {
	if d.Now != nil {
		return d.Now().UTC()
	}
	return time.Now().UTC()
}

func (d *Deliverer) getenv(name string) string {
	if d.Getenv != nil {
		return d.Getenv(name)
	}
	return os.Getenv(name)
}

func (d *Deliverer) random() float64 {
	if d.Random != nil {
		return d.Random()
	}
	return rand.Float64()
}

func (d *Deliverer) sleep(ctx context.Context, pause time.Duration) error {
	if d.Sleep != nil {
		return d.Sleep(ctx, pause)
	}
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}
