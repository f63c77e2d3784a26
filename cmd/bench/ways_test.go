package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestByDelivery(t *testing.T) {
	in := []string{"b/1_CloudTrail_r_20250601T0010Z_x.json.gz", "a/1_CloudTrail_r_20250601T0015Z_x.json.gz", "c/1_CloudTrail_r_20250601T0005Z_y.json.gz", "a/1_CloudTrail_r_20250601T0005Z_x.json.gz", "z/other.json.gz"}
	want := []string{in[4], in[3], in[2], in[0], in[1]}
	before := slices.Clone(in)
	if got := byDelivery(in); !slices.Equal(got, want) || !slices.Equal(in, before) {
		t.Errorf("got %q of %q", got, in)
	}
}

func TestSurveyWarehouse(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"cloudtrail_logs/metadata/20250601T000000000Z-0000000a-1-snapshot.avro": "x",
		"cloudtrail_logs/metadata/20250601T000000000Z-0000000b-3-snapshot.avro": "x", // two tries were too late
		"cloudtrail_logs/metadata/20250601T000000000Z-0000000b-3-m1.avro":       "x",
		"cloudtrail_logs/data/region=r/date=d/a-00000.parquet":                  "12345",
		"cloudtrail_logs/data/region=r/date=d/b-00000.parquet":                  "123",
		"source_files/metadata/20250601T000000000Z-0000000a-1-snapshot.avro":    "x",
		"source_files/data/a-00001.parquet":                                     "12345",
	} {
		name = filepath.Join(dir, "default", name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := surveyWarehouse(dir); err != nil || got != (warehouseStats{commits: 2, collided: 2, files: 2, bytes: 8}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := surveyWarehouse(filepath.Join(dir, "gone")); err == nil {
		t.Error("a warehouse that is not there is surveyed")
	}
}

func TestWaysTable(t *testing.T) {
	of := func(seconds int, peak int64) measurement {
		return measurement{cpu: time.Duration(seconds) * time.Second, peak: peak}
	}
	ways := []way{
		{name: "alone", runs: []measurement{of(10, 3<<20)}, said: []string{"note: 2,000,000 new records from 1,000 objects (1 kB) in 1s\n"}, into: warehouseStats{commits: 1, files: 5, bytes: 2e6}},
		{
			name: "2 converters", runs: []measurement{of(7, 1<<20), of(8, 2<<20)},
			said: []string{"note: 1,999,999 new records from 999 objects (1 kB) in 1s\n", "note: 1 new record from 1 object (1 kB) in 1s\nnote: also seen: 12 duplicate records\n"},
			into: warehouseStats{commits: 4, collided: 1, files: 9, bytes: 3e6},
		},
	}
	var out strings.Builder
	if err := writeWays(&out, archive{files: make([]string, 7)}, ways, of(4, 0), 2, "go run ./cmd/bench"); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"```\ngo run ./cmd/bench\n```\n",
		"7 files, ", "`gzip -dc` takes 4.00 CPU s", "The cheapest of 2 rounds.",
		"| alone | 5.00 | 1.00 | 2000000 | 1000 | 0 | 1 | 0 | 5 | 2.0 | 3 |\n",
		"| 2 converters | 7.50 | 1.50 | 2000000 | 1000 | 12 | 4 | 1 | 9 | 3.0 | 2 |\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	if err := writeWays(&out, archive{}, []way{{name: "alone", said: []string{"note: nothing new"}}}, of(4, 0), 1, ""); err == nil {
		t.Error("a conversion of nothing is compared")
	}
}

func TestWaysRefuse(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no number":       {[]string{"-dir", sample, "-trailql", "sh", "-converters", "1,x"}, `"x"`},
		"no converters":   {[]string{"-dir", sample, "-trailql", "sh", "-converters", "0"}, `"0"`},
		"without trailql": {[]string{"-dir", sample, "-slices", "2"}, "find trailql"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(context.Background(), c.args, &stdout, &stderr); code != 1 || !strings.Contains(stderr.String(), c.says) {
				t.Errorf("exit code %d, %q; want 1 and %q", code, &stderr, c.says)
			}
		})
	}
}

// TestWays measures a program that only says what it was asked for.
func TestWays(t *testing.T) {
	program := filepath.Join(t.TempDir(), "trailql")
	script := `#!/bin/sh
mkdir -p "$3/default/cloudtrail_logs/metadata"
echo x >"$3/default/cloudtrail_logs/metadata/$$-1-snapshot.avro"
test "$4" != - || objects=$(grep -c json.gz)
echo "note: 100 new records from ${objects:-7} objects; $# arguments" >&2
`
	if err := os.WriteFile(program, []byte(script), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	for _, c := range []struct {
		flag string
		want []string
	}{
		{"-slices", []string{"| 1 run | ", " | 100 | 49 | 0 | 1 | 0 | ", "| 3 runs | ", " | 300 | 49 | 0 | 3 | 0 | "}},
		{"-converters", []string{"| alone | ", " | 100 | 7 | 0 | 1 | 0 | ", "| 1 converter | ", " | 100 | 7 | 0 | 1 | 0 | ", "| 3 converters | ", " | 300 | 21 | 0 | 3 | 0 | "}},
	} {
		t.Run(c.flag, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(t.Context(), []string{"-dir", sample, "-runs", "2", "-trailql", program, c.flag, "1,3"}, &stdout, &stderr); code != 0 {
				t.Fatalf("exit code %d: %s", code, &stderr)
			}
			rest := stdout.String()
			for _, want := range c.want {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("no %q in its place in\n%s", want, &stdout)
				}
				rest = after
			}
		})
	}
}
