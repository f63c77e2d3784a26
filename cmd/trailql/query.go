package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/duck"
	"github.com/trailql/trailql/engine/output"
)

const defaultMaxRows = 40

// queryFlags are the flags of the command as the user gave them.
type queryFlags struct {
	sources    []sqlSource
	format     string
	output     string
	force      bool
	timeout    time.Duration
	memory     string
	threads    int
	maxRows    int
	maxRowsSet bool
}

func newQueryCommand(a *app) *cobra.Command {
	f := queryFlags{format: formatAuto, maxRows: defaultMaxRows}
	cmd := &cobra.Command{
		Use:     "query [SQL | -]",
		Aliases: []string{"q"},
		Short:   "Run SQL on the warehouse",
		Long: `Runs SQL and writes its rows to stdout, everything else to stderr. Statements of
several sources run in the order given and stop at the first error. A SELECT
without FROM reads cloudtrail_logs.

On a terminal rows are a table that is fitted to its width and shows the first
and last rows of a long result; --format vertical gives each value lines of its
own, whole. Into a pipe or a file rows are complete: CSV unless --format says
otherwise. In CSV NULL is nothing and an empty text is "". Nothing is changed to
suit a spreadsheet: texts that begin with = + - @ are formulas to it.`,
		Example: `  trailql query "SELECT * WHERE eventsource='s3.amazonaws.com' LIMIT 10"
  trailql query --format vertical "SELECT * WHERE eventname = 'ConsoleLogin' LIMIT 1"
  trailql query --format jsonl "SELECT eventname, count(*) n GROUP BY 1 ORDER BY n DESC"
  trailql query -o denied.csv "SELECT eventtime, useridentity.arn WHERE errorcode = 'AccessDenied'"
  trailql query -f hunt.sql
  echo "SELECT count(*)" | trailql query -`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.maxRowsSet = cmd.Flags().Changed("max-rows")
			for _, arg := range args {
				if arg == "-" {
					f.sources = append(f.sources, sqlSource{file: "-"})
				} else {
					f.sources = append(f.sources, sqlSource{sql: arg})
				}
			}
			return runQuery(cmd.Context(), a, f)
		},
	}
	flags := cmd.Flags()
	flags.VarP(sourceFlag{&f.sources, false}, "command", "c", "run `SQL`; repeatable")
	flags.VarP(sourceFlag{&f.sources, true}, "file", "f", "run the statements in `FILE` (- for stdin); repeatable")
	flags.StringVarP(&f.format, "format", "F", f.format, "`FORMAT` of the rows: auto, table, vertical, csv, json or jsonl")
	flags.StringVarP(&f.output, "output", "o", "", "write the rows to `FILE`, whole or not at all; its suffix says the format")
	flags.BoolVar(&f.force, "force", false, "replace the file of --output")
	flags.DurationVar(&f.timeout, "timeout", 0, "stop a statement after this `DURATION`, such as 90s (default no limit)")
	flags.StringVar(&f.memory, "memory", "", "memory for queries, a `SIZE` such as 2GiB (default 80 % of the machine's)")
	flags.IntVar(&f.threads, "threads", 0, "use `N` threads (default one for each processor)")
	flags.IntVar(&f.maxRows, "max-rows", f.maxRows, "show at most `N` rows of a table, 0 for all; off a terminal all are shown unless given")
	return cmd
}

func runQuery(ctx context.Context, a *app, f queryFlags) (err error) {
	options := duck.Options{Threads: f.threads}
	switch {
	case len(f.sources) == 0:
		return usagef("no SQL given: name it as an argument, with -c or -f, or - for stdin")
	case f.threads < 0:
		return usagef("--threads %d: want 1 or more", f.threads)
	case f.maxRows < 0:
		return usagef("--max-rows %d: want 0 or more", f.maxRows)
	case f.timeout < 0:
		return usagef("--timeout %s: want a duration above zero", f.timeout)
	case f.memory != "":
		if options.Memory, err = parseSize(f.memory); err != nil {
			return usagef("--memory: %w", err)
		}
	}
	format, err := f.chooseFormat(a)
	if err != nil {
		return err
	}
	statements, err := readStatements(a.stdin, f.sources)
	if err != nil {
		return err
	}
	if len(statements) > 1 && (format == output.CSV || format == output.JSON) {
		return usagef("%s holds one result, there are %d statements: use --format jsonl or table, or run them one by one", format, len(statements))
	}
	if options.Catalog, err = a.openWarehouse(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, options.Catalog.Close()) }()
	e, err := duck.Open(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()

	out, err := openQueryOutput(a, f, format)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.discard()) }()
	for i, s := range statements {
		if err := out.separate(i); err != nil {
			return err
		}
		if err := runStatement(ctx, e, s, f.timeout, out); err != nil {
			return err
		}
	}
	return out.commit()
}

func runStatement(ctx context.Context, e engine.Engine, s sqlStatement, timeout time.Duration, out *queryOutput) (err error) {
	result, err := e.Query(ctx, engine.Query{SQL: s.sql, Limits: engine.Limits{Timeout: timeout}})
	if err != nil {
		return s.locate(err)
	}
	defer func() { err = errors.Join(err, result.Close()) }()
	w, err := output.New(out.writer, result.Schema(), out.options)
	if err != nil {
		return err
	}
	for batch, err := range result.Batches() {
		if err != nil {
			return s.locate(err)
		}
		if err := w.Write(batch); err != nil {
			return err
		}
	}
	summary, err := w.Close()
	if err != nil {
		return err
	}
	out.footer(summary, result.Stats())
	return nil
}
