package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trailql/trailql/report/delivery"
	"github.com/trailql/trailql/report/ledger"
)

// office runs commands at times that a test chooses.
type office struct {
	t   *testing.T
	dir string
	now time.Time
}

func newOffice(t *testing.T, now string) *office {
	t.Helper()
	if !hasDuckDB {
		t.Skip("built without the query engine")
	}
	o := &office{t: t, dir: t.TempDir()}
	o.at(now)
	return o
}

func (o *office) at(now string) {
	o.t.Helper()
	var err error
	if o.now, err = time.Parse("2006-01-02 15:04", now); err != nil {
		o.t.Fatal(err)
	}
}

func (o *office) path(name string) string { return filepath.Join(o.dir, name) }

// run executes a command line and checks its exit code.
func (o *office) run(want int, args ...string) (stdout, stderr string) {
	o.t.Helper()
	var out, notes bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &notes, now: func() time.Time { return o.now }}
	args = append(args, "--warehouse", o.path("warehouse"))
	if args[0] == "schedule" {
		args = append(args, "--schedules", o.path("schedules.yaml"), "--state-dir", o.path("state"))
	}
	if code := run(o.t.Context(), args, a); code != want {
		o.t.Fatalf("%q: exit code %d, want %d\n%s%s", args, code, want, &out, &notes)
	}
	return out.String(), notes.String()
}

// field is a column of lines with tabs.
func field(text string, n int) string {
	var values []string
	for line := range strings.Lines(text) {
		values = append(values, strings.Split(strings.TrimSpace(line), "\t")[n])
	}
	return strings.Join(values, " ")
}

// TestSchedule is the life of a schedule: added, run, down for days, run again,
// asked about, removed.
func TestSchedule(t *testing.T) {
	const sample = "../../testdata/sample"
	if _, err := os.Stat(sample); err != nil {
		t.Skip("no sample archive")
	}
	o := newOffice(t, "2025-06-01 12:00")
	audit := o.path("audit")
	_, notes := o.run(exitOK, "schedule", "add", "daily", "security-baseline", "--cron", "30 6 * * *", "--tz", "Europe/Berlin", "--period", "yesterday",
		"-o", o.path("reports"), "--convert", sample, "--deliver", audit, "--retention", "2d", "--format", "json,md")
	if !strings.Contains(notes, "first run is due 2025-06-02 06:30 CEST") {
		t.Errorf("notes %s", notes)
	}
	o.run(exitUsage, "schedule", "add", "daily", "soc2", "--cron", "@daily", "--period", "yesterday", "-o", o.path("reports"))

	out, _ := o.run(exitOK, "schedule", "run")
	if out != "" {
		t.Errorf("before its time: %s", out)
	}
	// The folder of the audit is not mounted: the report is made and waits there.
	o.at("2025-06-02 04:30")
	out, notes = o.run(exitFailed, "schedule", "run")
	if field(out, 1) != "2025-06-01/2025-06-02" || !strings.Contains(notes, "new records from") || !strings.Contains(notes, audit+": no such file or directory; it is tried again") {
		t.Fatalf("%s%s", out, notes)
	}
	if got := field(out, 3); got != o.path("reports/daily/2025-06-01_2025-06-02") {
		t.Errorf("folder %s", got)
	}
	// Three days later: what waits is delivered, and what was missed is made, each day once.
	if err := os.Mkdir(audit, 0o700); err != nil {
		t.Fatal(err)
	}
	o.at("2025-06-05 12:00")
	out, notes = o.run(exitIncomplete, "schedule", "run")
	if got := field(out, 1); got != "2025-06-02/2025-06-03 2025-06-03/2025-06-04 2025-06-04/2025-06-05" {
		t.Errorf("made %s\n%s", got, notes)
	}
	delivered, err := os.ReadDir(audit)
	if err != nil || len(delivered) != 4 {
		t.Errorf("%d delivered, %v", len(delivered), err)
	}
	// Retention took the report whose period ended more than two days ago.
	left, err := os.ReadDir(o.path("reports/daily"))
	if err != nil || len(left) != 2 || left[0].Name() != "2025-06-03_2025-06-04" {
		t.Errorf("left %v, %v", left, err)
	}
	// What the printed units run.
	if out, notes = o.run(exitOK, "report", "run", "--due", "--schedules", o.path("schedules.yaml"), "--state-dir", o.path("state"), "--quiet"); out+notes != "" {
		t.Errorf("made again: %s%s", out, notes)
	}
	// By hand it is a revision beside the first.
	out, _ = o.run(exitIncomplete, "schedule", "run", "daily")
	if got := field(out, 3); got != o.path("reports/daily/2025-06-04_2025-06-05-r2") {
		t.Errorf("revision %s", got)
	}
	o.run(exitUsage, "schedule", "run", "weekly")

	// The proof that somebody looked every day.
	out, _ = o.run(exitOK, "query", "-F", "tsv", "--no-header", "SELECT date(period_from AT TIME ZONE 'Europe/Berlin'), count(*), count(manifest_sha256), max(status) FROM report_runs WHERE pack = 'security-baseline' AND schedule = 'daily' GROUP BY 1 ORDER BY 1")
	if want := "2025-06-01\t1\t1\talarm\n2025-06-02\t1\t1\talarm\n2025-06-03\t1\t1\talarm\n2025-06-04\t2\t2\tincomplete\n"; out != want {
		t.Errorf("ledger %q, want %q", out, want)
	}

	out, _ = o.run(exitOK, "schedule", "list", "--format", "json")
	var list []scheduleLine
	if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 || list[0].Owed != 0 || list[0].Last == nil || list[0].Last.Error != "" ||
		!list[0].Next.Equal(time.Date(2025, 6, 6, 4, 30, 0, 0, time.UTC)) {
		t.Errorf("list %s, %v", out, err)
	}
	o.run(exitOK, "schedule", "remove", "daily")
	o.run(exitUsage, "schedule", "remove", "daily")
}

// TestScheduleFailure: a report that cannot be made is owed, tried again, and
// people get to know once.
func TestScheduleFailure(t *testing.T) {
	o := newOffice(t, "2025-06-01 12:00")
	received := o.receive("s3cr3t")
	o.run(exitOK, "schedule", "add", "daily", "soc2", "--cron", "0 6 * * *", "--period", "yesterday", "-o", o.path("reports"), "--deliver", received.target)
	o.at("2025-06-02 06:00")
	_, notes := o.run(exitFailed, "schedule", "run") // there is no warehouse
	if !strings.Contains(notes, "schedule daily, 2025-06-01/2025-06-02, attempt 1: open warehouse") {
		t.Errorf("notes %s", notes)
	}
	if out, _ := o.run(exitOK, "schedule", "list"); !strings.Contains(out, "failed 2025-06-02 06:00 UTC, attempt 1: open warehouse") {
		t.Errorf("list %s", out)
	}
	if _, err := os.Stat(o.path("reports")); err == nil {
		t.Error("half a report was left")
	}
	o.run(exitOK, "schedule", "run") // not yet
	o.at("2025-06-02 06:10")
	if _, notes = o.run(exitFailed, "schedule", "run"); !strings.Contains(notes, "attempt 2") {
		t.Errorf("notes %s", notes)
	}
	if m := received.messages(); len(m) != 1 || m[0].Status != ledger.Failed || m[0].Schedule != "daily" || m[0].Dir != "" {
		t.Errorf("messages %+v", m)
	}
	o.run(exitOK, "convert", "../../testdata/sample")
	o.at("2025-06-02 06:30")
	o.run(exitIncomplete, "schedule", "run") // the archive begins in the morning
	if m := received.messages(); len(m) != 2 || m[1].Status == ledger.Failed || m[1].Dir == "" {
		t.Errorf("messages %+v", m)
	}
}

// TestScheduleByHand: a file that nobody checked is checked before it is due, and a
// run that fails before it begins is in the ledger.
func TestScheduleByHand(t *testing.T) {
	o := newOffice(t, "2025-06-02 12:00")
	o.run(exitOK, "convert", "../../testdata/sample")
	text := `schedules:
  - {name: pdf, cron: "0 6 * * *", packs: [soc2], period: yesterday, output: reports, formats: [pdf], created: 2025-06-02T12:00:00Z}
  - {name: nope, cron: "0 7 * * *", packs: [nope], period: yesterday, output: reports, created: 2025-06-02T12:00:00Z}
  - {name: away, cron: "0 8 * * *", packs: [soc2], period: yesterday, output: reports, deliver: [{folder: /none/there}, {slack: {url_file: none}}], created: 2025-06-04T12:00:00Z}
  - {name: tables, cron: "0 9 * * *", packs: [soc2], period: yesterday, output: reports, formats: [csv], baseline: previous, created: 2025-06-04T12:00:00Z}
`
	if err := os.WriteFile(o.path("schedules.yaml"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	faults := []string{`schedule pdf: --format: `, `schedule nope: there is no pack "nope"`, `schedule away: deliver: folder /none/there: no such file`, `schedule away: deliver: file ` + o.path("none") + `: no such file`, `schedule tables: --baseline previous: `}
	_, listed := o.run(exitOK, "schedule", "list")
	_, checked := o.run(exitUsage, "report", "validate", o.path("schedules.yaml"))
	for _, want := range faults {
		if !strings.Contains(listed, want) || !strings.Contains(checked, want) {
			t.Errorf("want %q in\n%s%s", want, listed, checked)
		}
	}
	o.at("2025-06-03 06:30")
	o.run(exitFailed, "schedule", "run")
	out, _ := o.run(exitOK, "query", "-F", "tsv", "--no-header", "SELECT schedule, status, date(period_from), pack, error FROM report_runs ORDER BY started")
	if !strings.HasPrefix(out, "pdf\tfailed\t2025-06-02\tsoc2\t--format: ") || strings.Count(out, "\n") != 1 {
		t.Errorf("ledger %q", out)
	}
}

// TestScheduleSameName: schedules of the same name in two files fail and are missed
// for themselves.
func TestScheduleSameName(t *testing.T) {
	o := newOffice(t, "2025-06-02 12:00")
	received := o.receive("s3cr3t")
	o.run(exitOK, "convert", "../../testdata/sample")
	text := "schedules:\n  - {name: daily, cron: '0 6 * * *', packs: [nope], period: yesterday, output: reports, catch_up: newest, created: 2025-06-02T12:00:00Z, deliver: [" + received.target + "]}\n"
	o.at("2025-06-04 12:00")
	for _, dir := range []string{"one", "two"} {
		if err := os.WriteFile(o.path(dir+".yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		o.run(exitFailed, "report", "run", "--due", "--schedules", o.path(dir+".yaml"), "--state-dir", o.path("state"))
	}
	if n := len(received.messages()); n != 2 {
		t.Errorf("%d messages, want one for each failure", n)
	}
	out, _ := o.run(exitOK, "query", "-F", "tsv", "--no-header", "SELECT status FROM report_runs WHERE status = 'skipped'")
	if out != "skipped\nskipped\n" {
		t.Errorf("ledger %q", out)
	}
}

// receiver is a webhook that checks signatures.
type receiver struct {
	target string // for --deliver
	mu     sync.Mutex
	got    []delivery.Message
}

func (o *office) receive(secret string) *receiver {
	o.t.Helper()
	r := &receiver{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		var m delivery.Message
		body, err := io.ReadAll(request.Body)
		if err == nil {
			err = delivery.CheckSignature(secret, request.Header.Get(delivery.SignatureHeader), body, o.now, time.Minute)
		}
		if err == nil {
			err = json.Unmarshal(body, &m)
		}
		if err != nil {
			o.t.Error(err)
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.got = append(r.got, m)
	}))
	o.t.Cleanup(server.Close)
	o.t.Setenv("TRAILQL_TEST_SECRET", secret)
	r.target = `{webhook: {url: "` + server.URL + `", secret_env: TRAILQL_TEST_SECRET}}`
	return r
}

func (r *receiver) messages() []delivery.Message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got
}

func TestScheduleSkips(t *testing.T) {
	o := newOffice(t, "2025-06-02 12:00")
	o.run(exitOK, "convert", "../../testdata/sample")
	o.run(exitOK, "schedule", "add", "daily", "soc2", "--cron", "0 6 * * *", "--period", "yesterday", "-o", o.path("reports"), "--catch-up", "newest")
	o.at("2025-06-04 12:00")
	if _, notes := o.run(exitUsage, "schedule", "run", "daily", "dayly"); !strings.Contains(notes, `schedule "dayly": does not exist`) {
		t.Errorf("notes %s", notes)
	}
	if _, err := os.Stat(o.path("reports")); err == nil {
		t.Error("a name is wrong, and a report was made")
	}
	out, notes := o.run(exitIncomplete, "schedule", "run") // the archive ends in the evening
	if field(out, 1) != "2025-06-03/2025-06-04" || !strings.Contains(notes, "the run of 2025-06-03T06:00:00Z was missed and is not made up for: trailql report run --period 2025-06-02/2025-06-03 --tz UTC does") {
		t.Errorf("%s%s", out, notes)
	}
	out, _ = o.run(exitOK, "query", "-F", "tsv", "--no-header", "SELECT status, date(period_from), pack FROM report_runs ORDER BY started")
	if !strings.HasPrefix(out, "skipped\t2025-06-02\tsoc2\n") || strings.Count(out, "\n") != 2 {
		t.Errorf("ledger %q", out)
	}
}

func TestScheduleWebhook(t *testing.T) {
	o := newOffice(t, "2025-06-01 12:00")
	received := o.receive("s3cr3t")
	o.run(exitOK, "convert", "../../testdata/sample")
	o.run(exitOK, "schedule", "add", "monthly", "soc2", "--cron", "@monthly", "--period", "last-month", "-o", o.path("reports"), "--deliver", received.target)
	o.at("2025-07-01 06:00")
	out, _ := o.run(exitIncomplete, "schedule", "run")
	all := received.messages()
	if len(all) != 1 {
		t.Fatalf("%d messages", len(all))
	}
	if m := all[0]; string(m.Status) != field(out, 2) || m.Schedule != "monthly" || m.Packs[0].ID != "soc2" || m.Dir != field(out, 3) || m.Period.Name != "last-month" {
		t.Errorf("message %+v for %s", m, out)
	}
}

// TestScheduleCannotNote: a report whose delivery could not be noted is owed.
func TestScheduleCannotNote(t *testing.T) {
	o := newOffice(t, "2025-06-02 12:00")
	received := o.receive("s3cr3t")
	o.run(exitOK, "convert", "../../testdata/sample")
	o.run(exitOK, "schedule", "add", "daily", "soc2", "--cron", "0 6 * * *", "--period", "yesterday", "-o", o.path("reports"), "--deliver", received.target)
	broken := o.path("state/deliveries") // a file where the folder belongs
	if err := os.MkdirAll(o.path("state"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(broken, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o.at("2025-06-03 06:00")
	_, notes := o.run(exitFailed, "schedule", "run")
	if !strings.Contains(notes, "attempt 1: the report is in "+o.path("reports/daily/2025-06-02_2025-06-03")+": the message is neither sent nor in the backlog") {
		t.Errorf("notes %s", notes)
	}
	if err := os.Remove(broken); err != nil {
		t.Fatal(err)
	}
	o.at("2025-06-03 06:10")
	out, _ := o.run(exitOK, "schedule", "run")
	if m := received.messages(); len(m) != 1 || m[0].Status == ledger.Failed || m[0].Dir != field(out, 3) {
		t.Errorf("messages %+v", m)
	}
}

// stopper ends a context at the first line that is written to it.
type stopper struct {
	bytes.Buffer
	stop context.CancelCauseFunc
}

func (s *stopper) Write(p []byte) (int, error) {
	s.stop(signalError{syscall.SIGTERM})
	return s.Buffer.Write(p)
}

func TestScheduleLoop(t *testing.T) {
	o := newOffice(t, "2025-06-02 12:00")
	o.run(exitOK, "convert", "../../testdata/sample")
	o.run(exitOK, "schedule", "add", "daily", "soc2", "--cron", "0 6 * * *", "--period", "yesterday", "-o", o.path("reports"))
	o.at("2025-06-03 12:00")
	ctx, stop := context.WithCancelCause(t.Context())
	out := &stopper{stop: stop}
	a := &app{stdin: strings.NewReader(""), stdout: out, stderr: io.Discard, now: func() time.Time { return o.now }}
	code := run(ctx, []string{"schedule", "run", "--loop", "--warehouse", o.path("warehouse"), "--schedules", o.path("schedules.yaml"), "--state-dir", o.path("state")}, a)
	if code != exitTerminated || field(out.String(), 1) != "2025-06-02/2025-06-03" {
		t.Errorf("exit code %d: %s", code, out.String())
	}
}

// TestScheduleWithJitter: adding and listing name the same time.
func TestScheduleWithJitter(t *testing.T) {
	o := newOffice(t, "2026-11-21 18:00")
	_, added := o.run(exitOK, "schedule", "add", "daily", "soc2", "--cron", "30 6 * * *", "--period", "yesterday", "--jitter", "2h", "-o", o.path("reports"))
	listed, _ := o.run(exitOK, "schedule", "list")
	_, after, ok := strings.Cut(added, "its first run is due ")
	first, _, _ := strings.Cut(after, "\n")
	if !ok || first == "2026-11-22 06:30 UTC" || !strings.Contains(listed, first) {
		t.Errorf("added for %q, listed as\n%s", first, listed)
	}
}

func TestScheduleErrors(t *testing.T) {
	o := newOffice(t, "2025-06-01 12:00")
	add := func(args ...string) []string {
		return append([]string{"schedule", "add"}, args...)
	}
	for _, test := range []struct {
		name string
		args []string
		want string
	}{
		{"no pack", add("daily"), "at least one pack"},
		{"no cron", add("daily", "soc2", "--period", "yesterday", "-o", "x"), "want 5 fields"},
		{"no period", add("daily", "soc2", "--cron", "@daily", "-o", "x"), `period ""`},
		{"no folder", add("daily", "soc2", "--cron", "@daily", "--period", "yesterday"), "no output"},
		{"another pack", add("daily", "soc3", "--cron", "@daily", "--period", "yesterday", "-o", "x"), `did you mean "soc2"`},
		{"another version", add("daily", "soc2@2099", "--cron", "@daily", "--period", "yesterday", "-o", "x"), `no version "2099"`},
		{"no scope file", add("daily", "soc2", "--cron", "@daily", "--period", "yesterday", "-o", "x", "--scope", "none.yaml"), "none.yaml"},
		{"no source", add("daily", "soc2", "--cron", "@daily", "--period", "yesterday", "-o", "x", "--convert", "/none/archive"), "/none/archive"},
		{"secret in the flag", add("daily", "soc2", "--cron", "@daily", "--period", "yesterday", "-o", "x", "--deliver", "{slack: {url: https://x/}}"), `unknown key "url"`},
		{"bad duration", add("daily", "soc2", "--cron", "@daily", "--period", "yesterday", "-o", "x", "--jitter", "soon"), `duration "soon"`},
		{"baseline without json", add("daily", "soc2", "--cron", "@daily", "--period", "yesterday", "-o", "x", "-F", "csv", "--baseline", "previous"), "add json to --format"},
		{"print for nothing", []string{"schedule", "print"}, "exactly one"},
		{"print for two", []string{"schedule", "print", "--cron", "--systemd"}, "exactly one"},
		{"loop by name", []string{"schedule", "run", "--loop", "daily"}, "leave out the names"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, notes := o.run(exitUsage, test.args...); !strings.Contains(notes, test.want) {
				t.Errorf("got %s, want %q", notes, test.want)
			}
		})
	}
	if _, err := os.Stat(o.path("schedules.yaml")); err == nil {
		t.Error("something was added")
	}
	if err := os.WriteFile(o.path("schedules.yaml"), []byte("schedules:\n  - {name: a, colour: red}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"schedule", "list"}, {"schedule", "run"}, {"schedule", "print", "--cron"}, {"schedule", "remove", "a"}} {
		if _, notes := o.run(exitUsage, args...); !strings.Contains(notes, "schedules.yaml:2:15: unknown key \"colour\"") {
			t.Errorf("%q: %s", args, notes)
		}
	}
}
