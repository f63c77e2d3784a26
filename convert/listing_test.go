package convert

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/cloudtrail"
)

// keyBucket is a bucket that can only be listed.
type keyBucket struct {
	storage.Storage
	keys   []string // sorted
	denied string   // folder, with its slash

	mu    sync.Mutex
	asked []storage.Range
}

func newKeyBucket(keys ...string) *keyBucket {
	slices.Sort(keys)
	return &keyBucket{keys: keys}
}

func (b *keyBucket) Root() string { return "s3://trail" }

func (b *keyBucket) Stat(_ context.Context, name string) (storage.Object, error) {
	if _, ok := slices.BinarySearch(b.keys, name); ok {
		return storage.Object{Name: name, ETag: "e"}, nil
	}
	return storage.Object{}, fmt.Errorf("stat %q: %w", name, storage.ErrNotExist)
}

var errDenied = fmt.Errorf("s3:ListBucket is missing: %w", storage.ErrDenied)

func (b *keyBucket) ListRange(_ context.Context, r storage.Range) iter.Seq2[storage.Object, error] {
	b.mu.Lock()
	b.asked = append(b.asked, r)
	b.mu.Unlock()
	prefix := r.Prefix
	if prefix != "" {
		prefix += "/"
	}
	return func(yield func(storage.Object, error) bool) {
		if b.denied != "" && strings.HasPrefix(prefix, b.denied) {
			yield(storage.Object{}, errDenied)
			return
		}
		at, _ := slices.BinarySearch(b.keys, max(prefix, r.After))
		last := ""
		for _, k := range b.keys[at:] {
			if !strings.HasPrefix(k, prefix) {
				return
			}
			if i := strings.IndexByte(k[len(prefix):], '/'); r.Folders && i >= 0 {
				k = k[:len(prefix)+i+1]
			}
			if k == last || r.After != "" && k <= r.After {
				continue
			}
			last = k
			o := storage.Object{Name: k}
			if !strings.HasSuffix(k, "/") {
				o.ETag = "e"
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

// listed runs a listing and returns the keys of what is wanted, in order.
func listed(t *testing.T, o Options) (keys, skipped, failed []string, err error) {
	t.Helper()
	s := sources{o: &o, stores: map[string]storage.Storage{}}
	s.yield = func(found object, k cloudtrail.Key) error {
		if o.wanted(k) {
			keys = append(keys, found.path)
		}
		return nil
	}
	s.fail = func(path string, err error) { failed = append(failed, path+": "+err.Error()) }
	s.skip = func(path string) { skipped = append(skipped, path) }
	err = s.list(t.Context())
	slices.Sort(keys)
	slices.Sort(skipped)
	return keys, skipped, failed, err
}

func opens(b storage.Storage) func(context.Context, string) (storage.Storage, error) {
	return func(_ context.Context, root string) (storage.Storage, error) {
		if root != b.Root() {
			return nil, fmt.Errorf("no bucket %s", root)
		}
		return b, nil
	}
}

// archiveKeys are those of a bucket with everything that people have in one.
func archiveKeys() []string {
	var keys []string
	random := rand.New(rand.NewPCG(1, 2))
	for _, prefix := range []string{"", "central/eu/", "AWSLogs/CloudTrail/"} {
		for _, account := range []string{"111111111111", "o-abcd/222222222222", "o-abcd/333333333333"} {
			id := account[strings.LastIndexByte(account, '/')+1:]
			base := prefix + "AWSLogs/" + account + "/"
			for _, category := range []string{"CloudTrail", "CloudTrail-Insight", "CloudTrail-NetworkActivity", "CloudTrail-Aggregated", "CloudTrail-Digest"} {
				for _, region := range []string{"us-east-1", "eu-west-1", "us-gov-west-1"} {
					for day := time.Date(2024, 11, 20, 0, 0, 0, 0, time.UTC); day.Year() < 2027; day = day.AddDate(0, 0, 1+random.IntN(60)) {
						for n := range 1 + random.IntN(3) {
							keys = append(keys, fmt.Sprintf("%s%s/%s/%s/%s_%s_%s_%sT%02d05Z_abc.json.gz", base, category, region, day.Format("2006/01/02"), id, category, region, day.Format("20060102"), n))
						}
					}
					keys = append(keys, base+category+"/"+region+"/stray.json.gz")
				}
				keys = append(keys, base+category+"/notes.txt", base+category+"/not a region/2025/01/02/x.json.gz")
			}
			for _, other := range otherServices {
				keys = append(keys, base+other+"/us-east-1/2025/01/02/x.gz")
			}
			keys = append(keys, base+"manual/x.json.gz")
		}
	}
	keys = append(keys, "aws/CLOUD_TRAIL_MGMT/2.0/region=us-east-1/accountId=111111111111/eventDay=20250101/x.gz.parquet")
	return append(keys, "top.json", "else/where/x.json", "AWSLogs/o-abcd/CloudTrail-Digest/x")
}

// A listing by the layout finds what a listing of everything finds, but for the
// folders of other services, however it is narrowed.
func TestDescendFindsAll(t *testing.T) {
	b := newKeyBucket(archiveKeys()...)
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateTime, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for _, c := range []struct {
		name string
		o    Options
		most int // listings
	}{
		{"everything", Options{}, 500},
		{"account", Options{Accounts: []string{"222222222222"}}, 160},
		{"region", Options{Regions: []string{"eu-west-1", "us-east-1"}}, 250},
		{"from", Options{From: day("2026-06-01 00:00:00")}, 600},
		{"to", Options{To: day("2025-01-01 00:00:00")}, 600},
		{"window", Options{From: day("2025-12-30 10:00:00"), To: day("2026-01-01 00:00:00")}, 600},
		{"window within a day", Options{From: day("2025-03-01 10:00:00"), To: day("2025-03-01 11:00:00")}, 600},
		{"delivered", Options{DeliveredFrom: day("2026-12-01 03:00:00")}, 600},
		{"all of them", Options{Accounts: []string{"333333333333"}, Regions: []string{"us-east-1"}, From: day("2025-03-01 10:00:00"), To: day("2025-04-01 11:00:00")}, 150},
		{"nothing", Options{Accounts: []string{"999999999999"}}, 100},
	} {
		for _, source := range []string{"s3://trail", "s3://trail/", "s3://trail/AWSLogs", "s3://trail/central/eu/AWSLogs/o-abcd/", "s3://trail/AWSLogs/111111111111/CloudTrail", "s3://trail/AWSLogs/111111111111/CloudTrail/us-east-1/2025", "s3://trail/AWSLogs/o-abcd/222222222222/CloudTrail/us-east-1/2025/01/"} {
			t.Run(c.name+" "+source, func(t *testing.T) {
				b.asked = nil
				c.o.Sources, c.o.OpenSource = []string{source}, opens(b)
				got, skipped, failed, err := listed(t, c.o)
				if err != nil || len(failed) > 0 {
					t.Fatal(err, failed)
				}
				var want []string
				for _, k := range b.keys {
					path := "s3://trail/" + k
					other := slices.ContainsFunc(otherServices, func(s string) bool { return strings.Contains(k, "/"+s+"/") })
					if strings.HasPrefix(path, strings.TrimSuffix(source, "/")+"/") && c.o.wanted(cloudtrail.ParseKey(path)) && !other {
						want = append(want, path)
					}
				}
				if d := gocmp.Diff(want, got); d != "" {
					t.Error(d)
				}
				if len(b.asked) > c.most {
					t.Errorf("%d listings, want at most %d", len(b.asked), c.most)
				}
				for _, s := range skipped {
					if !strings.HasPrefix(s, "s3://trail/") || !strings.HasSuffix(s, "/") {
						t.Errorf("skipped %q", s)
					}
				}
			})
		}
	}
}

// One busy Region is listed by several: each object still comes once.
func TestDescendSplits(t *testing.T) {
	var keys []string
	at := time.Date(2025, 11, 3, 0, 0, 0, 0, time.UTC)
	for range 60_000 {
		keys = append(keys, fmt.Sprintf("AWSLogs/111111111111/CloudTrail/us-east-1/%s/111111111111_CloudTrail_us-east-1_%s_x.json.gz", at.Format("2006/01/02"), at.Format("20060102T1504Z")))
		at = at.Add(5 * time.Minute)
	}
	b := newKeyBucket(keys...)
	for name, c := range map[string]struct {
		source   string
		from, to time.Time
	}{
		"all":            {source: "s3://trail"},
		"window":         {source: "s3://trail", from: at.AddDate(0, -5, 0), to: at.AddDate(0, -2, 0)},
		"from within":    {source: "s3://trail/AWSLogs/111111111111/CloudTrail/us-east-1/2025"},
		"month":          {source: "s3://trail/AWSLogs/111111111111/CloudTrail/us-east-1/2026/01"},
		"single day":     {source: "s3://trail/AWSLogs/111111111111/CloudTrail/us-east-1/2026/01/03"},
		"month, windows": {source: "s3://trail/AWSLogs/111111111111/CloudTrail/us-east-1/2026/01", from: at.AddDate(0, -4, 0)},
	} {
		t.Run(name, func(t *testing.T) {
			b.asked = nil
			got, _, failed, err := listed(t, Options{Sources: []string{c.source}, From: c.from, To: c.to, OpenSource: opens(b)})
			if err != nil || len(failed) > 0 {
				t.Fatal(err, failed)
			}
			n := 0
			for _, k := range b.keys {
				path := "s3://trail/" + k
				if !strings.HasPrefix(path, c.source+"/") || !cloudtrail.ParseKey(path).MayHold(c.from, c.to) {
					continue
				}
				if n >= len(got) || got[n] != path {
					t.Fatalf("object %d: want %s", n, path)
				}
				n++
			}
			if n != len(got) || n == 0 {
				t.Errorf("%d objects, want %d", len(got), n)
			}
			if want := 3 + n/splitAfter; name == "all" && len(b.asked) < want {
				t.Errorf("%d listings, want %d at least", len(b.asked), want)
			}
			t.Log(len(b.asked), "listings for", n, "objects")
		})
	}
}

// What may not be listed is named, and the rest is there.
func TestDescendDenied(t *testing.T) {
	b := newKeyBucket(archiveKeys()...)
	b.denied = "AWSLogs/o-abcd/222222222222/CloudTrail/"
	got, _, failed, err := listed(t, Options{Sources: []string{"s3://trail"}, OpenSource: opens(b)})
	if err != nil {
		t.Fatal(err)
	}
	if len(failed) != 1 || !strings.Contains(failed[0], "s3://trail/"+b.denied) || !strings.Contains(failed[0], "s3:ListBucket") {
		t.Errorf("failed: %q", failed)
	}
	for _, k := range got {
		if strings.Contains(k, "trail/"+b.denied) {
			t.Errorf("listed %s", k)
		}
	}
	if !slices.ContainsFunc(got, func(k string) bool { return strings.Contains(k, "/o-abcd/222222222222/CloudTrail-Insight/") }) {
		t.Error("the folder beside it is missing")
	}
}

// Of a bucket that is no archive, not every folder is looked into.
func TestDescendElsewhere(t *testing.T) {
	var keys []string
	for i := range maxFolders * 2 {
		keys = append(keys, fmt.Sprintf("%d/%d/a/x.json", i%10, i))
	}
	b := newKeyBucket(keys...)
	got, _, failed, err := listed(t, Options{Sources: []string{"s3://trail"}, OpenSource: opens(b)})
	if err != nil || len(failed) > 0 || len(got) != len(keys) {
		t.Fatal(len(got), failed, err)
	}
	// Each folder looked into may have had one more in it; without the limit it
	// would be twice as many as there are keys.
	if n := len(b.asked); n <= maxFolders || n > maxFolders*3+100 {
		t.Errorf("%d listings", n)
	}
}

func TestRemoteSources(t *testing.T) {
	b := newKeyBucket("a/x.json.gz", "a/plain", "b.json", "c/d/e.gz")
	for source, want := range map[string]string{
		"s3://trail/a":                    "[s3://trail/a/plain s3://trail/a/x.json.gz] [] <nil>",
		"s3://trail/a/x.json.gz":          "[s3://trail/a/x.json.gz] [] <nil>",
		"s3://trail/a/plain":              "[s3://trail/a/plain] [] <nil>",
		"s3://trail/a/plain/":             "[] [] <nil>",
		"s3://trail/nothing":              "[] [] <nil>",
		"s3://trail/gone.json.gz":         `[] [s3://trail/gone.json.gz: stat "gone.json.gz": object does not exist] <nil>`,
		"s3://trail/":                     "[s3://trail/a/plain s3://trail/a/x.json.gz s3://trail/b.json s3://trail/c/d/e.gz] [] <nil>",
		"s3://elsewhere/AWSLogs/":         "[] [] open source: no bucket s3://elsewhere",
		"s3://trail/c/d/e.gz?versionId=1": "[] [] <nil>",
	} {
		keys, _, failed, err := listed(t, Options{Sources: []string{source}, OpenSource: opens(b)})
		if got := fmt.Sprintf("%v %v %v", keys, failed, err); got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
}

// The end of the run ends the listing, whoever waits for what.
func TestDescendStops(t *testing.T) {
	b := newKeyBucket(archiveKeys()...)
	enough := errors.New("enough")
	for _, after := range []int{0, 1, 10, 500} {
		n := 0
		s := sources{o: &Options{Sources: []string{"s3://trail"}, OpenSource: opens(b)}, stores: map[string]storage.Storage{}}
		s.yield = func(object, cloudtrail.Key) error {
			if n++; n > after {
				return enough
			}
			return nil
		}
		s.fail, s.skip = func(string, error) {}, func(string) {}
		if err := s.list(t.Context()); !errors.Is(err, enough) {
			t.Errorf("after %d: %v", after, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := sources{o: &Options{Sources: []string{"s3://trail"}, OpenSource: opens(b)}, stores: map[string]storage.Storage{}}
	s.yield = func(object, cloudtrail.Key) error { cancel(); return nil }
	s.fail, s.skip = func(string, error) {}, func(string) {}
	if err := s.list(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
