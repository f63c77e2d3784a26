package delivery

import (
	"strings"
	"testing"
)

func TestValidate(t *testing.T) {
	hook := func(w Webhook) Target { return Target{Webhook: &w} }
	mailTo := func(change func(*SMTP)) Target {
		s := SMTP{Host: "mail.example.com", From: "a@example.com", To: []string{"b@example.com"}}
		change(&s)
		return Target{SMTP: &s}
	}
	for _, test := range []struct {
		name   string
		target Target
		want   string // "": valid
	}{
		{"folder", Target{Folder: "/x"}, ""},
		{"nothing", Target{}, "exactly one"},
		{"two", Target{Folder: "/x", Slack: &Slack{URLEnv: "X"}}, "exactly one"},
		{"S3", Target{S3: "s3://b/x"}, ""},
		{"S3 without a bucket", Target{S3: "s3:///x"}, "want s3://BUCKET/PREFIX"},
		{"another scheme", Target{S3: "https://b/x"}, "want s3://BUCKET/PREFIX"},
		{"when", Target{Folder: "/x", When: "never"}, "always or alarm"},
		{"name with a line end", Target{Folder: "/x", Label: "a\nb"}, "printable"},
		{"webhook", hook(Webhook{URL: "https://example.com/x", SecretEnv: "S"}), ""},
		{"webhook of this machine", hook(Webhook{URL: "http://127.0.0.1:80/x", SecretFile: "/s"}), ""},
		{"webhook without TLS", hook(Webhook{URL: "http://example.com/x", SecretEnv: "S"}), "want https"},
		{"webhook without a secret", hook(Webhook{URL: "https://example.com/x"}), "no secret"},
		{"webhook with two secrets", hook(Webhook{URL: "https://example.com/x", SecretEnv: "S", SecretFile: "/s"}), "only one of"},
		{"the secret itself", hook(Webhook{URL: "https://example.com/x", SecretEnv: "hunter2!"}), "not the name of"},
		{"password in the URL", hook(Webhook{URL: "https://u:hunter2!@example.com/x", SecretEnv: "S"}), "password"},
		{"webhook to nowhere", hook(Webhook{SecretEnv: "S"}), "exactly one of url"},
		{"webhook to a file", hook(Webhook{URL: "file:///etc/passwd", SecretEnv: "S"}), "url"},
		{"slack", Target{Slack: &Slack{URLEnv: "S"}}, ""},
		{"slack without a URL", Target{Slack: &Slack{}}, "no url"},
		{"mail", mailTo(func(*SMTP) {}), ""},
		{"mail in the clear", mailTo(func(s *SMTP) { s.Security = "none" }), "this machine only"},
		{"mail with another security", mailTo(func(s *SMTP) { s.Security = "ssl" }), "starttls, tls or none"},
		{"mail without a password", mailTo(func(s *SMTP) { s.User = "me" }), "no password"},
		{"mail without a user", mailTo(func(s *SMTP) { s.PasswordEnv = "P" }), "no user"},
		{"mail to nobody", mailTo(func(s *SMTP) { s.To = nil }), "nobody"},
		{"mail host with a port", mailTo(func(s *SMTP) { s.Host = "mail:25" }), "no name of a machine"},
		{"attachment elsewhere", mailTo(func(s *SMTP) { s.Attach = []string{"../../etc/passwd"} }), "attach"},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.target.Validate()
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a secret in %v", err)
			}
		})
	}
}
