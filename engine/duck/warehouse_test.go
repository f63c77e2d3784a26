//go:build cgo && duckdb_arrow

package duck

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine"
)

func testSchema(extra ...iceberg.NestedField) *iceberg.Schema {
	text := iceberg.PrimitiveTypes.String
	fields := []iceberg.NestedField{
		{ID: 1, Name: "eventid", Type: text},
		{ID: 2, Name: "eventtime", Type: text},
		{ID: 3, Name: "eventsource", Type: text},
		{ID: 4, Name: "eventname", Type: text},
		{ID: 5, Name: "errorcode", Type: text},
		{ID: 6, Name: "requestparameters", Type: text},
		{ID: 7, Name: "useridentity", Type: &iceberg.StructType{FieldList: []iceberg.NestedField{
			{ID: 8, Name: "type", Type: text},
			{ID: 9, Name: "arn", Type: text},
		}}},
		{ID: 10, Name: "resources", Type: &iceberg.ListType{ElementID: 11, Element: &iceberg.StructType{FieldList: []iceberg.NestedField{
			{ID: 12, Name: "arn", Type: text},
		}}}},
		{ID: 13, Name: "eventtimestamp", Type: iceberg.PrimitiveTypes.TimestampTz},
		{ID: 14, Name: "sourceindex", Type: iceberg.PrimitiveTypes.Int64},
		{ID: 15, Name: "region", Type: text},
		{ID: 16, Name: "date", Type: text},
	}
	return iceberg.NewSchema(0, append(fields, extra...)...)
}

func testSpec(extra ...iceberg.NestedField) catalog.TableSpec {
	return catalog.TableSpec{Name: "cloudtrail_logs", Schema: testSchema(extra...), Partition: []string{"region", "date"}}
}

// event is a row of the test table as SQL expressions. Its columns stand in the
// order of testSchema, before region and date.
const eventColumns = `'e' || i AS eventid, strftime(t, '%Y-%m-%dT%H:%M:%SZ') AS eventtime,
	['s3.amazonaws.com', 'iam.amazonaws.com', 'ec2.amazonaws.com'][1 + i % 3] AS eventsource,
	'Get' || (i % 5) AS eventname, CASE WHEN i % 4 = 0 THEN 'AccessDenied' END AS errorcode,
	'{"bucketName":"b' || i || '"}' AS requestparameters,
	{'type': 'IAMUser', 'arn': 'arn:aws:iam::1:user/u' || (i % 2)} AS useridentity,
	[{'arn': 'arn:aws:s3:::b' || i}] AS resources, t::TIMESTAMPTZ AS eventtimestamp, i AS sourceindex`

type warehouse struct {
	*catalog.Catalog
	writer *connection // without a sandbox
}

func newWarehouse(t *testing.T) *warehouse {
	t.Helper()
	return newWarehouseAt(t, filepath.Join(t.TempDir(), "ware[house] it's"), catalog.Options{})
}

func newWarehouseAt(t *testing.T, uri string, o catalog.Options) *warehouse {
	t.Helper()
	c, err := catalog.Create(t.Context(), uri, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.Define(t.Context(), testSpec(), catalog.TableSpec{
		Name:   "rejected_records",
		Schema: iceberg.NewSchema(0, iceberg.NestedField{ID: 1, Name: "reason", Type: iceberg.PrimitiveTypes.String}),
	}); err != nil {
		t.Fatal(err)
	}
	db, err := openDatabase()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.close)
	writer, err := db.connect()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(writer.close)
	if err := writer.exec("SET TimeZone = 'UTC'"); err != nil {
		t.Fatal(err)
	}
	return &warehouse{c, writer}
}

// add commits a file of n events of one day, an hour apart.
func (w *warehouse) add(t *testing.T, region, date string, n int, extraColumns ...string) {
	t.Helper()
	w.addRows(t, region, date, fmt.Sprintf(`SELECT %s FROM (SELECT i, TIMESTAMP '%s' + i * INTERVAL '1 hour' AS t FROM range(%d) r(i))`,
		strings.Join(append([]string{eventColumns, "'" + region + "' AS region", "'" + date + "' AS date"}, extraColumns...), ", "), date, n), int64(n))
}

func (w *warehouse) addRows(t *testing.T, region, date, query string, n int64) {
	t.Helper()
	ctx := t.Context()
	file := filepath.Join(t.TempDir(), "file.parquet")
	if err := w.writer.exec("COPY (" + query + ") TO " + quoteText(file) + " (FORMAT parquet)"); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	id, err := w.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	name, writer, err := w.NewFile(ctx, id, "cloudtrail_logs", region, date)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writer.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := writer.Commit(); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(ctx, catalog.Batch{ID: id, Changes: map[string]catalog.Change{"cloudtrail_logs": {
		Add: []catalog.DataFile{{Path: name, Partition: []string{region, date}, Records: n, Bytes: int64(len(content))}},
	}}}); err != nil {
		t.Fatal(err)
	}
}

// sample is a warehouse of four days in two regions, 24 events each, opened.
func sample(t *testing.T) engine.Engine {
	t.Helper()
	w := newWarehouse(t)
	for _, region := range []string{"eu-west-1", "us-east-1"} {
		for _, date := range []string{"2023-07-10", "2023-07-11"} {
			w.add(t, region, date, 24)
		}
	}
	return open(t, w, Options{})
}

func open(t *testing.T, w *warehouse, o Options) engine.Engine {
	t.Helper()
	o.Catalog, o.TempDir = w.Catalog, t.TempDir()
	e, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

// rowsOf runs a query and writes its rows, one a line, columns joined by |.
func rowsOf(t *testing.T, e engine.Engine, sql string, params ...any) ([]string, engine.Stats, error) {
	t.Helper()
	return answers(t, e, engine.Query{SQL: sql, Params: params})
}

func answers(t *testing.T, e engine.Engine, q engine.Query) ([]string, engine.Stats, error) {
	t.Helper()
	r, err := e.Query(t.Context(), q)
	if err != nil {
		return nil, engine.Stats{}, err
	}
	defer r.Close()
	var rows []string
	for batch, err := range r.Batches() {
		if err != nil {
			return rows, r.Stats(), err
		}
		for i := range int(batch.NumRows()) {
			var cells []string
			for _, column := range batch.Columns() {
				cells = append(cells, strings.Clone(column.ValueStr(i))) // the batch's memory is DuckDB's
			}
			rows = append(rows, strings.Join(cells, "|"))
		}
	}
	return rows, r.Stats(), nil
}
