//go:build cgo && duckdb_arrow

package duck

import (
	"fmt"
	"sync"
	"time"

	bindings "github.com/duckdb/duckdb-go-bindings"

	"github.com/trailql/trailql/engine"
)

// progressSettings are those of a connection that make DuckDB count, and show
// nothing by itself. Nothing else can be set once the database is configured.
var progressSettings = []string{"enable_progress_bar_print", "enable_progress_bar"}

const progressInterval = 100 * time.Millisecond

// watcher is whoever asked how far a query is.
type watcher struct {
	mu   sync.Mutex
	tell func(engine.Progress) // nil: nobody, or nobody any more
}

// end returns when nothing is told any more.
func (w *watcher) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tell = nil
}

func (w *watcher) say(p engine.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tell != nil {
		w.tell(p)
	}
}

// watch tells the watcher how far the query is, until the end of its context.
func (r *running) watch() error {
	if r.query.Progress == nil {
		return nil
	}
	if err := r.connection.exec("SET enable_progress_bar_print = false; SET enable_progress_bar = true"); err != nil {
		return fmt.Errorf("watch query: %w", err)
	}
	stats := r.counts // goes on to change with the rows
	go func() {
		tick := time.NewTicker(progressInterval)
		defer tick.Stop()
		last := -1.0
		for {
			select {
			case <-r.ctx.Done():
				return
			case <-tick.C:
			}
			fraction, rows, ok := r.connection.progress()
			if !ok {
				return
			}
			last = max(last, fraction) // DuckDB's own goes back at times
			stats.Elapsed = time.Since(r.started)
			r.watcher.say(engine.Progress{Fraction: last, Rows: rows, Stats: stats})
		}
	}()
	return nil
}

// progress is how far the running statement is: a fraction, below 0 when it is
// not known, and the rows read.
func (c *connection) progress() (fraction float64, rows int64, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, 0, false
	}
	p := bindings.QueryProgress(c.handle)
	percent, done, _ := bindings.QueryProgressTypeMembers(&p)
	if percent < 0 {
		return -1, int64(done), true
	}
	return min(1, percent/100), int64(done), true
}
