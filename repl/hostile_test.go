package repl

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNothingHostileReachesTheTerminal gives every command of this package's
// own what an attacker might bring a user to paste, or have in his files.
func TestNothingHostileReachesTheTerminal(t *testing.T) {
	evil := strings.ReplaceAll(hostile, "\n", " ")
	folder := t.TempDir()
	t.Chdir(folder)
	script := filepath.Join(folder, evil[strings.LastIndex(evil, "/")+1:]+".sql")
	if err := os.WriteFile(script, []byte("select wrng, '"+hostile+"';\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, c := range commands() {
		switch {
		case c.name == "exit", c.name == "watch", c.name == "safe", c.name == "clear": // what .clear writes is ours
			continue
		case c.group == groupSchema, c.name == "event", c.name == "who", c.name == "session", c.name == "diff", c.name == "explain":
			continue // they need an engine that knows CloudTrail
		}
		lines = append(lines, "."+c.name+" "+evil, "."+c.name+" '"+evil+"'", "."+c.name+" "+evil+"="+evil, "."+c.name)
	}
	lines = append(lines,
		".nonsense"+evil, `\`+evil, ".set "+evil+" "+evil, ".set nullvalue '"+evil+"'", "select people;", ".set",
		"select '"+hostile+"' as x;", "select hostile;", ".last", ".last -x", "select '"+hostile+"' wrng;", "select '"+hostile+"' wrng\\G",
		".read '"+script+"'", ".history", ".save good select $a, '"+evil+"'", ".saved", ".run good", ".run good '"+evil+"=1'", ".run good a='"+evil+"'",
		".once '|echo \""+evil+"\"; printf \""+evil+"\" >&2; exit 3'", "select people;",
		".log '"+evil+".log'", "select hostile;", ".note "+evil, ".log", ".log off", ".once '|cat *.log'", "select people;",
		".mode csv", "select hostile;", ".mode json", "select hostile;", ".mode tsv", "select hostile;", ".mode markdown", "select hostile;", ".mode html", "select hostile;",
		".mode vertical", "select hostile;", ".tz "+evil, ".window "+evil)
	for _, ascii := range []bool{false, true} {
		screen := runLines(t, func(o *Options) { o.Name, o.Warehouse, o.Screen.ASCII = evil, evil, ascii }, lines...)
		if !strings.Contains(screen, "]52;c;") {
			t.Error("nothing hostile was shown at all")
		}
	}
}
