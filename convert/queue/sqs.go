package queue

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
)

const (
	// perCall is how many messages SQS takes and gives at once.
	perCall = 10
	// longPoll is how long SQS waits for a message.
	longPoll = 20 * time.Second
	// patience is how long a call may take beyond that: a connection that has
	// died quietly must not hold up everything.
	patience = 30 * time.Second
	// endpointVariable is the SDK's; it stands above the queue's own URL.
	endpointVariable = "AWS_ENDPOINT_URL_SQS"
)

// Message is one delivery of a message.
type Message struct {
	ID       string
	Receipt  string // of this delivery; changes with every one
	Body     string
	Sent     time.Time
	Received int // how often, with this time
}

// Queue is an SQS queue. It is safe for concurrent use.
type Queue struct {
	client    *sqs.Client
	url       string
	retention time.Duration
}

// ErrURL is wrapped by the error about something that is no URL of a queue.
var ErrURL = errors.New("not the URL of a queue")

// Open connects to the queue of a URL such as
// https://sqs.us-east-1.amazonaws.com/111111111111/trail. The Region is the
// URL's where it says one; requests go to the URL's own host, or to
// AWS_ENDPOINT_URL_SQS.
func Open(ctx context.Context, c aws.Config, queueURL string) (*Queue, error) {
	u, err := url.Parse(queueURL)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || len(u.Path) < 2 || u.User != nil {
		return nil, fmt.Errorf("open queue %q: %w", queueURL, ErrURL)
	}
	if r := region(u.Hostname()); r != "" {
		c.Region = r
	}
	if c.Region == "" {
		c.Region = "us-east-1" // of a server that has none; SQS itself names its own
	}
	q := &Queue{url: queueURL, client: sqs.NewFromConfig(c, func(o *sqs.Options) {
		if os.Getenv(endpointVariable) == "" {
			o.BaseEndpoint = aws.String(u.Scheme + "://" + u.Host)
		}
	})}
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{
		QueueUrl: &q.url, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameMessageRetentionPeriod},
	})
	if err != nil {
		return nil, fmt.Errorf("open queue %s: %w", queueURL, explain("sqs:GetQueueAttributes", err))
	}
	if seconds, err := strconv.Atoi(out.Attributes[string(types.QueueAttributeNameMessageRetentionPeriod)]); err == nil {
		q.retention = time.Duration(seconds) * time.Second
	}
	return q, nil
}

// regional are the hosts of queues that name their Region: the common form,
// that of a VPC endpoint, the one with IPv6, and the old one.
var regional = regexp.MustCompile(`(?:^|\.)(?:sqs(?:-fips)?\.([a-z0-9-]+)|([a-z0-9-]+)\.queue)\.(?:vpce\.|api\.)?(?:amazonaws\.com|amazonaws\.com\.cn|api\.aws)$`)

func region(host string) string {
	if host == "queue.amazonaws.com" {
		return "us-east-1"
	}
	m := regional.FindStringSubmatch(host)
	if m == nil {
		return ""
	}
	return m[1] + m[2]
}

// URL is the queue's.
func (q *Queue) URL() string { return q.url }

// Retention is how long the queue keeps a message; 0: not known.
func (q *Queue) Retention() time.Duration { return q.retention }

// Receive waits some seconds for messages and returns a few of them, or none.
// Nobody else receives them until visibility is over, which Extend puts off.
func (q *Queue) Receive(ctx context.Context, visibility time.Duration) ([]Message, error) {
	ctx, cancel := context.WithTimeout(ctx, longPoll+patience)
	defer cancel()
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: perCall, WaitTimeSeconds: int32(longPoll / time.Second),
		VisibilityTimeout: int32(visibility / time.Second),
		MessageSystemAttributeNames: []types.MessageSystemAttributeName{
			types.MessageSystemAttributeNameSentTimestamp, types.MessageSystemAttributeNameApproximateReceiveCount,
		},
	})
	if err != nil {
		return nil, fmt.Errorf("receive messages: %w", explain("sqs:ReceiveMessage", err))
	}
	var messages []Message
	for _, m := range out.Messages {
		one := Message{ID: aws.ToString(m.MessageId), Receipt: aws.ToString(m.ReceiptHandle), Body: aws.ToString(m.Body)}
		if ms, err := strconv.ParseInt(m.Attributes[string(types.MessageSystemAttributeNameSentTimestamp)], 10, 64); err == nil {
			one.Sent = time.UnixMilli(ms).UTC()
		}
		one.Received, _ = strconv.Atoi(m.Attributes[string(types.MessageSystemAttributeNameApproximateReceiveCount)])
		messages = append(messages, one)
	}
	return messages, nil
}

// Extend makes messages invisible for so long from now on; with 0 they come
// again at once. The error names the first of those that could not be.
func (q *Queue) Extend(ctx context.Context, messages []Message, visibility time.Duration) error {
	return calls(messages, func(some []Message) (failed []types.BatchResultErrorEntry, err error) {
		in := &sqs.ChangeMessageVisibilityBatchInput{QueueUrl: &q.url}
		for i, m := range some {
			in.Entries = append(in.Entries, types.ChangeMessageVisibilityBatchRequestEntry{
				Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &m.Receipt, VisibilityTimeout: int32(visibility / time.Second),
			})
		}
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		out, err := q.client.ChangeMessageVisibilityBatch(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("extend messages: %w", explain("sqs:ChangeMessageVisibility", err))
		}
		return out.Failed, nil
	})
}

// Delete removes messages for good. The error names the first of those that
// could not be.
func (q *Queue) Delete(ctx context.Context, messages []Message) error {
	return calls(messages, func(some []Message) (failed []types.BatchResultErrorEntry, err error) {
		in := &sqs.DeleteMessageBatchInput{QueueUrl: &q.url}
		for i, m := range some {
			in.Entries = append(in.Entries, types.DeleteMessageBatchRequestEntry{Id: aws.String(strconv.Itoa(i)), ReceiptHandle: &m.Receipt})
		}
		ctx, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		out, err := q.client.DeleteMessageBatch(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("delete messages: %w", explain("sqs:DeleteMessage", err))
		}
		return out.Failed, nil
	})
}

// calls hands all messages to call, some at a time, and returns its first error.
func calls(messages []Message, call func([]Message) ([]types.BatchResultErrorEntry, error)) error {
	var first error
	for len(messages) > 0 {
		some := messages[:min(perCall, len(messages))]
		messages = messages[len(some):]
		failed, err := call(some)
		if err == nil && len(failed) > 0 {
			id := "?"
			if i, convErr := strconv.Atoi(aws.ToString(failed[0].Id)); convErr == nil && i >= 0 && i < len(some) {
				id = some[i].ID
			}
			err = fmt.Errorf("message %s: %s: %s", id, aws.ToString(failed[0].Code), aws.ToString(failed[0].Message))
		}
		if first == nil {
			first = err
		}
	}
	return first
}

// explain says which permission is missing where the server does not.
func explain(action string, err error) error {
	api, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		return err
	}
	switch api.ErrorCode() {
	case "AccessDenied", "AccessDeniedException":
		return fmt.Errorf("not allowed: needs %s: %w", action, err)
	case "KMS.AccessDeniedException", "KmsAccessDenied":
		return fmt.Errorf("not allowed: the queue is encrypted, needs kms:Decrypt: %w", err)
	case "AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist":
		return fmt.Errorf("there is no such queue: %w", err)
	}
	return err
}
