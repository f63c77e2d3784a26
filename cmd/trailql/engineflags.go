package main

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/duck"
	"github.com/trailql/trailql/engine/quantity"
)

// engineFlags are the flags about what queries may take, as the user gave them.
type engineFlags struct {
	name      string
	timeout   time.Duration
	memory    string
	threads   int
	maxScan   string
	unloadDir string
}

// engineFlag is that of all commands that ask an engine.
func engineFlag(flags *pflag.FlagSet, name *string) {
	flags.StringVar(name, "engine", localEngine, "`ENGINE` that answers: local, or trino://user@host:port/catalog/schema (default $"+engineVariable+" or local; see trailql help engine)")
}

func checkEngineFlag(name string) error {
	if err := checkEngine(name); err != nil {
		return usagef("--engine %w", err)
	}
	return nil
}

func (f *engineFlags) add(flags *pflag.FlagSet) {
	engineFlag(flags, &f.name)
	flags.DurationVar(&f.timeout, "timeout", 0, "stop a statement after this `DURATION`, such as 90s (default no limit)")
	flags.StringVar(&f.maxScan, "max-scan", "", "refuse a statement that would read data files of more than this `SIZE`")
	flags.StringVar(&f.memory, "memory", "", "memory for queries, a `SIZE` such as 2GiB (default 80 % of the machine's)")
	flags.IntVar(&f.threads, "threads", 0, "use `N` threads (default one for each processor)")
	flags.StringVar(&f.unloadDir, "unload-dir", "", "`DIR` below which UNLOAD may write; without it UNLOAD is refused")
}

// options are those of the engine, and the limits of each statement.
func (f *engineFlags) options() (o duck.Options, l engine.Limits, err error) {
	o = duck.Options{Threads: f.threads, UnloadDir: f.unloadDir}
	l = engine.Limits{Timeout: f.timeout}
	if err := checkEngineFlag(f.name); err != nil {
		return o, l, err
	}
	switch {
	case f.threads < 0:
		return o, l, usagef("--threads %d: want 1 or more", f.threads)
	case f.timeout < 0:
		return o, l, usagef("--timeout %s: want a duration above zero", f.timeout)
	}
	if f.memory != "" {
		if o.Memory, err = quantity.ParseBytes(f.memory); err != nil {
			return o, l, usagef("--memory: %w", err)
		}
	}
	if f.maxScan != "" {
		if l.Scan, err = quantity.ParseBytes(f.maxScan); err != nil {
			return o, l, usagef("--max-scan: %w", err)
		}
		if l.Scan <= 0 {
			return o, l, usagef("--max-scan %s: want a size above zero", f.maxScan)
		}
	}
	return o, l, nil
}
