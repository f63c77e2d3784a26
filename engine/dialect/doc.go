// Package dialect turns the SQL that people write for Athena, for CloudTrail
// Lake and for Tailpipe into the SQL that the local engine runs. It reads text
// only: it touches no data and never guesses. What it cannot translate exactly
// is an [Error] with the place, the reason and a hint.
//
// [Split] cuts a script into statements, [Translate] rewrites one of them,
// [Tokens] is the lexer under both.
//
// # How a statement is translated
//
//  1. statements.go and hive.go read what stands around a query: SHOW, CREATE
//     VIEW, UNLOAD, PREPARE, Hive's CREATE EXTERNAL TABLE, ….
//  2. from.go and columns.go add missing FROM clauses, as below. In the dialect
//     duckdb that is all.
//  3. parse.go and the other parse_….go read Trino's grammar, and
//     DuckDB's where people mix the two, into the tree of tree.go. table_name.go
//     knows the names of tables that are none in SQL: UUIDs, $EDS_ID, <EDS ID>.
//  4. query.go, source.go and expression.go walk the tree with a [Type] for each expression
//     and a scope (scope.go) of what names mean, and note patches: parts of the
//     text to replace or to put something around. call.go, rewrite.go, lambda.go, cast.go,
//     timeformat.go and jsonquery.go do so for functions.
//  5. writer.go copies the text with its patches and keeps where each piece came
//     from, so that [Statement.Position] leads the engine's errors back.
//
// Functions that DuckDB lacks or that mean something else there are called by
// names of ours, trino_…: macros, whose texts [Functions] has, or functions that
// the engine brings. Nothing shadows a function of DuckDB's.
//
// # Tables and columns
//
// [Relations] says which there are. Athena: a name that contains "trail" and is
// nothing else means cloudtrail_logs, and a database in front of a table is
// dropped. Lake: any name means cloudtrail_lake. Virtual columns, such as year or
// account, are replaced in the text by expressions over real columns; * does not
// show them.
//
// # A SELECT without FROM
//
// A SELECT without FROM reads the default table when it could not mean anything
// else, that is when it refers to a column:
//
//	SELECT * WHERE eventsource = 's3.amazonaws.com'      reads cloudtrail_logs
//	SELECT count(*)                                      reads cloudtrail_logs
//	SELECT 1, now(), 'x' || 'y'                          stays as it is
//
// The same holds for the arms of UNION, INTERSECT and EXCEPT, for the bodies of
// WITH and for subqueries that directly follow FROM. A subquery anywhere else
// may mean the columns of the query around it, so there only `SELECT *` is
// completed, a plain `SELECT column` is left alone, and what could be meant
// either way is an error. So is a SELECT without FROM behind its own WITH.
package dialect
