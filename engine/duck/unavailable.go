//go:build !cgo || !duckdb_arrow

package duck

import (
	"context"
	"fmt"

	"github.com/trailql/trailql/engine"
)

// Open fails: this build has no DuckDB.
func Open(context.Context, Options) (engine.Engine, error) {
	return nil, fmt.Errorf("open query engine: %w by this build: build with cgo and -tags duckdb_arrow", engine.ErrUnsupported)
}
