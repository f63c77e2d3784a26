package shared_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/shared"
)

// database makes a database of its own on the server that cmd/integration starts,
// and gives its address.
func database(t *testing.T) string {
	t.Helper()
	address := os.Getenv("TRAILQL_TEST_POSTGRES")
	if address == "" {
		t.Skip("no PostgreSQL in $TRAILQL_TEST_POSTGRES: make integration starts one")
	}
	name := fmt.Sprintf("test%d", rand.Uint64())
	exec(t, address, "CREATE DATABASE "+name)
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + name
	return u.String()
}

func exec(t *testing.T, address, sql string, args ...string) [][]string {
	t.Helper()
	c, err := pgconn.Connect(t.Context(), address+"?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(context.WithoutCancel(t.Context()))
	var values [][]byte
	for _, a := range args {
		values = append(values, []byte(a))
	}
	r := c.ExecParams(t.Context(), sql, values, nil, nil, nil).Read()
	if r.Err != nil {
		t.Fatalf("%s: %v", sql, r.Err)
	}
	var rows [][]string
	for _, row := range r.Rows {
		var cells []string
		for _, cell := range row {
			cells = append(cells, string(cell))
		}
		rows = append(rows, cells)
	}
	return rows
}

func openJDBC(t *testing.T, address string) *shared.Publisher {
	t.Helper()
	return openPublisher(t, address, shared.Options{Password: os.Getenv("PGPASSWORD")})
}

// onPostgres is a database as a sharedCatalog.
type onPostgres struct{ address string }

func (s onPostgres) open(t *testing.T) *shared.Publisher { return openJDBC(t, s.address) }

func (s onPostgres) metadata(t *testing.T) map[string][]byte {
	locations := map[string]string{}
	for _, row := range registered(t, s.address) {
		locations[row[2]] = row[3]
	}
	return readLocations(t, locations)
}

const foreignMetadata = "/metadata/00009-3f2504e0-4f89-41d3-9a0c-0305e82c3301.metadata.json"

func (s onPostgres) writeTo(t *testing.T, c *catalog.Catalog, table string) {
	exec(t, s.address, "UPDATE iceberg_tables SET metadata_location = $1 WHERE table_name = $2", "file://"+c.Root()+"/default/"+table+foreignMetadata, table)
}

func TestIntegrationJDBC(t *testing.T) {
	conforms(t, func(t *testing.T) sharedCatalog { return onPostgres{database(t)} })
}

func registered(t *testing.T, address string) [][]string {
	t.Helper()
	return exec(t, address, "SELECT catalog_name, table_namespace, table_name, metadata_location FROM iceberg_tables ORDER BY 1, 2, 3")
}

// rowsOf are those that should be registered.
func rowsOf(t *testing.T, c *catalog.Catalog) [][]string {
	t.Helper()
	var all [][]string
	locations := current(t, c)
	for _, name := range slices.Sorted(maps.Keys(locations)) {
		all = append(all, []string{"trailql", "default", name, locations[name]})
	}
	return all
}

func equal(a, b [][]string) bool { return slices.EqualFunc(a, b, slices.Equal[[]string]) }

func TestIntegrationPublish(t *testing.T) {
	address := database(t)
	c, p := warehouse(t, catalog.Options{}), openJDBC(t, address)
	publish := func(want int) {
		t.Helper()
		changes, err := p.Publish(t.Context(), c)
		if err != nil || len(changes) != want {
			t.Fatalf("Publish = %v, %v, want %d", changes, err, want)
		}
		if got, want := registered(t, address), rowsOf(t, c); !equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	publish(2)
	before := current(t, c)["events"]
	define(t, c, "events")
	publish(1)
	if got := exec(t, address, "SELECT DISTINCT iceberg_type FROM iceberg_tables"); !equal(got, [][]string{{"TABLE"}}) {
		t.Errorf("types %q", got)
	}
	if got := exec(t, address, "SELECT * FROM iceberg_namespace_properties"); !equal(got, [][]string{{"trailql", "default", "exists", "true"}}) {
		t.Errorf("namespaces %q", got)
	}

	// Somebody registered an older version: it is ours, so it is replaced.
	exec(t, address, "UPDATE iceberg_tables SET metadata_location = $1 WHERE table_name = 'events'", before)
	publish(1)
	if got := exec(t, address, "SELECT previous_metadata_location FROM iceberg_tables WHERE table_name = 'events'"); !equal(got, [][]string{{before}}) {
		t.Errorf("previous %q, want %q", got, before)
	}

	// The connection breaks: the next try opens another.
	exec(t, address, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	define(t, c, "events")
	if _, err := p.Publish(t.Context(), c); err == nil || errors.Is(err, syscall.EPIPE) {
		t.Errorf("the connection was broken, and Publish = %v", err)
	}
	publish(1)
}

// TestIntegrationOlderSchema: a catalog without iceberg_type keeps its form.
func TestIntegrationOlderSchema(t *testing.T) {
	address := database(t)
	exec(t, address, `CREATE TABLE iceberg_tables (catalog_name varchar(255), table_namespace varchar(255), table_name varchar(255),
		metadata_location varchar(1000), previous_metadata_location varchar(1000), PRIMARY KEY (catalog_name, table_namespace, table_name))`)
	c, p := warehouse(t, catalog.Options{}), openJDBC(t, address)
	if _, err := p.Publish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	if got, want := registered(t, address), rowsOf(t, c); !equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestIntegrationNeverBack: of writers that publish at the same time, none puts
// an older version behind a newer.
func TestIntegrationNeverBack(t *testing.T) {
	address := database(t)
	c := warehouse(t, catalog.Options{})
	if _, err := openJDBC(t, address).Publish(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	exec(t, address, "CREATE TABLE history (n bigserial, was text, location text)")
	exec(t, address, "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO history (was, location) VALUES (OLD.metadata_location, NEW.metadata_location); RETURN NEW; END'")
	exec(t, address, "CREATE TRIGGER note BEFORE UPDATE ON iceberg_tables FOR EACH ROW WHEN (NEW.table_name = 'events') EXECUTE FUNCTION note()")
	publishAtOnce(t, onPostgres{address}, c)
	rows := exec(t, address, "SELECT was, location FROM history ORDER BY n")
	if len(rows) == 0 {
		t.Error("no change of the registration")
	}
	for i, row := range rows {
		if path.Base(row[0]) >= path.Base(row[1]) {
			t.Errorf("change %d goes back: from %s to %s", i, path.Base(row[0]), path.Base(row[1]))
		}
	}
}

func TestIntegrationLogin(t *testing.T) {
	address := os.Getenv("TRAILQL_TEST_POSTGRES")
	if address == "" {
		t.Skip("no PostgreSQL in $TRAILQL_TEST_POSTGRES: make integration starts one")
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	password := os.Getenv("PGPASSWORD")
	for _, variable := range []string{"PGPASSWORD", "PGPASSFILE"} {
		t.Setenv(variable, "")
	}
	c := warehouse(t, catalog.Options{})
	at := func(host, database, query string) string {
		return fmt.Sprintf("postgres://%s@%s/%s?%s", u.User.Username(), host, database, query)
	}
	for name, tt := range map[string]struct{ address, password, want string }{
		"wrong password": {at(u.Host, "postgres", ""), "wrong of a secret", "the password comes from $PGPASSWORD"},
		"no password":    {at(u.Host, "postgres", ""), "", "the server wants a password"},
		"no database":    {at(u.Host, "nosuch", ""), password, "3D000"},
		"nobody there":   {at("127.0.0.1:1", "postgres", ""), password, "refused"},
		"no TLS":         {at(u.Host, "postgres", "tls=true"), password, "the server has no TLS; ?tls=false does without it"},
	} {
		p := openPublisher(t, tt.address, shared.Options{Password: tt.password})
		_, err := p.Publish(t.Context(), c)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "connect to PostgreSQL at 127.0.0.1:") ||
			strings.Contains(err.Error(), "of a secret") || strings.Contains(err.Error(), password) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
	}
	file := path.Join(t.TempDir(), "pgpass")
	if err := os.WriteFile(file, []byte("127.0.0.1:*:*:"+u.User.Username()+":"+password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PGPASSFILE", file)
	if _, err := openPublisher(t, at(u.Host, "nosuch", ""), shared.Options{}).Publish(t.Context(), c); err == nil || !strings.Contains(err.Error(), "3D000") {
		t.Errorf("with a password file: %v, want to get as far as the database's name", err)
	}
}
