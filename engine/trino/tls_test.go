package trino

import (
	"encoding/pem"
	"io"
	"log"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/trailql/trailql/engine"
)

// TestTLS: a token goes to a server whose certificate is known, and to no other.
func TestTLS(t *testing.T) {
	s := &fakeServer{t: t, pages: []string{`{` + bigint + `,"data":[[7]]}`}, cancelled: make(chan struct{})}
	s.Server = httptest.NewUnstartedServer(s)
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that are meant to fail
	s.StartTLS()
	defer s.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, query, want string }{
		{"known", "?ca=" + url.QueryEscape(ca), "7"},
		{"unknown", "?tls=true", "certificate"},
		{"no certificate", "?ca=" + url.QueryEscape(ca+".not"), "read certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s.requests = nil
			got, err := func() ([]string, error) {
				c, err := Open(t.Context(), Options{Address: "trino://ann@" + u.Host + "/iceberg/logs" + tt.query, Token: "secret-token"})
				if err != nil {
					return nil, err
				}
				defer c.Close()
				r, err := c.Query(t.Context(), engine.Query{SQL: "SELECT 7"})
				if err != nil {
					return nil, err
				}
				return numbers(r)
			}()
			text := strings.Join(got, ",")
			if err != nil {
				text = err.Error()
			}
			if !strings.Contains(text, tt.want) || strings.Contains(text, "secret") {
				t.Errorf("got %s, want %s", text, tt.want)
			}
			if err == nil && s.requests[0].Header.Get("Authorization") != "Bearer secret-token" {
				t.Errorf("sent %q", s.requests[0].Header)
			}
		})
	}
}
