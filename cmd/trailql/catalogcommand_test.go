package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/engine/trino/trinotest"
)

// sharedCatalogs are those that Trino has, too.
var sharedCatalogs = map[string]func(t *testing.T, namespace string) (address, schema string){
	"PostgreSQL": sharedAddress, "REST": restAddress,
}

// sharedAddress is of an empty namespace in PostgreSQL, and what Trino calls it.
func sharedAddress(t *testing.T, namespace string) (address, schema string) {
	t.Helper()
	address = os.Getenv("TRAILQL_TEST_POSTGRES")
	if address == "" {
		t.Skip("no PostgreSQL in $TRAILQL_TEST_POSTGRES: make integration starts one")
	}
	trinotest.Empty(t, namespace)
	return address + "?namespace=" + namespace, namespace
}

// restAddress is the same of Iceberg's REST catalog.
func restAddress(t *testing.T, namespace string) (address, schema string) {
	t.Helper()
	address = os.Getenv("TRAILQL_TEST_REST")
	if address == "" {
		t.Skip("no REST catalog in $TRAILQL_TEST_REST: make integration starts one")
	}
	namespace += fmt.Sprint(rand.Uint64())
	return address + "?namespace=" + namespace, "rest." + namespace
}

// say runs a command and gives its exit code and what it said on stderr.
func say(t *testing.T, args ...string) (int, string) {
	t.Helper()
	var out, said strings.Builder
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &said, now: time.Now}
	code := run(context.WithoutCancel(t.Context()), args, a)
	return code, said.String()
}

func factsOf(t *testing.T, schema string) facts {
	t.Helper()
	row := trinotest.Run(t, strings.ReplaceAll(factsSQL, "FROM ", "FROM "+schema+"."))[0]
	var n [5]int
	for i := range n {
		n[i] = int(row[i].(float64))
	}
	return facts{n[0], n[1], n[2], n[3], n[4]}
}

func TestCatalogCopyUsage(t *testing.T) {
	for _, tt := range []struct{ args, want string }{
		{"catalog", "no command given"},
		{"catalog copy", "no catalog given: --to postgres://"},
		{"catalog copy --to hive://x", "--to: address of a shared catalog: want postgres://"},
		{"catalog copy --to glue://x", "--to: address of a shared catalog: want glue://account"},
		{"catalog copy --to rest+http://h/", "--to: address of a shared catalog: rest+http:// is for this machine alone"},
		{"convert --catalog postgres://h/d ../../testdata/sample", "--catalog: address of a shared catalog: user, host or database is missing"},
	} {
		args := append(strings.Fields(tt.args), "--warehouse", filepath.Join(t.TempDir(), "none"))
		if code, said := say(t, args...); code != 2 || !strings.Contains(said, tt.want) {
			t.Errorf("%s: exit code %d: %s, want %q", tt.args, code, said, tt.want)
		}
	}
}

// TestIntegrationCatalogCopy: Trino reads what was registered.
func TestIntegrationCatalogCopy(t *testing.T) {
	warehouse := sampleWarehouse(t)
	for name, place := range sharedCatalogs {
		t.Run(name, func(t *testing.T) {
			to, schema := place(t, "copied")
			for _, want := range []string{"registered cloudtrail_logs: file://", "all tables are registered as they are"} {
				if code, said := say(t, "catalog", "copy", "--to", to, "--warehouse", warehouse); code != 0 || !strings.Contains(said, want) {
					t.Fatalf("exit code %d: %s, want %q", code, said, want)
				}
			}
			if diff := cmp.Diff(sampleFacts, factsOf(t, schema)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestIntegrationConvertToCatalog: Trino sees each run's rows, also those of a run
// that could not register them, or that died before it did.
func TestIntegrationConvertToCatalog(t *testing.T) {
	for name, place := range sharedCatalogs {
		t.Run(name, func(t *testing.T) {
			to, schema := place(t, "published")
			testConvertToCatalog(t, to, schema)
		})
	}
}

func testConvertToCatalog(t *testing.T, to, schema string) {
	warehouse := filepath.Join(t.TempDir(), "warehouse")
	unreachable, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	unreachable.Host = "127.0.0.1:1"
	regions, err := filepath.Glob("../../testdata/sample/AWSLogs/*/CloudTrail/*")
	if err != nil || len(regions) < 3 {
		t.Fatalf("%q, %v", regions, err)
	}
	convert := func(code int, says string, args ...string) {
		t.Helper()
		got, said := say(t, append([]string{"convert", "--warehouse", warehouse}, args...)...)
		if got != code || !strings.Contains(said, says) {
			t.Fatalf("convert %v: exit code %d: %s, want %d and %q", args, got, said, code, says)
		}
	}
	agree := func() {
		t.Helper()
		want := strings.Fields(stdoutOf(t, "query", "--quiet", "--warehouse", warehouse, "--format", "csv", "--engine", "local",
			"SELECT count(*) AS n, count(DISTINCT eventid) AS events, min(eventtimestamp) IS NULL AS nothing FROM cloudtrail_logs"))[1]
		row := trinotest.Run(t, "SELECT count(*), count(DISTINCT eventid), min(eventtimestamp) IS NULL FROM "+schema+".cloudtrail_logs")[0]
		if got := fmt.Sprintf("%v,%v,%v", row...); got != want {
			t.Errorf("Trino: %s, here %s", got, want)
		}
	}
	convert(0, "new records", "--catalog", to, regions[0])
	agree()
	convert(1, "the warehouse is up to date, the shared catalog is not", "--catalog", unreachable.String(), regions[1])
	convert(0, "0 new records", "--catalog", to, regions[1]) // nothing to commit
	agree()
	convert(0, "new records", regions[2]) // as if it had died between the commit and the registration
	convert(0, "new records", "--catalog", to, "../../testdata/sample")
	agree()
	if diff := cmp.Diff(sampleFacts, factsOf(t, schema)); diff != "" {
		t.Error(diff)
	}
	trinotest.Run(t, fmt.Sprintf("INSERT INTO %s.source_files SELECT * FROM %[1]s.source_files LIMIT 1", schema))
	convert(1, "not as trailql has registered it", "--catalog", to, "../../testdata/sample")
}

// TestIntegrationCatalogCopyForSpark: Spark reads them by the same catalogs.
func TestIntegrationCatalogCopyForSpark(t *testing.T) {
	warehouse := sampleWarehouse(t)
	for name, place := range sharedCatalogs {
		t.Run(name, func(t *testing.T) {
			to, schema := place(t, "spark")
			if code, said := say(t, "catalog", "copy", "--to", to, "--warehouse", warehouse); code != 0 {
				t.Fatalf("exit code %d: %s", code, said)
			}
			u, err := url.Parse(to)
			if err != nil {
				t.Fatal(err)
			}
			properties := map[string]string{
				"type": "jdbc", "uri": "jdbc:postgresql://" + u.Host + u.Path, "jdbc.user": u.User.Username(), "jdbc.password": os.Getenv("PGPASSWORD"),
				"jdbc.schema-version": "V1", "warehouse": "file://" + t.TempDir(),
			}
			if strings.HasPrefix(u.Scheme, "rest+") {
				properties = map[string]string{"type": "rest", "uri": "http://" + u.Host}
			}
			sql := []string{"SET spark.sql.catalog.trailql=org.apache.iceberg.spark.SparkCatalog"}
			for key, value := range properties {
				sql = append(sql, "SET `spark.sql.catalog.trailql."+key+"`=`"+value+"`")
			}
			got := runPython(t, inSpark, append(sql, strings.ReplaceAll(factsSQL, "FROM ", "FROM trailql."+path.Base(strings.ReplaceAll(schema, ".", "/"))+".")))
			if diff := cmp.Diff([]facts{sampleFacts}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestIntegrationCatalogCopyToGlue: the columns of our tables are such as Glue
// takes; catalog/shared tests the rest.
func TestIntegrationCatalogCopyToGlue(t *testing.T) {
	endpoint := os.Getenv("TRAILQL_TEST_GLUE")
	if endpoint == "" {
		t.Skip("no Glue in $TRAILQL_TEST_GLUE: make integration starts one")
	}
	for variable, value := range map[string]string{
		"AWS_ENDPOINT_URL_GLUE": endpoint, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_PROFILE": "", "AWS_SESSION_TOKEN": "",
		"AWS_CONFIG_FILE": os.DevNull, "AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		t.Setenv(variable, value)
	}
	to := fmt.Sprintf("glue://?region=eu-west-1&namespace=copied%d", rand.Uint64())
	warehouse := sampleWarehouse(t)
	for _, want := range []string{"registered cloudtrail_logs: file://", "all tables are registered as they are"} {
		if code, said := say(t, "catalog", "copy", "--to", to, "--warehouse", warehouse); code != 0 || !strings.Contains(said, want) {
			t.Fatalf("exit code %d: %s, want %q", code, said, want)
		}
	}
}
