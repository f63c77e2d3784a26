package schedule

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// world is a file of schedules, a clock and what was run.
type world struct {
	t    *testing.T
	now  time.Time
	runs []string // SCHEDULE FROM [missed] [attempt N]
	skip []string
	fail func(d Due) error
	Runner
}

func newWorld(t *testing.T, now, schedules string) *world {
	t.Helper()
	dir := t.TempDir()
	w := &world{t: t, now: at(t, now)}
	w.Runner = Runner{
		File:     filepath.Join(dir, "schedules.yaml"),
		StateDir: filepath.Join(dir, "state"),
		Now:      func() time.Time { return w.now },
		Run: func(_ context.Context, d Due) error {
			text := d.Schedule.Name + " " + d.Period.From.In(d.Schedule.Location()).Format(time.DateOnly)
			if d.Missed {
				text += " missed"
			}
			if d.Attempt > 1 {
				text += fmt.Sprintf(" attempt %d", d.Attempt)
			}
			w.runs = append(w.runs, text)
			if w.fail != nil {
				return w.fail(d)
			}
			return nil
		},
		Skip: func(_ context.Context, missed []Due) error {
			for _, d := range missed {
				w.skip = append(w.skip, d.Schedule.Name+" "+d.Period.From.In(d.Schedule.Location()).Format(time.DateOnly))
			}
			return nil
		},
	}
	w.write(schedules)
	return w
}

func (w *world) write(schedules string) {
	w.t.Helper()
	text := "schedules:\n"
	for line := range strings.Lines(strings.TrimSpace(schedules) + "\n") {
		text += "  - {packs: [soc2], output: reports, " + strings.TrimSpace(line) + "}\n"
	}
	if err := os.WriteFile(w.File, []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// runAt moves the clock and says what was run then.
func (w *world) runAt(now string, want ...string) {
	w.t.Helper()
	w.now, w.runs = at(w.t, now), nil
	if _, err := w.RunDue(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if !reflect.DeepEqual(w.runs, want) {
		w.t.Fatalf("at %s: ran %q, want %q", now, w.runs, want)
	}
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse("2006-01-02 15:04", text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

const daily = `name: daily, cron: "0 6 * * *", period: yesterday, created: 2026-11-01T12:00:00Z`

func TestRunDue(t *testing.T) {
	w := newWorld(t, "2026-11-01 12:00", daily)
	w.runAt("2026-11-02 05:59")
	w.runAt("2026-11-02 06:00", "daily 2026-11-01")
	w.runAt("2026-11-02 06:10")
	w.runAt("2026-11-03 07:00", "daily 2026-11-02")
	// Three days of downtime: each missed period once, oldest first.
	w.runAt("2026-11-06 09:00", "daily 2026-11-03 missed", "daily 2026-11-04 missed", "daily 2026-11-05")
	w.runAt("2026-11-06 09:10")
}

func TestFirstSeen(t *testing.T) {
	w := newWorld(t, "2026-11-10 12:00", `name: daily, cron: "0 6 * * *", period: yesterday`)
	w.runAt("2026-11-10 12:00") // nothing is owed from before anybody knew of it
	w.runAt("2026-11-12 12:00", "daily 2026-11-10 missed", "daily 2026-11-11")
}

func TestCatchUp(t *testing.T) {
	for _, test := range []struct {
		name, schedule string
		want, skip     []string
	}{
		{"all", `name: s, cron: "@daily", period: yesterday`,
			[]string{"s 2026-11-10 missed", "s 2026-11-11 missed", "s 2026-11-12 missed", "s 2026-11-13"}, nil},
		{"newest", `name: s, cron: "@daily", period: yesterday, catch_up: newest`,
			[]string{"s 2026-11-13"}, []string{"s 2026-11-10", "s 2026-11-11", "s 2026-11-12"}},
		{"limit", `name: s, cron: "@daily", period: yesterday, catch_up_limit: 2`,
			[]string{"s 2026-11-12 missed", "s 2026-11-13"}, []string{"s 2026-11-10", "s 2026-11-11"}},
		{"once each period", `name: s, cron: "0 */2 * * *", period: yesterday`,
			[]string{"s 2026-11-09 missed", "s 2026-11-10 missed", "s 2026-11-11 missed", "s 2026-11-12 missed", "s 2026-11-13"}, nil},
		{"no period has ended", `name: s, cron: "@monthly", period: last-month`, nil, nil},
		{"disabled", `name: s, cron: "@daily", period: yesterday, disabled: true`, nil, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, "2026-11-10 12:00", test.schedule)
			w.runAt("2026-11-10 12:00")
			w.runAt("2026-11-14 12:00", test.want...)
			if !reflect.DeepEqual(w.skip, test.skip) {
				t.Errorf("skipped %q, want %q", w.skip, test.skip)
			}
			w.skip = nil
			w.runAt("2026-11-14 12:10")
			if w.skip != nil {
				t.Errorf("skipped again: %q", w.skip)
			}
		})
	}
}

// TestSkipsAreSaid: skipped runs are recorded before a report is made, and again
// later if that fails. They are never made instead.
func TestSkipsAreSaid(t *testing.T) {
	w := newWorld(t, "2026-11-10 12:00", `name: s, cron: "@daily", period: yesterday, catch_up: newest`)
	w.runAt("2026-11-10 12:00")
	record, full := w.Skip, true
	w.Skip = func(ctx context.Context, missed []Due) error {
		if full {
			return errors.New("disk full")
		}
		if w.runs != nil {
			t.Errorf("recorded after %q", w.runs)
		}
		return record(ctx, missed)
	}
	w.now, w.runs = at(t, "2026-11-14 12:00"), nil
	if _, err := w.RunDue(t.Context()); err == nil || !strings.Contains(err.Error(), "disk full") {
		t.Errorf("got %v", err)
	}
	if want := []string{"s 2026-11-13"}; !reflect.DeepEqual(w.runs, want) {
		t.Errorf("ran %q, want %q", w.runs, want)
	}
	full = false
	w.runAt("2026-11-14 12:10")
	w.runAt("2026-11-16 12:00", "s 2026-11-15")
	if want := []string{"s 2026-11-10", "s 2026-11-11", "s 2026-11-12", "s 2026-11-14"}; !reflect.DeepEqual(w.skip, want) {
		t.Errorf("skipped %q, want %q", w.skip, want)
	}
}

func TestLongDowntimeIsBounded(t *testing.T) {
	w := newWorld(t, "2020-01-01 12:00", `name: s, cron: "@daily", period: yesterday, catch_up_limit: 3`)
	w.runAt("2020-01-01 12:00")
	w.runAt("2026-11-14 12:00", "s 2026-11-11 missed", "s 2026-11-12 missed", "s 2026-11-13")
	if len(w.skip) != 400-3 {
		t.Errorf("%d skipped, want those of the last 400 days", len(w.skip))
	}
}

func TestOldestRunFirst(t *testing.T) {
	w := newWorld(t, "2026-11-10 12:00", `name: late, cron: "0 8 * * *", period: yesterday
		name: early, cron: "0 7 * * *", period: yesterday`)
	w.runAt("2026-11-10 12:00")
	w.runAt("2026-11-12 12:00", "early 2026-11-10 missed", "late 2026-11-10 missed", "early 2026-11-11", "late 2026-11-11")
}

func TestFailedRunIsDueAgain(t *testing.T) {
	w := newWorld(t, "2026-11-01 12:00", daily)
	w.fail = func(d Due) error {
		if d.Period.From.Day() == 2 {
			return errors.New("disk full")
		}
		return nil
	}
	w.runAt("2026-11-03 06:00", "daily 2026-11-01 missed", "daily 2026-11-02")
	w.runAt("2026-11-03 06:09")
	w.runAt("2026-11-03 06:10", "daily 2026-11-02 attempt 2")
	w.runAt("2026-11-03 06:29")
	w.runAt("2026-11-03 06:30", "daily 2026-11-02 attempt 3")
	// It does not keep later ones from being made, and these do not settle it.
	w.runAt("2026-11-04 06:00", "daily 2026-11-02 missed attempt 4", "daily 2026-11-03")
	all, err := w.Status()
	if err != nil {
		t.Fatal(err)
	}
	if s := all[0]; s.Owed != 1 || s.Failing != 1 || s.Latest.Error != "" || !s.Next.Equal(at(t, "2026-11-05 06:00")) {
		t.Errorf("status %+v", s)
	}
	w.fail = nil
	w.runAt("2026-11-04 12:00", "daily 2026-11-02 attempt 5")
	w.runAt("2026-11-05 06:00", "daily 2026-11-04")
	st, err := readState(statePath(t, w))
	if err != nil {
		t.Fatal(err)
	}
	if s := st.Schedules["daily"]; !s.Last.Equal(at(t, "2026-11-05 06:00")) || len(s.Done) > 0 || len(s.Failures) > 0 {
		t.Errorf("state %+v is not settled", s)
	}
}

func statePath(t *testing.T, w *world) string {
	t.Helper()
	path, _, err := w.statePath()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestWaits(t *testing.T) {
	want := []time.Duration{10 * time.Minute, 20 * time.Minute, 40 * time.Minute, 80 * time.Minute, 160 * time.Minute, 320 * time.Minute, 6 * time.Hour, 6 * time.Hour}
	for i, w := range want {
		if got := waitAfter(i + 1); got != w {
			t.Errorf("after %d failures: %s, want %s", i+1, got, w)
		}
	}
	if got := waitAfter(1 << 40); got != maxWait {
		t.Errorf("after many: %s", got)
	}
}

// TestKilledRunIsDueAgain: a run that did not return has left nothing behind
// that says it was made.
func TestKilledRunIsDueAgain(t *testing.T) {
	w := newWorld(t, "2026-11-01 12:00", daily)
	w.fail = func(d Due) error {
		if d.Period.From.Day() == 2 {
			panic("killed")
		}
		return nil
	}
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the run came to its end")
			}
		}()
		w.now = at(t, "2026-11-04 06:00")
		_, _ = w.RunDue(t.Context())
	}()
	w.fail = nil
	w.runAt("2026-11-04 06:00", "daily 2026-11-02 missed", "daily 2026-11-03")
}

func TestStoppedRunIsDueAgainAtOnce(t *testing.T) {
	w := newWorld(t, "2026-11-01 12:00", daily)
	ctx, stop := context.WithCancelCause(t.Context())
	signal := errors.New("stopped by signal")
	w.fail = func(Due) error {
		stop(signal)
		return ctx.Err()
	}
	w.now = at(t, "2026-11-04 06:00")
	if _, err := w.RunDue(ctx); !errors.Is(err, signal) || len(w.runs) != 1 {
		t.Fatalf("ran %q: %v", w.runs, err)
	}
	w.fail = nil
	w.runAt("2026-11-04 06:00", "daily 2026-11-01 missed", "daily 2026-11-02 missed", "daily 2026-11-03")
}

func TestOneAtATime(t *testing.T) {
	w := newWorld(t, "2026-11-01 12:00", daily)
	other := w.Runner
	tried := false
	w.fail = func(Due) error {
		tried = true
		if _, err := other.RunDue(t.Context()); !errors.Is(err, ErrRunning) {
			t.Errorf("a second run beside the first: %v", err)
		}
		if _, err := other.RunNow(t.Context(), "daily"); !errors.Is(err, ErrRunning) {
			t.Errorf("a run by hand beside the first: %v", err)
		}
		return nil
	}
	w.runAt("2026-11-02 06:00", "daily 2026-11-01")
	if !tried {
		t.Error("nothing was run")
	}
}

func TestRunNow(t *testing.T) {
	w := newWorld(t, "2026-11-01 12:00", daily)
	w.now = at(t, "2026-11-03 08:00")
	o, err := w.RunNow(t.Context(), "daily")
	if err != nil || o.Err != nil || !reflect.DeepEqual(w.runs, []string{"daily 2026-11-02"}) {
		t.Fatalf("ran %q: %v %v", w.runs, err, o.Err)
	}
	w.runAt("2026-11-03 08:00", "daily 2026-11-01")
	if _, err := w.RunNow(t.Context(), "weekly"); !errors.Is(err, ErrNotExist) {
		t.Errorf("a schedule that is not there: %v", err)
	}
}

func TestJitter(t *testing.T) {
	w := newWorld(t, "2026-11-01 12:00", `name: s, cron: "0 6 * * *", period: yesterday, jitter: 30m, created: 2026-11-01T12:00:00Z`)
	schedules, err := Load(w.File)
	if err != nil {
		t.Fatal(err)
	}
	s, seen := schedules[0], map[time.Duration]bool{}
	for day := range 100 {
		due := at(t, "2026-11-02 06:00").AddDate(0, 0, day)
		delay := s.Delay(due)
		if delay < 0 || delay > 30*time.Minute || delay != s.Delay(due) {
			t.Errorf("day %d: delay %s", day, delay)
		}
		seen[delay] = true
	}
	if len(seen) < 50 {
		t.Errorf("only %d delays in 100 days", len(seen))
	}
	due := at(t, "2026-11-02 06:00")
	w.runAt(due.Add(s.Delay(due) - time.Minute).Format("2006-01-02 15:04"))
	w.runAt(due.Add(s.Delay(due)+time.Minute).Format("2006-01-02 15:04"), "s 2026-11-01")
}

// TestLateRunsKeepTheirPeriod: the period belongs to the time that the run was due,
// but whether it may yet get events to the time that it is made.
func TestLateRunsKeepTheirPeriod(t *testing.T) {
	w := newWorld(t, "2026-11-01 12:00", `name: s, cron: "@daily", period: yesterday, zone: Europe/Berlin, created: 2026-11-01T12:00:00Z`)
	zoneFor(t, "Europe/Berlin")
	var open []bool
	w.fail = func(d Due) error { open = append(open, d.Period.Open); return nil }
	w.runAt("2026-11-02 23:10", "s 2026-11-01 missed", "s 2026-11-02")
	if !reflect.DeepEqual(open, []bool{false, true}) {
		t.Errorf("open: %v", open)
	}
}

func TestClockSetBack(t *testing.T) {
	w := newWorld(t, "2026-11-01 12:00", daily+"\n"+`name: other, cron: "@daily", period: yesterday, created: 2026-11-01T12:00:00Z, disabled: true`)
	w.runAt("2026-11-02 06:00", "daily 2026-11-01")
	w.now = at(t, "2030-11-02 07:00")
	if _, err := w.RunDue(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.now = at(t, "2026-11-03 07:00")
	if _, err := w.RunDue(t.Context()); !errors.Is(err, ErrClock) || !strings.Contains(err.Error(), "daily") {
		t.Errorf("got %v", err)
	}
}

// TestDisabled: what was due while a schedule was disabled is not made up for.
func TestDisabled(t *testing.T) {
	w := newWorld(t, "2026-11-01 12:00", daily)
	w.runAt("2026-11-02 06:00", "daily 2026-11-01")
	w.write(daily + ", disabled: true")
	w.runAt("2026-11-05 06:00")
	w.write(daily)
	w.runAt("2026-11-06 07:00", "daily 2026-11-05")
}

func TestRemovedAndAddedAgain(t *testing.T) {
	w := newWorld(t, "2026-11-01 12:00", daily)
	w.runAt("2026-11-02 06:00", "daily 2026-11-01")
	w.write(`name: daily, cron: "0 6 * * *", period: yesterday, created: 2026-11-09T12:00:00Z`)
	w.runAt("2026-11-10 06:00", "daily 2026-11-09")
	w.write(`name: other, cron: "0 6 * * *", period: yesterday`)
	w.runAt("2026-11-11 06:00")
	w.write(daily)
	w.runAt("2026-11-11 07:00", "daily 2026-11-10") // what was made before stays so
	w.write(`name: other, cron: "0 6 * * *", period: yesterday, disabled: true`)
	w.runAt("2028-01-01 06:00")
	st, err := readState(statePath(t, w))
	if _, kept := st.Schedules["daily"]; err != nil || kept {
		t.Errorf("a schedule that was removed long ago is still known: %v", err)
	}
}

// TestFileAway: a file that is not there for a moment is not the end of its schedules.
func TestFileAway(t *testing.T) {
	for name, empty := range map[string]bool{"gone": false, "empty": true} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "2026-11-01 12:00", daily)
			w.runAt("2026-11-03 06:00", "daily 2026-11-01 missed", "daily 2026-11-02")
			err := os.Remove(w.File)
			if empty {
				err = os.WriteFile(w.File, nil, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
			w.runAt("2026-11-03 06:10")
			w.write(daily)
			w.runAt("2026-11-03 06:20")
			w.runAt("2026-11-04 06:00", "daily 2026-11-03")
		})
	}
}

// TestNamesOfAFile: whatever a file is called, its reports are made once, by one
// process at a time.
func TestNamesOfAFile(t *testing.T) {
	for _, test := range []struct {
		name      string
		linkFirst bool
	}{{"link to a known file", false}, {"file behind a known link", true}} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t, "2026-11-01 12:00", daily)
			file, link := w.File, filepath.Join(t.TempDir(), "link.yaml")
			if err := os.Symlink(file, link); err != nil {
				t.Skipf("no symbolic links: %v", err)
			}
			first, second := file, link
			if test.linkFirst {
				first, second = link, file
			}
			w.File = first
			w.runAt("2026-11-02 06:00", "daily 2026-11-01")
			w.File = second
			w.runAt("2026-11-02 06:10")
			if test.linkFirst {
				if err := os.Remove(link); err != nil {
					t.Fatal(err)
				}
			}
			w.fail = func(Due) error {
				other := w.Runner
				other.File = first
				if _, err := other.RunDue(t.Context()); !test.linkFirst && !errors.Is(err, ErrRunning) {
					t.Errorf("beside the run: %v", err)
				}
				return nil
			}
			w.runAt("2026-11-03 06:00", "daily 2026-11-02")
		})
	}
}

// TestLinkToNewVersion: a link may lead to another file after each change, as in a
// ConfigMap of Kubernetes.
func TestLinkToNewVersion(t *testing.T) {
	w := newWorld(t, "2026-11-01 12:00", daily)
	dir := filepath.Dir(w.File)
	link, version := filepath.Join(dir, "link.yaml"), w.File
	for day, next := range []string{"v2.yaml", "v3.yaml"} {
		w.File = version
		w.write(daily)
		if err := os.Symlink(version, link+".new"); err != nil {
			t.Skipf("no symbolic links: %v", err)
		}
		if err := os.Rename(link+".new", link); err != nil {
			t.Fatal(err)
		}
		w.File, version = link, filepath.Join(dir, next)
		w.runAt(fmt.Sprintf("2026-11-%02d 06:00", day+2), fmt.Sprintf("daily 2026-11-%02d", day+1))
	}
}

func TestDamagedState(t *testing.T) {
	for name, text := range map[string]string{"cut": `{"schema":"trailql.sched`, "another version": `{"schema":"trailql.schedule-state/9"}`} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, "2026-11-02 06:00", daily)
			w.runAt("2026-11-02 06:00", "daily 2026-11-01")
			path := statePath(t, w)
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := w.RunDue(t.Context()); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("got %v, want an error that names %s", err, path)
			}
		})
	}
}
