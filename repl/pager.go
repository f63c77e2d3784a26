package repl

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

// errPagerLeft: the user has seen enough.
var errPagerLeft = errors.New("the pager was left")

// paged writes to the screen, or into a pager once there is more than fits.
// What is written must be escaped.
type paged struct {
	s       *Session
	ctx     context.Context
	held    bytes.Buffer // as long as it fits
	columns int
	free    int  // lines that still fit
	direct  bool // without a pager
	shown   int64

	program *exec.Cmd
	stdin   io.WriteCloser
	left    bool
}

// spareLines are left for the footer, a note and the prompt.
const spareLines = 3

func (s *Session) newPaged(ctx context.Context) *paged {
	p := &paged{s: s, ctx: ctx}
	switch {
	case s.screen.Size == nil, !s.options.Interactive, s.settings.pager == "off", s.options.Pager == "", s.options.Safe:
		p.direct = true
	case s.settings.pager == "on":
	default:
		var rows int
		p.columns, rows = s.screen.Size()
		p.free = rows - spareLines
	}
	return p
}

func (p *paged) Write(text []byte) (int, error) {
	p.shown += int64(len(text))
	switch {
	case p.program != nil:
		return p.feed(text)
	case p.direct:
		return p.s.tty.Write(text)
	}
	p.held.Write(text)
	if p.fits(text) {
		return len(text), nil
	}
	if err := p.start(); err != nil {
		p.direct = true
		p.s.noteOnce("no pager: %s (.pager off)", err)
	}
	_, err := p.flush()
	return len(text), err
}

var colors = regexp.MustCompile("\x1b\\[[0-9;]*m")

// fits reports whether everything so far does.
func (p *paged) fits(text []byte) bool {
	for line := range bytes.Lines(text) {
		p.free--
		if len(line) > p.columns && cellWidth(strings.TrimSuffix(string(colors.ReplaceAll(line, nil)), "\n")) > p.columns {
			return false
		}
		if p.free < 0 {
			return false
		}
	}
	return true
}

func (p *paged) flush() (int, error) {
	text := bytes.Clone(p.held.Bytes())
	p.held.Reset()
	if p.program != nil {
		return p.feed(text)
	}
	return p.s.tty.Write(text)
}

func (p *paged) start() error {
	cmd, err := shellCommand(p.s.options.Pager)
	if err != nil {
		return err
	}
	cmd.Env = append(os.Environ(), "LESSSECURE=1")
	if os.Getenv("LESS") == "" {
		cmd.Env = append(cmd.Env, "LESS=-FRSX")
	}
	cmd.Stdout, cmd.Stderr = p.s.options.Out, p.s.options.Err
	if p.stdin, err = cmd.StdinPipe(); err != nil {
		return err
	}
	p.s.tty.lend(shared)
	if err := cmd.Start(); err != nil {
		p.s.tty.lend(notLent)
		return err
	}
	p.program = cmd
	return nil
}

// feed gives text to the pager, which may be gone.
func (p *paged) feed(text []byte) (int, error) {
	if _, err := p.stdin.Write(text); err != nil {
		p.left = true
		return 0, errPagerLeft
	}
	return len(text), nil
}

// end waits until the user has left the pager.
func (p *paged) end(complete bool) error {
	if p.program == nil {
		if !complete {
			p.shown -= int64(p.held.Len())
			return nil
		}
		_, err := p.flush()
		return err
	}
	p.s.tty.lend(lentOut)
	defer p.s.tty.lend(notLent)
	p.stdin.Close()
	// An interrupt was for the statement, not for the pager. The end of the
	// session is.
	stop := context.AfterFunc(p.ctx, func() {
		if context.Cause(p.ctx) != errInterrupted {
			_ = p.program.Process.Kill() // it may have ended
		}
	})
	defer stop()
	_ = p.program.Wait() // its exit code says nothing about our rows
	return nil
}

// shellCommand is a command line for the system's shell. It fails when there is
// no such program.
func shellCommand(line string) (*exec.Cmd, error) {
	for _, word := range parseArguments(line).words {
		if strings.Contains(word, "=") || word == "exec" { // a variable, or the shell's own
			continue
		}
		if _, err := exec.LookPath(word); err != nil {
			return nil, fmt.Errorf("there is no program %s", word)
		}
		break
	}
	return exec.Command("sh", "-c", line), nil
}
