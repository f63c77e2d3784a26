//go:build duckdb_arrow

package main

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"testing"
)

// The comparison is fair only if DuckDB converts every record, and each field
// that trailql keeps in a column of its own.
func TestConvertWithDuckDB(t *testing.T) {
	a, err := surveyArchive(sample)
	if err != nil {
		t.Fatalf("survey: %v", err)
	}
	out := filepath.Join(t.TempDir(), "out")
	rows, err := convertWithDuckDB(context.Background(), a.dir, out, a.largest)
	if err != nil {
		t.Fatalf("convert: %v", err)
	}
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatalf("open DuckDB: %v", err)
	}
	defer db.Close()
	var want, have, regions, identities, requests int64
	if err := db.QueryRow("SELECT sum(len(Records)) FROM read_json(?, columns = {Records: 'JSON[]'}, records = true)", a.dir+"/**/*.json.gz").Scan(&want); err != nil {
		t.Fatalf("count records: %v", err)
	}
	err = db.QueryRow("SELECT count(*), count(DISTINCT region), count(useridentity.type), count(requestParameters) FROM read_parquet(?, hive_partitioning = true)", out+"/**/*.parquet").
		Scan(&have, &regions, &identities, &requests)
	if err != nil {
		t.Fatalf("read the output: %v", err)
	}
	if rows != want || have != want {
		t.Errorf("%d records written, %d read back, want %d", rows, have, want)
	}
	if regions != 3 || identities < want*9/10 || requests < want/2 {
		t.Errorf("%d regions, %d records with an identity, %d with a request, of %d", regions, identities, requests, want)
	}
}

// Every query of the suite is one that DuckDB takes, on the log files as on the
// Parquet files: the columns have the same names.
func TestSuite(t *testing.T) {
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatalf("open DuckDB: %v", err)
	}
	defer db.Close()
	if _, err := db.Exec("CREATE VIEW logs AS " + selectRecords(sample, 1)); err != nil {
		t.Fatal(err)
	}
	if len(suite) != 15 {
		t.Errorf("%d queries", len(suite))
	}
	for _, q := range suite {
		text := q.duckdb
		if text == "" {
			text = q.athena
		}
		if q.value != "" {
			var value string
			if err := db.QueryRow(q.value).Scan(&value); err != nil {
				t.Errorf("%s: find a value: %v", q.name, err)
			}
			text = fmt.Sprintf(text, value)
		}
		var rows int
		if err := db.QueryRow("SELECT count(*) FROM (" + text + ")").Scan(&rows); err != nil || rows == 0 {
			t.Errorf("%s: %d rows, %v", q.name, rows, err)
		}
	}
}
