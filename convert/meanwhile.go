package convert

import (
	"context"
	"errors"
	"fmt"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert/cloudtrail"
	"github.com/trailql/trailql/convert/rowset"
)

// errMeanwhile means that other converters have committed what this batch has, too,
// so that it has to be made anew from what is left.
var errMeanwhile = errors.New("other converters have converted the same meanwhile")

// meanwhile makes a batch that is complete fit for the version that it is about to
// be committed on: what other converters have added since the batch's snapshot is
// compared with it, as what was there before has been. So each object and each
// record is in the table once, whoever converts what, and whatever leases say.
func (b *batch) meanwhile(ctx context.Context, base *catalog.Snapshot, w *rowset.Writer) error {
	if base.Version() == b.snapshot.Version() {
		return nil
	}
	for _, check := range []func(context.Context, *catalog.Snapshot) error{
		b.checkObjects,
		b.checkOCSF,
		func(ctx context.Context, base *catalog.Snapshot) error { return b.dropAdded(ctx, base, w) },
		func(ctx context.Context, base *catalog.Snapshot) error {
			before := b.r.n.aggregated.Load()
			left, err := recheck(ctx, b, base, AggregatedTable, b.newAggregated)
			b.r.n.aggregated.Store(before - left)
			return err
		},
		func(ctx context.Context, base *catalog.Snapshot) error {
			if !b.strict {
				return nil // those of an object come with it
			}
			left, err := recheck(ctx, b, base, RejectedTable, b.newRejections)
			b.r.n.rejected.Add(-left)
			return err
		},
	} {
		if err := check(ctx, base); err != nil {
			return fmt.Errorf("compare with other converters: %w", err)
		}
	}
	b.snapshot = base
	return nil
}

// addedSince are the files that others have added to a table.
func (b *batch) addedSince(ctx context.Context, base *catalog.Snapshot, table string) ([]catalog.DataFile, error) {
	now, err := base.Table(table)
	if errors.Is(err, catalog.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	before, err := b.snapshot.Table(table)
	if errors.Is(err, catalog.ErrNotExist) {
		files, _, err := now.Plan(ctx, catalog.Predicate{})
		return files, err
	}
	if err != nil {
		return nil, err
	}
	return now.AddedSince(ctx, before)
}

// checkObjects fails when an object of this batch has been converted.
func (b *batch) checkObjects(ctx context.Context, base *catalog.Snapshot) error {
	added, err := b.addedSince(ctx, base, LedgerTable)
	if err != nil {
		return err
	}
	for _, f := range added {
		hashes, err := b.r.ledger.load(ctx, b.r.o.Catalog, f)
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		for _, h := range hashes {
			if b.objects[h] {
				return errMeanwhile
			}
		}
	}
	return nil
}

// dropAdded takes out of this batch's files the rows that others have added. Equal
// records lie in the same partition.
func (b *batch) dropAdded(ctx context.Context, base *catalog.Snapshot, w *rowset.Writer) error {
	added, err := b.addedSince(ctx, base, LogsTable)
	if err != nil {
		return err
	}
	for _, f := range added {
		p := b.partitions[partitionKey{f.Partition[0], f.Partition[1]}]
		if p == nil || len(p.files) == 0 {
			continue
		}
		identities, err := b.identities(ctx, f)
		if err != nil {
			return err
		}
		for i := 0; i < len(p.files); i++ {
			if p.files[i].Path == "" || !holdsAny(identities, p.files[i].identities) {
				continue
			}
			if err := b.dropFrom(ctx, p, i, f, w); err != nil {
				return err
			}
		}
	}
	return nil
}

// holdsAny is true if a file may hold a record of one of the identities. Of records
// without an event id a file says only that it has some, which is 0.
func holdsAny(of map[uint64]bool, identities []uint64) bool {
	if of[0] {
		return true
	}
	for _, id := range identities {
		if of[id] {
			return true
		}
	}
	return false
}

func (b *batch) identities(ctx context.Context, f catalog.DataFile) (map[uint64]bool, error) {
	in, err := b.r.o.Catalog.Storage().Open(ctx, f.Path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	file, err := rowset.Open(in, in.Size())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Path, err)
	}
	identities := make(map[uint64]bool, f.Records)
	for g := range file.RowGroups() {
		if err := file.Identities(g, func(_ int, _ int64, id uint64) { identities[id] = true }); err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	return identities, nil
}

// dropFrom writes file i of a partition anew, without the rows that another file
// has. Without any there is no file.
func (b *batch) dropFrom(ctx context.Context, p *partition, i int, f catalog.DataFile, w *rowset.Writer) error {
	mine := p.files[i]
	s := b.newSet(p.key)
	defer s.Reset()
	err := eachRow(ctx, b.r.o.Catalog, mine.DataFile, func(rec *cloudtrail.Record) error {
		s.Add(rec)
		return nil
	})
	if err != nil {
		return fmt.Errorf("%s: %w", mine.Path, err)
	}
	dropped, err := b.dropIn(ctx, s, f, true)
	if err != nil || dropped == 0 {
		return err
	}
	b.r.n.duplicates.Add(int64(dropped))
	b.rows.Add(int64(-dropped))
	b.r.n.files.Add(-1)
	b.r.n.parquetBytes.Add(-mine.Bytes)
	var left []pendingFile
	if s.Len() > 0 {
		anew, m, err := b.r.writeSet(ctx, b.id, w, s)
		if err != nil {
			return err
		}
		left = append(left, pendingFile{DataFile: anew, identities: s.Identities(), first: m.First, last: m.Last})
	}
	files := b.added[LogsTable]
	for k := range files {
		if files[k].Path != mine.Path {
			continue
		}
		if len(left) > 0 {
			files[k] = left[0].DataFile
		} else {
			b.added[LogsTable] = append(files[:k], files[k+1:]...)
		}
		break
	}
	if len(left) > 0 {
		p.files[i] = left[0]
	} else {
		p.files[i] = pendingFile{} // keeps the place, holds nothing
	}
	return nil
}

// recheck takes out of this batch's rows of a small table those that others have
// added. It returns how many there were.
func recheck[T any](ctx context.Context, b *batch, base *catalog.Snapshot, table string, fresh func(context.Context, []T) ([]T, error)) (dropped int64, err error) {
	mine := b.added[table]
	if len(mine) == 0 {
		return 0, nil
	}
	added, err := b.addedSince(ctx, base, table)
	if err != nil || len(added) == 0 {
		return 0, err
	}
	var rows []T
	for _, f := range mine {
		if err := readFile(ctx, b.r.o.Catalog, f, func(row *T) { rows = append(rows, *row) }); err != nil {
			return 0, fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	before, n := b.snapshot, len(rows)
	b.snapshot, b.added[table] = base, nil
	rows, err = fresh(ctx, rows)
	b.snapshot = before
	if err != nil {
		return 0, err
	}
	if len(rows) == n {
		b.added[table] = mine
		return 0, nil
	}
	return int64(n - len(rows)), flushRows(ctx, b, table, &rows)
}

// checkOCSF fails when others have added rows of security_lake that this batch has.
func (b *batch) checkOCSF(ctx context.Context, base *catalog.Snapshot) error {
	mine := b.added[OCSFTable]
	if len(mine) == 0 {
		return nil
	}
	added, err := b.addedSince(ctx, base, OCSFTable)
	if err != nil {
		return err
	}
	partition := func(f catalog.DataFile) [3]string { return [3]string(f.Partition) }
	theirs := map[[3]string]map[[16]byte]bool{}
	for _, f := range added {
		if theirs[partition(f)] == nil {
			theirs[partition(f)] = map[[16]byte]bool{}
		}
		if err := b.loadHashes(ctx, f, theirs[partition(f)]); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	for _, f := range mine {
		if len(theirs[partition(f)]) == 0 {
			continue
		}
		hashes := map[[16]byte]bool{}
		if err := b.loadHashes(ctx, f, hashes); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		for h := range hashes {
			if theirs[partition(f)][h] {
				return errMeanwhile
			}
		}
	}
	return nil
}
