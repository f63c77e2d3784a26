package schedule

import (
	"fmt"
	"time"

	"github.com/trailql/trailql/report"
)

// Due is a run that a schedule owes.
type Due struct {
	Schedule *Schedule
	// Source tells schedules of the same name in different files apart: a run that is
	// missed or failed is known by both, and has no other id.
	Source string
	// At is when the run was due, UTC, without jitter. Its period is relative to it.
	At      time.Time
	Period  report.Period
	Attempt int // from 1
	// Missed: a later run of the schedule was due, too.
	Missed bool

	first time.Time // the first run that this one makes up for: At, or one of the same period before it
}

// key names the period in the state.
func (d *Due) key() string {
	return d.Period.From.UTC().Format(time.RFC3339) + "/" + d.Period.To.UTC().Format(time.RFC3339)
}

// lookback is the longest downtime that runs are made up for.
const lookback = 400 * 24 * time.Hour

// owed is what a schedule owes.
type owed struct {
	due     []Due // oldest first, also those that wait for another attempt
	skipped []Due // missed and not to be made up for, oldest first
}

// owes finds the runs that were due until now and have not been made. Runs of the
// same period are one, due when the last of them was.
func (s *Schedule) owes(state scheduleState, now time.Time) (owed, error) {
	var o owed
	begin := latest(state.Since, state.Last, s.Created)
	for at := s.Next(begin); !at.IsZero() && !at.Add(s.Delay(at)).After(now); at = s.Next(at) {
		if state.settled(at) {
			continue
		}
		d, err := s.DueAt(at, now)
		if err != nil {
			return owed{}, err
		}
		if last := len(o.due) - 1; last >= 0 && o.due[last].key() == d.key() {
			o.due[last].At = at
			continue
		}
		o.due = append(o.due, d)
	}
	if excess := len(o.due) - s.limit(); excess > 0 {
		o.skipped, o.due = o.due[:excess], o.due[excess:]
	}
	for i := range o.due {
		d := &o.due[i]
		d.Attempt = state.Failures[d.key()].Count + 1
		d.Missed = i+1 < len(o.due)
	}
	return o, nil
}

// DueAt is the run that is due at a time and made now.
func (s *Schedule) DueAt(at, now time.Time) (Due, error) {
	lateness := time.Duration(s.Lateness)
	if lateness == 0 {
		lateness = report.DefaultLateness
	}
	p, err := report.ParsePeriod(s.Period, s.zone, at, lateness)
	if err != nil {
		return Due{}, fmt.Errorf("schedule %q: %w", s.Name, err)
	}
	p.Open = p.To.Add(lateness).After(now)
	return Due{Schedule: s, At: at, Period: p, first: at}, nil
}

func latest(times ...time.Time) time.Time {
	var last time.Time
	for _, t := range times {
		if t.After(last) {
			last = t
		}
	}
	return last
}

// After a failure a run waits before it is tried again, longer each time.
const (
	firstWait = 10 * time.Minute
	maxWait   = 6 * time.Hour
)

func waitAfter(failures int) time.Duration {
	wait := firstWait
	for i := 1; i < failures && wait < maxWait; i++ {
		wait *= 2
	}
	return min(wait, maxWait)
}
