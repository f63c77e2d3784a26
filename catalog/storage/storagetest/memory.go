package storagetest

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/trailql/trailql/catalog/storage"
)

// Memory is a storage in memory: nothing is synced, so tests that care about
// the order of operations and not about a disk are fast on it.
type Memory struct {
	mu      sync.Mutex
	objects map[string]memoryObject
	changes int
}

type memoryObject struct {
	data    []byte // never changed
	changed time.Time
	etag    string
}

var (
	_ storage.Storage = (*Memory)(nil)
	_ storage.Swapper = (*Memory)(nil)
)

// NewMemory returns an empty storage.
func NewMemory() *Memory { return &Memory{objects: map[string]memoryObject{}} }

// Clone returns an independent storage with the same objects.
func (m *Memory) Clone() *Memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &Memory{objects: maps.Clone(m.objects), changes: m.changes}
}

// Root is a URI that no other program knows.
func (m *Memory) Root() string { return "memory://warehouse" }

func (m *Memory) get(ctx context.Context, verb, name string) (memoryObject, error) {
	if err := check(ctx, verb, name); err != nil {
		return memoryObject{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[name]
	if !ok {
		return memoryObject{}, fmt.Errorf("%s %q: %w", verb, name, storage.ErrNotExist)
	}
	return o, nil
}

func check(ctx context.Context, verb, name string) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %q: %w", verb, name, err)
	}
	if name == "" || name == "." || name == ".." || name[0] == '/' || strings.HasPrefix(name, "../") ||
		path.Clean(name) != name || strings.IndexByte(name, 0) >= 0 {
		return fmt.Errorf("%s %q: %w", verb, name, storage.ErrName)
	}
	return nil
}

// Open implements [storage.Storage].
func (m *Memory) Open(ctx context.Context, name string) (storage.Reader, error) {
	o, err := m.get(ctx, "open", name)
	if err != nil {
		return nil, err
	}
	return memoryReader{bytes.NewReader(o.data)}, nil
}

type memoryReader struct{ *bytes.Reader }

func (memoryReader) Close() error { return nil }

// Stat implements [storage.Storage].
func (m *Memory) Stat(ctx context.Context, name string) (storage.Object, error) {
	o, err := m.get(ctx, "stat", name)
	if err != nil {
		return storage.Object{}, err
	}
	return o.describe(name), nil
}

func (o memoryObject) describe(name string) storage.Object {
	return storage.Object{Name: name, Size: int64(len(o.data)), Modified: o.changed, ETag: o.etag}
}

// List implements [storage.Storage].
func (m *Memory) List(ctx context.Context, prefix string) iter.Seq2[storage.Object, error] {
	return func(yield func(storage.Object, error) bool) {
		m.mu.Lock()
		objects := maps.Clone(m.objects)
		m.mu.Unlock()
		for _, name := range slices.Sorted(maps.Keys(objects)) {
			if err := ctx.Err(); err != nil {
				yield(storage.Object{}, fmt.Errorf("list %q: %w", prefix, err))
				return
			}
			if (prefix == "" || strings.HasPrefix(name, prefix+"/")) && !yield(objects[name].describe(name), nil) {
				return
			}
		}
	}
}

// Create implements [storage.Storage].
func (m *Memory) Create(ctx context.Context, name string) (storage.Writer, error) {
	if err := check(ctx, "create", name); err != nil {
		return nil, err
	}
	return &memoryWriter{memory: m, name: name}, nil
}

type memoryWriter struct {
	bytes.Buffer
	memory *Memory
	name   string
	ended  error
}

func (w *memoryWriter) Write(p []byte) (int, error) {
	if w.ended != nil {
		return 0, w.ended
	}
	return w.Buffer.Write(p)
}

func (w *memoryWriter) Commit() error {
	if w.ended != nil {
		return w.ended
	}
	w.ended = fmt.Errorf("write %q: ended", w.name)
	return w.memory.store("write", w.name, w.Bytes(), false)
}

func (w *memoryWriter) Abort() error {
	if w.ended == nil {
		w.ended = fmt.Errorf("write %q: aborted", w.name)
	}
	return nil
}

// PutNew implements [storage.Storage].
func (m *Memory) PutNew(ctx context.Context, name string, data []byte) error {
	if err := check(ctx, "put", name); err != nil {
		return err
	}
	return m.store("put", name, data, false)
}

// Put implements [storage.Storage].
func (m *Memory) Put(ctx context.Context, name string, data []byte) error {
	if err := check(ctx, "put", name); err != nil {
		return err
	}
	return m.store("put", name, data, true)
}

func (m *Memory) store(verb, name string, data []byte, replace bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.objects[name]; taken && !replace {
		return fmt.Errorf("%s %q: %w", verb, name, storage.ErrExist)
	}
	m.changes++
	m.objects[name] = memoryObject{bytes.Clone(data), time.Now().UTC(), fmt.Sprint(m.changes)}
	return nil
}

// Load implements [storage.Swapper].
func (m *Memory) Load(ctx context.Context, name string) (data []byte, etag string, age time.Duration, err error) {
	o, err := m.get(ctx, "load", name)
	if err != nil {
		return nil, "", 0, err
	}
	return bytes.Clone(o.data), o.etag, time.Since(o.changed), nil
}

// Swap implements [storage.Swapper].
func (m *Memory) Swap(ctx context.Context, name, etag string, data []byte) (newETag string, err error) {
	if err := check(ctx, "swap", name); err != nil {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.objects[name].etag != etag {
		return "", fmt.Errorf("swap %q: %w", name, storage.ErrChanged)
	}
	m.changes++
	o := memoryObject{bytes.Clone(data), time.Now().UTC(), fmt.Sprint(m.changes)}
	m.objects[name] = o
	return o.etag, nil
}

// Remove implements [storage.Storage].
func (m *Memory) Remove(ctx context.Context, name string) error {
	if err := check(ctx, "remove", name); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, name)
	return nil
}
