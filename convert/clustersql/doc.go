// Package clustersql writes the SQL with which a cluster converts an archive
// itself: Trino, or Athena. It fills the same tables as package convert, with the
// same rows, and does not need the program.
//
// An object is taken whole or not at all. What the SQL cannot be sure to read as
// the decoder of package cloudtrail does, it leaves alone, and the next
// "trailql convert" takes it, because the ledger does not name it. So nothing of
// that decoder's leniency has to be here: only one form of an object, that which
// CloudTrail writes, {"Records":[…]} in one line.
//
// For each day there are three statements: one reads the day's objects into a table
// of its own (parse.go), one adds the records that the table has not, and one adds
// the objects to the ledger (window.go). All three can be run again at any time, or
// be stopped between two of them.
//
// JSON is cut by regular expressions and not by the engine's JSON functions,
// because those print what they read in a form of their own: members in another
// order, numbers rounded, escapes resolved. The columns of JSON text have the text
// as it is in the record.
package clustersql
