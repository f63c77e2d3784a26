package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/adrg/xdg"
	"github.com/spf13/cobra"

	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

func newReportCommand(a *app) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "report COMMAND",
		Short: "Check a period of the archive against the controls of a framework",
		Long: `Runs packs of rules over a period of the archive and says for each control what
the archive shows: PASS, FAIL, REVIEW, NO_ACTIVITY, NOT_ASSESSED, SUPPRESSED,
NOT_APPLICABLE or ERROR, with the events themselves as evidence.`,
	}
	cmd.AddCommand(
		newReportListCommand(a),
		newReportShowCommand(a),
		newReportNewCommand(a),
		newReportValidateCommand(a),
		newReportRunCommand(a),
		newReportDiffCommand(a),
		newReportAcknowledgeCommand(a),
		newReportVerifyCommand(a),
		newReportKeyCommand(a),
	)
	return cmd
}

// packFolders are the folders with packs of the user's own, one that is there for
// every run first.
func packFolders(given []string) []string {
	own := filepath.Join(xdg.ConfigHome, "trailql", "packs")
	if info, err := os.Stat(own); err == nil && info.IsDir() && !slices.Contains(given, own) {
		return append([]string{own}, given...)
	}
	return given
}

// loadPacks loads the packs of the program and those of the user, whose SQL is
// checked as well.
func loadPacks(folders []string) (*pack.Library, error) {
	systems := []fs.FS{pack.BuiltIn()}
	folders = packFolders(folders)
	for _, f := range folders {
		if info, err := os.Stat(f); err != nil {
			return nil, usagef("read packs: %w", err)
		} else if !info.IsDir() {
			return nil, usagef("read packs: %s is not a folder", f)
		}
		systems = append(systems, os.DirFS(f))
	}
	l, err := pack.Load(systems...)
	if err == nil && len(folders) > 0 {
		err = l.Validate(translates)
	}
	return l, fileError(err)
}

// translates reports what is wrong with a statement of a pack.
func translates(sql string) error {
	_, err := dialect.Translate(sql, dialect.Options{})
	return err
}

// fileError makes problems of files an error of usage with a line for each.
func fileError(err error) error {
	if problems, ok := errors.AsType[pack.Problems](err); ok {
		return usageError{problemsError{problems}}
	}
	if errors.Is(err, report.ErrInvalid) {
		return usageError{err}
	}
	return err
}

// problemsError says what is wrong in files, line by line.
type problemsError struct{ problems pack.Problems }

func (e problemsError) Error() string {
	if len(e.problems) == 1 {
		return e.problems[0].String()
	}
	return quantity.Plural(int64(len(e.problems)), "problem") + " in packs or other files of reports"
}

func (e problemsError) Unwrap() error { return e.problems }

func (e problemsError) Lines() []string {
	if len(e.problems) == 1 {
		return nil
	}
	var lines []string
	for _, p := range e.problems {
		lines = append(lines, p.String())
	}
	return lines
}

// packDirFlag adds the flag for folders with the user's packs.
func packDirFlag(cmd *cobra.Command, into *[]string) {
	cmd.Flags().StringArrayVar(into, "pack-dir", nil, "`DIR` with packs of your own, besides trailql/packs in the user's configuration folder; repeatable")
}

// parseSelection reads PACK or PACK@VERSION.
func parseSelection(arg string) pack.Selection {
	name, version, _ := strings.Cut(arg, "@")
	return pack.Selection{Pack: name, Version: version}
}

// findPack finds the pack of a selection, which has to have that version.
func findPack(l *pack.Library, s pack.Selection) (*pack.Pack, error) {
	p := l.Pack(s.Pack)
	if p == nil {
		var ids []string
		for _, known := range l.Packs {
			ids = append(ids, known.ID.Value)
		}
		if near := dialect.Nearest(s.Pack, ids); near != "" {
			return nil, usagef("there is no pack %q (did you mean %q?)", s.Pack, near)
		}
		return nil, usagef("there is no pack %q: trailql report list lists them", s.Pack)
	}
	if !p.HasVersion(s.Version) {
		return nil, usagef("pack %s has no version %q: it has %s", s.Pack, s.Version, joinTexts(p.Versions, ", "))
	}
	return p, nil
}

func joinTexts(list []pack.Text, separator string) string {
	var parts []string
	for _, t := range list {
		parts = append(parts, t.Value)
	}
	return strings.Join(parts, separator)
}
