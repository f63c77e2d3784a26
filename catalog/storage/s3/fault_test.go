package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
)

func noise(n int) []byte {
	b := make([]byte, n)
	chacha := rand.NewChaCha8([32]byte{1})
	chacha.Read(b)
	return b
}

func store(t *testing.T, s storage.Storage, name string, data []byte) {
	t.Helper()
	w, err := s.Create(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(w, bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

// onlyGets injects only into downloads.
func onlyGets(plan s3test.Plan) s3test.Plan {
	return func(n int64, r *http.Request) s3test.Fault {
		if r.Method != http.MethodGet {
			return s3test.None
		}
		return plan(n, r)
	}
}

func TestReadGoesOnWhereItBroke(t *testing.T) {
	server := s3test.Start(t)
	root := server.NewBucket(t)
	want := noise(5 << 20)
	store(t, server.Open(t, root), "x", want)
	proxy := server.NewProxy(t, nil)
	b := proxy.Open(t, root)
	for _, c := range []struct {
		name     string
		plan     s3test.Plan
		requests int64
	}{
		{"clean", nil, 1},
		{"cut once", onlyGets(s3test.At(1, s3test.CutAnswer)), 2},
		{"cut three times", func(n int64, _ *http.Request) s3test.Fault {
			if n <= 3 {
				return s3test.CutAnswer
			}
			return s3test.None
		}, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			proxy.Use(c.plan)
			got, err := storage.ReadAll(t.Context(), b, "x")
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("read %d bytes, %v, want the %d stored", len(got), err, len(want))
			}
			if n := proxy.Requests(); n != c.requests {
				t.Errorf("%d requests, want %d", n, c.requests)
			}
		})
	}
}

func TestReadGoesOnWhenTheServerHangs(t *testing.T) {
	server := s3test.Start(t)
	root := server.NewBucket(t)
	want := noise(3 << 20)
	store(t, server.Open(t, root), "x", want)
	proxy := server.NewProxy(t, nil)
	b, err := s3.Open(t.Context(), root, proxy.Options().WithSilence(200*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	proxy.Use(s3test.At(1, s3test.Hung))
	got, err := storage.ReadAll(t.Context(), b, "x")
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("read %d bytes, %v, want the %d stored", len(got), err, len(want))
	}
}

func TestReadAtInBlocks(t *testing.T) {
	server := s3test.Start(t)
	root := server.NewBucket(t)
	want := noise(5<<20 + 17)
	store(t, server.Open(t, root), "x", want)
	proxy := server.NewProxy(t, nil)
	r, err := proxy.Open(t, root).Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	proxy.Use(nil)
	at := func(off, n int) {
		t.Helper()
		got := make([]byte, n)
		if m, err := r.ReadAt(got, int64(off)); m != n || err != nil || !bytes.Equal(got, want[off:off+n]) {
			t.Errorf("ReadAt(%d, %d) = %d, %v", off, n, m, err)
		}
	}
	for off := len(want) - 8; off > len(want)-2000; off -= 8 { // a footer
		at(off, 8)
	}
	for off := range 100 {
		at(off*1000, 1000)
	}
	at(s3.BlockSize-10, 20)
	if n := proxy.Requests(); n != 4 {
		t.Errorf("%d requests for 4 blocks", n)
	}
	at(0, len(want)) // block by block would be 6
	if n := proxy.Requests(); n > 6 {
		t.Errorf("%d requests in the end", n)
	}
}

func TestReadNoticesChange(t *testing.T) {
	server := s3test.Start(t)
	root := server.NewBucket(t)
	b := server.Open(t, root)
	proxy := server.NewProxy(t, nil)
	through := proxy.Open(t, root)
	big := noise(4 << 20)
	for _, c := range []struct {
		name   string
		change func(name string) error
		want   error
	}{
		{"replaced", func(name string) error { return b.Put(t.Context(), name, big[1:]) }, storage.ErrChanged},
		{"removed", func(name string) error { return b.Remove(t.Context(), name) }, storage.ErrNotExist},
	} {
		t.Run(c.name, func(t *testing.T) {
			store(t, b, c.name, big)
			r, err := through.Open(t.Context(), c.name)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			if err := c.change(c.name); err != nil {
				t.Fatal(err)
			}
			if _, err := r.ReadAt(make([]byte, 10), 2<<20); !errors.Is(err, c.want) {
				t.Errorf("ReadAt = %v, want %v", err, c.want)
			}
			if _, err := io.ReadAll(r); !errors.Is(err, c.want) {
				t.Errorf("Read = %v, want %v", err, c.want)
			}
		})
	}
}

// TestShortBodyIsNoticed: a body that is short by the length that the answer
// itself states can only be told by the checksum.
func TestShortBodyIsNoticed(t *testing.T) {
	server := s3test.Start(t)
	root := server.NewBucket(t)
	store(t, server.Open(t, root), "x", noise(100_000))
	for i := range 50 {
		store(t, server.Open(t, root), fmt.Sprintf("many/%02d", i), nil)
	}
	proxy := server.NewProxy(t, nil)
	b := proxy.Open(t, root)
	proxy.Use(onlyGets(s3test.From(1, s3test.Shortened)))
	if got, err := storage.ReadAll(t.Context(), b, "x"); err == nil {
		t.Errorf("ReadAll returned %d bytes of 100000 without an error", len(got))
	}
	r, err := b.Open(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err == nil {
		t.Errorf("read %d bytes of 100000 without an error", len(got))
	}
	t.Log(err)

	proxy.Use(onlyGets(s3test.At(1, s3test.Shortened)))
	n := 0
	for _, err := range b.List(t.Context(), "many") {
		if err != nil {
			t.Error(err)
		}
		n++
	}
	if n != 50 {
		t.Errorf("listed %d of 50", n)
	}
}

// TestFlippedBodyIsNoticed: a body of the right length that is not what was
// stored, by those, too, who read as many bytes as there are and no more.
func TestFlippedBodyIsNoticed(t *testing.T) {
	server := s3test.Start(t)
	root := server.NewBucket(t)
	proxy := server.NewProxy(t, nil)
	b := proxy.Open(t, root)
	sizes := map[string]int{"one byte": 1, "small": 100_000, "a block": s3.BlockSize, "large": s3.BlockSize + 1, "larger": 3 << 20}
	for name, size := range sizes {
		if err := b.Put(t.Context(), name, noise(size)); err != nil {
			t.Fatal(err)
		}
	}
	ways := map[string]func(r storage.Reader, p []byte) error{
		"Read": func(r storage.Reader, p []byte) error { _, err := io.ReadFull(r, p); return err },
		"Read in parts": func(r storage.Reader, p []byte) error {
			for len(p) > 0 {
				n := min(len(p), 1000)
				if _, err := io.ReadFull(r, p[:n]); err != nil {
					return err
				}
				p = p[n:]
			}
			return nil
		},
		"ReadAt": func(r storage.Reader, p []byte) error { _, err := r.ReadAt(p, 0); return err },
	}
	for name, size := range sizes {
		for way, read := range ways {
			t.Run(name+"/"+way, func(t *testing.T) {
				try := func(plan s3test.Plan) error {
					proxy.Use(plan)
					r, err := b.Open(t.Context(), name)
					if err != nil {
						t.Fatal(err)
					}
					defer r.Close()
					got := make([]byte, size)
					if err = read(r, got); err == nil && !bytes.Equal(got, noise(size)) {
						t.Error("other bytes without an error")
					}
					if err != nil && way == "Read" {
						if _, again := r.Read(make([]byte, 1)); again == nil || again == io.EOF {
							t.Errorf("Read after %v = %v", err, again)
						}
					}
					return err
				}
				if err := try(s3test.From(1, s3test.Flipped)); err == nil || !strings.Contains(err.Error(), "checksum") {
					t.Errorf("flipped always: %v, want a word on the checksum", err)
				}
				if err := try(s3test.At(1, s3test.Flipped)); size <= s3.BlockSize && err != nil {
					t.Errorf("flipped once: %v", err)
				}
				if err := try(nil); err != nil {
					t.Errorf("clean: %v", err)
				}
			})
		}
	}
}

// TestPutNewOfUnknownOutcome: the answer to the request that stores the object
// is lost, or comes later than the next try.
func TestPutNewOfUnknownOutcome(t *testing.T) {
	server := s3test.Start(t)
	root := server.NewBucket(t)
	b := server.Open(t, root)
	for i, fault := range []s3test.Fault{s3test.CutAfter, s3test.Broken, s3test.Late, s3test.CutBefore, s3test.Busy} {
		t.Run(fault.String(), func(t *testing.T) {
			proxy := server.NewProxy(t, nil)
			p := proxy.Open(t, root)
			if err := p.PutNew(t.Context(), fmt.Sprintf("first-%d", i), nil); err != nil { // it trusts the server now
				t.Fatal(err)
			}
			name, big := fmt.Sprintf("x-%d", i), fmt.Sprintf("big-%d", i)
			proxy.Use(s3test.At(1, fault))
			if err := p.PutNew(t.Context(), name, []byte("mine")); err != nil {
				t.Errorf("PutNew = %v", err)
			}
			proxy.Wait()
			if got, err := storage.ReadAll(t.Context(), b, name); string(got) != "mine" {
				t.Errorf("content %q, %v", got, err)
			}
			proxy.Use(s3test.At(1, fault))
			if err := p.PutNew(t.Context(), name, []byte("mine")); !errors.Is(err, storage.ErrExist) {
				t.Errorf("PutNew of the same content again = %v, want ErrExist", err)
			}
			completed := false
			proxy.Use(func(_ int64, r *http.Request) s3test.Fault {
				if r.Method != http.MethodPost || !r.URL.Query().Has("uploadId") || completed {
					return s3test.None
				}
				completed = true
				return fault
			})
			data := noise(s3.PartSize + 1)
			store(t, p, big, data)
			if got, err := storage.ReadAll(t.Context(), b, big); !bytes.Equal(got, data) {
				t.Errorf("%d bytes, %v", len(got), err)
			}
		})
	}
}

func TestPutNewThatNobodyAnswers(t *testing.T) {
	server := s3test.Start(t)
	root := server.NewBucket(t)
	proxy := server.NewProxy(t, nil)
	b := proxy.Open(t, root)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	proxy.Use(s3test.From(1, s3test.CutAfter))
	err := b.PutNew(ctx, "x", []byte("x"))
	if !errors.Is(err, storage.ErrUnknown) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("PutNew = %v, want ErrUnknown and DeadlineExceeded", err)
	}
}

func TestWriterOfManyParts(t *testing.T) {
	server := s3test.Start(t)
	root := server.NewBucket(t)
	proxy := server.NewProxy(t, s3test.Random(3, 0.1, s3test.Recoverable...))
	b := proxy.Open(t, root)
	for _, size := range []int{0, 1, s3.PartSize - 1, s3.PartSize, s3.PartSize + 1, 4*s3.PartSize + 5} {
		name, data := fmt.Sprint(size), noise(size)
		store(t, b, name, data)
		if got, err := storage.ReadAll(t.Context(), b, name); err != nil || !bytes.Equal(got, data) {
			t.Errorf("size %d: read %d bytes, %v", size, len(got), err)
		}
		w, err := b.Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(); !errors.Is(err, storage.ErrExist) {
			t.Errorf("size %d: Commit on a taken name = %v, want ErrExist", size, err)
		}
	}
	t.Log(proxy.Summary())
}

func TestSweep(t *testing.T) {
	server := s3test.Start(t)
	root := server.NewBucket(t) + "/a"
	b := server.Open(t, root)
	begin := func(name string) storage.Writer {
		w, err := b.Create(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(make([]byte, s3.PartSize)); err != nil {
			t.Fatal(err)
		}
		return w
	}
	begin("died/1")
	begin("died/2")
	if err := begin("aborted").Abort(); err != nil {
		t.Error(err)
	}
	if n, err := b.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("Sweep of young uploads = %d, %v, want none", n, err)
	}
	o := server.Options()
	o.SweepAge = time.Millisecond
	old, err := s3.Open(t.Context(), root, o)
	if err != nil {
		t.Fatal(err)
	}
	whole, err := s3.Open(t.Context(), strings.TrimSuffix(root, "/a"), o)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := whole.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("Sweep of the whole bucket = %d, %v, want none", n, err)
	}
	removed := 0
	for range 100 { // the server dates an upload by its last part, in seconds
		n, err := old.Sweep(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if removed += n; removed >= 2 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if removed != 2 {
		t.Errorf("swept %d, want 2", removed)
	}
	if n, err := old.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("second Sweep = %d, %v, want none", n, err)
	}
}
