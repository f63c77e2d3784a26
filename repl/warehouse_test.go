//go:build cgo && duckdb_arrow

package repl

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/duck"
)

const (
	sampleArchive = "../testdata/sample"
	sharedRecords = "../../shared/data/records"
)

// warehouse is an engine, and the folder that it reads earlier results from.
type warehouse struct {
	engine.Engine
	results string
}

// warehouseOf makes a warehouse of these sources.
func warehouseOf(t testing.TB, sources ...string) warehouse {
	t.Helper()
	c, err := catalog.Create(t.Context(), filepath.Join(t.TempDir(), "warehouse"), catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := convert.Run(t.Context(), convert.Options{Catalog: c, Sources: sources}); err != nil {
		t.Fatal(err)
	}
	results := t.TempDir()
	e, err := duck.Open(t.Context(), duck.Options{Catalog: c, TempDir: t.TempDir(), ResultDir: results})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return warehouse{e, results}
}

// run is what a session on a screen of so many columns answers to an input.
func run(t *testing.T, w warehouse, columns int, inputs ...string) string {
	t.Helper()
	var screen recorder
	o := testOptions(t, w.Engine, &screen)
	o.ResultDir = w.results
	o.Screen.Size = func() (int, int) { return columns, 24 }
	o.Settings = map[string]string{"pager": "off"}
	s := newTestSession(t, o)
	for _, in := range inputs {
		if err := s.Execute(t.Context(), in); err != nil {
			s.reportError(err)
		}
	}
	text := screen.String()
	checkHarmless(t, text)
	return text
}

// squeezed has one space for many: how wide a column is does not matter here.
func squeezed(text string) string { return strings.Join(strings.Fields(text), " ") }

// sizes of files hang on the length of the path that the archive is at, which is
// in each row.
var sizes = regexp.MustCompile(`\b(\d{5}( │\n)|[\d.]+( kB))`)

// TestWarehouse runs the scripts in testdata/warehouse on testdata/sample.
func TestWarehouse(t *testing.T) {
	scripts, err := filepath.Glob("testdata/warehouse/*.session")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	e := warehouseOf(t, sampleArchive)
	for _, name := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".session"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if len(archive.Files) != 2 || archive.Files[0].Name != "in" || archive.Files[1].Name != "out" {
				t.Fatal("a script has the parts in and out")
			}
			var got strings.Builder
			for line := range strings.Lines(string(archive.Files[0].Data)) {
				fmt.Fprintf(&got, "trailql> %s%s", line, sizes.ReplaceAllString(run(t, e, 100, line), "#####$2$3"))
			}
			if *update {
				archive.Files[1].Data = []byte(got.String())
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), got.String()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

// record is a CloudTrail record of a test.
type record map[string]any

// event is a call by somebody, with the fields that differ.
func event(id, at, source, name string, by record, more record) record {
	r := record{
		"eventVersion": "1.08", "eventID": id, "eventTime": at, "eventSource": source, "eventName": name, "awsRegion": "eu-west-1",
		"sourceIPAddress": "198.51.100.7", "userAgent": "aws-cli", "eventType": "AwsApiCall", "recipientAccountId": "111122223333", "userIdentity": by,
	}
	for k, v := range more {
		r[k] = v
	}
	return r
}

func user(name, key string) record {
	return record{"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/" + name, "accountId": "111122223333", "accessKeyId": key, "userName": name}
}

func role(name, session, key string) record {
	return record{"type": "AssumedRole", "arn": "arn:aws:sts::111122223333:assumed-role/" + name + "/" + session, "accountId": "111122223333", "accessKeyId": key,
		"sessionContext": record{"attributes": record{"creationDate": "2026-01-02T10:00:00Z", "mfaAuthenticated": "false"}}}
}

// assumes is the event that made a key.
func assumes(id, at string, by record, name, key string) record {
	return event(id, at, "sts.amazonaws.com", "AssumeRole", by, record{"responseElements": record{
		"credentials":     record{"accessKeyId": key, "expiration": "…"},
		"assumedRoleUser": record{"arn": "arn:aws:sts::111122223333:assumed-role/" + name + "/s"},
	}})
}

// creates is the event that made a key that lasts.
func creates(id, at string, by record, name, key string) record {
	return event(id, at, "iam.amazonaws.com", "CreateAccessKey", by, record{
		"requestParameters": record{"userName": name},
		"responseElements":  record{"accessKey": record{"userName": name, "accessKeyId": key, "status": "Active"}},
	})
}

// TestCreatedKeys: a key that lasts comes from somewhere, too.
func TestCreatedKeys(t *testing.T) {
	profile := func(id, at string, more record) record {
		return event(id, at, "iam.amazonaws.com", "CreateLoginProfile", role("build", "s", firstKey), more)
	}
	e := warehouseOf(t, archiveOf(t,
		assumes("e1", "2026-01-02T10:00:00Z", user("eve", userKey), "build", firstKey),
		creates("e2", "2026-01-02T10:05:00Z", role("build", "s", firstKey), "backdoor", ownKey),
		profile("e3", "2026-01-02T10:06:00Z", record{"responseElements": record{"loginProfile": record{"userName": "backdoor"}}}),
		profile("e4", "2026-01-02T10:07:00Z", record{"errorCode": "AccessDenied"}),
		creates("e5", "2026-01-02T10:08:00Z", user("backdoor", ownKey), "other"+hostile, unusedKey),
		event("e6", "2026-01-02T10:09:00Z", "iam.amazonaws.com", "CreateServiceSpecificCredential", user("backdoor", ownKey),
			record{"responseElements": record{"serviceSpecificCredential": record{"userName": "backdoor", "serviceName": "codecommit.amazonaws.com"}}}),
	))
	tests := []struct{ name, key, want string }{
		{"made with a temporary one", ownKey, `
IAMUser arn:aws:iam::111122223333:user/eve  key AKIAIOSFODNN7EXAMPLE
  2026-01-02T10:00:00Z AssumeRole  from 198.51.100.7  event e1
  -> arn:aws:sts::111122223333:assumed-role/build/s  key ASIAFIRST00000000000
     3 events, 1 denied, 2026-01-02T10:05:00Z … 2026-01-02T10:07:00Z, from 198.51.100.7
    2026-01-02T10:05:00Z CreateAccessKey  from 198.51.100.7  MFA no  event e2
    -> user backdoor  key AKIABACKDOOR00000000  <- asked for
       2 events, 2026-01-02T10:08:00Z … 2026-01-02T10:09:00Z, from 198.51.100.7
      2026-01-02T10:08:00Z CreateAccessKey  from 198.51.100.7  event e5
      -> user other␛]52;c;Y3VybA==␇␛[2J\u{202e}evil\x9b31m␊row  key AKIAUNUSED0000000000
         not used in the archive
      2026-01-02T10:09:00Z CreateServiceSpecificCredential  from 198.51.100.7  event e6
      -> user backdoor  a password for a service
`},
		{"whose session made them", firstKey, `
IAMUser arn:aws:iam::111122223333:user/eve  key AKIAIOSFODNN7EXAMPLE
  2026-01-02T10:00:00Z AssumeRole  from 198.51.100.7  event e1
  -> arn:aws:sts::111122223333:assumed-role/build/s  key ASIAFIRST00000000000  <- asked for
     3 events, 1 denied, 2026-01-02T10:05:00Z … 2026-01-02T10:07:00Z, from 198.51.100.7
    2026-01-02T10:05:00Z CreateAccessKey  from 198.51.100.7  MFA no  event e2
    -> user backdoor  key AKIABACKDOOR00000000
       2 events, 2026-01-02T10:08:00Z … 2026-01-02T10:09:00Z, from 198.51.100.7
      2026-01-02T10:08:00Z CreateAccessKey  from 198.51.100.7  event e5
      -> user other␛]52;c;Y3VybA==␇␛[2J\u{202e}evil\x9b31m␊row  key AKIAUNUSED0000000000
         not used in the archive
      2026-01-02T10:09:00Z CreateServiceSpecificCredential  from 198.51.100.7  event e6
      -> user backdoor  a password for a service
    2026-01-02T10:06:00Z CreateLoginProfile  from 198.51.100.7  MFA no  event e3
    -> user backdoor  a password for the console
`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, "\n"+run(t, e, 200, ".session "+tt.key)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for key, want := range map[string]string{
		ownKey:    "  made       for user backdoor by arn:aws:sts::111122223333:assumed-role/build/s at 2026-01-02T10:05:00Z, event e2\n",
		unusedKey: "by arn:aws:iam::111122223333:user/backdoor at 2026-01-02T10:08:00Z, event e5)\n",
	} {
		if got := run(t, e, 200, ".who "+key); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if got := run(t, e, 200, ".session "+unusedKey); !strings.Contains(got, "key AKIAUNUSED0000000000  <- asked for\n         not used in the archive\n") {
		t.Error(got)
	}
}

// archiveOf writes records as a log file, and returns its folder.
func archiveOf(t *testing.T, records ...record) string {
	t.Helper()
	text, err := json.Marshal(map[string]any{"Records": records})
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "log.json"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	return folder
}

const (
	userKey   = "AKIAIOSFODNN7EXAMPLE"
	firstKey  = "ASIAFIRST00000000000"
	secondKey = "ASIASECOND0000000000"
	thirdKey  = "ASIATHIRD00000000000"
	forgedKey = "ASIAFORGED0000000000"
	ownKey    = "AKIABACKDOOR00000000"
	unusedKey = "AKIAUNUSED0000000000"
)

func TestSessionChain(t *testing.T) {
	e := warehouseOf(t, archiveOf(t,
		assumes("e1", "2026-01-02T10:00:00Z", user("eve", userKey), "build", firstKey),
		assumes("e2", "2026-01-02T10:05:00Z", role("build", "s", firstKey), "deploy", secondKey),
		event("e3", "2026-01-02T10:06:00Z", "s3.amazonaws.com", "ListBuckets", role("deploy", "s", secondKey), record{"errorCode": "AccessDenied"}),
		event("e4", "2026-01-02T10:07:00Z", "s3.amazonaws.com", "ListBuckets", role("deploy", "s", secondKey), nil),
		assumes("e5", "2026-01-02T10:08:00Z", role("deploy", "s", secondKey), "backup", thirdKey),
		assumes("e6", "2026-01-02T11:00:00Z", role("loop", hostile, forgedKey), "loop"+hostile, forgedKey),
	))
	tests := []struct{ name, key, want string }{
		{"in the middle", secondKey, `
IAMUser arn:aws:iam::111122223333:user/eve  key AKIAIOSFODNN7EXAMPLE
  2026-01-02T10:00:00Z AssumeRole  from 198.51.100.7  event e1
  -> arn:aws:sts::111122223333:assumed-role/build/s  key ASIAFIRST00000000000
     1 event, 2026-01-02T10:05:00Z … 2026-01-02T10:05:00Z, from 198.51.100.7
    2026-01-02T10:05:00Z AssumeRole  from 198.51.100.7  MFA no  event e2
    -> arn:aws:sts::111122223333:assumed-role/deploy/s  key ASIASECOND0000000000  <- asked for
       3 events, 1 denied, 2026-01-02T10:06:00Z … 2026-01-02T10:08:00Z, from 198.51.100.7
      2026-01-02T10:08:00Z AssumeRole  from 198.51.100.7  MFA no  event e5
      -> arn:aws:sts::111122223333:assumed-role/backup/s  key ASIATHIRD00000000000
         not used in the archive
`},
		{"of a user", userKey, `
IAMUser arn:aws:iam::111122223333:user/eve  key AKIAIOSFODNN7EXAMPLE  <- asked for
  1 event, 2026-01-02T10:00:00Z … 2026-01-02T10:00:00Z, from 198.51.100.7
  2026-01-02T10:00:00Z AssumeRole  from 198.51.100.7  event e1
  -> arn:aws:sts::111122223333:assumed-role/build/s  key ASIAFIRST00000000000
     1 event, 2026-01-02T10:05:00Z … 2026-01-02T10:05:00Z, from 198.51.100.7
    2026-01-02T10:05:00Z AssumeRole  from 198.51.100.7  MFA no  event e2
    -> arn:aws:sts::111122223333:assumed-role/deploy/s  key ASIASECOND0000000000
       3 events, 1 denied, 2026-01-02T10:06:00Z … 2026-01-02T10:08:00Z, from 198.51.100.7
      2026-01-02T10:08:00Z AssumeRole  from 198.51.100.7  MFA no  event e5
      -> arn:aws:sts::111122223333:assumed-role/backup/s  key ASIATHIRD00000000000
         not used in the archive
`},
		{"nobody's", "ASIANOBODY0000000000", "\n(no event has the key ASIANOBODY0000000000)\n"},
		{"no key", "eve", "\n! error: eve is no access key such as ASIA… or AKIA… (.who looks for names and addresses)\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, "\n"+run(t, e, 200, ".session "+tt.key)); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("a circle", func(t *testing.T) {
		got := run(t, e, 200, ".session "+forgedKey)
		if !strings.Contains(got, "a key came from itself") || strings.Count(got, "AssumeRole") > 2 {
			t.Error(got)
		}
	})
	t.Run("outside the window", func(t *testing.T) {
		got := run(t, e, 200, ".window 2026-01-02T10:05:30Z", ".session "+secondKey)
		if !strings.Contains(got, "The record that made this key is not in the archive in the window 2026-01-02T10:05:30Z") || !strings.Contains(got, "session began 2026-01-02T10:00:00Z") {
			t.Error(got)
		}
	})
}

// TestSessionOfStolenKey is a story of real records: an instance's key that was
// used from elsewhere, and a role that a user took on.
func TestSessionOfStolenKey(t *testing.T) {
	records := filepath.Join(sharedRecords, "stratus-red-team")
	if _, err := os.Stat(records); err != nil {
		t.Skipf("no shared data: %v", err)
	}
	got := run(t, warehouseOf(t, records), 200, ".session ASIA4URVX2JM5MT0ZGK8")
	for _, want := range []string{
		"IAMUser arn:aws:iam::321848314756:user/christophe  key AKIAMJ2320ZAXACWCPJI\n",
		"  2024-07-31T19:52:33Z AssumeRole  from 255.18.064.253  event eebae605-3664-4560-a248-17d33f9ef6ef\n",
		"key ASIA4URVX2JM5MT0ZGK8  <- asked for\n     15 events, 15 denied, ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

func TestWho(t *testing.T) {
	e := warehouseOf(t, archiveOf(t,
		event("e1", "2026-01-02T10:00:00Z", "iam.amazonaws.com", "ListUsers", user("eve", userKey), record{"errorCode": "AccessDenied"}),
		event("e2", "2026-01-02T10:00:05Z", "iam.amazonaws.com", "ListUsers", user("eve", userKey), record{"userAgent": hostile}),
		event("e3", "2026-01-03T10:00:00Z", "s3.amazonaws.com", "ListBuckets", user("eve", userKey), record{"sourceIPAddress": "2001:db8::1"}),
		event("e4", "2026-01-03T11:00:00Z", "s3.amazonaws.com", "ListBuckets", role("deploy", "eve", firstKey), nil),
		event("e5", "2026-01-03T12:00:00Z", "signin.amazonaws.com", "ConsoleLogin", record{"type": "Root", "arn": "arn:aws:iam::111122223333:root", "accountId": "111122223333"},
			record{"responseElements": record{"ConsoleLogin": "Failure"}}),
		event("e6", "2026-01-04T10:00:00Z", "ec2.amazonaws.com", "CreateTags", record{"type": "IAMUser", "userName": "svc", "accountId": "444455556666"},
			record{"sourceIPAddress": "cloudformation.amazonaws.com", "recipientAccountId": "444455556666", "userAgent": "Boto3/1.0 " + strings.Repeat("x", 60) + " one"}),
		event("e7", "2026-01-04T10:00:00Z", "logs.amazonaws.com", "CreateTags", record{"type": "IAMUser", "userName": "svc", "accountId": "444455556666"},
			record{"sourceIPAddress": "035.249.253.232", "recipientAccountId": "444455556666", "userAgent": "Boto3/1.0 " + strings.Repeat("x", 60) + " two"}),
	))
	tests := []struct {
		name, who string
		want      []string
	}{
		{"a name", "eve", []string{"name: eve\n", "  seen       2026-01-02T10:00:00Z … 2026-01-03T11:00:00Z, on 2 days\n", "  events     4 of 2 actions; 1 denied, 1 with an error\n", "  keys       " + userKey + " (3), " + firstKey + " (1)\n"}},
		{"a key", userKey, []string{"access key: " + userKey, "  events     3 of 2 actions", "  addresses  198.51.100.7 (2), 2001:db8::1 (1)\n"}},
		{"a temporary key", firstKey, []string{"temporary access key: ", "  events     1 of 1 action"}},
		{"an address", "2001:db8::1", []string{"address: 2001:db8::1", "  events     1 of 1 action"}},
		{"a user", "arn:aws:iam::111122223333:user/eve", []string{"principal: ", "  events     3 of 2 actions"}},
		{"an account", "111122223333", []string{"account: ", "  events     5 of 3 actions; 2 denied, 1 with an error"}},
		{"root", "Root", []string{"root users: Root", "1 denied", "ConsoleLogin"}},
		{"everything", "-v eve", []string{"2026-01-02T10:00:00Z", "2026-01-02T10:00:05Z", "e4"}},
		{"a network", "198.51.100.0/24", []string{"network: 198.51.100.0/24\n", "  events     4 of 3 actions"}},
		{"a network of one address", "2001:db8::1/128", []string{"network: 2001:db8::1/128\n", "  events     1 of 1 action"}},
		{"a network of nobody", "10.8.8.10/32", []string{"(no events of network 10.8.8.10/32)\n"}},
		{"no network", "10.8.8.10/33", []string{"error: 10.8.8.10/33 is no network: use an address and the length of its prefix"}},
		{"actions of two services", "svc", []string{"  events     2 of 2 actions", "  agents     Boto3/1.0 "}},
		{"nobody", "mallory'; DROP", []string{"(no events of name mallory'; DROP)\n"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := run(t, e, 200, ".who "+tt.who)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
		})
	}
	t.Run("a network among services", func(t *testing.T) { // their names lie in dictionaries
		sample := warehouseOf(t, sampleArchive)
		events := regexp.MustCompile(`│ +(\d+) │\n└`).FindStringSubmatch(run(t, sample, 200, "SELECT count(*) FROM cloudtrail_logs WHERE sourceipaddress LIKE '203.0.113.%';"))
		if got := run(t, sample, 200, ".who 203.0.113.99/24"); !strings.Contains(got, "network: 203.0.113.0/24\n") || !strings.Contains(got, "  events     "+events[1]+" of ") {
			t.Errorf("not %s events in\n%s", events[1], got)
		}
	})
	t.Run("in the window", func(t *testing.T) {
		got := run(t, e, 200, ".window 2026-01-03", ".who "+userKey)
		if !strings.Contains(got, "events     1 of 1 action") {
			t.Error(got)
		}
	})
}

func TestEvent(t *testing.T) {
	records := map[string]record{
		"e1": event("e1", "2026-01-02T10:00:00Z", "iam.amazonaws.com", "ListUsers", user("eve", userKey), record{
			"userAgent": hostile, "requestParameters": record{"n": 1.5, "text": "\u202e\x7f"}, "responseElements": nil,
		}),
		"e2": event("e2", "2026-01-02T10:00:00Z", "iam.amazonaws.com", "ListUsers", user("eve", userKey), record{"somethingNew": []any{true}, "responseElements": nil, "requestParameters": nil}),
	}
	e := warehouseOf(t, archiveOf(t, records["e1"], records["e2"]))
	for id, want := range records {
		t.Run(id, func(t *testing.T) {
			got := run(t, e, 80, ".event "+id)
			var document, original any
			if err := json.Unmarshal([]byte(got), &document); err != nil {
				t.Fatalf("%v in\n%s", err, got)
			}
			text, err := json.Marshal(want)
			if err == nil {
				err = json.Unmarshal(text, &original)
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(original, document); diff != "" {
				t.Error(diff)
			}
		})
	}
	if got := run(t, e, 80, ".window 2027-01-01", ".event e1"); !strings.Contains(got, "(no event e1 in the window 2027-01-01T00:00Z … now; .window off looks everywhere)") {
		t.Error(got)
	}
}

func TestCoverageOfArchive(t *testing.T) {
	by := user("eve", userKey)
	e := warehouseOf(t, archiveOf(t,
		event("e1", "2026-01-02T10:00:00Z", "s3.amazonaws.com", "ListBuckets", by, nil),
		event("e2", "2026-01-05T10:00:00Z", "s3.amazonaws.com", "ListBuckets", by, nil),
		event("e3", "2026-01-03T10:00:00Z", "s3.amazonaws.com", "ListBuckets", by, record{"awsRegion": "us-west-2"}),
	))
	got := squeezed(run(t, e, 160, ".coverage"))
	for _, want := range []string{
		"2026-01-02 … 2026-01-05 (4 days); in activity a sign is 1 day",
		"│ 111122223333 │ (all) │ 2026-01-02 │ 2026-01-05 │ 3 │ 1 │ 3 │ ██·█ │ 2026-01-04 │",
		"│ 111122223333 │ eu-west-1 │ 2026-01-02 │ 2026-01-05 │ 2 │ 2 │ 2 │ █··█ │ 2026-01-03…2026-01-04 (2) │",
		"│ 111122223333 │ us-west-2 │ 2026-01-03 │ 2026-01-03 │ 1 │ 2 │ 1 │ ·█·· │ since 2026-01-04 │",
		"! note: account 111122223333 has no events of us-east-1",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if got := run(t, e, 160, ".window 2026-02-01", ".coverage"); !strings.Contains(got, "(no events in the window") {
		t.Error(got)
	}
}

func TestSummary(t *testing.T) {
	e := warehouseOf(t, sampleArchive)
	got := squeezed(run(t, e, 400, ".summary cloudtrail_logs"))
	for _, want := range []string{"cloudtrail_logs: 1,197 rows", "│ useridentity.sessioncontext.sessionissuer.username ", "│ us-east-1 (53 %), us-west-2 (29 %), eu-west-1 (18 %) ", "│ requestparameters "} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	got = squeezed(run(t, e, 400, "SELECT eventname, useridentity FROM cloudtrail_logs WHERE eventname = 'ListBuckets';", ".summary _"))
	if !strings.Contains(got, "│ eventname │ 0 % │ 1 │ ListBuckets │ ListBuckets │ ListBuckets (100 %) │") || !strings.Contains(got, "│ useridentity.arn ") {
		t.Error(got)
	}
	t.Run("counts are exact", func(t *testing.T) {
		got := squeezed(run(t, e, 400, "SELECT count(DISTINCT eventid) AS n, count(DISTINCT requestid) AS r FROM cloudtrail_logs;", ".summary cloudtrail_logs"))
		counts := regexp.MustCompile(`│ (\d+) │ (\d+) │`).FindStringSubmatch(got)
		for i, column := range []string{"eventid", "requestid"} {
			if !regexp.MustCompile(`│ ` + column + ` │ \S+ % │ ` + counts[i+1] + ` │`).MatchString(got) {
				t.Errorf("%s has not %s in\n%s", column, counts[i+1], got)
			}
		}
	})
	t.Run("the most frequent of few", func(t *testing.T) {
		got := squeezed(run(t, e, 400, "SELECT * FROM (VALUES ('a', 'x'), ('b', 'x'), ('c', 'y'), ('d', 'z'), ('e', 'z'), ('f', NULL)) AS t (differ, repeat);", ".summary _"))
		for _, want := range []string{"│ differ │ 0 % │ 6 │ a │ f │ a (17 %), b (17 %), c (17 %) │", "│ repeat │ 17 % │ 3 │ x │ z │ x (33 %), z (33 %), y (17 %) │"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in\n%s", want, got)
			}
		}
	})
	t.Run("long values", func(t *testing.T) {
		query := "SELECT '" + strings.Repeat("é", 150) + "' AS v;"
		long := strings.Repeat("é", 100)
		if got := run(t, e, 800, query, ".summary _"); !strings.Contains(got, long+"… │") || !strings.Contains(got, long+"… (100 %)") || strings.Contains(got[strings.Index(got, "most_frequent"):], long+"é") {
			t.Error(got)
		}
		if got := run(t, e, 800, query, ".mode csv", ".summary _"); strings.Count(got, long+strings.Repeat("é", 50)) != 4 {
			t.Error(got)
		}
	})
	if got := run(t, e, 80, ".summary cloudtrail_log"); !strings.Contains(got, "did you mean cloudtrail_logs?") {
		t.Error(got)
	}
}

func TestDiff(t *testing.T) {
	e := warehouseOf(t, sampleArchive)
	view := "CREATE OR REPLACE VIEW v AS SELECT * FROM (VALUES "
	got := run(t, e, 80,
		view+"(1, 'same'), (2, 'old'), (2, 'old'), (3, NULL)) AS t (a, b);", ".diff SELECT * FROM v", ".diff SELECT * FROM v;",
		view+"(1, 'same'), (2, 'old'), (4, NULL)) AS t (a, b);", ".diff SELECT * FROM v", ".diff SELECT a FROM v")
	got = squeezed(got)
	for _, want := range []string{
		"remembered 4 rows", "(the same 4 rows as 2026-10-31T14:03:22Z)", "1 new, 2 gone since 2026-10-31T14:03:22Z",
		"│ + │ 4 │ │ │ - │ 2 │ old │ │ - │ 3 │ │", "remembered 3 rows",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	got = run(t, e, 80, ".save regions SELECT DISTINCT awsregion FROM cloudtrail_logs WHERE eventsource = $source", ".diff regions source=iam.amazonaws.com", ".diff regions source=iam.amazonaws.com", ".diff regions source=s3.amazonaws.com")
	if strings.Count(got, "remembered") != 2 || strings.Count(got, "(the same ") != 1 {
		t.Error(got)
	}
}

func TestExplain(t *testing.T) {
	e := warehouseOf(t, sampleArchive)
	tests := []struct {
		name, input string
		want        []string
	}{
		{"everything", ".explain SELECT count(*)", []string{"Runs as\n", " in 9 of 9 files, 9 of 9 partitions", "READ_PARQUET"}},
		{"a part", ".explain SELECT * FROM cloudtrail_logs WHERE region = 'eu-west-1';", []string{"in 3 of 9 files, 3 of 9 partitions"}},
		{"in the window", ".window 2025-06-02 2025-06-03\n.explain SELECT * FROM cloudtrail_logs", []string{"3 of 9 partitions"}},
		{"analyze", ".explain analyze SELECT count(*) FROM cloudtrail_logs", []string{"Total Time"}},
		{"the last statement", "SELECT 1;\n.explain", []string{"DUMMY_SCAN"}},
		{"a mistake", ".explain SELECT wrng FROM cloudtrail_logs", []string{"! error: line 1:8: column \"wrng\"", "!          ^^^^"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := run(t, e, 120, tt.input)
			for _, want := range tt.want {
				if !strings.Contains(got, want) {
					t.Errorf("no %q in\n%s", want, got)
				}
			}
		})
	}
}

// TestCompleteFromWarehouse: what the engine knows is proposed once it was
// loaded, and views that come later, too.
func TestCompleteFromWarehouse(t *testing.T) {
	e := warehouseOf(t, sampleArchive)
	var screen recorder
	o := testOptions(t, e.Engine, &screen)
	o.ResultDir = e.results
	s := newTestSession(t, o)
	complete := func(text string) []string {
		t.Helper()
		var first []string
		for range 2 { // what is not known yet is being loaded
			first = nil
			for _, item := range s.Complete(text, len(text), true).Items {
				first = append(first, item.Text)
			}
			s.schema.running.Wait()
		}
		return first
	}
	if err := s.Execute(t.Context(), `CREATE VIEW who_did AS SELECT useridentity.arn AS principal, eventname FROM cloudtrail_logs;`); err != nil {
		t.Fatal(err)
	}
	if err := s.Execute(t.Context(), "CREATE VIEW evil AS SELECT 1 AS \"a\x1b[2J\u202e\";"); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, text, want string }{
		{"values of a column", "select * where eventsource = 'iam", "'iam.amazonaws.com'"},
		{"values of a member", "select * where useridentity.type = 'Ro", "'Root'"},
		{"values of a virtual column", "select * from cloudtrail_logs where month = '0", "'06'"},
		{"values of a view", "select * from who_did where eventname = 'ListB", "'ListBuckets'"},
		{"a view", "select * from who_", "who_did"},
		{"columns of a view", "select princ| from who_did", "principal"},
		{"tables of a command", ".schema who_", "who_did"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text, rest, _ := strings.Cut(tt.text, "|")
			got := complete(text)
			if rest != "" {
				got = nil
				for _, item := range s.Complete(text+rest, len(text), true).Items {
					got = append(got, item.Text)
				}
			}
			if len(got) == 0 || got[0] != tt.want {
				t.Errorf("got %q, want %q first", got[:min(len(got), 5)], tt.want)
			}
		})
	}
	if got := complete("select * from evil e where e."); len(got) > 0 {
		t.Errorf("proposed %q", got)
	}
	if got := complete("select * where eventid = '"); len(got) == 0 || len(got) > 100 {
		t.Errorf("%d event IDs", len(got))
	}
	t.Run("columns of the last result", func(t *testing.T) {
		if err := s.Execute(t.Context(), "SELECT eventname AS what_it_was FROM cloudtrail_logs LIMIT 1;"); err != nil {
			t.Fatal(err)
		}
		complete("select 1 ")
		c := s.Complete("select what_ from _", len("select what_"), true)
		if len(c.Items) == 0 || c.Items[0].Text != "what_it_was" {
			t.Errorf("got %v", c.Items)
		}
	})
	t.Run("hostile names are shown as what they are", func(t *testing.T) {
		for _, in := range []string{".schema evil", ".columns [2j", ".summary evil"} {
			if err := s.Execute(t.Context(), in); err != nil {
				t.Error(err)
			}
		}
		checkHarmless(t, screen.String())
		if !strings.Contains(screen.String(), "a␛[2J") {
			t.Error(screen.String())
		}
	})
}
