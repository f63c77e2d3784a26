package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/report/schedule"
)

type schedulePrintFlags struct {
	scheduleFlags
	systemd, cron, k8s bool
	every              time.Duration
	user, image        string
	program            string
	output             string
	force              bool
}

func newSchedulePrintCommand(a *app) *cobra.Command {
	var f schedulePrintFlags
	cmd := &cobra.Command{
		Use:   "print --systemd | --cron | --k8s",
		Short: "Print what systemd, cron or Kubernetes needs to run the schedules",
		Long: `Prints units of systemd, a line for crontab or a CronJob of Kubernetes that look
for reports that are due every few minutes. When a report is due, in which time
zone, and what was missed, is trailql's business: the units need no change when
schedules change, except for the folders that systemd lets them write to.

There are no secrets in them, only the names of the variables to set.`,
		Example: `  sudo trailql schedule print --systemd -o /etc/systemd/system && sudo systemctl enable --now trailql-reports.timer
  trailql schedule print --k8s --image registry.example.com/trailql:1.0 | kubectl apply -f -`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return printUnits(cmd.Context(), a, f) },
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.BoolVar(&f.systemd, "systemd", false, "a service and a timer")
	flags.BoolVar(&f.cron, "cron", false, "a line for crontab -e")
	flags.BoolVar(&f.k8s, "k8s", false, "a CronJob")
	flags.DurationVar(&f.every, "every", 10*time.Minute, "look this often, a `DURATION` that divides an hour or a day")
	flags.StringVar(&f.user, "user", "", "`NAME` of the user that systemd runs it as (default root)")
	flags.StringVar(&f.image, "image", "", "`IMAGE` for Kubernetes")
	flags.StringVar(&f.program, "program", "", "`PATH` of trailql (default this program)")
	flags.StringVarP(&f.output, "output", "o", "", "write the files into `DIR` instead")
	flags.BoolVar(&f.force, "force", false, "replace files that are there")
	f.scheduleFlags.add(flags)
	return cmd
}

func printUnits(ctx context.Context, a *app, f schedulePrintFlags) error {
	var platforms []schedule.Platform
	for p, asked := range map[schedule.Platform]bool{schedule.Systemd: f.systemd, schedule.Cron: f.cron, schedule.Kubernetes: f.k8s} {
		if asked {
			platforms = append(platforms, p)
		}
	}
	if len(platforms) != 1 {
		return usagef("want exactly one of --systemd, --cron and --k8s")
	}
	if err := f.settle(); err != nil {
		return err
	}
	o := schedule.UnitOptions{Program: f.program, File: f.file, StateDir: f.stateDir, Warehouse: a.warehouse, Every: f.every, User: f.user, Image: f.image}
	var err error
	if o.Program == "" {
		if o.Program, err = os.Executable(); err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
	}
	if !s3.IsURI(a.warehouse) {
		if o.Warehouse, err = filepath.Abs(a.warehouse); err != nil {
			return err
		}
	}
	if o.Schedules, err = schedule.Load(f.file); err != nil {
		return fileError(err)
	}
	if len(o.Schedules) == 0 {
		a.warn("there are no schedules in %s yet: the units do not let them write anywhere", f.file)
	}
	units, err := schedule.Units(platforms[0], o)
	if err != nil {
		return usageError{err}
	}
	for i, u := range units {
		if f.output != "" {
			if err := writeUnit(ctx, filepath.Join(f.output, u.Name), u.Text, f.force); err != nil {
				return err
			}
			a.note("wrote %s", filepath.Join(f.output, u.Name))
			continue
		}
		if i > 0 {
			u.Text = "\n" + u.Text
		}
		if _, err := fmt.Fprint(a.stdout, u.Text); err != nil {
			return err
		}
	}
	return nil
}

func writeUnit(ctx context.Context, name, text string, replace bool) (err error) {
	file, err := output.CreateFile(ctx, name, replace)
	if errors.Is(err, os.ErrExist) {
		return usagef("%s exists: use --force to replace it", name)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Discard()) }()
	if _, err := file.WriteString(text); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return file.Commit()
}
