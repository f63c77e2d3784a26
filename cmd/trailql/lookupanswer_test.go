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

// TestLookupAnswersAsAWS: of events that AWS's LookupEvents has answered, the
// answer of lookup is the same, but for the resources, which the records lack.
func TestLookupAnswersAsAWS(t *testing.T) {
	const answered = "../../../shared/data/records/plaso/aws_cloudtrail.jsonl"
	lines, err := os.ReadFile(answered)
	if err != nil {
		t.Skip("no answers of AWS:", err)
	}
	warehouse := filepath.Join(t.TempDir(), "warehouse")
	command := func(args ...string) []byte {
		var out, problems bytes.Buffer
		a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &problems, now: time.Now}
		if code := run(t.Context(), append(args, "--warehouse", warehouse), a); code != exitOK {
			t.Fatalf("%q: exit code %d: %s", args, code, problems.String())
		}
		return out.Bytes()
	}
	command("convert", answered)
	var answer struct{ Events []answeredEvent }
	if err := json.Unmarshal(command("lookup", "--output", "json", "--max-items", "100"), &answer); err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range bytes.Lines(lines) {
		var want answeredEvent
		if err := json.Unmarshal(line, &want); err != nil {
			t.Fatal(err)
		}
		if n >= len(answer.Events) {
			t.Fatalf("only %d events", n)
		}
		got := answer.Events[n]
		n++
		if canonicalJSON(t, []byte(got.Record)) != canonicalJSON(t, []byte(want.Record)) {
			t.Errorf("event %s: record %s\nwant %s", got.EventID, got.Record, want.Record)
		}
		wantTime, err := time.Parse("2006-01-02 15:04:05-07:00", want.EventTime)
		if err != nil {
			t.Fatal(err)
		}
		if gotTime, err := time.Parse(time.RFC3339, got.EventTime); err != nil || !gotTime.Equal(wantTime) {
			t.Errorf("event %s: time %s, want %s", got.EventID, got.EventTime, want.EventTime)
		}
		got.EventTime, got.Record, got.Resources = "", "", nil
		want.EventTime, want.Record, want.Resources = "", "", nil
		g, _ := json.Marshal(got)
		w, _ := json.Marshal(want)
		if string(g) != string(w) {
			t.Errorf("event %s, want %s", g, w)
		}
	}
	if n != len(answer.Events) {
		t.Errorf("%d events, want %d", len(answer.Events), n)
	}
}
