package convert

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
)

// opener is how a program opens buckets.
func opener(o s3.Options) func(context.Context, string) (storage.Storage, error) {
	return func(ctx context.Context, root string) (storage.Storage, error) { return s3.Open(ctx, root, o) }
}

// uploaded puts the files of a folder into a bucket.
func uploaded(t testing.TB, b *s3.Bucket, dir string) {
	t.Helper()
	for o, err := range mustOpen(t, dir).List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(o.Name)))
		if err == nil {
			err = b.Put(t.Context(), o.Name, data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func mustOpen(t testing.TB, root string) storage.Storage {
	t.Helper()
	s, err := storage.Open(root)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// under is a state with other names for the objects, and without what a bucket
// says of an object and a folder does not.
func under(s state, from, to string) state {
	logs := map[string]int{}
	for k, n := range s.Logs {
		logs[strings.ReplaceAll(k, from, to)] += n
	}
	s.Logs = logs
	for i := range s.Aggregated {
		s.Aggregated[i].SourceObject = strings.Replace(s.Aggregated[i].SourceObject, from, to, 1)
	}
	for i := range s.Ledger {
		s.Ledger[i].Object = strings.Replace(s.Ledger[i].Object, from, to, 1)
		s.Ledger[i].ETag = ""
	}
	for i := range s.Rejected {
		s.Rejected[i].Object = strings.Replace(s.Rejected[i].Object, from, to, 1)
	}
	return s
}

// A bucket is converted to the same rows as a folder with the same files.
func TestBucket(t *testing.T) {
	server := s3test.Start(t)
	dir, err := filepath.Abs("../testdata/sample")
	if err != nil {
		t.Fatal(err)
	}
	uri := server.NewBucket(t)
	b := server.Open(t, uri)
	uploaded(t, b, dir)
	local := warehouse(t)
	want := mustRun(t, Options{Catalog: local, Sources: []string{dir}})

	wh := warehouse(t)
	o := Options{Catalog: wh, Sources: []string{uri + "/AWSLogs"}, OpenSource: opener(server.Options())}
	got := mustRun(t, o)
	want.Elapsed, got.Elapsed = 0, 0
	want.ParquetBytes, got.ParquetBytes = 0, 0 // paths are longer
	if d := gocmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := gocmp.Diff(under(read(t, local, true), dir, uri), under(read(t, wh, true), dir, uri)); d != "" {
		t.Error(d)
	}
	for _, row := range rows[ledgerRow](t, wh, LedgerTable) {
		found, err := b.Stat(t.Context(), strings.TrimPrefix(row.Object, uri+"/"))
		if err != nil || found.ETag != row.ETag || found.Size != row.Size {
			t.Errorf("%s: %q %d, the bucket says %q %d: %v", row.Object, row.ETag, row.Size, found.ETag, found.Size, err)
		}
	}

	// Named in another way it is the same.
	o.Sources = []string{uri, uri + "/", uri + "/AWSLogs/"}
	if s := mustRun(t, o); s.Unchanged != 3*(want.Objects+want.Digests) || s.Objects+s.Records+s.Unreadable != 0 {
		t.Errorf("again: %+v", s)
	}
}

// An object that has been replaced is converted again.
func TestBucketChanged(t *testing.T) {
	server := s3test.Start(t)
	uri := server.NewBucket(t)
	b := server.Open(t, uri)
	put := func(name, text string) {
		t.Helper()
		if err := b.Put(t.Context(), name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	put("a.json", log(event("1", "")))
	put("b.json", log(event("2", "")))
	wh := warehouse(t)
	o := Options{Catalog: wh, Sources: []string{uri}, OpenSource: opener(server.Options())}
	mustRun(t, o)
	put("a.json", log(event("3", "")))
	s := mustRun(t, o)
	if s.Records != 1 || s.Unchanged != 1 || s.Objects != 1 {
		t.Errorf("%+v", s)
	}
	if n := len(rows[ledgerRow](t, wh, LedgerTable)); n != 3 {
		t.Errorf("%d rows in the ledger, want one for each version", n)
	}
}

// A warehouse beside the archive is no source of its own.
func TestBucketHoldsWarehouse(t *testing.T) {
	server := s3test.Start(t)
	uri := server.NewBucket(t)
	if err := server.Open(t, uri).Put(t.Context(), logName, []byte(gz(log(event("1", ""))))); err != nil {
		t.Fatal(err)
	}
	wh, err := catalog.Create(t.Context(), uri, catalog.Options{Storage: server.Open(t, uri+"/lake/trail")})
	if err != nil {
		t.Fatal(err)
	}
	defer wh.Close()
	o := Options{Catalog: wh, Sources: []string{uri}, OpenSource: opener(server.Options())}
	if s := mustRun(t, o); s.Records != 1 || s.Objects != 1 || s.Foreign != 0 {
		t.Errorf("%+v", s)
	}
	if s := mustRun(t, o); s.Unchanged != 1 || s.Objects+s.Foreign != 0 || s.SkippedFolders != 1 {
		t.Errorf("again: %+v", s)
	}
}

// between lets something happen between the listing and the reading.
type between struct {
	*s3.Bucket
	once sync.Once
	then func()
}

func (b *between) Open(ctx context.Context, name string) (storage.Reader, error) {
	b.once.Do(b.then)
	return b.Bucket.Open(ctx, name)
}

// What goes away or changes between the listing and the reading is reported, and
// right the next time.
func TestBucketMoves(t *testing.T) {
	server := s3test.Start(t)
	uri := server.NewBucket(t)
	bucket := server.Open(t, uri)
	for i := range 20 {
		if err := bucket.Put(t.Context(), fmt.Sprintf("%02d.json", i), []byte(log(event(fmt.Sprint(i), "")))); err != nil {
			t.Fatal(err)
		}
	}
	wh := warehouse(t)
	var mu sync.Mutex
	said := map[string]string{}
	o := Options{Catalog: wh, Sources: []string{uri}, Threads: 1,
		OpenSource: func(context.Context, string) (storage.Storage, error) {
			return &between{Bucket: bucket, then: func() {
				if err := bucket.Remove(t.Context(), "05.json"); err != nil {
					t.Error(err)
				}
				if err := bucket.Put(t.Context(), "07.json", []byte(log(event("new", ""), event("7", "")))); err != nil {
					t.Error(err)
				}
			}}, nil
		},
		Reject: func(object, reason string) { mu.Lock(); defer mu.Unlock(); said[object] = reason },
	}
	if s := mustRun(t, o); s.Unreadable != 2 || s.Objects != 18 || s.Records != 18 {
		t.Errorf("%+v", s)
	}
	if !strings.Contains(said[uri+"/05.json"], "gone since it was listed") || !strings.Contains(said[uri+"/07.json"], "changed since it was listed") || len(said) != 2 {
		t.Errorf("said %q", said)
	}
	if s := mustRun(t, Options{Catalog: wh, Sources: []string{uri}, OpenSource: opener(server.Options())}); s.Unreadable != 0 || s.Records != 2 || s.Unchanged != 18 {
		t.Errorf("the next time: %+v", s)
	}
}

// What the caller may not do is named with the right that is missing, and the
// rest is converted.
func TestBucketDenied(t *testing.T) {
	server := s3test.Start(t)
	uri := server.NewBucket(t)
	bucket := server.Open(t, uri)
	key := func(account string, n int) string {
		return fmt.Sprintf("AWSLogs/%s/CloudTrail/us-east-1/2025/03/01/%s_CloudTrail_us-east-1_20250301T00%02dZ_x.json.gz", account, account, n)
	}
	for i, account := range []string{"111111111111", "222222222222", "333333333333"} {
		for n := range 5 {
			if err := bucket.Put(t.Context(), key(account, n), []byte(gz(log(event(fmt.Sprint(i, "-", n), ""))))); err != nil {
				t.Fatal(err)
			}
		}
	}
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = target.Scheme, target.Host, r.In.Host
	}}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		deny := func(message string) {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "<Error><Code>AccessDenied</Code><Message>%s</Message></Error>", message)
		}
		switch {
		case strings.HasPrefix(r.URL.Query().Get("prefix"), "AWSLogs/222222222222/"):
			deny("Access Denied")
		case strings.HasSuffix(r.URL.Path, key("111111111111", 1)):
			deny("Access Denied")
		case strings.HasSuffix(r.URL.Path, key("333333333333", 2)):
			deny("User is not authorized to perform: kms:Decrypt on the resource associated with this ciphertext")
		default:
			forward.ServeHTTP(w, r)
		}
	}))
	defer front.Close()

	wh := warehouse(t)
	said := map[string]string{}
	s := mustRun(t, Options{Catalog: wh, Sources: []string{uri}, OpenSource: opener(s3.Options{EndpointURL: front.URL}),
		Reject: func(object, reason string) { said[strings.TrimPrefix(object, uri+"/")] = reason }})
	if s.Unreadable != 3 || s.Records != 8 {
		t.Errorf("%+v", s)
	}
	for object, right := range map[string]string{
		"AWSLogs/222222222222/": "s3:ListBucket", key("111111111111", 1): "s3:GetObject", key("333333333333", 2): "kms:Decrypt",
	} {
		if !strings.Contains(said[object], right) {
			t.Errorf("%s: said %q, want %s", object, said[object], right)
		}
	}
	if s := mustRun(t, Options{Catalog: wh, Sources: []string{uri}, OpenSource: opener(server.Options())}); s.Unreadable != 0 || s.Records != 7 {
		t.Errorf("with all rights: %+v", s)
	}
}

// Who nobody knows can do nothing: that ends the run.
func TestBucketCredentials(t *testing.T) {
	server := s3test.Start(t)
	uri := server.NewBucket(t)
	if err := server.Open(t, uri).Put(t.Context(), "a.json", []byte(log(event("1", "")))); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wrong")
	_, err := Run(t.Context(), Options{Catalog: warehouse(t), Sources: []string{uri}, OpenSource: opener(server.Options())})
	if !errors.Is(err, storage.ErrCredentials) {
		t.Error(err)
	}
}

// What is not what the bucket has is unreadable and not in the ledger, whether it
// is fetched ahead or read as it is decoded, and converted by a later run.
func TestBucketFlipped(t *testing.T) {
	server := s3test.Start(t)
	uri := server.NewBucket(t)
	b := server.Open(t, uri)
	for name, padding := range map[string]int{"small": 10, "fetched": 2 << 20, "streamed": aheadLargest} {
		// The byte in the middle is within a string: the JSON stays valid.
		text := log(event(name, `"userAgent":"`+strings.Repeat("a", padding)+`",`))
		if err := b.Put(t.Context(), name+".json", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	proxy := server.NewProxy(t, func(int64, *http.Request) s3test.Fault { return s3test.Flipped })
	wh := warehouse(t)
	said := map[string]string{}
	s := mustRun(t, Options{Catalog: wh, Sources: []string{uri}, OpenSource: opener(proxy.Options()),
		Reject: func(object, reason string) { said[strings.TrimPrefix(object, uri+"/")] = reason }})
	if s.Unreadable != 3 || s.Records != 0 {
		t.Errorf("%+v", s)
	}
	for _, name := range []string{"small.json", "fetched.json", "streamed.json"} {
		if !strings.Contains(said[name], "checksum") {
			t.Errorf("%s: said %q, want a word on the checksum", name, said[name])
		}
	}
	if got := table(t, wh); len(got) != 0 {
		t.Errorf("%d records of what is unreadable", len(got))
	}
	proxy.Use(nil)
	if s := mustRun(t, Options{Catalog: wh, Sources: []string{uri}, OpenSource: opener(proxy.Options())}); s.Unreadable != 0 || s.Records != 3 {
		t.Errorf("without the fault: %+v", s)
	}
	if n := len(rows[ledgerRow](t, wh, LedgerTable)); n != 3 {
		t.Errorf("%d rows in the ledger, want 3", n)
	}
}

// Many faults of the network, of the source's and the warehouse's, change
// nothing.
func TestBucketFaults(t *testing.T) {
	const wanted = 1000
	server := s3test.Start(t)
	trail := server.NewBucket(t)
	b := server.Open(t, trail)
	for i := range 1300 {
		at := time.Date(2025, 3, 1+i%5, 0, i%1440, 0, 0, time.UTC)
		name := fmt.Sprintf("AWSLogs/111111111111/CloudTrail/us-east-1/%s/111111111111_CloudTrail_us-east-1_%s_%016d.json.gz", at.Format("2006/01/02"), at.Format("20060102T1504Z"), i)
		text := log(event(fmt.Sprint(i), ""), event(fmt.Sprint("twice-", i/2), ""), event("", fmt.Sprintf(`"requestID":"%d",`, i)))
		if err := b.Put(t.Context(), name, []byte(gz(text))); err != nil {
			t.Fatal(err)
		}
	}
	run := func(c *catalog.Catalog, o s3.Options) (Summary, error) {
		return Run(t.Context(), Options{Catalog: c, Sources: []string{trail}, OpenSource: opener(o), batchRecords: 500, taskObjects: 8,
			Reject: func(object, reason string) { t.Log(object, reason) }})
	}
	clean := warehouse(t)
	if _, err := run(clean, server.Options()); err != nil {
		t.Fatal(err)
	}
	want := read(t, clean, false)

	proxy := server.NewProxy(t, nil)
	for seed := uint64(1); proxy.Injected() < wanted; seed++ {
		home := server.NewBucket(t)
		proxy.Use(s3test.Random(seed, 0.4, append(s3test.Recoverable, s3test.Flipped)...))
		for try := range 20 {
			c, err := catalog.Create(t.Context(), home, catalog.Options{Storage: proxy.Open(t, home+"/wh")})
			if err != nil {
				t.Log("open:", err)
				continue
			}
			s, err := run(c, proxy.Options())
			c.Close()
			if err == nil && s.Unreadable == 0 {
				break
			}
			t.Logf("seed %d, try %d: %v, %+v", seed, try, err, s)
		}
		proxy.Use(nil)
		c, err := catalog.Open(t.Context(), home, catalog.Options{Storage: server.Open(t, home+"/wh")})
		if err != nil {
			t.Fatal(err)
		}
		if d := gocmp.Diff(want, read(t, c, false)); d != "" {
			t.Errorf("seed %d:\n%s", seed, d)
		}
		if slices.ContainsFunc(rows[ledgerRow](t, c, LedgerTable), func(r ledgerRow) bool { return r.ETag == "" }) {
			t.Error("an object without an ETag")
		}
		c.Close()
		t.Log(proxy.Summary())
	}
}
