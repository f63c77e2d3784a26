// Command integration runs a command while a Trino server is up, over Iceberg
// tables whose catalog lies in a PostgreSQL of its own:
//
//	go run ./cmd/integration go test -run Integration ./engine/trino
//
// The command finds the server in $TRAILQL_TEST_TRINO, and PostgreSQL in
// $TRAILQL_TEST_POSTGRES and $PGPASSWORD. An Iceberg REST catalog, which Trino has
// under the name rest, is in $TRAILQL_TEST_REST, an imitation of AWS Glue in
// $TRAILQL_TEST_GLUE. What is missing on the
// machine is said in a line and is no error, so that a build without it passes;
// with -require it is one.
//
// Trino comes from Maven's central repository through mvn, once, into the user's
// cache folder. It needs the Java of minJava; PostgreSQL needs to be installed,
// not running.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	require := flag.Bool("require", false, "what is missing is an error")
	flag.Parse()
	err := run(ctx, *require, flag.Args())
	var missing missingError
	var failed *exec.ExitError
	switch {
	case err == nil:
	case errors.As(err, &missing) && !*require:
		fmt.Printf("skipped: %s\n", err)
	case errors.As(err, &failed):
		os.Exit(failed.ExitCode())
	default:
		fmt.Fprintf(os.Stderr, "integration: %s\n", err)
		os.Exit(1)
	}
}

// missingError is something that the machine has not.
type missingError struct{ error }

func (e missingError) Unwrap() error { return e.error }

func missing(format string, args ...any) error { return missingError{fmt.Errorf(format, args...)} }

func run(ctx context.Context, require bool, command []string) (err error) {
	if len(command) == 0 {
		return errors.New("want a command")
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	java, err := findJava(ctx)
	if err != nil {
		return err
	}
	home, err := fetchTrino(ctx, filepath.Join(cache, "trailql", "integration"))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "trailql-integration-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	// PostgreSQL runs as another user than root.
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // it holds nothing secret
		return err
	}
	database, err := startPostgres(ctx, filepath.Join(dir, "postgres"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.stop()) }()
	env, stopOthers, restPort, err := startCatalogs(ctx, filepath.Join(cache, "trailql", "integration"), dir, database.port, require)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopOthers()) }()
	server, err := startTrino(ctx, home, java, filepath.Join(dir, "trino"), database.port, restPort)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()

	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(append(os.Environ(), env...), fmt.Sprintf("TRAILQL_TEST_TRINO=trino://trailql@127.0.0.1:%d/iceberg/default", server.port),
		fmt.Sprintf("TRAILQL_TEST_POSTGRES=postgres://trailql@127.0.0.1:%d/postgres", database.port), "PGPASSWORD="+password)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	return cmd.Run()
}
