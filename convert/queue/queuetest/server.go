// Package queuetest gives tests a real SQS server, ElasticMQ.
package queuetest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/trailql/trailql/catalog/storage/servertest"
)

const (
	version = "1.6.11"
	project = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>test</groupId><artifactId>sqs</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.elasticmq</groupId><artifactId>elasticmq-server_2.13</artifactId><version>` + version + `</version></dependency>
  </dependencies>
</project>
`
)

// Server is an SQS server. All tests of a process share one, each with queues
// of its own.
type Server struct {
	URL    string
	client *sqs.Client
	stdin  io.Closer // the server ends when it is closed, if only by a finalizer
	n      atomic.Int64
}

// Start returns the server of this process. The test is skipped under -short
// and where there is no server to be had: it takes Java, and Maven once.
func Start(t testing.TB) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("needs an SQS server: not with -short")
	}
	libraries, err := find()
	if err != nil {
		t.Skipf("needs the SQS server ElasticMQ %s: %v", version, err)
	}
	s, err := server(libraries)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var shared struct {
	sync.Mutex
	*Server
}

func server(libraries string) (*Server, error) {
	shared.Lock()
	defer shared.Unlock()
	var err error
	for try := 0; shared.Server == nil && try < 3; try++ { // the port may be taken meanwhile
		shared.Server, err = start(libraries)
	}
	return shared.Server, err
}

func start(libraries string) (*Server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	l.Close()
	// The shell ends the server when this process ends, however it does.
	cmd := exec.Command("sh", "-c", `"$@" & cat >/dev/null; kill -9 $!`, "sh", "java",
		"-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Drest-sqs.bind-hostname=127.0.0.1", "-Drest-sqs.bind-port="+port,
		"-Dnode-address.host=127.0.0.1", "-Dnode-address.port="+port, "-Drest-stats.enabled=false",
		"-cp", filepath.Join(libraries, "*"), "org.elasticmq.server.Main")
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &Server{URL: "http://127.0.0.1:" + port, stdin: stdin}
	for range 600 {
		if response, err := http.Get(s.URL); err == nil {
			response.Body.Close()
			s.client = sqs.NewFromConfig(Config(), func(o *sqs.Options) { o.BaseEndpoint = &s.URL })
			return s, nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	stdin.Close()
	return nil, errors.Join(fmt.Errorf("java did not start the server: %s", said.String()), cmd.Wait())
}

// find returns the folder of the server's libraries and fetches them if this
// user has not yet.
func find() (string, error) {
	if _, err := exec.LookPath("java"); err != nil {
		return "", err
	}
	return servertest.Find("elasticmq-"+version, "lib", func(ctx context.Context, folder string) (string, error) {
		if err := os.WriteFile(filepath.Join(folder, "pom.xml"), []byte(project), 0o666); err != nil {
			return "", err
		}
		cmd := exec.CommandContext(ctx, "mvn", "-q", "-B", "dependency:copy-dependencies", "-DoutputDirectory=fetching")
		cmd.Dir = folder
		if out, err := cmd.CombinedOutput(); err != nil {
			first, _, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
			return "", errors.Join(err, errors.New(first))
		}
		return "fetching", nil
	})
}

// Config has credentials that the server takes.
func Config() aws.Config {
	return aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")}
}

// NewQueue makes a queue and returns its URL. Messages that are received come
// again after 30 seconds unless the attributes say otherwise.
func (s *Server) NewQueue(t testing.TB, attributes map[string]string) string {
	t.Helper()
	out, err := s.client.CreateQueue(t.Context(), &sqs.CreateQueueInput{
		QueueName: aws.String(fmt.Sprintf("queue-%d", s.n.Add(1))), Attributes: attributes,
	})
	if err != nil {
		t.Fatal(err)
	}
	return *out.QueueUrl
}

// Send puts messages into a queue.
func (s *Server) Send(t testing.TB, queue string, bodies ...string) {
	t.Helper()
	for len(bodies) > 0 {
		some := bodies[:min(10, len(bodies))]
		bodies = bodies[len(some):]
		in := &sqs.SendMessageBatchInput{QueueUrl: &queue}
		for i, body := range some {
			in.Entries = append(in.Entries, types.SendMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(body)})
		}
		out, err := s.client.SendMessageBatch(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		if len(out.Failed) > 0 {
			t.Fatalf("send: %s", aws.ToString(out.Failed[0].Message))
		}
	}
}

// Messages is how many messages a queue has: those that can be received, and
// those that somebody has received and not deleted.
func (s *Server) Messages(t testing.TB, queue string) (visible, taken int) {
	t.Helper()
	out, err := s.client.GetQueueAttributes(context.WithoutCancel(t.Context()), &sqs.GetQueueAttributesInput{
		QueueUrl: &queue, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameAll},
	})
	if err != nil {
		t.Fatal(err)
	}
	number := func(name types.QueueAttributeName) int {
		n, err := strconv.Atoi(out.Attributes[string(name)])
		if err != nil {
			t.Fatalf("attribute %s: %v", name, err)
		}
		return n
	}
	return number(types.QueueAttributeNameApproximateNumberOfMessages), number(types.QueueAttributeNameApproximateNumberOfMessagesNotVisible)
}
