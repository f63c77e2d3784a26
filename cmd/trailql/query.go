package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/dialect"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/repl"
)

const defaultMaxRows = 40

// queryFlags are the flags of the command as the user gave them.
type queryFlags struct {
	given   func(flag string) bool // by the user
	sources []sqlSource
	dialect string
	explain bool
	params  []string

	format      string
	output      string
	force       bool
	null        string
	noHeader    bool
	csvQuote    string
	csvCRLF     bool
	csvSafe     string
	bom         bool
	jsonNumbers string
	maxRows     int
	stats       bool

	from, to, last string
	display        displayFlags
	engine         engineFlags
}

func newQueryCommand(a *app) *cobra.Command {
	f := queryFlags{
		dialect: "athena", format: formatAuto, csvQuote: "minimal", csvSafe: "off", jsonNumbers: "exact", maxRows: defaultMaxRows,
	}
	cmd := &cobra.Command{
		Use:     "query [SQL | -]",
		Aliases: []string{"q"},
		Short:   "Run SQL on the warehouse",
		Long: `Runs SQL and writes its rows to stdout, everything else to stderr. Statements of
several sources run in the order given and stop at the first error. The SQL is
Athena's unless --dialect says otherwise; a SELECT without FROM reads
cloudtrail_logs (see trailql help sql, trailql help functions).

On a terminal rows are a table that is fitted to its width and shows the first
and last rows of a long result; --format vertical gives each value lines of its
own, whole. Into a pipe or a file rows are complete: CSV unless --format or the
suffix of --output says otherwise (see trailql help formats).`,
		Example: `  trailql query "SELECT * WHERE eventsource='s3.amazonaws.com' LIMIT 10"
  trailql query --format vertical "SELECT * WHERE eventname = 'ConsoleLogin' LIMIT 1"
  trailql query --format jsonl "SELECT eventname, count(*) n GROUP BY 1 ORDER BY n DESC"
  trailql query -o denied.xlsx "SELECT eventtime, useridentity.arn WHERE errorcode = 'AccessDenied'"
  trailql query --param AKIAIOSFODNN7EXAMPLE "SELECT * WHERE useridentity.accesskeyid = ?"
  trailql query --max-scan 1GB --timeout 30s -f hunt.sql
  echo "SELECT count(*)" | trailql query -`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			f.given = cmd.Flags().Changed
			for _, arg := range args {
				if arg == "-" {
					f.sources = append(f.sources, sqlSource{file: "-"})
				} else {
					f.sources = append(f.sources, sqlSource{sql: arg})
				}
			}
			return runQuery(cmd.Context(), a, &f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.VarP(sourceFlag{&f.sources, false}, "command", "c", "run `SQL`; repeatable")
	flags.VarP(sourceFlag{&f.sources, true}, "file", "f", "run the statements in `FILE` (- for stdin); repeatable")
	flags.StringVar(&f.dialect, "dialect", f.dialect, "`DIALECT` of the SQL: athena, lake or duckdb")
	flags.StringArrayVar(&f.params, "param", nil, "`TEXT` for the next ? of the statement; repeatable")
	flags.StringVar(&f.from, "from", "", "only events from this `TIME` on: 2026-10-31, 2026-10-31T14:00:00Z, -7d, \"2 hours ago\"; UTC unless it says otherwise")
	flags.StringVar(&f.to, "to", "", "only events before this `TIME`")
	flags.StringVar(&f.last, "last", "", "only events of the last `SPAN`, such as 7d or 12h")
	flags.BoolVar(&f.explain, "explain-dialect", false, "print the SQL that would run, and run nothing")
	flags.StringVarP(&f.format, "format", "F", f.format, "`FORMAT` of the rows: auto, table, vertical, csv, tsv, json, jsonl, markdown, html, parquet, arrow, arrows, xlsx or none")
	flags.StringVarP(&f.output, "output", "o", "", "write the rows to `FILE`, whole or not at all; its suffix says the format; .gz or .zst behind it compresses")
	flags.BoolVar(&f.force, "force", false, "replace the file of --output")
	flags.IntVar(&f.maxRows, "max-rows", f.maxRows, "show at most `N` rows of a table, 0 for all (off a terminal all unless given); other formats stop behind N rows with exit code 4 if given")
	flags.StringVar(&f.null, "null", "", "`TEXT` for NULL in csv (default nothing), tables, markdown and html (default NULL)")
	flags.BoolVar(&f.noHeader, "no-header", false, "csv, tsv: no line with the columns' names")
	flags.StringVar(&f.csvQuote, "csv-quote", f.csvQuote, "csv: quotes around `WHICH` values: minimal, or all as in Athena's result files")
	flags.BoolVar(&f.csvCRLF, "csv-crlf", false, "csv: end lines with CR LF")
	flags.BoolVar(&f.bom, "bom", false, "csv, tsv: begin with a byte order mark, for Excel")
	flags.StringVar(&f.csvSafe, "csv-safe", f.csvSafe, "csv, tsv: `WHAT` to do with texts that a spreadsheet takes for formulas: off, prefix (with ') or reject")
	flags.StringVar(&f.jsonNumbers, "json-numbers", f.jsonNumbers, "json, jsonl: `HOW` to write decimals and integers beyond 2^53: exact, or safe (as texts)")
	flags.BoolVar(&f.stats, "stats", false, "a line of JSON about each statement on stderr")
	f.display.add(flags)
	f.engine.add(flags)
	flags.BoolVar(&a.jsonErrors, "json-errors", false, "errors as a line of JSON")
	return cmd
}

// checkChoices refuses values of flags that are none of the choices.
func (f *queryFlags) checkChoices() error {
	for _, c := range []struct {
		flag, value string
		choices     []string
	}{
		{"dialect", f.dialect, dialects},
		{"csv-quote", f.csvQuote, []string{"minimal", "all"}},
		{"csv-safe", f.csvSafe, []string{"off", "prefix", "reject"}},
		{"json-numbers", f.jsonNumbers, []string{"exact", "safe"}},
	} {
		if err := checkChoice(c.flag, c.value, c.choices); err != nil {
			return err
		}
	}
	return nil
}

var dialects = []string{"athena", "lake", "duckdb"}

func checkChoice(flag, value string, choices []string) error {
	if slices.Contains(choices, value) {
		return nil
	}
	last := len(choices) - 1
	return usagef("--%s %q: want %s or %s", flag, value, strings.Join(choices[:last], ", "), choices[last])
}

func runQuery(ctx context.Context, a *app, f *queryFlags) (err error) {
	if len(f.sources) == 0 {
		return usagef("no SQL given: name it as an argument, with -c or -f, or - for stdin")
	}
	if err := errors.Join(f.checkChoices(), f.display.check(), checkDialect(f.engine.name, f.dialect)); err != nil {
		return err
	}
	if f.maxRows < 0 {
		return usagef("--max-rows %d: want 0 or more", f.maxRows)
	}
	options, limits, err := f.engine.options()
	if err != nil {
		return err
	}
	window, err := f.window(a)
	if err != nil {
		return err
	}
	format, err := f.chooseFormat(a)
	if err != nil {
		return err
	}
	if f.given("max-rows") && !showsSomeRows(format) {
		limits.Rows = int64(f.maxRows)
	}
	statements, err := readStatements(ctx, a.stdin, f.sources)
	if err != nil {
		return err
	}
	if len(statements) > 1 && format.OneResult() && !f.explain {
		return usagef("%s holds one result, there are %d statements: use --format jsonl or table, or run them one by one", format, len(statements))
	}
	e, err := a.openEngine(ctx, f.engine.name, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if f.explain {
		return explainDialect(ctx, a, e.Engine, f.dialect, statements)
	}

	out, err := openQueryOutput(ctx, a, f, format)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.discard()) }()
	q := engine.Query{Dialect: f.dialect, Limits: limits, Window: window}
	out.window = window
	for _, p := range f.params {
		q.Params = append(q.Params, p)
	}
	for _, s := range statements {
		q.SQL = s.sql
		if err := runStatement(ctx, e, q, out); err != nil {
			return s.locate(err)
		}
	}
	return out.commit()
}

// window is the span of event times that the user asked for.
func (f *queryFlags) window(a *app) (engine.Window, error) {
	from := f.from
	if f.last != "" {
		if f.from != "" {
			return engine.Window{}, usagef("--last and --from both say where the time starts")
		}
		if strings.HasPrefix(strings.TrimSpace(f.last), "-") {
			return engine.Window{}, usagef("--last %s: want a span such as 7d", f.last)
		}
		from = "-" + strings.TrimSpace(f.last)
	}
	w, err := repl.ParseWindow(a.now(), time.UTC, from, f.to)
	if err != nil {
		return engine.Window{}, usagef("--from, --to, --last: %w", err)
	}
	return w, nil
}

// showsSomeRows is true of the forms in which rows can be left out in the middle.
func showsSomeRows(f output.Format) bool { return f == output.Table || f == output.Vertical }

func runStatement(ctx context.Context, e engine.Engine, q engine.Query, out *queryOutput) (err error) {
	result, err := e.Query(ctx, q)
	if err != nil {
		return errors.Join(err, out.reportStats(engine.Stats{}, err))
	}
	defer func() { err = errors.Join(err, result.Close()) }()
	summary, err := out.write(result)
	stats := result.Stats()
	if err != nil {
		return errors.Join(err, out.reportStats(stats, err))
	}
	out.report(summary, stats)
	return out.reportStats(stats, nil)
}

// translator is an engine that tells how it understands a statement.
type translator interface {
	Translate(ctx context.Context, q engine.Query) (*dialect.Statement, error)
}

// explainDialect prints what would run.
func explainDialect(ctx context.Context, a *app, e engine.Engine, name string, statements []sqlStatement) error {
	t, ok := e.(translator)
	if !ok {
		return fmt.Errorf("explain dialect: %w by this engine", engine.ErrUnsupported)
	}
	for _, s := range statements {
		translated, err := t.Translate(ctx, engine.Query{SQL: s.sql, Dialect: name})
		if err != nil {
			return s.locate(err)
		}
		text := translated.SQL
		if text == "" {
			text = "-- no query: the engine answers it by itself"
		} else {
			text += ";"
		}
		if _, err := fmt.Fprintln(a.stdout, safeLines(a, text)); err != nil {
			return err
		}
	}
	return nil
}

// safeLines is text for stdout: on a terminal it may hold no control characters.
func safeLines(a *app, text string) string {
	if terminalOf(a.stdout) == nil {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = output.Escape(line)
	}
	return strings.Join(lines, "\n")
}
