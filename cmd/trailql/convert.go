package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/engine/quantity"
)

const defaultConvertMemory = "512MiB"

type convertFlags struct {
	accounts, regions []string
	from, to          string
	threads           int
	memory            string
	dryRun            bool
}

func newConvertCommand(a *app) *cobra.Command {
	var f convertFlags
	cmd := &cobra.Command{
		Use:   "convert SRC…",
		Short: "Convert a CloudTrail archive into the warehouse",
		Long: `Reads the log files of a trail and adds their records to the warehouse, which
is made if there is none. SRC is a folder, a file or a pattern; "-" reads paths
from stdin, one a line.

It may be run again at any time, on the same or a growing archive, also after it
was killed: what is in the warehouse already is not read again, and a record is
in the table once. What cannot be converted is a row of rejected_records, and
the exit code is 3.

--accounts, --regions, --from and --to choose log files by their paths. Files
come up to 30 days late, so a window reads files delivered up to 31 days after
its end and a day before its start. --to is exclusive. Files whose path does not
say are read.`,
		Example: `  trailql convert ~/logs/AWSLogs
  trailql convert --regions us-east-1,eu-west-1 --from 2026-10-01 --to 2026-11-01 ~/logs/AWSLogs
  find ~/logs -name '*.json.gz' -newer mark | trailql convert -
  trailql convert --dry-run ~/logs/AWSLogs`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("no SRC given: name the folder of the archive (see %s --help)", cmd.CommandPath())
			}
			return runConvert(cmd.Context(), a, f, args)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&f.accounts, "accounts", nil, "only these `ACCOUNTS` (comma-separated, repeatable)")
	flags.StringSliceVar(&f.regions, "regions", nil, "only these `REGIONS` (comma-separated, repeatable)")
	flags.StringVar(&f.from, "from", "", "only events from this `TIME` on: "+windowHelp)
	flags.StringVar(&f.to, "to", "", "only events before this `TIME`: "+windowHelp)
	flags.IntVar(&f.threads, "threads", 0, "use `N` threads (default one for each processor)")
	flags.StringVar(&f.memory, "memory", defaultConvertMemory, "stay below this `SIZE` of memory")
	flags.BoolVar(&f.dryRun, "dry-run", false, "say what would be read, write nothing")
	return cmd
}

func runConvert(ctx context.Context, a *app, f convertFlags, args []string) (err error) {
	o := convert.Options{
		Accounts: f.accounts,
		Regions:  f.regions,
		Threads:  f.threads,
		DryRun:   f.dryRun,
		Now:      a.now,
	}
	if o.From, o.To, err = parseWindow(f.from, f.to); err != nil {
		return err
	}
	if o.Memory, err = quantity.ParseBytes(f.memory); err != nil {
		return usagef("--memory: %w", err)
	}
	if f.threads < 0 {
		return usagef("--threads %d: want 1 or more", f.threads)
	}
	if o.Sources, err = findSources(ctx, args, a.stdin); err != nil {
		return err
	}
	if f.dryRun {
		o.Catalog, err = catalog.Open(ctx, a.warehouse, catalog.Options{Now: a.now})
		if errors.Is(err, catalog.ErrNotExist) {
			o.Catalog, err = nil, nil // everything is new
		}
	} else {
		o.Catalog, err = catalog.Create(ctx, a.warehouse, catalog.Options{Now: a.now})
	}
	if err != nil {
		return warehouseError(err)
	}
	if o.Catalog != nil {
		defer func() { err = errors.Join(err, o.Catalog.Close()) }()
	}

	screen := newProgress(a)
	rejects := rejectLog{app: a, screen: screen, objects: map[string]bool{}}
	o.Progress, o.Reject = screen.update, rejects.add
	o.Waiting = func(holder string) {
		screen.interrupt(func() { a.note("waiting for another run: %s", holder) })
	}
	summary, err := convert.Run(ctx, o)
	screen.finish()
	rejects.finish()
	if err != nil {
		a.note("%s committed; run it again to go on", quantity.Plural(summary.Records, "new record"))
		return err
	}
	return a.summarize(summary, f.dryRun)
}

// findSources expands patterns, reads the list on stdin for "-", and refuses
// what does not exist before anything is written.
func findSources(ctx context.Context, args []string, stdin io.Reader) ([]string, error) {
	var sources []string
	for _, arg := range args {
		if arg == "-" {
			listed, err := readPaths(ctx, stdin)
			if err != nil {
				return nil, err
			}
			sources = append(sources, listed...)
			continue
		}
		found, err := expandSource(arg)
		if err != nil {
			return nil, err
		}
		sources = append(sources, found...)
	}
	return sources, nil
}

// expandSource tries the name as it is first: archives hold names with
// brackets and stars too.
func expandSource(name string) ([]string, error) {
	if strings.Contains(name, "://") {
		return nil, usagef("source %q: only local folders and files can be converted", name)
	}
	_, err := os.Stat(name)
	if err == nil {
		return []string{name}, nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return nil, usageError{fmt.Errorf("read source: %w", err)}
	}
	found, err := filepath.Glob(name)
	if err != nil || len(found) == 0 { // a name that is no pattern is no file either
		return nil, usagef("source %q: no such file or folder", name)
	}
	return found, nil
}

// readPaths reads one path a line, or separated by NUL as find -print0 writes
// them.
func readPaths(ctx context.Context, r io.Reader) ([]string, error) {
	text, err := readAll(ctx, r)
	if err != nil {
		return nil, fmt.Errorf("read list of paths: %w", err)
	}
	separator := "\n"
	if strings.ContainsRune(string(text), 0) {
		separator = "\x00"
	}
	var paths []string
	for name := range strings.SplitSeq(string(text), separator) {
		if separator == "\n" {
			name = strings.TrimSuffix(name, "\r")
		}
		if name == "" {
			continue
		}
		if _, err := os.Stat(name); err != nil {
			cause := err
			if path, ok := errors.AsType[*os.PathError](err); ok {
				cause = path.Err
			}
			return nil, usagef("list of paths: %q: %w", name, cause)
		}
		paths = append(paths, name)
	}
	if len(paths) == 0 {
		return nil, usagef("list of paths: no path on stdin")
	}
	return paths, nil
}

// readAll is io.ReadAll that gives up when ctx is done. The read itself cannot
// be stopped: it ends with the process.
func readAll(ctx context.Context, r io.Reader) ([]byte, error) {
	var text []byte
	done := make(chan error, 1)
	go func() {
		var err error
		text, err = io.ReadAll(r)
		done <- err
	}()
	select {
	case err := <-done:
		return text, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// rejectLog names what is rejected as it happens: of each object the first
// thing, of an archive that is all wrong the first objects.
type rejectLog struct {
	app     *app
	screen  *progress
	objects map[string]bool // named
	more    int64
}

const rejectsShown = 20

func (l *rejectLog) add(object, reason string) {
	if l.app.quiet {
		return
	}
	l.screen.interrupt(func() {
		if l.objects[object] || len(l.objects) == rejectsShown {
			l.more++
			return
		}
		l.objects[object] = true
		l.app.warn("cannot convert %s: %s", object, reason)
	})
}

func (l *rejectLog) finish() {
	if l.more > 0 {
		l.app.warn("and %s more", quantity.Count(l.more))
	}
}

// summarize says what the run did. Something rejected is an error.
func (a *app) summarize(s convert.Summary, dryRun bool) error {
	elapsed := s.Elapsed.Round(10 * time.Millisecond)
	if dryRun {
		a.note("dry run: %s (%s) would be read, nothing was written", quantity.Plural(s.Objects, "object"), quantity.Bytes(s.StoredBytes))
	} else {
		a.note("%s from %s (%s, %s of JSON) in %v", quantity.Plural(s.Records, "new record"), quantity.Plural(s.Objects, "object"),
			quantity.Bytes(s.StoredBytes), quantity.Bytes(s.JSONBytes), elapsed)
		if s.Files > 0 {
			a.note("wrote %s (%s) in %s to %s", quantity.Plural(s.Files, "Parquet file"), quantity.Bytes(s.ParquetBytes),
				quantity.Plural(s.Partitions, "partition"), a.warehouse)
		}
	}
	if s.Objects+s.Unchanged+s.Skipped+s.Digests+s.Foreign+s.Unreadable == 0 {
		a.warn("there is no file in the sources given")
	}
	var left []string
	for _, c := range []struct {
		n    int64
		noun string
		then string
	}{
		{s.Unchanged, "object", "converted before"},
		{s.Skipped, "object", "outside the chosen accounts, regions and time"},
		{s.Digests, "digest file", ""},
		{s.Foreign, "file", "without CloudTrail content, left alone"},
		{s.Duplicates, "duplicate record", ""},
		{s.Aggregated, "aggregated event", "kept in a table of their own"},
	} {
		if c.n > 0 {
			left = append(left, strings.TrimSpace(quantity.Plural(c.n, c.noun)+" "+c.then))
		}
	}
	if len(left) > 0 {
		a.note("also seen: %s", strings.Join(left, "; "))
	}

	var missing []string
	if s.Rejected > 0 {
		missing = append(missing, quantity.Plural(s.Rejected, "record")+" rejected: see SELECT * FROM rejected_records")
	}
	if s.Unreadable > 0 {
		missing = append(missing, quantity.Plural(s.Unreadable, "path")+" could not be read: tried again at the next run")
	}
	if len(missing) > 0 {
		return partialError{strings.Join(missing, "; ")}
	}
	return nil
}
