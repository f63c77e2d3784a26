package digest_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
	"github.com/trailql/trailql/convert/digest"
	"github.com/trailql/trailql/convert/digest/digesttest"
)

// On a real server, with and without faults between: the metadata are those of
// the objects.
func TestVerifyS3(t *testing.T) {
	server := s3test.Start(t)
	uri := server.NewBucket(t)
	name := strings.TrimPrefix(uri, "s3://")
	tr := digesttest.NewTrail(t, digesttest.NewBucket(name))
	tr.Prefix = "some prefix/"
	made := tr.Hours(digesttest.At("2026-03-04T12:00:00Z"), 4)
	client := uploader(t, server)
	put := func(key string, data []byte, metadata map[string]string) {
		t.Helper()
		_, err := client.PutObject(t.Context(), &awss3.PutObjectInput{Bucket: &name, Key: &key, Body: bytes.NewReader(data), Metadata: metadata})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range digesttest.Names(t, tr.In, "") {
		put(n, digesttest.Get(t, tr.In, n), tr.In.Kept[n])
	}
	der, fingerprint := digesttest.Public(digesttest.Signer())
	keys := []digest.PublicKey{{DER: der, Fingerprint: fingerprint}}
	verify := func(s storage.Storage) *digest.Result {
		t.Helper()
		r, err := digest.Verify(t.Context(), digest.Options{Sources: []storage.Storage{s}, Keys: keys, Now: func() time.Time { return digesttest.At("2026-03-04T17:00:00Z") }})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	proxy := server.NewProxy(t, s3test.Random(1, 0.1, s3test.Recoverable...))
	for what, s := range map[string]storage.Storage{
		"bucket": server.Open(t, uri), "prefix": server.Open(t, uri+"/some prefix"), "faults": proxy.Open(t, uri),
	} {
		if r := verify(s); !r.Holds() || r.Digests.Valid != 4 || r.Logs.Valid != 8 || len(r.Findings) > 0 {
			t.Errorf("%s: %+v", what, r)
		}
	}
	if proxy.Injected() == 0 {
		t.Error("no fault was injected")
	}
	put(made[3].Object, digesttest.Get(t, tr.In, made[3].Object), nil)
	if r := verify(server.Open(t, uri)); r.Digests.Valid != 3 || r.Digests.Invalid != 1 {
		t.Errorf("without metadata: %+v", r)
	}
}

// uploader can store metadata, which a storage.Storage does not.
func uploader(t *testing.T, server *s3test.Server) *awss3.Client {
	t.Helper()
	cfg, err := s3.Config(context.Background(), server.Options())
	if err != nil {
		t.Fatal(err)
	}
	return awss3.NewFromConfig(cfg, func(o *awss3.Options) { o.BaseEndpoint, o.UsePathStyle = aws.String(server.URL), true })
}
