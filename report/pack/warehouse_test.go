//go:build cgo && duckdb_arrow

package pack_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/duck"
	"github.com/trailql/trailql/report/pack"
)

const sharedData = "../../../shared/data"

// shared is a file or folder of real records, or the test is skipped.
func shared(t testing.TB, name string) string {
	t.Helper()
	path, err := filepath.EvalSymlinks(filepath.Join(sharedData, name))
	if err != nil {
		t.Skipf("the corpus of real records is not here: %v", err)
	}
	return path
}

func builtIn(t testing.TB) *pack.Library {
	t.Helper()
	l, err := pack.Load(pack.BuiltIn())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// archive converts sources into a new warehouse and opens it.
func archive(t testing.TB, sources ...string) pack.QueryFunc {
	t.Helper()
	c, err := catalog.Create(t.Context(), filepath.Join(t.TempDir(), "warehouse"), catalog.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if _, err := convert.Run(t.Context(), convert.Options{Catalog: c, Sources: sources, Threads: 2}); err != nil {
		t.Fatal(err)
	}
	e, err := duck.Open(t.Context(), duck.Options{Catalog: c, TempDir: t.TempDir(), Threads: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return func(ctx context.Context, sql string, params ...any) (*engine.Result, error) {
		return e.Query(ctx, engine.Query{SQL: sql, Params: params})
	}
}

// records converts a log file of some records.
func records(t testing.TB, list ...map[string]any) pack.QueryFunc {
	t.Helper()
	return archive(t, logFile(t, list...))
}

// logFile writes a log file.
func logFile(t testing.TB, list ...map[string]any) string {
	t.Helper()
	content, err := json.Marshal(map[string]any{"Records": list})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "records.json")
	if err := os.WriteFile(file, content, 0o666); err != nil {
		t.Fatal(err)
	}
	return file
}

// ever is a period that has all records.
var ever = pack.PlanOptions{From: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), To: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)}

// run plans and runs.
func run(t testing.TB, l *pack.Library, query pack.QueryFunc, o pack.PlanOptions) ([]*pack.Event, []pack.Correlation) {
	t.Helper()
	p, err := l.Plan(o)
	if err != nil {
		t.Fatal(err)
	}
	var events []*pack.Event
	correlations, err := p.Run(t.Context(), query, func(e *pack.Event) error {
		events = append(events, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return events, correlations
}

// allRules are the ids of all rules.
func allRules(l *pack.Library) []string {
	var ids []string
	for _, r := range l.Rules {
		ids = append(ids, r.ID.Value)
	}
	return ids
}

// strongest is the highest severity by rule, of events and correlations.
func strongest(events []*pack.Event, correlations []pack.Correlation) map[string]pack.Severity {
	found := map[string]pack.Severity{}
	add := func(id string, s pack.Severity) {
		if before, ok := found[id]; !ok || s > before {
			found[id] = s
		}
	}
	for _, e := range events {
		for _, taken := range e.Taken {
			add(taken.Rule.ID.Value, taken.Severity)
		}
	}
	for _, c := range correlations {
		add(c.Rule.ID.Value, c.Severity)
	}
	return found
}
