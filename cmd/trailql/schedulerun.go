package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/delivery"
	"github.com/trailql/trailql/report/ledger"
	"github.com/trailql/trailql/report/schedule"
)

// lookEvery is how often --loop looks for what is due.
const lookEvery = time.Minute

func newScheduleRunCommand(a *app) *cobra.Command {
	var f scheduleFlags
	loop := false
	cmd := &cobra.Command{
		Use:   "run [NAME…]",
		Short: "Make the reports that are due, or those of the schedules named",
		Long: `Makes the reports that are due, as trailql report run --due does: oldest first,
one process at a time. With NAME it makes the reports of these schedules now,
due or not. Deliveries that failed before are tried again.

Prints a line for each report: schedule, period, status, folder. --loop goes on
and looks every minute until it is stopped.

The exit code is 1 if a report could not be made or delivered: it is tried again
at the next call, after a wait that grows to six hours. Else it is that of the
reports: 6, 5 or 3 as for trailql report run.`,
		Example: "  trailql schedule run\n  trailql schedule run daily-pci",
		RunE: func(cmd *cobra.Command, args []string) error {
			if loop && len(args) > 0 {
				return usagef("--loop makes what is due: leave out the names")
			}
			if loop {
				return loopDue(cmd.Context(), a, f)
			}
			return runDue(cmd.Context(), a, f, args...)
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().BoolVar(&loop, "loop", false, "go on, and look every minute")
	return cmd
}

// loopDue makes what is due until the context ends. Errors are said and do not
// end it, unless they are of the file of schedules from the start.
func loopDue(ctx context.Context, a *app, f scheduleFlags) error {
	for first := true; ; first = false {
		err := runDue(ctx, a, f)
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		if _, misused := errors.AsType[usageError](err); misused && first {
			return err
		}
		if made, ok := errors.AsType[outcomeError](err); ok {
			a.warn("%s", made) // as a single run says it
		} else if err != nil {
			a.line("error", output.Message(err))
		}
		timer := time.NewTimer(lookEvery)
		select {
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		case <-timer.C:
		}
	}
}

// dueRun makes the reports that schedules owe.
type dueRun struct {
	app       *app
	deliverer *delivery.Deliverer
	converted map[string]error // by sources: once is enough for all
	worst     outcomeError     // of the reports
	problems  int              // reports that were not made, and deliveries
}

// runDue makes the reports that are due, or those of the schedules named, and
// delivers them and what could not be delivered before. That another process is at
// it already is no error.
func runDue(ctx context.Context, a *app, f scheduleFlags, names ...string) error {
	if err := f.settle(); err != nil {
		return err
	}
	schedules, err := schedule.Load(f.file)
	if err != nil {
		return fileError(err)
	}
	for _, name := range names {
		if !slices.ContainsFunc(schedules, func(s *schedule.Schedule) bool { return s.Name == name }) {
			return usagef("run schedule %q: %w", name, schedule.ErrNotExist) // before any is run
		}
	}
	if len(schedules) == 0 {
		a.note("there are no schedules in %s: trailql schedule add makes one", f.file)
	}
	run := &dueRun{app: a, converted: map[string]error{}}
	run.deliverer = &delivery.Deliverer{Backlog: filepath.Join(f.stateDir, "deliveries"), Now: a.now, OpenStorage: a.openStorage}
	runner := &schedule.Runner{
		File: f.file, StateDir: f.stateDir, Now: a.now, Run: run.make,
		Skip: run.skip,
	}
	if err := run.retry(ctx, schedules); err != nil {
		return err
	}
	err = run.all(ctx, runner, names)
	switch {
	case errors.Is(err, schedule.ErrRunning):
		a.note("%s: %s", f.file, schedule.ErrRunning)
		return nil
	case errors.Is(err, schedule.ErrNotExist):
		return usageError{err}
	}
	if err != nil {
		return fileError(err)
	}
	if run.problems > 0 {
		return fmt.Errorf("run schedules: %s, to be tried again", quantity.Plural(int64(run.problems), "failure"))
	}
	if run.worst.code != 0 {
		return run.worst
	}
	return nil
}

func (r *dueRun) all(ctx context.Context, runner *schedule.Runner, names []string) error {
	if len(names) == 0 {
		outcomes, err := runner.RunDue(ctx)
		r.report(outcomes...)
		return err
	}
	for _, name := range names {
		outcome, err := runner.RunNow(ctx, name)
		if err != nil {
			return err
		}
		r.report(outcome)
	}
	return nil
}

// report says which runs failed.
func (r *dueRun) report(outcomes ...schedule.Outcome) {
	for _, o := range outcomes {
		if o.Err != nil {
			r.problems++
			r.app.line("error", fmt.Sprintf("schedule %s, %s, attempt %d: %s", o.Due.Schedule.Name, periodText(o.Due), o.Due.Attempt, output.Message(o.Err)))
		}
	}
}

func periodText(d schedule.Due) string {
	zone := d.Schedule.Location()
	return d.Period.From.In(zone).Format(time.DateOnly) + "/" + d.Period.To.In(zone).Format(time.DateOnly)
}

// scheduledRequest is the report of a schedule that was due at a time.
func scheduledRequest(s *schedule.Schedule, at time.Time) reportRequest {
	o := reportRequest{
		packs: s.Packs, period: s.Period, zone: s.Zone, now: at, lateness: time.Duration(s.Lateness),
		accounts: s.Accounts, regions: s.Regions, scope: s.Scope, exceptions: s.Exceptions, params: s.Params, packDirs: s.PackDirs,
		formats: strings.Join(s.Formats, ","), baseline: s.Baseline, failOn: s.FailOn, sign: s.Sign, schedule: s.Name,
	}
	if o.lateness == 0 {
		o.lateness = report.DefaultLateness
	}
	if o.formats == "" {
		o.formats = defaultFormats
	}
	return o
}

// make makes one report and hands it on. Its error means that there is none, which
// people get to know once, or that nothing would deliver it any more.
func (r *dueRun) make(ctx context.Context, d schedule.Due) error {
	recorded, err := r.makeReport(ctx, d)
	if err == nil || context.Cause(ctx) != nil || errors.Is(err, delivery.ErrNotKept) {
		return err
	}
	if !recorded {
		if e := r.recordFailed(ctx, d, err); e != nil {
			err = errors.Join(err, fmt.Errorf("the ledger lacks this run: %w", e))
		}
	}
	id := idWithoutReport("failed", d, d.Period.From)
	m := delivery.Failed(id, d.Schedule.Name, d.Period, d.Schedule.Packs, r.app.now(), buildVersion())
	r.delivered(r.deliverer.Deliver(ctx, m, d.Schedule.Deliver))
	return err
}

// makeReport makes one report, hands it on, and reports whether the ledger has the run,
// failed or not.
func (r *dueRun) makeReport(ctx context.Context, d schedule.Due) (recorded bool, err error) {
	if err := r.convert(ctx, d.Schedule); err != nil {
		return false, fmt.Errorf("convert before the report: %w", err)
	}
	request := scheduledRequest(d.Schedule, d.At)
	request.output, request.revise = d.Schedule.Folder(d.Period.From, d.Period.To), true
	done, err := r.app.runReport(ctx, request)
	made, ok := errors.AsType[outcomeError](err)
	if err != nil && !ok {
		return done.recorded, err
	}
	if ok && severer(made.code, r.worst.code) {
		r.worst = outcomeError{made.code, d.Schedule.Name + ", " + periodText(d) + ": " + made.message}
	}
	if !r.app.quiet {
		fmt.Fprintf(r.app.stdout, "%s\t%s\t%s\t%s\n", d.Schedule.Name, periodText(d), ledger.StatusOf(done.report), output.Escape(done.dir))
	}
	// From here on the report is made. Only one that nobody would hear of is made again.
	outcomes, err := r.deliverer.Deliver(ctx, delivery.Summarize(done.report, done.dir, done.manifestHash), d.Schedule.Deliver)
	if errors.Is(err, delivery.ErrNotKept) {
		r.delivered(outcomes, nil)
		return true, fmt.Errorf("the report is in %s: %w", done.dir, err)
	}
	r.delivered(outcomes, err)
	removed, err := d.Schedule.Expire(r.app.now())
	for _, dir := range removed {
		r.app.note("removed %s: its retention of %s is over", dir, d.Schedule.Retention)
	}
	if err != nil {
		r.problems++
		r.app.line("error", output.Message(err))
	}
	return true, nil
}

// severer orders the exit codes of reports.
func severer(a, b int) bool {
	rank := map[int]int{exitIncomplete: 1, exitAlarm: 2, exitControl: 3}
	return rank[a] > rank[b]
}

// convert brings the warehouse up to date with the sources of a schedule, once
// for all runs that are due.
func (r *dueRun) convert(ctx context.Context, s *schedule.Schedule) error {
	if len(s.Convert) == 0 {
		return nil
	}
	key := strings.Join(s.Convert, "\x00")
	err, done := r.converted[key]
	if done {
		return err
	}
	err = runConvert(ctx, r.app, convertFlags{memory: defaultConvertMemory}, s.Convert)
	if partial, ok := errors.AsType[partialError](err); ok {
		r.app.warn("%s", partial) // it is in rejected_records, and reports say so
		err = nil
	}
	r.converted[key] = err
	return err
}

// retry sends what could not be sent before.
func (r *dueRun) retry(ctx context.Context, schedules []*schedule.Schedule) error {
	targets := map[string][]delivery.Target{}
	for _, s := range schedules {
		targets[s.Name] = s.Deliver
	}
	outcomes, err := r.deliverer.Retry(ctx, targets)
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	r.delivered(outcomes, err)
	return nil
}

func (r *dueRun) delivered(outcomes []delivery.Outcome, err error) {
	if err != nil {
		r.problems++
		r.app.line("error", output.Message(err))
	}
	for _, o := range outcomes {
		switch {
		case o.Err != nil && o.Kept:
			r.problems++
			r.app.line("error", fmt.Sprintf("deliver run %s to %s: %s; it is tried again at the next run", o.RunID, o.Target, output.Message(o.Err)))
		case o.Err != nil:
			r.problems++
			r.app.line("error", fmt.Sprintf("deliver run %s to %s: %s", o.RunID, o.Target, output.Message(o.Err)))
		default:
			r.app.note("run %s delivered to %s", o.RunID, o.Target)
			if o.Warning != "" {
				r.app.warn("%s", o.Warning)
			}
		}
	}
}

// skip says which missed runs are not made up for, and puts them into the ledger.
func (r *dueRun) skip(ctx context.Context, missed []schedule.Due) (err error) {
	for _, d := range missed {
		r.app.warn("schedule %s: the run of %s was missed and is not made up for: trailql report run --period %s --tz %s does", d.Schedule.Name, d.At.Format(time.RFC3339), periodText(d), d.Schedule.Location())
	}
	c, err := r.app.openWarehouse(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	for _, d := range missed {
		if err := recordSkippedRun(ctx, c, d, r.app.now()); err != nil {
			return err
		}
	}
	return nil
}

// idWithoutReport is the same however often it is asked for. Files of schedules may
// share the warehouse and the deliveries, so their source is in it.
func idWithoutReport(what string, d schedule.Due, at time.Time) string {
	return what + "-" + d.Schedule.Name + "-" + at.UTC().Format("20060102T150405Z") + "-" + d.Source
}

// runWithoutReport is a row of the ledger for a run that never began.
func runWithoutReport(d schedule.Due, started, ended time.Time) ledger.Run {
	run := ledger.Run{
		Schedule: d.Schedule.Name, Operator: operator(), Version: buildVersion(), Started: started.UTC(), Ended: ended.UTC(),
		PeriodName: d.Period.Name, From: d.Period.From, To: d.Period.To, Zone: d.Period.Zone, Accounts: d.Schedule.Accounts, Regions: d.Schedule.Regions,
	}
	for _, p := range d.Schedule.Selections() {
		run.Packs = append(run.Packs, ledger.Pack{ID: p.Pack, Version: p.Version})
	}
	return run
}

// recordFailed puts a run into the ledger that failed before it began. Without a
// warehouse there is no ledger.
func (r *dueRun) recordFailed(ctx context.Context, d schedule.Due, why error) (err error) {
	c, err := r.app.openWarehouse(ctx)
	if err != nil {
		return nil
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	run := runWithoutReport(d, r.app.now(), r.app.now())
	run.ID, run.Status, run.Error = runID(r.app.now()), ledger.Failed, why.Error()
	return ledger.Append(ctx, c.Storage(), run)
}

func recordSkippedRun(ctx context.Context, c *catalog.Catalog, d schedule.Due, now time.Time) error {
	run := runWithoutReport(d, d.At, now)
	run.ID, run.Status = idWithoutReport("skipped", d, d.At), ledger.Skipped
	err := ledger.Append(ctx, c.Storage(), run)
	if errors.Is(err, storage.ErrExist) {
		return nil // a process that was killed here recorded it
	}
	return err
}
