package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/engine/trino"
)

// ddlFlags are the flags of the command as the user gave them.
type ddlFlags struct {
	engine   string
	raw      bool
	location string
	catalog  string
	schema   string
	convert  ddlConvertFlags
}

// ddlWriter writes what an engine needs to read the table, or the raw archive.
type ddlWriter struct {
	engine string
	table  func(d tableDDL) string
	raw    func(d rawDDL) string
}

func ddlWriters() []ddlWriter {
	return []ddlWriter{
		{"athena", athenaTable, athenaRaw},
		{"trino", trinoTable, trinoRaw},
		{"spark", sparkTable, sparkRaw},
		{"clickhouse", clickhouseTable, clickhouseRaw},
		{"duckdb", duckdbTable, duckdbRaw},
		{"snowflake", snowflakeTable, snowflakeRaw},
	}
}

func ddlEngines() []string {
	var names []string
	for _, w := range ddlWriters() {
		names = append(names, w.engine)
	}
	return names
}

func newDDLCommand(a *app) *cobra.Command {
	f := ddlFlags{catalog: "iceberg", schema: "default"}
	cmd := &cobra.Command{
		Use:   "ddl --for ENGINE",
		Short: "Print what another engine needs to read the table",
		Long: `Prints the statements that make the tables of the warehouse known to another
engine, as they are now: no data is copied. Engines that run elsewhere have to
see the warehouse under the same path. What is converted later is seen when the
statements are run again, but for spark, which finds the newest version itself.
"trailql catalog copy" registers them where Trino and Spark find the newest, too.

With --raw they read the archive of log files at --location instead, without
what conversion adds: duplicates stay, and a broken file fails the query.

With --convert, for Trino and Athena, the SQL converts the archive there, into the
tables of the warehouse: for an archive that is too large to move. It runs day by
day, can be run again, and leaves to "trailql convert" what it cannot read.`,
		Example: `  trailql ddl --for trino | trino --server https://trino.example.com
  trailql ddl --for duckdb > table.sql
  trailql ddl --for athena --raw --location s3://bucket/AWSLogs/111122223333/
  trailql ddl --for trino --convert --location s3://bucket/AWSLogs/111122223333/ --regions us-east-1 --from 2025-01-01`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runDDL(cmd.Context(), a, f) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&f.engine, "for", "", "`ENGINE`: "+strings.Join(ddlEngines(), ", ")+" (required)")
	flags.BoolVar(&f.raw, "raw", false, "the raw archive in place of the table")
	flags.StringVar(&f.location, "location", "", "with --raw: `URI` of the archive, its AWSLogs folder or one below it; with --convert: the folder of one account")
	flags.StringVar(&f.catalog, "catalog", f.catalog, "trino, spark: `NAME` of the catalog in that engine")
	flags.StringVar(&f.schema, "schema", f.schema, "`NAME` of the schema or database in that engine")
	f.convert.add(flags)
	return cmd
}

func runDDL(ctx context.Context, a *app, f ddlFlags) error {
	if f.engine == "" {
		return usagef("no engine given: --for %s", strings.Join(ddlEngines(), ", "))
	}
	if err := checkChoice("for", f.engine, ddlEngines()); err != nil {
		return err
	}
	if f.convert.wanted {
		sql, err := convertDDL(a, f)
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(a.stdout, sql)
		return err
	}
	var writer ddlWriter
	for _, w := range ddlWriters() {
		if w.engine == f.engine {
			writer = w
		}
	}
	if f.raw {
		if f.location == "" {
			return usagef("--raw needs --location, where the archive is")
		}
		_, err := fmt.Fprint(a.stdout, writer.raw(rawDDL{location: strings.TrimRight(f.location, "/"), catalog: f.catalog, schema: f.schema}))
		return err
	}
	if f.location != "" {
		return usagef("--location is for --raw and --convert: a table says itself where its files are")
	}
	d, err := readTableDDL(ctx, a, f)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(a.stdout, writer.table(d))
	return err
}

// tableDDL is what is known of the warehouse.
type tableDDL struct {
	root            string // URI
	catalog, schema string
	tables          []ddlTable
}

type ddlTable struct{ name, location, metadata string } // metadata is the file's name

func readTableDDL(ctx context.Context, a *app, f ddlFlags) (d tableDDL, err error) {
	c, err := a.openWarehouse(ctx)
	if err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	s, err := c.Snapshot(ctx)
	if err != nil {
		return d, err
	}
	d = tableDDL{root: uriOf(c), catalog: f.catalog, schema: f.schema}
	for _, name := range s.Tables() {
		t, err := s.Table(name)
		if err != nil {
			return d, err
		}
		d.tables = append(d.tables, ddlTable{name, d.root + "/default/" + name, path.Base(t.RegisteredLocation())})
	}
	return d, nil
}

func uriOf(c *catalog.Catalog) string {
	if strings.Contains(c.Root(), "://") {
		return c.Root()
	}
	return "file://" + c.Root()
}

// path is the location as a file, for engines that want no URI of one.
func (t ddlTable) path() string { return strings.TrimPrefix(t.location, "file://") }

// sqlText and sqlName quote as all these engines do.
func sqlText(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func sqlName(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

func trinoTable(d tableDDL) string {
	var b strings.Builder
	b.WriteString("-- Trino. The catalog's properties need iceberg.register-table-procedure.enabled=true, and for a\n-- warehouse on a local disk fs.hadoop.enabled=true.\n")
	schema := sqlName(d.catalog) + "." + sqlName(d.schema)
	fmt.Fprintf(&b, "CREATE SCHEMA IF NOT EXISTS %s;\n", schema)
	for _, t := range d.tables {
		fmt.Fprintf(&b, "-- where it is registered, before: CALL %s.system.unregister_table(%s, %s)\n", sqlName(d.catalog), sqlText(d.schema), sqlText(t.name))
		fmt.Fprintf(&b, "CALL %s.system.register_table(%s, %s, %s, %s);\n", sqlName(d.catalog), sqlText(d.schema), sqlText(t.name), sqlText(t.location), sqlText(t.metadata))
	}
	b.WriteString("\n-- Views for other clients than trailql, which brings them along.\n")
	for _, view := range trino.Views(schema) {
		b.WriteString(view + ";\n")
	}
	return b.String()
}

// athenaTable: Athena's SQL makes no table of metadata that exists; Glue does.
func athenaTable(d tableDDL) string {
	var b strings.Builder
	b.WriteString("# Athena reads Iceberg tables that AWS Glue knows, from S3 only. For each run of this script the metadata\n# is that of now.\nset -e\n")
	if !strings.HasPrefix(d.root, "s3://") {
		fmt.Fprintf(&b, "# %s is not in S3: Athena cannot read it.\n", d.root)
	}
	for _, t := range d.tables {
		input, err := json.Marshal(map[string]any{
			"Name": t.name, "TableType": "EXTERNAL_TABLE",
			"Parameters":        map[string]string{"table_type": "ICEBERG", "metadata_location": t.location + "/metadata/" + t.metadata},
			"StorageDescriptor": map[string]any{"Location": t.location},
		})
		if err != nil {
			panic(err) // of texts only
		}
		quoted := "'" + strings.ReplaceAll(string(input), "'", `'\''`) + "'"
		fmt.Fprintf(&b, "aws glue create-table --database-name %[1]s --table-input %[2]s ||\n  aws glue update-table --database-name %[1]s --table-input %[2]s\n",
			"'"+strings.ReplaceAll(d.schema, "'", `'\''`)+"'", quoted)
	}
	b.WriteString("\n# Views, to be run in Athena one by one:\n")
	for _, view := range trino.Views(sqlName(d.schema)) {
		b.WriteString("# " + strings.ReplaceAll(view, "\n", "\n# ") + ";\n#\n")
	}
	return b.String()
}

func sparkTable(d tableDDL) string {
	var b strings.Builder
	b.WriteString("-- Spark, with Iceberg's runtime for its version: --packages org.apache.iceberg:iceberg-spark-runtime-4.0_2.13:1.10.0\n")
	for _, property := range [][2]string{{"", "org.apache.iceberg.spark.SparkCatalog"}, {".type", "hadoop"}, {".warehouse", d.root}, {".cache-enabled", "false"}} {
		fmt.Fprintf(&b, "SET `spark.sql.catalog.%s%s`=`%s`;\n", d.catalog, property[0], property[1])
	}
	b.WriteString("SET spark.sql.session.timeZone=UTC;\n")
	for _, t := range d.tables {
		fmt.Fprintf(&b, "CREATE OR REPLACE TEMPORARY VIEW %s AS SELECT * FROM %s.default.%[1]s;\n", t.name, d.catalog)
	}
	return b.String()
}

func clickhouseTable(d tableDDL) string {
	var b strings.Builder
	b.WriteString("-- ClickHouse. A local path has to lie below its user_files folder; bucket keys are those of the server.\n")
	for _, t := range d.tables {
		engine, where := "IcebergLocal", t.path()
		if !strings.HasPrefix(t.location, "file://") {
			engine, where = "IcebergS3", t.location
		}
		fmt.Fprintf(&b, "CREATE TABLE %s ENGINE = %s(%s);\n", t.name, engine, sqlText(where+"/"))
	}
	return b.String()
}

func duckdbTable(d tableDDL) string {
	var b strings.Builder
	b.WriteString("-- DuckDB.\nINSTALL iceberg;\nLOAD iceberg;\nSET TimeZone = 'UTC';\n")
	for _, t := range d.tables {
		fmt.Fprintf(&b, "CREATE OR REPLACE VIEW %s AS SELECT * FROM iceberg_scan(%s);\n", t.name, sqlText(path.Join(t.path(), "metadata", t.metadata)))
	}
	return strings.ReplaceAll(b.String(), "s3:/", "s3://")
}

func snowflakeTable(d tableDDL) string {
	var b strings.Builder
	fmt.Fprintf(&b, `-- Snowflake reads Iceberg tables from object storage: put in the role that it may take on.
CREATE EXTERNAL VOLUME IF NOT EXISTS trailql STORAGE_LOCATIONS = ((NAME = 'trailql', STORAGE_PROVIDER = 'S3',
  STORAGE_BASE_URL = %s, STORAGE_AWS_ROLE_ARN = 'arn:aws:iam::ACCOUNT:role/ROLE')) ALLOW_WRITES = FALSE;
CREATE CATALOG INTEGRATION IF NOT EXISTS trailql CATALOG_SOURCE = OBJECT_STORE TABLE_FORMAT = ICEBERG ENABLED = TRUE;
`, sqlText(d.root+"/"))
	for _, t := range d.tables {
		metadata := "default/" + t.name + "/metadata/" + t.metadata
		fmt.Fprintf(&b, "CREATE ICEBERG TABLE IF NOT EXISTS %s EXTERNAL_VOLUME = 'trailql' CATALOG = 'trailql' METADATA_FILE_PATH = %s;\nALTER ICEBERG TABLE %[1]s REFRESH %[2]s;\n", t.name, sqlText(metadata))
	}
	return b.String()
}

// documentedColumns are the documented columns of the table of raw logs, in order.
func documentedColumns() []dialect.Column {
	var columns []dialect.Column
	for _, c := range dialect.StandardRelations().Relation(dialect.DefaultTable).Columns {
		columns = append(columns, c)
		if c.Name == "tlsdetails" {
			break
		}
	}
	return columns
}
