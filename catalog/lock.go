package catalog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"github.com/trailql/trailql/catalog/storage"
)

const lockName = "catalog/lock"

// lockHolder is what the holder writes into the lock, for people.
type lockHolder struct {
	Process int       `json:"process"`
	Host    string    `json:"host,omitempty"`
	Since   time.Time `json:"since"`
}

func (c *Catalog) lockHolder() lockHolder {
	host, _ := os.Hostname()
	return lockHolder{Process: os.Getpid(), Host: host, Since: c.now()}
}

func (h lockHolder) String() string {
	s := fmt.Sprintf("process %d", h.Process)
	if h.Host != "" {
		s += fmt.Sprintf(" on %q", h.Host)
	}
	return s + " since " + h.Since.UTC().Format(time.RFC3339)
}

// Lock makes the caller the only one that holds this warehouse's lock, in this
// and all other processes. Commits are safe without it; it keeps two converters
// from doing the same work, and Repair and Expire need it. It waits until it
// gets the lock or ctx is done; waiting, if not nil, is called once when there
// is something to wait for.
//
// The operating system frees the lock of a local warehouse when the process
// dies. Elsewhere it is a lease, which others may take over when its holder has
// not renewed it for Options.Lease; what the holder then does with this Catalog
// fails with ErrLockLost. A storage that can hold no lease has no lock: the
// error wraps errors.ErrUnsupported.
//
// Nobody has the lock while converters that have joined are alive: see Join.
func (c *Catalog) Lock(ctx context.Context, waiting func(holder string)) (unlock func() error, err error) {
	others := c.newSightings()
	for {
		unlock, err := c.lockAlone(ctx, waiting)
		if err != nil {
			return nil, err
		}
		holder, found, err := others.anyAlive(ctx)
		if err == nil && !found {
			return unlock, nil
		}
		if err := errors.Join(err, unlock()); err != nil {
			return nil, fmt.Errorf("lock warehouse %q: %w", c.Root(), err)
		}
		if waiting != nil {
			waiting(holder)
			waiting = nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("lock warehouse %q: %w", c.Root(), ctx.Err())
		case <-time.After(min(c.leaseOf/10, time.Second)):
		}
	}
}

// lockAlone takes the lock whoever has joined.
func (c *Catalog) lockAlone(ctx context.Context, waiting func(holder string)) (unlock func() error, err error) {
	if !strings.HasPrefix(c.Root(), "/") {
		s, ok := c.storage.(storage.Swapper)
		if !ok {
			return nil, fmt.Errorf("lock warehouse %q: %w", c.Root(), errors.ErrUnsupported)
		}
		unlock, err := c.takeLease(ctx, s, waiting)
		if err != nil {
			return nil, fmt.Errorf("lock warehouse %q: %w", c.Root(), err)
		}
		return unlock, nil
	}
	name := filepath.Join(c.Root(), filepath.FromSlash(lockName))
	// The content says who holds it, but the file itself is never removed: a
	// lock on a removed file would not exclude a lock on its successor.
	l := flock.New(name, flock.SetPermissions(0o666))
	ok, err := l.TryLock()
	if err == nil && !ok {
		if waiting != nil {
			waiting(readHolder(name))
		}
		_, err = l.TryLockContext(ctx, 50*time.Millisecond)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock warehouse %q: %w", c.Root(), err), l.Close())
	}
	// Who holds it is a courtesy; the lock is held without it.
	if data, err := json.Marshal(c.lockHolder()); err == nil {
		_ = os.WriteFile(name, append(data, '\n'), 0o666)
	}
	return l.Close, nil
}

func readHolder(name string) string {
	data, err := os.ReadFile(name)
	var h lockHolder
	if err != nil || json.Unmarshal(data, &h) != nil || h.Process == 0 {
		return "another process"
	}
	return h.String()
}
