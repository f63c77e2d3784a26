package shared_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/apache/iceberg-go/table"
	"github.com/google/uuid"
)

// fakeREST is an Iceberg REST catalog of one warehouse. What updates do to a
// table, and whether requirements hold, is iceberg-go's.
type fakeREST struct {
	*httptest.Server

	mu         sync.Mutex
	namespaces map[string]map[string]*fakeTable
	requests   []string                                          // method and path
	refuse     func(w http.ResponseWriter, r *http.Request) bool // true: it has answered
	override   map[string]string                                 // properties that it sets itself
}

type fakeTable struct {
	location string
	metadata table.Metadata
}

// newFakeREST starts a server; transactions are what it says it can do.
func newFakeREST(t *testing.T, transactions bool) *fakeREST {
	f := &fakeREST{namespaces: map[string]map[string]*fakeTable{}}
	mux := http.NewServeMux()
	endpoints := []string{"GET /v1/{prefix}/namespaces/{namespace}/tables/{table}"}
	if transactions {
		endpoints = append(endpoints, "POST /v1/{prefix}/transactions/commit")
	}
	mux.HandleFunc("GET /catalog/v1/config", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, map[string]any{
			"defaults": map[string]string{}, "overrides": map[string]string{"prefix": "of/" + r.URL.Query().Get("warehouse")}, "endpoints": endpoints,
		})
	})
	const base = "/catalog/v1/of/wh"
	mux.HandleFunc("POST "+base+"/namespaces", f.createNamespace)
	mux.HandleFunc("GET "+base+"/namespaces/{namespace}/tables/{table}", f.load)
	mux.HandleFunc("POST "+base+"/namespaces/{namespace}/register", f.register)
	mux.HandleFunc("POST "+base+"/namespaces/{namespace}/tables/{table}", f.commit)
	if transactions {
		mux.HandleFunc("POST "+base+"/transactions/commit", f.transact)
	}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.requests = append(f.requests, r.Method+" "+r.URL.Path)
		if f.refuse == nil || !f.refuse(w, r) {
			mux.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

// address is of the catalog on this machine.
func (f *fakeREST) address(query string) string {
	return "rest+" + f.URL + "/catalog?warehouse=wh" + query
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, kind, format string, args ...any) {
	answer(w, status, map[string]any{"error": map[string]any{"code": status, "type": kind, "message": fmt.Sprintf(format, args...)}})
}

func (f *fakeREST) createNamespace(w http.ResponseWriter, r *http.Request) {
	var body struct{ Namespace []string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		refuse(w, http.StatusBadRequest, "BadRequestException", "%v", err)
		return
	}
	if f.namespaces[body.Namespace[0]] != nil {
		refuse(w, http.StatusConflict, "AlreadyExistsException", "it exists")
		return
	}
	f.namespaces[body.Namespace[0]] = map[string]*fakeTable{}
	answer(w, http.StatusOK, body)
}

// find answers if there is no such table.
func (f *fakeREST) find(w http.ResponseWriter, namespace, name string) *fakeTable {
	found := f.namespaces[namespace][name]
	if found == nil {
		refuse(w, http.StatusNotFound, "NoSuchTableException", "Table does not exist: %s.%s", namespace, name)
	}
	return found
}

func (f *fakeREST) load(w http.ResponseWriter, r *http.Request) {
	if found := f.find(w, r.PathValue("namespace"), r.PathValue("table")); found != nil {
		answer(w, http.StatusOK, map[string]any{"metadata-location": found.location, "metadata": found.metadata})
	}
}

func (f *fakeREST) register(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Name     string
		Location string `json:"metadata-location"`
	}
	err := json.NewDecoder(r.Body).Decode(&body)
	tables := f.namespaces[r.PathValue("namespace")]
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "BadRequestException", "%v", err)
		return
	case tables == nil:
		refuse(w, http.StatusNotFound, "NoSuchNamespaceException", "there is no such namespace")
		return
	case tables[body.Name] != nil:
		refuse(w, http.StatusConflict, "AlreadyExistsException", "it exists")
		return
	}
	text, err := os.ReadFile(strings.TrimPrefix(body.Location, "file://"))
	var m table.Metadata
	if err == nil {
		m, err = table.ParseMetadataBytes(text)
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "BadRequestException", "%v", err)
		return
	}
	tables[body.Name] = &fakeTable{body.Location, m}
	f.load(w, pathed(r, body.Name))
}

func pathed(r *http.Request, table string) *http.Request {
	r.SetPathValue("table", table)
	return r
}

type commitment struct {
	Identifier struct {
		Namespace []string
		Name      string
	}
	Requirements table.Requirements
	Updates      table.Updates
}

// stage gives the table behind a commitment, or answers.
func (f *fakeREST) stage(w http.ResponseWriter, c commitment) *fakeTable {
	found := f.find(w, c.Identifier.Namespace[0], c.Identifier.Name)
	if found == nil {
		return nil
	}
	for _, requirement := range c.Requirements {
		if err := requirement.Validate(found.metadata); err != nil {
			refuse(w, http.StatusConflict, "CommitFailedException", "Requirement failed: %v", err)
			return nil
		}
	}
	b, err := table.MetadataBuilderFromBase(found.metadata, found.location)
	if len(f.override) > 0 {
		c.Updates = append(c.Updates, table.NewSetPropertiesUpdate(f.override))
	}
	for _, u := range c.Updates {
		if err == nil {
			err = u.Apply(b)
		}
	}
	var m table.Metadata
	if err == nil {
		m, err = b.Build()
	}
	if err != nil {
		refuse(w, http.StatusBadRequest, "BadRequestException", "%v", err)
		return nil
	}
	return &fakeTable{fmt.Sprintf("%s/metadata/00042-%s.metadata.json", m.Location(), uuid.NewString()), m}
}

func (f *fakeREST) commit(w http.ResponseWriter, r *http.Request) {
	var c commitment
	if err := json.NewDecoder(r.Body).Decode(&c); err != nil {
		refuse(w, http.StatusBadRequest, "BadRequestException", "%v", err)
		return
	}
	c.Identifier.Namespace, c.Identifier.Name = []string{r.PathValue("namespace")}, r.PathValue("table")
	if next := f.stage(w, c); next != nil {
		f.namespaces[r.PathValue("namespace")][r.PathValue("table")] = next
		f.load(w, r)
	}
}

func (f *fakeREST) transact(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Changes []commitment `json:"table-changes"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		refuse(w, http.StatusBadRequest, "BadRequestException", "%v", err)
		return
	}
	var staged []*fakeTable
	for _, c := range body.Changes {
		next := f.stage(w, c)
		if next == nil {
			return
		}
		staged = append(staged, next)
	}
	for i, c := range body.Changes {
		f.namespaces[c.Identifier.Namespace[0]][c.Identifier.Name] = staged[i]
	}
	w.WriteHeader(http.StatusNoContent)
}
