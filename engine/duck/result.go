//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine/dialect"
)

// keptResult is an earlier result, in a Parquet file of the folder for them.
type keptResult struct {
	path string
	// columns reads them from the file, once and only when they are wanted.
	columns func() ([]catalog.ViewColumn, error)
}

func (k *keptResult) sql() string {
	return "SELECT * FROM read_parquet([" + quoteText(escapeGlob(k.path)) + "], hive_partitioning = false)"
}

// dialectColumns are nil if the file cannot be read; opening it says why.
func (k *keptResult) dialectColumns() []dialect.Column {
	known, err := k.columns()
	if err != nil {
		return nil
	}
	columns := make([]dialect.Column, len(known))
	for i, c := range known {
		columns[i] = dialect.Column{Name: strings.ToLower(c.Name), Type: dialect.ParseType(c.Type)}
		if columns[i].Type.Kind == dialect.Text && holdsJSON(columns[i].Name) {
			columns[i].Type.Kind = dialect.JSONText
		}
	}
	return columns
}

// holdsJSON is true of names whose columns hold JSON wherever they are built in:
// Parquet only says that they are text.
func holdsJSON(name string) bool {
	standard := dialect.StandardRelations()
	for _, table := range standard.Names() {
		for _, c := range standard.Relation(table).Columns {
			if c.Name == name && (c.Type.Kind == dialect.JSON || c.Type.Kind == dialect.JSONText) {
				return true
			}
		}
	}
	return false
}

// withResults adds earlier results to relations. Tables and built-in views hide
// them; they hide stored queries.
func (l *local) withResults(ctx context.Context, r *relations, results map[string]string) (*relations, error) {
	if len(results) == 0 {
		return r, nil
	}
	all := &relations{snapshot: r.snapshot, byName: maps.Clone(r.byName)}
	for name, file := range results {
		if !viewName(name) || name != strings.ToLower(name) {
			return nil, fmt.Errorf("a result cannot be named %q", name)
		}
		path, err := l.resultFile(file)
		if err != nil {
			return nil, fmt.Errorf("read result %q: %w", name, err)
		}
		hidden := all.byName[name]
		if hidden != nil && hidden.view == nil { // a table, or built in
			continue
		}
		kept := &keptResult{path: path}
		kept.columns = sync.OnceValues(func() ([]catalog.ViewColumn, error) { return l.columnsOf(ctx, name, kept) })
		all.byName[name] = &relation{name: name, result: kept, hides: hidden}
	}
	return all, nil
}

// resultFile is the real path of a file below the folder for results.
func (l *local) resultFile(file string) (string, error) {
	if l.results == "" {
		return "", errors.New("the engine was opened without a folder for results")
	}
	path, err := realPath(file)
	if err != nil {
		return "", err
	}
	if rel, err := filepath.Rel(l.results, path); err != nil || !filepath.IsLocal(rel) {
		return "", fmt.Errorf("%s is not below %s", file, l.results)
	}
	return path, nil
}

func (l *local) columnsOf(ctx context.Context, name string, k *keptResult) ([]catalog.ViewColumn, error) {
	c, err := l.db.connect()
	if err != nil {
		return nil, err
	}
	defer c.close()
	columns, err := c.describe(ctx, k.sql())
	if err != nil {
		return nil, fmt.Errorf("read result %q: %w", name, err)
	}
	return columns, nil
}
