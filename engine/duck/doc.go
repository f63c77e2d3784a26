// Package duck answers queries on this machine with DuckDB, inside a sandbox.
//
// Start with [Open]. Each query pins one snapshot of the catalog, is translated
// by package dialect, and gets a connection of its own, on which the tables
// that it names are views over exactly that snapshot's data files, less the files
// that its conditions rule out. opening.go follows a query from its text to its
// views, guard.go and function.go say what it may do, condition.go and prune.go
// which files it reads, statements.go answers what is no query.
//
// # Relations
//
// Behind FROM stand the tables of the warehouse, the built-in views of them in
// the shapes of CloudTrail Lake and Tailpipe (shape.go), what the catalog knows
// as information_schema.tables or "cloudtrail_logs$partitions", what
// Options.Listings bring (listing.go), and the views and table names that people have stored. Stored views keep their
// text and dialect in the catalog and are translated when they are used.
//
// # Leaving out files
//
// The terms of a WHERE and of the ON of joins are rewritten, as far as they are
// about region, date and event time, into terms about partitions: a day has a
// time above a bound if its last one is. DuckDB itself evaluates them, once for
// each partition, in the transaction of the query, so that functions, parameters
// and now() mean the same. What is not understood leaves nothing out. An equal
// text is looked up in the Bloom filters of the files that are left.
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
// the settings alone would let COPY write. Functions are on a list of allowed
// ones (function.go), so that a new version of DuckDB brings nothing in.
//
// Statements can store and drop views and register names for cloudtrail_logs:
// that changes definitions in the catalog, never data. Nothing else is written,
// except by UNLOAD below Options.UnloadDir, which is off unless the caller names
// a folder; SQL cannot change that.
//
// # Building
//
// DuckDB needs cgo and its record batches the build tag duckdb_arrow. Without
// them the package builds, and Open says what is missing.
package duck
