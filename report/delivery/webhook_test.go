package delivery

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/report/ledger"
)

// TestHangingReceiver: one that takes long for its answers does not hold up the run
// four times.
func TestHangingReceiver(t *testing.T) {
	d, r := newDesk(t), newReceiver(t, false, 503)
	r.before = func() { d.time = d.time.Add(DefaultTimeout) }
	d.env["SECRET"] = "s3cr3t"
	if o := d.deliver(Target{Webhook: &Webhook{URL: r.URL, SecretEnv: "SECRET"}}); o.Err == nil || !o.Kept || len(r.got()) != 1 {
		t.Errorf("%+v after %d attempts", o, len(r.got()))
	}
}

func TestWebhook(t *testing.T) {
	d, r := newDesk(t), newReceiver(t, true, 200)
	d.env["HOOK"] = "s3cr3t"
	target := Target{Webhook: &Webhook{URL: r.URL + "/hook?a=b", SecretEnv: "HOOK", CAFile: r.caFile(t)}}
	if o := d.deliver(target); o.Err != nil {
		t.Fatal(o.Err)
	}
	request, body := r.got()[0], r.bodies[0]
	if request.Method != http.MethodPost || request.URL.RequestURI() != "/hook?a=b" || request.Header.Get("Content-Type") != "application/json" {
		t.Errorf("request %s %s %v", request.Method, request.URL, request.Header)
	}
	header := request.Header.Get(SignatureHeader)
	if err := CheckSignature("s3cr3t", header, body, d.time, time.Minute); err != nil {
		t.Errorf("%s: %v", header, err)
	}
	var m Message
	if err := json.Unmarshal(body, &m); err != nil {
		t.Fatal(err)
	}
	if m.Schema != Schema || m.RunID != "run-1" || m.Status != ledger.Alarm || m.Packs[0].Attention[1].Title != hostile {
		t.Errorf("got %+v", m)
	}
	if left := d.waiting(); len(left) > 0 {
		t.Errorf("left in the backlog: %q", left)
	}
	// The same run is not sent twice, another one is.
	if outcomes, err := d.Deliver(t.Context(), d.m, []Target{target}); err != nil || len(outcomes) > 0 {
		t.Errorf("sent again: %v, %v", outcomes, err)
	}
	d.m.RunID = "run-2"
	if o := d.deliver(target); o.Err != nil || len(r.got()) != 2 {
		t.Errorf("%v, %d requests", o.Err, len(r.got()))
	}
}

func TestCheckSignature(t *testing.T) {
	now, body := time.Unix(1_800_000_000, 0), []byte(`{"a":1}`)
	good := Sign("secret", now, body)
	// Made with openssl dgst -sha256 -hmac secret.
	if want := "t=1800000000,v1=440dfbb83aabca24d9e5027629cfd81cb45254690f8d410bb28f1cc17c990dbc"; good != want {
		t.Errorf("got %s, want %s", good, want)
	}
	for _, test := range []struct {
		name, secret, header, body string
		now                        time.Time
		ok                         bool
	}{
		{"good", "secret", good, string(body), now.Add(time.Minute), true},
		{"another secret", "secret2", good, string(body), now, false},
		{"another body", "secret", good, `{"a":2}`, now, false},
		{"another time", "secret", strings.Replace(good, "t=18", "t=19", 1), string(body), now, false},
		{"old", "secret", good, string(body), now.Add(6 * time.Minute), false},
		{"from the future", "secret", good, string(body), now.Add(-6 * time.Minute), false},
		{"nothing", "secret", "", string(body), now, false},
		{"no signature", "secret", "t=1800000000", string(body), now, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := CheckSignature(test.secret, test.header, []byte(test.body), test.now, 5*time.Minute)
			if (err == nil) != test.ok || err != nil && !errors.Is(err, ErrSignature) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestWebhookFailures(t *testing.T) {
	for _, test := range []struct {
		name     string
		codes    []int
		header   http.Header
		requests int
		want     string // of the error; "": it went well
		waits    []time.Duration
	}{
		{"fails, then works", []int{500, 502, 200}, nil, 3, "", []time.Duration{time.Second, 4 * time.Second}},
		{"connection cut, then works", []int{cutConnection, 204}, nil, 2, "", []time.Duration{time.Second}},
		{"fails for ever", []int{503}, nil, 4, "answered 503", []time.Duration{time.Second, 4 * time.Second, 16 * time.Second}},
		{"connection cut for ever", []int{cutConnection}, nil, 4, "EOF", []time.Duration{time.Second, 4 * time.Second, 16 * time.Second}},
		{"says when", []int{429, 200}, http.Header{"Retry-After": {"30"}}, 2, "", []time.Duration{30 * time.Second}},
		{"says too late", []int{503, 200}, http.Header{"Retry-After": {"31"}}, 1, "answered 503", nil},
		{"says much later", []int{503, 200}, http.Header{"Retry-After": {"86400"}}, 1, "answered 503", nil},
		{"says when, again", []int{429}, http.Header{"Retry-After": {"20"}}, 2, "answered 429", []time.Duration{20 * time.Second}},
		{"refuses", []int{401}, nil, 1, "answered 401", nil},
		{"redirects", []int{307}, http.Header{"Location": {"https://evil.example/"}}, 1, "answered 307", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, r := newDesk(t), newReceiver(t, false, test.codes...)
			if test.header != nil {
				r.header = test.header
			}
			d.env["HOOK"] = "s3cr3t"
			d.env["PLACE"] = r.URL + "/T000/B000/secretpath"
			target := Target{Label: "hook", Webhook: &Webhook{URLEnv: "PLACE", SecretEnv: "HOOK"}}
			o := d.deliver(target)
			switch {
			case test.want == "" && (o.Err != nil || o.Kept || len(d.waiting()) > 0):
				t.Errorf("outcome %+v, waiting %q", o, d.waiting())
			case test.want != "" && (o.Err == nil || !strings.Contains(o.Err.Error(), test.want) || !o.Kept || len(d.waiting()) != 1):
				t.Errorf("outcome %+v, waiting %q, want %q", o, d.waiting(), test.want)
			}
			noSecrets(t, d, o.Err)
			if len(r.got()) != test.requests || fmt.Sprint(d.waits) != fmt.Sprint(test.waits) {
				t.Errorf("%d requests with waits of %v, want %d, %v", len(r.got()), d.waits, test.requests, test.waits)
			}
			if test.want == "" {
				return
			}
			// Another process, later, when the other side works again.
			r.answer(200)
			if again := d.retry(); len(again) != 1 || again[0].Err != nil || again[0].RunID != "run-1" || len(d.waiting()) > 0 {
				t.Errorf("at the next run: %+v", again)
			}
			keys := map[string]bool{}
			for _, request := range r.got() {
				keys[request.Header.Get(IdempotencyHeader)] = true
			}
			if len(keys) != 1 {
				t.Errorf("keys of the attempts differ: %v", keys)
			}
		})
	}
}

func TestWrongCertificate(t *testing.T) {
	d, r := newDesk(t), newReceiver(t, true, 200)
	r.Config.ErrorLog = log.New(io.Discard, "", 0)
	d.env["HOOK"] = "s3cr3t"
	o := d.deliver(Target{Webhook: &Webhook{URL: r.URL, SecretEnv: "HOOK"}})
	if o.Err == nil || !strings.Contains(o.Err.Error(), "certificate") || len(r.got()) > 0 || len(d.waits) > 0 {
		t.Errorf("%v, %d requests, waits %v", o.Err, len(r.got()), d.waits)
	}
}

// TestSlowReceiver: the time of an attempt is over before the answer comes.
func TestSlowReceiver(t *testing.T) {
	d := newDesk(t)
	released := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-released }))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(released) })
	d.env["HOOK"], d.Timeout, d.Attempts = "s3cr3t", time.Millisecond, 2
	o := d.deliver(Target{Webhook: &Webhook{URL: slow.URL, SecretEnv: "HOOK"}})
	if o.Err == nil || !strings.Contains(o.Err.Error(), "no answer within 1ms") || !o.Kept || len(d.waits) != 1 {
		t.Errorf("%+v, waits %v", o, d.waits)
	}
}
