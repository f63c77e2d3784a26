package convert

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert/securitylake"
)

// joinOCSF joins small files of security_lake: those of a partition that are laid
// out alike. Rows of others would have to be laid out anew for little.
func joinOCSF(ctx context.Context, j *joiner, snapshot *catalog.Snapshot) error {
	t, err := snapshot.Table(OCSFTable)
	if errors.Is(err, catalog.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	files, _, err := t.Plan(ctx, catalog.Predicate{})
	if err != nil {
		return err
	}
	partitions := map[string][]catalog.DataFile{}
	for _, f := range files {
		key := strings.Join(f.Partition, "\x00")
		partitions[key] = append(partitions[key], f)
	}
	for _, files := range partitions {
		alike := map[string][]catalog.DataFile{}
		for _, f := range chooseFiles(files, ocsfFileRows) {
			signature, err := j.signature(ctx, f)
			if err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
			alike[signature] = append(alike[signature], f)
		}
		for _, files := range alike {
			if len(files) < 2 {
				continue
			}
			if err := j.joinAlike(ctx, files); err != nil {
				return fmt.Errorf("join files of %s: %w", OCSFTable, err)
			}
		}
	}
	return nil
}

// withFile calls do with a data file.
func (j *joiner) withFile(ctx context.Context, f catalog.DataFile, do func(*parquet.File) error) error {
	pf, err := openDataFile(ctx, j.r.o.Catalog, f, parquet.SkipPageIndex(true))
	if err != nil {
		return err
	}
	defer pf.Close()
	return do(pf.File)
}

func (j *joiner) signature(ctx context.Context, f catalog.DataFile) (signature string, err error) {
	err = j.withFile(ctx, f, func(pf *parquet.File) error {
		signature = securitylake.Signature(pf.Root())
		return nil
	})
	return signature, err
}

// joinAlike writes the rows of some data files of a partition as one.
func (j *joiner) joinAlike(ctx context.Context, files []catalog.DataFile) error {
	if err := j.begin(ctx); err != nil {
		return err
	}
	place := securitylake.Place{Region: files[0].Partition[0], Account: files[0].Partition[1], Day: files[0].Partition[2]}
	var joined *ocsfFile
	copyRows := func(pf *parquet.File) error {
		if joined == nil {
			var err error
			if joined, err = j.r.newOCSFFile(ctx, j.batch, place, pf.Schema()); err != nil {
				return err
			}
		}
		leaf, ok := pf.Schema().Lookup(securitylake.TimestampColumn)
		if !ok {
			return fmt.Errorf("no column %s", securitylake.TimestampColumn)
		}
		for _, g := range pf.RowGroups() {
			if err := joined.copy(ctx, g, leaf.ColumnIndex); err != nil {
				return err
			}
		}
		return nil
	}
	for _, f := range files {
		if err := j.withFile(ctx, f, copyRows); err != nil {
			if joined != nil {
				joined.out.Abort()
			}
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	data, err := joined.finish()
	if err != nil {
		return err
	}
	j.change(OCSFTable, files, data)
	return nil
}

// copy adds the rows of a row group.
func (f *ocsfFile) copy(ctx context.Context, g parquet.RowGroup, timestamp int) error {
	rows := g.Rows()
	defer rows.Close()
	buffer := make([]parquet.Row, 64)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := rows.ReadRows(buffer)
		for _, row := range buffer[:n] {
			var at time.Time
			for _, v := range row {
				if v.Column() == timestamp && !v.IsNull() {
					at = time.UnixMicro(v.Int64()).UTC()
				}
			}
			f.count(at)
		}
		if _, err := f.rows.WriteRows(buffer[:n]); err != nil {
			return err
		}
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return err
		case n == 0:
			return io.ErrNoProgress
		}
	}
}
