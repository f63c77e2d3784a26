//go:build duckdb_arrow

package main

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"strconv"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the database/sql driver
)

const haveDuckDB = true

// recordType is a record as DuckDB is told to read it: Athena's columns, with
// the members that differ from call to call as JSON text. Naming the columns
// spares DuckDB the sniffing; what is not named is dropped.
const recordType = `STRUCT(
	eventVersion VARCHAR,
	userIdentity STRUCT("type" VARCHAR, principalId VARCHAR, arn VARCHAR, accountId VARCHAR, invokedBy VARCHAR, accessKeyId VARCHAR, userName VARCHAR,
		onBehalfOf STRUCT(userId VARCHAR, identityStoreArn VARCHAR), inScopeOf JSON, credentialId VARCHAR, identityProvider VARCHAR,
		sessionContext STRUCT(
			attributes STRUCT(mfaAuthenticated VARCHAR, creationDate VARCHAR),
			sessionIssuer STRUCT("type" VARCHAR, principalId VARCHAR, arn VARCHAR, accountId VARCHAR, userName VARCHAR),
			ec2RoleDelivery VARCHAR, sourceIdentity VARCHAR,
			webIdFederationData STRUCT(federatedProvider VARCHAR, attributes MAP(VARCHAR, VARCHAR)))),
	eventTime VARCHAR, eventSource VARCHAR, eventName VARCHAR, awsRegion VARCHAR, sourceIPAddress VARCHAR, userAgent VARCHAR,
	errorCode VARCHAR, errorMessage VARCHAR, requestParameters JSON, responseElements JSON, additionalEventData JSON,
	requestID VARCHAR, eventID VARCHAR, readOnly VARCHAR, resources STRUCT(ARN VARCHAR, ARNPrefix VARCHAR, accountId VARCHAR, "type" VARCHAR)[],
	eventType VARCHAR, apiVersion VARCHAR, managementEvent VARCHAR, recipientAccountId VARCHAR, serviceEventDetails JSON, sharedEventID VARCHAR,
	vpcEndpointId VARCHAR, vpcEndpointAccountId VARCHAR, eventCategory VARCHAR, addendum JSON, sessionCredentialFromConsole VARCHAR,
	edgeDeviceDetails JSON, insightDetails JSON, tlsDetails STRUCT(tlsVersion VARCHAR, cipherSuite VARCHAR, clientProvidedHostHeader VARCHAR, keyExchange VARCHAR))`

// convertWithDuckDB does what trailql convert does as far as one statement can:
// every record of the archive at dir, partitioned by region and date, as Parquet
// with ZSTD at out. It neither sorts nor de-duplicates. largest is the JSON size
// of the archive's largest file, which DuckDB must be told to expect. A log
// file is a single line, and said so DuckDB reads it faster than unasked.
func convertWithDuckDB(ctx context.Context, dir, out string, largest int64) (rows int64, err error) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return 0, fmt.Errorf("open DuckDB: %w", err)
	}
	defer db.Close()
	// Its defaults but for this one: files may be written as they are ready.
	if _, err := db.ExecContext(ctx, "SET preserve_insertion_order = false"); err != nil {
		return 0, fmt.Errorf("set up DuckDB: %w", err)
	}
	done, err := db.ExecContext(ctx, "COPY ("+selectRecords(dir, largest)+") TO "+quote(out)+" (FORMAT parquet, COMPRESSION zstd, PARTITION_BY (region, date))")
	if err != nil {
		return 0, fmt.Errorf("convert with DuckDB: %w", err)
	}
	return done.RowsAffected()
}

// selectRecords is the query for the records of an archive.
func selectRecords(dir string, largest int64) string {
	return `SELECT unnest(r), r.awsRegion AS region, r.eventTime[1:10] AS date
		FROM (SELECT unnest(Records) AS r FROM read_json(` + quote(dir+"/**/*.json.gz") + `,
			columns = {Records: ` + quote(recordType+"[]") + `}, format = 'newline_delimited', records = true, compression = 'gzip', maximum_object_size = ` + strconv.FormatInt(max(16<<20, largest+1<<20), 10) + `))`
}

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// queryWithDuckDB writes the rows of a query as CSV to stdout. In it, logs are
// the Parquet files below dir, or with largest the records of the archive there.
func queryWithDuckDB(ctx context.Context, dir string, largest int64, query string) error {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		return fmt.Errorf("open DuckDB: %w", err)
	}
	defer db.Close()
	logs := "SELECT * FROM read_parquet(" + quote(dir+"/**/*.parquet") + ", hive_partitioning = true, hive_types = {region: VARCHAR, date: VARCHAR})"
	if largest > 0 {
		logs = selectRecords(dir, largest)
	}
	for _, statement := range []string{"CREATE VIEW logs AS " + logs, "COPY (" + query + ") TO '/dev/stdout' (FORMAT csv)"} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("query with DuckDB: %w", err)
		}
	}
	return nil
}

// runDuckDBQueryChild is the whole of a child process that runs a query.
func runDuckDBQueryChild(ctx context.Context, args []string, _, stderr io.Writer) int {
	if len(args) != 3 {
		fmt.Fprintf(stderr, "error: %s wants a folder, a size and a query\n", duckDBQueryChild)
		return 2
	}
	largest, err := strconv.ParseInt(args[1], 10, 64)
	if err == nil {
		err = queryWithDuckDB(ctx, args[0], largest, args[2])
	}
	if err != nil {
		fmt.Fprintf(stderr, "error: %v\n", err)
		return 1
	}
	return 0
}

// runDuckDBChild is the whole of a child process that converts with DuckDB.
func runDuckDBChild(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) != 3 {
		fmt.Fprintf(stderr, "error: %s wants an archive, an output folder and a size\n", duckDBChild)
		return 2
	}
	largest, err := strconv.ParseInt(args[2], 10, 64)
	if err != nil {
		fmt.Fprintf(stderr, "error: %v\n", err)
		return 2
	}
	rows, err := convertWithDuckDB(ctx, args[0], args[1], largest)
	if err != nil {
		fmt.Fprintf(stderr, "error: %v\n", err)
		return 1
	}
	fmt.Fprintln(stdout, rows)
	return 0
}
