package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials/stscreds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"

	"github.com/trailql/trailql/catalog/storage"
)

// Options of Open and Config. The zero value takes everything from where the
// AWS command line takes it: environment, shared files, single sign-on, the
// role of the machine.
type Options struct {
	Profile       string // of the shared configuration files
	AssumeRole    string // ARN of a role to take on with those credentials
	ExternalID    string // that the role asks for
	Region        string // of the caller; the bucket's own is found out
	EndpointURL   string // of S3 only; another server than Amazon's
	RequesterPays bool   // the caller pays for requests to a bucket that wants it
	NoSignRequest bool   // no credentials: public buckets

	SweepAge time.Duration // how old an unfinished upload is that Sweep aborts; 0: a day

	client  config.HTTPClient // of tests
	silence time.Duration     // how long a server may say nothing; 0: a minute
}

// Bucket is a [storage.Storage] below a prefix of a bucket. It is safe for
// concurrent use.
type Bucket struct {
	client   *s3.Client
	name     string
	prefix   string // of all keys: "" or ends in a slash
	region   string
	sweepAge time.Duration
	payer    types.RequestPayer
	retryer  aws.Retryer
	silence  time.Duration
	endpoint string // "" is Amazon's

	mu      sync.Mutex
	trusted bool // the server is known to honour conditional writes
}

var (
	_ storage.Storage        = (*Bucket)(nil)
	_ storage.Sweeper        = (*Bucket)(nil)
	_ storage.RangeLister    = (*Bucket)(nil)
	_ storage.MetadataReader = (*Bucket)(nil)
	_ storage.Swapper        = (*Bucket)(nil)
	_ storage.Versioned      = (*reader)(nil)
)

// IsURI reports whether uri is for Open: s3://bucket/prefix.
func IsURI(uri string) bool { return strings.HasPrefix(uri, "s3://") }

// Open opens what lies below s3://bucket/prefix. The prefix is taken as it is,
// without percent-decoding; one slash at its end does not count. The bucket's
// Region is found out; a bucket that does not exist is an error.
func Open(ctx context.Context, uri string, o Options) (*Bucket, error) {
	b, err := open(ctx, uri, o)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", uri, err)
	}
	return b, nil
}

func open(ctx context.Context, uri string, o Options) (*Bucket, error) {
	name, prefix, err := parseURI(uri)
	if err != nil {
		return nil, err
	}
	cfg, err := Config(ctx, o)
	if err != nil {
		return nil, err
	}
	b := &Bucket{name: name, prefix: prefix, sweepAge: o.SweepAge, retryer: newRetryer(), silence: o.patience()}
	if b.sweepAge <= 0 {
		b.sweepAge = 24 * time.Hour
	}
	if o.RequesterPays {
		b.payer = types.RequestPayerRequester
	}
	custom := false
	region := cfg.Region
	if region == "" {
		region = "us-east-1"
	}
	connect := func(region string) {
		b.region = region
		b.client = s3.NewFromConfig(cfg, func(so *s3.Options) {
			so.Region = region
			if o.EndpointURL != "" {
				so.BaseEndpoint = aws.String(o.EndpointURL)
			}
			custom = so.BaseEndpoint != nil // also from the environment or a profile
			b.endpoint = aws.ToString(so.BaseEndpoint)
			// A host name for each bucket wants a wildcard record and certificate,
			// and the certificate does not cover a dot in the bucket's name.
			so.UsePathStyle = custom || strings.Contains(name, ".")
			so.Retryer = b.retryer
			so.DisableLogOutputChecksumValidationSkipped = true
		})
	}
	connect(region)
	b.trusted = !custom
	found, err := b.head(ctx)
	if err != nil {
		return nil, err
	}
	if found != "" && found != region && !custom {
		connect(found)
	}
	return b, nil
}

func parseURI(uri string) (bucket, prefix string, err error) {
	rest, ok := strings.CutPrefix(uri, "s3://")
	if !ok {
		return "", "", errors.New("not an s3:// URI")
	}
	bucket, prefix, _ = strings.Cut(rest, "/")
	switch {
	case strings.HasPrefix(bucket, "arn:"):
		return "", "", errors.New("an ARN is no bucket name: use the alias of the access point")
	case bucket == "" || strings.ContainsAny(bucket, " ?#%@:\\"):
		return "", "", fmt.Errorf("%q is no bucket name", bucket)
	case !utf8.ValidString(prefix):
		return "", "", errors.New("the prefix is not UTF-8")
	}
	if prefix = strings.TrimSuffix(prefix, "/"); prefix != "" {
		prefix += "/"
	}
	return bucket, prefix, nil
}

// head looks whether the bucket is there and returns its Region, "" if the
// server does not say. That the caller may not list it is for List to report.
func (b *Bucket) head(ctx context.Context) (region string, err error) {
	out, err := b.client.HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &b.name}, func(o *s3.Options) {
		o.RetryMaxAttempts = 6 // a second or two: nothing is lost yet, and the address may be wrong
	})
	if err == nil {
		return aws.ToString(out.BucketRegion), nil
	}
	var re *awshttp.ResponseError
	if !errors.As(err, &re) {
		return "", b.cause(ctx, actionList, err)
	}
	region = re.Response.Header.Get("X-Amz-Bucket-Region")
	switch re.HTTPStatusCode() {
	case http.StatusNotFound:
		return "", b.absent(ctx)
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusForbidden, http.StatusBadRequest:
		// The answer to HEAD has no body that would say more, the next request has.
		return region, nil
	}
	return "", b.cause(ctx, actionList, err)
}

// absent says why a bucket was not found. A server that is not Amazon's may be no
// S3 server, or not know the caller, which an answer to HEAD, without a body, does
// not tell.
func (b *Bucket) absent(ctx context.Context) error {
	if b.endpoint == "" {
		return errNoBucket
	}
	_, err := b.client.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &b.name, MaxKeys: aws.Int32(1)})
	var api smithy.APIError
	if errors.As(err, &api) && (credentialCodes[api.ErrorCode()] || api.ErrorCode() == "AccessDenied") || ctx.Err() != nil {
		return b.cause(ctx, actionList, err)
	}
	switch {
	case api == nil || api.ErrorMessage() == "" || api.ErrorCode() == strings.ReplaceAll(api.ErrorMessage(), " ", ""):
		// The SDK's words, made from the status alone.
	case api.ErrorCode() == "NoSuchBucket":
		return fmt.Errorf("%w at %s", errNoBucket, printable(b.endpoint))
	default: // such as a word of its own for a caller that it does not know
		return fmt.Errorf("%w, or is not shown to this caller: %s says %s: %s", errNoBucket, printable(b.endpoint),
			printable(api.ErrorCode()), printable(strings.TrimSuffix(api.ErrorMessage(), ".")))
	}
	return fmt.Errorf("%w, or what answers at %s is no S3 server", errNoBucket, printable(b.endpoint))
}

// Config returns what the SDK needs for clients of other services on behalf of
// the same caller. EndpointURL, which is S3's, is not in it.
func Config(ctx context.Context, o Options) (aws.Config, error) {
	client := o.client
	if client == nil {
		client = awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) {
			t.MaxIdleConns = maxIdleConnections
			t.MaxIdleConnsPerHost = maxIdleConnections
			t.ResponseHeaderTimeout = o.patience()
		})
	}
	load := []func(*config.LoadOptions) error{
		config.WithHTTPClient(client),
		config.WithLogger(logging.Nop{}), // it would write to stderr
		config.WithAppID("trailql"),
	}
	if o.Profile != "" {
		load = append(load, config.WithSharedConfigProfile(o.Profile))
	}
	if o.Region != "" {
		load = append(load, config.WithRegion(o.Region))
	}
	if o.NoSignRequest {
		load = append(load, config.WithCredentialsProvider(aws.AnonymousCredentials{}))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("load AWS configuration: %w", err)
	}
	switch {
	case o.AssumeRole != "" && o.NoSignRequest:
		return aws.Config{}, errors.New("load AWS configuration: a role cannot be assumed without signing requests")
	case o.ExternalID != "" && o.AssumeRole == "":
		return aws.Config{}, errors.New("load AWS configuration: an external id without a role to assume")
	case o.AssumeRole != "":
		caller := cfg.Copy()
		if caller.Region == "" {
			caller.Region = "us-east-1"
		}
		cfg.Credentials = aws.NewCredentialsCache(stscreds.NewAssumeRoleProvider(sts.NewFromConfig(caller), o.AssumeRole,
			func(ro *stscreds.AssumeRoleOptions) {
				ro.RoleSessionName = "trailql"
				if o.ExternalID != "" {
					ro.ExternalID = &o.ExternalID
				}
			}))
	}
	return cfg, nil
}

func (o Options) patience() time.Duration {
	if o.silence > 0 {
		return o.silence
	}
	return time.Minute
}

// maxIdleConnections are kept, so that as many objects can be read at a time
// without a new handshake for each.
const maxIdleConnections = 256

// Root implements [storage.Storage]: s3://bucket/prefix.
func (b *Bucket) Root() string {
	return strings.TrimSuffix("s3://"+b.name+"/"+b.prefix, "/")
}

// Region is where the bucket lies.
func (b *Bucket) Region() string { return b.region }

// maxKey is how many bytes a key may have.
const maxKey = 1024

// key checks ctx and the name of an object and returns its key.
func (b *Bucket) key(ctx context.Context, verb, name string) (*string, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("%s %q: %w", verb, name, err)
	}
	if !validName(name) || len(b.prefix)+len(name) > maxKey {
		return nil, fmt.Errorf("%s %q: %w", verb, name, storage.ErrName)
	}
	return aws.String(b.prefix + name), nil
}

// newKey is key for an object to be stored. It refuses what XML cannot hold,
// because not every server lists such keys in another way.
func (b *Bucket) newKey(ctx context.Context, verb, name string) (*string, error) {
	if strings.IndexFunc(name, func(r rune) bool { return r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF }) >= 0 {
		return nil, fmt.Errorf("%s %q: %w", verb, name, storage.ErrName)
	}
	return b.key(ctx, verb, name)
}

func validName(name string) bool {
	return name != "" && name != "." && name != ".." && name[0] != '/' && !strings.HasPrefix(name, "../") &&
		path.Clean(name) == name && strings.IndexByte(name, 0) < 0 && utf8.ValidString(name)
}

// Stat implements [storage.Storage].
func (b *Bucket) Stat(ctx context.Context, name string) (storage.Object, error) {
	out, err := b.headObject(ctx, "stat", name)
	if err != nil {
		return storage.Object{}, err
	}
	return object(name, out.ContentLength, out.LastModified, out.ETag), nil
}

// Metadata implements [storage.MetadataReader].
func (b *Bucket) Metadata(ctx context.Context, name string) (map[string]string, error) {
	out, err := b.headObject(ctx, "stat", name)
	if err != nil {
		return nil, err
	}
	return out.Metadata, nil
}

func (b *Bucket) headObject(ctx context.Context, verb, name string) (*s3.HeadObjectOutput, error) {
	key, err := b.key(ctx, verb, name)
	if err != nil {
		return nil, err
	}
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.name, Key: key, RequestPayer: b.payer})
	if err != nil {
		return nil, b.failure(ctx, verb, name, actionGet, err)
	}
	return out, nil
}

// Remove implements [storage.Storage].
func (b *Bucket) Remove(ctx context.Context, name string) error {
	key, err := b.key(ctx, "remove", name)
	if err != nil {
		return err
	}
	_, err = b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.name, Key: key, RequestPayer: b.payer})
	if err = b.failure(ctx, "remove", name, actionDelete, err); errors.Is(err, storage.ErrNotExist) {
		return nil
	}
	return err
}

// object makes an entry of what listings and heads say alike: whole seconds and
// an ETag without quotes.
func object(name string, size *int64, modified *time.Time, etag *string) storage.Object {
	return storage.Object{
		Name:     name,
		Size:     aws.ToInt64(size),
		Modified: aws.ToTime(modified).UTC().Truncate(time.Second),
		ETag:     unquote(etag),
	}
}

func unquote(etag *string) string { return strings.Trim(aws.ToString(etag), `"`) }

func quote(etag string) *string { return aws.String(`"` + etag + `"`) }
