package main

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// configFlags say where the configuration is.
type configFlags struct {
	file    string
	profile string
	project bool
}

func (f *configFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "config", "", "configuration `FILE` (default $"+configVariable+" or trailql/config.toml in the user's configuration folder)")
	flags.StringVar(&f.profile, "profile", "", "use the profile `NAME` of the configuration (default $"+profileVariable+")")
	flags.BoolVar(&f.project, "project", false, "heed "+projectFile+" in this folder, too")
}

const (
	configVariable  = "TRAILQL_CONFIG"
	profileVariable = "TRAILQL_PROFILE"
	projectFile     = "trailql.toml"
)

// path is that of the user's file.
func (f *configFlags) path() string {
	if f.file != "" {
		return f.file
	}
	return firstSet(filepath.Join(configFolder(), "config.toml"), configVariable)
}

// config is what files and the environment say, and where.
type config struct {
	profile string
	values  map[string]configured // by key; what nobody says is not there
}

type configured struct{ text, origin string }

// read puts the sources together: the environment, then the file of this folder
// if it is asked for, then the user's; in each, the profile before the rest.
func (f *configFlags) read() (*config, error) {
	c := &config{profile: f.profile, values: map[string]configured{}}
	if c.profile == "" {
		c.profile = os.Getenv(profileVariable)
	}
	files := []string{f.path()}
	if f.project {
		files = append(files, projectFile)
	}
	if _, err := os.Stat(files[0]); err != nil && (f.file != "" || os.Getenv(configVariable) != "") {
		return nil, usagef("read configuration: %w", err)
	}
	var profiles []string
	for _, name := range files {
		file, err := readConfig(name)
		if err != nil {
			return nil, err
		}
		profiles = slices.AppendSeq(profiles, maps.Keys(file.profiles))
		for _, values := range []map[string]configValue{file.values, file.profiles[c.profile]} {
			for key, v := range values {
				c.values[key] = configured{v.text, v.origin()}
			}
		}
	}
	if c.profile != "" && !slices.Contains(profiles, c.profile) {
		slices.Sort(profiles)
		if len(profiles) == 0 {
			return nil, usagef("there is no profile %q: the configuration has none", c.profile)
		}
		return nil, usagef("there is no profile %q: there are %s", c.profile, strings.Join(slices.Compact(profiles), ", "))
	}
	for _, key := range configKeys() {
		text := ""
		if key.environment != "" {
			text = os.Getenv(key.environment)
		}
		if text == "" {
			continue
		}
		if key.kind == configSwitch && (text == "on" || text == "off") {
			text = strconv.FormatBool(text == "on")
		}
		if err := key.check(text); err != nil {
			return nil, usagef("$%s: %w", key.environment, err)
		}
		c.values[key.name] = configured{text, "$" + key.environment}
	}
	return c, nil
}

// apply gives the flags that the user has not given the values of the
// configuration.
func (c *config) apply(command string, flags *pflag.FlagSet) error {
	for _, key := range configKeys() {
		v, ok := c.values[key.name]
		flag := flags.Lookup(key.flag)
		if !ok || flag == nil || flag.Changed || key.command != "" && key.command != command {
			continue
		}
		text := key.value(v)
		if text == "" {
			continue // the default
		}
		// Not flags.Set: what the user gave for one run is checked more strictly.
		if err := flag.Value.Set(text); err != nil {
			return usagef("%s: %s: %w", v.origin, key.name, err)
		}
	}
	return nil
}

// settings are those of the shell.
func (c *config) settings() map[string]string {
	settings := map[string]string{}
	for _, key := range configKeys() {
		if v, ok := c.values[key.name]; ok && key.setting != "" && v.text != "" {
			settings[key.setting] = v.text
		}
	}
	return settings
}

// text is the value of a key.
func (c *config) text(name string) string {
	key, _ := configKeyNamed(name)
	if v, ok := c.values[name]; ok && v.text != "" {
		return key.value(v)
	}
	return key.initial
}

// is reads a switch.
func (c *config) is(name string) bool {
	on, _ := strconv.ParseBool(c.text(name))
	return on
}

// value is what a key was given.
func (k configKey) value(v configured) string {
	if k.kind == configPath {
		return expandHome(v.text)
	}
	return v.text
}

// expandHome reads ~/ at the start of a path as a command line does.
func expandHome(path string) string {
	rest, ok := strings.CutPrefix(path, "~/")
	if folder, err := os.UserHomeDir(); ok && err == nil {
		return filepath.Join(folder, rest)
	}
	return path
}

// configure reads the configuration for a command and gives it its values.
func (a *app) configure(cmd *cobra.Command) error {
	c, err := a.configFlags.read()
	if err != nil {
		return err
	}
	a.config = c
	if err := c.apply(cmd.Name(), cmd.Flags()); err != nil {
		return err
	}
	a.findWarehouse()
	return nil
}

// isConfigured is false of the commands that have to work whatever the
// configuration says.
func isConfigured(cmd *cobra.Command) bool {
	for cmd.HasParent() && cmd.Parent().HasParent() {
		cmd = cmd.Parent()
	}
	return !slices.Contains([]string{"help", "version", "config", "completion", cobra.ShellCompRequestCmd, cobra.ShellCompNoDescRequestCmd}, cmd.Name())
}
