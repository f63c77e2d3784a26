package schedule

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

var (
	// ErrRunning is wrapped when another process runs the schedules of the file.
	ErrRunning = errors.New("another process runs these schedules")
	// ErrClock is wrapped when runs were made at a time that has not come yet.
	ErrClock = errors.New("the clock was set back")
)

// Runner runs what is due. File, StateDir and Run are required.
type Runner struct {
	File string // of the schedules
	// StateDir is the folder that remembers what has been run, for this and any
	// other file. It has to survive restarts.
	StateDir string
	Now      func() time.Time // nil: time.Now
	// Run makes a report. After an error the run is owed again, later.
	Run func(ctx context.Context, d Due) error
	// Skip is told of the missed runs of a schedule that nobody makes up for, before
	// any is made; it may be nil. After an error it is told again at the next call,
	// as it is when the process dies.
	Skip func(ctx context.Context, missed []Due) error
}

// Outcome is what became of a run.
type Outcome struct {
	Due Due
	Err error
}

func (r *Runner) now() time.Time {
	if r.Now != nil {
		return r.Now().UTC()
	}
	return time.Now().UTC()
}

// statePath is the state file that belongs to the file of schedules, which is full.
// It is named after the path that the file was first run by. Links are not resolved
// for that: what they lead to may be another file after each change, as in a ConfigMap
// of Kubernetes. Other names of the file lead to the same state.
func (r *Runner) statePath() (path, full string, err error) {
	if full, err = filepath.Abs(r.File); err != nil {
		return "", "", err
	}
	sum := sha256.Sum256([]byte(full))
	path = filepath.Join(r.StateDir, statePrefix+hex.EncodeToString(sum[:6])+stateSuffix)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, full, nil
	}
	info, err := os.Stat(full)
	if errors.Is(err, fs.ErrNotExist) {
		return path, full, nil
	} else if err != nil {
		return "", "", err
	}
	others, err := fs.Glob(os.DirFS(r.StateDir), statePrefix+"*"+stateSuffix)
	if err != nil {
		return "", "", err
	}
	for _, name := range others {
		other := filepath.Join(r.StateDir, name)
		// Another file's state that cannot be read is the business of its own runs.
		if st, err := readState(other); err == nil && st.isOf(full, info) {
			return other, full, nil
		}
	}
	return path, full, nil
}

const statePrefix, stateSuffix = "schedules-", ".json"

// sourceOf is what tells the state file apart, and with it the file of schedules.
func sourceOf(path string) string {
	return strings.TrimSuffix(strings.TrimPrefix(filepath.Base(path), statePrefix), stateSuffix)
}

// open takes the lock that keeps others from running, and reads the state.
func (r *Runner) open() (path string, s *state, unlock func() error, err error) {
	if err := os.MkdirAll(r.StateDir, 0o700); err != nil {
		return "", nil, nil, fmt.Errorf("run schedules: %w", err)
	}
	path, full, err := r.statePath()
	if err != nil {
		return "", nil, nil, fmt.Errorf("run schedules: %w", err)
	}
	l := flock.New(path+".lock", flock.SetPermissions(0o600))
	ok, err := l.TryLock()
	if err == nil && !ok {
		err = ErrRunning
	}
	if err == nil {
		s, err = readState(path)
	}
	if err != nil {
		return "", nil, nil, errors.Join(fmt.Errorf("run schedules: %w", err), l.Close())
	}
	if !slices.Contains(s.Files, full) {
		s.Files = append(s.Files, full)
	}
	return path, s, l.Close, nil
}

// RunDue makes the runs that are due, oldest first, and returns what became of
// each. A failed run does not keep the others from being made. The error is about
// the schedules as a whole, or the context's: then what is left is due again. It
// wraps ErrRunning when another process is at it.
func (r *Runner) RunDue(ctx context.Context) (outcomes []Outcome, err error) {
	schedules, err := Load(r.File)
	if err != nil || len(schedules) == 0 {
		// The file may be away for a moment: its state stays as it is.
		return nil, err
	}
	path, st, unlock, err := r.open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()

	now := r.now()
	st.forget(schedules, now)
	var due []Due
	var faults []error
	for _, s := range schedules {
		known := st.of(s, now)
		if known.Last.After(now.Add(24 * time.Hour)) {
			faults = append(faults, fmt.Errorf("schedule %q ran at %s: %w", s.Name, known.Last.Format(time.RFC3339), ErrClock))
		}
		known.advance(s, now)
		o, err := s.owes(known, now)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		for _, d := range o.skipped {
			known.settle(d)
			known.Unsaid = append(known.Unsaid, d.At)
		}
		if err := r.saySkipped(ctx, s, &known, now, path); err != nil {
			faults = append(faults, err)
		}
		for _, d := range o.due {
			d.Source = sourceOf(path)
			if !known.Failures[d.key()].Next.After(now) {
				due = append(due, d)
			}
		}
		st.Schedules[s.Name] = known
	}
	if err := st.write(path); err != nil {
		return nil, err
	}
	slices.SortStableFunc(due, func(a, b Due) int { return a.At.Compare(b.At) })
	for _, d := range due {
		o, err := r.make(ctx, d, path, st)
		if o != nil {
			outcomes = append(outcomes, *o)
		}
		if err != nil {
			return outcomes, errors.Join(append(faults, err)...)
		}
	}
	return outcomes, errors.Join(faults...)
}

// saySkipped tells of the skipped runs that nobody has been told of. Those that are
// left are in the state: to owe them again would have them made.
func (r *Runner) saySkipped(ctx context.Context, s *Schedule, known *scheduleState, now time.Time, path string) error {
	var missed []Due
	for _, at := range known.Unsaid {
		d, err := s.DueAt(at, now)
		if err != nil {
			return err
		}
		d.Source = sourceOf(path)
		missed = append(missed, d)
	}
	if len(missed) > 0 && r.Skip != nil {
		if err := r.Skip(ctx, missed); err != nil {
			return fmt.Errorf("schedule %q: record skipped runs: %w", s.Name, err)
		}
	}
	known.Unsaid = nil
	return nil
}

// RunNow makes the run of one schedule, whether it is due or not, for the period
// that its name means now. What is owed of this period is settled by it.
func (r *Runner) RunNow(ctx context.Context, name string) (outcome Outcome, err error) {
	schedules, err := Load(r.File)
	if err != nil {
		return Outcome{}, err
	}
	i := index(schedules, name)
	if i < 0 {
		return Outcome{}, fmt.Errorf("run schedule %q: %w", shorten(name), ErrNotExist)
	}
	path, st, unlock, err := r.open()
	if err != nil {
		return Outcome{}, err
	}
	defer func() { err = errors.Join(err, unlock()) }()

	s, now := schedules[i], r.now()
	known := st.of(s, now)
	d, err := s.DueAt(now, now)
	if err != nil {
		return Outcome{}, err
	}
	d.Source = sourceOf(path)
	known.advance(s, now)
	st.Schedules[name] = known
	owed, err := s.owes(known, now)
	if err != nil {
		return Outcome{}, err
	}
	for _, other := range owed.due {
		if other.key() == d.key() {
			d.first = other.first
		}
	}
	d.Attempt = known.Failures[d.key()].Count + 1
	o, err := r.make(ctx, d, path, st)
	if o != nil {
		outcome = *o
	}
	return outcome, err
}

// make makes one run and remembers what became of it. The error ends the whole.
func (r *Runner) make(ctx context.Context, d Due, path string, st *state) (*Outcome, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	failed := r.Run(ctx, d)
	if err := context.Cause(ctx); err != nil && failed != nil {
		return &Outcome{d, failed}, err // stopped, not failed: due again at once
	}
	known := st.Schedules[d.Schedule.Name]
	known.Latest = &LastRun{Due: d.At, From: d.Period.From, To: d.Period.To, Ended: r.now(), Attempts: d.Attempt}
	if failed != nil {
		known.fail(d, r.now(), failed)
		known.Latest.Error = known.Failures[d.key()].Error
	} else {
		known.settle(d)
	}
	st.Schedules[d.Schedule.Name] = known
	return &Outcome{d, failed}, st.write(path)
}

// Status is a schedule and how it stands.
type Status struct {
	Schedule *Schedule
	Next     time.Time // the next run with its jitter, UTC; zero if there is none
	Owed     int       // runs that are due now
	Failing  int       // of them, those that have been tried
	Latest   *LastRun  // nil: never ran
}

// Status says how the schedules stand, in the order of the file. It takes no lock.
func (r *Runner) Status() ([]Status, error) {
	schedules, err := Load(r.File)
	if err != nil {
		return nil, err
	}
	path, _, err := r.statePath()
	if err != nil {
		return nil, fmt.Errorf("read state of schedules: %w", err)
	}
	st, err := readState(path)
	if err != nil {
		return nil, err
	}
	now := r.now()
	var all []Status
	for _, s := range schedules {
		known := st.of(s, now)
		known.advance(s, now)
		o, err := s.owes(known, now)
		if err != nil {
			return nil, err
		}
		one := Status{Schedule: s, Owed: len(o.due), Failing: len(known.Failures), Latest: known.Latest}
		if next := s.Next(now); !next.IsZero() {
			one.Next = next.Add(s.Delay(next))
		}
		all = append(all, one)
	}
	return all, nil
}
