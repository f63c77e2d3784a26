package history

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

func open(t *testing.T, file string) *History {
	t.Helper()
	h, err := Open(file)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func add(t *testing.T, h *History, sql string) {
	t.Helper()
	if err := h.Add(Entry{Time: time.Date(2026, 10, 31, 14, 0, 0, 0, time.UTC), SQL: sql, Rows: 1, OK: true}); err != nil {
		t.Fatal(err)
	}
}

func statements(h *History) string {
	var all []string
	for _, e := range h.Entries() {
		all = append(all, e.SQL)
	}
	return strings.Join(all, "|")
}

func TestAcrossSessions(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state", "history.jsonl")
	h := open(t, file)
	add(t, h, "select 1\nfrom x;")
	add(t, h, "select 2;")
	add(t, h, "select 2;")
	add(t, h, "select '<>&\x1b';")
	want := "select 1\nfrom x;|select 2;|select '<>&\x1b';"
	if got := statements(h); got != want {
		t.Errorf("in memory: %q, want %q", got, want)
	}
	again := open(t, file)
	if got := statements(again); got != want {
		t.Errorf("from the file: %q, want %q", got, want)
	}
	add(t, again, "select '<>&\x1b';") // the last of the session before
	if got := statements(open(t, file)); got != want {
		t.Errorf("a neighbour of another session: %q, want %q", got, want)
	}
	for path, want := range map[string]os.FileMode{file: 0o600, file + ".lock": 0o600, filepath.Dir(file): 0o700 | os.ModeDir} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
	}
}

func TestWiderModeIsNarrowed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "history.jsonl")
	if err := os.WriteFile(file, []byte(`{"sql":"select 1;"}`+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	add(t, open(t, file), "select 2;")
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestDamagedFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "history.jsonl")
	text := `{"t":"2026-10-31T14:00:00Z","sql":"select 1;","ms":1,"rows":1,"ok":true}
no JSON
{"other":1}

{"t":"2026-10-31T14:00:00Z","sql":"select 2;"}
{"t":"2026-10-31T14:00:00Z","sql":"sel`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	h := open(t, file)
	if got := statements(h); got != "select 1;|select 2;" {
		t.Errorf("entries %q", got)
	}
	if h.Skipped() != 3 {
		t.Errorf("skipped %d lines, want 3", h.Skipped())
	}
	add(t, h, "select 3;") // not into the line that was cut off
	if got := statements(open(t, file)); got != "select 1;|select 2;|select 3;" {
		t.Errorf("after a cut line: %q", got)
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(kept), "no JSON\n") {
		t.Error("the lines that are not ours are gone")
	}
}

func TestCompaction(t *testing.T) {
	file := filepath.Join(t.TempDir(), "history.jsonl")
	var text strings.Builder
	for i := range compactAt + 1 {
		fmt.Fprintf(&text, `{"t":"2026-10-31T14:00:00Z","sql":"select %d;"}`+"\n", i)
	}
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	h := open(t, file)
	entries := h.Entries()
	if len(entries) != Limit || entries[Limit-1].SQL != fmt.Sprintf("select %d;", compactAt) {
		t.Errorf("%d entries, the last is %+v", len(entries), entries[len(entries)-1])
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(string(kept), "\n"); lines != Limit {
		t.Errorf("%d lines are left, want %d", lines, Limit)
	}
	left, err := os.ReadDir(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	if len(left) != 2 { // the file and its lock
		t.Errorf("files left: %v", left)
	}
}

func TestClear(t *testing.T) {
	file := filepath.Join(t.TempDir(), "history.jsonl")
	h := open(t, file)
	add(t, h, "select 'secret';")
	if err := h.Clear(); err != nil {
		t.Fatal(err)
	}
	if got := statements(h) + statements(open(t, file)); got != "" {
		t.Errorf("left: %q", got)
	}
	if err := h.Clear(); err != nil {
		t.Errorf("again: %v", err)
	}
	add(t, h, "select 1;")
	if got := statements(open(t, file)); got != "select 1;" {
		t.Errorf("after: %q", got)
	}
}

func TestMemoryOnly(t *testing.T) {
	h := open(t, "")
	add(t, h, "select 1;")
	if got := statements(h); got != "select 1;" {
		t.Errorf("%q", got)
	}
	if err := h.Clear(); err != nil {
		t.Fatal(err)
	}
}

func TestUnreadable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "history.jsonl")
	if err := os.Mkdir(file, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(file); err == nil {
		t.Error("a folder was opened")
	}
	h := &History{file: filepath.Join(file, "x", "\x00")}
	if err := h.Add(Entry{SQL: "select 1;"}); err == nil {
		t.Error("no error")
	}
	if got := statements(h); got != "select 1;" {
		t.Errorf("in memory: %q", got)
	}
}

const writerEnv = "TRAILQL_TEST_HISTORY"

// TestTwoProcesses lets several processes and goroutines write at once.
func TestTwoProcesses(t *testing.T) {
	const processes, goroutines, each = 3, 2, 40
	if file := os.Getenv(writerEnv); file != "" {
		var wait sync.WaitGroup
		for g := range goroutines {
			wait.Go(func() {
				h, err := Open(file)
				if err != nil {
					t.Error(err)
					return
				}
				for i := range each {
					add(t, h, fmt.Sprintf("select %d, %d, %d, '%s';", os.Getpid(), g, i, strings.Repeat("x", 5000)))
				}
			})
		}
		wait.Wait()
		return
	}
	file := filepath.Join(t.TempDir(), "history.jsonl")
	var wait sync.WaitGroup
	for range processes {
		wait.Go(func() {
			cmd := exec.Command(os.Args[0], "-test.run", "^TestTwoProcesses$")
			cmd.Env = append(os.Environ(), writerEnv+"="+file)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	wait.Wait()
	h := open(t, file)
	if n := len(h.Entries()); n != processes*goroutines*each || h.Skipped() != 0 {
		t.Errorf("%d entries, %d lines skipped; want %d and none", n, h.Skipped(), processes*goroutines*each)
	}
}

// TestTwoAtOnce: one shell sees what the other adds and forgets.
func TestTwoAtOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "history.jsonl")
	a, b := open(t, file), open(t, file)
	add(t, a, "select 1;")
	add(t, b, "select 2;")
	add(t, a, "select 3;")
	for name, h := range map[string]*History{"first": a, "second": b} {
		if got := statements(h); got != "select 1;|select 2;|select 3;" {
			t.Errorf("the %s has %q", name, got)
		}
	}
	if err := a.Clear(); err != nil {
		t.Fatal(err)
	}
	if got := statements(b); got != "" {
		t.Errorf("the second still has %q", got)
	}
	add(t, b, "select 4;")
	for name, h := range map[string]*History{"first": a, "second": b, "third": open(t, file)} {
		if got := statements(h); got != "select 4;" {
			t.Errorf("the %s has %q", name, got)
		}
	}
}
