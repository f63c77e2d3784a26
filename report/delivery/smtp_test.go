package delivery

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMail(t *testing.T) {
	certificate := newReceiver(t, true, 200) // its certificate is for 127.0.0.1
	for _, test := range []struct {
		name   string
		server *mailServer
		target SMTP
		secure bool
	}{
		{"STARTTLS, PLAIN", &mailServer{auth: "LOGIN PLAIN", user: "me", password: "s3cr3t"}, SMTP{User: "me", PasswordEnv: "MAIL"}, true},
		{"TLS, LOGIN", &mailServer{auth: "LOGIN", user: "me", password: "s3cr3t", implicit: true}, SMTP{User: "me", PasswordEnv: "MAIL", Security: "tls"}, true},
		{"STARTTLS, nobody asks", &mailServer{}, SMTP{}, true},
		{"this machine", &mailServer{noTLS: true}, SMTP{Security: "none"}, false},
		{"this machine, without a word on it", &mailServer{noTLS: true}, SMTP{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, server, target := newDesk(t), test.server, test.target
			d.env["MAIL"] = "s3cr3t"
			server.t, server.config = t, &tls.Config{Certificates: certificate.TLS.Certificates}
			target.Host, target.Port = server.start()
			target.CAFile, target.From, target.To = certificate.caFile(t), "Trail <reports@example.com>", []string{"a@example.com", "Jürgen <b@example.com>"}
			if o := d.deliver(Target{SMTP: &target}); o.Err != nil || o.Warning != "" {
				t.Fatalf("%+v", o)
			}
			mails, to, secure := server.got()
			if len(mails) != 1 || secure != test.secure || fmt.Sprint(to) != "[TO:<a@example.com> TO:<b@example.com>]" {
				t.Fatalf("%d mails, TLS %v, to %q", len(mails), secure, to)
			}
			checkMail(t, d, mails[0])
		})
	}
}

// checkMail reads a mail as a mail program does.
func checkMail(t *testing.T, d *desk, text string) {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != "[trailql] ALARM: PCI DSS, yesterday, 2026-11-20" {
		t.Errorf("subject %q, %v", subject, err)
	}
	if list, err := m.Header.AddressList("To"); err != nil || len(list) != 2 || list[1].Name != "Jürgen" {
		t.Errorf("to %v, %v", list, err)
	}
	if m.Header.Get("Bcc") != "" || !strings.HasSuffix(m.Header.Get("Message-Id"), ".trailql@example.com>") {
		t.Errorf("headers %v", m.Header)
	}
	if when, err := m.Header.Date(); err != nil || !when.Equal(d.time) {
		t.Errorf("date %v, %v", when, err)
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/mixed" {
		t.Fatalf("%s, %v", kind, err)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	body, err := parts.NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(quotedprintable.NewReader(body))
	if err != nil || strings.ReplaceAll(string(said), "\r\n", "\n") != d.m.Text() {
		t.Errorf("text %q, %v", said, err)
	}
	attached, err := parts.NextRawPart()
	if err != nil {
		t.Fatal(err)
	}
	content, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, attached))
	if err != nil || attached.FileName() != "report.html" || string(content) != "<p>Résumé</p>\n.\n..two dots\n" {
		t.Errorf("attached %q: %q, %v", attached.FileName(), content, err)
	}
	if _, err := parts.NextRawPart(); err != io.EOF {
		t.Errorf("behind the report: %v", err)
	}
	for line := range strings.Lines(text) {
		if len(line) > 998 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

func TestMailFailures(t *testing.T) {
	certificate := newReceiver(t, true, 200)
	for _, test := range []struct {
		name     string
		server   *mailServer
		change   func(*SMTP)
		want     string
		sessions int
	}{
		{"wrong password", &mailServer{auth: "PLAIN", user: "me", password: "other"}, nil, "authentication: 535", 1},
		{"no authentication", &mailServer{}, nil, "offers no authentication", 1},
		{"no mechanism of ours", &mailServer{auth: "CRAM-MD5"}, nil, "neither PLAIN nor LOGIN", 1},
		{"no STARTTLS", &mailServer{noTLS: true}, func(s *SMTP) { s.Security = "starttls" }, "does not offer STARTTLS: security: tls", 1},
		{"nobody is taken for now", &mailServer{auth: "PLAIN", user: "me", password: "s3cr3t", answer: map[string]string{"RCPT TO:<a@example.com>": "451 later"}}, nil, "a@example.com", 4},
		{"wrong certificate", &mailServer{}, func(s *SMTP) { s.CAFile = "" }, "certificate", 1},
		{"busy", &mailServer{auth: "PLAIN", user: "me", password: "s3cr3t", answer: map[string]string{"MAIL": "451 later"}}, nil, "451", 4},
		{"sender refused", &mailServer{auth: "PLAIN", user: "me", password: "s3cr3t", answer: map[string]string{"MAIL": "550 no"}}, nil, "550", 1},
		{"recipient refused", &mailServer{auth: "PLAIN", user: "me", password: "s3cr3t", answer: map[string]string{"RCPT TO:<a@example.com>": "550 unknown"}}, nil, "a@example.com", 1},
		{"cut at the greeting", &mailServer{answer: map[string]string{"CONNECT": "CUT"}}, nil, "greeting", 4},
		{"cut in the middle", &mailServer{auth: "PLAIN", user: "me", password: "s3cr3t", answer: map[string]string{"DATA": "CUT"}}, nil, "EOF", 4},
		{"cut before the receipt", &mailServer{auth: "PLAIN", user: "me", password: "s3cr3t", answer: map[string]string{"AFTER DATA": "CUT"}}, nil, "EOF", 4},
		{"password not set", &mailServer{}, func(s *SMTP) { s.PasswordEnv = "NONE" }, "NONE is not set", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, server := newDesk(t), test.server
			d.env["MAIL"] = "s3cr3t"
			server.t, server.config = t, &tls.Config{Certificates: certificate.TLS.Certificates}
			target := SMTP{User: "me", PasswordEnv: "MAIL", From: "reports@example.com", To: []string{"a@example.com"}, CAFile: certificate.caFile(t)}
			target.Host, target.Port = server.start()
			if test.change != nil {
				test.change(&target)
			}
			o := d.deliver(Target{SMTP: &target})
			if o.Err == nil || !strings.Contains(o.Err.Error(), test.want) || !o.Kept {
				t.Errorf("%+v, want %q", o, test.want)
			}
			if server.started() != test.sessions {
				t.Errorf("%d attempts, want %d", server.started(), test.sessions)
			}
			noSecrets(t, d, o.Err)
			if mails, _, _ := server.got(); len(mails) > 1 && messageID(t, mails[0]) != messageID(t, mails[1]) {
				t.Error("the server cannot tell that the mails are the same")
			}
		})
	}
}

// TestSilentMailServer: it takes the call and says nothing.
func TestSilentMailServer(t *testing.T) {
	d := newDesk(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	d.Timeout, d.Attempts = time.Millisecond, 2
	address := silent.Addr().(*net.TCPAddr)
	o := d.deliver(Target{SMTP: &SMTP{Host: "127.0.0.1", Port: address.Port, Security: "none", From: "a@example.com", To: []string{"b@example.com"}}})
	if o.Err == nil || !strings.Contains(o.Err.Error(), "no answer within 1ms") || !o.Kept || len(d.waits) != 1 {
		t.Errorf("%+v, waits %v", o, d.waits)
	}
}

func messageID(t *testing.T, text string) string {
	t.Helper()
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return m.Header.Get("Message-Id")
}

func TestOneRecipientRefused(t *testing.T) {
	d := newDesk(t)
	server := &mailServer{t: t, noTLS: true, answer: map[string]string{"RCPT TO:<left@example.com>": "550 left the company"}}
	target := SMTP{Security: "none", From: "reports@example.com", To: []string{"left@example.com", "b@example.com"}}
	target.Host, target.Port = server.start()
	o := d.deliver(Target{SMTP: &target})
	if mails, to, _ := server.got(); o.Err != nil || !strings.Contains(o.Warning, "left@example.com") || len(mails) != 1 || len(to) != 1 {
		t.Errorf("%+v, %d mails to %q", o, len(mails), to)
	}
}

// TestOneRecipientRefusedForNow: the others do not wait for him for ever.
func TestOneRecipientRefusedForNow(t *testing.T) {
	d := newDesk(t)
	server := &mailServer{t: t, noTLS: true, answer: map[string]string{"RCPT TO:<full@example.com>": "452 mailbox full"}}
	target := SMTP{From: "reports@example.com", To: []string{"full@example.com", "b@example.com"}}
	target.Host, target.Port = server.start()
	o := d.deliver(Target{SMTP: &target})
	if mails, _, _ := server.got(); o.Err != nil || !strings.Contains(o.Warning, "full@example.com") || len(mails) != 1 || server.started() != 4 {
		t.Errorf("%+v, %d mails in %d attempts", o, len(mails), server.started())
	}
}

// TestSlowServerRefusesOneForNow: the time of a call is over before its attempts are.
func TestSlowServerRefusesOneForNow(t *testing.T) {
	for _, test := range []struct {
		name     string
		slow     time.Duration // each attempt
		random   float64
		before   bool // an earlier call failed
		sessions int  // until the mail is there
	}{
		{"quick", 0, 0.5, false, 4},
		{"long waits", 0, 0.99, false, 3},
		{"slow", 12 * time.Second, 0.5, false, 3},
		{"slower", 26 * time.Second, 0.5, false, 2},
		{"slower than all attempts", time.Minute, 0.5, false, 1},
		{"failed before", 0, 0.5, true, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDesk(t)
			var clock sync.Mutex
			d.Random = func() float64 { return test.random }
			d.Now = func() time.Time {
				clock.Lock()
				defer clock.Unlock()
				return d.time
			}
			target := SMTP{From: "reports@example.com", To: []string{"full@example.com", "b@example.com"}}
			deliver := d.deliver
			if test.before {
				target.Host, target.Port = (&mailServer{t: t, answer: map[string]string{"CONNECT": "CUT"}}).start()
				d.deliver(Target{SMTP: &target})
				deliver = func(today Target) Outcome { return d.retry(today)[0] }
			}
			server := &mailServer{t: t, noTLS: true, answer: map[string]string{"RCPT TO:<full@example.com>": "452 mailbox full"}}
			server.before = func() {
				clock.Lock()
				defer clock.Unlock()
				d.time = d.time.Add(test.slow)
			}
			target.Host, target.Port = server.start()
			o := deliver(Target{SMTP: &target})
			if mails, _, _ := server.got(); o.Err != nil || !strings.Contains(o.Warning, "full@example.com") || len(mails) != 1 || server.started() != test.sessions {
				t.Errorf("%+v, %d mails in %d attempts, want %d", o, len(mails), server.started(), test.sessions)
			}
		})
	}
}

func TestMailHeadersHoldNothingElse(t *testing.T) {
	d := newDesk(t)
	d.m.Title = hostile
	text, err := mailText(pending{Message: d.m, Key: "k"}, &SMTP{From: "a@example.com", To: []string{"b@example.com"}}, d.time)
	if err != nil {
		t.Fatal(err)
	}
	m, err := mail.ReadMessage(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for name := range m.Header {
		switch name {
		case "From", "To", "Subject", "Date", "Message-Id", "Auto-Submitted", "Mime-Version", "Content-Type":
		default:
			t.Errorf("header %s: %q", name, m.Header[name])
		}
	}
	for _, address := range []string{"a@example.com\r\nBcc: x@example.com", "a", "a@b\n", "<a@b>, c@d", "\"a b\"@c"} {
		target := Target{SMTP: &SMTP{Host: "mail.example.com", From: "a@example.com", To: []string{address}}}
		if err := target.Validate(); err == nil {
			t.Errorf("%q is taken for an address", address)
		}
	}
}

// TestNoAttachment: a mail that waited has no more attachments than it was to have.
func TestNoAttachment(t *testing.T) {
	for _, test := range []struct {
		name   string
		attach Files
		want   bool
	}{
		{"nothing said", nil, true},
		{"none", Files{}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			d, server := newDesk(t), &mailServer{t: t, noTLS: true}
			target := SMTP{From: "a@example.com", To: []string{"b@example.com"}, Attach: test.attach}
			target.Host, target.Port = server.start()
			ctx, stop := context.WithCancel(t.Context())
			stop()
			if _, err := d.Deliver(ctx, d.m, []Target{{SMTP: &target}}); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			d.retry() // from the file
			if mails, _, _ := server.got(); len(mails) != 1 || strings.Contains(mails[0], "report.html") != test.want {
				t.Errorf("%q", mails)
			}
		})
	}
}

func TestAttachments(t *testing.T) {
	d := newDesk(t)
	big := filepath.Join(d.m.Dir, "evidence.jsonl")
	if err := os.WriteFile(big, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(big, MaxAttachment+1); err != nil {
		t.Fatal(err)
	}
	text, err := mailText(pending{Message: d.m, Key: "k"}, &SMTP{From: "a@example.com", To: []string{"b@example.com"},
		Attach: []string{"evidence.jsonl", "none.md", "controls/a.csv", "controls"}}, d.time)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(text); !strings.Contains(s, "Not attached, because too large: evidence.jsonl") || !strings.Contains(s, "filename=a.csv") || strings.Contains(s, "none.md") || len(s) > 1<<20 {
		t.Errorf("%d bytes: %.2000s", len(s), s)
	}
}
