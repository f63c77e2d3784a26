// Package output writes the rows of a query: a box, or a line for each value,
// for people; CSV, JSON, Parquet and others for programs. [New] makes a writer
// for one result; [Escape] makes text that others wrote safe for a terminal.
//
// # Values
//
// Numbers are exact in every format. Times are RFC 3339, with Z where the type
// has a time zone (always UTC). Binary is pairs of hexadecimal digits. Structs,
// lists and maps are JSON in every text format; Parquet and Arrow keep them.
// NULL is null in JSON, nothing in CSV (an empty text is "" there), \N in TSV and
// the word NULL for people.
//
// # Speed
//
// Each column of a batch becomes a function that appends a value; rows are then
// appended to a buffer without allocation, a share of the batch on each
// processor. Nothing is held but the batch that is written, apart from a row
// group in Parquet and what a table shows.
package output
