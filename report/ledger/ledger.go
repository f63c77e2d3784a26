// Package ledger remembers which reports were made: when, by whom, over what, and
// what they found. It is what shows that somebody looked every day.
//
// A run is one object of the warehouse, written once and never changed, so that
// it needs neither a lock nor a repair, on a folder or in a bucket. [Append]
// writes it, [Runs] reads them back, and [Rows] makes rows of them for SQL, where
// they are the table report_runs.
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/report"
)

// Schema is the version of a run's JSON.
const Schema = "trailql.run/1"

// dir holds the runs, under names that sort by their start.
const dir = "reports/runs"

// Run is one run of a report, whether it came to its end or not.
type Run struct {
	Schema   string `json:"schema"`
	ID       string `json:"id"`
	Schedule string `json:"schedule,omitempty"` // "": by hand
	Operator string `json:"operator"`
	Version  string `json:"program_version"`
	Status   Status `json:"status"`
	Error    string `json:"error,omitempty"`

	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`

	PeriodName string    `json:"period_name"`
	From       time.Time `json:"from"` // [From, To) by event time
	To         time.Time `json:"to"`
	Zone       string    `json:"zone"`
	Accounts   []string  `json:"accounts,omitempty"` // of the scope; none: all
	Regions    []string  `json:"regions,omitempty"`

	Snapshot int64 `json:"snapshot_id"` // Iceberg's, of the logs table
	Records  int64 `json:"records"`     // in the period and scope
	Complete bool  `json:"complete"`    // the archive covers the period

	Manifest string `json:"manifest_sha256,omitempty"`
	Previous string `json:"previous_manifest_sha256,omitempty"`
	Dir      string `json:"dir,omitempty"` // of the report

	Packs []Pack `json:"packs"`
}

// Pack is what a run found for one framework.
type Pack struct {
	ID       string           `json:"id"`
	Version  string           `json:"version,omitempty"`
	Hash     string           `json:"hash,omitempty"`
	Findings int64            `json:"findings"`
	States   map[string]int64 `json:"states,omitempty"` // number of controls
}

// Status is how a run ended.
type Status string

const (
	OK         Status = "ok"
	Incomplete Status = "incomplete" // something was not assessed
	Alarm      Status = "alarm"      // a control failed, whatever its severity
	Error      Status = "error"      // a control could not be assessed because of an error
	Failed     Status = "failed"     // there is no report
	Skipped    Status = "skipped"    // it was due and nobody makes up for it
)

// StatusOf is the status of a report that was made.
func StatusOf(r *report.Report) Status {
	status, rank := OK, 0
	if !r.Coverage.Complete {
		status, rank = Incomplete, 1
	}
	for _, p := range r.Packs {
		for _, c := range p.Controls {
			switch {
			case c.State == report.Error:
				return Error
			case c.State == report.Fail:
				status, rank = Alarm, 2
			case c.State == report.NotAssessed && rank < 1:
				status, rank = Incomplete, 1
			}
		}
	}
	return status
}

// NewRun is the run of a report. place is the folder of the report and manifest
// the SHA-256 of its manifest.json, "" if there are none. failed says why there is
// no report, which is then half made; nil if there is one.
func NewRun(r *report.Report, place, manifest string, failed error) Run {
	status := Failed
	if failed == nil {
		status = StatusOf(r)
	}
	run := Run{
		Schema: Schema, ID: r.Run.ID, Schedule: r.Run.Schedule, Operator: r.Run.Operator, Version: r.Run.ProgramVersion, Status: status,
		Started: r.Run.Started.UTC(), Ended: r.Run.Ended.UTC(),
		PeriodName: r.Period.Name, From: r.Period.From.UTC(), To: r.Period.To.UTC(), Zone: r.Period.Zone,
		Accounts: r.Scope.Accounts, Regions: r.Scope.Regions,
		Snapshot: r.Snapshot.ID, Records: r.Snapshot.Records, Complete: r.Coverage.Complete,
		Manifest: manifest, Previous: r.Run.PreviousReport, Dir: place, Packs: []Pack{},
	}
	if failed != nil {
		run.Error = failed.Error()
	}
	for _, p := range r.Packs {
		one := Pack{ID: p.ID, Version: p.Version, Hash: p.Hash, States: map[string]int64{}}
		for _, c := range p.Controls {
			one.States[string(c.State)]++
			one.Findings += c.Count
		}
		run.Packs = append(run.Packs, one)
	}
	return run
}

var idForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// maxError is what is kept of an error.
const maxError = 4000

// nameTime begins the name of a run's object.
const nameTime = "20060102T150405Z"

// Append adds a run. The error wraps storage.ErrExist if it is there already.
func Append(ctx context.Context, s storage.Storage, r Run) error {
	if !idForm.MatchString(r.ID) || r.Started.IsZero() {
		return fmt.Errorf("record run %q: want an id of letters, digits, dots and dashes, and a start", r.ID)
	}
	r.Schema = Schema
	if len(r.Error) > maxError {
		r.Error = strings.ToValidUTF8(r.Error[:maxError], "")
	}
	data, err := json.Marshal(r)
	if err == nil {
		err = s.PutNew(ctx, path.Join(dir, r.Started.UTC().Format(nameTime)+"-"+r.ID+".json"), append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("record run %q: %w", r.ID, err)
	}
	return nil
}

// readers is how many runs are read at once: over a network each takes a while.
const readers = 16

// Runs are the runs that started in [from, to), in order of their start. A time
// that is zero is no bound. A warehouse without reports has none.
func Runs(ctx context.Context, s storage.Storage, from, to time.Time) ([]Run, error) {
	var names []string
	for o, err := range s.List(ctx, dir) {
		if err != nil {
			return nil, fmt.Errorf("list runs: %w", err)
		}
		started, ok := startOf(o.Name)
		if ok && (from.IsZero() || !started.Before(from.Truncate(time.Second))) && (to.IsZero() || started.Before(to)) {
			names = append(names, o.Name)
		}
	}
	runs, errs := make([]Run, len(names)), make([]error, len(names))
	var group sync.WaitGroup
	places := make(chan int)
	for range min(readers, len(names)) {
		group.Go(func() {
			for i := range places {
				runs[i], errs[i] = read(ctx, s, names[i])
			}
		})
	}
	for i := range names {
		places <- i
	}
	close(places)
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var within []Run
	for _, r := range runs {
		if !r.Started.Before(from) && (to.IsZero() || r.Started.Before(to)) {
			within = append(within, r)
		}
	}
	return within, nil
}

// startOf is the second in which a run started, by its name. What is not ours is
// left out.
func startOf(name string) (time.Time, bool) {
	base, ok := strings.CutSuffix(path.Base(name), ".json")
	if !ok || len(base) <= len(nameTime) {
		return time.Time{}, false
	}
	t, err := time.Parse(nameTime, base[:len(nameTime)])
	return t, err == nil && base[len(nameTime)] == '-'
}

func read(ctx context.Context, s storage.Storage, name string) (Run, error) {
	data, err := storage.ReadAll(ctx, s, name)
	var r Run
	if err == nil {
		err = json.Unmarshal(data, &r)
	}
	if err == nil && r.Schema != Schema {
		err = fmt.Errorf("schema %q is not %s", r.Schema, Schema)
	}
	if err != nil {
		return Run{}, fmt.Errorf("read run %s: %w", name, err)
	}
	return r, nil
}
