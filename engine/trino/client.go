package trino

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// client speaks the statement protocol. Safe for concurrent use.
type client struct {
	http    *http.Client
	address address
	header  http.Header
}

func newClient(o Options) (*client, error) {
	a, err := o.address()
	if err != nil {
		return nil, err
	}
	encryption, err := a.tls()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = encryption
	c := &client{address: a, header: http.Header{}}
	c.http = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
		return errors.New("the server redirects, which may lead a secret elsewhere")
	}}
	source := o.Source
	if source == "" {
		source = "trailql"
	}
	for key, value := range map[string]string{
		"X-Trino-User": a.user, "X-Trino-Catalog": a.catalog, "X-Trino-Schema": a.schema, "X-Trino-Source": source,
		"X-Trino-Time-Zone": "UTC", "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME", "User-Agent": "trailql",
	} {
		c.header.Set(key, value)
	}
	switch {
	case o.Token != "" && o.Password != "":
		return nil, errors.New("a password and a token: want one of them")
	case o.Token != "":
		c.header.Set("Authorization", "Bearer "+o.Token)
	case o.Password != "":
		r := http.Request{Header: c.header}
		r.SetBasicAuth(a.user, o.Password)
	}
	return c, nil
}

func (c *client) close() { c.http.CloseIdleConnections() }

// page is an answer of the server.
type page struct {
	ID      string          `json:"id"`
	Next    string          `json:"nextUri"`
	Columns []column        `json:"columns"`
	Data    json.RawMessage `json:"data"`
	Stats   progress        `json:"stats"`
	Error   *failure        `json:"error"`
}

type column struct {
	Name string    `json:"name"`
	Kind string    `json:"type"` // for people
	Type signature `json:"typeSignature"`
}

type progress struct {
	Fraction  float64 `json:"progressPercentage"`
	Splits    int     `json:"completedSplits"`
	AllSplits int     `json:"totalSplits"`
	Rows      int64   `json:"processedRows"`
	Bytes     int64   `json:"physicalInputBytes"`
}

// failure is what the server says of a query that did not run.
type failure struct {
	Message  string `json:"message"`
	Name     string `json:"errorName"`
	Type     string `json:"errorType"`
	Location *struct {
		Line   int `json:"lineNumber"`
		Column int `json:"columnNumber"`
	} `json:"errorLocation"`
}

func (f *failure) Error() string { return f.Name + ": " + f.Message }

// post starts a statement. session are properties of this query.
func (c *client) post(ctx context.Context, sql string, session map[string]string) (*page, error) {
	header := c.header.Clone()
	for key, value := range session {
		header.Add("X-Trino-Session", key+"="+url.QueryEscape(value))
	}
	target := c.address.base
	target.Path = "/v1/statement"
	return c.ask(ctx, http.MethodPost, &target, header, []byte(sql))
}

// get fetches the page behind another.
func (c *client) get(ctx context.Context, next string) (*page, error) {
	target, err := c.follow(next)
	if err != nil {
		return nil, err
	}
	return c.ask(ctx, http.MethodGet, target, c.header, nil)
}

// follow keeps an answer from leading elsewhere. A server behind a proxy calls
// itself by another name or scheme than we do.
func (c *client) follow(next string) (*url.URL, error) {
	target, err := url.Parse(next)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if !strings.HasPrefix(target.Path, "/v1/statement/") {
		return nil, errors.New("read answer: the next page is not one of a statement")
	}
	target.Scheme, target.Host, target.User = c.address.base.Scheme, c.address.base.Host, nil
	return target, nil
}

// cancel ends a query whose next page nobody wants.
func (c *client) cancel(next string) {
	target, err := c.follow(next)
	if next == "" || err != nil {
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), cancelTime)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, http.MethodDelete, target.String(), nil)
	if err != nil {
		return
	}
	r.Header = c.header
	if answer, err := c.http.Do(r); err == nil {
		answer.Body.Close()
	}
}

const (
	cancelTime = 5 * time.Second
	// maxPage is above the 128 MB that a server can be set to.
	maxPage = 256 << 20
	retries = 8
)

// ask sends a request until it is answered. What a server that is busy or
// starting says is no answer.
func (c *client) ask(ctx context.Context, method string, target *url.URL, header http.Header, body []byte) (*page, error) {
	pause := 100 * time.Millisecond
	for attempt := 0; ; attempt++ {
		p, again, err := c.once(ctx, method, target, header, body)
		if err == nil || !again || attempt == retries || ctx.Err() != nil {
			return p, err
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, 3*time.Second)
	}
}

func (c *client) once(ctx context.Context, method string, target *url.URL, header http.Header, body []byte) (p *page, again bool, err error) {
	r, err := http.NewRequestWithContext(ctx, method, target.String(), bytes.NewReader(body))
	if err != nil {
		return nil, false, err
	}
	r.Header = header
	answer, err := c.http.Do(r)
	if err != nil {
		var broken *url.Error
		if errors.As(err, &broken) {
			err = broken.Err // without the address
		}
		// A statement whose answer was lost may run; it is not sent twice.
		return nil, method == http.MethodGet, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxPage+1))
	switch {
	case err != nil:
		return nil, method == http.MethodGet, fmt.Errorf("read answer: %w", err)
	case len(text) > maxPage:
		return nil, false, fmt.Errorf("read answer: a page of more than %d bytes", maxPage)
	}
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return nil, true, fmt.Errorf("the server is not available: %s", answer.Status)
	case http.StatusUnauthorized:
		return nil, false, fmt.Errorf("%w: the server does not take this user, password or token", errDenied)
	case http.StatusForbidden:
		return nil, false, fmt.Errorf("%w: the server refuses this user", errDenied)
	default:
		return nil, false, fmt.Errorf("the server answers %s: %s", answer.Status, firstLine(string(text)))
	}
	p = &page{}
	if err := json.Unmarshal(text, p); err != nil {
		return nil, false, fmt.Errorf("read answer: %w", err)
	}
	return p, false, nil
}

var errDenied = errors.New("access denied")

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if len(line) > 200 {
		line = line[:200]
	}
	return line
}
