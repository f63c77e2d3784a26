package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/trailql/trailql/catalog/storage"
)

func putInput(b *Bucket, key *string, data []byte, token string, ifNoneMatch, ifMatch *string) *s3.PutObjectInput {
	return &s3.PutObjectInput{
		Bucket: &b.name, Key: key, Body: bytes.NewReader(data), ContentLength: aws.Int64(int64(len(data))),
		IfNoneMatch: ifNoneMatch, IfMatch: ifMatch, RequestPayer: b.payer,
		Metadata: map[string]string{tokenName: token},
	}
}

// Put implements [storage.Storage].
func (b *Bucket) Put(ctx context.Context, name string, data []byte) error {
	key, err := b.newKey(ctx, "put", name)
	if err != nil {
		return err
	}
	_, err = b.client.PutObject(ctx, putInput(b, key, data, newToken(), nil, nil))
	return b.failure(ctx, "put", name, actionPut, err)
}

// PutNew implements [storage.Storage].
func (b *Bucket) PutNew(ctx context.Context, name string, data []byte) error {
	key, err := b.newKey(ctx, "put", name)
	if err != nil {
		return err
	}
	if _, err = b.putIf(ctx, name, key, data, aws.String("*"), nil, storage.ErrExist); err != nil {
		return err
	}
	return b.distrust(ctx, name, key, data)
}

// putIf stores an object whole on a condition.
func (b *Bucket) putIf(ctx context.Context, name string, key *string, data []byte, ifNoneMatch, ifMatch *string, taken error) (etag string, err error) {
	token := newToken()
	return b.decide(ctx, write{verb: "put", name: name, token: token, taken: taken,
		send: func(ctx context.Context, once func(*s3.Options)) (*string, error) {
			out, err := b.client.PutObject(ctx, putInput(b, key, data, token, ifNoneMatch, ifMatch), once)
			if err != nil {
				return nil, err
			}
			return out.ETag, nil
		}})
}

const (
	// partSize is what a Writer gathers before it sends it, and firstParts how
	// many parts have that size; each later lot of as many is of twice the size,
	// so that the 10,000 parts allowed suffice for the largest object allowed.
	partSize   = 8 << 20
	firstParts = 1000
	// sending is how many parts of one Writer are on their way at a time, each
	// in memory.
	sending = 2
)

// Create implements [storage.Storage]. A small object is one request when it is
// committed; of a larger one, parts are sent while it is written. The Writer
// holds at most three parts, of 8 MiB each, or more from 8 GB on.
func (b *Bucket) Create(ctx context.Context, name string) (storage.Writer, error) {
	key, err := b.newKey(ctx, "create", name)
	if err != nil {
		return nil, err
	}
	return &writer{bucket: b, ctx: ctx, name: name, key: key, token: newToken(), slots: make(chan []byte, sending)}, nil
}

type writer struct {
	bucket *Bucket
	ctx    context.Context // Writer's methods have none of their own
	name   string
	key    *string
	token  string

	part  []byte // not sent yet
	parts int32  // sent
	id    *string
	ended bool
	err   error // of the first failure, then of the end

	slots  chan []byte // one for each part on its way; holds its memory when it is done
	flying sync.WaitGroup

	mu      sync.Mutex
	done    []types.CompletedPart
	sendErr error
}

func (w *writer) partSize() int { return partSize << (w.parts / firstParts) }

func (w *writer) Write(p []byte) (int, error) {
	if w.ended || w.err != nil {
		return 0, w.failure()
	}
	total := 0
	for len(p) > 0 {
		n := min(len(p), w.partSize()-len(w.part))
		w.part = append(w.part, p[:n]...)
		p = p[n:]
		total += n
		if len(w.part) == w.partSize() {
			if w.err = w.send(); w.err != nil {
				return total, w.failure()
			}
		}
	}
	return total, nil
}

func (w *writer) failure() error {
	switch {
	case w.err == nil:
		return fmt.Errorf("write %q: %w", w.name, fs.ErrClosed)
	default:
		return w.err
	}
}

// send starts to send the part that is full.
func (w *writer) send() error {
	if w.id == nil {
		out, err := w.bucket.client.CreateMultipartUpload(w.ctx, &s3.CreateMultipartUploadInput{
			Bucket: &w.bucket.name, Key: w.key, RequestPayer: w.bucket.payer,
			Metadata: map[string]string{tokenName: w.token}, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
		})
		if err != nil {
			return w.bucket.failure(w.ctx, "write", w.name, actionPut, err)
		}
		w.id = out.UploadId
		for range sending {
			w.slots <- nil
		}
	}
	spare := <-w.slots
	if err := w.sent(); err != nil {
		w.slots <- spare
		return err
	}
	data := w.part
	w.part = spare[:0]
	w.parts++
	number := w.parts
	w.flying.Go(func() {
		out, err := w.bucket.client.UploadPart(w.ctx, &s3.UploadPartInput{
			Bucket: &w.bucket.name, Key: w.key, UploadId: w.id, PartNumber: &number,
			Body: bytes.NewReader(data), ContentLength: aws.Int64(int64(len(data))), RequestPayer: w.bucket.payer,
			ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
		})
		w.mu.Lock()
		if err != nil {
			if w.sendErr == nil {
				w.sendErr = w.bucket.failure(w.ctx, "write", w.name, actionPut, err)
			}
		} else {
			w.done = append(w.done, types.CompletedPart{
				PartNumber: &number, ETag: out.ETag, ChecksumCRC32: out.ChecksumCRC32,
			})
		}
		w.mu.Unlock()
		w.slots <- data
	})
	return nil
}

// sent is the first error of a part.
func (w *writer) sent() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sendErr
}

func (w *writer) Commit() error {
	if w.ended {
		return w.err
	}
	w.ended = true
	if w.err == nil {
		w.err = w.commit()
	}
	if w.err != nil && !errors.Is(w.err, storage.ErrUnknown) {
		_ = w.drop() // as with a failed Abort, Sweep finds it
	}
	w.part = nil
	return w.err
}

func (w *writer) commit() error {
	if w.id == nil {
		_, err := w.bucket.putIf(w.ctx, w.name, w.key, w.part, aws.String("*"), nil, storage.ErrExist)
		return err
	}
	if len(w.part) > 0 {
		if err := w.send(); err != nil {
			return err
		}
	}
	w.flying.Wait()
	if err := w.sent(); err != nil {
		return err
	}
	parts := make([]types.CompletedPart, w.parts)
	for _, p := range w.done {
		parts[*p.PartNumber-1] = p
	}
	_, err := w.bucket.decide(w.ctx, write{verb: "write", name: w.name, token: w.token, taken: storage.ErrExist,
		send: func(ctx context.Context, once func(*s3.Options)) (*string, error) {
			out, err := w.bucket.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
				Bucket: &w.bucket.name, Key: w.key, UploadId: w.id, IfNoneMatch: aws.String("*"),
				MultipartUpload: &types.CompletedMultipartUpload{Parts: parts}, RequestPayer: w.bucket.payer,
			}, once)
			if err != nil {
				return nil, err
			}
			return out.ETag, nil
		}})
	return err
}

func (w *writer) Abort() error {
	if w.ended {
		return nil
	}
	w.ended = true
	w.part = nil
	if w.err == nil {
		w.err = fmt.Errorf("write %q: aborted", w.name)
	}
	return w.drop()
}

// drop makes the server forget the parts.
func (w *writer) drop() error {
	w.flying.Wait() // a part that arrives later would stay
	if w.id == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.ctx), time.Minute)
	defer cancel()
	return w.bucket.abort(ctx, w.name, w.key, w.id)
}
