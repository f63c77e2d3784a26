//go:build cgo && duckdb_arrow

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRecordsComeBack: a record that the query engine puts together, as .event
// and CloudTrail Lake's eventJson show it, is the one that export writes.
func TestRecordsComeBack(t *testing.T) {
	const corpus = "../../../shared/data"
	if _, err := os.Stat(corpus); err != nil {
		t.Skip("no corpus of real records:", err)
	}
	warehouse := filepath.Join(t.TempDir(), "warehouse")
	command := func(args ...string) []byte {
		var out, problems bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &problems, now: time.Now}
		code := run(t.Context(), append(args, "--warehouse", warehouse), a)
		if code != exitOK && code != exitIncomplete {
			t.Fatalf("%q: exit code %d: %s", args, code, problems.String())
		}
		return out.Bytes()
	}
	command("convert", corpus)
	exported, queried := map[string]int{}, map[string]int{}
	for line := range bytes.Lines(command("export", "-o", "-")) {
		exported[canonicalJSON(t, line)]++
	}
	for line := range bytes.Lines(command("query", "--dialect", "lake", "-F", "jsonl", "SELECT eventJson AS record FROM store")) {
		var row struct{ Record string }
		if err := json.Unmarshal(line, &row); err != nil {
			t.Fatal(err)
		}
		queried[canonicalJSON(t, []byte(row.Record))]++
	}
	if len(exported) < 6000 {
		t.Errorf("only %d different records", len(exported))
	}
	for record, n := range exported {
		if queried[record] != n {
			t.Errorf("%d times in the query, %d in the export: %.300s", queried[record], n, record)
		}
	}
	if len(queried) != len(exported) {
		t.Errorf("%d different records in the query, %d in the export", len(queried), len(exported))
	}
}

// canonicalJSON sorts the members of objects, and keeps numbers as written.
func canonicalJSON(t *testing.T, document []byte) string {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(document))
	d.UseNumber()
	var value any
	if err := d.Decode(&value); err != nil {
		t.Fatalf("%v in %.200s", err, document)
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
