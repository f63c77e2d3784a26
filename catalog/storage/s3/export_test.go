package s3

import (
	"net/http"
	"time"
)

// WithTransport makes the options send requests another way.
func (o Options) WithTransport(t http.RoundTripper) Options {
	o.client = &http.Client{Transport: t}
	return o
}

// WithSilence makes the options give up sooner on a server that says nothing.
func (o Options) WithSilence(d time.Duration) Options {
	o.silence = d
	return o
}

// Sizes of parts and blocks.
const (
	PartSize  = partSize
	BlockSize = blockSize
)
