//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage/filecache"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
)

// local is the engine.Engine of this package.
type local struct {
	catalog *catalog.Catalog
	root    string           // of the warehouse: absolute path or URI
	data    string           // the folder below which DuckDB reads its files
	cache   *filecache.Cache // of copies below data; nil for a local warehouse
	temp    string           // ours, removed on Close
	memory  int64            // bytes; 0: not limited
	unload  string           // folder below which UNLOAD may write; "" for none
	results string           // folder of earlier results; "" for none
	db      *database
	given   given

	unfinished atomic.Int64 // queries that are not freed yet

	mu       sync.Mutex
	known    *relations          // of the newest snapshot that was used
	prepared map[string]prepared // by name
}

// prepared is a statement that PREPARE has named. It is translated again for
// each EXECUTE: the views that it reads may have changed.
type prepared struct {
	sql     string
	dialect dialect.Dialect
}

// Translator is implemented by the engines that Open returns.
type Translator interface {
	// Translate says what would run, without running it. The error is that of
	// Query.
	Translate(ctx context.Context, q engine.Query) (*dialect.Statement, error)
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
	temp, err := os.MkdirTemp(o.TempDir, "trailql-query-")
	if err != nil {
		return nil, fmt.Errorf("open query engine: %w", err)
	}
	l := &local{catalog: o.Catalog, temp: temp, memory: o.Memory, given: given{o.Listings, o.Views}, prepared: map[string]prepared{}}
	if err := l.openFiles(o); err != nil {
		return nil, errors.Join(fmt.Errorf("open query engine: %w", err), l.Close())
	}
	if o.UnloadDir != "" {
		if l.unload, err = realFolder(o.UnloadDir); err != nil {
			return nil, errors.Join(fmt.Errorf("open query engine: folder for UNLOAD: %w", err), l.Close())
		}
	}
	if o.ResultDir != "" {
		if l.results, err = realFolder(o.ResultDir); err != nil {
			return nil, errors.Join(fmt.Errorf("open query engine: folder for results: %w", err), l.Close())
		}
	}
	if l.db, err = openDatabase(); err == nil {
		err = l.configure(o)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open query engine: %w", err), l.Close())
	}
	return l, nil
}

// configure closes the sandbox: nothing can be set afterwards.
func (l *local) configure(o Options) error {
	c, err := l.db.connect()
	if err != nil {
		return err
	}
	defer c.close()
	if err := c.addFunctions(); err != nil {
		return err
	}
	// Paths are checked as they are written, so with their escapes as well.
	allowed := []string{quoteText(l.data + "/"), quoteText(escapeGlob(l.data) + "/")}
	if l.unload != "" {
		allowed = append(allowed, quoteText(l.unload+"/"))
	}
	if l.results != "" {
		allowed = append(allowed, quoteText(l.results+"/"), quoteText(escapeGlob(l.results)+"/"))
	}
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
		"SET GLOBAL temp_directory = " + quoteText(l.temp),
	}
	if o.Memory > 0 {
		settings = append(settings, fmt.Sprintf("SET GLOBAL memory_limit = '%dB'", o.Memory))
	}
	if o.Threads > 0 {
		settings = append(settings, fmt.Sprintf("SET GLOBAL threads = %d", o.Threads))
	}
	settings = append(settings,
		"SET GLOBAL allowed_directories = ["+strings.Join(allowed, ", ")+"]",
		"SET GLOBAL enable_external_access = false",
		"SET GLOBAL allowed_configs = ["+strings.Join(quoteTexts(progressSettings), ", ")+"]",
		"SET GLOBAL lock_configuration = true",
	)
	for _, s := range settings {
		if err := c.exec(s); err != nil {
			return fmt.Errorf("configure DuckDB: %s: %w", s, err)
		}
	}
	return nil
}

// grace is how long a cancelled query may take to stop before it is left to
// itself.
const grace = 150 * time.Millisecond

// finish runs f, and waits for it for a while.
func (l *local) finish(f func()) {
	done := make(chan struct{})
	l.unfinished.Add(1)
	go func() {
		defer l.unfinished.Add(-1)
		defer close(done)
		f()
	}()
	select {
	case <-done:
	case <-time.After(grace):
	}
}

func (l *local) Close() error {
	// A database that still works on an abandoned query cannot be closed; it
	// goes with the process.
	for range 10 {
		if l.unfinished.Load() > 0 {
			time.Sleep(grace / 10)
		}
	}
	if l.db != nil && l.unfinished.Load() == 0 {
		l.db.close()
	}
	err := os.RemoveAll(l.temp)
	if l.cache != nil {
		err = errors.Join(err, l.cache.Close())
	}
	if err != nil {
		return fmt.Errorf("close query engine: %w", err)
	}
	return nil
}

// Query implements engine.Engine.
func (l *local) Query(ctx context.Context, q engine.Query) (*engine.Result, error) {
	started := time.Now()
	l.unfinished.Add(1) // until the result is closed
	ctx, cancel := withTimeout(ctx, q.Limits.Timeout)
	if l.memory > 0 {
		watched, stop := context.WithCancelCause(ctx)
		go watchMemory(watched, l.memory, stop)
		ctx = watched
	}
	s, known, err := l.translate(ctx, q)
	var c *connection
	if err == nil {
		c, err = l.db.connect()
	}
	if err != nil {
		cancel()
		l.unfinished.Add(-1)
		return nil, err
	}
	r := &running{ctx: ctx, local: l, cancel: cancel, connection: c, statement: s, query: q, started: started, watcher: watcher{tell: q.Progress}}
	r.unhook = context.AfterFunc(ctx, c.interrupt)
	var failed error // when done is closed
	var broken *crash
	done := make(chan struct{})
	go func() {
		defer close(done)
		broken = caught(func() { failed = l.run(r, known) })
	}()
	select {
	case <-done:
	case <-ctx.Done():
		// Some of DuckDB's work looks for an interrupt seldom.
		select {
		case <-done:
		case <-time.After(grace):
			go func() {
				<-done
				r.close()
			}()
			r.watcher.end()
			return nil, engine.Stopped(ctx)
		}
	}
	broken.again()
	if failed != nil {
		err = classify(ctx, failed, r.statement, r.shift)
		r.close()
		return nil, err
	}
	return engine.NewResult(r.schema(), r.batches(), r.stats, func() error {
		r.close()
		return nil
	}), nil
}

// Translate implements Translator.
func (l *local) Translate(ctx context.Context, q engine.Query) (*dialect.Statement, error) {
	s, _, err := l.translate(ctx, q)
	return s, err
}

// translate reads a statement on the newest snapshot and its results.
func (l *local) translate(ctx context.Context, q engine.Query) (*dialect.Statement, *relations, error) {
	d, err := dialectNamed(q.Dialect)
	if err != nil {
		return nil, nil, fmt.Errorf("run query: %w", err)
	}
	known, err := l.newest(ctx)
	if err != nil {
		return nil, nil, classify(ctx, err, nil, 0)
	}
	if known, err = l.withResults(ctx, known, q.Results); err != nil {
		return nil, nil, fmt.Errorf("run query: %w", err)
	}
	s, err := dialect.Translate(q.SQL, dialect.Options{Dialect: d, Relations: known})
	if err != nil {
		return nil, nil, dialectError(err)
	}
	return s, known, nil
}

// newest are the relations of the newest snapshot.
func (l *local) newest(ctx context.Context) (*relations, error) {
	snap, err := l.catalog.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.known == nil || l.known.snapshot.Version() != snap.Version() {
		known, err := knownRelations(snap, l.given)
		if err != nil {
			return nil, err
		}
		l.known = known
	}
	return l.known, nil
}

// Version says in one line which state of the warehouse the next query reads.
func (l *local) Version(ctx context.Context) (string, error) {
	known, err := l.newest(ctx)
	if err != nil {
		return "", classify(ctx, err, nil, 0)
	}
	text := fmt.Sprintf("version %d", known.snapshot.Version())
	if logs := known.byName[dialect.DefaultTable]; logs != nil && logs.table != nil {
		if history := logs.table.History(); len(history) > 0 {
			newest := slices.MaxFunc(history, func(a, b catalog.TableSnapshot) int { return a.Committed.Compare(b.Committed) })
			text += fmt.Sprintf(", %s snapshot %d of %s", dialect.DefaultTable, newest.ID, newest.Committed.UTC().Format(time.RFC3339))
		}
	}
	return text, nil
}

func dialectError(err error) error {
	var e *dialect.Error
	if errors.As(err, &e) {
		wrong := &engine.SQLError{Line: e.Line, Column: e.Column, Message: e.Message, Hint: e.Hint}
		if e.NotAllowed {
			wrong.Kind = engine.ErrNotAllowed
		}
		return wrong
	}
	return err
}

func withTimeout(ctx context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	if timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, timeout, fmt.Errorf("%w: %s", engine.ErrTimeout, timeout))
}
