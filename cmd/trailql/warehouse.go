package main

import (
	"context"
	"errors"
	"path/filepath"
	"syscall"

	"github.com/adrg/xdg"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/duck"
	"github.com/trailql/trailql/engine/quantity"
)

const warehouseVariable = "TRAILQL_WAREHOUSE"

// findWarehouse settles where the warehouse is: what was said, or the user's
// data folder.
func (a *app) findWarehouse() {
	if a.warehouse == "" {
		a.warehouse = filepath.Join(xdg.DataHome, "trailql", "warehouse")
	}
}

// openWarehouse opens the warehouse for reading. The caller closes it. None
// there is an error of usage.
func (a *app) openWarehouse(ctx context.Context) (*catalog.Catalog, error) {
	o, err := a.catalogOptions(ctx)
	if err != nil {
		return nil, warehouseError(err)
	}
	c, err := catalog.Open(ctx, a.warehouse, o)
	return c, warehouseError(err)
}

// catalogOptions are those with which the warehouse is opened.
func (a *app) catalogOptions(ctx context.Context) (catalog.Options, error) {
	o := catalog.Options{Now: a.now}
	if !s3.IsURI(a.warehouse) {
		return o, nil // the catalog says what is wrong with a folder
	}
	var err error
	o.Storage, err = a.openStorage(ctx, a.warehouse)
	return o, err
}

// openLocal opens the engine of this machine on an open warehouse. The caller closes it.
func (a *app) openLocal(ctx context.Context, o duck.Options) (engine.Engine, error) {
	if s3.IsURI(a.warehouse) {
		o.CacheDir = filepath.Join(xdg.CacheHome, "trailql", "s3")
		var err error
		if o.CacheSize, err = quantity.ParseBytes(a.config.text("s3.cache_size")); err != nil {
			return nil, usagef("s3.cache_size: %w", err)
		}
	}
	return duck.Open(ctx, o)
}

// warehouseError makes a name that cannot be a warehouse's an error of usage.
func warehouseError(err error) error {
	if errors.Is(err, catalog.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, errors.ErrUnsupported) || errors.Is(err, storage.ErrCredentials) {
		return usageError{err}
	}
	return err
}
