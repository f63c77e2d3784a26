//go:build cgo && duckdb_arrow

package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/manifest"
	"github.com/trailql/trailql/report/render"
)

// TestReportsOverTheCorpus runs all packs over real records: no rule fails, what is
// written is what was found, and it verifies.
func TestReportsOverTheCorpus(t *testing.T) {
	for _, test := range []struct {
		source, formats string
		alarms          []string // controls that have to be in alarm
	}{
		{"archive", "json", []string{"cis-aws-foundations/5.1"}},
		{"records/stratus-red-team", "all", []string{"security-baseline/critical", "security-baseline/high", "security-baseline/medium", "cis-aws-foundations/5.5"}},
		{"records/panther-analysis/events.jsonl", "json", nil},
		{"records/trailscraper", "all", nil},
	} {
		t.Run(test.source, func(t *testing.T) {
			source, err := filepath.EvalSymlinks(filepath.Join("../../../shared/data", test.source))
			if err != nil {
				t.Skipf("the corpus of real records is not here: %v", err)
			}
			dir := t.TempDir()
			a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, now: time.Now, warehouse: filepath.Join(dir, "warehouse")}
			if code := run(t.Context(), []string{"convert", "--warehouse", a.warehouse, source}, a); code != exitOK && code != exitIncomplete {
				t.Fatalf("convert: exit code %d", code)
			}
			done, err := a.runReport(t.Context(), reportRequest{
				packs:  []string{"cis-aws-foundations", "hipaa", "nist-800-53", "pci-dss-4", "security-baseline", "soc2", "incident-triage"},
				period: "2000-01-01/now", formats: test.formats, output: filepath.Join(dir, "report"), params: []string{"subject_keys=ASIA*", "regulated=*"},
			})
			if o, ok := errors.AsType[outcomeError](err); err != nil && (!ok || o.code != exitIncomplete) {
				t.Fatal(err)
			}
			if list := done.report.Errors(); len(list) > 0 {
				t.Errorf("errors in %v", list)
			}
			open := done.report.Alarms(0)
			for _, want := range test.alarms {
				if !slices.Contains(open, want) && stateOf(done.report, want) != report.NotAssessed {
					t.Errorf("%s is %s; in alarm are %v", want, stateOf(done.report, want), open)
				}
			}
			read, err := render.Read(done.dir)
			if err != nil {
				t.Fatal(err)
			}
			for i, p := range done.report.Packs {
				for j, c := range p.Controls {
					if got := read.Packs[i].Controls[j]; got.State != c.State || got.Count != c.Count || len(got.Findings) != len(c.Findings) || int64(len(c.Findings))+c.Unlisted != c.Count {
						t.Errorf("%s/%s: %s with %d findings, read back as %s with %d", p.ID, c.ID, c.State, c.Count, got.State, got.Count)
					}
				}
			}
			result, err := manifest.Verify(t.Context(), done.dir, manifest.Options{Object: func(name string) (io.ReadCloser, error) { return os.Open(name) }})
			if err != nil || len(result.Changes) > 0 || result.Objects == 0 {
				t.Errorf("verification: %+v, %v", result, err)
			}
		})
	}
}

func stateOf(r *report.Report, control string) report.State {
	for _, p := range r.Packs {
		for _, c := range p.Controls {
			if p.ID+"/"+c.ID == control {
				return c.State
			}
		}
	}
	return ""
}
