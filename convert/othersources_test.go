package convert

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
)

// The same records, as they come from a trail, from Event history, from
// CloudWatch Logs and from CloudTrail Lake, are in the table once.
func TestOtherSources(t *testing.T) {
	records := []string{
		event("a", `"requestParameters":{"n":1.0e2,"text":"a\"b\\c, d\u00e9","nothing":null},`),
		event("b", `"eventCategory":"Data","managementEvent":false,`),
		event("c", `"eventType":"AwsVpceEvent","eventCategory":"NetworkActivity","vpcEndpointId":"vpce-1","errorCode":"VpceAccessDenied",`),
		`{"eventVersion":"1.09","eventTime":"2026-03-04T12:06:00Z","awsRegion":"us-east-1","eventID":"d","eventType":"AwsCloudTrailInsight","sharedEventID":"s","insightDetails":{"state":"End","insightContext":{"statistics":{"baseline":{"average":9.82222E-5}}}},"eventCategory":"Insight"}`,
	}
	quoted := func(text string) string {
		b, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	each := func(format string) []string {
		var all []string
		for _, r := range records {
			all = append(all, strings.ReplaceAll(format, "STRING", quoted(r)))
		}
		return all
	}
	csv := func(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }
	var lines []string
	for _, r := range records {
		lines = append(lines, `"x",`+csv(r)+`,"2026-03-04 12:00:00.000"`)
	}
	message := func(events []string) string {
		return `{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[` + strings.Join(events, ",") + `]}`
	}
	const control = `{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}`
	sources := map[string]string{
		"trail/AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/04/111122223333_CloudTrail_us-east-1_20260304T1205Z_aaaaaaaaaaaaaaaa.json.gz": gz(log(records...)),
		"event-history/lookup-events.json":                      `{"Events":[` + strings.Join(each(`{"EventId":"1","CloudTrailEvent":STRING}`)[:2], ",") + `],"NextToken":"t"}` + "\n" + `{"Events":[` + strings.Join(each(`{"EventId":"1","CloudTrailEvent":STRING}`)[2:], ",") + `]}`,
		"event-history/records.json":                            "[\n" + strings.Join(each(`STRING`), ",\n") + "]",
		"event-history/records.txt":                             strings.Join(records, "\t") + "\n",
		"event-history/download.json":                           log(records...),
		"firehose/2026/03/04/12/delivery-1-2026-03-04-12-00-00": gz(message(each(`{"id":"1","timestamp":1,"message":STRING}`)[:3])) + gz(control) + gz(message(each(`{"id":"1","timestamp":1,"message":STRING}`)[3:])),
		"firehose/extracted":                                    strings.Join(records, ""),
		"exportedlogs/f3c0e1aa-0000-4000-8000-000000000000/111122223333_CloudTrail_us-east-1/000000.gz": gz("2026-03-04T12:00:00.000Z " + strings.Join(records, "\n2026-03-04T12:00:01.123Z ") + "\n"),
		"exportedlogs/aws-logs-write-test": "Permission Check Successful",
		"logs/filter-log-events.json":      `{"events":[` + strings.Join(each(`{"eventId":"1","message":STRING}`), ",") + `],"searchedLogStreams":[]}`,
		"logs/insights.json":               `{"results":[` + strings.Join(each(`[{"field":"@message","value":STRING},{"field":"@ptr","value":"1"}]`), ",") + `],"status":"Complete"}`,
		"AWSLogs/111122223333/CloudTrail-Lake/Query/2026/03/04/q/result_1.csv.gz":  gz("\"eventName\",\"eventJson\",\"eventTime\"\n" + strings.Join(lines, "\n") + "\n"),
		"AWSLogs/111122223333/CloudTrail-Lake/Query/2026/03/04/q/result_sign.json": `{"version":"1.0","files":[{"fileHashValue":"h","fileName":"result_1.csv.gz"}],"hashSignature":"s"}`,
		"lake/get-query-results.json": `{"QueryStatus":"FINISHED","QueryResultRows":[` + strings.Join(each(`[{"n":"1"},{"eventJson":STRING}]`), ",") + `]}`,
	}
	dir := t.TempDir()
	for name, text := range sources {
		write(t, filepath.Join(dir, name), text)
	}
	c := warehouse(t)
	s := mustRun(t, Options{Catalog: c, Sources: []string{dir}})
	const others = 2 // the test object, and the signatures
	if n := int64(len(records)); s.Records != n || s.Duplicates != n*int64(len(sources)-others-1) || s.Rejected != 0 || s.Foreign != others {
		t.Errorf("summary %+v", s)
	}

	// What differs is kept beside it; what is no record is told.
	more := t.TempDir()
	write(t, filepath.Join(more, "enriched.json"), `{"QueryResultRows":[[{"eventJson":`+quoted(event("a", `"eventContext":{"requestContext":{}},`))+`}]]}`)
	write(t, filepath.Join(more, "history.csv"), "Event name,Event time,User name,Event source\nGetObject,2026-03-04,x,s3.amazonaws.com\n")
	write(t, filepath.Join(more, "typed.json"), `{"QueryStatus":"FINISHED","QueryResultRows":[[{"eventname":"GetObject"},{"requestparameters":"{a=1}"}]]}`)
	s = mustRun(t, Options{Catalog: c, Sources: []string{more}})
	if s.Records != 1 || s.Duplicates != 0 || s.Rejected != 2 || s.Objects != 3 {
		t.Errorf("summary %+v", s)
	}
	rejected := rows[rejectedRow](t, c, RejectedTable)
	reasons := ""
	for _, r := range rejected {
		reasons += r.Reason + "\n"
	}
	for _, want := range []string{"CSV without a column eventjson", "select eventjson"} {
		if !strings.Contains(reasons, want) {
			t.Errorf("no %q in %s", want, reasons)
		}
	}
}
