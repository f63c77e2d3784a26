package schedule

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"time"
)

// stateSchema is the version of the state file.
const stateSchema = "trailql.schedule-state/1"

// state is what has been run. It is written after each run: a run that was killed
// is due again.
type state struct {
	Schema    string                   `json:"schema"`
	Schedules map[string]scheduleState `json:"schedules"`
}

type scheduleState struct {
	// Since is when the schedule was first seen.
	Since time.Time `json:"since"`
	// All runs until Last are settled: made, or given up.
	Last time.Time `json:"last"`
	// Done are settled runs after Last, in order.
	Done []span `json:"done,omitempty"`
	// Failures are by period.
	Failures map[string]failure `json:"failures,omitempty"`
	Latest   *LastRun           `json:"latest,omitempty"`
}

// span is runs from First to Last, both included.
type span struct {
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
}

type failure struct {
	Count int       `json:"count"`
	Next  time.Time `json:"next"` // not tried again before
	Error string    `json:"error"`
}

// LastRun is how the newest attempt of a schedule went.
type LastRun struct {
	Due      time.Time `json:"due"`
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Ended    time.Time `json:"ended"`
	Attempts int       `json:"attempts"`
	Error    string    `json:"error,omitempty"` // "": it was made
}

func readState(name string) (*state, error) {
	s := &state{Schema: stateSchema, Schedules: map[string]scheduleState{}}
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(data, s)
	}
	if err == nil && s.Schema != stateSchema {
		err = fmt.Errorf("schema %q is not %s", shorten(s.Schema), stateSchema)
	}
	if err != nil {
		// Not to be forgotten in silence: all reports would be owed again, or none.
		return nil, fmt.Errorf("read state of schedules %s: %w", name, err)
	}
	if s.Schedules == nil {
		s.Schedules = map[string]scheduleState{}
	}
	return s, nil
}

func (s *state) write(name string) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err == nil {
		err = replaceFile(name, append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("write state of schedules: %w", err)
	}
	return nil
}

// forget drops what belongs to no schedule.
func (s *state) forget(schedules []*Schedule) {
	maps.DeleteFunc(s.Schedules, func(name string, _ scheduleState) bool { return index(schedules, name) < 0 })
}

func (s *scheduleState) settled(at time.Time) bool {
	return slices.ContainsFunc(s.Done, func(d span) bool { return !at.Before(d.First) && !at.After(d.Last) })
}

// advance settles what is never made up for: what was due while the schedule was
// disabled, or longer ago than anybody looks back.
func (s *scheduleState) advance(of *Schedule, now time.Time) {
	until := now.Add(-lookback)
	if of.Disabled {
		until = now
	}
	if latest(s.Since, s.Last, of.Created).Before(until) {
		s.Last = until
		s.Done = slices.DeleteFunc(s.Done, func(d span) bool { return !d.Last.After(until) })
	}
}

// settle records that a run has been made or given up.
func (s *scheduleState) settle(d Due) {
	delete(s.Failures, d.key())
	s.Done = append(s.Done, span{d.first, d.At})
	slices.SortFunc(s.Done, func(a, b span) int { return a.First.Compare(b.First) })
	// What nothing is owed before can be forgotten.
	begin := latest(s.Since, s.Last, d.Schedule.Created)
	for len(s.Done) > 0 {
		next := d.Schedule.Next(begin)
		if next.IsZero() || next.Before(s.Done[0].First) {
			break
		}
		begin = latest(begin, s.Done[0].Last)
		s.Last, s.Done = begin, s.Done[1:]
	}
}

// fail records a failed attempt.
func (s *scheduleState) fail(d Due, now time.Time, err error) {
	if s.Failures == nil {
		s.Failures = map[string]failure{}
	}
	text := err.Error()
	if len(text) > 1000 {
		text = text[:1000]
	}
	s.Failures[d.key()] = failure{Count: d.Attempt, Next: now.Add(waitAfter(d.Attempt)).UTC(), Error: text}
}
