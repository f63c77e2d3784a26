package repl

import (
	"os"
	"strings"
	"testing"
)

// TestOutputThatCannotBeWritten: nobody is told that a file is written which is
// not whole, and the results after it are shown again.
func TestOutputThatCannotBeWritten(t *testing.T) {
	if _, err := os.Stat("/dev/full"); err != nil {
		t.Skip("no /dev/full")
	}
	screen := runLines(t, nil, ".output -f -F csv /dev/full", "select people;", ".output", "select people;", ".output off")
	if strings.Contains(screen, "wrote") {
		t.Errorf("it says that it wrote:\n%s", screen)
	}
	for _, want := range []string{"/dev/full is not complete (0 results): ", "no space left", "results go to the screen", "│ Ada "} {
		if strings.Count(screen, want) != 1 {
			t.Errorf("%q is not there once:\n%s", want, screen)
		}
	}
}

func TestOutputHasOnlyTheStart(t *testing.T) {
	t.Chdir(t.TempDir())
	screen := runLines(t, nil, ".output out.jsonl", "select people;", "select limit;", ".output off")
	if want := "warning: out.jsonl has 1 result, and the start of 1 more\n"; !strings.Contains(screen, want) {
		t.Errorf("no %q:\n%s", want, screen)
	}
}

func TestSafeEndsWhatIsWritten(t *testing.T) {
	t.Chdir(t.TempDir())
	screen := runLines(t, nil, ".log case.log", ".output out.csv", "select people;", ".once next.csv", ".safe", "select people;")
	for _, want := range []string{"note: the transcript case.log ends here\n", "note: wrote out.csv (1 result)\n", "note: next.csv was not written\n"} {
		if !strings.Contains(screen, want) {
			t.Errorf("no %q:\n%s", want, screen)
		}
	}
	if log := readFile(t, "case.log"); !strings.Contains(log, " command\n    .safe\n") || !strings.HasSuffix(log, " end\n") {
		t.Errorf("the transcript:\n%s", log)
	}
}
