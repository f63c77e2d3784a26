package duck

import "github.com/trailql/trailql/catalog"

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
}
