package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/report/schedule"
)

func newScheduleListCommand(a *app) *cobra.Command {
	var f scheduleFlags
	format := "table"
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the schedules: when they run next, and how the last run went",
		Example: "  trailql schedule list\n  trailql schedule list --format json | jq '.[] | select(.owed > 0)'",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := errors.Join(checkChoice("format", format, []string{"table", "json"}), f.settle()); err != nil {
				return err
			}
			all, err := (&schedule.Runner{File: f.file, StateDir: f.stateDir, Now: a.now}).Status()
			if err != nil {
				return fileError(err)
			}
			for _, s := range all {
				for _, err := range a.faultsOf(cmd.Context(), s.Schedule) {
					a.warn("schedule %s: %s", s.Schedule.Name, output.Message(err))
				}
			}
			if format == "json" {
				return listSchedulesJSON(a, all)
			}
			t := newTextTable("name", "cron", "zone", "period", "packs", "next", "owed", "last")
			for _, s := range all {
				t.row(s.Schedule.Name, s.Schedule.Cron, s.Schedule.Location().String(), s.Schedule.Period, strings.Join(s.Schedule.Packs, " "),
					localTime(s.Next, s.Schedule), fmt.Sprint(s.Owed), lastRun(s))
			}
			return t.write(a.stdout)
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().StringVarP(&format, "format", "F", format, "`FORMAT`: table or json")
	return cmd
}

func localTime(t time.Time, s *schedule.Schedule) string {
	if t.IsZero() {
		return "disabled"
	}
	return t.In(s.Location()).Format("2006-01-02 15:04 MST")
}

// lastRun says how the newest attempt went.
func lastRun(s schedule.Status) string {
	switch l := s.Latest; {
	case l == nil:
		return "never"
	case l.Error != "":
		return fmt.Sprintf("failed %s, attempt %d: %s", localTime(l.Ended, s.Schedule), l.Attempts, l.Error)
	default:
		return "made " + localTime(l.Ended, s.Schedule)
	}
}

// scheduleLine is a schedule for programs. Its names are part of the interface.
type scheduleLine struct {
	Name   string            `json:"name"`
	Cron   string            `json:"cron"`
	Zone   string            `json:"zone"`
	Period string            `json:"period"`
	Packs  []string          `json:"packs"`
	Output string            `json:"output"`
	Next   *time.Time        `json:"next"` // null: disabled
	Owed   int               `json:"owed"`
	Last   *schedule.LastRun `json:"last"`
}

func listSchedulesJSON(a *app, all []schedule.Status) error {
	list := []scheduleLine{}
	for _, s := range all {
		line := scheduleLine{
			Name: s.Schedule.Name, Cron: s.Schedule.Cron, Zone: s.Schedule.Location().String(), Period: s.Schedule.Period,
			Packs: s.Schedule.Packs, Output: s.Schedule.Output, Owed: s.Owed, Last: s.Latest,
		}
		if !s.Next.IsZero() {
			line.Next = &s.Next
		}
		list = append(list, line)
	}
	data, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.stdout, "%s\n", output.SafeJSON(data))
	return err
}
