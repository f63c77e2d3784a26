//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
)

// local is the engine.Engine of this package.
type local struct {
	catalog *catalog.Catalog
	root    string
	temp    string // ours, removed on Close
	db      *database
}

// Open starts an engine on the catalog. The caller closes it, before the
// catalog.
func Open(ctx context.Context, o Options) (engine.Engine, error) {
	if o.Catalog == nil {
		return nil, errors.New("open query engine: no catalog")
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open query engine: %w", err)
	}
	root, err := filepath.Abs(o.Catalog.Root())
	if err != nil {
		return nil, fmt.Errorf("open query engine: %w", err)
	}
	temp, err := os.MkdirTemp(o.TempDir, "trailql-query-")
	if err != nil {
		return nil, fmt.Errorf("open query engine: %w", err)
	}
	l := &local{catalog: o.Catalog, root: root, temp: temp}
	if l.db, err = openDatabase(); err == nil {
		err = l.db.configure(o, root, temp)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open query engine: %w", err), l.Close())
	}
	return l, nil
}

// configure closes the sandbox: nothing can be set afterwards.
func (db *database) configure(o Options, root, temp string) error {
	c, err := db.connect()
	if err != nil {
		return err
	}
	defer c.close()
	settings := []string{
		"SET GLOBAL errors_as_json = true",
		"SET GLOBAL autoinstall_known_extensions = false",
		"SET GLOBAL autoload_known_extensions = false",
		"SET GLOBAL allow_community_extensions = false",
		"SET GLOBAL allow_persistent_secrets = false",
		"SET GLOBAL TimeZone = 'UTC'",
		// As Trino does it.
		"SET GLOBAL integer_division = true",
		"SET GLOBAL old_implicit_casting = true",
		// Texts of one batch may exceed 2 GiB together.
		"SET GLOBAL arrow_large_buffer_size = true",
		"SET GLOBAL temp_directory = " + quoteText(temp),
	}
	if o.Memory > 0 {
		settings = append(settings, fmt.Sprintf("SET GLOBAL memory_limit = '%dB'", o.Memory))
	}
	if o.Threads > 0 {
		settings = append(settings, fmt.Sprintf("SET GLOBAL threads = %d", o.Threads))
	}
	settings = append(settings,
		// Paths are checked as they are written, so with their escapes as well.
		"SET GLOBAL allowed_directories = ["+quoteText(root+"/")+", "+quoteText(escapeGlob(root)+"/")+"]",
		"SET GLOBAL enable_external_access = false",
		"SET GLOBAL lock_configuration = true",
	)
	for _, s := range settings {
		if err := c.exec(s); err != nil {
			return fmt.Errorf("configure DuckDB: %s: %w", s, err)
		}
	}
	return nil
}

func (l *local) Close() error {
	if l.db != nil {
		l.db.close()
	}
	if err := os.RemoveAll(l.temp); err != nil {
		return fmt.Errorf("close query engine: %w", err)
	}
	return nil
}

// Query implements engine.Engine.
func (l *local) Query(ctx context.Context, q engine.Query) (*engine.Result, error) {
	started := time.Now()
	s, err := dialect.Translate(q.SQL, dialect.Options{})
	if err != nil {
		return nil, dialectError(err)
	}
	ctx, cancel := withTimeout(ctx, q.Limits.Timeout)
	snap, err := l.catalog.Snapshot(ctx)
	if err != nil {
		cancel()
		return nil, classify(ctx, err, s, 0)
	}
	c, err := l.db.connect()
	if err != nil {
		cancel()
		return nil, err
	}
	r := &running{ctx: ctx, cancel: cancel, connection: c, statement: s, limits: q.Limits, started: started}
	r.unhook = context.AfterFunc(ctx, c.interrupt)
	if err := r.start(l.root, snap, q.Params); err != nil {
		err = classify(ctx, err, s, len(prefix(s.Verb)))
		r.close()
		return nil, err
	}
	return engine.NewResult(r.rows.schema, r.batches(), r.stats, func() error {
		r.close()
		return nil
	}), nil
}

func dialectError(err error) error {
	var e *dialect.Error
	if errors.As(err, &e) {
		return &engine.SQLError{Line: e.Line, Column: e.Column, Message: e.Message, Hint: e.Hint}
	}
	return err
}

func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, timeout, fmt.Errorf("%w: %s", engine.ErrTimeout, timeout))
}

// prefix is what DuckDB is told to do with the query.
func prefix(v dialect.Verb) string {
	switch v {
	case dialect.Explain:
		return "EXPLAIN "
	case dialect.ExplainAnalyze:
		return "EXPLAIN ANALYZE "
	}
	return ""
}
