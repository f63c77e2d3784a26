package repl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

// settings are what .set changes.
type settings struct {
	dialect  string
	mode     output.Format // "" is auto
	vertical bool
	null     *string
	maxRows  int // 0: all
	pager    string
	timer    bool
	stats    bool
	notes    bool
	progress bool
	keep     int64 // bytes
}

func defaultSettings(o Options) settings {
	return settings{
		dialect: o.Dialect, maxRows: 40, pager: "auto", timer: true, notes: true, progress: true, keep: 1_000_000_000,
	}
}

// setting is one of them, as text.
type setting struct {
	name, help string
	get        func(*Session) string
	set        func(*Session, string) error
}

// allSettings are in the order of their names.
func allSettings() []setting {
	return []setting{
		{"dialect", "of the SQL: athena, lake or duckdb",
			func(s *Session) string { return s.settings.dialect },
			func(s *Session, v string) error {
				return choose(&s.settings.dialect, v, "athena", "lake", "duckdb")
			}},
		{"keep", "how large a result is kept as table _; 0 keeps none",
			func(s *Session) string { return quantity.Bytes(s.settings.keep) },
			func(s *Session, v string) (err error) {
				s.settings.keep, err = quantity.ParseBytes(v)
				return err
			}},
		{"maxrows", "rows of a table on the screen; 0 shows all",
			func(s *Session) string { return strconv.Itoa(s.settings.maxRows) },
			func(s *Session, v string) error {
				n, err := strconv.Atoi(v)
				if err != nil || n < 0 {
					return fmt.Errorf("%q is no number of rows", v)
				}
				s.settings.maxRows = n
				return nil
			}},
		{"maxscan", "bytes that a statement may read; 0 does not limit",
			func(s *Session) string { return quantity.Bytes(s.limits.Scan) },
			func(s *Session, v string) (err error) {
				s.limits.Scan, err = quantity.ParseBytes(v)
				return err
			}},
		{"mode", "how rows are shown",
			func(s *Session) string { return string(s.modeOr("auto")) },
			setMode},
		{"notes", "remarks on statements that may not mean what they say",
			func(s *Session) string { return onOff(s.settings.notes) },
			func(s *Session, v string) error { return parseSwitch(&s.settings.notes, v) }},
		{"nullvalue", "what stands for NULL; auto: nothing in CSV, the word for people",
			func(s *Session) string {
				if s.settings.null == nil {
					return "auto"
				}
				return strconv.Quote(*s.settings.null)
			},
			func(s *Session, v string) error {
				s.settings.null = &v
				if v == "auto" {
					s.settings.null = nil
				}
				return nil
			}},
		{"pager", "auto: for results that do not fit; on, off",
			func(s *Session) string { return s.settings.pager },
			func(s *Session, v string) error { return choose(&s.settings.pager, v, "auto", "on", "off") }},
		{"progress", "a line that says how far a statement is",
			func(s *Session) string { return onOff(s.settings.progress) },
			func(s *Session, v string) error { return parseSwitch(&s.settings.progress, v) }},
		{"stats", "what a statement read",
			func(s *Session) string { return onOff(s.settings.stats) },
			func(s *Session, v string) error { return parseSwitch(&s.settings.stats, v) }},
		{"timeout", "after which a statement is stopped: 30s, 5m; 0 for none",
			func(s *Session) string { return s.limits.Timeout.String() },
			func(s *Session, v string) error {
				d, err := time.ParseDuration(v)
				if v == "0" {
					d, err = 0, nil
				}
				if err != nil || d < 0 {
					return fmt.Errorf("%q is no duration such as 30s", v)
				}
				s.limits.Timeout = d
				return nil
			}},
		{"timer", "how long a statement took",
			func(s *Session) string { return onOff(s.settings.timer) },
			func(s *Session, v string) error { return parseSwitch(&s.settings.timer, v) }},
		{"tz", "time zone of .window, and of times that have one",
			func(s *Session) string { return s.zone.String() },
			func(s *Session, v string) error {
				zone, err := time.LoadLocation(v)
				if err != nil || v == "" {
					return fmt.Errorf("there is no time zone %q: use a name such as Europe/Berlin, or UTC", v)
				}
				s.zone = zone
				return nil
			}},
		{"vertical", "a line for each value",
			func(s *Session) string { return onOff(s.settings.vertical) },
			func(s *Session, v string) error { return parseSwitch(&s.settings.vertical, v) }},
	}
}

func setMode(s *Session, v string) error {
	v = strings.ToLower(v)
	if v == "auto" {
		s.settings.mode = ""
		return nil
	}
	format, err := output.ParseFormat(v)
	if err != nil {
		return fmt.Errorf("%w, or auto", err)
	}
	if format.Binary() && s.screen.Size != nil {
		return fmt.Errorf("%s is not for a terminal: use .once FILE", format)
	}
	s.settings.mode = format
	return nil
}

func choose(to *string, v string, choices ...string) error {
	v = strings.ToLower(v)
	if !slices.Contains(choices, v) {
		last := len(choices) - 1
		return fmt.Errorf("%q: want %s or %s", v, strings.Join(choices[:last], ", "), choices[last])
	}
	*to = v
	return nil
}

func parseSwitch(to *bool, v string) error {
	switch strings.ToLower(v) {
	case "on", "true", "yes", "1":
		*to = true
	case "off", "false", "no", "0":
		*to = false
	default:
		return fmt.Errorf("%q: want on or off", v)
	}
	return nil
}

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

func settingNamed(name string) (setting, error) {
	var names []string
	for _, one := range allSettings() {
		if one.name == strings.ToLower(name) {
			return one, nil
		}
		names = append(names, one.name)
	}
	return setting{}, fmt.Errorf("there is no setting %s (%s)", name, didYouMean(name, names, ".set lists all"))
}

// settingNames are candidates of .set.
func settingNames(*Session, string) []string {
	var names []string
	for _, one := range allSettings() {
		names = append(names, one.name)
	}
	return names
}

// modeNames are candidates of .mode.
func modeNames(s *Session, _ string) []string {
	names := []string{"auto"}
	for _, f := range output.Formats() {
		if !f.Binary() || s.screen.Size == nil {
			names = append(names, string(f))
		}
	}
	return names
}

// runSet: .set
func runSet(s *Session, ctx context.Context, a arguments) error {
	switch len(a.words) {
	case 0:
		var b strings.Builder
		for _, one := range allSettings() {
			fmt.Fprintf(&b, "%-10s %-8s  %s\n", one.name, one.get(s), one.help)
		}
		return s.lines(ctx, strings.TrimSuffix(b.String(), "\n"))
	case 1, 2:
	default:
		return errors.New("a value of several words needs quotes: " + a.usage)
	}
	one, err := settingNamed(a.words[0])
	if err != nil {
		return err
	}
	return s.showOrSet(one, a.words[1:])
}

// showOrSet shows a setting, or changes it to the only value.
func (s *Session) showOrSet(one setting, values []string) error {
	switch len(values) {
	case 0:
		s.printf("%s: %s\n", one.name, one.get(s))
		return nil
	case 1:
		if err := one.set(s, values[0]); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
		return nil
	}
	return fmt.Errorf("%s takes one value", one.name)
}

// setter is the command of a setting.
func setter(name string) func(*Session, context.Context, arguments) error {
	return func(s *Session, _ context.Context, a arguments) error {
		one, err := settingNamed(name)
		if err != nil {
			return err
		}
		return s.showOrSet(one, a.words)
	}
}

// toggler is the command of a switch: without a value it turns it.
func toggler(name string) func(*Session, context.Context, arguments) error {
	return func(s *Session, _ context.Context, a arguments) error {
		one, err := settingNamed(name)
		if err != nil {
			return err
		}
		values := a.words
		if len(values) == 0 {
			values = []string{onOff(one.get(s) == "off")}
		}
		if err := s.showOrSet(one, values); err != nil {
			return err
		}
		s.printf("%s: %s\n", name, one.get(s))
		return nil
	}
}
