package schedule

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trailql/trailql/report/delivery"
	"github.com/trailql/trailql/report/pack"
)

func writeSchedules(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "schedules.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestLoad(t *testing.T) {
	name := writeSchedules(t, `# ours
schedules:
  - name: daily-pci
    cron: "@daily"
    zone: Europe/Berlin
    packs: [pci-dss-4@4.0.1, soc2]
    period: yesterday
    jitter: 10m
    output: reports
    scope: /etc/scope.yaml
    convert: [s3://bucket/AWSLogs, archive]
    retention: 6y
    deliver:
      - folder: audit
      - webhook: {url: https://example.com/hook, secret_env: HOOK_SECRET}
`)
	zoneFor(t, "Europe/Berlin")
	schedules, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	s, dir := schedules[0], filepath.Dir(name)
	if len(schedules) != 1 || s.Location().String() != "Europe/Berlin" || s.Jitter != Duration(10*time.Minute) || s.Retention != Duration(6*365*24*time.Hour) {
		t.Errorf("got %+v", s)
	}
	if want := []pack.Selection{{Pack: "pci-dss-4", Version: "4.0.1"}, {Pack: "soc2"}}; !reflect.DeepEqual(s.Selections(), want) {
		t.Errorf("selections %v", s.Selections())
	}
	// Paths begin at the file: a timer has another current folder.
	for got, want := range map[string]string{
		s.Output: dir + "/reports", s.Scope: "/etc/scope.yaml", s.Convert[0]: "s3://bucket/AWSLogs",
		s.Convert[1]: dir + "/archive", s.Deliver[0].Folder: dir + "/audit", s.Exceptions: "",
	} {
		if got != want {
			t.Errorf("path %q, want %q", got, want)
		}
	}
	from := time.Date(2026, 3, 28, 23, 0, 0, 0, time.UTC)
	if got := s.Folder(from, from.Add(23*time.Hour)); got != dir+"/reports/daily-pci/2026-03-29_2026-03-30" {
		t.Errorf("folder %s", got)
	}
}

func TestLoadNothing(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "comment": "# nothing yet\n", "no list": "schedules:\n", "empty list": "schedules: []\n", "JSON": `{"schedules": []}`} {
		if schedules, err := Load(writeSchedules(t, text)); err != nil || len(schedules) > 0 {
			t.Errorf("%s: %v, %v", name, schedules, err)
		}
	}
	if schedules, err := Load(filepath.Join(t.TempDir(), "none.yaml")); err != nil || len(schedules) > 0 {
		t.Errorf("no file: %v, %v", schedules, err)
	}
}

func TestLoadErrors(t *testing.T) {
	const head = "schedules:\n  - name: a\n    cron: '@daily'\n    packs: [soc2]\n    period: yesterday\n    output: x\n"
	for _, test := range []struct{ name, text, want string }{
		{"unknown key", head + "    colour: red\n", `:7:5: unknown key "colour"`},
		{"unknown key at the top", "schedule: []\n", `:1:1: unknown key "schedule" in the file`},
		{"unknown key of a target", head + "    deliver:\n      - smtp: {hots: x}\n", `:8:16: unknown key "hots" in smtp`},
		{"password in the file", head + "    deliver:\n      - smtp: {password: x}\n", `:8:16: unknown key "password" in smtp`},
		{"key twice", head + "    output: y\n", `:7:5: key "output" is there twice`},
		{"name twice", head + strings.TrimPrefix(head, "schedules:\n"), `:7:11: schedule "a" is there twice`},
		{"bad cron", strings.Replace(head, "@daily", "61 * * * *", 1), `:3:11: cron expression "61 * * * *"`},
		{"bad zone", head + "    zone: Mars/Olympus\n", `:7:11: time zone "Mars/Olympus"`},
		{"this machine's zone", head + "    zone: Local\n", `:7:11: time zone "Local"`},
		{"bad period", strings.Replace(head, "yesterday", "2026-08", 1), `:5:13: period "2026-08"`},
		{"bad name", strings.Replace(head, "name: a", "name: ../a", 1), `:2:11: name "../a"`},
		{"bad pack", strings.Replace(head, "[soc2]", "[soc2, 'a b']", 1), `:4:12: pack "a b"`},
		{"no packs", strings.Replace(head, "[soc2]", "[]", 1), `:4:12: no packs`},
		{"no output", strings.Replace(head, "    output: x\n", "", 1), `:2:5: no output`},
		{"output on S3", strings.Replace(head, "output: x", "output: s3://b/x", 1), `output "s3://b/x": reports are written to folders`},
		{"bad duration", head + "    jitter: 10 minutes\n", `duration "10 minutes"`},
		{"endless jitter", head + "    jitter: 2d\n", `:7:13: jitter 2d`},
		{"bad catch-up", head + "    catch_up: never\n", `:7:15: catch_up "never"`},
		{"bad severity", head + "    fail_on: awful\n", `:7:14: fail_on`},
		{"target of two kinds", head + "    deliver:\n      - {folder: x, s3: 's3://b'}\n", `exactly one of folder`},
		{"S3", head + "    deliver:\n      - s3: http://b/x\n", `want s3://BUCKET/PREFIX`},
		{"target twice", head + "    deliver:\n      - folder: x\n      - folder: x\n", `is there twice`},
		{"wrong type", "schedules: 5\n", `:1:12: schedules: want a list`},
		{"entry of a wrong type", "schedules: [5]\n", `:1:13: schedules: want keys with values`},
		{"list for a text", strings.Replace(head, "name: a", "name: [a]", 1), `:2:11: name: want one value`},
		{"text for a list", strings.Replace(head, "[soc2]", "soc2", 1), `:4:12: packs: want a list`},
		{"anchor", "schedules: &x []\n", `anchors`},
		{"no YAML", "schedules: [\n", `:`},
		{"two documents", head + "---\n" + head, `a second document`},
		{"not text", "\xff\xfe", `not UTF-8`},
		{"too large", "#" + strings.Repeat("x", maxFile), `larger than 1 MiB`},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Load(writeSchedules(t, test.text))
			problems, ok := errors.AsType[pack.Problems](err)
			if !ok || !strings.Contains(problems.Error(), test.want) {
				t.Errorf("got %v, want an error with %s", err, test.want)
			}
		})
	}
}

func example(name string) Schedule {
	return Schedule{
		Name: name, Cron: "30 6 * * 1-5", Packs: []string{"soc2"}, Period: "yesterday", Output: "/srv/reports",
		Jitter: Duration(10 * time.Minute), Created: time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC),
		Deliver: []delivery.Target{{SMTP: &delivery.SMTP{Host: "mail.example.com", From: "a@example.com", To: []string{"b@example.com"}}}},
	}
}

func TestAddAndRemove(t *testing.T) {
	ctx := t.Context()
	name := filepath.Join(t.TempDir(), "new", "schedules.yaml")
	for _, s := range []string{"a", "b", "c"} {
		if err := Add(ctx, name, example(s)); err != nil {
			t.Fatal(err)
		}
	}
	if err := Add(ctx, name, example("b")); !errors.Is(err, ErrExist) {
		t.Errorf("a name that is taken: %v", err)
	}
	if err := Remove(ctx, name, "b"); err != nil {
		t.Fatal(err)
	}
	if err := Remove(ctx, name, "b"); !errors.Is(err, ErrNotExist) {
		t.Errorf("removed twice: %v", err)
	}
	schedules, err := Load(name)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range schedules {
		names = append(names, s.Name)
	}
	if !reflect.DeepEqual(names, []string{"a", "c"}) {
		t.Errorf("left: %q", names)
	}
	want := example("a")
	got := *schedules[0]
	got.table, got.zone = Timetable{}, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("read back %+v, want %+v", got, want)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := Add(ctx, name, Schedule{Name: "d"}); err == nil {
		t.Error("a schedule that is not valid was added")
	}
	if again, err := Load(name); err != nil || len(again) != 2 {
		t.Errorf("after a refused one: %d, %v", len(again), err)
	}
}

func TestEditingKeepsComments(t *testing.T) {
	name := writeSchedules(t, `# For the audit of 2026.
schedules:
  # Asked for by finance.
  - name: a # daily
    cron: "@daily"
    packs: [soc2]
    period: yesterday
    output: /x
`)
	if err := Add(t.Context(), name, example("b")); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, comment := range []string{"# For the audit of 2026.", "# Asked for by finance.", "# daily"} {
		if !strings.Contains(string(data), comment) {
			t.Errorf("%s is gone from\n%s", comment, data)
		}
	}
}

func TestAddAtTheSameTime(t *testing.T) {
	name := filepath.Join(t.TempDir(), "schedules.yaml")
	var group sync.WaitGroup
	for i := range 10 {
		group.Go(func() {
			if err := Add(t.Context(), name, example(fmt.Sprintf("s%d", i))); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if schedules, err := Load(name); err != nil || len(schedules) != 10 {
		t.Errorf("%d schedules, %v", len(schedules), err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(name), ".*.tmp"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

func TestDuration(t *testing.T) {
	for text, want := range map[string]string{"90s": "90s", "120s": "2m", "10m": "10m", "24h": "1d", "400d": "400d", "7y": "7y", "0s": "0s"} {
		d, err := ParseDuration(text)
		if err != nil || d.String() != want {
			t.Errorf("%s: %s, %v", text, d, err)
		}
	}
	for _, text := range []string{"", "5", "-5m", "1.5h", "h", "1w", "99999999999999999d", "300y", "10m5s"} {
		if d, err := ParseDuration(text); err == nil {
			t.Errorf("%q: %s", text, d)
		}
	}
}

func TestParseTarget(t *testing.T) {
	for text, want := range map[string]string{
		"audit":                 "folder /here/audit",
		"/mnt/audit":            "folder /mnt/audit",
		"{folder: audit}":       "folder /here/audit",
		"{slack: {url_env: S}}": "slack S",
		`{"webhook": {"url": "https://example.com/", "secret_env": "S"}}`: "webhook example.com",
	} {
		target, err := ParseTarget(text, "/here")
		if err != nil || target.Name() != want {
			t.Errorf("%s: %s, %v", text, target.Name(), err)
		}
	}
	for text, want := range map[string]string{
		"":                           "exactly one",
		"{":                          "yaml",
		"{slak: {}}":                 `unknown key "slak"`,
		"{slack: {url: https://x/}}": `unknown key "url" in slack`,
		"{slack: 5}":                 "want keys with values",
		"{slack: {}}":                "no url",
		"{webhook: {url: 5.5}}":      "url",
	} {
		if target, err := ParseTarget(text, "/here"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v", text, target, err)
		}
	}
}

// TestTargetFiles: a timer has another current folder than who wrote the file.
func TestTargetFiles(t *testing.T) {
	for _, test := range []struct {
		name, target string
		want         []string
	}{
		{"mail", "{smtp: {host: h, from: a@example.com, to: [b@example.com], user: u, ca_file: ca.pem, password_file: keys/mail}}", []string{"/here/ca.pem", "/here/keys/mail"}},
		{"webhook", "{webhook: {url_file: url, secret_file: ../secret, ca_file: ca.pem}}", []string{"/here/url", "/secret", "/here/ca.pem"}},
		{"Slack", "{slack: {url_file: url, ca_file: ca.pem}}", []string{"/here/url", "/here/ca.pem"}},
		{"absolute", "{slack: {url_file: /etc/url}}", []string{"/etc/url"}},
		{"no files", "{slack: {url_env: SLACK_URL}}", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			target, err := ParseTarget(test.target, "/here")
			if got := TargetFiles(target); err != nil || !slices.Equal(got, test.want) {
				t.Errorf("one target: %q, %v, want %q", got, err, test.want)
			}
			text := "schedules:\n  - {name: s, cron: '@daily', packs: [soc2], period: yesterday, output: x, deliver: [" + test.target + "]}\n"
			schedules, _, problems := parse("/here/schedules.yaml", []byte(text))
			if len(problems) > 0 {
				t.Fatal(problems)
			}
			if got := TargetFiles(schedules[0].Deliver[0]); !slices.Equal(got, test.want) {
				t.Errorf("in the file: %q, want %q", got, test.want)
			}
		})
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("schedules:\n  - {name: a, cron: '@daily', packs: [soc2], period: yesterday, output: x, deliver: [{folder: y}]}\n")
	f.Add("---\n")
	f.Add("{}")
	f.Add("schedules: [[]]")
	f.Fuzz(func(t *testing.T, text string) {
		schedules, document, problems := parse("/x/schedules.yaml", []byte(text))
		if len(problems) == 0 {
			for _, s := range schedules {
				if s.Next(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() && !s.Disabled {
					t.Errorf("%+v never runs", s)
				}
			}
			listIn(document)
		}
		_, _ = ParseTarget(text, "/x")
	})
}
