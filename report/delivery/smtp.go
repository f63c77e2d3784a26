package delivery

import (
	"bytes"
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
	"net/smtp"
	"net/textproto"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxAttachment is the size of the largest file that is attached, and of all
// files of a mail together; servers take little more.
const MaxAttachment = 15 << 20

// sendMail sends the summary as text with files of the report. Recipients that
// the server refuses are a warning as long as there are others; those that it refuses
// for now only when last says that no attempt follows.
func (d *Deliverer) sendMail(ctx context.Context, p pending, s *SMTP, last func() bool) (warning string, err error) {
	fail := func(err error) (string, error) { return "", fmt.Errorf("mail: %w", err) }
	if p.Message.Dir != "" {
		if err := reportThere(p.Message.Dir); err != nil {
			return fail(err)
		}
	}
	text, err := mailText(p, s, d.now())
	if err != nil {
		return fail(err)
	}
	roots, err := certificates(s.CAFile)
	if err != nil {
		return fail(permanent{err})
	}
	password := ""
	if s.User != "" {
		if password, err = d.secret("password", s.PasswordEnv, s.PasswordFile); err != nil {
			return fail(permanent{err})
		}
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.port())))
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	// net/smtp knows no contexts.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return fail(err)
		}
	}
	config := &tls.Config{ServerName: s.Host, RootCAs: roots, MinVersion: tls.VersionTLS12}
	if s.Security == securityTLS {
		secure := tls.Client(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return fail(tlsError(err))
		}
		conn = secure
	}
	c, err := smtp.NewClient(conn, s.Host)
	if err != nil {
		return fail(answerError("greeting", err))
	}
	defer c.Close()
	if err := s.prepare(c, config, password); err != nil {
		return fail(err)
	}
	if warning, err = s.transmit(c, text, last); err != nil {
		if _, ok := errors.AsType[permanent](err); ok {
			err = refused{err}
		}
		return fail(err)
	}
	_ = c.Quit() // the mail is theirs already
	return warning, nil
}

func (s *SMTP) port() int {
	switch {
	case s.Port != 0:
		return s.Port
	case s.Security == securityTLS:
		return 465
	}
	return 587
}

// prepare greets, encrypts and authenticates.
func (s *SMTP) prepare(c *smtp.Client, config *tls.Config, password string) error {
	if err := c.Hello(localName()); err != nil {
		return answerError("HELO", err)
	}
	if s.Security == "" || s.Security == securityStartTLS {
		ok, _ := c.Extension("STARTTLS")
		switch {
		case ok:
			if err := c.StartTLS(config); err != nil {
				return tlsError(answerError("STARTTLS", err))
			}
		case s.Security == "" && isLocal(s.Host): // nobody is between
		default:
			// A server that does not offer it may be somebody in between.
			return permanent{errors.New("the server does not offer STARTTLS: security: tls encrypts from the start (port 465), security: none is for servers on this machine")}
		}
	}
	if s.User == "" {
		return nil
	}
	ok, offered := c.Extension("AUTH")
	if !ok {
		return permanent{errors.New("the server offers no authentication")}
	}
	mechanisms := strings.Fields(strings.ToUpper(offered))
	var auth smtp.Auth
	switch {
	case slices.Contains(mechanisms, "PLAIN"):
		auth = smtp.PlainAuth("", s.User, password, s.Host)
	case slices.Contains(mechanisms, "LOGIN"):
		auth = loginAuth{s.User, password}
	default:
		return permanent{errors.New("the server offers neither PLAIN nor LOGIN authentication")}
	}
	if err := c.Auth(auth); err != nil {
		if said, ok := errors.AsType[*textproto.Error](err); ok {
			// Its text could repeat what it was given.
			return answerError("authentication", &textproto.Error{Code: said.Code, Msg: "refused"})
		}
		return answerError("authentication", err)
	}
	return nil
}

// transmit hands over one mail.
func (s *SMTP) transmit(c *smtp.Client, text []byte, settle func() bool) (warning string, err error) {
	from, err := parseAddress(s.From)
	if err != nil {
		return "", permanent{err}
	}
	if err := c.Mail(from.Address); err != nil {
		return "", answerError("sender", err)
	}
	var refused []string
	var last error
	for _, to := range s.To {
		a, err := parseAddress(to)
		if err == nil {
			err = answerError("recipient "+a.Address, c.Rcpt(a.Address))
		}
		if err == nil {
			continue
		}
		_, forGood := errors.AsType[permanent](err)
		if _, answered := errors.AsType[*textproto.Error](err); !forGood && !(answered && settle()) {
			return "", err
		}
		refused, last = append(refused, to), err
	}
	if len(refused) == len(s.To) {
		return "", last
	}
	w, err := c.Data()
	if err != nil {
		return "", answerError("DATA", err)
	}
	if _, err := w.Write(text); err != nil {
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", answerError("message", err)
	}
	if len(refused) > 0 {
		warning = "the mail server refused " + strings.Join(refused, ", ")
	}
	return warning, nil
}

// answerError tells refusals, which are permanent, from "try later".
func answerError(what string, err error) error {
	if err == nil {
		return nil
	}
	wrapped := fmt.Errorf("%s: %w", what, err)
	if said, ok := errors.AsType[*textproto.Error](err); ok && said.Code >= 500 {
		return permanent{wrapped}
	}
	return wrapped
}

func tlsError(err error) error {
	if isCertificateError(err) {
		return permanent{err}
	}
	return err
}

// localName is what we are called in the greeting.
func localName() string {
	name, err := os.Hostname()
	if err != nil || name == "" || unsafeInNames.MatchString(name) {
		return "localhost"
	}
	return name
}

// loginAuth is the mechanism LOGIN, which some servers offer alone.
type loginAuth struct{ user, password string }

func (a loginAuth) Start(server *smtp.ServerInfo) (string, []byte, error) {
	if !server.TLS && !isLocal(server.Name) {
		return "", nil, permanent{errors.New("the connection is not encrypted")}
	}
	return "LOGIN", nil, nil
}

func (a loginAuth) Next(prompt []byte, more bool) ([]byte, error) {
	if !more {
		return nil, nil
	}
	switch question := strings.ToLower(string(prompt)); {
	case strings.HasPrefix(question, "user"):
		return []byte(a.user), nil
	case strings.HasPrefix(question, "pass"):
		return []byte(a.password), nil
	}
	return nil, permanent{errors.New("LOGIN: the server asks for something else")}
}

// mailText is the mail, headers and all. Two attempts at one message have the
// same Message-ID.
func mailText(p pending, s *SMTP, now time.Time) ([]byte, error) {
	m := p.Message
	from, err := parseAddress(s.From)
	if err != nil {
		return nil, permanent{err}
	}
	var to []string
	for _, text := range s.To {
		a, err := parseAddress(text)
		if err != nil {
			return nil, permanent{err}
		}
		to = append(to, (&mail.Address{Name: a.Name, Address: a.Address}).String())
	}
	files, left, err := attachments(m.Dir, s.Attach)
	if err != nil {
		return nil, err
	}
	_, domain, _ := strings.Cut(from.Address, "@")

	var out bytes.Buffer
	header := func(name, value string) { fmt.Fprintf(&out, "%s: %s\r\n", name, value) }
	header("From", from.String())
	header("To", strings.Join(to, ",\r\n "))
	header("Subject", mime.QEncoding.Encode("utf-8", cut(m.Subject(), 200)))
	header("Date", now.Format(time.RFC1123Z))
	header("Message-ID", "<"+p.Key+".trailql@"+domain+">")
	header("Auto-Submitted", "auto-generated") // no holiday replies
	header("MIME-Version", "1.0")
	parts := multipart.NewWriter(&out)
	// Neither base64 nor quoted-printable can have =_ in it.
	if err := parts.SetBoundary("=_trailql_" + p.Key); err != nil {
		return nil, permanent{err}
	}
	header("Content-Type", `multipart/mixed; boundary="`+parts.Boundary()+`"`)
	out.WriteString("\r\n")

	body, err := parts.CreatePart(textproto.MIMEHeader{
		"Content-Type":              {"text/plain; charset=utf-8"},
		"Content-Transfer-Encoding": {"quoted-printable"},
	})
	if err != nil {
		return nil, permanent{err}
	}
	text := m.Text()
	if len(left) > 0 {
		text += "\nNot attached, because too large: " + strings.Join(left, ", ") + "\n"
	}
	quoted := quotedprintable.NewWriter(body)
	if _, err := io.WriteString(quoted, strings.ReplaceAll(text, "\n", "\r\n")); err != nil {
		return nil, permanent{err}
	}
	if err := quoted.Close(); err != nil {
		return nil, permanent{err}
	}
	for _, f := range files {
		part, err := parts.CreatePart(textproto.MIMEHeader{
			"Content-Type":              {mime.FormatMediaType(contentType(f.name), map[string]string{"name": f.name})},
			"Content-Disposition":       {mime.FormatMediaType("attachment", map[string]string{"filename": f.name})},
			"Content-Transfer-Encoding": {"base64"},
		})
		if err != nil {
			return nil, permanent{err}
		}
		writeBase64(part, f.data)
	}
	if err := parts.Close(); err != nil {
		return nil, permanent{err}
	}
	return out.Bytes(), nil
}

// cut shortens a text for people.
func cut(text string, runes int) string {
	if r := []rune(text); len(r) > runes {
		return string(r[:runes-1]) + "…"
	}
	return text
}

func contentType(name string) string {
	switch filepath.Ext(name) {
	case ".html":
		return "text/html"
	case ".csv":
		return "text/csv"
	case ".json":
		return "application/json"
	case ".md":
		return "text/markdown"
	}
	return "application/octet-stream"
}

// writeBase64 writes lines of 76 characters. Writes into a buffer do not fail.
func writeBase64(w io.Writer, data []byte) {
	const line = 57 // bytes
	for chunk := range slices.Chunk(data, line) {
		fmt.Fprintf(w, "%s\r\n", base64.StdEncoding.EncodeToString(chunk))
	}
}

type attachment struct {
	name string
	data []byte
}

// attachments reads files of the report, and names those that are too large. A
// file that the report does not have is left out: not every report has every
// format.
func attachments(dir string, names []string) (files []attachment, left []string, err error) {
	if dir == "" {
		return nil, nil, nil
	}
	if names == nil {
		names = []string{"report.html"}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	room := int64(MaxAttachment)
	for _, name := range names {
		info, err := root.Stat(name)
		if errors.Is(err, os.ErrNotExist) || err == nil && !info.Mode().IsRegular() {
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		if info.Size() > room {
			left = append(left, name)
			continue
		}
		data, err := root.ReadFile(name)
		if err != nil {
			return nil, nil, err
		}
		room -= int64(len(data))
		files = append(files, attachment{filepath.Base(name), data})
	}
	return files, left, nil
}
