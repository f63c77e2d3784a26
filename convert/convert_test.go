package convert

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert/cloudtrail"
)

const sharedData = "../../shared/data"

func shared(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(sharedData, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the corpus of real records is not here: %v", err)
	}
	return path
}

func warehouse(t *testing.T) *catalog.Catalog {
	t.Helper()
	c, err := catalog.Create(context.Background(), t.TempDir(), catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func mustRun(t *testing.T, o Options) Summary {
	t.Helper()
	s, err := Run(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// table is the records of cloudtrail_logs by their canonical text.
func table(t *testing.T, c *catalog.Catalog) map[string]int {
	t.Helper()
	out := map[string]int{}
	err := Export(context.Background(), ExportOptions{Catalog: c, Write: func(_, _ string, rec []byte) error {
		out[string(cloudtrail.Canonical(rec))]++
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The facts of the real archive: see shared/data/README.md §2.
func TestRealArchive(t *testing.T) {
	src := shared(t, "archive/AWSLogs")
	c := warehouse(t)
	s := mustRun(t, Options{Catalog: c, Sources: []string{src}})
	if s.Objects != 60 || s.Records != 3087 || s.Rejected != 0 || s.Duplicates != 0 || s.Partitions != 4 {
		t.Errorf("summary %+v", s)
	}
	days := map[string]int{}
	ids := map[string]int{}
	err := Export(context.Background(), ExportOptions{Catalog: c, Write: func(region, date string, rec []byte) error {
		days[region+" "+date]++
		ids[cloudtrail.Member(rec, "eventID")]++
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"eu-central-1 2017-12-11": 2, "us-east-1 2020-09-30": 182, "us-east-1 2020-10-01": 3, "us-east-1 2023-07-10": 2900}
	if d := cmp.Diff(want, days); d != "" {
		t.Error(d)
	}
	if len(ids) != 3086 {
		t.Errorf("%d event ids", len(ids))
	}
	before := table(t, c)
	s = mustRun(t, Options{Catalog: c, Sources: []string{src}})
	if s.Unchanged != 60 || s.Records != 0 || s.Objects != 0 {
		t.Errorf("second run: %+v", s)
	}
	if d := cmp.Diff(before, table(t, c)); d != "" {
		t.Error(d)
	}
	fmt.Fprintln(os.Stderr, maps.Keys(ids))
}
