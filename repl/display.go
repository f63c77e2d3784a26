package repl

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/output"
)

// wholeCells is about how many values a table that shows all rows holds in
// memory; of more rows it shows the first and the last.
const wholeCells = 2_000_000

// shape is how rows are to be shown.
type shape struct {
	vertical bool
	all      bool   // no rows are left out
	keep     bool   // for table _
	title    string // above them, on the screen
	answer   bool   // of a command: what is not known is left empty
}

// delivered is what became of the rows of a statement.
type delivered struct {
	summary  output.Summary
	stats    engine.Stats
	columns  int
	toScreen bool
	shown    int64  // bytes that reached the screen
	left     bool   // the pager was left before the last row
	file     string // written
	hash     string // SHA-256 of file
}

// deliver writes the rows of a result to where they are to go, and closes it.
func (s *Session) deliver(ctx context.Context, result *engine.Result, f shape) (done delivered, err error) {
	defer func() { err = errors.Join(err, result.Close()) }()
	done.columns = result.Schema().NumFields()
	if done.columns == 0 {
		err = s.exhaust(result, &done)
		return done, err
	}
	sink, err := s.openSink(ctx, f, done.columns)
	if err != nil {
		return done, err
	}
	done.toScreen = sink.options.Terminal && sink.options.Format != output.None
	failed := s.copyRows(result, sink, f, &done)
	done.stats = result.Stats()
	if errors.Is(failed, errPagerLeft) {
		failed = nil
	}
	err = errors.Join(failed, sink.close(failed == nil || sink.partial(failed)))
	if s.output != nil && s.output.failed != nil {
		err = s.closeOutput() // it has the cause
	}
	done.shown, done.file, done.hash = sink.shown(), sink.file(), sink.hash()
	return done, err
}

// exhaust runs a statement that has no rows to show.
func (s *Session) exhaust(result *engine.Result, done *delivered) error {
	for _, err := range result.Batches() {
		if err != nil {
			return err
		}
	}
	done.stats = result.Stats()
	return nil
}

// copyRows writes all batches, and keeps them for table _.
func (s *Session) copyRows(result *engine.Result, to *sink, f shape, done *delivered) error {
	var kept *keeper
	if f.keep {
		kept = s.results.start(result.Schema(), s.settings.keep)
		defer kept.drop()
	}
	if f.title != "" && to.options.Terminal {
		fmt.Fprintln(to, s.tty.plain(escape(f.title)))
	}
	w, err := output.New(to, result.Schema(), to.options)
	if err != nil {
		return err
	}
	for batch, err := range result.Batches() {
		if err != nil {
			if to.partial(err) { // what a limit let through is worth seeing
				summary, closeErr := w.Close()
				done.summary = summary
				err = errors.Join(err, closeErr)
			}
			return err
		}
		if err := w.Write(batch); err != nil {
			done.left = errors.Is(err, errPagerLeft)
			return err
		}
		kept.write(batch)
	}
	done.summary, err = w.Close()
	// A pager that was left has taken none of the rows away.
	if err == nil || errors.Is(err, errPagerLeft) {
		if problem := s.results.take(kept); problem != "" {
			s.notef("%s", problem)
		}
	}
	return err
}

// sink is where the rows of one result go.
type sink struct {
	io.Writer
	options output.Options
	target  target
}

// target completes or drops what was written to it.
type target interface {
	io.Writer
	// end is called once. Incomplete results leave no file.
	end(complete bool) error
}

func (t *sink) close(complete bool) error { return t.target.end(complete) }

// partial reports whether the rows before this error are shown.
func (t *sink) partial(err error) bool {
	return t.options.Terminal && (errors.Is(err, engine.ErrLimit) || errors.Is(err, engine.ErrTimeout))
}

func (t *sink) shown() int64 {
	if p, ok := t.target.(*paged); ok {
		return p.shown
	}
	return 0
}

func (t *sink) file() string {
	if f, ok := t.target.(*fileTarget); ok && f.sum != "" {
		return f.name
	}
	return ""
}

func (t *sink) hash() string {
	if f, ok := t.target.(*fileTarget); ok {
		return f.sum
	}
	return ""
}

// openSink decides where the next result goes and how it looks there.
func (s *Session) openSink(ctx context.Context, f shape, columns int) (*sink, error) {
	switch {
	case s.next != nil:
		d := s.next
		s.next = nil
		return s.openDestination(ctx, d, f)
	case s.output != nil:
		return s.openDestination(ctx, s.output, f)
	}
	o := s.baseOptions(f)
	o.Format = s.formatOnScreen(f)
	if s.screen.Size == nil {
		if s.shown++; s.shown > 1 && o.Format.ForPeople() && !s.options.Interactive && !f.answer {
			fmt.Fprintln(s.tty)
		}
		if o.Format.Binary() && s.options.Interactive {
			return nil, fmt.Errorf("%s is not for a terminal: use .once FILE", o.Format)
		}
		if o.Format.ForPeople() {
			o.Location = s.zone
		}
		return &sink{Writer: s.tty, options: o, target: plainTarget{s.tty}}, nil
	}
	if o.Format.Binary() {
		return nil, fmt.Errorf("%s is not for a terminal: use .once FILE", o.Format)
	}
	o.Terminal, o.Color, o.ASCII, o.Width = true, s.screen.Color, s.screen.ASCII, s.columns()
	o.Location = s.zone // what machines read is in UTC, and so are files: they outlive the session
	o.MaxRows = s.settings.maxRows
	if f.all || o.MaxRows == 0 {
		o.MaxRows = max(1000, wholeCells/columns)
	}
	p := s.newPaged(ctx)
	return &sink{Writer: p, options: o, target: p}, nil
}

// baseOptions are the same wherever the rows go.
func (s *Session) baseOptions(f shape) output.Options {
	o := output.Options{Null: s.settings.null, TypeKey: engine.TypeKey, NoTypes: f.answer}
	if f.answer && s.settings.null == nil && s.formatOnScreen(f).ForPeople() {
		o.Null = new(string)
	}
	return o
}

// formatOnScreen is that of rows that go to Out.
func (s *Session) formatOnScreen(f shape) output.Format {
	switch {
	case f.vertical, s.settings.vertical:
		return output.Vertical
	case s.settings.mode != "":
		return s.settings.mode
	case s.screen.Size != nil:
		return output.Table
	}
	return output.CSV
}

// plainTarget is a stream that several results go to.
type plainTarget struct{ io.Writer }

func (plainTarget) end(bool) error { return nil }

// lines prints text of several lines, escaped; through the pager when it is
// long.
func (s *Session) lines(ctx context.Context, text string) error {
	p := s.newPaged(ctx)
	_, err := io.WriteString(p, s.tty.plain(escapeLines(text))+"\n")
	if errors.Is(err, errPagerLeft) {
		err = nil
	}
	return errors.Join(err, p.end(true))
}
