package repl

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/quantity"
)

// Bounds of what .diff compares.
const (
	maxDiffRows  = 100_000
	maxDiffBytes = 64 << 20
)

// remembered is the result of a query, as .diff keeps it.
type remembered struct {
	SQL     string
	At      time.Time
	Columns []string
	Rows    [][]*string // nil is NULL
}

// runDiff runs a query, or a saved one, and shows the rows that were not there
// the last time, and those that are gone. It is about the same query on the same
// warehouse in the same window, and order does not matter.
func runDiff(s *Session, ctx context.Context, a arguments) error {
	if s.options.StateDir == "" {
		return errors.New(".diff remembers nothing in this session: it has no state folder")
	}
	if s.options.Safe {
		return errSafe
	}
	if first, rest := a.cutWord(); strings.EqualFold(first, "forget") {
		return s.forgetDiff(parseArguments(rest))
	}
	if s.options.NoHistory {
		return errors.New(".diff remembers nothing in this session: no history is kept (--no-history, or history = false)")
	}
	st, err := s.diffStatement(a)
	if err != nil {
		return err
	}
	now, err := s.readResult(ctx, st)
	if err != nil {
		return located(err, st.sql)
	}
	file := s.rememberedFile(st)
	before, err := readRemembered(file)
	if err != nil {
		return err
	}
	rows := quantity.Plural(int64(len(now.Rows)), "row")
	if before != nil && slices.Equal(before.Columns, now.Columns) {
		// Only what was shown is known the next time.
		if err := s.showDifference(ctx, before, now); err != nil {
			return err
		}
		return now.write(file)
	}
	if err := now.write(file); err != nil {
		return err
	}
	if before == nil {
		s.printf("remembered %s; .diff shows what is new the next time\n", rows)
	} else {
		s.printf("the columns are others than on %s; remembered %s anew\n", before.At.In(s.zone).Format(time.RFC3339), rows)
	}
	return nil
}

// showDifference shows the rows that only one of two results has.
func (s *Session) showDifference(ctx context.Context, before, now *remembered) error {
	added, gone := now.without(before), before.without(now)
	since := before.At.In(s.zone).Format(time.RFC3339)
	if len(added)+len(gone) == 0 {
		s.printf("(the same %s as %s)\n", quantity.Plural(int64(len(now.Rows)), "row"), since)
		return nil
	}
	list := newAnswer(texts("diff"), texts(now.Columns...))
	for _, group := range []struct {
		mark string
		rows [][]*string
	}{{"+", added}, {"-", gone}} {
		for _, row := range group.rows {
			line := []any{group.mark}
			for _, v := range row {
				if v == nil {
					line = append(line, nil)
				} else {
					line = append(line, *v)
				}
			}
			list.add(line...)
		}
	}
	return s.showAnswer(ctx, list, fmt.Sprintf("%d new, %d gone since %s", len(added), len(gone), since))
}

// diffStatement is what the arguments name: SQL, a saved query with the values
// of its parameters, or nothing for the last statement.
func (s *Session) diffStatement(a arguments) (statement, error) {
	st := statement{dialect: s.settings.dialect, window: s.window}
	if a.text == "" {
		last, err := s.lastStatement()
		st.sql, st.params = last.sql, last.params
		return st, err
	}
	if st.sql = strings.TrimRight(a.text, "; \t\r\n"); !savedName.MatchString(a.words[0]) || strings.EqualFold(a.words[0], "select") {
		return st, nil
	}
	saved, err := s.savedQuery(a.words[0])
	if err != nil {
		if len(a.words) > 1 {
			return st, nil // SQL, then
		}
		return st, err
	}
	values := map[string]any{}
	for _, word := range a.words[1:] {
		name, value, err := parseValue(word)
		if err != nil {
			return st, err
		}
		values[name] = value
	}
	st.sql, st.params, err = bindNames(strings.TrimRight(saved, "; \t\r\n"), values)
	return st, err
}

// forgetDiff deletes what is remembered of a query, or of all.
func (s *Session) forgetDiff(a arguments) error {
	files := []string{}
	if strings.EqualFold(a.text, "all") {
		entries, err := os.ReadDir(s.diffFolder())
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("forget rows: %w", err)
		}
		for _, e := range entries {
			files = append(files, filepath.Join(s.diffFolder(), e.Name()))
		}
	} else {
		st, err := s.diffStatement(a)
		if err != nil {
			return err
		}
		files = append(files, s.rememberedFile(st))
	}
	forgot := int64(0)
	for _, file := range files {
		switch err := os.Remove(file); {
		case err == nil:
			forgot++
		case !errors.Is(err, os.ErrNotExist):
			return fmt.Errorf("forget rows: %w", err)
		}
	}
	switch {
	case forgot > 0:
		s.printf("forgot the rows of %s\n", quantity.Plural(forgot, "question"))
	case strings.EqualFold(a.text, "all"):
		s.printf("(.diff remembers nothing)\n")
	default:
		s.printf("(nothing is remembered of this query in this warehouse, window and dialect; .diff forget all forgets whatever there is)\n")
	}
	return nil
}

func diffCandidates(s *Session, _ string) []string { return append(s.savedQueries(), "forget") }

func (s *Session) diffFolder() string { return filepath.Join(s.options.StateDir, "diff") }

// rememberedFile is where the rows of a statement are kept, which stands for the
// question that it asks: of which warehouse, and in which window as it was asked
// for, so that -1d is the same question tomorrow.
func (s *Session) rememberedFile(st statement) string {
	key, _ := json.Marshal([]any{s.options.Warehouse, st.sql, st.params, st.dialect, s.windowAsked}) // of texts and numbers, which can be written
	sum := sha256.Sum256(key)
	return filepath.Join(s.diffFolder(), hex.EncodeToString(sum[:16])+".json")
}

// readResult runs a statement and keeps its rows as text.
func (s *Session) readResult(ctx context.Context, st statement) (*remembered, error) {
	defer s.tty.finish()
	result, err := s.query(ctx, st)
	if err != nil {
		return nil, err
	}
	r := &remembered{SQL: st.sql, At: s.options.Now().UTC().Truncate(time.Second)}
	for _, f := range result.Schema().Fields() {
		r.Columns = append(r.Columns, f.Name)
	}
	return r, errors.Join(r.take(result), result.Close())
}

func (r *remembered) take(result *engine.Result) error {
	bytes := 0
	for batch, err := range result.Batches() {
		if err != nil {
			return err
		}
		for i := range int(batch.NumRows()) {
			row := make([]*string, batch.NumCols())
			for j, c := range batch.Columns() {
				if v := valueOf(c, i); v != nil {
					text := textOf(v)
					bytes += len(text)
					row[j] = &text
				}
			}
			r.Rows = append(r.Rows, row)
		}
		if len(r.Rows) > maxDiffRows || bytes > maxDiffBytes {
			return fmt.Errorf("%w: .diff compares up to %s rows of %s together: add a condition, or count", engine.ErrLimit, quantity.Count(maxDiffRows), quantity.Bytes(maxDiffBytes))
		}
	}
	return nil
}

// without are the rows that other does not have, or not as often.
func (r *remembered) without(other *remembered) [][]*string {
	counts := map[string]int{}
	for _, row := range other.Rows {
		counts[rowKey(row)]++
	}
	var rest [][]*string
	for _, row := range r.Rows {
		if key := rowKey(row); counts[key] > 0 {
			counts[key]--
		} else {
			rest = append(rest, row)
		}
	}
	return rest
}

// rowKey tells rows apart.
func rowKey(row []*string) string {
	h := sha256.New()
	for _, v := range row {
		if v == nil {
			fmt.Fprint(h, "-;")
		} else {
			fmt.Fprintf(h, "%d:%s;", len(*v), *v)
		}
	}
	return string(h.Sum(nil))
}

// readRemembered is nil if there is nothing yet.
func readRemembered(file string) (*remembered, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var r remembered
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return nil, fmt.Errorf("read what .diff remembers: %w", err)
	}
	return &r, nil
}

func (r *remembered) write(file string) error {
	text, err := json.Marshal(r)
	if err == nil {
		if err = os.MkdirAll(filepath.Dir(file), 0o700); err == nil {
			err = writeWhole(file, text)
		}
	}
	if err != nil {
		return fmt.Errorf("remember rows: %w", err)
	}
	return nil
}
