package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/render"
)

func newReportAcknowledgeCommand(a *app) *cobra.Command {
	var dir string
	d := disposition{}
	cmd := &cobra.Command{
		Use:   "acknowledge FINDING",
		Short: "Record what somebody decided about a finding",
		Long: `Adds a line to dispositions.jsonl in the folder of the reports, which are sealed
and do not change. Later reports in that folder show it with the finding.`,
		Example: "  trailql report acknowledge 0a1b2c3d4e5f60718293 --dir reports --ticket SEC-42 --note 'planned change'",
		Args:    usageArgs(cobra.ExactArgs(1)),
		RunE: func(_ *cobra.Command, args []string) error {
			d.Finding, d.At = args[0], a.now().UTC().Truncate(time.Second)
			d.By = cmp.Or(d.By, operator())
			if d.Note == "" && d.Ticket == "" {
				return usagef("say why: --note or --ticket")
			}
			return acknowledge(a, dir, d)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&dir, "dir", ".", "`FOLDER` that the reports are in")
	flags.StringVar(&d.Note, "note", "", "`TEXT` that says what was found out and decided")
	flags.StringVar(&d.Ticket, "ticket", "", "`ID` of a ticket")
	flags.StringVar(&d.By, "by", "", "`NAME` of who decided (default the user)")
	return cmd
}

func acknowledge(a *app, dir string, d disposition) error {
	list, err := reportsIn(dir)
	if err != nil {
		return err
	}
	known := false
	for i := len(list) - 1; i >= 0 && !known; i-- {
		r, err := render.Read(list[i].dir)
		if err != nil {
			continue // written without JSON
		}
		known = hasFinding(r, d.Finding)
	}
	if !known {
		return usagef("no report in %s has a finding %s", dir, d.Finding)
	}
	if err := appendDisposition(filepath.Join(dir, dispositionsFile), d); err != nil {
		return fmt.Errorf("acknowledge finding: %w", err)
	}
	a.note("finding %s acknowledged by %s", d.Finding, d.By)
	return nil
}

func hasFinding(r *report.Report, id string) bool {
	for _, p := range r.Packs {
		for _, c := range p.Controls {
			for _, f := range c.Findings {
				if f.ID == id {
					return true
				}
			}
		}
	}
	return false
}

// appendDisposition adds a line, after those that others add at the same time. Behind
// what a crash left of a line it adds nothing: both would be lost.
func appendDisposition(name string, d disposition) (err error) {
	line, err := json.Marshal(d)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o666)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	last := []byte{'\n'}
	if size > 0 {
		if _, err := file.ReadAt(last, size-1); err != nil {
			return err
		}
	}
	if !bytes.Equal(last, []byte{'\n'}) {
		return fmt.Errorf("the last line of %s is not whole: repair it first", name)
	}
	if _, err := file.Write(append(line, '\n')); err != nil {
		return err
	}
	return file.Sync()
}

// dispositionsFile lies beside the reports: those are sealed.
const dispositionsFile = "dispositions.jsonl"

// readDispositions reads what was acknowledged of the reports in a folder.
func readDispositions(folder string) (list []report.Disposition, err error) {
	file, err := os.Open(filepath.Join(folder, dispositionsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read dispositions: %w", err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	in := bufio.NewScanner(file)
	in.Buffer(nil, 1<<20)
	for line := 1; in.Scan(); line++ {
		var d disposition
		if err := json.Unmarshal(in.Bytes(), &d); err != nil {
			return nil, fmt.Errorf("read dispositions: %s:%d: %w", file.Name(), line, err)
		}
		list = append(list, report.Disposition{Finding: d.Finding, By: d.By, Note: d.Note, Ticket: d.Ticket, At: d.At})
	}
	return list, in.Err()
}

// disposition is a line of the file.
type disposition struct {
	Finding string    `json:"finding"`
	By      string    `json:"by"`
	Note    string    `json:"note,omitempty"`
	Ticket  string    `json:"ticket,omitempty"`
	At      time.Time `json:"at"`
}
