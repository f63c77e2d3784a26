package convert

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
)

// checkArchive is two objects, the second with a record that the first has too,
// and one with a record without an id and an aggregated event.
func checkArchive(t testing.TB) (src string, c *catalog.Catalog) {
	t.Helper()
	src = t.TempDir()
	write(t, filepath.Join(src, "1.json"), log(event("a", ""), event("b", "")))
	write(t, filepath.Join(src, "2.json"), log(event("b", ""), event("c", ""), `"bad"`))
	write(t, filepath.Join(src, "3.json"), log(event("", ""), event("", `"requestParameters":{"n":1},`), aggregated("x", 1)))
	c = warehouse(t)
	mustRun(t, Options{Catalog: c, Sources: []string{src}, Threads: 1})
	return src, c
}

func mustCheck(t testing.TB, c *catalog.Catalog, deep bool) (*Checked, []string) {
	t.Helper()
	r, err := Check(t.Context(), CheckOptions{Catalog: c, Deep: deep})
	if err != nil {
		t.Fatal(err)
	}
	var short []string
	for _, f := range r.Findings {
		name := filepath.Base(f.Object)
		if strings.HasSuffix(name, ".parquet") {
			name = f.Table
		}
		short = append(short, f.Kind+" "+name)
	}
	return r, short
}

func TestCheck(t *testing.T) {
	// dataFile is a file of the table.
	dataFile := func(t testing.TB, c *catalog.Catalog, table string) string {
		for _, files := range dataFiles(t, c, table) {
			return files[0].Path
		}
		t.Fatal("no file")
		return ""
	}
	for _, tc := range []struct {
		name   string
		happen func(t testing.TB, src string, c *catalog.Catalog)
		flat   []string // without --deep
		deep   []string
	}{
		{name: "nothing", happen: func(testing.TB, string, *catalog.Catalog) {}},
		{name: "object is deleted", happen: func(t testing.TB, src string, _ *catalog.Catalog) { os.Remove(filepath.Join(src, "1.json")) },
			flat: []string{"source-missing 1.json"}, deep: []string{"source-missing 1.json"}},
		{name: "object has grown", happen: func(t testing.TB, src string, _ *catalog.Catalog) {
			write(t, filepath.Join(src, "1.json"), log(event("a", ""), event("b", ""), event("d", "")))
		}, flat: []string{"source-changed 1.json"}, deep: []string{"source-changed 1.json"}},
		{name: "object is changed, of the same size", happen: func(t testing.TB, src string, _ *catalog.Catalog) {
			write(t, filepath.Join(src, "1.json"), log(event("a", ""), event("d", "")))
		}, flat: []string{"source-changed 1.json"}, deep: []string{"source-changed 1.json"}},
		{name: "object is changed, of the same size and time", happen: func(t testing.TB, src string, _ *catalog.Catalog) {
			name := filepath.Join(src, "1.json")
			info, err := os.Stat(name)
			if err != nil {
				t.Fatal(err)
			}
			write(t, name, log(event("a", ""), event("d", "")))
			if err := os.Chtimes(name, info.ModTime(), info.ModTime()); err != nil {
				t.Fatal(err)
			}
		}, deep: []string{"source-changed 1.json"}},
		{name: "object is copied anew", happen: func(t testing.TB, src string, _ *catalog.Catalog) {
			at := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
			if err := os.Chtimes(filepath.Join(src, "1.json"), at, at); err != nil {
				t.Fatal(err)
			}
		}},
		{name: "object is changed and converted again", happen: func(t testing.TB, src string, c *catalog.Catalog) {
			write(t, filepath.Join(src, "1.json"), log(event("a", ""), event("b", ""), event("d", "")))
			mustRun(t, Options{Catalog: c, Sources: []string{src}, Threads: 1})
		}},
		{name: "data file is deleted", happen: func(t testing.TB, _ string, c *catalog.Catalog) {
			if err := c.Storage().Remove(t.Context(), dataFile(t, c, LogsTable)); err != nil {
				t.Fatal(err)
			}
		}, flat: []string{"file-missing cloudtrail_logs"}, deep: []string{"file-missing cloudtrail_logs"}},
		{name: "data file is cut", happen: func(t testing.TB, _ string, c *catalog.Catalog) {
			if err := c.Storage().Put(t.Context(), dataFile(t, c, LogsTable), []byte("PAR1")); err != nil {
				t.Fatal(err)
			}
		}, flat: []string{"file-size cloudtrail_logs"}, deep: []string{"file-size cloudtrail_logs"}},
		{name: "data file is damaged", happen: func(t testing.TB, _ string, c *catalog.Catalog) {
			damage(t, c, dataFile(t, c, LedgerTable), 200)
		}, flat: []string{"file-damaged source_files"}, deep: []string{"file-damaged source_files"}},
		{name: "data file is damaged where only rows are", happen: func(t testing.TB, _ string, c *catalog.Catalog) {
			damage(t, c, dataFile(t, c, LogsTable), 600)
		}, deep: []string{"file-damaged cloudtrail_logs"}},
		{name: "ledger has lost a row", happen: func(t testing.TB, _ string, c *catalog.Catalog) {
			rewriteLedger(t, c, func(rows []ledgerRow) []ledgerRow { return rows[1:] })
		}, flat: []string{"source-unknown 1.json"}, deep: []string{"source-unknown 1.json"}},
		{name: "table has more rows than the object has given", happen: func(t testing.TB, _ string, c *catalog.Catalog) {
			rewriteLedger(t, c, func(rows []ledgerRow) []ledgerRow { rows[0].Records--; return rows })
		}, flat: []string{"too-many-rows 1.json"}, deep: []string{"too-many-rows 1.json"}},
		{name: "table has lost rows", happen: func(t testing.TB, _ string, c *catalog.Catalog) {
			s, err := c.Snapshot(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			tab, err := s.Table(LogsTable)
			if err != nil {
				t.Fatal(err)
			}
			files, _, err := tab.Plan(t.Context(), catalog.Predicate{})
			if err != nil {
				t.Fatal(err)
			}
			commit(t, c, LogsTable, catalog.Change{Remove: files[:1]})
		}, deep: []string{"rows-missing 1.json", "rows-missing 2.json"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			src, c := checkArchive(t)
			tc.happen(t, src, c)
			if _, got := mustCheck(t, c, false); gocmp.Diff(tc.flat, got) != "" {
				t.Errorf("findings (-want +got):\n%s", gocmp.Diff(tc.flat, got))
			}
			if _, got := mustCheck(t, c, true); gocmp.Diff(tc.deep, got) != "" {
				t.Errorf("findings, deep (-want +got):\n%s", gocmp.Diff(tc.deep, got))
			}
		})
	}
}

func TestCheckCounts(t *testing.T) {
	_, c := checkArchive(t)
	r, _ := mustCheck(t, c, true)
	want := Checked{Version: r.Version, Files: r.Files, Rows: 5 + 1 + 3 + 1, Objects: 3, Hashed: 3, Records: 7, Elsewhere: 1}
	if d := gocmp.Diff(want, *r); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func damage(t testing.TB, c *catalog.Catalog, name string, at int) {
	t.Helper()
	in, err := c.Storage().Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, in.Size())
	if _, err := in.ReadAt(data, 0); err != nil {
		t.Fatal(err)
	}
	in.Close()
	for i := range 20 {
		data[at+i] ^= 0xff
	}
	if err := c.Storage().Put(t.Context(), name, data); err != nil {
		t.Fatal(err)
	}
}

func commit(t testing.TB, c *catalog.Catalog, table string, change catalog.Change) {
	t.Helper()
	b, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Commit(t.Context(), catalog.Batch{ID: b, Changes: map[string]catalog.Change{table: change}}); err != nil {
		t.Fatal(err)
	}
}

// rewriteLedger changes the rows of source_files, in order of the objects.
func rewriteLedger(t testing.TB, c *catalog.Catalog, f func([]ledgerRow) []ledgerRow) {
	t.Helper()
	s, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	tab, err := s.Table(LedgerTable)
	if err != nil {
		t.Fatal(err)
	}
	files, _, err := tab.Plan(t.Context(), catalog.Predicate{})
	if err != nil {
		t.Fatal(err)
	}
	b, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	written, err := writeRecords(t.Context(), c, b, LedgerTable, f(rows[ledgerRow](t, c, LedgerTable)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Commit(t.Context(), catalog.Batch{ID: b, Changes: map[string]catalog.Change{LedgerTable: {Add: []catalog.DataFile{written}, Remove: files}}}); err != nil {
		t.Fatal(err)
	}
}
