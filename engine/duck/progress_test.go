//go:build cgo && duckdb_arrow

package duck

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trailql/trailql/engine"
)

// slow takes hours.
const slow = `SELECT count(*) FROM cloudtrail_logs a, cloudtrail_logs b, cloudtrail_logs c, cloudtrail_logs d
	WHERE a.eventid = b.useragent || c.useragent || d.useragent`

func TestProgress(t *testing.T) {
	e := converted(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	said, ended := 0, false
	r, err := e.Query(ctx, engine.Query{
		SQL: slow,
		Progress: func(p engine.Progress) {
			said++
			if ended {
				t.Error("progress behind the end")
			}
			if p.Fraction > 1 || p.Fraction < 0 && p.Fraction != -1 || p.Rows < 0 {
				t.Errorf("fraction %v, rows %d", p.Fraction, p.Rows)
			}
			if p.Stats.FilesTotal != 9 || p.Stats.Bytes == 0 || p.Stats.Elapsed <= 0 {
				t.Errorf("stats %+v", p.Stats)
			}
			if said == 3 {
				cancel()
			}
		},
	})
	if err == nil {
		for _, err = range r.Batches() {
			if err != nil {
				break
			}
		}
		r.Close()
	}
	ended = true
	if !errors.Is(err, engine.ErrCanceled) {
		t.Errorf("error %v, want that the third report cancelled it", err)
	}
}

// TestProgressFraction: a scan says how much of it is done.
func TestProgressFraction(t *testing.T) {
	e := converted(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var known atomic.Bool
	_, err := drain(ctx, e, engine.Query{SQL: slow, Progress: func(p engine.Progress) {
		if p.Stats.Elapsed > time.Minute {
			cancel()
		}
		if p.Fraction >= 0 && p.Rows > 0 {
			known.Store(true)
			cancel()
		}
	}})
	if !known.Load() || !errors.Is(err, engine.ErrCanceled) {
		t.Errorf("ended with %v, progress known: %v", err, known.Load())
	}
}
