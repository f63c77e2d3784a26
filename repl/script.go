package repl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

const (
	maxScripts = 16       // .read within .read
	maxScript  = 64 << 20 // bytes
)

// runRead: .read
func runRead(s *Session, ctx context.Context, a arguments) error {
	name, err := a.one()
	if err != nil {
		return err
	}
	if s.options.Safe {
		return errSafe
	}
	return s.runScript(ctx, name)
}

// Read runs the statements and commands of a file, up to the first error or
// .exit, as Execute does; in safe mode, too.
func (s *Session) Read(ctx context.Context, name string) error {
	return s.interruptible(ctx, func(ctx context.Context) error { return s.runScript(ctx, name) })
}

func (s *Session) runScript(ctx context.Context, name string) error {
	path := expandHome(name)
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if absolute, err := filepath.Abs(path); err == nil {
		path = absolute
	}
	switch {
	case slices.Contains(s.scripts, path):
		return fmt.Errorf("read %s: the script would read itself", name)
	case len(s.scripts) >= maxScripts:
		return fmt.Errorf("read %s: scripts that read scripts, %d deep", name, maxScripts)
	}
	text, err := readScript(ctx, expandHome(name))
	if err != nil {
		return err
	}
	s.scripts = append(s.scripts, path)
	defer func() { s.scripts = s.scripts[:len(s.scripts)-1] }()
	return s.executeLines(ctx, name, 1, text)
}

// executeLines runs the parts of a text that starts in this line of a script.
func (s *Session) executeLines(ctx context.Context, name string, line int, text string) error {
	for text != "" {
		in, rest := nextInput(text)
		line += strings.Count(text[:in.offset], "\n")
		part := text[in.offset : len(text)-len(rest)]
		if err := s.executeText(ctx, part, nil); err != nil {
			return scriptError{name, line, err}
		}
		line += strings.Count(part, "\n")
		text = rest
	}
	return nil
}

// scriptError says where in a script an error arose.
type scriptError struct {
	file string
	line int // where the statement starts
	err  error
}

func (e scriptError) Error() string { return fmt.Sprintf("%s:%d: %s", e.file, e.line, e.err) }
func (e scriptError) Unwrap() error { return e.err }

func readScript(ctx context.Context, name string) (string, error) {
	file, err := output.OpenFile(ctx, name, os.O_RDONLY, 0)
	if err != nil {
		return "", fmt.Errorf("read script: %w", err)
	}
	defer file.Close()
	defer output.StopWith(ctx, file)()
	text, err := io.ReadAll(io.LimitReader(file, maxScript+1))
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		return "", fmt.Errorf("read script: %w", err)
	}
	if len(text) > maxScript {
		return "", errors.New("read script: " + name + " is larger than " + quantity.Bytes(maxScript))
	}
	return strings.TrimPrefix(string(text), "\ufeff"), nil
}
