// Package render writes a report in the formats that people and programs read.
// Write writes them all from one Report; nothing is computed from the archive
// here, and every format takes its numbers from summary.go, so they agree.
//
//	report.html     for a manager and an auditor; one file, no script
//	report.md       a summary for a chat or a pull request
//	report.json     everything, schema trailql.report/1 (report.schema.json)
//	evidence.jsonl  a line for each finding of each control
//	csv/            a file for each control, and lists of controls and coverage
//	junit.xml       a test case for each control
//	ocsf.jsonl      a Detection Finding of OCSF for each event and rule
//
// The texts of a report come from logs, so an attacker may have written them.
// In HTML they pass through html/template and output.Escape, are never a URL and
// never markup; the same holds for Markdown and XML in their ways. JSON and CSV
// keep them exactly, but for the apostrophe before what a spreadsheet would take
// for a formula.
//
// The bytes are a function of the Report. What differs between two runs on one
// snapshot, Report.Run, stands in one place of each file that has it: the line
// "run" of report.json, the section "run" of report.html, the last lines of
// report.md and the attributes of junit.xml's root. The other files do not have
// it.
package render
