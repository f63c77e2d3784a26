package repl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/repl/history"
)

// Reader gives a session its input.
type Reader interface {
	// Read returns the next statement, with its semicolon, or dot command; io.EOF
	// at the end. The session's prompt is for those who type.
	Read(ctx context.Context, p Prompt) (string, error)
}

// Preloader is a Reader that can start with a text, which the user may change.
type Preloader interface{ Preload(text string) }

// numbered is a Reader of a script.
type numbered interface {
	// Line is where the text that was read last starts, from 1; 0 when somebody
	// types it.
	Line() int
}

// Prompt stands before the lines of an input; both parts are as wide.
type Prompt struct{ First, Next string }

// Engine is what answers, under its name.
type Engine struct {
	Engine    engine.Engine
	Name      string // what .engine shows
	Warehouse string // what .warehouse shows; "" for none
	Reports   Reports
	Close     func() error
}

// Options of a session. Engine, Out and Err are required.
type Options struct {
	Engine     engine.Engine
	EngineName string // what .engine shows; "" for local
	// OpenEngine opens another engine for .engine, which calls its Close; nil:
	// there is no other.
	OpenEngine func(ctx context.Context, name string) (Engine, error)

	Dialect string // of the SQL: athena, lake or duckdb
	Limits  engine.Limits

	Out io.Writer // rows, and what commands answer
	Err io.Writer // errors, notes, progress
	// Screen is what Out is; the zero Screen is a file or pipe.
	Screen Screen
	// Interactive: somebody sits there. Errors do not end the session, results
	// have a footer, long ones go to a pager.
	Interactive bool
	// Interrupts receives when the user wants the running statement to stop.
	Interrupts <-chan struct{}

	Name      string // in the prompt: the profile; "" for none
	Warehouse string // what .warehouse shows
	ConfigDir string // saved queries; "" keeps none
	StateDir  string // history and what .diff remembers; "" keeps none
	// NoHistory: nothing is written to StateDir.
	NoHistory bool
	// ResultDir is the folder that the engine reads earlier results from, see
	// engine.Query; "" keeps none, so that there is no table _.
	ResultDir string
	// Safe: no programs are run (pager, editor, pipes) and no files written or read.
	Safe bool
	// Reports are what .report runs; nil for none.
	Reports Reports
	// Pager is the command line of the pager; "" for none.
	Pager string
	// Editor is the command line of the editor of .edit.
	Editor string
	// Settings are those of the start, as .set has them.
	Settings map[string]string
	Now      func() time.Time // default time.Now
}

// Screen is what a terminal can show.
type Screen struct {
	Size  func() (columns, rows int) // nil: not a terminal
	Color bool
	ASCII bool // nothing but ASCII
}

// ExitError ends a session with a code of the user's choice, 0 unless he gives
// one.
type ExitError struct{ Code int }

func (e *ExitError) Error() string { return fmt.Sprintf("exit %d", e.Code) }

// Session is a shell. Its methods are for one goroutine.
type Session struct {
	options  Options
	screen   Screen
	reader   Reader // of Run
	settings settings
	limits   engine.Limits
	window   engine.Window
	// windowAsked is the window as it was asked for: a bound that moves with the
	// clock in its own words, another as its time.
	windowAsked [2]string
	zone        *time.Location // of times in .window, and of those shown

	last    statement // the last one that was tried
	results results   // table _
	tty     *terminal
	history *history.History
	next    *destination // of the next result; nil for the usual one
	output  *destination // of .output
	log     *transcript
	said    map[string]bool // what is said once in a session
	shown   int             // results, on Out
	// answered is how many rows the running command has shown; -1 for no table.
	answered int64
	scripts  []string    // that .read is in
	schema   schemaCache // what completion knows

	after func(time.Duration) <-chan time.Time

	opened *Engine // by .engine; nil while the one of the options answers
}

// New starts a session. Close ends it.
func New(o Options) (*Session, error) {
	if o.Engine == nil || o.Out == nil || o.Err == nil {
		return nil, errors.New("start shell: Engine, Out and Err are required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Dialect == "" {
		o.Dialect = "athena"
	}
	s := &Session{
		options: o, screen: o.Screen, limits: o.Limits, zone: time.UTC,
		settings: defaultSettings(o), said: map[string]bool{}, after: time.After,
	}
	s.tty = newTerminal(o)
	s.results.dir = o.ResultDir
	for _, setting := range allSettings() { // in their order, so that errors are the same each time
		if value, ok := o.Settings[setting.name]; ok {
			if err := setting.set(s, value); err != nil {
				return nil, fmt.Errorf("start shell: setting %s: %w", setting.name, err)
			}
		}
	}
	for name := range o.Settings {
		if _, err := settingNamed(name); err != nil {
			return nil, fmt.Errorf("start shell: %w", err)
		}
	}
	if err := s.openHistory(); err != nil {
		return nil, fmt.Errorf("start shell: %w", err)
	}
	return s, nil
}

func (s *Session) openHistory() error {
	file := ""
	if s.options.StateDir != "" && !s.options.NoHistory && s.options.Interactive {
		file = filepath.Join(s.options.StateDir, "history.jsonl")
	}
	var err error
	if s.history, err = history.Open(file); err != nil {
		// Not a reason to leave an analyst without a shell.
		s.notef("%s; this session is not remembered", err)
		s.history, err = history.Open("")
	}
	return err
}

// Close ends what the session has started. The engine of the options stays open.
func (s *Session) Close() error {
	s.schema.stop()
	var err error
	if s.opened != nil {
		err = s.opened.Close()
	}
	return errors.Join(err, s.closeOutput(), s.closeLog(), s.results.close())
}

// Run executes what r gives until its end or .exit; the error is an *ExitError
// where that has a code. Where nobody sits there the first error ends it, too.
func (s *Session) Run(ctx context.Context, r Reader) error {
	s.reader = r
	for {
		text, err := r.Read(ctx, s.prompt())
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if script, ok := r.(numbered); ok && !s.options.Interactive && script.Line() > 0 {
			err = s.interruptible(ctx, func(ctx context.Context) error { return s.executeLines(ctx, "stdin", script.Line(), text) })
		} else {
			err = s.Execute(ctx, text)
		}
		var exit *ExitError
		switch {
		case err == nil:
		case errors.As(err, &exit) && exit.Code == 0:
			return nil
		case exit != nil, errors.Is(err, errInterruptedTwice), ctx.Err() != nil, !s.options.Interactive:
			return err
		default:
			s.reportError(err)
		}
	}
}

// Execute runs one input: statements, each with its semicolon, and dot commands,
// each on a line of its own. It stops at the first error, which is an
// *ExitError for .exit.
func (s *Session) Execute(ctx context.Context, text string) error {
	started := s.options.Now()
	rows := int64(-1)
	err := s.interruptible(ctx, func(ctx context.Context) error { return s.executeText(ctx, text, &rows) })
	s.remember(text, started, rows, err)
	return err
}

// executeText runs the parts of a text. rows becomes those of its last
// statement.
func (s *Session) executeText(ctx context.Context, text string, rows *int64) error {
	for text != "" {
		var in input
		in, text = nextInput(text)
		switch {
		case in.command != "":
			if err := s.executeCommand(ctx, in.command); err != nil {
				return err
			}
		case in.sql != "":
			n, err := s.run(ctx, statement{sql: in.sql, dialect: s.settings.dialect, window: s.window, vertical: in.vertical})
			if rows != nil {
				*rows = n
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// prompt shows the profile, and a star while a window hides events.
func (s *Session) prompt() Prompt {
	name := "trailql"
	if s.options.Name != "" {
		name += ":" + escape(s.options.Name)
	}
	if !s.window.IsZero() {
		name += "*"
	}
	first := name + "> "
	return Prompt{First: first, Next: padLeft("-> ", cellWidth(first))}
}
