package main

import (
	"bytes"
	"context"
	"flag"
	"math"
	"strings"
	"testing"

	"github.com/trailql/trailql/docs/docstest"
)

var update = flag.Bool("update", false, "rewrite the generated part of docs/scale.md")

// TestPlansAreDocumented keeps docs/scale.md what -plan prints.
func TestPlansAreDocumented(t *testing.T) {
	var want, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-plan", "1TB,10TB,100TB"}, &want, &stderr); code != 0 {
		t.Fatalf("exit code %d: %s", code, &stderr)
	}
	docstest.Check(t, "../../docs/scale.md", "plans", want.String(), *update)
}

// TestPlanArithmetic works one plan out by hand.
func TestPlanArithmetic(t *testing.T) {
	m := measuredCosts{
		jsonPerRecord: 1000, gzipPerRecord: 100, parquetPerRecord: 50, convertCPU: 10, joinCPU: 8, written: 3,
		commitRequests: 30, commitWrites: 10, commitBytes: 1000, snapshotBytes: 500, metadataPerFile: 200, planHeap: 400, ledgerPerObject: 16,
		rowMemory: 1000, trinoCPU: 1, batchRecords: 1e6, followEvery: 300, retention: 1, queueBatch: 10,
	}
	a := assumptions{
		recordsPerObject: 100, dataEvents: 0.5, regions: 10, retentionDays: 100, peak: 2, busy: 0.5, converterMemory: 3e9, converterVCPU: 4, filled: 0.5,
		warehouseDays: 10, warehouseCommits: 100, warehouseFiles: 1e6, warehouseLedger: 1e9,
		queriesPerDay: 10, queryDays: 2, columns: 0.1, answerSeconds: 100, trinoWorkerVCPU: 10, trinoHours: 10,
	}
	price := prices{
		converterHour: 1, trinoHour: 2, storageTiers: []tier{{100, 1}, {math.Inf(1), 0.5}}, put: 1e-3, get: 1e-4, sqs: 1e-5,
		athena: 5, lakeIngest: 1, lakeScan: 0.01, trailDataEvents: 1e-6,
	}
	p := m.plan(10e12, a, price) // 10^10 records
	month := func(name string) float64 { return p.month[name] }
	commits := 1e10 / 1e6 // a day
	for name, c := range map[string]struct{ got, want float64 }{
		"records":     {p.records, 1e10},
		"gzip":        {p.gzip, 1e12},
		"objects":     {p.objects, 1e8},
		"vCPU hours":  {p.convertVCPUHours, 1e4 * 18 / 3600},
		"converters":  {p.converters, 16}, // 3 by their work, one for each group
		"commits/h":   {p.commitsPerHour, commits / 24},
		"file":        {p.fileBytes, 0.5e6 * 50},
		"files":       {p.files, 1e10 / 0.5e6},
		"kept":        {p.filesKept, 2e6},
		"groups":      {p.groups, 16}, // 10^8 objects in 10 days, 16 bytes each, 10^9 of them: 16
		"ledger":      {p.ledger, 1e9},
		"requests/s":  {p.requestsPerSecond, commits / 16 / 86400 * 30},
		"metadata":    {p.metadataFile, commits / 16 * 500},
		"written":     {p.metadataWritten, commits * (1000 + 4*commits/16*500)},
		"manifests":   {p.metadataLive, 2e6 * 200},
		"plan":        {p.planAllHeap, 2e4 * 10 / 16.0 * 400},
		"one query":   {p.queryBytes, 1e11},
		"workers":     {p.trinoWorkers, 20}, // 2×10^10 rows, 10^-6 s each, in 100 s, 10 in each
		"$ parquet":   {month("parquet"), 100 + 0.5*(50e3+1500+0.4-100)},
		"$ raw":       {month("raw"), 100 + 0.5*(100e3-100)},
		"$ trail":     {month("trail"), daysPerMonth * 0.5e10 * 1e-6},
		"$ trino":     {month("trino"), daysPerMonth * 21 * 2 * 10},
		"$ athena":    {month("athena"), daysPerMonth * 10 * 0.1 * 5},
		"$ athenaraw": {month("athenaraw"), daysPerMonth * 10 * 2 * 5},
		"$ lake":      {month("lake"), daysPerMonth * 1e4},
		"$ lakescan":  {month("lakescan"), daysPerMonth * 10 * 100 * 0.01},
		"$ requests": {month("requests"), daysPerMonth * ((commits*10+commits*10+2e4*3)*1e-3 +
			(1e8+commits*20+10*2e4*2*3)*1e-4 + 1e8*1.2*1e-5)},
	} {
		if math.Abs(c.got-c.want) > 1e-9*math.Abs(c.want) {
			t.Errorf("%s: %v, want %v", name, c.got, c.want)
		}
	}
}

func TestAmounts(t *testing.T) {
	for text, want := range map[string]float64{"1TB": 1e12, " 2.5GB": 2.5e9, "3kB": 3e3, "4B": 4, "1PB": 1e15} {
		if got, err := parseAmount(text); err != nil || math.Abs(got-want) > 1e-6*want {
			t.Errorf("%q: %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "1", "TB", "1 TB", "1EB", "-1TB", "1TBB", "0TB", "NaNTB", "InfTB"} {
		if got, err := parseAmount(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	for n, want := range map[float64]string{0: "0 B", 999: "999 B", 1000: "1 kB", 84.26e9: "84.3 GB", 1.135e12: "1.14 TB", 8.4e6: "8.40 MB", 999.9e6: "1 GB", 5e17: "500 PB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%v bytes: %q, want %q", n, got, want)
		}
	}
	for n, want := range map[float64]string{0: "0", 7: "7", 0.25: "0.25", 73.4: "73.4", 999.6: "1,000", 12345678: "12,300,000", 999999: "1,000,000"} {
		if got := inThousands(n); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
	var stdout, stderr bytes.Buffer
	if code := run(context.Background(), []string{"-plan", "1TB,x"}, &stdout, &stderr); code != 2 || !strings.Contains(stderr.String(), `"x"`) {
		t.Errorf("exit code %d, %s", code, &stderr)
	}
}
