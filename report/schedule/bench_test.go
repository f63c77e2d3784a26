package schedule

import (
	"testing"
	"time"
)

// BenchmarkOwes is the worst that a file can ask for: a run each minute, after
// more than a year of downtime.
func BenchmarkOwes(b *testing.B) {
	s := &Schedule{Name: "s", Cron: "* * * * *", Zone: "America/New_York", Packs: []string{"soc2"}, Period: "yesterday", Output: "/x", Jitter: Duration(time.Hour)}
	if err := s.Validate("/"); err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	for b.Loop() {
		known := scheduleState{Since: now.AddDate(-5, 0, 0)}
		known.advance(s, now)
		o, err := s.owes(known, now)
		if err != nil || len(o.due) != DefaultCatchUpLimit {
			b.Fatal(len(o.due), err)
		}
	}
}
