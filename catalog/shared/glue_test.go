package shared_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/apache/iceberg-go"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/shared"
)

// fakeGlue is a Glue Data Catalog: of its operations those that are needed, with
// the condition on a table's version that real ones know and other imitations
// pass over.
type fakeGlue struct {
	*httptest.Server

	mu        sync.Mutex
	databases map[string]map[string]map[string]any // tables by name
	refuse    func(operation string) (kind, message string)
	meanwhile func(operation string) // what somebody else does before it
	inputs    []map[string]any
}

func newFakeGlue(t *testing.T) *fakeGlue {
	f := &fakeGlue{databases: map[string]map[string]map[string]any{}}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func awsConfig(endpoint string) shared.Options {
	return shared.Options{AWS: func(context.Context) (aws.Config, error) {
		return aws.Config{
			Region: "eu-west-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "hush", ""),
		}, nil
	}}
}

// ServeHTTP implements [http.Handler].
func (f *fakeGlue) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	operation := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), "AWSGlue.")
	var in map[string]any
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
		panic(err)
	}
	f.inputs = append(f.inputs, in)
	if f.refuse != nil {
		if kind, message := f.refuse(operation); kind != "" {
			f.fail(w, kind, message)
			return
		}
	}
	if f.meanwhile != nil {
		f.meanwhile(operation)
	}
	database, _ := in["DatabaseName"].(string)
	if database != "" && f.databases[database] == nil {
		f.fail(w, "EntityNotFoundException", "Database "+database+" not found.")
		return
	}
	switch operation {
	case "CreateDatabase":
		f.databases[in["DatabaseInput"].(map[string]any)["Name"].(string)] = map[string]map[string]any{}
		answer(w, http.StatusOK, struct{}{})
	case "GetTables":
		// A page holds one table, so that there are more.
		names := slices.Sorted(maps.Keys(f.databases[database]))
		page := 0
		if token, ok := in["NextToken"].(string); ok {
			_, _ = fmt.Sscan(token, &page)
		}
		out := map[string]any{"TableList": []any{}}
		if page < len(names) {
			out["TableList"] = []any{f.databases[database][names[page]]}
		}
		if page+1 < len(names) {
			out["NextToken"] = fmt.Sprint(page + 1)
		}
		answer(w, http.StatusOK, out)
	case "CreateTable", "UpdateTable":
		input := in["TableInput"].(map[string]any)
		name := input["Name"].(string)
		is, there := f.databases[database][name]
		version := 0
		switch {
		case operation == "CreateTable" && there:
			f.fail(w, "AlreadyExistsException", "Table already exists.")
			return
		case operation == "UpdateTable" && !there:
			f.fail(w, "EntityNotFoundException", "Table not found.")
			return
		case operation == "UpdateTable" && in["VersionId"] != is["VersionId"]:
			f.fail(w, "ConcurrentModificationException", "Update table failed due to concurrent modifications.")
			return
		case there:
			_, _ = fmt.Sscan(is["VersionId"].(string), &version)
		}
		next := maps.Clone(input)
		next["DatabaseName"], next["VersionId"] = database, fmt.Sprint(version+1)
		f.databases[database][name] = next
		answer(w, http.StatusOK, struct{}{})
	default:
		f.fail(w, "UnknownOperationException", operation)
	}
}

func (f *fakeGlue) fail(w http.ResponseWriter, kind, message string) {
	w.Header().Set("X-Amzn-ErrorType", kind)
	answer(w, http.StatusBadRequest, map[string]string{"__type": kind, "Message": message})
}

// onGlue is a database of Glue.
type onGlue struct {
	endpoint, database string
}

func (s onGlue) open(t *testing.T) *shared.Publisher {
	return openPublisher(t, "glue://?namespace="+s.database, awsConfig(s.endpoint))
}

// ask calls an operation as another client.
func (s onGlue) ask(t *testing.T, operation string, in, out any) {
	t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.endpoint, strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Amz-Target", "AWSGlue."+operation)
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/eu-west-1/glue/aws4_request, SignedHeaders=host, Signature=0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s", operation, answer.Status)
	}
	if err := json.NewDecoder(answer.Body).Decode(out); err != nil {
		t.Fatal(err)
	}
}

type glueTable struct {
	Name              string
	TableType         string
	Parameters        map[string]string
	StorageDescriptor any
	VersionID         string `json:"VersionId,omitempty"`
}

func (s onGlue) tables(t *testing.T) map[string]glueTable {
	t.Helper()
	all := map[string]glueTable{}
	in := map[string]string{"DatabaseName": s.database}
	for {
		var page struct {
			TableList []glueTable
			NextToken string
		}
		s.ask(t, "GetTables", in, &page)
		for _, one := range page.TableList {
			all[one.Name] = one
		}
		if in["NextToken"] = page.NextToken; page.NextToken == "" {
			return all
		}
	}
}

func (s onGlue) metadata(t *testing.T) map[string][]byte {
	locations := map[string]string{}
	for name, one := range s.tables(t) {
		if one.TableType != "EXTERNAL_TABLE" || one.Parameters["table_type"] != "ICEBERG" {
			t.Errorf("table %s: %+v", name, one)
		}
		locations[name] = one.Parameters["metadata_location"]
	}
	return readLocations(t, locations)
}

func (s onGlue) writeTo(t *testing.T, c *catalog.Catalog, table string) {
	is := s.tables(t)[table]
	is.Parameters["metadata_location"] = "file://" + c.Root() + "/default/" + table + foreignMetadata
	version := is.VersionID
	is.VersionID = ""
	s.ask(t, "UpdateTable", map[string]any{"DatabaseName": s.database, "TableInput": is, "VersionId": version}, &struct{}{})
}

func TestGlue(t *testing.T) {
	conforms(t, func(t *testing.T) sharedCatalog { return onGlue{newFakeGlue(t).URL, "default"} })
}

// TestIntegrationGlue: moto, which is another's imitation of Glue. It passes over
// the condition on versions, so that several writers would prove nothing.
func TestIntegrationGlue(t *testing.T) {
	endpoint := os.Getenv("TRAILQL_TEST_GLUE")
	if endpoint == "" {
		t.Skip("no Glue in $TRAILQL_TEST_GLUE: make integration starts one")
	}
	for name, test := range oneWriter {
		t.Run(name, func(t *testing.T) { test(t, onGlue{endpoint, fmt.Sprintf("test%d", rand.Uint64())}) })
	}
}

func TestGlueTable(t *testing.T) {
	f := newFakeGlue(t)
	c := warehouse(t, catalog.Options{})
	if err := c.Define(t.Context(), catalog.TableSpec{Name: "wide", Schema: iceberg.NewSchema(0,
		iceberg.NestedField{ID: 1, Name: "id", Type: iceberg.PrimitiveTypes.String, Required: true, Doc: strings.Repeat("é", 200)},
		iceberg.NestedField{ID: 2, Name: "who", Type: &iceberg.StructType{FieldList: []iceberg.NestedField{
			{ID: 3, Name: "type", Type: iceberg.PrimitiveTypes.String},
			{ID: 4, Name: "since", Type: iceberg.PrimitiveTypes.TimestampTz},
		}}},
		iceberg.NestedField{ID: 5, Name: "seen", Type: &iceberg.ListType{ElementID: 6, Element: iceberg.PrimitiveTypes.Int64}},
		iceberg.NestedField{ID: 7, Name: "tags", Type: &iceberg.MapType{KeyID: 8, KeyType: iceberg.PrimitiveTypes.String, ValueID: 9, ValueType: iceberg.PrimitiveTypes.Bool}},
		iceberg.NestedField{ID: 10, Name: "price", Type: iceberg.DecimalTypeOf(9, 2)},
	)}); err != nil {
		t.Fatal(err)
	}
	s := onGlue{f.URL, "audit"}
	p := openPublisher(t, "glue://123456789012?region=us-east-2&namespace=audit", awsConfig(f.URL))
	publish(t, p, c)
	for _, in := range f.inputs {
		if in["CatalogId"] != "123456789012" {
			t.Errorf("%v is not for the account", in)
		}
	}
	got := f.databases["audit"]["wide"]["StorageDescriptor"].(map[string]any)["Columns"].([]any)
	var columns []string
	for i, one := range got {
		column := one.(map[string]any)
		parameters := column["Parameters"].(map[string]any)
		columns = append(columns, fmt.Sprintf("%s %s %s %s", column["Name"], column["Type"], parameters["iceberg.field.id"], parameters["iceberg.field.optional"]))
		if comment, _ := column["Comment"].(string); i == 0 && comment != strings.Repeat("é", 127) {
			t.Errorf("comment %q", comment)
		}
	}
	want := []string{"id string 1 false", "who struct<type:string,since:timestamp> 2 true", "seen array<bigint> 5 true", "tags map<string,boolean> 7 true", "price decimal(9,2) 10 true"}
	if diff := cmp.Diff(want, columns); diff != "" {
		t.Error(diff)
	}

	// What others have said of a table stays.
	before := s.tables(t)["events"].Parameters["metadata_location"]
	f.databases["audit"]["events"]["Parameters"].(map[string]any)["classification"] = "logs"
	f.databases["audit"]["events"]["Description"] = "what happened"
	define(t, c, "events")
	publish(t, p, c)
	is := f.databases["audit"]["events"]
	wantParameters := map[string]any{"table_type": "ICEBERG", "classification": "logs", "metadata_location": current(t, c)["events"], "previous_metadata_location": before}
	if diff := cmp.Diff(wantParameters, is["Parameters"]); diff != "" || is["Description"] != "what happened" {
		t.Errorf("%v %s", is["Description"], diff)
	}
	if last := f.inputs[len(f.inputs)-1]; last["SkipArchive"] != true || last["VersionId"] != "1" {
		t.Errorf("updated with %v, %v", last["SkipArchive"], last["VersionId"])
	}
}

// TestGlueOvertaken: between reading and changing a table somebody else changes
// it.
func TestGlueOvertaken(t *testing.T) {
	f := newFakeGlue(t)
	c, p := warehouse(t, catalog.Options{}), openPublisher(t, "glue://", awsConfig(f.URL))
	publish(t, p, c)
	define(t, c, "events")
	overtaken := false
	f.meanwhile = func(operation string) {
		if operation == "UpdateTable" && !overtaken {
			overtaken = true
			f.databases["default"]["events"]["VersionId"] = "7"
		}
	}
	publish(t, p, c)
	checkCurrent(t, onGlue{f.URL, "default"}, c)
	if got := f.databases["default"]["events"]["VersionId"]; got != "8" {
		t.Errorf("version %v", got)
	}
}

func TestGlueRefusals(t *testing.T) {
	c := warehouse(t, catalog.Options{})
	for _, tt := range []struct{ name, operation, kind, message, want string }{
		{"access", "GetTables", "AccessDeniedException", "User: arn:aws:iam::1:user/x is not authorized to perform: glue:GetTables",
			"Glue, GetTables: AccessDeniedException: User: arn:aws:iam::1:user/x is not authorized to perform: glue:GetTables; the caller needs glue:CreateDatabase, glue:CreateTable, glue:GetTables, glue:UpdateTable on " +
				"arn:aws:glue:eu-west-1:*:catalog, arn:aws:glue:eu-west-1:*:database/default, arn:aws:glue:eu-west-1:*:table/default/* (trailql policy --catalog glue://… writes the policy)"},
		{"creating", "CreateDatabase", "AccessDeniedException", "Insufficient Lake Formation permission(s)", "in Lake Formation the permission to alter the table"},
		{"old credentials", "GetTables", "ExpiredTokenException", "The security token included in the request is expired", "are these credentials of the right account, and not too old?"},
		{"other", "CreateTable", "InvalidInputException", "Column type too long", "Glue, CreateTable default.events: InvalidInputException: Column type too long"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakeGlue(t)
			f.refuse = func(operation string) (string, string) {
				if operation == tt.operation {
					return tt.kind, tt.message
				}
				return "", ""
			}
			_, err := openPublisher(t, "glue://", awsConfig(f.URL)).Publish(t.Context(), c)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("Publish = %v, want %q", err, tt.want)
			}
		})
	}
	nowhere := shared.Options{AWS: func(ctx context.Context) (aws.Config, error) {
		cfg, err := awsConfig("http://127.0.0.1:1").AWS(ctx)
		cfg.RetryMaxAttempts = 1
		return cfg, err
	}}
	for name, tt := range map[string]struct {
		options shared.Options
		want    string
	}{
		"nobody there": {nowhere, "Glue, GetTables: "},
		"no region":    {shared.Options{AWS: func(context.Context) (aws.Config, error) { return aws.Config{}, nil }}, "no region: ?region=NAME"},
		"no AWS":       {shared.Options{}, "there is no AWS configuration"},
	} {
		if _, err := openPublisher(t, "glue://", tt.options).Publish(t.Context(), c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	f := newFakeGlue(t)
	f.databases["default"] = map[string]map[string]any{"events": {"Name": "events", "VersionId": "3"}}
	if _, err := openPublisher(t, "glue://", awsConfig(f.URL)).Publish(t.Context(), c); err == nil || !strings.Contains(err.Error(), "it is no Iceberg table") {
		t.Errorf("a table of another kind: %v", err)
	}
}
