package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
)

const sample = "../../testdata/sample"

func TestSurveyArchive(t *testing.T) {
	a, err := surveyArchive(sample)
	if err != nil {
		t.Fatalf("survey: %v", err)
	}
	var stored, unpacked, largest int64
	for _, name := range a.files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		zip, err := gzip.NewReader(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n, err := io.Copy(io.Discard, zip)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		stored, unpacked, largest = stored+int64(len(data)), unpacked+n, max(largest, n)
	}
	if len(a.files) < 40 || a.storedBytes != stored || a.jsonBytes != unpacked || a.largest != largest {
		t.Errorf("%d files, %d bytes stored, %d of JSON, the largest %d; want %d, %d, %d", len(a.files), a.storedBytes, a.jsonBytes, a.largest, stored, unpacked, largest)
	}
}

func TestSurveyArchiveFails(t *testing.T) {
	empty, odd := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(odd, "a.json.gz"), []byte("x"), 0o666); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ dir, says string }{
		"nothing there":  {empty, "no *.json.gz"},
		"no gzip file":   {odd, "no gzip file"},
		"missing folder": {filepath.Join(empty, "gone"), "gone"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := surveyArchive(c.dir); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("survey: %v, want %q in it", err, c.says)
			}
		})
	}
}

func TestMeasureCountsGrandchildren(t *testing.T) {
	// The shell itself does next to nothing: what it starts has to be counted.
	busy := "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done"
	m, err := measure(exec.Command("sh", "-c", "sh -c '"+busy+"'; true"), nil)
	if err != nil {
		t.Fatalf("measure: %v", err)
	}
	if m.cpu <= 0 || m.wall <= 0 || m.peak <= 0 {
		t.Errorf("measured %v of CPU, %v of time and %d bytes", m.cpu, m.wall, m.peak)
	}
}

func TestMeasureTellsWhatTheChildSaid(t *testing.T) {
	if _, err := measure(exec.Command("sh", "-c", "echo no such luck >&2; exit 5"), nil); err == nil || !strings.Contains(err.Error(), "no such luck") {
		t.Errorf("measure: %v", err)
	}
}

func TestIntoFresh(t *testing.T) {
	out := filepath.Join(t.TempDir(), "out")
	writes := func(names ...string) func(string) *exec.Cmd {
		return func(out string) *exec.Cmd {
			script := "mkdir -p " + out
			for _, name := range names {
				script += "; printf 12345 >" + filepath.Join(out, name)
			}
			return exec.Command("sh", "-c", script)
		}
	}
	if m, err := intoFresh(out, writes("a.parquet", "b.parquet", "c.json")); err != nil || m.output != 10 {
		t.Errorf("the first run: %d bytes of Parquet, %v; want 10", m.output, err)
	}
	if m, err := intoFresh(out, writes("d.parquet")); err != nil || m.output != 5 {
		t.Errorf("the second run: %d bytes of Parquet, %v; want 5", m.output, err)
	}
	if _, err := intoFresh(out, writes("e.json")); err == nil {
		t.Error("a converter that writes no Parquet passes")
	}
}

func TestCandidates(t *testing.T) {
	names := func(o options) string {
		t.Helper()
		list, err := candidates(o, archive{})
		if err != nil {
			t.Fatalf("candidates: %v", err)
		}
		var all []string
		for _, c := range list {
			all = append(all, c.name)
		}
		return strings.Join(all, " ")
	}
	duck := ""
	if haveDuckDB {
		duck = "duckdb "
	}
	for name, c := range map[string]struct {
		o    options
		want string
	}{
		"without trailql": {options{}, "gzip " + duck + "find"},
		"with trailql":    {options{trailql: "sh"}, "gzip trailql " + duck + "again find"},
		"some":            {options{trailql: "sh", only: "gzip, trailql"}, "gzip trailql"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := names(c.o); got != c.want {
				t.Errorf("have %q, want %q", got, c.want)
			}
		})
	}
	for name, o := range map[string]options{"unknown name": {only: "gzp"}, "no such program": {trailql: "./no-such-program"}} {
		if _, err := candidates(o, archive{}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTable(t *testing.T) {
	of := func(cpu, wall time.Duration, peak, output int64) measurement {
		return measurement{cpu, wall, peak, output}
	}
	a := archive{files: make([]string, 1000), storedBytes: 100_000_000, jsonBytes: 1_000_000_000, largest: 9_900_000}
	list := []candidate{
		{name: "gzip", what: "gzip", measured: []measurement{of(3*time.Second, 5*time.Second, 1<<20, 0), of(5*time.Second, 4*time.Second, 3<<20, 0), of(4*time.Second, 9*time.Second, 2<<20, 0)}},
		{name: "trailql", what: "convert", measured: []measurement{of(6*time.Second, 2*time.Second, 300<<20, 40_000_000)}},
	}
	var out strings.Builder
	if err := writeTable(&out, a, list, "go run ./cmd/bench"); err != nil {
		t.Fatalf("write table: %v", err)
	}
	for _, want := range []string{
		"```\ngo run ./cmd/bench\n```\n",
		"1000 files, 100.0 MB stored, 1000.0 MB of JSON, the largest file 9.9 MB",
		"Medians of 3 rounds.",
		"| gzip | 4.00 | 1.00 | 5.00 | 2 | – | 200 | 200 |\n",
		"| convert | 6.00 | 1.50 | 2.00 | 300 | 40.0 | 500 | 500 |\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestQueryTable(t *testing.T) {
	of := func(seconds ...float64) (list []measurement) {
		for _, s := range seconds {
			d := time.Duration(s * float64(time.Second))
			list = append(list, measurement{cpu: 2 * d, wall: d})
		}
		return list
	}
	var out strings.Builder
	err := writeQueryTable(&out, archive{}, []*asked{
		{name: "first", ours: of(1, 3, 2), parquet: of(1, 1, 1), raw: of(100)},
		{name: "second", ours: of(2), parquet: of(5), raw: of(8)},
	}, "go run ./cmd/bench")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"```\ngo run ./cmd/bench\n```\n",
		"| first | 2.000 | 4.000 | 0.50 × | 0.50 × | 50.00 × | 50.00 × |\n",
		"| second | 2.000 | 4.000 | 2.50 × | 2.50 × | 4.00 × | 4.00 × |\n",
		"| **all** | 4.000 | 8.000 | 1.50 × | 1.50 × | 27.00 × | 27.00 × |\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

func TestRun(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"help":           {[]string{"-h"}, 0, "-trailql"},
		"no folder":      {nil, 2, "-dir"},
		"queries alone":  {[]string{"-dir", sample, "-queries"}, 1, "need -trailql"},
		"no rounds":      {[]string{"-dir", sample, "-runs", "0"}, 2, "one run"},
		"stray argument": {[]string{"-dir", sample, "x"}, 2, "arguments"},
		"unknown name":   {[]string{"-dir", sample, "-only", "gzp"}, 1, `"gzp"`},
		"gzip and find":  {[]string{"-dir", sample, "-only", "gzip,find", "-runs", "2"}, 0, "round 2  find"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := run(context.Background(), c.args, &stdout, &stderr); code != c.code || !strings.Contains(stderr.String(), c.says) {
				t.Errorf("exit code %d, message %q; want %d and %q", code, stderr.String(), c.code, c.says)
			}
			if table := strings.Contains(stdout.String(), "| `gzip -dc` to nowhere |"); table != (c.code == 0 && name != "help") {
				t.Errorf("stdout: %q", stdout.String())
			}
		})
	}
}
