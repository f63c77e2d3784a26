package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
	"github.com/trailql/trailql/report/schedule"
)

func newReportValidateCommand(a *app) *cobra.Command {
	var folders []string
	cmd := &cobra.Command{
		Use:   "validate FILE…",
		Short: "Check files with packs, exceptions, a scope or schedules",
		Long: `Checks packs, exceptions, scope files and schedules, and says by line and column
what is wrong. Of schedules it also looks at the packs, files and folders that they
name. What a file holds is seen by its first keys. Rules of several files can
refer to each other.`,
		Example: "  trailql report validate packs/acme.yaml exceptions.yaml",
		Args:    usageArgs(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return validateFiles(cmd.Context(), a, folders, args)
		},
	}
	packDirFlag(cmd, &folders)
	return cmd
}

// validateFiles checks packs together, then exceptions and scopes against them.
func validateFiles(ctx context.Context, a *app, folders, names []string) error {
	systems := []fs.FS{pack.BuiltIn()}
	for _, f := range packFolders(folders) {
		systems = append(systems, folderWithout{f, names})
	}
	var packs namedFiles
	contents := map[string][]byte{}
	var others []string
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return usagef("read file: %w", err)
		}
		contents[name] = content
		if fileKind(content) == packFile {
			packs = append(packs, namedFile{name, content})
		} else {
			others = append(others, name)
		}
	}
	l, err := pack.Load(append(systems, packs)...)
	if err == nil && len(packs) > 0 {
		err = l.Validate(translates)
	}
	if err != nil {
		return fileError(err)
	}
	var problems pack.Problems
	for _, name := range others {
		switch fileKind(contents[name]) {
		case scopeFile:
			_, err = report.ParseScope(name, contents[name], l)
		case scheduleFile:
			err = a.validateSchedules(ctx, name)
		default:
			_, err = report.ParseExceptions(name, contents[name], l)
		}
		if p, ok := errors.AsType[pack.Problems](err); ok {
			problems = append(problems, p...)
		} else if err != nil {
			return err
		}
	}
	if len(problems) > 0 {
		return fileError(problems)
	}
	a.note("%s: nothing wrong", quantity.Plural(int64(len(names)), "file"))
	return nil
}

const (
	packFile = iota
	exceptionsFile
	scopeFile
	scheduleFile
)

var (
	exceptionsKey = regexp.MustCompile(`(?m)^exceptions[ \t]*:`)
	schedulesKey  = regexp.MustCompile(`(?m)^schedules[ \t]*:`)
	packKey       = regexp.MustCompile(`(?m)^(attack|columns|params|rules|pack)[ \t]*:`)
)

// fileKind tells what a file is meant to be by its first keys.
func fileKind(content []byte) int {
	switch {
	case exceptionsKey.Match(content):
		return exceptionsFile
	case schedulesKey.Match(content):
		return scheduleFile
	case packKey.Match(content):
		return packFile
	}
	return scopeFile
}

// validateSchedules checks a file of schedules, and what they name.
func (a *app) validateSchedules(ctx context.Context, name string) error {
	schedules, err := schedule.Load(name)
	if err != nil {
		return err
	}
	var problems pack.Problems
	for _, s := range schedules {
		for _, err := range a.faultsOf(ctx, s) {
			problems = append(problems, pack.Problem{Position: pack.Position{File: name}, Message: "schedule " + s.Name + ": " + err.Error()})
		}
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// folderWithout is a folder without the files that the user names: those are looked at
// by themselves.
type folderWithout struct {
	dir   string
	names []string
}

func (f folderWithout) Open(name string) (fs.File, error) { return os.DirFS(f.dir).Open(name) }

func (f folderWithout) ReadDir(name string) ([]fs.DirEntry, error) {
	entries, err := fs.ReadDir(os.DirFS(f.dir), name)
	return slices.DeleteFunc(entries, func(e fs.DirEntry) bool {
		info, err := os.Stat(filepath.Join(f.dir, name, e.Name()))
		return err == nil && slices.ContainsFunc(f.names, func(named string) bool {
			other, err := os.Stat(named)
			return err == nil && os.SameFile(info, other)
		})
	}), err
}

// namedFiles is a file system of files at the top, under the names that the user gave.
type namedFiles []namedFile

type namedFile struct {
	name    string
	content []byte
}

func (n namedFiles) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: errors.ErrUnsupported}
}

func (n namedFiles) ReadDir(string) ([]fs.DirEntry, error) {
	var list []fs.DirEntry
	for _, f := range n {
		list = append(list, fs.FileInfoToDirEntry(f))
	}
	return list, nil
}

func (n namedFiles) ReadFile(name string) ([]byte, error) {
	for _, f := range n {
		if f.Name() == name {
			return f.content, nil
		}
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// Name ends in .yaml, whatever the user called the file.
func (f namedFile) Name() string {
	if strings.HasSuffix(f.name, ".yaml") || strings.HasSuffix(f.name, ".yml") {
		return f.name
	}
	return f.name + ".yaml"
}

func (f namedFile) Size() int64        { return int64(len(f.content)) }
func (f namedFile) Mode() fs.FileMode  { return 0o444 }
func (f namedFile) ModTime() time.Time { return time.Time{} }
func (f namedFile) IsDir() bool        { return false }
func (f namedFile) Sys() any           { return nil }
