package convert

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog/storage/s3"
)

// manyKeys is a bucket with a million objects, none of which is there: only its
// listing is answered.
type manyKeys struct{ accounts, regions, days, each int }

func (b manyKeys) objects() int { return b.accounts * b.regions * b.days * b.each }

// key is the n-th one in byte order.
func (b manyKeys) key(n int) string {
	each, n := n%b.each, n/b.each
	day, n := n%b.days, n/b.days
	region, account := n%b.regions, n/b.regions
	at := time.Date(2025, 1, 1+day, 0, each*1440/b.each, 0, 0, time.UTC)
	return fmt.Sprintf("AWSLogs/%012d/CloudTrail/eu-west-%d/%s/%012d_CloudTrail_eu-west-%d_%s_%016d.json.gz",
		account, region, at.Format("2006/01/02"), account, region, at.Format("20060102T1504Z"), each)
}

func (b manyKeys) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/xml")
	if r.Method == http.MethodHead {
		return
	}
	q := r.URL.Query()
	prefix, delimiter, after := q.Get("prefix"), q.Get("delimiter"), max(q.Get("start-after"), q.Get("continuation-token"))
	n := sort.Search(b.objects(), func(i int) bool { k := b.key(i); return k >= prefix && k > after })
	var page strings.Builder
	last, count, more := "", 0, false
	for ; n < b.objects(); n++ {
		k := b.key(n)
		if !strings.HasPrefix(k, prefix) {
			break
		}
		if count == 1000 {
			more = true
			break
		}
		count++
		if i := strings.Index(k[len(prefix):], "/"); delimiter != "" && i >= 0 {
			folder := k[:len(prefix)+i+1]
			fmt.Fprintf(&page, "<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>", folder)
			n = sort.Search(b.objects(), func(i int) bool { return b.key(i) > folder+"\xff" }) - 1
			last = folder + "\xff"
			continue
		}
		last = k
		fmt.Fprintf(&page, "<Contents><Key>%s</Key><LastModified>2025-01-01T00:00:00.000Z</LastModified><ETag>&quot;%032x&quot;</ETag><Size>4321</Size><StorageClass>STANDARD</StorageClass></Contents>", k, n)
	}
	next := ""
	if more {
		next = "<NextContinuationToken>" + last + "</NextContinuationToken>"
	}
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name><IsTruncated>%t</IsTruncated>%s%s</ListBucketResult>`, more, page.String(), next)
}

// highWater is the most memory that the process has had, in MiB.
func highWater(b *testing.B) float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kib, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kib / 1024
		}
	}
	b.Skip("the kernel does not say")
	return 0
}

// BenchmarkListMillion lists a million new objects over HTTP, as convert does.
// The process includes the server.
//
//	go test -run '^$' -bench ListMillion -benchtime 1x ./convert
func BenchmarkListMillion(b *testing.B) {
	b.Setenv("AWS_ACCESS_KEY_ID", "x")
	b.Setenv("AWS_SECRET_ACCESS_KEY", "x")
	for _, source := range []manyKeys{{10, 10, 100, 100}, {1, 1, 10, 100_000}} {
		b.Run(fmt.Sprintf("regions=%d", source.accounts*source.regions), func(b *testing.B) {
			server := httptest.NewServer(source)
			defer server.Close()
			for b.Loop() {
				s, err := Run(b.Context(), Options{DryRun: true, Sources: []string{"s3://big/AWSLogs"}, OpenSource: opener(s3.Options{EndpointURL: server.URL})})
				if err != nil || s.Objects != int64(source.objects()) {
					b.Fatal(s, err)
				}
			}
			b.ReportMetric(highWater(b), "MiB-peak")
			b.ReportMetric(float64(source.objects())*float64(b.N)/b.Elapsed().Seconds(), "objects/s")
		})
	}
}
