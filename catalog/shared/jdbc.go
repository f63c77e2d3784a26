package shared

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// The tables are those of Iceberg's JdbcCatalog, schema version 1. Where they are
// in version 0 there is no column iceberg_type, and they stay so.
const (
	createTables = `CREATE TABLE IF NOT EXISTS iceberg_tables (catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT NULL,
		table_name VARCHAR(255) NOT NULL, metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000), iceberg_type VARCHAR(5),
		PRIMARY KEY (catalog_name, table_namespace, table_name))`
	createProperties = `CREATE TABLE IF NOT EXISTS iceberg_namespace_properties (catalog_name VARCHAR(255) NOT NULL, namespace VARCHAR(255) NOT NULL,
		property_key VARCHAR(255) NOT NULL, property_value VARCHAR(1000), PRIMARY KEY (catalog_name, namespace, property_key))`
	existing     = "SELECT to_regclass('iceberg_tables') IS NOT NULL AND to_regclass('iceberg_namespace_properties') IS NOT NULL"
	typed        = "SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass('iceberg_tables') AND attname = 'iceberg_type' AND NOT attisdropped"
	putNamespace = "INSERT INTO iceberg_namespace_properties VALUES ($1, $2, 'exists', 'true') ON CONFLICT DO NOTHING"
	selectTables = "SELECT table_name, metadata_location FROM iceberg_tables WHERE catalog_name = $1 AND table_namespace = $2"
	insertTable  = "INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING"
	insertTyped  = "INSERT INTO iceberg_tables (catalog_name, table_namespace, table_name, metadata_location, iceberg_type) VALUES ($1, $2, $3, $4, 'TABLE') ON CONFLICT DO NOTHING"
	updateTable  = "UPDATE iceberg_tables SET metadata_location = $4, previous_metadata_location = $5 WHERE catalog_name = $1 AND table_namespace = $2 AND table_name = $3 AND metadata_location = $5"
)

// maxLocation is what the column takes.
const maxLocation = 1000

// Codes of errors that do not end a publication.
const (
	uniqueViolation      = "23505"
	serializationFailure = "40001"
	deadlockDetected     = "40P01"
)

// jdbc is a namespace of Iceberg's SQL catalog.
type jdbc struct {
	*postgres
	address
	insert string
}

func openJDBC(text, password string) (*Publisher, error) {
	config, rest, err := parsePostgres(text, password)
	if err != nil {
		return nil, err
	}
	a := address{name: cmp.Or(rest.Get("catalog"), "trailql")}
	if a.namespace, err = takeNamespace(rest); err != nil {
		return nil, err
	}
	rest.Del("catalog")
	if err := noOthers(rest, "catalog, namespace, tls and ca"); err != nil {
		return nil, err
	}
	if strings.ContainsRune(a.name+a.namespace, 0) {
		return nil, errors.New("a NUL in the address: " + wantPostgres)
	}
	return &Publisher{open: func(ctx context.Context) (registry, error) {
		j, err := connectJDBC(ctx, config, a)
		return byLocation{j, a}, err
	}}, nil
}

func connectJDBC(ctx context.Context, config *pgconn.Config, a address) (*jdbc, error) {
	p, err := connectPostgres(ctx, config)
	if err != nil {
		return nil, err
	}
	j := &jdbc{postgres: p, address: a, insert: insertTable}
	if err := j.prepare(ctx); err != nil {
		return nil, errors.Join(err, p.close())
	}
	return j, nil
}

// prepare makes what is missing. Where it is there, reading and changing rows is
// all that the user has to be allowed.
func (j *jdbc) prepare(ctx context.Context) error {
	rows, _, err := j.exec(ctx, existing)
	if err != nil {
		return err
	}
	if rows[0][0] != "t" {
		for _, sql := range []string{createTables, createProperties} {
			_, _, err := j.exec(ctx, sql)
			// Two that make a table at the same moment can get in each other's way.
			if isCode(err, uniqueViolation) {
				_, _, err = j.exec(ctx, sql)
			}
			if err != nil {
				return err
			}
		}
	}
	if rows, _, err = j.exec(ctx, typed); err != nil {
		return err
	}
	if rows[0][0] != "0" {
		j.insert = insertTyped
	}
	return nil
}

func (j *jdbc) locations(ctx context.Context) (map[string]string, error) {
	rows, _, err := j.exec(ctx, selectTables, j.name, j.namespace)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for _, row := range rows {
		found[row[0]] = row[1]
	}
	return found, nil
}

// replace is one transaction, so that whoever reads several tables in one finds
// them as one commit has left them.
func (j *jdbc) replace(ctx context.Context, changes []change) (done int, err error) {
	if _, _, err := j.exec(ctx, "BEGIN"); err != nil {
		return 0, err
	}
	err = j.replaceAll(ctx, changes)
	if err == nil {
		_, _, err = j.exec(ctx, "COMMIT")
	} else if _, _, undo := j.exec(ctx, "ROLLBACK"); undo != nil {
		err = errors.Join(err, undo)
	}
	if isCode(err, serializationFailure, deadlockDetected) {
		err = errChanged
	}
	if err != nil {
		return 0, err
	}
	return len(changes), nil
}

func (j *jdbc) replaceAll(ctx context.Context, changes []change) error {
	if _, _, err := j.exec(ctx, putNamespace, j.name, j.namespace); err != nil {
		return err
	}
	for _, c := range changes {
		if len(c.To) > maxLocation {
			return fmt.Errorf("location of %s has more than %d bytes", c.Table, maxLocation)
		}
		sql, args := j.insert, []string{j.name, j.namespace, c.Table, c.To}
		if c.From != "" {
			sql, args = updateTable, append(args, c.From)
		}
		_, affected, err := j.exec(ctx, sql, args...)
		if err != nil {
			return err
		}
		if affected != 1 {
			return errChanged
		}
	}
	return nil
}
