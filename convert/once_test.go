package convert

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/cloudtrail"
)

// stdlibForm is one form of a JSON text for each value, made by encoding/json.
func stdlibForm(t testing.TB, text []byte) string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatal(err)
	}
	out, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// expect is what a table must hold of the objects below a folder, by our decoder
// and encoding/json: each value once, or once for each place if it has no id.
func expect(t testing.TB, root string) (want map[string]int, ids map[string]bool, total int) {
	t.Helper()
	want, ids = map[string]int{}, map[string]bool{}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Ext(path) == ".parquet" || filepath.Ext(path) == ".zip" {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		for rec, err := range cloudtrail.Records(f) {
			var bad *cloudtrail.RecordError
			if errors.As(err, &bad) {
				continue
			}
			if err != nil {
				return err
			}
			total++
			text := stdlibForm(t, rec.Raw)
			if id := string(rec.Text(cloudtrail.LeafEventID)); id != "" {
				ids[id] = true
				want[text] = 1
			} else {
				want[text]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return want, ids, total
}

// exported is the table by encoding/json.
func exported(t testing.TB, c *catalog.Catalog) map[string]int {
	t.Helper()
	out := map[string]int{}
	err := Export(t.Context(), ExportOptions{Catalog: c, Write: func(_, _ string, rec []byte) error {
		out[stdlibForm(t, rec)]++
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The whole corpus: counts of shared/data/README.md §1 and §4.
func TestWholeCorpus(t *testing.T) {
	root := shared(t, ".")
	want, _, _ := expect(t, root)
	c := diskWarehouse(t, t.TempDir())
	s := mustRun(t, Options{Catalog: c, Sources: []string{filepath.Join(root, "archive"), filepath.Join(root, "records")}})
	got := exported(t, c)
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("not what the objects hold (-want +got):\n%s", d)
	}
	// 572 files, of which 21 are Security Lake's and one is a digest.
	if s.Objects+s.Foreign+s.Digests != 572 || s.Foreign != 0 || s.Digests != 1 || s.Unreadable != 0 {
		t.Errorf("summary %+v", s)
	}
	rejected := rows[rejectedRow](t, c, RejectedTable)
	whole := int64(0) // records that have no usable event time
	for _, r := range rejected {
		if strings.Contains(r.Reason, "eventTime") {
			whole++
		}
	}
	if n := s.Records + s.Duplicates + whole; n != 7041+21 {
		t.Errorf("%d rows, %d duplicates, %d without event time: %d records, not 7041 and 21 of Security Lake", s.Records, s.Duplicates, whole, n)
	}
	if int64(len(rejected)) != s.Rejected {
		t.Errorf("%d rejected rows, summary says %d", len(rejected), s.Rejected)
	}
	// Files that a strict reader must reject (§4) are told, as are the 103
	// records that Logstash has taken the event time from.
	reasons := map[string]int{}
	for _, r := range rejected {
		rel := strings.SplitAfter(r.Object, "shared/data/records/")
		reasons[strings.Split(rel[len(rel)-1], "/")[0]]++
		if !strings.HasPrefix(r.Raw, "{") && r.Encoding != "utf-8" {
			t.Errorf("%s: %s", r.Object, r.Encoding)
		}
	}
	if reasons["otrf-security-datasets"] != 103 || reasons["cado-cloudgrep"] != 1 || reasons["bindplane-otel"] != 2 || reasons["opensearch-catalog"] == 0 {
		t.Errorf("rejected by source: %v", reasons)
	}
	var objects, recs, bad int64
	for _, r := range rows[ledgerRow](t, c, LedgerTable) {
		objects++
		recs += r.Records
		bad += r.Rejected
		if len(r.SHA256) != 64 || r.Size == 0 || r.ETag == "" || r.Batch == "" {
			t.Errorf("ledger row %+v", r)
		}
	}
	if objects != 572 || recs != s.Records+s.Duplicates || bad != s.Rejected {
		t.Errorf("ledger has %d objects, %d records, %d rejected", objects, recs, bad)
	}
	checkNoOrphans(t, c)

	before := read(t, c, true)
	s = mustRun(t, Options{Catalog: c, Sources: []string{root}})
	if s.Unchanged != 572 || s.Records+s.Rejected+s.Duplicates != 0 {
		// The folder's own README and manifest are new, and foreign.
		t.Errorf("second run: %+v", s)
	}
	after := read(t, c, true)
	after.Ledger = slices.DeleteFunc(after.Ledger, func(r ledgerRow) bool { return r.Kind == "foreign" && !strings.HasSuffix(r.Object, ".parquet") })
	if d := gocmp.Diff(before, after); d != "" {
		t.Errorf("second run has changed:\n%s", d)
	}
}

// copyTree copies the real archive, with new names if rename says so.
func copyTree(t testing.TB, from, to string, rename func(string) string) {
	t.Helper()
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if rename != nil {
			rel = rename(rel)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		write(t, filepath.Join(to, rel), string(text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// However the same records come again, they are in the table once.
func TestAgain(t *testing.T) {
	src := shared(t, "archive/AWSLogs")
	archive := filepath.Join(t.TempDir(), "AWSLogs")
	copyTree(t, src, archive, nil)
	want, ids, total := expect(t, archive)
	if total != 3087 || len(ids) != 3086 || len(want) != 3087 {
		t.Fatalf("%d records, %d ids, %d values", total, len(ids), len(want))
	}
	day := func(s string) time.Time {
		at, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	var objects []string
	if err := filepath.WalkDir(archive, func(path string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			objects = append(objects, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	slices.Reverse(objects)

	run := func(t *testing.T, c *catalog.Catalog, o Options) Summary {
		o.Catalog = c
		if o.Sources == nil {
			o.Sources = []string{archive}
		}
		return mustRun(t, o)
	}
	for _, tc := range []struct {
		name string
		do   func(t *testing.T, c *catalog.Catalog)
	}{
		{"twice", func(t *testing.T, c *catalog.Catalog) {
			run(t, c, Options{})
			if s := run(t, c, Options{}); s.Unchanged != 60 || s.Objects != 0 || s.Records != 0 || s.Files != 0 || s.Partitions != 0 {
				t.Errorf("%+v", s)
			}
		}},
		{"one object after another, backwards", func(t *testing.T, c *catalog.Catalog) {
			for _, o := range objects[len(objects)-14:] {
				if s := run(t, c, Options{Sources: []string{o}}); s.Objects != 1 {
					t.Errorf("%+v", s)
				}
			}
			if s := run(t, c, Options{}); s.Unchanged != 14 || s.Objects != 46 {
				t.Errorf("%+v", s)
			}
		}},
		{"sources that overlap", func(t *testing.T, c *catalog.Catalog) {
			s := run(t, c, Options{Sources: []string{objects[0], archive, filepath.Dir(archive), archive + "/", objects[0], filepath.Dir(objects[3]) + "/*"}})
			if s.Objects != 60 || s.Records != 3087 || s.Duplicates != 0 {
				t.Errorf("%+v", s)
			}
			if n := len(rows[ledgerRow](t, c, LedgerTable)); n != 60 {
				t.Errorf("%d ledger rows", n)
			}
		}},
		{"another copy of the folder", func(t *testing.T, c *catalog.Catalog) {
			run(t, c, Options{})
			copied := filepath.Join(t.TempDir(), "b", "AWSLogs")
			copyTree(t, archive, copied, nil)
			if s := run(t, c, Options{Sources: []string{copied}}); s.Objects != 60 || s.Duplicates != 3087 || s.Records != 0 || s.Files != 0 || s.Partitions != 0 {
				t.Errorf("%+v", s)
			}
		}},
		{"two copies at once", func(t *testing.T, c *catalog.Catalog) {
			copied := filepath.Join(t.TempDir(), "AWSLogs")
			copyTree(t, archive, copied, nil)
			if s := run(t, c, Options{Sources: []string{archive, copied}}); s.Objects != 120 || s.Duplicates != 3087 || s.Records != 3087 {
				t.Errorf("%+v", s)
			}
		}},
		{"two copies, small batches", func(t *testing.T, c *catalog.Catalog) {
			copied := filepath.Join(t.TempDir(), "AWSLogs")
			copyTree(t, archive, copied, nil)
			if s := run(t, c, Options{Sources: []string{archive, copied}, batchRecords: 1, taskObjects: 1}); s.Objects != 120 || s.Duplicates != 3087 || s.Records != 3087 {
				t.Errorf("%+v", s)
			}
		}},
		{"renamed copies", func(t *testing.T, c *catalog.Catalog) {
			run(t, c, Options{})
			copied := t.TempDir()
			n := 0
			copyTree(t, archive, copied, func(string) string { n++; return fmt.Sprintf("%d.data", n) })
			if s := run(t, c, Options{Sources: []string{copied}}); s.Objects != 60 || s.Duplicates != 3087 {
				t.Errorf("%+v", s)
			}
		}},
		{"touched", func(t *testing.T, c *catalog.Catalog) {
			copied := filepath.Join(t.TempDir(), "AWSLogs")
			copyTree(t, archive, copied, nil)
			run(t, c, Options{Sources: []string{copied}})
			if err := filepath.WalkDir(copied, func(path string, e fs.DirEntry, err error) error {
				return errors.Join(err, os.Chtimes(path, time.Now(), time.Now().Add(-time.Hour)))
			}); err != nil {
				t.Fatal(err)
			}
			if s := run(t, c, Options{Sources: []string{copied}}); s.Objects != 60 || s.Duplicates != 3087 || s.Records != 0 {
				t.Errorf("%+v", s)
			}
		}},
		{"in parts by date, then all", func(t *testing.T, c *catalog.Catalog) {
			s := run(t, c, Options{From: day("2017-01-01"), To: day("2018-01-01")})
			if s.Objects != 1 || s.Skipped != 59 || s.Records != 2 {
				t.Errorf("%+v", s)
			}
			s = run(t, c, Options{From: day("2020-10-01"), To: day("2020-10-02")})
			if s.Records == 0 || s.Objects >= 59 {
				t.Errorf("%+v", s)
			}
			run(t, c, Options{From: day("2023-07-10")})
			run(t, c, Options{})
		}},
		{"in parts by account and region, then all", func(t *testing.T, c *catalog.Catalog) {
			if s := run(t, c, Options{Accounts: []string{"811596193553"}}); s.Objects != 4 || s.Records != 185 || s.Skipped != 56 {
				t.Errorf("%+v", s)
			}
			if s := run(t, c, Options{Regions: []string{"eu-central-1"}}); s.Objects != 1 || s.Records != 2 {
				t.Errorf("%+v", s)
			}
			run(t, c, Options{})
		}},
		{"small batches", func(t *testing.T, c *catalog.Catalog) {
			for range 2 {
				run(t, c, Options{batchRecords: 100, taskObjects: 1, Threads: 2})
			}
		}},
		{"one thread, little memory", func(t *testing.T, c *catalog.Catalog) {
			if s := run(t, c, Options{Threads: 1, Memory: 1}); s.Records != 3087 || s.Files <= s.Partitions {
				t.Errorf("%+v", s)
			}
		}},
		{"four threads, little memory, two copies", func(t *testing.T, c *catalog.Catalog) {
			copied := filepath.Join(t.TempDir(), "AWSLogs")
			copyTree(t, archive, copied, nil)
			if s := run(t, c, Options{Sources: []string{copied, archive}, Threads: 4, Memory: 1 << 20}); s.Records != 3087 || s.Duplicates != 3087 {
				t.Errorf("%+v", s)
			}
		}},
		{"dry runs between", func(t *testing.T, c *catalog.Catalog) {
			if s := run(t, c, Options{DryRun: true}); s.Objects != 60 || s.StoredBytes == 0 || s.Records != 0 {
				t.Errorf("%+v", s)
			}
			run(t, c, Options{Accounts: []string{"811596193553"}})
			before := tree(t, c.Storage())
			if s := run(t, c, Options{DryRun: true}); s.Objects != 56 || s.Unchanged != 4 {
				t.Errorf("%+v", s)
			}
			if d := gocmp.Diff(before, tree(t, c.Storage())); d != "" {
				t.Errorf("a dry run has written:\n%s", d)
			}
			run(t, c, Options{})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := warehouse(t)
			tc.do(t, c)
			if d := gocmp.Diff(want, exported(t, c)); d != "" {
				t.Errorf("not the records of the archive (-want +got):\n%s", d)
			}
			for key, files := range dataFiles(t, c, LogsTable) {
				if len(files) > 2*compactFiles && !strings.Contains(tc.name, "little memory") {
					t.Errorf("%s: %d files", key, len(files))
				}
			}
			checkNoOrphans(t, c)
		})
	}
}

// tree is the objects of a storage.
func tree(t testing.TB, s storage.Storage) (out []storage.Object) {
	t.Helper()
	for o, err := range s.List(t.Context(), "") {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, o)
	}
	return out
}
