package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/report/render"
	"github.com/trailql/trailql/report/schedule"
)

type scheduleAddFlags struct {
	scheduleFlags
	schedule.Schedule
	jitter, lateness, retention string
	catchUp                     string
	deliver                     []string
}

func newScheduleAddCommand(a *app) *cobra.Command {
	var f scheduleAddFlags
	cmd := &cobra.Command{
		Use:   "add NAME PACK[@VERSION]… --cron EXPRESSION --period PERIOD -o DIR",
		Short: "Add a schedule",
		Long: `Adds a schedule to the file, after a check of all that can be checked now. The
first run is the next one that comes. See trailql schedule --help for what the
parts mean, and trailql report run --help for those of the report.

--deliver is a folder, or a target in YAML: '{s3: s3://audit/reports}',
'{slack: {url_env: SLACK_URL}}'. docs/schedules.md has all of them.`,
		Example: `  trailql schedule add daily-pci pci-dss-4 --cron '30 6 * * *' --tz Europe/Berlin --period yesterday -o /srv/reports --convert /srv/archive/AWSLogs
  trailql schedule add board soc2 hipaa --cron @quarterly --period last-quarter -o /srv/reports --baseline previous --deliver /mnt/audit`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) < 2 {
				return usagef("want a name and at least one pack (see %s --help)", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			f.Name, f.Packs = args[0], args[1:]
			return addSchedule(cmd, a, f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.Cron, "cron", "", "when: five `FIELDS`, or @daily, @weekly, @monthly, @quarterly, @yearly (required)")
	flags.StringVar(&f.Zone, "tz", "", "time `ZONE` of --cron and of days, an IANA name such as Europe/Berlin (default UTC)")
	flags.StringVar(&f.Period, "period", "", "`PERIOD` of event time: yesterday, last-week, last-month, last-quarter or last-year (required)")
	flags.StringVarP(&f.Output, "output", "o", "", "`DIR` for the reports (required)")
	flags.StringSliceVarP(&f.Formats, "format", "F", nil, "`FORMATS` of the reports (default "+defaultFormats+")")
	flags.StringVar(&f.jitter, "jitter", "", "put each run off by up to this `DURATION`, always the same for the same run")
	flags.StringVar(&f.lateness, "lateness", "", "`DURATION` that log files may take to arrive (default 1h)")
	flags.StringVar(&f.catchUp, "catch-up", "", "missed runs to make up for: all or newest (default all)")
	flags.IntVar(&f.CatchUpLimit, "catch-up-limit", 0, "make up for `N` missed periods at most, the newest ones (default 31)")
	flags.StringArrayVar(&f.Convert, "convert", nil, "convert `SRC` before the run; repeatable")
	flags.StringSliceVar(&f.Accounts, "accounts", nil, "only these `ACCOUNTS`, which have to be there (comma-separated, repeatable)")
	flags.StringSliceVar(&f.Regions, "regions", nil, "only these `REGIONS`, which have to be there (comma-separated, repeatable)")
	flags.StringVar(&f.Scope, "scope", "", "`FILE` with accounts, regions and parameters")
	flags.StringVar(&f.Exceptions, "exceptions", "", "`FILE` with accepted findings")
	flags.StringArrayVar(&f.Params, "param", nil, "`NAME=VALUE` of a pack's parameter; repeat it for a list")
	packDirFlag(cmd, &f.PackDirs)
	flags.StringVar(&f.Baseline, "baseline", "", "`REPORT` to compare with: a folder, or previous")
	flags.StringVar(&f.FailOn, "fail-on", "", "exit with 5 if a control is in alarm at `SEVERITY` or above")
	flags.StringVar(&f.Sign, "sign", "", "sign the manifests with the key of `FILE`")
	flags.StringVar(&f.retention, "retention", "", "remove reports this `DURATION` after the end of their period, such as 400d or 7y (default never)")
	flags.StringArrayVar(&f.deliver, "deliver", nil, "deliver reports to `TARGET`; repeatable")
	f.scheduleFlags.add(flags)
	return cmd
}

func addSchedule(cmd *cobra.Command, a *app, f scheduleAddFlags) error {
	if err := f.settle(); err != nil {
		return err
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	s := f.Schedule
	s.Created, s.CatchUp = a.now().UTC().Truncate(time.Second), schedule.CatchUp(f.catchUp)
	for text, into := range map[string]*schedule.Duration{f.jitter: &s.Jitter, f.lateness: &s.Lateness, f.retention: &s.Retention} {
		if text == "" {
			continue
		}
		if *into, err = schedule.ParseDuration(text); err != nil {
			return usageError{err}
		}
	}
	for _, text := range f.deliver {
		t, err := schedule.ParseTarget(text, here)
		if err != nil {
			return usagef("--deliver: %w", err)
		}
		s.Deliver = append(s.Deliver, t)
	}
	if err := s.Validate(here); err != nil {
		return usageError{err}
	}
	if err := a.checkScheduled(cmd.Context(), &s); err != nil {
		return err
	}
	err = schedule.Add(cmd.Context(), f.file, s)
	if errors.Is(err, schedule.ErrExist) {
		return usagef("%w: remove it first, or edit %s", err, f.file)
	}
	if err != nil {
		return fileError(err)
	}
	next := s.Next(a.now())
	a.note("schedule %s added to %s; its first run is due %s", s.Name, f.file, localTime(next.Add(s.Delay(next)), &s))
	if d, err := s.DueAt(next, next); err == nil && d.Period.Open {
		a.note("the run comes less than %s after the end of its period: events that arrive later are not in the report, and it says so. A later time avoids that", schedule.Duration(d.Period.Lateness))
	}
	a.note("a timer has to look for what is due: see trailql schedule print --help")
	return nil
}

// faultsOf are what will go wrong with a schedule that was written by hand, or has
// become wrong since.
func (a *app) faultsOf(ctx context.Context, s *schedule.Schedule) []error {
	var faults []error
	if err := a.checkScheduled(ctx, s); err != nil {
		faults = append(faults, err)
	}
	for _, t := range s.Deliver {
		for _, name := range schedule.TargetFiles(t) {
			if _, err := os.Stat(name); err != nil {
				faults = append(faults, fmt.Errorf("deliver: file %s: %w", name, errors.Unwrap(err)))
			}
		}
		if t.Folder == "" {
			continue
		}
		if info, err := os.Stat(t.Folder); err != nil {
			faults = append(faults, fmt.Errorf("deliver: folder %s: %w", t.Folder, errors.Unwrap(err)))
		} else if !info.IsDir() {
			faults = append(faults, fmt.Errorf("deliver: %s is no folder", t.Folder))
		}
	}
	return faults
}

// checkScheduled finds what is wrong with the report of a schedule before its
// first run does.
func (a *app) checkScheduled(ctx context.Context, s *schedule.Schedule) error {
	request := scheduledRequest(s, s.Created)
	request.output, request.baseline = "", "" // of each run
	p, err := a.prepareReport(ctx, request)
	if err != nil {
		return err
	}
	if s.Baseline == "previous" && !slices.Contains(p.formats, render.JSON) {
		return usagef("--baseline previous: reports are compared by their %s: add json to --format", render.Readable)
	}
	_, err = findSources(ctx, s.Convert, strings.NewReader(""))
	return err
}
