package repl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/repl/history"
)

// History is what was typed, the oldest first.
func (s *Session) History() []string {
	entries := s.history.Entries()
	texts := make([]string, len(entries))
	for i, e := range entries {
		texts[i] = e.SQL
	}
	return texts
}

// remember puts an input into the history. A space in front keeps it out.
func (s *Session) remember(text string, started time.Time, rows int64, err error) {
	trimmed := strings.TrimRight(text, " \t\r\n")
	if !s.options.Interactive || s.options.NoHistory || trimmed == "" || strings.HasPrefix(text, " ") {
		return
	}
	var exit *ExitError
	ok := err == nil || errors.As(err, &exit)
	e := history.Entry{Time: started, SQL: trimmed, Millis: s.elapsedSince(started), Rows: rows, OK: ok}
	if problem := s.history.Add(e); problem != nil {
		s.noteOnce("%s", problem)
	}
}

// runHistory: .history
func runHistory(s *Session, ctx context.Context, a arguments) error {
	if len(a.words) == 1 && a.words[0] == "clear" {
		if err := s.history.Clear(); err != nil {
			return err
		}
		s.printf("the history is empty\n")
		return nil
	}
	pattern := strings.ToLower(a.text)
	var b strings.Builder
	for i, e := range s.history.Entries() {
		if !strings.Contains(strings.ToLower(e.SQL), pattern) {
			continue
		}
		mark := " "
		if !e.OK {
			mark = "!"
		}
		front := fmt.Sprintf("%5d %s %s ", i+1, e.Time.In(s.zone).Format("2006-01-02 15:04"), mark)
		text := escape(strings.Join(strings.Fields(e.SQL), " "))
		if s.screen.Size != nil {
			if width := max(20, s.columns()-len(front)-1); cellWidth(text) > width {
				text = cutCells(text, width-cellWidth(s.ellipsis())) + s.ellipsis()
			}
		}
		b.WriteString(front + text + "\n")
	}
	if skipped := s.history.Skipped(); skipped > 0 {
		defer s.notef("%s of the history file could not be read", quantity.Plural(int64(skipped), "line"))
	}
	if b.Len() == 0 {
		s.printf("(no such input)\n")
		return nil
	}
	return s.lines(ctx, strings.TrimSuffix(b.String(), "\n"))
}
