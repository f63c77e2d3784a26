package s3_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
)

// BenchmarkList lists a million keys, from a server of whose objects there is
// nothing but the listing, and says how much memory the heap had at most.
func BenchmarkList(b *testing.B) {
	const keys, perPage = 1_000_000, 1000
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			return
		}
		first, _ := strconv.Atoi(r.URL.Query().Get("continuation-token"))
		var page strings.Builder
		fmt.Fprintf(&page, `<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>%v</IsTruncated><NextContinuationToken>%d</NextContinuationToken>`,
			first+perPage < keys, first+perPage)
		for i := range perPage {
			fmt.Fprintf(&page, `<Contents><Key>AWSLogs/111111111111/CloudTrail/us-east-1/2026/01/01/111111111111_CloudTrail_us-east-1_20260101T0000Z_%016d.json.gz</Key>`+
				`<Size>12345</Size><ETag>&quot;0123456789abcdef0123456789abcdef&quot;</ETag><LastModified>2026-11-21T20:00:00Z</LastModified></Contents>`, first+i)
		}
		io.WriteString(w, page.String()+`</ListBucketResult>`)
	}))
	defer server.Close()
	b.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	bucket, err := s3.Open(b.Context(), "s3://bucket", s3.Options{EndpointURL: server.URL, NoSignRequest: true})
	if err != nil {
		b.Fatal(err)
	}
	var peak uint64
	for b.Loop() {
		n := 0
		for _, err := range bucket.List(b.Context(), "") {
			if err != nil {
				b.Fatal(err)
			}
			if n++; n%10_000 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				peak = max(peak, m.HeapInuse)
			}
		}
		if n != keys {
			b.Fatalf("%d keys", n)
		}
	}
	b.ReportMetric(float64(peak)/(1<<20), "MiB-heap")
}

// BenchmarkRead reads one large object from front to back.
func BenchmarkRead(b *testing.B) {
	const size = 128 << 20
	server := s3test.Start(b)
	bucket := server.Open(b, server.NewBucket(b))
	w, err := bucket.Create(b.Context(), "x")
	if err == nil {
		_, err = io.Copy(w, io.LimitReader(zeros{}, size))
	}
	if err == nil {
		err = w.Commit()
	}
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(size)
	for b.Loop() {
		r, err := bucket.Open(b.Context(), "x")
		if err != nil {
			b.Fatal(err)
		}
		if n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{r}, make([]byte, 256<<10)); n != size || err != nil {
			b.Fatal(n, err)
		}
		r.Close()
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// BenchmarkReadSmall reads objects of the size that CloudTrail delivers, eight
// at a time.
func BenchmarkReadSmall(b *testing.B) {
	const objects = 500
	server := s3test.Start(b)
	bucket := server.Open(b, server.NewBucket(b))
	data := noise(20_000)
	for i := range objects {
		if err := bucket.Put(b.Context(), strconv.Itoa(i), data); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for i := next.Add(1); i <= objects; i = next.Add(1) {
					r, err := bucket.Open(b.Context(), strconv.FormatInt(i-1, 10))
					if err != nil {
						b.Error(err)
						return
					}
					if n, err := io.Copy(io.Discard, r); n != int64(len(data)) || err != nil {
						b.Error(n, err)
					}
					r.Close()
				}
			})
		}
		wg.Wait()
	}
	b.ReportMetric(objects*float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}
