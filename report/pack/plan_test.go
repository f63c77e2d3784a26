//go:build cgo && duckdb_arrow

package pack_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/trailql/trailql/report/pack"
)

func TestPlanBounds(t *testing.T) {
	l := builtIn(t)
	list := series(t, "2025-06-01T00:00:00Z", 3, 12*time.Hour, same(call("s3", "GetBucketAcl", denied)))
	list[1]["recipientAccountId"] = "222222222222"
	list[1]["awsRegion"] = "us-east-1"
	query := records(t, list...)
	day := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		name    string
		options pack.PlanOptions
		want    int
	}{
		{"a day, half open", pack.PlanOptions{From: day, To: day.AddDate(0, 0, 1)}, 2},
		{"from noon", pack.PlanOptions{From: day.Add(12 * time.Hour), To: day.AddDate(0, 0, 2)}, 2},
		{"after noon", pack.PlanOptions{From: day.Add(12*time.Hour + 1000), To: day.AddDate(0, 0, 2)}, 1},
		{"in another zone", pack.PlanOptions{From: day.In(time.FixedZone("", 7200)), To: day.AddDate(0, 0, 1)}, 2},
		{"an account", pack.PlanOptions{From: day, To: day.AddDate(0, 0, 2), Accounts: []string{"222222222222"}}, 1},
		{"regions", pack.PlanOptions{From: day, To: day.AddDate(0, 0, 2), Regions: []string{"us-east-1", "x' OR true --"}}, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.options.Rules = []string{"DENIED"}
			if events, _ := run(t, l, query, test.options); len(events) != test.want {
				t.Errorf("%d events instead of %d", len(events), test.want)
			}
		})
	}
}

func TestPlanRefuses(t *testing.T) {
	l := builtIn(t)
	for _, test := range []struct {
		change func(*pack.PlanOptions)
		want   string
	}{
		{func(o *pack.PlanOptions) { o.Packs = []pack.Selection{{Pack: "gone"}} }, `unknown pack "gone"`},
		{func(o *pack.PlanOptions) { o.Packs = []pack.Selection{{Pack: "soc2", Version: "1999"}} }, `unknown version "1999"`},
		{func(o *pack.PlanOptions) { o.Rules = []string{"GONE"} }, `unknown rule "GONE"`},
		{func(o *pack.PlanOptions) { o.Params = map[string]any{"gone": 1} }, "none of that name"},
		{func(o *pack.PlanOptions) { o.Params = map[string]any{"denied_calls": "many"} }, "no whole number"},
		{func(o *pack.PlanOptions) { o.To = o.From }, "is empty"},
	} {
		o := ever
		test.change(&o)
		_, err := l.Plan(o)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v instead of %s", err, test.want)
		}
		if strings.HasPrefix(test.want, "unknown") && !errors.Is(err, pack.ErrUnknown) {
			t.Errorf("%v is not ErrUnknown", err)
		}
	}
}

// TestPlanOfPacksThatDisagree: a pack that leaves a parameter alone means its default.
func TestPlanOfPacksThatDisagree(t *testing.T) {
	one := func(id, params string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("pack: {id: " + id + ", title: A, params: " + params + ", controls: [{id: a, title: A, kind: exception, severity: low, rules: DENIED}]}")}
	}
	l, err := pack.Load(pack.BuiltIn(), fstest.MapFS{"a.yaml": one("plain", "{}"), "b.yaml": one("same", "{objects_deleted: 50}"), "c.yaml": one("lax", "{objects_deleted: 100000}")})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		packs  []pack.Selection
		params map[string]any
		want   bool
	}{
		{[]pack.Selection{{Pack: "plain"}, {Pack: "same"}}, nil, true},
		{[]pack.Selection{{Pack: "plain"}, {Pack: "lax"}}, nil, false},
		{[]pack.Selection{{Pack: "lax"}, {Pack: "plain"}}, nil, false},
		{[]pack.Selection{{Pack: "lax"}, {Pack: "plain"}}, map[string]any{"objects_deleted": 7}, true},
	} {
		o := ever
		o.Packs, o.Params = test.packs, test.params
		if _, err := l.Plan(o); (err == nil) != test.want {
			t.Errorf("%v with %v: %v", test.packs, test.params, err)
		}
	}
}

func TestWhatCannotBeAssessedIsSaid(t *testing.T) {
	l := builtIn(t)
	o := ever
	o.Rules = []string{"GAP", "DIGEST", "DATA-READ", "LEAVER", "DENIED"}
	p, err := l.Plan(o)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range o.Rules[:4] {
		if p.NotAssessed[id] == "" {
			t.Errorf("rule %s passes for assessed", id)
		}
	}
	if p.NotAssessed["DENIED"] != "" {
		t.Error(p.NotAssessed["DENIED"])
	}
}

// TestEvidence: every row says who, what, when, where from, on what, with which
// outcome, and where in the archive it stands.
func TestEvidence(t *testing.T) {
	l := builtIn(t)
	o := ever
	o.Rules = []string{"S3-POLICY"}
	query := records(t, caseRecord(t, 1, ruleCase{record: request("s3", "DeleteBucketPolicy", `{"bucketName":"b\"]"}`)}))
	events, _ := run(t, l, query, o)
	if len(events) != 1 {
		t.Fatalf("%d events", len(events))
	}
	want := map[string]string{"event_time": "2025-06-01T10:00:00Z", "account_id": "111111111111", "region": "eu-west-1",
		"actor": "arn:aws:iam::111111111111:user/alice", "actor_type": "IAMUser", "access_key_id": "AKIAIOSFODNN7EXAMPLE", "source_ip": "203.0.113.9",
		"user_agent": "aws-cli/2", "event_source": "s3.amazonaws.com", "event_name": "DeleteBucketPolicy", "resource": `b"]`, "outcome": "success",
		"log_index": "0"}
	for column, value := range want {
		if got := events[0].Value(column); got != value {
			t.Errorf("%s is %q", column, got)
		}
	}
	if !strings.HasSuffix(events[0].Value("log_object"), "records.json") || len(events[0].Value("log_sha256")) != 64 {
		t.Errorf("from %s, %s", events[0].Value("log_object"), events[0].Value("log_sha256"))
	}
	if got := events[0].Taken[0].Columns["bucket"]; got != `b"]` {
		t.Errorf("bucket %q", got)
	}
}

func TestInfer(t *testing.T) {
	l := builtIn(t)
	service := `"userIdentity":{"type":"AWSService","invokedBy":"cloudtrail.amazonaws.com"},`
	var list []map[string]any
	for i, record := range []string{
		call("cloudtrail", "CreateTrail", `"requestParameters":{"s3BucketName":"the-trail","kmsKeyId":"alias/trail"},"responseElements":{"s3BucketName":"the-trail","kmsKeyId":"arn:aws:kms:eu-west-1:111111111111:key/1","cloudWatchLogsLogGroupArn":"arn:aws:logs:eu-west-1:111111111111:log-group:trail-group:*"}`),
		call("cloudtrail", "GetTrail", `"responseElements":{"trail":{"s3BucketName":"got"}}`),
		call("cloudtrail", "DescribeTrails", `"responseElements":{"trailList":[{"s3BucketName":"described","kmsKeyId":"k2"},{"s3BucketName":"described-2"}]}`),
		call("s3", "PutObject", service+`"requestParameters":{"bucketName":"delivered","key":"AWSLogs/111111111111/CloudTrail/eu-west-1/a.json.gz"}`),
		call("s3", "PutObject", service+`"requestParameters":{"bucketName":"lake-results","key":"a/result.csv.gz"}`),
		call("s3", "GetBucketAcl", service+`"requestParameters":{"bucketName":"asked"}`),
		call("kms", "GenerateDataKey", service+`"requestParameters":{"keyId":"k3"}`),
		call("logs", "CreateLogStream", service+`"requestParameters":{"logGroupName":"streamed"}`),
		call("s3", "PutObject", `"requestParameters":{"bucketName":"mine","key":"AWSLogs/1/CloudTrail/x"}`),
		call("cloudtrail", "UpdateTrail", denied+`,"requestParameters":{"s3BucketName":"tried"}`),
	} {
		list = append(list, caseRecord(t, i, ruleCase{record: record}))
	}
	all, err := l.Infer(t.Context(), records(t, list...), []map[string]any{{"trail_buckets": []any{"other"}}})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][]string{
		"trail_buckets":    {"asked", "delivered", "described", "described-2", "got", "other", "the-trail"},
		"trail_keys":       {"alias/trail", "arn:aws:kms:eu-west-1:111111111111:key/1", "k2", "k3"},
		"trail_log_groups": {"streamed", "trail-group"},
		"archive_accounts": {"111111111111"},
	} {
		if got := all[0][name].([]string); !slices.Equal(got, want) {
			t.Errorf("%s: %v instead of %v", name, got, want)
		}
	}
}

// TestUnknownTrail: where nobody knows the bucket of the trail, what is taken of it says
// nothing.
func TestUnknownTrail(t *testing.T) {
	l := builtIn(t)
	for _, test := range []struct {
		params map[string]any
		want   bool
	}{{nil, true}, {map[string]any{"trail_buckets": []string{"b"}}, false}} {
		o := ever
		o.Rules, o.Params = []string{"TRAIL-BUCKET", "TRAIL-LIFECYCLE", "LOG-READ"}, test.params
		p, err := l.Plan(o)
		if err != nil {
			t.Fatal(err)
		}
		for _, id := range o.Rules {
			if (p.NotAssessed[id] != "") != test.want {
				t.Errorf("%s with %v: %q", id, test.params, p.NotAssessed[id])
			}
		}
	}
}
