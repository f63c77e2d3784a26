// Package trinotest lets tests use the server that cmd/integration starts.
package trinotest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/trailql/trailql/catalog"
)

const variable = "TRAILQL_TEST_TRINO"

// Address is the server's; the test is skipped where there is none.
func Address(t testing.TB) string {
	t.Helper()
	address := os.Getenv(variable)
	if address == "" {
		t.Skip("no Trino server in $" + variable + ": make integration starts one")
	}
	return address
}

// Run runs any statement, also those that package trino refuses, and gives its
// rows as JSON has them.
func Run(t testing.TB, sql string) [][]any {
	t.Helper()
	rows, err := run(Address(t), sql)
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return rows
}

func run(address, sql string) ([][]any, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	parts := strings.Split(strings.Trim(u.Path, "/"), "/")
	var rows [][]any
	method, next := http.MethodPost, "http://"+u.Host+"/v1/statement"
	for next != "" {
		r, err := http.NewRequest(method, next, bytes.NewReader([]byte(sql))) //nolint:noctx // of a test
		if err != nil {
			return nil, err
		}
		r.Header.Set("X-Trino-User", u.User.Username())
		r.Header.Set("X-Trino-Catalog", parts[0])
		r.Header.Set("X-Trino-Schema", parts[1])
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return nil, err
		}
		var page struct {
			NextURI string
			Data    [][]any
			Error   *struct{ Message string }
		}
		err = json.NewDecoder(answer.Body).Decode(&page)
		answer.Body.Close()
		switch {
		case err != nil:
			return nil, err
		case page.Error != nil:
			return nil, errors.New(page.Error.Message)
		}
		rows = append(rows, page.Data...)
		method, next, sql = http.MethodGet, page.NextURI, ""
	}
	return rows, nil
}

// Register makes the tables of a warehouse known to the server, in place of those
// that its schema has, and gives the address with it. Later versions of them are
// not seen.
func Register(t testing.TB, c *catalog.Catalog, schema string) string {
	t.Helper()
	u, err := url.Parse(Address(t))
	if err != nil {
		t.Fatal(err)
	}
	name := Empty(t, schema)
	snapshot, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range snapshot.Tables() {
		location := "file://" + c.Root() + "/default/" + table
		Run(t, fmt.Sprintf("CALL %s.system.register_table('%s', '%s', '%s', '%s')", name, schema, table, location, NewestMetadata(t, c, table)))
	}
	u.Path = "/" + name + "/" + schema
	return u.String()
}

// Empty makes an empty schema, and gives the name of its catalog.
func Empty(t testing.TB, schema string) string {
	t.Helper()
	u, err := url.Parse(Address(t))
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	Run(t, fmt.Sprintf("CREATE SCHEMA IF NOT EXISTS %s.%q", name, schema))
	for _, row := range Run(t, fmt.Sprintf("SELECT table_name, table_type FROM %s.information_schema.tables WHERE table_schema = '%s'", name, schema)) {
		if row[1] == "VIEW" {
			Run(t, fmt.Sprintf("DROP VIEW %s.%q.%q", name, schema, row[0]))
		} else {
			Run(t, fmt.Sprintf("CALL %s.system.unregister_table('%s', '%s')", name, schema, row[0]))
		}
	}
	return name
}

// NewestMetadata is the file name of a table's metadata.
func NewestMetadata(t testing.TB, c *catalog.Catalog, table string) string {
	t.Helper()
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found, err := s.Table(table)
	if err != nil {
		t.Fatal(err)
	}
	return path.Base(found.RegisteredLocation())
}
