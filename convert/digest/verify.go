package digest

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/cloudtrail"
)

// DefaultMaxFindings is how many findings of one severity a Result holds at
// most.
const DefaultMaxFindings = 100_000

// Options of Verify. Sources is required.
type Options struct {
	// Sources hold digests and log files: buckets (a root that begins with
	// s3://), or copies of them.
	Sources []storage.Storage
	// Copied says that the sources are copies even if they are buckets: bucket
	// and what stands before AWSLogs need not be what the digests say.
	Copied bool

	Keys []PublicKey
	// FetchKeys asks AWS for the keys of a Region that were valid at some time
	// between from and to. It is called for fingerprints that Keys does not have.
	FetchKeys func(ctx context.Context, region string, from, to time.Time) ([]PublicKey, error)

	From, To time.Time // digests that cover a part of [From, To); zero is open
	Accounts []string  // empty is all
	Regions  []string
	Threads  int // 0: four for each core, as most of the time is waiting
	Now      func() time.Time

	MaxFindings int // 0: DefaultMaxFindings

	// Digests lists the names of the digests in a source; nil lists the source.
	Digests func(ctx context.Context, s storage.Storage) iter.Seq2[string, error]
	// Content returns what is known of a log file; nil reads it. With ErrRead it
	// is read; with ErrSkip it is left out.
	Content func(p Place) (Content, error)
	// Stored is told the SHA-256 of the stored bytes of each log file that is read.
	// With an error the log file counts as unread. Called from several goroutines.
	Stored func(p Place, sum [sha256.Size]byte) error
	// Log is called for each log file of a digest, Digest for each digest and each
	// one that a later digest names and that is not there, from one goroutine at a
	// time.
	Log    func(Checked)
	Digest func(Checked)
	// NoListing leaves out the search for log files that no digest names.
	NoListing bool
	// Progress is called now and then, from one goroutine at a time.
	Progress func(Progress)

	keepLogs int64 // 0: defaultKeepLogs
}

// Progress is how far Verify is.
type Progress struct {
	Digests, DigestsTotal int64
	Logs, Bytes           int64
}

// What Options.Content answers where it knows nothing.
var (
	ErrRead = errors.New("read it")
	ErrSkip = errors.New("skip it")
)

// Checked is a log file and its verdict.
type Checked struct {
	Place   Place  // zero if there is no such object
	Absent  string // path or URI where it should be, if it is not there
	Bucket  string
	Object  string
	Verdict Verdict
	Reason  string // why it is not valid
	Digest  string // path or URI
}

// verification is the state of one Verify.
type verification struct {
	o       *Options
	atlas   *atlas
	keys    *keyring
	hashers sync.Pool
	listed  map[Place]bool // digests
	// claims are what digests say about the one before them in another chain: a
	// trail's prefix or bucket has changed.
	claims map[Place]claim

	mu      sync.Mutex
	result  *Result
	hours   map[hourKey]*Hour
	spans   map[area][]Span
	settled map[area]*settled
	judged  map[area]bool  // there is a digest, of whatever verdict
	none    map[area]*bare // there is none
	covered *nameSet
	// doubtful are few, as few digests are unproven: the newest ones of a copy.
	doubtful []doubtful
	kinds    map[areaCategory]bool // categories that digests name
	fetched  map[fetchKey]struct{}
	done     atomic.Int64
	total    int64
}

type hourKey struct {
	account, region string
	hour            int64
}

// area is what a chain covers.
type area struct{ account, region string }

type areaCategory struct {
	area
	category cloudtrail.Category
}

type fetchKey struct {
	region string
	day    int64
}

// Verify checks the digests of the sources and the log files that they name.
// Faults of the archive are findings; an error means that it could not be looked
// at. In memory are the digests of one chain at a time, some 5 kB each, and
// some 55 bytes for each log file that they name.
func Verify(ctx context.Context, o Options) (*Result, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Threads <= 0 {
		o.Threads = 4 * runtime.GOMAXPROCS(0)
	}
	if o.MaxFindings <= 0 {
		o.MaxFindings = DefaultMaxFindings
	}
	if o.keepLogs == 0 {
		o.keepLogs = defaultKeepLogs
	}
	v := &verification{
		o: &o, keys: newKeyring(o.Keys, o.FetchKeys != nil), atlas: &atlas{},
		listed: map[Place]bool{}, claims: map[Place]claim{}, hours: map[hourKey]*Hour{}, spans: map[area][]Span{},
		settled: map[area]*settled{}, judged: map[area]bool{}, none: map[area]*bare{},
		kinds: map[areaCategory]bool{}, fetched: map[fetchKey]struct{}{}, covered: newNameSet(),
		result: &Result{From: o.From, To: o.To, severities: map[Severity]int64{}},
	}
	v.hashers.New = func() any {
		h := newHasher()
		if o.Stored != nil {
			h.stored = sha256.New()
		}
		return h
	}
	for _, s := range o.Sources {
		v.atlas.sources = append(v.atlas.sources, newSource(s, o.Copied))
	}
	chains, err := v.listDigests(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range chains {
		if err := v.chain(ctx, c); err != nil {
			return nil, err
		}
	}
	if !o.NoListing {
		if err := v.findUncovered(ctx); err != nil {
			return nil, err
		}
	}
	v.result.Proven = provenTime(v.result.First, v.result.Last, v.settled)
	for _, h := range v.hours {
		v.result.Hours = append(v.result.Hours, *h)
	}
	v.result.finish()
	return v.result, nil
}

// chainKey tells chains apart. Copies in two places are two chains.
type chainKey struct {
	source                             int
	where, organization                string
	account, region, trail, homeRegion string
	backfill                           bool
}

// listed digests of one chain.
type chain struct {
	chainKey
	digests []*file // oldest first
	valid   []Span  // of those that are
}

func (v *verification) wanted(k cloudtrail.Key) bool {
	return (len(v.o.Accounts) == 0 || slices.Contains(v.o.Accounts, k.Account)) &&
		(len(v.o.Regions) == 0 || slices.Contains(v.o.Regions, k.Region))
}

// listDigests finds the chains: standard ones first, those with the newest
// digest first, so that what they say about a predecessor elsewhere is known in
// time.
func (v *verification) listDigests(ctx context.Context) ([]*chain, error) {
	chains := map[chainKey]*chain{}
	for at, src := range v.atlas.sources {
		list := allNames
		if v.o.Digests != nil {
			list = v.o.Digests
		}
		for name, err := range list(ctx, src.storage) {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil {
				v.unreadable(src.storage.Root(), err)
				continue
			}
			k := src.keyOf(name)
			if !IsDigest(k, name) || !v.wanted(k) {
				continue
			}
			key := chainKey{at, k.Prefix, k.Organization, k.Account, k.Region, k.Trail, k.HomeRegion, k.Backfill}
			c := chains[key]
			if c == nil {
				c = &chain{chainKey: key}
				chains[key] = c
			}
			p := Place{src, name}
			c.digests = append(c.digests, &file{place: p, at: at, stamp: k.Delivered})
			v.listed[p] = true
			v.total++
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var out []*chain
	for _, c := range chains {
		slices.SortFunc(c.digests, func(a, b *file) int {
			return cmp.Or(a.stamp.Compare(b.stamp), cmp.Compare(a.place.name, b.place.name))
		})
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *chain) int {
		return cmp.Or(boolInt(a.backfill)-boolInt(b.backfill), b.last().Compare(a.last()), cmp.Compare(a.digests[0].place.URI(), b.digests[0].place.URI()))
	})
	return out, nil
}

func allNames(ctx context.Context, s storage.Storage) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for o, err := range s.List(ctx, "") {
			if !yield(o.Name, err) {
				return
			}
		}
	}
}

func (c *chain) last() time.Time { return c.digests[len(c.digests)-1].stamp }

// IsDigest says whether an object is a digest by its name, of which k is the key.
func IsDigest(k cloudtrail.Key, name string) bool {
	return k.Category == cloudtrail.CategoryDigests && !k.Delivered.IsZero() &&
		(strings.HasSuffix(name, ".json.gz") || strings.HasSuffix(name, ".json") && !strings.HasSuffix(name, MetadataSuffix))
}

// parallel calls f with 0 to n-1, several at a time, until one returns an error.
func (v *verification) parallel(ctx context.Context, n int, f func(ctx context.Context, i int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var next atomic.Int64
	var team sync.WaitGroup
	for range min(n, v.o.Threads) {
		team.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				if err := f(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	team.Wait()
	return context.Cause(ctx)
}

// stops says whether an error of an object ends everything.
func stops(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if errors.Is(err, storage.ErrCredentials) {
		return err
	}
	return nil
}

func (v *verification) find(f Finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.findLocked(f)
}

func (v *verification) findLocked(f Finding) {
	v.result.severities[f.Severity]++
	if v.result.severities[f.Severity] > int64(v.o.MaxFindings) {
		v.result.Omitted++
		return
	}
	v.result.Findings = append(v.result.Findings, f)
}

func (v *verification) unreadable(object string, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.result.Unreadable++
	v.findLocked(Finding{Severity: Warning, Kind: Unreadable, Object: object, Message: fmt.Sprintf("cannot be read: %v", err)})
}

func (v *verification) hour(account, region string, at time.Time) *Hour {
	at = at.UTC().Truncate(time.Hour)
	key := hourKey{account, region, at.Unix()}
	h := v.hours[key]
	if h == nil {
		h = &Hour{Account: account, Region: region, Hour: at}
		v.hours[key] = h
	}
	return h
}

func (v *verification) progress() {
	if v.o.Progress == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.o.Progress(Progress{Digests: v.done.Load(), DigestsTotal: v.total, Logs: v.result.Logs.Total, Bytes: v.result.Bytes})
}
