package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/repl"
	"github.com/trailql/trailql/repl/editor"
)

// shellFlags are the flags of the command as the user gave them.
type shellFlags struct {
	commands  []string
	first     string
	dialect   string
	noInit    bool
	noEditor  bool
	noHistory bool
	noPager   bool
	safe      bool
	display   displayFlags
	engine    engineFlags
}

func newShellCommand(a *app) *cobra.Command {
	var f shellFlags
	cmd := &cobra.Command{
		Use:   "shell",
		Short: "Open the interactive shell, as trailql alone does on a terminal",
		Long: `Reads SQL and dot commands, and shows what they answer. On a terminal it edits
several lines, completes names and keeps a history (see trailql help keys). From
a file or pipe it reads plain lines and stops at the first error.

Runs the init.sql of the configuration folder first (see trailql help config),
then what --init names. In the shell, .help lists the commands.`,
		Example: `  trailql shell
  trailql shell --warehouse /srv/case-17 --safe
  trailql shell -c ".window -7d" -c ".who AKIAIOSFODNN7EXAMPLE"
  trailql shell --no-init < hunt.sql`,
		Args: usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return runShell(cmd.Context(), a, &f) },
	}
	f.add(cmd.Flags())
	return cmd
}

func (f *shellFlags) add(flags *pflag.FlagSet) {
	flags.SortFlags = false
	flags.StringArrayVarP(&f.commands, "command", "c", nil, "run `SQL` or a dot command, and end; repeatable")
	flags.StringVarP(&f.first, "init", "i", "", "run the statements and commands in `FILE` first")
	flags.StringVar(&f.dialect, "dialect", "athena", "`DIALECT` of the SQL: athena, lake or duckdb")
	flags.BoolVar(&f.safe, "safe", false, "run no programs (pager, editor, pipes), and read and write no files")
	flags.BoolVar(&f.noInit, "no-init", false, "do not run init.sql")
	flags.BoolVar(&f.noEditor, "no-editor", false, "read plain lines, on a terminal, too")
	flags.BoolVar(&f.noHistory, "no-history", false, "do not keep what is typed")
	flags.BoolVar(&f.noPager, "no-pager", false, "show long results without a pager")
	f.display.add(flags)
	f.engine.add(flags)
}

// isTerminal is true of a file that is one.
func isTerminal(stream any) bool {
	file, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

func runShell(ctx context.Context, a *app, f *shellFlags) (err error) {
	if err := errors.Join(checkChoice("dialect", f.dialect, dialects), f.display.check(), checkDialect(f.engine.name, f.dialect)); err != nil {
		return err
	}
	options, limits, err := f.engine.options()
	if err != nil {
		return err
	}
	if a.signals != nil {
		a.signals.heedTerminal()
	}
	if f.engine.name == localEngine { // a cluster reads no results from here
		var closed func() error
		if options.ResultDir, closed, err = resultFolder(); err != nil {
			a.note("%s: there is no table _", err)
		} else {
			defer func() { err = errors.Join(err, closed()) }()
		}
	}
	e, err := a.openEngine(ctx, f.engine.name, options)
	if err != nil {
		return a.welcome(err)
	}
	defer func() { err = errors.Join(err, e.Close()) }()

	s := shell{app: a, flags: f}
	s.typed = isTerminal(a.stdin) && len(f.commands) == 0
	s.options = repl.Options{
		Engine: e.Engine, EngineName: e.name, Dialect: f.dialect, Limits: limits,
		Out: a.stdout, Err: a.stderr, Screen: f.display.screen(a.stdout),
		Interactive: s.typed && isTerminal(a.stdout),
		Warehouse:   e.root(),
		Name:        a.config.profile, Settings: a.config.settings(),
		ConfigDir: configFolder(), StateDir: stateFolder(), NoHistory: f.noHistory || !a.config.is("shell.history"),
		ResultDir: options.ResultDir, Safe: f.safe, Editor: editorCommand(), Now: a.now,
		Reports: reportsOf(a, e),
	}
	s.options.OpenEngine = func(ctx context.Context, name string) (repl.Engine, error) {
		if err := checkEngine(name); err != nil {
			return repl.Engine{}, err
		}
		e, err := a.openEngine(ctx, name, options)
		if err != nil {
			return repl.Engine{}, err
		}
		return repl.Engine{Engine: e.Engine, Name: e.name, Warehouse: e.root(), Reports: reportsOf(a, e), Close: e.Close}, nil
	}
	if s.options.Interactive && !f.noPager && !dumbTerminal() {
		s.options.Pager = pagerCommand()
	}
	if dumbTerminal() || os.Getenv("CI") != "" {
		s.options.Settings["progress"] = "off"
	}
	return s.run(ctx, e.catalog)
}

// shell is a session with the terminal it is used from.
type shell struct {
	app     *app
	flags   *shellFlags
	typed   bool // somebody types, and it is not in -c
	options repl.Options
	session *repl.Session
	editor  *editor.Editor // nil where plain lines are read
}

func (s *shell) run(ctx context.Context, c *catalog.Catalog) (err error) {
	if s.options.Interactive {
		defer keepTerminal(s.app.stdin.(*os.File))()
	}
	interrupts := make(chan struct{}, 2)
	if s.typed {
		s.options.Interrupts = interrupts
	}
	if s.session, err = repl.New(s.options); err != nil {
		return usageError{err}
	}
	defer func() { err = errors.Join(err, s.session.Close()) }()
	reader, err := s.reader()
	if err != nil {
		return err
	}
	if s.editor != nil {
		// Also on the way out of a panic.
		defer s.editor.Restore()
	}
	if s.options.Interactive && !s.app.quiet && c != nil {
		if err := s.banner(ctx, c); err != nil {
			return err
		}
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	for _, command := range s.flags.commands {
		if err := s.session.Execute(ctx, command); err != nil {
			return shellError(err)
		}
	}
	if len(s.flags.commands) > 0 {
		return nil
	}
	if s.typed && s.app.signals != nil {
		s.app.signals.shell(interrupts, s.restore)
	}
	return shellError(s.session.Run(ctx, reader))
}

// shellError: .exit in -c and in scripts is no error.
func shellError(err error) error {
	var exit *repl.ExitError
	if errors.As(err, &exit) && exit.Code == 0 {
		return nil
	}
	return err
}

// begin runs what comes before the first input. An error in it ends the shell:
// the user would work under other settings than he believes.
func (s *shell) begin(ctx context.Context) error {
	if file := filepath.Join(s.options.ConfigDir, "init.sql"); !s.flags.noInit {
		if _, err := os.Stat(file); err == nil {
			if err := s.session.Read(ctx, file); err != nil {
				return usagef("start shell (--no-init leaves init.sql out): %w", err)
			}
		}
	}
	if s.flags.first != "" {
		if err := s.session.Read(ctx, s.flags.first); err != nil {
			return err
		}
	}
	return nil
}

// reader is where the input comes from: the editor on a terminal that can.
func (s *shell) reader() (repl.Reader, error) {
	plain := repl.LineReaderOptions{In: s.app.stdin, Interrupts: s.options.Interrupts}
	if s.typed {
		plain.Prompts = s.app.stderr
	}
	if s.options.Interactive {
		plain.Prompts = s.app.stdout
	}
	if !s.options.Interactive || s.flags.noEditor || dumbTerminal() {
		return repl.NewLineReader(plain), nil
	}
	var err error
	s.editor, err = editor.New(editor.Options{
		In: s.app.stdin.(*os.File), Out: s.app.stdout.(*os.File),
		Finished: repl.Finished, History: s.session.History,
		Complete: s.session.Complete, Highlight: s.session.Highlight, Edit: s.session.Edit,
		Color: s.options.Screen.Color, ASCII: s.options.Screen.ASCII,
	})
	if err != nil {
		s.app.note("%s; reading plain lines, as --no-editor does", err)
		return repl.NewLineReader(plain), nil
	}
	return edited{s.editor}, nil
}

// restore leaves the terminal as it was found, from any goroutine.
func (s *shell) restore() {
	if s.editor != nil {
		s.editor.Restore()
	}
}

// edited is the editor as a session reads from it.
type edited struct{ editor *editor.Editor }

func (e edited) Read(ctx context.Context, p repl.Prompt) (string, error) {
	text, err := e.editor.Read(ctx, editor.Prompt(p))
	if err != nil && !errors.Is(err, io.EOF) && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return text, err
}

func (e edited) Preload(text string) { e.editor.Preload(text) }

// resultFolder makes the folder for results that can be queried again.
func resultFolder() (folder string, remove func() error, err error) {
	folder, err = os.MkdirTemp("", "trailql-results-") // mode 0700
	if err != nil {
		return "", nil, fmt.Errorf("make folder for results: %w", err)
	}
	return folder, func() error { return os.RemoveAll(folder) }, nil
}

func configFolder() string { return filepath.Join(xdg.ConfigHome, "trailql") }

func stateFolder() string { return filepath.Join(xdg.StateHome, "trailql") }

func dumbTerminal() bool { return os.Getenv("TERM") == "dumb" }

// pagerCommand is the user's, or less.
func pagerCommand() string { return firstSet("less", "TRAILQL_PAGER", "PAGER") }

func editorCommand() string {
	fallback := "vi"
	if _, err := exec.LookPath(fallback); err != nil {
		fallback = ""
	}
	return firstSet(fallback, "VISUAL", "EDITOR")
}

// firstSet is the first of the variables that is set to something.
func firstSet(fallback string, variables ...string) string {
	for _, v := range variables {
		if text := os.Getenv(v); text != "" {
			return text
		}
	}
	return fallback
}
