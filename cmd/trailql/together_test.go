package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/trailql/trailql/engine/trino/trinotest"
)

// manyObjects is an archive that several converters find shares in.
func manyObjects(t *testing.T) (archive string, records int) {
	t.Helper()
	archive = t.TempDir()
	for day := 1; day <= 28; day++ {
		for n := range 100 {
			at := time.Date(2025, 2, day, n/5, n%5*10, 0, 0, time.UTC)
			var one []string
			for range 3 {
				records++
				one = append(one, fmt.Sprintf(`{"eventVersion":"1.11","eventTime":%q,"eventSource":"s3.amazonaws.com","eventName":"GetObject","awsRegion":"eu-west-1","eventID":"00000000-0000-4000-8000-%012d","eventType":"AwsApiCall","recipientAccountId":"111122223333"}`,
					at.Format(time.RFC3339), records))
			}
			var packed bytes.Buffer
			z := gzip.NewWriter(&packed)
			fmt.Fprintf(z, `{"Records":[%s]}`, strings.Join(one, ","))
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			name := filepath.Join(archive, "AWSLogs/111122223333/CloudTrail/eu-west-1", at.Format("2006/01/02"),
				fmt.Sprintf("111122223333_CloudTrail_eu-west-1_%s_%016d.json.gz", at.Format("20060102T1504Z"), n))
			if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(name, packed.Bytes(), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	return archive, records
}

// hasShare reports whether a process has a share of the work.
func hasShare(t *testing.T, warehouse string, process int) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(warehouse, "catalog/shares/*/*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		var owner struct{ Process int }
		if data, err := os.ReadFile(name); err == nil && json.Unmarshal(data, &owner) == nil && owner.Process == process {
			return true
		}
	}
	return false
}

// TestIntegrationTogether: four converters on one shared catalog, of which one is
// killed and one is paused for longer than its lease.
func TestIntegrationTogether(t *testing.T) {
	for name, place := range sharedCatalogs {
		t.Run(name, func(t *testing.T) {
			to, schema := place(t, "together")
			testTogether(t, to, schema)
		})
	}
}

func testTogether(t *testing.T, to, schema string) {
	archive, records := manyObjects(t)
	warehouse := filepath.Join(t.TempDir(), "warehouse")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "trailql") // testscript.Main knows it by its name
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(to, "rest") { // Apache's test server answers 500 to two that register a table at once
		if code, said := say(t, "convert", "--catalog", to, "--warehouse", warehouse, t.TempDir()); code != 0 {
			t.Fatalf("exit code %d: %s", code, said)
		}
	}
	var said [4]bytes.Buffer
	var converters [4]*exec.Cmd
	for i := range converters {
		c := exec.Command(program, "convert", "--together", "--catalog", to, "--warehouse", warehouse, archive)
		c.Stderr = &said[i]
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Process.Kill() })
		converters[i] = c
	}
	stopped := [2]bool{}
	for i, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGSTOP} {
		process := converters[i].Process.Pid
		for end := time.Now().Add(time.Minute); !stopped[i] && time.Now().Before(end); time.Sleep(time.Millisecond) {
			stopped[i] = hasShare(t, warehouse, process)
		}
		if err := converters[i].Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
	}
	for _, i := range []int{2, 3, 0, 1} { // the others take over meanwhile
		if i == 1 {
			if err := converters[i].Process.Signal(syscall.SIGCONT); err != nil {
				t.Fatal(err)
			}
		}
		if err := converters[i].Wait(); (err != nil) != (i == 0) {
			t.Fatalf("converter %d: %v\n%s", i, err, said[i].String())
		}
		t.Logf("converter %d:\n%s", i, said[i].String())
		if strings.Contains(said[i].String(), "there is no file") {
			t.Errorf("converter %d misses what it has left to others", i)
		}
	}
	if !stopped[0] || !stopped[1] {
		t.Errorf("no work was in hand when one was killed, when one was paused: %v", stopped)
	}
	if code, said := say(t, "catalog", "copy", "--to", to, "--warehouse", warehouse); code != 0 || !strings.Contains(said, "all tables are registered as they are") {
		t.Errorf("exit code %d: %s", code, said)
	}
	row := trinotest.Run(t, "SELECT count(*), count(DISTINCT eventid) FROM "+schema+".cloudtrail_logs")[0]
	if got, want := fmt.Sprintf("%v %v", row...), fmt.Sprintf("%d %d", records, records); got != want {
		t.Errorf("%s records and ids, want %s", got, want)
	}
	if code, said := say(t, "verify", "--table", "--deep", "--warehouse", warehouse); code != 0 {
		t.Errorf("verify: exit code %d: %s", code, said)
	}
}
