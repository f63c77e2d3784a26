package repl

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/engine/quantity"
)

func TestExportHasItsHash(t *testing.T) {
	t.Chdir(t.TempDir())
	screen := runLines(t, nil, ".log case.log", "select people;", ".export people.csv", ".export -f people.csv", ".log off")
	sum := sha256.Sum256([]byte(readFile(t, "people.csv")))
	hash := hex.EncodeToString(sum[:])
	if got, want := readFile(t, "people.csv.sha256"), hash+"  people.csv\n"; got != want {
		t.Errorf("the file beside it has %q, want %q", got, want)
	}
	// The screen breaks the line somewhere.
	if note := "wrote people.csv (3 rows, sha256 " + hash + ")"; strings.Count(strings.Join(strings.Fields(strings.ReplaceAll(screen, "!", "")), " "), note) != 2 {
		t.Errorf("no %q on the screen:\n%s", note, screen)
	}
	if log := readFile(t, "case.log"); strings.Count(log, "    people.csv\n    sha256 "+hash+", 3 rows\n") != 2 {
		t.Errorf("the transcript:\n%s", log)
	}
	info, err := os.Stat("case.log")
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("the transcript: %v, %v", info, err)
	}
}

// TestHistoryOfTwoSessions: what one session was told the next can recall, but
// for what began with a space, and what nobody typed.
func TestHistoryOfTwoSessions(t *testing.T) {
	state := t.TempDir()
	with := func(change func(*Options)) func(*Options) {
		return func(o *Options) {
			o.StateDir = state
			if change != nil {
				change(o)
			}
		}
	}
	runLines(t, with(nil), "select people", "where x;", " select 'secret';", ".mode csv", "select wrng;")
	runLines(t, with(func(o *Options) { o.NoHistory = true }), "select 'not kept';")
	runLines(t, with(func(o *Options) { o.Interactive, o.Screen = false, Screen{} }), "select 'of a script';")
	var screen recorder
	o := testOptions(t, &fakeEngine{}, &screen)
	with(nil)(&o)
	s := newTestSession(t, o)
	if got := strings.Join(s.History(), "|"); got != "select people\nwhere x;|.mode csv|select wrng;" {
		t.Errorf("history %q", got)
	}
}

func TestDuration(t *testing.T) {
	for d, want := range map[string]string{"0s": "0.00 s", "410ms": "0.41 s", "12.6s": "13 s", "119s": "119 s", "200s": "3 min 20 s", "3h5m": "3 h 5 min"} {
		parsed, err := time.ParseDuration(d)
		if err != nil {
			t.Fatal(err)
		}
		if got := quantity.Duration(parsed); got != want {
			t.Errorf("%s: %s, want %s", d, got, want)
		}
	}
	for text, want := range map[string]int64{"0": 0, "100": 100, "1kB": 1000, "1 KiB": 1024, "1.5GB": 1_500_000_000, "2m": 2 << 20, "x": -1, "1XB": -1, "99999999T": -1, "": -1} {
		got, err := quantity.ParseBytes(text)
		if err != nil {
			got = -1
		}
		if got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 9_200_000_000: "9.2 GB"} {
		if got := quantity.Bytes(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
