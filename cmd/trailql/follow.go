package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/convert/follow"
	"github.com/trailql/trailql/convert/queue"
	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/repl"
)

// quietStart is how long a round may take before it shows how far it is, where
// there is no terminal.
const quietStart = time.Minute

// followFlags are those of convert that make it go on.
type followFlags struct {
	follow bool
	every  time.Duration
	queue  string
}

func (f *followFlags) add(flags *pflag.FlagSet) {
	flags.BoolVar(&f.follow, "follow", false, "go on: look for new log files again and again")
	flags.DurationVar(&f.every, "every", 0, "with --follow: look every `DURATION` (default 5m, with --sqs 24h)")
	flags.StringVar(&f.queue, "sqs", "", "go on: hear of new log files below SRC from the queue with this `URL`")
}

func (f *followFlags) wanted() bool { return f.follow || f.queue != "" }

// check refuses what cannot be followed.
func (f *followFlags) check(args []string, dryRun bool) error {
	switch {
	case !f.wanted() && f.every != 0:
		return usagef("--every is for --follow")
	case !f.wanted():
		return nil
	case f.every < 0 || f.every > 0 && f.every < time.Second:
		return usagef("--every %v: want a second or more", f.every)
	case f.every != 0 && !f.follow:
		return usagef("--every is for --follow: --sqs alone lists nothing")
	case dryRun:
		return usagef("--dry-run ends, --follow and --sqs do not: give one of them")
	case slices.Contains(args, "-"):
		return usagef(`"-" is a list that ends: name the folder or the bucket to follow`)
	}
	for _, arg := range args {
		if f.queue != "" && !s3.IsURI(arg) {
			return usagef("source %q: --sqs is about objects of a bucket, want s3://bucket/prefix", arg)
		}
	}
	return nil
}

// runFollow converts until a signal comes. The round in progress then commits
// what it has; a second signal ends the process at once.
func runFollow(ctx context.Context, a *app, f followFlags, q *queue.Queue, o convert.Options, screen *progress, published *publication) error {
	j := &journal{app: a, screen: screen}
	j.reset()
	o.Reject = func(object, reason string) { j.rejects.add(object, reason) }
	o.Progress = func(p convert.Progress) {
		if j.screen.width != nil || p.Elapsed > quietStart {
			j.screen.update(p)
		}
	}
	waited := false
	o.Waiting = func(holder string) {
		if !waited { // and not in each round
			j.screen.interrupt(func() { a.note("waiting for another run: %s", holder) })
		}
		waited = true
	}
	fo := follow.Options{Convert: o, Stop: ctx.Done(), Failed: j.failed}
	fo.Done = func(r follow.Round) {
		j.round(r)
		published.catchUp(context.WithoutCancel(ctx))
	}
	if f.follow {
		fo.Every = f.every
		switch {
		case f.every == 0 && f.queue != "":
			fo.Every = follow.DefaultFull
		case f.every == 0:
			fo.Every = follow.DefaultEvery
		}
	}
	if q != nil {
		fo.Queue = q
	}
	if err := follow.Run(context.WithoutCancel(ctx), fo); err != nil {
		return err
	}
	a.note("stopped: nothing is lost, run it again to go on")
	stopped, _ := errors.AsType[signalError](context.Cause(ctx))
	return &repl.ExitError{Code: stopped.exitCode()}
}

// openQueue connects to the queue; nil if there is none to follow.
func (f followFlags) openQueue(ctx context.Context, a *app) (*queue.Queue, error) {
	if f.queue == "" {
		return nil, nil
	}
	config, err := s3.Config(ctx, a.s3)
	if err != nil {
		return nil, fmt.Errorf("open queue: %w", err)
	}
	q, err := queue.Open(ctx, config, f.queue)
	if errors.Is(err, queue.ErrURL) {
		return nil, usageError{err}
	}
	return q, err
}

// journal writes a line for each round.
type journal struct {
	app     *app
	screen  *progress
	rejects rejectLog
}

func (j *journal) reset() {
	j.rejects = rejectLog{app: j.app, screen: j.screen, objects: map[string]bool{}}
	j.screen.restart()
}

func (j *journal) failed(err error, again time.Duration) {
	j.screen.interrupt(func() { j.app.warn("%v; trying again in %v", err, again) })
}

func (j *journal) round(r follow.Round) {
	j.screen.finish()
	j.rejects.finish()
	j.reset()
	if j.app.quiet {
		return
	}
	j.app.note("%s %s", r.At.Format(time.RFC3339), describeRound(r))
	if n := r.Verdicts.Invalid; n > 0 {
		j.app.warn("%s not as delivered: see SELECT object, verdictreason FROM source_files WHERE verdict = 'invalid'", quantity.Plural(n, "log file"))
	}
	if m := r.Messages; m.Outside > 0 {
		j.app.warn("%s outside SRC announced, left alone: such as %s", quantity.Plural(int64(m.Outside), "object"), m.AnOutside)
	}
	if m := r.Messages; m.Removed > 0 {
		j.app.warn("%s announced as deleted from the bucket: such as %s", quantity.Plural(int64(m.Removed), "object"), m.ARemoved)
	}
}

func describeRound(r follow.Round) string {
	parts := []string{fmt.Sprintf("%s from %s in %v", quantity.Plural(r.Records, "new record"), quantity.Plural(r.Objects, "object"),
		r.Elapsed.Round(10*time.Millisecond))}
	for _, c := range []struct {
		n    int64
		noun string
		then string
	}{
		{r.Aggregated, "aggregated event", ""},
		{r.Duplicates, "duplicate record", ""},
		{r.Digests, "digest file", ""},
		{r.Foreign, "file", "without CloudTrail content"},
		{r.Verdicts.Valid, "log file", "valid"},
		{r.Verdicts.Invalid, "log file", "INVALID"},
		{r.Verdicts.Unproven, "log file", "unproven"},
		{r.Verdicts.NotCovered, "log file", "without a digest"},
		{r.Rejected, "record", "rejected"},
		{r.Unreadable, "path", "not readable"},
		{r.Unchanged, "object", "converted before"},
		{r.Fresh, "file", "just being written"},
		{int64(r.Messages.Deleted), "message", "done"},
		{int64(r.Messages.Later), "message", "to come again"},
		{int64(r.Messages.Malformed), "message", "rejected"},
		{int64(r.Messages.Vanished), "object", "announced but not there"},
		{int64(r.Messages.GivenUp), "object", "given up"},
		{int64(r.Messages.Ignored), "notice", "about nothing to read"},
	} {
		if c.n > 0 {
			parts = append(parts, strings.TrimSpace(quantity.Plural(c.n, c.noun)+" "+c.then))
		}
	}
	return strings.Join(parts, "; ")
}
