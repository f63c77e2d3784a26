package convert

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert/securitylake"
)

// Several converters share the work of an archive. Each lists all of it, and cuts it
// in the same way into shares: an account, a Region and a day of delivery. Before a
// converter reads the objects of a share it takes it, for as long as it works on it.
// That saves double work; what keeps each object and each record from being in the
// table twice is the comparison at each commit: see meanwhile.

const (
	// A converter takes shares of so much at a time, of what is left to do: a part
	// that gets smaller towards the end, so that all end at about the same time.
	leastTaken = 8 << 20
	mostTaken  = 512 << 20
	// objectWeight is what an object costs beside its bytes, in bytes.
	objectWeight = 16 << 10
	// looseShares is how many shares there are of objects whose paths do not say
	// what they are.
	looseShares = 64
	// awaitOthers is how often a run looks whether others have finished.
	awaitOthers = 500 * time.Millisecond
)

// compactionShare is the share of who joins files and settles verdicts.
const compactionShare = "compaction"

// sharing is the state of a run beside others.
type sharing struct {
	converter      *catalog.Converter
	pending        map[string][]object // by share
	order          []string            // of pending, from where this run goes on
	version        int64               // of the snapshot that the ledger has been updated to
	leftCompaction bool
}

// together is run beside others.
func (r *run) together(ctx context.Context) (err error) {
	r.setPhase("list")
	r.share.pending = map[string][]object{}
	if err := r.join(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.share.converter.Leave(ctx)) }()
	if err := r.insist(ctx, func() error { return r.prepare(ctx) }); err != nil {
		return err
	}
	if err := r.list(ctx, r.shareOut); err != nil {
		return err
	}
	if err := r.await(ctx); err != nil {
		return err
	}
	if r.stopped() {
		return nil
	}
	return r.insist(ctx, func() error { return r.finishTogether(ctx) })
}

func (r *run) join(ctx context.Context) error {
	return r.untilStopped(ctx, func(ctx context.Context) error {
		m, repaired, err := r.o.Catalog.Join(ctx, r.o.Waiting)
		if err != nil {
			return err
		}
		r.share.converter = m
		r.resumed = r.resumed || repaired.Batches > 0
		return nil
	})
}

// insist does something again as a new converter when the others have given this one
// up, because it has slept for too long, or have taken its batch for a dead one's.
func (r *run) insist(ctx context.Context, do func() error) error {
	for {
		err := do()
		if err == nil || ctx.Err() != nil {
			return err
		}
		if !errors.Is(err, catalog.ErrConflict) && !errors.Is(r.share.converter.Check(ctx), catalog.ErrLockLost) {
			return err
		}
		if r.kept != nil {
			r.n.set(r.kept)
		}
		if err := errors.Join(r.share.converter.Leave(ctx), r.join(ctx)); err != nil {
			return err
		}
	}
}

// shareOf is the share that an object belongs to. It depends on nothing but its
// path, so that all converters agree on it.
func shareOf(o *object) string {
	account, region, day := "", "", ""
	if k := o.key(); !k.Day.IsZero() {
		account, region, day = k.Account, k.Region, k.Day.Format(time.DateOnly)
	} else if p := securitylake.ParsePlace(o.path); p.Day != "" {
		account, region, day = p.Account, p.Region, p.Day
	}
	if isPlain(account) && isPlain(region) && isPlain(day) {
		return day + "_" + region + "_" + account // in the order of partitions
	}
	h := fnv.New32a()
	h.Write([]byte(o.path))
	return fmt.Sprintf("loose_%02d", h.Sum32()%looseShares)
}

// isPlain says whether a part of a path can be that of a share's name.
func isPlain(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == ""
}

// shareOut converts what it can take of the objects that have been listed. The rest
// others have; it is pending.
func (r *run) shareOut(ctx context.Context, listed []object) error {
	s := &r.share
	for i := range listed {
		name := shareOf(&listed[i])
		s.pending[name] = append(s.pending[name], listed[i])
	}
	err := r.insist(ctx, func() (err error) {
		s.order, err = s.converter.Free(ctx, slices.Sorted(maps.Keys(s.pending)))
		return err
	})
	if err != nil {
		return err
	}
	if n := len(s.order); n > 1 { // not all from the same end
		from := rand.IntN(n)
		s.order = slices.Concat(s.order[from:], s.order[:from])
	}
	for len(s.order) > 0 {
		if r.stopped() {
			return ErrStopped
		}
		if err := r.insist(ctx, func() error { return r.takeShares(ctx) }); err != nil {
			return err
		}
	}
	return nil
}

// takeShares takes some of the pending shares, those that come next, and converts
// their objects. Shares that others have are passed over.
func (r *run) takeShares(ctx context.Context) error {
	s := &r.share
	weight := int64(0)
	for _, objects := range s.pending {
		weight += weigh(objects)
	}
	converters, err := s.converter.Count(ctx)
	if err != nil {
		return err
	}
	most := min(max(weight/int64(2*converters), r.o.leastTaken), mostTaken)
	var taken []string
	defer func() {
		_ = parallelEach(context.WithoutCancel(ctx), taken, func(ctx context.Context, name string) error {
			_ = s.converter.GiveBack(ctx, name) // else it ends with this converter
			return nil
		})
	}()
	got := int64(0)
	next := 0
	for next < len(s.order) && got < most && !r.stopped() {
		// As many at a time as are probably wanted: each is a request or two.
		some := s.order[next:]
		if got > 0 {
			some = some[:min(len(some), max(1, int((most-got)*int64(len(taken))/got)), listings)]
		} else {
			some = some[:min(len(some), 1+next, 4)]
		}
		next += len(some)
		var mu sync.Mutex
		err := parallelEach(ctx, some, func(ctx context.Context, name string) error {
			mine, over, err := s.converter.Take(ctx, name)
			mu.Lock()
			defer mu.Unlock()
			if !mine {
				return err
			}
			taken = append(taken, name)
			got += weigh(s.pending[name])
			r.n.shares.Add(1)
			if over {
				r.n.takenOver.Add(1)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(taken) == 0 {
		s.order = s.order[next:]
		return nil
	}
	for {
		// Whoever had these shares before has committed what he will.
		objects, err := r.left(ctx, taken)
		if err != nil {
			return err
		}
		if len(objects) > 0 && !r.stopped() {
			err = r.convertEach(ctx, byPartition(objects))
		}
		if errors.Is(err, errMeanwhile) {
			r.n.set(r.kept)
			continue
		}
		if err != nil {
			return err
		}
		break
	}
	for _, name := range taken {
		delete(s.pending, name)
	}
	clear(r.own)
	s.order = s.order[next:]
	return nil
}

// parallelEach calls do with each name, several at a time.
func parallelEach(ctx context.Context, names []string, do func(context.Context, string) error) error {
	var next atomic.Int64
	return parallel(ctx, min(len(names), listings), func(ctx context.Context, _ int) error {
		for {
			k := int(next.Add(1)) - 1
			if k >= len(names) || ctx.Err() != nil {
				return ctx.Err()
			}
			if err := do(ctx, names[k]); err != nil {
				return err
			}
		}
	})
}

func weigh(objects []object) (weight int64) {
	for i := range objects {
		weight += objects[i].size + objectWeight
	}
	return weight
}

// left are the objects of some shares that are not converted yet.
func (r *run) left(ctx context.Context, shares []string) (objects []object, err error) {
	if err := r.updateLedger(ctx); err != nil {
		return nil, err
	}
	for _, name := range shares {
		r.share.pending[name] = slices.DeleteFunc(r.share.pending[name], r.isDone)
		objects = append(objects, r.share.pending[name]...)
	}
	return objects, nil
}

func (r *run) updateLedger(ctx context.Context) error {
	snapshot, err := r.o.Catalog.Snapshot(ctx)
	if err != nil || snapshot.Version() == r.share.version {
		return err
	}
	if err := r.ledger.update(ctx, r.o.Catalog, snapshot); err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	r.share.version = snapshot.Version()
	return nil
}

// isDone says of a pending object that the ledger has it now.
func (r *run) isDone(o object) bool {
	if !r.ledger.has(&o) {
		return false
	}
	if !r.own[r.ledger.hash(o.path, o.etag)] {
		r.n.total.Add(-1)
		r.n.totalBytes.Add(-o.size)
		r.n.others.Add(1)
	}
	return true
}

// await waits until others have converted what they have, and takes what they leave
// behind.
func (r *run) await(ctx context.Context) error {
	for {
		if err := r.updateLedger(ctx); err != nil {
			return err
		}
		for name, objects := range r.share.pending {
			objects = slices.DeleteFunc(objects, r.isDone)
			if r.share.pending[name] = objects; len(objects) == 0 {
				delete(r.share.pending, name)
			}
		}
		if len(r.share.pending) == 0 {
			return nil
		}
		before := len(r.share.pending)
		if err := r.shareOut(ctx, nil); err != nil {
			return err
		}
		if len(r.share.pending) < before {
			continue
		}
		r.setPhase("wait")
		if err := r.pause(ctx); err != nil {
			return err
		}
	}
}

// pause waits a little, or until the run is stopped.
func (r *run) pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-r.o.Stop:
		return ErrStopped
	case <-time.After(awaitOthers):
		return nil
	}
}

// finishTogether settles verdicts and joins files, unless another one does. For the
// verdicts it waits: nobody else may know of what this run has converted last.
func (r *run) finishTogether(ctx context.Context) (err error) {
	if r.n.done.Load() == 0 && !r.resumed && !r.o.Verify {
		return nil
	}
	for {
		mine, _, err := r.share.converter.Take(ctx, compactionShare)
		if err != nil {
			return err
		}
		if mine {
			break
		}
		if r.share.leftCompaction = !r.o.Verify; r.share.leftCompaction {
			return nil
		}
		r.setPhase("wait")
		if err := r.pause(ctx); err != nil {
			return err
		}
	}
	defer func() {
		_ = r.share.converter.GiveBack(context.WithoutCancel(ctx), compactionShare) // as above
	}()
	return r.finish(ctx)
}
