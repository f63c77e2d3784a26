package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/adrg/xdg"

	"github.com/trailql/trailql/catalog"
)

const warehouseVariable = "TRAILQL_WAREHOUSE"

// findWarehouse settles where the warehouse is: flag, environment, then the
// user's data folder.
func (a *app) findWarehouse() {
	if a.warehouse == "" {
		a.warehouse = os.Getenv(warehouseVariable)
	}
	if a.warehouse == "" {
		a.warehouse = filepath.Join(xdg.DataHome, "trailql", "warehouse")
	}
}

// openWarehouse opens the warehouse for reading. The caller closes it. None
// there is an error of usage.
func (a *app) openWarehouse(ctx context.Context) (*catalog.Catalog, error) {
	c, err := catalog.Open(ctx, a.warehouse, catalog.Options{Now: a.now})
	if errors.Is(err, catalog.ErrNotExist) {
		return nil, usageError{err}
	}
	return c, err
}
