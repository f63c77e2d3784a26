package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// icebergTables are those of Iceberg's SQL catalog.
const icebergTables = `
CREATE TABLE iceberg_tables (catalog_name varchar(255) NOT NULL, table_namespace varchar(255) NOT NULL, table_name varchar(255) NOT NULL,
	metadata_location varchar(1000), previous_metadata_location varchar(1000), iceberg_type varchar(5),
	PRIMARY KEY (catalog_name, table_namespace, table_name));
CREATE TABLE iceberg_namespace_properties (catalog_name varchar(255) NOT NULL, namespace varchar(255) NOT NULL,
	property_key varchar(255) NOT NULL, property_value varchar(1000), PRIMARY KEY (catalog_name, namespace, property_key));
`

// password of the one user of the database.
const password = "of a test"

// startPostgres makes a database in dir, and starts a server for it.
func startPostgres(ctx context.Context, dir string) (process, error) {
	as, err := notRoot()
	if err != nil {
		return process{}, err
	}
	port, err := freePort()
	if err != nil {
		return process{}, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return process{}, err
	}
	if as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			return process{}, err
		}
	}
	run := func(ctx context.Context, program string, args ...string) error {
		path, err := findPostgres(program)
		if err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, path, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "PGPASSWORD="+password)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: as}
		// The server keeps what it inherits open, so its output goes to a file.
		out, err := os.Create(filepath.Join(filepath.Dir(dir), program+".log"))
		if err != nil {
			return err
		}
		defer out.Close()
		cmd.Stdout, cmd.Stderr = out, out
		if err := cmd.Run(); err != nil {
			said, _ := os.ReadFile(out.Name())
			return fmt.Errorf("%s: %w: %s", program, err, lastLines(string(said), 3))
		}
		return nil
	}
	secret := filepath.Join(dir, "password")
	if err := os.WriteFile(secret, []byte(password), 0o644); err != nil { //nolint:gosec // as secret as this text
		return process{}, err
	}
	data := filepath.Join(dir, "data")
	if err := run(ctx, "initdb", "-D", data, "-U", "trailql", "-A", "scram-sha-256", "--pwfile", secret, "--no-sync"); err != nil {
		return process{}, err
	}
	if err := run(ctx, "pg_ctl", "-D", data, "-w", "-l", filepath.Join(dir, "log"), "-o",
		fmt.Sprintf("-p %d -k %s -c listen_addresses=127.0.0.1 -c fsync=off", port, dir), "start"); err != nil {
		return process{}, err
	}
	p := process{port: port, stop: func() error {
		return run(context.Background(), "pg_ctl", "-D", data, "-m", "immediate", "stop")
	}}
	if err := run(ctx, "psql", "-q", "-h", "127.0.0.1", "-p", strconv.Itoa(port), "-U", "trailql", "-d", "postgres", "-c", icebergTables); err != nil {
		return process{}, errors.Join(err, p.stop())
	}
	return p, nil
}

// findPostgres: Debian keeps the programs of the server out of PATH.
func findPostgres(program string) (string, error) {
	if path, err := exec.LookPath(program); err == nil {
		return path, nil
	}
	installed, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
	if err != nil || len(installed) == 0 {
		return "", missing("PostgreSQL is not installed: there is no %s", program)
	}
	return installed[len(installed)-1], nil
}

// notRoot is whom PostgreSQL runs as: it refuses root. nil is whoever runs this.
func notRoot() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(u.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(u.Gid, 10, 32)
		if errors.Join(errUID, errGID) == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, missing("PostgreSQL does not run as root, and there is no user %s", strings.Join([]string{"postgres", "nobody"}, " or "))
}
