package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/klauspost/compress/gzip"
)

const (
	containerRecords = "records" // {"Records":[…]}
	containerLines   = "jsonl"

	// CloudTrail's own limit for a log file before compression; readers of
	// archives may rely on it.
	exportFileBytes = 50_000_000
)

// exportTree writes records as log files below a folder. The files are made in
// a staging folder inside it and moved to their names by publish, so that a
// run that fails leaves nothing behind. Records of one region and date may
// come in any order, but files are smallest in number when they come together.
type exportTree struct {
	root, stage string
	container   string
	limit       int64

	region, date string // of the open file
	file         *os.File
	gzip         *gzip.Writer
	buffer       *bufio.Writer
	size         int64 // JSON bytes in the open file
	next         map[string]int

	records, files int64
}

func newExportTree(root, container string, force bool) (*exportTree, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("make output folder: %w", err)
	}
	entries, err := os.ReadDir(root)
	if err != nil {
		return nil, fmt.Errorf("read output folder: %w", err)
	}
	if len(entries) > 0 && !force {
		return nil, usagef("output folder %q is not empty (--force writes into it)", root)
	}
	stage, err := os.MkdirTemp(root, ".export-*")
	if err != nil {
		return nil, fmt.Errorf("make staging folder: %w", err)
	}
	return &exportTree{root: root, stage: stage, container: container, limit: exportFileBytes, next: map[string]int{}}, nil
}

func (t *exportTree) write(region, date string, record []byte) error {
	full := t.size+int64(len(record)) > t.limit
	if t.file != nil && (full || region != t.region || date != t.date) {
		if err := t.closeFile(); err != nil {
			return err
		}
	}
	if t.file == nil {
		if err := t.openFile(region, date); err != nil {
			return err
		}
	} else if t.container == containerRecords {
		if err := t.buffer.WriteByte(','); err != nil {
			return fmt.Errorf("write log file: %w", err)
		}
	}
	_, err := t.buffer.Write(record)
	if t.container == containerLines {
		err = errors.Join(err, t.buffer.WriteByte('\n'))
	}
	if err != nil {
		return fmt.Errorf("write log file: %w", err)
	}
	t.size += int64(len(record)) + 1
	t.records++
	return nil
}

func (t *exportTree) openFile(region, date string) error {
	folder := exportFolder(region, date)
	t.next[folder]++
	name := filepath.Join(t.stage, folder, exportFileName(region, date, t.next[folder], t.container))
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("create log file: %w", err)
	}
	t.region, t.date, t.file, t.size = region, date, file, 0
	t.gzip = gzip.NewWriter(file)
	t.buffer = bufio.NewWriterSize(t.gzip, 1<<16)
	if t.container == containerRecords {
		if _, err := t.buffer.WriteString(`{"Records":[`); err != nil {
			return fmt.Errorf("write log file: %w", err)
		}
	}
	return nil
}

func (t *exportTree) closeFile() error {
	if t.file == nil {
		return nil
	}
	var err error
	if t.container == containerRecords {
		_, err = t.buffer.WriteString("]}\n")
	}
	err = errors.Join(err, t.buffer.Flush(), t.gzip.Close(), t.file.Sync(), t.file.Close())
	t.file = nil
	if err != nil {
		return fmt.Errorf("finish log file: %w", err)
	}
	t.files++
	return nil
}

// publish moves the finished files to their names.
func (t *exportTree) publish() error {
	if err := t.closeFile(); err != nil {
		return err
	}
	err := filepath.WalkDir(t.stage, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		below, err := filepath.Rel(t.stage, name)
		if err != nil {
			return err
		}
		target := filepath.Join(t.root, below)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		return os.Rename(name, target)
	})
	if err != nil {
		return fmt.Errorf("publish log files: %w", err)
	}
	return nil
}

// discard removes the staging folder and what is still in it.
func (t *exportTree) discard() {
	if t.file != nil {
		t.file.Close()
	}
	os.RemoveAll(t.stage)
}

// exportFolder is the folder for a region and a date. Both come from records,
// whose writers may wish to be elsewhere on this disk.
func exportFolder(region, date string) string {
	day, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return filepath.Join("AWSLogs", "CloudTrail", safeName(region), "undated")
	}
	return filepath.Join("AWSLogs", "CloudTrail", safeName(region), day.Format("2006"), day.Format("01"), day.Format("02"))
}

// exportFileName follows CloudTrail's names as far as it can: a file is as if
// delivered at the end of the day.
func exportFileName(region, date string, number int, container string) string {
	stamp := "undated"
	if day, err := time.Parse(time.DateOnly, date); err == nil {
		stamp = day.Format("20060102") + "T2359Z"
	}
	suffix := ".json.gz"
	if container == containerLines {
		suffix = ".jsonl.gz"
	}
	return fmt.Sprintf("CloudTrail_%s_%s_%04d%s", safeName(region), stamp, number, suffix)
}

// safeName makes any text one path element of its own.
func safeName(s string) string {
	switch s {
	case "":
		return "unknown"
	case ".", "..":
		return "%" + s
	}
	// Longer names than a file system takes are not regions.
	return url.PathEscape(s[:min(len(s), 60)])
}
