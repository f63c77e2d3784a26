package main

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/catalog/storage/s3"
)

// app is what every command is given: the streams of the program and the flags
// that mean the same everywhere.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	warehouse      string // path, settled before a command runs
	quiet          bool
	jsonErrors     bool
	now            func() time.Time
	signals        *signals // nil in tests
	configFlags    configFlags
	s3             s3.Options
	config         *config // nil for commands that need none
}

// run executes one command line and returns its exit code. Results go to
// a.stdout, everything else to a.stderr.
func run(ctx context.Context, args []string, a *app) (code int) {
	defer func() {
		if cause := recover(); cause != nil {
			code = a.crashed(cause, args)
		}
	}()
	root := newRootCommand(a)
	root.SetArgs(sqlNoFlag(root, args))
	return a.report(ctx, root.ExecuteContext(ctx))
}

func newRootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "trailql [COMMAND]",
		Short: "SQL over AWS CloudTrail archives",
		Long: `trailql turns a CloudTrail archive into a warehouse (an Apache Iceberg table
over Parquet files) and answers Athena-like SQL on it, on this machine.`,
		Example: `  trailql convert ~/logs/AWSLogs
  trailql query "SELECT eventname, count(*) n FROM cloudtrail_logs GROUP BY 1 ORDER BY n DESC LIMIT 10"
  trailql status`,
		SilenceErrors: true, // report prints them
		SilenceUsage:  true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if !isConfigured(cmd) {
				return nil
			}
			return a.configure(cmd)
		},
	}
	root.SetIn(a.stdin)
	root.SetOut(a.stdout)
	root.SetErr(a.stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usagef("%w (see %s --help)", err, cmd.CommandPath())
	})
	usage := strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 80")
	root.SetUsageTemplate(usage + "{{if not .HasParent}}\nTopics:\n" + topicList() + "{{end}}")
	flags := root.PersistentFlags()
	flags.StringVar(&a.warehouse, "warehouse", a.warehouse, "warehouse `DIR` or s3://bucket/prefix (default $"+warehouseVariable+" or trailql/warehouse in the user's data folder)")
	a.configFlags.add(flags)
	addS3Flags(flags, &a.s3)
	flags.BoolVarP(&a.quiet, "quiet", "q", a.quiet, "no progress and no notes")
	root.AddCommand(
		newConvertCommand(a),
		newQueryCommand(a),
		newStatusCommand(a),
		newShellCommand(a),
		newConfigCommand(a),
		newExportCommand(a),
		newLookupCommand(a),
		newCoverageCommand(a),
		newVerifyCommand(a),
		newReportCommand(a),
		newScheduleCommand(a),
		newPolicyCommand(a),
		newDDLCommand(a),
		newCatalogCommand(a),
		newVersionCommand(a),
	)
	root.SetHelpCommand(newHelpCommand(root))
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.HasSubCommands() {
			requireCommand(a, cmd)
		}
	}
	requireCommand(a, root)
	openShell(a, root)
	return root
}

// requireCommand makes a group of commands without one of them an error of
// usage; cobra would print help and succeed.
func requireCommand(a *app, group *cobra.Command) {
	group.DisableFlagsInUseLine = true
	group.SuggestionsMinimumDistance = 2
	group.Args = knownCommand
	group.RunE = func(cmd *cobra.Command, _ []string) error {
		cmd.SetOut(a.stderr)
		if err := cmd.Help(); err != nil {
			return err
		}
		return usagef("no command given")
	}
}

// openShell makes the program alone open the shell, where somebody sits.
func openShell(a *app, root *cobra.Command) {
	help := root.RunE
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if !isTerminal(a.stdin) || !isTerminal(a.stdout) {
			return help(cmd, args)
		}
		shell, _, err := root.Find([]string{"shell"})
		if err != nil {
			return err
		}
		shell.SetContext(cmd.Context())
		if err := a.config.apply(shell.Name(), shell.Flags()); err != nil {
			return err
		}
		return shell.RunE(shell, nil)
	}
}

func newHelpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | TOPIC]",
		Short: "Explain a command or a topic: sql, shell, config …",
		RunE: func(_ *cobra.Command, args []string) error {
			if found, err := writeTopic(root.OutOrStdout(), args); found {
				return err
			}
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return usagef("no help for %q (see trailql --help)", strings.Join(args, " "))
			}
			cmd.InitDefaultHelpFlag()
			return cmd.Help()
		},
	}
}

// knownCommand refuses what is left of the arguments when no command matched.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usagef("unknown command %q (did you mean %q?)", args[0], near[0])
	}
	return usagef("unknown command %q (see %s --help)", args[0], cmd.CommandPath())
}

// usageArgs makes a failed check of the arguments an error of usage.
func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usagef("%w (see %s --help)", err, cmd.CommandPath())
		}
		return nil
	}
}
