package convert

import (
	"bytes"
	"context"
	"fmt"
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

// newAggregated leaves out the aggregated events that are there already.
func (r *run) newAggregated(ctx context.Context, s *catalog.Snapshot, rows []aggregatedRow) ([]aggregatedRow, error) {
	if len(rows) == 0 {
		return rows, nil
	}
	t, err := s.Table(AggregatedTable)
	if err != nil {
		return nil, err
	}
	type key struct{ id, object string }
	identity := func(a *aggregatedRow) key {
		if a.EventID != "" {
			return key{id: a.EventID}
		}
		return key{object: fmt.Sprint(a.SourceIndex, a.SourceObject)}
	}
	known := map[key][][]byte{}
	for i := range rows {
		known[identity(&rows[i])] = nil
	}
	err = readRecords(ctx, r.o.Catalog, t, func(a *aggregatedRow) {
		if there, ok := known[identity(a)]; ok {
			known[identity(a)] = append(there, cloudtrail.Canonical([]byte(a.EventJSON)))
		}
	})
	if err != nil {
		return nil, err
	}
	var fresh []aggregatedRow
next:
	for i := range rows {
		k, text := identity(&rows[i]), cloudtrail.Canonical([]byte(rows[i].EventJSON))
		for _, there := range known[k] {
			if bytes.Equal(there, text) {
				r.n.duplicates.Add(1)
				continue next
			}
		}
		known[k] = append(known[k], text)
		fresh = append(fresh, rows[i])
	}
	return fresh, nil
}

// newRejected leaves out the rejected records that are there already: those of
// an object that is converted again because its ETag has changed.
func (b *batch) newRejected(ctx context.Context) ([]rejectedRow, error) {
	if len(b.rejected) == 0 {
		return b.rejected, nil
	}
	t, err := b.snapshot.Table(RejectedTable)
	if err != nil {
		return nil, err
	}
	type key struct {
		object       string
		offset, size int64
		reason       string
	}
	identity := func(r *rejectedRow) key { return key{r.Object, r.Offset, r.Size, r.Reason} }
	known := map[key][]string{}
	for i := range b.rejected {
		known[identity(&b.rejected[i])] = nil
	}
	err = readRecords(ctx, b.r.o.Catalog, t, func(r *rejectedRow) {
		if there, ok := known[identity(r)]; ok {
			known[identity(r)] = append(there, r.Raw)
		}
	})
	if err != nil {
		return nil, err
	}
	var fresh []rejectedRow
next:
	for i := range b.rejected {
		for _, raw := range known[identity(&b.rejected[i])] {
			if raw == b.rejected[i].Raw {
				continue next
			}
		}
		fresh = append(fresh, b.rejected[i])
	}
	return fresh, nil
}
