package convert

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert/cloudtrail"
)

// ExportOptions of an export. Catalog and Write are required.
type ExportOptions struct {
	Catalog   *catalog.Catalog
	Predicate catalog.Predicate
	// Write is called with each record as compact JSON, equal as JSON to what
	// was converted. Partitions come one after another, by date and region; the
	// record is valid during the call.
	Write func(region, date string, record []byte) error
}

// Export writes the records of one snapshot back.
func Export(ctx context.Context, o ExportOptions) error {
	s, err := o.Catalog.Snapshot(ctx)
	if err != nil {
		return err
	}
	t, err := s.Table(LogsTable)
	if err != nil {
		return err
	}
	files, _, err := t.Plan(ctx, o.Predicate)
	if err != nil {
		return err
	}
	slices.SortFunc(files, func(a, b catalog.DataFile) int {
		return cmp.Or(cmp.Compare(a.Partition[1], b.Partition[1]), cmp.Compare(a.Partition[0], b.Partition[0]), cmp.Compare(a.Path, b.Path))
	})
	var text []byte
	for _, f := range files {
		err := eachRow(ctx, o.Catalog, f, func(rec *cloudtrail.Record) error {
			p := o.Predicate
			if !p.From.IsZero() && rec.Time.Before(p.From) || !p.To.IsZero() && !rec.Time.Before(p.To) {
				return nil
			}
			text = rec.AppendJSON(text[:0])
			return o.Write(f.Partition[0], f.Partition[1], text)
		})
		if err != nil {
			return fmt.Errorf("export %s: %w", f.Path, err)
		}
	}
	return nil
}
