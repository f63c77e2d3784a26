package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// benchQuery is a query of the suite. %s in it is a value that the archive has.
type benchQuery struct {
	name   string
	athena string
	duckdb string // where DuckDB's own text differs
	value  string // a query of DuckDB's for %s
}

// rare finds a value that few rows have.
func rare(column string) string {
	return "SELECT " + column + " FROM logs WHERE " + column + " IS NOT NULL GROUP BY 1 ORDER BY count(*), 1 LIMIT 1"
}

// suite is what people ask of their logs, in about this order.
var suite = []benchQuery{
	{name: "events by source", athena: "SELECT eventsource, count(*) AS n FROM logs GROUP BY eventsource ORDER BY n DESC, 1"},
	{name: "denied by actor", athena: "SELECT useridentity.arn, eventname, count(*) AS n FROM logs WHERE errorcode IN ('AccessDenied', 'Client.UnauthorizedOperation') GROUP BY 1, 2 ORDER BY n DESC, 1, 2"},
	{name: "use of the root user", athena: "SELECT eventtime, eventname, sourceipaddress FROM logs WHERE useridentity.type = 'Root' ORDER BY eventtime, eventid"},
	{name: "writes of one day", athena: "SELECT eventname, count(*) AS n FROM logs WHERE date = '%s' AND readonly = 'false' GROUP BY eventname ORDER BY n DESC, 1", value: "SELECT max(date) FROM logs"},
	{name: "history of an access key", athena: "SELECT eventtime, eventsource, eventname, sourceipaddress FROM logs WHERE useridentity.accesskeyid = '%s' ORDER BY eventtime, eventid",
		value: "SELECT useridentity.accesskeyid FROM logs WHERE useridentity.accesskeyid IS NOT NULL GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1"},
	{name: "member of the request", athena: "SELECT json_extract_scalar(requestparameters, '$.bucketName') AS bucket, count(*) AS n FROM logs WHERE eventsource = 's3.amazonaws.com' GROUP BY 1 ORDER BY n DESC, 1",
		duckdb: "SELECT json_extract_string(requestparameters, '$.bucketName') AS bucket, count(*) AS n FROM logs WHERE eventsource = 's3.amazonaws.com' GROUP BY 1 ORDER BY n DESC, 1"},
	{name: "resources", athena: "SELECT r.arn, count(*) AS n FROM logs CROSS JOIN UNNEST(resources) AS t(r) GROUP BY r.arn ORDER BY n DESC, 1 LIMIT 100"},
	{name: "first event of each actor", athena: "SELECT arn, eventtime, eventname FROM (SELECT useridentity.arn AS arn, eventtime, eventname, row_number() OVER (PARTITION BY useridentity.arn ORDER BY eventtime, eventid) AS k FROM logs) x WHERE k = 1 ORDER BY arn"},
	{name: "distinct addresses", athena: "SELECT useridentity.accountid, count(DISTINCT sourceipaddress) AS addresses FROM logs GROUP BY 1 ORDER BY 1"},
	{name: "the newest hundred", athena: "SELECT eventtime, eventname, useridentity.arn FROM logs ORDER BY eventtime DESC, eventid LIMIT 100"},
	{name: "needle: event id", athena: "SELECT eventtime, eventname FROM logs WHERE eventid = '%s'", value: "SELECT max(eventid) FROM logs WHERE eventid LIKE '8%'"},
	{name: "needle: access key", athena: "SELECT eventtime, eventname FROM logs WHERE useridentity.accesskeyid = '%s' ORDER BY 1, 2", value: rare("useridentity.accesskeyid")},
	{name: "needle: address", athena: "SELECT eventtime, eventname FROM logs WHERE sourceipaddress = '%s' ORDER BY 1, 2", value: rare("sourceipaddress")},
	{name: "needle: ARN", athena: "SELECT eventtime, eventname FROM logs WHERE useridentity.arn = '%s' ORDER BY 1, 2", value: rare("useridentity.arn")},
	{name: "everything", athena: "SELECT * FROM logs"},
}

// asked is a query of the suite with its value and what it took.
type asked struct {
	name         string
	athena       string
	duckdb       string
	ours         []measurement
	parquet, raw []measurement
}

// benchQueries converts the archive and runs the suite: trailql query, DuckDB by
// itself on the same Parquet files, DuckDB on the log files.
func benchQueries(ctx context.Context, o options, stdout, stderr io.Writer) error {
	if o.trailql == "" || !haveDuckDB {
		return fmt.Errorf("the queries need -trailql and a build with -tags duckdb_arrow")
	}
	a, made, err := openArchive(ctx, o, stderr)
	if err != nil {
		return err
	}
	program, err := filepath.Abs(o.trailql)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	scratch, err := os.MkdirTemp(o.scratch, "trailql-bench-")
	if err != nil {
		return fmt.Errorf("make scratch folder: %w", err)
	}
	defer os.RemoveAll(scratch)
	warehouse := filepath.Join(scratch, "warehouse")
	if _, err := intoFresh(warehouse, func(out string) *exec.Cmd {
		return exec.CommandContext(ctx, program, "convert", "--warehouse", out, "-q", a.dir)
	}); err != nil {
		return fmt.Errorf("convert: %w", err)
	}
	data := filepath.Join(warehouse, "default", "cloudtrail_logs", "data")

	var all []*asked
	for _, q := range suite {
		s := &asked{name: q.name, athena: q.athena, duckdb: q.duckdb}
		if s.duckdb == "" {
			s.duckdb = q.athena
		}
		if q.value != "" {
			value, err := exec.CommandContext(ctx, self, duckDBQueryChild, data, "0", q.value).Output()
			if err != nil {
				return fmt.Errorf("find a value for %q: %w", q.name, err)
			}
			lines := strings.Split(strings.TrimSpace(string(value)), "\n")
			quoted := strings.ReplaceAll(lines[len(lines)-1], "'", "''")
			s.athena, s.duckdb = fmt.Sprintf(s.athena, quoted), fmt.Sprintf(s.duckdb, quoted)
		}
		s.athena = strings.Replace(s.athena, "FROM logs", "FROM cloudtrail_logs", 1)
		all = append(all, s)
	}
	for round := range o.runs {
		for _, s := range all {
			rows := map[string]int{}
			one := func(name string, list *[]measurement, command *exec.Cmd) error {
				var lines lineCounter
				command.Stdout = &lines
				m, err := measure(command, nil)
				if err != nil {
					return fmt.Errorf("%s: %s: %w", s.name, name, err)
				}
				rows[name] = lines.n
				*list = append(*list, m)
				fmt.Fprintf(stderr, "round %d  %-26s %-8s %7.2f CPU s %7.2f s %6d MiB\n", round+1, s.name, name, m.cpu.Seconds(), m.wall.Seconds(), m.peak>>20)
				return nil
			}
			if err := one("trailql", &s.ours, exec.CommandContext(ctx, program, "query", "-q", "--warehouse", warehouse, "--format", "csv", s.athena)); err != nil {
				return err
			}
			if err := one("parquet", &s.parquet, exec.CommandContext(ctx, self, duckDBQueryChild, data, "0", s.duckdb)); err != nil {
				return err
			}
			if round == 0 { // it takes long, and is far off
				if err := one("json", &s.raw, exec.CommandContext(ctx, self, duckDBQueryChild, a.dir, fmt.Sprint(a.largest), s.duckdb)); err != nil {
					return err
				}
			}
			for name, n := range rows {
				if n != rows["trailql"] && s.name != "everything" {
					return fmt.Errorf("%s: trailql gives %d lines, %s %d", s.name, rows["trailql"], name, n)
				}
			}
		}
	}
	return writeQueryTable(stdout, a, all, commandLine(o, made))
}

// lineCounter counts what a command prints.
type lineCounter struct{ n int }

func (c *lineCounter) Write(b []byte) (int, error) {
	c.n += bytes.Count(b, []byte{'\n'})
	return len(b), nil
}

func writeQueryTable(w io.Writer, a archive, all []*asked, command string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "```\n%s\n```\n\n%d files, %.1f MB stored, %.1f MB of JSON; %s. Medians of %d rounds; the log files are read once.\n\n",
		command, len(a.files), megabytes(a.storedBytes), megabytes(a.jsonBytes), machine(), len(all[0].ours))
	b.WriteString("| | `trailql query`, wall s | CPU s | DuckDB on the same Parquet: wall | CPU | DuckDB on the log files: wall | CPU |\n|---|--:|--:|--:|--:|--:|--:|\n")
	wall := func(m measurement) time.Duration { return m.wall }
	cpu := func(m measurement) time.Duration { return m.cpu }
	var sums [6]time.Duration
	for _, s := range all {
		values := [6]time.Duration{median(s.ours, wall), median(s.ours, cpu), median(s.parquet, wall), median(s.parquet, cpu), median(s.raw, wall), median(s.raw, cpu)}
		fmt.Fprintf(&b, "| %s |", s.name)
		for i, v := range values {
			sums[i] += v
			fmt.Fprintf(&b, " %s |", against(v, values[i%2], i))
		}
		b.WriteString("\n")
	}
	b.WriteString("| **all** |")
	for i, v := range sums {
		fmt.Fprintf(&b, " %s |", against(v, sums[i%2], i))
	}
	b.WriteString("\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// against is a duration in seconds, behind the first two columns as a multiple
// of ours.
func against(v, ours time.Duration, column int) string {
	if column < 2 {
		return fmt.Sprintf("%.3f", v.Seconds())
	}
	return fmt.Sprintf("%.2f ×", v.Seconds()/max(ours.Seconds(), 1e-9))
}
