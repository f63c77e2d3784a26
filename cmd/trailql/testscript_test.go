package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"trailql": func() { os.Exit(runProcess()) },
	})
}

// TestScripts runs the command line as a user does; see testdata/script.
//
//	exits CODE trailql …   runs a command and checks its exit code
//	[duckdb]               is true when the tests are built with the query engine
//	$SAMPLE                is the sample archive
//	$NL                    is a line feed, which quotes cannot hold
func TestScripts(t *testing.T) {
	sample, err := filepath.Abs("../../testdata/sample")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, scriptParams("testdata/script", sample, func(*testscript.Env) error { return nil }))
}

// scriptParams are those of the scripts in a folder; setup adds to their
// environment.
func scriptParams(dir, sample string, setup func(*testscript.Env) error) testscript.Params {
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("SAMPLE", sample)
			e.Setenv("NL", "\n")
			e.Setenv("TRAILQL_WAREHOUSE", filepath.Join(e.WorkDir, "warehouse"))
			e.Setenv("XDG_DATA_HOME", filepath.Join(e.WorkDir, "data"))
			e.Setenv("AWS_EC2_METADATA_DISABLED", "true") // no network
			return setup(e)
		},
		Condition: func(condition string) (bool, error) {
			switch condition {
			case "duckdb":
				return hasDuckDB, nil
			case "sample":
				_, err := os.Stat(sample)
				return err == nil, nil
			}
			return false, fmt.Errorf("unknown condition %q", condition)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
		},
	}
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARG…]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			ts.Fatalf("run %s: %v", args[1], err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
