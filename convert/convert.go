package convert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/cloudtrail"
	"github.com/trailql/trailql/convert/digest"
	"github.com/trailql/trailql/convert/rowset"
)

// DefaultMemory is what a run may take by default.
const DefaultMemory = 512 << 20

// Options of a run. Catalog, and Sources or Objects, are required.
type Options struct {
	Catalog  *catalog.Catalog
	Sources  []string // folders, files, globs; s3://bucket/prefix and s3://bucket/key
	Accounts []string // with Regions, From and To: by the object's key; empty is all
	Regions  []string
	From, To time.Time // event times [From, To); objects are chosen with CloudTrail's lateness in mind
	// DeliveredFrom leaves out objects delivered on an earlier day; UTC.
	DeliveredFrom time.Time
	Threads       int   // 0: one for each core
	Memory        int64 // bytes that the process should stay below; 0: DefaultMemory
	DryRun        bool  // list only
	Now           func() time.Time

	// OpenSource opens the storage under sources: a folder, or a bucket as
	// s3://bucket. nil: storage.Open, which knows folders only.
	OpenSource func(ctx context.Context, root string) (storage.Storage, error)

	// Objects are converted beside what Sources have: paths or URIs of single
	// objects that may have gone. Ledger, shared by consecutive runs on one
	// warehouse, lets each of them read only what the ledger has got since.
	Objects []string
	Ledger  *Ledger
	// MinAge is how long a file of a folder has to be unchanged: others may still
	// be written to, and are left for a later run.
	MinAge time.Duration
	// Rejections become rows of rejected_records, unless they are there already.
	Rejections []Rejection
	// Verify checks CloudTrail's digests among the sources, and notes in
	// source_files what they say of each log file. It refuses nothing. Copied, Keys
	// and FetchKeys are those of digest.Options.
	Verify    bool
	Copied    bool
	Keys      []digest.PublicKey
	FetchKeys func(ctx context.Context, region string, from, to time.Time) ([]digest.PublicKey, error)
	// Together makes the run one of several that share the work on this warehouse:
	// each takes what no other has, and Run returns when all that it has listed is
	// in the table, whoever has converted it. See catalog.Join.
	Together bool
	// Stop, once closed, ends the run soon: no other object is begun, those that
	// have been read are committed, and Run returns ErrStopped.
	Stop <-chan struct{}

	// Progress is called a few times a second, from one goroutine.
	Progress func(Progress)
	// Reject is called for each rejected or unreadable thing, from one
	// goroutine at a time. The texts come from the archive: escape them.
	Reject func(object, reason string)
	// Unreadable is called, before Reject, for each thing that could not be
	// listed or read: a path or URI as the ledger has it.
	Unreadable func(object string, err error)
	// Waiting is called when another run holds the warehouse.
	Waiting func(holder string)

	// batchRecords is after how many records a batch is committed, taskObjects
	// how many objects a worker takes at once; 0: a default.
	batchRecords int64
	taskObjects  int
	leastTaken   int64 // see leastTaken; 0: that
}

// Progress is how far a run is.
type Progress struct {
	Phase                 string // list, read, commit, wait, verify, compact
	Objects, ObjectsTotal int64
	Bytes, BytesTotal     int64 // stored
	JSONBytes             int64 // uncompressed
	Records, Rejected     int64
	Elapsed               time.Duration
}

// Summary is what a run did. Each object is counted once: as converted,
// unchanged, skipped, digest, foreign, unreadable or fresh.
type Summary struct {
	Objects   int64 // converted; with DryRun, to be converted
	Unchanged int64 // in the ledger already
	Skipped   int64 // by Accounts, Regions, From, To
	// SkippedFolders were not listed, for the same reasons or because other
	// services write them; their objects are not counted.
	SkippedFolders int64
	Digests        int64 // left alone
	Foreign        int64 // left alone: no CloudTrail content
	Unreadable     int64 // could not be listed or read; tried again next time
	Fresh          int64 // files younger than MinAge

	Records    int64 // new rows, committed
	Duplicates int64 // records that were there already
	Rejected   int64
	Aggregated int64 // new rows of aggregated_events

	Verdicts Verdicts

	JSONBytes, StoredBytes, ParquetBytes int64
	Partitions, Files                    int64 // written
	Elapsed                              time.Duration

	// With Options.Together: shares of the work that this run has taken, how many
	// of them from converters that had died, objects that others have converted
	// since this run has listed them, and whether the joining of files was left to
	// another one.
	Shares, TakenOver, Others int64
	LeftCompaction            bool
}

// Verdicts counts the log files whose verdict a run with Options.Verify has
// settled, anew or otherwise than before. What a digest names and is not there
// counts as invalid, and what is not converted yet as unproven.
type Verdicts struct{ Valid, Invalid, Unproven, NotCovered int64 }

// Run brings the warehouse up to date with the sources. One run at a time works
// on a warehouse; others wait, unless all have Options.Together. What it has committed when it is stopped, by ctx,
// an error or a crash, stays, and the next run goes on from there: the result is
// the same as without the stop.
//
// Faults of the archive are no errors: they are counted in the Summary. An error
// means that the run could not go on.
func Run(ctx context.Context, o Options) (Summary, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Threads <= 0 {
		o.Threads = runtime.GOMAXPROCS(0)
	}
	if o.Memory <= 0 {
		o.Memory = DefaultMemory
	}
	if o.taskObjects <= 0 {
		o.taskObjects = defaultTaskObjects
	}
	if o.OpenSource == nil {
		o.OpenSource = func(_ context.Context, root string) (storage.Storage, error) { return storage.Open(root) }
	}
	if o.leastTaken <= 0 {
		o.leastTaken = leastTaken
	}
	if o.batchRecords <= 0 {
		o.batchRecords = 4 << 20
	}
	r := &run{o: &o, started: o.Now(), ledger: cmp.Or(o.Ledger, &Ledger{}), written: map[partitionKey]bool{}, own: map[[2]uint64]bool{}}
	if o.DryRun {
		err := r.list(ctx, func(context.Context, []object) error { return nil })
		s := r.summary()
		s.Objects, s.StoredBytes = r.n.total.Load(), r.n.totalBytes.Load()
		return s, err
	}
	if o.Together {
		stop := r.reportProgress()
		err := r.together(ctx)
		stop()
		return r.summary(), err
	}
	unlock, err := r.lock(ctx)
	if err != nil {
		return Summary{}, fmt.Errorf("lock warehouse: %w", err)
	}
	stop := r.reportProgress()
	err = r.run(ctx)
	stop()
	return r.summary(), errors.Join(err, unlock())
}

// run is the state of one run.
type run struct {
	o       *Options
	started time.Time
	ledger  *Ledger
	n       counters
	phase   atomic.Pointer[string]
	pool    rowset.Pool
	written map[partitionKey]bool // partitions with new files
	resumed bool                  // a run before this one was interrupted

	stores   map[string]storage.Storage // of the sources, by root
	verdicts Verdicts

	kept  []int64            // the counters when the batch under way began
	own   map[[2]uint64]bool // with Together: objects that it has committed, of the shares at hand
	share sharing            // with Together
}

// counters are what Progress and Summary are made of.
type counters struct {
	total, totalBytes, skippedFolders                         atomic.Int64
	done, bytes, json                                         atomic.Int64
	objects, unchanged, skipped, digests, foreign, unreadable atomic.Int64
	fresh                                                     atomic.Int64
	records, decoded, duplicates, rejected, aggregated        atomic.Int64
	parquetBytes, partitions, files                           atomic.Int64
	shares, takenOver, others                                 atomic.Int64
}

func (n *counters) all() []*atomic.Int64 {
	return []*atomic.Int64{
		&n.total, &n.totalBytes, &n.skippedFolders, &n.done, &n.bytes, &n.json, &n.objects, &n.unchanged, &n.skipped, &n.digests, &n.foreign, &n.unreadable,
		&n.fresh, &n.records, &n.decoded, &n.duplicates, &n.rejected, &n.aggregated, &n.parquetBytes, &n.partitions, &n.files, &n.shares, &n.takenOver, &n.others,
	}
}

func (n *counters) values() []int64 {
	all := n.all()
	values := make([]int64, len(all))
	for i := range all {
		values[i] = all[i].Load()
	}
	return values
}

// set makes the counters be what they were.
func (n *counters) set(values []int64) {
	for i, c := range n.all() {
		c.Store(values[i])
	}
}

func (r *run) setPhase(name string) { r.phase.Store(&name) }

func (r *run) run(ctx context.Context) error {
	r.setPhase("list")
	c := r.o.Catalog
	repaired, err := c.Repair(ctx)
	if err != nil {
		return err
	}
	r.resumed = repaired.Batches > 0
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if err := r.list(ctx, r.convertEach); err != nil {
		return err
	}
	if r.stopped() {
		return nil // all is converted; the next run joins the files
	}
	return r.finish(ctx)
}

// finish is what comes when all is converted: verdicts, and the joining of files.
func (r *run) finish(ctx context.Context) error {
	if r.o.Verify {
		if err := r.settle(ctx); err != nil {
			return err
		}
	}
	r.setPhase("compact")
	if err := r.compact(ctx); err != nil {
		return fmt.Errorf("compact: %w", err)
	}
	return nil
}

// prepare makes the tables, and adds to them what needs no listing.
func (r *run) prepare(ctx context.Context) error {
	if err := r.o.Catalog.Define(ctx, tableSpecs()...); err != nil {
		return err
	}
	return r.keepRejections(ctx)
}

// list finds the objects to convert and hands them on in segments, sorted.
func (r *run) list(ctx context.Context, convert func(context.Context, []object) error) error {
	if r.o.Catalog != nil {
		snapshot, err := r.o.Catalog.Snapshot(ctx)
		if err != nil {
			return err
		}
		err = r.ledger.update(ctx, r.o.Catalog, snapshot)
		if err != nil && (!r.o.DryRun || !errors.Is(err, catalog.ErrNotExist)) {
			return fmt.Errorf("read ledger: %w", err)
		}
	}
	var segment []object
	flush := func() error {
		if len(segment) == 0 {
			return nil
		}
		err := convert(ctx, byPartition(segment))
		segment = segment[:0]
		r.setPhase("list")
		return err
	}
	s := sources{o: r.o, stores: map[string]storage.Storage{}, fail: r.unreadable}
	r.stores = s.stores
	s.skip = func(string) { r.n.skippedFolders.Add(1) }
	s.yield = func(o object, k cloudtrail.Key) error {
		switch {
		case r.stopped():
			return ErrStopped
		case !r.o.wanted(k):
			r.n.skipped.Add(1)
		case r.ledger.has(&o):
			r.n.unchanged.Add(1)
		case o.fresh:
			r.n.fresh.Add(1)
		default:
			r.n.total.Add(1)
			r.n.totalBytes.Add(o.size)
			segment = append(segment, o)
			if len(segment) >= segmentObjects {
				return flush()
			}
		}
		return nil
	}
	err := s.named(ctx, r.o.Objects, func(path string) bool {
		known := r.ledger.knows(path) // it was converted before it went
		if known {
			r.n.unchanged.Add(1)
		}
		return known
	})
	if err != nil {
		return err
	}
	if err := s.list(ctx); err != nil {
		return err
	}
	return flush()
}

func (r *run) unreadable(name string, err error) {
	r.n.unreadable.Add(1)
	if r.o.Unreadable != nil {
		r.o.Unreadable(name, err)
	}
	if r.o.Reject != nil {
		r.o.Reject(name, err.Error())
	}
}

func (r *run) summary() Summary {
	n := &r.n
	return Summary{
		Objects: n.objects.Load(), Unchanged: n.unchanged.Load(), Skipped: n.skipped.Load(), SkippedFolders: n.skippedFolders.Load(),
		Digests: n.digests.Load(), Foreign: n.foreign.Load(), Unreadable: n.unreadable.Load(), Fresh: n.fresh.Load(),
		Records: n.records.Load(), Duplicates: n.duplicates.Load(), Rejected: n.rejected.Load(), Aggregated: n.aggregated.Load(),
		JSONBytes: n.json.Load(), StoredBytes: n.bytes.Load(), ParquetBytes: n.parquetBytes.Load(),
		Partitions: n.partitions.Load(), Files: n.files.Load(),
		Shares: n.shares.Load(), TakenOver: n.takenOver.Load(), Others: n.others.Load(), LeftCompaction: r.share.leftCompaction,
		Verdicts: r.verdicts, Elapsed: r.o.Now().Sub(r.started),
	}
}

// reportProgress calls Options.Progress until the returned function is called.
func (r *run) reportProgress() (stop func()) {
	if r.o.Progress == nil {
		return func() {}
	}
	done, stopped := make(chan struct{}), make(chan struct{})
	report := func() {
		n := &r.n
		p := Progress{
			Objects: n.done.Load(), ObjectsTotal: n.total.Load(),
			Bytes: n.bytes.Load(), BytesTotal: n.totalBytes.Load(), JSONBytes: n.json.Load(),
			Records: n.decoded.Load(), Rejected: n.rejected.Load(), Elapsed: r.o.Now().Sub(r.started),
		}
		if phase := r.phase.Load(); phase != nil {
			p.Phase = *phase
		}
		r.o.Progress(p)
	}
	go func() {
		defer close(stopped)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				report()
			case <-done:
				report()
				return
			}
		}
	}()
	return func() { close(done); <-stopped }
}
