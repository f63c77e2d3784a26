package queue

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// s3Record is a record as S3 writes it; the key is encoded.
func s3Record(event, bucket, key string) string {
	return fmt.Sprintf(`{"eventVersion":"2.1","eventSource":"aws:s3","awsRegion":"us-east-1","eventTime":"2026-03-04T12:05:00.000Z","eventName":%q,
		"userIdentity":{"principalId":"AWS:x"},"s3":{"s3SchemaVersion":"1.0","configurationId":"c",
		"bucket":{"name":%q,"ownerIdentity":{"principalId":"A"},"arn":"arn:aws:s3:::b"},
		"object":{"key":%q,"size":1024,"eTag":"d41d8cd98f00b204e9800998ecf8427e","versionId":"v","sequencer":"0055AED6DCD90281E5"}}}`, event, bucket, key)
}

func s3Event(records ...string) string { return `{"Records":[` + strings.Join(records, ",") + `]}` }

func sns(message string) string {
	text, err := json.Marshal(message)
	if err != nil {
		panic(err)
	}
	return `{"Type":"Notification","MessageId":"22b80b92","TopicArn":"arn:aws:sns:us-east-1:111111111111:trail","Subject":"Amazon S3 Notification",
		"Message":` + string(text) + `,"Timestamp":"2026-03-04T12:05:00.000Z","SignatureVersion":"1","Signature":"x","UnsubscribeURL":"https://example.com"}`
}

func bridge(kind, key string) string {
	return fmt.Sprintf(`{"version":"0","id":"17793124","detail-type":%q,"source":"aws.s3","account":"111111111111","time":"2026-03-04T12:05:00Z","region":"us-east-1",
		"resources":["arn:aws:s3:::trail"],"detail":{"version":"0","bucket":{"name":"trail"},"object":{"key":%q,"size":5,"etag":"b1946ac9","version-id":"I","sequencer":"6"},
		"request-id":"N","requester":"111111111111","reason":"PutObject"}}`, kind, key)
}

const logKey = "AWSLogs/111111111111/CloudTrail/us-east-1/2026/03/04/111111111111_CloudTrail_us-east-1_20260304T1205Z_aaaaaaaaaaaaaaaa.json.gz"

func TestParse(t *testing.T) {
	object := Object{"trail", logKey}
	created := Notice{Created: []Object{object}}
	trail := `{"s3Bucket":"trail","s3ObjectKey":["` + logKey + `"]}`
	tests := map[string]struct {
		body string
		want Notice
		err  string
	}{
		"S3":                     {body: s3Event(s3Record("ObjectCreated:Put", "trail", logKey)), want: created},
		"S3, with the prefix":    {body: s3Event(s3Record("s3:ObjectCreated:CompleteMultipartUpload", "trail", logKey)), want: created},
		"S3, copied":             {body: s3Event(s3Record("ObjectCreated:Copy", "trail", logKey)), want: created},
		"S3, back from Glacier":  {body: s3Event(s3Record("ObjectRestore:Completed", "trail", logKey)), want: created},
		"S3, asked from Glacier": {body: s3Event(s3Record("ObjectRestore:Post", "trail", logKey)), want: Notice{Ignored: []string{"ObjectRestore:Post"}}},
		"S3, tagged":             {body: s3Event(s3Record("ObjectTagging:Put", "trail", logKey)), want: Notice{Ignored: []string{"ObjectTagging:Put"}}},
		"S3, removed":            {body: s3Event(s3Record("ObjectRemoved:DeleteMarkerCreated", "trail", logKey)), want: Notice{Removed: []Object{object}}},
		"S3, expired":            {body: s3Event(s3Record("LifecycleExpiration:Delete", "trail", logKey)), want: Notice{Removed: []Object{object}}},
		"S3, other server": {
			body: strings.Replace(s3Event(s3Record("ObjectCreated:Put", "trail", logKey)), "aws:s3", "minio:s3", 1), want: created},
		"S3, several": {
			body: s3Event(s3Record("ObjectCreated:Put", "trail", "a"), s3Record("ObjectRemoved:Delete", "trail", "b"), s3Record("ObjectCreated:Post", "other", "c")),
			want: Notice{Created: []Object{{"trail", "a"}, {"other", "c"}}, Removed: []Object{{"trail", "b"}}}},
		"S3, encoded key": {
			body: s3Event(s3Record("ObjectCreated:Put", "trail", "my+logs%2B1/%C3%BC/100%25.json")),
			want: Notice{Created: []Object{{"trail", "my logs+1/ü/100%.json"}}}},
		"S3, key of a server that does not encode": {
			body: s3Event(s3Record("ObjectCreated:Put", "trail", "100%.json")), want: Notice{Created: []Object{{"trail", "100%.json"}}}},
		"S3, folder":       {body: s3Event(s3Record("ObjectCreated:Put", "trail", "AWSLogs/")), want: Notice{Ignored: []string{"ObjectCreated:Put of a folder"}}},
		"S3, test":         {body: `{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-03-04T12:05:00.000Z","Bucket":"trail","RequestId":"5","HostId":"8"}`, want: Notice{Ignored: []string{"s3:TestEvent"}}},
		"S3, no records":   {body: `{"Records":[]}`},
		"SNS":              {body: sns(s3Event(s3Record("ObjectCreated:Put", "trail", "a+b"))), want: Notice{Created: []Object{{"trail", "a b"}}}},
		"SNS, test":        {body: sns(`{"Service":"Amazon S3","Event":"s3:TestEvent","Bucket":"trail"}`), want: Notice{Ignored: []string{"s3:TestEvent"}}},
		"SNS in SNS":       {body: sns(sns(s3Event(s3Record("ObjectCreated:Put", "trail", logKey)))), want: created},
		"SNS, EventBridge": {body: sns(bridge("Object Created", logKey)), want: created},
		"SNS, bottomless":  {body: sns(sns(sns(sns(sns(trail))))), err: "wrapped too often"},
		"SNS, to confirm": {
			body: `{"Type":"SubscriptionConfirmation","TopicArn":"arn:aws:sns:us-east-1:111111111111:trail","Token":"x","SubscribeURL":"https://example.com/","Message":"You have chosen to subscribe"}`,
			err:  `topic "arn:aws:sns:us-east-1:111111111111:trail" asks to confirm`},
		"EventBridge":                       {body: bridge("Object Created", logKey), want: created},
		"EventBridge, keys are as they are": {body: bridge("Object Created", "a+b%20c"), want: Notice{Created: []Object{{"trail", "a+b%20c"}}}},
		"EventBridge, deleted":              {body: bridge("Object Deleted", logKey), want: Notice{Removed: []Object{object}}},
		"EventBridge, restored":             {body: bridge("Object Restore Completed", logKey), want: created},
		"EventBridge, tagged":               {body: bridge("Object Tags Added", logKey), want: Notice{Ignored: []string{"Object Tags Added"}}},
		"Security Lake": {
			body: `{"source":"aws.s3","time":"2026-03-04T12:05:00Z","account":"111111111111","region":"us-east-1","resources":["arn:aws:s3:::trail"],
				"detail":{"bucket":{"name":"trail"},"object":{"key":"aws/CLOUD_TRAIL_MGMT/2.0/a=b/x.gz.parquet","size":5,"etag":"b"},"request-id":"1","requester":"r"}}`,
			want: Notice{Created: []Object{{"trail", "aws/CLOUD_TRAIL_MGMT/2.0/a=b/x.gz.parquet"}}}},
		"CloudTrail": {body: trail, want: created},
		"CloudTrail, several": {
			body: `{"s3Bucket":"trail","s3ObjectKey":["a+b","c%20d"]}`, want: Notice{Created: []Object{{"trail", "a+b"}, {"trail", "c%20d"}}}},
		"CloudTrail, one":        {body: `{"s3Bucket":"trail","s3ObjectKey":"a"}`, want: Notice{Created: []Object{{"trail", "a"}}}},
		"CloudTrail in SNS":      {body: sns(trail), want: created},
		"CloudTrail, none":       {body: `{"s3Bucket":"trail","s3ObjectKey":[]}`, err: "no object is named"},
		"CloudTrail, validation": {body: sns(validation), want: Notice{Ignored: []string{"validation message of CloudTrail"}}},
		"validation, raw":        {body: validation, want: Notice{Ignored: []string{"validation message of CloudTrail"}}},

		"empty":            {err: "parse message: unexpected end"},
		"no JSON":          {body: "hello", err: "parse message: invalid character"},
		"a text":           {body: `"hello"`, err: "parse message: "},
		"null":             {body: `null`, err: "no notification"},
		"other JSON":       {body: `{"a":1}`, err: "no notification"},
		"other source":     {body: `{"source":"aws.ec2","detail-type":"x","detail":{}}`, err: "no notification"},
		"SNS, other":       {body: sns("hello"), err: "invalid character"},
		"S3, other source": {body: strings.Replace(s3Event(s3Record("ObjectCreated:Put", "trail", "a")), "aws:s3", "aws:sqs", 1), err: `record 0: from "aws:sqs"`},
		"S3, no event":     {body: s3Event(s3Record("", "trail", "a")), err: "record 0: no kind of event"},
		"S3, no bucket":    {body: s3Event(s3Record("ObjectCreated:Put", "", "a")), err: `record 0: bucket ""`},
		"S3, bucket with a path": {
			body: s3Event(s3Record("ObjectCreated:Put", "trail/x", "a")), err: `bucket "trail/x": no name`},
		"S3, no key":       {body: s3Event(s3Record("ObjectCreated:Put", "trail", "")), err: "key of 0 bytes"},
		"S3, too long key": {body: s3Event(s3Record("ObjectCreated:Put", "trail", strings.Repeat("k", 1025))), err: "key of 1025 bytes"},
		"S3, one is wrong": {
			body: s3Event(`{"eventSource":"aws:s3","s3":[]}`, s3Record("ObjectCreated:Put", "trail", "a"), `7`, s3Record("ObjectCreated:Put", "trail", "b")),
			want: Notice{Created: []Object{{"trail", "a"}, {"trail", "b"}}}, err: "record 2:"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := Parse(test.body)
			if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want %q", err, test.err)
			}
			if d := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// A message may say anything: what is taken from it is a bucket and a key.
func FuzzParse(f *testing.F) {
	for _, body := range []string{
		s3Event(s3Record("ObjectCreated:Put", "trail", "a+b%2F")), sns(s3Event(s3Record("ObjectRemoved:Delete", "trail", logKey))), bridge("Object Created", logKey),
		`{"s3Bucket":"trail","s3ObjectKey":["a"]}`, `{"s3Bucket":"b","s3ObjectKey":"a"}`, validation, `{"Event":"s3:TestEvent"}`, `{"Records":[7]}`, `{"Type":"Notification","Message":"{}"}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		n, err := Parse(body)
		if err == nil && len(n.Created)+len(n.Removed)+len(n.Ignored) == 0 {
			// Only a list of records may be empty.
			if !strings.Contains(strings.ToLower(body), "records") {
				t.Errorf("%q says nothing, and is no error", body)
			}
		}
		for _, o := range append(n.Created, n.Removed...) {
			bucket, key, ok := strings.Cut(strings.TrimPrefix(o.URI(), "s3://"), "/")
			if !ok || bucket != o.Bucket || key != o.Key || bucket == "" || key == "" || len(key) > maxKey {
				t.Errorf("%q: %q", body, o)
			}
		}
		// Wrapping changes nothing.
		if len(body) < 1000 && err == nil {
			wrapped, err := Parse(sns(body))
			if err != nil && !strings.Contains(err.Error(), "too often") || err == nil && !cmp.Equal(n, wrapped) && strings.ToValidUTF8(body, "") == body {
				t.Errorf("%q: %v, wrapped %v, %v", body, n, wrapped, err)
			}
		}
	})
}

// A key that S3 has encoded is what it was.
func FuzzKey(f *testing.F) {
	for _, key := range []string{logKey, "a b", "a+b", "100%", "%2F", "ü/\x00", "a//b", "../a", "\xff"} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if key == "" || len(key) > maxKey || strings.HasSuffix(key, "/") {
			t.Skip()
		}
		n, err := Parse(s3Event(s3Record("ObjectCreated:Put", "trail", url.QueryEscape(key))))
		if err != nil {
			t.Fatal(err)
		}
		if len(n.Created) != 1 || n.Created[0].Key != key {
			t.Errorf("%q becomes %q", key, n.Created)
		}
	})
}
