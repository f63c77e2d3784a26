package delivery

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// mailServer speaks as much SMTP as a client needs, over TLS if asked, with
// authentication, and fails where a test wants it to.
type mailServer struct {
	t        *testing.T
	listener net.Listener
	config   *tls.Config
	implicit bool   // TLS from the first byte
	noTLS    bool   // does not offer STARTTLS
	auth     string // mechanisms offered; "": none
	user     string
	password string
	answer   map[string]string // by command, in place of the good answer; "CUT" cuts the connection
	before   func()            // each greeting

	mu       sync.Mutex
	mails    []string
	to       []string // of the last mail
	sessions int
	secure   bool // the last mail came over TLS
	work     sync.WaitGroup
}

func (s *mailServer) start() (host string, port int) {
	s.t.Helper()
	var err error
	s.listener, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		s.listener.Close()
		s.work.Wait()
	})
	s.work.Go(func() {
		for {
			c, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.work.Go(func() { s.serve(c) })
		}
	})
	a := s.listener.Addr().(*net.TCPAddr)
	return "127.0.0.1", a.Port
}

func (s *mailServer) serve(c net.Conn) {
	defer func() { c.Close() }()
	s.mu.Lock()
	s.sessions++
	s.mu.Unlock()
	secure := s.implicit
	if secure {
		c = tls.Server(c, s.config)
	}
	in := bufio.NewReader(c)
	say := func(format string, args ...any) { fmt.Fprintf(c, format+"\r\n", args...) }
	hear := func() string {
		line, err := in.ReadString('\n')
		if err != nil {
			return "QUIT"
		}
		return strings.TrimRight(line, "\r\n")
	}
	// other answers in place of the server, where a test wants it.
	other := func(command string) (handled, ended bool) {
		text, ok := s.answer[command]
		if text == "CUT" {
			return true, true
		}
		if ok {
			say("%s", text)
		}
		return ok, false
	}
	if _, ended := other("CONNECT"); ended {
		return
	}
	if s.before != nil {
		s.before()
	}
	say("220 test ESMTP")
	authenticated := s.auth == ""
	var to []string
	for {
		line := hear()
		verb, rest, _ := strings.Cut(line, " ")
		verb = strings.ToUpper(verb)
		key := verb
		if verb == "RCPT" {
			key = "RCPT " + rest
		}
		if handled, ended := other(key); ended {
			return
		} else if handled {
			continue
		}
		switch verb {
		case "EHLO":
			lines := []string{"test"}
			if !secure && !s.noTLS {
				lines = append(lines, "STARTTLS")
			}
			if s.auth != "" && secure {
				lines = append(lines, "AUTH "+s.auth)
			}
			for i, l := range lines {
				dash := "-"
				if i == len(lines)-1 {
					dash = " "
				}
				say("250%s%s", dash, l)
			}
		case "STARTTLS":
			say("220 go on")
			t := tls.Server(c, s.config)
			if t.Handshake() != nil {
				return
			}
			c, secure = t, true
			in = bufio.NewReader(c)
		case "AUTH":
			var user, password string
			mechanism, first, _ := strings.Cut(rest, " ")
			if mechanism == "PLAIN" {
				text, _ := base64.StdEncoding.DecodeString(first)
				if parts := strings.Split(string(text), "\x00"); len(parts) == 3 {
					user, password = parts[1], parts[2]
				}
			} else {
				ask := func(prompt string) string {
					say("334 %s", base64.StdEncoding.EncodeToString([]byte(prompt)))
					text, _ := base64.StdEncoding.DecodeString(hear())
					return string(text)
				}
				user = ask("Username:")
				password = ask("Password:")
			}
			if authenticated = user == s.user && password == s.password; authenticated {
				say("235 welcome")
			} else {
				say("535 wrong: %s %s", user, password)
			}
		case "MAIL":
			to = nil
			if !authenticated {
				say("530 who are you")
				continue
			}
			say("250 ok")
		case "RCPT":
			to = append(to, rest)
			say("250 ok")
		case "DATA":
			say("354 go on")
			var mail strings.Builder
			for l := hear(); l != "."; l = hear() {
				mail.WriteString(strings.TrimPrefix(l, ".") + "\r\n")
			}
			s.mu.Lock()
			s.mails, s.to, s.secure = append(s.mails, mail.String()), to, secure
			s.mu.Unlock()
			if _, ended := other("AFTER DATA"); ended {
				return
			}
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func (s *mailServer) got() (mails, to []string, secure bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mails, s.to, s.secure
}

func (s *mailServer) started() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sessions
}
