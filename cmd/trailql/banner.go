package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/convert/cloudtrail"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

// welcomeError tells somebody who has no warehouse yet what to do.
type welcomeError struct {
	err   error
	lines []string
}

func (e welcomeError) Error() string   { return e.err.Error() }
func (e welcomeError) Unwrap() error   { return e.err }
func (e welcomeError) Lines() []string { return e.lines }

// welcome adds what to do to the error that there is no warehouse.
func (a *app) welcome(err error) error {
	if !errors.Is(err, catalog.ErrNotExist) {
		return err
	}
	return welcomeError{err, []string{
		"trailql convert ~/logs/AWSLogs      makes a warehouse of .json.gz files, in " + home(a.warehouse),
		"trailql shell --warehouse DIR       opens one that is somewhere else",
		"trailql help                        says what else there is",
	}}
}

// banner says what is open, from what the metadata knows.
func (s *shell) banner(ctx context.Context, c *catalog.Catalog) error {
	held, err := contents(ctx, c)
	if err != nil {
		return err
	}
	line := "trailql " + version + " · " + output.Escape(home(c.Root())) + " · " + held
	next := "Type SQL ending in ;   .help for help   Tab completes"
	if s.editor == nil {
		next = "Type SQL ending in ;   .help for help"
	}
	if s.options.Screen.ASCII {
		line = output.EscapeASCII(strings.NewReplacer("·", "|", "…", "...").Replace(line))
	}
	_, err = fmt.Fprintf(s.app.stderr, "%s\n%s\n", line, next)
	return err
}

// contents is what a warehouse holds, in a few words.
func contents(ctx context.Context, c *catalog.Catalog) (string, error) {
	snapshot, err := c.Snapshot(ctx)
	if err != nil {
		return "", err
	}
	table, err := snapshot.Table(convert.LogsTable)
	if errors.Is(err, catalog.ErrNotExist) || err == nil && table.Stats().Records == 0 {
		return "no events yet: trailql convert DIR", nil
	}
	if err != nil {
		return "", err
	}
	held := quantity.Count(table.Stats().Records) + " events"
	days, err := daysOf(ctx, table)
	if err != nil || len(days) == 0 {
		return held, err
	}
	held += " · " + days[0].Format(time.DateOnly) + " … " + days[len(days)-1].Format(time.DateOnly)
	if n := gaps(days); n > 0 {
		held += " (" + quantity.Plural(int64(n), "gap") + ": .coverage)"
	}
	return held, nil
}

// daysOf are the days of which a table has records, in order.
func daysOf(ctx context.Context, t *catalog.Table) ([]time.Time, error) {
	column := slices.Index(t.Spec(), cloudtrail.DateColumn)
	if column < 0 {
		return nil, nil
	}
	files, _, err := t.Plan(ctx, catalog.Predicate{})
	if err != nil {
		return nil, err
	}
	seen := map[string]bool{}
	var days []time.Time
	for _, f := range files {
		text := f.Partition[column]
		if seen[text] {
			continue
		}
		seen[text] = true
		// Records without a time have a day that is none.
		if day, err := time.Parse(time.DateOnly, text); err == nil {
			days = append(days, day)
		}
	}
	slices.SortFunc(days, time.Time.Compare)
	return days, nil
}

// gaps counts the spans between two of the days that have no records.
func gaps(days []time.Time) int {
	n := 0
	for i := 1; i < len(days); i++ {
		if days[i].Sub(days[i-1]) > 24*time.Hour {
			n++
		}
	}
	return n
}

// home writes a path below the user's home with ~.
func home(path string) string {
	folder, err := os.UserHomeDir()
	if err != nil || folder == "" || folder == string(filepath.Separator) {
		return path
	}
	if rest, ok := strings.CutPrefix(path, folder+string(filepath.Separator)); ok {
		return filepath.Join("~", rest)
	}
	return path
}
