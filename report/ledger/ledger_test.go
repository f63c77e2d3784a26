package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/report"
)

var start = time.Date(2026, 11, 21, 6, 0, 0, 123e6, time.UTC)

func exampleRun(id string, started time.Time) Run {
	return NewRun(&report.Report{
		Run:      report.Header{ID: id, Started: started, Ended: started.Add(1500 * time.Millisecond), Operator: "me@host", ProgramVersion: "1.0", Schedule: "daily", PreviousReport: "prev"},
		Period:   report.Period{Name: "yesterday", From: start.AddDate(0, 0, -1), To: start, Zone: "UTC"},
		Snapshot: report.Snapshot{ID: 7, Records: 1234},
		Coverage: report.Coverage{Complete: true},
		Packs: []report.Pack{
			{ID: "pci-dss-4", Version: "4.0.1", Hash: "h1", Controls: []report.Control{{State: report.Pass}, {State: report.Fail, Count: 3}, {State: report.Fail, Count: 2}}},
			{ID: "soc2", Hash: "h2", Controls: []report.Control{{State: report.NotAssessed}}},
		},
	}, "/srv/r", "abc", nil)
}

func open(t *testing.T) (storage.Storage, string) {
	t.Helper()
	dir := t.TempDir()
	s, err := storage.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s, dir
}

func appendRun(t *testing.T, s storage.Storage, r Run) {
	t.Helper()
	if err := Append(t.Context(), s, r); err != nil {
		t.Fatal(err)
	}
}

func TestAppendAndRead(t *testing.T) {
	s, _ := open(t)
	ctx := t.Context()
	if runs, err := Runs(ctx, s, time.Time{}, time.Time{}); err != nil || len(runs) > 0 {
		t.Fatalf("of an empty warehouse: %v, %v", runs, err)
	}
	want := []Run{exampleRun("a", start), exampleRun("b", start.Add(time.Hour)), exampleRun("c", start.Add(24*time.Hour))}
	for _, i := range []int{2, 0, 1} {
		appendRun(t, s, want[i])
	}
	runs, err := Runs(ctx, s, time.Time{}, time.Time{})
	if err != nil || !reflect.DeepEqual(runs, want) {
		t.Errorf("got %+v, %v", runs, err)
	}
	for _, test := range []struct {
		name     string
		from, to time.Time
		want     string
	}{
		{"from", want[1].Started, time.Time{}, "bc"},
		{"to", time.Time{}, want[1].Started, "a"},
		{"both", want[0].Started, want[2].Started, "ab"},
		{"within the second", want[0].Started.Add(time.Millisecond), time.Time{}, "bc"},
	} {
		runs, err := Runs(ctx, s, test.from, test.to)
		got := ""
		for _, r := range runs {
			got += r.ID
		}
		if err != nil || got != test.want {
			t.Errorf("%s: %s, %v, want %s", test.name, got, err, test.want)
		}
	}
	if err := Append(ctx, s, want[0]); !errors.Is(err, storage.ErrExist) {
		t.Errorf("a run twice: %v", err)
	}
}

func TestAppendErrors(t *testing.T) {
	s, dir := open(t)
	for _, id := range []string{"", "../x", "a/b", ".hidden", strings.Repeat("x", 200)} {
		if err := Append(t.Context(), s, Run{ID: id, Started: start}); err == nil {
			t.Errorf("id %q was taken", id)
		}
	}
	if err := Append(t.Context(), s, Run{ID: "a"}); err == nil {
		t.Error("a run without a start was taken")
	}
	left := 0
	if err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			left++
		}
		return err
	}); err != nil || left > 0 {
		t.Errorf("%d files left, %v", left, err)
	}
}

func TestFailedRun(t *testing.T) {
	s, _ := open(t)
	long := strings.Repeat("ä", maxError)
	r := NewRun(&report.Report{Run: report.Header{ID: "a", Started: start}}, "", "", errors.New(long))
	appendRun(t, s, r)
	rows, err := Rows(t.Context(), s)
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	got := byName(rows[0])
	if text, _ := got["error"].(string); got["status"] != "failed" || len(text) > maxError || !strings.HasPrefix(long, text) || got["pack"] != nil || got["ended"] != nil || got["duration_ms"] != nil {
		t.Errorf("got %v", got)
	}
}

func TestStatusOf(t *testing.T) {
	for _, test := range []struct {
		name     string
		states   []report.State
		complete bool
		want     Status
	}{
		{"all passed", []report.State{report.Pass, report.NoActivity, report.Suppressed, report.NotApplicable}, true, OK},
		{"to be looked at", []report.State{report.Pass, report.Review}, true, OK},
		{"not assessed", []report.State{report.Pass, report.NotAssessed}, true, Incomplete},
		{"gap in the archive", []report.State{report.Pass}, false, Incomplete},
		{"failed", []report.State{report.Fail, report.NotAssessed}, false, Alarm},
		{"error", []report.State{report.Fail, report.Error}, true, Error},
		{"nothing", nil, false, Incomplete},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := &report.Report{Coverage: report.Coverage{Complete: test.complete}, Packs: []report.Pack{{}}}
			for _, s := range test.states {
				r.Packs[0].Controls = append(r.Packs[0].Controls, report.Control{State: s})
			}
			if got := StatusOf(r); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func byName(row []any) map[string]any {
	m := map[string]any{}
	for i, c := range Columns() {
		m[c.Name] = row[i]
	}
	return m
}

func TestRows(t *testing.T) {
	s, _ := open(t)
	appendRun(t, s, exampleRun("a", start))
	rows, err := Rows(t.Context(), s)
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, want := range []map[string]any{
		{"run_id": "a", "pack": "pci-dss-4", "pack_version": "4.0.1", "pack_hash": "h1", "findings": int64(5), "passed": int64(1), "failed": int64(2), "errors": int64(0),
			"started": "2026-11-21 06:00:00.123000+00", "duration_ms": int64(1500), "schedule": "daily", "status": "alarm", "error": nil, "snapshot_id": int64(7),
			"manifest_sha256": "abc", "previous_manifest_sha256": "prev", "complete": true, "period_from": "2026-11-20 06:00:00.123000+00"},
		{"run_id": "a", "pack": "soc2", "pack_version": nil, "not_assessed": int64(1), "passed": int64(0)},
	} {
		if len(rows[i]) != len(Columns()) {
			t.Fatalf("%d values for %d columns", len(rows[i]), len(Columns()))
		}
		got := byName(rows[i])
		for name, value := range want {
			if got[name] != value {
				t.Errorf("row %d: %s is %v, want %v", i, name, got[name], value)
			}
		}
	}
	if _, err := json.Marshal(rows); err != nil {
		t.Error(err)
	}
}

func TestDamagedRun(t *testing.T) {
	s, dir := open(t)
	appendRun(t, s, exampleRun("a", start))
	for _, text := range []string{"{", `{"schema":"trailql.run/9"}`} {
		name := filepath.Join(dir, "reports/runs/20261121T070000Z-b.json")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Runs(t.Context(), s, time.Time{}, time.Time{}); err == nil || !strings.Contains(err.Error(), "20261121T070000Z-b") {
			t.Errorf("%s: %v", text, err)
		}
		// It is not in the way of others.
		if runs, err := Runs(t.Context(), s, time.Time{}, start.Add(time.Minute)); err != nil || len(runs) != 1 {
			t.Errorf("%v, %v", runs, err)
		}
	}
	other := filepath.Join(dir, "reports/runs/notes.txt")
	if err := os.WriteFile(other, []byte("ours"), 0o600); err != nil {
		t.Fatal(err)
	}
	if runs, err := Runs(t.Context(), s, time.Time{}, start.Add(time.Minute)); err != nil || len(runs) != 1 {
		t.Errorf("%v, %v", runs, err)
	}
}

func TestAppendAtTheSameTime(t *testing.T) {
	s, _ := open(t)
	var group sync.WaitGroup
	for i := range 50 {
		group.Go(func() {
			if err := Append(context.Background(), s, exampleRun(fmt.Sprintf("r%02d", i), start)); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if runs, err := Runs(t.Context(), s, time.Time{}, time.Time{}); err != nil || len(runs) != 50 {
		t.Errorf("%d runs, %v", len(runs), err)
	}
}

func BenchmarkRuns(b *testing.B) {
	s, err := storage.Open(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	for i := range 3650 {
		if err := Append(b.Context(), s, exampleRun(fmt.Sprintf("r%d", i), start.AddDate(0, 0, i))); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if rows, err := Rows(b.Context(), s); err != nil || len(rows) != 7300 {
			b.Fatal(len(rows), err)
		}
	}
}
