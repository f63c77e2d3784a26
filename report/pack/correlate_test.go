//go:build cgo && duckdb_arrow

package pack_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/trailql/trailql/report/pack"
)

// series are n calls, step apart, each with its own id.
func series(t *testing.T, start string, n int, step time.Duration, record func(i int) string) []map[string]any {
	t.Helper()
	first, err := time.Parse(time.RFC3339, start)
	if err != nil {
		t.Fatal(err)
	}
	var list []map[string]any
	for i := range n {
		r := caseRecord(t, 0, ruleCase{name: "series", record: record(i)})
		r["eventTime"] = first.Add(time.Duration(i) * step).Format(time.RFC3339)
		r["eventID"] = fmt.Sprintf("%s-%s-%d-%v", start, r["eventName"], i, r["sourceIPAddress"])
		list = append(list, r)
	}
	return list
}

func same(record string) func(int) string { return func(int) string { return record } }

// machine are calls of a machine's session.
func machine(t *testing.T, start, session, ip string) []map[string]any {
	return series(t, start, 3, time.Minute, same(call("s3", "ListBuckets", `"sourceIPAddress":"`+ip+
		`","userIdentity":{"type":"AssumedRole","arn":"arn:aws:sts::111111111111:assumed-role/web/`+session+`"}`)))
}

func TestCorrelations(t *testing.T) {
	failed := func(user, ip string) string {
		return `{` + signIn + `,"sourceIPAddress":"` + ip + `","errorMessage":"Failed authentication","responseElements":{"ConsoleLogin":"Failure"},` +
			`"userIdentity":{"type":"IAMUser","userName":"` + user + `"}}`
	}
	succeeded := `{` + signIn + `,"sourceIPAddress":"192.0.2.1","responseElements":{"ConsoleLogin":"Success"},"additionalEventData":{"MFAUsed":"Yes"},"userIdentity":{"type":"IAMUser","userName":"bob"}}`
	names := func(i int) string {
		return call("ec2", fmt.Sprintf("Describe%c", 'A'+i), `"readOnly":true`)
	}
	const day = "2025-06-01T10:00:00Z"
	earlier := series(t, "2025-05-01T10:00:00Z", 1, 0, same(call("s3", "ListBuckets", "")))
	tests := []struct {
		name     string
		records  [][]map[string]any
		rule     string
		found    int
		severity pack.Severity
		events   int64
	}{
		{"five failures", [][]map[string]any{series(t, day, 5, 2*time.Minute, func(i int) string { return failed("bob", fmt.Sprint("192.0.2.", i)) })}, "BRUTE", 1, pack.Medium, 5},
		{"four failures", [][]map[string]any{series(t, day, 4, time.Minute, same(failed("bob", "192.0.2.1")))}, "BRUTE", 0, 0, 0},
		{"five failures, slowly", [][]map[string]any{series(t, day, 5, 3*time.Minute, same(failed("bob", "192.0.2.1")))}, "BRUTE", 0, 0, 0},
		{"then a sign-in", [][]map[string]any{series(t, day, 6, time.Minute, func(i int) string { return failed("bob", fmt.Sprint("192.0.2.", i)) }),
			series(t, "2025-06-01T11:00:00Z", 1, 0, same(succeeded))}, "BRUTE", 1, pack.High, 6},
		{"then a sign-in, late", [][]map[string]any{series(t, day, 5, time.Minute, func(i int) string { return failed("bob", fmt.Sprint("192.0.2.", i)) }),
			series(t, "2025-06-01T11:30:00Z", 1, 0, same(succeeded))}, "BRUTE", 1, pack.Medium, 5},
		{"denied calls", [][]map[string]any{series(t, day, 20, 25*time.Second, same(call("s3", "GetObject", denied)))}, "DENIED-BURST", 1, pack.Medium, 20},
		{"denied calls, fewer", [][]map[string]any{series(t, day, 14, 25*time.Second, same(call("s3", "GetObject", denied)))}, "DENIED-BURST", 0, 0, 0},
		{"denied calls and actions", [][]map[string]any{series(t, day, 20, time.Second, func(i int) string { return call("s3", fmt.Sprintf("Get%c", 'A'+i), denied) })}, "DENIED-BURST", 1, pack.Medium, 20},
		{"failures of one user from one address", [][]map[string]any{series(t, day, 6, time.Minute, same(failed("bob", "192.0.2.1")))}, "BRUTE", 1, pack.Medium, 6},
		{"failures of users from one address", [][]map[string]any{series(t, day, 5, time.Minute, func(i int) string { return failed(fmt.Sprint("u", i), "192.0.2.1") })}, "BRUTE", 1, pack.Medium, 5},
		{"failures of two users from two addresses", [][]map[string]any{series(t, day, 5, time.Minute, same(failed("bob", "192.0.2.1"))), series(t, "2025-06-01T10:00:01Z", 5, time.Minute, same(failed("eve", "192.0.2.2")))}, "BRUTE", 2, pack.Medium, 5},
		{"secrets in one call", [][]map[string]any{series(t, day, 1, 0, func(int) string {
			return request("secretsmanager", "BatchGetSecretValue", `{"secretIdList":["1","2","3","4","5","6","7","8","9","10","11","12","13","14","15","16","17","18","19","20"]}`)
		})}, "SECRETS", 1, pack.High, 1},
		{"parameters in lists", [][]map[string]any{series(t, day, 2, time.Minute, func(i int) string {
			return request("ssm", "GetParameters", strings.ReplaceAll(`{"withDecryption":true,"names":["x1","x2","x3","x4","x5","x6","x7","x8","x9","x10"]}`, "x", fmt.Sprint("p", i, "-")))
		})}, "SECRETS", 1, pack.High, 2},
		{"commands on many machines in one call", [][]map[string]any{series(t, day, 1, 0, same(request("ssm", "SendCommand", `{"instanceIds":["i-1","i-2"]}`)))}, "REMOTE-EXEC", 1, pack.High, 1},
		{"a command on a machine, and one that names none", [][]map[string]any{series(t, day, 1, 0, same(request("ssm", "SendCommand", `{"instanceIds":["i-1"]}`))),
			series(t, "2025-06-01T10:01:00Z", 1, 0, same(request("ssm", "CreateAssociation", `{"name":"x"}`)))}, "REMOTE-EXEC", 0, 0, 0},
		{"a key in two networks and within AWS", [][]map[string]any{series(t, day, 3, time.Hour, func(i int) string {
			return call("s3", "ListBuckets", fmt.Sprintf(`"sourceIPAddress":"%s"`, []string{"8.8.8.8", "9.9.9.9", "AWS Internal"}[i]))
		})}, "SHARED-KEY", 0, 0, 0},
		{"a key in three networks of IPv6", [][]map[string]any{series(t, day, 3, time.Hour, func(i int) string {
			return call("s3", "ListBuckets", fmt.Sprintf(`"sourceIPAddress":"2a0%d::1"`, i))
		})}, "SHARED-KEY", 1, pack.High, 3},
		{"a key in one network of IPv6", [][]map[string]any{series(t, day, 3, time.Hour, func(i int) string {
			return call("s3", "ListBuckets", fmt.Sprintf(`"sourceIPAddress":"2a02:1:2:%d::1"`, i))
		})}, "SHARED-KEY", 0, 0, 0},
		{"a machine from where it always is", [][]map[string]any{earlier, machine(t, "2025-05-31T10:00:00Z", "i-0abc", "203.0.113.50"), machine(t, day, "i-0abc", "203.0.113.50")}, "IMDS-EXFIL", 0, 0, 0},
		{"a new machine", [][]map[string]any{earlier, machine(t, day, "i-0abc", "203.0.113.50")}, "IMDS-EXFIL", 1, pack.Info, 3},
		{"a machine's session elsewhere", [][]map[string]any{earlier, machine(t, "2025-05-31T10:00:00Z", "i-0abc", "203.0.113.50"), machine(t, day, "i-0abc", "192.0.2.66")}, "IMDS-EXFIL", 1, pack.High, 3},
		{"a machine's session outside", [][]map[string]any{earlier, machine(t, "2025-05-31T10:00:00Z", "i-0abc", "10.1.2.3"), machine(t, day, "i-0abc", "192.0.2.66")}, "IMDS-EXFIL", 1, pack.High, 3},
		{"a machine's session inside", [][]map[string]any{earlier, machine(t, "2025-05-31T10:00:00Z", "i-0abc", "192.0.2.66"), machine(t, day, "i-0abc", "10.1.2.3")}, "IMDS-EXFIL", 0, 0, 0},
		{"a machine behind the address of others", [][]map[string]any{earlier, machine(t, "2025-05-31T10:00:00Z", "i-0abc", "10.1.2.3"), machine(t, "2025-05-31T11:00:00Z", "i-0def", "192.0.2.66"), machine(t, day, "i-0abc", "192.0.2.66")}, "IMDS-EXFIL", 0, 0, 0},
		{"a machine without history, in two places", [][]map[string]any{machine(t, day, "i-0abc", "203.0.113.50"), machine(t, "2025-06-01T11:00:00Z", "i-0abc", "192.0.2.66")}, "IMDS-EXFIL", 2, pack.Info, 3},
		{"denied actions", [][]map[string]any{series(t, day, 10, time.Second, func(i int) string { return call("s3", fmt.Sprintf("Get%c", 'A'+i), denied) })}, "DENIED-BURST", 1, pack.Medium, 10},
		{"few denied actions", [][]map[string]any{series(t, day, 9, time.Second, func(i int) string { return call("s3", fmt.Sprintf("Get%c", 'A'+i), denied) })}, "DENIED-BURST", 0, 0, 0},
		{"secrets", [][]map[string]any{series(t, day, 20, 3*time.Minute, func(i int) string {
			return request("secretsmanager", "GetSecretValue", fmt.Sprintf(`{"secretId":"s%d"}`, i))
		})}, "SECRETS", 1, pack.High, 20},
		{"one secret often", [][]map[string]any{series(t, day, 40, time.Minute, same(request("secretsmanager", "GetSecretValue", `{"secretId":"s"}`)))}, "SECRETS", 0, 0, 0},
		// The events are those of two steps of five minutes.
		{"a survey", [][]map[string]any{series(t, "2025-06-01T10:02:30Z", 15, 20*time.Second, names)}, "RECON", 1, pack.Low, 15},
		{"a slow survey", [][]map[string]any{series(t, day, 15, 22*time.Second, names)}, "RECON", 0, 0, 0},
		{"objects deleted", [][]map[string]any{series(t, day, 50, time.Minute, same(request("s3", "DeleteObject", `{"bucketName":"b"}`)))}, "BULK-DEL", 1, pack.High, 50},
		{"fewer objects deleted", [][]map[string]any{series(t, day, 49, time.Minute, same(request("s3", "DeleteObject", `{"bucketName":"b"}`)))}, "BULK-DEL", 0, 0, 0},
		{"bytes read", [][]map[string]any{series(t, day, 2, time.Minute, same(call("s3", "GetObject", `"additionalEventData":{"bytesTransferredOut":5000000000}`)))}, "BULK-READ", 1, pack.High, 2},
		{"a key in three networks", [][]map[string]any{series(t, day, 3, 7*time.Hour, func(i int) string { return call("s3", "ListBuckets", fmt.Sprintf(`"sourceIPAddress":"192.0.%d.1"`, i)) })}, "SHARED-KEY", 1, pack.High, 3},
		{"a key in one network", [][]map[string]any{series(t, day, 3, time.Hour, func(i int) string { return call("s3", "ListBuckets", fmt.Sprintf(`"sourceIPAddress":"192.0.2.%d"`, i)) })}, "SHARED-KEY", 0, 0, 0},
		{"a new role", [][]map[string]any{earlier, series(t, day, 3, time.Minute, same(request("sts", "AssumeRole", `{"roleArn":"arn:aws:iam::111111111111:role/r"}`)))}, "ROLE-NEW", 1, pack.Medium, 3},
		{"a role used before", [][]map[string]any{series(t, "2025-05-01T10:00:00Z", 1, 0, same(request("sts", "AssumeRole", `{"roleArn":"arn:aws:iam::111111111111:role/r"}`))),
			series(t, day, 1, 0, same(request("sts", "AssumeRole", `{"roleArn":"arn:aws:iam::111111111111:role/r"}`)))}, "ROLE-NEW", 0, 0, 0},
	}
	l := builtIn(t)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			o := pack.PlanOptions{From: time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2025, 6, 3, 0, 0, 0, 0, time.UTC), Rules: []string{test.rule}}
			_, found := run(t, l, records(t, slices.Concat(test.records...)...), o)
			found = slices.DeleteFunc(found, func(c pack.Correlation) bool { return c.Rule.ID.Value != test.rule })
			if len(found) != test.found {
				t.Fatalf("%d correlations instead of %d: %+v", len(found), test.found, found)
			}
			if test.found > 0 && (found[0].Severity != test.severity || found[0].Events != test.events) {
				t.Errorf("severity %s, %d events instead of %s, %d", found[0].Severity, found[0].Events, test.severity, test.events)
			}
		})
	}
}

// TestBurstsAtTheEdge: a burst is of the period in which it reaches its threshold, of
// one and only one, and what follows it may come after.
func TestBurstsAtTheEdge(t *testing.T) {
	failure := `{` + signIn + `,"errorMessage":"Failed authentication","responseElements":{"ConsoleLogin":"Failure"},"userIdentity":{"type":"IAMUser","userName":"bob"}}`
	success := `{` + signIn + `,"responseElements":{"ConsoleLogin":"Success"},"userIdentity":{"type":"IAMUser","userName":"bob"}}`
	deleted := request("s3", "DeleteObject", `{"bucketName":"b"}`)
	names := func(i int) string { return call("ec2", fmt.Sprintf("Describe%c", 'A'+i), `"readOnly":true`) }
	midnight := time.Date(2025, 6, 2, 0, 0, 0, 0, time.UTC)
	l := builtIn(t)
	for _, test := range []struct {
		name, rule    string
		records       [][]map[string]any
		before, after int // correlations of the day before midnight, and of that after
		severity      pack.Severity
	}{
		{"listed, reached after", "BRUTE", [][]map[string]any{series(t, "2025-06-01T23:57:00Z", 6, time.Minute, same(failure))}, 0, 1, pack.Medium},
		{"listed, reached before", "BRUTE", [][]map[string]any{series(t, "2025-06-01T23:54:00Z", 8, time.Minute, same(failure))}, 1, 0, pack.Medium},
		{"listed, going on for long", "BRUTE", [][]map[string]any{series(t, "2025-06-01T23:20:00Z", 60, time.Minute, same(failure))}, 1, 0, pack.Medium},
		{"listed, followed after", "BRUTE", [][]map[string]any{series(t, "2025-06-01T23:50:00Z", 5, time.Minute, same(failure)), series(t, "2025-06-02T00:20:00Z", 1, 0, same(success))}, 1, 0, pack.High},
		{"counted, reached after", "BULK-DEL", [][]map[string]any{series(t, "2025-06-01T23:40:00Z", 60, 50*time.Second, same(deleted))}, 0, 1, pack.High},
		{"counted, reached before", "BULK-DEL", [][]map[string]any{series(t, "2025-06-01T23:10:00Z", 70, 50*time.Second, same(deleted))}, 1, 0, pack.High},
		{"distinct, reached after", "RECON", [][]map[string]any{series(t, "2025-06-01T23:58:00Z", 16, 15*time.Second, names)}, 0, 1, pack.Low},
		{"distinct, reached before", "RECON", [][]map[string]any{series(t, "2025-06-01T23:56:10Z", 16, 15*time.Second, names)}, 1, 0, pack.Low},
	} {
		t.Run(test.name, func(t *testing.T) {
			query := records(t, slices.Concat(test.records...)...)
			for _, side := range []struct {
				from time.Time
				want int
			}{{midnight.AddDate(0, 0, -1), test.before}, {midnight, test.after}} {
				events, found := run(t, l, query, pack.PlanOptions{From: side.from, To: side.from.AddDate(0, 0, 1), Rules: []string{test.rule}})
				found = slices.DeleteFunc(found, func(c pack.Correlation) bool { return c.Rule.ID.Value != test.rule })
				if len(found) != side.want {
					t.Errorf("%d correlations instead of %d from %s on: %+v", len(found), side.want, side.from, found)
				}
				for _, c := range found {
					if c.Severity != test.severity {
						t.Errorf("severity %s instead of %s", c.Severity, test.severity)
					}
				}
				for _, e := range events {
					if e.Time.Before(side.from) || !e.Time.Before(side.from.AddDate(0, 0, 1)) {
						t.Errorf("an event of %s is listed", e.Time)
					}
				}
			}
		})
	}
}

// TestCountedBurstsAreOfOnePeriod: steps do not lie across the beginning of a period,
// whatever their length and the zone of its days, so that the period before and after
// agree where a burst belongs.
func TestCountedBurstsAreOfOnePeriod(t *testing.T) {
	const rules = `rules:
  - {id: QUIETLY, title: t, severity: info, kind: evidence, quiet: true, events: [{source: s3, names: DeleteBucket}]}
  - {id: IN-A-DAY, title: t, severity: high, kind: exception, bursts: [{of: QUIETLY, by: [account_id, actor], within: 24h, at_least: 10}]}
  - {id: NAMES, title: t, severity: high, kind: exception, bursts: [{of: QUIETLY, by: [account_id, actor], within: 24h, distinct: resource, at_least: 10}]}
`
	l, err := pack.Load(pack.BuiltIn(), fstest.MapFS{"mine.yaml": {Data: []byte(rules)}})
	if err != nil {
		t.Fatal(err)
	}
	deleted := func(i int) string { return request("s3", "DeleteBucket", fmt.Sprintf(`{"bucketName":"b%d"}`, i)) }
	last := func(int) string { return deleted(99) }
	for _, test := range []struct {
		name          string
		midnight      string
		records       [][]map[string]any
		before, after int
	}{
		{"reached before, going on after", "2025-06-01T23:00:00Z", [][]map[string]any{series(t, "2025-06-01T22:50:00Z", 10, time.Minute, deleted), series(t, "2025-06-01T23:05:00Z", 1, 0, last)}, 1, 0},
		{"reached after", "2025-06-01T23:00:00Z", [][]map[string]any{series(t, "2025-06-01T22:50:00Z", 9, time.Minute, deleted), series(t, "2025-06-01T23:05:00Z", 1, 0, last)}, 0, 1},
		{"reached before, in a zone of quarters", "2025-06-01T18:15:00Z", [][]map[string]any{series(t, "2025-06-01T18:05:00Z", 10, time.Minute, deleted), series(t, "2025-06-01T18:16:00Z", 1, 0, last)}, 1, 0},
		{"reached at the beginning", "2025-06-01T23:00:00Z", [][]map[string]any{series(t, "2025-06-01T22:51:00Z", 10, time.Minute, deleted)}, 0, 1},
		{"in a period that begins within a second", "2025-06-01T23:00:00.5Z", [][]map[string]any{series(t, "2025-06-01T22:51:00Z", 10, time.Minute, deleted), series(t, "2025-06-01T23:00:01Z", 1, 0, last)}, 1, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			midnight, err := time.Parse(time.RFC3339, test.midnight)
			if err != nil {
				t.Fatal(err)
			}
			query := records(t, slices.Concat(test.records...)...)
			for _, side := range []struct {
				from time.Time
				want int
			}{{midnight.AddDate(0, 0, -1), test.before}, {midnight, test.after}} {
				for _, rule := range []string{"IN-A-DAY", "NAMES"} {
					if _, found := run(t, l, query, pack.PlanOptions{From: side.from, To: side.from.AddDate(0, 0, 1), Rules: []string{rule}}); len(found) != side.want {
						t.Errorf("%d correlations of %s instead of %d from %s on: %+v", len(found), rule, side.want, side.from, found)
					}
				}
			}
		})
	}
}

// TestScopesOfCorrelations: one event of many is enough, and counted bursts name it.
func TestScopesOfCorrelations(t *testing.T) {
	const subject = `"userIdentity":{"type":"IAMUser","arn":"arn:aws:iam::111111111111:user/alice","accessKeyId":"AKIAIOSFODNN7SUBJCT"}`
	deleted, bySubject := call("s3", "DeleteObject", `"requestParameters":{"bucketName":"b"}`), call("s3", "DeleteObject", subject+`,"requestParameters":{"bucketName":"b"}`)
	surveyed := func(i int) string { return call("ec2", fmt.Sprintf("Describe%c", 'A'+i), `"readOnly":true`) }
	role := func(who string) string {
		return call("sts", "AssumeRole", who+`"requestParameters":{"roleArn":"arn:aws:iam::111111111111:role/r"}`)
	}
	refused := func(name string) func(int) string { return same(call("s3", name, denied)) }
	refusals := func(i int) string { return call("s3", fmt.Sprintf("Get%c", 'B'+i), denied) }
	const first = "2025-06-01T10:00:00Z" // ids begin with the time of the first event
	for _, test := range []struct {
		name, rule string
		records    [][]map[string]any
		subjects   bool
		names      string // how the id of an event begins that is named
	}{
		{"counted, all", "BULK-DEL", [][]map[string]any{series(t, first, 50, time.Second, same(bySubject))}, true, first},
		{"counted, none", "BULK-DEL", [][]map[string]any{series(t, first, 50, time.Second, same(deleted))}, false, first},
		{"counted, one of many", "BULK-DEL", [][]map[string]any{series(t, first, 60, time.Second, same(deleted)), series(t, "2025-06-01T10:00:30Z", 1, 0, same(bySubject))}, true, "2025-06-01T10:00:30Z"},
		{"counted, none of the rule", "BULK-DEL", [][]map[string]any{series(t, first, 60, time.Second, same(deleted)), series(t, "2025-06-01T10:00:30Z", 1, 0, same(call("s3", "ListBuckets", subject)))}, false, first},
		{"distinct, one of many", "RECON", [][]map[string]any{series(t, first, 20, time.Second, surveyed), series(t, "2025-06-01T10:00:30Z", 1, 0, same(call("ec2", "DescribeA", `"readOnly":true,"sourceIPAddress":"192.0.2.99"`)))}, true, "2025-06-01T10:00:30Z"},
		{"listed, beyond those that are named", "DENIED-BURST", [][]map[string]any{series(t, first, 1100, 100*time.Millisecond, refused("GetB")), series(t, "2025-06-01T10:05:00Z", 1, 0, same(call("s3", "GetB", denied+","+subject)))}, true, first},
		{"listed, none", "DENIED-BURST", [][]map[string]any{series(t, first, 30, time.Second, refused("GetB"))}, false, first},
		// The many of one name are the greater burst, and do not have the subject's event.
		{"two bursts that are one", "DENIED-BURST", [][]map[string]any{series(t, first, 1, 0, same(call("s3", "GetA", denied+","+subject))), series(t, "2025-06-01T10:00:01Z", 10, time.Second, refusals),
			series(t, "2025-06-01T10:09:00Z", 1, 0, refused("GetZ")), series(t, "2025-06-01T10:10:30Z", 25, time.Second, refused("GetZ"))}, true, "2025-06-01T10:10:30Z"},
		{"a first use", "ROLE-NEW", [][]map[string]any{series(t, "2025-05-01T10:00:00Z", 1, 0, same(call("s3", "ListBuckets", ""))), series(t, first, 1, 0, same(role(""))), series(t, "2025-06-01T11:00:00Z", 1, 0, same(role(subject+",")))}, true, first},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := pack.PlanOptions{From: time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2025, 6, 3, 0, 0, 0, 0, time.UTC), Rules: []string{test.rule},
				Scopes: []string{"SUBJECT"}, Params: map[string]any{"subject_keys": []string{"AKIAIOSFODNN7SUBJCT"}, "subject_addresses": []string{"192.0.2.99"}}}
			_, found := run(t, builtIn(t), records(t, slices.Concat(test.records...)...), o)
			if len(found) != 1 {
				t.Fatalf("%d correlations: %+v", len(found), found)
			}
			c := found[0]
			if is := len(c.Scopes) == 1 && c.Scopes[0].ID.Value == "SUBJECT"; is != test.subjects || len(c.Scopes) > 1 {
				t.Errorf("scopes %v", c.Scopes)
			}
			if !slices.ContainsFunc(c.EventIDs, func(id string) bool { return strings.HasPrefix(id, test.names) }) {
				t.Errorf("events %.200q", c.EventIDs)
			}
		})
	}
}

// TestFirstUsesNeedHistory: in an archive that begins in the period everything is
// new, which says nothing. What is said of an older one says how old it is.
func TestFirstUsesNeedHistory(t *testing.T) {
	l := builtIn(t)
	june := time.Date(2025, 6, 1, 0, 0, 0, 0, time.UTC)
	use := series(t, "2025-06-01T10:00:00Z", 1, 0, same(request("sts", "AssumeRole", `{"roleArn":"arn:aws:iam::111111111111:role/r"}`)))
	for _, test := range []struct {
		name, earlier string // eventTime of a call before
		since         time.Time
	}{
		{"none", "2025-06-01T09:00:00Z", time.Time{}},
		{"older than the lookback", "2025-01-01T10:00:00Z", time.Time{}},
		{"a month", "2025-05-01T10:00:00Z", time.Date(2025, 5, 1, 10, 0, 0, 0, time.UTC)},
		{"since the lookback began", "2025-03-03T00:00:00Z", june.AddDate(0, 0, -90)},
	} {
		t.Run(test.name, func(t *testing.T) {
			query := records(t, append(series(t, test.earlier, 1, 0, same(call("s3", "ListBuckets", ""))), use...)...)
			p, err := l.Plan(pack.PlanOptions{From: june, To: june.AddDate(0, 0, 1), Rules: []string{"ROLE-NEW"}})
			if err != nil {
				t.Fatal(err)
			}
			found, err := p.Run(t.Context(), query, func(*pack.Event) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			if test.since.IsZero() {
				if len(found) > 0 || p.NotAssessed["ROLE-NEW"] == "" {
					t.Errorf("%d first uses, not assessed: %q", len(found), p.NotAssessed["ROLE-NEW"])
				}
				return
			}
			if len(found) != 1 || !found[0].Since.Equal(test.since) || p.NotAssessed["ROLE-NEW"] != "" {
				t.Errorf("%+v, not assessed: %q", found, p.NotAssessed["ROLE-NEW"])
			}
		})
	}
}
