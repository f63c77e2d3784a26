// Package servertest keeps the programs of servers that tests start, fetched or
// built once for each user.
package servertest

import (
	"context"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

// patience is how long fetching may take.
const patience = 10 * time.Minute

// Find returns the path of what a server of that name and version consists of, a
// file or folder called part. If this user has none yet, fetch makes it: it is
// called with a folder to work in, and says the name there of what it has made. Of
// several processes that want it at once, one fetches.
func Find(server, part string, fetch func(ctx context.Context, folder string) (made string, err error)) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	folder := filepath.Join(cache, "trailql-test", server)
	found := filepath.Join(folder, part)
	if _, err := os.Stat(found); err == nil {
		return found, nil
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return "", err
	}
	lock := flock.New(filepath.Join(folder, "lock"))
	if err := lock.Lock(); err != nil {
		return "", err
	}
	defer lock.Close()
	if _, err := os.Stat(found); err == nil {
		return found, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	made, err := fetch(ctx, folder)
	if err != nil {
		return "", err
	}
	return found, os.Rename(filepath.Join(folder, made), found)
}
