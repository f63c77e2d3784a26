package repl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

// errSafe is what safe mode answers.
var errSafe = errors.New("refused in safe mode: no programs are run, and no files read or written")

// runOnce: .once
func runOnce(s *Session, _ context.Context, a arguments) error {
	d, err := s.parseDestination(a)
	if err != nil {
		return err
	}
	s.next = d
	return nil
}

// runExcel: .excel
func runExcel(s *Session, _ context.Context, a arguments) error {
	if s.options.Safe {
		return errSafe
	}
	a, replace := a.flag("-f")
	d := &destination{format: output.XLSX, replace: replace}
	if len(a.words) == 0 {
		d.name = filepath.Join(os.TempDir(), "trailql-"+s.options.Now().UTC().Format("20060102-150405.000")+".xlsx")
	} else {
		var err error
		if d.name, err = a.one(); err != nil {
			return err
		}
		d.name = expandHome(d.name)
	}
	if err := s.chooseFormat(d); err != nil {
		return err
	}
	s.next = d
	return nil
}

// runOutput: .output
func runOutput(s *Session, ctx context.Context, a arguments) error {
	if len(a.words) == 0 {
		if s.output == nil {
			s.printf("results go to the screen\n")
		} else {
			s.printf("results go to %s\n", s.output.name)
		}
		return nil
	}
	if len(a.words) == 1 && a.words[0] == "off" {
		return s.closeOutput()
	}
	d, err := s.parseDestination(a)
	if err != nil {
		return err
	}
	if d.program != "" {
		return errors.New("a program takes one result: use .once '|PROGRAM'")
	}
	if err := s.closeOutput(); err != nil {
		return err
	}
	// parseDestination has refused a file that is there. What is no file is
	// written as it is.
	file, err := output.OpenFile(ctx, d.name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o666)
	if err != nil {
		return fmt.Errorf("write %s: %w", d.name, err)
	}
	d.file, d.stream = file, file
	if compression, ok := output.CompressionOfFile(d.name); ok {
		stream, err := output.Compress(file, compression)
		if err != nil {
			return errors.Join(err, file.Close())
		}
		d.file = compressedFile{stream, file}
	}
	s.output = d
	return nil
}

// compressedFile ends both.
type compressedFile struct {
	stream interface {
		Write([]byte) (int, error)
		Close() error
	}
	file *os.File
}

func (c compressedFile) Write(p []byte) (int, error) { return c.stream.Write(p) }
func (c compressedFile) Close() error                { return errors.Join(c.stream.Close(), c.file.Close()) }

// closeOutput sends results to the screen again.
func (s *Session) closeOutput() error {
	if s.output == nil {
		return nil
	}
	d := s.output
	s.output = nil
	if err := d.file.Close(); err != nil && d.failed == nil {
		d.failed = err
	}
	whole := quantity.Plural(int64(d.results-d.cut), "result")
	switch {
	case d.failed != nil:
		return fmt.Errorf("%s is not complete (%s): %w", d.name, whole, d.failed)
	case d.cut > 0:
		s.warnf("%s has %s, and the start of %d more", d.name, whole, d.cut)
	default:
		s.notef("wrote %s (%s)", d.name, whole)
	}
	return nil
}

// runExport: .export
func runExport(s *Session, ctx context.Context, a arguments) error {
	st, err := s.lastStatement()
	if err != nil {
		return err
	}
	d, err := s.parseDestination(a)
	if err != nil {
		return err
	}
	if d.program != "" {
		return a.misused()
	}
	if _, err := os.Lstat(d.name + ".sha256"); err == nil && !d.replace {
		return fmt.Errorf("%s.sha256 exists: -f replaces it", d.name)
	}
	d.hashed = true
	s.next = d
	done, err := s.ask(ctx, st, shape{})
	if err != nil {
		return located(err, st.sql)
	}
	s.logStatement(ctx, st, done, nil)
	s.remarks(st, done)
	s.wrote(done)
	return nil
}

// runLast: .last
func runLast(s *Session, ctx context.Context, a arguments) error {
	a, upright := a.flag("-x")
	if len(a.words) > 0 {
		return a.misused()
	}
	if s.results.path == "" {
		switch {
		case s.results.missing != "":
			return errors.New(s.results.missing)
		case s.results.dir == "":
			return errors.New("results are not kept in this session")
		}
		return errors.New("there is no result yet")
	}
	result, err := s.rows(ctx, "SELECT * FROM "+lastResult)
	if err != nil {
		return err
	}
	done, err := s.deliver(ctx, result, shape{all: true, vertical: upright})
	if err != nil {
		return err
	}
	s.escapedWarning(done)
	s.wrote(done)
	if done.toScreen && done.summary.RowsShown < done.summary.Rows {
		s.notef("%s of %s are shown; after .once FILE, .last writes all", quantity.Count(done.summary.RowsShown), quantity.Plural(done.summary.Rows, "row"))
	}
	return nil
}

// runVertical: .vertical
func runVertical(s *Session, _ context.Context, a arguments) error {
	s.settings.vertical = !s.settings.vertical
	if s.settings.vertical {
		s.printf("vertical: on\n")
	} else {
		s.printf("vertical: off\n")
	}
	return nil
}
