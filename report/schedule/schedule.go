package schedule

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/delivery"
	"github.com/trailql/trailql/report/pack"
)

// Schedule is a report that is made again and again.
type Schedule struct {
	Name string `yaml:"name"` // unique in the file
	Cron string `yaml:"cron"`
	Zone string `yaml:"zone,omitempty"` // IANA name, of Cron and of the period's days; "": UTC
	// Packs are PACK, or PACK@VERSION of its framework.
	Packs []string `yaml:"packs,flow"`
	// Period is relative to the time that the run was due, however late it runs.
	Period string `yaml:"period"`
	// Lateness is how long events may come after their time; 0:
	// report.DefaultLateness.
	Lateness Duration `yaml:"lateness,omitempty"`
	// Jitter puts a run off by up to this much: always the same for the same run.
	Jitter Duration `yaml:"jitter,omitempty"`
	// CatchUp says which missed runs are made up for.
	CatchUp CatchUp `yaml:"catch_up,omitempty"`
	// CatchUpLimit is how many missed periods are, the newest ones; 0:
	// DefaultCatchUpLimit.
	CatchUpLimit int `yaml:"catch_up_limit,omitempty"`

	// Convert are sources to convert before the run.
	Convert    []string `yaml:"convert,omitempty,flow"`
	Accounts   []string `yaml:"accounts,omitempty,flow"`
	Regions    []string `yaml:"regions,omitempty,flow"`
	Scope      string   `yaml:"scope,omitempty"`      // file
	Exceptions string   `yaml:"exceptions,omitempty"` // file
	Params     []string `yaml:"params,omitempty"`     // NAME=VALUE
	PackDirs   []string `yaml:"pack_dirs,omitempty,flow"`

	Formats  []string `yaml:"formats,omitempty,flow"`
	Output   string   `yaml:"output"` // folder; each report gets one of its own below NAME in it
	Baseline string   `yaml:"baseline,omitempty"`
	FailOn   string   `yaml:"fail_on,omitempty"`
	Sign     string   `yaml:"sign,omitempty"` // file of the private key
	// Retention is how long reports are kept after the end of their period; 0: for
	// ever.
	Retention Duration          `yaml:"retention,omitempty"`
	Deliver   []delivery.Target `yaml:"deliver,omitempty"`

	Created  time.Time `yaml:"created,omitempty"` // no run is owed from before
	Disabled bool      `yaml:"disabled,omitempty"`

	table Timetable
	zone  *time.Location
}

// CatchUp says which missed runs are made up for, once each period.
type CatchUp string

const (
	CatchUpAll    CatchUp = "all" // also ""
	CatchUpNewest CatchUp = "newest"
)

// DefaultCatchUpLimit is a month of daily reports.
const DefaultCatchUpLimit = 31

// limit is how many runs may be owed at once.
func (s *Schedule) limit() int {
	switch {
	case s.CatchUp == CatchUpNewest:
		return 1
	case s.CatchUpLimit == 0:
		return DefaultCatchUpLimit
	}
	return s.CatchUpLimit
}

// Location is the zone of the schedule.
func (s *Schedule) Location() *time.Location { return s.zone }

// Next is the first time after the given one at which a run is due, without its
// jitter; zero for a schedule that is disabled.
func (s *Schedule) Next(after time.Time) time.Time {
	if s.Disabled {
		return time.Time{}
	}
	return s.table.Next(after)
}

// Delay is by how much jitter puts off the run of a time.
func (s *Schedule) Delay(at time.Time) time.Duration {
	seconds := uint64(time.Duration(s.Jitter) / time.Second)
	if seconds == 0 {
		return 0
	}
	sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(s.Name+"\x00"), uint64(at.Unix())))
	return time.Duration(binary.BigEndian.Uint64(sum[:8])%(seconds+1)) * time.Second
}

// Selections are the packs, with the versions that they were asked for in.
func (s *Schedule) Selections() []pack.Selection {
	var selections []pack.Selection
	for _, text := range s.Packs {
		id, version, _ := strings.Cut(text, "@")
		selections = append(selections, pack.Selection{Pack: id, Version: version})
	}
	return selections
}

// Folder is where the report of a period goes: below Output, named after the
// schedule and the period's days. It sorts by time.
func (s *Schedule) Folder(from, to time.Time) string {
	return filepath.Join(s.Output, s.Name, folderName(from.In(s.zone), to.In(s.zone)))
}

const folderTime = "2006-01-02"

func folderName(from, to time.Time) string {
	layout := func(t time.Time) string {
		if t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0 {
			return t.Format(folderTime)
		}
		return t.Format(folderTime + "T150405")
	}
	return layout(from) + "_" + layout(to)
}

var (
	nameForm  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)
	packForm  = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*(@[A-Za-z0-9][A-Za-z0-9._-]*)?$`)
	paramForm = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*=`)
)

// fault is what is wrong with a key of a schedule; "" is the schedule as a whole.
type fault struct{ key, message string }

// check finds what is wrong and makes the schedule ready for use. dir is what
// relative paths begin at.
func (s *Schedule) check(dir string) []fault {
	var faults []fault
	add := func(key, format string, args ...any) {
		faults = append(faults, fault{key, fmt.Sprintf(format, args...)})
	}
	if !nameForm.MatchString(s.Name) {
		add("name", "name %q: want up to 63 lower case letters, digits, dots, dashes and underscores", shorten(s.Name))
	}
	var err error
	if s.zone, err = report.LoadZone(s.Zone); err != nil {
		add("zone", "%s", err)
		s.zone = time.UTC
	}
	if s.table, err = ParseTimetable(s.Cron, s.zone); err != nil {
		add("cron", "%s", err)
	}
	if len(s.Packs) == 0 {
		add("packs", "no packs")
	}
	for _, p := range s.Packs {
		if !packForm.MatchString(p) {
			add("packs", "pack %q: want PACK or PACK@VERSION", shorten(p))
		}
	}
	if !slices.Contains(report.PeriodNames(), s.Period) {
		add("period", "period %q: want %s", shorten(s.Period), oneOf(report.PeriodNames()))
	}
	if s.Jitter < 0 || s.Jitter > Duration(24*time.Hour) {
		add("jitter", "jitter %s: want at most 24h", s.Jitter)
	}
	if s.Lateness < 0 || s.Lateness > Duration(31*24*time.Hour) {
		add("lateness", "lateness %s: want at most 31d", s.Lateness)
	}
	switch s.CatchUp {
	case "", CatchUpAll, CatchUpNewest:
	default:
		add("catch_up", "catch_up %q: want all or newest", shorten(string(s.CatchUp)))
	}
	if s.CatchUpLimit < 0 || s.CatchUpLimit > 1000 {
		add("catch_up_limit", "catch_up_limit %d: want 1 to 1000", s.CatchUpLimit)
	}
	for _, p := range s.Params {
		if !paramForm.MatchString(p) {
			add("params", "parameter %q: want NAME=VALUE", shorten(p))
		}
	}
	if s.Output == "" {
		add("output", "no output: want the folder for the reports")
	} else if strings.Contains(s.Output, "://") {
		add("output", "output %q: reports are written to folders of this machine only", shorten(s.Output))
	}
	if s.FailOn != "" {
		if _, err := pack.ParseSeverity(s.FailOn); err != nil {
			add("fail_on", "fail_on: %s", err)
		}
	}
	if s.Retention != 0 && s.Retention < Duration(24*time.Hour) {
		add("retention", "retention %s: want a day or more", s.Retention)
	}
	names := map[string]bool{}
	for i := range s.Deliver {
		if err := s.Deliver[i].Validate(); err != nil {
			add("deliver", "deliver: target %d: %s", i+1, err)
		} else if name := s.Deliver[i].Name(); names[name] {
			add("deliver", "deliver: target %d: %s is there twice", i+1, name)
		} else {
			names[name] = true
		}
	}
	for _, path := range []*string{&s.Output, &s.Scope, &s.Exceptions, &s.Sign} {
		*path = absolute(dir, *path)
	}
	if s.Baseline != "previous" {
		s.Baseline = absolute(dir, s.Baseline)
	}
	s.Convert, s.PackDirs = absoluteAll(dir, s.Convert), absoluteAll(dir, s.PackDirs)
	for i := range s.Deliver {
		s.Deliver[i] = absoluteTarget(dir, s.Deliver[i])
	}
	return faults
}

// absolute makes a path independent of the current folder. URIs stay.
func absolute(dir, path string) string {
	if path == "" || filepath.IsAbs(path) || strings.Contains(path, "://") {
		return path
	}
	return filepath.Join(dir, path)
}

// absoluteTarget makes all paths of a target absolute. What t points to stays as it is.
func absoluteTarget(dir string, t delivery.Target) delivery.Target {
	t.Folder = absolute(dir, t.Folder)
	if t.SMTP != nil {
		c := *t.SMTP
		c.CAFile, c.PasswordFile = absolute(dir, c.CAFile), absolute(dir, c.PasswordFile)
		t.SMTP = &c
	}
	if t.Webhook != nil {
		c := *t.Webhook
		c.URLFile, c.SecretFile, c.CAFile = absolute(dir, c.URLFile), absolute(dir, c.SecretFile), absolute(dir, c.CAFile)
		t.Webhook = &c
	}
	if t.Slack != nil {
		c := *t.Slack
		c.URLFile, c.CAFile = absolute(dir, c.URLFile), absolute(dir, c.CAFile)
		t.Slack = &c
	}
	return t
}

// TargetFiles are the files that a target reads: secrets, URLs and certificates.
func TargetFiles(t delivery.Target) []string {
	var files []string
	if t.SMTP != nil {
		files = append(files, t.SMTP.CAFile, t.SMTP.PasswordFile)
	}
	if t.Webhook != nil {
		files = append(files, t.Webhook.URLFile, t.Webhook.SecretFile, t.Webhook.CAFile)
	}
	if t.Slack != nil {
		files = append(files, t.Slack.URLFile, t.Slack.CAFile)
	}
	return slices.DeleteFunc(files, func(name string) bool { return name == "" })
}

func absoluteAll(dir string, paths []string) []string {
	all := slices.Clone(paths)
	for i := range all {
		all[i] = absolute(dir, all[i])
	}
	return all
}

func oneOf(words []string) string {
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " or " + words[last]
}

// Duration is written as 90s, 10m, 24h, 90d or 7y; a year has 365 days.
type Duration time.Duration

var durationUnits = []struct {
	name string
	unit time.Duration
}{{"y", 365 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}}

// ParseDuration reads a Duration.
func ParseDuration(text string) (Duration, error) {
	for _, u := range durationUnits {
		digits, ok := strings.CutSuffix(text, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 32)
		if err != nil || n < 0 || n > int64(200*365*24*time.Hour/u.unit) {
			break
		}
		return Duration(time.Duration(n) * u.unit), nil
	}
	return 0, fmt.Errorf("duration %q: want a number and a unit, as in 90s, 10m, 24h, 90d or 7y", shorten(text))
}

func (d Duration) String() string {
	for _, u := range durationUnits {
		if d != 0 && time.Duration(d)%u.unit == 0 {
			return strconv.FormatInt(int64(time.Duration(d)/u.unit), 10) + u.name
		}
	}
	return "0s"
}

// UnmarshalText is for YAML.
func (d *Duration) UnmarshalText(text []byte) error {
	parsed, err := ParseDuration(string(text))
	*d = parsed
	return err
}

// MarshalText is for YAML.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// Validate checks the schedule and makes it ready for use. dir is what its
// relative paths begin at.
func (s *Schedule) Validate(dir string) error {
	faults := s.check(dir)
	if len(faults) == 0 {
		return nil
	}
	var texts []string
	for _, f := range faults {
		texts = append(texts, f.message)
	}
	return errors.New(strings.Join(texts, "; "))
}
