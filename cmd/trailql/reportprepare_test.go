package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/manifest"
	"github.com/trailql/trailql/report/pack"
)

func TestPreviousReport(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 8, d, 0, 0, 0, 0, time.UTC) }
	earlier := func(dir string, to int, packs string, accounts ...string) earlierReport {
		m := &manifest.Manifest{Period: manifest.Period{To: day(to)}, Scope: manifest.Scope{Accounts: accounts}, Files: []manifest.SealedFile{{Name: "report.json"}}}
		for _, id := range strings.Fields(packs) {
			m.Packs = append(m.Packs, manifest.Pack{ID: id})
		}
		return earlierReport{dir, m}
	}
	list := []earlierReport{
		earlier("old", 3, "a b"), earlier("before", 5, "b a"), earlier("revised", 5, "a b"), earlier("same", 6, "a b"), earlier("later", 7, "a b"),
		earlier("fewer", 5, "a"), earlier("more", 5, "a b c"), earlier("scoped", 5, "a b", "111111111111"),
	}
	table := earlier("table", 5, "a b")
	table.manifest.Files = []manifest.SealedFile{{Name: "csv/a_1.csv"}} // which cannot be compared with
	list = append(list, table)
	packs := []pack.Selection{{Pack: "a"}, {Pack: "b", Version: "2"}}
	for _, test := range []struct {
		to       int
		accounts []string
		want     string
	}{{6, nil, "revised"}, {5, nil, "old"}, {3, nil, ""}, {6, []string{"111111111111"}, "scoped"}, {6, []string{"222222222222"}, ""}} {
		if got := previousOf(list, packs, report.Scope{Accounts: test.accounts}, report.Period{To: day(test.to)}); got != test.want {
			t.Errorf("before %d, accounts %v: %q, want %q", test.to, test.accounts, got, test.want)
		}
	}
}

func TestNewReportFolder(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, "r")
	if got, err := newReportFolder(name, false); err != nil || got != name {
		t.Errorf("%s, %v", got, err)
	}
	for _, taken := range []string{"r", "r-r2"} {
		if err := os.Mkdir(filepath.Join(dir, taken), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := newReportFolder(name, false); exitCode(t.Context(), err) != exitUsage {
		t.Errorf("error %v", err)
	}
	if got, err := newReportFolder(name, true); err != nil || got != name+"-r3" {
		t.Errorf("%s, %v", got, err)
	}
}

func TestMaxFindings(t *testing.T) {
	for _, n := range []string{"0", "-1"} {
		var out, said bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &said, now: time.Now}
		code := run(t.Context(), []string{"report", "run", "soc2", "--period", "yesterday", "--max-findings", n}, a)
		if code != exitUsage || !strings.Contains(said.String(), "--max-findings "+n+": want 1 or more") {
			t.Errorf("%s: code %d, %q", n, code, said.String())
		}
	}
}
