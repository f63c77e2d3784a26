package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/convert"
	"github.com/trailql/trailql/convert/cloudtrail"
	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/duck"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

// status is what the command reports; its JSON form is part of the interface.
type status struct {
	Warehouse string        `json:"warehouse"`
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
}

type tableStatus struct {
	Name    string `json:"name"`
	Records int64  `json:"records"`
	Files   int64  `json:"files"`
	Bytes   int64  `json:"bytes"`
}

func newStatusCommand(a *app) *cobra.Command {
	format, memory := "table", ""
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Say what the warehouse holds",
		Long: `Prints the tables of the warehouse with their rows, files and bytes, the days
that have records, the log files read, what was rejected, and how many event ids
belong to several records that differ.`,
		Example: "  trailql status\n  trailql status --format json | jq .rejected",
		Args:    usageArgs(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if format != "table" && format != "json" {
				return usagef("--format %q: want table or json", format)
			}
			var o duck.Options
			if memory != "" {
				var err error
				if o.Memory, err = quantity.ParseBytes(memory); err != nil {
					return usagef("--memory: %w", err)
				}
			}
			s, err := readStatus(cmd.Context(), a, o)
			if err != nil {
				return err
			}
			if s.SharedEventIDs == nil {
				a.note("shared event ids were not counted: that takes more memory, see --memory")
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
	e, err := duck.Open(ctx, o)
	if err != nil {
		return status{}, err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	return s, s.readRecords(ctx, e)
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
	return nil
}

// readRecords asks the records for the rest.
func (s *status) readRecords(ctx context.Context, e engine.Engine) error {
	span, err := queryNumbers(ctx, e, "SELECT epoch_us(min(eventtimestamp)), epoch_us(max(eventtimestamp)) FROM cloudtrail_logs")
	if err != nil {
		return fmt.Errorf("read span of events: %w", err)
	}
	if first, last := span[0], span[1]; first != nil && last != nil {
		from, to := time.UnixMicro(*first).UTC(), time.UnixMicro(*last).UTC()
		s.FirstEvent, s.LastEvent = &from, &to
		const day = 24 * time.Hour
		s.DaysSpan = int(to.Truncate(day).Sub(from.Truncate(day))/day) + 1
	}
	shared, err := queryNumbers(ctx, e, `SELECT count(*) FROM (
		SELECT eventid FROM cloudtrail_logs WHERE eventid IS NOT NULL GROUP BY eventid HAVING count(*) > 1)`)
	switch {
	case errors.Is(err, engine.ErrLimit): // the rest is worth knowing without it
	case err != nil:
		return fmt.Errorf("count shared event ids: %w", err)
	default:
		s.SharedEventIDs = shared[0]
	}
	return nil
}

// queryNumbers returns the first row of a query for whole numbers; nil is NULL.
func queryNumbers(ctx context.Context, e engine.Engine, sql string) (row []*int64, err error) {
	result, err := e.Query(ctx, engine.Query{SQL: sql})
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

func (s *status) records(table string) int64 {
	i := slices.IndexFunc(s.Tables, func(t tableStatus) bool { return t.Name == table })
	if i < 0 {
		return 0
	}
	return s.Tables[i].Records
}

func (s *status) print(w io.Writer) error {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) {
		fmt.Fprintf(out, "%s\t%s\n", name, fmt.Sprintf(format, args...))
	}
	row("warehouse", "%s", output.Escape(s.Warehouse))
	row("version", "%d", s.Version)
	if s.Changed != nil {
		row("last change", "%s", s.Changed.UTC().Format(time.RFC3339))
	}
	if s.FirstEvent != nil {
		row("events", "%s to %s", s.FirstEvent.Format(time.RFC3339), s.LastEvent.Format(time.RFC3339))
	}
	row("days", "%s with records, of %s", quantity.Count(int64(s.Days)), quantity.Count(int64(s.DaysSpan)))
	row("regions", "%s", quantity.Count(int64(s.Regions)))
	row("log files read", "%s", quantity.Count(s.Objects))
	row("rejected", "%s", quantity.Count(s.Rejected))
	if s.SharedEventIDs != nil {
		row("shared event ids", "%s", quantity.Count(*s.SharedEventIDs))
	} else {
		row("shared event ids", "not counted")
	}
	fmt.Fprintln(out)
	fmt.Fprintln(out, "table\trows\tfiles\tsize")
	for _, t := range s.Tables {
		fmt.Fprintf(out, "%s\t%s\t%s\t%s\n", output.Escape(t.Name), quantity.Count(t.Records), quantity.Count(t.Files), quantity.Bytes(t.Bytes))
	}
	return out.Flush()
}
