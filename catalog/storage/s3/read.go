package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/trailql/trailql/catalog/storage"
)

// errAnswer says that a server did not send what was asked for.
var errAnswer = errors.New("the server sent another part than asked for")

// Open implements [storage.Storage]. It asks for the whole object, so that
// reading it from the start costs one request.
func (b *Bucket) Open(ctx context.Context, name string) (storage.Reader, error) {
	key, err := b.key(ctx, "open", name)
	if err != nil {
		return nil, err
	}
	r := &reader{object: &remote{bucket: b, name: name, key: key}}
	r.stream.object = r.object
	// The reader outlives this call, and so does its request; it ends with ctx
	// or Close.
	r.object.ctx, r.object.cancel = context.WithCancel(ctx)
	if err := r.stream.open(); err != nil {
		r.object.cancel()
		return nil, b.failure(ctx, "open", name, actionGet, err)
	}
	return r, nil
}

// remote is an object as it was when it was opened.
type remote struct {
	bucket *Bucket
	name   string
	key    *string

	// What the first answer said.
	known    bool
	etag     string // as the server wrote it, with quotes; not all servers have one
	modified time.Time
	size     int64

	// Reader's methods have no context of their own.
	ctx    context.Context
	cancel context.CancelFunc
}

func (o *remote) failure(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if errors.Is(err, errAnswer) { // no server has said that
		return fmt.Errorf("read %q: %w", o.name, err)
	}
	return o.bucket.failure(o.ctx, "read", o.name, actionGet, err)
}

// reader implements [storage.Reader] and [storage.Versioned].
type reader struct {
	object *remote
	stream stream // of Read of an object larger than a block
	at     int64  // of Read of another one
	blocks blocks // of ReadAt, and the whole of an object that is no larger

	mu     sync.Mutex // of what follows and of stream until the first Read
	begun  bool       // Read or ReadAt has been called
	closed bool
}

func (r *reader) Size() int64  { return r.object.size }
func (r *reader) ETag() string { return unquote(&r.object.etag) }

// begin reports whether the reader is open. The first call takes over what has
// been asked for when the object was opened: an object that fits into a block is
// read whole, so that nothing of it is handed out that does not match the
// checksum, and it can be asked for again.
func (r *reader) begin(at bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fs.ErrClosed
	}
	if r.begun {
		return nil
	}
	r.begun = true
	if r.isSmall() {
		first := r.stream
		r.stream = stream{object: r.object}
		_, err := r.blocks.get(r.object, 0, &first)
		return r.object.failure(err)
	}
	if at {
		r.stream.drop()
	}
	return nil
}

func (r *reader) isSmall() bool { return r.object.size <= blockSize }

func (r *reader) Read(p []byte) (int, error) {
	if err := r.begin(false); err != nil {
		return 0, err
	}
	if !r.isSmall() {
		n, err := r.stream.Read(p)
		return n, r.object.failure(err)
	}
	if r.at == r.object.size && len(p) > 0 {
		return 0, io.EOF
	}
	data, err := r.blocks.get(r.object, 0, nil)
	if err != nil {
		return 0, r.object.failure(err)
	}
	n := copy(p, data[r.at:])
	r.at += int64(n)
	return n, nil
}

func (r *reader) ReadAt(p []byte, at int64) (int, error) {
	if at < 0 {
		return 0, errors.New("read at a negative offset")
	}
	if err := r.begin(true); err != nil {
		return 0, err
	}
	n, err := r.blocks.readAt(r.object, p, at)
	return n, r.object.failure(err)
}

func (r *reader) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fs.ErrClosed
	}
	r.closed = true
	r.object.cancel()
	r.stream.drop()
	return nil
}

// stream reads a part of an object from front to back and goes on where it was
// when a connection breaks. It holds no bytes of its own, and hands out the last
// ones only when the whole matches the checksum that the server has sent.
type stream struct {
	object  *remote
	at, end int64
	body    io.ReadCloser // nil: to be opened at at
	cancel  context.CancelFunc
	stalled *time.Timer
	fails   int   // in a row
	damaged error // what was read is not what is stored
}

// open sends the request. The first one of an object finds out what there is.
func (s *stream) open() error {
	o := s.object
	ctx, cancel := context.WithCancel(o.ctx)
	in := &s3.GetObjectInput{Bucket: &o.bucket.name, Key: o.key, RequestPayer: o.bucket.payer}
	if o.etag != "" {
		in.IfMatch = &o.etag
	}
	// The whole object comes with a checksum, a part does not.
	whole := !o.known || s.at == 0 && s.end == o.size
	if !whole {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", s.at, s.end-1))
	}
	out, err := o.bucket.client.GetObject(ctx, in)
	if err != nil {
		cancel()
		return err
	}
	if !o.known {
		o.known, o.etag, o.size = true, aws.ToString(out.ETag), aws.ToInt64(out.ContentLength)
		o.modified = aws.ToTime(out.LastModified)
		s.end = o.size
	} else if err := s.check(out, whole); err != nil {
		cancel()
		out.Body.Close()
		return err
	}
	s.body, s.cancel = out.Body, cancel
	s.stalled = time.AfterFunc(o.bucket.silence, cancel)
	s.stalled.Stop() // until somebody reads
	return nil
}

// check says whether a later answer is of the same object and the part asked
// for. Servers need not know of conditions and ranges.
func (s *stream) check(out *s3.GetObjectOutput, whole bool) error {
	o := s.object
	if etag := aws.ToString(out.ETag); etag != "" && etag != o.etag {
		return storage.ErrChanged
	}
	if o.etag == "" {
		if !aws.ToTime(out.LastModified).Equal(o.modified) {
			return storage.ErrChanged
		}
		if !whole && o.modified.IsZero() {
			return fmt.Errorf("%w: without ETag and Last-Modified it may be of another object", errAnswer)
		}
	}
	if length := aws.ToInt64(out.ContentLength); length != s.end-s.at {
		return fmt.Errorf("%w: %d bytes instead of %d", errAnswer, length, s.end-s.at)
	}
	if whole {
		return nil
	}
	part := aws.ToString(out.ContentRange)
	if want := fmt.Sprintf("bytes %d-%d/", s.at, s.end-1); part != want+strconv.FormatInt(o.size, 10) && part != want+"*" {
		return fmt.Errorf("%w: %q instead of %q", errAnswer, part, want+strconv.FormatInt(o.size, 10))
	}
	return nil
}

// drop gives up the connection; the next Read opens another one.
func (s *stream) drop() {
	if s.body == nil {
		return
	}
	s.stalled.Stop()
	s.cancel()
	s.body.Close()
	s.body = nil
}

func (s *stream) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		if s.damaged != nil {
			return 0, s.damaged
		}
		if s.at == s.end {
			return 0, s.finish(nil)
		}
		if s.body == nil {
			if err := s.open(); err != nil {
				return 0, err
			}
		}
		s.stalled.Reset(s.object.bucket.silence)
		n, err := s.body.Read(p[:min(int64(len(p)), s.end-s.at)])
		s.stalled.Stop()
		s.at += int64(n)
		if s.at == s.end {
			// Callers that have all the bytes do not ask for what comes then.
			if err := s.finish(err); err != io.EOF {
				return 0, err
			}
			return n, nil
		}
		if err != nil {
			s.drop()
		}
		if n > 0 {
			s.fails = 0
			return n, nil
		}
		if err == nil {
			continue
		}
		if s.fails++; s.fails >= attempts {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		if err := pause(s.object.ctx, s.fails-1); err != nil {
			return 0, err
		}
	}
}

// finish is io.EOF, unless what was read does not match the checksum that the
// server holds. The SDK looks at that when the body ends; err is what it said
// with the last byte.
func (s *stream) finish(err error) error {
	if s.body == nil {
		return io.EOF
	}
	defer s.drop()
	n := 0
	for tries := 0; n == 0 && err == nil && tries < 100; tries++ {
		s.stalled.Reset(s.object.bucket.silence)
		n, err = s.body.Read(make([]byte, 1))
	}
	switch {
	case n > 0:
		s.damaged = fmt.Errorf("%w: more than %d bytes", errAnswer, s.end)
	case err == nil:
		s.damaged = io.ErrNoProgress
	case err != io.EOF:
		s.damaged = err
	default:
		return io.EOF
	}
	return s.damaged
}
