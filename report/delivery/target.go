package delivery

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// Target is where a report goes: exactly one of Folder, S3, SMTP, Webhook and
// Slack. No secret is in it: it names the variable or the file that has one.
type Target struct {
	Label   string   `yaml:"name,omitempty" json:"name,omitempty"` // to tell two of a kind apart
	Folder  string   `yaml:"folder,omitempty" json:"folder,omitempty"`
	S3      string   `yaml:"s3,omitempty" json:"s3,omitempty"` // s3://BUCKET/PREFIX
	SMTP    *SMTP    `yaml:"smtp,omitempty" json:"smtp,omitempty"`
	Webhook *Webhook `yaml:"webhook,omitempty" json:"webhook,omitempty"`
	Slack   *Slack   `yaml:"slack,omitempty" json:"slack,omitempty"`
	// When limits what is sent: always, which is also "", or alarm, for reports
	// that are not ok.
	When When `yaml:"when,omitempty" json:"when,omitempty"`
}

// When says which reports a target gets.
type When string

const (
	Always  When = "always"
	OnAlarm When = "alarm"
)

// SMTP is a mail server and who gets mail.
type SMTP struct {
	Host string `yaml:"host" json:"host"`
	Port int    `yaml:"port,omitempty" json:"port,omitempty"` // 0: 587, or 465 with tls
	// Security is starttls, tls, or none, which is refused for other machines than this
	// one. "" is starttls, but for a server on this machine that does not offer it.
	Security     string   `yaml:"security,omitempty" json:"security,omitempty"`
	CAFile       string   `yaml:"ca_file,omitempty" json:"ca_file,omitempty"` // PEM; "": the system's
	User         string   `yaml:"user,omitempty" json:"user,omitempty"`       // "": no authentication
	PasswordEnv  string   `yaml:"password_env,omitempty" json:"password_env,omitempty"`
	PasswordFile string   `yaml:"password_file,omitempty" json:"password_file,omitempty"`
	From         string   `yaml:"from" json:"from"`
	To           []string `yaml:"to,flow" json:"to"`
	// Attach are names of files of the report; nil: report.html; empty: none. Those over
	// MaxAttachment are left out, and the mail says so.
	Attach Files `yaml:"attach,omitempty,flow" json:"attach,omitzero"`
}

// Files are names of files. An empty list is not the same as nil, and is written.
type Files []string

// IsZero is for the encoders of YAML and JSON.
func (f Files) IsZero() bool { return f == nil }

// Webhook gets JSON, signed: see Sign.
type Webhook struct {
	URL        string `yaml:"url,omitempty" json:"url,omitempty"`
	URLEnv     string `yaml:"url_env,omitempty" json:"url_env,omitempty"`
	URLFile    string `yaml:"url_file,omitempty" json:"url_file,omitempty"`
	SecretEnv  string `yaml:"secret_env,omitempty" json:"secret_env,omitempty"`
	SecretFile string `yaml:"secret_file,omitempty" json:"secret_file,omitempty"`
	CAFile     string `yaml:"ca_file,omitempty" json:"ca_file,omitempty"`
}

// Slack is an incoming webhook of Slack, or of what understands the same. Its URL
// is itself a secret.
type Slack struct {
	URLEnv  string `yaml:"url_env,omitempty" json:"url_env,omitempty"`
	URLFile string `yaml:"url_file,omitempty" json:"url_file,omitempty"`
	CAFile  string `yaml:"ca_file,omitempty" json:"ca_file,omitempty"`
}

// The values of SMTP.Security.
const (
	securityStartTLS = "starttls"
	securityTLS      = "tls"
	securityNone     = "none"
)

// Name tells the targets of a schedule apart. It has no secret in it.
func (t Target) Name() string {
	switch {
	case t.Label != "":
		return t.Label
	case t.Folder != "":
		return "folder " + t.Folder
	case t.S3 != "":
		return t.S3
	case t.SMTP != nil:
		return "mail to " + strings.Join(t.SMTP.To, ", ")
	case t.Slack != nil:
		return "slack " + t.Slack.URLEnv + t.Slack.URLFile
	case t.Webhook == nil:
		return "nothing"
	}
	if u, err := url.Parse(t.Webhook.URL); err == nil && u.Host != "" {
		return "webhook " + u.Host
	}
	return "webhook " + t.Webhook.URLEnv + t.Webhook.URLFile
}

// Validate says what is wrong with the target, without a look at the network,
// the environment or files.
func (t Target) Validate() error {
	kinds := 0
	for _, given := range []bool{t.Folder != "", t.S3 != "", t.SMTP != nil, t.Webhook != nil, t.Slack != nil} {
		if given {
			kinds++
		}
	}
	if kinds != 1 {
		return errors.New("want exactly one of folder, s3, smtp, webhook and slack")
	}
	if len(t.Label) > 100 || strings.ContainsFunc(t.Label, unicode.IsControl) {
		return errors.New("name: want up to 100 printable characters")
	}
	switch t.When {
	case "", Always, OnAlarm:
	default:
		return fmt.Errorf("when %q: want always or alarm", t.When)
	}
	switch {
	case t.S3 != "":
		return checkBucket(t.S3)
	case t.SMTP != nil:
		return t.SMTP.validate()
	case t.Webhook != nil:
		return t.Webhook.validate()
	case t.Slack != nil:
		return secretSource("url", t.Slack.URLEnv, t.Slack.URLFile)
	}
	return nil
}

func checkBucket(uri string) error {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "s3" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("s3 %q: want s3://BUCKET/PREFIX", uri)
	}
	return nil
}

func (s *SMTP) validate() error {
	if s.Host == "" || strings.ContainsAny(s.Host, "/ \t\r\n:") && net.ParseIP(s.Host) == nil {
		return fmt.Errorf("smtp: host %q is no name of a machine", s.Host)
	}
	if s.Port < 0 || s.Port > 65535 {
		return fmt.Errorf("smtp: port %d: want 1 to 65535", s.Port)
	}
	switch s.Security {
	case "", securityStartTLS, securityTLS:
	case securityNone:
		if !isLocal(s.Host) {
			return fmt.Errorf("smtp: security none is for this machine only, not for %s", s.Host)
		}
	default:
		return fmt.Errorf("smtp: security %q: want starttls, tls or none", s.Security)
	}
	if s.User == "" && s.PasswordEnv+s.PasswordFile != "" {
		return errors.New("smtp: a password, but no user")
	}
	if s.User != "" {
		if err := secretSource("password", s.PasswordEnv, s.PasswordFile); err != nil {
			return fmt.Errorf("smtp: %w", err)
		}
	}
	if _, err := parseAddress(s.From); err != nil {
		return fmt.Errorf("smtp: from %q: %w", s.From, err)
	}
	if len(s.To) == 0 {
		return errors.New("smtp: nobody to send to")
	}
	for _, to := range s.To {
		if _, err := parseAddress(to); err != nil {
			return fmt.Errorf("smtp: to %q: %w", to, err)
		}
	}
	for _, name := range s.Attach {
		if !filepath.IsLocal(name) {
			return fmt.Errorf("smtp: attach %q: want the name of a file of the report", name)
		}
	}
	return nil
}

// parseAddress reads one address. What a header line could be made of is refused.
func parseAddress(text string) (*mail.Address, error) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		return nil, errors.New("a control character in it")
	}
	a, err := mail.ParseAddress(text)
	if err != nil {
		return nil, errors.New("it is no mail address")
	}
	if strings.ContainsAny(a.Address, " <>\"") {
		return nil, errors.New("it is no plain mail address")
	}
	return a, nil
}

func (w *Webhook) validate() error {
	sources := slices.DeleteFunc([]string{w.URL, w.URLEnv, w.URLFile}, func(s string) bool { return s == "" })
	if len(sources) != 1 {
		return errors.New("webhook: want exactly one of url, url_env and url_file")
	}
	if w.URL != "" {
		u, err := checkURL(w.URL)
		if err != nil {
			return fmt.Errorf("webhook: %w", err)
		}
		if u.User != nil {
			return errors.New("webhook: a password does not belong into url: use url_env or url_file")
		}
	}
	if err := secretSource("secret", w.SecretEnv, w.SecretFile); err != nil {
		return fmt.Errorf("webhook: %w", err)
	}
	return nil
}

// checkURL: https, or http to this machine. The error does not quote the URL,
// which may be a secret.
func checkURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("the url is not one")
	case u.Scheme == "https", u.Scheme == "http" && isLocal(u.Hostname()):
		return u, nil
	case u.Scheme == "http":
		return nil, errors.New("the url is http: want https, except to this machine")
	}
	return nil, errors.New("the url is not https")
}

// isLocal: nobody is between.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Variables are the names of the environment variables that the target reads.
func (t Target) Variables() []string {
	var names []string
	if s := t.SMTP; s != nil {
		names = append(names, s.PasswordEnv)
	}
	if w := t.Webhook; w != nil {
		names = append(names, w.URLEnv, w.SecretEnv)
	}
	if s := t.Slack; s != nil {
		names = append(names, s.URLEnv)
	}
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}
