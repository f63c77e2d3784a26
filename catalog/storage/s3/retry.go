package s3

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
)

const (
	// attempts of a request: with the delays below, the last one is made about
	// a minute after the first.
	attempts = 12
	minDelay = 50 * time.Millisecond
	maxDelay = 20 * time.Second
	// throttled is how many delays are skipped when the server is busy.
	throttled = 2
)

// newRetryer tries again what may end otherwise the next time.
//
// It is not the SDK's adaptive mode: that one slows all requests of a client
// down, to one in two seconds when there were few before, after a single 503,
// which S3 sends for one busy prefix. Callers bound how many requests there are
// at a time, and each waits longer and longer.
func newRetryer() aws.Retryer {
	return retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = attempts
		// The SDK's quota of retries is for services that call each other, where
		// retries make an outage worse. A run of hours would use it up.
		o.RateLimiter = ratelimit.None
		o.Retryables = append(o.Retryables, retry.IsErrorRetryableFunc(cutShort), tooManyRequests)
		throttles := retry.IsErrorThrottles(o.Throttles)
		o.Backoff = retry.BackoffDelayerFunc(func(attempt int, err error) (time.Duration, error) {
			if throttles.IsErrorThrottle(err).Bool() || tooManyRequests.IsErrorRetryable(err).Bool() {
				attempt += throttled
			}
			return delay(attempt), nil
		})
	})
}

// tooManyRequests is how servers other than Amazon's may say SlowDown.
var tooManyRequests = retry.RetryableHTTPStatusCode{Codes: map[int]struct{}{http.StatusTooManyRequests: {}}}

// cutShort finds answers that broke off.
func cutShort(err error) aws.Ternary {
	var broken *smithy.DeserializationError
	if errors.As(err, &broken) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return aws.TrueTernary
	}
	return aws.UnknownTernary
}

// delay before the next attempt, counted from 0: twice as long each time, at
// random so that many clients part.
func delay(attempt int) time.Duration {
	d := maxDelay
	if attempt < 16 {
		d = min(minDelay<<attempt, maxDelay)
	}
	return d/2 + rand.N(d/2)
}

func pause(ctx context.Context, attempt int) error {
	t := time.NewTimer(delay(attempt))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
