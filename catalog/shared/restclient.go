package shared

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	signer "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// maxAnswer bounds what a server can make us hold.
const maxAnswer = 256 << 20

// restClient speaks to an Iceberg REST catalog.
//
// Source: Apache Iceberg REST catalog API, "/v1/config" for what a server is
// asked first, "ErrorModel" for what it says when it refuses. iceberg-go's client
// is not used for the same reason as its package table: see package
// catalog/metadata.
type restClient struct {
	http      *http.Client
	base      string // with /v1 behind it, and the prefix that the server wants
	secret    string // that is in no error
	transacts bool   // several tables can change at once
}

type restOptions struct {
	base, warehouse, prefix, scope string
	tokens                         string // URL that tokens are got from
	signed, region                 string // service and region of signatures
	transport                      *http.Transport
}

// restError is the server's answer. Its text is the server's own: escape it.
type restError struct {
	status        int
	kind, message string
}

func (e *restError) Error() string {
	text := fmt.Sprintf("the server answers %d %s", e.status, http.StatusText(e.status))
	if what := strings.Trim(e.kind+": "+e.message, ": "); what != "" {
		text += ": " + what
	}
	return text
}

func isStatus(err error, statuses ...int) bool {
	answered, ok := errors.AsType[*restError](err)
	return ok && slices.Contains(statuses, answered.status)
}

func connectREST(ctx context.Context, o restOptions, secrets Options) (*restClient, error) {
	c := &restClient{base: o.base + "/v1", secret: secrets.Token}
	if err := c.authenticate(ctx, o, secrets); err != nil {
		return nil, err
	}
	var config struct {
		Defaults, Overrides map[string]string
		Endpoints           []string
	}
	path := "/config"
	if o.warehouse != "" {
		path += "?" + url.Values{"warehouse": {o.warehouse}}.Encode()
	}
	if err := c.call(ctx, http.MethodGet, path, nil, &config); err != nil {
		return nil, fmt.Errorf("connect to the REST catalog at %s: %w", o.base, err)
	}
	// Of what the server would set, no more is heeded: another address would get
	// our token, too.
	prefix := cmp.Or(config.Overrides["prefix"], o.prefix, config.Defaults["prefix"])
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		c.base += "/" + escapedPath(prefix)
	}
	c.transacts = slices.ContainsFunc(config.Endpoints, func(e string) bool {
		return strings.HasPrefix(e, http.MethodPost+" ") && strings.HasSuffix(e, "/transactions/commit")
	})
	return c, nil
}

// escapedPath escapes each part of a path, in which others may have been escaped.
func escapedPath(path string) string {
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if plain, err := url.PathUnescape(p); err == nil {
			p = plain
		}
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

func (c *restClient) authenticate(ctx context.Context, o restOptions, secrets Options) error {
	plain := &http.Client{Transport: o.transport, Timeout: restTimeout, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // nobody else gets the token
	}}
	c.http = plain
	switch {
	case o.signed != "":
		if secrets.AWS == nil {
			return errors.New("sign requests: there is no AWS configuration")
		}
		cfg, err := secrets.AWS(ctx)
		if err != nil {
			return err
		}
		region := cmp.Or(o.region, cfg.Region)
		if region == "" {
			return errors.New("sign requests: no region: &region=NAME, --aws-region or $AWS_REGION has it")
		}
		c.http = withTransport(plain, &signing{next: o.transport, service: o.signed, region: region, credentials: cfg.Credentials})
	case secrets.Token != "":
		c.http = withTransport(plain, &oauth2.Transport{Base: o.transport, Source: oauth2.StaticTokenSource(&oauth2.Token{AccessToken: secrets.Token})})
	case secrets.Credential != "":
		id, secret, ok := strings.Cut(secrets.Credential, ":")
		if !ok {
			id, secret = "", id
		}
		c.secret = secret
		grant := clientcredentials.Config{ClientID: id, ClientSecret: secret, TokenURL: cmp.Or(o.tokens, c.base+"/oauth/tokens"),
			Scopes: []string{cmp.Or(o.scope, "catalog")}, AuthStyle: oauth2.AuthStyleInParams}
		// The source outlives ctx, which is of one publication.
		source := grant.TokenSource(context.WithValue(context.WithoutCancel(ctx), oauth2.HTTPClient, plain))
		c.http = withTransport(plain, &oauth2.Transport{Base: o.transport, Source: source})
	}
	return nil
}

// restTimeout is for one request: metadata of many snapshots is megabytes.
const restTimeout = time.Minute

func withTransport(c *http.Client, t http.RoundTripper) *http.Client {
	other := *c
	other.Transport = t
	return &other
}

// signing signs requests as AWS wants it.
type signing struct {
	next            http.RoundTripper
	service, region string
	credentials     aws.CredentialsProvider
}

// RoundTrip implements [http.RoundTripper].
func (s *signing) RoundTrip(r *http.Request) (*http.Response, error) {
	credentials, err := s.credentials.Retrieve(r.Context())
	if err != nil {
		return nil, fmt.Errorf("sign requests: %w", err)
	}
	sum := sha256.New()
	if r.GetBody != nil {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		if _, err := io.Copy(sum, body); err != nil {
			return nil, err
		}
	}
	r = r.Clone(r.Context())
	hash := hex.EncodeToString(sum.Sum(nil))
	r.Header.Set("X-Amz-Content-Sha256", hash)
	if err := signer.NewSigner().SignHTTP(r.Context(), credentials, r, hash, s.service, s.region, time.Now()); err != nil {
		return nil, fmt.Errorf("sign requests: %w", err)
	}
	return s.next.RoundTrip(r)
}

// call sends a request, with a body unless it is nil, and decodes the answer
// unless it is not wanted. An answer other than success is a restError.
func (c *restClient) call(ctx context.Context, method, path string, body, answer any) error {
	var content io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return err
		}
		content = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, content)
	if err != nil {
		return err
	}
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "trailql")
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := c.http.Do(r)
	if err != nil {
		return c.transportError(ctx, err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil:
		return withoutBrokenPipe(ctx, err)
	case response.StatusCode < 200 || response.StatusCode > 299:
		return c.refusal(response.StatusCode, text)
	case answer == nil:
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("the server's answer is not an Iceberg REST catalog's: %w", err)
	}
	return nil
}

// transportError leaves out the URL, which is said where it helps.
func (c *restClient) transportError(ctx context.Context, err error) error {
	var refused *oauth2.RetrieveError
	if errors.As(err, &refused) {
		return fmt.Errorf("get a token: %w", c.refusal(refused.Response.StatusCode, refused.Body))
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	return withoutBrokenPipe(ctx, err)
}

// maxMessage is how much of the server's words is told.
const maxMessage = 500

func (c *restClient) refusal(status int, text []byte) error {
	var said struct {
		Error            json.RawMessage
		Message          string
		ErrorDescription string `json:"error_description"`
	}
	e := &restError{status: status}
	if json.Unmarshal(text, &said) == nil {
		var model struct{ Message, Type string }
		if json.Unmarshal(said.Error, &model) == nil && model.Type+model.Message != "" {
			e.kind, e.message = model.Type, model.Message
		} else { // OAuth's, or AWS's
			_ = json.Unmarshal(said.Error, &e.kind)
			e.message = cmp.Or(said.ErrorDescription, said.Message)
		}
	}
	if c.secret != "" {
		e.message = strings.ReplaceAll(e.message, c.secret, "…")
	}
	if len(e.message) > maxMessage {
		e.message = strings.ToValidUTF8(e.message[:maxMessage], "") + "…"
	}
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden && c.secret == "":
		return fmt.Errorf("%w (%s)", e, restSecrets)
	case status >= 300 && status < 400:
		return fmt.Errorf("%w: it sends us elsewhere, where no secret is sent: give that address", e)
	}
	return e
}

const restSecrets = "a token comes from $TRAILQL_CATALOG_TOKEN, id:secret to get one from $TRAILQL_CATALOG_CREDENTIAL, and ?sign=SERVICE signs requests for AWS"
