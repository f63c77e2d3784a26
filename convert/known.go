package convert

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert/cloudtrail"
	"github.com/trailql/trailql/convert/rowset"
)

// Equal records have the same region and event time, so one that is there
// already lies in the same partition, in a file whose times overlap.

// dropKnown removes the rows of s that the table, or a file of this batch, has
// already. It returns how many.
func (b *batch) dropKnown(ctx context.Context, p *partition, s *rowset.Set) (dropped int, err error) {
	first, last := s.Times()
	for _, f := range p.files {
		if f.last.Before(first) || f.first.After(last) || !s.HoldsAny(f.identities) {
			continue
		}
		n, err := b.dropIn(ctx, s, f.DataFile, false)
		if err != nil {
			return dropped, err
		}
		dropped += n
	}
	t, err := b.snapshot.Table(LogsTable)
	if err != nil {
		return dropped, err
	}
	files, _, err := t.Plan(ctx, catalog.Predicate{
		Regions: []string{p.key.region}, From: first, To: last.Add(time.Microsecond),
	})
	if err != nil {
		return dropped, err
	}
	for _, f := range files {
		n, err := b.dropIn(ctx, s, f, true)
		if err != nil {
			return dropped, err
		}
		dropped += n
	}
	return dropped, nil
}

// dropIn removes the rows of s that a data file has. With probe, row groups
// without a row of the same identity are not loaded.
func (b *batch) dropIn(ctx context.Context, s *rowset.Set, f catalog.DataFile, probe bool) (dropped int, err error) {
	in, err := b.r.o.Catalog.Storage().Open(ctx, f.Path)
	if err != nil {
		return 0, err
	}
	defer in.Close()
	file, err := rowset.Open(in, in.Size())
	if err != nil {
		return 0, fmt.Errorf("%s: %w", f.Path, err)
	}
	b.loading.Lock()
	defer b.loading.Unlock()
	var rec cloudtrail.Record
	for g := range file.RowGroups() {
		if probe {
			hit := false
			err := file.Identities(g, func(_ int, micros int64, identity uint64) {
				hit = hit || s.Holds(identity)
			})
			if err != nil {
				return dropped, fmt.Errorf("%s: %w", f.Path, err)
			}
			if !hit {
				continue
			}
		}
		b.loaded.Reset()
		if err := file.Load(g, b.loaded); err != nil {
			return dropped, fmt.Errorf("%s: %w", f.Path, err)
		}
		for row := range b.loaded.Len() {
			b.loaded.Row(row, &rec)
			if s.Drop(&rec) {
				dropped++
			}
		}
	}
	return dropped, nil
}

// newAggregated leaves out the aggregated events that the table, or this batch,
// has already: those with the same id that are equal as JSON. Without an id an
// event is told by its object and place.
func (b *batch) newAggregated(ctx context.Context, rows []aggregatedRow) ([]aggregatedRow, error) {
	type key struct{ id, object string }
	fresh, err := unseen(ctx, b, AggregatedTable, rows,
		func(a *aggregatedRow) key {
			if a.EventID != "" {
				return key{id: a.EventID}
			}
			return key{object: fmt.Sprint(a.SourceIndex, a.SourceObject)}
		},
		func(a *aggregatedRow) string { return string(cloudtrail.Canonical([]byte(a.EventJSON))) })
	b.r.n.duplicates.Add(int64(len(rows) - len(fresh)))
	return fresh, err
}

// newRejected leaves out the rejected records of an object that is converted
// again because its ETag has changed.
func (b *batch) newRejected(ctx context.Context, rows []rejectedRow) ([]rejectedRow, error) {
	if !slices.ContainsFunc(rows, func(r rejectedRow) bool { return b.r.ledger.knows(r.Object) }) {
		return rows, nil
	}
	return b.newRejections(ctx, rows)
}

// newRejections leaves out the rejected records that are there already.
func (b *batch) newRejections(ctx context.Context, rows []rejectedRow) ([]rejectedRow, error) {
	type key struct {
		object              string
		index, offset, size int64
		reason              string
	}
	return unseen(ctx, b, RejectedTable, rows,
		func(r *rejectedRow) key { return key{r.Object, r.Index, r.Offset, r.Size, r.Reason} },
		func(r *rejectedRow) string { return r.Raw })
}

// unseen are the rows of a small table that neither it nor this batch has: no
// row there has the same identity and text.
func unseen[T any, K comparable](ctx context.Context, b *batch, table string, rows []T, identity func(*T) K, text func(*T) string) ([]T, error) {
	if len(rows) == 0 {
		return rows, nil
	}
	known := map[K]map[string]bool{}
	for i := range rows {
		known[identity(&rows[i])] = map[string]bool{}
	}
	t, err := b.snapshot.Table(table)
	if err != nil {
		return nil, err
	}
	files, _, err := t.Plan(ctx, catalog.Predicate{})
	if err != nil {
		return nil, err
	}
	for _, f := range slices.Concat(files, b.added[table]) {
		err := readFile(ctx, b.r.o.Catalog, f, func(row *T) {
			if texts := known[identity(row)]; texts != nil {
				texts[text(row)] = true
			}
		})
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.Path, err)
		}
	}
	fresh := rows[:0]
	for i := range rows {
		if texts, x := known[identity(&rows[i])], text(&rows[i]); !texts[x] {
			texts[x] = true
			fresh = append(fresh, rows[i])
		}
	}
	return fresh, nil
}
