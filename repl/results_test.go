package repl

import (
	"os"
	"strings"
	"testing"

	"github.com/trailql/trailql/engine"
)

func resultFiles(t *testing.T, dir string) int {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}

func TestLastResultIsATable(t *testing.T) {
	var screen recorder
	e := &fakeEngine{}
	o := testOptions(t, e, &screen)
	s := newTestSession(t, o)
	run := func(text string) {
		t.Helper()
		if err := s.Execute(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		if n := resultFiles(t, o.ResultDir); n != 1 {
			t.Errorf("%s: %d files are kept, want 1", text, n)
		}
	}
	run("select people;")
	first := s.results.path
	run("from _;") // reads the file that it replaces
	if s.results.path == first {
		t.Error("the result was written over the one that it was read from")
	}
	if e.last().Results["_"] != first {
		t.Errorf("the engine was given %v", e.last().Results)
	}
	run("from _;")
	if err := s.Execute(t.Context(), "select wrng;"); err == nil {
		t.Error("no error")
	}
	run("create view x as select 1;") // has no rows
	run(".last")
	if n := strings.Count(screen.String(), "│ Ada "); n != 4 {
		t.Errorf("shown %d times:\n%s", n, screen.String())
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if n := resultFiles(t, o.ResultDir); n != 0 {
		t.Errorf("%d files are left", n)
	}
}

func TestResultThatIsNotKept(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Options)
		want   string
	}{
		"too large":       {func(o *Options) { o.Settings = map[string]string{"keep": "100"} }, "the last result is larger than 100 B (.set keep), so there is no table _"},
		"cannot be saved": {func(o *Options) { o.ResultDir += "/nowhere" }, "there is no table _: keep the last result: open"},
		"no folder":       {func(o *Options) { o.ResultDir = "" }, "results are not kept in this session"},
		"not wanted":      {func(o *Options) { o.Settings = map[string]string{"keep": "0"} }, "there is no result yet"},
	} {
		t.Run(name, func(t *testing.T) {
			var dir string
			screen := runLines(t, func(o *Options) {
				dir = o.ResultDir
				c.change(o)
			}, "select people;", ".last", "from _;")
			if !strings.Contains(screen, "error: "+c.want) && !strings.Contains(screen, "note: "+c.want) {
				t.Errorf("the screen:\n%s", screen)
			}
			if !strings.Contains(screen, "Ada") || !strings.Contains(screen, "error: there is no table _") {
				t.Errorf("the rows are to be shown, table _ is not:\n%s", screen)
			}
			if n := resultFiles(t, dir); n != 0 {
				t.Errorf("%d files are left", n)
			}
		})
	}
}

func TestResultBeforeIsNotTakenForTheLast(t *testing.T) {
	screen := runLines(t, nil, "select people;", ".set keep 100", "select people;", ".last")
	if !strings.Contains(screen, "error: the last result is larger") {
		t.Errorf("the screen:\n%s", screen)
	}
}

func TestCommandsOfTheShellKeepNothing(t *testing.T) {
	var screen recorder
	s := newTestSession(t, testOptions(t, &fakeEngine{}, &screen))
	result, err := s.rows(t.Context(), "select hostile")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.show(t.Context(), result, "a title\x1b[2J"); err != nil {
		t.Fatal(err)
	}
	if s.results.path != "" {
		t.Error("it was kept")
	}
	if !strings.HasPrefix(screen.String(), "a title␛[2J\n┌") {
		t.Errorf("the screen:\n%s", screen.String())
	}
	checkHarmless(t, screen.String())
}

func TestStatementsAreGivenWhatIsSet(t *testing.T) {
	var screen recorder
	e := &fakeEngine{}
	o := testOptions(t, e, &screen)
	o.Settings = map[string]string{"timeout": "30s", "maxscan": "2GB", "dialect": "lake"}
	s := newTestSession(t, o)
	if err := s.Execute(t.Context(), ".window 2026-10-01 2026-10-02\nselect people;"); err != nil {
		t.Fatal(err)
	}
	q := e.last()
	want := engine.Limits{Timeout: 30e9, Scan: 2e9}
	if q.Limits != want || q.Dialect != "lake" || q.Window.From.Day() != 1 || q.Window.To.Day() != 2 || q.Progress == nil {
		t.Errorf("query %+v", q)
	}
}

func TestSettingsOfTheStart(t *testing.T) {
	for setting, want := range map[string]string{
		"mode=nonsense": `start shell: setting mode: unknown format "nonsense"`,
		"pagr=on":       "start shell: there is no setting pagr (did you mean pager?)",
		"maxrows=-1":    `start shell: setting maxrows: "-1" is no number of rows`,
	} {
		name, value, _ := strings.Cut(setting, "=")
		var screen recorder
		o := testOptions(t, &fakeEngine{}, &screen)
		o.Settings = map[string]string{name: value}
		if _, err := New(o); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", setting, err, want)
		}
	}
}
