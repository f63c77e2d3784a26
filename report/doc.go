// Package report runs packs of rules over a period of the archive and says, for
// each control, what the archive shows. Start with Run; its Report is what
// report/render writes in every format and report/manifest seals.
//
//	pack      rules and controls, YAML
//	report    period, scope, coverage, exceptions, states, differences
//	render    html, csv, json, jsonl, md, junit, ocsf
//	manifest  hashes, chain, signature; verification
//	schedule  when which report is due
//	delivery  where it goes
//	ledger    which runs there were
//
// A control is never PASS by accident: what the archive does not cover is
// NOT_ASSESSED, what failed is ERROR. The table of states is at decide, in state.go.
//
// # A run
//
//  1. coverage.go reads on which days the archive has events at all, and how many
//     of which account and region in each hour of the period; gaps.go says which
//     of the silent days and hours are gaps.
//  2. run.go runs the rules of all packs that agree on the parameters in one pass, part
//     by part of a long period (parts.go); collect.go sorts what they
//     take into controls as it comes, with the exceptions that suppress it
//     (exceptions.go) and a stable id (finding.go).
//  3. assess.go and dataevents.go answer the rules that are computed over the
//     archive instead of over events.
//  4. build.go makes the Report, with the state of each control (state.go), samples
//     (sample.go) and differences from an earlier one (difference.go).
//
// # Memory
//
// Findings are counted exactly, whatever their number; listed are those of
// Options.MaxFindings for each control and some millions in all, and Control.Unlisted
// counts the rest. Whoever wants all of them asks the archive with the SQL of the
// rule, which the report quotes.
package report
