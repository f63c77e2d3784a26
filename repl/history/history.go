// Package history keeps what was typed into a shell, in a file that several
// shells may write to at once. Start with Open.
package history

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

const (
	// Limit is how many entries are kept.
	Limit = 10_000
	// compactAt is how many lines the file may have before the oldest go.
	compactAt = Limit + Limit/10
	// maxEntry is how long an entry may be, in bytes of SQL; a longer one is
	// not kept.
	maxEntry = 1 << 20
	lockWait = 5 * time.Second
)

// Entry is one input. It may hold secrets, as it was typed.
type Entry struct {
	Time   time.Time `json:"t"` // when it started, in UTC
	SQL    string    `json:"sql"`
	Millis int64     `json:"ms"`
	Rows   int64     `json:"rows"` // -1 when there were none to count
	OK     bool      `json:"ok"`
}

// History is the input of earlier sessions and of this one. Safe for concurrent
// use.
type History struct {
	file    string // "" for memory only
	mu      sync.Mutex
	entries []Entry
	skipped int
	seen    os.FileInfo // of the file as entries have it; nil when there was none
}

// Open reads the history in the file, which it makes with its folder at the
// first Add, for nobody but the user. Without a file it is in memory only.
func Open(file string) (*History, error) {
	h := &History{file: file}
	if file == "" {
		return h, nil
	}
	lines, err := h.load()
	if err != nil {
		return nil, fmt.Errorf("open history: %w", err)
	}
	if lines > compactAt {
		if err := h.locked(h.compact); err != nil {
			return nil, fmt.Errorf("open history: %w", err)
		}
	}
	return h, nil
}

// load reads the file, and returns how many lines it has.
func (h *History) load() (lines int, err error) {
	file, err := os.Open(h.file)
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	if h.seen, err = file.Stat(); err != nil {
		return 0, err
	}
	h.entries, h.skipped = nil, 0
	r := bufio.NewReaderSize(file, 1<<16)
	for {
		line, err := r.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			lines++
			h.take(line)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return lines, err
		}
	}
	if extra := len(h.entries) - Limit; extra > 0 {
		h.entries = append([]Entry{}, h.entries[extra:]...)
	}
	return lines, nil
}

// take reads a line. One that is none of ours stays in the file, and is counted.
func (h *History) take(line []byte) {
	var e Entry
	if err := json.Unmarshal(line, &e); err != nil || e.SQL == "" {
		h.skipped++
		return
	}
	h.remember(e)
}

// remember adds an entry in memory; one like the last takes its place.
func (h *History) remember(e Entry) {
	if n := len(h.entries); n > 0 && h.entries[n-1].SQL == e.SQL {
		h.entries[n-1] = e
		return
	}
	h.entries = append(h.entries, e)
}

// compact writes the newest entries to a new file in place of the old one. The
// caller holds the lock.
func (h *History) compact() error {
	if _, err := h.load(); err != nil { // another shell may have been faster
		return err
	}
	var text bytes.Buffer
	encoder := newEncoder(&text)
	for _, e := range h.entries {
		if err := encoder.Encode(e); err != nil {
			return err
		}
	}
	return h.replace(text.Bytes())
}

func newEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false) // SQL has < and >
	return e
}

// replace writes the whole file, or nothing.
func (h *History) replace(text []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(h.file), ".history-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = temp.Write(text)
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), h.file)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp.Name()))
	}
	return nil
}

// locked runs f while no other shell writes. The lock is a file of its own: the
// other one may be replaced.
func (h *History) locked(f func() error) error {
	if err := os.MkdirAll(filepath.Dir(h.file), 0o700); err != nil {
		return err
	}
	lock := flock.New(h.file+".lock", flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(context.Background(), lockWait)
	defer cancel()
	got, err := lock.TryLockContext(ctx, 5*time.Millisecond)
	if err != nil {
		return fmt.Errorf("lock %s: %w", lock.Path(), err)
	}
	if !got {
		return fmt.Errorf("lock %s: another shell holds it", lock.Path())
	}
	defer lock.Close()
	return f()
}

// Add keeps an entry. One with the SQL of the last is not written again.
func (h *History) Add(e Entry) error {
	if e.SQL == "" || len(e.SQL) > maxEntry {
		return nil
	}
	e.Time = e.Time.UTC()
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.file == "" {
		h.remember(e)
		return nil
	}
	added := false
	err := h.locked(func() error {
		if err := h.refresh(); err != nil {
			return err
		}
		again := len(h.entries) > 0 && h.entries[len(h.entries)-1].SQL == e.SQL
		h.remember(e)
		added = true
		if again {
			return nil
		}
		var text bytes.Buffer
		if err := newEncoder(&text).Encode(e); err != nil {
			return err
		}
		return h.append(text.Bytes())
	})
	if !added {
		h.remember(e)
	}
	if err != nil {
		return fmt.Errorf("write history: %w", err)
	}
	return nil
}

func (h *History) append(text []byte) error {
	file, err := os.OpenFile(h.file, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := file.Chmod(0o600); err != nil {
			return err
		}
	}
	if end := info.Size(); end > 0 {
		last := make([]byte, 1)
		if _, err := file.ReadAt(last, end-1); err != nil {
			return err
		}
		if last[0] != '\n' { // a shell died while it wrote
			text = append([]byte{'\n'}, text...)
		}
	}
	if _, err := file.Write(text); err != nil {
		return err
	}
	if h.seen, err = file.Stat(); err != nil {
		return err
	}
	return file.Close()
}

// refresh reads the file again when another shell has changed it.
func (h *History) refresh() error {
	if h.file == "" {
		return nil
	}
	info, err := os.Stat(h.file)
	switch {
	case errors.Is(err, os.ErrNotExist):
		if h.seen != nil { // cleared
			h.entries, h.skipped, h.seen = nil, 0, nil
		}
		return nil
	case err != nil:
		return err
	case h.seen != nil && os.SameFile(info, h.seen) && info.Size() == h.seen.Size() && info.ModTime().Equal(h.seen.ModTime()):
		return nil
	}
	_, err = h.load()
	return err
}

// Entries are all that are kept, the oldest first, with those that other shells
// have added since; a copy.
func (h *History) Entries() []Entry {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.refresh() // what is known is better than nothing
	return append([]Entry{}, h.entries...)
}

// Skipped counts the lines of the file that could not be read.
func (h *History) Skipped() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.skipped
}

// Clear forgets everything, in the file as well, with what other shells wrote.
func (h *History) Clear() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries, h.skipped, h.seen = nil, 0, nil
	if h.file == "" {
		return nil
	}
	err := h.locked(func() error {
		if err := os.Remove(h.file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("clear history: %w", err)
	}
	return nil
}
