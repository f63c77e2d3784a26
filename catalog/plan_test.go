package catalog_test

import (
	"fmt"
	"math/rand/v2"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/iceberg-go"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/catalog/storage/storagetest"
)

// planned makes a table of the files given as region, first and last event time.
func planned(t testing.TB, events [][3]string) *catalog.Catalog {
	t.Helper()
	c := create(t, catalog.Options{Storage: storagetest.NewMemory()})
	id := begin(t, c)
	var add []catalog.DataFile
	for _, e := range events {
		date := ""
		if e[1] != "" {
			date = e[1][:10]
		}
		f, err := newFile(t.Context(), c, id, "events", 1, e[0], date)
		if err != nil {
			t.Fatal(err)
		}
		if e[1] != "" {
			f.LowerBounds = map[int][]byte{eventTimeField: micros(e[1])}
			f.UpperBounds = map[int][]byte{eventTimeField: micros(e[2])}
		}
		add = append(add, f)
	}
	if _, err := c.Commit(t.Context(), catalog.Batch{ID: id, Changes: map[string]catalog.Change{"events": {Add: add}}}); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPlan(t *testing.T) {
	c := planned(t, [][3]string{
		0: {"us-east-1", "2023-07-09T23:00:00Z", "2023-07-09T23:59:59.999999Z"},
		1: {"us-east-1", "2023-07-10T00:00:00Z", "2023-07-10T11:59:59Z"},
		2: {"us-east-1", "2023-07-10T12:00:00Z", "2023-07-10T23:59:59Z"},
		3: {"eu-west-1", "2023-07-10T06:00:00Z", "2023-07-10T06:00:00Z"},
		4: {"eu-west-1", "2023-07-11T00:00:00Z", "2023-07-11T01:00:00Z"},
		5: {"", "2023-07-11T02:00:00Z", "2023-07-11T03:00:00Z"},
		6: {"us-east-1", "", ""}, // no event time
	})
	at := func(s string) time.Time {
		u, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	for _, tc := range []struct {
		name string
		p    catalog.Predicate
		want []int
	}{
		{"everything", catalog.Predicate{}, []int{0, 1, 2, 3, 4, 5, 6}},
		{"one region", catalog.Predicate{Regions: []string{"us-east-1"}}, []int{0, 1, 2, 6}},
		{"two regions", catalog.Predicate{Regions: []string{"eu-west-1", "us-east-1"}}, []int{0, 1, 2, 3, 4, 6}},
		{"unknown region", catalog.Predicate{Regions: []string{"me-south-1"}}, nil},
		{"a day", catalog.Predicate{From: day("2023-07-10"), To: day("2023-07-11")}, []int{1, 2, 3}},
		{"a day of a region", catalog.Predicate{Regions: []string{"eu-west-1"}, From: day("2023-07-10"), To: day("2023-07-11")}, []int{3}},
		{"from a day", catalog.Predicate{From: day("2023-07-11")}, []int{4, 5}},
		{"up to a day", catalog.Predicate{To: day("2023-07-10")}, []int{0}},
		{"a morning", catalog.Predicate{From: day("2023-07-10"), To: at("2023-07-10T12:00:00Z")}, []int{1, 3}},
		{"up to noon and a nanosecond", catalog.Predicate{From: day("2023-07-10"), To: at("2023-07-10T12:00:00.000000001Z")}, []int{1, 2, 3}},
		{"from the last event", catalog.Predicate{From: at("2023-07-09T23:59:59.999999Z"), To: day("2023-07-10")}, []int{0}},
		{"from behind the last event", catalog.Predicate{From: at("2023-07-09T23:59:59.9999991Z"), To: day("2023-07-10")}, nil},
		{"another time zone", catalog.Predicate{From: at("2023-07-10T01:00:00+02:00"), To: at("2023-07-10T01:30:00+02:00")}, []int{0}},
		{"nothing between the files", catalog.Predicate{From: at("2023-07-11T01:30:00Z"), To: at("2023-07-11T01:40:00Z")}, nil},
		{"from behind to", catalog.Predicate{From: day("2023-07-11"), To: day("2023-07-10")}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for _, c := range []*catalog.Catalog{c, reopen(t, c, catalog.Options{Storage: c.Storage()})} { // warm and cold
				files, stats := plan(t, snapshot(t, c), "events", tc.p)
				var got []int
				for _, f := range files {
					var n int
					if _, err := fmt.Sscanf(path.Base(f.Path)[len("20230710T120000000Z-00000000-"):], "%d", &n); err != nil {
						t.Fatal(err)
					}
					got = append(got, n)
				}
				slices.Sort(got)
				if !slices.Equal(got, tc.want) {
					t.Errorf("planned files %v, want %v", got, tc.want)
				}
				if stats.Files != len(got) || stats.FilesTotal != 7 || stats.Records != int64(len(got)) || stats.RecordsTotal != 7 {
					t.Errorf("stats %+v", stats)
				}
			}
		})
	}
	for _, p := range []catalog.Predicate{{Regions: []string{"x"}}, {From: day("2023-07-10")}} {
		mustAdd(t, c, 1, "r", "2023-07-10")
		if files, _ := plan(t, snapshot(t, c), "files", p); len(files) == 0 {
			t.Errorf("%+v narrowed a table that has none of its columns", p)
		}
	}
}

// TestPlanLeavesNothingOut compares plans over many manifests with a search of
// all files.
func TestPlanLeavesNothingOut(t *testing.T) {
	const files = 2*catalog.ManifestFull + 100
	rng := rand.New(rand.NewPCG(1, 2))
	start := day("2023-01-01")
	type span struct {
		region      string
		first, last time.Time
	}
	spans := map[string]span{}
	c := create(t, catalog.Options{Storage: storagetest.NewMemory()})
	id := begin(t, c)
	var add []catalog.DataFile
	for i := range files {
		first := start.Add(time.Duration(rng.IntN(365*24*60)) * time.Minute)
		last := first.Add(time.Duration(rng.IntN(60)) * time.Minute)
		if next := first.Truncate(24 * time.Hour).Add(24 * time.Hour); !last.Before(next) {
			last = next.Add(-time.Microsecond)
		}
		s := span{fmt.Sprintf("region-%d", rng.IntN(5)), first, last}
		name := fmt.Sprintf("default/events/data/%s/%s-%05d.parquet", catalog.HivePath([]string{"region", "date"}, []string{s.region, first.Format(time.DateOnly)}), id, i)
		spans[name] = s
		add = append(add, catalog.DataFile{
			Path: name, Partition: []string{s.region, first.Format(time.DateOnly)}, Records: 1, Bytes: 1,
			LowerBounds: map[int][]byte{eventTimeField: micros(first.Format(time.RFC3339Nano))},
			UpperBounds: map[int][]byte{eventTimeField: micros(last.Format(time.RFC3339Nano))},
		})
	}
	if _, err := c.Commit(t.Context(), catalog.Batch{ID: id, Changes: map[string]catalog.Change{"events": {Add: add}}}); err != nil {
		t.Fatal(err)
	}
	if n := manifestCount(t, c, "events"); n != 3 {
		t.Fatalf("%d manifests, want 3", n)
	}
	for i := range 60 {
		if i == 30 { // from here on from the manifests themselves
			for _, name := range objects(t, c) {
				if strings.HasSuffix(name, ".files.json") {
					if err := c.Storage().Remove(t.Context(), name); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		if i >= 30 {
			c = reopen(t, c, catalog.Options{Storage: c.Storage()})
		}
		from := start.Add(time.Duration(rng.IntN(365*24*60)) * time.Minute)
		p := catalog.Predicate{From: from, To: from.Add(time.Duration(rng.IntN(20*24*60)) * time.Minute)}
		if rng.IntN(2) == 0 {
			p.Regions = []string{fmt.Sprintf("region-%d", rng.IntN(5))}
		}
		var want []string
		for name, s := range spans {
			if s.first.Before(p.To) && !s.last.Before(p.From) && (p.Regions == nil || p.Regions[0] == s.region) {
				want = append(want, name)
			}
		}
		slices.Sort(want)
		got, _ := plan(t, snapshot(t, c), "events", p)
		if !slices.Equal(paths(got), want) {
			t.Errorf("%+v: planned %d files, want %d", p, len(got), len(want))
		}
	}
}

// TestPlanTimeTexts: what a plan says of the texts of times follows from their bounds,
// of which there may be the first 16 characters or more, and not from the times.
func TestPlanTimeTexts(t *testing.T) {
	const timeTextField = 9
	tests := []struct {
		name         string
		first, last  string // event times
		lower, upper string
		want         catalog.TimeTexts
	}{
		{"from five", "2023-07-10T05:00:00Z", "2023-07-10T06:00:00Z", "2023-07-10T05:00", "2023-07-10T06:01", catalog.LateTexts},
		{"of the first minute, cut", "2023-07-10T00:00:30Z", "2023-07-10T06:00:00Z", "2023-07-10T00:00", "2023-07-10T06:01", catalog.DayTexts},
		{"of the first minute", "2023-07-10T00:00:30Z", "2023-07-10T06:00:00Z", "2023-07-10T00:00:30Z", "2023-07-10T06:00:00Z", catalog.LateTexts},
		{"of the first second", "2023-07-10T00:00:00Z", "2023-07-10T06:00:00Z", "2023-07-10T00:00:00Z", "2023-07-10T06:00:00Z", catalog.LateTexts},
		{"with a fraction", "2023-07-10T00:00:00.5Z", "2023-07-10T06:00:00Z", "2023-07-10T00:00:00.", "2023-07-10T06:00:00Z", catalog.DayTexts},
		{"with an offset", "2023-07-10T05:00:00Z", "2023-07-10T05:00:00Z", "2023-07-10T00:00:00-", "2023-07-10T00:00:00.", catalog.DayTexts},
		{"with an offset, cut", "2023-07-10T05:00:00Z", "2023-07-10T05:00:00Z", "2023-07-10T00:00", "2023-07-10T00:01", catalog.DayTexts},
		{"of the day before", "2023-07-10T05:00:00Z", "2023-07-10T05:00:00Z", "2023-07-09T23:00:00-", "2023-07-09T23:00:00.", catalog.AnyTexts},
		{"without hyphens", "2023-07-10T05:00:00Z", "2023-07-10T06:00:00Z", "20230710T050000Z", "20230710T060000Z", catalog.AnyTexts},
		{"without bounds", "2023-07-10T05:00:00Z", "2023-07-10T06:00:00Z", "", "", catalog.AnyTexts},
	}
	for _, indexed := range []bool{false, true} {
		for _, tc := range tests {
			t.Run(fmt.Sprintf("%s, indexed %v", tc.name, indexed), func(t *testing.T) {
				c := create(t, catalog.Options{Storage: storagetest.NewMemory()})
				spec := eventsSpec()
				spec.Name = "texts"
				spec.Schema = iceberg.NewSchema(0, append(spec.Schema.Fields(), iceberg.NestedField{ID: timeTextField, Name: "eventtime", Type: iceberg.PrimitiveTypes.String})...)
				if err := c.Define(t.Context(), spec); err != nil {
					t.Fatal(err)
				}
				lower, upper := map[int][]byte{eventTimeField: micros(tc.first)}, map[int][]byte{eventTimeField: micros(tc.last)}
				if tc.lower != "" {
					lower[timeTextField], upper[timeTextField] = []byte(tc.lower), []byte(tc.upper)
				}
				commitMany(t, c, indexed, lower, upper)
				for _, c := range []*catalog.Catalog{c, reopen(t, c, catalog.Options{Storage: c.Storage()})} { // warm and cold
					files, _ := plan(t, snapshot(t, c), "texts", catalog.Predicate{TimeTexts: true})
					for _, f := range files {
						if f.TimeTexts != tc.want {
							t.Fatalf("texts are %d, want %d", f.TimeTexts, tc.want)
						}
					}
				}
				if !indexed || tc.want == catalog.AnyTexts {
					return
				}
				// Earlier versions wrote 2 for files without an event of the first second.
				earlier := regexp.MustCompile(`"texts":\[[0-9,]*\]`)
				for _, name := range objects(t, c) {
					if !strings.HasSuffix(name, ".files.json") {
						continue
					}
					data, err := storage.ReadAll(t.Context(), c.Storage(), name)
					if err != nil {
						t.Fatal(err)
					}
					texts := `"texts":[2` + strings.Repeat(",2", catalog.IndexedManifest-1) + "]"
					if err := c.Storage().Put(t.Context(), name, earlier.ReplaceAll(data, []byte(texts))); err != nil {
						t.Fatal(err)
					}
				}
				files, _ := plan(t, snapshot(t, reopen(t, c, catalog.Options{Storage: c.Storage()})), "texts", catalog.Predicate{TimeTexts: true})
				if got := files[0].TimeTexts; got != catalog.DayTexts {
					t.Errorf("texts are %d by an earlier index, want %d", got, catalog.DayTexts)
				}
			})
		}
	}
}

// commitMany commits a file to the table texts, or as many as have an index.
func commitMany(t *testing.T, c *catalog.Catalog, indexed bool, lower, upper map[int][]byte) {
	t.Helper()
	id := begin(t, c)
	n := 1
	if indexed {
		n = catalog.IndexedManifest
	}
	var add []catalog.DataFile
	for i := range n {
		add = append(add, catalog.DataFile{
			Path:      fmt.Sprintf("default/texts/data/%s/%s-%05d.parquet", catalog.HivePath([]string{"region", "date"}, []string{"r", "2023-07-10"}), id, i),
			Partition: []string{"r", "2023-07-10"}, Records: 1, Bytes: 1, LowerBounds: lower, UpperBounds: upper,
		})
	}
	if _, err := c.Commit(t.Context(), catalog.Batch{ID: id, Changes: map[string]catalog.Change{"texts": {Add: add}}}); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkPlan(b *testing.B) {
	const files, days, columns = 100_000, 365, 15
	c := create(b, catalog.Options{})
	id := begin(b, c)
	start := day("2023-01-01")
	add := make([]catalog.DataFile, files)
	for i := range add {
		date := start.AddDate(0, 0, i%days)
		region := fmt.Sprintf("us-east-%d", i%17)
		f := catalog.DataFile{
			Path:      fmt.Sprintf("default/events/data/region=%s/date=%s/%s-%05d.parquet", region, date.Format(time.DateOnly), id, i),
			Partition: []string{region, date.Format(time.DateOnly)}, Records: 1000, Bytes: 100_000,
			SplitOffsets: []int64{4},
			ColumnSizes:  map[int]int64{}, ValueCounts: map[int]int64{}, NullCounts: map[int]int64{},
			LowerBounds: map[int][]byte{}, UpperBounds: map[int][]byte{},
		}
		for n := range columns {
			id := eventTimeField + n
			f.ColumnSizes[id], f.ValueCounts[id], f.NullCounts[id] = int64(i+n), 1000, int64(i%7)
			f.LowerBounds[id] = micros(date.Format(time.RFC3339))
			f.UpperBounds[id] = micros(date.Add(time.Hour).Format(time.RFC3339))
		}
		add[i] = f
	}
	began := time.Now()
	if _, err := c.Commit(b.Context(), catalog.Batch{ID: id, Changes: map[string]catalog.Change{"events": {Add: add}}}); err != nil {
		b.Fatal(err)
	}
	b.Logf("commit of %d files: %v", files, time.Since(began))
	clear(add) // some 100 MB that no plan has to scan for garbage
	for _, bb := range []struct {
		name string
		p    catalog.Predicate
		cold bool
	}{
		{"cold/all", catalog.Predicate{}, true},
		{"cold/month", catalog.Predicate{From: day("2023-03-01"), To: day("2023-04-01")}, true},
		{"cold/hour", catalog.Predicate{From: day("2023-03-01").Add(30 * time.Minute), To: day("2023-03-01").Add(90 * time.Minute)}, true},
		{"warm/all", catalog.Predicate{}, false},
		{"warm/month", catalog.Predicate{From: day("2023-03-01"), To: day("2023-04-01")}, false},
	} {
		b.Run(bb.name, func(b *testing.B) {
			for b.Loop() {
				if bb.cold {
					c = reopen(b, c, catalog.Options{})
				}
				_, stats := plan(b, snapshot(b, c), "events", bb.p)
				b.ReportMetric(float64(stats.Files), "files")
			}
		})
	}
}
