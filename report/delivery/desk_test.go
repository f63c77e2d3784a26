package delivery

import (
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// desk is a deliverer whose time passes only when it waits, and a report.
type desk struct {
	*Deliverer
	t     *testing.T
	time  time.Time
	waits []time.Duration
	env   map[string]string
	m     Message
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "report")
	if err := os.MkdirAll(filepath.Join(dir, "controls"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"report.html": "<p>Résumé</p>\n.\n..two dots\n", "manifest.json": "{}", "controls/a.csv": "x\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d := &desk{t: t, time: time.Date(2026, 11, 21, 6, 0, 0, 0, time.UTC), env: map[string]string{}, m: Summarize(exampleReport(), dir, "abc")}
	d.Deliverer = &Deliverer{
		Backlog: filepath.Join(t.TempDir(), "backlog"),
		Now:     func() time.Time { return d.time },
		Getenv:  func(name string) string { return d.env[name] },
		Sleep: func(ctx context.Context, pause time.Duration) error {
			d.waits = append(d.waits, pause)
			d.time = d.time.Add(pause)
			return context.Cause(ctx)
		},
		Random: func() float64 { return 0.5 },
	}
	return d
}

// deliver sends the message to one target.
func (d *desk) deliver(target Target) Outcome {
	d.t.Helper()
	outcomes, err := d.Deliver(d.t.Context(), d.m, []Target{target})
	if err != nil {
		d.t.Fatal(err)
	}
	if len(outcomes) != 1 {
		d.t.Fatalf("%d outcomes: %+v", len(outcomes), outcomes)
	}
	return outcomes[0]
}

func (d *desk) retry(targets ...Target) []Outcome {
	d.t.Helper()
	outcomes, err := d.Retry(d.t.Context(), map[string][]Target{d.m.Schedule: targets})
	if err != nil {
		d.t.Fatal(err)
	}
	return outcomes
}

func (d *desk) waiting() []string {
	d.t.Helper()
	entries, err := os.ReadDir(filepath.Join(d.Backlog, "pending"))
	if err != nil {
		d.t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// receiver is a web server that answers with the next of its codes, the last one
// for ever.
type receiver struct {
	*httptest.Server
	mu       sync.Mutex
	codes    []int
	header   http.Header // of answers
	before   func()      // each answer
	requests []*http.Request
	bodies   [][]byte
}

const cutConnection = -1

func newReceiver(t *testing.T, secure bool, codes ...int) *receiver {
	t.Helper()
	r := &receiver{codes: codes, header: http.Header{}}
	handler := http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.requests, r.bodies = append(r.requests, request), append(r.bodies, body)
		if r.before != nil {
			r.before()
		}
		code := r.codes[min(len(r.requests), len(r.codes))-1]
		if code == cutConnection {
			panic(http.ErrAbortHandler)
		}
		for name := range r.header {
			w.Header().Set(name, r.header.Get(name))
		}
		w.WriteHeader(code)
		fmt.Fprint(w, "the secret is s3cr3t")
	})
	r.Server = httptest.NewUnstartedServer(handler)
	if secure {
		r.StartTLS()
	} else {
		r.Start()
	}
	t.Cleanup(r.Close)
	return r
}

// answer changes the codes from the next request on.
func (r *receiver) answer(codes ...int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.codes = append(make([]int, len(r.requests)), codes...)
}

// got are the requests until now.
func (r *receiver) got() []*http.Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.requests
}

func (r *receiver) caFile(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	data := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw})
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// noSecrets: none is in the error, nor in a file of the backlog.
func noSecrets(t *testing.T, d *desk, err error) {
	t.Helper()
	text := fmt.Sprint(err)
	walk := filepath.WalkDir(d.Backlog, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(name)
		text += string(data)
		return err
	})
	if walk != nil {
		t.Fatal(walk)
	}
	for _, secret := range []string{"s3cr3t", "secretpath"} {
		if strings.Contains(text, secret) {
			t.Errorf("a secret in %s", text)
		}
	}
}
