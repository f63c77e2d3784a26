package convert

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert/cloudtrail"
	"github.com/trailql/trailql/convert/rowset"
)

const (
	// compactFiles is how many files of about one size are joined.
	compactFiles = 4
	// rowMemory is about what a row takes while it is joined.
	rowMemory = 1 << 10
	// compactRecords is how many files a small table may have.
	compactRecords = 16
)

// compact joins small files of all tables, and drops what no reader needs any
// more. It does nothing where this run has not and no other has left work.
func (r *run) compact(ctx context.Context) error {
	if r.n.done.Load() == 0 && !r.resumed {
		return nil
	}
	snapshot, err := r.o.Catalog.Snapshot(ctx)
	if err != nil {
		return err
	}
	t, err := snapshot.Table(LogsTable)
	if err != nil {
		return err
	}
	files, _, err := t.Plan(ctx, catalog.Predicate{})
	if err != nil {
		return err
	}
	w, err := rowset.NewWriter()
	if err != nil {
		return err
	}
	j := joiner{r: r, w: w, changes: map[string]catalog.Change{}}
	partitions := map[partitionKey][]catalog.DataFile{}
	for _, f := range files {
		key := partitionKey{f.Partition[0], f.Partition[1]}
		partitions[key] = append(partitions[key], f)
	}
	for key, files := range partitions {
		if err := j.partition(ctx, key, files, r.o.Memory/3/rowMemory); err != nil {
			return j.abort(ctx, err)
		}
	}
	if err := errors.Join(
		joinRecords[ledgerRow](ctx, &j, snapshot, LedgerTable),
		joinRecords[rejectedRow](ctx, &j, snapshot, RejectedTable),
		joinRecords[aggregatedRow](ctx, &j, snapshot, AggregatedTable),
		joinOCSF(ctx, &j, snapshot),
	); err != nil {
		return j.abort(ctx, err)
	}
	if j.batch == "" {
		return nil
	}
	if _, err := r.o.Catalog.Commit(ctx, catalog.Batch{ID: j.batch, Changes: j.changes}); err != nil {
		return j.abort(ctx, err)
	}
	return r.o.Catalog.Expire(ctx)
}

// joiner collects the changes of a compaction.
type joiner struct {
	r       *run
	w       *rowset.Writer
	batch   string // begun with the first change
	changes map[string]catalog.Change
}

func (j *joiner) abort(ctx context.Context, err error) error {
	if j.batch == "" {
		return err
	}
	return errors.Join(err, j.r.o.Catalog.Abort(context.WithoutCancel(ctx), j.batch))
}

func (j *joiner) begin(ctx context.Context) (err error) {
	if j.batch == "" {
		j.batch, err = j.r.o.Catalog.Begin(ctx)
	}
	return err
}

func (j *joiner) change(table string, remove []catalog.DataFile, add catalog.DataFile) {
	c := j.changes[table]
	c.Remove = append(c.Remove, remove...)
	c.Add = append(c.Add, add)
	j.changes[table] = c
}

// partition joins files of a partition where it has several of about one size.
func (j *joiner) partition(ctx context.Context, key partitionKey, files []catalog.DataFile, maxRows int64) error {
	chosen := chooseFiles(files, maxRows)
	if len(chosen) == 0 {
		return nil
	}
	if err := j.begin(ctx); err != nil {
		return err
	}
	s := rowset.New(&j.r.pool)
	s.Region, s.Date = key.region, key.date
	defer s.Reset()
	for _, f := range chosen {
		if err := j.load(ctx, f, s); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	f, _, err := j.r.writeSet(ctx, j.batch, j.w, s)
	if err != nil {
		return err
	}
	j.change(LogsTable, chosen, f)
	return nil
}

// chooseFiles picks the files to join: the smallest, up to several of about one
// size, so that a row is rewritten a few times in its life and not once for each
// run.
func chooseFiles(files []catalog.DataFile, maxRows int64) []catalog.DataFile {
	files = slices.Clone(files)
	slices.SortFunc(files, func(a, b catalog.DataFile) int {
		return cmp.Or(cmp.Compare(a.Records, b.Records), cmp.Compare(a.Path, b.Path))
	})
	var fit int // that are small enough together
	for total := int64(0); fit < len(files) && total+files[fit].Records <= maxRows; fit++ {
		total += files[fit].Records
	}
	files = files[:fit]
	for end := fit; end >= compactFiles; end-- {
		if files[end-1].Records <= 4*files[end-compactFiles].Records {
			return files[:end]
		}
	}
	if fit > 2*compactFiles {
		return files[:compactFiles]
	}
	return nil
}

func (j *joiner) load(ctx context.Context, f catalog.DataFile, s *rowset.Set) error {
	return eachRow(ctx, j.r.o.Catalog, f, func(rec *cloudtrail.Record) error {
		s.Add(rec)
		return nil
	})
}

// eachRow calls yield with the rows of a data file, in its order. A record is
// valid during the call.
func eachRow(ctx context.Context, c *catalog.Catalog, f catalog.DataFile, yield func(*cloudtrail.Record) error) error {
	in, err := c.Storage().Open(ctx, f.Path)
	if err != nil {
		return err
	}
	defer in.Close()
	file, err := rowset.Open(in, in.Size())
	if err != nil {
		return err
	}
	var rec cloudtrail.Record
	loaded := rowset.New(&rowset.Pool{})
	for g := range file.RowGroups() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		loaded.Reset()
		if err := file.Load(g, loaded); err != nil {
			return err
		}
		for row := range loaded.Len() {
			loaded.Row(row, &rec)
			if err := yield(&rec); err != nil {
				return err
			}
		}
	}
	return nil
}

// joinRecords joins the files of a small table when they have become many.
func joinRecords[T any](ctx context.Context, j *joiner, s *catalog.Snapshot, table string) error {
	t, err := s.Table(table)
	if err != nil {
		return err
	}
	files, _, err := t.Plan(ctx, catalog.Predicate{})
	if err != nil {
		return err
	}
	files = slices.DeleteFunc(files, func(f catalog.DataFile) bool { return f.Records >= maxLedgerRows })
	if len(files) < compactRecords {
		return nil
	}
	if err := j.begin(ctx); err != nil {
		return err
	}
	var rows []T
	for _, f := range files {
		if err := readFile(ctx, j.r.o.Catalog, f, func(row *T) { rows = append(rows, *row) }); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	f, err := writeRecords(ctx, j.r.o.Catalog, j.batch, table, rows)
	if err != nil {
		return err
	}
	j.change(table, files, f)
	return nil
}
