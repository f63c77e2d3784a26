package report

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/trailql/trailql/report/pack"
)

// Inventory is what the archive has of a period, whatever the packs say of it. Lists
// are in order of account and region. All texts may come from a log: escape them.
type Inventory struct {
	Period   Period
	Scope    Scope
	Coverage Coverage // its cells are by day
	Places   []Place
}

// Place is what the archive has of one region of one account.
type Place struct {
	Account, Region     string
	Events              int64
	Hours               []HourCount      // with events, log files or digests; in order
	Categories          map[string]int64 // events by eventCategory; Management where it is missing
	Objects             int64            // log files delivered in the period, by their names
	Digests             int64            // digest files that end in the period, by their names
	MissingDigests      int64            // hours between two digests in which none ends, or behind the last while others come
	FirstEvent          time.Time        // of the period; zero if there is none
	LastEvent           time.Time
	FirstDelivery       time.Time // of log files, by their names
	LastDelivery        time.Time
	SlowestDelivery     time.Duration // of a log file, from its first event
	SilentSince         time.Time     // the hour behind its last event, if a gap reaches to the period's end; else zero
	GlobalEventsMissing bool          // of an account, said of each of its regions: it has none of us-east-1
}

// HourCount is one UTC hour of a place.
type HourCount struct {
	Hour                     time.Time
	Events, Objects, Digests int64 // Objects and Digests by the time in their names
}

// globalRegion is where events of IAM, of STS's global endpoint and of most console
// sign-ins are recorded.
const globalRegion = "us-east-1"

// CoverageView is the name of a view with a row for each hour of each region of each
// account that has events, log files or digests, and CoverageSQL its query.
const (
	CoverageView = "coverage"
	CoverageSQL  = `SELECT account, region, hour, CAST(sum(events) AS bigint) AS events, CAST(sum(objects) AS bigint) AS objects, CAST(sum(digests) AS bigint) AS digests,
	min(first_event) AS first_event, max(last_event) AS last_event, min(first_delivery) AS first_delivery, max(last_delivery) AS last_delivery
FROM (
	SELECT ` + accountSQL + ` AS account, region, date_trunc('hour', eventtimestamp) AS hour, count(*) AS events, 0 AS objects, 0 AS digests,
		min(eventtimestamp) AS first_event, max(eventtimestamp) AS last_event, CAST(NULL AS timestamp) AS first_delivery, CAST(NULL AS timestamp) AS last_delivery
	FROM cloudtrail_logs WHERE eventtimestamp IS NOT NULL GROUP BY 1, 2, 3
	UNION ALL
	SELECT account, region, date_trunc('hour', delivered), 0, count_if(kind = 'log'), count_if(kind = 'digest'),
		NULL, NULL, min(CASE WHEN kind = 'log' THEN delivered END), max(CASE WHEN kind = 'log' THEN delivered END)
	FROM source_files WHERE delivered IS NOT NULL AND kind <> 'missing' GROUP BY 1, 2, 3
) GROUP BY 1, 2, 3`
)

// Span is from the hour of the archive's first event to the end of that of its last
// one; zero if there are none. Events that came late say nothing of the hours before
// them: the first log file that was delivered in time begins the archive.
func Span(ctx context.Context, query pack.QueryFunc) (from, to time.Time, err error) {
	err = rows(ctx, query, "span of the archive", "SELECT min(eventtimestamp), max(eventtimestamp) FROM cloudtrail_logs", nil, func(r row) error {
		from, to = r.time(0), r.time(1)
		return nil
	})
	if err != nil || from.IsZero() {
		return from, to, err
	}
	sql := "SELECT min(firsteventtime) FROM source_files WHERE kind = 'log' AND delivered - firsteventtime < INTERVAL '1' HOUR"
	err = rows(ctx, query, "first log file", sql, nil, func(r row) error {
		from = latest(from, r.time(0))
		return nil
	})
	return from.Truncate(time.Hour), to.Truncate(time.Hour).Add(time.Hour), err
}

// ReadInventory reads what the archive has of a period and scope. Errors are those of
// the query, and ones that wrap ErrInvalid.
func ReadInventory(ctx context.Context, query pack.QueryFunc, p Period, s Scope) (*Inventory, error) {
	if !p.From.Before(p.To) {
		return nil, fmt.Errorf("read coverage: %w: the period is empty", ErrInvalid)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	a := &asker{query: query}
	h, c, err := readArchive(ctx, a, p, s)
	if err != nil {
		return nil, fmt.Errorf("read coverage: %w", err)
	}
	c.judge(h, p, s)
	proof, err := readIntegrity(ctx, a, p, s, h.verdicts)
	if err != nil {
		return nil, fmt.Errorf("read coverage: %w", err)
	}
	c.Digests = proof.summary()
	i := &Inventory{Period: p, Scope: s, Coverage: c}
	if err := i.readPlaces(ctx, a, h.stopped); err != nil {
		return nil, fmt.Errorf("read coverage: %w", err)
	}
	i.findSilent()
	return i, nil
}

func (i *Inventory) readPlaces(ctx context.Context, a *asker, stopped map[place]silence) error {
	places := map[place]*Place{}
	at := func(account, region string) *Place {
		key := place{account, region}
		if places[key] == nil {
			places[key] = &Place{Account: account, Region: region, Categories: map[string]int64{}}
		}
		return places[key]
	}
	hours := map[*Place]map[int64]HourCount{}
	count := func(p *Place, hour int64, add HourCount) {
		if hours[p] == nil {
			hours[p] = map[int64]HourCount{}
		}
		n := hours[p][hour]
		hours[p][hour] = HourCount{Events: n.Events + add.Events, Objects: n.Objects + add.Objects, Digests: n.Digests + add.Digests}
	}
	condition, params := where(i.Period, i.Scope)
	sql := "SELECT " + accountSQL + " AS account, region, coalesce(eventcategory, 'Management') AS category, CAST(floor(to_unixtime(eventtimestamp) / 3600) AS bigint) AS hour," +
		" count(*) AS events, min(eventtimestamp) AS first_at, max(eventtimestamp) AS last_at FROM cloudtrail_logs WHERE " + condition + " GROUP BY 1, 2, 3, 4"
	err := a.rows(ctx, "events by hour and category", sql, params, func(r row) error {
		p := at(r.text(0), r.text(1))
		n, first, last := r.number(4), r.time(5), r.time(6)
		p.Events += n
		p.Categories[r.text(2)] += n
		count(p, r.number(3), HourCount{Events: n})
		if p.FirstEvent.IsZero() || first.Before(p.FirstEvent) {
			p.FirstEvent = first
		}
		p.LastEvent = latest(p.LastEvent, last)
		return nil
	})
	if err != nil {
		return err
	}
	sql, params = ledgerSQL("account, region, kind, CAST(floor(to_unixtime(delivered) / 3600) AS bigint) AS hour, count(*) AS objects, min(delivered) AS first_at, max(delivered) AS last_at,"+
		" CAST(max(to_unixtime(delivered) - to_unixtime(firsteventtime)) AS bigint) AS slowest", i.Scope, i.Period.From, i.Period.To.Add(i.Period.Lateness))
	err = a.rows(ctx, "log files and digests", sql+" AND kind IN ('log', 'digest') GROUP BY 1, 2, 3, 4", params, func(r row) error {
		p, n := at(r.text(0), r.text(1)), r.number(4)
		if r.text(2) == "digest" {
			p.Digests += n
			count(p, r.number(3), HourCount{Digests: n})
			return nil
		}
		p.Objects += n
		count(p, r.number(3), HourCount{Objects: n})
		if first := r.time(5); p.FirstDelivery.IsZero() || first.Before(p.FirstDelivery) {
			p.FirstDelivery = first
		}
		p.LastDelivery = latest(p.LastDelivery, r.time(6))
		p.SlowestDelivery = max(p.SlowestDelivery, time.Duration(r.number(7))*time.Second)
		return nil
	})
	if err != nil {
		return err
	}
	for _, key := range slices.SortedFunc(maps.Keys(places), place.compare) {
		p := places[key]
		for _, hour := range slices.Sorted(maps.Keys(hours[p])) {
			n := hours[p][hour]
			n.Hour = timeOf(hour)
			p.Hours = append(p.Hours, n)
		}
		p.MissingDigests = missingDigests(p.Hours) + stopped[key].within(i.Period)
		i.Places = append(i.Places, *p)
	}
	return nil
}

// ledgerSQL asks for what was delivered in [from, to).
func ledgerSQL(columns string, s Scope, from, to time.Time) (sql string, params []any) {
	condition, params := deliveredSQL(s, from, to)
	return "SELECT " + columns + " FROM source_files WHERE " + condition, params
}

// deliveredSQL is the condition on what was delivered in [from, to), by the times in
// the names.
func deliveredSQL(s Scope, from, to time.Time) (sql string, params []any) {
	sql = "delivered >= " + pack.InstantSQL(from) + " AND delivered < " + pack.InstantSQL(to) + " AND coalesce(account, '') <> ''"
	if len(s.Accounts) > 0 {
		sql += " AND " + oneOf("account", s.Accounts, &params)
	}
	if len(s.Regions) > 0 {
		sql += " AND " + oneOf("region", s.Regions, &params)
	}
	return sql, params
}

// missingDigests are the hours between the first and the last digest in which none ends.
func missingDigests(hours []HourCount) (missing int64) {
	var last time.Time
	for _, h := range hours {
		if h.Digests == 0 {
			continue
		}
		if !last.IsZero() {
			missing += int64(h.Hour.Sub(last)/time.Hour) - 1
		}
		last = h.Hour
	}
	return missing
}

// findSilent finds what fell silent, and accounts without the events of no region.
func (i *Inventory) findSilent() {
	global := map[string]bool{}
	for _, p := range i.Places {
		if p.Region == globalRegion && p.Events > 0 {
			global[p.Account] = true
		}
	}
	scoped := len(i.Scope.Regions) > 0 && !slices.Contains(i.Scope.Regions, globalRegion)
	for k := range i.Places {
		p := &i.Places[k]
		p.GlobalEventsMissing = !global[p.Account] && !scoped && p.Account != ""
		for _, g := range i.Coverage.Gaps {
			if g.To.Equal(i.Period.To) && (g.Account == "" || g.Account == p.Account) && (g.Region == "" || g.Region == p.Region) && !p.LastEvent.IsZero() && !p.LastEvent.After(g.From) {
				p.SilentSince = p.LastEvent.Truncate(time.Hour).Add(time.Hour)
			}
		}
	}
}

// Uncovered says what the archive lacks of the period and scope, naming the first gaps;
// "" if it is complete.
func (i *Inventory) Uncovered() string {
	r := Report{Period: i.Period, Scope: i.Scope, Coverage: i.Coverage}
	return r.Uncovered()
}
