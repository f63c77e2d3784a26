package main

import (
	"context"
	"errors"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/engine"
)

// engineStatus is what the command says of a cluster.
type engineStatus struct {
	Name    string `json:"name"`
	Version string `json:"version"` // "" where the user may not know
	Nodes   int64  `json:"nodes"`   // that are active
}

// readClusterStatus asks a cluster what its schema holds.
func readClusterStatus(ctx context.Context, a *app, name string) (s status, err error) {
	e, err := openCluster(ctx, name)
	if err != nil {
		return status{}, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	s.Engine = &engineStatus{Name: e.name}
	if err := s.readTables(ctx, e); err != nil {
		return status{}, err
	}
	if err := s.readNodes(ctx, e); err != nil {
		a.note("the cluster does not say what it is made of: %v", err)
	}
	if s.records(convert.LogsTable) == 0 {
		s.SharedEventIDs = new(int64)
		return s, nil
	}
	row, err := queryNumbers(ctx, e, engine.Query{SQL: `SELECT count(DISTINCT region), count(DISTINCT try(date("date"))) FROM "cloudtrail_logs$partitions"`})
	if err != nil {
		return status{}, err
	}
	s.Regions, s.Days = int(*row[0]), int(*row[1])
	err = eachText(ctx, e, engine.Query{SQL: `SELECT min("date"), max("date") FROM "cloudtrail_logs$partitions" WHERE try(date("date")) IS NOT NULL`}, func(days []string) {
		s.firstDay, s.lastDay = days[0], days[1]
	})
	if err != nil {
		return status{}, err
	}
	return s, s.readRecords(ctx, e, engine.Limits{})
}

func (s *status) readNodes(ctx context.Context, e engine.Engine) error {
	nodes := engine.Query{SQL: "SELECT max(node_version), CAST(count(*) AS varchar) FROM system.runtime.nodes WHERE state = 'active'"}
	return eachText(ctx, e, nodes, func(row []string) {
		s.Engine.Version = row[0]
		s.Engine.Nodes, _ = strconv.ParseInt(row[1], 10, 64) // it is a count
	})
}

// readTables takes what the metadata of the schema's Iceberg tables knows.
func (s *status) readTables(ctx context.Context, e *openedEngine) error {
	schema := path.Base(e.name)
	var names []string
	tables := engine.Query{SQL: "SELECT table_name FROM information_schema.tables WHERE table_schema = ? AND table_type = 'BASE TABLE' ORDER BY 1", Params: []any{schema}}
	err := eachText(ctx, e, tables, func(row []string) { names = append(names, row[0]) })
	if err != nil {
		return err
	}
	for _, name := range names {
		quoted := func(suffix string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + suffix + `"` }
		row, err := queryNumbers(ctx, e, engine.Query{SQL: "SELECT count(*), coalesce(sum(record_count), 0), coalesce(sum(file_size_in_bytes), 0) FROM " + quoted("$files") + " WHERE content = 0"})
		if _, wrong := errors.AsType[*engine.SQLError](err); wrong {
			continue // no Iceberg table
		}
		if err != nil {
			return err
		}
		s.Tables = append(s.Tables, tableStatus{Name: name, Files: *row[0], Records: *row[1], Bytes: *row[2]})
		changed, err := queryNumbers(ctx, e, engine.Query{SQL: "SELECT CAST(round(to_unixtime(max(committed_at)) * 1000) AS bigint) FROM " + quoted("$snapshots")})
		if err != nil {
			return err
		}
		if changed[0] != nil {
			if at := time.UnixMilli(*changed[0]).UTC(); s.Changed == nil || at.After(*s.Changed) {
				s.Changed = &at
			}
		}
	}
	if s.table(convert.LogsTable).Name == "" {
		return usagef("%s has no Iceberg table %s: trailql ddl --for trino, or trailql catalog copy, makes it known there", e.name, convert.LogsTable)
	}
	s.Rejected = s.records(convert.RejectedTable)
	if s.records(convert.LedgerTable) > 0 {
		row, err := queryNumbers(ctx, e, engine.Query{SQL: "SELECT count(*) FROM source_files WHERE kind IS NULL OR kind <> 'missing'"})
		if err != nil {
			return err
		}
		s.Objects = *row[0]
	}
	return nil
}

// eachText calls take with the rows of a query for texts; NULL is "".
func eachText(ctx context.Context, e engine.Engine, q engine.Query, take func(row []string)) (err error) {
	result, err := e.Query(ctx, q)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, result.Close()) }()
	for batch, err := range result.Batches() {
		if err != nil {
			return err
		}
		for i := range int(batch.NumRows()) {
			row := make([]string, batch.NumCols())
			for j, column := range batch.Columns() {
				if !column.IsNull(i) {
					row[j] = strings.Clone(column.ValueStr(i))
				}
			}
			take(row)
		}
	}
	return nil
}
