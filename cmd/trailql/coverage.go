package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/duck"
	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/render"
)

type coverageFlags struct {
	period, zone, format, memory string
	engine                       string
	accounts, regions            []string
	lateness                     time.Duration
	ascii                        bool
}

func newCoverageCommand(a *app) *cobra.Command {
	f := coverageFlags{format: "text", lateness: report.DefaultLateness}
	cmd := &cobra.Command{
		Use:   "coverage",
		Short: "Say what the archive has, hour by hour, and what is missing",
		Long: `Shows for each account and region the events, log files and digests of a period
as a heat map, and names what is missing: gaps, regions that fell silent, accounts
without the events of us-east-1, hours without a digest. An hour without events of
which digests say that nothing was delivered is no gap.

--accounts and --regions declare what has to be there. What a gap is:
docs/reports.md. In SQL the table coverage has the same numbers by hour.

Exit code 3: something is missing, or that cannot be decided.`,
		Example: `  trailql coverage
  trailql coverage --period last-month --accounts 111122223333 --format html > coverage.html`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkChoice("format", f.format, []string{"text", "json", "html"}); err != nil {
				return err
			}
			if err := checkEngineFlag(f.engine); err != nil {
				return err
			}
			return a.coverage(cmd.Context(), f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.period, "period", "", "`PERIOD` of event time, as of report run (default all that the archive has)")
	flags.StringVar(&f.zone, "tz", "", "time `ZONE` of the period's days, an IANA name (default UTC)")
	flags.DurationVar(&f.lateness, "lateness", f.lateness, "`DURATION` that log files may take to arrive")
	flags.StringSliceVar(&f.accounts, "accounts", nil, "only these `ACCOUNTS`, which have to be there (comma-separated, repeatable)")
	flags.StringSliceVar(&f.regions, "regions", nil, "only these `REGIONS`, which have to be there (comma-separated, repeatable)")
	flags.StringVarP(&f.format, "format", "F", f.format, "`FORMAT`: text, json or html")
	flags.BoolVar(&f.ascii, "ascii", false, "draw with ASCII")
	engineFlag(flags, &f.engine)
	flags.StringVar(&f.memory, "memory", "", "memory for queries, a `SIZE` such as 2GiB (default 80 % of the machine's)")
	return cmd
}

func (a *app) coverage(ctx context.Context, f coverageFlags) (err error) {
	zone, err := report.LoadZone(f.zone)
	if err != nil {
		return usagef("--tz: %w", err)
	}
	var period report.Period
	if f.period != "" {
		if period, err = report.ParsePeriod(f.period, zone, a.now(), f.lateness); err != nil {
			return usageError{err}
		}
	}
	options := duck.Options{}
	if f.memory != "" {
		if options.Memory, err = quantity.ParseBytes(f.memory); err != nil {
			return usagef("--memory: %w", err)
		}
	}
	e, err := a.openEngine(ctx, f.engine, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	query := func(ctx context.Context, sql string, params ...any) (*engine.Result, error) {
		return e.Query(ctx, engine.Query{SQL: sql, Params: params})
	}
	if f.period == "" {
		from, to, err := report.Span(ctx, query)
		if err != nil {
			return err
		}
		if from.IsZero() {
			return usagef("the warehouse has no events yet: trailql convert brings them in")
		}
		period = report.Period{Name: "all", From: from, To: to, Zone: zone.String(), Lateness: f.lateness}
	}
	inventory, err := report.ReadInventory(ctx, query, period, report.Scope{Accounts: f.accounts, Regions: f.regions})
	if err != nil {
		return fileError(err)
	}
	if err := a.writeCoverage(inventory, f); err != nil {
		return err
	}
	if !inventory.Coverage.Complete {
		return outcomeError{exitIncomplete, "the archive does not cover everything: " + inventory.Uncovered()}
	}
	return nil
}

func (a *app) writeCoverage(i *report.Inventory, f coverageFlags) error {
	var b bytes.Buffer // whole or not at all
	var err error
	switch f.format {
	case "json":
		err = render.WriteCoverageJSON(&b, i)
	case "html":
		err = render.WriteCoverageHTML(&b, i)
	default:
		style := render.TextStyle{ASCII: f.ascii}
		if terminal := terminalOf(a.stdout); terminal != nil {
			display := displayFlags{ascii: f.ascii}
			style.Columns, style.ASCII = widthOf(terminal), display.onlyASCII()
		}
		err = render.WriteCoverageText(&b, i, style)
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(a.stdout, &b)
	return err
}
