package s3test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog/storage/s3"
)

// Fault is what a proxy does to a request.
type Fault int

const (
	None      Fault = iota
	Slow            // answered late
	Busy            // 503 SlowDown, not handled
	Throttled       // 429, not handled
	Broken          // handled, but the answer is a 500
	CutBefore       // the connection breaks before the server has the request
	CutAfter        // the server has handled it when the connection breaks
	CutAnswer       // the connection breaks in the middle of the answer's body
	Shortened       // half of the body, as if that were all
	Hung            // half of the body, and then nothing
	Flipped         // one byte of the body is another one, if the answer has a checksum that tells
	Late            // the connection breaks, and the server has the request only later
	faults
)

func (f Fault) String() string {
	return [...]string{"none", "slow", "busy", "throttled", "broken", "cut before", "cut after", "cut answer", "shortened", "hung", "flipped", "late"}[f]
}

// Recoverable are the faults that a client can get over by itself.
var Recoverable = []Fault{Slow, Busy, Throttled, Broken, CutBefore, CutAfter, CutAnswer}

// Plan says what happens to the n-th request, counted from 1.
type Plan func(n int64, r *http.Request) Fault

// Random injects one of the faults into each request with a probability. The
// same seed makes the same sequence.
func Random(seed uint64, probability float64, faults ...Fault) Plan {
	dice := rand.New(rand.NewPCG(seed, 1))
	return func(int64, *http.Request) Fault { // called by one at a time
		if dice.Float64() >= probability {
			return None
		}
		return faults[dice.IntN(len(faults))]
	}
}

// At injects a fault into the n-th request.
func At(n int64, f Fault) Plan {
	return func(i int64, _ *http.Request) Fault {
		if i == n {
			return f
		}
		return None
	}
}

// From injects a fault into the n-th request and all behind it.
func From(n int64, f Fault) Plan {
	return func(i int64, _ *http.Request) Fault {
		if i >= n {
			return f
		}
		return None
	}
}

// Proxy stands between a client and a Server.
type Proxy struct {
	URL string

	target    *url.URL
	transport http.RoundTripper
	delay     time.Duration
	late      sync.WaitGroup

	mu       sync.Mutex
	plan     Plan
	requests int64
	injected [faults]int64
}

// NewProxy starts a proxy that ends with the test. A nil plan injects nothing.
func (s *Server) NewProxy(t testing.TB, plan Plan) *Proxy {
	t.Helper()
	target, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{target: target, plan: plan, delay: 50 * time.Millisecond,
		transport: &http.Transport{MaxIdleConnsPerHost: 64, DisableCompression: true}}
	front := httptest.NewServer(p)
	p.URL = front.URL
	t.Cleanup(func() {
		p.late.Wait()
		front.Close()
	})
	return p
}

// Options connect to the server through the proxy.
func (p *Proxy) Options() s3.Options { return s3.Options{EndpointURL: p.URL} }

// Open opens a bucket or a prefix of it through the proxy.
func (p *Proxy) Open(t testing.TB, uri string) *s3.Bucket {
	t.Helper()
	b, err := s3.Open(t.Context(), uri, p.Options())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Use starts another plan, which counts from 1.
func (p *Proxy) Use(plan Plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.plan, p.requests = plan, 0
}

// Requests is how many there were since the plan began.
func (p *Proxy) Requests() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.requests
}

// Injected is how many faults there were.
func (p *Proxy) Injected() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	var n int64
	for f, k := range p.injected {
		if Fault(f) != None {
			n += k
		}
	}
	return n
}

// Summary says how many faults of which kind there were.
func (p *Proxy) Summary() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var s string
	for f, k := range p.injected {
		s += fmt.Sprintf("%v %d, ", Fault(f), k)
	}
	return s[:len(s)-2]
}

// Wait returns when the server has all requests that were to come late.
func (p *Proxy) Wait() { p.late.Wait() }

func (p *Proxy) next(r *http.Request) Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests++
	f := None
	if p.plan != nil {
		f = p.plan(p.requests, r)
	}
	p.injected[f]++
	return f
}

func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fault := p.next(r)
	switch fault {
	case Busy:
		refuse(w, r, http.StatusServiceUnavailable, "SlowDown")
		return
	case Throttled:
		refuse(w, r, http.StatusTooManyRequests, "TooManyRequests")
		return
	case CutBefore:
		cut(w)
		return
	case Late:
		body, err := io.ReadAll(r.Body)
		if err == nil {
			late := r.Clone(context.WithoutCancel(r.Context()))
			late.Body = io.NopCloser(bytes.NewReader(body))
			p.late.Go(func() {
				time.Sleep(p.delay)
				if answer, err := p.forward(late); err == nil {
					answer.Body.Close()
				}
			})
		}
		cut(w)
		return
	case Slow:
		time.Sleep(p.delay)
	}
	answer, err := p.forward(r)
	if err != nil {
		cut(w)
		return
	}
	defer answer.Body.Close()
	switch fault {
	case CutAfter:
		_, _ = io.Copy(io.Discard, answer.Body)
		cut(w)
		return
	case Broken:
		_, _ = io.Copy(io.Discard, answer.Body)
		refuse(w, r, http.StatusInternalServerError, "InternalError")
		return
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	if fault == Flipped && !isTold(answer) {
		fault = None
	}
	if fault != CutAnswer && fault != Shortened && fault != Hung && fault != Flipped || answer.ContentLength == 0 || r.Method == http.MethodHead {
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
		return
	}
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		cut(w)
		return
	}
	if fault == Flipped {
		body[len(body)/2] ^= 0xff
		w.WriteHeader(answer.StatusCode)
		_, _ = w.Write(body)
		return
	}
	half := body[:len(body)/2]
	if fault == Shortened {
		w.Header().Set("Content-Length", strconv.Itoa(len(half)))
		w.WriteHeader(answer.StatusCode)
		_, _ = w.Write(half)
		return
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(half)
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	if fault == Hung {
		<-r.Context().Done() // until the client gives up
	}
	cut(w)
}

// isTold says whether an answer has a checksum of its whole body.
func isTold(answer *http.Response) bool {
	for _, algorithm := range []string{"Crc32", "Crc32c", "Crc64nvme", "Sha1", "Sha256"} {
		if sum := answer.Header.Get("X-Amz-Checksum-" + algorithm); sum != "" {
			return answer.StatusCode == http.StatusOK && !strings.Contains(sum, "-") // that of a checksum of parts
		}
	}
	return false
}

// forward sends a request on as it came: its signature covers the host.
func (p *Proxy) forward(r *http.Request) (*http.Response, error) {
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host = p.target.Scheme, p.target.Host
	out.RequestURI = ""
	out.Header.Del("Expect") // this server has answered that
	if out.ContentLength == 0 {
		out.Body = http.NoBody
	}
	return p.transport.RoundTrip(out)
}

func refuse(w http.ResponseWriter, r *http.Request, status int, code string) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		fmt.Fprintf(w, "<Error><Code>%s</Code><Message>injected</Message></Error>", code)
	}
}

// cut resets the connection.
func cut(w http.ResponseWriter) {
	h, ok := w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	c, _, err := h.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset, not an orderly end
	}
	c.Close()
}
