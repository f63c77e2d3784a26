package storagetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"syscall"
	"time"

	"github.com/trailql/trailql/catalog/storage"
)

// Ops selects operations of a storage.
type Ops int

// Mutations are Create, Write, Commit, Put, PutNew, Swap, Remove and Sweep; Reads
// are Open, Read, ReadAt, Stat, Load and List. Abort never fails and is not counted.
const (
	Mutations Ops = 1 << iota
	Reads
)

// FaultOptions say which operation fails and how.
type FaultOptions struct {
	Ops   Ops   // what is counted; zero: Mutations
	At    int64 // the number, from 1, of the operation that fails; zero: none, only count
	Stay  bool  // all operations from then on fail, as on a disk that stays full
	Lost  bool  // the operation is done all the same, as when only its answer was lost
	Error error // zero: ENOSPC
}

// Fault is a storage that fails on purpose. A Write that fails has written half
// of its bytes. A List that fails yields nothing but the error. It is safe for
// concurrent use; under concurrency the operations are counted as they come.
type Fault struct {
	inner storage.Storage
	o     FaultOptions

	mu     sync.Mutex
	n      int64
	failed string
}

var (
	_ storage.Storage = (*Fault)(nil)
	_ storage.Sweeper = (*Fault)(nil)
	_ storage.Swapper = (*Fault)(nil)
)

// NewFault decorates s.
func NewFault(s storage.Storage, o FaultOptions) *Fault {
	if o.Ops == 0 {
		o.Ops = Mutations
	}
	if o.Error == nil {
		o.Error = syscall.ENOSPC
	}
	return &Fault{inner: s, o: o}
}

// Count says how many of the selected operations there were.
func (f *Fault) Count() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.n
}

// Failed is the first operation that failed, as "verb name"; "" if none did.
func (f *Fault) Failed() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.failed
}

// step counts an operation and returns the error it shall fail with.
func (f *Fault) step(kind Ops, verb, name string) error {
	if f.o.Ops&kind == 0 {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	if f.o.At == 0 || f.n < f.o.At || f.n > f.o.At && !f.o.Stay {
		return nil
	}
	if f.failed == "" {
		f.failed = verb + " " + name
	}
	return fmt.Errorf("%s %q: %w", verb, name, f.o.Error)
}

// mutate runs an operation, or fails it.
func (f *Fault) mutate(verb, name string, do func() error) error {
	err := f.step(Mutations, verb, name)
	if err == nil {
		return do()
	}
	if f.o.Lost {
		_ = do()
	}
	return err
}

// Root implements [storage.Storage].
func (f *Fault) Root() string { return f.inner.Root() }

// Open implements [storage.Storage].
func (f *Fault) Open(ctx context.Context, name string) (storage.Reader, error) {
	if err := f.step(Reads, "open", name); err != nil {
		return nil, err
	}
	r, err := f.inner.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	return &faultReader{Reader: r, fault: f, name: name}, nil
}

// Stat implements [storage.Storage].
func (f *Fault) Stat(ctx context.Context, name string) (storage.Object, error) {
	if err := f.step(Reads, "stat", name); err != nil {
		return storage.Object{}, err
	}
	return f.inner.Stat(ctx, name)
}

// List implements [storage.Storage].
func (f *Fault) List(ctx context.Context, prefix string) iter.Seq2[storage.Object, error] {
	return func(yield func(storage.Object, error) bool) {
		if err := f.step(Reads, "list", prefix); err != nil {
			yield(storage.Object{}, err)
			return
		}
		f.inner.List(ctx, prefix)(yield)
	}
}

// Create implements [storage.Storage].
func (f *Fault) Create(ctx context.Context, name string) (storage.Writer, error) {
	if err := f.step(Mutations, "create", name); err != nil {
		return nil, err
	}
	w, err := f.inner.Create(ctx, name)
	if err != nil {
		return nil, err
	}
	return &faultWriter{inner: w, fault: f, name: name}, nil
}

// PutNew implements [storage.Storage].
func (f *Fault) PutNew(ctx context.Context, name string, data []byte) error {
	return f.mutate("put", name, func() error { return f.inner.PutNew(ctx, name, data) })
}

// Put implements [storage.Storage].
func (f *Fault) Put(ctx context.Context, name string, data []byte) error {
	return f.mutate("put", name, func() error { return f.inner.Put(ctx, name, data) })
}

// Remove implements [storage.Storage].
func (f *Fault) Remove(ctx context.Context, name string) error {
	return f.mutate("remove", name, func() error { return f.inner.Remove(ctx, name) })
}

// Sweep implements [storage.Sweeper]; a storage that needs no sweep has none.
func (f *Fault) Sweep(ctx context.Context) (removed int, err error) {
	s, ok := f.inner.(storage.Sweeper)
	if !ok {
		return 0, nil
	}
	err = f.mutate("sweep", "", func() (err error) {
		removed, err = s.Sweep(ctx)
		return err
	})
	return removed, err
}

// Load implements [storage.Swapper].
func (f *Fault) Load(ctx context.Context, name string) (data []byte, etag string, age time.Duration, err error) {
	s, ok := f.inner.(storage.Swapper)
	if !ok {
		return nil, "", 0, fmt.Errorf("load %q: %w", name, errors.ErrUnsupported)
	}
	if err := f.step(Reads, "load", name); err != nil {
		return nil, "", 0, err
	}
	return s.Load(ctx, name)
}

// Swap implements [storage.Swapper].
func (f *Fault) Swap(ctx context.Context, name, etag string, data []byte) (newETag string, err error) {
	s, ok := f.inner.(storage.Swapper)
	if !ok {
		return "", fmt.Errorf("swap %q: %w", name, errors.ErrUnsupported)
	}
	err = f.mutate("swap", name, func() (err error) {
		newETag, err = s.Swap(ctx, name, etag, data)
		return err
	})
	return newETag, err
}

type faultReader struct {
	storage.Reader
	fault *Fault
	name  string
}

func (r *faultReader) Read(p []byte) (int, error) {
	if err := r.fault.step(Reads, "read", r.name); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

func (r *faultReader) ReadAt(p []byte, off int64) (int, error) {
	if err := r.fault.step(Reads, "read", r.name); err != nil {
		return 0, err
	}
	return r.Reader.ReadAt(p, off)
}

type faultWriter struct {
	inner storage.Writer
	fault *Fault
	name  string
	err   error
}

func (w *faultWriter) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if w.err = w.fault.step(Mutations, "write", w.name); w.err != nil {
		n, _ := w.inner.Write(p[:len(p)/2])
		return n, w.err
	}
	return w.inner.Write(p)
}

func (w *faultWriter) Commit() error {
	if w.err == nil {
		w.err = w.fault.step(Mutations, "commit", w.name)
		if w.err == nil {
			return w.inner.Commit()
		}
		if w.fault.o.Lost {
			_ = w.inner.Commit()
			return w.err
		}
	}
	_ = w.inner.Abort()
	return w.err
}

func (w *faultWriter) Abort() error { return w.inner.Abort() }
