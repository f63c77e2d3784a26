package repl

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// runEdit: .edit
func runEdit(s *Session, ctx context.Context, a arguments) error {
	text := s.last.sql
	if s.last.saved != "" {
		text = s.last.saved
	}
	if text != "" {
		text += ";"
	}
	if len(a.words) > 0 {
		word, err := a.one()
		if err != nil {
			return err
		}
		entries := s.history.Entries()
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > len(entries) {
			return fmt.Errorf("%q is no number of the history", word)
		}
		text = entries[n-1].SQL
	}
	edited, err := s.Edit(ctx, text)
	if err != nil {
		return err
	}
	edited = strings.TrimSpace(edited)
	if edited == "" {
		s.notef("nothing to run")
		return nil
	}
	if !Finished(edited) {
		// As in psql: what does not end yet is still to be written.
		if reader, ok := s.reader.(Preloader); ok {
			reader.Preload(edited)
			return nil
		}
		return errors.New("the statement does not end in ;")
	}
	s.tty.say(escapeLines(edited) + "\n")
	return s.executeText(ctx, edited, nil)
}

// Edit lets the user change a text in the editor, which has the terminal.
func (s *Session) Edit(ctx context.Context, text string) (string, error) {
	if s.options.Safe {
		return "", errSafe
	}
	if s.options.Editor == "" {
		return "", errors.New("there is no editor: set VISUAL or EDITOR")
	}
	cmd, err := shellCommand(s.options.Editor)
	if err != nil {
		return "", err
	}
	folder, err := os.MkdirTemp("", "trailql-edit-") // mode 0700
	if err != nil {
		return "", fmt.Errorf("edit: %w", err)
	}
	defer os.RemoveAll(folder)
	file := filepath.Join(folder, "statement.sql")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("edit: %w", err)
	}
	// $0 and $1: the name needs no quotes then.
	cmd.Args = append(cmd.Args[:2], s.options.Editor+` "$1"`, "sh", file)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, s.options.Out, s.options.Err
	s.tty.lend(lentOut)
	err = cmd.Run()
	s.tty.lend(notLent)
	if err != nil {
		return "", fmt.Errorf("the editor ended with %w", err)
	}
	edited, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("edit: %w", err)
	}
	return string(edited), nil
}
