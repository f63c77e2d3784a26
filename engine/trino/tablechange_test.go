//go:build cgo && duckdb_arrow

package trino

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/iceberg-go"
	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/shared"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/duck"
	"github.com/trailql/trailql/engine/trino/trinotest"
)

// changing is a warehouse whose tables Trino finds in a shared catalog.
type changing struct {
	root    string
	storage *rivals
	clock   time.Duration // ahead of ours
	catalog *catalog.Catalog
	shared  *shared.Publisher
	local   engine.Engine
	cluster *Cluster
}

func newChanging(t *testing.T, namespace string) *changing {
	t.Helper()
	registered := os.Getenv("TRAILQL_TEST_POSTGRES")
	address := trinotest.Address(t)
	if registered == "" {
		t.Skip("no PostgreSQL in $TRAILQL_TEST_POSTGRES: make integration starts one")
	}
	name := trinotest.Empty(t, namespace)
	w := &changing{root: filepath.Join(t.TempDir(), "warehouse")}
	first, err := catalog.Create(t.Context(), w.root, catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w.storage = &rivals{Storage: first.Storage()}
	w.catalog, err = catalog.Open(t.Context(), w.root, catalog.Options{Storage: w.storage, Now: func() time.Time { return time.Now().Add(w.clock) }})
	if err != nil {
		t.Fatal(err)
	}
	if w.shared, err = shared.Open(registered+"?namespace="+namespace, shared.Options{Password: os.Getenv("PGPASSWORD")}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.shared.Close() })
	if w.local, err = duck.Open(t.Context(), duck.Options{Catalog: w.catalog, TempDir: t.TempDir()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.local.Close() })
	if _, err := convert.Run(t.Context(), convert.Options{Catalog: w.catalog, Sources: []string{t.TempDir()}}); err != nil { // defines the tables
		t.Fatal(err)
	}
	w.cluster = openCluster(t, strings.Replace(address, "/"+name+"/default", "/"+name+"/"+namespace, 1))
	return w
}

// rivals is a storage where somebody is faster at storing a version, once for
// each function in first.
type rivals struct {
	storage.Storage
	mu    sync.Mutex
	first []func()
}

func (r *rivals) PutNew(ctx context.Context, name string, data []byte) error {
	r.mu.Lock()
	var faster func()
	if strings.HasPrefix(name, "catalog/versions/") && len(r.first) > 0 {
		faster, r.first = r.first[0], r.first[1:]
	}
	r.mu.Unlock()
	if faster != nil {
		faster()
	}
	return r.Storage.PutNew(ctx, name, data)
}

// convert leaves the files as they come: it ends behind the first commit, and the
// run that joins them is another one.
func (w *changing) convert(t *testing.T, source string) {
	t.Helper()
	before := w.version(t)
	stop := make(chan struct{})
	var once sync.Once
	o := catalog.Options{Storage: w.storage, Committed: func(context.Context) { once.Do(func() { close(stop) }) }}
	c, err := catalog.Open(t.Context(), w.root, o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := convert.Run(t.Context(), convert.Options{Catalog: c, Sources: []string{source}, Stop: stop}); err != nil && !errors.Is(err, convert.ErrStopped) {
		t.Fatal(err)
	}
	if w.version(t) == before {
		t.Fatalf("%s: nothing was committed", source)
	}
}

func (w *changing) table(t *testing.T) *catalog.Table {
	t.Helper()
	s, err := w.catalog.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	table, err := s.Table(convert.LogsTable)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func (w *changing) version(t *testing.T) int64 {
	t.Helper()
	s, err := w.catalog.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.Version()
}

// publish lets Trino see the newest version.
func (w *changing) publish(t *testing.T) {
	t.Helper()
	if _, err := w.shared.Publish(t.Context(), w.catalog); err != nil {
		t.Fatal(err)
	}
	w.cluster.forget()
}

// answers are those of both engines, which have to be the same.
func (w *changing) answers(t *testing.T) []string {
	t.Helper()
	w.publish(t)
	var all []string
	for _, sql := range keptAnswers {
		if d := compare(t, w.local, w.cluster, engine.Query{SQL: sql}); d != nil {
			t.Fatalf("%s\nDuckDB %s\nTrino  %s", sql, d.local, d.cluster)
		}
		all = append(all, rowsOf(t, w.cluster, sql))
	}
	return all
}

func rowsOf(t *testing.T, e engine.Engine, sql string) string {
	t.Helper()
	_, rows, err := readAll(t, e, engine.Query{SQL: sql})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return sql + "\n" + strings.Join(rows, "\n")
}

// keptAnswers are queries whose answer is what the archive says, however its rows
// lie in files.
var keptAnswers = []string{
	"SELECT count(*), count(DISTINCT eventid), min(eventtime), max(eventtime), min(eventtimestamp), max(eventtimestamp) FROM cloudtrail_logs",
	"SELECT eventid, eventtimestamp, eventname, useridentity, requestparameters, responseelements, resources, unmodeled FROM cloudtrail_logs ORDER BY eventid",
	"SELECT eventid, sourceobject, sourceindex FROM cloudtrail_logs ORDER BY eventid, sourceobject, sourceindex",
	`SELECT region, "date", count(*) FROM cloudtrail_logs GROUP BY 1, 2`,
	`SELECT region, "date", record_count FROM "cloudtrail_logs$partitions"`,
	"SELECT eventsource, count(*) AS events, count(errorcode) AS errors FROM cloudtrail_logs GROUP BY 1 ORDER BY events DESC, 1",
	"SELECT eventname, count(*) n WHERE errorcode = 'AccessDenied' GROUP BY 1 ORDER BY n DESC, 1",
	"SELECT useridentity.sessioncontext.sessionissuer.username AS role, count(*) FROM cloudtrail_logs GROUP BY 1",
	"SELECT requestparameters.bucketName, count(*) FROM cloudtrail_logs GROUP BY 1",
	"SELECT r.arn, count(*) FROM cloudtrail_logs CROSS JOIN UNNEST(resources) AS t(r) GROUP BY 1",
	"SELECT eventname FROM cloudtrail_logs WHERE eventtime BETWEEN '2025-06-02T06:00:00Z' AND '2025-06-02T18:00:00Z'",
	"SELECT count(*) FROM cloudtrail_logs WHERE month = '06' AND day = '03' AND region = 'us-east-1'",
	"SELECT eventid, eventname, lag(eventtime) OVER (ORDER BY eventtimestamp, eventid) FROM cloudtrail_logs",
	"SELECT a.eventid FROM cloudtrail_logs a JOIN cloudtrail_logs b ON a.sharedeventid = b.sharedeventid AND a.eventid <> b.eventid",
	"SELECT eventid, json_parse(eventjson) FROM cloudtrail_lake ORDER BY eventid",
	"SELECT * FROM aws_cloudtrail_log ORDER BY event_id",
	"SELECT eventname, count(*) FROM data_events GROUP BY 1",
	"SELECT * FROM aggregated_events",
}

// TestIntegrationTableChanges: a table keeps its answers on Trino whatever is done
// to it, and they are DuckDB's.
func TestIntegrationTableChanges(t *testing.T) {
	w := newChanging(t, "changing")
	objects := sampleObjects(t)
	last := len(objects) - 1
	for _, object := range objects[:last] {
		w.convert(t, object)
	}

	// From here on every row is there.
	version := w.version(t)
	w.storage.first = []func(){func() { w.touch(t, "once") }, func() { w.touch(t, "twice") }}
	w.convert(t, objects[last])
	if got := w.version(t); got != version+3 || len(w.storage.first) > 0 {
		t.Fatalf("version %d behind %d: nobody was faster", got, version)
	}
	want := w.answers(t)
	if diff := cmp.Diff(answersOfAll(t), want); diff != "" {
		t.Fatalf("a conflicting commit: not the answers of a table that was made at once: %s", diff)
	}
	same := func(what string) {
		t.Helper()
		if diff := cmp.Diff(want, w.answers(t)); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}

	stats := w.table(t).Stats()
	w.compact(t)
	same("compaction")

	snapshots := w.table(t).History()
	w.expire(t)
	same("expiry")
	_, _, err := readAll(t, w.cluster, engine.Query{SQL: fmt.Sprintf("SELECT count(*) FROM cloudtrail_logs FOR VERSION AS OF %d", snapshots[0].ID)})
	if err == nil || !strings.Contains(err.Error(), "snapshot") {
		t.Errorf("a snapshot that has expired: %v", err)
	}

	w.addColumn(t)
	same("a new column")
	for _, e := range []engine.Engine{w.local, w.cluster} {
		if got := rowsOf(t, e, "SELECT count(*), count(newcolumn), count(newgroup.member) FROM cloudtrail_logs"); !strings.HasSuffix(got, fmt.Sprintf("\n%d | 0 | 0", stats.Records)) {
			t.Errorf("old rows have a value in the new column: %s", got)
		}
	}
	w.addNewerRow(t)
	w.publish(t)
	for _, sql := range []string{
		"SELECT count(*), count(newcolumn), max(newcolumn), max(newgroup.member) FROM cloudtrail_logs",
		"SELECT eventid, eventname, newcolumn, newgroup, useridentity, resources FROM cloudtrail_logs WHERE newcolumn IS NOT NULL OR eventname = 'GetCallerIdentity'",
		"SELECT eventname FROM cloudtrail_logs WHERE newgroup.member = 'inner'",
	} {
		if d := compare(t, w.local, w.cluster, engine.Query{SQL: sql}); d != nil {
			t.Errorf("%s\nDuckDB %s\nTrino  %s", sql, d.local, d.cluster)
		}
	}
	if got := rowsOf(t, w.cluster, "SELECT eventid, newcolumn, newgroup.member FROM cloudtrail_logs WHERE newcolumn = 'new'"); !strings.HasSuffix(got, "\n\"newer\" | \"new\" | \"inner\"") {
		t.Errorf("the row of a newer program: %s", got)
	}
	_, err = convert.Run(t.Context(), convert.Options{Catalog: w.catalog, Sources: objects[:1]})
	if err == nil || !strings.Contains(err.Error(), "a newer trailql may have added it") {
		t.Errorf("an older converter: %v", err)
	}
}

// sampleObjects are the log files of the sample archive.
func sampleObjects(t *testing.T) (objects []string) {
	t.Helper()
	err := filepath.WalkDir("../../testdata/sample", func(name string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() && strings.HasSuffix(name, ".json.gz") && !strings.Contains(name, "-Digest") {
			objects = append(objects, name)
		}
		return err
	})
	if err != nil || len(objects) < 20 {
		t.Fatalf("%d objects, %v", len(objects), err)
	}
	return objects
}

// compact lets a run without new rows join what others have left.
func (w *changing) compact(t *testing.T) {
	t.Helper()
	before := w.table(t).Stats()
	empty := filepath.Join(t.TempDir(), "111122223333_CloudTrail_us-east-1_20250604T0105Z_abcdefgh12345678.json")
	if err := os.WriteFile(empty, []byte(`{"Records":[]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := convert.Run(t.Context(), convert.Options{Catalog: w.catalog, Sources: []string{empty}}); err != nil {
		t.Fatal(err)
	}
	if joined := w.table(t).Stats(); joined.Files >= before.Files || joined.Records != before.Records {
		t.Fatalf("compaction: %+v, before %+v", joined, before)
	}
}

// expire leaves the newest snapshot only.
func (w *changing) expire(t *testing.T) {
	t.Helper()
	before := len(w.table(t).History())
	w.clock = 48 * time.Hour
	if err := w.catalog.Expire(t.Context()); err != nil {
		t.Fatal(err)
	}
	if left := len(w.table(t).History()); left != 1 || before < 2 {
		t.Fatalf("%d snapshots of %d are left", left, before)
	}
}

// TestIntegrationExpired: what reads a snapshot that has gone says so.
func TestIntegrationExpired(t *testing.T) {
	w := newChanging(t, "expiring")
	for _, object := range sampleObjects(t) {
		w.convert(t, object)
	}
	w.publish(t)
	// It reads on only as its rows are taken, and has far more than fit between.
	const long = "SELECT l.*, n FROM cloudtrail_logs l CROSS JOIN UNNEST(sequence(1, 10000)) AS u(n)"
	r, err := w.cluster.Query(t.Context(), engine.Query{SQL: long})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	begun := false
	for _, err = range r.Batches() {
		if err != nil {
			break
		}
		if !begun {
			begun = true
			w.compact(t)
			w.expire(t)
		}
	}
	if !begun || err == nil || !strings.Contains(err.Error(), "has expired") {
		t.Errorf("a query that had begun: %v", err)
	}
	// Nobody has told the shared catalog.
	w.cluster.forget()
	_, _, err = readAll(t, w.cluster, engine.Query{SQL: "SELECT count(DISTINCT eventid) FROM cloudtrail_logs"})
	if err == nil || !strings.Contains(err.Error(), "has expired") {
		t.Errorf("a catalog that is behind: %v", err)
	}
	w.publish(t)
	rowsOf(t, w.cluster, "SELECT count(DISTINCT eventid) FROM cloudtrail_logs")
}

// answersOfAll are DuckDB's of a table that was converted in one run.
func answersOfAll(t *testing.T) []string {
	t.Helper()
	c, err := catalog.Create(t.Context(), filepath.Join(t.TempDir(), "warehouse"), catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := convert.Run(t.Context(), convert.Options{Catalog: c, Sources: []string{"../../testdata/sample"}}); err != nil {
		t.Fatal(err)
	}
	e, err := duck.Open(t.Context(), duck.Options{Catalog: c, TempDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	var all []string
	for _, sql := range keptAnswers {
		all = append(all, rowsOf(t, e, sql))
	}
	return all
}

// touch is another writer's commit to the table.
func (w *changing) touch(t *testing.T, value string) {
	table := w.table(t)
	other, err := catalog.Open(t.Context(), w.root, catalog.Options{})
	if err == nil {
		defer other.Close()
		err = other.Define(t.Context(), catalog.TableSpec{
			Name: convert.LogsTable, Schema: table.Schema(), Partition: table.Spec(), Sort: []string{"eventtimestamp"},
			Properties: map[string]string{"touched": value},
		})
	}
	if err != nil {
		t.Error(err)
	}
}

// addColumn does what a newer program does that knows another field.
func (w *changing) addColumn(t *testing.T) {
	t.Helper()
	table := w.table(t)
	fields := append(slices.Clone(table.Schema().Fields()),
		iceberg.NestedField{ID: newColumnID, Name: "newcolumn", Type: iceberg.PrimitiveTypes.String},
		iceberg.NestedField{ID: newGroupID, Name: "newgroup", Type: &iceberg.StructType{FieldList: []iceberg.NestedField{
			{ID: newMemberID, Name: "member", Type: iceberg.PrimitiveTypes.String},
		}}})
	err := w.catalog.Define(t.Context(), catalog.TableSpec{
		Name: convert.LogsTable, Schema: iceberg.NewSchema(0, fields...), Partition: table.Spec(), Sort: []string{"eventtimestamp"},
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Ids that no column has.
const newColumnID, newGroupID, newMemberID = 90001, 90002, 90003

// newerRow is a row of a file that has the new columns, and none of most others.
type newerRow struct {
	EventID   string    `parquet:"eventid,optional"`
	EventName string    `parquet:"eventname,optional"`
	At        time.Time `parquet:"eventtimestamp,optional,timestamp(microsecond)"`
	New       string    `parquet:"newcolumn,optional"`
	Group     *newGroup `parquet:"newgroup,optional"`
}

type newGroup struct {
	Member string `parquet:"member,optional"`
}

func (w *changing) addNewerRow(t *testing.T) {
	t.Helper()
	schema := w.table(t).Schema()
	id := func(name string) int {
		f, ok := schema.FindFieldByName(name)
		if !ok {
			t.Fatalf("no column %s", name)
		}
		return f.ID
	}
	withIDs := parquet.Group{
		"newgroup": parquet.FieldID(parquet.Optional(parquet.Group{"member": parquet.FieldID(parquet.Optional(parquet.String()), newMemberID)}), newGroupID),
	}
	for name, node := range map[string]parquet.Node{
		"eventid": parquet.String(), "eventname": parquet.String(), "newcolumn": parquet.String(), "eventtimestamp": parquet.Timestamp(parquet.Microsecond),
	} {
		withIDs[name] = parquet.FieldID(parquet.Optional(node), id(name))
	}
	var content bytes.Buffer
	out := parquet.NewGenericWriter[newerRow](&content, parquet.NewSchema("newer", withIDs))
	at := time.Date(2025, 6, 3, 12, 0, 0, 0, time.UTC)
	if _, err := out.Write([]newerRow{{EventID: "newer", EventName: "NewerEvent", At: at, New: "new", Group: &newGroup{"inner"}}}); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	batch, err := w.catalog.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	name, file, err := w.catalog.NewFile(t.Context(), batch, convert.LogsTable, "us-east-1", "2025-06-03")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := file.Write(content.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := file.Commit(); err != nil {
		t.Fatal(err)
	}
	_, err = w.catalog.Commit(t.Context(), catalog.Batch{ID: batch, Changes: map[string]catalog.Change{convert.LogsTable: {Add: []catalog.DataFile{{
		Path: name, Partition: []string{"us-east-1", "2025-06-03"}, Records: 1, Bytes: int64(content.Len()),
	}}}}})
	if err != nil {
		t.Fatal(err)
	}
}
