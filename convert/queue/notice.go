package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Notice is what a message says.
type Notice struct {
	Created []Object // written, or readable again
	Removed []Object // deleted, by somebody or by a lifecycle rule
	Ignored []string // kinds of well-formed notices that name nothing to read, such as "s3:TestEvent"
}

// Object names an object of S3.
type Object struct{ Bucket, Key string }

// URI is the object as s3://BUCKET/KEY.
func (o Object) URI() string { return "s3://" + o.Bucket + "/" + o.Key }

const (
	// maxKey is S3's limit, in bytes.
	maxKey = 1024
	// maxWraps is how often a notice may be wrapped: EventBridge in SNS, SNS in
	// SNS.
	maxWraps = 4
	// validation is what CloudTrail sends to a topic that it is given.
	validation = "CloudTrail validation message."
)

// Parse reads the body of a message: an event notification of S3, an event of
// EventBridge about S3 or CloudTrail's own notification, each as it is or
// wrapped by SNS. What it understands it returns even where there is an error
// about the rest.
func Parse(body string) (Notice, error) {
	var n Notice
	err := n.parse(body, maxWraps)
	return n, err
}

// envelope has the members of all the forms; which are there tells the form.
type envelope struct {
	// SNS
	Type, Message *string
	TopicArn      string
	// S3
	Records []json.RawMessage
	Event   string
	// EventBridge
	Source     string          `json:"source"`
	DetailType *string         `json:"detail-type"`
	Detail     json.RawMessage `json:"detail"`
	// CloudTrail
	S3Bucket    string   `json:"s3Bucket"`
	S3ObjectKey textList `json:"s3ObjectKey"`
}

func (n *Notice) parse(body string, wraps int) error {
	if strings.TrimSpace(body) == validation {
		n.Ignored = append(n.Ignored, "validation message of CloudTrail")
		return nil
	}
	var e envelope
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		return fmt.Errorf("parse message: %w", err)
	}
	switch {
	case e.Records != nil:
		return n.s3(e.Records)
	case e.Event == "s3:TestEvent":
		n.Ignored = append(n.Ignored, e.Event)
		return nil
	case e.S3Bucket != "" || e.S3ObjectKey != nil:
		return n.trail(e)
	case e.Source == "aws.s3" && e.Detail != nil:
		return n.bridge(e)
	case e.Type != nil && *e.Type == "Notification" && e.Message != nil:
		if wraps == 0 {
			return errors.New("parse message: wrapped too often")
		}
		return n.parse(*e.Message, wraps-1)
	case e.Type != nil && *e.Type == "SubscriptionConfirmation":
		return fmt.Errorf("parse message: topic %q asks to confirm the subscription", e.TopicArn)
	}
	return errors.New("parse message: no notification about objects of S3")
}

// s3 reads the records of an event notification. Keys are encoded as in the
// query of a URL.
func (n *Notice) s3(records []json.RawMessage) error {
	var faults []error
	for i, text := range records {
		var r struct {
			EventSource, EventName string
			S3                     struct {
				Bucket struct{ Name string }
				Object struct{ Key string }
			}
		}
		if err := json.Unmarshal(text, &r); err != nil {
			faults = append(faults, fmt.Errorf("parse message: record %d: %w", i, err))
			continue
		}
		if r.EventSource != "aws:s3" && !strings.HasSuffix(r.EventSource, ":s3") { // servers other than AWS's
			faults = append(faults, fmt.Errorf("parse message: record %d: from %q, not from S3", i, r.EventSource))
			continue
		}
		key := r.S3.Object.Key
		if decoded, err := url.QueryUnescape(key); err == nil {
			key = decoded
		}
		// Lambda and SQS get the name without "s3:", some servers write it.
		if err := n.add(strings.TrimPrefix(r.EventName, "s3:"), Object{r.S3.Bucket.Name, key}); err != nil {
			faults = append(faults, fmt.Errorf("parse message: record %d: %w", i, err))
		}
	}
	return errors.Join(faults...)
}

// bridge reads an event of EventBridge, whose keys are as they are. Security
// Lake's have no detail type; all of them are about new objects.
func (n *Notice) bridge(e envelope) error {
	var d struct {
		Bucket struct{ Name string }
		Object struct{ Key string }
	}
	if err := json.Unmarshal(e.Detail, &d); err != nil {
		return fmt.Errorf("parse message: %w", err)
	}
	kind := "Object Created"
	if e.DetailType != nil {
		kind = *e.DetailType
	}
	if err := n.add(kind, Object{d.Bucket.Name, d.Object.Key}); err != nil {
		return fmt.Errorf("parse message: %w", err)
	}
	return nil
}

// trail reads what CloudTrail itself sends: a bucket and keys as they are.
func (n *Notice) trail(e envelope) error {
	var faults []error
	for _, key := range e.S3ObjectKey {
		if err := n.add("ObjectCreated:Put", Object{e.S3Bucket, key}); err != nil {
			faults = append(faults, fmt.Errorf("parse message: %w", err))
		}
	}
	if len(e.S3ObjectKey) == 0 {
		faults = append(faults, errors.New("parse message: no object is named"))
	}
	return errors.Join(faults...)
}

// add files an object under what has happened to it.
func (n *Notice) add(event string, o Object) error {
	name, _, _ := strings.Cut(event, ":")
	var list *[]Object
	switch name {
	case "ObjectCreated", "Object Created", "Object Restore Completed":
		list = &n.Created
	case "ObjectRestore":
		if event != "ObjectRestore:Completed" {
			n.Ignored = append(n.Ignored, event)
			return nil
		}
		list = &n.Created
	case "ObjectRemoved", "LifecycleExpiration", "Object Deleted":
		list = &n.Removed
	case "":
		return errors.New("no kind of event")
	default: // tags, storage classes, access lists
		n.Ignored = append(n.Ignored, event)
		return nil
	}
	switch {
	case o.Bucket == "" || strings.ContainsAny(o.Bucket, "/\\") || !utf8.ValidString(o.Bucket):
		return fmt.Errorf("bucket %q: no name of a bucket", o.Bucket)
	case o.Key == "" || len(o.Key) > maxKey:
		return fmt.Errorf("key of %d bytes: want 1 to %d", len(o.Key), maxKey)
	case strings.HasSuffix(o.Key, "/"): // made by consoles, to look like a folder
		n.Ignored = append(n.Ignored, event+" of a folder")
		return nil
	}
	*list = append(*list, o)
	return nil
}

// textList is one text or a list of them.
type textList []string

func (l *textList) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*l = textList{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(l))
}
