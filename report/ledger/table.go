package ledger

import (
	"context"
	"time"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/report"
)

// Table is the name of the runs in SQL.
const Table = "report_runs"

// Column is a column of the table; Type is DuckDB's.
type Column struct{ Name, Type string }

const (
	text   = "VARCHAR"
	number = "BIGINT"
	moment = "TIMESTAMP WITH TIME ZONE"
)

// states are the columns that count controls.
var states = []struct {
	column string
	state  report.State
}{
	{"passed", report.Pass}, {"failed", report.Fail}, {"review", report.Review}, {"no_activity", report.NoActivity},
	{"not_assessed", report.NotAssessed}, {"suppressed", report.Suppressed}, {"errors", report.Error}, {"not_applicable", report.NotApplicable},
}

// Columns are those of the table, which has a row for each pack of each run.
func Columns() []Column {
	columns := []Column{
		{"run_id", text}, {"schedule", text}, {"status", text}, {"error", text}, {"operator", text}, {"program_version", text},
		{"started", moment}, {"ended", moment}, {"duration_ms", number},
		{"period_name", text}, {"period_from", moment}, {"period_to", moment}, {"zone", text},
		{"snapshot_id", number}, {"records", number}, {"complete", "BOOLEAN"},
		{"manifest_sha256", text}, {"previous_manifest_sha256", text}, {"dir", text},
		{"pack", text}, {"pack_version", text}, {"pack_hash", text}, {"findings", number},
	}
	for _, s := range states {
		columns = append(columns, Column{s.column, number})
	}
	return columns
}

// Rows are the rows of the table, in order of the runs' start: a value for each
// of Columns, nil or what encoding/json writes. A run that failed before it knew
// its packs is a row without one.
func Rows(ctx context.Context, s storage.Storage) ([][]any, error) {
	runs, err := Runs(ctx, s, time.Time{}, time.Time{})
	if err != nil {
		return nil, err
	}
	var rows [][]any
	for _, r := range runs {
		run := []any{
			r.ID, orNull(r.Schedule), string(r.Status), orNull(r.Error), orNull(r.Operator), orNull(r.Version),
			when(r.Started), when(r.Ended), duration(r),
			orNull(r.PeriodName), when(r.From), when(r.To), orNull(r.Zone),
			r.Snapshot, r.Records, r.Complete,
			orNull(r.Manifest), orNull(r.Previous), orNull(r.Dir),
		}
		packs := r.Packs
		if len(packs) == 0 {
			packs = []Pack{{}}
		}
		for _, p := range packs {
			row := append(run[:len(run):len(run)], orNull(p.ID), orNull(p.Version), orNull(p.Hash), p.Findings)
			for _, s := range states {
				row = append(row, p.States[string(s.state)])
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func when(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02 15:04:05.000000+00")
}

func duration(r Run) any {
	if r.Ended.IsZero() {
		return nil
	}
	return r.Ended.Sub(r.Started).Milliseconds()
}
