// Package securitylake reads the Parquet files of Amazon Security Lake: events
// in the Open Cybersecurity Schema Framework (OCSF).
//
// Open reads a file, Grow adds its columns to those of the table, NewLayout says
// how its rows are laid out in the table's files, and Layout.Rows yields them.
// Rows keep their values; what changes is how they are stored: integers get 64
// bits and times microseconds, so that all files of the table have the same types.
package securitylake
