//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
)

// failure is an error that DuckDB reports, as its setting errors_as_json has it.
type failure struct {
	Type     string `json:"exception_type"`
	Message  string `json:"exception_message"`
	Subtype  string `json:"error_subtype"`
	Position json.Number
	Name     string // of what does not exist
	Kind     string `json:"type"` // and what it would be
	// Candidates are names that exist, separated by commas.
	Candidates string
}

func (f *failure) Error() string {
	if f.Type == "" {
		return f.Message
	}
	return f.Type + ": " + f.Message
}

// shifted is the position without a text of ours before the statement.
func (f *failure) shifted(shift int) json.Number {
	offset, err := f.Position.Int64()
	if err != nil || int(offset) < shift {
		return ""
	}
	return json.Number(strconv.Itoa(int(offset) - shift))
}

func readFailure(text string) *failure {
	f := &failure{}
	if start := strings.Index(text, "{"); start >= 0 && json.Unmarshal([]byte(text[start:]), f) == nil && f.Type != "" {
		return f
	}
	return &failure{Message: text}
}

// classify turns what stopped a query into an error of the engine's contract.
// shift is what this package put before the statement, in bytes.
func classify(ctx context.Context, err error, s *dialect.Statement, shift int) error {
	if err == nil {
		return nil
	}
	// Whatever failed after the end of ctx failed because of it.
	if ctx.Err() != nil {
		return engine.Stopped(ctx)
	}
	if wrong, ok := errors.AsType[*dialect.Error](err); ok {
		return dialectError(wrong)
	}
	if wrong, ok := errors.AsType[*engine.SQLError](err); ok {
		return wrong
	}
	var refused *refusal
	if errors.As(err, &refused) {
		e := &engine.SQLError{Kind: refused.kind, Message: refused.message, Hint: refused.hint}
		if refused.offset >= 0 {
			e.Line, e.Column = s.Position(refused.offset)
		}
		return e
	}
	var f *failure
	if !errors.As(err, &f) {
		return fmt.Errorf("run query: %w", err)
	}
	if f.isDamage() {
		return fmt.Errorf("run query: a file of the warehouse is missing or damaged: %s", firstLine(f.Message))
	}
	switch f.Type {
	case "Out of Memory":
		return fmt.Errorf("%w: memory: %s", engine.ErrLimit, firstLine(f.Message))
	case "Permission":
		e := f.sqlError(s, shift)
		e.Kind = engine.ErrNotAllowed
		return e
	case "IO", "FATAL", "INTERNAL", "Connection", "INTERRUPT", "":
		return fmt.Errorf("run query: %w", f)
	case "Not implemented":
		e := f.sqlError(s, shift)
		e.Kind = engine.ErrUnsupported
		return e
	}
	return f.sqlError(s, shift)
}

// isDamage reports whether a data file, not the statement, is at fault: it could
// not be decoded, or is named where no statement can have a mistake.
func (f *failure) isDamage() bool {
	if f.Type == "Invalid" { // of the decoder's parts
		return true
	}
	return f.Position == "" && (f.Type == "Invalid Input" || f.Type == "IO") && strings.Contains(f.Message, ".parquet")
}

func (f *failure) sqlError(s *dialect.Statement, shift int) *engine.SQLError {
	e := &engine.SQLError{Message: f.summary()}
	// In a macro the place is one of the macro's text.
	if offset, err := f.Position.Int64(); err == nil && int(offset) >= shift && !failedMacro.MatchString(f.Message) {
		e.Line, e.Column = s.Position(int(offset) - shift)
	}
	if (f.Subtype == "COLUMN_NOT_FOUND" || f.Subtype == "MISSING_ENTRY") && f.Candidates != "" {
		e.Hint = nearest(f.Name, f.Candidates)
	}
	return e
}

// summary says in one line what is wrong, in the words of this program where
// the kind of mistake is a common one.
func (f *failure) summary() string {
	if reason := failedMacro.FindStringSubmatch(f.Message); reason != nil {
		return reason[1]
	}
	switch {
	case f.Subtype == "COLUMN_NOT_FOUND" && f.Name != "":
		return fmt.Sprintf("column %q does not exist", f.Name)
	case f.Subtype == "MISSING_ENTRY" && strings.HasSuffix(f.Kind, "Function") && f.Name != "":
		return fmt.Sprintf("function %s does not exist", f.Name)
	}
	return firstLine(f.Message)
}

func nearest(name, candidates string) string {
	var names []string
	for c := range strings.SplitSeq(candidates, ",") {
		names = append(names, strings.Trim(strings.TrimSpace(c), `"`))
	}
	return didYouMean(strings.ToLower(name), slices.Values(names))
}

// failedMacro is the error of a cast by which a macro of package dialect says why
// it has no answer.
var failedMacro = regexp.MustCompile(`(?s)^Could not convert string '(not an? .*)' to (?:INT[0-9]+|BOOL)`)

var spaces = regexp.MustCompile(`\s+`)

// firstLine leaves out the long lists of alternatives that follow.
func firstLine(message string) string {
	line, _, _ := strings.Cut(message, "\n")
	return strings.TrimSpace(spaces.ReplaceAllString(line, " "))
}
