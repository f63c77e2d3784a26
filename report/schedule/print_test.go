package schedule

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/trailql/trailql/report/delivery"
)

// awkward are legal names that every quoting has to get right.
const awkward = `/srv/my reports/100% $HOME "a" 'b' \n #x`

func unitOptions() UnitOptions {
	return UnitOptions{
		Program: "/usr/bin/env", File: awkward + "/schedules.yaml", StateDir: "/var/lib/trailql", Warehouse: awkward + "/warehouse",
		Schedules: []*Schedule{{
			Output: awkward, Deliver: []delivery.Target{
				{Folder: "/mnt/audit"},
				{Webhook: &delivery.Webhook{URL: "https://example.com/x", SecretEnv: "HOOK_SECRET"}},
				{Slack: &delivery.Slack{URLEnv: "SLACK_URL"}},
				{SMTP: &delivery.SMTP{PasswordEnv: "MAIL_PASSWORD"}},
			},
		}},
	}
}

func units(t *testing.T, p Platform, o UnitOptions) []Unit {
	t.Helper()
	list, err := Units(p, o)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func TestSystemd(t *testing.T) {
	list := units(t, Systemd, unitOptions())
	if len(list) != 2 || list[0].Name != "trailql-reports.service" || list[1].Name != "trailql-reports.timer" {
		t.Fatalf("got %v", list)
	}
	for _, want := range []string{
		`ExecStart=/usr/bin/env report run --due --schedules "/srv/my reports/100%% $$HOME \"a\" 'b' \\n #x/schedules.yaml" --state-dir /var/lib/trailql`,
		"# In this file, which only root can read: HOOK_SECRET, MAIL_PASSWORD, SLACK_URL\n",
		"-/mnt/audit",
		`"-/srv/my reports/100%% $HOME \"a\" 'b' \\n #x"`,
	} {
		if !strings.Contains(list[0].Text, want) {
			t.Errorf("no %s in\n%s", want, list[0].Text)
		}
	}
	if !strings.Contains(list[1].Text, "OnCalendar=*-*-* *:00/10:00\n") {
		t.Error(list[1].Text)
	}
}

// TestRemoteWarehouse: a bucket is named as it is, and there is a place for copies.
func TestRemoteWarehouse(t *testing.T) {
	local, o := unitOptions(), unitOptions()
	o.Warehouse = "s3://lake/trail"
	local.Image, o.Image = "trailql", "trailql"
	for p, want := range map[Platform][]string{
		Systemd:    {" --warehouse s3://lake/trail\n", "CacheDirectory=trailql\nEnvironment=XDG_CACHE_HOME=/var/cache\n"},
		Cron:       {" --warehouse s3://lake/trail "},
		Kubernetes: {"- s3://lake/trail\n", "- name: XDG_CACHE_HOME\n", "value: /var/lib/trailql/cache\n"},
	} {
		text := units(t, p, o)[0].Text
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: no %q in\n%s", p, w, text)
			}
		}
		if text := units(t, p, local)[0].Text; strings.Contains(text, "XDG_CACHE_HOME") {
			t.Errorf("%s: a local warehouse needs no cache:\n%s", p, text)
		}
		if p == Systemd && strings.Contains(text, "-s3:") {
			t.Errorf("a bucket among the folders:\n%s", text)
		}
	}
}

// TestSystemdVerifies asks systemd itself.
func TestSystemdVerifies(t *testing.T) {
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("no systemd-analyze")
	}
	for _, every := range []time.Duration{time.Minute, 15 * time.Minute, time.Hour, 6 * time.Hour, 24 * time.Hour} {
		o := unitOptions()
		o.Every = every
		dir := t.TempDir()
		args := []string{"verify", "--man=no"}
		for _, u := range units(t, Systemd, o) {
			name := filepath.Join(dir, u.Name)
			if err := os.WriteFile(name, []byte(u.Text), 0o600); err != nil {
				t.Fatal(err)
			}
			args = append(args, name)
		}
		out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput()
		if err != nil || strings.Contains(string(out), dir) {
			t.Errorf("every %s: %v\n%s", every, err, out)
		}
	}
}

// TestCron has a shell read the command as cron hands it over.
func TestCron(t *testing.T) {
	o := unitOptions()
	o.Program = "printf"
	list := units(t, Cron, o)
	lines := strings.Split(strings.TrimSpace(list[0].Text), "\n")
	line := lines[len(lines)-1]
	command, ok := strings.CutPrefix(line, "*/10 * * * * printf ")
	if !ok || strings.Contains(strings.ReplaceAll(command, `\%`, ""), "%") {
		t.Fatalf("line %s", line)
	}
	out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", `printf '%s\n' `+strings.ReplaceAll(command, `\%`, "%")).Output()
	if err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n"), append(o.arguments(), "--quiet"); !slices.Equal(got, want) {
		t.Errorf("the shell reads %q, want %q", got, want)
	}
	for every, want := range map[time.Duration]string{time.Minute: "* * * * * ", time.Hour: "0 * * * * ", 6 * time.Hour: "0 */6 * * * ", 24 * time.Hour: "0 0 * * * "} {
		o.Every = every
		if text := units(t, Cron, o)[0].Text; !strings.Contains(text, "\n"+want+"printf") {
			t.Errorf("every %s: %s", every, text)
		}
	}
}

func TestKubernetes(t *testing.T) {
	o := unitOptions()
	o.Image = "registry.example.com/trailql:1.0"
	text := units(t, Kubernetes, o)[0].Text
	if !strings.Contains(text, "# To be changed in schedules.yaml: /mnt/audit is not below /var/lib/trailql\n") {
		t.Error(text)
	}
	var job struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Spec       struct {
			Schedule          string
			TimeZone          string `yaml:"timeZone"`
			ConcurrencyPolicy string `yaml:"concurrencyPolicy"`
			JobTemplate       struct {
				Spec struct {
					Template struct {
						Spec struct {
							Containers []struct {
								Image string
								Args  []string
								Env   []struct {
									Name      string
									ValueFrom struct {
										SecretKeyRef struct{ Name, Key string } `yaml:"secretKeyRef"`
									} `yaml:"valueFrom"`
								}
							}
						}
					}
				}
			} `yaml:"jobTemplate"`
		}
	}
	if err := yaml.Unmarshal([]byte(text), &job); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	c := job.Spec.JobTemplate.Spec.Template.Spec.Containers[0]
	if job.Kind != "CronJob" || job.APIVersion != "batch/v1" || job.Spec.Schedule != "*/10 * * * *" || job.Spec.ConcurrencyPolicy != "Forbid" || c.Image != o.Image || len(c.Env) != 3 {
		t.Errorf("got %+v", job)
	}
	if want := []string{"report", "run", "--due", "--schedules", "/etc/trailql/schedules.yaml", "--state-dir", "/var/lib/trailql/state", "--warehouse", "/var/lib/trailql/warehouse"}; !slices.Equal(c.Args, want) {
		t.Errorf("arguments %q", c.Args)
	}
	for _, e := range c.Env {
		if e.ValueFrom.SecretKeyRef.Key != e.Name {
			t.Errorf("variable %+v", e)
		}
	}
	kubectl, err := exec.LookPath("kubectl")
	if err != nil {
		t.Skip("no kubectl to ask")
	}
	// It decodes the object and needs no cluster for that.
	cmd := exec.CommandContext(t.Context(), kubectl, "annotate", "--local", "-f", "-", "-o", "yaml", "a=b")
	cmd.Env = append(os.Environ(), "KUBECONFIG=/dev/null")
	cmd.Stdin = strings.NewReader(text)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if out, err := cmd.Output(); err != nil || !strings.Contains(string(out), "kind: CronJob") {
		t.Errorf("%v: %s", err, stderr.String())
	}
}

func TestUnitErrors(t *testing.T) {
	for _, test := range []struct {
		name   string
		p      Platform
		change func(*UnitOptions)
		want   string
	}{
		{"every 7 minutes", Cron, func(o *UnitOptions) { o.Every = 7 * time.Minute }, "divide"},
		{"every 5 hours", Cron, func(o *UnitOptions) { o.Every = 5 * time.Hour }, "divide"},
		{"every 90 minutes", Systemd, func(o *UnitOptions) { o.Every = 90 * time.Minute }, "divide"},
		{"every 10 seconds", Systemd, func(o *UnitOptions) { o.Every = 10 * time.Second }, "divide"},
		{"line end in a path", Cron, func(o *UnitOptions) { o.Warehouse = "/a\nb" }, "control character"},
		{"line end in an output", Systemd, func(o *UnitOptions) { o.Schedules[0].Output = "/a\nExecStart=/bin/sh" }, "control character"},
		{"relative program", Systemd, func(o *UnitOptions) { o.Program = "trailql" }, "absolute"},
		{"odd user", Systemd, func(o *UnitOptions) { o.User = "a b" }, "not a name"},
		{"no image", Kubernetes, func(*UnitOptions) {}, "image"},
		{"another platform", "launchd", func(*UnitOptions) {}, "not known"},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := unitOptions()
			test.change(&o)
			if _, err := Units(test.p, o); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}
