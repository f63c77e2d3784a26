package schedule

import (
	"cmp"
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
	Schema string `json:"schema"`
	// Files are the names that the file of schedules was run by.
	Files     []string                 `json:"files,omitempty"`
	Schedules map[string]scheduleState `json:"schedules"`
}

type scheduleState struct {
	// Since is when the schedule was first seen.
	Since time.Time `json:"since"`
	// All runs until Last are settled: made, or given up.
	Last time.Time `json:"last"`
	// Done are settled runs after Last, in order.
	Done []span `json:"done,omitempty"`
	// Unsaid are when skipped runs were due that could not be recorded yet.
	Unsaid []time.Time `json:"unsaid,omitempty"`
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

// isOf: the state belongs to this file, by its name or by another one.
func (s *state) isOf(full string, file fs.FileInfo) bool {
	return slices.ContainsFunc(s.Files, func(name string) bool {
		info, err := os.Stat(name)
		return name == full || err == nil && os.SameFile(info, file)
	})
}

// forget drops what has belonged to no schedule for so long that nobody looks back
// to it. A schedule may come back, and must not owe again what was made.
func (s *state) forget(schedules []*Schedule, now time.Time) {
	maps.DeleteFunc(s.Schedules, func(name string, known scheduleState) bool {
		return index(schedules, name) < 0 && known.end().Before(now.Add(-lookback))
	})
}

// of is what is known of a schedule. What is older than the schedule was about
// another one of its name.
func (s *state) of(schedule *Schedule, now time.Time) scheduleState {
	known := s.Schedules[schedule.Name]
	if schedule.Created.After(known.end()) {
		known = scheduleState{}
	}
	if known.Since.IsZero() {
		// Without a time of creation the first run is the next one.
		known.Since = cmp.Or(schedule.Created.UTC(), now)
	}
	return known
}

// end is the last time that is known of.
func (s *scheduleState) end() time.Time {
	end := latest(s.Since, s.Last)
	if s.Latest != nil {
		end = latest(end, s.Latest.Ended)
	}
	return end
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
