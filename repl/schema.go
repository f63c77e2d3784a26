package repl

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/repl/complete"
)

// Complete proposes what may stand at the cursor of an input, an offset in
// bytes; see package complete. What it does not know yet is loaded in the
// background, so that it answers at once.
func (s *Session) Complete(text string, cursor int, asked bool) complete.Completion {
	return complete.At(s.known(), text, cursor, asked)
}

// Highlight tells the roles of the parts of an input.
func (s *Session) Highlight(text string) []complete.Span {
	return complete.Highlight(s.known(), text)
}

// known is what completion knows by now.
func (s *Session) known() *complete.Known {
	c := &s.schema
	if k := c.current.Load(); k != nil && !c.stale.Load() && k.Dialect == s.dialect() && c.result == s.results.path {
		return k
	}
	c.stale.Store(false)
	c.result = s.results.path
	k := &complete.Known{Dialect: s.dialect(), Commands: s.completedCommands(), Values: func(relation, column string) []string { return c.values(s.options.Engine, relation, column) }}
	if before := c.current.Load(); before != nil {
		k.Relations = before.Relations
	} else {
		k.Relations = standardRelations()
	}
	c.current.Store(k)
	results, own := s.results.tables(), ownQuery{s.ownDialect(), s.inSchema()}
	c.inBackground(func(ctx context.Context) {
		relations, err := loadRelations(ctx, s.options.Engine, own, results)
		if err != nil {
			return // what every warehouse has is known anyway
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if now := c.current.Load(); now == k {
			newer := *k
			newer.Relations = relations
			c.current.Store(&newer)
		}
	})
	return k
}

func (s *Session) dialect() dialect.Dialect {
	for _, d := range []dialect.Dialect{dialect.Lake, dialect.DuckDB} {
		if d.String() == s.settings.dialect {
			return d
		}
	}
	return dialect.Athena
}

func (s *Session) completedCommands() []complete.Command {
	var all []complete.Command
	for _, c := range s.Commands() {
		all = append(all, complete.Command{Name: c.Name, Arguments: c.Arguments, Help: c.Help, Candidates: c.Candidates})
	}
	for _, c := range s.Commands() {
		for _, alias := range c.Aliases {
			if strings.HasPrefix(alias, `\`) {
				all = append(all, complete.Command{Name: alias, Arguments: c.Arguments, Help: c.Help, Candidates: c.Candidates})
			}
		}
	}
	return all
}

// schemaCache is what completion knows of a warehouse. The zero value is ready.
// Safe for concurrent use.
type schemaCache struct {
	current atomic.Pointer[complete.Known]
	stale   atomic.Bool
	result  string // file of the table _ that is known; only the session's goroutine looks

	mu      sync.Mutex
	loaded  map[valuesKey][]string // nil while they are being loaded, and where there are too many
	cancel  context.CancelFunc
	ctx     context.Context
	work    chan struct{} // holds one: the background asks one question at a time
	running sync.WaitGroup
	stopped bool
}

type valuesKey struct{ relation, column string }

// maxValues of a column are proposed; a column that has more of them has none
// that somebody would look for.
const maxValues = 100_000

// valuesTimeout bounds the search for them.
const valuesTimeout = time.Minute

// forget makes all be loaded anew: tables, views or their rows have changed.
func (c *schemaCache) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stale.Store(true)
	c.loaded = nil
}

// restart ends what is being loaded, and knows nothing then.
func (c *schemaCache) restart() {
	c.stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped, c.cancel, c.ctx, c.loaded = false, nil, nil, nil
	c.current.Store(nil)
}

// stop ends what is being loaded, and waits for it.
func (c *schemaCache) stop() {
	c.mu.Lock()
	c.stopped = true
	if c.cancel != nil {
		c.cancel()
	}
	c.mu.Unlock()
	c.running.Wait()
}

// inBackground runs f when those before it are done. Nobody may hold mu.
func (c *schemaCache) inBackground(f func(ctx context.Context)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped {
		return
	}
	if c.ctx == nil {
		c.ctx, c.cancel = context.WithCancel(context.Background())
		c.work = make(chan struct{}, 1)
	}
	c.running.Go(func() {
		select {
		case c.work <- struct{}{}:
			defer func() { <-c.work }()
			f(c.ctx)
		case <-c.ctx.Done():
		}
	})
}

// values are those of a column that are known by now.
func (c *schemaCache) values(e engine.Engine, relation, column string) []string {
	key := valuesKey{relation, column}
	c.mu.Lock()
	values, asked := c.loaded[key]
	if !asked {
		if c.loaded == nil {
			c.loaded = map[valuesKey][]string{}
		}
		c.loaded[key] = nil
	}
	c.mu.Unlock()
	if asked {
		return values
	}
	c.inBackground(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, valuesTimeout)
		defer cancel()
		found, err := loadValues(ctx, e, relation, column)
		if err != nil {
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.loaded != nil { // nobody has forgotten them meanwhile
			c.loaded[key] = found
		}
	})
	return nil
}

// loadValues finds the values of a column, the most frequent first; none where
// there are too many.
func loadValues(ctx context.Context, e engine.Engine, relation, column string) ([]string, error) {
	path := "t"
	for name := range strings.SplitSeq(column, ".") {
		path += "." + quoted(name)
	}
	// Virtual columns, such as year, are known to this dialect.
	ask := func(sql string) ([][]any, error) {
		result, err := e.Query(ctx, engine.Query{SQL: sql, Dialect: dialect.Athena.String()})
		if err != nil {
			return nil, err
		}
		return readRows(result)
	}
	from := " FROM " + quoted(relation) + " t"
	rows, err := ask("SELECT approx_distinct(" + path + ")" + from)
	if err != nil || len(rows) != 1 || number(rows[0][0]) > maxValues {
		return nil, err
	}
	rows, err = ask("SELECT CAST(" + path + " AS varchar) AS v, count(*) AS n" + from + " WHERE " + path + " IS NOT NULL GROUP BY 1 ORDER BY n DESC, v")
	if err != nil {
		return nil, err
	}
	values := make([]string, 0, min(len(rows), maxValues))
	for _, row := range rows[:min(len(rows), maxValues)] {
		values = append(values, textOf(row[0]))
	}
	return values, nil
}

// quoted writes a name for SQL.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// ownQuery is how a question of ours is asked.
type ownQuery struct{ dialect, condition string }

// loadRelations asks the engine which tables and views there are, with earlier
// results.
func loadRelations(ctx context.Context, e engine.Engine, own ownQuery, results map[string]string) ([]dialect.Relation, error) {
	result, err := e.Query(ctx, engine.Query{
		SQL:     "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE " + own.condition + " ORDER BY table_name, ordinal_position",
		Dialect: own.dialect,
		Results: results,
	})
	if err != nil {
		return nil, err
	}
	rows, err := readRows(result)
	if err != nil {
		return nil, err
	}
	standard := dialect.StandardRelations()
	parsed := map[string]dialect.Type{} // many relations have the same columns
	var relations []dialect.Relation
	for _, row := range rows {
		table, column, kind := textOf(row[0]), textOf(row[1]), textOf(row[2])
		if n := len(relations); n == 0 || relations[n-1].Name != table {
			r := dialect.Relation{Name: table}
			if known := standard.Relation(table); known != nil {
				r.Virtual = known.Virtual
			}
			relations = append(relations, r)
		}
		t, ok := parsed[kind]
		if !ok {
			t = dialect.ParseType(kind)
			parsed[kind] = t
		}
		r := &relations[len(relations)-1]
		r.Columns = append(r.Columns, dialect.Column{Name: column, Type: t})
	}
	return append(relations, listings()...), nil
}

// standardRelations are known before the engine was asked.
func standardRelations() []dialect.Relation {
	standard := dialect.StandardRelations()
	var relations []dialect.Relation
	for _, name := range standard.Names() {
		relations = append(relations, *standard.Relation(name))
	}
	slices.SortFunc(relations, func(a, b dialect.Relation) int { return cmp.Compare(a.Name, b.Name) })
	return append(relations, listings()...)
}

// listings are tables about tables, which information_schema does not list.
func listings() []dialect.Relation {
	columns := func(names ...string) []dialect.Column {
		var all []dialect.Column
		for _, n := range names {
			all = append(all, dialect.Column{Name: n, Type: dialect.Type{Kind: dialect.Text}})
		}
		return all
	}
	return []dialect.Relation{
		{Name: "information_schema.tables", Columns: columns("table_catalog", "table_schema", "table_name", "table_type")},
		{Name: "information_schema.columns", Columns: columns("table_catalog", "table_schema", "table_name", "column_name", "ordinal_position", "data_type", "comment")},
		{Name: "information_schema.views", Columns: columns("table_catalog", "table_schema", "table_name", "view_definition")},
		{Name: "information_schema.schemata", Columns: columns("catalog_name", "schema_name")},
		{Name: dialect.DefaultTable + "$partitions", Columns: columns("region", "date", "record_count", "file_count", "total_size")},
		{Name: dialect.DefaultTable + "$files", Columns: columns("file_path", "region", "date", "record_count", "file_size_in_bytes")},
		{Name: dialect.DefaultTable + "$snapshots", Columns: columns("committed_at", "snapshot_id", "parent_id", "operation", "summary")},
		{Name: dialect.DefaultTable + "$history", Columns: columns("made_current_at", "snapshot_id", "parent_id", "is_current_ancestor")},
	}
}

// candidateTables are the names of tables and views.
func candidateTables(s *Session, _ string) []string {
	var names []string
	for _, r := range s.known().Relations {
		if !strings.ContainsAny(r.Name, ".$") {
			names = append(names, r.Name)
		}
	}
	if s.results.tables() != nil && !slices.Contains(names, lastResult) {
		names = append(names, lastResult)
	}
	return names
}

// maxFiles of a folder are proposed.
const maxFiles = 1000

// candidateFiles are the files and folders that a path may become. A session
// that touches no files looks at none.
func candidateFiles(s *Session, typed string) []string {
	if s.options.Safe {
		return nil
	}
	a := parseArguments(typed)
	path := ""
	if len(a.words) > 0 && !strings.HasSuffix(typed, " ") {
		path = strings.TrimLeft(a.words[len(a.words)-1], `'"`)
	}
	written, start := filepath.Split(path)
	folder := written
	if rest, ok := strings.CutPrefix(folder, "~/"); ok {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil
		}
		folder = filepath.Join(home, rest)
	}
	entries, err := os.ReadDir(cmp.Or(folder, "."))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(start, ".") {
			continue
		}
		if e.IsDir() {
			name += "/"
		}
		if names = append(names, written+name); len(names) == maxFiles {
			break
		}
	}
	return names
}
