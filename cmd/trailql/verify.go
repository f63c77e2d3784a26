package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/spf13/cobra"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/convert/digest"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

type verifyFlags struct {
	digests           []string
	table, deep       bool
	from, to          string
	accounts, regions []string
	keys              keyFlags
	report, file      string
	force             bool
}

// keyFlags say where the public keys of digests come from, and whether the digests are
// where they were delivered.
type keyFlags struct {
	files  []string
	fetch  bool
	copied bool
}

func newVerifyCommand(a *app) *cobra.Command {
	f := verifyFlags{report: "text"}
	cmd := &cobra.Command{
		Use:   "verify (--digests SRC… | --table)",
		Short: "Prove log files by CloudTrail's digests, or check the table",
		Long: `--digests checks the digest files that CloudTrail delivers each hour, and the log
files that they name, as "aws cloudtrail validate-logs" does, for all accounts and
Regions: hashes, signatures, the chain, gaps. It also finds log files that no
digest names. SRC is a folder or s3://bucket/prefix with the digests and the log
files; "trailql help integrity" says what is proven.

The public keys come from files with the output of "aws cloudtrail
list-public-keys", one Region after another, or from AWS with --fetch-keys. Without
keys only the hashes are checked, which proves nothing.

A downloaded digest has lost its signature, which S3 keeps beside it. The digest
after it repeats it, so all but the newest can be proven. For the newest, save
  aws s3api head-object --bucket B --key K > FILE.json.gz.metadata.json

--table checks the table against the log files that it was made from: that they
are there and as they were, that the table has their records, and that its data
files are those of its commits. --deep reads all of them.

The exit code is 3 when something does not hold, or when there is a gap.`,
		Example: `  trailql verify --digests s3://example-trail --fetch-keys
  aws cloudtrail list-public-keys --start-time 2026-01-01 --region us-east-1 > keys.json
  trailql verify --digests ~/logs --keys keys.json --from 2026-10-01 --to 2026-11-01
  trailql verify --digests ~/logs --keys keys.json --report html -o integrity.html
  trailql verify --table --deep`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkChoice("report", f.report, []string{"text", "json", "html"}); err != nil {
				return err
			}
			switch {
			case f.table == (len(f.digests) > 0):
				return usagef("want either --digests SRC or --table (see %s --help)", cmd.CommandPath())
			case f.table:
				for _, name := range []string{"keys", "fetch-keys", "copied", "from", "to", "accounts", "regions"} {
					if cmd.Flags().Changed(name) {
						return usagef("--%s is for --digests", name)
					}
				}
				return verifyTable(cmd.Context(), a, f)
			case f.deep:
				return usagef("--deep is for --table")
			}
			return verifyDigests(cmd.Context(), a, f)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.digests, "digests", nil, "check the digests and log files of `SRC`, a folder or s3://bucket/prefix (repeatable)")
	flags.BoolVar(&f.table, "table", false, "check the table against its log files")
	flags.BoolVar(&f.deep, "deep", false, "with --table: read every log file and data file")
	flags.StringVar(&f.from, "from", "", "only digests from this `TIME` on: "+windowHelp)
	flags.StringVar(&f.to, "to", "", "only digests before this `TIME`: "+windowHelp)
	flags.StringSliceVar(&f.accounts, "accounts", nil, "only these `ACCOUNTS` (comma-separated, repeatable)")
	flags.StringSliceVar(&f.regions, "regions", nil, "only these `REGIONS` (comma-separated, repeatable)")
	f.keys.add(cmd)
	flags.StringVar(&f.report, "report", f.report, "`FORMAT` of the report: text, json or html")
	flags.StringVarP(&f.file, "output", "o", "", "write the report to this `FILE`")
	flags.BoolVar(&f.force, "force", false, "replace FILE if it exists")
	return cmd
}

func (f *keyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringSliceVar(&f.files, "keys", nil, "public keys of digests: `FILE` from aws cloudtrail list-public-keys (repeatable)")
	cmd.Flags().BoolVar(&f.fetch, "fetch-keys", false, "ask AWS for public keys of digests that no file has")
	cmd.Flags().BoolVar(&f.copied, "copied", false, "the bucket is a copy, such as a replica: its own name may be another than the digests say")
}

func (f keyFlags) read() (keys []digest.PublicKey, err error) {
	for _, name := range f.files {
		file, err := os.Open(name)
		if err != nil {
			return nil, usageError{fmt.Errorf("--keys: %w", err)}
		}
		found, err := digest.ParseKeys(file)
		file.Close()
		if err != nil {
			return nil, usageError{fmt.Errorf("--keys %s: %w", name, err)}
		}
		keys = append(keys, found...)
	}
	return keys, nil
}

// fetcher asks CloudTrail for public keys; nil if that is not wanted.
func (a *app) fetcher(f keyFlags) func(ctx context.Context, region string, from, to time.Time) ([]digest.PublicKey, error) {
	if !f.fetch {
		return nil
	}
	return func(ctx context.Context, region string, from, to time.Time) (keys []digest.PublicKey, err error) {
		cfg, err := s3.Config(ctx, a.s3)
		if err != nil {
			return nil, err
		}
		client := cloudtrail.NewFromConfig(cfg, func(o *cloudtrail.Options) { o.Region = region })
		pages := cloudtrail.NewListPublicKeysPaginator(client, &cloudtrail.ListPublicKeysInput{StartTime: aws.Time(from), EndTime: aws.Time(to)})
		for pages.HasMorePages() {
			page, err := pages.NextPage(ctx)
			if err != nil {
				return nil, err
			}
			for _, k := range page.PublicKeyList {
				keys = append(keys, digest.PublicKey{Fingerprint: aws.ToString(k.Fingerprint), DER: k.Value,
					ValidFrom: aws.ToTime(k.ValidityStartTime), ValidTo: aws.ToTime(k.ValidityEndTime)})
			}
		}
		return keys, nil
	}
}

func verifyDigests(ctx context.Context, a *app, f verifyFlags) (err error) {
	o := digest.Options{Accounts: f.accounts, Regions: f.regions, Copied: f.keys.copied, Now: a.now, FetchKeys: a.fetcher(f.keys)}
	if o.From, o.To, err = parseWindow(f.from, f.to); err != nil {
		return err
	}
	if o.Keys, err = f.keys.read(); err != nil {
		return err
	}
	for _, src := range f.digests {
		s, err := a.openSource(ctx, src)
		if err != nil {
			return err
		}
		o.Sources = append(o.Sources, s)
	}
	screen := newProgress(a)
	started := a.now()
	o.Progress = func(p digest.Progress) {
		screen.update(convert.Progress{Phase: "verify", Objects: p.Digests, ObjectsTotal: p.DigestsTotal, JSONBytes: p.Bytes, Elapsed: a.now().Sub(started)})
	}
	found, err := digest.Verify(ctx, o)
	screen.finish()
	if err != nil {
		return fmt.Errorf("verify digests: %w", err)
	}
	r := integrityReport{Sources: f.digests, Made: a.now().UTC(), Keyless: len(o.Keys) == 0 && !f.keys.fetch, Result: found}
	if err := a.writeReport(ctx, f, r.write); err != nil {
		return err
	}
	return r.verdict()
}

// openSource opens what --digests names. A folder has to exist.
func (a *app) openSource(ctx context.Context, src string) (storage.Storage, error) {
	if !strings.Contains(src, "://") {
		info, err := os.Stat(src)
		if err == nil && !info.IsDir() {
			err = errors.New("want a folder")
		}
		if err != nil {
			return nil, usageError{fmt.Errorf("--digests %s: %w", src, err)}
		}
	}
	return a.openStorage(ctx, src)
}

// writeReport writes to stdout or to a file, whole or not at all.
func (a *app) writeReport(ctx context.Context, f verifyFlags, write func(w writerTo) error) error {
	if f.file == "" {
		return write(writerTo{a.stdout, f.report, isTerminal(a.stdout)})
	}
	file, err := output.CreateFile(ctx, f.file, f.force)
	if errors.Is(err, fs.ErrExist) {
		return usagef("%s exists: use --force to replace it", f.file)
	}
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	defer func() { _ = file.Discard() }()
	if err := write(writerTo{file, f.report, false}); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return file.Commit()
}

// verdict is an error when the evidence does not hold or has a gap.
func (r integrityReport) verdict() error {
	var wrong []string
	add := func(n int64, noun, what string) {
		if n > 0 {
			wrong = append(wrong, quantity.Plural(n, noun)+" "+what)
		}
	}
	found := r.Result
	add(found.Digests.Invalid+found.Backfill.Invalid, "digest", "invalid")
	add(found.Logs.Invalid, "log file", "invalid")
	other := found.Count(digest.Failure) - found.Digests.Invalid - found.Backfill.Invalid - found.Logs.Invalid
	add(other, "other contradiction", "found")
	add(found.Count(digest.Gap), "gap", "in the digests")
	add(found.Unreadable, "object", "not readable")
	switch {
	case found.Digests.Total+found.Backfill.Total == 0:
		wrong = append(wrong, "no digests found")
	case moved(found):
		wrong = append(wrong, "all digests belong into another bucket: if this one is a copy, say so with --copied")
	case r.Keyless:
		wrong = append(wrong, "no signature was checked: see --keys and --fetch-keys")
	}
	if len(wrong) > 0 {
		return partialError{strings.Join(wrong, "; ")}
	}
	return nil
}

// moved: nothing is where it was delivered, as in a copy of a bucket.
func moved(r *digest.Result) bool {
	n := int64(0)
	for _, f := range r.Findings {
		if f.Kind == digest.DigestMoved {
			n++
		}
	}
	return n > 0 && n == r.Digests.Total+r.Backfill.Total
}
