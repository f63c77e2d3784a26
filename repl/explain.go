package repl

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/engine/quantity"
)

// translator is an engine that says how it understands a statement.
type translator interface {
	Translate(ctx context.Context, q engine.Query) (*dialect.Statement, error)
}

// runExplain says what a statement would read and do; with analyze it runs it
// and says what took how long.
func runExplain(s *Session, ctx context.Context, a arguments) error {
	st := statement{sql: strings.TrimRight(a.text, "; \t\r\n"), dialect: s.settings.dialect, window: s.window}
	analyze := false
	if word, rest := a.cutWord(); strings.EqualFold(word, "analyze") {
		analyze, st.sql = true, strings.TrimRight(rest, "; \t\r\n")
	}
	if st.sql == "" {
		last, err := s.lastStatement()
		if err != nil {
			return err
		}
		st.sql, st.params, st.dialect = last.sql, last.params, last.dialect
	}
	defer s.tty.finish()
	prefix := "EXPLAIN "
	if analyze {
		prefix = "EXPLAIN ANALYZE "
	}
	plan, stats, err := s.explained(ctx, st, prefix)
	if err != nil {
		return located(err, st.sql)
	}
	var b strings.Builder
	if t, ok := s.options.Engine.(translator); ok {
		if translated, err := t.Translate(ctx, engine.Query{SQL: st.sql, Dialect: st.dialect}); err == nil && strings.TrimSpace(translated.SQL) != strings.TrimSpace(st.sql) && translated.SQL != "" {
			fmt.Fprintf(&b, "Runs as\n%s\n\n", translated.SQL)
		}
	}
	if parts := plannedText(stats); parts != "" {
		fmt.Fprintf(&b, "Reads %s\n\n", parts)
	}
	b.WriteString(strings.TrimRight(plan, "\n"))
	if err := s.lines(ctx, b.String()); err != nil {
		return err
	}
	s.explainHint(ctx, st, stats)
	return nil
}

// explained is the engine's plan and what it has planned to read.
func (s *Session) explained(ctx context.Context, st statement, prefix string) (plan string, stats engine.Stats, err error) {
	st.sql = prefix + st.sql
	result, err := s.query(ctx, st)
	if err != nil {
		return "", stats, unprefixed(err, len(prefix))
	}
	column := result.Schema().NumFields() - 1
	rows, err := readRows(result)
	if err != nil {
		return "", stats, unprefixed(err, len(prefix))
	}
	for _, row := range rows {
		plan += textOf(row[column]) + "\n"
	}
	return plan, result.Stats(), nil
}

// plannedText says what a plan reads of what there is.
func plannedText(stats engine.Stats) string {
	if stats.FilesTotal == 0 {
		return ""
	}
	text := fmt.Sprintf("%s of %s in %s of %s", quantity.Bytes(stats.Bytes), quantity.Bytes(stats.BytesTotal), quantity.Count(int64(stats.Files)), quantity.Plural(int64(stats.FilesTotal), "file"))
	if stats.PartitionsTotal > 0 {
		text += fmt.Sprintf(", %s of %s", quantity.Count(int64(stats.Partitions)), quantity.Plural(int64(stats.PartitionsTotal), "partition"))
	}
	return text
}

// explainHint says how less would be read, of a statement that reads everything.
// Where that cannot be found out it says nothing.
func (s *Session) explainHint(ctx context.Context, st statement, stats engine.Stats) {
	if stats.PartitionsTotal < 2 || stats.Partitions < stats.PartitionsTotal || !st.window.IsZero() {
		return
	}
	rows, err := s.lookup(ctx, `SELECT max("date") FROM "cloudtrail_logs$partitions" WHERE length("date") = 10`)
	if err != nil || len(rows) != 1 {
		return
	}
	last, ok := parseDay(textOf(rows[0][0]))
	if !ok {
		return
	}
	from := last - 6
	st.window = engine.Window{From: time.Unix(int64(from)*86400, 0).UTC()}
	if _, less, err := s.explained(ctx, st, "EXPLAIN "); err == nil && less.Partitions < stats.Partitions {
		s.notef("no condition on date, eventtime or region: it reads all partitions. The week since %s alone (.window %s) is %s", from.text(), from.text(), plannedText(less))
	}
}

// unprefixed moves the place of an error to the statement without the words in
// front.
func unprefixed(err error, prefix int) error {
	if e, ok := err.(*engine.SQLError); ok && e.Line == 1 && e.Column > prefix {
		moved := *e
		moved.Column -= prefix
		return &moved
	}
	return err
}
