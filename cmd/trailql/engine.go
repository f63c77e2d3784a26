package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/duck"
	"github.com/trailql/trailql/engine/trino"
	"github.com/trailql/trailql/report"
)

const (
	engineVariable = "TRAILQL_ENGINE"
	localEngine    = "local"
)

// openedEngine is what answers, and what it reads.
type openedEngine struct {
	engine.Engine
	name    string
	catalog *catalog.Catalog // nil on a cluster
}

// checkDialect refuses the one that only DuckDB has.
func checkDialect(name, dialect string) error {
	if name != localEngine && name != "" && dialect == "duckdb" {
		return usagef("--dialect duckdb: that is DuckDB's own SQL, and %s is no DuckDB: use athena or lake, or --engine local", name)
	}
	return nil
}

// openEngine opens the engine that the flags name. The caller closes it.
func (a *app) openEngine(ctx context.Context, name string, o duck.Options) (*openedEngine, error) {
	if name != localEngine && name != "" {
		return openCluster(ctx, name)
	}
	var err error
	if o.Catalog, err = a.openWarehouse(ctx); err != nil {
		return nil, err
	}
	addRelations(&o)
	e, err := a.openLocal(ctx, o)
	if err != nil {
		return nil, errors.Join(err, o.Catalog.Close())
	}
	return &openedEngine{e, localEngine, o.Catalog}, nil
}

func openCluster(ctx context.Context, address string) (*openedEngine, error) {
	o := trino.Options{Address: address, Source: "trailql " + version, Views: map[string]string{report.CoverageView: report.CoverageSQL}}
	var err error
	if o.Password, err = secret("TRAILQL_TRINO_PASSWORD"); err != nil {
		return nil, err
	}
	if o.Token, err = secret("TRAILQL_TRINO_TOKEN"); err != nil {
		return nil, err
	}
	c, err := trino.Open(ctx, o)
	if err != nil {
		return nil, usagef("--engine: %w", err)
	}
	return &openedEngine{Engine: c, name: c.Name()}, nil
}

// secret is what the variable says, or the first line of the file that the
// variable with _FILE behind it names.
func secret(variable string) (string, error) {
	file := os.Getenv(variable + "_FILE")
	if file == "" {
		return os.Getenv(variable), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", usagef("$%s_FILE: %w", variable, err)
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimSuffix(line, "\r"), nil
}

// root is the folder of the warehouse; "" on a cluster.
func (e *openedEngine) root() string {
	if e.catalog == nil {
		return ""
	}
	return e.catalog.Root()
}

func (e *openedEngine) Close() error {
	err := e.Engine.Close()
	if e.catalog != nil {
		err = errors.Join(err, e.catalog.Close())
	}
	return err
}

// checkEngine is for configuration, which names no secret.
func checkEngine(text string) error {
	if text == localEngine || text == "" {
		return nil
	}
	if !strings.HasPrefix(text, "trino://") {
		return fmt.Errorf("%q: want local or trino://user@host:port/catalog/schema", text)
	}
	return nil
}
