// Package digesttest makes trails with signed digests, for tests.
package digesttest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/md5"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/storagetest"
)

var ctx = context.Background()

// Keys, one for all tests of a process.
var (
	Signer = sync.OnceValue(newKey)
	Other  = sync.OnceValue(newKey)
)

func newKey() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
}

// Public is the public key as AWS hands it out, and its fingerprint.
func Public(key *rsa.PrivateKey) (der []byte, fingerprint string) {
	der = x509.MarshalPKCS1PublicKey(&key.PublicKey)
	sum := md5.Sum(der)
	return der, hex.EncodeToString(sum[:])
}

// PublicKeys is what the AWS command line says of the public key.
func PublicKeys(key *rsa.PrivateKey) []byte {
	der, fingerprint := Public(key)
	return fmt.Appendf(nil, `{"PublicKeyList":[{"Value":%q,"Fingerprint":%q}]}`, base64.StdEncoding.EncodeToString(der), fingerprint)
}

// Folder is a storage in memory with a root of its own.
type Folder struct {
	*storagetest.Memory
	Path string
}

// NewFolder returns an empty folder.
func NewFolder(path string) *Folder { return &Folder{storagetest.NewMemory(), path} }

// Root implements storage.Storage.
func (f *Folder) Root() string { return f.Path }

// Bucket keeps metadata, as S3 does.
type Bucket struct {
	*Folder
	Kept map[string]map[string]string // metadata by name
}

// NewBucket returns an empty bucket.
func NewBucket(name string) *Bucket {
	return &Bucket{NewFolder("s3://" + name), map[string]map[string]string{}}
}

// Metadata implements storage.MetadataReader.
func (b *Bucket) Metadata(_ context.Context, name string) (map[string]string, error) {
	return b.Kept[name], nil
}

// Put stores an object.
func Put(t testing.TB, s storage.Storage, name string, data []byte) {
	t.Helper()
	if err := s.Put(ctx, name, data); err != nil {
		t.Fatal(err)
	}
}

// Get reads an object.
func Get(t testing.TB, s storage.Storage, name string) []byte {
	t.Helper()
	data, err := storage.ReadAll(ctx, s, name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Remove removes an object that is there.
func Remove(t testing.TB, s storage.Storage, name string) {
	t.Helper()
	if _, err := s.Stat(ctx, name); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(ctx, name); err != nil {
		t.Fatal(err)
	}
}

// Names are those of all objects that hold a text.
func Names(t testing.TB, s storage.Storage, part string) (found []string) {
	t.Helper()
	for o, err := range s.List(ctx, "") {
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(o.Name, part) {
			found = append(found, o.Name)
		}
	}
	return found
}

// Zip compresses a text.
func Zip(text []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(text)
	_ = w.Close()
	return b.Bytes()
}

// Unzip uncompresses an object.
func Unzip(t testing.TB, data []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Trail writes log files and their digests, as CloudTrail does for one account
// and Region.
type Trail struct {
	T  testing.TB
	In *Bucket

	Key                                               *rsa.PrivateKey
	Prefix, Organization, Account, Region, Name, Home string
	Backfill                                          bool
	Previous                                          *Digest // the chain goes on behind it; nil starts one
	// Change changes the next digest before it is signed.
	Change func(map[string]any)
	Logs   int // written so far; a part of their names
}

// Digest is a digest.
type Digest struct {
	Bucket, Object, Signature string
	Text                      []byte
}

// NewTrail is a trail that writes to a bucket, as account 111111111111 in eu-west-1.
func NewTrail(t testing.TB, in *Bucket) *Trail {
	return &Trail{T: t, In: in, Key: Signer(), Account: "111111111111", Region: "eu-west-1", Name: "main", Home: "us-east-1"}
}

func (tr *Trail) bucketName() string { return strings.TrimPrefix(tr.In.Path, "s3://") }

func (tr *Trail) folder(category string, at time.Time) string {
	org := ""
	if tr.Organization != "" {
		org = tr.Organization + "/"
	}
	return fmt.Sprintf("%sAWSLogs/%s%s/%s/%s/%s/", tr.Prefix, org, tr.Account, category, tr.Region, at.Format("2006/01/02"))
}

// Log writes a log file that is delivered at a time.
func (tr *Trail) Log(at time.Time) (object string) {
	tr.T.Helper()
	tr.Logs++
	object = tr.folder("CloudTrail", at) + fmt.Sprintf("%s_CloudTrail_%s_%s_%016d.json.gz", tr.Account, tr.Region, at.Truncate(5*time.Minute).Format("20060102T1504Z"), tr.Logs)
	Put(tr.T, tr.In, object, Zip(fmt.Appendf(nil, `{"Records":[{"eventVersion":"1.08","eventTime":%q,"eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":%q,"eventID":"%s-%d"}]}`,
		at.Format(time.RFC3339), tr.Region, tr.Account, tr.Logs)))
	return object
}

// Digest writes the digest of [start, end).
func (tr *Trail) Digest(start, end time.Time, logs ...string) *Digest {
	tr.T.Helper()
	_, fingerprint := Public(tr.Key)
	suffix := ""
	if tr.Backfill {
		suffix = "_backfill"
	}
	w := &Digest{Bucket: tr.bucketName(), Object: tr.folder("CloudTrail-Digest", end) + fmt.Sprintf("%s_CloudTrail-Digest_%s_%s_%s_%s%s.json.gz",
		tr.Account, tr.Region, tr.Name, tr.Home, end.Format("20060102T150405Z"), suffix)}
	files := []any{}
	for _, l := range logs {
		sum := sha256.Sum256(Unzip(tr.T, Get(tr.T, tr.In, l)))
		files = append(files, map[string]any{"s3Bucket": w.Bucket, "s3Object": l, "hashValue": hex.EncodeToString(sum[:]), "hashAlgorithm": "SHA-256"})
	}
	doc := map[string]any{
		"awsAccountId": tr.Account, "digestStartTime": start.Format(time.RFC3339), "digestEndTime": end.Format(time.RFC3339),
		"digestS3Bucket": w.Bucket, "digestS3Object": w.Object, "digestPublicKeyFingerprint": fingerprint,
		"digestSignatureAlgorithm": "SHA256withRSA", "newestEventTime": nil, "oldestEventTime": nil,
		"previousDigestS3Bucket": nil, "previousDigestS3Object": nil, "previousDigestHashValue": nil,
		"previousDigestHashAlgorithm": nil, "previousDigestSignature": nil, "logFiles": files,
	}
	if p := tr.Previous; p != nil {
		sum := sha256.Sum256(p.Text)
		maps.Copy(doc, map[string]any{
			"previousDigestS3Bucket": p.Bucket, "previousDigestS3Object": p.Object, "previousDigestHashValue": hex.EncodeToString(sum[:]),
			"previousDigestHashAlgorithm": "SHA-256", "previousDigestSignature": p.Signature,
		})
	}
	if tr.Change != nil {
		tr.Change(doc)
		tr.Change = nil
	}
	text, err := json.Marshal(doc)
	if err != nil {
		tr.T.Fatal(err)
	}
	w.Text = text
	w.Signature = tr.sign(doc, text)
	Put(tr.T, tr.In, w.Object, Zip(text))
	metadata := map[string]string{"signature": w.Signature, "signature-algorithm": "SHA256withRSA"}
	if tr.Backfill {
		metadata["backfill-generation-timestamp"] = end.Add(26 * time.Hour).Format("2006-01-02T15:04:05.000Z")
	}
	tr.In.Kept[w.Object] = metadata
	tr.Previous = w
	return w
}

// sign makes the text to sign by itself, so that a mistake in the package shows.
func (tr *Trail) sign(doc map[string]any, text []byte) string {
	last, ok := doc["previousDigestSignature"].(string)
	if !ok {
		last = "null"
	}
	sum := sha256.Sum256(text)
	signed := sha256.Sum256([]byte(strings.Join([]string{
		fmt.Sprint(doc["digestEndTime"]), fmt.Sprint(doc["digestS3Bucket"]) + "/" + fmt.Sprint(doc["digestS3Object"]), hex.EncodeToString(sum[:]), last}, "\n")))
	signature, err := rsa.SignPKCS1v15(nil, tr.Key, crypto.SHA256, signed[:])
	if err != nil {
		tr.T.Fatal(err)
	}
	return hex.EncodeToString(signature)
}

// Hours writes n hours with two log files each, from an hour on.
func (tr *Trail) Hours(from time.Time, n int) (digests []*Digest) {
	tr.T.Helper()
	for i := range n {
		start := from.Add(time.Duration(i) * time.Hour)
		digests = append(digests, tr.Digest(start, start.Add(time.Hour), tr.Log(start.Add(10*time.Minute)), tr.Log(start.Add(40*time.Minute))))
	}
	return digests
}

// At is a time in RFC 3339.
func At(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

// Copy copies objects without their metadata, as `aws s3 sync` does.
func Copy(t testing.TB, from *Bucket, root string, name func(string) string) *Folder {
	t.Helper()
	to := NewFolder(root)
	for _, n := range Names(t, from, "") {
		Put(t, to, name(n), Get(t, from, n))
	}
	return to
}
