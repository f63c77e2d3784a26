package convert

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage/s3/s3test"
)

// ocsfPlaces counts the rows of security_lake by partition.
func ocsfPlaces(t *testing.T, c *catalog.Catalog) map[string]int64 {
	t.Helper()
	places := map[string]int64{}
	for _, files := range dataFiles(t, c, OCSFTable) {
		for _, f := range files {
			places[strings.Join(f.Partition, "/")] += f.Records
		}
	}
	return places
}

func total(places map[string]int64) (n int64) {
	for _, k := range places {
		n += k
	}
	return n
}

// AWS's OCSF files: every row is there once, whatever file it comes in.
func TestSecurityLake(t *testing.T) {
	root := shared(t, "records/aws-ocsf-validation")
	dir := t.TempDir()
	c := diskWarehouse(t, t.TempDir())
	names, err := filepath.Glob(filepath.Join(root, "*/*.parquet"))
	if err != nil || len(names) != 21 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	for i, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		place := "aws/CLOUD_TRAIL_MGMT/2.0/region=us-east-1/accountId=111122223333/eventDay=20260304/"
		if i < 5 {
			place = "loose/" // where only the rows say
		}
		write(t, filepath.Join(dir, place, filepath.Base(name)), string(data))
	}
	const damaged = "PAR1 and no more than that, PAR1"
	write(t, filepath.Join(dir, "aws/CLOUD_TRAIL_MGMT/2.0/region=us-east-1/accountId=111122223333/eventDay=20260304/damaged.parquet"), damaged)
	write(t, filepath.Join(dir, "loose", "damaged.parquet"), damaged) // may be anybody's
	write(t, filepath.Join(dir, "loose", "log.parquet"), log(event("a", "")))

	s := mustRun(t, Options{Catalog: c, Sources: []string{dir}})
	// The file that is a log file whatever its name says has the other record.
	if s.Records != 22 || s.Objects != 23 || s.Rejected != 1 || s.Foreign != 1 || s.Duplicates != 0 {
		t.Errorf("summary %+v", s)
	}
	places := ocsfPlaces(t, c)
	if places["us-east-1/111122223333/20260304"] != 16 || total(places) != 21 {
		t.Errorf("partitions %v", places)
	}
	for place := range places {
		if strings.Contains(place, "unknown") {
			t.Errorf("partition %s", place)
		}
	}
	ledger := rows[ledgerRow](t, c, LedgerTable)
	n := 0
	for _, r := range ledger {
		if r.Kind == ocsfKind {
			n++
			if r.Rejected == 0 && (r.Records != 1 || r.First.IsZero() || len(r.SHA256) != 64) {
				t.Errorf("ledger %+v", r)
			}
		}
	}
	if n != 22 {
		t.Errorf("%d objects in the ledger", n)
	}
	rejected := rows[rejectedRow](t, c, RejectedTable)
	if !slices.ContainsFunc(rejected, func(r rejectedRow) bool { return strings.Contains(r.Reason, "damaged Parquet file") }) {
		t.Errorf("rejected %v", rejected)
	}

	// Nothing new, then the same rows in other objects of the same partitions.
	if s := mustRun(t, Options{Catalog: c, Sources: []string{dir}}); s.Unchanged != 24 || s.Records != 0 {
		t.Errorf("again: %+v", s)
	}
	copyTree(t, dir, filepath.Join(dir, "compacted"), func(name string) string { return name })
	if s := mustRun(t, Options{Catalog: c, Sources: []string{dir}}); s.Records != 0 || s.Duplicates != 22 {
		t.Errorf("copies: %+v", s)
	}
	checkNoOrphans(t, c)

	// The folders say what is wanted; what they do not say is read.
	for _, o := range []Options{{Regions: []string{"eu-west-1"}}, {Accounts: []string{"5"}}, {From: time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)}, {To: time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)}} {
		o.Catalog, o.Sources = diskWarehouse(t, t.TempDir()), []string{dir}
		if s := mustRun(t, o); s.Skipped != 34 || s.Records != 6 {
			t.Errorf("%+v", s)
		}
	}
	o := Options{Catalog: diskWarehouse(t, t.TempDir()), Sources: []string{dir}, From: time.Date(2026, 3, 4, 23, 0, 0, 0, time.UTC), To: time.Date(2026, 3, 5, 0, 0, 0, 0, time.UTC)}
	if s := mustRun(t, o); s.Skipped != 0 {
		t.Errorf("%+v", s)
	}
}

// A run that is stopped anywhere leaves nothing behind, and the next one goes on.
func TestSecurityLakeCanceled(t *testing.T) {
	root := shared(t, "records/aws-ocsf-validation/authentication")
	names, err := filepath.Glob(filepath.Join(root, "*.parquet"))
	if err != nil || len(names) != 7 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	dir := t.TempDir()
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, filepath.Base(name)), string(data))
	}
	c := warehouse(t)
	stopped := 0
	for n := range 8 {
		ctx, cancel := contextAfter(t, n)
		_, err := Run(ctx, Options{Catalog: c, Sources: []string{dir}, batchRecords: 1, Threads: 1})
		cancel()
		if err != nil {
			stopped++
		}
		checkNoOrphans(t, c)
	}
	mustRun(t, Options{Catalog: c, Sources: []string{dir}})
	if n := total(ocsfPlaces(t, c)); n != 7 || stopped < 2 {
		t.Errorf("%d rows, stopped %d times", n, stopped)
	}
	checkNoOrphans(t, c)
}

// Objects of a bucket are read as those of a folder.
func TestSecurityLakeInBucket(t *testing.T) {
	root := shared(t, "records/aws-ocsf-validation/api_activity")
	server := s3test.Start(t)
	bucket := server.NewBucket(t)
	uploaded(t, server.Open(t, bucket), root)
	c := diskWarehouse(t, t.TempDir())
	s := mustRun(t, Options{Catalog: c, Sources: []string{bucket}, OpenSource: opener(server.Options())})
	if n := total(ocsfPlaces(t, c)); n != 7 || s.Unreadable+s.Rejected != 0 {
		t.Errorf("%d rows, summary %+v", n, s)
	}
	for _, r := range rows[ledgerRow](t, c, LedgerTable) {
		if r.Kind == ocsfKind && !strings.HasPrefix(r.Object, bucket+"/") {
			t.Errorf("object %s", r.Object)
		}
	}
}

// Many runs make many small files, which are joined.
func TestSecurityLakeCompaction(t *testing.T) {
	root := shared(t, "records/aws-ocsf-validation")
	names, err := filepath.Glob(filepath.Join(root, "*/*.parquet"))
	if err != nil || len(names) != 21 {
		t.Fatalf("%d files, %v", len(names), err)
	}
	dir := t.TempDir()
	c := diskWarehouse(t, t.TempDir())
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(dir, "region=us-east-1/accountId=5/eventDay=20260304", filepath.Base(name)), string(data))
		mustRun(t, Options{Catalog: c, Sources: []string{dir}})
	}
	if places := ocsfPlaces(t, c); places["us-east-1/5/20260304"] != 21 || len(places) != 1 {
		t.Errorf("partitions %v", places)
	}
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	table, err := s.Table(OCSFTable)
	if err != nil {
		t.Fatal(err)
	}
	files, _, err := table.Plan(t.Context(), catalog.Predicate{})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) > 12 {
		t.Errorf("%d files of 21 runs", len(files))
	}
	// What they are known by is still there, and so are the bounds of their times.
	none, _, err := table.Plan(t.Context(), catalog.Predicate{From: time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)})
	if err != nil || len(none) != 0 {
		t.Errorf("%d files of 2025, %v", len(none), err)
	}
	copyTree(t, dir, filepath.Join(dir, "again"), nil)
	if s := mustRun(t, Options{Catalog: c, Sources: []string{dir}}); s.Records != 0 || s.Duplicates != 21 {
		t.Errorf("again: %+v", s)
	}
	checkNoOrphans(t, c)
}
