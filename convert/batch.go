package convert

import (
	"cmp"
	"context"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert/cloudtrail"
	"github.com/trailql/trailql/convert/rowset"
)

const (
	// maxRaw is how much text of a rejected record is kept.
	maxRaw = 1 << 20
	// Rows of the small tables are written out when they get many.
	maxLedgerRows      = 20_000
	maxRejectedBytes   = 16 << 20
	maxAggregatedBytes = 16 << 20
	// maxBatchFiles bounds what a batch has to remember.
	maxBatchFiles = 2000
)

// batch collects what one commit makes visible. Its methods are safe for
// concurrent use, except commit.
type batch struct {
	r        *run
	id       string
	snapshot *catalog.Snapshot // that the batch has been compared with
	strict   bool              // rejections are not those of objects
	budget   int64             // bytes that the sets may take together

	mu         sync.Mutex
	partitions map[partitionKey]*partition
	clock      int64 // counts uses of partitions
	added      map[string][]catalog.DataFile
	objects    map[[2]uint64]bool // by Ledger.hash; only with Options.Together
	ledger     []ledgerRow
	rejected   []rejectedRow
	aggregated []aggregatedRow
	rawBytes   int // of rejected
	eventBytes int // of aggregated

	used    atomic.Int64 // bytes in sets
	records atomic.Int64
	rows    atomic.Int64 // of cloudtrail_logs that are written
	files   atomic.Int64

	relieving sync.Mutex
	victims   []*partition // to be written to make room, in this order

	// loading admits one reader of row groups, which are large.
	loading sync.Mutex
	loaded  *rowset.Set
}

type partitionKey struct{ region, date string }

// partition is what a batch has of a partition.
type partition struct {
	key  partitionKey
	used int64 // clock of the last use

	mu  sync.Mutex
	set *rowset.Set

	flushing sync.Mutex // one flush at a time
	files    []pendingFile
}

// pendingFile is a data file of this batch.
type pendingFile struct {
	catalog.DataFile
	identities  []uint64
	first, last time.Time
}

func (r *run) begin(ctx context.Context) (*batch, error) {
	s, err := r.o.Catalog.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	id, err := r.o.Catalog.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("begin batch: %w", err)
	}
	r.kept = r.n.values()
	return &batch{
		r: r, id: id, snapshot: s, budget: r.o.Memory / 4, loaded: rowset.New(&r.pool),
		partitions: map[partitionKey]*partition{}, added: map[string][]catalog.DataFile{}, objects: map[[2]uint64]bool{},
	}, nil
}

// partition is the partition of a region and a day, in which something is about
// to be added.
func (b *batch) partition(key partitionKey) *partition {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.partitions[key]
	if p == nil {
		p = &partition{key: key}
		b.partitions[key] = p
	}
	b.clock++
	p.used = b.clock
	return p
}

// touch says that a partition is still in use.
func (b *batch) touch(p *partition) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock++
	p.used = b.clock
}

// add takes records in; grown is by how much memory.
func (b *batch) add(p *partition, rec *cloudtrail.Record) (added bool, grown int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.set == nil {
		p.set = b.newSet(p.key)
	}
	before := p.set.Size()
	added = p.set.Add(rec)
	return added, p.set.Size() - before
}

func (b *batch) newSet(key partitionKey) *rowset.Set {
	s := rowset.New(&b.r.pool)
	s.Region, s.Date = key.region, key.date
	return s
}

// relieve writes partitions out when the sets are over the budget, until they
// are well below it: those first that have waited longest, as they are probably
// complete.
func (b *batch) relieve(ctx context.Context, w *rowset.Writer) error {
	if b.used.Load() <= b.budget {
		return nil
	}
	for b.used.Load() > b.budget/4*3 {
		p := b.nextWaiting()
		if p == nil {
			return nil // others are writing the rest
		}
		if err := b.flush(ctx, w, p); err != nil {
			return err
		}
	}
	b.relieving.Lock()
	defer b.relieving.Unlock()
	b.victims = nil // by the next time others will have waited longer
	return nil
}

// nextWaiting hands out the partitions to write, each to one worker.
func (b *batch) nextWaiting() *partition {
	b.relieving.Lock()
	defer b.relieving.Unlock()
	if len(b.victims) == 0 {
		b.victims = b.waiting()
	}
	if len(b.victims) == 0 {
		return nil
	}
	p := b.victims[0]
	b.victims = b.victims[1:]
	return p
}

// waiting is the partitions with rows, the longest unused first; those that are
// too small to be worth a file come behind the others.
func (b *batch) waiting() []*partition {
	b.mu.Lock()
	defer b.mu.Unlock()
	type candidate struct {
		*partition
		size int
	}
	var all []candidate
	total := 0
	for _, p := range b.partitions {
		p.mu.Lock()
		if p.set != nil {
			all = append(all, candidate{p, p.set.Size()})
			total += p.set.Size()
		}
		p.mu.Unlock()
	}
	worth := total / (2 * max(1, len(all)))
	slices.SortFunc(all, func(x, y candidate) int {
		if (x.size < worth) != (y.size < worth) {
			return cmp.Compare(y.size, x.size)
		}
		return cmp.Compare(x.used, y.used)
	})
	out := make([]*partition, len(all))
	for i, c := range all {
		out[i] = c.partition
	}
	return out
}

// flush writes what a partition holds as a data file.
func (b *batch) flush(ctx context.Context, w *rowset.Writer, p *partition) error {
	p.flushing.Lock()
	defer p.flushing.Unlock()
	p.mu.Lock()
	s := p.set
	p.set = nil
	p.mu.Unlock()
	if s == nil {
		return nil
	}
	size := int64(s.Size())
	defer func() {
		b.used.Add(-size)
		s.Reset()
	}()
	dropped, err := b.dropKnown(ctx, p, s)
	if err != nil {
		return err
	}
	b.r.n.duplicates.Add(int64(dropped))
	b.rows.Add(int64(s.Len()))
	if s.Len() == 0 {
		return nil
	}
	f, m, err := b.r.writeSet(ctx, b.id, w, s)
	if err != nil {
		return err
	}
	p.files = append(p.files, pendingFile{DataFile: f, identities: s.Identities(), first: m.First, last: m.Last})
	b.files.Add(1)
	b.mu.Lock()
	b.added[LogsTable] = append(b.added[LogsTable], f)
	b.mu.Unlock()
	return nil
}

// full says that it is time to commit.
func (b *batch) full() bool {
	return b.records.Load() >= b.r.o.batchRecords || b.files.Load() >= maxBatchFiles
}

// writeSet writes a set as a data file of cloudtrail_logs.
func (r *run) writeSet(ctx context.Context, batch string, w *rowset.Writer, s *rowset.Set) (catalog.DataFile, rowset.Metrics, error) {
	path, out, err := r.o.Catalog.NewFile(ctx, batch, LogsTable, s.Region, s.Date)
	if err != nil {
		return catalog.DataFile{}, rowset.Metrics{}, fmt.Errorf("write %s: %w", LogsTable, err)
	}
	m, err := w.Write(out, s)
	if err == nil {
		err = out.Commit()
	}
	if err != nil {
		out.Abort()
		return catalog.DataFile{}, m, err // names the file
	}
	r.n.parquetBytes.Add(m.Bytes)
	r.n.files.Add(1)
	return catalog.DataFile{
		Path: path, Partition: []string{s.Region, s.Date}, Records: m.Rows, Bytes: m.Bytes,
		SplitOffsets: m.SplitOffsets, ColumnSizes: m.ColumnSizes, ValueCounts: m.ValueCounts, NullCounts: m.NullCounts,
		LowerBounds: m.LowerBounds, UpperBounds: m.UpperBounds,
	}, m, nil
}

// newRejectedRow is the row of what cannot be a row of its own table.
func newRejectedRow(path string, bad *cloudtrail.RecordError) rejectedRow {
	raw, encoding := bad.Raw[:min(len(bad.Raw), maxRaw)], "utf-8"
	text := string(raw)
	for n := 0; n < utf8.UTFMax && len(raw) < len(bad.Raw) && !utf8.ValidString(text); n++ {
		text = text[:len(text)-1] // cut between characters
	}
	if !utf8.ValidString(text) {
		text, encoding = base64.StdEncoding.EncodeToString(raw), "base64"
	}
	return rejectedRow{
		Object: path, Index: bad.Index, Offset: bad.Offset, Size: bad.Size,
		Reason: bad.Err.Error(), Raw: text, Encoding: encoding,
	}
}

// converted notes that an object has been read to its end, and what was
// rejected in it.
func (b *batch) converted(ctx context.Context, row ledgerRow, rejected []rejectedRow) error {
	if err := b.reject(ctx, rejected); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	row.Batch, row.Converted = b.id, b.r.o.Now().UTC()
	b.ledger = append(b.ledger, row)
	if b.r.o.Together {
		b.objects[b.r.ledger.hash(row.Object, row.ETag)] = true
	}
	if len(b.ledger) >= maxLedgerRows {
		return b.writeLedger(ctx)
	}
	return nil
}

func (b *batch) reject(ctx context.Context, rows []rejectedRow) error {
	if len(rows) == 0 {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.r.n.rejected.Add(int64(len(rows)))
	for i := range rows {
		row := &rows[i]
		if b.r.o.Reject != nil {
			b.r.o.Reject(row.Object, fmt.Sprintf("record %d at byte %d: %s", row.Index, row.Offset, row.Reason))
		}
		row.Rejected, row.Batch = b.r.o.Now().UTC(), b.id
		b.rejected = append(b.rejected, *row)
		b.rawBytes += len(row.Raw)
	}
	if b.rawBytes > maxRejectedBytes {
		return b.writeRejected(ctx)
	}
	return nil
}

func (b *batch) aggregate(ctx context.Context, row aggregatedRow) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.aggregated = append(b.aggregated, row)
	b.eventBytes += len(row.EventJSON)
	if b.eventBytes > maxAggregatedBytes {
		return b.writeAggregated(ctx)
	}
	return nil
}

func (b *batch) writeLedger(ctx context.Context) error {
	return flushRows(ctx, b, LedgerTable, &b.ledger)
}

func (b *batch) writeRejected(ctx context.Context) (err error) {
	b.rawBytes = 0
	if b.rejected, err = b.newRejected(ctx, b.rejected); err != nil {
		return err
	}
	return flushRows(ctx, b, RejectedTable, &b.rejected)
}

func (b *batch) writeAggregated(ctx context.Context) (err error) {
	b.eventBytes = 0
	if b.aggregated, err = b.newAggregated(ctx, b.aggregated); err != nil {
		return err
	}
	b.r.n.aggregated.Add(int64(len(b.aggregated)))
	return flushRows(ctx, b, AggregatedTable, &b.aggregated)
}

// flushRows writes the rows of a small table, if there are any. b.mu is held.
func flushRows[T any](ctx context.Context, b *batch, table string, rows *[]T) error {
	if len(*rows) == 0 {
		return nil
	}
	f, err := writeRecords(ctx, b.r.o.Catalog, b.id, table, *rows)
	if err != nil {
		return err
	}
	clear(*rows)
	*rows = (*rows)[:0]
	b.added[table] = append(b.added[table], f)
	return nil
}

// commit writes what is still in memory and makes the batch visible. Nobody may
// add to it any more.
func (b *batch) commit(ctx context.Context, writers []*rowset.Writer) error {
	var todo []*partition
	for _, p := range b.partitions {
		if p.set != nil {
			todo = append(todo, p)
		}
	}
	var next atomic.Int64
	err := parallel(ctx, len(writers), func(ctx context.Context, worker int) error {
		for {
			k := int(next.Add(1)) - 1
			if k >= len(todo) || ctx.Err() != nil {
				return ctx.Err()
			}
			if err := b.flush(ctx, writers[worker], todo[k]); err != nil {
				return err
			}
		}
	})
	if err != nil {
		return err
	}
	for _, write := range []func(context.Context) error{b.writeLedger, b.writeRejected, b.writeAggregated} {
		if err := write(ctx); err != nil {
			return err
		}
	}
	var w *rowset.Writer
	if len(writers) > 0 {
		w = writers[0]
	}
	_, err = b.r.o.Catalog.CommitOn(ctx, b.id, func(ctx context.Context, base *catalog.Snapshot) (map[string]catalog.Change, error) {
		if err := b.meanwhile(ctx, base, w); err != nil {
			return nil, err
		}
		changes := map[string]catalog.Change{}
		for table, files := range b.added {
			changes[table] = catalog.Change{Add: files}
		}
		return changes, nil
	})
	if err != nil {
		return err
	}
	maps.Copy(b.r.own, b.objects)
	b.r.n.records.Add(b.rows.Load())
	for key, p := range b.partitions {
		if slices.ContainsFunc(p.files, func(f pendingFile) bool { return f.Path != "" }) {
			b.r.written[key] = true
		}
	}
	b.r.n.partitions.Store(int64(len(b.r.written)))
	b.r.kept = nil
	return nil
}
