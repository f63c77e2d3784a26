package duck

import (
	"context"

	"github.com/trailql/trailql/catalog"
)

// Options of an engine. Only Catalog is required.
type Options struct {
	Catalog *catalog.Catalog
	Memory  int64  // bytes that DuckDB may use; 0: 80 % of the machine's
	Threads int    // 0: one for each processor
	TempDir string // where a folder for what memory cannot hold is made; "": the system's
	// UnloadDir is the folder below which UNLOAD may write; "": it may not at all.
	UnloadDir string
	// ResultDir is the folder below which Query.Results are; "": queries have none.
	ResultDir string
	// CacheDir is where data files are copied to, and stay for later, of a
	// catalog that is not in a local folder. Such a catalog needs it. CacheSize
	// is how many bytes of them stay; 0: a default.
	CacheDir  string
	CacheSize int64
	// Listings are tables whose rows somebody else has. A table or view of the
	// warehouse with the same name comes first.
	Listings []Listing
	// Views are queries that can be named where there are events, unless the
	// warehouse has something of that name.
	Views []catalog.View
}

// Listing is a table that is read anew by every statement that names it. It is
// for some thousands of rows.
type Listing struct {
	Name    string // in lower case
	Columns []ListingColumn
	// Rows have a value for each column: nil, or one that encoding/json writes as
	// DuckDB reads it.
	Rows func(ctx context.Context) ([][]any, error)
}

// ListingColumn is a column of a listing. Type is DuckDB's.
type ListingColumn struct{ Name, Type string }
