package shared_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/shared"
)

// impostor plays a PostgreSQL server that wants the password to read, and hands
// over what it is sent.
func impostor(t *testing.T, config *tls.Config) (host string, passwords <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	got := make(chan string, 16)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				listen(c, config, got)
			}()
		}
	}()
	return l.Addr().String(), got
}

func listen(c net.Conn, config *tls.Config, got chan<- string) {
	backend := pgproto3.NewBackend(c, c)
	hello, err := backend.ReceiveStartupMessage()
	if _, wantsTLS := hello.(*pgproto3.SSLRequest); err == nil && wantsTLS {
		answer := "S"
		if config == nil {
			answer = "N"
		}
		if _, err := c.Write([]byte(answer)); err != nil || config == nil {
			return
		}
		encrypted := tls.Server(c, config)
		backend = pgproto3.NewBackend(encrypted, encrypted)
		hello, err = backend.ReceiveStartupMessage()
	}
	if _, ok := hello.(*pgproto3.StartupMessage); err != nil || !ok {
		return
	}
	backend.Send(&pgproto3.AuthenticationCleartextPassword{})
	if backend.Flush() != nil || backend.SetAuthType(pgproto3.AuthTypeCleartextPassword) != nil {
		return
	}
	said, err := backend.Receive()
	if password, ok := said.(*pgproto3.PasswordMessage); err == nil && ok {
		got <- password.Password
		backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: "now we know it"})
		_ = backend.Flush()
	}
}

// TestTLS: the password goes to a server that shows whose it is.
func TestTLS(t *testing.T) {
	certificate, authority := selfSigned(t)
	c := warehouse(t, catalog.Options{})
	for _, tt := range []struct {
		name, query string
		config      *tls.Config
		want        string
		told        bool
	}{
		{"known authority", "ca=" + authority, certificate, "now we know it", true},
		{"unknown authority", "tls=true", certificate, "certificate", false},
		{"no TLS", "tls=true", nil, "the server has no TLS", false},
		{"this machine", "", nil, "now we know it", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			host, passwords := impostor(t, tt.config)
			_, err := openPublisher(t, "postgres://u@"+host+"/d?"+tt.query, shared.Options{Password: "hidden"}).Publish(t.Context(), c)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("Publish = %v, want %q", err, tt.want)
			}
			if told := len(passwords) > 0; told != tt.told {
				t.Errorf("it was told the password: %v", told)
			}
		})
	}
}

// selfSigned gives a server's certificate, and the file of its authority.
func selfSigned(t *testing.T) (*tls.Config, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "authority.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, file
}
