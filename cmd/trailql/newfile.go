package main

import (
	"errors"
	"fmt"
	"os"
	"time"
)

// newFile is a file that appears whole under its name, or not at all.
type newFile struct {
	*os.File
	name    string
	replace bool
	done    bool
}

// createFile starts a file. A name that is taken is an error of usage, unless
// the file is to be replaced.
func createFile(name string, replace bool) (*newFile, error) {
	if _, err := os.Lstat(name); err == nil && !replace {
		return nil, usagef("%s exists: use --force to replace it", name)
	}
	// Not os.CreateTemp: the file gets the permissions that the user's files have.
	temp := fmt.Sprintf("%s.%d-%d.tmp", name, os.Getpid(), time.Now().UnixNano())
	file, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", name, err)
	}
	return &newFile{File: file, name: name, replace: replace}, nil
}

func (f *newFile) commit() error {
	err := f.Sync()
	if err == nil && f.replace {
		err = os.Rename(f.Name(), f.name)
		f.done = err == nil
	} else if err == nil {
		err = os.Link(f.Name(), f.name) // unlike a rename it replaces nothing
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	return nil
}

// discard ends the file and removes its temporary name.
func (f *newFile) discard() error {
	err := f.Close()
	if !f.done {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", f.name, err)
	}
	return nil
}
