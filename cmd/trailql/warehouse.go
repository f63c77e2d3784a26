package main

import (
	"context"
	"errors"
	"path/filepath"
	"syscall"

	"github.com/adrg/xdg"

	"github.com/trailql/trailql/catalog"
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
	c, err := catalog.Open(ctx, a.warehouse, catalog.Options{Now: a.now})
	return c, warehouseError(err)
}

// warehouseError makes a name that cannot be a warehouse's an error of usage.
func warehouseError(err error) error {
	if errors.Is(err, catalog.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, errors.ErrUnsupported) {
		return usageError{err}
	}
	return err
}
