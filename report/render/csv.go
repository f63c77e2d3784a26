package render

import (
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trailql/trailql/engine/output"
)

// writeCSVs writes a file for each control, even for one without findings, and
// the lists of controls and of coverage.
func (d *document) writeCSVs(f *folder) error {
	if err := f.write(controlsFile, d.writeControlsCSV); err != nil {
		return err
	}
	if err := f.write(coverageFile, d.writeCoverageCSV); err != nil {
		return err
	}
	for i := range d.controls {
		c := &d.controls[i]
		if err := f.write(c.file(), func(w io.Writer) error { return d.writeControlCSV(w, c) }); err != nil {
			return err
		}
	}
	return nil
}

func (d *document) writeControlsCSV(w io.Writer) error {
	s := newSheet(w, "pack", "control", "title", "kind", "state", "severity", "count", "events", "suppressed", "unlisted", "new", "recurring", "resolved", "reason", "file")
	for i := range d.controls {
		c := &d.controls[i]
		var added, recurring, resolved string // NULL without a baseline
		if x := c.Difference; x != nil {
			added, recurring, resolved = number(x.New), number(x.Recurring), number(x.Resolved)
		}
		s.row(c.pack.ID, c.ID, c.Title, c.Kind.String(), string(c.State), c.Severity.String(),
			number(c.Count), number(c.Events), number(c.Suppressed), number(c.Unlisted), added, recurring, resolved, c.Reason, c.file())
	}
	return s.close()
}

func (d *document) writeCoverageCSV(w io.Writer) error {
	s := newSheet(w, "account", "region", "day", "events", "hours_with_events", "log_files")
	for _, c := range d.Coverage.Cells {
		s.row(c.Account, c.Region, c.Day, number(c.Events), number(int64(c.Hours)), number(c.Objects))
	}
	return s.close()
}

func (d *document) writeControlCSV(w io.Writer, c *control) error {
	own := c.ownColumns()
	names := slices.Concat(d.evidence, []string{"rule_id", "control_ids", "suppressed_by", "finding_id", "severity", "status", "disposition_by", "disposition_note", "disposition_ticket", "disposition_at",
		"first_time", "last_time", "reached", "event_ids"}, own)
	s := newSheet(w, names...)
	var row []string
	for i := range c.Findings {
		f := &c.Findings[i]
		row = row[:0]
		for e := range d.evidence {
			value := ""
			if e < len(f.Values) {
				value = f.Values[e]
			}
			row = append(row, value)
		}
		row = append(row, f.Rule, strings.Join(d.controlIDs(f), " "), f.SuppressedBy, f.ID, f.Severity.String(), f.Status)
		if x := f.Disposition; x != nil {
			row = append(row, x.By, x.Note, x.Ticket, timestamp(x.At))
		} else {
			row = append(row, "", "", "", "")
		}
		row = append(row, timestamp(f.Time))
		if isCorrelation(f) {
			row = append(row, timestamp(f.Last), number(f.Reached), strings.Join(f.Events, " "))
		} else {
			row = append(row, "", "", "")
		}
		s.row(row...)
		for n, name := range own {
			if value, ok := f.Columns[name]; ok {
				s.set(len(row)+n, value)
			}
		}
	}
	return s.close()
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// sheet writes CSV through engine/output: RFC 4180, nothing for NULL, "" for an
// empty text, and an apostrophe before what a spreadsheet would take for a
// formula. What is invisible or controls something is spelled out, as in the page:
// report.json has the texts as they are.
type sheet struct {
	schema  *arrow.Schema
	out     output.Writer
	pending [][]*string
	err     error
}

// sheetRows are how many rows make a batch.
const sheetRows = 1024

func newSheet(w io.Writer, names ...string) *sheet {
	fields := make([]arrow.Field, len(names))
	for i, name := range names {
		fields[i] = arrow.Field{Name: name, Type: arrow.BinaryTypes.String, Nullable: true}
	}
	s := &sheet{schema: arrow.NewSchema(fields, nil)}
	s.out, s.err = output.New(w, s.schema, output.Options{Format: output.CSV, Formulas: output.PrefixFormulas})
	return s
}

// row adds a row; an empty text is NULL, and so are values that are left out.
func (s *sheet) row(values ...string) {
	if len(s.pending) == sheetRows {
		s.flush()
	}
	row := make([]*string, s.schema.NumFields())
	for i, v := range values {
		if v != "" {
			v = output.Escape(v)
			row[i] = &v
		}
	}
	s.pending = append(s.pending, row)
}

// set gives a column of the last row a value, which may be empty.
func (s *sheet) set(column int, value string) {
	value = output.Escape(value)
	s.pending[len(s.pending)-1][column] = &value
}

func (s *sheet) flush() {
	rows := s.pending
	s.pending = s.pending[:0]
	if s.err != nil || len(rows) == 0 {
		return
	}
	b := array.NewRecordBuilder(memory.DefaultAllocator, s.schema)
	defer b.Release()
	for _, row := range rows {
		for i, v := range row {
			field := b.Field(i).(*array.StringBuilder)
			if v == nil {
				field.AppendNull()
			} else {
				field.Append(*v)
			}
		}
	}
	batch := b.NewRecordBatch()
	defer batch.Release()
	s.err = s.out.Write(batch)
}

func (s *sheet) close() error {
	s.flush()
	if s.err != nil {
		return s.err
	}
	_, s.err = s.out.Close()
	return s.err
}
