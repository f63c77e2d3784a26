package queue

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/convert/queue/queuetest"
)

func openQueue(t testing.TB, attributes map[string]string) (*queuetest.Server, *Queue) {
	t.Helper()
	server := queuetest.Start(t)
	q, err := Open(t.Context(), queuetest.Config(), server.NewQueue(t, attributes))
	if err != nil {
		t.Fatal(err)
	}
	return server, q
}

// receive takes n messages, or as many as come.
func receive(t testing.TB, q *Queue, n int, visibility time.Duration) (messages []Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for len(messages) < n && ctx.Err() == nil {
		some, err := q.Receive(ctx, visibility)
		if err != nil && ctx.Err() == nil {
			t.Fatal(err)
		}
		messages = append(messages, some...)
	}
	return messages
}

func TestQueue(t *testing.T) {
	server, q := openQueue(t, map[string]string{"VisibilityTimeout": "30"})
	var want []string
	for i := range 25 {
		want = append(want, strconv.Itoa(i))
	}
	server.Send(t, q.URL(), want...)
	messages := receive(t, q, 25, time.Minute)
	var got []string
	for _, m := range messages {
		got = append(got, m.Body)
		if m.ID == "" || m.Receipt == "" || m.Received != 1 || time.Since(m.Sent).Abs() > time.Minute {
			t.Errorf("message %+v", m)
		}
	}
	slices.SortFunc(got, func(a, b string) int { x, _ := strconv.Atoi(a); y, _ := strconv.Atoi(b); return x - y })
	if !slices.Equal(got, want) {
		t.Errorf("received %q", got)
	}
	if visible, taken := server.Messages(t, q.URL()); visible != 0 || taken != 25 {
		t.Errorf("%d visible, %d taken", visible, taken)
	}
	if err := q.Delete(t.Context(), messages[:12]); err != nil {
		t.Fatal(err)
	}
	if err := q.Extend(t.Context(), messages[12:], 0); err != nil {
		t.Fatal(err)
	}
	if visible, taken := server.Messages(t, q.URL()); visible != 13 || taken != 0 {
		t.Errorf("%d visible, %d taken", visible, taken)
	}
	again := receive(t, q, 13, time.Minute)
	if len(again) != 13 || again[0].Received != 2 {
		t.Errorf("received again: %+v", again)
	}
	if err := q.Delete(t.Context(), again); err != nil {
		t.Fatal(err)
	}
	if visible, taken := server.Messages(t, q.URL()); visible+taken != 0 {
		t.Errorf("%d visible, %d taken", visible, taken)
	}
}

// The visibility of a Receive is the one that is asked for, and Extend puts its
// end off.
func TestVisibility(t *testing.T) {
	server, q := openQueue(t, map[string]string{"VisibilityTimeout": "600"})
	server.Send(t, q.URL(), "kept", "left")
	messages := receive(t, q, 2, time.Second)
	if len(messages) != 2 {
		t.Fatalf("received %+v", messages)
	}
	if err := q.Extend(t.Context(), messages[:1], 10*time.Minute); err != nil {
		t.Fatal(err)
	}
	again := receive(t, q, 1, time.Minute)
	if len(again) != 1 || again[0].ID != messages[1].ID {
		t.Errorf("received again: %+v", again)
	}
}

// A call to a queue that fails names what it was about.
func TestQueueErrors(t *testing.T) {
	server, q := openQueue(t, nil)
	server.Send(t, q.URL(), "a")
	m := receive(t, q, 1, time.Minute)
	m[0].Receipt = "nonsense"
	if err := q.Extend(t.Context(), m, time.Minute); err == nil || !strings.Contains(err.Error(), m[0].ID) && !strings.Contains(err.Error(), "extend") {
		t.Errorf("extend: %v", err)
	}
	_, err := Open(t.Context(), queuetest.Config(), server.URL+"/000000000000/nosuch")
	if err == nil || !strings.Contains(err.Error(), "there is no such queue") {
		t.Errorf("open: %v", err)
	}
}

func TestOpenURL(t *testing.T) {
	for _, u := range []string{"", "trail", "arn:aws:sqs:us-east-1:111111111111:trail", "s3://trail", "https://sqs.us-east-1.amazonaws.com", "https://a:b@example.com/q", "http:///q", ":"} {
		if _, err := Open(t.Context(), queuetest.Config(), u); !errors.Is(err, ErrURL) {
			t.Errorf("%q: %v", u, err)
		}
	}
}

func TestRegion(t *testing.T) {
	for host, want := range map[string]string{
		"sqs.eu-west-1.amazonaws.com":                      "eu-west-1",
		"sqs-fips.us-gov-west-1.amazonaws.com":             "us-gov-west-1",
		"sqs.cn-north-1.amazonaws.com.cn":                  "cn-north-1",
		"sqs.us-east-2.api.aws":                            "us-east-2",
		"vpce-0a1b-2c.sqs.eu-central-1.vpce.amazonaws.com": "eu-central-1",
		"us-west-2.queue.amazonaws.com":                    "us-west-2",
		"queue.amazonaws.com":                              "us-east-1",
		"127.0.0.1":                                        "",
		"localhost":                                        "",
		"sqs.eu-west-1.amazonaws.com.example.com":          "",
		"sqs.us-east-1.localhost.localstack.cloud":         "",
	} {
		if got := region(host); got != want {
			t.Errorf("%s: %q, want %q", host, got, want)
		}
	}
}
