//go:build cgo && duckdb_arrow

package trino

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/engine/duck"
	"github.com/trailql/trailql/engine/trino/trinotest"
)

// bothEngines are a warehouse of the sources, read by DuckDB and by Trino.
func bothEngines(t *testing.T, sources ...string) (local, cluster engine.Engine) {
	t.Helper()
	trinotest.Address(t)
	c, err := catalog.Create(t.Context(), filepath.Join(t.TempDir(), "warehouse"), catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := convert.Run(t.Context(), convert.Options{Catalog: c, Sources: sources}); err != nil {
		t.Fatal(err)
	}
	local, err = duck.Open(t.Context(), duck.Options{Catalog: c, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { local.Close() })
	return local, openCluster(t, trinotest.Register(t, c, "default"))
}

func openCluster(t *testing.T, address string) *Cluster {
	t.Helper()
	c, err := Open(t.Context(), Options{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// readAll gives the rows of a query in one form for all engines, sorted unless
// the query orders them.
func readAll(t *testing.T, e engine.Engine, q engine.Query) (names, rows []string, err error) {
	t.Helper()
	r, err := e.Query(t.Context(), q)
	if err != nil {
		return nil, nil, err
	}
	defer r.Close()
	for _, f := range r.Schema().Fields() {
		names = append(names, strings.ToLower(f.Name))
	}
	for batch, err := range r.Batches() {
		if err != nil {
			return nil, nil, err
		}
		for i := range int(batch.NumRows()) {
			cells := make([]string, batch.NumCols())
			for j, column := range batch.Columns() {
				kind, _ := r.Schema().Field(j).Metadata.GetValue(engine.TypeKey)
				cells[j] = canonical(column, i, kind == "json")
			}
			rows = append(rows, strings.Join(cells, " | "))
		}
	}
	if sql := strings.ToUpper(q.SQL); strings.LastIndex(sql, "ORDER BY") <= strings.LastIndex(sql, ")") { // not of the whole
		slices.Sort(rows)
	}
	return names, rows, nil
}

// canonical is a value without what engines may choose: how many digits stand
// behind a point, how JSON is spaced, how the keys of a map are ordered.
func canonical(a arrow.Array, i int, isJSON bool) string {
	if a.IsNull(i) {
		return "NULL"
	}
	switch a := a.(type) {
	case *array.LargeString:
		if isJSON {
			return canonicalJSON(a.Value(i))
		}
		return fmt.Sprintf("%q", a.Value(i))
	case *array.Float64:
		return number(a.Value(i))
	case *array.Float32:
		return number(float64(a.Value(i)))
	case *array.Decimal128:
		return decimalText(a.ValueStr(i))
	case *array.Timestamp:
		return a.Value(i).ToTime(arrow.Microsecond).UTC().Format(time.RFC3339Nano)
	case *array.LargeBinary:
		return base64.StdEncoding.EncodeToString(a.Value(i))
	case *array.LargeList:
		start, end := a.ValueOffsets(i)
		var all []string
		for k := start; k < end; k++ {
			all = append(all, canonical(a.ListValues(), int(k), isJSON))
		}
		return "[" + strings.Join(all, ", ") + "]"
	case *array.Map:
		start, end := a.ValueOffsets(i)
		members := map[string]string{}
		for k := start; k < end; k++ {
			members[canonical(a.Keys(), int(k), false)] = mapValue(a.Items(), int(k), isJSON)
		}
		var all []string
		for _, key := range slices.Sorted(maps.Keys(members)) {
			all = append(all, key+": "+members[key])
		}
		return "{" + strings.Join(all, ", ") + "}"
	case *array.Struct:
		var all []string
		for k := range a.NumField() {
			all = append(all, canonical(a.Field(k), i, isJSON))
		}
		return "(" + strings.Join(all, ", ") + ")"
	case *array.MonthDayNanoInterval:
		v := a.Value(i)
		return fmt.Sprintf("%d months %d ns", v.Months, int64(v.Days)*24*int64(time.Hour)+v.Nanoseconds)
	}
	return a.ValueStr(i)
}

// mapValue: what is no text in a map of texts is there as JSON.
func mapValue(a arrow.Array, i int, isJSON bool) string {
	if text, ok := a.(*array.LargeString); ok && !a.IsNull(i) && json.Valid([]byte(text.Value(i))) {
		isJSON = true
	}
	return canonical(a, i, isJSON)
}

func number(f float64) string {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return strings.ToLower(fmt.Sprint(f))
	}
	return decimalText(fmt.Sprintf("%.12g", f))
}

func decimalText(text string) string {
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return text
	}
	return r.RatString()
}

func canonicalJSON(text string) string {
	var v any
	d := json.NewDecoder(strings.NewReader(text))
	if err := d.Decode(&v); err != nil {
		return "not JSON: " + text
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

// agreement is a statement that both engines are asked.
type agreement struct{ sql, dialect string }

func (a agreement) query() engine.Query {
	q := engine.Query{SQL: a.sql, Dialect: a.dialect}
	if first := strings.ToUpper(strings.Fields(q.SQL)[0]); first != "SELECT" && first != "WITH" && first != "VALUES" && first != "TABLE" {
		q.SQL = "SELECT " + q.SQL
	}
	return q
}

func (a agreement) String() string {
	if a.dialect != "" {
		return a.dialect + ": " + a.sql
	}
	return a.sql
}

// compare asks both engines, and says how they differ.
func compare(t *testing.T, local, cluster engine.Engine, q engine.Query) *difference {
	t.Helper()
	ask := func(e engine.Engine) string {
		names, rows, err := readAll(t, e, q)
		if err != nil {
			return "error"
		}
		if len(rows) > 40 {
			rows = append(rows[:40], fmt.Sprintf("… %d rows", len(rows)))
		}
		return strings.Join(names, ", ") + "\n" + strings.Join(rows, "\n")
	}
	a, b := ask(local), ask(cluster)
	if a == b && a != "error" {
		return nil
	}
	return &difference{local: a, cluster: b}
}

// TestIntegrationAgreement: the cases of DuckDB's tests, each with Trino's
// answer, the examples of all functions, and queries over the sample archive
// mean the same on both engines. What does not is in testdata/differences.txt,
// with the reason; whatever is there must still differ.
func TestIntegrationAgreement(t *testing.T) {
	trinotest.Address(t)
	known := map[string]difference{}
	for _, d := range readDifferences(t) {
		known[d.sql] = d
	}
	var found []difference
	report := func(t *testing.T, a agreement, d *difference) {
		before, expected := known[a.String()]
		switch {
		case d == nil && expected:
			t.Errorf("the engines agree: it does not belong into testdata/differences.txt")
		case d == nil:
		default:
			d.sql, d.why = a.String(), before.why
			found = append(found, *d)
			if !expected && !*update {
				t.Errorf("%s\nDuckDB %s\nTrino  %s", a, d.local, d.cluster)
			}
		}
	}
	t.Run("one record", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "111122223333_CloudTrail_us-east-1_20230710T0105Z_abcdefgh12345678.json"), []byte(oneRecord), 0o600); err != nil {
			t.Fatal(err)
		}
		local, cluster := bothEngines(t, filepath.Join(dir, "*.json"))
		for _, a := range answered(t) {
			t.Run(a.String(), func(t *testing.T) { report(t, a, compare(t, local, cluster, a.query())) })
		}
		for _, f := range dialect.Functions() {
			if f.Example != "" {
				a := agreement{sql: f.Example}
				t.Run(f.Name, func(t *testing.T) { report(t, a, compare(t, local, cluster, a.query())) })
			}
		}
	})
	t.Run("unmodeled", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "111122223333_CloudTrail_us-east-1_20230710T0105Z_abcdefgh12345678.json"), []byte(unmodeledRecord), 0o600); err != nil {
			t.Fatal(err)
		}
		local, cluster := bothEngines(t, filepath.Join(dir, "*.json"))
		for _, sql := range []string{"SELECT json_parse(eventjson) FROM cloudtrail_lake", "SELECT unmodeled IS NOT NULL, useridentity FROM cloudtrail_logs"} {
			if d := compare(t, local, cluster, engine.Query{SQL: sql}); d != nil {
				t.Errorf("%s\nDuckDB %s\nTrino  %s", sql, d.local, d.cluster)
			}
		}
		_, rows, err := readAll(t, cluster, engine.Query{SQL: "SELECT json_parse(eventjson) FROM cloudtrail_lake"})
		if err != nil {
			t.Fatal(err)
		}
		var record struct{ Records []json.RawMessage }
		if err := json.Unmarshal([]byte(unmodeledRecord), &record); err != nil {
			t.Fatal(err)
		}
		if want := canonicalJSON(string(record.Records[0])); len(rows) != 1 || rows[0] != want {
			t.Errorf("got %s, want %s", rows, want)
		}
	})
	t.Run("sample", func(t *testing.T) {
		local, cluster := bothEngines(t, "../../testdata/sample")
		for _, a := range sampleQueries(t) {
			t.Run(a.String(), func(t *testing.T) { report(t, a, compare(t, local, cluster, a.query())) })
		}
	})
	if *update {
		writeDifferences(t, found)
	}
}

// unmodeledRecord has members that no column knows at each depth where there are
// columns, and values in the place of columns that cannot hold them.
const unmodeledRecord = `{"Records":[{"eventVersion":"1.08","eventTime":"2023-07-10T01:02:03Z","awsRegion":"us-east-1","eventSource":"sts.amazonaws.com","eventName":"AssumeRole",
"eventID":"u1","readOnly":null,"newField":{"a":[1,{"b":null}]},"recipientAccountId":"111122223333",
"userIdentity":{"type":"AssumedRole","arn":"arn:x","newMember":1,"onBehalfOf":{"userId":"u","more":{"x":true}},"sessionContext":{"fresh":"y",
"attributes":{"mfaAuthenticated":"false","creationDate":"2023-07-10T01:00:00Z","extra":[]},"sessionIssuer":{"type":"Role","arn":"arn:r","deep":{"er":2}},
"webIdFederationData":{"federatedProvider":"p","odd":null,"attributes":{"aud":"x","list":["a"],"object":{"n":1}}}}},
"requestParameters":{"roleArn":"arn:r","tags":[{"key":"k"}]},"tlsDetails":{"tlsVersion":"TLSv1.3","newTLS":"z"}}]}`

const oneRecord = `{"Records":[{"eventVersion":"1.08","eventTime":"2023-07-10T01:02:03Z","awsRegion":"us-east-1","eventSource":"s3.amazonaws.com","eventName":"GetObject",
"requestParameters":{"bucketName":"b1","n":5,"o":{"x":1}},"resources":[{"ARN":"arn:a","accountId":"1","type":"T"},{"ARN":"arn:b","accountId":"2","type":"U"}],
"recipientAccountId":"111122223333","eventID":"e1","sourceIPAddress":"10.1.2.3","readOnly":true}]}`

// answered are the statements of the local engine's file of Trino's answers.
func answered(t *testing.T) []agreement {
	return readCases(t, "../duck/testdata/trino_answers.txt", func(line string) string {
		sql, _, _ := strings.Cut(line, " ==> ")
		return sql
	})
}

func sampleQueries(t *testing.T) []agreement {
	return readCases(t, "testdata/sample_queries.txt", func(line string) string { return line })
}

func readCases(t *testing.T, file string, sqlOf func(string) string) []agreement {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []agreement
	for line := range strings.Lines(string(data)) {
		line = sqlOf(strings.TrimSuffix(line, "\n"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		a := agreement{sql: line}
		if rest, ok := strings.CutPrefix(line, "lake: "); ok {
			a = agreement{rest, "lake"}
		}
		all = append(all, a)
	}
	return all
}
