package report_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/trailql/trailql/engine"
	"github.com/trailql/trailql/report"
	"github.com/trailql/trailql/report/pack"
)

// testPacks are rules that take one event name each, so that the archive below can
// answer for them.
const testPacks = `
params:
  wanted: {type: list, default: [], doc: Things.}
  least: {type: integer, default: 3, doc: A number.}
rules:
  - {id: SEEN, title: Seen, severity: info, kind: evidence, events: [{names: SeenCall}]}
  - {id: ODD, title: Odd, severity: low, kind: exception, events: [{names: OddCall}]}
  - {id: BAD, title: Bad, severity: high, kind: exception, events: [{names: BadCall}]}
  - {id: WORSE, title: Worse, severity: critical, kind: exception, events: [{names: WorseCall}]}
  - {id: NEEDY, title: Needy, severity: high, kind: exception, needs: wanted, events: [{names: NeedyCall}]}
  - {id: MANY, title: Many, severity: medium, kind: exception, bursts: [{of: SEEN, by: [account_id, actor], within: 10m, at_least: $least}]}
  - {id: GAP, title: Gaps, severity: high, kind: coverage}
  - {id: COVERAGE, title: Coverage, severity: high, kind: coverage}
  - {id: DIGEST, title: Digests, severity: high, kind: coverage}
  - {id: RUNS, title: Runs, severity: high, kind: coverage}
  - {id: DISPOSITION, title: Dispositions, severity: high, kind: coverage}
  - {id: RECORD-CONTENT, title: Content, severity: medium, kind: coverage}
  - {id: DELIVERY-LAG, title: Lag, severity: medium, kind: coverage}
  - {id: RETENTION, title: Retention, severity: high, kind: coverage}
pack:
  id: acme
  title: Acme
  versions: ["1", "2"]
  controls:
    - {id: evidence, title: Evidence, kind: evidence, severity: info, rules: SEEN, groups: [event_name, source_ip]}
    - {id: mixed, title: Mixed, kind: evidence, severity: info, rules: [SEEN, BAD]}
    - {id: exception, title: Exception, kind: exception, severity: high, rules: BAD}
    - {id: odd, title: Odd, kind: exception, severity: high, rules: [ODD, MANY]}
    - {id: needy, title: Needy, kind: exception, severity: high, rules: NEEDY}
    - {id: whole, title: Whole, kind: coverage, severity: high, rules: [COVERAGE, GAP]}
    - {id: digests, title: Digests, kind: coverage, severity: high, rules: DIGEST}
`

const otherPack = `
rules:
  - {id: LATE, title: Late, severity: high, kind: exception, events: [{names: LateCall}]}
pack:
  id: other
  title: Other
  params: {least: 2}
  controls:
    - {id: "1", title: Late, kind: exception, severity: high, rules: LATE}
    - {id: "2", title: Worse, kind: exception, severity: high, rules: WORSE}
    - {id: "3", title: Many, kind: exception, severity: high, rules: [MANY, ODD]}
`

const aboutPack = `
pack:
  id: about
  title: About
  inputs: [wanted]
  scope: NEEDY
  controls:
    - {id: "1", title: Seen, kind: evidence, severity: info, rules: SEEN}
    - {id: "2", title: Many, kind: exception, severity: high, rules: MANY}
`

const archivePack = `
params:
  regulated: {type: list, default: [], doc: Resources.}
rules:
  - {id: HUB-STATE, title: Hub, severity: medium, kind: evidence, events: [{names: [EnableSecurityHub, DisableSecurityHub]}]}
  - {id: DATA-READ, title: Read, kind: evidence, events: [{source: s3, names: GetObject}], where: touches($regulated)}
  - {id: DATA-COVERAGE, title: Data events, severity: medium, kind: coverage}
  - {id: REPORT-RETENTION, title: Reports, severity: medium, kind: coverage}
pack:
  id: archive
  title: Archive
  controls:
    - {id: data, title: Data, kind: coverage, severity: high, rules: DATA-COVERAGE}
    - {id: hub, title: Hub, kind: evidence, severity: medium, rules: HUB-STATE}
    - {id: runs, title: Runs, kind: coverage, severity: high, rules: RUNS}
    - {id: dispositions, title: Dispositions, kind: coverage, severity: high, rules: DISPOSITION}
    - {id: content, title: Content, kind: coverage, severity: high, rules: RECORD-CONTENT}
    - {id: lag, title: Lag, kind: coverage, severity: high, rules: DELIVERY-LAG}
    - {id: retention, title: Retention, kind: coverage, severity: high, rules: RETENTION}
    - {id: reports, title: Reports, kind: coverage, severity: medium, rules: REPORT-RETENTION}
`

const pairPack = `
pack:
  id: pair
  title: Pair
  controls:
    - {id: both, title: Both, kind: exception, severity: high, rules: [BAD, NEEDY]}
`

func library(t testing.TB) *pack.Library {
	t.Helper()
	l, err := pack.Load(fstest.MapFS{
		"acme.yaml": {Data: []byte(testPacks)}, "other.yaml": {Data: []byte(otherPack)},
		"about.yaml": {Data: []byte(aboutPack)}, "archive.yaml": {Data: []byte(archivePack)},
		"pair.yaml": {Data: []byte(pairPack)},
	})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// event is a record of the archive below.
type event struct {
	at                         time.Time
	name                       string
	account, region, actor, ip string
	resource                   string
	id                         string
	nobody                     bool // has no user
	calls                      []string
	object                     string // log file
}

// verdict is what digests say of one file.
type verdict struct{ kind, verdict, object, reason string }

// missing is what digests name and the archive does not have.
type missing struct {
	event
	category, verdict string
}

// fakeArchive answers the statements of a run from a list of events.
type fakeArchive struct {
	lib     *pack.Library
	events  []event
	objects []report.LogObject
	fails   map[string]error // statements with that text
	asked   []string

	digests  []event   // when they end
	missing  []missing // what they name and is not there
	verdicts []verdict // nil: the ledger has no such column
	rejected int64     // records of one log file
	before   time.Time // when the period ends, for what looks at all that came before
}

func utc(text string) time.Time {
	t, err := time.Parse("2006-01-02T15:04:05", text)
	if err != nil {
		panic(err)
	}
	return t
}

// everyHour are events of one place in each hour of some days, n in each.
func everyHour(from, to, account, region string, n int) []event {
	var list []event
	for t := utc(from + "T00:30:00"); t.Before(utc(to + "T00:00:00")); t = t.Add(time.Hour) {
		for i := range n {
			list = append(list, event{at: t.Add(time.Duration(i) * time.Second), name: "QuietCall", account: account, region: region})
		}
	}
	return list
}

func (f *fakeArchive) query(_ context.Context, sql string, params ...any) (*engine.Result, error) {
	f.asked = append(f.asked, sql)
	for text, err := range f.fails {
		if strings.Contains(sql, text) {
			return nil, err
		}
	}
	var rows [][]any
	var names []string
	in := f.within(sql, params)
	switch {
	case sql == "SELECT learnt":
		rows, names = [][]any{{"found"}}, []string{""}
	case strings.Contains(sql, "AS verdicts"):
		found := int64(0)
		if f.verdicts != nil {
			found = 1
		}
		rows, names = [][]any{{found}}, []string{"1"}
	case strings.Contains(sql, "AS invalid_reason"):
		for _, v := range f.verdicts {
			if v.verdict == "invalid" && strings.Contains(sql, "kind = '"+v.kind+"'") {
				rows = append(rows, []any{v.object, v.reason, accountA, "us-east-1", time.Time{}})
			}
		}
		names = []string{"", "", "", "", "time"}
	case strings.Contains(sql, "AS verdict, count(*)"):
		for _, v := range f.verdicts {
			if strings.Contains(sql, "kind = '"+v.kind+"'") {
				rows = append(rows, []any{v.verdict, int64(1)})
			}
		}
		names = []string{"", "1"}
	case strings.Contains(sql, "eventtimestamp IS NOT NULL"):
		seen := map[[3]string]int64{}
		for _, e := range f.scoped(f.events, params) {
			key := [3]string{e.account, e.region, e.at.Format(time.DateOnly)}
			seen[key]++
		}
		for key, n := range seen {
			rows = append(rows, []any{key[0], key[1], key[2], n})
		}
		names = []string{"", "", "", "1"}
	case strings.Contains(sql, "WHERE eventsource IN ('', 's3.amazonaws.com') AND "):
		var row []any
		patterns := strings.Count(sql, " AS n")
		each := len(params) / patterns // the name of a pattern is among its values
		for i := range patterns {
			n := int64(0)
			for _, e := range in {
				if slices.Contains(params[each*i:each*(i+1)], any(e.resource)) {
					n++
				}
			}
			row, names = append(row, n), append(names, "1")
		}
		rows = [][]any{row}
	case strings.Contains(sql, "AS missing_verdict"):
		for _, m := range f.missing {
			rows = append(rows, []any{m.account, m.region, m.at, m.category, m.verdict})
		}
		names = []string{"", "", "time", "", ""}
	case strings.Contains(sql, "AS last_digest"):
		last := map[[2]string]time.Time{}
		for _, d := range f.digests {
			key := [2]string{d.account, d.region}
			if !d.at.Before(bound(sql, "delivered >=")) && d.at.Before(bound(sql, "delivered <")) && d.at.After(last[key]) {
				last[key] = d.at
			}
		}
		for key, at := range last {
			rows = append(rows, []any{key[0], key[1], at})
		}
		names = []string{"", "", "time"}
	case strings.Contains(sql, "kind = 'digest'"):
		for _, d := range f.scoped(f.digests, params) {
			rows = append(rows, []any{d.account, d.region, (d.at.Unix() - 1) / 3600, d.at, d.at})
		}
		names = []string{"", "", "1", "time", "time"}
	case strings.Contains(sql, "AS slowest"):
		for _, d := range f.digests {
			rows = append(rows, []any{d.account, d.region, "digest", d.at.Unix() / 3600, int64(1), d.at, d.at, int64(0)})
		}
		for _, o := range f.objects {
			rows = append(rows, []any{accountA, "us-east-1", "log", o.Delivered.Unix() / 3600, int64(1), o.Delivered, o.Delivered, int64(o.Delivered.Sub(o.First) / time.Second)})
		}
		names = []string{"", "", "", "1", "1", "time", "time", "1"}
	case strings.Contains(sql, "AS category, CAST(floor"):
		for _, e := range in {
			rows = append(rows, []any{e.account, e.region, "Management", e.at.Unix() / 3600, int64(1), e.at, e.at})
		}
		names = []string{"", "", "", "1", "1", "time", "time"}
	case strings.Contains(sql, "AS hour"):
		offset := int64(0)
		if _, after, ok := strings.Cut(sql, "to_unixtime(eventtimestamp) + "); ok {
			fmt.Sscan(strings.TrimSuffix(strings.Fields(after)[0], ")"), &offset)
		}
		index := map[string]int{}
		for _, e := range in {
			hour := int64(math.Floor(float64(e.at.Unix()+offset) / 3600))
			key := fmt.Sprint(e.account, e.region, hour)
			i, ok := index[key]
			if !ok {
				i = len(rows)
				index[key] = i
				rows = append(rows, []any{e.account, e.region, hour, int64(0), e.at, e.at})
			}
			rows[i][3] = rows[i][3].(int64) + 1
			if e.at.Before(rows[i][4].(time.Time)) {
				rows[i][4] = e.at
			}
			if e.at.After(rows[i][5].(time.Time)) {
				rows[i][5] = e.at
			}
		}
		names = []string{"", "", "1", "1", "time", "time"}
	case strings.Contains(sql, "AS last_name"):
		last := map[[2]string]event{}
		for _, e := range f.scoped(f.events, params) {
			key := [2]string{e.account, e.region}
			if strings.HasSuffix(e.name, "SecurityHub") && e.at.After(last[key].at) && e.at.Before(f.before) {
				last[key] = e
			}
		}
		for key, e := range last {
			rows = append(rows, []any{key[0], key[1], e.name, e.at})
		}
		names = []string{"", "", "", "time"}
	case strings.Contains(sql, "AS files_of_day"):
		seen := map[string]map[string]bool{}
		for _, e := range in {
			key := fmt.Sprint(e.account, "|", e.region, "|", e.at.Unix()/86400)
			if seen[key] == nil {
				seen[key] = map[string]bool{}
			}
			if e.object != "" {
				seen[key][e.object] = true
			}
		}
		for key, objects := range seen {
			at := strings.Split(key, "|")
			day, _ := strconv.ParseInt(at[2], 10, 64)
			rows = append(rows, []any{at[0], at[1], day, int64(len(objects))})
		}
		names = []string{"", "", "1", "1"}
	case strings.Contains(sql, "max(lasteventtime)"):
		var last, delivered time.Time
		for _, o := range f.objects {
			if o.Last.After(last) {
				last = o.Last
			}
			if o.Delivered.After(delivered) {
				delivered = o.Delivered
			}
		}
		rows, names = [][]any{{last, delivered}}, []string{"time", "time"}
	case strings.Contains(sql, "sum(rejected)"):
		rows, names = [][]any{{min(f.rejected, 1), f.rejected}}, []string{"1", "1"}
	case strings.Contains(sql, "FROM source_files WHERE"):
		for _, o := range f.objects {
			rows = append(rows, []any{o.Object, o.SHA256, o.Bytes, o.Records, o.First, o.Last, o.Delivered, o.Verdict})
		}
		names = []string{"", "", "1", "1", "time", "time", "time", ""}
	case strings.Contains(sql, "AS has_actor"):
		row := []any{"Management", "s3.amazonaws.com", int64(1), int64(0), int64(0), int64(0), int64(0), int64(0), int64(0), int64(0), int64(0), int64(0)}
		for _, e := range in {
			for i := 3; i < len(row); i++ {
				if !e.nobody || i != 4 && i != 11 {
					row[i] = row[i].(int64) + 1
				}
			}
		}
		rows = [][]any{row}
		names = []string{"", "", "1", "1", "1", "1", "1", "1", "1", "1", "1", "1"}
	case strings.Contains(sql, "AS details"):
		var rules []*pack.Rule
		for _, r := range f.lib.Rules {
			if len(r.Events) > 0 && strings.Contains(sql, "'"+r.Events[0].Names[0].Value+"'") {
				rules = append(rules, r)
			}
		}
		slices.SortStableFunc(in, func(a, b event) int { return a.at.Compare(b.at) })
		for _, e := range in {
			took := int64(0)
			for bit, r := range rules {
				if slices.Contains(append(e.calls, e.name), r.Events[0].Names[0].Value) {
					took |= 1 << bit
				}
			}
			if took == 0 {
				continue
			}
			var row []any
			for _, c := range pack.EvidenceColumns() {
				if !asked(sql, c, took) {
					row = append(row, "")
					continue
				}
				row = append(row, map[string]string{
					"event_time": e.at.Format(time.RFC3339), "account_id": e.account, "region": e.region, "actor": e.actor, "source_ip": e.ip,
					"event_name": e.name, "resource": e.resource, "event_id": e.id, "log_object": "log", "log_index": fmt.Sprint(e.at.Unix()),
				}[c])
			}
			rows = append(rows, append(row, "", took, e.at))
		}
		names = append(make([]string, len(pack.EvidenceColumns())+1), "1", "time")
	default:
		return nil, fmt.Errorf("no answer to %s", sql)
	}
	return result(names, rows), nil
}

var ofSomeRules = regexp.MustCompile(`^(CAST\(NULL AS varchar\)|CASE WHEN bitwise_and\(took0, (\d+)\) <> 0 THEN .* END)$`)

// asked reports whether the statement that lists events asks for a column of one that
// some rules took.
func asked(sql, column string, took int64) bool {
	before, _, _ := strings.Cut(sql, " AS "+column+",\n")
	expression := strings.TrimSpace(strings.TrimPrefix(before[strings.LastIndex(before, ",\n\t")+1:], "SELECT "))
	some := ofSomeRules.FindStringSubmatch(expression)
	if some == nil {
		return true
	}
	mask, _ := strconv.ParseInt(some[2], 10, 64)
	return took&mask != 0
}

// bound is the time behind a comparison; zero if the statement has none like it.
func bound(sql, comparison string) time.Time {
	_, after, ok := strings.Cut(sql, comparison+" from_iso8601_timestamp('")
	if !ok {
		return time.Time{}
	}
	text, _, _ := strings.Cut(after, "'")
	t, err := time.Parse("2006-01-02T15:04:05.999999Z", text)
	if err != nil {
		panic(err)
	}
	return t
}

// within are the events of the period and scope of a statement.
func (f *fakeArchive) within(sql string, params []any) []event {
	// A shift of the zone looks like a bound; the last one is the period's.
	sql = sql[max(0, strings.LastIndex(sql, "date >=")):]
	from, to := bound(sql, "eventtimestamp >="), bound(sql, "eventtimestamp <")
	var list []event
	for _, e := range f.scoped(f.events, params) {
		if !e.at.Before(from) && e.at.Before(to) {
			list = append(list, e)
		}
	}
	return list
}

func (f *fakeArchive) scoped(events []event, params []any) []event {
	var accounts, regions []string
	for _, p := range params {
		if s, ok := p.(string); ok && len(s) == 12 {
			accounts = append(accounts, s)
		} else if ok && strings.Count(s, "-") == 2 {
			regions = append(regions, s)
		}
	}
	var list []event
	for _, e := range events {
		if (accounts == nil || slices.Contains(accounts, e.account)) && (regions == nil || slices.Contains(regions, e.region)) {
			list = append(list, e)
		}
	}
	return list
}

// result has columns of texts "", numbers "1" and times "time".
func result(types []string, rows [][]any) *engine.Result {
	var fields []arrow.Field
	for i, t := range types {
		f := arrow.Field{Name: fmt.Sprint("c", i), Type: arrow.BinaryTypes.String, Nullable: true}
		switch t {
		case "1":
			f.Type = arrow.PrimitiveTypes.Int64
		case "time":
			f.Type = &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}
		}
		fields = append(fields, f)
	}
	schema := arrow.NewSchema(fields, nil)
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	for _, r := range rows {
		for i, v := range r {
			switch v := v.(type) {
			case string:
				if v == "" {
					b.Field(i).AppendNull()
				} else {
					b.Field(i).(*array.StringBuilder).Append(v)
				}
			case int64:
				b.Field(i).(*array.Int64Builder).Append(v)
			case time.Time:
				if v.IsZero() {
					b.Field(i).AppendNull()
				} else {
					b.Field(i).(*array.TimestampBuilder).Append(arrow.Timestamp(v.UnixMicro()))
				}
			}
		}
	}
	batch := b.NewRecordBatch()
	var batches iter.Seq2[arrow.RecordBatch, error] = func(yield func(arrow.RecordBatch, error) bool) { yield(batch, nil) }
	return engine.NewResult(schema, batches, func() engine.Stats { return engine.Stats{} }, func() error { return nil })
}

var errQuery = errors.New("the query went wrong")

const (
	accountA = "111111111111"
	accountB = "222222222222"
)

// run makes a report of acme over 2026-08-10 to 2026-08-13 unless the options say
// otherwise.
func run(t testing.TB, f *fakeArchive, change func(*report.Options)) *report.Report {
	t.Helper()
	r, err := tryRun(t, f, change)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func tryRun(t testing.TB, f *fakeArchive, change func(*report.Options)) (*report.Report, error) {
	t.Helper()
	f.lib = library(t)
	o := report.Options{
		Library: f.lib, Query: f.query, Packs: []pack.Selection{{Pack: "acme"}}, Period: period(t, "2026-08-10/2026-08-13", ""),
		Now: func() time.Time { return utc("2026-11-21T18:00:00") }, Run: report.Header{ID: "run"},
	}
	if change != nil {
		change(&o)
	}
	f.before = o.Period.To
	return report.Run(t.Context(), o)
}

func period(t testing.TB, name, zone string) report.Period {
	t.Helper()
	z, err := report.LoadZone(zone)
	if err != nil {
		t.Fatal(err)
	}
	p, err := report.ParsePeriod(name, z, utc("2026-11-21T18:00:00"), report.DefaultLateness)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func control(t testing.TB, r *report.Report, id string) *report.Control {
	t.Helper()
	for i := range r.Packs {
		for j := range r.Packs[i].Controls {
			if r.Packs[i].ID+"/"+r.Packs[i].Controls[j].ID == id {
				return &r.Packs[i].Controls[j]
			}
		}
	}
	t.Fatalf("no control %s", id)
	return nil
}
