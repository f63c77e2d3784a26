package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// candidate is one thing that is measured.
type candidate struct {
	name     string
	what     string // for the table
	run      func(ctx context.Context, scratch string) (measurement, error)
	measured []measurement
}

// measurement is what one child process, with its own children, used.
type measurement struct {
	cpu    time.Duration // user and system
	wall   time.Duration
	peak   int64 // resident bytes of the largest process
	output int64 // bytes of Parquet; 0 for none
}

// candidates lists what o asks for, in the order in which it is run.
func candidates(o options, a archive) ([]candidate, error) {
	program := o.trailql
	if program != "" {
		var err error
		if program, err = findProgram(program); err != nil {
			return nil, err
		}
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	list := strings.Join(a.files, "\x00")
	all := []candidate{
		{name: "gzip", what: "`gzip -dc` to nowhere", run: func(ctx context.Context, _ string) (measurement, error) {
			return measure(exec.CommandContext(ctx, "xargs", "-0", "gzip", "-dc"), strings.NewReader(list))
		}},
		{name: "trailql", what: "`trailql convert`", run: func(ctx context.Context, scratch string) (measurement, error) {
			return intoFresh(filepath.Join(scratch, "warehouse"), func(out string) *exec.Cmd {
				return exec.CommandContext(ctx, program, "convert", "--warehouse", out, "-q", a.dir)
			})
		}},
		{name: "s3", what: "`trailql convert` from a bucket", run: func(ctx context.Context, scratch string) (measurement, error) {
			return intoFresh(filepath.Join(scratch, "warehouse-s3"), func(out string) *exec.Cmd {
				return exec.CommandContext(ctx, program, "convert", "--warehouse", out, "-q", o.s3)
			})
		}},
		{name: "duckdb", what: "DuckDB `read_json` → `COPY … PARTITION_BY`", run: func(ctx context.Context, scratch string) (measurement, error) {
			return intoFresh(filepath.Join(scratch, "duckdb"), func(out string) *exec.Cmd {
				return exec.CommandContext(ctx, self, duckDBChild, a.dir, out, fmt.Sprint(a.largest))
			})
		}},
		{name: "again", what: "`trailql convert` again, nothing new", run: func(ctx context.Context, scratch string) (measurement, error) {
			out := filepath.Join(scratch, "warehouse")
			if _, err := os.Stat(out); err != nil {
				return measurement{}, fmt.Errorf("convert again: the first conversion is missing: %w", err)
			}
			return measure(exec.CommandContext(ctx, program, "convert", "--warehouse", out, "-q", a.dir), nil)
		}},
		{name: "find", what: "`find` with size and time, for comparison", run: func(ctx context.Context, _ string) (measurement, error) {
			return measure(exec.CommandContext(ctx, "find", a.dir, "-type", "f", "-printf", "%s %T@ %p\\n"), nil)
		}},
	}
	wanted := strings.FieldsFunc(o.only, func(r rune) bool { return r == ',' || r == ' ' })
	for _, name := range wanted {
		if !slices.ContainsFunc(all, func(c candidate) bool { return c.name == name }) {
			return nil, fmt.Errorf("-only: there is no %q", name)
		}
	}
	return slices.DeleteFunc(all, func(c candidate) bool {
		if len(wanted) > 0 && !slices.Contains(wanted, c.name) {
			return true
		}
		switch c.name {
		case "trailql", "again":
			return program == ""
		case "s3":
			return program == "" || o.s3 == ""
		case "duckdb":
			return !haveDuckDB
		}
		return false
	}), nil
}

// intoFresh measures a command that writes Parquet to a folder of its own. What
// an earlier round left there is removed before, not after: the last one stays.
func intoFresh(out string, command func(out string) *exec.Cmd) (measurement, error) {
	if err := os.RemoveAll(out); err != nil {
		return measurement{}, fmt.Errorf("clear output: %w", err)
	}
	m, err := measure(command(out), nil)
	if err != nil {
		return m, err
	}
	if m.output, err = parquetBytes(out); err == nil && m.output == 0 {
		err = fmt.Errorf("no Parquet in %s", out)
	}
	return m, err
}

// findProgram is the absolute path of a program.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("find trailql: %w", err)
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", fmt.Errorf("find trailql: %w", err)
	}
	return path, nil
}

// measure runs a command to its end and asks the kernel what it used. The
// command's output is thrown away; what it says on stderr is part of an error.
func measure(cmd *exec.Cmd, stdin io.Reader) (measurement, error) {
	m, _, err := measureSaid(cmd, stdin)
	return m, err
}

// measureSaid is measure, and returns what the command said on stderr.
func measureSaid(cmd *exec.Cmd, stdin io.Reader) (measurement, string, error) {
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = stdin, &said
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return measurement{}, said.String(), fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(said.String()))
	}
	m := measurement{cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), wall: time.Since(start)}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		m.peak = usage.Maxrss << 10 // Linux counts in KiB
	}
	return m, said.String(), nil
}
