package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/ledger"
	"github.com/trailql/trailql/report/manifest"
	"github.com/trailql/trailql/report/render"
)

// make runs the packs and writes the report.
func (p *preparedReport) make(ctx context.Context, e *openedEngine) (done reportDone, err error) {
	if p.options.Runs, err = pastRuns(ctx, e); err != nil {
		return done, err
	}
	p.options.Query = func(ctx context.Context, sql string, params ...any) (*engine.Result, error) {
		return e.Query(ctx, engine.Query{SQL: sql, Params: params})
	}
	if hash := p.options.LedgerHash(); hash != "" {
		p.inputs = append(p.inputs, manifest.Input{Name: ledger.Table, SHA256: hash})
	}
	if done.report, err = p.run(ctx, e); err != nil {
		return done, fileError(err)
	}
	if p.dir == "" {
		return done, nil
	}
	if done.manifestHash, err = p.write(ctx, done.report); err == nil {
		done.dir = p.dir
	}
	return done, err
}

// pastRuns are those of the warehouse's ledger; nil on a cluster, which has none.
func pastRuns(ctx context.Context, e *openedEngine) ([]report.PastRun, error) {
	if e.catalog == nil {
		return nil, nil
	}
	past, err := ledger.Runs(ctx, e.catalog.Storage(), time.Time{}, time.Time{})
	if err != nil {
		return nil, err
	}
	runs := []report.PastRun{}
	for _, r := range past {
		run := report.PastRun{
			ID: r.ID, Started: r.Started, From: r.From, To: r.To, Accounts: r.Accounts, Regions: r.Regions,
			Scheduled: r.Schedule != "", Finished: r.Status != ledger.Failed && r.Status != ledger.Skipped,
		}
		for _, one := range r.Packs {
			run.Packs = append(run.Packs, one.ID)
		}
		runs = append(runs, run)
	}
	return runs, nil
}

// record adds the run to the ledger, failed or not.
func (p *preparedReport) record(ctx context.Context, c *catalog.Catalog, done reportDone, failed error, now time.Time) error {
	r := done.report
	if r == nil {
		r = &report.Report{Run: p.options.Run, Period: p.options.Period, Scope: p.options.Scope}
		r.Run.Started, r.Run.Ended = now, now
		for _, s := range p.options.Packs {
			r.Packs = append(r.Packs, report.Pack{ID: s.Pack, Version: s.Version})
		}
	}
	return ledger.Append(ctx, c.Storage(), ledger.NewRun(r, done.dir, done.manifestHash, failed))
}

// run makes the report from one state of the tables. If somebody changes them meanwhile,
// it is made again.
func (p *preparedReport) run(ctx context.Context, e *openedEngine) (*report.Report, error) {
	const tries = 3
	for try := 1; ; try++ {
		before, err := readState(ctx, e)
		if err != nil {
			return nil, err
		}
		p.options.Snapshot = before.logs
		r, err := report.Run(ctx, p.options)
		if err != nil {
			return nil, err
		}
		after, err := readState(ctx, e)
		switch {
		case err != nil:
			return nil, err
		case after == before:
			return r, nil
		case try == tries:
			return nil, errors.New("run report: the warehouse was changed during each of 3 runs: run it when nothing is converted")
		}
	}
}

// tablesState is what a report reads.
type tablesState struct {
	logs   report.Snapshot
	ledger int64 // snapshot of source_files; 0 where the version says it all
}

func readState(ctx context.Context, e *openedEngine) (tablesState, error) {
	if e.catalog == nil {
		return clusterState(ctx, e)
	}
	s, err := e.catalog.Snapshot(ctx)
	if err != nil {
		return tablesState{}, err
	}
	out := report.Snapshot{Warehouse: e.catalog.Root(), Version: s.Version()}
	t, err := s.Table(convert.LogsTable)
	if errors.Is(err, catalog.ErrNotExist) {
		return tablesState{}, usagef("the warehouse has no events yet: trailql convert brings them in")
	}
	if err != nil {
		return tablesState{}, err
	}
	out.Committed = t.CommittedAt()
	if history := t.History(); len(history) > 0 {
		out.ID = history[len(history)-1].ID
	}
	return tablesState{logs: out}, nil
}

// clusterState: a cluster has no version of all tables.
func clusterState(ctx context.Context, e *openedEngine) (tablesState, error) {
	state := tablesState{logs: report.Snapshot{Warehouse: e.name}}
	for _, t := range []struct {
		name string
		take func(id, at *int64)
	}{
		{convert.LogsTable, func(id, at *int64) { state.logs.ID, state.logs.Committed = *id, time.UnixMilli(*at).UTC() }},
		{convert.LedgerTable, func(id, _ *int64) { state.ledger = *id }},
	} {
		row, err := queryNumbers(ctx, e, engine.Query{SQL: "SELECT max_by(snapshot_id, committed_at), CAST(floor(to_unixtime(max(committed_at)) * 1000) AS bigint) FROM \"" + t.name + "$snapshots\""})
		if _, wrong := errors.AsType[*engine.SQLError](err); wrong {
			return state, usagef("%s has no Iceberg table %s: trailql ddl --for trino, or trailql catalog copy, makes it known there: %w", e.name, t.name, err)
		}
		if err != nil {
			return state, err
		}
		if row[0] != nil && row[1] != nil {
			t.take(row[0], row[1])
		}
	}
	return state, nil
}

const temporarySuffix = ".tmp"

// abandonedAfter is how long nobody has written to a run's folder until its process is
// taken for dead.
const abandonedAfter = 24 * time.Hour

var temporaryName = regexp.MustCompile(`.\.[0-9]{8}T[0-9]{6}Z-[0-9a-f]{8}\.tmp$`)

// removeAbandoned removes the folders of killed runs among the reports.
func removeAbandoned(folder string, now time.Time) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return fmt.Errorf("list reports: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if !e.IsDir() || !temporaryName.MatchString(e.Name()) {
			continue
		}
		dir := filepath.Join(folder, e.Name())
		old := true
		err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			info, err := e.Info()
			old = old && err == nil && now.Sub(info.ModTime()) > abandonedAfter
			return err
		})
		if errors.Is(err, fs.ErrNotExist) { // its run has ended
			continue
		}
		if err == nil && old {
			err = os.RemoveAll(dir)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// write writes the files into a folder beside the report's, seals it and renames it.
func (p *preparedReport) write(ctx context.Context, r *report.Report) (hash string, err error) {
	temp := fmt.Sprintf("%s.%s%s", p.dir, r.Run.ID, temporarySuffix)
	if err := os.MkdirAll(filepath.Dir(p.dir), 0o777); err != nil {
		return "", fmt.Errorf("write report: %w", err)
	}
	if err := removeAbandoned(filepath.Dir(p.dir), p.options.Now()); err != nil {
		return "", fmt.Errorf("remove what a killed run left: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("write report: %w", err), os.RemoveAll(temp))
		}
	}()
	if _, err := render.Write(ctx, temp, r, p.formats); err != nil {
		return "", err
	}
	hash, err = manifest.Seal(ctx, temp, manifest.Facts{
		Report: r,
		Objects: func(take func(report.LogObject) error) error {
			return report.Objects(ctx, p.options.Query, r.Period, r.Scope, take)
		},
		Inputs: p.inputs,
	}, p.key)
	if err != nil {
		return "", err
	}
	if _, err := os.Lstat(p.dir); err == nil { // somebody was faster
		return "", usagef("%s exists", p.dir)
	}
	if err := syncFiles(temp); err != nil {
		return "", err
	}
	if err := os.Rename(temp, p.dir); err != nil {
		return "", err
	}
	return hash, syncFile(filepath.Dir(p.dir))
}

// syncFiles makes a folder with all that is in it survive a crash of the machine.
func syncFiles(dir string) error {
	return filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return syncFile(name)
	})
}

func syncFile(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}

// outcome is the error that the exit code comes from; nil if all is well.
func (p *preparedReport) outcome(r *report.Report) error {
	if list := r.Errors(); len(list) > 0 {
		return outcomeError{exitControl, fmt.Sprintf("%s could not be assessed because of an error: %s", quantity.Plural(int64(len(list)), "control"), someOf(list))}
	}
	if p.failOn != nil {
		if list := r.Alarms(*p.failOn); len(list) > 0 {
			return outcomeError{exitAlarm, fmt.Sprintf("%s in alarm at severity %s or above: %s", quantity.Plural(int64(len(list)), "control"), p.failOn, someOf(list))}
		}
	}
	if !r.Coverage.Complete {
		return incomplete(r)
	}
	return nil
}

func incomplete(r *report.Report) outcomeError {
	return outcomeError{exitIncomplete, "the archive does not cover everything: " + r.Uncovered()}
}

func someOf(list []string) string {
	const shown = 5
	if len(list) > shown {
		return strings.Join(list[:shown], ", ") + fmt.Sprintf(" and %d more", len(list)-shown)
	}
	return strings.Join(list, ", ")
}

// printSummary writes a line for each control to stdout, and what they rest on to
// stderr.
func printSummary(a *app, r *report.Report) error {
	t := newTextTable("control", "state", "severity", "findings", "suppressed", "title")
	for _, p := range r.Packs {
		for _, c := range p.Controls {
			t.row(p.ID+"/"+c.ID, string(c.State), c.Severity.String(), quantity.Count(c.Count), quantity.Count(c.Suppressed), c.Title)
		}
	}
	if err := t.write(a.stdout); err != nil {
		return err
	}
	var states []string
	counts := r.States()
	for _, s := range report.AllStates() {
		if counts[s] > 0 {
			states = append(states, fmt.Sprintf("%d %s", counts[s], s))
		}
	}
	a.note("%s to %s (%s): %s; %s", r.Period.From.Format(time.RFC3339), r.Period.To.Format(time.RFC3339), r.Period.Zone,
		quantity.Plural(r.Snapshot.Records, "event"), strings.Join(states, ", "))
	for _, e := range r.Exceptions {
		if e.Problem != "" {
			a.warn("exception %s: %s", e.ID, e.Problem)
		}
	}
	return nil
}
