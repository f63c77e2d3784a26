package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/output"
)

// formatAuto is a table on a terminal and CSV anywhere else.
const formatAuto = "auto"

// chooseFormat settles the format by flag, suffix of the file, and destination.
func (f queryFlags) chooseFormat(a *app) (output.Format, error) {
	if f.format != formatAuto {
		format, err := output.ParseFormat(f.format)
		if err != nil {
			return "", usagef("--format: %w, or auto", err)
		}
		return format, nil
	}
	if f.output != "" {
		switch suffix := strings.ToLower(filepath.Ext(f.output)); suffix {
		case ".csv", ".json", ".jsonl":
			return output.ParseFormat(suffix[1:])
		case ".ndjson":
			return output.JSONLines, nil
		case ".txt":
			return output.Table, nil
		default:
			return "", usagef("--output %s: the suffix names no format: use .csv, .json, .jsonl or .txt, or --format", f.output)
		}
	}
	if terminalOf(a.stdout) != nil {
		return output.Table, nil
	}
	return output.CSV, nil
}

// forPeople is true of the forms that results of several statements share.
func forPeople(f output.Format) bool { return f == output.Table || f == output.Vertical }

// terminalOf returns the terminal that w is, or nil.
func terminalOf(w io.Writer) *os.File {
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		return file
	}
	return nil
}

// queryOutput is where the rows of all statements go.
type queryOutput struct {
	app     *app
	writer  io.Writer
	options output.Options
	file    *newFile // nil for stdout
}

func openQueryOutput(a *app, f queryFlags, format output.Format) (*queryOutput, error) {
	o := &queryOutput{app: a, writer: a.stdout, options: output.Options{Format: format, TypeKey: engine.TypeKey}}
	if f.maxRowsSet {
		o.options.MaxRows = f.maxRows
	}
	if f.output != "" {
		file, err := createFile(f.output, f.force)
		if err != nil {
			return nil, err
		}
		o.file, o.writer = file, file
		return o, nil
	}
	if terminal := terminalOf(a.stdout); terminal != nil {
		o.options.Terminal = true
		o.options.MaxRows = f.maxRows
		o.options.Width = widthOf(terminal)
		o.options.Color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return o, nil
}

func widthOf(terminal *os.File) int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		return n
	}
	if columns, _, err := term.GetSize(int(terminal.Fd())); err == nil && columns > 0 {
		return columns
	}
	return 80
}

// separate writes what stands before the result of statement i.
func (o *queryOutput) separate(i int) error {
	if i == 0 || !forPeople(o.options.Format) {
		return nil
	}
	_, err := fmt.Fprintln(o.writer)
	return err
}

// footer says on stderr what the rows themselves do not.
func (o *queryOutput) footer(s output.Summary, stats engine.Stats) {
	a := o.app
	if s.RenamedFields {
		a.warn("several columns have the same name; they are numbered")
	}
	if o.options.Terminal && s.EscapedCells > 0 {
		a.warn("%s with characters that control terminals; shown escaped", plural(s.EscapedCells, "value"))
	}
	if !o.options.Terminal || a.quiet {
		return
	}
	line := plural(s.Rows, "row")
	if s.RowsShown < s.Rows {
		line += fmt.Sprintf(" (%s shown)", formatCount(s.RowsShown))
	}
	if s.ColumnsShown < s.Columns {
		line += fmt.Sprintf(" · %d of %d columns shown", s.ColumnsShown, s.Columns)
	}
	line += fmt.Sprintf(" · %.2f s", stats.Elapsed.Seconds())
	if stats.FilesTotal > 0 {
		line += fmt.Sprintf(" · %s of %s in %s of %s", formatBytes(stats.Bytes), formatBytes(stats.BytesTotal),
			formatCount(int64(stats.Files)), plural(int64(stats.FilesTotal), "file"))
	}
	fmt.Fprintln(a.stderr, line)
	if s.RowsShown < s.Rows {
		a.note("--max-rows 0 shows all rows, -o FILE writes them to a file")
	}
	if s.ColumnsShown < s.Columns || s.CutCells > 0 {
		a.note("values are cut or left out; --format vertical shows them whole")
	}
}

// commit puts the file in its place.
func (o *queryOutput) commit() error {
	if o.file == nil {
		return nil
	}
	if err := o.file.commit(); err != nil {
		return err
	}
	o.app.note("wrote %s", o.file.name)
	return nil
}

// discard removes what was not committed.
func (o *queryOutput) discard() error {
	if o.file == nil {
		return nil
	}
	return o.file.discard()
}

// newFile is a file that appears whole under its name, or not at all.
type newFile struct {
	*os.File
	name    string
	replace bool
	done    bool
}

// createFile starts a file. A name that is taken is an error of usage, unless
// the file is to be replaced.
func createFile(name string, replace bool) (*newFile, error) {
	if _, err := os.Lstat(name); err == nil && !replace {
		return nil, usagef("%s exists: use --force to replace it", name)
	}
	// Not os.CreateTemp: the file gets the permissions that the user's files have.
	temp := fmt.Sprintf("%s.%d-%d.tmp", name, os.Getpid(), time.Now().UnixNano())
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	return &newFile{File: file, name: name, replace: replace}, nil
}

func (f *newFile) commit() error {
	err := f.Sync()
	if err == nil && f.replace {
		err = os.Rename(f.Name(), f.name)
		f.done = err == nil
	} else if err == nil {
		err = os.Link(f.Name(), f.name) // unlike a rename it replaces nothing
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	return nil
}

// discard ends the file and removes its temporary name.
func (f *newFile) discard() error {
	err := f.Close()
	if !f.done {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	return nil
}
