//go:build cgo && duckdb_arrow

package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine/trino/trinotest"
)

func TestDDLConvertUsage(t *testing.T) {
	good := "ddl --for trino --convert --location s3://b/AWSLogs/111122223333/ --regions us-east-1,eu-west-1 --from 2025-06-01 --to 2025-06-03"
	for _, tt := range []struct{ change, to, want string }{
		{"--for trino", "--for spark", "--convert is for trino and athena"},
		{"--convert", "--convert --raw", "want one of them"},
		{"111122223333", "", "the folder of one account"},
		{"--regions us-east-1,eu-west-1", "", "--convert needs --regions"},
		{"us-east-1,", "us-east-1',", "is not a region"},
		{"--from 2025-06-01", "", "--convert needs --from"},
		{"--from 2025-06-01", "--from 2025-06-09", "is not after"},
		{"--for trino", "--for athena", "needs --staging"},
		{"--for trino", "--for athena --staging s3://b/s --schema a.b", "small letters"},
		{"--convert", "", "--location is for --raw and --convert"},
	} {
		args := strings.Replace(good, tt.change, tt.to, 1)
		if code, said := say(t, strings.Fields(args)...); code != 2 || !strings.Contains(said, tt.want) {
			t.Errorf("%s: exit code %d: %s, want %q", args, code, said, tt.want)
		}
	}
	for _, engine := range []string{"trino", "athena --staging s3://b/s"} {
		got := stdoutOf(t, strings.Fields(strings.Replace(good, "trino", engine, 1))...)
		for _, want := range []string{"day = '2025/06/01'", "day = '2025/06/02'", "s3://b/AWSLogs/111122223333/CloudTrail/${region}/${day}"} {
			if strings.Count(got, want) != 1 {
				t.Errorf("%s: %q is not in it once", engine, want)
			}
		}
		if strings.Contains(got, "2025/06/03") || strings.Contains(got, "%!") {
			t.Errorf("%s: got %s", engine, got)
		}
	}
}

// Where the test's objects lie.
const (
	clusterAccount = "AWSLogs/111111111111"
	clusterDay     = clusterAccount + "/CloudTrail/us-east-1/2025/06/02"
)

// record is one with this in the place of its last member.
func record(id, members string) string {
	return fmt.Sprintf(`{"eventVersion":"1.08","userIdentity":{"type":"AWSService","invokedBy":"a"},"eventTime":"2025-06-02T01:02:03Z","eventSource":"s3.amazonaws.com","eventName":"Get","awsRegion":"eu-north-1","sourceIPAddress":"1.2.3.4","eventID":"%s"%s}`, id, members)
}

func records(all ...string) string { return `{"Records":[` + strings.Join(all, ",") + `]}` }

func nested(n int) string { return strings.Repeat(`{"a":[`, n/2) + strings.Repeat(`]}`, n/2) }

// plainObjects can be converted on a cluster.
var plainObjects = map[string]string{
	"empty":     records(),
	"newline":   records(record("n1", "")) + "\n",
	"escapes":   records(record("e1", `,"userAgent":"a\u0041\/\"\\ \t☃","requestParameters":{"b":"\u003c\/","a":"x y","c":[ 1 , {"z" : "} ]"} ]},"errorMessage":"\\ud83d"`)),
	"numbers":   records(record("u1", `,"requestParameters":{"a":1.10,"b":1e5,"c":-0,"d":123456789012345678901234567890,"a":2},"apiVersion":1.10,"readOnly":1E2`)),
	"unknown":   records(record("x1", `,"zz":null,"new":{"b":1.0, "a":[]},"EventName":"upper","":"","userIdentity2":{}`)),
	"nulls":     records(record("l1", `,"errorCode":null,"requestParameters":null,"resources":null,"tlsDetails":null,"readOnly":null`)),
	"types":     records(record("t1", `,"userAgent":["a", "b"],"readOnly":"true","requestParameters":"a\"b","responseElements":"null","resources":"","tlsDetails":"x","addendum":[1],"managementEvent":false,"additionalEventData":7,"errorCode":{"a":null},"errorMessage":true`)),
	"resources": records(record("r1", `,"resources":[{"ARN":"a","accountId":"1","type":"t"},{"ARNPrefix":"p","type":"t"},{"arn":"low","type":5},{"type":"\u0074","ARN":"A","arn":"b"},"text\n",{},null,7,[{"ARN":"in"}]]`), record("r2", `,"resources":[]`), record("r3", `,"resources":[{"type":"t","ARN":""}]`), record("r4", `,"resources":{"ARN":"a"}`)),
	"tls":       records(record("s1", `,"tlsDetails":{"clientProvidedHostHeader":"h","keyExchange":"k","zz":1,"tlsVersion":null}`), record("s2", `,"tlsDetails":{},"addendum":{"reason":"r","updatedFields":["a"]},"edgeDeviceDetails":[1, 2]`)),
	"region":    records(strings.Replace(record("g1", ""), `"eu-north-1"`, `"sa gov"`, 1), strings.Replace(record("g2", ""), `"eu-north-1"`, `7`, 1), strings.Replace(record("g3", ""), `"awsRegion":"eu-north-1",`, "", 1), strings.Replace(record("g4", ""), `"eu-north-1"`, `""`, 1)),
	"identities": records(
		`{"eventTime":"2025-06-02T01:02:03Z","eventID":"i1","awsRegion":"eu-north-1"}`,
		`{"eventTime":"2025-06-02T01:02:03Z","eventID":"i2","awsRegion":"eu-north-1","userIdentity":null}`,
		`{"eventTime":"2025-06-02T01:02:03Z","eventID":"i3","awsRegion":"eu-north-1","userIdentity":"me"}`,
		`{"eventTime":"2025-06-02T01:02:03Z","eventID":"i4","awsRegion":"eu-north-1","userIdentity":{}}`,
		`{"eventTime":"2025-06-02T01:02:03Z","eventID":"i5","awsRegion":"eu-north-1","userIdentity":{"zz":1,"arn":"","accountId":7,"onBehalfOf":{"userId":"u","x":null},"inScopeOf":{"a":1},"credentialId":"c","identityProvider":null,"sessionContext":{"sourceIdentity":"si","assumedRoot":"true","attributes":{"mfaAuthenticated":false},"sessionIssuer":{},"webIdFederationData":{"federatedProvider":"f","attributes":{"a":"b","c":"\u0064"}}}}}`,
		`{"eventTime":"2025-06-02T01:02:03Z","eventID":"i6","awsRegion":"eu-north-1","userIdentity":{"sessionContext":{"attributes":null,"ec2RoleDelivery":2.0,"webIdFederationData":{"attributes":{"a":"b","c":1}}}}}`,
		`{"eventTime":"2025-06-02T01:02:03Z","eventID":"i7","awsRegion":"eu-north-1","userIdentity":{"sessionContext":{"webIdFederationData":{"attributes":{}}}}}`,
		`{"eventTime":"2025-06-02T01:02:03Z","eventID":"i8","awsRegion":"eu-north-1","userIdentity":{"sessionContext":{"webIdFederationData":{"attributes":[]},"sessionIssuer":7}}}`),
	"withoutid": records(strings.Replace(record("", ""), `,"eventID":""`, "", 1), record("", ""), record("", ""), strings.Replace(record("7", ""), `"7"`, `7`, 1)),
	"again1":    records(record("d1", `,"requestParameters":{"a":1,"b":"A"}`), record("d2", `,"requestParameters":{"a":1}`), record("d3", ""), record("d4", `,"zz":{"a":1,"b":2}`)),
	"again2":    records(record("d1", `,"requestParameters":{ "b":"\u0041", "a":1 }`), record("d2", `,"requestParameters":{"a":1.0}`), record("d3", `,"errorCode":"x"`), record("d4", `,"zz":{"b":2,"a":1}`), record("d3", "")),
	"long":      records(record("o1", `,"requestParameters":{"a":"`+strings.Repeat(`{[\"é `, 50_000)+`"}`)),
	"large":     records(slices.Repeat([]string{strings.Replace(record("large", `,"errorMessage":"`+strings.Repeat("x", 100_000)+`"`), `"large"`, `null`, 1)}, 30)...),
	"deep":      records(record("p1", `,"requestParameters":`+nested(18))),
}

// otherObjects are left to the converter here, which makes something of each.
var otherObjects = map[string]string{
	"longer":      records(record("q0", `,"errorMessage":"`+strings.Repeat("x", 2_000_000)+`"`)),
	"pretty":      "{\n  \"Records\": [\n" + record("q1", "") + "\n]}",
	"lines":       record("q2", "") + "\n" + record("q3", ""),
	"twice":       records(record("q4", "")) + "\n" + records(record("q5", "")),
	"deeper":      records(record("q6", `,"requestParameters":`+nested(40))),
	"time":        records(record("q7", ""), strings.Replace(record("q8", ""), "01:02:03Z", "01:02:03.5+01:00", 1)),
	"nodate":      records(strings.Replace(record("q9", ""), "2025-06-02", "2025-02-30", 1)),
	"notime":      records(strings.Replace(record("q10", ""), "eventTime", "eventTim", 1)),
	"notrecord":   records(`{"a":1}`, record("q11", "")),
	"notobject":   records(`7`, record("q12", "")),
	"invalid":     records(record("q13", `,"requestParameters":{"a":01}`), record("q14", "")),
	"utf8":        records(record("q15", ",\"errorCode\":\"\xff\"")),
	"repeated":    records(record("q16", `,"errorCode":"a","errorCode":"b"`)),
	"escapedkey":  records(record("q17", `,"\u0065rrorCode":"a"`)),
	"emoji":       records(record("q18", `,"errorCode":"\ud83d\ude00"`)),
	"surrogate":   records(record("q19", `,"errorCode":"\ud83d"`)),
	"cut":         records(record("q20", ""))[:200],
	"foreign":     "hello",
	"twolists":    records(record("q21", "")) + records(record("q22", "")),
	"more":        `{"Records":[` + record("q23", "") + `],"more":1}`,
	"repeatedarn": records(record("q24", `,"resources":[{"ARN":"a","ARN":"b"}]`)),
	"lowerform":   `{"records":[` + record("q25", "") + `]}`,
	"aggregated":  records(`{"eventVersion":"1.0","eventId":"q26","eventCategory":"Aggregated","eventType":"AwsAggregatedEvent","awsRegion":"eu-north-1","eventSource":"s3.amazonaws.com","timeWindow":{"windowStart":"2025-11-17T19:20:00Z"}}`),
}

// addObject adds a log file to an archive.
func addObject(t *testing.T, root, name string, content []byte) string {
	t.Helper()
	name = filepath.Join(root, clusterDay, "111111111111_CloudTrail_us-east-1_20250602T0100Z_"+name+".json.gz")
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// clusterArchive is the sample, and the objects of this file, and real records
// where there are any. It gives what can be taken.
func clusterArchive(t *testing.T) (root string, taken map[string]bool) {
	t.Helper()
	root = t.TempDir()
	if err := os.CopyFS(root, os.DirFS("../../testdata/sample")); err != nil {
		t.Fatal(err)
	}
	taken = map[string]bool{}
	add := func(name string, content []byte) string { return addObject(t, root, name, content) }
	for name, content := range otherObjects {
		add(name, []byte(content))
	}
	for name, content := range plainObjects {
		taken[add(name, []byte(content))] = true
	}
	sample, err := filepath.Glob(filepath.Join(root, clusterAccount, "CloudTrail", "*", "2025", "06", "0[12]", "111111111111_CloudTrail_*_????????????????.json.gz"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range sample {
		taken[name] = true
	}
	const corpus = "../../../shared/data"
	if _, err := os.Stat(corpus); err != nil {
		t.Log("no corpus of real records:", err)
		return root, taken
	}
	corpusTable := filepath.Join(t.TempDir(), "corpus")
	if code, said := say(t, "convert", "--quiet", "--warehouse", corpusTable, corpus); code != exitIncomplete {
		t.Fatalf("convert the corpus: exit code %d: %s", code, said)
	}
	var all []string
	for line := range strings.Lines(stdoutOf(t, "export", "--warehouse", corpusTable, "-o", "-")) {
		all = append(all, strings.TrimSpace(line))
	}
	n := 0
	for some := range slices.Chunk(all, 100) {
		n++
		add(fmt.Sprintf("real%d", n), []byte(records(some...)))
	}
	logs, err := filepath.Glob(corpus + "/archive/AWSLogs/*/CloudTrail/*/*/*/*/*.json.gz")
	if err != nil || n < 50 || len(logs) < 50 {
		t.Fatalf("%d objects of the corpus, %d log files, %v", n, len(logs), err)
	}
	for _, log := range logs {
		content, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		r, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		if _, err := b.ReadFrom(r); err != nil {
			t.Fatal(err)
		}
		add("log-"+strings.TrimSuffix(path.Base(log), ".json.gz"), b.Bytes())
	}
	return root, taken
}

// rowsOf are the rows of a statement in a warehouse, by the object that they came
// from.
func rowsOf(t *testing.T, warehouse, sql, object string) map[string][]string {
	t.Helper()
	rows := map[string][]string{}
	for line := range strings.Lines(stdoutOf(t, "query", "--quiet", "--engine", "local", "--warehouse", warehouse, "--format", "jsonl", sql)) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		name, _ := row[object].(string)
		rows[name] = append(rows[name], line)
	}
	return rows
}

// withoutSource are the records of a warehouse in order, without where they came
// from.
func withoutSource(t *testing.T, warehouse string) (rows []string) {
	t.Helper()
	for _, some := range rowsOf(t, warehouse, allRecords, "sourceobject") {
		for _, line := range some {
			var row map[string]any
			if err := json.Unmarshal([]byte(line), &row); err != nil {
				t.Fatal(err)
			}
			delete(row, "sourceobject")
			delete(row, "sourceindex")
			text, err := json.Marshal(row)
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, string(text))
		}
	}
	slices.Sort(rows)
	return rows
}

const (
	allRecords = "SELECT * FROM cloudtrail_logs ORDER BY sourceobject, sourceindex"
	allObjects = "SELECT object, size, kind, account, region, category, delivered, records, rejected, firsteventtime, lasteventtime FROM source_files ORDER BY object"
)

// TestIntegrationConvertOnTrino: what Trino converts, stopped and run again, and
// what is converted here then, is what one conversion here makes of all.
func TestIntegrationConvertOnTrino(t *testing.T) {
	to, _ := sharedAddress(t, "converted")
	archive, taken := clusterArchive(t)
	here := filepath.Join(t.TempDir(), "here")
	if code, said := say(t, "convert", "--quiet", "--warehouse", here, archive); code != exitIncomplete {
		t.Fatalf("exit code %d: %s", code, said)
	}

	warehouse := filepath.Join(t.TempDir(), "warehouse")
	stdoutOf(t, "convert", "--quiet", "--warehouse", warehouse, "--catalog", to, filepath.Join(archive, "AWSLogs/222222222222"))
	beside := rowsOf(t, warehouse, allObjects, "object")
	script := statements(stdoutOf(t, "ddl", "--for", "trino", "--convert", "--schema", "converted", "--location", filepath.Join(archive, clusterAccount),
		"--regions", "eu-west-1,us-east-1,us-west-2,xx-none-1", "--from", "2025-06-01", "--to", "2025-06-03"))
	trinotest.Run(t, `DROP SCHEMA IF EXISTS hive."converted" CASCADE`)
	t.Cleanup(func() { trinotest.Run(t, `DROP SCHEMA IF EXISTS hive."converted" CASCADE`) })
	// The first try is stopped behind each statement of its first day once.
	first := slices.IndexFunc(script, func(s string) bool { return strings.HasPrefix(s, "-- 2025-06-01\n") })
	for _, until := range []int{first + 2, first + 3, len(script), len(script)} {
		for _, s := range script[:until] {
			trinotest.Run(t, s)
		}
	}

	for _, want := range []string{"adopted cloudtrail_logs: ", "nothing to adopt"} {
		if code, said := say(t, "catalog", "adopt", "--from", to, "--warehouse", warehouse); code != 0 || !strings.Contains(said, want) {
			t.Fatalf("exit code %d: %s, want %q", code, said, want)
		}
	}
	got, want := rowsOf(t, warehouse, allObjects, "object"), rowsOf(t, here, allObjects, "object")
	for name := range got {
		if diff := cmp.Diff(want[name], got[name]); diff != "" {
			t.Errorf("%s in the ledger: %s", name, diff)
		}
	}
	for name := range taken {
		if got[name] == nil {
			t.Errorf("%s has not been converted", path.Base(name))
		}
	}
	ofCorpus := 0
	for _, name := range slices.Sorted(maps.Keys(got)) {
		base := strings.TrimSuffix(strings.TrimPrefix(path.Base(name), "111111111111_CloudTrail_us-east-1_20250602T0100Z_"), ".json.gz")
		if strings.HasPrefix(base, "real") || strings.HasPrefix(base, "log-") {
			ofCorpus++
		} else if !taken[name] && beside[name] == nil {
			t.Errorf("%s has been converted", base)
		}
	}
	t.Logf("%d objects taken, %d of the corpus", len(got)-len(beside), ofCorpus)
	// Of an event that was delivered twice, the other object may be the one that is
	// taken here. Those of this file are all alike.
	wanted := rowsOf(t, here, allRecords, "sourceobject")
	for name, rows := range rowsOf(t, warehouse, allRecords, "sourceobject") {
		if got[name] == nil {
			t.Errorf("there are rows of %s", name)
		}
		if diff := cmp.Diff(wanted[name], rows); diff != "" && taken[name] {
			t.Errorf("%s: %s", path.Base(name), diff)
		}
	}

	if code, said := say(t, "convert", "--quiet", "--warehouse", warehouse, "--catalog", to, archive); code != exitIncomplete {
		t.Fatalf("exit code %d: %s", code, said)
	}
	if diff := cmp.Diff(withoutSource(t, here), withoutSource(t, warehouse)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(want, rowsOf(t, warehouse, allObjects, "object")); diff != "" {
		t.Error(diff)
	}
	const rejections = `SELECT object, "index", "offset", "size", reason, raw FROM rejected_records ORDER BY object, "index"`
	if diff := cmp.Diff(rowsOf(t, here, rejections, "object"), rowsOf(t, warehouse, rejections, "object")); diff != "" {
		t.Error(diff)
	}
	if code, said := say(t, "verify", "--table", "--deep", "--warehouse", warehouse); code != 0 {
		t.Errorf("exit code %d: %s", code, said)
	}

	// Compaction rewrites what Trino has written.
	written := func() (files, trinos int) {
		c, err := catalog.Open(t.Context(), warehouse, catalog.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		s, err := c.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		logs, err := s.Table("cloudtrail_logs")
		if err != nil {
			t.Fatal(err)
		}
		planned, _, err := logs.Plan(t.Context(), catalog.Predicate{Regions: []string{"eu-north-1"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range planned {
			files++
			if strings.Contains(path.Base(f.Path), "_") {
				trinos++
			}
		}
		return files, trinos
	}
	before, trinos := written()
	if trinos == 0 {
		t.Errorf("no file of %d is of Trino", before)
	}
	for i := range 5 {
		var more []string
		for k := range 40 {
			more = append(more, record(fmt.Sprintf("more%d-%d", i, k), ""))
		}
		addObject(t, archive, fmt.Sprintf("more%d", i), []byte(records(more...)))
		for _, to := range [][]string{{here}, {warehouse, "--catalog", to}} {
			if code, said := say(t, append([]string{"convert", "--quiet", archive, "--warehouse"}, to...)...); code != 0 && code != exitIncomplete {
				t.Fatalf("exit code %d: %s", code, said)
			}
		}
	}
	if n, trinos := written(); trinos > 0 {
		t.Errorf("%d of %d files are still of Trino", trinos, n)
	}
	if diff := cmp.Diff(withoutSource(t, here), withoutSource(t, warehouse)); diff != "" {
		t.Error(diff)
	}
	const counts = "SELECT count(*), count(DISTINCT sourceobject), count(DISTINCT eventid) FROM "
	local := strings.Fields(stdoutOf(t, "query", "--quiet", "--engine", "local", "--warehouse", warehouse, "--format", "csv", counts+"cloudtrail_logs"))[1]
	if row := trinotest.Run(t, counts+"converted.cloudtrail_logs")[0]; fmt.Sprintf("%v,%v,%v", row...) != local {
		t.Errorf("Trino: %v, here %s", row, local)
	}
}
