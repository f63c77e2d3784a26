//go:build cgo && duckdb_arrow

package duck

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/parquet-go/parquet-go"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage/filecache"
	"github.com/trailql/trailql/engine"
)

// DuckDB has no network. The data files of a warehouse elsewhere are copied into
// a cache first, those that the plan of a statement leaves and no others. It is
// allowed to read what this engine holds of them, not the cache.

// openFiles settles where DuckDB reads data files.
func (l *local) openFiles(o Options) (err error) {
	l.root = o.Catalog.Root()
	if !strings.Contains(l.root, "://") {
		l.root, err = filepath.Abs(l.root)
		l.data = l.root
		return err
	}
	if o.CacheDir == "" {
		return errors.New("a warehouse elsewhere needs a folder for copies of its files")
	}
	if l.cache, err = filecache.Open(filecache.Options{Dir: o.CacheDir, Limit: o.CacheSize}); err != nil {
		return err
	}
	l.data = l.cache.Folder(o.Catalog.Storage())
	return nil
}

// hold makes the planned files be where DuckDB reads them, until the query is
// freed.
func (r *running) hold(o *opening) error {
	l := r.local
	if l.cache == nil {
		return nil
	}
	var files []filecache.File
	named := map[string]bool{}
	for _, s := range o.scans {
		for _, f := range s.files {
			if !named[f.Path] {
				named[f.Path] = true
				files = append(files, filecache.File{Name: f.Path, Size: f.Bytes, Check: func(copied *os.File) error { return checkCopy(copied, f) }})
			}
		}
	}
	_, total := l.cache.Missing(l.catalog.Storage(), files)
	var last atomic.Int64
	release, err := l.cache.Hold(r.ctx, l.catalog.Storage(), files, func(fetched int64) {
		now := time.Since(r.started)
		if before := last.Load(); now-time.Duration(before) < progressInterval || !last.CompareAndSwap(before, int64(now)) {
			return
		}
		stats := r.counts
		stats.Elapsed = now
		r.watcher.say(engine.Progress{Fraction: -1, Stats: stats, Fetched: min(fetched, total), FetchTotal: total})
	})
	r.release = release
	return err
}

// checkCopy compares a file with what its commit says.
func checkCopy(copied *os.File, f catalog.DataFile) error {
	p, err := parquet.OpenFile(copied, f.Bytes, parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		return fmt.Errorf("it is not the file that was committed: %w", err)
	}
	if p.NumRows() != f.Records {
		return fmt.Errorf("it is not the file that was committed: it has %d rows, the table says %d", p.NumRows(), f.Records)
	}
	return nil
}
