package convert

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/trailql/trailql/catalog/storage"
)

// farBucket counts what is read at a time.
type farBucket struct {
	storage.Storage
	opened, reading, most atomic.Int64
	size                  int64 // of each object
}

func (b *farBucket) Open(ctx context.Context, name string) (storage.Reader, error) {
	b.opened.Add(1)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := b.reading.Add(1)
	defer b.reading.Add(-1)
	for most := b.most.Load(); n > most && !b.most.CompareAndSwap(most, n); most = b.most.Load() {
	}
	switch name {
	case "gone":
		return nil, fmt.Errorf("open %q: %w", name, storage.ErrNotExist)
	case "changed":
		return farReader{fetched{bytes.NewReader([]byte(name))}, "other", b.size}, nil
	}
	text := name + strings.Repeat(" ", int(max(0, min(b.size, 1000)-int64(len(name)))))
	return farReader{fetched{bytes.NewReader([]byte(text))}, "e", b.size}, nil
}

type farReader struct {
	fetched
	etag string
	size int64
}

func (r farReader) ETag() string { return r.etag }
func (r farReader) Size() int64  { return r.size }

func farWork(b *farBucket, tasks, each int, size int64) [][]object {
	b.size = size
	var work [][]object
	for t := range tasks {
		var objects []object
		for i := range each {
			name := fmt.Sprint(t, "-", i)
			objects = append(objects, object{store: b, name: name, path: "s3://far/" + name, etag: "e", size: size})
		}
		work = append(work, objects)
	}
	return work
}

// Whatever is fetched ahead, each object is read once, as it is, by whom it is
// wanted, and the bytes held stay within the limit.
func TestReadAhead(t *testing.T) {
	for name, c := range map[string]struct{ size, memory int64 }{
		"room":      {100, 8 << 20},
		"little":    {100, 8 * 250},
		"no room":   {1000, 8 * 10},
		"too large": {aheadLargest + 1, 8 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			b := &farBucket{}
			work := farWork(b, 20, 30, c.size)
			a := readAhead(t.Context(), work, c.memory)
			defer a.close()
			var next atomic.Int64
			var read sync.Map
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					for {
						k := int(next.Add(1)) - 1
						if k >= len(work) {
							return
						}
						for i := range work[k] {
							in, release, err := a.open(t.Context(), place{k, i}, &work[k][i])
							if err != nil {
								t.Error(err)
								return
							}
							text, err := io.ReadAll(in)
							text = bytes.TrimSpace(text)
							if err != nil || string(text) != work[k][i].name {
								t.Errorf("%s: got %q, %v", work[k][i].name, text, err)
							}
							if _, twice := read.LoadOrStore(string(text), true); twice {
								t.Errorf("%s: twice", text)
							}
							a.mu.Lock()
							if a.held > max(a.limit, c.size) {
								t.Errorf("%d bytes held", a.held)
							}
							a.mu.Unlock()
							release()
						}
					}
				})
			}
			wg.Wait()
			if n := b.opened.Load(); n != 600 {
				t.Errorf("opened %d times, want 600", n)
			}
			if a.held != 0 || len(a.slots) != 0 {
				t.Errorf("left: %d bytes, %d slots", a.held, len(a.slots))
			}
		})
	}
}

// The end of a run does not wait for what nobody wants any more.
func TestReadAheadEnds(t *testing.T) {
	b := &farBucket{}
	work := farWork(b, 50, 30, 100)
	for range 50 {
		a := readAhead(t.Context(), work, 8*500)
		_, release, err := a.open(t.Context(), place{3, 7}, &work[3][7]) // far ahead of the others
		if err != nil {
			t.Fatal(err)
		}
		release()
		a.close()
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	a := readAhead(ctx, work, 8<<20)
	defer a.close()
	if _, release, err := a.open(ctx, place{0, 0}, &work[0][0]); !errors.Is(err, context.Canceled) {
		t.Error(err)
	} else {
		release()
	}
	var none *ahead
	none.close()
	if a := readAhead(t.Context(), [][]object{{{path: "/local"}}}, 1<<20); a != nil {
		t.Error("local files are fetched")
	}
}

func TestOpenListed(t *testing.T) {
	b := &farBucket{size: 100}
	for name, want := range map[string]error{"same": nil, "gone": storage.ErrNotExist, "changed": errChanged} {
		o := object{store: b, name: name, path: "s3://far/" + name, etag: "e", size: b.size}
		for _, a := range []*ahead{nil, readAhead(t.Context(), [][]object{{o}}, 8<<20)} {
			_, release, err := a.open(t.Context(), place{}, &o)
			if !errors.Is(err, want) {
				t.Errorf("%s: %v, want %v", name, err, want)
			}
			release()
			a.close()
		}
	}
}
