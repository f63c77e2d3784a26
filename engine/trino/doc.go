// Package trino answers queries on a Trino cluster: engine.Engine over Trino's
// statement protocol. Start with [Open].
//
// # From a statement to rows
//
// engine.go follows a query: package dialect reads the statement and changes
// only what Trino would not take (statement.go, relation.go, shape.go), client.go
// posts it and follows the pages of the answer, decode.go makes record batches of
// them as they come. Types are those of engine/duck: a timestamp has
// microseconds, a zone in a value is turned into UTC, and what Arrow has no type
// for is text.
//
// # Why not a database/sql driver
//
// It would make a Go value of each cell before it became a cell of a batch, gives
// rows without the names of their fields, and tells how far a query is only on the
// side. The protocol is a POST and then one GET for each page.
//
// # What is allowed
//
// Queries, SHOW, DESCRIBE, EXPLAIN, and CREATE and DROP of views. Everything else
// is refused here, whatever the cluster would let the user do.
//
// Earlier results (engine.Query.Results) lie on this machine and are not there. A
// window cuts the tables and views of the address's schema, no others.
//
// # Secrets
//
// A password or token is taken from Options, never from the address. It is sent
// over TLS only, or to this machine, and to no other host than the address says.
package trino
