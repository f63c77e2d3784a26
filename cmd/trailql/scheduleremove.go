package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/report/schedule"
)

func newScheduleRemoveCommand(a *app) *cobra.Command {
	var f scheduleFlags
	cmd := &cobra.Command{
		Use:     "remove NAME",
		Short:   "Remove a schedule; its reports stay",
		Example: "  trailql schedule remove daily-pci",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.settle(); err != nil {
				return err
			}
			err := schedule.Remove(cmd.Context(), f.file, args[0])
			if errors.Is(err, schedule.ErrNotExist) {
				return usageError{err}
			}
			if err == nil {
				a.note("schedule %s removed from %s", args[0], f.file)
			}
			return fileError(err)
		},
	}
	f.add(cmd.Flags())
	return cmd
}
