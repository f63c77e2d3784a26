// Package pack holds what reports look for: rules, which are conditions on
// CloudTrail events, and packs, which group rules under the controls of a
// framework. Both are YAML; the ones in packs/ are built in, and users bring
// their own.
//
// # From YAML to rows
//
//  1. document.go reads YAML strictly: an unknown key, a duplicate and a value of
//     the wrong type are problems with file, line and column.
//  2. [Load] makes a [Library] of the documents; validate.go looks at what they
//     say: names that nobody defines, SQL that does not translate.
//     A filter pattern of CloudWatch Logs becomes a condition in pattern.go.
//  3. expand.go and operand.go replace the short names of macros.go, such as OK or rp(userName),
//     in a rule's SQL, and makes every operand two-valued: a field that a record
//     lacks reads as empty text, except before IS. So no condition is ever NULL,
//     and a missing field never hides an event.
//  4. [Library.Plan] makes one statement of all rules that the chosen packs need:
//     one pass over the table (scan.go), a row for each event that any rule takes
//     (rows.go). Bursts over events that are not themselves evidence, and uses of what
//     may be new, are counted by a second one over few columns (tally.go). What was in
//     use before the period is asked of that time only, by a third one.
//  5. [Plan.Run] streams the events, in order of time, and then the correlations:
//     bursts, sequences and first uses (correlate.go, tallying.go). [Plan.RunInParts]
//     reads long periods in parts, and less of what is no longer looked at (parts.go).
//
// The SQL is Athena's, so the same plan runs wherever that is understood.
package pack
