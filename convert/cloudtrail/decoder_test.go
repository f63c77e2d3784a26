package cloudtrail

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// rec is a small record with the given event id.
func rec(id string) string { return with(id, "") }

// with is rec with more members, each with a comma behind it.
func with(id, members string) string {
	return `{"eventVersion":"1.08","userIdentity":{"type":"Root"},` + members +
		`"eventTime":"2023-07-10T12:00:00Z","eventSource":"s3.amazonaws.com","awsRegion":"us-east-1","eventID":"` + id + `"}`
}

func gz(texts ...string) string {
	var b bytes.Buffer
	for _, text := range texts {
		w := gzip.NewWriter(&b)
		_, _ = w.Write([]byte(text))
		_ = w.Close()
	}
	return b.String()
}

func indent(text string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, []byte(text), "", "  "); err != nil {
		panic(err)
	}
	return b.String()
}

func quoted(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

// lakeCSV is a saved result of CloudTrail Lake: every value in quotes.
func lakeCSV(records ...string) string {
	text := `"eventName","eventJson","eventTime"` + "\n"
	for _, r := range records {
		text += `"GetObject",` + csvField(r) + `,"2023-07-10 12:00:00.000"` + "\n"
	}
	return text
}

func csvField(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }

// subscription is what CloudWatch Logs sends to a subscriber.
func subscription(records ...string) string {
	var events []string
	for i, r := range records {
		events = append(events, fmt.Sprintf(`{"id":"%d","timestamp":1,"message":%s}`, i, quoted(r)))
	}
	return `{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[` + strings.Join(events, ",") + `]}`
}

const controlText = `{"messageType":"CONTROL_MESSAGE","owner":"CloudwatchLogs","logGroup":"","logStream":"","subscriptionFilters":[],"logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}`

// result is what Next gave once, in a form to compare.
type result struct {
	ID     string // of a record
	Reason string // of a RecordError
	Index  int64
	Offset int64
	Size   int64
	Raw    string
}

// decode reads everything, and checks what is true of every object.
func decode(t testing.TB, d *Decoder, r io.Reader) (results []result, content Content, err error) {
	t.Helper()
	d.Reset(r)
	for {
		record, err := d.Next()
		content = d.Content()
		if int64(len(results)) != content.Records+content.Rejected-1 && err == nil {
			t.Errorf("content %+v behind %d results", content, len(results)+1)
		}
		var bad *RecordError
		switch {
		case err == nil:
			if record.Index != int64(len(results)) {
				t.Errorf("record %d has index %d", len(results), record.Index)
			}
			results = append(results, result{ID: string(record.Text(LeafEventID)), Index: record.Index, Raw: string(record.Raw)})
		case errors.As(err, &bad):
			if bad.Index != int64(len(results)) {
				t.Errorf("record error %d has index %d", len(results), bad.Index)
			}
			if bad.Size < int64(len(bad.Raw)) || bad.Offset < 0 {
				t.Errorf("record error has offset %d, size %d, %d bytes of text", bad.Offset, bad.Size, len(bad.Raw))
			}
			results = append(results, result{Reason: bad.Err.Error(), Index: bad.Index, Offset: bad.Offset, Size: bad.Size, Raw: string(bad.Raw)})
		case err == io.EOF:
			if int64(len(results)) != content.Records+content.Rejected {
				t.Errorf("content %+v after %d results", content, len(results))
			}
			if _, err := d.Next(); err != io.EOF {
				t.Errorf("behind the end: %v", err)
			}
			return results, content, nil
		default:
			return results, content, err
		}
	}
}

// outline is results in short: ids, and reasons in angle brackets.
func outline(results []result) string {
	var out []string
	for _, r := range results {
		if r.Reason != "" {
			out = append(out, "<"+r.Reason+">")
		} else {
			out = append(out, r.ID)
		}
	}
	return strings.Join(out, " ")
}

// form is an object and what must come out of it.
type form struct {
	name     string
	text     string
	want     string   // outline
	raws     []string // of the rejected; nil: not checked
	embedded bool     // offsets are of the text around
	content  Content  // Records, Rejected and Bytes are not checked
}

func envelopes(n int64) Content { return Content{Envelopes: n, Relevant: true} }

// Every form in which records come (records.md §4 item 12).
var forms = []form{
	{name: "log file", text: `{"Records":[` + rec("a") + `,` + rec("b") + `]}`, want: "a b", content: envelopes(2)},
	{name: "log file, pretty", text: indent(`{"Records":[` + rec("a") + `,` + rec("b") + `]}`), want: "a b", content: envelopes(2)},
	{name: "log file, CRLF", text: strings.ReplaceAll(indent(`{"Records":[`+rec("a")+`,`+rec("b")+`]}`), "\n", "\r\n"), want: "a b", content: envelopes(2)},
	{name: "log file, gzip", text: gz(`{"Records":[` + rec("a") + `]}`), want: "a", content: envelopes(2)},
	{name: "log file, gzip in gzip", text: gz(gz(`{"Records":[` + rec("a") + `]}`)), want: "a", content: envelopes(2)},
	{name: "log file, gzip three times", text: gz(gz(gz(`{"Records":[` + rec("a") + `]}`))), want: "a", content: envelopes(2)},
	{name: "log files, a gzip member each", text: gz(`{"Records":[`+rec("a")+`]}`, `{"Records":[`+rec("b")+`]}`), want: "a b", content: envelopes(4)},
	{name: "gzip members that cut a record", text: gz(`{"Records":[`+rec("a")[:40], rec("a")[40:]+`]}`), want: "a", content: envelopes(2)},
	{name: "gzip with an empty member", text: gz(``, `{"Records":[`+rec("a")+`]}`, ``), want: "a", content: envelopes(2)},
	{name: "byte order mark", text: "\xef\xbb\xbf" + `{"Records":[` + rec("a") + `]}`, want: "a", content: envelopes(2)},
	{name: "byte order mark in gzip", text: gz("\xef\xbb\xbf" + `{"Records":[` + rec("a") + `]}`), want: "a", content: envelopes(2)},
	{name: "byte order mark before each of two", text: "\xef\xbb\xbf" + `{"Records":[` + rec("a") + "]}\n\xef\xbb\xbf" + `{"Records":[` + rec("b") + `]}`, want: "a b", content: envelopes(4)},
	{name: "Records first, others behind", text: `{"Records":[` + rec("a") + `],"x":{"Records":[1]},"y":"]}"}`, want: "a", content: envelopes(2)},
	{name: "Records last", text: `{"x":{"Records":[1]},"y":"\"Records\":[","n":1,"Records":[` + rec("a") + `]}`, want: "a", content: envelopes(2)},
	{name: "Records last, pretty", text: indent(`{"x":[{"y":1}],"Records":[` + rec("a") + `,` + rec("b") + `]}`), want: "a b", content: envelopes(2)},
	{name: "Records twice", text: `{"Records":[` + rec("a") + `],"Records":[` + rec("b") + `]}`, want: "a b", content: envelopes(3)},
	{name: "log files on lines", text: `{"Records":[` + rec("a") + "]}\n" + `{"Records":[` + rec("b") + "]}\n", want: "a b", content: envelopes(4)},
	{name: "log file without records", text: `{"Records":[]}`, content: Content{Envelopes: 2}},
	{name: "Records is null", text: `{"Records":null}`, content: Content{Envelopes: 1}},
	{name: "log file named otherwise first", text: `{"Version":1,"Records":[]}`, content: Content{Envelopes: 2}},

	{name: "array", text: `[` + rec("a") + `,` + rec("b") + `]`, want: "a b", content: envelopes(1)},
	{name: "array, pretty, CRLF", text: strings.ReplaceAll(indent(`[`+rec("a")+`,`+rec("b")+`]`), "\n", "\r\n"), want: "a b", content: envelopes(1)},
	{name: "nested arrays", text: `[[` + rec("a") + `],[],[[` + rec("b") + `]]]`, want: "a b", content: envelopes(5)},
	{name: "array of log files", text: `[{"Records":[` + rec("a") + `]},{"Records":[` + rec("b") + `]}]`, want: "a b", content: envelopes(5)},
	{name: "array without end", text: `[` + rec("a") + `,` + rec("b"), want: "a b <object ends early>", raws: []string{""}, content: envelopes(1)},
	{name: "empty array", text: `[]`, content: Content{Envelopes: 1}},

	{name: "JSON lines", text: rec("a") + "\n" + rec("b") + "\n", want: "a b", content: envelopes(0)},
	{name: "JSON lines, CRLF, blank lines", text: "\r\n" + rec("a") + "\r\n\r\n" + rec("b"), want: "a b", content: envelopes(0)},
	{name: "JSON lines, commas", text: rec("a") + ",\n" + rec("b") + ",\n", want: "a b", content: envelopes(0)},
	{name: "records without anything between", text: rec("a") + rec("b"), want: "a b", content: envelopes(0)},
	{name: "single object", text: rec("a"), want: "a", content: envelopes(0)},
	{name: "single object, pretty", text: indent(rec("a")), want: "a", content: envelopes(0)},

	{name: "EventBridge", text: `{"version":"0","id":"1","detail-type":"AWS API Call via CloudTrail","source":"aws.s3","account":"1","time":"2023-07-10T12:00:00Z","region":"us-east-1","resources":[],"detail":` + rec("a") + `}`, want: "a", embedded: true, content: envelopes(1)},
	{name: "EventBridge lines", text: `{"detail":` + rec("a") + "}\n" + `{"detail":` + rec("b") + "}\n", want: "a b", embedded: true, content: envelopes(2)},
	{name: "EventBridge array, pretty", text: indent(`[{"detail":` + rec("a") + `},{"detail":` + rec("b") + `}]`), want: "a b", embedded: true, content: envelopes(3)},
	{name: "LookupEvents", text: indent(`{"Events":[{"EventId":"a","EventName":"GetObject","ReadOnly":"true","CloudTrailEvent":` + quoted(rec("a")) + `},{"CloudTrailEvent":` + quoted(rec("b")) + `}],"NextToken":"t"}`), want: "a b", embedded: true, content: envelopes(4)},
	{name: "LookupEvents, token first", text: `{"NextToken":"t","Events":[{"CloudTrailEvent":` + quoted(rec("a")) + `}]}`, want: "a", embedded: true, content: envelopes(3)},
	{name: "LookupEvents lines", text: `{"CloudTrailEvent":` + quoted(rec("a")) + "}\n" + `{"CloudTrailEvent":` + quoted(rec("b")) + "}\n", want: "a b", embedded: true, content: envelopes(2)},
	{name: "CloudWatch Logs subscription", text: gz(`{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","subscriptionFilters":["f"],"logEvents":[{"id":"1","timestamp":1,"message":` + quoted(rec("a")) + `},{"id":"2","timestamp":2,"message":` + quoted(rec("b")) + `}]}`), want: "a b", embedded: true, content: envelopes(4)},
	{name: "CloudWatch Logs control message", text: `{"messageType":"CONTROL_MESSAGE","logEvents":[{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health of destination Firehose."}]}`, content: Content{Envelopes: 3}},
	{name: "CloudWatch Logs export", text: "2023-07-10T12:00:00.000Z " + rec("a") + "\n2023-07-10T12:00:01.123Z " + rec("b") + "\n", want: "a b", content: envelopes(0)},
	{name: "CloudWatch Insights result", text: `{"@timestamp":"2023-07-10 12:00:00.000","@message":` + quoted(rec("a")) + `}`, want: "a", embedded: true, content: envelopes(1)},
	{name: "Splunk", text: `{"preview":false,"result":{},"_raw":` + quoted(rec("a")) + `}`, want: "a", embedded: true, content: envelopes(1)},
	{name: "Cloud Logging", text: `{"insertId":"1","jsonPayload":` + rec("a") + `}`, want: "a", embedded: true, content: envelopes(1)},
	{name: "Elastic", text: `{"event":{"kind":"event"},"aws":{"cloudtrail":` + rec("a") + `}}`, want: "a", embedded: true, content: envelopes(1)},
	{name: "text in text", text: `{"Message":` + quoted(`{"detail":`+rec("a")+`}`) + `}`, want: "a", embedded: true, content: envelopes(1)},
	{name: "log file in a text", text: `{"message":` + quoted(`{"Records":[`+rec("a")+`,`+rec("b")+`]}`) + `}`, want: "a b", embedded: true, content: envelopes(1)},

	{name: "LookupEvents, pages joined", text: indent(`{"Events":[{"EventId":"a","CloudTrailEvent":`+quoted(rec("a"))+`}],"NextToken":"t"}`) + "\n" + indent(`{"Events":[{"EventId":"b","CloudTrailEvent":`+quoted(rec("b"))+`}]}`), want: "a b", embedded: true, content: envelopes(6)},
	{name: "LookupEvents, no events", text: `{"Events":[]}`, content: Content{Envelopes: 2}},
	{name: "LookupEvents, only the records", text: indent(`[` + quoted(rec("a")) + `,` + quoted(rec("b")) + `]`), want: "a b", embedded: true, content: envelopes(1)},
	{name: "LookupEvents, only the records, nested", text: `[[` + quoted(rec("a")) + `],[` + quoted(rec("b")) + `]]`, want: "a b", embedded: true, content: envelopes(3)},
	{name: "LookupEvents, only the records, as text", text: rec("a") + "\t" + rec("b") + "\n", want: "a b", content: envelopes(0)},
	{name: "LookupEvents, as text", text: "EVENTS\tAKIA\t" + rec("a") + "\ta\tGetObject\n", want: "<output of the AWS CLI that is not JSON: save it with --output json>", content: Content{Envelopes: 1, Relevant: true}},
	{name: "LookupEvents, as YAML", text: "Events:\n- CloudTrailEvent: '" + rec("a") + "'\n", want: "<output of the AWS CLI that is not JSON: save it with --output json>", content: Content{Envelopes: 1, Relevant: true}},
	{name: "list of texts", text: `["a","{\"b\":1}"]`, want: "<not a CloudTrail record> <not a CloudTrail record>", content: Content{Envelopes: 1}},
	{name: "record in a list of texts, broken", text: `[` + quoted(rec("a")[:60]) + `]`, want: "<object ends early>", embedded: true, content: envelopes(1)},
	{name: "Event history, JSON download", text: `{"Records":[` + rec("a") + `]}`, want: "a", content: envelopes(2)},
	{name: "Event history, CSV download", text: "Event name,Event time,User name,Event source,Resource type,Resource name,AWS access key\nGetObject,2023-07-10,x,s3.amazonaws.com,,,\n", want: "<CSV without a column eventjson: its columns do not hold whole records>", content: Content{Envelopes: 1, Relevant: true}},
	{name: "Lake result", text: lakeCSV(rec("a"), rec("b")), want: "a b", embedded: true, content: envelopes(1)},
	{name: "Lake result, gzip", text: gz(lakeCSV(rec("a"), rec("b"))), want: "a b", embedded: true, content: envelopes(1)},
	{name: "Lake result, CRLF, byte order mark, no end", text: "\xef\xbb\xbf" + strings.TrimSpace(strings.ReplaceAll(lakeCSV(rec("a"), rec("b")), "\n", "\r\n")), want: "a b", embedded: true, content: envelopes(1)},
	{name: "Lake result, lines in values", text: lakeCSV(indent(rec("a")), rec("b")), want: "a b", embedded: true, content: envelopes(1)},
	{name: "Lake result, only the records", text: "eventJson\n" + csvField(rec("a")) + "\n\n" + csvField(rec("b")) + "\n", want: "a b", embedded: true, content: envelopes(1)},
	{name: "Lake result, a row without", text: lakeCSV(rec("a"), "", rec("b")), want: "a <row without a whole record: select eventjson> b", embedded: true, content: envelopes(1)},
	{name: "Lake result, cut", text: lakeCSV(rec("a"), rec("b"))[:len(lakeCSV(rec("a"), rec("b")))-30], want: "a <object ends early>", embedded: true, content: envelopes(1)},
	{name: "Lake result, empty", text: lakeCSV(), content: Content{Envelopes: 1, Relevant: true}},
	{name: "Lake result, typed columns", text: "\"eventName\",\"eventTime\",\"userIdentity\",\"requestParameters\"\n\"GetObject\",\"2023-07-10 12:00:00.000\",\"{type=Root}\",\"{a=1}\"\n", want: "<CSV without a column eventjson: its columns do not hold whole records>", content: Content{Envelopes: 1, Relevant: true}},
	{name: "Lake get-query-results", text: indent(`{"QueryStatus":"FINISHED","QueryStatistics":{"ResultsCount":2},"QueryResultRows":[[{"eventname":"GetObject"},{"eventjson":` + quoted(rec("a")) + `}],[{"eventJson":` + quoted(rec("b")) + `}]],"NextToken":"t"}`), want: "a b", embedded: true, content: envelopes(4)},
	{name: "Lake get-query-results, typed columns", text: `{"QueryStatus":"FINISHED","QueryResultRows":[[{"eventname":"GetObject"},{"eventtime":"2023-07-10 12:00:00.000"}]]}`, want: "<row without a whole record: select eventjson>", raws: []string{`[{"eventname":"GetObject"},{"eventtime":"2023-07-10 12:00:00.000"}]`}, content: envelopes(3)},
	{name: "Lake signature file", text: `{"version":"1.0","region":"us-east-1","files":[{"fileHashValue":"h","fileName":"result_1.csv.gz"}],"hashAlgorithm":"SHA-256","publicKeyFingerprint":"f"}`, want: "<not a CloudTrail record>"},
	{name: "CloudWatch Logs through Firehose", text: gz(subscription(rec("a")), controlText, subscription(rec("b"), rec("c"))), want: "a b c", embedded: true, content: envelopes(10)},
	{name: "CloudWatch Logs through Firehose, compressed again", text: gz(gz(subscription(rec("a"))) + gz(subscription(rec("b")))), want: "a b", embedded: true, content: envelopes(6)},
	{name: "CloudWatch Logs filter-log-events", text: indent(`{"events":[{"logStreamName":"s","timestamp":1,"message":` + quoted(rec("a")) + `,"eventId":"1"}],"searchedLogStreams":[]}`), want: "a", embedded: true, content: envelopes(3)},
	{name: "CloudWatch Logs Insights query", text: indent(`{"results":[[{"field":"@timestamp","value":"2023-07-10 12:00:00.000"},{"field":"@message","value":` + quoted(rec("a")) + `},{"field":"@ptr","value":"p"}]],"statistics":{"recordsMatched":1.0},"status":"Complete"}`), want: "a", embedded: true, content: envelopes(3)},
	{name: "CloudWatch Logs test object", text: "Permission Check Successful", content: Content{Foreign: 1}},
	{name: "foreign rows", text: `{"results":[[1,2],[{"a":"b"}]]}`, want: "<not a CloudTrail record> <not a CloudTrail record>", content: Content{Envelopes: 4}},
	{name: "foreign CSV", text: "id,name\n1,x\n", content: Content{Foreign: 1}},

	{name: "Insight", text: `{"Records":[{"eventVersion":"1.07","eventTime":"2019-10-17T10:05:00Z","awsRegion":"us-east-1","eventID":"i","eventType":"AwsCloudTrailInsight","recipientAccountId":"1","sharedEventID":"s","insightDetails":{"state":"Start","insightContext":{"statistics":{"baseline":{"average":0.0020833333}}}},"eventCategory":"Insight"}]}`, want: "i", content: envelopes(2)},
	{name: "aggregated events", text: `{"Records":[{"eventVersion":"1.0","accountId":"1","eventId":"g","eventCategory":"Aggregated","eventType":"AwsAggregatedEvent","awsRegion":"us-east-1","eventSource":"s3.amazonaws.com","timeWindow":{"windowStart":"2025-11-01T00:00:00Z","windowEnd":"2025-11-01T00:05:00Z","windowSize":"PT5M"},"summary":{}}]}`, want: "", content: envelopes(2)},

	{name: "digest", text: `{"awsAccountId":"1","digestStartTime":"2023-10-15T00:00:00Z","digestEndTime":"2023-10-15T01:00:00Z","digestS3Bucket":"b","digestS3Object":"o","logFiles":[]}`, content: Content{Digests: 1, Relevant: true}},
	{name: "digest, gzip, pretty", text: gz(indent(`{"awsAccountId":"1","digestStartTime":"t","digestS3Object":"o","logFiles":[]}`)), content: Content{Digests: 1, Relevant: true}},
	{name: "foreign object", text: `{"name":"x","items":[{"a":1}]}`, want: "<not a CloudTrail record>", raws: []string{`{"name":"x","items":[{"a":1}]}`}},
	{name: "foreign lines", text: "{\"level\":\"info\",\"message\":\"hello\"}\n{\"level\":\"info\",\"message\":\"{not json\"}\n", want: "<not a CloudTrail record> <not a CloudTrail record>"},
	{name: "foreign list", text: `{"Events":[{"a":1}]}`, want: "<not a CloudTrail record>", content: Content{Envelopes: 2}},
	{name: "foreign, broken", text: `{"a":1,}`, want: "<not valid JSON>", raws: []string{`{"a":1,}`}},
	{name: "foreign, broken detail", text: `{"detail":{"a":1,"a":2}}`, want: "<not a CloudTrail record>"},
	{name: "foreign, a key twice", text: `{"a":1,"a":2}`, want: "<the same key twice in one object>", raws: []string{`{"a":1,"a":2}`}},
	{name: "foreign text in brackets", text: "[2023-07-10 12:00:00] started\n[2023-07-10 12:00:01] stopped\n", want: "<text between records> <text between records> <text between records> <text between records>", content: Content{Envelopes: 2}},
	{name: "text", text: "hello, world\n", content: Content{Foreign: 1}},
	{name: "text, gzip", text: gz("hello, world\n"), content: Content{Foreign: 1}},
	{name: "gzip four times", text: gz(gz(gz(gz(rec("a"))))), content: Content{Foreign: 1}},
	{name: "XML", text: `<?xml version="1.0"?><a/>`, content: Content{Foreign: 1}},
	{name: "JSON string", text: `"hello"`, content: Content{Foreign: 1}},
	{name: "number", text: `42`, content: Content{Foreign: 1}},
	{name: "zero bytes", text: "\x00\x00\x00\x00", content: Content{Foreign: 1}},
	{name: "half a byte order mark", text: "\xef\xbb", content: Content{Foreign: 1}},
	{name: "byte order mark only", text: "\xef\xbb\xbf"},
	{name: "empty", text: ""},
	{name: "empty, gzip", text: gz("")},
	{name: "white space", text: " \r\n\t "},
}

func TestForms(t *testing.T) { checkForms(t, forms) }

// checkForms decodes each form as a whole, in pieces, and across the window's
// end: the result is always the same.
func checkForms(t *testing.T, forms []form) {
	d := NewDecoder()
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			results, content, err := decode(t, d, strings.NewReader(f.text))
			if err != nil {
				t.Fatal(err)
			}
			if got := outline(results); got != f.want {
				// The aggregated event has no event id.
				if strings.TrimSpace(got) != f.want {
					t.Errorf("got  %s\nwant %s", got, f.want)
				}
			}
			plain := plainText(f.text)
			if content.Foreign == 0 && content.Bytes != int64(len(plain)) && !strings.Contains(f.want, "gzip") {
				t.Errorf("read %d bytes of %d", content.Bytes, len(plain))
			}
			bare := content
			bare.Records, bare.Rejected, bare.Bytes = 0, 0, 0
			if d := cmp.Diff(f.content, bare); d != "" {
				t.Errorf("content (-want +got):\n%s", d)
			}
			checkPlaces(t, f, plain, results)

			for name, r := range map[string]io.Reader{
				"one byte at a time": iotest.OneByteReader(strings.NewReader(f.text)),
				"half reads":         iotest.HalfReader(strings.NewReader(f.text)),
				"error with data":    iotest.DataErrReader(strings.NewReader(f.text)),
			} {
				again, c, err := decode(t, d, r)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if diff := cmp.Diff(results, again); diff != "" {
					t.Errorf("%s gives something else:\n%s", name, diff)
				}
				if c != content && content.Foreign == 0 {
					t.Errorf("%s: content %+v, want %+v", name, c, content)
				}
			}
			if content.Foreign == 0 {
				checkWindow(t, d, plain, results)
			}
		})
	}
}

// checkPlaces checks the texts of what was rejected, and where they stood.
func checkPlaces(t *testing.T, f form, plain string, results []result) {
	t.Helper()
	raws := f.raws
	for _, r := range results {
		if r.Reason == "" {
			continue
		}
		if f.raws != nil {
			if len(raws) == 0 || raws[0] != r.Raw {
				t.Errorf("%s: text %.200q, want %.200q", r.Reason, r.Raw, raws)
			} else {
				raws = raws[1:]
			}
		}
		if !f.embedded && (r.Offset+r.Size > int64(len(plain)) || !strings.HasPrefix(plain[r.Offset:r.Offset+r.Size], r.Raw)) {
			t.Errorf("%s: %.200q does not stand at byte %d", r.Reason, r.Raw, r.Offset)
		}
	}
	if len(raws) > 0 {
		t.Errorf("not rejected: %q", raws)
	}
}

// checkWindow moves the text over the end of the first window.
func checkWindow(t *testing.T, d *Decoder, plain string, want []result) {
	t.Helper()
	blank := strings.Repeat(" ", windowSize)
	step := max(1, len(plain)/24)
	for k := 1; k <= len(plain); k += step {
		prefix := blank[:windowSize-k]
		got, _, err := decode(t, d, io.MultiReader(strings.NewReader(prefix), strings.NewReader(plain)))
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			if got[i].Reason != "" {
				got[i].Offset -= int64(len(prefix))
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("the window ends at byte %d of the text:\n%s", k, diff)
		}
	}
}

// plainText undoes gzip by the standard library, as far as it goes.
func plainText(text string) string {
	for strings.HasPrefix(text, "\x1f\x8b\x08") {
		r, err := gzip.NewReader(strings.NewReader(text))
		if err != nil {
			return ""
		}
		b, _ := io.ReadAll(r)
		text = string(b)
	}
	return text
}

// A list may come behind a member that is longer than any record.
func TestListBehindLargeMember(t *testing.T) {
	d := NewDecoder()
	for _, size := range []int{1 << 10, windowSize, 3 * windowSize, MaxRecord - 100, MaxRecord + 1, 20 << 20} {
		t.Run(strconv.Itoa(size), func(t *testing.T) {
			r := io.MultiReader(
				strings.NewReader(`{"other":"`), io.LimitReader(fill('x'), int64(size)),
				strings.NewReader(`","Records":[`+rec("a")+`,`+rec("b")+`]}`))
			results, content, err := decode(t, d, r)
			if err != nil {
				t.Fatal(err)
			}
			if got := outline(results); got != "a b" {
				t.Errorf("got %s", got)
			}
			if !content.Relevant {
				t.Errorf("content %+v", content)
			}
		})
	}
}

// fill is an endless reader of one byte.
type fill byte

func (f fill) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(f)
	}
	return len(b), nil
}

// What is longer than a record may be is one rejection, and is not held in
// memory.
func TestHugeRecord(t *testing.T) {
	const size = 300 << 20
	head := `{"eventVersion":"1.08","eventTime":"2023-07-10T12:00:00Z","eventName":"x","requestParameters":{"x":"`
	huge := func() io.Reader {
		return io.MultiReader(strings.NewReader(head), io.LimitReader(fill('x'), size), strings.NewReader(`"}}`))
	}
	for _, c := range []struct {
		name          string
		before, after string
		want          string
		offset        int
	}{
		{"in a list", `{"Records":[` + rec("a") + `,`, `,` + rec("b") + `]}`, "a <longer than 16 MiB> b", len(`{"Records":[`+rec("a")) + 1},
		{"on a line", rec("a") + "\n", "\n" + rec("b"), "a <longer than 16 MiB> b", len(rec("a")) + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDecoder()
			results, content, err := decode(t, d, io.MultiReader(strings.NewReader(c.before), huge(), strings.NewReader(c.after)))
			if err != nil {
				t.Fatal(err)
			}
			if got := outline(results); got != c.want {
				t.Fatalf("got %s, want %s", got, c.want)
			}
			bad := results[1]
			if bad.Offset != int64(c.offset) || bad.Size != size+int64(len(head))+3 || len(bad.Raw) != MaxRaw || !strings.HasPrefix(bad.Raw, head) {
				t.Errorf("rejected %d bytes (%d kept) at %d", bad.Size, len(bad.Raw), bad.Offset)
			}
			if want := int64(len(c.before)+len(head)+3+len(c.after)) + size; content.Bytes != want {
				t.Errorf("read %d bytes of %d", content.Bytes, want)
			}
			if n := len(d.p.text); n > 2*MaxRecord {
				t.Errorf("window of %d bytes", n)
			}
		})
	}
	t.Run("cut", func(t *testing.T) {
		for _, before := range []string{"", `{"Records":[`} {
			results, _, err := decode(t, NewDecoder(), io.MultiReader(strings.NewReader(before+head), io.LimitReader(fill('x'), 20<<20)))
			if err != nil || outline(results) != "<object ends early>" || results[0].Size != 20<<20+int64(len(head)) {
				t.Errorf("%q: %s, %v", before, outline(results), err)
			}
		}
	})
}

// A failing storage is the end, and no fault of what was read before.
func TestStorageError(t *testing.T) {
	broken := errors.New("connection reset")
	texts := map[string]string{
		"log file":     `{"Records":[` + rec("a") + `,` + rec("b") + `]}`,
		"gzip":         gz(`{"Records":[` + rec("a") + `,` + rec("b") + `]}`),
		"gzip in gzip": gz(gz(`{"Records":[` + rec("a") + `]}`)),
		"lines":        rec("a") + "\n" + rec("b"),
		"Records last": `{"x":1,"Records":[` + rec("a") + `]}`,
		"scalars":      `[` + rec("a") + `,"text",12]`,
		"array, stray": `[` + rec("a") + `, oops ]`,
		"wrong list":   `{"Records":{"a":1}}`,
		"CSV":          lakeCSV(rec("a"), "", rec("b")),
		"other CSV":    "eventname,eventtime,eventid\n1,2,3\n",
		"CLI text":     "EVENTS\t" + rec("a"),
		"rows":         `{"QueryResultRows":[[{"a":"b"},{"eventjson":` + quoted(rec("a")) + `}],[{"a":"b"}]]}`,
		"texts":        `[` + quoted(rec("a")) + `,"x"]`,
	}
	for name, text := range texts {
		t.Run(name, func(t *testing.T) {
			d := NewDecoder()
			whole, _, err := decode(t, d, strings.NewReader(text))
			if err != nil {
				t.Fatal(err)
			}
			for n := range len(text) {
				results, _, err := decode(t, d, io.MultiReader(strings.NewReader(text[:n]), iotest.ErrReader(broken)))
				if !errors.Is(err, broken) {
					t.Fatalf("error %v after %d bytes", err, n)
				}
				for i, r := range results {
					if d := cmp.Diff(whole[i], r); d != "" {
						t.Fatalf("after %d bytes result %d is different:\n%s", n, i, d)
					}
				}
			}
		})
	}
}

// Records stops where it is told to.
func TestRecordsStops(t *testing.T) {
	n := 0
	for record, err := range Records(strings.NewReader(rec("a") + rec("b") + rec("c"))) {
		if err != nil {
			t.Fatal(err)
		}
		if n++; string(record.Text(LeafEventID)) == "b" {
			break
		}
	}
	if n != 2 {
		t.Errorf("%d records", n)
	}
	var got []error
	broken := errors.New("connection reset")
	for _, err := range Records(io.MultiReader(strings.NewReader(rec("a")), iotest.ErrReader(broken))) {
		got = append(got, err)
	}
	if len(got) != 2 || got[0] != nil || !errors.Is(got[1], broken) {
		t.Errorf("errors %v", got)
	}
}

func ExampleRecords() {
	log := strings.NewReader(`{"Records":[` + rec("one") + `,{"eventName":"broken"},` + rec("two") + `]}`)
	for record, err := range Records(log) {
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(string(record.Text(LeafEventID)), record.Time)
	}
	// Output:
	// one 2023-07-10 12:00:00 +0000 UTC
	// record 1 at byte 175: not a CloudTrail record
	// two 2023-07-10 12:00:00 +0000 UTC
}
