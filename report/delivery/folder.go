package delivery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var unsafeInNames = regexp.MustCompile(`[^A-Za-z0-9._-]+`)

// FolderName is what the report is called in a folder that it is delivered to.
// It begins with the period, so that a listing is in order.
func (m Message) FolderName() string {
	name := m.Schedule
	if name == "" {
		name = "report"
	}
	full := name + "_" + m.Period.From.UTC().Format("20060102T150405Z") + "_" + m.RunID
	return strings.TrimLeft(unsafeInNames.ReplaceAllString(full, "-"), ".")
}

// copyReport copies the report into a folder, which must exist: a missing one is
// more likely a volume that is not mounted than a wish. The copy appears whole.
func copyReport(ctx context.Context, m Message, folder string) error {
	info, err := os.Stat(folder)
	if err != nil {
		return permanent{fmt.Errorf("deliver to folder: %w", err)}
	}
	if !info.IsDir() {
		return permanent{fmt.Errorf("deliver to folder: %s is not a folder", folder)}
	}
	place := filepath.Join(folder, m.FolderName())
	if _, err := os.Lstat(place); err == nil {
		return nil // of this run, and whole: it was renamed
	}
	if err := reportThere(m.Dir); err != nil {
		return err
	}
	temp := filepath.Join(folder, "."+m.FolderName()+".tmp")
	if err := os.RemoveAll(temp); err != nil { // of an attempt that died
		return fmt.Errorf("deliver to folder: %w", err)
	}
	err = copyTree(ctx, m.Dir, temp)
	if err == nil {
		err = os.Rename(temp, place)
	}
	if err == nil {
		err = syncFolder(folder)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("deliver to folder: %w", err), os.RemoveAll(temp))
	}
	return nil
}

// reportThere says ErrGone if the report is not where it was made.
func reportThere(dir string) error {
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return permanent{fmt.Errorf("%s: %w", dir, ErrGone)}
	}
	return err
}

// copyTree copies regular files and folders. A report has nothing else.
func copyTree(ctx context.Context, from, to string) error {
	return filepath.WalkDir(from, func(name string, e fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		place := filepath.Join(to, rest)
		switch {
		case e.IsDir():
			if err := os.Mkdir(place, 0o777); err != nil {
				return err
			}
			return nil
		case !e.Type().IsRegular():
			return permanent{refused{fmt.Errorf("%s is not a regular file", name)}}
		}
		return copyFile(ctx, name, place)
	})
}

func copyFile(ctx context.Context, from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, whileAlive{ctx, in})
	if err == nil {
		err = out.Sync()
	}
	return errors.Join(err, out.Close())
}

// whileAlive ends a long copy when its time is over.
type whileAlive struct {
	ctx context.Context
	io.Reader
}

func (w whileAlive) Read(p []byte) (int, error) {
	if err := context.Cause(w.ctx); err != nil {
		return 0, err
	}
	return w.Reader.Read(p)
}
