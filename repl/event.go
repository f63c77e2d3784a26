package repl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

// runEvent shows the records with an event ID as they were recorded, one below
// the other.
func runEvent(s *Session, ctx context.Context, a arguments) error {
	id, err := a.one()
	if err != nil {
		return err
	}
	rows, err := s.lookup(ctx, "SELECT eventjson FROM cloudtrail_lake WHERE eventid = ? ORDER BY eventtime", id)
	var wrong *engine.SQLError
	if errors.As(err, &wrong) {
		// Warehouses of before the view have no records as JSON.
		result, err := s.rows(ctx, "SELECT * FROM cloudtrail_logs WHERE eventid = ?", id)
		if err != nil {
			return err
		}
		_, err = s.deliver(ctx, result, shape{vertical: true, all: true})
		return err
	}
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		s.printf("(no event %s%s)\n", id, s.inWindow())
		return nil
	}
	var text bytes.Buffer
	for i, row := range rows {
		if i > 0 {
			text.WriteString("\n")
		}
		text.WriteString(prettyJSON(textOf(row[0])))
	}
	if len(rows) > 1 {
		s.notef("%s have this ID and differ", quantity.Plural(int64(len(rows)), "record"))
	}
	return s.lines(ctx, text.String())
}

// prettyJSON lays out a document; what would harm a terminal is written as \u
// escapes, so that it is still the same document.
func prettyJSON(document string) string {
	var b bytes.Buffer
	if err := json.Indent(&b, output.SafeJSON([]byte(document)), "", "  "); err != nil {
		return document
	}
	return b.String()
}

// inWindow is for messages about what was not found.
func (s *Session) inWindow() string {
	if s.window.IsZero() {
		return ""
	}
	return " in the window " + s.windowText(s.window) + "; .window off looks everywhere"
}
