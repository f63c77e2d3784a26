package repl

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// diffAnswers is what a session of these options says to the inputs.
func diffAnswers(t *testing.T, change func(*Options), inputs ...string) string {
	t.Helper()
	var screen recorder
	o := testOptions(t, &fakeEngine{}, &screen)
	change(&o)
	s := newTestSession(t, o)
	for _, in := range inputs {
		if err := s.Execute(t.Context(), in); err != nil {
			s.reportError(err)
		}
	}
	return screen.String()
}

// TestDiffOfWhat: what makes a question the same one, and what another.
func TestDiffOfWhat(t *testing.T) {
	at := func(now time.Time) func(*Options) {
		return func(o *Options) { o.Now = func() time.Time { return now } }
	}
	in := func(warehouse string) func(*Options) { return func(o *Options) { o.Warehouse = warehouse } }
	tomorrow := testTime.AddDate(0, 0, 1)
	tests := []struct {
		name          string
		first, second func(*Options)
		before, then  string // typed ahead of .diff
		same          bool
	}{
		{"nothing differs", in("/case-17"), in("/case-17"), "", "", true},
		{"another warehouse", in("/case-17"), in("/case-18"), "", "", false},
		{"a distance, a day later", at(testTime), at(tomorrow), ".window -1d", ".window -1d", true},
		{"written otherwise", at(testTime), at(tomorrow), ".window -2h -1h", `.window "2H ago" 1h`, true},
		{"today, a day later", at(testTime), at(tomorrow), ".window today", ".window today", true},
		{"today, elsewhere", at(testTime), at(testTime), ".window today", ".tz Asia/Tokyo\n.window today", false},
		{"another distance", at(testTime), at(testTime), ".window -1d", ".window -2d", false},
		{"a date", at(testTime), at(tomorrow), ".window 2026-10-30", ".window 2026-10-30T00:00:00Z now", true},
		{"another date", at(testTime), at(testTime), ".window 2026-10-30", ".window 2026-10-29", false},
		{"an end", at(testTime), at(testTime), ".window 2026-10-29", ".window 2026-10-29 2026-10-30", false},
		{"the window was closed", at(testTime), at(tomorrow), "", ".window -1d\n.window off", true},
		{"another dialect", at(testTime), at(testTime), "", ".set dialect duckdb", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			state := t.TempDir()
			diffAnswers(t, func(o *Options) { o.StateDir = state; tt.first(o) }, tt.before, ".diff select people")
			got := diffAnswers(t, func(o *Options) { o.StateDir = state; tt.second(o) }, tt.then, ".diff select people")
			if same := strings.Contains(got, "(the same 3 rows as "); same != tt.same || strings.Contains(got, "error") {
				t.Error(got)
			}
		})
	}
}

func TestDiffForget(t *testing.T) {
	kept := []string{".diff select people", ".diff select hostile", ".diff select times"}
	tests := []struct {
		name   string
		inputs []string
		want   string
		left   int
	}{
		{"a statement", []string{".diff forget select people;"}, "forgot the rows of 1 question\n", 2},
		{"the last statement", []string{"select times;", ".diff forget"}, "forgot the rows of 1 question\n", 2},
		{"a saved query", []string{".save them select people", ".diff forget them"}, "forgot the rows of 1 question\n", 2},
		{"all", []string{".diff forget all"}, "forgot the rows of 3 questions\n", 0},
		{"all of nothing", []string{".diff forget all", ".diff forget all"}, "(.diff remembers nothing)\n", 0},
		{"in another window", []string{".window -1d", ".diff forget select people"}, "(nothing is remembered of this query in this warehouse, window and dialect; .diff forget all forgets whatever there is)\n", 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			state := t.TempDir()
			got := diffAnswers(t, func(o *Options) { o.StateDir = state }, append(kept, tt.inputs...)...)
			if !strings.Contains(got, tt.want) {
				t.Errorf("no %q in\n%s", tt.want, got)
			}
			if left := rememberedFiles(t, state); left != tt.left {
				t.Errorf("%d files are left, want %d", left, tt.left)
			}
		})
	}
}

// rememberedFiles counts what .diff keeps, which must be the user's alone.
func rememberedFiles(t *testing.T, state string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(filepath.Join(state, "diff"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		info, err := d.Info()
		if err == nil && info.Mode() != 0o600 {
			t.Errorf("%s has mode %s", path, info.Mode())
		}
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return n
}

func TestDiffKeepsNothing(t *testing.T) {
	tests := []struct {
		name   string
		change func(*Options)
		want   string
	}{
		{"without a history", func(o *Options) { o.NoHistory = true }, "error: .diff remembers nothing in this session: no history is kept"},
		{"without a folder", func(o *Options) { o.StateDir = "" }, "error: .diff remembers nothing in this session: it has no state folder"},
		{"in safe mode", func(o *Options) { o.Safe = true }, "error: " + errSafe.Error()},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			state := t.TempDir()
			got := strings.Join(strings.Fields(diffAnswers(t, func(o *Options) { o.StateDir = state; tt.change(o) }, ".diff select people")), " ")
			if !strings.Contains(strings.ReplaceAll(got, " ! ", " "), tt.want) || rememberedFiles(t, state) > 0 {
				t.Error(got)
			}
		})
	}
}

// TestDiffNotShown: rows that nobody saw are new the next time, too.
func TestDiffNotShown(t *testing.T) {
	state := t.TempDir()
	in := func(o *Options) { o.StateDir = state }
	diffAnswers(t, in, ".diff select people")
	files, err := filepath.Glob(filepath.Join(state, "diff", "*.json"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(text), `"Rows":[[`, `"Rows":[["gone",null],[`, 1)
	if err := os.WriteFile(files[0], []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	got := diffAnswers(t, in, ".once '|exit 3'", ".diff select people", ".diff select people", ".diff select people")
	for _, want := range []string{"error: ", "0 new, 1 gone", "(the same 3 rows"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
