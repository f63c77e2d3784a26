package repl

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/trailql/trailql/engine/output"
)

// destination is where results go in place of the screen: a file for one
// result, an open file for several, or a program.
type destination struct {
	name    string // of a file; "" for a program
	program string
	format  output.Format
	replace bool
	hashed  bool           // a file with the hash beside it
	file    io.WriteCloser // for several results; nil for one
	stream  *os.File       // that file writes to
	results int
	cut     int   // results that are not there to their end
	failed  error // why file cannot be written
}

const fileSuffixes = ".csv .tsv .json .jsonl .md .html .parquet .arrow .xlsx .txt"

// parseDestination reads [-F FORMAT] [-f] FILE, or '|PROGRAM'.
func (s *Session) parseDestination(a arguments) (*destination, error) {
	if s.options.Safe {
		return nil, errSafe
	}
	a, formatName, err := a.option("-F")
	if err != nil {
		return nil, err
	}
	d := &destination{}
	a, d.replace = a.flag("-f")
	if formatName != "" {
		if d.format, err = output.ParseFormat(formatName); err != nil {
			return nil, err
		}
	}
	if len(a.words) > 0 && strings.HasPrefix(a.words[0], "|") {
		d.program = strings.TrimSpace(strings.TrimPrefix(strings.Join(a.words, " "), "|"))
		if d.program == "" {
			return nil, a.misused()
		}
		if d.format == "" {
			d.format = s.modeOr(output.CSV)
		}
		return d, nil
	}
	if d.name, err = a.one(); err != nil {
		return nil, err
	}
	d.name = expandHome(d.name)
	return d, s.chooseFormat(d)
}

// chooseFormat takes that of the file's suffix unless there is one.
func (s *Session) chooseFormat(d *destination) error {
	if d.format == "" {
		format, ok := output.FormatOfFile(d.name)
		if !ok {
			return fmt.Errorf("the suffix of %s names no format: use one of %s, or -F FORMAT", d.name, fileSuffixes)
		}
		d.format = format
	}
	if compression, ok := output.CompressionOfFile(d.name); ok && d.format.Binary() {
		return fmt.Errorf("%s: %s is compressed already: drop .%s", d.name, d.format, compression)
	}
	// Better now than after the statement.
	if info, err := os.Stat(d.name); err == nil && info.Mode().IsRegular() && !d.replace {
		return errTaken(d.name)
	}
	return nil
}

// modeOr is the format that the user has chosen, or else this one.
func (s *Session) modeOr(format output.Format) output.Format {
	if s.settings.mode != "" {
		return s.settings.mode
	}
	return format
}

// expandHome replaces a ~ in front, as a shell does.
func expandHome(name string) string {
	if rest, ok := strings.CutPrefix(name, "~/"); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return name
}

// dropOnce forgets a destination whose statement did not even start.
func (s *Session) dropOnce() {
	if s.next != nil {
		s.notef("%s was not written", s.next.what())
		s.next = nil
	}
}

func (d *destination) what() string {
	if d.program != "" {
		return "|" + d.program
	}
	return d.name
}

// openDestination starts a result there.
func (s *Session) openDestination(ctx context.Context, d *destination, f shape) (*sink, error) {
	o := s.baseOptions(f)
	o.Format = d.format
	if f.vertical && o.Format == output.Table {
		o.Format = output.Vertical
	}
	var t target
	var err error
	switch {
	case d.program != "":
		t, err = s.startProgram(ctx, d.program)
	case d.file != nil:
		if d.results > 0 && d.format.OneResult() {
			return nil, fmt.Errorf("%s holds one result of this format: .output FILE for the next, or -F jsonl", d.name)
		}
		if d.results > 0 && o.Format.ForPeople() {
			fmt.Fprintln(d.file)
		}
		d.results++
		t = &sharedTarget{d, output.StopWith(ctx, d.stream)}
	default:
		t, err = createFile(ctx, d.name, d.replace)
		if err == nil && d.hashed {
			t.(*fileTarget).beside = true
		}
	}
	if err != nil {
		return nil, err
	}
	return &sink{Writer: t, options: o, target: t}, nil
}

// sharedTarget is a file for several results.
type sharedTarget struct {
	d    *destination
	free func() bool
}

func (t *sharedTarget) Write(p []byte) (int, error) {
	n, err := t.d.file.Write(p)
	if err != nil && t.d.failed == nil {
		t.d.failed = err
	}
	return n, err
}

func (t *sharedTarget) end(complete bool) error {
	t.free()
	if !complete {
		t.d.cut++
	}
	return nil
}

// fileTarget is a file for one result, with its hash.
type fileTarget struct {
	name     string
	beside   bool // the hash goes into a file beside it
	file     *output.File
	hash     hash.Hash
	w        io.Writer
	compress io.WriteCloser // nil, or what w is
	sum      string         // SHA-256; "" until all is written
}

func createFile(ctx context.Context, name string, replace bool) (*fileTarget, error) {
	file, err := output.CreateFile(ctx, name, replace)
	if errors.Is(err, fs.ErrExist) {
		return nil, errTaken(name)
	}
	if err != nil {
		return nil, err
	}
	t := &fileTarget{name: name, file: file, hash: sha256.New()}
	t.w = io.MultiWriter(file, t.hash)
	if compression, ok := output.CompressionOfFile(name); ok {
		if t.compress, err = output.Compress(t.w, compression); err != nil {
			return nil, errors.Join(err, t.end(false))
		}
		t.w = t.compress
	}
	return t, nil
}

func errTaken(name string) error { return fmt.Errorf("%s exists: -f replaces it", name) }

func (t *fileTarget) Write(p []byte) (int, error) { return t.w.Write(p) }

func (t *fileTarget) end(complete bool) error {
	var err error
	if t.compress != nil {
		err = t.compress.Close()
	}
	if complete && err == nil {
		err = t.commit()
	}
	return errors.Join(err, t.file.Discard())
}

func (t *fileTarget) commit() error {
	if err := t.file.Commit(); err != nil {
		return err
	}
	t.sum = hex.EncodeToString(t.hash.Sum(nil))
	if !t.beside {
		return nil
	}
	// As sha256sum writes it, so that sha256sum -c can check it.
	line := t.sum + "  " + filepath.Base(t.name) + "\n"
	if err := os.WriteFile(t.name+".sha256", []byte(line), 0o666); err != nil {
		return fmt.Errorf("write hash: %w", err)
	}
	return nil
}

// programTarget is a program that reads the rows. What it prints is shown
// escaped: it may well print the rows.
type programTarget struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	gone  bool
}

func (s *Session) startProgram(ctx context.Context, line string) (*programTarget, error) {
	if s.options.Safe {
		return nil, errSafe
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.WaitDelay = time.Second // its children may hold the pipe
	t := &programTarget{cmd: cmd}
	var err error
	if t.stdin, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	shown := &escapedLines{to: s.tty, raw: s.screen.Size == nil}
	cmd.Stdout, cmd.Stderr = shown, shown // one writer: exec then needs no lock
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", line, err)
	}
	return t, nil
}

func (t *programTarget) Write(p []byte) (int, error) {
	if t.gone {
		return len(p), nil
	}
	if _, err := t.stdin.Write(p); err != nil {
		t.gone = true // it has read what it wanted; the table _ is still to be complete
	}
	return len(p), nil
}

func (t *programTarget) end(complete bool) error {
	t.stdin.Close()
	err := t.cmd.Wait()
	if shown, ok := t.cmd.Stdout.(*escapedLines); ok {
		shown.flush()
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) && complete {
		return fmt.Errorf("the program ended with %w", exit)
	}
	if complete {
		return err
	}
	return nil
}

// escapedLines passes on whole lines, escaped. Safe for concurrent use.
type escapedLines struct {
	to   io.Writer
	raw  bool
	mu   sync.Mutex
	rest []byte
}

func (e *escapedLines) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.raw {
		return e.to.Write(p)
	}
	e.rest = append(e.rest, p...)
	end := strings.LastIndexByte(string(e.rest), '\n')
	if end < 0 && len(e.rest) < 1<<16 {
		return len(p), nil
	}
	if end < 0 {
		end = len(e.rest) - 1
	}
	_, err := io.WriteString(e.to, escapeLines(string(e.rest[:end+1])))
	e.rest = append(e.rest[:0], e.rest[end+1:]...)
	return len(p), err
}

func (e *escapedLines) flush() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.rest) > 0 {
		fmt.Fprintln(e.to, escapeLines(string(e.rest)))
		e.rest = nil
	}
}
