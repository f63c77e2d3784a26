package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report/manifest"
)

func newReportVerifyCommand(a *app) *cobra.Command {
	var keys []string
	o := manifest.Options{}
	objects := false
	cmd := &cobra.Command{
		Use:   "verify DIR",
		Short: "Check that a report is as it was sealed",
		Long: `Compares every file of a report with its manifest and names what has changed: a
file with the first byte, a row, the chain of reports, the signature. Without a
signature and --key it proves only that files and manifest agree: anybody could
have written both. --objects reads the log files that the report rests on, also
those on S3, and compares them, too.`,
		Example: `  trailql report verify reports/2026-10 --key key.pub.pem --previous reports/2026-09`,
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, name := range keys {
				key, err := manifest.ReadPublicKey(name)
				if err != nil {
					return usagef("--key: %w", err)
				}
				o.Keys = append(o.Keys, key)
			}
			if objects {
				o.Object = a.objectOpener(cmd.Context())
			}
			result, err := manifest.Verify(cmd.Context(), args[0], o)
			if errors.Is(err, fs.ErrNotExist) {
				return usageError{err}
			}
			if err != nil {
				return err
			}
			return printVerification(a, args[0], result)
		},
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&keys, "key", nil, "`FILE` with a public key whose signature is accepted; repeatable")
	flags.StringVar(&o.Previous, "previous", "", "`REPORT` before this one: its folder, or the hash of its manifest")
	flags.BoolVar(&objects, "objects", false, "compare the log files as well")
	return cmd
}

// objectOpener opens log files by the names that the ledger has for them.
func (a *app) objectOpener(ctx context.Context) func(name string) (io.ReadCloser, error) {
	open := a.sourceOpener()
	return func(name string) (io.ReadCloser, error) {
		if !s3.IsURI(name) {
			return os.Open(name)
		}
		bucket, key, _ := strings.Cut(strings.TrimPrefix(name, "s3://"), "/")
		b, err := open(ctx, "s3://"+bucket)
		if err != nil {
			return nil, err
		}
		object, err := b.Open(ctx, key)
		if errors.Is(err, storage.ErrNotExist) {
			return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
		}
		return object, err
	}
}

func printVerification(a *app, dir string, r *manifest.Result) error {
	out := &lines{}
	for _, c := range r.Changes {
		out.add("%s", c)
	}
	if len(r.Changes) == 0 {
		size := quantity.Plural(int64(r.Files), "file") + " and " + quantity.Bytes(r.Bytes)
		switch r.Signature {
		case manifest.Absent:
			out.add("%s: %s as the manifest says; there is no signature, so nothing protects the manifest: whoever changes a file can change it as well", dir, size)
			out.add("manifest %s: compare this hash with one that was kept elsewhere, such as in report_runs", r.Hash)
		case manifest.Unchecked:
			out.add("%s: %s as the manifest says; its signature was not checked: give --key", dir, size)
			out.add("manifest %s", r.Hash)
		default:
			out.add("%s: %s as they were sealed; signature %s", dir, size, r.Signature)
			out.add("manifest %s", r.Hash)
		}
		if r.Objects > 0 {
			out.add("%s unchanged since then", quantity.Plural(r.Objects, "log file"))
		}
	}
	if err := out.write(a.stdout); err != nil {
		return err
	}
	if len(r.Changes) > 0 {
		return fmt.Errorf("verify report: %s is not as it was sealed: %s", dir, quantity.Plural(int64(len(r.Changes)), "change"))
	}
	return nil
}
