//go:build cgo && duckdb_arrow && (linux || darwin)

package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// endless takes hours.
const endless = "select count(*) from cloudtrail_logs a, cloudtrail_logs b, cloudtrail_logs c, cloudtrail_logs d where a.eventid = b.useragent || c.useragent || d.useragent;"

const (
	ctrlC = "\x03"
	ctrlD = "\x04"
	ctrlR = "\x12"
	ctrlZ = "\x1a"
	up    = "\x1b[A"
)

func TestShell(t *testing.T) {
	p := newShellPlace(t)
	x := p.shell(t)
	x.wait("trailql devel · ~/warehouse · 1,197 events · 2025-06-01 … 2025-06-03", ".help for help")
	x.send("select eventsource, count(*) n\r")
	x.waitLast("      ->")
	x.send("from cloudtrail_logs where errorcode = 'AccessDenied'\r")
	x.wait("      -> from cloudtrail_logs")
	x.waitLast("      ->")
	x.send("group by 1 order by 2 desc, 1 limit 2;")
	x.wait("limit 2;")
	x.send("\r")
	x.wait("│ eventsource", "2 rows")
	x.waitLast("trailql>")
	// The whole statement comes back, to be changed.
	x.send(up)
	x.wait("trailql> select eventsource, count(*) n")
	x.send("\x05\x1b[D\x1b[D\x1b[D") // to the end, and three to the left
	x.send(ctrlC)
	x.waitLast("trailql>")
	x.send("select useridentity.sessioncontext.sess\t")
	x.wait("sessionissuer")
	x.send(ctrlC)
	x.send("select count(*) as again from _;\r")
	x.wait("again")
	x.send(".exit\r")
	x.end(0)
	history, err := os.ReadFile(filepath.Join(p.home, "state", "trailql", "history.jsonl"))
	if err != nil || !strings.Contains(string(history), "again from _") {
		t.Errorf("history %q, %v", history, err)
	}
	info, err := os.Stat(filepath.Join(p.home, "state", "trailql", "history.jsonl"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	// Another shell finds it.
	y := p.shell(t)
	y.send(ctrlR + "accessden")
	y.wait("from cloudtrail_logs where errorcode = 'AccessDenied'")
	y.send("\r\r")
	y.wait("2 rows")
	y.waitLast("trailql>")
	y.send(ctrlD)
	y.end(0)
}

// TestShellCancels: at once, and every time.
func TestShellCancels(t *testing.T) {
	x := newShellPlace(t).shell(t)
	for range 3 {
		x.send(endless + "\r")
		x.wait("rows/s") // progress
		x.send(ctrlC)
		x.wait("Cancelling", "cancelled after", "nothing was written")
		x.waitLast("trailql>")
		x.send("\x0c") // a new screen
		x.waitFor("an empty screen", func(screen string) bool { return strings.TrimSpace(screen) == "trailql>" })
	}
	x.send("select 'alive' || 'ness' as word;\r")
	x.wait("aliveness")
	x.waitLast("trailql>")
	x.send(ctrlD)
	x.end(0)
}

// TestShellEnds: however the shell ends, the terminal is as it was.
func TestShellEnds(t *testing.T) {
	p := newShellPlace(t)
	for _, tt := range []struct {
		name   string
		keys   string         // typed at the prompt
		shown  string         // before the signal
		signal syscall.Signal // 0 for none
		code   int
	}{
		{"Ctrl-D", ctrlD, "", 0, 0},
		{"exit", ".exit\r", "", 0, 0},
		{"exit with a code", ".exit 9\r", "", 0, 9},
		{"SIGTERM at the prompt", "select 1\r", "->", syscall.SIGTERM, exitTerminated},
		{"SIGHUP at the prompt", "select 1", "select 1", syscall.SIGHUP, 129},
		{"SIGQUIT at the prompt", "select 1", "select 1", syscall.SIGQUIT, 131},
		{"SIGTERM in a query", endless + "\r", "rows/s", syscall.SIGTERM, exitTerminated},
		{"SIGHUP in a query", endless + "\r", "rows/s", syscall.SIGHUP, 129},
		{"SIGQUIT in a query", endless + "\r", "rows/s", syscall.SIGQUIT, 131},
	} {
		t.Run(tt.name, func(t *testing.T) {
			x := p.shell(t)
			x.send(tt.keys)
			if tt.signal != 0 {
				x.wait(tt.shown)
				if err := x.cmd.Process.Signal(tt.signal); err != nil {
					t.Fatal(err)
				}
			}
			x.end(tt.code)
		})
	}
}

// TestShellEndsWithPager: nor does a pager that is killed leave it changed.
func TestShellEndsWithPager(t *testing.T) {
	p := newShellPlace(t)
	p.environment = append(p.environment, "TRAILQL_PAGER=sh -c 'stty -echo -icanon </dev/tty; cat; echo pa''ging; cat /dev/tty'")
	x := p.shell(t)
	x.send("select eventid from cloudtrail_logs order by 1;")
	x.wait("order by 1;")
	x.send("\r")
	x.wait("paging")
	if err := x.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	x.end(exitTerminated)
}

// TestShellStops: Ctrl-Z gives the terminal back to the shell of the system, fg
// takes it again.
func TestShellStops(t *testing.T) {
	p := newShellPlace(t)
	p.environment = append(p.environment, "PS1=bash$ ")
	x := p.start(t, "bash", "--norc", "--noprofile", "-i")
	x.waitLast("bash$")
	x.send("cd; stty -g > before; trailql\r")
	x.waitLast("trailql>")
	x.send("select 1 +\r")
	x.waitLast("      ->")
	x.send("41 as sum")
	x.wait("-> 41 as sum")
	x.send(ctrlZ)
	x.wait("Stopped")
	x.send("stty -g > stopped; cmp before stopped && echo 'the ''same'\r")
	x.wait("the same")
	x.waitLast("bash$")
	x.send("fg\r")
	x.waitLast("      -> 41 as sum")
	x.send(";\r")
	x.wait("42")
	x.send(endless + "\r")
	x.wait("rows/s")
	x.send(ctrlZ)
	x.waitFor("two stops", func(screen string) bool { return strings.Count(screen, "Stopped") == 2 })
	x.waitLast("bash$")
	x.send("fg\r")
	x.waitFor("the query again", func(screen string) bool {
		at := strings.LastIndex(screen, "Stopped")
		return at >= 0 && strings.Contains(screen[at:], "rows/s")
	})
	x.send(ctrlC)
	x.wait("cancelled after")
	x.waitLast("trailql>")
	x.send(ctrlD)
	x.waitLast("bash$")
	x.send("stty -g | cmp before - && echo 'as ''before'\r")
	x.wait("as before")
	x.send("exit\r")
	x.end(0)
}

// TestShellHostile: what others have written does not control the terminal.
func TestShellHostile(t *testing.T) {
	p := newShellPlace(t)
	x := p.shell(t, "shell", "--dialect", "duckdb")
	x.send("select chr(27) || ']52;c;aGk=' || chr(7) || chr(8238) || 'evil' as \"na" + "me\", 1 as x;\r")
	x.wait("␛]52;c;aGk=␇", `\u{202e}evil`, "warning: 1 value")
	x.send("select * from _ where x = 1 \\G\r")
	x.wait("RECORD 1")
	x.send("select cast((select name from _) as integer);\r")
	x.wait("error: ", "Could not convert string")
	x.send(".exit\r")
	x.end(0)
	for _, bad := range []string{"\x1b]52", "\u202e", "\x07"} {
		if strings.Contains(x.written(), bad) {
			t.Errorf("%q was written to the terminal", bad)
		}
	}
}

// TestShellPlain: a terminal that can do nothing gets plain lines.
func TestShellPlain(t *testing.T) {
	p := newShellPlace(t)
	for _, tt := range []struct {
		name        string
		environment string
		args        []string
	}{
		{"flag", "", []string{"shell", "--no-editor"}},
		{"dumb terminal", "TERM=dumb", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			q := *p
			q.environment = append(q.environment[:len(q.environment):len(q.environment)], tt.environment)
			x := q.shell(t, tt.args...)
			x.send("select 1 +\n")
			x.waitLast("      ->")
			x.send("41 as sum;\n")
			x.wait("     42 │", "1 row")
			if tt.environment != "" && strings.Contains(x.written(), "\x1b[") {
				t.Errorf("a dumb terminal got %q", x.written())
			}
			x.send("\x04")
			x.end(0)
		})
	}
}
