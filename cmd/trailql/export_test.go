//go:build cgo && duckdb_arrow && (linux || darwin)

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
	"github.com/google/go-cmp/cmp"
)

// TestExportHostile: fields of records do not control the terminal, and a pipe
// gets them as they are.
func TestExportHostile(t *testing.T) {
	p := newShellPlace(t)
	hostile := "\u009b31m\u202eevil\u200b\x7f\U000e0041"
	archive, warehouse := filepath.Join(p.home, "hostile.json"), filepath.Join(p.home, "hostile")
	record := `{"eventVersion":"1.08","eventTime":"2026-03-04T12:01:00Z","eventSource":"s3.amazonaws.com","eventName":"A","awsRegion":"us-east-1",` +
		`"userAgent":"` + hostile + `","odd` + hostile + `":"last","eventID":"00000000-0000-4000-8000-000000000001"}`
	if err := os.WriteFile(archive, []byte(`{"Records":[`+record+`]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	convert := exec.Command(p.program, "convert", "-q", "--warehouse", warehouse, archive)
	convert.Env = p.environment
	if out, err := convert.CombinedOutput(); err != nil {
		t.Fatalf("convert: %v\n%s", err, out)
	}
	export := []string{"export", "-o", "-", "--warehouse", warehouse}

	toPipe := exec.Command(p.program, export...)
	toPipe.Env = p.environment
	piped, err := toPipe.Output()
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(piped), hostile); n != 2 {
		t.Errorf("the pipe got the text %d times, want 2: %q", n, piped)
	}

	x := p.startSized(t, &pty.Winsize{Rows: 24, Cols: 2000}, p.program, export...)
	x.wait(`\u009b31m\u202eevil\u200b\u007f\udb40\udc41`, "\"}")
	x.end(0)
	for _, bad := range hostile {
		if bad > 0x7e && strings.ContainsRune(x.written(), bad) {
			t.Errorf("%U was written to the terminal", bad)
		}
	}
	var got, want any
	if err := json.Unmarshal([]byte(x.written()), &got); err != nil {
		t.Fatalf("%q: %v", x.written(), err)
	}
	if err := json.Unmarshal(piped, &want); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the terminal got another record: %s", diff)
	}
}
