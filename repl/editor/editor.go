// Package editor reads SQL from a terminal: several lines in one buffer, with
// history, completion and colours. Start with New; each Read is one statement.
//
// prompt.go alone knows go-prompt, which is used as an editing model: its
// buffer, its loop, its order of events. The terminal is ours: terminal.go waits
// for what is typed and keeps the terminal's state, keys.go makes keys of it,
// view.go draws with the styles of color.go. What a key does is in editing.go,
// menu.go (proposals) and search.go; motions of the cursor are pure functions
// (motion.go).
//
// A text may hold anything that was pasted or remembered. It is shown escaped,
// and handed over as it is.
package editor

import (
	"context"
	"fmt"
	"os"

	"github.com/trailql/trailql/repl/complete"
)

// Options of an editor. In and Out are required.
type Options struct {
	In, Out *os.File // the terminal
	// Finished reports whether Enter runs the text; else it starts a new line. A
	// blank text always runs, any text does when Finished is nil.
	Finished func(text string) bool
	// History are the earlier statements, the oldest first. It is called when
	// Read starts.
	History func() []string
	// Complete proposes what may stand at the cursor, which is an offset in
	// bytes. asked is true for Tab; else the user only typed. It has to be fast:
	// it is called for each key that changes the text by typing.
	Complete func(text string, cursor int, asked bool) complete.Completion
	// Highlight tells the roles of the parts of the text.
	Highlight func(text string) []complete.Span
	// Edit lets the user write in a program of his own; the terminal is his then.
	Edit func(ctx context.Context, text string) (string, error)
	// Color is false for a terminal that shall show none.
	Color bool
	// ASCII: the screen shows nothing but ASCII.
	ASCII bool
}

// Editor reads statements. Its methods are for one goroutine, but for Restore.
type Editor struct {
	model    *model
	terminal *terminal
	preload  string
}

// New fails without a terminal that the process controls, and on systems that
// have no editor yet; a plain reader of lines is for these. There can be one
// Editor in a process.
func New(o Options) (*Editor, error) {
	t, err := newTerminal(o.In, o.Out)
	if err != nil {
		return nil, fmt.Errorf("open the line editor: %w", err)
	}
	return &Editor{model: newModel(o, t), terminal: t}, nil
}

// Read returns the next statement as it was typed, line feeds included. Between
// two calls the terminal is as it was found, and keeps what is typed.
//
// The error is io.EOF after Ctrl-D on an empty text and when the terminal is
// gone, that of ctx when ctx ends first.
func (e *Editor) Read(ctx context.Context, p Prompt) (string, error) {
	text := e.preload
	e.preload = ""
	return e.model.read(ctx, p, text)
}

// Preload is the text that the next Read starts with.
func (e *Editor) Preload(text string) { e.preload = text }

// Restore makes the terminal as it was found, if a Read is under way: for those
// who are about to end the process. It can be called at any time, from any
// goroutine, and more than once.
func (e *Editor) Restore() { e.terminal.restore() }

// Close ends the editor and leaves the files of its Options open. No Read may
// be under way.
func (e *Editor) Close() error { return e.terminal.close() }

// Prompt stands before the lines of a statement. Both parts are as wide.
type Prompt struct{ First, Next string }
