package main

import (
	"cmp"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/render"
)

func newReportDiffCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Say what changed from report A to report B",
		Long: `Compares two folders with reports by the ids of their findings, which are the
same whenever one rule sees one actor do something to one resource. Prints a line
for each control, then the findings that are new or gone. What B could not see is not
gone: controls that it does not have, rules that could not run, accounts and regions
out of its scope. Long values are cut: the reports have all of them.`,
		Example: "  trailql report diff reports/2026-09 reports/2026-10",
		Args:    usageArgs(cobra.ExactArgs(2)),
		RunE: func(_ *cobra.Command, args []string) error {
			var reports [2]*report.Report
			for i, dir := range args {
				r, err := render.Read(dir)
				if err != nil {
					return usageError{err}
				}
				reports[i] = r
			}
			return printDiff(a, report.Diff(reports[0], reports[1]))
		},
	}
	return cmd
}

func printDiff(a *app, list []report.ControlDifference) error {
	out := &lines{}
	controls := newTextTable("control", "before", "after", "findings", "new", "recurring", "resolved", "title")
	findings := newTextTable("change", "control", "severity", "rule", "account", "region", "actor", "event", "resource", "finding")
	changes, partial := 0, false
	add := func(change string, of []report.BaselineFinding) {
		for _, f := range of {
			findings.row(change, f.Pack+"/"+f.Control, f.Severity.String(), f.Rule, cutMiddle(f.Account), cutMiddle(f.Region), cutMiddle(f.Actor), cutMiddle(f.Event), cutMiddle(f.Resource), f.ID)
			changes++
		}
	}
	for _, d := range list {
		count := quantity.Count(d.Count)
		if d.After == "" {
			count = "-" // B does not have the control: nothing is gone
		}
		controls.row(d.Pack+"/"+d.Control, cmp.Or(string(d.Before), "-"), cmp.Or(string(d.After), "-"), quantity.Count(d.CountBefore)+" → "+count,
			quantity.Count(int64(len(d.New))), quantity.Count(int64(len(d.Recurring))), quantity.Count(int64(len(d.Resolved))), d.Title)
		add("new", d.New)
		add("resolved", d.Resolved)
		partial = partial || d.Partial
	}
	out.table(controls)
	if changes > 0 {
		out.add("")
		out.table(findings)
	}
	if partial {
		a.warn("one of the reports does not list all of its findings: some that recur may seem new or resolved")
	}
	return out.write(a.stdout)
}

// cutMiddle keeps the columns of a table together, whatever somebody wrote into a log: both
// ends of a text tell more than its beginning alone.
func cutMiddle(text string) string {
	const most = 100
	runes := []rune(output.Escape(text))
	if len(runes) <= most {
		return string(runes)
	}
	return string(runes[:most*2/3]) + "…" + string(runes[len(runes)-most/3:])
}
