package s3_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3"
)

// credentials are of nobody.
func credentials(t *testing.T) {
	t.Helper()
	for name, value := range map[string]string{
		"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "", "AWS_PROFILE": "",
		"AWS_REGION": "", "AWS_DEFAULT_REGION": "", "AWS_ENDPOINT_URL": "", "AWS_ENDPOINT_URL_S3": "",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_EC2_METADATA_DISABLED": "true",
		"AWS_CA_BUNDLE": "",
	} {
		t.Setenv(name, value)
	}
}

// answering is a bucket whose server gives the answers that Amazon's documents
// and that the real one of the other tests does not give.
func answering(t *testing.T, o s3.Options, answer http.HandlerFunc) *s3.Bucket {
	t.Helper()
	credentials(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead && r.URL.Path == "/bucket" {
			return
		}
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	o.EndpointURL = server.URL
	b, err := s3.Open(t.Context(), "s3://bucket/logs", o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestErrors(t *testing.T) {
	get := func(ctx context.Context, b *s3.Bucket) error { _, err := b.Open(ctx, "a/b"); return err }
	stat := func(ctx context.Context, b *s3.Bucket) error { _, err := b.Stat(ctx, "a/b"); return err }
	put := func(ctx context.Context, b *s3.Bucket) error { return b.PutNew(ctx, "a/b", []byte("x")) }
	remove := func(ctx context.Context, b *s3.Bucket) error { return b.Remove(ctx, "a/b") }
	sweep := func(ctx context.Context, b *s3.Bucket) error { _, err := b.Sweep(ctx); return err }
	list := func(ctx context.Context, b *s3.Bucket) (last error) {
		for _, err := range b.List(ctx, "a") {
			last = err
		}
		return last
	}
	for _, c := range []struct {
		name          string
		do            func(context.Context, *s3.Bucket) error
		status        int
		code, message string
		want          error
		text          string // in the error
	}{
		{"get denied", get, 403, "AccessDenied", "Access Denied", storage.ErrDenied, "s3:GetObject is missing"},
		{"stat denied", stat, 403, "", "", storage.ErrDenied, "s3:GetObject is missing"},
		{"list denied", list, 403, "AccessDenied", "Access Denied", storage.ErrDenied, `list "a": access denied: s3:ListBucket is missing`},
		{"put denied", put, 403, "AccessDenied", "Access Denied", storage.ErrDenied, "s3:PutObject is missing"},
		{"remove denied", remove, 403, "AccessDenied", "Access Denied", storage.ErrDenied, "s3:DeleteObject is missing"},
		{"sweep denied", sweep, 403, "AccessDenied", "Access Denied", storage.ErrDenied, "s3:ListBucketMultipartUploads is missing"},
		{"key denied", get, 403, "AccessDenied", "User: arn:aws:iam::111122223333:user/a is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:eu-west-1:111122223333:key/k because no identity-based policy allows the kms:Decrypt action",
			storage.ErrDenied, "kms:Decrypt is missing"},
		{"version denied", get, 403, "AccessDenied", "User: arn:aws:sts::1:assumed-role/r/s is not authorized to perform: s3:GetObjectVersion on resource: \"arn\"",
			storage.ErrDenied, "s3:GetObjectVersion is missing"},
		{"key disabled", get, 400, "KMS.DisabledException", "key is disabled", storage.ErrDenied, "kms:Decrypt is missing"},
		{"key of put denied", put, 403, "AccessDenied", "access to KMS is not allowed", storage.ErrDenied, "kms:GenerateDataKey is missing"},
		{"no such key", get, 404, "NoSuchKey", "The specified key does not exist.", storage.ErrNotExist, `open "a/b": object does not exist`},
		{"no such object for head", stat, 404, "", "", storage.ErrNotExist, `stat "a/b": object does not exist`},
		{"no such bucket", get, 404, "NoSuchBucket", "The specified bucket does not exist", nil, "bucket does not exist"},
		{"no such bucket to list", list, 404, "NoSuchBucket", "The specified bucket does not exist", nil, "bucket does not exist"},
		{"expired", get, 400, "ExpiredToken", "The provided token has expired.", storage.ErrCredentials, "ExpiredToken: The provided token has expired"},
		{"unknown caller", list, 403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", storage.ErrCredentials, "InvalidAccessKeyId"},
		{"wrong secret", put, 403, "SignatureDoesNotMatch", "…", storage.ErrCredentials, "SignatureDoesNotMatch"},
		{"wrong clock", get, 403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.", storage.ErrCredentials, "too large"},
		{"archived", get, 403, "InvalidObjectState", "The operation is not valid for the object's storage class", nil, "archived and must be restored"},
		{"wrong Region", list, 301, "PermanentRedirect", "…", nil, "the bucket lies in eu-west-1, not in us-east-1"},
		{"hostile message", list, 400, "Bad", "a&#10;b\u009b", nil, `Bad: a\nb\u009b (`},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := answering(t, s3.Options{}, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("X-Amz-Bucket-Region", "eu-west-1")
				w.WriteHeader(c.status)
				if c.code != "" && r.Method != http.MethodHead {
					fmt.Fprintf(w, "<Error><Code>%s</Code><Message>%s</Message><RequestId>R1</RequestId></Error>", c.code, c.message)
				}
			})
			err := c.do(t.Context(), b)
			if err == nil || !strings.Contains(err.Error(), c.text) || strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("error %q does not say %q", err, c.text)
			}
			for _, sentinel := range []error{storage.ErrDenied, storage.ErrNotExist, storage.ErrCredentials, storage.ErrExist} {
				if errors.Is(err, sentinel) != (sentinel == c.want) {
					t.Errorf("%v: is %q: %v", err, sentinel, errors.Is(err, sentinel))
				}
			}
			t.Log(err)
		})
	}
}

func TestNoCredentials(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	credentials(t)
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	_, err := s3.Open(t.Context(), "s3://bucket", s3.Options{EndpointURL: server.URL})
	if !errors.Is(err, storage.ErrCredentials) || strings.Contains(err.Error(), "\n") {
		t.Errorf("Open without credentials = %v, want ErrCredentials", err)
	}
	t.Log(err)
	if _, err := s3.Open(t.Context(), "s3://bucket", s3.Options{EndpointURL: server.URL, Profile: "nobody"}); err == nil || !strings.Contains(err.Error(), "nobody") {
		t.Errorf("Open with an unknown profile = %v", err)
	}
	if _, err := s3.Open(t.Context(), "s3://bucket", s3.Options{EndpointURL: server.URL, NoSignRequest: true}); err == nil || !strings.Contains(err.Error(), "bucket does not exist, or what answers at "+server.URL+" is no S3 server") {
		t.Errorf("Open of a missing bucket = %v", err)
	}
}

// The answer to HEAD has no body that says who is not known.
func TestUnknownCallerIsNoMissingBucket(t *testing.T) {
	for _, c := range []struct {
		code, text string
		want       bool
	}{
		{"InvalidAccessKeyId", "InvalidAccessKeyId", true},
		{"NoSuchBucket", "bucket does not exist at http://", false},
		{"NoSuchCaller", "says NoSuchCaller: m", false},
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			if r.Method != http.MethodHead {
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>m</Message></Error>", c.code)
			}
		}))
		credentials(t)
		_, err := s3.Open(t.Context(), "s3://bucket", s3.Options{EndpointURL: server.URL})
		server.Close()
		if err == nil || errors.Is(err, storage.ErrCredentials) != c.want || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v", c.code, err)
		}
	}
}

func TestURI(t *testing.T) {
	for _, c := range []struct{ uri, root string }{
		{"s3://bucket", "s3://bucket"},
		{"s3://bucket/", "s3://bucket"},
		{"s3://bucket/a/b", "s3://bucket/a/b"},
		{"s3://bucket/a/b/", "s3://bucket/a/b"},
		{"s3://bucket/a%20b c", "s3://bucket/a%20b c"},
		{"s3://bucket/a//", "s3://bucket/a/"},
		{"s3://", ""},
		{"s3:///a", ""},
		{"s3://user@bucket/a", ""},
		{"s3://arn:aws:s3:us-east-1:1:accesspoint/x", ""},
		{"s3://bucket/\xff", ""},
		{"/tmp/x", ""},
	} {
		credentials(t)
		b, err := s3.Open(t.Context(), c.uri, s3.Options{Region: "us-east-1"}.WithTransport(transport(func(*http.Request) *http.Response {
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody}
		})))
		switch {
		case c.root == "" && err == nil:
			t.Errorf("Open(%q) = %q, want an error", c.uri, b.Root())
		case c.root != "" && err != nil:
			t.Errorf("Open(%q) = %v", c.uri, err)
		case c.root != "" && b.Root() != c.root:
			t.Errorf("Open(%q).Root() = %q, want %q", c.uri, b.Root(), c.root)
		}
	}
}

type transport func(*http.Request) *http.Response

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	response := f(r)
	response.Request = r
	return response, nil
}

// TestRegion: Amazon's servers send a request that comes to the wrong Region
// away, and say which is the right one even to whom they deny the rest.
func TestRegion(t *testing.T) {
	for _, c := range []struct {
		bucket, configured string
		status             int
		hosts              []string
	}{
		{"logs", "", 301, []string{"logs.s3.us-east-1.amazonaws.com", "logs.s3.eu-central-1.amazonaws.com"}},
		{"logs", "sa-east-1", 400, []string{"logs.s3.sa-east-1.amazonaws.com", "logs.s3.eu-central-1.amazonaws.com"}},
		{"logs", "us-west-2", 403, []string{"logs.s3.us-west-2.amazonaws.com", "logs.s3.eu-central-1.amazonaws.com"}},
		{"logs", "eu-central-1", 200, []string{"logs.s3.eu-central-1.amazonaws.com", "logs.s3.eu-central-1.amazonaws.com"}},
		{"my.logs", "eu-central-1", 200, []string{"s3.eu-central-1.amazonaws.com", "s3.eu-central-1.amazonaws.com"}},
	} {
		credentials(t)
		var hosts []string
		o := s3.Options{Region: c.configured}.WithTransport(transport(func(r *http.Request) *http.Response {
			hosts = append(hosts, r.URL.Host)
			if len(hosts) == 1 {
				return &http.Response{StatusCode: c.status, Header: http.Header{"X-Amz-Bucket-Region": {"eu-central-1"}}, Body: http.NoBody}
			}
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/xml"}},
				Body: io.NopCloser(strings.NewReader(`<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>`))}
		}))
		b, err := s3.Open(t.Context(), "s3://"+c.bucket, o)
		if err != nil {
			t.Errorf("%+v: %v", c, err)
			continue
		}
		for _, err := range b.List(t.Context(), "") {
			t.Error(err)
		}
		if !slices.Equal(hosts, c.hosts) || b.Region() != "eu-central-1" {
			t.Errorf("%+v: requests to %q, Region %q", c, hosts, b.Region())
		}
	}
}

func TestAssumeRole(t *testing.T) {
	credentials(t)
	var asked string
	sts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = string(body)
		fmt.Fprint(w, `<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>`+
			`<AccessKeyId>ASIAROLE</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>token-of-the-role</SessionToken>`+
			`<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>`)
	}))
	defer sts.Close()
	t.Setenv("AWS_ENDPOINT_URL_STS", sts.URL)
	var tokens []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		tokens = append(tokens, r.Header.Get("X-Amz-Security-Token"))
	}))
	defer server.Close()
	b, err := s3.Open(t.Context(), "s3://bucket", s3.Options{EndpointURL: server.URL, AssumeRole: "arn:aws:iam::111122223333:role/reader", ExternalID: "x-1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Stat(t.Context(), "x"); err != nil {
		t.Error(err)
	}
	if want := []string{"token-of-the-role", "token-of-the-role"}; !slices.Equal(tokens, want) {
		t.Errorf("tokens %q, want %q", tokens, want)
	}
	for _, part := range []string{"ExternalId=x-1", "RoleArn=arn%3Aaws%3Aiam%3A%3A111122223333%3Arole%2Freader", "RoleSessionName=trailql"} {
		if !strings.Contains(asked, part) {
			t.Errorf("asked for %q, without %q", asked, part)
		}
	}
	for _, o := range []s3.Options{{AssumeRole: "arn", NoSignRequest: true}, {ExternalID: "x"}} {
		if _, err := s3.Open(t.Context(), "s3://bucket", o); err == nil {
			t.Errorf("Open with %+v = nil, want an error", o)
		}
	}
}

// Servers that do not know ETags, or ranges: what comes after a broken
// connection goes on where that broke, or is an error.
func TestReadOfBrokenBodyWithoutETag(t *testing.T) {
	for name, c := range map[string]struct {
		modified string // of the later answers
		without  string // header that is never sent
		whole    bool   // the server ignores Range
		replaced bool   // by another object of that size
		want     string // of the error
	}{
		"range":                {},
		"ETag comes later":     {replaced: true, want: "changed"},
		"modified later":       {modified: "Sun, 02 Mar 2025 00:00:00 GMT", want: "changed"},
		"never modified":       {without: "Last-Modified", want: "another object"},
		"range ignored":        {whole: true, want: "another part"},
		"range without a word": {without: "Content-Range", want: "another part"},
	} {
		for _, size := range []int{1000, 3 << 20} {
			t.Run(fmt.Sprint(name, "/", size), func(t *testing.T) {
				want := noise(size)
				requests := 0
				b := answering(t, s3.Options{}, func(w http.ResponseWriter, r *http.Request) {
					requests++
					modified := "Sat, 01 Mar 2025 00:00:00 GMT"
					from := 0
					if requests > 1 {
						if c.modified != "" {
							modified = c.modified
						}
						if c.replaced {
							w.Header().Set("ETag", `"other"`)
						}
						if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); err != nil {
							t.Errorf("Range: %q", r.Header.Get("Range"))
						}
					}
					w.Header().Set("Last-Modified", modified)
					status := http.StatusOK
					if c.whole {
						from = 0
					} else if from > 0 {
						status = http.StatusPartialContent
						w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, size-1, size))
					}
					w.Header().Set("Content-Length", fmt.Sprint(size-from))
					w.Header().Del(c.without)
					w.WriteHeader(status)
					if requests > 1 {
						w.Write(want[from:])
						return
					}
					w.Write(want[:size/2])
					http.NewResponseController(w).Flush()
					panic(http.ErrAbortHandler)
				})
				r, err := b.Open(t.Context(), "x")
				if err != nil {
					t.Fatal(err)
				}
				defer r.Close()
				got, err := io.ReadAll(r)
				switch {
				case c.want != "":
					if err == nil || !strings.Contains(err.Error(), c.want) {
						t.Errorf("read %d bytes, %v, want an error with %q", len(got), err, c.want)
					}
				case err != nil || !bytes.Equal(got, want):
					t.Errorf("read %d bytes, %v, want the %d that there are", len(got), err, size)
				}
			})
		}
	}
}

func TestListOfOddKeys(t *testing.T) {
	b := answering(t, s3.Options{RequesterPays: true}, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("X-Amz-Request-Payer"); got != "requester" {
			t.Errorf("request payer %q", got)
		}
		fmt.Fprint(w, `<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>`)
		for _, key := range []string{"logs/", "logs/a%1B", "logs/a+b", "logs/a%2Bb", "logs/f/", "logs/f//x", "logs/g"} {
			fmt.Fprintf(w, `<Contents><Key>%s</Key><Size>0</Size><ETag>"e"</ETag><LastModified>2026-11-21T20:00:00.123Z</LastModified></Contents>`, key)
		}
		fmt.Fprint(w, `</ListBucketResult>`)
	})
	var names, errs []string
	for o, err := range b.List(t.Context(), "") {
		if err != nil {
			errs = append(errs, err.Error())
			if !errors.Is(err, storage.ErrName) {
				t.Errorf("%v, want ErrName", err)
			}
			continue
		}
		names = append(names, o.Name)
		if o.ETag != "e" || o.Modified.Nanosecond() != 0 {
			t.Errorf("%+v", o)
		}
	}
	if want := []string{"a\x1b", "a b", "a+b", "g"}; !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
	if want := []string{`list "f//x": invalid object name`}; !slices.Equal(errs, want) {
		t.Errorf("errors %q, want %q", errs, want)
	}
}

func TestSweepOfServerThatCannot(t *testing.T) {
	b := answering(t, s3.Options{}, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotImplemented) })
	if n, err := b.Sweep(t.Context()); n != 0 || err != nil {
		t.Errorf("Sweep = %d, %v", n, err)
	}
}

func TestServerThatIgnoresConditions(t *testing.T) {
	b := answering(t, s3.Options{}, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		w.Header().Set("ETag", `"e"`)
	})
	if err := b.PutNew(t.Context(), "x", []byte("x")); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("PutNew = %v, want ErrUnsupported", err)
	}
	if _, err := b.Swap(t.Context(), "x", "", []byte("x")); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Swap = %v, want ErrUnsupported", err)
	}
}
