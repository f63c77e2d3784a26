// Package dialect turns the SQL that people write for Athena into the SQL that
// the local engine runs. It reads text only: it touches no data and never
// guesses. What it cannot translate exactly is an [Error] with the place, the
// reason and a hint.
//
// [Split] cuts a script into statements, [Translate] rewrites one of them,
// [Tokens] is the lexer under both.
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
