package digest

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/digest/digesttest"
)

// BenchmarkChain is a chain of a thousand digests with two log files each;
// heap/digest is what is held for each of them at the most.
func BenchmarkChain(b *testing.B) {
	const digests = 1000
	tr := digesttest.NewTrail(b, digesttest.NewBucket("example"))
	tr.Hours(noon, digests)
	o := Options{Keys: []PublicKey{public(digesttest.Signer())}, Sources: []storage.Storage{tr.In}}
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	o.Log = func(c Checked) {
		if during.HeapAlloc == 0 { // all digests are there
			runtime.GC()
			runtime.ReadMemStats(&during)
		}
	}
	for b.Loop() {
		if r, err := Verify(ctx, o); err != nil || r.Digests.Valid != digests {
			b.Fatal(r, err)
		}
	}
	b.ReportMetric(float64(during.HeapAlloc-before.HeapAlloc)/digests, "heap/digest")
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/digests*1e6, "µs/digest")
}

func BenchmarkHash(b *testing.B) {
	var text []byte
	for i := 0; len(text) < 4<<20; i++ {
		text = fmt.Appendf(text, `{"eventTime":%q,"eventSource":"s3.amazonaws.com","eventName":"GetObject","eventID":"%x"},`, noon.Add(time.Duration(i)*time.Second).Format(time.RFC3339), i*7919)
	}
	s := digesttest.NewFolder("/x")
	digesttest.Put(b, s, "x", digesttest.Zip(text))
	h := newHasher()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if c, err := h.read(ctx, s, "x", nil); err != nil || c.Bytes != int64(len(text)) {
			b.Fatal(c, err)
		}
	}
}
