package convert

import (
	"context"
	"encoding/base64"
	"fmt"
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
	maxLedgerRows    = 20_000
	maxRejectedBytes = 16 << 20
)

// batch collects what one commit makes visible. Its methods are safe for
// concurrent use, except commit.
type batch struct {
	r        *run
	id       string
	snapshot *catalog.Snapshot // before the batch
	budget   int64             // bytes that the sets may take together

	mu         sync.Mutex
	partitions map[partitionKey]*partition
	clock      int64 // counts uses of partitions
	added      map[string][]catalog.DataFile
	ledger     []ledgerRow
	rejected   []rejectedRow
	aggregated []aggregatedRow
	rawBytes   int

	used    atomic.Int64 // bytes in sets
	records atomic.Int64

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
	return &batch{
		r: r, id: id, snapshot: s, budget: r.o.Memory / 4, loaded: rowset.New(&r.pool),
		partitions: map[partitionKey]*partition{}, added: map[string][]catalog.DataFile{},
	}, nil
}

// partition is the partition of a region and a day, in which something is about
// to be added.
func (b *batch) partition(key partitionKey) *partition {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.clock++
	p := b.partitions[key]
	if p == nil {
		p = &partition{key: key}
		b.partitions[key] = p
	}
	p.used = b.clock
	return p
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

// relieve writes partitions out until the sets are within the budget. It takes
// the one that has waited longest, unless that is too small to be worth a file.
func (b *batch) relieve(ctx context.Context, w *rowset.Writer) error {
	for b.used.Load() > b.budget {
		b.mu.Lock()
		var victim, largest *partition
		var most int
		for _, p := range b.partitions {
			p.mu.Lock()
			size := 0
			if p.set != nil {
				size = p.set.Size()
			}
			p.mu.Unlock()
			if size > most {
				largest, most = p, size
			}
			if int64(size) >= b.budget/16 && (victim == nil || p.used < victim.used) {
				victim = p
			}
		}
		b.mu.Unlock()
		if victim == nil {
			victim = largest
		}
		if victim == nil {
			return nil // others are writing
		}
		if err := b.flush(ctx, w, victim); err != nil {
			return err
		}
	}
	return nil
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
	b.r.n.records.Add(int64(s.Len()))
	if s.Len() == 0 {
		return nil
	}
	f, m, err := b.r.writeSet(ctx, b.id, w, s)
	if err != nil {
		return err
	}
	p.files = append(p.files, pendingFile{DataFile: f, identities: s.Identities(), first: m.First, last: m.Last})
	b.mu.Lock()
	b.added[LogsTable] = append(b.added[LogsTable], f)
	b.mu.Unlock()
	return nil
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
		return catalog.DataFile{}, m, fmt.Errorf("write %s: %w", path, err)
	}
	r.n.parquetBytes.Add(m.Bytes)
	r.n.files.Add(1)
	return catalog.DataFile{
		Path: path, Partition: []string{s.Region, s.Date}, Records: m.Rows, Bytes: m.Bytes,
		SplitOffsets: m.SplitOffsets, ColumnSizes: m.ColumnSizes, ValueCounts: m.ValueCounts, NullCounts: m.NullCounts,
		LowerBounds: m.LowerBounds, UpperBounds: m.UpperBounds,
	}, m, nil
}

// reject notes what cannot be a row.
func (b *batch) reject(ctx context.Context, path string, bad *cloudtrail.RecordError) error {
	raw, encoding := bad.Raw[:min(len(bad.Raw), maxRaw)], "utf-8"
	text := string(raw)
	for n := 0; n < utf8.UTFMax && len(raw) < len(bad.Raw) && !utf8.ValidString(text); n++ {
		text = text[:len(text)-1] // cut between characters
	}
	if !utf8.ValidString(text) {
		text, encoding = base64.StdEncoding.EncodeToString(raw), "base64"
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.r.n.rejected.Add(1)
	if b.r.o.Reject != nil {
		b.r.o.Reject(path, bad.Error())
	}
	b.rejected = append(b.rejected, rejectedRow{
		Object: path, Index: bad.Index, Offset: bad.Offset, Size: bad.Size,
		Reason: bad.Err.Error(), Raw: text, Encoding: encoding, Rejected: b.r.o.Now().UTC(), Batch: b.id,
	})
	b.rawBytes += len(text)
	if b.rawBytes > maxRejectedBytes {
		return b.writeRejected(ctx)
	}
	return nil
}

func (b *batch) converted(ctx context.Context, row ledgerRow) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	row.Batch, row.Converted = b.id, b.r.o.Now().UTC()
	b.ledger = append(b.ledger, row)
	if len(b.ledger) >= maxLedgerRows {
		return b.writeLedger(ctx)
	}
	return nil
}

func (b *batch) aggregate(row aggregatedRow) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.aggregated = append(b.aggregated, row)
}

func (b *batch) writeLedger(ctx context.Context) error {
	return flushRows(ctx, b, LedgerTable, &b.ledger)
}

func (b *batch) writeRejected(ctx context.Context) error {
	b.rawBytes = 0
	return flushRows(ctx, b, RejectedTable, &b.rejected)
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
	if b.aggregated, err = b.r.newAggregated(ctx, b.snapshot, b.aggregated); err != nil {
		return err
	}
	b.r.n.aggregated.Add(int64(len(b.aggregated)))
	if b.rejected, err = b.newRejected(ctx); err != nil {
		return err
	}
	for _, write := range []func() error{
		func() error { return b.writeLedger(ctx) },
		func() error { return b.writeRejected(ctx) },
		func() error { return flushRows(ctx, b, AggregatedTable, &b.aggregated) },
	} {
		if err := write(); err != nil {
			return err
		}
	}
	changes := map[string]catalog.Change{}
	for table, files := range b.added {
		changes[table] = catalog.Change{Add: files}
	}
	for key := range b.partitions {
		b.r.touch(key)
	}
	_, err = b.r.o.Catalog.Commit(ctx, catalog.Batch{ID: b.id, Changes: changes})
	return err
}
