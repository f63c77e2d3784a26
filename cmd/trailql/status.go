package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage/s3"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/convert/cloudtrail"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/duck"
	"github.com/trailql/trailql/engine/quantity"
)

// status is what the command reports; its JSON form is part of the interface.
type status struct {
	Engine    *engineStatus `json:"engine,omitempty"` // the cluster that was asked
	Warehouse string        `json:"warehouse"`        // "" where a cluster was asked
	Version   int64         `json:"version"`
	Changed   *time.Time    `json:"changed"` // last commit of any table
	Tables    []tableStatus `json:"tables"`

	FirstEvent *time.Time `json:"first_event"`
	LastEvent  *time.Time `json:"last_event"`
	Days       int        `json:"days"`      // UTC days that have records
	DaysSpan   int        `json:"days_span"` // from the first of them to the last
	Regions    int        `json:"regions"`

	Objects  int64 `json:"objects"`  // log files read
	Rejected int64 `json:"rejected"` // rows of rejected_records
	// Event ids that several records share which are not equal; nil when memory
	// did not suffice to count them.
	SharedEventIDs *int64 `json:"shared_event_ids"`

	firstDay, lastDay string // that have records
	notCounted        error  // why SharedEventIDs is nil
}

// statusFetch is how much of a warehouse elsewhere is fetched to count shared
// event ids.
const statusFetch = 1 << 30

type tableStatus struct {
	Name    string `json:"name"`
	Records int64  `json:"records"`
	Files   int64  `json:"files"`
	Bytes   int64  `json:"bytes"`
}

func newStatusCommand(a *app) *cobra.Command {
	format, memory, name := "table", "", ""
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say what the warehouse holds",
		Long: `Prints the tables of the warehouse with their rows, files and bytes, the days
that have records, the log files read, what was rejected, and how many event ids
belong to several records that differ. With --engine trino://… it asks the cluster:
its version and nodes, and what the tables there hold.`,
		Example: "  trailql status\n  trailql status --format json | jq .rejected\n  trailql status --engine trino://me@trino.example.com:443/lake/audit",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkChoice("format", format, []string{"table", "json"}); err != nil {
				return err
			}
			var o duck.Options
			if memory != "" {
				var err error
				if o.Memory, err = quantity.ParseBytes(memory); err != nil {
					return usagef("--memory: %w", err)
				}
			}
			if err := checkEngineFlag(name); err != nil {
				return err
			}
			var s status
			var err error
			if name == localEngine || name == "" {
				s, err = readStatus(cmd.Context(), a, o)
			} else {
				s, err = readClusterStatus(cmd.Context(), a, name)
			}
			if err != nil {
				return err
			}
			if s.SharedEventIDs == nil {
				a.note("shared event ids were not counted: %v", s.notCounted)
			}
			if format == "json" {
				out := json.NewEncoder(a.stdout)
				out.SetIndent("", "  ")
				return out.Encode(s)
			}
			return s.print(a.stdout)
		},
	}
	cmd.Flags().StringVarP(&format, "format", "F", format, "`FORMAT`: table or json")
	engineFlag(cmd.Flags(), &name)
	cmd.Flags().StringVar(&memory, "memory", "", "memory for counting, a `SIZE` such as 2GiB (default 80 % of the machine's)")
	return cmd
}

func readStatus(ctx context.Context, a *app, o duck.Options) (s status, err error) {
	c, err := a.openWarehouse(ctx)
	if err != nil {
		return status{}, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	s.Warehouse = c.Root()
	if err := s.readSnapshot(ctx, c); err != nil {
		return status{}, err
	}
	if s.records(convert.LogsTable) == 0 {
		s.SharedEventIDs = new(int64)
		return s, nil
	}
	o.Catalog = c
	e, err := a.openLocal(ctx, o)
	if err != nil {
		return status{}, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	var limits engine.Limits
	if s3.IsURI(a.warehouse) {
		limits.Scan = statusFetch
	}
	return s, s.readRecords(ctx, e, limits)
}

// readSnapshot takes what the metadata of the tables knows.
func (s *status) readSnapshot(ctx context.Context, c *catalog.Catalog) error {
	snapshot, err := c.Snapshot(ctx)
	if err != nil {
		return err
	}
	s.Version = snapshot.Version()
	for _, name := range snapshot.Tables() {
		table, err := snapshot.Table(name)
		if err != nil {
			return err
		}
		stats := table.Stats()
		s.Tables = append(s.Tables, tableStatus{Name: name, Records: stats.Records, Files: stats.Files, Bytes: stats.Bytes})
		if at := table.CommittedAt(); !at.IsZero() && (s.Changed == nil || at.After(*s.Changed)) {
			s.Changed = &at
		}
		if name == convert.LogsTable {
			if err := s.readPartitions(ctx, table); err != nil {
				return err
			}
		}
	}
	s.Objects = s.records(convert.LedgerTable)
	if s.Objects > 0 {
		ledger, err := snapshot.Table(convert.LedgerTable)
		if err != nil {
			return err
		}
		missing, err := convert.Missing(ctx, c, ledger)
		if err != nil {
			return err
		}
		s.Objects -= missing
	}
	s.Rejected = s.records(convert.RejectedTable)
	return nil
}

func (s *status) readPartitions(ctx context.Context, t *catalog.Table) error {
	files, _, err := t.Plan(ctx, catalog.Predicate{})
	if err != nil {
		return err
	}
	regions, days := map[string]bool{}, map[string]bool{}
	for _, f := range files {
		for i, column := range t.Spec() {
			switch column {
			case cloudtrail.RegionColumn:
				regions[f.Partition[i]] = true
			case cloudtrail.DateColumn:
				// Records without a time have a day that is none.
				if _, err := time.Parse(time.DateOnly, f.Partition[i]); err == nil {
					days[f.Partition[i]] = true
				}
			}
		}
	}
	s.Regions, s.Days = len(regions), len(days)
	if len(days) > 0 {
		inOrder := slices.Sorted(maps.Keys(days))
		s.firstDay, s.lastDay = inOrder[0], inOrder[len(inOrder)-1]
	}
	return nil
}

// readRecords asks the records for the rest.
func (s *status) readRecords(ctx context.Context, e engine.Engine, limits engine.Limits) error {
	// The files of these two days suffice.
	span, err := queryNumbers(ctx, e, engine.Query{
		SQL:    "SELECT CAST(round(to_unixtime(min(eventtimestamp)) * 1000000) AS bigint), CAST(round(to_unixtime(max(eventtimestamp)) * 1000000) AS bigint) FROM cloudtrail_logs WHERE date IN (?, ?)",
		Params: []any{s.firstDay, s.lastDay},
	})
	if err != nil {
		return fmt.Errorf("read span of events: %w", err)
	}
	if first, last := span[0], span[1]; first != nil && last != nil {
		from, to := time.UnixMicro(*first).UTC(), time.UnixMicro(*last).UTC()
		s.FirstEvent, s.LastEvent = &from, &to
		const day = 24 * time.Hour
		s.DaysSpan = int(to.Truncate(day).Sub(from.Truncate(day))/day) + 1
	}
	shared, err := queryNumbers(ctx, e, engine.Query{Limits: limits, SQL: `SELECT count(*) FROM (
		SELECT eventid FROM cloudtrail_logs WHERE eventid IS NOT NULL GROUP BY eventid HAVING count(*) > 1)`})
	switch {
	case errors.Is(err, engine.ErrLimit): // the rest is worth knowing without it
		s.notCounted = errors.New("that takes more memory, see --memory")
		if b := s.table(convert.LogsTable).Bytes; limits.Scan > 0 && b > limits.Scan {
			s.notCounted = fmt.Errorf("that would fetch %s", quantity.Bytes(b))
		}
	case err != nil:
		return fmt.Errorf("count shared event ids: %w", err)
	default:
		s.SharedEventIDs = shared[0]
	}
	return nil
}

// queryNumbers returns the first row of a query for whole numbers; nil is NULL.
func queryNumbers(ctx context.Context, e engine.Engine, q engine.Query) (row []*int64, err error) {
	result, err := e.Query(ctx, q)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, result.Close()) }()
	for batch, err := range result.Batches() {
		if err != nil {
			return nil, err
		}
		if batch.NumRows() == 0 {
			continue
		}
		for _, column := range batch.Columns() {
			if column.IsNull(0) {
				row = append(row, nil)
				continue
			}
			n, err := strconv.ParseInt(column.ValueStr(0), 10, 64)
			if err != nil {
				return nil, err
			}
			row = append(row, &n)
		}
		return row, nil
	}
	return nil, errors.New("no row")
}

func (s *status) table(name string) tableStatus {
	i := slices.IndexFunc(s.Tables, func(t tableStatus) bool { return t.Name == name })
	if i < 0 {
		return tableStatus{}
	}
	return s.Tables[i]
}

func (s *status) records(table string) int64 { return s.table(table).Records }

func (s *status) print(w io.Writer) error {
	facts := &textTable{}
	if e := s.Engine; e != nil {
		facts.fact("engine", "%s", e.Name)
		if e.Version != "" {
			facts.fact("Trino", "%s, %s", e.Version, quantity.Plural(e.Nodes, "node"))
		}
	} else {
		facts.fact("warehouse", "%s", s.Warehouse)
		facts.fact("version", "%d", s.Version)
	}
	if s.Changed != nil {
		facts.fact("last change", "%s", s.Changed.UTC().Format(time.RFC3339))
	}
	if s.FirstEvent != nil {
		facts.fact("events", "%s to %s", s.FirstEvent.Format(time.RFC3339), s.LastEvent.Format(time.RFC3339))
	}
	facts.fact("days", "%s with records, of %s", quantity.Count(int64(s.Days)), quantity.Count(int64(s.DaysSpan)))
	facts.fact("regions", "%s", quantity.Count(int64(s.Regions)))
	facts.fact("log files read", "%s", quantity.Count(s.Objects))
	facts.fact("rejected", "%s", quantity.Count(s.Rejected))
	if s.SharedEventIDs != nil {
		facts.fact("shared event ids", "%s", quantity.Count(*s.SharedEventIDs))
	} else {
		facts.fact("shared event ids", "not counted")
	}
	if err := facts.write(w); err != nil {
		return err
	}
	fmt.Fprintln(w)
	tables := newTextTable("table", "rows", "files", "size")
	for _, t := range s.Tables {
		tables.row(t.Name, quantity.Count(t.Records), quantity.Count(t.Files), quantity.Bytes(t.Bytes))
	}
	return tables.write(w)
}
