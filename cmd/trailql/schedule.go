package main

import (
	"errors"
	"path/filepath"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// scheduleFlags say where schedules and what is known of them are kept.
type scheduleFlags struct{ file, stateDir string }

func (f *scheduleFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "schedules", "", "`FILE` of the schedules (default trailql/schedules.yaml in the user's configuration folder)")
	flags.StringVar(&f.stateDir, "state-dir", "", "`DIR` that remembers what was run and what could not be delivered (default trailql in the user's state folder)")
}

// settle fills in the defaults and makes both paths absolute.
func (f *scheduleFlags) settle() error {
	if f.file == "" {
		f.file = filepath.Join(xdg.ConfigHome, "trailql", "schedules.yaml")
	}
	if f.stateDir == "" {
		f.stateDir = filepath.Join(xdg.StateHome, "trailql")
	}
	var err, err2 error
	f.file, err = filepath.Abs(f.file)
	f.stateDir, err2 = filepath.Abs(f.stateDir)
	return errors.Join(err, err2)
}

func newScheduleCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schedule COMMAND",
		Short: "Make reports again and again",
		Long: `Keeps schedules of reports in a YAML file, which may also be written by hand, and
makes the reports that are due: from a timer of systemd, cron or Kubernetes (see
trailql schedule print), or by itself (trailql schedule run --loop).

  schedules:
    - name: daily-pci
      cron: "30 6 * * *"        # or @daily @weekly @monthly @quarterly @yearly
      zone: Europe/Berlin
      packs: [pci-dss-4]
      period: yesterday
      convert: [/srv/archive/AWSLogs]
      output: /srv/reports      # gets daily-pci/2026-11-20_2026-11-21
      formats: [html, csv, json]
      fail_on: high
      retention: 400d
      deliver:
        - folder: /mnt/audit
        - {slack: {url_env: SLACK_URL}, when: alarm}
        - webhook: {url: https://example.com/hook, secret_file: /etc/trailql/hook}
        - smtp: {host: mail.example.com, user: trailql, password_env: MAIL_PASSWORD,
                 from: trailql@example.com, to: [audit@example.com]}

A period is that of the time at which a run was due, however late it is made.
Runs that were missed are made up for, each period once, oldest first
(catch_up: newest makes only the last one). A run that fails is tried again
later. Where clocks are changed, a run in the hour that is skipped comes right
after it, and one in the hour that comes twice comes once. @weekly is Monday.

Mail is encrypted with STARTTLS; security: tls encrypts from the start, and
security: none is for a server on this machine only.

A file that was written by hand is checked by trailql report validate FILE, and by
trailql schedule list.

Secrets are never in the file: it names environment variables or other files.`,
	}
	cmd.AddCommand(
		newScheduleAddCommand(a),
		newScheduleListCommand(a),
		newScheduleRemoveCommand(a),
		newScheduleRunCommand(a),
		newSchedulePrintCommand(a),
	)
	return cmd
}
