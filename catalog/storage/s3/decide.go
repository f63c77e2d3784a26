package s3

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/trailql/trailql/catalog/storage"
)

// tokenName is the metadata by which a writer knows an object again as its own.
const tokenName = "trailql-write"

func newToken() string { return rand.Text() }

// write is one conditional write, whose outcome somebody depends on.
type write struct {
	verb, name string
	token      string // in the metadata of what it stores
	taken      error  // when the condition does not hold: ErrExist or ErrChanged
	// send makes one attempt and returns the ETag of what it stored.
	send func(ctx context.Context, once func(*s3.Options)) (etag *string, err error)
}

// once keeps the SDK from trying again: decide has to know of every attempt.
func once(o *s3.Options) { o.RetryMaxAttempts = 1 }

// decide sends a write until it is known to be stored or refused. An attempt
// whose answer is lost may have been carried out, or may be yet, and makes the
// next one fail; so the object that is there is asked whose it is. If even that
// cannot be found out, the error wraps ErrUnknown.
func (b *Bucket) decide(ctx context.Context, w write) (etag string, err error) {
	lost := false // an attempt may have been carried out
	for try := 0; ; try++ {
		tag, err := w.send(ctx, once)
		if err == nil {
			if lost {
				return unquote(tag), b.settle(ctx, w)
			}
			return unquote(tag), nil
		}
		code := status(err)
		switch {
		case code == http.StatusPreconditionFailed, lost && code == http.StatusNotFound, code == http.StatusNotFound && w.taken == storage.ErrChanged:
			tag, mine, herr := b.whose(ctx, w)
			switch {
			case mine:
				return tag, nil
			case herr == nil, errors.Is(herr, storage.ErrNotExist):
				return "", fmt.Errorf("%s %q: %w", w.verb, w.name, w.taken)
			}
			return "", fmt.Errorf("%w: %w", herr, storage.ErrUnknown)
		case code == http.StatusConflict:
			// Somebody else is storing it at this moment.
		case code/100 == 4 && !b.retryer.IsErrorRetryable(err):
			err = b.failure(ctx, w.verb, w.name, actionPut, err)
			if lost {
				err = fmt.Errorf("%w: %w", err, storage.ErrUnknown)
			}
			return "", err
		default:
			lost = true
		}
		if try+1 >= attempts || code == 0 && !b.retryer.IsErrorRetryable(err) || pause(ctx, try) != nil {
			err = b.failure(ctx, w.verb, w.name, actionPut, err)
			if lost {
				if tag, mine, herr := b.whose(ctx, w); mine {
					return tag, nil
				} else if herr == nil && w.taken == storage.ErrExist {
					return "", fmt.Errorf("%s %q: %w", w.verb, w.name, w.taken)
				}
				err = fmt.Errorf("%w: %w", err, storage.ErrUnknown)
			}
			return "", err
		}
	}
}

// settle waits until there is an object after an attempt that the server has
// called stored, if an earlier one was lost: versitygw says so of the second
// completion of an upload while it still carries out the first one.
func (b *Bucket) settle(ctx context.Context, w write) error {
	for try := 0; ; try++ {
		_, _, err := b.whose(ctx, w)
		switch {
		case err == nil:
			return nil
		case !errors.Is(err, storage.ErrNotExist), try+1 >= attempts, pause(ctx, try) != nil:
			return fmt.Errorf("%w: %w", err, storage.ErrUnknown)
		}
	}
}

// whose reports whether the object that is there is the one that w stores.
func (b *Bucket) whose(ctx context.Context, w write) (etag string, mine bool, err error) {
	out, err := b.headObject(ctx, w.verb, w.name)
	if err != nil {
		return "", false, err
	}
	return unquote(out.ETag), out.Metadata[tokenName] == w.token, nil
}

// distrust makes sure, once, that a server honours conditions: one that ignores
// them would let two writers replace each other's commits. name has just been
// stored on the condition that it was free.
func (b *Bucket) distrust(ctx context.Context, name string, key *string, data []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.trusted {
		return nil
	}
	_, err := b.client.PutObject(ctx, putInput(b, key, data, newToken(), aws.String("*"), nil))
	switch status(err) {
	case http.StatusPreconditionFailed, http.StatusConflict:
		b.trusted = true
		return nil
	}
	if err != nil {
		return nil // it will be seen the next time
	}
	return fmt.Errorf("put %q: the server ignores If-None-Match, so commits would not be safe: %w", name, errors.ErrUnsupported)
}
