//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/trailql/trailql/engine"
)

// DuckDB's limit holds for its buffers. Some functions allocate beside them: long
// texts and lists, the states of some aggregates. So the process is watched, too.
const (
	watchEvery = 50 * time.Millisecond
	// beside is what a query may take beyond the limit.
	beside = 512 << 20
)

// watchMemory cancels a query when the process has grown by more than it may
// take: half as much again as limit, and beside. It returns when ctx ends.
func watchMemory(ctx context.Context, limit int64, cancel context.CancelCauseFunc) {
	start, ok := residentMemory()
	if !ok {
		return
	}
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now, ok := residentMemory(); ok && now-start > limit+limit/2+beside {
			cancel(fmt.Errorf("%w: memory: the query took more than %d bytes beside DuckDB's buffers", engine.ErrLimit, limit))
			return
		}
	}
}

// residentMemory is the process's, in bytes; ok is false where it is not known.
func residentMemory() (bytes int64, ok bool) {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0, false
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize()), err == nil
}
