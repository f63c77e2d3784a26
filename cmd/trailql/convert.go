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
	"github.com/trailql/trailql/catalog/storage/s3"
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
	following         followFlags
	verify            bool
	keys              keyFlags
	catalog           string
	together          bool
}

func newConvertCommand(a *app) *cobra.Command {
	var f convertFlags
	cmd := &cobra.Command{
		Use:   "convert SRC…",
		Short: "Convert a CloudTrail archive into the warehouse",
		Long: `Reads the log files of a trail and adds their records to the warehouse, which
is made if there is none. SRC is a folder, a file or a pattern, or what lies in a
bucket: s3://bucket/prefix or s3://bucket/key; "-" reads paths and URIs from
stdin, one a line. Records are also read from what lookup-events, CloudWatch Logs,
EventBridge and CloudTrail Lake write; Security Lake's Parquet files become the
table security_lake.

It may be run again at any time, on the same or a growing archive, also after it
was killed: what is in the warehouse already is not read again, and a record is
in the table once. What cannot be converted is a row of rejected_records, and
the exit code is 3.

--accounts, --regions, --from and --to choose log files by their paths. Files
come up to 30 days late, so a window reads files delivered up to 31 days after
its end and a day before its start. --to is exclusive. Files whose path does not
say are read. In a bucket, folders that cannot have such files are not listed.

--follow goes on and looks for new log files again and again; --sqs hears of
them from an SQS queue, within seconds. SIGINT or SIGTERM ends it in order, and
nothing is lost whenever it ends.

--together shares the work with other converters on the same warehouse, on this or
other machines: start the same command as often as you like, at any time. Each
takes what no other has, takes over what one that died has left (30 seconds after
its last sign of life), and ends when all that it has found is in the table. Without
the option, convert waits until it is alone.

--verify checks the digest files that CloudTrail delivers beside its log files and
notes in source_files what they say of each log file: valid, invalid, unproven or
not_covered. It refuses nothing. "trailql help integrity" has more.

S3 is read with the credentials of the AWS command line. "trailql policy" prints
the permissions that it takes. No log file touches the disk.`,
		Example: `  trailql convert ~/logs/AWSLogs
  trailql convert s3://example-trail/AWSLogs
  trailql convert --regions us-east-1,eu-west-1 --from 2026-10-01 --to 2026-11-01 ~/logs/AWSLogs
  find ~/logs -name '*.json.gz' -newer mark | trailql convert -
  trailql convert --follow --every 1m s3://example-trail/AWSLogs
  trailql convert --sqs https://sqs.us-east-1.amazonaws.com/111122223333/trail s3://example-trail
  trailql convert --together --warehouse s3://example-lake/trail s3://example-trail/AWSLogs
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
	flags.BoolVar(&f.verify, "verify", false, "note in source_files what the digests among SRC say of each log file")
	flags.StringVar(&f.catalog, "catalog", "", "register each commit in the shared catalog at this `URL` (default $"+catalogVariable+"; see trailql help catalog)")
	flags.BoolVar(&f.together, "together", false, "share the work with other converters on this warehouse that have this option, too")
	f.keys.add(cmd)
	f.following.add(flags)
	return cmd
}

func runConvert(ctx context.Context, a *app, f convertFlags, args []string) (err error) {
	o := convert.Options{
		Accounts: f.accounts,
		Regions:  f.regions,
		Threads:  f.threads,
		DryRun:   f.dryRun,
		Together: f.together,
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
	if err := f.following.check(args, f.dryRun); err != nil {
		return err
	}
	if o.Verify = f.verify; !f.verify && (len(f.keys.files) > 0 || f.keys.fetch || f.keys.copied) {
		return usagef("--keys, --fetch-keys and --copied are for --verify")
	}
	if o.Keys, err = f.keys.read(); err != nil {
		return err
	}
	o.FetchKeys, o.Copied = a.fetcher(f.keys), f.keys.copied
	if o.Sources, err = findSources(ctx, args, a.stdin); err != nil {
		return err
	}
	q, err := f.following.openQueue(ctx, a)
	if err != nil {
		return err
	}
	o.OpenSource = a.sourceOpener()
	if err := openBuckets(ctx, o.Sources, o.OpenSource); err != nil {
		return err
	}
	if err := checkFilled(ctx, args, f.following.wanted(), o.OpenSource); err != nil {
		return err
	}
	opening, err := a.catalogOptions(ctx)
	if err != nil {
		return warehouseError(err)
	}
	var published *publication
	if !f.dryRun {
		if published, err = openPublication(a, f.catalog); err != nil {
			return err
		}
	}
	if published != nil {
		opening.Committed = published.committed
	}
	if f.dryRun {
		o.Catalog, err = catalog.Open(ctx, a.warehouse, opening)
		if errors.Is(err, catalog.ErrNotExist) {
			o.Catalog, err = nil, nil // everything is new
		}
	} else {
		o.Catalog, err = catalog.Create(ctx, a.warehouse, opening)
	}
	if err != nil {
		return warehouseError(err)
	}
	if o.Catalog != nil {
		defer func() { err = errors.Join(err, o.Catalog.Close()) }()
	}
	screen := newProgress(a)
	if published != nil {
		published.catalog = o.Catalog
		published.warn = func(err error) { screen.interrupt(func() { a.warn("%v; it is tried again", err) }) }
		defer func() { err = a.finishPublication(ctx, published, err) }()
	}

	if f.following.wanted() {
		o.Sources = args // patterns may come to match more
		return runFollow(ctx, a, f.following, q, o, screen, published)
	}
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
	if s3.IsURI(name) {
		return []string{name}, nil // what is there, only a listing says
	}
	if strings.Contains(name, "://") {
		return nil, usagef("source %q: want a local folder or file, or s3://bucket/prefix", name)
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
	if head := strings.TrimSpace(string(text[:min(len(text), 64)])); strings.HasPrefix(head, "{") || strings.HasPrefix(head, "[{") || strings.HasPrefix(head, "\x1f\x8b") {
		return nil, usagef("list of paths: these are records, not paths: write them to a file, of which the table can say that they came from it")
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
		if s3.IsURI(name) {
			paths = append(paths, name)
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
	if s.Objects+s.Others+s.Unchanged+s.Skipped+s.SkippedFolders+s.Digests+s.Foreign+s.Unreadable == 0 {
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
		{s.SkippedFolders, "folder", "not listed: outside them, or another service's"},
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

	if s.Shares+s.Others > 0 {
		a.note("together with others: %s taken, %s of them from converters that had died; %s left to others", quantity.Plural(s.Shares, "share"), quantity.Count(s.TakenOver), quantity.Plural(s.Others, "object"))
	}
	if s.LeftCompaction {
		a.note("another converter joins the files")
	}

	if v := s.Verdicts; v != (convert.Verdicts{}) {
		a.note("verified log files: %s valid, %s invalid, %s unproven, %s without a digest", quantity.Count(v.Valid), quantity.Count(v.Invalid), quantity.Count(v.Unproven), quantity.Count(v.NotCovered))
	}

	var missing []string
	if s.Verdicts.Invalid > 0 {
		missing = append(missing, quantity.Plural(s.Verdicts.Invalid, "log file")+" not as delivered: see SELECT object, verdictreason FROM source_files WHERE verdict = 'invalid'")
	}
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
