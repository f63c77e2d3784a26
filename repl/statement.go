package repl

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/engine/quantity"
)

// statement is what the user wants to run.
type statement struct {
	sql      string // without its semicolon
	params   []any
	dialect  string
	window   engine.Window
	vertical bool   // shown upright
	saved    string // the query it was made of, with its $parameters; "" for none
}

// query asks the engine, with all that the session has set.
func (s *Session) query(ctx context.Context, st statement) (*engine.Result, error) {
	if s.options.Safe && writesFiles(st.sql) {
		return nil, errSafe
	}
	return s.options.Engine.Query(ctx, engine.Query{
		SQL: st.sql, Params: st.params, Dialect: st.dialect, Window: st.window,
		Limits: s.limits, Results: s.results.tables(), Progress: s.progress(),
	})
}

func (s *Session) progress() func(engine.Progress) {
	if s.screen.Size == nil || !s.settings.progress {
		return nil
	}
	s.tty.start()
	return s.tty.update
}

// writesFiles is true of UNLOAD, which can neither be prepared nor explained. No
// other statement writes outside the warehouse.
func writesFiles(sql string) bool {
	tokens := significant(sql)
	return len(tokens) > 0 && tokens[0].Kind == dialect.Word && strings.EqualFold(tokens[0].Text, "unload")
}

// rows answers a question of a command's own, whose words are those of all
// dialects. The caller closes the result.
func (s *Session) rows(ctx context.Context, sql string, params ...any) (*engine.Result, error) {
	return s.query(ctx, statement{sql: sql, params: params, dialect: s.ownDialect(), window: s.window})
}

// athenaRows is rows for a question in Athena's words, which every engine has. A
// table that is not there may mean cloudtrail_logs.
func (s *Session) athenaRows(ctx context.Context, sql string, params ...any) (*engine.Result, error) {
	return s.query(ctx, statement{sql: sql, params: params, dialect: dialect.Athena.String(), window: s.window})
}

// run executes a statement, shows its rows, and says what they cost. It returns
// how many there were, -1 for an error.
func (s *Session) run(ctx context.Context, st statement) (int64, error) {
	s.last = st
	started := s.options.Now()
	done, err := s.ask(ctx, st, shape{vertical: st.vertical, keep: true})
	switch {
	case isCancelled(err) && !done.left:
		err = cancelledError{s.options.Now().Sub(started), done.shown > 0}
	case err != nil:
		err = located(err, st.sql)
	}
	s.logStatement(ctx, st, done, err)
	if err != nil {
		return -1, err
	}
	s.footer(st, done)
	s.remarks(st, done)
	s.wrote(done)
	if changesSchema(st.sql) {
		s.schema.forget()
	}
	return done.stats.Rows, nil
}

// ask runs a statement and delivers its rows.
func (s *Session) ask(ctx context.Context, st statement, f shape) (delivered, error) {
	result, err := s.query(ctx, st)
	if err != nil {
		s.dropOnce()
		return delivered{}, err
	}
	return s.deliver(ctx, result, f)
}

// show writes all rows of a command's answer below a title, and closes the
// result.
func (s *Session) show(ctx context.Context, result *engine.Result, title string) error {
	done, err := s.deliver(ctx, result, shape{title: title, all: true, answer: true})
	if err != nil {
		return err
	}
	s.answered = max(s.answered, 0) + done.stats.Rows
	s.escapedWarning(done)
	s.wrote(done)
	return nil
}

// wrote says, and records, that rows went into a file.
func (s *Session) wrote(done delivered) {
	if done.file != "" {
		s.notef("wrote %s (%s, sha256 %s)", done.file, quantity.Plural(done.stats.Rows, "row"), done.hash)
		s.record("file", done.file, fmt.Sprintf("sha256 %s, %s", done.hash, quantity.Plural(done.stats.Rows, "row")))
	}
}

// changesSchema reports whether a statement may have changed which tables and
// views there are.
func changesSchema(sql string) bool {
	for _, word := range []string{"create", "drop"} {
		if len(sql) > len(word) && strings.EqualFold(sql[:len(word)], word) {
			return true
		}
	}
	return false
}

// footer says what the rows themselves do not, to somebody who sits there.
func (s *Session) footer(st statement, done delivered) {
	if !s.options.Interactive {
		return
	}
	var parts []string
	switch {
	case done.columns == 0:
		parts = append(parts, "done")
	case done.left:
		parts = append(parts, quantity.Plural(done.stats.Rows, "row")+" read until the pager was left")
	case done.toScreen && done.summary.RowsShown < done.summary.Rows:
		parts = append(parts, fmt.Sprintf("%s (%s shown)", quantity.Plural(done.summary.Rows, "row"), quantity.Count(done.summary.RowsShown)))
	default:
		parts = append(parts, quantity.Plural(done.stats.Rows, "row"))
	}
	if done.toScreen && done.summary.ColumnsShown < done.summary.Columns {
		parts = append(parts, fmt.Sprintf("%d of %d columns shown", done.summary.ColumnsShown, done.summary.Columns))
	}
	if s.settings.timer && !done.left {
		parts = append(parts, quantity.Duration(done.stats.Elapsed))
	}
	parts = append(parts, scanned(done.stats)...)
	if !st.window.IsZero() && done.stats.FilesTotal > 0 {
		parts = append(parts, "window "+s.windowText(st.window))
	}
	s.sayWrapped(strings.Join(parts, " · "))
	if s.settings.stats {
		s.sayWrapped(strings.Join(statistics(done.stats), " · "))
	}
}

// scanned is what a statement read of what there is.
func scanned(stats engine.Stats) (parts []string) {
	if stats.FilesTotal > 0 {
		if stats.Bytes == stats.BytesTotal {
			parts = append(parts, quantity.Bytes(stats.Bytes)+" scanned")
		} else {
			parts = append(parts, fmt.Sprintf("%s of %s scanned", quantity.Bytes(stats.Bytes), quantity.Bytes(stats.BytesTotal)))
		}
	}
	if stats.PartitionsTotal > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s", quantity.Count(int64(stats.Partitions)), quantity.Plural(int64(stats.PartitionsTotal), "partition")))
	}
	return parts
}

// statistics are what .stats adds.
func statistics(stats engine.Stats) []string {
	parts := []string{
		fmt.Sprintf("stats: %s of %s", quantity.Count(int64(stats.Files)), quantity.Plural(int64(stats.FilesTotal), "file")),
		fmt.Sprintf("%d ms", stats.Elapsed.Milliseconds()),
	}
	if took := stats.Elapsed.Seconds(); took >= 0.001 && stats.Bytes > 0 {
		parts = append(parts, quantity.Bytes(int64(float64(stats.Bytes)/took))+"/s")
	}
	return parts
}

// remarks are what somebody who reads the rows should know.
func (s *Session) remarks(st statement, done delivered) {
	s.escapedWarning(done)
	if done.summary.RenamedFields {
		s.warnf("several columns have the same name; they are numbered")
	}
	if done.summary.FormulaCells > 0 {
		cells := "1 text cell starts"
		if done.summary.FormulaCells > 1 {
			cells = quantity.Count(done.summary.FormulaCells) + " text cells start"
		}
		s.notef("%s like spreadsheet formulas; for a spreadsheet use .excel", cells)
	}
	if !s.options.Interactive {
		return
	}
	if done.toScreen && done.summary.RowsShown < done.summary.Rows {
		s.noteOnce(".last shows all rows; after .once FILE it saves them")
	}
	if done.toScreen && (done.summary.ColumnsShown < done.summary.Columns || done.summary.CutCells > 0) {
		s.noteOnce(`values are cut or left out; .last -x shows them whole, and so does a statement that ends in \G`)
	}
	s.guard(st, done)
}

func (s *Session) escapedWarning(done delivered) {
	if n := done.summary.EscapedCells; n > 0 && done.toScreen {
		verb := "holds"
		if n > 1 {
			verb = "hold"
		}
		s.warnf("%s %s terminal control characters; shown escaped", quantity.Plural(n, "value"), verb)
	}
}

// lastStatement is what commands mean when they are given no SQL.
func (s *Session) lastStatement() (statement, error) {
	if s.last.sql == "" {
		return statement{}, errors.New("no statement has run yet")
	}
	return s.last, nil
}

// statementOf is the SQL that a command was given, or else the last statement.
func (s *Session) statementOf(sql string) (statement, error) {
	if strings.TrimSpace(sql) == "" {
		return s.lastStatement()
	}
	parts, err := dialect.Split(sql)
	if err != nil {
		return statement{}, located(err, sql)
	}
	if len(parts) != 1 {
		return statement{}, fmt.Errorf("one statement is wanted, there are %d", len(parts))
	}
	return statement{sql: parts[0].SQL, dialect: s.settings.dialect, window: s.window}, nil
}

// elapsedSince is how long something took, in milliseconds.
func (s *Session) elapsedSince(started time.Time) int64 {
	return s.options.Now().Sub(started).Milliseconds()
}
