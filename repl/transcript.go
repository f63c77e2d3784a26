package repl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

// transcript is the record of a case: what was asked, what came of it, what the
// analyst thought. Lines of a record but the first are indented, so that no text
// can look like a record.
type transcript struct {
	file *os.File
}

// versioned is an engine that can say what it reads.
type versioned interface {
	// Version names the newest snapshot.
	Version(ctx context.Context) (string, error)
}

// runLog: .log
func runLog(s *Session, ctx context.Context, a arguments) error {
	if len(a.words) == 0 {
		if s.log == nil {
			s.printf("no transcript is kept\n")
		} else {
			s.printf("the transcript goes to %s\n", s.log.file.Name())
		}
		return nil
	}
	a, anyway := a.flag("-a")
	name, err := a.one()
	if err != nil {
		return err
	}
	if name == "off" {
		return s.closeLog()
	}
	if s.options.Safe {
		return errSafe
	}
	name = expandHome(name)
	if s.log != nil && sameFile(s.log.file.Name(), name) {
		return errors.New("the transcript goes there already")
	}
	if ours, err := isTranscript(name); err != nil {
		return fmt.Errorf("open transcript: %w", err)
	} else if !ours && !anyway {
		return fmt.Errorf("%s is no transcript: -a appends to it all the same", name)
	}
	if err := s.closeLog(); err != nil {
		return err
	}
	file, err := output.OpenFile(ctx, name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("open transcript: %w", err)
	}
	s.log = &transcript{file}
	what := "start"
	if s.options.Warehouse != "" {
		what += " of a session on " + s.options.Warehouse
	}
	s.record(what)
	return nil
}

func sameFile(a, b string) bool {
	infoA, err := os.Stat(a)
	if err != nil {
		return false
	}
	infoB, err := os.Stat(b)
	return err == nil && os.SameFile(infoA, infoB)
}

// transcriptStart is the first record of a transcript.
var transcriptStart = regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ start( of a session on |\n)`)

// isTranscript reports whether a file may become longer: it is one of ours, or
// has nothing to lose.
func isTranscript(name string) (bool, error) {
	info, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return err == nil, err
	}
	file, err := os.Open(name)
	if err != nil {
		return false, err
	}
	defer file.Close()
	start, err := io.ReadAll(io.LimitReader(file, 64))
	return transcriptStart.Match(start), err
}

func (s *Session) closeLog() error {
	if s.log == nil {
		return nil
	}
	s.record("end")
	err := s.log.file.Close()
	s.log = nil
	if err != nil {
		return fmt.Errorf("close transcript: %w", err)
	}
	return nil
}

// runNote: .note
func runNote(s *Session, _ context.Context, a arguments) error {
	if a.text == "" {
		return a.misused()
	}
	if s.log == nil {
		return errors.New("there is no transcript: .log FILE starts one")
	}
	s.record("note", a.text)
	return nil
}

// record writes one record. A transcript that cannot be written is worth an
// error each time: it is evidence.
func (s *Session) record(kind string, details ...string) {
	if s.log == nil {
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", s.options.Now().UTC().Format(time.RFC3339), escape(kind))
	for _, d := range details {
		b.WriteString("    " + strings.ReplaceAll(escapeLines(d), "\n", "\n    ") + "\n")
	}
	if _, err := s.log.file.WriteString(b.String()); err != nil {
		s.warnf("the transcript misses a record: %s", err)
	}
}

// logStatement records a statement and what came of it.
func (s *Session) logStatement(ctx context.Context, st statement, done delivered, err error) {
	if s.log == nil {
		return
	}
	details := []string{st.sql + ";"}
	if len(st.params) > 0 {
		details = append(details, "parameters: "+literals(st.params))
	}
	if !st.window.IsZero() {
		details = append(details, "window: "+s.windowText(st.window))
	}
	if e, ok := s.options.Engine.(versioned); ok {
		if version, err := e.Version(ctx); err == nil {
			details = append(details, "snapshot: "+version)
		}
	}
	if err != nil {
		details = append(details, "error: "+err.Error())
	} else {
		cost := append([]string{quantity.Plural(done.stats.Rows, "row"), quantity.Duration(done.stats.Elapsed)}, scanned(done.stats)...)
		details = append(details, strings.Join(cost, ", "))
	}
	s.record("statement", details...)
}

// logCommand records a command and what came of it.
func (s *Session) logCommand(name, line string, err error) {
	if s.log == nil || name == "log" || name == "note" {
		return // they leave records of their own
	}
	details := []string{line}
	var exit *ExitError
	switch {
	case errors.As(err, &exit):
	case err != nil:
		details = append(details, "error: "+err.Error())
	case s.answered >= 0:
		details = append(details, quantity.Plural(s.answered, "row"))
	}
	s.record("command", details...)
}

// literals are values as SQL would have them.
func literals(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		switch v := v.(type) {
		case nil:
			texts[i] = "NULL"
		case string:
			texts[i] = "'" + strings.ReplaceAll(v, "'", "''") + "'"
		default:
			texts[i] = fmt.Sprint(v)
		}
	}
	return strings.Join(texts, ", ")
}
