//go:build cgo && duckdb_arrow

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// answersOn runs a command and gives its exit code and what it wrote to stdout, and
// to stderr.
func answersOn(t *testing.T, warehouse, engine string, args ...string) (code int, out, said string) {
	t.Helper()
	var stdout, stderr strings.Builder
	a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, now: func() time.Time { return time.Date(2025, 7, 1, 0, 0, 0, 0, time.UTC) }}
	code = run(context.WithoutCancel(t.Context()), append(args, "--warehouse", warehouse, "--engine", engine), a)
	return code, stdout.String(), stderr.String()
}

// TestIntegrationCommands: what asks an engine gives the same on Trino as here.
func TestIntegrationCommands(t *testing.T) {
	warehouse, cluster := onCluster(t, "commands", "../../testdata/sample")
	shell := func(commands ...string) []string {
		args := []string{"shell", "--no-init"}
		for _, c := range commands {
			args = append(args, "-c", c)
		}
		return args
	}
	for _, args := range [][]string{
		{"coverage"},
		{"query", "--format", "csv", "SELECT account, region, date_format(hour, '%Y-%m-%d %H'), events, objects, digests FROM coverage ORDER BY 1, 2, 3"},
		{"query", "--format", "csv", "--from", "2025-06-02", "--to", "2025-06-03", "SELECT sum(events), count(*) FROM coverage WHERE events > 0"},
		{"coverage", "--period", "2025-06-02/2025-06-04", "--accounts", "111111111111,999999999999", "--format", "json"},
		{"lookup", "EventName=AssumeRole"},
		{"lookup", "EventName=AssumeRole", "--output", "json", "--max-items", "7"},
		{"lookup", "ReadOnly=false", "--output", "json", "--event-category", "all"},
		{"lookup", "Username=root"},
		{"lookup", "ResourceType=AWS::S3::Bucket", "--last", "60d"},
		{"lookup", "ResourceName=payments-models", "--format", "jsonl"},
		{"lookup", "ResourceName=data-lake", "--event-category", "data", "--region", "us-east-1", "--output", "json"},
		{"lookup", "EventSource=kms.amazonaws.com", "--start-time", "2025-06-02", "--end-time", "2025-06-02T12:00:00Z"},
		{"lookup", "--event-category", "insight", "--output", "json"},
		shell(".who root"),
		shell(".who 111111111111"),
		shell(".who 10.0.0.0/8"),
		shell(".who cloudtrail.amazonaws.com"),
		shell(".who deploy", ".who -v nobody"),
		shell(".window 2025-06-02 2025-06-03", ".who 111111111111", ".coverage"),
		shell(".summary cloudtrail_logs"),
		shell(".summary source_files"),
		shell(".summary management_events"),
		shell(".coverage", ".partitions"),
		shell(".report cis-aws-foundations 2025-06"),
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			code, want, said := answersOn(t, warehouse, localEngine, args...)
			if code != exitOK && code != exitIncomplete || want == "" {
				t.Fatalf("here: exit code %d, %q: %s", code, want, said)
			}
			got, out, said := answersOn(t, warehouse, cluster, args...)
			if got != code {
				t.Errorf("on the cluster: exit code %d, want %d: %s", got, code, said)
			}
			if diff := cmp.Diff(linesOf(t, want), linesOf(t, out)); diff != "" {
				t.Errorf("%.6000s", diff)
			}
		})
	}
	for _, key := range strings.Fields(strings.ReplaceAll(keysOf(t, warehouse), ",", " ")) {
		for _, command := range []string{".who ", ".session "} {
			_, want, _ := answersOn(t, warehouse, localEngine, shell(command+key)...)
			code, out, said := answersOn(t, warehouse, cluster, shell(command+key)...)
			if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(out, "\n")); diff != "" || code != exitOK || want == "" {
				t.Errorf("%s%s: exit code %d: %s%.3000s", command, key, code, said, diff)
			}
		}
	}
}

// keysOf are some access keys: those that made others, and were made.
func keysOf(t *testing.T, warehouse string) string {
	t.Helper()
	code, out, said := answersOn(t, warehouse, localEngine, "query", "--quiet", "--no-header", "--format", "csv",
		`SELECT max(useridentity.accesskeyid), max(json_extract_scalar(responseelements, '$.credentials.accessKeyId')) FROM cloudtrail_logs WHERE eventname = 'AssumeRole' AND useridentity.accesskeyid IS NOT NULL`)
	if code != exitOK || !strings.Contains(out, "ASIA") {
		t.Fatalf("exit code %d, %s: %s", code, out, said)
	}
	return out
}

// TestClusterCommands: what a cluster cannot do says so, and what to do.
func TestClusterCommands(t *testing.T) {
	const cluster = "trino://a@127.0.0.1:1/iceberg/default"
	for _, test := range []struct {
		args string
		want string
	}{
		{"report run soc2 --period 2025-06 --engine duckdb", `--engine "duckdb": want local or trino://`},
		{"coverage --engine nowhere", `--engine "nowhere": want local or trino://`},
		{"lookup EventId=x --engine nowhere", `--engine "nowhere": want local or trino://`},
		{"query --dialect duckdb --engine " + cluster + " SELECT", "--dialect duckdb: that is DuckDB's own SQL"},
		{"export -o - --engine nowhere", `--engine "nowhere": want local or trino://`},
		{"status --engine nowhere", `--engine "nowhere": want local or trino://`},
		{"report run --due --engine " + cluster, "--due runs schedules, which are of a warehouse"},
	} {
		var said strings.Builder
		a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: &said, now: time.Now}
		args := append(strings.Fields(test.args), "--warehouse", filepath.Join(t.TempDir(), "none"))
		if code := run(context.WithoutCancel(t.Context()), args, a); code != exitUsage || !strings.Contains(said.String(), test.want) {
			t.Errorf("%s: exit code %d: %s", test.args, code, said.String())
		}
	}
}

// linesOf are the lines of an answer. The texts of records in it are written anew: a
// cluster has their members in another order.
func linesOf(t *testing.T, text string) []string {
	t.Helper()
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		name, value, ok := strings.Cut(line, `"CloudTrailEvent": `)
		if !ok {
			continue
		}
		var record string
		var members any
		if err := errors.Join(json.Unmarshal([]byte(value), &record), json.Unmarshal([]byte(record), &members)); err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		sorted, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		lines[i] = name + string(sorted)
	}
	return lines
}

// TestIntegrationExport: the records come back from a cluster as from the warehouse,
// to the letter, and so do files of rows.
func TestIntegrationExport(t *testing.T) {
	warehouse, cluster := onCluster(t, "exported", "../../testdata/sample")
	for _, args := range [][]string{
		{"export", "-o", "-"},
		{"export", "-o", "-", "--regions", "us-east-1,eu-west-1", "--from", "2025-06-02", "--to", "2025-06-03T12:00:00Z"},
	} {
		var records [2][]string
		for i, engine := range []string{localEngine, cluster} {
			code, out, said := answersOn(t, warehouse, engine, args...)
			if code != exitOK || len(out) < 100_000 {
				t.Fatalf("%s: exit code %d, %d bytes: %s", engine, code, len(out), said)
			}
			records[i] = slices.Sorted(strings.Lines(out))
		}
		if diff := cmp.Diff(records[0], records[1]); diff != "" {
			t.Errorf("%v: %.5000s", args, diff)
		}
	}
	dir := t.TempDir()
	if code, _, said := answersOn(t, warehouse, cluster, "export", "-o", filepath.Join(dir, "tree")); code != exitOK || !strings.Contains(said, "wrote 1,197 records in 9 files") {
		t.Errorf("exit code %d: %s", code, said)
	}
	for _, name := range []string{"rows.csv", "rows.jsonl", "rows.json.gz", "rows.csv.zst"} {
		var files [2][]byte
		for i, engine := range []string{localEngine, cluster} {
			file := filepath.Join(dir, fmt.Sprint(i)+name)
			code, _, said := answersOn(t, warehouse, engine, "query", "-o", file, "SELECT eventtime, eventname, useridentity.arn, requestparameters, sourceindex, eventtimestamp FROM cloudtrail_logs ORDER BY eventid")
			if code != exitOK {
				t.Fatalf("%s: exit code %d: %s", name, code, said)
			}
			var err error
			if files[i], err = os.ReadFile(file); err != nil {
				t.Fatal(err)
			}
		}
		if len(files[0]) < 10_000 || !bytes.Equal(files[0], files[1]) {
			t.Errorf("%s: %d bytes from here, %d from the cluster", name, len(files[0]), len(files[1]))
		}
	}
	for _, name := range []string{"rows.parquet", "rows.xlsx", "rows.arrow"} {
		file := filepath.Join(dir, name)
		if code, _, said := answersOn(t, warehouse, cluster, "query", "-o", file, "SELECT * FROM cloudtrail_logs"); code != exitOK {
			t.Errorf("%s: exit code %d: %s", name, code, said)
		} else if info, err := os.Stat(file); err != nil || info.Size() < 50_000 {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
}

// TestIntegrationStatus: a cluster's tables have what the warehouse's have.
func TestIntegrationStatus(t *testing.T) {
	warehouse, cluster := onCluster(t, "asked", "../../testdata/sample")
	var said [2]status
	for i, engine := range []string{localEngine, cluster} {
		code, out, text := answersOn(t, warehouse, engine, "status", "--format", "json")
		if code != exitOK {
			t.Fatalf("%s: exit code %d: %s", engine, code, text)
		}
		if err := json.Unmarshal([]byte(out), &said[i]); err != nil {
			t.Fatal(err)
		}
	}
	if e := said[1].Engine; e == nil || e.Name != cluster || e.Version == "" || e.Nodes != 1 {
		t.Errorf("engine %+v", e)
	}
	said[1].Engine, said[1].Warehouse, said[1].Version = nil, said[0].Warehouse, said[0].Version
	if a, b := said[0].Changed.Truncate(time.Second), said[1].Changed.Truncate(time.Second); b.After(a) { // that of a table without rows is no snapshot
		t.Errorf("changed %s, and %s", a, b)
	}
	said[1].Changed = said[0].Changed
	if diff := cmp.Diff(said[0], said[1], cmpopts.IgnoreUnexported(status{})); diff != "" {
		t.Error(diff)
	}
	code, _, text := answersOn(t, warehouse, cluster+"nowhere", "status")
	if code != exitUsage || !strings.Contains(text, "has no Iceberg table cloudtrail_logs") {
		t.Errorf("a schema without tables: exit code %d: %s", code, text)
	}
}
