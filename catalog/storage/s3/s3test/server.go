// Package s3test gives tests a real S3 server, versitygw, and a proxy before it
// that injects faults.
package s3test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/catalog/storage/servertest"
)

// The server's package and version; its one user.
const (
	program   = "github.com/versity/versitygw/cmd/versitygw"
	version   = "v1.8.0"
	accessKey = "trailql-test"
	secretKey = "trailql-test-secret"
)

// Server is an S3 server of one test, empty at first. Each bucket is a folder of
// its own, so tests that want to be apart take a new one.
type Server struct {
	URL    string // of its endpoint
	Folder string // where it keeps the buckets, as folders
	n      atomic.Int64
}

// Start starts a server that ends with the test. The test is skipped under
// -short and where the server can be neither found nor built. From then on the
// process's environment has the server's credentials and none of the user's.
func Start(t testing.TB) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("needs an S3 server: not with -short")
	}
	binary, err := find()
	if err != nil {
		t.Skipf("needs the S3 server %s@%s: %v", program, version, err)
	}
	environment()
	s := &Server{Folder: t.TempDir()}
	for try := range 5 { // the port may be taken meanwhile
		if err = s.start(t, binary); err == nil {
			return s
		}
		t.Logf("try %d: %v", try, err)
	}
	t.Fatal(err)
	return nil
}

// environment is set once for the process and not for a test, so that tests can
// run in parallel and what they start inherits it.
var environment = sync.OnceFunc(func() {
	for _, e := range os.Environ() {
		if name, _, _ := strings.Cut(e, "="); strings.HasPrefix(name, "AWS_") {
			os.Unsetenv(name)
		}
	}
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID":           accessKey,
		"AWS_SECRET_ACCESS_KEY":       secretKey,
		"AWS_REGION":                  "us-east-1",
		"AWS_CONFIG_FILE":             os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
		"AWS_EC2_METADATA_DISABLED":   "true",
	} {
		os.Setenv(name, value)
	}
})

func (s *Server) start(t testing.TB, binary string) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	address := l.Addr().String()
	l.Close()

	// The shell ends the server when this process ends, however it does.
	cmd := exec.Command("sh", "-c", `"$@" & cat >/dev/null; kill -9 $!`, "sh", binary,
		"--port", address, "--access", accessKey, "--secret", secretKey, "--keep-alive", "--quiet", "posix", s.Folder)
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	end := sync.OnceFunc(func() {
		stdin.Close()
		_ = cmd.Wait() // it was killed
	})
	s.URL = "http://" + address
	for range 100 {
		if response, err := http.Get(s.URL); err == nil {
			response.Body.Close()
			if response.Header.Get("Server") == "VERSITYGW" {
				t.Cleanup(end)
				return nil
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	end()
	return fmt.Errorf("%s did not start: %s", filepath.Base(binary), said.String())
}

// Options connect to the server.
func (s *Server) Options() s3.Options { return s3.Options{EndpointURL: s.URL} }

// NewBucket makes a bucket and returns its URI.
func (s *Server) NewBucket(t testing.TB) string {
	t.Helper()
	name := fmt.Sprintf("bucket-%d", s.n.Add(1))
	// versitygw takes a folder for a bucket.
	if err := os.Mkdir(filepath.Join(s.Folder, name), 0o777); err != nil {
		t.Fatal(err)
	}
	return "s3://" + name
}

// Open opens a bucket or a prefix of it.
func (s *Server) Open(t testing.TB, uri string) *s3.Bucket {
	t.Helper()
	b, err := s3.Open(t.Context(), uri, s.Options())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// find returns the server's program and builds it if this user has not yet.
func find() (string, error) {
	return servertest.Find("versitygw-"+version, "versitygw", func(ctx context.Context, folder string) (string, error) {
		cmd := exec.CommandContext(ctx, "go", "install", program+"@"+version)
		cmd.Env = append(os.Environ(), "GOBIN="+filepath.Join(folder, "building"), "GOFLAGS=", "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			lines := strings.Split(strings.TrimSpace(string(out)), "\n")
			return "", errors.Join(err, errors.New(lines[len(lines)-1]))
		}
		return "building/versitygw", nil
	})
}
