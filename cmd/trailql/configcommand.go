package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/engine/output"
)

func newConfigCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config COMMAND",
		Short: "Show, check or begin the configuration",
		Long: `Files say what flags need not (see trailql help config for the keys and for
which source wins).`,
		Example: "  trailql config init\n  trailql config show --origin",
	}
	origin := false
	show := &cobra.Command{
		Use:     "show",
		Short:   "Print what holds, as a configuration file",
		Example: "  trailql config show --origin --profile prod",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			c, err := a.configFlags.read()
			if err != nil {
				return err
			}
			_, err = fmt.Fprint(a.stdout, c.show(origin))
			return err
		},
	}
	show.Flags().BoolVar(&origin, "origin", false, "say where each value comes from")
	path := &cobra.Command{
		Use:     "path",
		Short:   "Print the path of the user's configuration file",
		Example: "  trailql config path",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(a.stdout, safeLines(a, a.configFlags.path()))
			return err
		},
	}
	begin := &cobra.Command{
		Use:     "init",
		Short:   "Write a configuration file that says what holds anyway",
		Example: "  trailql config init\n  $EDITOR \"$(trailql config path)\"",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			name := a.configFlags.path()
			if err := writeNew(name, configTemplate()); err != nil {
				return err
			}
			a.note("wrote %s", name)
			return nil
		},
	}
	validate := &cobra.Command{
		Use:     "validate",
		Short:   "Check the configuration; exit code 2 says that it is wrong",
		Example: "  trailql config validate --config ./trailql.toml",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			if _, err := a.configFlags.read(); err != nil {
				return err
			}
			name := a.configFlags.path()
			if _, err := os.Stat(name); err != nil {
				a.note("there is no %s: the defaults hold", name)
			} else {
				a.note("%s is right", name)
			}
			return nil
		},
	}
	cmd.AddCommand(show, path, begin, validate)
	return cmd
}

// writeNew writes a file that must not be there yet, for its owner only.
func writeNew(name, text string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return usagef("%s is there already", name)
	}
	if err != nil {
		return fmt.Errorf("write configuration: %w", err)
	}
	_, err = file.WriteString(text)
	return errors.Join(err, file.Close())
}

// show writes all keys that have a value.
func (c *config) show(origin bool) string {
	return writeKeys(func(k configKey) (line string, ok bool) {
		v, ok := c.values[k.name]
		if !ok {
			v = configured{k.initial, "default"}
			if k.initial == "" {
				return "", false
			}
		}
		line = k.key() + " = " + output.Escape(k.toml(v.text))
		if origin {
			line = fmt.Sprintf("%-28s # %s", line, output.Escape(v.origin))
		}
		return line, true
	})
}

// configTemplate is a file in which every key is a comment.
func configTemplate() string {
	return "# Configuration of trailql: see trailql help config.\n\n" + writeKeys(func(k configKey) (string, bool) {
		return fmt.Sprintf("%-28s # %s", "# "+k.key()+" = "+k.toml(k.initial), k.help), true
	}) + "\n# [profiles.prod]               # trailql --profile prod\n# warehouse = \"/srv/trailql\"\n"
}

// key is the name without its section.
func (k configKey) key() string { return k.name[strings.LastIndexByte(k.name, '.')+1:] }

// writeKeys writes a line for each key, section by section.
func writeKeys(line func(configKey) (string, bool)) string {
	var b strings.Builder
	section := ""
	for _, k := range configKeys() {
		text, ok := line(k)
		if !ok {
			continue
		}
		if s := strings.TrimSuffix(strings.TrimSuffix(k.name, k.key()), "."); s != section {
			section = s
			fmt.Fprintf(&b, "\n[%s]\n", s)
		}
		b.WriteString(text + "\n")
	}
	return b.String()
}
