//go:build !duckdb_arrow

package main

import (
	"context"
	"fmt"
	"io"
)

const haveDuckDB = false

func runDuckDBChild(_ context.Context, _ []string, _, stderr io.Writer) int {
	fmt.Fprintln(stderr, "error: built without DuckDB: use -tags duckdb_arrow")
	return 2
}

func runDuckDBQueryChild(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	return runDuckDBChild(ctx, args, stdout, stderr)
}
