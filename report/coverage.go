package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/engine/quantity"
	"github.com/trailql/trailql/report/pack"
)

// account is whose an event is: as in the evidence columns.
const accountSQL = "coalesce(recipientaccountid, useridentity.accountid, '')"

// where writes the condition on time, account and region, with its values.
func where(p Period, s Scope) (string, []any) {
	sql := "date >= '" + p.From.UTC().Format(time.DateOnly) + "' AND date <= '" + p.To.UTC().Add(-1).Format(time.DateOnly) + "'" +
		" AND eventtimestamp >= " + pack.InstantSQL(p.From) + " AND eventtimestamp < " + pack.InstantSQL(p.To)
	more, params := s.where()
	return sql + more, params
}

func (s Scope) where() (sql string, params []any) {
	for _, one := range []struct {
		column string
		values []string
	}{{accountSQL, s.Accounts}, {"region", s.Regions}} {
		if len(one.values) > 0 {
			sql += " AND " + oneOf(one.column, one.values, &params)
		}
	}
	return sql, params
}

func oneOf(column string, values []string, params *[]any) string {
	for _, v := range values {
		*params = append(*params, v)
	}
	return column + " IN (?" + strings.Repeat(", ?", len(values)-1) + ")"
}

// place is an account and a region; empty means all of them.
type place struct{ account, region string }

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.account, o.account), cmp.Compare(p.region, o.region))
}

// over are the places that a place is part of, and itself.
func (p place) over() []place {
	return []place{{}, {account: p.account}, {region: p.region}, p}
}

// archive is what the archive has, by place.
type archive struct {
	days  map[place]map[date]int64     // events by UTC day, of all time
	hours map[place]map[int64]int64    // events by hour since 1970 in local time, within the period
	cells map[place]map[string]*dayLog // of pairs only
	lag   deliveryLag
	// around are events by UTC hour, within the period and aroundPeriod of it.
	around map[place]map[hour]int64
	// shown is the last moment of which a log file of any account tells.
	shown   time.Time
	digests map[place][]silence // hours in which a digest of a pair ends, as spans in order
	holes   map[place][]silence // hours between two of them in which none ends, and stopped
	stopped map[place]silence   // hours behind the last one of a pair, while other pairs have digests
	// lacking are hours in which log files were delivered that a digest names and that
	// are not there; awaited is how many are there and not converted yet.
	lacking  map[place]map[hour]bool
	awaited  int64
	verdicts bool // the ledger has a column for what digests say of log files
	rejected rejects
}

// rejects counts what log files of the period have that could not be read.
type rejects struct{ files, records int64 }

type dayLog struct {
	events, objects int64
	hours           map[int64]bool
}

// readArchive reads what the archive has of the period, and on which days it has
// anything at all.
func readArchive(ctx context.Context, a *asker, p Period, s Scope) (*archive, Coverage, error) {
	h := &archive{days: map[place]map[date]int64{}, hours: map[place]map[int64]int64{}, cells: map[place]map[string]*dayLog{}, around: map[place]map[hour]int64{}}
	var c Coverage
	var err error
	if h.verdicts, err = hasVerdicts(ctx, a); err != nil {
		return nil, c, err
	}
	condition, params := s.where()
	err = a.rows(ctx, "days of the archive", "SELECT "+accountSQL+" AS account, region, date, count(*) AS events FROM cloudtrail_logs WHERE eventtimestamp IS NOT NULL"+condition+" GROUP BY 1, 2, 3 ORDER BY 1, 2, 3", params, func(r row) error {
		day, ok := parseDay(r.text(2))
		if !ok { // the record has no time
			return nil
		}
		for _, at := range (place{r.text(0), r.text(1)}).over() {
			if h.days[at] == nil {
				h.days[at] = map[date]int64{}
			}
			h.days[at][day] += r.number(3)
		}
		return nil
	})
	if err != nil {
		return nil, c, err
	}
	zone := p.location()
	condition, params = where(p, s)
	sql := "SELECT " + accountSQL + " AS account, region, CAST(floor((to_unixtime(eventtimestamp) + " + p.offsetSQL(zone) + ") / 3600) AS bigint) AS hour, " +
		"count(*) AS events, min(eventtimestamp) AS first_at, max(eventtimestamp) AS last_at FROM cloudtrail_logs WHERE " + condition + " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
	err = a.rows(ctx, "events by hour", sql, params, func(r row) error {
		at, hour, n := place{r.text(0), r.text(1)}, r.number(2), r.number(3)
		for _, o := range at.over() {
			if h.hours[o] == nil {
				h.hours[o] = map[int64]int64{}
			}
			h.hours[o][hour] += n
		}
		cell := h.cell(at, timeOf(hour).Format(time.DateOnly))
		cell.events += n
		cell.hours[hour] = true
		if first := r.time(4); c.First.IsZero() || first.Before(c.First) {
			c.First = first
		}
		if last := r.time(5); last.After(c.Last) {
			c.Last = last
		}
		return nil
	})
	if err != nil {
		return nil, c, err
	}
	if err := h.readAround(ctx, a, p, s); err != nil {
		return nil, c, err
	}
	if err := h.readLedger(ctx, a, p, s); err != nil {
		return nil, c, err
	}
	if err := h.readDigests(ctx, a, p, s); err != nil {
		return nil, c, err
	}
	if err := h.readObjects(ctx, a, p, s, zone); err != nil {
		return nil, c, err
	}
	for at, days := range h.cells {
		for day, cell := range days {
			c.Cells = append(c.Cells, CoverageCell{Account: at.account, Region: at.region, Day: day, Events: cell.events, Hours: len(cell.hours), Objects: cell.objects})
		}
	}
	slices.SortFunc(c.Cells, func(a, b CoverageCell) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region), cmp.Compare(a.Day, b.Day))
	})
	return h, c, nil
}

// judge says where events are missing, and whether anything is.
func (c *Coverage) judge(h *archive, p Period, s Scope) {
	var notes []string
	c.Gaps, c.Undecided, notes = h.findGaps(p, s)
	if n := h.rejected; n.records > 0 {
		c.Undecided = append([]string{fmt.Sprintf("%s of %s in the period could not be read: rejected_records has them",
			quantity.Plural(n.records, "record"), quantity.Plural(n.files, "log file"))}, c.Undecided...)
	}
	if h.awaited > 0 {
		c.Undecided = append([]string{quantity.Plural(h.awaited, "object") + " of the period that a digest names were not converted: source_files has them, kind 'missing'"}, c.Undecided...)
	}
	c.Notes = append(slices.Clone(c.Undecided), notes...)
	c.Complete = len(c.Gaps) == 0 && len(c.Undecided) == 0 && !p.Open && len(c.Cells) > 0
}

// readAround reads the hours around the period.
func (h *archive) readAround(ctx context.Context, a *asker, p Period, s Scope) error {
	p.From, p.To = p.From.Add(-aroundPeriod).Truncate(time.Hour), p.To.Add(aroundPeriod+time.Hour-1).Truncate(time.Hour)
	condition, params := where(p, s)
	sql := "SELECT " + accountSQL + " AS account, region, CAST(floor(to_unixtime(eventtimestamp) / 3600) AS bigint) AS hour, count(*) AS events FROM cloudtrail_logs WHERE " +
		condition + " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
	return a.rows(ctx, "hours around the period", sql, params, func(r row) error {
		for _, o := range (place{r.text(0), r.text(1)}).over() {
			if h.around[o] == nil {
				h.around[o] = map[hour]int64{}
			}
			h.around[o][r.number(2)] += r.number(3)
		}
		return nil
	})
}

// rejectedNear is how far before or behind the events of its log file a record may be.
const rejectedNear = time.Hour

// readLedger reads until when there are log files, and what of those of the period
// could not be read. A file of which nothing says when it is from may be of any period.
func (h *archive) readLedger(ctx context.Context, a *asker, p Period, s Scope) error {
	err := a.rows(ctx, "end of the archive", "SELECT max(lasteventtime) AS last_event, max(delivered) AS last_delivered FROM source_files WHERE kind = 'log'", nil, func(r row) error {
		h.shown = latest(r.time(0), r.time(1))
		return nil
	})
	if err != nil {
		return err
	}
	var params []any
	from, to := p.From.Add(-rejectedNear), p.To.Add(rejectedNear)
	sql := "SELECT count(*) AS files, CAST(coalesce(sum(rejected), 0) AS bigint) AS records FROM source_files WHERE kind = 'log' AND rejected > 0" +
		" AND coalesce(firsteventtime, delivered, " + pack.InstantSQL(p.From) + ") < " + pack.InstantSQL(to) +
		" AND coalesce(lasteventtime, delivered, " + pack.InstantSQL(p.From) + ") >= " + pack.InstantSQL(from)
	if len(s.Accounts) > 0 {
		sql += " AND (coalesce(account, '') = '' OR " + oneOf("account", s.Accounts, &params) + ")"
	}
	if len(s.Regions) > 0 {
		sql += " AND (coalesce(region, '') = '' OR " + oneOf("region", s.Regions, &params) + ")"
	}
	return a.rows(ctx, "rejected records", sql, params, func(r row) error {
		h.rejected = rejects{r.number(0), r.number(1)}
		return nil
	})
}

func (h *archive) cell(at place, day string) *dayLog {
	if h.cells[at] == nil {
		h.cells[at] = map[string]*dayLog{}
	}
	if h.cells[at][day] == nil {
		h.cells[at][day] = &dayLog{hours: map[int64]bool{}}
	}
	return h.cells[at][day]
}

// offsetSQL is the zone's offset from UTC in seconds, at eventtimestamp.
func (p Period) offsetSQL(zone *time.Location) string {
	shifts := p.shifts(zone)
	last := fmt.Sprint(int64(shifts[len(shifts)-1].offset / time.Second))
	if len(shifts) == 1 {
		return last
	}
	sql := "CASE"
	for _, s := range shifts[:len(shifts)-1] {
		sql += fmt.Sprintf(" WHEN eventtimestamp < %s THEN %d", pack.InstantSQL(s.until), int64(s.offset/time.Second))
	}
	return sql + " ELSE " + last + " END"
}

// LogObject is a log file or digest that the archive was made from.
type LogObject struct {
	Object, SHA256 string // path or URI; of the stored bytes, hex
	Bytes, Records int64
	First, Last    time.Time // event times; zero if it has none
	Delivered      time.Time // as its name says; zero if it does not
	Verdict        string    // of the digests: valid, invalid, unproven, not_covered; "" if they were not asked
}

// Objects calls take for the log files that the events of the period and scope come
// from, in order of their names.
func Objects(ctx context.Context, query pack.QueryFunc, p Period, s Scope, take func(LogObject) error) error {
	a := &asker{query: query}
	verdicts, err := hasVerdicts(ctx, a)
	if err != nil {
		return err
	}
	return objects(ctx, a, p, s, verdicts, take)
}

func objects(ctx context.Context, a *asker, p Period, s Scope, verdicts bool, take func(LogObject) error) error {
	verdict := "''"
	if verdicts {
		verdict = "coalesce(verdict, '')"
	}
	of, params := objectsSQL(p, s)
	sql := "SELECT object, sha256, size, records, firsteventtime, lasteventtime, delivered, " + verdict + " AS verdict FROM source_files WHERE " + of + " ORDER BY object, sha256"
	return a.rows(ctx, "log objects", sql, params, func(r row) error {
		return take(LogObject{
			Object: r.text(0), SHA256: r.text(1), Bytes: r.number(2), Records: r.number(3), First: r.time(4), Last: r.time(5), Delivered: r.time(6), Verdict: r.text(7),
		})
	})
}

// objectsSQL is the condition on the log files that the events of a period come from.
func objectsSQL(p Period, s Scope) (string, []any) {
	condition, params := where(p, s)
	return "object IN (SELECT DISTINCT sourceobject FROM cloudtrail_logs WHERE " + condition + ")", params
}

// readObjects counts the log files of each cell and how late they came.
func (h *archive) readObjects(ctx context.Context, a *asker, p Period, s Scope, zone *time.Location) error {
	condition, params := where(p, s)
	sql := "SELECT " + accountSQL + " AS account, region, CAST(floor((to_unixtime(eventtimestamp) + " + p.offsetSQL(zone) + ") / 86400) AS bigint) AS day, " +
		"count(DISTINCT sourceobject) AS files_of_day FROM cloudtrail_logs WHERE " + condition + " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
	err := a.rows(ctx, "log files by day", sql, params, func(r row) error {
		day := time.Unix(r.number(2)*86400, 0).UTC().Format(time.DateOnly)
		if cell := h.cells[place{r.text(0), r.text(1)}][day]; cell != nil {
			cell.objects = r.number(3)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return objects(ctx, a, p, s, h.verdicts, func(o LogObject) error {
		h.lag.add(o)
		return nil
	})
}
