package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/report/ledger"
)

// TestKilledAfterSending: the receiver has the message, and the sender dies before
// it could note that.
func TestKilledAfterSending(t *testing.T) {
	d, r := newDesk(t), newReceiver(t, false, 200)
	d.env["HOOK"] = "s3cr3t"
	folder := t.TempDir()
	targets := []Target{{Folder: folder}, {Webhook: &Webhook{URL: r.URL, SecretEnv: "HOOK"}}}
	killed := filepath.Join(t.TempDir(), "killed")
	r.before = func() { // the disk as the kill leaves it
		if err := os.CopyFS(killed, os.DirFS(d.Backlog)); err != nil {
			t.Error(err)
		}
	}
	if _, err := d.Deliver(t.Context(), d.m, targets); err != nil {
		t.Fatal(err)
	}
	r.before, d.Backlog = nil, killed
	if left := d.waiting(); len(left) != 1 {
		t.Fatalf("waiting after the kill: %q", left)
	}
	if again := d.retry(); len(again) != 1 || again[0].Err != nil {
		t.Fatalf("%+v", again)
	}
	if len(r.got()) != 2 || r.got()[0].Header.Get(IdempotencyHeader) != r.got()[1].Header.Get(IdempotencyHeader) {
		t.Errorf("%d requests; the receiver cannot tell that they are the same", len(r.got()))
	}
	if again := d.retry(); len(again) > 0 {
		t.Errorf("sent once more: %+v", again)
	}
	// Killed between the mark and the removal.
	name := key(d.m, targets[1])
	data, err := json.Marshal(pending{Message: d.m, Target: targets[1], Created: d.time, Key: name})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(d.Backlog, "pending", name+".json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	if again := d.retry(); len(again) > 0 || len(r.got()) != 2 || len(d.waiting()) > 0 {
		t.Errorf("%+v, %d requests, waiting %q", again, len(r.got()), d.waiting())
	}
}

func TestRetryIsOldestFirstAndBounded(t *testing.T) {
	d, r := newDesk(t), newReceiver(t, false, 401)
	d.env["HOOK"] = "s3cr3t"
	target := Target{Label: "hook", Webhook: &Webhook{URL: r.URL, SecretEnv: "HOOK"}}
	for _, id := range []string{"c", "a", "b"} {
		d.m.RunID = id
		d.deliver(target)
		d.time = d.time.Add(time.Hour)
	}
	before := len(r.got())
	// One refusal is enough: the others are not tried.
	if o := d.retry(); len(o) != 1 || o[0].RunID != "c" || len(r.got()) != before+1 {
		t.Errorf("%+v", o)
	}
	// The target of today takes the place of the one of then.
	other := newReceiver(t, false, 200)
	var order []string
	for _, o := range d.retry(Target{Label: "hook", Webhook: &Webhook{URL: other.URL, SecretEnv: "HOOK"}}) {
		order = append(order, o.RunID)
	}
	if strings.Join(order, "") != "cab" || len(other.got()) != 3 {
		t.Errorf("order %q, %d requests", order, len(other.got()))
	}
	// After a month somebody has to look at the report where it is.
	d.m.RunID = "d"
	d.deliver(target)
	d.time = d.time.Add(maxAge + time.Hour)
	if o := d.retry(); len(o) != 1 || !errors.Is(o[0].Err, ErrGivenUp) || !strings.Contains(o[0].Err.Error(), "401") || len(d.waiting()) > 0 {
		t.Errorf("%+v", o)
	}
}

// TestOneMessageRefused: what a receiver refuses for good does not keep it from the rest,
// but one that is down, or knows us not, is asked once.
func TestOneMessageRefused(t *testing.T) {
	for _, test := range []struct {
		code  int
		tried string
	}{
		{400, "abc"}, {403, "abc"}, {413, "abc"}, {422, "abc"},
		{401, "a"}, {407, "a"}, {408, "a"}, {425, "a"}, {429, "a"}, {500, "a"}, {503, "a"}, {cutConnection, "a"}, {302, "a"},
	} {
		t.Run(fmt.Sprint(test.code), func(t *testing.T) {
			d, r := newDesk(t), newReceiver(t, false, test.code)
			d.env["HOOK"], d.Attempts = "s3cr3t", 1
			target := Target{Webhook: &Webhook{URL: r.URL, SecretEnv: "HOOK"}}
			for _, id := range []string{"a", "b", "c"} {
				d.m.RunID = id
				d.deliver(target)
				d.time = d.time.Add(time.Minute)
			}
			r.answer(test.code, 200)
			tried := ""
			for _, o := range d.retry() {
				tried += o.RunID
				if (o.Err != nil) != (o.RunID == "a") {
					t.Errorf("%+v", o)
				}
			}
			if tried != test.tried || len(d.waiting()) != 4-len(test.tried) {
				t.Errorf("tried %q, want %q; %d wait", tried, test.tried, len(d.waiting()))
			}
		})
	}
}

func TestOneMailRefused(t *testing.T) {
	for _, test := range []struct {
		name, command, answer string
		tried                 int
	}{
		{"the message", "AFTER DATA", "552 too large", 2},
		{"all recipients", "RCPT TO:<b@example.com>", "550 unknown", 2},
		{"for now", "DATA", "451 later", 1},
		{"us", "CONNECT", "554 go away", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, server := newDesk(t), &mailServer{t: t, noTLS: true, answer: map[string]string{test.command: test.answer}}
			d.Attempts = 1
			target := SMTP{From: "a@example.com", To: []string{"b@example.com"}}
			target.Host, target.Port = server.start()
			for _, id := range []string{"a", "b"} {
				d.m.RunID = id
				d.deliver(Target{SMTP: &target})
			}
			if o := d.retry(); len(o) != test.tried || !o[0].Kept {
				t.Errorf("%+v, want %d", o, test.tried)
			}
		})
	}
}

// TestSchedulesHaveTargetsOfOneName: a name is a target within its schedule only.
func TestSchedulesHaveTargetsOfOneName(t *testing.T) {
	d, a, b := newDesk(t), newReceiver(t, false, 503), newReceiver(t, false, 503)
	d.env["S1"], d.env["S2"] = "one", "two"
	hooks := map[string][]Target{
		"team-a": {{Label: "hook", Webhook: &Webhook{URL: a.URL, SecretEnv: "S1"}}},
		"team-b": {{Label: "hook", Webhook: &Webhook{URL: b.URL, SecretEnv: "S2"}}},
	}
	for _, schedule := range []string{"team-a", "team-b"} {
		d.m.Schedule, d.m.RunID = schedule, "run of "+schedule
		d.deliver(hooks[schedule][0])
		d.time = d.time.Add(time.Minute)
	}
	before := len(a.got())
	b.answer(200)
	retry := func(targets map[string][]Target) map[string]error {
		t.Helper()
		outcomes, err := d.Retry(t.Context(), targets)
		if err != nil {
			t.Fatal(err)
		}
		errs := map[string]error{}
		for _, o := range outcomes {
			errs[o.RunID] = o.Err
		}
		return errs
	}
	if errs := retry(hooks); len(errs) != 2 || errs["run of team-a"] == nil || errs["run of team-b"] != nil {
		t.Errorf("one fails, the other works: %v", errs)
	}
	if len(a.got()) == before {
		t.Error("the older one was not tried where it belongs")
	}
	for _, r := range []struct {
		*receiver
		schedule, secret string
	}{{a, "team-a", "one"}, {b, "team-b", "two"}} {
		for i, body := range r.bodies {
			if !strings.Contains(string(body), `"schedule":"`+r.schedule+`"`) || CheckSignature(r.secret, r.got()[i].Header.Get(SignatureHeader), body, d.time, time.Hour) != nil {
				t.Errorf("%s got %s", r.schedule, body)
			}
		}
	}
	// A schedule that is gone: its target is the one of then.
	a.answer(200)
	if errs := retry(map[string][]Target{"team-b": hooks["team-b"]}); len(errs) != 1 || errs["run of team-a"] != nil || len(d.waiting()) > 0 {
		t.Errorf("without its schedule: %v", errs)
	}
}

func TestFullBacklog(t *testing.T) {
	d := newDesk(t)
	target := Target{Folder: filepath.Join(t.TempDir(), "none")}
	d.deliver(target)
	oldest := d.waiting()[0]
	data, err := os.ReadFile(filepath.Join(d.Backlog, "pending", oldest))
	if err != nil {
		t.Fatal(err)
	}
	var p pending
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	for i := range maxPending - 1 {
		p.Key, p.Created = fmt.Sprint(i), d.time.Add(time.Duration(i+1)*time.Second)
		if data, err = json.Marshal(p); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(d.Backlog, "pending", p.Key+".json"), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d.m.RunID = "newest"
	outcomes, err := d.Deliver(t.Context(), d.m, []Target{target})
	if err != nil || len(outcomes) != 2 || !errors.Is(outcomes[0].Err, ErrGivenUp) || outcomes[0].RunID != "run-1" || !outcomes[1].Kept {
		t.Errorf("%+v, %v", outcomes, err)
	}
	if n := len(d.waiting()); n != maxPending {
		t.Errorf("%d wait", n)
	}
}

// TestBacklogCannotBeWritten: what cannot be kept is sent nevertheless.
func TestBacklogCannotBeWritten(t *testing.T) {
	d, folder := newDesk(t), t.TempDir()
	d.retry() // makes the folders
	target := Target{Folder: folder}
	// A folder where the file belongs.
	if err := os.MkdirAll(filepath.Join(d.Backlog, "pending", key(d.m, target)+".json.tmp", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Deliver(t.Context(), d.m, []Target{target}); !errors.Is(err, ErrNotKept) {
		t.Errorf("got %v", err) // it cannot be swept
	}
	if err := os.RemoveAll(filepath.Join(d.Backlog, "pending")); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(d.Backlog, "pending", key(d.m, target)+".json", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if o := d.deliver(target); o.Err != nil {
		t.Errorf("%+v", o)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) != 1 {
		t.Errorf("%v, %v", entries, err)
	}
	nowhere := Target{Folder: filepath.Join(t.TempDir(), "none")}
	if err := os.MkdirAll(filepath.Join(d.Backlog, "pending", key(d.m, nowhere)+".json", "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	if o, err := d.Deliver(t.Context(), d.m, []Target{nowhere}); !errors.Is(err, ErrNotKept) || len(o) != 1 || o[0].Err == nil || o[0].Kept {
		t.Errorf("neither kept nor sent: %+v, %v", o, err)
	}
	d.m.Dir = filepath.Join(t.TempDir(), "gone")
	target.Folder = t.TempDir()
	if o := d.deliver(target); !errors.Is(o.Err, ErrGone) || o.Kept || !strings.Contains(o.Err.Error(), "backlog") {
		t.Errorf("%+v", o)
	}
}

func TestWhen(t *testing.T) {
	d, folder := newDesk(t), t.TempDir()
	target := Target{Folder: folder, When: OnAlarm}
	d.m.Status = ledger.OK
	if o, err := d.Deliver(t.Context(), d.m, []Target{target}); err != nil || len(o) > 0 {
		t.Errorf("%v, %v", o, err)
	}
	d.m.Status = ledger.Incomplete
	if o := d.deliver(target); o.Err != nil {
		t.Error(o.Err)
	}
}

// TestFailed: that there is no report goes to people, once, and not into folders.
func TestFailed(t *testing.T) {
	d, r := newDesk(t), newReceiver(t, false, 200)
	server := &mailServer{t: t, noTLS: true}
	mailTo := SMTP{Security: "none", From: "a@example.com", To: []string{"b@example.com"}}
	mailTo.Host, mailTo.Port = server.start()
	d.env["SLACK"] = r.URL
	folder := t.TempDir()
	targets := []Target{{Folder: folder}, {SMTP: &mailTo, When: OnAlarm}, {Slack: &Slack{URLEnv: "SLACK"}}}
	d.m = Failed("failed-daily-1", "daily", exampleReport().Period, []string{"pci-dss-4", "soc2"}, d.time, "1.0")
	for attempt, want := range []int{2, 0} {
		outcomes, err := d.Deliver(t.Context(), d.m, targets)
		if err != nil || len(outcomes) != want {
			t.Fatalf("attempt %d: %+v, %v", attempt, outcomes, err)
		}
		for _, o := range outcomes {
			if o.Err != nil {
				t.Error(o.Err)
			}
		}
	}
	mails, _, _ := server.got()
	if len(mails) != 1 || !strings.Contains(mails[0], "Subject: [trailql] FAILED: pci-dss-4, soc2, 2026-11-20") || !strings.Contains(mails[0], "There is no report") {
		t.Errorf("mails %q", mails)
	}
	if body := string(r.bodies[0]); !strings.Contains(body, "There is no report") || strings.Contains(body, "Events read") {
		t.Errorf("slack %s", body)
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
		t.Errorf("folder: %v, %v", entries, err)
	}
}

// TestStoppedWhileOthersSend: the message is noted although the process is told to stop
// while another one has the backlog.
func TestStoppedWhileOthersSend(t *testing.T) {
	for _, test := range []struct {
		name    string
		stopped bool // before it waits
	}{
		{"stopped before", true},
		{"stopped while it waits", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			other, err := openBacklog(t.Context(), d.Backlog, d.time)
			if err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			if test.stopped {
				stop()
			}
			errs := make(chan error)
			go func() {
				_, err := d.Deliver(ctx, d.m, []Target{{Folder: d.m.Dir + "/a"}, {Folder: d.m.Dir + "/b"}})
				errs <- err
			}()
			time.Sleep(120 * time.Millisecond) // it looks every 50
			stop()
			time.Sleep(120 * time.Millisecond)
			if err := other.close(); err != nil {
				t.Fatal(err)
			}
			if err := <-errs; !errors.Is(err, context.Canceled) || errors.Is(err, ErrNotKept) || len(d.waiting()) != 2 {
				t.Errorf("%v, waiting %q", err, d.waiting())
			}
		})
	}
}

func TestOutlast(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	longer, end := outlast(ctx, time.Millisecond)
	defer end()
	cause := errors.New("stop")
	stop(cause)
	select {
	case <-longer.Done():
	case <-time.After(10 * time.Second):
	}
	if got := context.Cause(longer); !errors.Is(got, cause) {
		t.Errorf("got %v", got)
	}
}

func TestNobodyToDeliverTo(t *testing.T) {
	d := newDesk(t)
	other, err := openBacklog(t.Context(), d.Backlog, d.time)
	if err != nil {
		t.Fatal(err)
	}
	defer other.close()
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	d.m.Status = ledger.OK
	if o, err := d.Deliver(ctx, d.m, []Target{{Folder: t.TempDir(), When: OnAlarm}}); err != nil || len(o) > 0 {
		t.Errorf("waited for nothing: %v, %v", o, err)
	}
}

func TestStoppedDeliveryStaysInTheBacklog(t *testing.T) {
	d, r := newDesk(t), newReceiver(t, false, 500)
	d.env["HOOK"] = "s3cr3t"
	ctx, stop := context.WithCancel(t.Context())
	r.before = stop
	if _, err := d.Deliver(ctx, d.m, []Target{{Webhook: &Webhook{URL: r.URL, SecretEnv: "HOOK"}}}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(d.waiting()) != 1 {
		t.Errorf("waiting: %q", d.waiting())
	}
}
