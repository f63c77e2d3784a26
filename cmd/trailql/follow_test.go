package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/convert/follow"
	"github.com/trailql/trailql/convert/queue/queuetest"
)

// followed is what a program in the background writes.
type followed struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *followed) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *followed) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// background is a command that goes on until it is stopped.
type background struct {
	stderr, stdout followed
	cancel         context.CancelCauseFunc
	code           chan int
}

func startCommand(t *testing.T, warehouse string, args ...string) *background {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	b := &background{cancel: cancel, code: make(chan int, 1)}
	a := &app{stdin: strings.NewReader(""), stdout: &b.stdout, stderr: &b.stderr, warehouse: warehouse, now: time.Now}
	go func() { b.code <- run(ctx, args, a) }()
	t.Cleanup(func() { b.cancel(nil) })
	return b
}

// until waits for a line on stderr.
func (b *background) until(t *testing.T, pattern string) {
	t.Helper()
	want := regexp.MustCompile(`(?m)` + pattern)
	for begun := time.Now(); time.Since(begun) < time.Minute; time.Sleep(10 * time.Millisecond) {
		if want.MatchString(b.stderr.String()) {
			return
		}
		if len(b.code) > 0 {
			break
		}
	}
	t.Fatalf("no %q on stderr:\n%s", pattern, b.stderr.String())
}

// end sends a signal and checks the exit code.
func (b *background) end(t *testing.T, s syscall.Signal, want int) {
	t.Helper()
	b.cancel(signalError{s})
	select {
	case got := <-b.code:
		if got != want {
			t.Errorf("exit code %d, want %d: %s", got, want, b.stderr.String())
		}
	case <-time.After(time.Minute):
		t.Fatal("does not end")
	}
	if out := b.stdout.String(); out != "" {
		t.Errorf("stdout %q", out)
	}
}

const followedKey = "AWSLogs/111111111111/CloudTrail/us-east-1/2026/03/04/111111111111_CloudTrail_us-east-1_20260304T1205Z_%s.json"

func followedLog(id string) []byte {
	return []byte(`{"Records":[{"eventVersion":"1.08","eventTime":"2026-03-04T12:01:00Z","eventSource":"s3.amazonaws.com","eventName":"A","awsRegion":"us-east-1","eventID":"` + id + `"}]}`)
}

func rejectedRecords(t *testing.T, warehouse string) int64 {
	t.Helper()
	c, err := catalog.Open(t.Context(), warehouse, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	table, err := s.Table(convert.RejectedTable)
	if errors.Is(err, catalog.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return table.Stats().Records
}

func TestFollowFolder(t *testing.T) {
	archive := t.TempDir()
	add := func(id string, content []byte) {
		t.Helper()
		// Made a while ago, and only now brought here.
		made := filepath.Join(t.TempDir(), "made")
		if err := os.WriteFile(made, content, 0o666); err != nil {
			t.Fatal(err)
		}
		hour := time.Now().Add(-time.Hour)
		if err := errors.Join(os.Chtimes(made, hour, hour), os.Rename(made, filepath.Join(archive, id+".json"))); err != nil {
			t.Fatal(err)
		}
	}
	add("one", followedLog("one"))
	warehouse := t.TempDir()
	b := startCommand(t, warehouse, "convert", "--follow", "--every", "1s", archive)
	b.until(t, `^note: 20\S+Z 1 new record from 1 object in `)
	add("two", followedLog("two"))
	b.until(t, `^note: 20\S+Z 1 new record from 1 object in .*; 1 object converted before$`)
	b.end(t, syscall.SIGTERM, exitTerminated)
	b.until(t, `^note: stopped: nothing is lost`)
	if text := b.stderr.String(); strings.Contains(text, "error:") || strings.Contains(text, "warning:") {
		t.Errorf("stderr:\n%s", text)
	}

	// quiet says nothing at all, even about what is rejected
	add("bad", bytes.Replace(followedLog("three"), []byte("2026-03-04T12:01:00Z"), []byte("noon"), 1))
	b = startCommand(t, warehouse, "convert", "-q", "--follow", "--every", "1s", archive)
	for begun := time.Now(); rejectedRecords(t, warehouse) == 0 && time.Since(begun) < time.Minute; {
		time.Sleep(10 * time.Millisecond)
	}
	if n := rejectedRecords(t, warehouse); n != 1 {
		t.Errorf("%d records rejected, want 1", n)
	}
	b.end(t, syscall.SIGINT, exitInterrupted)
	if text := b.stderr.String(); text != "" {
		t.Errorf("stderr %q", text)
	}
}

// Objects of a bucket of a real server are heard of from a real queue.
func TestFollowQueue(t *testing.T) {
	s3server, sqs := s3test.Start(t), queuetest.Start(t)
	uri := s3server.NewBucket(t)
	bucket, name := s3server.Open(t, uri), strings.TrimPrefix(uri, "s3://")
	queue := sqs.NewQueue(t, nil)
	put := func(id string) string {
		key := fmt.Sprintf(followedKey, id)
		if err := bucket.PutNew(t.Context(), key, followedLog(id)); err != nil {
			t.Fatal(err)
		}
		return key
	}
	put("before") // nobody announces it
	b := startCommand(t, t.TempDir(), "convert", "--sqs", queue, "--endpoint-url", s3server.URL, uri+"/AWSLogs")

	key := put("one")
	begun := time.Now()
	sqs.Send(t, queue, fmt.Sprintf(`{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":%q},"object":{"key":%q}}}]}`, name, key))
	b.until(t, `^note: 20\S+Z 1 new record from 1 object in .*; 1 message done$`)
	t.Logf("%v from the message to the commit", time.Since(begun).Round(time.Millisecond))

	key = put("two")
	sqs.Send(t, queue, `{"s3Bucket":"`+name+`","s3ObjectKey":["`+key+`","AWSLogs/nosuch.json"]}`,
		`{"Type":"Notification","Message":"{\"Event\":\"s3:TestEvent\"}"}`, "\x1b[2Jnonsense"[4:],
		`{"Records":[{"eventSource":"aws:s3","eventName":"ObjectCreated:Put","s3":{"bucket":{"name":"other"},"object":{"key":"k%1B%5B2J"}}}]}`)
	b.until(t, `^note: .*; 1 object announced but not there`)
	b.until(t, `^warning: cannot convert s3://bucket-1/AWSLogs/nosuch\.json: .*not exist`)
	b.until(t, `^note: .*; 1 message rejected`)
	b.until(t, `^warning: cannot convert http://.*#\S+: parse message: `)
	b.until(t, `^note: .*; 1 notice about nothing to read`)
	b.until(t, `^warning: 1 object outside SRC announced, left alone: such as s3://other/k`)
	b.end(t, syscall.SIGTERM, exitTerminated)
	if strings.Contains(b.stderr.String(), "\x1b") {
		t.Errorf("control characters: %q", b.stderr.String())
	}
	if visible, taken := sqs.Messages(t, queue); visible+taken != 0 {
		t.Errorf("%d messages visible, %d taken", visible, taken)
	}

	// with a listing, and the queue at another place than its URL says
	t.Setenv("AWS_ENDPOINT_URL_SQS", sqs.URL)
	queue = "https://sqs.us-east-1.amazonaws.com/" + strings.TrimPrefix(queue, sqs.URL+"/")
	warehouse := t.TempDir()
	b = startCommand(t, warehouse, "convert", "--follow", "--sqs", queue, "--endpoint-url", s3server.URL, uri+"/AWSLogs")
	b.until(t, `^note: 20\S+Z 3 new records from 3 objects in `)
	b.end(t, syscall.SIGTERM, exitTerminated)
}

func TestFollowNoQueue(t *testing.T) {
	sqs := queuetest.Start(t)
	var stderr followed
	a := &app{stdin: strings.NewReader(""), stdout: &followed{}, stderr: &stderr, warehouse: t.TempDir(), now: time.Now}
	t.Setenv("AWS_ACCESS_KEY_ID", "x")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	code := run(t.Context(), []string{"convert", "--sqs", sqs.URL + "/000000000000/nosuch", "s3://trail"}, a)
	if code != exitFailed || !strings.Contains(stderr.String(), "there is no such queue") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}

func TestDescribeRound(t *testing.T) {
	for want, r := range map[string]follow.Round{
		"0 new records from 0 objects in 0s": {},
		"1,200 new records from 3 objects in 1.23s; 1 duplicate record; 2 paths not readable; 1 file just being written; 4 messages done; 1 message to come again": {
			Summary:  convert.Summary{Records: 1200, Objects: 3, Duplicates: 1, Unreadable: 2, Fresh: 1, Elapsed: 1234 * time.Millisecond},
			Messages: follow.Messages{Deleted: 4, Later: 1},
		},
		"5 new records from 3 objects in 0s; 1 log file valid; 2 log files INVALID; 3 log files unproven; 4 log files without a digest": {
			Summary: convert.Summary{Records: 5, Objects: 3, Verdicts: convert.Verdicts{Valid: 1, Invalid: 2, Unproven: 3, NotCovered: 4}},
		},
		"0 new records from 0 objects in 0s; 1 message rejected; 2 objects announced but not there; 3 objects given up; 1 notice about nothing to read": {
			Messages: follow.Messages{Malformed: 1, Vanished: 2, GivenUp: 3, Ignored: 1},
		},
	} {
		if got := describeRound(r); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
