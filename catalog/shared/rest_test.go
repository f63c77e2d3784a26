package shared_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/shared"
)

// onREST is a namespace of a REST catalog, whose tables begin at base.
type onREST struct {
	address, base, namespace string
}

func (s onREST) open(t *testing.T) *shared.Publisher {
	return openPublisher(t, s.address, shared.Options{})
}

// ask sends a request of another client.
func (s onREST) ask(t *testing.T, method, path string, body, result any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, s.base+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode == http.StatusNotFound && method == http.MethodGet {
		return
	}
	if answer.StatusCode > 299 {
		t.Fatalf("%s %s: %d: %s", method, path, answer.StatusCode, said)
	}
	if err := json.Unmarshal(said, result); err != nil {
		t.Fatal(err)
	}
}

func (s onREST) metadata(t *testing.T) map[string][]byte {
	all := map[string][]byte{}
	for _, name := range []string{"events", "files", "more", "theirs"} {
		var loaded struct{ Metadata json.RawMessage }
		s.ask(t, http.MethodGet, "/namespaces/"+s.namespace+"/tables/"+name, nil, &loaded)
		if len(loaded.Metadata) > 0 {
			all[name] = loaded.Metadata
		}
	}
	return all
}

func (s onREST) writeTo(t *testing.T, c *catalog.Catalog, table string) {
	newest, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	is, err := newest.Table(table)
	if err != nil {
		t.Fatal(err)
	}
	const id = 4711
	m := is.Metadata()
	snapshot := map[string]any{
		"snapshot-id": id, "parent-snapshot-id": m.CurrentSnapshot().SnapshotID, "sequence-number": m.LastSequenceNumber() + 1, "timestamp-ms": m.LastUpdatedMillis() + 1,
		"manifest-list": m.Location() + "/metadata/snap-4711-1-3f2504e0-4f89-41d3-9a0c-0305e82c3301.avro", "summary": map[string]string{"operation": "append"}, "schema-id": 0,
	}
	s.ask(t, http.MethodPost, "/namespaces/"+s.namespace+"/tables/"+table, map[string]any{"requirements": []any{}, "updates": []any{
		map[string]any{"action": "add-snapshot", "snapshot": snapshot},
		map[string]any{"action": "set-snapshot-ref", "ref-name": "main", "type": "branch", "snapshot-id": id},
	}}, &struct{}{})
}

func TestREST(t *testing.T) {
	for name, transactions := range map[string]bool{"transactions": true, "table by table": false} {
		t.Run(name, func(t *testing.T) {
			conforms(t, func(t *testing.T) sharedCatalog {
				f := newFakeREST(t, transactions)
				return onREST{f.address(""), f.URL + "/catalog/v1/of/wh", "default"}
			})
		})
	}
}

// TestIntegrationREST: Apache Iceberg's own server does the same.
func TestIntegrationREST(t *testing.T) {
	address := os.Getenv("TRAILQL_TEST_REST")
	if address == "" {
		t.Skip("no REST catalog in $TRAILQL_TEST_REST: make integration starts one")
	}
	conforms(t, func(*testing.T) sharedCatalog {
		namespace := fmt.Sprintf("test%d", rand.Uint64())
		return onREST{address + "?namespace=" + namespace, strings.TrimPrefix(address, "rest+") + "/v1", namespace}
	})
}

func TestRESTTransaction(t *testing.T) {
	f := newFakeREST(t, true)
	c, p := warehouse(t, catalog.Options{}), openPublisher(t, f.address(""), shared.Options{})
	publish(t, p, c)
	add(t, c, "events", "files")
	f.requests = nil
	publish(t, p, c)
	posts := slices.DeleteFunc(f.requests, func(r string) bool { return !strings.HasPrefix(r, "POST ") })
	if want := []string{"POST /catalog/v1/of/wh/transactions/commit"}; !slices.Equal(posts, want) {
		t.Errorf("requests %q, want %q", posts, want)
	}
}

func publish(t *testing.T, p *shared.Publisher, c *catalog.Catalog) {
	t.Helper()
	if _, err := p.Publish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
}

func TestRESTSecrets(t *testing.T) {
	c := warehouse(t, catalog.Options{})
	var got http.Header
	var form string
	f := newFakeREST(t, true)
	f.refuse = func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/login" || strings.HasSuffix(r.URL.Path, "/v1/oauth/tokens") {
			_ = r.ParseForm()
			form = r.URL.Path + " " + r.PostForm.Encode()
			answer(w, http.StatusOK, map[string]any{"access_token": "given", "token_type": "bearer", "expires_in": 3600})
			return true
		}
		got = r.Header
		return false
	}
	signed := func(context.Context) (aws.Config, error) {
		return aws.Config{Region: "eu-west-1", Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "key", "session")}, nil
	}
	for _, tt := range []struct {
		name, query  string
		options      shared.Options
		header, form string
	}{
		{"none", "", shared.Options{}, `^$`, ""},
		{"token", "", shared.Options{Token: "abc"}, `^Bearer abc$`, ""},
		{"credential", "", shared.Options{Credential: "id:se:cret"}, `^Bearer given$`,
			"/catalog/v1/oauth/tokens client_id=id&client_secret=se%3Acret&grant_type=client_credentials&scope=catalog"},
		{"credential elsewhere", "&scope=PRINCIPAL_ROLE:ALL&oauth=" + f.URL + "/login", shared.Options{Credential: "id:secret"}, `^Bearer given$`,
			"/login client_id=id&client_secret=secret&grant_type=client_credentials&scope=PRINCIPAL_ROLE%3AALL"},
		{"signed", "&sign=glue", shared.Options{AWS: signed}, `^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/\d{8}/eu-west-1/glue/aws4_request, SignedHeaders=.*x-amz-content-sha256;x-amz-date;x-amz-security-token, Signature=`, ""},
		{"signed for another region", "&sign=s3tables&region=us-east-2", shared.Options{AWS: signed}, `/us-east-2/s3tables/aws4_request`, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			form = ""
			publish(t, openPublisher(t, f.address(tt.query), tt.options), c)
			if h := got.Get("Authorization"); !regexp.MustCompile(tt.header).MatchString(h) {
				t.Errorf("Authorization %q, want %s", h, tt.header)
			}
			if form != tt.form {
				t.Errorf("asked for a token with %q, want %q", form, tt.form)
			}
		})
	}
}

func TestRESTRefusals(t *testing.T) {
	c := warehouse(t, catalog.Options{})
	say := func(status int, text string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Location", "https://elsewhere.example.com/")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, text)
			return true
		}
	}
	on := func(part string, do func(http.ResponseWriter, *http.Request) bool) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			return strings.Contains(r.Method+" "+r.URL.Path, part) && do(w, r)
		}
	}
	for _, tt := range []struct {
		name   string
		refuse func(http.ResponseWriter, *http.Request) bool
		want   string
	}{
		{"unauthorized", say(401, `{"error":{"message":"token hush is no good","type":"NotAuthorizedException","code":401}}`), "401 Unauthorized: NotAuthorizedException: token … is no good (a token comes from $TRAILQL_CATALOG_TOKEN"},
		{"no JSON", say(503, "<html>hush</html>"), "503 Service Unavailable"},
		{"not a catalog", say(200, "<html>"), "not an Iceberg REST catalog's"},
		{"elsewhere", say(302, ""), "302 Found: it sends us elsewhere"},
		{"registering", on("/register", say(501, "")), "register events: the catalog cannot do that"},
		{"forbidden", on("/register", say(403, `{"message":"no"}`)), "register events: the server answers 403 Forbidden: no"},
		{"loading", on("/tables/", say(500, `{"error":{"message":"`+strings.Repeat("x", 2000)+`","type":"T"}}`)), "load table events: the server answers 500 Internal Server Error: T: " + strings.Repeat("x", 500) + "…"},
		{"hanging up", func(w http.ResponseWriter, _ *http.Request) bool { panic(http.ErrAbortHandler) }, "the server has ended the connection"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakeREST(t, true)
			f.refuse = tt.refuse
			_, err := openPublisher(t, f.address(""), shared.Options{Token: "hush"}).Publish(t.Context(), c)
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hush") {
				t.Errorf("Publish = %v, want %q", err, tt.want)
			}
		})
	}
	t.Run("a token that is not given", func(t *testing.T) {
		f := newFakeREST(t, true)
		f.refuse = on("/oauth/tokens", say(401, `{"error":"invalid_client","error_description":"secret hush is wrong"}`))
		_, err := openPublisher(t, f.address(""), shared.Options{Credential: "id:hush"}).Publish(t.Context(), c)
		if err == nil || !strings.Contains(err.Error(), "get a token: the server answers 401 Unauthorized: invalid_client: secret … is wrong") || strings.Contains(err.Error(), "hush") {
			t.Errorf("Publish = %v", err)
		}
	})
	t.Run("a property of its own", func(t *testing.T) {
		f := newFakeREST(t, false)
		p := openPublisher(t, f.address(""), shared.Options{})
		publish(t, p, c)
		f.override = map[string]string{"comment": "no comment"}
		define(t, c, "events")
		if _, err := p.Publish(t.Context(), c); err == nil || !strings.Contains(err.Error(), "does it set properties of its own?") {
			t.Errorf("Publish = %v", err)
		}
	})
}
