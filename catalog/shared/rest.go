package shared

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/metadata"
)

const wantREST = "want rest+https://host/path, or rest+http:// on this machine"

func openREST(text string, secrets Options) (*Publisher, error) {
	u, err := parseURL(text)
	if err != nil {
		return nil, fmt.Errorf("%w (%s)", err, wantREST)
	}
	scheme := strings.TrimPrefix(u.Scheme, "rest+")
	switch {
	case u.Host == "" || u.Hostname() == "" || u.User != nil || u.Fragment != "":
		return nil, errors.New(wantREST)
	case scheme == "http" && !isLocal(u.Hostname()):
		return nil, errors.New("rest+http:// is for this machine alone: what goes to another one goes over rest+https://")
	}
	given := u.Query()
	a := address{name: given.Get("warehouse")}
	if a.namespace, err = takeNamespace(given); err != nil {
		return nil, err
	}
	// Of TLS, the scheme has said whether.
	if given.Has("tls") {
		return nil, errors.New("no tls here: the scheme says it")
	}
	_, config, err := takeTLS(given, true)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = config
	o := restOptions{
		base: strings.TrimSuffix(scheme+"://"+u.Host+u.EscapedPath(), "/"), transport: transport,
		warehouse: given.Get("warehouse"), prefix: given.Get("prefix"), scope: given.Get("scope"), tokens: given.Get("oauth"),
		signed: given.Get("sign"), region: given.Get("region"),
	}
	if tokens, err := url.Parse(o.tokens); o.tokens != "" && (err != nil || tokens.Scheme != "https" && !isLocal(tokens.Hostname())) {
		return nil, fmt.Errorf("oauth=%s: want https://host/path", o.tokens)
	}
	for _, key := range []string{"warehouse", "prefix", "scope", "oauth", "sign", "region"} {
		given.Del(key)
	}
	if err := noOthers(given, "warehouse, namespace, prefix, scope, oauth, sign, region and ca"); err != nil {
		return nil, err
	}
	return &Publisher{open: func(ctx context.Context) (registry, error) {
		c, err := connectREST(ctx, o, secrets)
		if err != nil {
			return nil, err
		}
		return &rest{restClient: c, address: a}, nil
	}}, nil
}

// rest is a namespace of an Iceberg REST catalog. The server writes metadata of
// its own: a table is registered by our file once, and from then on the server is
// told what has changed, on the condition that the table is as we have read it.
// The condition does not extend to properties. So whoever has changed a table
// looks at it again, behind that at the newest version, and goes on until both
// say the same; the last one to change it is right.
type rest struct {
	*restClient
	address
}

// restTable is what is registered of a table.
type restTable struct {
	Location string          `json:"metadata-location"`
	Metadata json.RawMessage `json:"metadata"`
}

func (r *rest) follow(ctx context.Context, newest func(context.Context) (*catalog.Snapshot, error)) ([]Change, error) {
	names, err := newest(ctx)
	if err != nil {
		return nil, err
	}
	var all []Change
	var last []byte
	for range tries {
		registered := map[string]*restTable{}
		for _, name := range names.Tables() {
			if registered[name], err = r.load(ctx, name); err != nil {
				return all, fmt.Errorf("load table %s: %w", name, err)
			}
		}
		s, err := newest(ctx) // behind reading what is registered
		if err != nil {
			return all, err
		}
		names = s
		changes, err := r.compare(s, registered)
		if err != nil || len(changes) == 0 {
			return all, err
		}
		told, err := json.Marshal(changes)
		if err != nil {
			return all, err
		}
		if bytes.Equal(told, last) {
			return all, fmt.Errorf("table %s: the catalog goes on to say something else of it than what it was told: does it set properties of its own?", changes[0].Table)
		}
		last = told
		done, err := r.apply(ctx, changes)
		all = append(all, done...)
		if err != nil {
			return all, err
		}
	}
	return all, errChanged
}

func (r *rest) close() error {
	r.http.CloseIdleConnections()
	return nil
}

func (r *rest) tables() string { return "/namespaces/" + url.PathEscape(r.namespace) + "/tables" }

// load gives nil for a table that is not registered.
func (r *rest) load(ctx context.Context, name string) (*restTable, error) {
	var t restTable
	err := r.call(ctx, http.MethodGet, r.tables()+"/"+url.PathEscape(name)+"?snapshots=all", nil, &t)
	if isStatus(err, http.StatusNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &t, nil
}

// restChange is a table to register, or changes of one that is.
type restChange struct {
	Change
	Register bool
	Changes  metadata.Changes
}

func (r *rest) compare(s *catalog.Snapshot, registered map[string]*restTable) ([]restChange, error) {
	var all []restChange
	for _, name := range s.Tables() {
		t, err := s.Table(name)
		if err != nil {
			return nil, err
		}
		change := restChange{Change: Change{Table: name, To: t.RegisteredLocation()}}
		is := registered[name]
		switch {
		case is == nil:
			change.Register = true
		case is.Location == change.To:
			continue
		default:
			had, err := metadata.Parse(is.Metadata)
			if err != nil {
				return nil, foreign(r.address, name, fmt.Sprintf("its metadata cannot be read: %v", err))
			}
			if change.Changes, err = had.ChangesTo(t.Metadata(), t.HasListed); errors.Is(err, metadata.ErrApart) {
				return nil, foreign(r.address, name, err.Error())
			} else if err != nil {
				return nil, fmt.Errorf("table %s: %w", name, err)
			}
			if len(change.Changes.Updates) == 0 {
				continue
			}
		}
		all = append(all, change)
	}
	return all, nil
}

// apply registers what is not yet, then changes the others: at once, where the
// server has transactions.
func (r *rest) apply(ctx context.Context, changes []restChange) (done []Change, err error) {
	var updates []restChange
	for _, c := range changes {
		if !c.Register {
			updates = append(updates, c)
			continue
		}
		if err := r.register(ctx, c.Change); err != nil {
			return done, r.conflict("register", c.Table, err)
		}
		done = append(done, c.Change)
	}
	if r.transacts && len(updates) > 1 {
		var all []map[string]any
		for _, c := range updates {
			all = append(all, r.commitment(c))
		}
		if err := r.call(ctx, http.MethodPost, "/transactions/commit", map[string]any{"table-changes": all}, nil); err != nil {
			return done, r.conflict("change", "all tables", err)
		}
		for _, c := range updates {
			done = append(done, c.Change)
		}
		return done, nil
	}
	for _, c := range updates {
		if err := r.call(ctx, http.MethodPost, r.tables()+"/"+url.PathEscape(c.Table), r.commitment(c), nil); err != nil {
			return done, r.conflict("change", c.Table, err)
		}
		done = append(done, c.Change)
	}
	return done, nil
}

func (r *rest) commitment(c restChange) map[string]any {
	return map[string]any{
		"identifier":   map[string]any{"namespace": []string{r.namespace}, "name": c.Table},
		"requirements": c.Changes.Requirements,
		"updates":      c.Changes.Updates,
	}
}

// conflict is errChanged where the server says that somebody was faster.
func (r *rest) conflict(verb, table string, err error) error {
	switch {
	case isStatus(err, http.StatusConflict):
		return errChanged
	case isStatus(err, http.StatusMethodNotAllowed, http.StatusNotImplemented, http.StatusNotAcceptable):
		return fmt.Errorf("%s %s: the catalog cannot do that: %w", verb, table, err)
	}
	return fmt.Errorf("%s %s: %w", verb, table, err)
}

// register names our file, and makes the namespace if there is none.
func (r *rest) register(ctx context.Context, c Change) error {
	body := map[string]any{"name": c.Table, "metadata-location": c.To}
	path := "/namespaces/" + url.PathEscape(r.namespace)
	err := r.call(ctx, http.MethodPost, path+"/register", body, nil)
	if !isStatus(err, http.StatusNotFound) {
		return err
	}
	made := r.call(ctx, http.MethodPost, "/namespaces", map[string]any{"namespace": []string{r.namespace}, "properties": map[string]string{}}, nil)
	if made != nil && !isStatus(made, http.StatusConflict) {
		return errors.Join(err, fmt.Errorf("create namespace %s: %w", r.namespace, made))
	}
	return r.call(ctx, http.MethodPost, path+"/register", body, nil)
}
