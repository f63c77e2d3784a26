package schedule

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// Platform is what starts the program.
type Platform string

const (
	Systemd    Platform = "systemd"
	Cron       Platform = "cron"
	Kubernetes Platform = "k8s"
)

// Unit is a file for a platform.
type Unit struct{ Name, Text string }

// UnitOptions say what the units run. Paths are absolute; Warehouse may be a URI.
type UnitOptions struct {
	Program   string // of trailql
	File      string // of the schedules
	StateDir  string
	Warehouse string
	// Every is how often to look for what is due: a divisor of an hour or a day in
	// whole minutes; 0: 10 minutes. The times themselves, their zones and what was
	// missed are trailql's business.
	Every     time.Duration
	User      string // of systemd's service; "": root
	Image     string // for Kubernetes
	Schedules []*Schedule
}

const defaultEvery = 10 * time.Minute

// Units writes what the platform needs to run the schedules. There is no secret in
// it, only the names of the variables that have to be set.
func Units(p Platform, o UnitOptions) ([]Unit, error) {
	if o.Every == 0 {
		o.Every = defaultEvery
	}
	if o.Every < time.Minute || o.Every%time.Minute != 0 || o.Every > 24*time.Hour ||
		o.Every < time.Hour && time.Hour%o.Every != 0 || o.Every >= time.Hour && (o.Every%time.Hour != 0 || 24*time.Hour%o.Every != 0) {
		return nil, fmt.Errorf("every %s: want minutes that divide an hour, or hours that divide a day", o.Every)
	}
	for _, text := range append(o.folders(), o.Program, o.File, o.User, o.Image) {
		if strings.ContainsFunc(text, unicode.IsControl) {
			return nil, fmt.Errorf("%q: a control character in a name", text)
		}
	}
	switch p {
	case Systemd:
		return systemdUnits(o)
	case Cron:
		return cronLine(o), nil
	case Kubernetes:
		return kubernetesManifest(o)
	}
	return nil, fmt.Errorf("platform %q is not known", p)
}

// arguments is what is run.
func (o UnitOptions) arguments() []string {
	return []string{"report", "run", "--due", "--schedules", o.File, "--state-dir", o.StateDir, "--warehouse", o.Warehouse}
}

// folders are those that a run writes to.
func (o UnitOptions) folders() []string {
	folders := []string{o.StateDir, o.Warehouse}
	for _, s := range o.Schedules {
		folders = append(folders, s.Output)
		for _, t := range s.Deliver {
			if t.Folder != "" {
				folders = append(folders, t.Folder)
			}
		}
	}
	slices.Sort(folders)
	return slices.Compact(folders)
}

// remote reports whether the warehouse lies elsewhere: then copies of its data files
// are kept in the user's cache folder, which has to be one that can be written to.
func (o UnitOptions) remote() bool { return strings.Contains(o.Warehouse, "://") }

// variables are those of the environment that have secrets.
func (o UnitOptions) variables() []string {
	var names []string
	for _, s := range o.Schedules {
		for _, t := range s.Deliver {
			names = append(names, t.Variables()...)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// cronTime is Every as a cron expression.
func (o UnitOptions) cronTime() string {
	switch {
	case o.Every == time.Minute:
		return "* * * * *"
	case o.Every < time.Hour:
		return fmt.Sprintf("*/%d * * * *", o.Every/time.Minute)
	case o.Every == time.Hour:
		return "0 * * * *"
	case o.Every == 24*time.Hour:
		return "0 0 * * *"
	}
	return fmt.Sprintf("0 */%d * * *", o.Every/time.Hour)
}

const unitName = "trailql-reports"

func systemdUnits(o UnitOptions) ([]Unit, error) {
	if !filepath.IsAbs(o.Program) {
		return nil, fmt.Errorf("program %q is not an absolute path", o.Program)
	}
	if strings.ContainsAny(o.User, " %$\"'\\") {
		return nil, fmt.Errorf("user %q is not a name", o.User)
	}
	var s strings.Builder
	s.WriteString("# /etc/systemd/system/" + unitName + ".service\n" +
		"[Unit]\nDescription=trailql: make the reports that are due\n" +
		"Wants=network-online.target\nAfter=network-online.target\n\n" +
		"[Service]\nType=oneshot\nExecStart=" + systemdCommand(o.Program, o.arguments()) + "\n" +
		"# A report that is incomplete (3) or in alarm (5) has been made nevertheless.\n" +
		"SuccessExitStatus=3 5\nTimeoutStartSec=infinity\n")
	if o.User != "" {
		s.WriteString("User=" + o.User + "\n")
	}
	if names := o.variables(); len(names) > 0 {
		s.WriteString("# In this file, which only root can read: " + strings.Join(names, ", ") + "\n" +
			"EnvironmentFile=/etc/trailql/reports.env\n")
	}
	if o.remote() {
		s.WriteString("CacheDirectory=trailql\nEnvironment=XDG_CACHE_HOME=/var/cache\n")
	}
	s.WriteString("UMask=0077\nNice=10\nIOSchedulingClass=idle\n" +
		"NoNewPrivileges=yes\nPrivateTmp=yes\nPrivateDevices=yes\nProtectSystem=strict\nProtectKernelTunables=yes\nProtectKernelModules=yes\nProtectControlGroups=yes\n")
	var writable []string
	for _, f := range o.folders() {
		if filepath.IsAbs(f) {
			writable = append(writable, systemdQuote("-"+f, false))
		}
	}
	s.WriteString("# Those of these folders that do not exist when it starts cannot be written to.\n" +
		"ReadWritePaths=" + strings.Join(writable, " ") + "\n")

	calendar := "*-*-* *:00/" + fmt.Sprint(int(o.Every/time.Minute)) + ":00"
	switch {
	case o.Every == 24*time.Hour:
		calendar = "*-*-* 00:00:00"
	case o.Every >= time.Hour:
		calendar = "*-*-* 00/" + fmt.Sprint(int(o.Every/time.Hour)) + ":00:00"
	}
	timer := "# /etc/systemd/system/" + unitName + ".timer\n" +
		"[Unit]\nDescription=trailql: look for reports that are due\n\n" +
		"[Timer]\nOnCalendar=" + calendar + "\nPersistent=true\n\n" +
		"[Install]\nWantedBy=timers.target\n"
	return []Unit{{unitName + ".service", s.String()}, {unitName + ".timer", timer}}, nil
}

func systemdCommand(program string, arguments []string) string {
	words := []string{systemdQuote(program, false)}
	for _, a := range arguments {
		words = append(words, systemdQuote(a, true))
	}
	return strings.Join(words, " ")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_./:=@,+-]+$`)

// systemdQuote writes a word so that systemd reads it as it is: without
// specifiers, and in arguments without variables.
func systemdQuote(word string, argument bool) string {
	if plainWord.MatchString(word) {
		return word
	}
	pairs := []string{`\`, `\\`, `"`, `\"`, "%", "%%"}
	if argument {
		pairs = append(pairs, "$", "$$")
	}
	return `"` + strings.NewReplacer(pairs...).Replace(word) + `"`
}

func cronLine(o UnitOptions) []Unit {
	words := []string{shellQuote(o.Program)}
	for _, a := range append(o.arguments(), "--quiet") {
		words = append(words, shellQuote(a))
	}
	text := "# Add this with crontab -e. Times, zones and missed runs are in the file of schedules.\n"
	if names := o.variables(); len(names) > 0 {
		text += "# The line needs these variables: " + strings.Join(names, ", ") + "\n"
	}
	// cron takes % for the end of the line.
	return []Unit{{unitName + ".crontab", text + o.cronTime() + " " + strings.ReplaceAll(strings.Join(words, " "), "%", `\%`) + "\n"}}
}

func shellQuote(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// The folders in the container.
const (
	containerConfig = "/etc/trailql"
	containerData   = "/var/lib/trailql"
)

func kubernetesManifest(o UnitOptions) ([]Unit, error) {
	if o.Image == "" {
		return nil, errors.New("no image: Kubernetes runs trailql in one")
	}
	inside := o
	inside.File = containerConfig + "/schedules.yaml"
	inside.StateDir = containerData + "/state"
	var environment []any
	if o.remote() {
		environment = append(environment, object{"name", "XDG_CACHE_HOME", "value", containerData + "/cache"})
	} else {
		inside.Warehouse = containerData + "/warehouse"
	}
	for _, name := range o.variables() {
		environment = append(environment, object{"name", name, "valueFrom", object{"secretKeyRef", object{"name", unitName, "key", name}}})
	}
	container := object{
		"name", "trailql",
		"image", o.Image,
		"args", inside.arguments(),
	}
	if len(environment) > 0 {
		container = append(container, "env", environment)
	}
	container = append(container,
		"securityContext", object{"allowPrivilegeEscalation", false, "readOnlyRootFilesystem", true, "capabilities", object{"drop", []string{"ALL"}}},
		"volumeMounts", []any{
			object{"name", "config", "mountPath", containerConfig, "readOnly", true},
			object{"name", "data", "mountPath", containerData},
			object{"name", "temporary", "mountPath", "/tmp"},
		})
	job := object{
		"apiVersion", "batch/v1",
		"kind", "CronJob",
		"metadata", object{"name", unitName},
		"spec", object{
			"schedule", o.cronTime(),
			"timeZone", "Etc/UTC",
			"concurrencyPolicy", "Forbid",
			"startingDeadlineSeconds", 300,
			"successfulJobsHistoryLimit", 1,
			"failedJobsHistoryLimit", 3,
			"jobTemplate", object{"spec", object{
				"backoffLimit", 0, // trailql tries again by itself, later
				"template", object{"spec", object{
					"restartPolicy", "Never",
					"automountServiceAccountToken", false,
					"securityContext", object{"runAsNonRoot", true, "runAsUser", 10001, "runAsGroup", 10001, "fsGroup", 10001},
					"containers", []any{container},
					"volumes", []any{
						object{"name", "config", "configMap", object{"name", unitName}},
						object{"name", "data", "persistentVolumeClaim", object{"claimName", unitName}},
						object{"name", "temporary", "emptyDir", object{}},
					},
				}},
			}},
		},
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Besides this it takes, all called %s:\n", unitName)
	fmt.Fprintf(&out, "#   a ConfigMap with schedules.yaml, whose paths are those below %s in the container\n", containerData)
	fmt.Fprintf(&out, "#   a PersistentVolumeClaim for the warehouse, the reports and the state\n")
	if names := o.variables(); len(names) > 0 {
		fmt.Fprintf(&out, "#   a Secret with %s\n", strings.Join(names, ", "))
	}
	for _, f := range o.folders() {
		if f != o.StateDir && f != o.Warehouse && !strings.HasPrefix(f, containerData+"/") {
			fmt.Fprintf(&out, "# To be changed in schedules.yaml: %s is not below %s\n", f, containerData)
		}
	}
	out.WriteString("# A job counts as failed when a report is incomplete (exit code 3) or in alarm (5), too.\n")
	node, err := job.node()
	if err != nil {
		return nil, err
	}
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	if err := errors.Join(encoder.Encode(node), encoder.Close()); err != nil {
		return nil, fmt.Errorf("write manifest: %w", err)
	}
	return []Unit{{unitName + ".yaml", out.String()}}, nil
}

// object is a mapping in the order that it is written: key, value, key, value.
type object []any

func (o object) node() (*yaml.Node, error) {
	n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	for _, v := range o {
		child, err := nodeOf(v)
		if err != nil {
			return nil, err
		}
		n.Content = append(n.Content, child)
	}
	return n, nil
}

func nodeOf(v any) (*yaml.Node, error) {
	switch v := v.(type) {
	case object:
		return v.node()
	case []any:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for _, one := range v {
			child, err := nodeOf(one)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, child)
		}
		return n, nil
	}
	n := &yaml.Node{}
	if err := n.Encode(v); err != nil {
		return nil, fmt.Errorf("write manifest: %w", err)
	}
	return n, nil
}
