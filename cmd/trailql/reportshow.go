package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

func newReportShowCommand(a *app) *cobra.Command {
	var folders []string
	cmd := &cobra.Command{
		Use:   "show PACK[@VERSION] [CONTROL]",
		Short: "Show the controls of a pack, or the rules of one control",
		Example: `  trailql report show cis-aws-foundations@v3.0
  trailql report show pci-dss-4 10.2.1.5b`,
		Args: usageArgs(cobra.RangeArgs(1, 2)),
		RunE: func(_ *cobra.Command, args []string) error {
			l, err := loadPacks(folders)
			if err != nil {
				return err
			}
			s := parseSelection(args[0])
			p, err := findPack(l, s)
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return showPack(a, l, p, s.Version)
			}
			for _, c := range p.At(s.Version) {
				if c.ID.Value == args[1] {
					return showControl(a, l, p, c)
				}
			}
			return usagef("pack %s has no control %q", s.Pack, args[1])
		},
	}
	packDirFlag(cmd, &folders)
	return cmd
}

func showPack(a *app, l *pack.Library, p *pack.Pack, version string) error {
	out := &lines{}
	out.add("%s", p.Title)
	if p.Description != "" {
		out.add("%s", p.Description)
	}
	for _, n := range p.Notes {
		out.add("note: %s", n)
	}
	out.add("")
	t := newTextTable("control", "kind", "severity", "rules", "title")
	for _, c := range p.At(version) {
		t.row(c.ID.Value, c.Kind.String(), c.Severity.String(), joinTexts(c.Rules, " "), c.Title)
	}
	out.table(t)
	used := usedParams(l, p, version)
	if len(used) > 0 {
		out.add("")
		t := newTextTable("parameter", "type", "default", "meaning")
		for _, name := range used {
			param := l.Params[name]
			t.row(name, param.Type.String(), fmt.Sprint(param.Default.Value), param.Doc)
		}
		out.table(t)
	}
	return out.write(a.stdout)
}

// usedParams are the parameters that the rules of a pack name.
func usedParams(l *pack.Library, p *pack.Pack, version string) []string {
	var sql strings.Builder
	for _, r := range l.RulesOf(p, version) {
		fmt.Fprintln(&sql, report.ConditionText(r))
		for _, n := range slices.Concat(r.Needs, r.Wants) {
			fmt.Fprintln(&sql, "$"+n.Value)
		}
	}
	text := sql.String() + "\n"
	var names []string
	for name := range l.Params {
		at := strings.Index(text, "$"+name)
		for ; at >= 0; at = nextIndex(text, "$"+name, at) {
			if !isWord(text[at+1+len(name)]) {
				names = append(names, name)
				break
			}
		}
	}
	slices.Sort(names)
	return names
}

func nextIndex(text, part string, at int) int {
	i := strings.Index(text[at+1:], part)
	if i < 0 {
		return -1
	}
	return at + 1 + i
}

func isWord(b byte) bool {
	return b == '_' || b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z' || b >= '0' && b <= '9'
}

func showControl(a *app, l *pack.Library, p *pack.Pack, c pack.Control) error {
	out := &lines{}
	out.add("%s/%s  %s", p.ID.Value, c.ID.Value, c.Title)
	out.add("kind %s, severity %s", c.Kind, c.Severity)
	if c.Level != "" {
		out.add("level %s", c.Level)
	}
	if c.Note != "" {
		out.add("note: %s", c.Note)
	}
	for _, name := range sortedKeys(c.Related) {
		out.add("%s: %s", name, strings.Join(c.Related[name], ", "))
	}
	if c.Pattern != "" {
		out.add("pattern of the framework: %s", c.Pattern)
	}
	for _, id := range c.Rules {
		r := l.Rule(id.Value)
		out.add("")
		out.add("rule %s  %s (%s, %s)", r.ID.Value, r.Title, r.Kind, r.Severity)
		if r.Description != "" {
			out.add("  %s", r.Description)
		}
		if before, from := l.AttackIDs(r); len(from) > 0 {
			out.add("  MITRE ATT&CK: %s (before v%d: %s)", strings.Join(from, ", "), l.AttackVersion(), strings.Join(before, ", "))
		}
		text := report.ConditionText(r)
		if text == "" {
			text = "computed over the archive, not by a condition"
		}
		for _, line := range strings.Split(text, "\n") {
			out.add("    %s", line)
		}
	}
	return out.write(a.stdout)
}
