package delivery

import (
	"context"
	"encoding/json"
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

// The bounds of a backlog. What is given up is said, and the report stays where
// it was made.
const (
	maxPending = 1000
	maxAge     = 30 * 24 * time.Hour
	keepMarks  = 2 * maxAge // longer than anything can be pending
)

// pending is a message that a target has not got.
type pending struct {
	Message Message   `json:"message"`
	Target  Target    `json:"target"`
	Created time.Time `json:"created"`
	Tried   time.Time `json:"tried,omitzero"`
	Failed  int       `json:"failed"` // calls of Deliver and Retry
	Error   string    `json:"error,omitempty"`
	// Key is that of the target as it was when the message was added.
	Key string `json:"key"`
}

func (p pending) key() string { return p.Key }

// backlog is a folder with a file in pending for each message that waits, and an
// empty one in sent for each that has been sent.
type backlog struct {
	dir    string
	unlock func() error
}

func openBacklog(ctx context.Context, dir string, now time.Time) (*backlog, error) {
	if dir == "" {
		return nil, errors.New("deliver report: no folder for the backlog")
	}
	b := &backlog{dir: dir}
	for _, sub := range []string{"pending", "sent"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("open backlog: %w", err)
		}
	}
	l := flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600))
	if _, err := l.TryLockContext(ctx, 50*time.Millisecond); err != nil {
		return nil, errors.Join(fmt.Errorf("lock backlog %s: %w", dir, err), l.Close())
	}
	b.unlock = l.Close
	if err := b.sweep(now); err != nil {
		return nil, errors.Join(fmt.Errorf("open backlog: %w", err), b.close())
	}
	return b, nil
}

func (b *backlog) close() error { return b.unlock() }

func (b *backlog) pendingFile(key string) string {
	return filepath.Join(b.dir, "pending", key+".json")
}
func (b *backlog) sentFile(key string) string { return filepath.Join(b.dir, "sent", key) }

// sweep removes marks that nothing pending can need, and half-written files.
func (b *backlog) sweep(now time.Time) error {
	for _, sub := range []string{"pending", "sent"} {
		entries, err := os.ReadDir(filepath.Join(b.dir, sub))
		if err != nil {
			return err
		}
		for _, e := range entries {
			old := false
			if sub == "sent" {
				info, err := e.Info()
				old = err == nil && info.ModTime().Before(now.Add(-keepMarks))
			}
			if old || strings.HasSuffix(e.Name(), ".tmp") {
				if err := os.Remove(filepath.Join(b.dir, sub, e.Name())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (b *backlog) sent(key string) bool {
	_, err := os.Stat(b.sentFile(key))
	return err == nil
}

// add puts a message into the backlog, and gives up the oldest ones where it is
// full. One that is there already stays as it is. The message is returned with an
// error, too.
func (b *backlog) add(m Message, t Target, now time.Time) (pending, []Outcome, error) {
	p := pending{Message: m, Target: t, Created: now, Key: key(m, t)}
	if data, err := os.ReadFile(b.pendingFile(p.Key)); err == nil {
		var there pending
		if json.Unmarshal(data, &there) == nil {
			p.Created, p.Failed = there.Created, there.Failed
		}
	}
	all, outcomes, err := b.list(now)
	if err != nil {
		return p, nil, err
	}
	for i := 0; i < len(all)-maxPending+1; i++ {
		if err := b.remove(all[i]); err != nil {
			return p, outcomes, err
		}
		outcomes = append(outcomes, givenUp(all[i], fmt.Sprintf("more than %d messages wait", maxPending)))
	}
	return p, outcomes, b.write(p)
}

func givenUp(p pending, why string) Outcome {
	err := fmt.Errorf("%w: %s", ErrGivenUp, why)
	if p.Error != "" {
		err = fmt.Errorf("%w; the last error was: %s", err, p.Error)
	}
	return Outcome{RunID: p.Message.RunID, Target: p.Target.Name(), Err: err}
}

// list are the messages that wait, oldest first. Those that waited for too long
// are removed and returned as outcomes.
func (b *backlog) list(now time.Time) ([]pending, []Outcome, error) {
	entries, err := os.ReadDir(filepath.Join(b.dir, "pending"))
	if err != nil {
		return nil, nil, fmt.Errorf("read backlog: %w", err)
	}
	var all []pending
	var outcomes []Outcome
	for _, e := range entries {
		name := filepath.Join(b.dir, "pending", e.Name())
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, nil, fmt.Errorf("read backlog: %w", err)
		}
		var p pending
		if err := json.Unmarshal(data, &p); err != nil || p.Key+".json" != e.Name() {
			return nil, nil, fmt.Errorf("read backlog: %s is not a message of ours", name)
		}
		if p.Created.Before(now.Add(-maxAge)) {
			if err := b.remove(p); err != nil {
				return nil, nil, err
			}
			outcomes = append(outcomes, givenUp(p, "it waited for 30 days"))
			continue
		}
		all = append(all, p)
	}
	slices.SortStableFunc(all, func(x, y pending) int { return x.Created.Compare(y.Created) })
	return all, outcomes, nil
}

func (b *backlog) failed(p pending, now time.Time, cause error) error {
	p.Tried, p.Failed, p.Error = now, p.Failed+1, cause.Error()
	return b.write(p)
}

// mark records that a message has been sent, then takes it out of the backlog.
func (b *backlog) mark(p pending, now time.Time) error {
	if err := writeFile(b.sentFile(p.Key), nil); err != nil {
		return fmt.Errorf("write backlog: %w", err)
	}
	if err := os.Chtimes(b.sentFile(p.Key), now, now); err != nil {
		return fmt.Errorf("write backlog: %w", err)
	}
	return b.remove(p)
}

func (b *backlog) remove(p pending) error {
	if err := os.Remove(b.pendingFile(p.Key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write backlog: %w", err)
	}
	return nil
}

func (b *backlog) write(p pending) error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err == nil {
		err = writeFile(b.pendingFile(p.Key), append(data, '\n'))
	}
	if err != nil {
		return fmt.Errorf("write backlog: %w", err)
	}
	return nil
}

// writeFile writes a file whole and durably, or not at all.
func writeFile(name string, data []byte) error {
	temp := name + ".tmp" // the lock is ours
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(temp, name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncFolder(filepath.Dir(name))
}

// syncFolder makes a rename in a folder survive a loss of power.
func syncFolder(name string) error {
	dir, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
