package repl

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	inner := write("inner file.sql", "select hostile;")
	self := filepath.Join(dir, "self.sql")
	write("self.sql", ".read '"+self+"'")
	for name, c := range map[string]struct {
		text string
		want string // of the error
	}{
		"good":            {"\ufeff-- a hunt\n.mode csv\nselect\n  people;\n.read '" + inner + "'\nselect people", ""},
		"place":           {"select people;\n\n-- x\nselect people,\n  wrng;\nselect people;", "script.sql:4: line 2:3: column"},
		"unknown command": {"\n.nonsense", "script.sql:2: there is no command .nonsense"},
		"nested":          {"\n.read " + self, "script.sql:2: " + self + ":1: read " + self + ": the script would read itself"},
		"exit":            {".exit\nselect wrng;", "exit"},
	} {
		t.Run(name, func(t *testing.T) {
			var screen recorder
			s := newTestSession(t, testOptions(t, &fakeEngine{}, &screen))
			err := s.Read(t.Context(), write("script.sql", c.text))
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("error %v, want %q", err, c.want)
			}
			if name == "exit" && !errors.As(err, new(*ExitError)) {
				t.Errorf("error %v is no *ExitError", err)
			}
			if n := strings.Count(screen.String(), "Ada,"); name == "good" && n != 2 {
				t.Errorf("the screen:\n%s", screen.String())
			}
			checkHarmless(t, screen.String())
		})
	}
}

func TestASCIIScreen(t *testing.T) {
	screen := runLines(t, func(o *Options) { o.Screen.ASCII = true },
		"select people;", "select hostile;", "select many;", ".window -1d", "select people;", "select 'é' wrng;", ".history", ".help", ".set", ".nösuch")
	for i, r := range screen {
		if r > 0x7e {
			t.Fatalf("%q in %q", r, screen[max(0, i-60):min(len(screen), i+20)])
		}
	}
	if !strings.Contains(screen, "1,000 rows (40 shown) | ") {
		t.Errorf("the screen:\n%s", screen)
	}
}

func TestArguments(t *testing.T) {
	for text, want := range map[string]string{
		"":                           "",
		"a  b":                       "a|b",
		`'my file.csv' "an other"`:   "my file.csv|an other",
		`my\ file a\\b a\b`:          `my file|a\b|a\b`,
		`k='a b' n:="x"`:             `k=a b|n:=x`,
		`'it''s' "a \" b"`:           `it's|a " b`,
		`select a from b where 'x y`: "select|a|from|b|where|'x y",
		`don't stop`:                 "don't|stop",
		`''`:                         "",
	} {
		a := parseArguments("  " + text + " ")
		if got := strings.Join(a.words, "|"); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		if a.text != text {
			t.Errorf("text %q, want %q", a.text, text)
		}
	}
	a := parseArguments("-F csv -f out.csv")
	a, format, err := a.option("-F")
	if err != nil || format != "csv" {
		t.Errorf("-F %q, %v", format, err)
	}
	a, force := a.flag("-f")
	if name, err := a.one(); !force || err != nil || name != "out.csv" {
		t.Errorf("-f %v, name %q, %v", force, name, err)
	}
	if _, _, err := a.option("out.csv"); err == nil {
		t.Error("an option without a value is taken")
	}
}

func TestCommandTable(t *testing.T) {
	seen := map[string]string{}
	groups := map[string]bool{}
	for _, g := range commandGroups() {
		groups[g] = true
	}
	for _, c := range commands() {
		for _, name := range append([]string{"." + c.name}, c.aliases...) {
			if other, ok := seen[name]; ok {
				t.Errorf("%s is both .%s and .%s", name, other, c.name)
			}
			seen[name] = c.name
			if found, err := findCommand(name); err != nil || found.name != c.name {
				t.Errorf("%s finds %s, %v", name, found.name, err)
			}
			// What cannot be typed is of no use.
			if in, _ := nextInput(name); in.command != name {
				t.Errorf("%s is read as %+v", name, in)
			}
		}
		if !groups[c.group] || c.help == "" || c.run == nil {
			t.Errorf(".%s: group %q, help %q", c.name, c.group, c.help)
		}
	}
	for prefix, want := range map[string]string{".tab": "tables", ".wa": "", ".war": "warehouse", ".sav": "", ".save": "save", ".h": "", ".his": "history", ".TABLES": "tables", `\DT`: "tables", ".": "", "tables": "", `\t`: ""} {
		c, err := findCommand(prefix)
		if (err == nil) != (want != "") || c.name != want {
			t.Errorf("%s finds %q, %v; want %q", prefix, c.name, err, want)
		}
	}
}
