package main

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/engine/duck"
	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/manifest"
	"github.com/trailql/trailql/report/pack"
	"github.com/trailql/trailql/report/render"
)

// preparedReport is a request whose files were read and checked.
type preparedReport struct {
	options report.Options
	formats []render.Format
	dir     string
	inputs  []manifest.Input
	key     ed25519.PrivateKey
	failOn  *pack.Severity
	duck    duck.Options
}

// prepareReport checks what can be checked without the warehouse. Its errors are of
// usage, but for those of files that cannot be read.
func (a *app) prepareReport(ctx context.Context, o reportRequest) (*preparedReport, error) {
	p := &preparedReport{duck: duck.Options{Threads: o.threads}}
	if len(o.packs) == 0 {
		return nil, usagef("no pack given: trailql report list lists them")
	}
	if o.period == "" {
		return nil, usagef("no period given: --period yesterday, last-month, 2026-08 … (see trailql report run --help)")
	}
	if o.lateness < 0 || o.sample < 0 || o.threads < 0 {
		return nil, usagef("--lateness, --sample and --threads cannot be below zero")
	}
	var err error
	if o.memory != "" {
		if p.duck.Memory, err = quantity.ParseBytes(o.memory); err != nil {
			return nil, usagef("--memory: %w", err)
		}
	}
	if o.failOn != "" {
		s, err := pack.ParseSeverity(o.failOn)
		if err != nil {
			return nil, usagef("--fail-on: %w", err)
		}
		p.failOn = &s
	}
	if p.formats, err = render.ParseFormats(o.formats); err != nil {
		return nil, usagef("--format: %w", err)
	}
	options := &p.options
	options.Now = a.now
	if options.Library, err = loadPacks(o.packDirs); err != nil {
		return nil, err
	}
	for _, name := range o.packs {
		s := parseSelection(name)
		if _, err := findPack(options.Library, s); err != nil {
			return nil, err
		}
		options.Packs = append(options.Packs, s)
	}
	zone, err := report.LoadZone(o.zone)
	if err != nil {
		return nil, usagef("--tz: %w", err)
	}
	now := o.now
	if now.IsZero() {
		now = a.now()
	}
	if options.Period, err = report.ParsePeriod(o.period, zone, now, o.lateness); err != nil {
		return nil, usageError{err}
	}
	// A schedule may be behind its time: late events have come by now.
	options.Period.Open = options.Period.To.Add(o.lateness).After(a.now())
	if err := p.readFiles(o); err != nil {
		return nil, err
	}
	options.MaxFindings = o.maxFindings
	options.Sample = report.SampleOptions{Size: o.sample, Seed: o.seed}
	options.Run = report.Header{
		ID: runID(a.now()), Operator: operator(), ProgramVersion: buildVersion(), Schedule: o.schedule, CommandLine: os.Args,
	}
	return p, p.place(ctx, o)
}

// readFiles reads the files of the user.
func (p *preparedReport) readFiles(o reportRequest) error {
	options := &p.options
	read := func(name string) ([]byte, error) {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, usagef("read file: %w", err)
		}
		return content, nil
	}
	if o.scope != "" {
		content, err := read(o.scope)
		if err != nil {
			return err
		}
		file, err := report.ParseScope(o.scope, content, options.Library)
		if err != nil {
			return fileError(err)
		}
		options.Scope, options.NotApplicable = file.Scope, file.NotApplicable
		p.inputs = append(p.inputs, manifest.Input{Name: options.Scope.File, SHA256: options.Scope.SHA256})
	}
	if len(o.accounts) > 0 {
		options.Scope.Accounts = slices.Compact(slices.Sorted(slices.Values(o.accounts)))
	}
	if len(o.regions) > 0 {
		options.Scope.Regions = slices.Compact(slices.Sorted(slices.Values(o.regions)))
	}
	if o.exceptions != "" {
		content, err := read(o.exceptions)
		if err != nil {
			return err
		}
		if options.Exceptions, err = report.ParseExceptions(o.exceptions, content, options.Library); err != nil {
			return fileError(err)
		}
		p.inputs = append(p.inputs, manifest.Input{Name: options.Exceptions.File, SHA256: options.Exceptions.SHA256})
	}
	if o.sign != "" {
		var err error
		if p.key, err = manifest.ReadPrivateKey(o.sign); err != nil {
			return usagef("--sign: %w", err)
		}
	}
	return p.readParams(o.params)
}

// readParams reads NAME=VALUE; values of a name that is given again make a list.
func (p *preparedReport) readParams(given []string) error {
	texts := map[string][]string{}
	for _, one := range given {
		name, value, ok := strings.Cut(one, "=")
		if !ok {
			return usagef("--param %q: want NAME=VALUE", one)
		}
		texts[name] = append(texts[name], value)
	}
	declared := map[string][]string{}
	for name, list := range p.options.Scope.Declared {
		declared[name] = list
	}
	for _, name := range sortedKeys(texts) {
		if _, err := report.ParseParam(p.options.Library, name, texts[name]); err != nil {
			return usagef("--param: %w", err)
		}
		declared[name] = texts[name]
	}
	if len(declared) > 0 {
		p.options.Scope.Declared = declared
	}
	return nil
}

// place settles the folder of the report, and what stands beside it.
func (p *preparedReport) place(ctx context.Context, o reportRequest) error {
	if o.output == "" {
		if o.baseline == "previous" {
			return usagef("--baseline previous is looked for beside the folder of -o DIR: give one, or name a report")
		}
	} else {
		if err := checkFolder(o.output); err != nil {
			return err
		}
		dir, err := newReportFolder(filepath.Clean(o.output), o.revise)
		if err != nil {
			return err
		}
		p.dir = dir
		beside, err := reportsIn(filepath.Dir(dir))
		if err != nil {
			return err
		}
		if n := len(beside); n > 0 {
			if p.options.Run.PreviousReport, err = manifest.Hash(beside[n-1].dir); err != nil {
				return fmt.Errorf("read earlier report: %w", err)
			}
		}
		if o.baseline == "previous" {
			o.baseline = previousOf(beside, p.options.Packs, p.options.Scope, p.options.Period)
		}
		if p.options.Dispositions, err = readDispositions(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	if o.baseline == "" {
		return nil
	}
	baseline, err := readBaseline(ctx, o.baseline)
	if err != nil {
		return usagef("--baseline: %w", err)
	}
	p.options.Baseline = baseline
	return nil
}

// readBaseline reads an earlier report. One with a manifest has to be as it was sealed.
func readBaseline(ctx context.Context, dir string) (*report.Report, error) {
	result, err := manifest.Verify(ctx, dir, manifest.Options{})
	switch {
	case errors.Is(err, fs.ErrNotExist): // it has no manifest; if there is no report either, reading it says so
	case err != nil:
		return nil, err
	case len(result.Changes) > 0:
		return nil, fmt.Errorf("%s is not as it was sealed: %s", dir, result.Changes[0])
	}
	return render.Read(dir)
}

// checkFolder refuses places that are no folders of this machine.
func checkFolder(name string) error {
	if strings.Contains(name, "://") {
		return usagef("--output %s: reports are written to folders of this machine only: write one and copy it", name)
	}
	return nil
}

// newReportFolder is the name that a report gets: one that is not taken.
func newReportFolder(dir string, revise bool) (string, error) {
	name := dir
	for revision := 2; ; revision++ {
		_, err := os.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return "", fmt.Errorf("write report: %w", err)
		}
		if !revise {
			return "", usagef("%s exists: reports are not replaced; --revise writes a new revision beside it", dir)
		}
		name = fmt.Sprintf("%s-r%d", dir, revision)
	}
	return name, nil
}

// earlierReport is a sealed report in a folder.
type earlierReport struct {
	dir      string
	manifest *manifest.Manifest
}

// reportsIn are the sealed reports of a folder, in the order in which they were made.
func reportsIn(folder string) ([]earlierReport, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list reports: %w", err)
	}
	var list []earlierReport
	for _, e := range entries {
		dir := filepath.Join(folder, e.Name())
		if !e.IsDir() || strings.HasSuffix(e.Name(), temporarySuffix) {
			continue
		}
		if m, err := manifest.Read(dir); err == nil {
			list = append(list, earlierReport{dir, m})
		}
	}
	slices.SortStableFunc(list, func(a, b earlierReport) int {
		return cmp.Or(a.manifest.Run.Started.Compare(b.manifest.Run.Started), cmp.Compare(a.dir, b.dir))
	})
	return list, nil
}

// previousOf is the report of the same packs, accounts and regions whose period ended
// last before another period does, the newest revision of it; "" if there is none.
// Reports that were not written as JSON cannot be compared with.
func previousOf(list []earlierReport, packs []pack.Selection, s report.Scope, p report.Period) string {
	found, end := "", time.Time{}
	for _, e := range list {
		same := len(e.manifest.Packs) == len(packs) && slices.Equal(e.manifest.Scope.Accounts, s.Accounts) && slices.Equal(e.manifest.Scope.Regions, s.Regions)
		same = same && slices.ContainsFunc(e.manifest.Files, func(f manifest.SealedFile) bool { return f.Name == render.Readable })
		for _, s := range packs {
			same = same && slices.ContainsFunc(e.manifest.Packs, func(o manifest.Pack) bool { return o.ID == s.Pack })
		}
		if to := e.manifest.Period.To; same && to.Before(p.To) && !to.Before(end) {
			found, end = e.dir, to
		}
	}
	return found
}

// runID is unique and sorts by time.
func runID(now time.Time) string {
	var random [4]byte
	_, _ = rand.Read(random[:]) // never fails
	return now.UTC().Format("20060102T150405Z") + "-" + hex.EncodeToString(random[:])
}

// operator is who runs the program, and where.
func operator() string {
	name := "unknown"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	host, err := os.Hostname()
	if err != nil {
		return name
	}
	return name + "@" + host
}
