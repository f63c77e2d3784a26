package repl

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/trailql/trailql/engine/dialect"
)

// savedName keeps names of saved queries from being paths.
var savedName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}$`)

// savedFile is where a query of this name is kept.
func (s *Session) savedFile(name string) (string, error) {
	if s.options.ConfigDir == "" {
		return "", errors.New("queries are not saved in this session")
	}
	if !savedName.MatchString(name) {
		return "", fmt.Errorf("%q is no name for a query: use letters, digits, - and _", name)
	}
	return filepath.Join(s.options.ConfigDir, "queries", name+".sql"), nil
}

// savedQuery reads a saved query.
func (s *Session) savedQuery(name string) (string, error) {
	file, err := s.savedFile(name)
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("there is no saved query %s (%s)", name, didYouMean(name, s.savedQueries(), ".saved lists all"))
	}
	if err != nil {
		return "", fmt.Errorf("read saved query: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// savedQueries are the names of all, sorted.
func (s *Session) savedQueries() []string {
	if s.options.ConfigDir == "" {
		return nil
	}
	// None yet and unreadable look alike here; reading one tells them apart.
	entries, _ := os.ReadDir(filepath.Join(s.options.ConfigDir, "queries"))
	var names []string
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".sql")
		if ok && savedName.MatchString(name) {
			names = append(names, name)
		}
	}
	return names
}

// savedNames are candidates of .run and others.
func savedNames(s *Session, _ string) []string { return s.savedQueries() }

// runSave: .save
func runSave(s *Session, _ context.Context, a arguments) error {
	if s.options.Safe {
		return errSafe
	}
	name, sql := a.cutWord()
	if name == "" {
		return a.misused()
	}
	file, err := s.savedFile(name)
	if err != nil {
		return err
	}
	if sql == "" {
		last, err := s.lastStatement()
		if err != nil {
			return err
		}
		if sql = last.sql; last.saved != "" {
			sql = last.saved // with its parameters
		}
	}
	sql = strings.TrimRight(sql, "; \t\r\n")
	names, err := parameterNames(sql)
	if err != nil {
		return located(err, sql)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return fmt.Errorf("save query: %w", err)
	}
	_, err = os.Lstat(file)
	replaced := err == nil
	if err := writeWhole(file, []byte(sql+";\n")); err != nil {
		return fmt.Errorf("save query: %w", err)
	}
	verb := "saved"
	if replaced {
		verb = "replaced"
	}
	run := ".run " + name
	for _, p := range names {
		run += " " + p + "=" + strings.ToUpper(p)
	}
	s.printf("%s %s: %s\n", verb, name, run)
	return nil
}

// writeWhole writes a file for the user alone, whole or not at all.
func writeWhole(name string, text []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(name), ".trailql-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = temp.Write(text)
	if err = errors.Join(err, temp.Close()); err == nil {
		err = os.Rename(temp.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

// runListSaved: .saved
func runListSaved(s *Session, ctx context.Context, a arguments) error {
	if len(a.words) > 0 {
		if len(a.words) != 2 || a.words[0] != "delete" {
			return a.misused()
		}
		return s.deleteSaved(a.words[1])
	}
	var b strings.Builder
	names := s.savedQueries()
	width := 0
	for _, name := range names {
		width = max(width, len(name))
	}
	for _, name := range names {
		sql, err := s.savedQuery(name)
		if err != nil {
			sql = "-- " + err.Error()
		}
		line := padRight(name, width) + "  " + escape(strings.Join(strings.Fields(sql), " "))
		if s.screen.Size != nil && cellWidth(line) > s.columns()-1 {
			line = cutCells(line, s.columns()-1-cellWidth(s.ellipsis())) + s.ellipsis()
		}
		b.WriteString(line + "\n")
	}
	if len(names) == 0 {
		s.printf("(no saved queries; .save NAME saves the last statement)\n")
		return nil
	}
	return s.lines(ctx, strings.TrimSuffix(b.String(), "\n"))
}

func (s *Session) deleteSaved(name string) error {
	if s.options.Safe {
		return errSafe
	}
	if _, err := s.savedQuery(name); err != nil {
		return err
	}
	file, err := s.savedFile(name)
	if err != nil {
		return err
	}
	if err := os.Remove(file); err != nil {
		return fmt.Errorf("delete saved query: %w", err)
	}
	s.printf("deleted %s\n", name)
	return nil
}

// runSaved: .run
func runSaved(s *Session, ctx context.Context, a arguments) error {
	if len(a.words) == 0 {
		return a.misused()
	}
	saved, err := s.savedQuery(a.words[0])
	if err != nil {
		return err
	}
	values := map[string]any{}
	for _, word := range a.words[1:] {
		name, value, err := parseValue(word)
		if err != nil {
			return err
		}
		values[name] = value
	}
	parts, err := dialect.Split(saved)
	if err != nil {
		return located(err, saved)
	}
	if len(values) > 0 {
		if err := checkNames(saved, values); err != nil {
			return err
		}
	}
	for _, part := range parts {
		sql, params, err := bindNames(part.SQL, values)
		if err != nil {
			return fmt.Errorf("%s: %w", a.words[0], err)
		}
		st := statement{sql: sql, params: params, dialect: s.settings.dialect, window: s.window, saved: part.SQL}
		if _, err := s.run(ctx, st); err != nil {
			return err
		}
	}
	return nil
}

// parseValue reads name=text, or name:=value with a value as JSON has it.
func parseValue(word string) (name string, value any, err error) {
	name, text, ok := strings.Cut(word, "=")
	name = strings.TrimPrefix(name, "$")
	typed := strings.HasSuffix(name, ":")
	name = strings.TrimSuffix(name, ":")
	if !ok || name == "" {
		return "", nil, fmt.Errorf("%q is no parameter: use name=value", word)
	}
	if !typed {
		return name, text, nil
	}
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	err = decoder.Decode(&value)
	if err != nil || decoder.More() {
		return "", nil, fmt.Errorf("%s:=%s: want a number, true, false, null or a text in double quotes", name, text)
	}
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return name, n, nil
		}
		f, err := v.Float64()
		return name, f, err
	case []any, map[string]any:
		return "", nil, fmt.Errorf("%s:=%s: lists and objects are no parameters", name, text)
	}
	return name, value, nil
}

// parameterNames are those of $name in a statement, in their order.
func parameterNames(sql string) ([]string, error) {
	tokens, err := dialect.Tokens(sql)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range tokens {
		if name, ok := parameterName(t); ok && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names, nil
}

// parameterName is false for ? and $1.
func parameterName(t dialect.Token) (string, bool) {
	if t.Kind != dialect.Parameter || len(t.Text) < 2 || t.Text[1] >= '0' && t.Text[1] <= '9' {
		return "", false
	}
	return t.Text[1:], true
}

// checkNames refuses values that a query has no parameter for.
func checkNames(sql string, values map[string]any) error {
	names, err := parameterNames(sql)
	if err != nil {
		return located(err, sql)
	}
	for name := range values {
		if !slices.Contains(names, name) {
			return fmt.Errorf("the query has no parameter %s (%s)", name, didYouMean(name, names, "it has: "+strings.Join(names, " ")))
		}
	}
	return nil
}

// bindNames makes ? of each $name, and the list of values for them. A value
// never becomes a part of the text.
func bindNames(sql string, values map[string]any) (string, []any, error) {
	tokens, err := dialect.Tokens(sql)
	if err != nil {
		return "", nil, located(err, sql)
	}
	var b strings.Builder
	var params []any
	var missing []string
	for _, t := range tokens {
		name, ok := parameterName(t)
		if !ok {
			b.WriteString(t.Text)
			if t.Kind == dialect.Parameter {
				missing = append(missing, t.Text)
			}
			continue
		}
		value, ok := values[name]
		if !ok && !slices.Contains(missing, name) {
			missing = append(missing, name)
		}
		params = append(params, value)
		b.WriteByte('?')
	}
	if len(missing) > 0 {
		return "", nil, fmt.Errorf("no value for %s: use name=value", strings.Join(missing, ", "))
	}
	return b.String(), params, nil
}
