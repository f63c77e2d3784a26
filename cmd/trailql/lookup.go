package main

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/engine/output"
	"github.com/trailql/trailql/engine/quantity"
)

// formatAWS is the answer of AWS's LookupEvents.
const formatAWS = "aws"

// defaultMaxItems is how many events a terminal gets.
const defaultMaxItems = 50

// lookupFlags are the flags of the command as the user gave them; query has those
// that trailql query has too.
type lookupFlags struct {
	query         queryFlags
	attributes    []string // KEY=VALUE, or in one of the forms of the AWS CLI
	keys, values  []string
	start, end    string
	regions       []string
	category      string
	maxItems      int
	maxResults    int
	pageSize      int
	maxItemsGiven bool
	asAWS         bool
}

func newLookupCommand(a *app) *cobra.Command {
	f := lookupFlags{query: queryFlags{
		dialect: "athena",
		format:  formatAuto, csvQuote: "minimal", csvSafe: "off", jsonNumbers: "exact", maxRows: 0,
	}}
	cmd := &cobra.Command{
		Use:   "lookup [ATTRIBUTE=VALUE…]",
		Short: "Look events up by an attribute, newest first",
		Long: `Looks events up as the Event history of CloudTrail does, by the same attributes,
but in the warehouse: of all regions and accounts, without the limit of 90 days,
and with data and network activity events. Arguments of aws cloudtrail
lookup-events can be pasted.

Attributes are EventId, EventName, EventSource, ReadOnly, Username, AccessKeyId,
ResourceType and ResourceName; of several all must hold.

  Username      the user's name; for an assumed role the name of the session, for
                the root user root
  ResourceName  an ARN of the record's resources, the part of it behind the last
                / or :, or a text in requestParameters or responseElements
  ResourceType  a type of the record's resources, such as AWS::S3::Bucket. AWS
                knows more resources of an event than its record names

--start-time and --end-time both belong to the span, as at AWS; --to is
exclusive. On a terminal the newest ` + strconv.Itoa(defaultMaxItems) + ` events are shown, anywhere else all are
written. --output json writes what AWS answers: CloudTrailEvent is the record as
text, equal as JSON to the one that was converted.`,
		Example: `  trailql lookup EventName=ConsoleLogin
  trailql lookup Username=alice ReadOnly=false --last 7d
  trailql lookup --lookup-attributes AttributeKey=AccessKeyId,AttributeValue=AKIAIOSFODNN7EXAMPLE --output json
  trailql lookup ResourceName=my-bucket --start-time 2026-10-01 --end-time 2026-10-31 -o bucket.xlsx
  trailql lookup EventName=RunInstances --event-category insight`,
		RunE: func(cmd *cobra.Command, args []string) error {
			f.query.given = cmd.Flags().Changed
			f.attributes = append(f.attributes, args...)
			f.maxItemsGiven = cmd.Flags().Changed("max-items") || cmd.Flags().Changed("max-results")
			return runLookup(cmd.Context(), a, &f)
		},
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringArrayVar(&f.attributes, "lookup-attributes", nil, "`ATTRIBUTE` as AttributeKey=…,AttributeValue=…, or a JSON list of them; repeatable")
	flags.StringArrayVar(&f.keys, "attribute-key", nil, "`KEY` for the --attribute-value that goes with it; repeatable")
	flags.StringArrayVar(&f.values, "attribute-value", nil, "`VALUE` for the --attribute-key that goes with it; repeatable")
	flags.StringVar(&f.start, "start-time", "", "only events at or after this `TIME`; seconds since 1970 will do")
	flags.StringVar(&f.end, "end-time", "", "only events at or before this `TIME`")
	flags.StringVar(&f.query.from, "from", "", "only events from this `TIME` on: 2026-10-31, 2026-10-31T14:00:00Z, -7d, \"2 hours ago\"; UTC unless it says otherwise")
	flags.StringVar(&f.query.to, "to", "", "only events before this `TIME`")
	flags.StringVar(&f.query.last, "last", "", "only events of the last `SPAN`, such as 7d or 12h")
	flags.StringSliceVar(&f.regions, "region", nil, "only these `REGIONS` (comma-separated, repeatable; default all)")
	flags.StringVar(&f.category, "event-category", "", "only events of this `CATEGORY`: management, data, network-activity, insight or all (default all but insight)")
	flags.IntVar(&f.maxItems, "max-items", 0, "at most the newest `N` events, 0 for all (default "+strconv.Itoa(defaultMaxItems)+" on a terminal, else all)")
	flags.IntVar(&f.maxResults, "max-results", 0, "the same as --max-items")
	flags.IntVar(&f.pageSize, "page-size", 0, "without effect, for commands from elsewhere")
	flags.StringVarP(&f.query.format, "format", "F", f.query.format, "`FORMAT` of the events: aws, or one of trailql query")
	flags.StringVarP(&f.query.output, "output", "o", "", "write the events to `FILE`, whole or not at all; its suffix says the format. json: as --format aws, table: as --format table, to stdout")
	flags.BoolVar(&f.query.force, "force", false, "replace the file of --output")
	flags.StringVar(&f.query.csvSafe, "csv-safe", f.query.csvSafe, "csv, tsv: `WHAT` to do with texts that a spreadsheet takes for formulas: off, prefix (with ') or reject")
	flags.BoolVar(&f.query.stats, "stats", false, "a line of JSON about the query on stderr")
	f.query.display.add(flags)
	engineFlag(flags, &f.query.engine.name)
	flags.DurationVar(&f.query.engine.timeout, "timeout", 0, "stop after this `DURATION`, such as 90s (default no limit)")
	flags.StringVar(&f.query.engine.memory, "memory", "", "memory for the query, a `SIZE` such as 2GiB (default 80 % of the machine's)")
	flags.BoolVar(&a.jsonErrors, "json-errors", false, "errors as a line of JSON")
	flags.Bool("no-cli-pager", false, "without effect, for commands from elsewhere")
	_ = flags.MarkHidden("no-cli-pager")
	_ = flags.MarkHidden("max-results")
	_ = flags.MarkHidden("page-size")
	return cmd
}

func runLookup(ctx context.Context, a *app, f *lookupFlags) (err error) {
	attributes, err := f.parseAttributes()
	if err != nil {
		return err
	}
	if err := errors.Join(f.query.checkChoices(), f.query.display.check()); err != nil {
		return err
	}
	category, err := parseCategory(f.category)
	if err != nil {
		return err
	}
	options, limits, err := f.query.engine.options()
	if err != nil {
		return err
	}
	window, err := f.window(a)
	if err != nil {
		return err
	}
	f.settleOutput()
	format := output.JSON
	if !f.asAWS {
		if format, err = f.query.chooseFormat(a); err != nil {
			return err
		}
	}
	most, err := f.most(a)
	if err != nil {
		return err
	}
	e, err := a.openEngine(ctx, f.query.engine.name, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()

	out, err := openQueryOutput(ctx, a, &f.query, format)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.discard()) }()
	out.window = window
	l := lookup{engine: e, query: engine.Query{Dialect: f.query.dialect, Limits: limits, Window: window}, attributes: attributes, regions: f.regions, category: category, most: most}
	var rows int64
	if f.asAWS {
		rows, err = l.answer(ctx, out)
	} else {
		rows, err = l.show(ctx, out)
	}
	if err != nil {
		return err
	}
	if most > 0 && rows == int64(most) {
		a.note("these are the newest %s; there may be more, see --max-items", quantity.Plural(rows, "event"))
	}
	if rows == 0 {
		a.note("no event matches")
	}
	return out.commit()
}

// settleOutput tells --output of the AWS CLI, which is a format, from ours.
func (f *lookupFlags) settleOutput() {
	switch f.query.output {
	case "json":
		f.query.output, f.asAWS = "", true
	case "table":
		f.query.output, f.query.format = "", string(output.Table)
	}
	f.asAWS = f.asAWS || f.query.format == formatAWS
}

// most is how many events are wanted; 0 is all.
func (f *lookupFlags) most(a *app) (int, error) {
	switch {
	case f.maxItems < 0 || f.maxResults < 0:
		return 0, usagef("--max-items: want 0 or more")
	case f.maxItems > 0 && f.maxResults > 0:
		return min(f.maxItems, f.maxResults), nil
	case f.maxItemsGiven:
		return max(f.maxItems, f.maxResults), nil
	case terminalOf(a.stdout) != nil && !f.query.toFile():
		return defaultMaxItems, nil
	}
	return 0, nil
}

// window is the span of event times.
func (f *lookupFlags) window(a *app) (engine.Window, error) {
	if f.start == "" && f.end == "" {
		return f.query.window(a)
	}
	if f.query.last != "" || f.start != "" && f.query.from != "" || f.end != "" && f.query.to != "" {
		return engine.Window{}, usagef("--start-time and --end-time do not go with --from, --to and --last")
	}
	bounds := queryFlags{from: f.query.from, to: f.query.to}
	if f.start != "" {
		bounds.from = sinceEpoch(f.start)
	}
	if f.end != "" {
		bounds.to = ""
	}
	w, err := bounds.window(a)
	if err != nil || f.end == "" {
		return w, err
	}
	end, err := (&queryFlags{from: sinceEpoch(f.end)}).window(a)
	if err != nil {
		return w, err
	}
	// Event times have whole seconds, and those of the last one belong to it.
	w.To = end.From.Truncate(time.Second).Add(time.Second)
	if !w.From.Before(w.To) {
		return w, usagef("--start-time %s is after --end-time %s", f.start, f.end)
	}
	return w, nil
}

// sinceEpoch writes seconds since 1970, which the AWS CLI takes for a time, as
// one.
func sinceEpoch(text string) string {
	seconds, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || seconds < 100_000_000 || seconds > 100_000_000_000 {
		return text
	}
	return time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339)
}
