package convert

import (
	"context"
	"errors"

	"github.com/parquet-go/parquet-go"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
)

// dataFile is a table's file, read as Parquet. The caller closes it.
type dataFile struct {
	*parquet.File
	in storage.Reader
}

func openDataFile(ctx context.Context, c *catalog.Catalog, f catalog.DataFile, options ...parquet.FileOption) (dataFile, error) {
	in, err := c.Storage().Open(ctx, f.Path)
	if err != nil {
		return dataFile{}, err
	}
	pf, err := parquet.OpenFile(in, in.Size(), options...)
	if err != nil {
		return dataFile{}, errors.Join(err, in.Close())
	}
	return dataFile{pf, in}, nil
}

func (f dataFile) Close() error { return f.in.Close() }
