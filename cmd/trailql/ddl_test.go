package main

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine/trino/trinotest"
)

// sampleWarehouse is a warehouse of testdata/sample.
func sampleWarehouse(t *testing.T) string {
	t.Helper()
	warehouse := filepath.Join(t.TempDir(), "warehouse")
	stdoutOf(t, "convert", "--quiet", "--warehouse", warehouse, "../../testdata/sample")
	return warehouse
}

// stdoutOf is what a command writes to stdout; it has to succeed.
func stdoutOf(t *testing.T, args ...string) string {
	t.Helper()
	var out, failures strings.Builder
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &failures, now: time.Now}
	if code := run(context.WithoutCancel(t.Context()), args, a); code != 0 {
		t.Fatalf("trailql %s: exit code %d: %s", strings.Join(args, " "), code, failures.String())
	}
	return out.String()
}

var registered = regexp.MustCompile(`[/']00003-[-0-9a-f]{36}\.metadata\.json`)

// TestDDLNamesEveryTable: for every engine, at its newest version.
func TestDDLNamesEveryTable(t *testing.T) {
	warehouse := sampleWarehouse(t)
	for _, engine := range ddlEngines() {
		got := stdoutOf(t, "ddl", "--for", engine, "--warehouse", warehouse)
		for _, want := range []string{"cloudtrail_logs", "source_files", "rejected_records", "aggregated_events"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s: %s is not in it", engine, want)
			}
		}
		if strings.Contains(got, "%!") || engine != "spark" && engine != "clickhouse" && !registered.MatchString(got) {
			t.Errorf("%s: got %s", engine, got)
		}
	}
}

func TestDDLOfTheArchive(t *testing.T) {
	for _, engine := range ddlEngines() {
		got := stdoutOf(t, "ddl", "--for", engine, "--raw", "--location", "s3://it's/AWSLogs/1/")
		if !strings.Contains(got, "s3://it''s/AWSLogs/1") || strings.Contains(got, "//C") || strings.Contains(got, "%!") {
			t.Errorf("%s: got %s", engine, got)
		}
		if engine == "athena" {
			continue
		}
		for _, c := range documentedColumns() {
			if !strings.Contains(got, " AS "+c.Name) {
				t.Errorf("%s: there is no %s", engine, c.Name)
			}
		}
	}
}

// facts are what every engine has to say of the sample.
type facts struct{ Records, Events, Who, Regions, Files int }

var sampleFacts = facts{Records: 1197, Events: 1197, Who: 47, Regions: 3, Files: 49}

const factsSQL = "SELECT (SELECT count(*) FROM cloudtrail_logs) AS records, (SELECT count(DISTINCT eventid) FROM cloudtrail_logs) AS events, " +
	"(SELECT count(DISTINCT useridentity.arn) FROM cloudtrail_logs) AS who, (SELECT count(DISTINCT region) FROM cloudtrail_logs) AS regions, (SELECT count(*) FROM source_files) AS files"

// statements are those of a script of ours.
func statements(script string) []string {
	var all []string
	for _, s := range strings.Split(script, ";\n") {
		if s = strings.TrimSpace(s); s != "" {
			all = append(all, s)
		}
	}
	return all
}

func TestIntegrationDDLForTrino(t *testing.T) {
	trinotest.Address(t)
	warehouse := sampleWarehouse(t)
	c, err := catalog.Open(t.Context(), warehouse, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	trinotest.Empty(t, "ddl")
	for _, s := range statements(stdoutOf(t, "ddl", "--for", "trino", "--schema", "ddl", "--warehouse", warehouse)) {
		trinotest.Run(t, s)
	}
	got := trinotest.Run(t, strings.NewReplacer("FROM ", "FROM ddl.").Replace(factsSQL))
	want := [][]any{{float64(sampleFacts.Records), float64(sampleFacts.Events), float64(sampleFacts.Who), float64(sampleFacts.Regions), float64(sampleFacts.Files)}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	got = trinotest.Run(t, "SELECT (SELECT count(*) FROM ddl.management_events), (SELECT count(*) FROM ddl.cloudtrail_lake WHERE json_extract_scalar(eventjson, '$.eventID') = eventid), "+
		"(SELECT count(*) FROM ddl.cloudtrail_athena WHERE year = '2025' AND month = '06')")
	if diff := cmp.Diff([][]any{{float64(916), float64(1197), float64(1197)}}, got); diff != "" {
		t.Errorf("views: %s", diff)
	}
}

// sparkVariable names a folder with bin/python that has pyspark and duckdb, and
// with Iceberg's runtime for Spark in jars; make integration makes it.
const sparkVariable = "TRAILQL_TEST_SPARK"

// runPython runs a script on a list of statements, the last of which asks for
// facts.
func runPython(t *testing.T, script string, sql []string) (got []facts) {
	t.Helper()
	dir := os.Getenv(sparkVariable)
	if _, err := os.Stat(filepath.Join(dir, "jars")); dir == "" || err != nil {
		t.Skip("no Spark in the folder of $" + sparkVariable + ": make integration puts it there")
	}
	input, err := json.Marshal(sql)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "bin", "python"), "-c", script, dir)
	cmd.Stdin, cmd.Dir = strings.NewReader(string(input)), t.TempDir()
	var failures strings.Builder
	cmd.Stderr = &failures
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, failures.String())
	}
	if err := json.Unmarshal(out, &got); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return got
}

const inSpark = `
import glob, json, sys
from pyspark.sql import SparkSession
spark = (SparkSession.builder.master("local[1]").config("spark.jars", ",".join(glob.glob(sys.argv[1] + "/jars/*.jar")))
    .config("spark.driver.extraClassPath", ":".join(glob.glob(sys.argv[1] + "/jars/postgresql-*.jar")))
    .config("spark.ui.enabled", "false").config("spark.driver.memory", "1g").config("spark.sql.shuffle.partitions", "1").getOrCreate())
*ddl, query = json.load(sys.stdin)
for statement in ddl:
    spark.sql(statement)
print(json.dumps([row.asDict() for row in spark.sql(query).collect()]))
`

const inDuckDB = `
import glob, json, sys, duckdb
db = duckdb.connect(config={"allow_unsigned_extensions": "true"})
# Where extensions cannot be downloaded they come from a package.
for name in ("avro", "iceberg"):
    for file in glob.glob(sys.argv[1] + "/lib/python*/site-packages/duckdb_ext/extensions/*/*/" + name + ".duckdb_extension"):
        db.execute("LOAD '" + file + "'")
*ddl, query = json.load(sys.stdin)
for statement in ddl:
    if not statement.splitlines()[-1].startswith(("INSTALL", "LOAD")):
        db.execute(statement)
found = db.execute(query)
names = [column[0] for column in found.description]
print(json.dumps([dict(zip(names, row)) for row in found.fetchall()]))
`

func TestIntegrationDDLForSpark(t *testing.T) {
	testDDL(t, "spark", inSpark)
}

func TestIntegrationDDLForDuckDB(t *testing.T) {
	testDDL(t, "duckdb", inDuckDB)
}

// testDDL: the table has the sample's records, the archive has them and the
// copies that were delivered twice.
func testDDL(t *testing.T, engine, script string) {
	t.Run("table", func(t *testing.T) {
		sql := statements(stdoutOf(t, "ddl", "--for", engine, "--warehouse", sampleWarehouse(t)))
		if diff := cmp.Diff([]facts{sampleFacts}, runPython(t, script, append(sql, factsSQL))); diff != "" {
			t.Error(diff)
		}
	})
	t.Run("raw", func(t *testing.T) {
		archive, err := filepath.Abs("../../testdata/sample")
		if err != nil {
			t.Fatal(err)
		}
		sql := statements(stdoutOf(t, "ddl", "--for", engine, "--raw", "--location", archive))
		want := []facts{{Records: 1260, Events: 1197, Regions: 3}}
		got := runPython(t, script, append(sql, "SELECT count(*) AS records, count(DISTINCT eventid) AS events, count(DISTINCT awsregion) AS regions FROM cloudtrail_raw"))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
