package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// archive is what a measured archive consists of.
type archive struct {
	dir         string
	files       []string // *.json.gz, absolute
	storedBytes int64
	jsonBytes   int64
	largest     int64 // bytes of JSON of the largest file
}

// openArchive surveys the archive at o.dir, which it makes if there is none.
func openArchive(ctx context.Context, o options, stderr io.Writer) (a archive, made bool, err error) {
	if made, err = makeArchive(ctx, o, stderr); err == nil {
		a, err = surveyArchive(o.dir)
	}
	return a, made, err
}

// makeArchive has cmd/trailgen write o.dir, unless it exists.
func makeArchive(ctx context.Context, o options, stderr io.Writer) (made bool, err error) {
	if _, err := os.Stat(o.dir); err == nil {
		return false, nil
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return false, fmt.Errorf("resolve folder: %w", err)
	}
	cmd := exec.CommandContext(ctx, "go", "run", "./cmd/trailgen", "-o", dir,
		"-records", strconv.Itoa(o.records), "-files", strconv.Itoa(o.files), "-shape", o.shape, "-seed", strconv.Itoa(o.seed))
	cmd.Stdout, cmd.Stderr = stderr, stderr
	if err := cmd.Run(); err != nil {
		return false, fmt.Errorf("make archive: %w", err)
	}
	return true, nil
}

// surveyArchive lists and measures the log files below dir. It reads them
// whole, so that no candidate is the first to fetch them from the disk.
func surveyArchive(dir string) (archive, error) {
	root, err := filepath.Abs(dir)
	if err != nil {
		return archive{}, fmt.Errorf("resolve folder: %w", err)
	}
	a := archive{dir: root}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".json.gz") {
			return err
		}
		stored, size, err := measureFile(path)
		if err != nil {
			return err
		}
		a.files = append(a.files, path)
		a.storedBytes += stored
		a.jsonBytes += size
		a.largest = max(a.largest, size)
		return nil
	})
	if err != nil {
		return a, fmt.Errorf("survey archive: %w", err)
	}
	if len(a.files) == 0 {
		return a, fmt.Errorf("survey archive %s: no *.json.gz in it", dir)
	}
	slices.Sort(a.files)
	return a, nil
}

// measureFile reads a gzip file to its end and tells its size and that of what
// it holds. It keeps no more than a few bytes: the kernel counts this process's
// memory as the least of its children's.
func measureFile(path string) (stored, unpacked int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	if stored, err = io.Copy(io.Discard, f); err != nil {
		return 0, 0, err
	}
	// A gzip member ends with the size of what it holds.
	var size [4]byte
	if _, err := f.ReadAt(size[:], max(0, stored-4)); err != nil {
		return 0, 0, fmt.Errorf("%s is no gzip file: %w", path, err)
	}
	return stored, int64(binary.LittleEndian.Uint32(size[:])), nil
}

// parquetBytes adds up the Parquet files below dir.
func parquetBytes(dir string) (int64, error) {
	var sum int64
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".parquet") {
			return err
		}
		info, err := entry.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("measure output: %w", err)
	}
	return sum, nil
}
