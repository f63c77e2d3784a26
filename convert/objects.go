package convert

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/cloudtrail"
)

// looks is how many single objects are looked at at a time.
const looks = 16

// named lists single objects. What cannot be looked at fails alone, and so does
// what is not there unless gone says that it does not matter.
func (s *sources) named(ctx context.Context, uris []string, gone func(path string) bool) error {
	type look struct {
		store storage.Storage
		name  string
		found storage.Object
		err   error
	}
	all := make([]look, len(uris))
	for i, uri := range uris {
		root, name, err := split(uri)
		if err == nil {
			all[i].store, err = s.store(ctx, root)
		}
		if err != nil {
			return fmt.Errorf("look at %s: %w", uri, err)
		}
		all[i].name = name
	}
	next := make(chan int, len(all))
	for i := range all {
		next <- i
	}
	close(next)
	err := parallel(ctx, min(looks, len(all)), func(ctx context.Context, _ int) error {
		for i := range next {
			l := &all[i]
			if l.found, l.err = l.store.Stat(ctx, l.name); l.err != nil && stops(ctx, l.err) {
				return l.err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, l := range all {
		if l.err == nil {
			if err := s.object(l.store, l.found); err != nil {
				return err
			}
			continue
		}
		path := strings.ToValidUTF8(uris[i], "\uFFFD")
		if errors.Is(l.err, storage.ErrNotExist) && gone(path) {
			continue
		}
		s.fail(path, l.err)
	}
	return nil
}

// split is the root and the name of a single object. The name may be anything.
func split(uri string) (root, name string, err error) {
	if scheme, rest, ok := strings.Cut(uri, "://"); ok {
		bucket, key, _ := strings.Cut(rest, "/")
		return scheme + "://" + bucket, key, nil
	}
	uri, err = filepath.Abs(uri)
	return filepath.Dir(uri), filepath.Base(uri), err
}

// Rejection is something that somebody else could not make a record of.
type Rejection struct {
	Object string // what rejected_records names it by
	Reason string
	Raw    string
}

// keepRejections adds what the caller has rejected to rejected_records.
func (r *run) keepRejections(ctx context.Context) error {
	if len(r.o.Rejections) == 0 {
		return nil
	}
	b, err := r.begin(ctx)
	if err != nil {
		return err
	}
	b.strict = true
	var rows []rejectedRow
	for _, one := range r.o.Rejections {
		row := newRejectedRow(one.Object, &cloudtrail.RecordError{Size: int64(len(one.Raw)), Raw: []byte(one.Raw), Err: errors.New(one.Reason)})
		row.Rejected, row.Batch = r.o.Now().UTC(), b.id
		rows = append(rows, row)
	}
	rows, err = b.newRejections(ctx, rows)
	if err == nil && len(rows) > 0 {
		b.rejected = rows
		err = b.commit(ctx, nil)
	}
	if err != nil || len(rows) == 0 {
		return errors.Join(err, r.o.Catalog.Abort(context.WithoutCancel(ctx), b.id))
	}
	return nil
}

// ErrStopped is returned when Options.Stop has ended a run before its end.
var ErrStopped = errors.New("stopped")

func (r *run) stopped() bool {
	select {
	case <-r.o.Stop:
		return true
	default:
		return false
	}
}

// lock waits for the warehouse's lock, until the run is stopped.
func (r *run) lock(ctx context.Context) (unlock func() error, err error) {
	err = r.untilStopped(ctx, func(ctx context.Context) (err error) {
		unlock, err = r.o.Catalog.Lock(ctx, r.o.Waiting)
		return err
	})
	return unlock, err
}

// untilStopped does something that may have to wait long. It returns ErrStopped when
// the run is stopped.
func (r *run) untilStopped(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	defer close(done)
	go func() {
		select {
		case <-r.o.Stop:
			cancel()
		case <-done:
		}
	}()
	err := do(ctx)
	if err != nil && r.stopped() {
		return ErrStopped
	}
	return err
}
