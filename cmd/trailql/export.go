package main

import (
	"bufio"
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

type exportFlags struct {
	format, container string
	output            string
	regions           []string
	from, to          string
	force             bool
	engine            string
}

func newExportCommand(a *app) *cobra.Command {
	var f exportFlags
	cmd := &cobra.Command{
		Use:   "export -o DIR|-",
		Short: "Write the original records back as CloudTrail log files",
		Long: `Writes the records of the warehouse as they were delivered, equal as JSON.

-o - writes JSON lines to stdout; on a terminal, characters that would harm it
are written as \u escapes. -o DIR writes files of at most 50 MB of JSON under
DIR/AWSLogs/CloudTrail/REGION/YYYY/MM/DD, which trailql convert and other
readers of archives understand: with --container records as gzip files of
{"Records":[…]}, with jsonl as gzip files of JSON lines. DIR must be new or
empty unless --force is given; files appear there only when all are written.

--regions, --from and --to choose records, by their own region and event time.
--to is exclusive.

With --engine trino://… the records of the cluster's table are written. As CSV,
JSON or Parquet, rows of any query come from trailql query --engine … -o FILE.`,
		Example: `  trailql export -o - --regions us-east-1 | jq .eventName
  trailql export -o october --from 2026-10-01 --to 2026-11-01`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runExport(cmd.Context(), a, f)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.format, "format", "cloudtrail", "`FORMAT` of the records: cloudtrail")
	flags.StringVarP(&f.output, "output", "o", "", "`DIR` to write files to, or - for JSON lines on stdout (required)")
	flags.StringVar(&f.container, "container", containerRecords, "form of the files: records or jsonl")
	flags.StringSliceVar(&f.regions, "regions", nil, "only these `REGIONS` (comma-separated, repeatable)")
	flags.StringVar(&f.from, "from", "", "only events from this `TIME` on: "+windowHelp)
	flags.StringVar(&f.to, "to", "", "only events before this `TIME`: "+windowHelp)
	engineFlag(flags, &f.engine)
	flags.BoolVar(&f.force, "force", false, "write into a folder that holds something, replacing files of the same name")
	return cmd
}

func runExport(ctx context.Context, a *app, f exportFlags) (err error) {
	predicate := catalog.Predicate{Regions: f.regions}
	if predicate.From, predicate.To, err = parseWindow(f.from, f.to); err != nil {
		return err
	}
	switch {
	case f.format != "cloudtrail":
		return usagef("--format %q: only cloudtrail is known", f.format)
	case f.container != containerRecords && f.container != containerLines:
		return usagef("--container %q: want %s or %s", f.container, containerRecords, containerLines)
	case f.output == "":
		return usagef("no output given: want -o DIR or -o -")
	}
	if err := checkEngineFlag(f.engine); err != nil {
		return err
	}
	export := func(write writeRecord) error { return exportFrom(ctx, f.engine, predicate, write) }
	if f.engine == localEngine || f.engine == "" {
		c, err := a.openWarehouse(ctx)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, c.Close()) }()
		export = func(write writeRecord) error {
			return convert.Export(ctx, convert.ExportOptions{Catalog: c, Predicate: predicate, Write: write})
		}
	}
	if f.output == "-" {
		return exportLines(a.stdout, terminalOf(a.stdout) != nil, export)
	}
	tree, err := newExportTree(f.output, f.container, f.force)
	if err != nil {
		return err
	}
	defer tree.discard()
	if err := export(tree.write); err != nil {
		return err
	}
	if err := tree.publish(); err != nil {
		return err
	}
	a.note("wrote %s in %s to %s", quantity.Plural(tree.records, "record"), quantity.Plural(tree.files, "file"), f.output)
	return nil
}

// writeRecord takes a record as JSON, with its partition.
type writeRecord = func(region, date string, record []byte) error

// exportLines writes a record a line: as it is, or for a terminal as equal JSON
// that does not control it.
func exportLines(w io.Writer, terminal bool, export func(writeRecord) error) error {
	out := bufio.NewWriterSize(w, 1<<20)
	err := export(func(_, _ string, record []byte) error {
		if terminal {
			record = output.SafeJSON(record)
		}
		if _, err := out.Write(record); err != nil {
			return err
		}
		return out.WriteByte('\n')
	})
	return errors.Join(err, out.Flush())
}
