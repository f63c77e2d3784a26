//go:build cgo && duckdb_arrow

package main

import (
	"encoding/json"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/engine/trino/trinotest"
	"github.com/trailql/trailql/report"
)

// onCluster converts an archive and registers its tables for Trino. It gives the
// warehouse and the address of the engine that reads it there.
func onCluster(t *testing.T, namespace string, sources ...string) (warehouse, engine string) {
	t.Helper()
	to, _ := sharedAddress(t, namespace)
	warehouse = filepath.Join(t.TempDir(), "warehouse")
	if code, said := say(t, append([]string{"convert", "--catalog", to, "--warehouse", warehouse}, sources...)...); code != exitOK && code != exitIncomplete {
		t.Fatalf("convert: exit code %d: %s", code, said)
	}
	return warehouse, strings.TrimSuffix(trinotest.Address(t), "/default") + "/" + namespace
}

// TestIntegrationReports: every rule of every pack finds the same on Trino as here,
// over the sample and over real records.
func TestIntegrationReports(t *testing.T) {
	packs := []string{"cis-aws-foundations", "hipaa", "nist-800-53", "pci-dss-4", "security-baseline", "soc2", "incident-triage"}
	params := []string{
		"subject_keys=ASIA*", "regulated=*", "leavers=*alice*", "log_readers=*reader*", "log_admins=*admin*", "service_accounts=*ci*",
	}
	for _, test := range []struct {
		namespace string
		sources   []string
		periods   []string
	}{
		{"reports", []string{"../../testdata/sample"}, []string{"2025-06-01/2025-07-01", "2025-06-02T12:00:00Z/2025-06-03T12:00:00Z"}},
		{"reportsofcorpus", corpusSources, []string{"2000-01-01/2026-01-01", "2022-01-01/2024-01-01"}},
	} {
		t.Run(test.namespace, func(t *testing.T) {
			trinotest.Address(t)
			var sources []string
			for _, s := range test.sources {
				source, err := filepath.EvalSymlinks(s)
				if err != nil {
					t.Skipf("the corpus of real records is not here: %v", err)
				}
				sources = append(sources, source)
			}
			warehouse, cluster := onCluster(t, test.namespace, sources...)
			a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, now: time.Now, warehouse: warehouse}
			for _, period := range test.periods {
				var reports []*report.Report
				for _, engine := range []string{localEngine, cluster} {
					done, err := a.runReport(t.Context(), reportRequest{packs: packs, params: params, period: period, zone: "Europe/Berlin", formats: "json", engine: engine, sample: 5, seed: 7})
					if done.report == nil {
						t.Fatalf("%s: %v", engine, err)
					}
					if list := done.report.Errors(); len(list) > 0 {
						t.Errorf("%s: errors in %v", engine, list)
					}
					reports = append(reports, done.report)
				}
				if open := reports[1].Alarms(0); len(open) < 10 {
					t.Errorf("%s: only %v are in alarm", period, open)
				}
				if a, b := reports[0].Snapshot, reports[1].Snapshot; a.ID != b.ID || a.ID == 0 || a.Records != b.Records || b.Version != 0 || b.Committed.IsZero() {
					t.Errorf("snapshots %+v and %+v", a, b)
				}
				if diff := cmp.Diff(foundBy(t, reports[0]), foundBy(t, reports[1])); diff != "" {
					t.Errorf("%s: %.20000s", period, diff)
				}
			}
		})
	}
}

var corpusSources = []string{
	"../../../shared/data/archive", "../../../shared/data/records/stratus-red-team", "../../../shared/data/records/panther-analysis/events.jsonl", "../../../shared/data/records/trailscraper",
}

// foundBy is what a report says of the archive, as lines, but for rules about the
// ledger of runs, which only a warehouse has.
func foundBy(t *testing.T, r *report.Report) []string {
	t.Helper()
	text, err := json.MarshalIndent([]any{r.Packs, r.Coverage}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(slices.Collect(strings.Lines(string(text))), func(line string) bool { return strings.Contains(line, "ledger") })
}
