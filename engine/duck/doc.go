// Package duck answers queries on this machine with DuckDB, inside a sandbox.
//
// Start with [Open]. Each query pins one snapshot of the catalog and gets a
// connection of its own, on which the tables that it names are views over
// exactly that snapshot's data files, less the files that its WHERE rules out.
//
// # Sandbox
//
// A statement passes three layers. First the settings of the database: no
// extensions, no files outside the warehouse, locked configuration. Then the
// guard, which reads DuckDB's own syntax tree of the statement and refuses what
// is not a query over the catalog's tables: other statements, tables that are
// files, table functions that are not on a list, functions that look outside.
// Then the prepared statement must be a single SELECT, or the EXPLAIN that this
// package wrote around one. The layers overlap on purpose: inside the warehouse
// the settings alone would let COPY write.
//
// # Building
//
// DuckDB needs cgo and its record batches the build tag duckdb_arrow. Without
// them the package builds, and Open says what is missing.
package duck
