// Command bench measures what it costs to turn a trail archive into Parquet:
// gzip -dc as the yardstick, trailql convert, and DuckDB's own read_json, each
// as a child process, in turn, on one archive. With -queries it measures a suite
// of queries instead, with -converters and -slices the same conversion by several
// converters or in several runs. -plan measures nothing: it works out what amounts
// of logs take, from what was measured. It prints a Markdown table.
//
//	go run -tags duckdb_arrow ./cmd/bench -dir /tmp/realistic -records 1000000 -files 1000 -trailql bin/trailql
//
// Run it in the repository: it makes a missing archive with cmd/trailgen.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
)

// The first argument of a child process that runs DuckDB.
const (
	duckDBChild      = "duckdb-child"
	duckDBQueryChild = "duckdb-query-child"
)

// options are the flags.
type options struct {
	dir     string
	records int
	files   int
	shape   string
	seed    int
	trailql string
	runs    int
	scratch string
	only    string
	queries bool
	s3      string

	converters string
	slices     string
	plan       string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if len(os.Args) > 1 && os.Args[1] == duckDBChild {
		os.Exit(runDuckDBChild(ctx, os.Args[2:], os.Stdout, os.Stderr))
	}
	if len(os.Args) > 1 && os.Args[1] == duckDBQueryChild {
		os.Exit(runDuckDBQueryChild(ctx, os.Args[2:], os.Stdout, os.Stderr))
	}
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// run measures and returns the exit code: 0, 1 for a failure, 2 for wrong usage.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.dir, "dir", "", "archive `folder`; made when it does not exist")
	flags.IntVar(&o.records, "records", 1_000_000, "records of an archive to be made")
	flags.IntVar(&o.files, "files", 1_000, "files of an archive to be made")
	flags.StringVar(&o.shape, "shape", "realistic", "shape of an archive to be made: realistic or tiny")
	flags.IntVar(&o.seed, "seed", 1, "seed of an archive to be made")
	flags.StringVar(&o.trailql, "trailql", "", "trailql `program`; without it only the others run")
	flags.IntVar(&o.runs, "runs", 3, "rounds; the table shows medians")
	flags.StringVar(&o.scratch, "scratch", "", "`folder` for what the converters write (default the system's)")
	flags.StringVar(&o.only, "only", "", "comma-separated `names` of what to run: gzip, trailql, s3, duckdb, again, find (default all)")
	flags.StringVar(&o.s3, "s3", "", "`URI` of the same archive in a bucket, s3://…: measure its conversion, too")
	flags.BoolVar(&o.queries, "queries", false, "measure queries on the converted archive")
	flags.StringVar(&o.converters, "converters", "", "convert with such `numbers` of converters at once, such as 1,2,4")
	flags.StringVar(&o.slices, "slices", "", "convert in such `numbers` of runs behind each other, such as 1,16")
	flags.StringVar(&o.plan, "plan", "", "measure nothing: print what such `amounts` of JSON a day take, such as 1TB,10TB,100TB")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return 0
	} else if err != nil {
		return 2
	}
	if o.plan != "" && flags.NArg() == 0 {
		if err := printPlans(stdout, o.plan); err != nil {
			fmt.Fprintf(stderr, "error: %v\n", err)
			return 2
		}
		return 0
	}
	if o.dir == "" || o.runs < 1 || flags.NArg() > 0 {
		fmt.Fprintln(stderr, "error: want -dir FOLDER, at least one run, and no other arguments")
		return 2
	}
	measure := bench
	switch {
	case o.queries:
		measure = benchQueries
	case o.converters != "":
		measure = benchConverters
	case o.slices != "":
		measure = benchSlices
	}
	if err := measure(ctx, o, stdout, stderr); err != nil {
		fmt.Fprintf(stderr, "error: %v\n", err)
		return 1
	}
	return 0
}

// bench makes the archive if need be, measures and prints.
func bench(ctx context.Context, o options, stdout, stderr io.Writer) error {
	a, made, err := openArchive(ctx, o, stderr)
	if err != nil {
		return err
	}
	candidates, err := candidates(o, a)
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(o.scratch, "trailql-bench-")
	if err != nil {
		return fmt.Errorf("make scratch folder: %w", err)
	}
	defer os.RemoveAll(scratch)
	for round := range o.runs {
		for i := range candidates {
			c := &candidates[i]
			m, err := c.run(ctx, scratch)
			if err != nil {
				return fmt.Errorf("run %s: %w", c.name, err)
			}
			c.measured = append(c.measured, m)
			fmt.Fprintf(stderr, "round %d  %-9s %7.2f CPU s %7.2f s %6d MiB\n", round+1, c.name, m.cpu.Seconds(), m.wall.Seconds(), m.peak>>20)
		}
	}
	return writeTable(stdout, a, candidates, commandLine(o, made))
}

// commandLine is how to repeat the measurement. It tells how the archive was
// made only when this run made it.
func commandLine(o options, made bool) string {
	line := "go run -tags duckdb_arrow ./cmd/bench -dir " + o.dir
	if made {
		line += fmt.Sprintf(" -records %d -files %d -shape %s -seed %d", o.records, o.files, o.shape, o.seed)
	}
	line += fmt.Sprintf(" -runs %d", o.runs)
	if o.trailql != "" {
		line += " -trailql " + o.trailql
	}
	if o.s3 != "" {
		line += " -s3 " + o.s3
	}
	if o.queries {
		line += " -queries"
	}
	if o.only != "" {
		line += " -only " + strings.ReplaceAll(o.only, " ", "")
	}
	return line
}
