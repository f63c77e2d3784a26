package report_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/report"
)

func TestSpan(t *testing.T) {
	tests := []struct {
		name             string
		first, last, in  time.Time // in: the first log file that came in time
		wantFrom, wantTo string
	}{
		{"no events", time.Time{}, time.Time{}, time.Time{}, "0001-01-01T00", "0001-01-01T00"},
		{"all in time", utc("2026-08-01T10:20:00"), utc("2026-08-03T09:59:59"), utc("2026-08-01T10:20:00"), "2026-08-01T10", "2026-08-03T10"},
		{"events that came late", utc("2026-07-31T10:20:00"), utc("2026-08-03T10:00:00"), utc("2026-08-01T10:20:00"), "2026-08-01T10", "2026-08-03T11"},
		{"names without times", utc("2026-08-01T10:20:00"), utc("2026-08-03T09:00:00"), time.Time{}, "2026-08-01T10", "2026-08-03T10"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			query := func(_ context.Context, sql string, _ ...any) (*engine.Result, error) {
				if strings.Contains(sql, "source_files") {
					return result([]string{"time"}, [][]any{{test.in}}), nil
				}
				return result([]string{"time", "time"}, [][]any{{test.first, test.last}}), nil
			}
			from, to, err := report.Span(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			const layout = "2006-01-02T15"
			if got := from.Format(layout) + " " + to.Format(layout); got != test.wantFrom+" "+test.wantTo {
				t.Errorf("%s, want %s %s", got, test.wantFrom, test.wantTo)
			}
		})
	}
}
