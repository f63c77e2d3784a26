package follow

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/convert/queue/queuetest"
)

// BenchmarkRound is what a round with one new object takes, of the hundreds that
// a warehouse keeps the versions of for a day. Run it with -benchtime 1000x; it
// reports the mean of the first and of the last tenth.
func BenchmarkRound(b *testing.B) {
	a, c := newArchive(b), openWarehouse(b, b.TempDir())
	var ledger convert.Ledger
	var took []time.Duration
	for b.Loop() {
		name := fmt.Sprint("n", len(took))
		a.add(b, name)
		begun := time.Now()
		s, err := convert.Run(b.Context(), convert.Options{Catalog: c, Ledger: &ledger, Objects: []string{filepath.Join(a.dir, filepath.FromSlash(keyOf(name)))}})
		if err != nil || s.Objects != 1 {
			b.Fatalf("%+v, %v", s, err)
		}
		took = append(took, time.Since(begun))
	}
	mean := func(some []time.Duration) float64 {
		var sum time.Duration
		for _, d := range some {
			sum += d
		}
		return float64(sum.Microseconds()) / 1000 / float64(len(some))
	}
	tenth := max(1, len(took)/10)
	b.ReportMetric(mean(took[:tenth]), "ms/first")
	b.ReportMetric(mean(took[len(took)-tenth:]), "ms/last")
}

// BenchmarkBacklog is a queue of 2,000 messages about as many objects of a
// bucket, both on real servers on loopback, until it is empty.
func BenchmarkBacklog(b *testing.B) {
	s3server, server := s3test.Start(b), queuetest.Start(b)
	source := s3server.NewBucket(b)
	bucket := s3server.Open(b, source)
	const objects = 2000
	for b.Loop() {
		b.StopTimer()
		url := server.NewQueue(b, nil)
		var bodies []string
		for i := range objects {
			key := keyOf(fmt.Sprint("n", i))
			err := bucket.PutNew(b.Context(), key, []byte(logFile(fmt.Sprint("n", i), 3)))
			if err != nil && !errors.Is(err, storage.ErrExist) {
				b.Fatal(err)
			}
			bodies = append(bodies, event("ObjectCreated:Put", strings.TrimPrefix(source, "s3://"), key))
		}
		server.Send(b, url, bodies...)
		o, err := realListener(b.Context(), nil, openWarehouse(b, b.TempDir()), url)
		if err != nil {
			b.Fatal(err)
		}
		bucketOf(&o, source, s3server.URL)
		o.window, o.visibility = 0, 0
		b.StartTimer()
		f := start(b, o)
		f.until(b, "end", deleted(objects))
		b.StopTimer()
		f.end(b)
		b.ReportMetric(float64(len(f.rounds)), "rounds")
		b.StartTimer()
	}
	b.ReportMetric(float64(objects)*float64(b.N)/b.Elapsed().Seconds(), "objects/s")
}
