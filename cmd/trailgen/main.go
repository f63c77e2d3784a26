// Command trailgen writes a CloudTrail archive that is made up but shaped like
// a real one: CloudTrail's key layout, its record shapes, sizes and entropy.
//
// The same flags give the same bytes, so an archive need not be kept: its
// command line is enough. Every account, name, address and id is invented;
// addresses come from the ranges reserved for documentation and from 10/8.
//
//	trailgen -o /tmp/archive -records 100000 -files 500
//	trailgen -o testdata/sample -records 1200 -files 45 -days 3 -regions 3 -users 8 -duplicates 3 -shape tiny -level 9
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stderr))
}

// run writes one archive and returns the exit code: 0, 1 for a failure, 2 for
// wrong usage.
func run(ctx context.Context, args []string, stderr io.Writer) int {
	var o options
	var from string
	flags := flag.NewFlagSet("trailgen", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.Dir, "o", "", "folder to write; must not exist yet")
	flags.Uint64Var(&o.Seed, "seed", 1, "seed of all choices")
	flags.IntVar(&o.Records, "records", 100_000, "records, not counting duplicate deliveries")
	flags.IntVar(&o.Files, "files", 1_000, "log files, not counting duplicate deliveries and digests")
	flags.IntVar(&o.Accounts, "accounts", 3, "accounts")
	flags.IntVar(&o.Regions, "regions", 4, "regions")
	flags.IntVar(&o.Days, "days", 7, "days")
	flags.StringVar(&from, "from", "2025-06-01", "first day, UTC")
	flags.IntVar(&o.Users, "users", 24, "people in each account")
	flags.Float64Var(&o.Duplicates, "duplicates", 0, "about so many `percent` of the records are delivered twice")
	flags.IntVar(&o.Digests, "digests", 1, "digest files, each for one hour of an account and region")
	flags.BoolVar(&o.Signed, "signed", false, "instead of -digests: a signed digest for each hour of each account and region, and the key in "+publicKeysFile)
	flags.StringVar(&o.Shape, "shape", shapeRealistic, "file sizes: realistic (heavy tail) or tiny (about the mean)")
	flags.StringVar(&o.Org, "org", "", "organisation `id` (o-…) for the keys of an organisation trail")
	flags.IntVar(&o.Level, "level", 6, "gzip level, 1 to 9")
	flags.IntVar(&o.Workers, "workers", runtime.GOMAXPROCS(0), "files made at a time; does not change the bytes")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	var err error
	if o.From, err = time.Parse(time.DateOnly, from); err != nil {
		fmt.Fprintf(stderr, "error: parse -from: want YYYY-MM-DD, have %q\n", from)
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "error: unexpected argument %q\n", flags.Arg(0))
		return 2
	}
	if err := o.check(); err != nil {
		fmt.Fprintf(stderr, "error: %v\n", err)
		return 2
	}
	made, err := generate(ctx, o)
	if err != nil {
		fmt.Fprintf(stderr, "error: %v\n", err)
		return 1
	}
	fmt.Fprintf(stderr, "%s: %d files, %d records, %d of them delivered twice, %d bytes of JSON, %d bytes stored\n",
		o.Dir, made.Files, made.Records, made.Duplicates, made.JSONBytes, made.StoredBytes)
	return 0
}
