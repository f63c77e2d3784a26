package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

// tableReport is what verify --table found. Its JSON form is part of the
// interface.
type tableReport struct {
	Warehouse string           `json:"warehouse"`
	Made      time.Time        `json:"made"`
	Deep      bool             `json:"deep"`
	Holds     bool             `json:"holds"`
	Result    *convert.Checked `json:"result"`
}

func verifyTable(ctx context.Context, a *app, f verifyFlags) (err error) {
	if f.report == "html" {
		return usagef("--report html is for --digests")
	}
	c, err := a.openWarehouse(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	screen := newProgress(a)
	started := a.now()
	found, err := convert.Check(ctx, convert.CheckOptions{Catalog: c, OpenSource: a.openStorage, Deep: f.deep, Progress: func(p convert.Progress) {
		p.Elapsed = a.now().Sub(started)
		screen.update(p)
	}})
	screen.finish()
	if err != nil {
		return fmt.Errorf("verify table: %w", err)
	}
	r := tableReport{Warehouse: c.Root(), Made: a.now().UTC(), Deep: f.deep, Holds: len(found.Findings) == 0, Result: found}
	if err := a.writeReport(ctx, f, r.write); err != nil {
		return err
	}
	if !r.Holds {
		return partialError{quantity.Plural(int64(len(found.Findings)), "thing") + " not as the table says"}
	}
	return nil
}

func (r tableReport) write(w writerTo) error {
	if w.format == "json" {
		return writeJSON(w, r)
	}
	return r.print(w)
}

func (r tableReport) print(w io.Writer) error {
	facts := &textTable{}
	found := r.Result
	facts.fact("warehouse", "%s, version %d", r.Warehouse, found.Version)
	how := "sizes and footers"
	if r.Deep {
		how = "read whole"
	}
	facts.fact("data files", "%s with %s (%s)", quantity.Count(found.Files), quantity.Plural(found.Rows, "row"), how)
	how = "sizes and times"
	if found.Hashed > 0 {
		how = fmt.Sprintf("SHA-256 of %s of them", quantity.Count(found.Hashed))
	}
	facts.fact("source objects", "%s (%s)", quantity.Count(found.Objects), how)
	facts.fact("records in them", "%s", quantity.Count(found.Records))
	if found.Elsewhere > 0 {
		how = "not looked for, see --deep"
		if r.Deep {
			how = "looked for"
		}
		facts.fact("given by another object", "%s (%s)", quantity.Count(found.Elsewhere), how)
	}
	if err := facts.write(w); err != nil {
		return err
	}
	if len(found.Findings) > 0 {
		fmt.Fprintln(w)
	}
	for _, f := range found.Findings {
		line := fmt.Sprintf("%-17s %s: %s", f.Kind, output.Escape(f.Object), output.Escape(f.Message))
		if _, err := fmt.Fprintln(w, strings.TrimRight(line, " ")); err != nil {
			return err
		}
	}
	return nil
}
