package main

import (
	"context"
	"errors"
	"fmt"
	"time"
	_ "time/tzdata" // zones of reports are known on machines without them

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/report"
)

// reportRequest is one run of reports as a user or a schedule asks for it.
type reportRequest struct {
	packs        []string // PACK or PACK@VERSION
	period, zone string
	now          time.Time // what the period is relative to; zero: now
	lateness     time.Duration
	accounts     []string
	regions      []string
	scope        string   // file
	exceptions   string   // file
	params       []string // NAME=VALUE
	formats      string
	output       string // folder; "": none is written
	revise       bool
	baseline     string // previous, or a folder
	failOn       string
	maxFindings  int // listed for each control; 0: report.DefaultMaxFindings
	sample       int
	seed         int64
	sign         string // file of the key
	packDirs     []string
	schedule     string // name of the schedule that was due
	engine       string // "": the local one
	memory       string
	threads      int
}

// reportDone is what a run left.
type reportDone struct {
	report       *report.Report
	dir          string // "" if none was written
	manifestHash string
	recorded     bool // the ledger has the run, failed or not
}

// outcomeError says that reports were made, and what is the matter with them.
type outcomeError struct {
	code    int
	message string
}

func (e outcomeError) Error() string { return e.message }

const defaultFormats = "html,csv,json"

func newReportRunCommand(a *app) *cobra.Command {
	o := reportRequest{formats: defaultFormats, lateness: report.DefaultLateness}
	due, schedules := false, scheduleFlags{}
	cmd := &cobra.Command{
		Use:   "run {PACK[@VERSION]… --period PERIOD | --due}",
		Short: "Check a period against packs",
		Long: `Runs packs over a period of event time and prints a line for each control. With
-o DIR it writes the report there as well, whole or not at all, sealed by a
manifest with the hashes of all files and of the log files that it rests on.

The period is yesterday, last-week (from Monday), last-month, last-quarter,
last-year, a day 2026-08-14, a month 2026-08, a year 2026, or FROM/TO with days
or RFC 3339 times, where TO is not included. Days are those of --tz. A period
that ended less than --lateness ago may yet get events: what it does not show is
NOT_ASSESSED.

--accounts and --regions limit the report, and declare what has to be in the
archive: days without events of theirs are gaps. A scope file can say the same
and set lists that packs need, such as regulated resources:

  accounts: ["111122223333"]
  regions: [us-east-1, eu-west-1]
  parameters:
    regulated: ["arn:aws:s3:::cards*"]
  not_applicable:
    pci-dss-4/8.6.1: there are no accounts of applications

Exceptions suppress findings, which stay visible. They expire:

  exceptions:
    - id: EX-1
      rule: SG-WORLD
      match: {account: "111122223333", resource: "sg-0abc*"}
      reason: public load balancer
      ticket: SEC-42
      approved_by: j.doe
      created: 2026-01-15
      expires: 2026-12-31

Exit codes: 3 the archive does not cover everything, or may not, 5 a control is
in alarm at or above --fail-on, 6 a control could not be assessed because of an
error; the highest that applies. That a control is NOT_ASSESSED for another
reason, such as a parameter without a value, does not change the exit code.`,
		Example: `  trailql report run cis-aws-foundations --period last-month -o reports/2026-10
  trailql report run pci-dss-4 soc2 --period last-quarter --tz Europe/Berlin --scope scope.yaml --exceptions exceptions.yaml -o reports/q3 --baseline previous --sign key.pem
  trailql report run security-baseline --period yesterday --fail-on high
  trailql report run incident-triage --period 2026-11-01/now --param subject_keys=AKIAIOSFODNN7EXAMPLE`,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.packs = args
			if err := checkEngineFlag(o.engine); err != nil {
				return err
			}
			if o.maxFindings < 1 {
				return usagef("--max-findings %d: want 1 or more", o.maxFindings)
			}
			if due {
				if cmd.Flags().Changed("engine") && o.engine != localEngine {
					return usagef("--due runs schedules, which are of a warehouse: no --engine")
				}
				if len(args) > 0 || o.period != "" || o.output != "" {
					return usagef("--due runs what the schedules say: no packs, no --period, no --output")
				}
				return runDue(cmd.Context(), a, schedules)
			}
			if cmd.Flags().Changed("format") && o.output == "" {
				return usagef("--format needs a folder to write to: give -o DIR")
			}
			done, err := a.runReport(cmd.Context(), o)
			if done.report == nil {
				return err
			}
			return errors.Join(printSummary(a, done.report), err)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.period, "period", "", "`PERIOD` of event time (required)")
	flags.StringVar(&o.zone, "tz", "", "time `ZONE` of days, an IANA name such as Europe/Berlin (default UTC)")
	flags.DurationVar(&o.lateness, "lateness", o.lateness, "`DURATION` that log files may take to arrive")
	flags.StringSliceVar(&o.accounts, "accounts", nil, "only these `ACCOUNTS`, which have to be there (comma-separated, repeatable)")
	flags.StringSliceVar(&o.regions, "regions", nil, "only these `REGIONS`, which have to be there (comma-separated, repeatable)")
	flags.StringVar(&o.scope, "scope", "", "`FILE` with accounts, regions and parameters")
	flags.StringVar(&o.exceptions, "exceptions", "", "`FILE` with accepted findings")
	flags.StringArrayVar(&o.params, "param", nil, "`NAME=VALUE` of a pack's parameter; repeat it for a list")
	packDirFlag(cmd, &o.packDirs)
	flags.StringVarP(&o.output, "output", "o", "", "`DIR` to write the report to, which must not be there yet")
	flags.BoolVar(&o.revise, "revise", false, "if DIR is there, write a new revision beside it: DIR-r2, DIR-r3 …")
	flags.StringVarP(&o.formats, "format", "F", o.formats, "`FORMATS` of the report: html, csv, json, jsonl, md, junit, ocsf, or all (comma-separated)")
	flags.StringVar(&o.baseline, "baseline", "", "`REPORT` to compare with: a folder, or previous for that of the period before, of the same packs, beside DIR")
	flags.StringVar(&o.failOn, "fail-on", "", "exit with 5 if a control FAILs or is to be REVIEWed with `SEVERITY` or higher: info, low, medium, high or critical")
	flags.IntVar(&o.maxFindings, "max-findings", report.DefaultMaxFindings, "list at most `N` findings of each control, 1 or more; all of them are counted")
	flags.IntVar(&o.sample, "sample", 0, "draw a random sample of `N` events of each control")
	flags.Int64Var(&o.seed, "seed", 0, "`NUMBER` that decides the sample: the same gives the same")
	flags.StringVar(&o.sign, "sign", "", "sign the manifest with the Ed25519 key of `FILE` (see trailql report key)")
	engineFlag(flags, &o.engine)
	flags.StringVar(&o.memory, "memory", "", "memory for queries, a `SIZE` such as 2GiB (default 80 % of the machine's)")
	flags.IntVar(&o.threads, "threads", 0, "use `N` threads (default one for each processor)")
	flags.BoolVar(&due, "due", false, "run the schedules that are due instead, each missed period once (see trailql schedule)")
	schedules.add(flags)
	return cmd
}

// runReport makes one report, and writes it if the request names a folder; then the
// ledger has the run as well. With an outcomeError the report is made and written;
// after any other error nothing is, or only the ledger lacks it.
func (a *app) runReport(ctx context.Context, o reportRequest) (done reportDone, err error) {
	p, err := a.prepareReport(ctx, o)
	if err != nil {
		return done, err
	}
	e, err := a.openEngine(ctx, o.engine, p.duck)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	done, err = p.make(ctx, e)
	switch {
	case p.dir == "":
	case e.catalog == nil:
		a.note("report_runs does not have this run: that is a table of a warehouse, and %s has none", e.name)
	default:
		if e := p.record(context.WithoutCancel(ctx), e.catalog, done, err, a.now()); e != nil {
			return done, errors.Join(err, fmt.Errorf("the ledger lacks this run: %w", e))
		}
		done.recorded = true
	}
	if err != nil {
		return reportDone{recorded: done.recorded}, err
	}
	if done.dir != "" {
		a.note("wrote %s", done.dir)
	}
	if o.baseline != "" && done.report.Baseline == nil {
		a.note("there is no earlier report of these packs beside it to compare with")
	}
	err = p.outcome(done.report)
	if o, ok := errors.AsType[outcomeError](err); ok && o.code != exitIncomplete && !done.report.Coverage.Complete {
		a.warn("%s", incomplete(done.report))
	}
	return done, err
}
