package convert

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/cloudtrail"
	"github.com/trailql/trailql/convert/digest"
	"github.com/trailql/trailql/convert/rowset"
)

const (
	taskBytes          = 8 << 20
	defaultTaskObjects = 64
	headSize           = 256 << 10
)

// tasks cuts sorted objects into pieces of work.
func tasks(objects []object, most int) [][]object {
	var out [][]object
	from, size := 0, int64(0)
	for i := range objects {
		size += objects[i].size
		if size >= taskBytes || i+1-from >= most || i+1 == len(objects) {
			out = append(out, objects[from:i+1])
			from, size = i+1, 0
		}
	}
	return out
}

// convert converts objects, in as many batches as they need.
func (r *run) convert(ctx context.Context, objects []object) error {
	// Far below the limit, collecting less often is the better use of memory.
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(r.o.Memory * 7 / 8))
	defer debug.SetGCPercent(debug.SetGCPercent(200))
	workers := make([]*worker, r.o.Threads)
	writers := make([]*rowset.Writer, r.o.Threads)
	for i := range workers {
		var err error
		if writers[i], err = rowset.NewWriter(); err != nil {
			return err
		}
		workers[i] = &worker{r: r, w: writers[i], dec: cloudtrail.NewDecoder(), hash: sha256.New(), buf: make([]byte, headSize)}
		if r.o.Verify {
			workers[i].dec.HashContent()
		}
	}
	work := tasks(objects, r.o.taskObjects)
	fetched := readAhead(ctx, work, r.o.Memory)
	defer fetched.close()
	var next atomic.Int64
	for int(next.Load()) < len(work) {
		r.setPhase("read")
		b, err := r.begin(ctx)
		if err != nil {
			return err
		}
		err = parallel(ctx, len(workers), func(ctx context.Context, i int) error {
			w := workers[i]
			w.b = b
			for ctx.Err() == nil && !b.full() && !r.stopped() {
				k := int(next.Add(1)) - 1
				if k >= len(work) {
					break
				}
				if err := w.task(ctx, fetched, k, work[k]); err != nil {
					return err
				}
			}
			w.part = nil
			return ctx.Err()
		})
		if err == nil {
			r.setPhase("commit")
			err = b.commit(ctx, writers)
		}
		if err != nil {
			return errors.Join(err, r.o.Catalog.Abort(context.WithoutCancel(ctx), b.id))
		}
		if r.stopped() && r.n.done.Load() < r.n.total.Load() {
			return ErrStopped
		}
	}
	return nil
}

// parallel runs f in n goroutines and returns the first error, at which the
// others are cancelled. A panic goes on in the caller, where the program can
// still end in order.
func parallel(ctx context.Context, n int, f func(ctx context.Context, worker int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	var panicked atomic.Pointer[string]
	for i := range n {
		wg.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					text := fmt.Sprintf("%v\n%s", p, debug.Stack())
					panicked.CompareAndSwap(nil, &text)
					cancel(errors.New("panic"))
				}
			}()
			if err := f(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	if p := panicked.Load(); p != nil {
		panic(*p)
	}
	return context.Cause(ctx)
}

// worker converts objects one after another.
type worker struct {
	r    *run
	b    *batch
	w    *rowset.Writer
	dec  *cloudtrail.Decoder
	hash hash.Hash
	buf  []byte // the beginning of an object

	part    *partition // of the last record
	region  []byte
	day     int64
	grown   int
	path    []byte
	row     ledgerRow
	base    int64 // index of the first record of this member
	bad     []rejectedRow
	badSize int
	held    []*cloudtrail.RecordError // not yet known to be more than foreign content
	many    bool                      // there were more than held has
	matters bool                      // what cannot be a row is a loss
}

func (w *worker) task(ctx context.Context, fetched *ahead, task int, objects []object) error {
	for i := range objects {
		if ctx.Err() != nil || w.r.stopped() {
			return ctx.Err()
		}
		in, release, err := fetched.open(ctx, place{task, i}, &objects[i])
		if err == nil {
			err = w.object(ctx, &objects[i], in)
		} else if !stops(ctx, err) {
			w.unreadable(objects[i].path, err)
			err = nil
		}
		release()
		if err != nil {
			return err
		}
		if err := w.b.relieve(ctx, w.w); err != nil {
			return err
		}
	}
	return nil
}

// object converts one object. An error stops the run; faults of the object do
// not.
func (w *worker) object(ctx context.Context, o *object, in storage.Reader) error {
	path := o.path
	defer in.Close()
	w.path = append(w.path[:0], path...)
	key := o.key()
	w.row = ledgerRow{
		Object: path, Size: o.size, ETag: o.etag, Kind: "log",
		Account: key.Account, Region: key.Region, Category: string(key.Category), Delivered: key.Delivered,
	}
	w.base, w.matters = 0, isLog(key)
	w.held, w.many = w.held[:0], false
	w.bad, w.badSize = w.bad[:0], 0
	w.hash.Reset()
	content, err := w.read(ctx, in)
	if err == nil {
		w.row.SHA256 = hex.EncodeToString(w.hash.Sum(nil))
		err = w.judge(ctx, o, in, content)
	}
	w.account()
	var fault *readError
	if errors.As(err, &fault) {
		w.unreadable(path, fault.err)
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	w.row.JSONBytes = content.Bytes
	w.r.n.done.Add(1)
	w.r.n.bytes.Add(o.size)
	w.r.n.json.Add(content.Bytes)
	return w.b.converted(ctx, w.row, w.bad)
}

func (w *worker) unreadable(path string, err error) {
	w.r.n.done.Add(1)
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	w.r.unreadable(path, err)
}

// readError is a fault of the storage under an object.
type readError struct{ err error }

func (e *readError) Error() string { return e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

// read decodes an object, or the members of a zip file, and hashes its bytes.
func (w *worker) read(ctx context.Context, in storage.Reader) (content cloudtrail.Content, err error) {
	head := w.buf[:min(in.Size(), int64(len(w.buf)))]
	if _, err := io.ReadFull(in, head); err != nil {
		return content, &readError{fmt.Errorf("read: %w", err)}
	}
	// Most objects are shorter than that: one read gets them.
	hashed := &hashingReader{r: io.MultiReader(bytes.NewReader(head), in), h: w.hash}
	if int64(len(head)) == in.Size() {
		hashed.r = bytes.NewReader(head)
	}
	switch {
	case bytes.HasPrefix(head, []byte("PAR1")):
		content.Foreign = 1
	case bytes.HasPrefix(head, []byte("PK\x03\x04")):
		content, err = w.zip(ctx, in)
	default:
		content, err = w.decode(ctx, hashed)
		if err == errHeldBack {
			w.matters = true
			w.hash.Reset()
			hashed.r = io.NewSectionReader(in, 0, in.Size())
			content, err = w.decode(ctx, hashed)
		}
		if sum, ok := w.dec.ContentSHA256(); ok && err == nil {
			w.row.Content = hex.EncodeToString(sum[:])
		}
	}
	if err != nil {
		return content, err
	}
	if hashed.err == nil {
		_, hashed.err = io.Copy(w.hash, hashed.r)
	}
	if hashed.err != nil {
		return content, &readError{fmt.Errorf("read: %w", hashed.err)}
	}
	return content, nil
}

type hashingReader struct {
	r   io.Reader
	h   hash.Hash
	err error // of r, but for its end
}

func (r *hashingReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	r.h.Write(b[:n])
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

// zip decodes the members of a zip file. A member that has nothing of
// CloudTrail's is left alone.
func (w *worker) zip(ctx context.Context, in storage.Reader) (total cloudtrail.Content, err error) {
	stored := &faultNoter{r: in}
	z, err := zip.NewReader(stored, in.Size())
	if err != nil {
		return total, w.rejectZip(ctx, stored, in.Size(), err)
	}
	named := w.matters
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		w.matters = named
		c, err := w.member(ctx, f)
		if err == errHeldBack {
			w.matters = true
			c, err = w.member(ctx, f)
		}
		var fault *readError
		if errors.As(err, &fault) {
			c.Rejected++
			err = w.rejectZip(ctx, stored, int64(f.CompressedSize64), fault.err)
		}
		if err != nil {
			return total, err
		}
		if !c.Relevant {
			total.Foreign += min(c.Rejected, 1)
			w.held, w.many = w.held[:0], false
		}
		total.Records += c.Records
		total.Rejected += c.Rejected
		total.Envelopes += c.Envelopes
		total.Digests += c.Digests
		total.Foreign += c.Foreign
		total.Relevant = total.Relevant || c.Relevant
		total.Bytes += c.Bytes
		w.base += c.Records + c.Rejected
	}
	return total, nil
}

func (w *worker) member(ctx context.Context, f *zip.File) (cloudtrail.Content, error) {
	m, err := f.Open()
	if err != nil {
		return cloudtrail.Content{}, &readError{err}
	}
	defer m.Close()
	return w.decode(ctx, m)
}

// rejectZip rejects a zip file or a member for its own faults, such as a
// checksum; a fault of the storage under it is none of them.
func (w *worker) rejectZip(ctx context.Context, stored *faultNoter, size int64, err error) error {
	if stored.err != nil {
		return &readError{fmt.Errorf("read: %w", stored.err)}
	}
	w.matters = true
	return w.reject(ctx, &cloudtrail.RecordError{Index: w.base + w.dec.Content().Records + w.dec.Content().Rejected, Size: size, Err: fmt.Errorf("read zip: %w", err)})
}

// faultNoter remembers an error of the storage.
type faultNoter struct {
	r   io.ReaderAt
	err error
}

func (n *faultNoter) ReadAt(b []byte, at int64) (int, error) {
	k, err := n.r.ReadAt(b, at)
	if err != nil && err != io.EOF {
		n.err = err
	}
	return k, err
}

// decode adds the records of one text.
func (w *worker) decode(ctx context.Context, in io.Reader) (cloudtrail.Content, error) {
	w.dec.Reset(in)
	for n := 0; ; n++ {
		if n%1024 == 1023 {
			if ctx.Err() != nil {
				return w.dec.Content(), ctx.Err()
			}
			w.account()
			if err := w.b.relieve(ctx, w.w); err != nil {
				return w.dec.Content(), err
			}
		}
		rec, err := w.dec.Next()
		if err == nil {
			rec.Index += w.base
			if err := w.record(ctx, rec); err != nil {
				return w.dec.Content(), err
			}
			continue
		}
		if err == io.EOF {
			return w.dec.Content(), nil
		}
		var bad *cloudtrail.RecordError
		if !errors.As(err, &bad) {
			return w.dec.Content(), &readError{fmt.Errorf("read: %w", err)}
		}
		bad.Index += w.base
		w.matters = w.matters || w.dec.Content().Relevant
		if err := w.reject(ctx, bad); err != nil {
			return w.dec.Content(), err
		}
	}
}

// account adds what this worker's records have taken to the batch's memory, and
// says that it is still at its partition.
func (w *worker) account() {
	w.b.used.Add(int64(w.grown))
	w.grown = 0
	if w.part != nil {
		w.b.touch(w.part)
	}
}

// record adds one record to its partition.
func (w *worker) record(ctx context.Context, rec *cloudtrail.Record) error {
	if !w.matters || len(w.held) > 0 {
		if err := w.release(ctx); err != nil {
			return err
		}
	}
	w.row.Records++
	w.b.records.Add(1)
	w.r.n.decoded.Add(1)
	if rec.Aggregated {
		return w.b.aggregate(ctx, newAggregatedRow(rec, string(w.path)))
	}
	if w.row.First.IsZero() || rec.Time.Before(w.row.First) {
		w.row.First = rec.Time
	}
	if rec.Time.After(w.row.Last) {
		w.row.Last = rec.Time
	}
	rec.Set(cloudtrail.LeafSourceObject, w.path)
	region := rec.Region()
	seconds := rec.Time.Unix()
	day := seconds / 86400
	if seconds < 0 && seconds%86400 != 0 {
		day--
	}
	if w.part == nil || day != w.day || !bytes.Equal(region, w.region) {
		w.region = append(w.region[:0], region...)
		w.day = day
		w.part = w.b.partition(partitionKey{string(region), rec.Time.Format(time.DateOnly)})
	}
	added, grown := w.b.add(w.part, rec)
	if !added {
		w.r.n.duplicates.Add(1)
	}
	w.grown += grown
	return nil
}

// maxHeld is how many rejections are held back until it is known whether the
// object is CloudTrail's at all. If there are more, it is read again once it is.
const maxHeld = 16

var errHeldBack = errors.New("more rejections than can be held back")

// reject notes what cannot be a row.
func (w *worker) reject(ctx context.Context, bad *cloudtrail.RecordError) error {
	if w.matters {
		if err := w.release(ctx); err != nil {
			return err
		}
		return w.note(ctx, bad)
	}
	if w.many = w.many || len(w.held) == maxHeld; !w.many {
		copied := *bad
		copied.Raw = bytes.Clone(bad.Raw[:min(len(bad.Raw), maxRaw)])
		w.held = append(w.held, &copied)
	}
	return nil
}

// release rejects what has been held back: the object has shown that it
// matters.
func (w *worker) release(ctx context.Context) error {
	held := w.held
	w.held = w.held[:0]
	if w.many {
		w.many = false
		return errHeldBack
	}
	w.matters = true
	for _, bad := range held {
		if err := w.note(ctx, bad); err != nil {
			return err
		}
	}
	return nil
}

// note keeps a rejection until the object has been read.
func (w *worker) note(ctx context.Context, bad *cloudtrail.RecordError) error {
	row := newRejectedRow(string(w.path), bad)
	w.row.Rejected++
	w.bad = append(w.bad, row)
	if w.badSize += len(row.Raw); w.badSize > maxRejectedBytes {
		err := w.b.reject(ctx, w.bad)
		w.bad, w.badSize = w.bad[:0], 0
		return err
	}
	return nil
}

// isLog says whether a key is that of a trail's log file. If it holds no
// records it has lost them.
func isLog(k cloudtrail.Key) bool {
	return k.Category != "" && k.Category != cloudtrail.CategoryDigests && !k.Delivered.IsZero()
}

// kindByName is "digest" or "log" where the name says so, else "". Content does not
// count: who puts a digest in the place of a log file, or the reverse, would have it
// left out of what digests are asked about.
func kindByName(k cloudtrail.Key, path string) string {
	switch {
	case digest.IsDigest(k, path):
		return "digest"
	case isLog(k) && !strings.Contains(filepath.Base(path), "_"+string(cloudtrail.CategoryDigests)+"_"): // a folder may have any name
		return "log"
	}
	return ""
}

// judge says what the object was.
func (w *worker) judge(ctx context.Context, o *object, in storage.Reader, c cloudtrail.Content) error {
	nothing := c.Records == 0 && w.row.Rejected == 0
	alien := len(w.held) > 0 || c.Foreign > 0 || c.Envelopes == 0
	named := kindByName(o.key(), o.path)
	if named != "" {
		w.row.Kind = named
	}
	switch {
	case nothing && (named == "digest" || named == "" && c.Digests > 0 && len(w.held) == 0):
		w.row.Kind = "digest" // Verify judges its content
		w.r.n.digests.Add(1)
		return nil
	case nothing && alien && !isLog(o.key()):
		w.row.Kind = "foreign"
		w.r.n.foreign.Add(1)
		return nil
	case nothing && alien:
		raw := make([]byte, min(in.Size(), cloudtrail.MaxRaw))
		if _, err := in.ReadAt(raw, 0); err != nil && err != io.EOF {
			return &readError{fmt.Errorf("read: %w", err)}
		}
		if err := w.note(ctx, &cloudtrail.RecordError{Size: in.Size(), Raw: raw, Err: errNoLog}); err != nil {
			return err
		}
	}
	w.r.n.objects.Add(1)
	return w.release(ctx)
}

var errNoLog = errors.New("named as a CloudTrail log file, but has no records")

// newAggregatedRow is the row of an aggregated event.
func newAggregatedRow(rec *cloudtrail.Record, path string) aggregatedRow {
	text := func(names ...string) string { return cloudtrail.Member(rec.Raw, names...) }
	return aggregatedRow{
		EventID: text("eventId"), AccountID: text("accountId"), AWSRegion: text("awsRegion"),
		EventSource: text("eventSource"), WindowStart: text("timeWindow", "windowStart"), WindowEnd: text("timeWindow", "windowEnd"),
		Summary: text("summary"), EventJSON: string(rec.Raw), SourceObject: path, SourceIndex: rec.Index,
	}
}
