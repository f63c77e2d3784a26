package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

func newReportListCommand(a *app) *cobra.Command {
	var folders []string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the packs",
		Example: "  trailql report list",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(*cobra.Command, []string) error {
			l, err := loadPacks(folders)
			if err != nil {
				return err
			}
			t := newTextTable("pack", "controls", "versions", "title")
			for _, p := range l.Packs {
				var versions []string
				for _, v := range p.Versions {
					versions = append(versions, v.Value)
				}
				t.row(p.ID.Value, fmt.Sprint(len(p.At(""))), strings.Join(versions, " "), p.Title)
			}
			return t.write(a.stdout)
		},
	}
	packDirFlag(cmd, &folders)
	return cmd
}
