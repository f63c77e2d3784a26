package report

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/trailql/trailql/engine/quantity"
)

// readDigests reads in which hours a digest of each region ends. Digests come every
// hour, whether anything happened or not, and list what was delivered in that hour.
// What they say has to be proven elsewhere: here it counts that they are there.
func (h *archive) readDigests(ctx context.Context, a *asker, p Period, s Scope) error {
	h.digests, h.holes, h.stopped = map[place][]silence{}, map[place][]silence{}, map[place]silence{}
	unproven, err := h.readMissing(ctx, a, p, s)
	if err != nil {
		return err
	}
	type end struct {
		hour hour
		at   time.Time
	}
	ends := map[place]end{} // of the last one so far
	// As endHour has it.
	sql, params := ledgerSQL("account, region, CAST(floor((to_unixtime(delivered) - 1) / 3600) AS bigint) AS hour, min(delivered) AS first_end, max(delivered) AS last_end", s, p.From.Add(-aroundPeriod), p.To.Add(aroundPeriod+2*time.Hour))
	err = a.rows(ctx, "digests", sql+h.isDigest()+" GROUP BY 1, 2, 3 ORDER BY 1, 2, 3", params, func(r row) error {
		at, hour := place{r.text(0), r.text(1)}, r.number(2)
		if last, ok := ends[at]; ok && last.hour+1 < hour && r.time(3).Sub(last.at) > time.Hour+digestsVary {
			h.holes[at] = append(h.holes[at], silence{last.hour + 1, hour})
		}
		ends[at] = end{hour, r.time(4)}
		if unproven[at][hour] {
			return nil
		}
		spans := h.digests[at]
		if n := len(spans); n > 0 && spans[n-1].to == hour {
			spans[n-1].to++
		} else {
			h.digests[at] = append(spans, silence{hour, hour + 1})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return h.readStopped(ctx, a, p, s)
}

// isDigest is the condition, behind others, for the digests that count: those that are
// not known to be invalid.
func (h *archive) isDigest() string {
	if h.verdicts {
		return " AND kind = 'digest' AND coalesce(verdict, '') <> 'invalid'"
	}
	return " AND kind = 'digest'"
}

// readStopped adds the holes behind the last digest of each place: as long as digests
// of any place of the archive come, those of the others are awaited, unless they
// stopped closedAfter before the period. Digests of a region that begin later leave no
// hole before them: it may be new.
func (h *archive) readStopped(ctx context.Context, a *asker, p Period, s Scope) error {
	last := map[place]time.Time{}
	var end time.Time // of the archive's digests, whatever the scope
	sql, params := ledgerSQL("account, region, max(delivered) AS last_digest", Scope{}, p.From.Add(-closedAfter), p.To.Add(aroundPeriod+2*time.Hour))
	err := a.rows(ctx, "last digests", sql+h.isDigest()+" GROUP BY 1, 2 ORDER BY 1, 2", params, func(r row) error {
		end = latest(end, r.time(2))
		if s.has(r.text(0), r.text(1)) {
			last[place{r.text(0), r.text(1)}] = r.time(2)
		}
		return nil
	})
	for at, t := range last {
		if end.Sub(t) > time.Hour+digestsVary {
			h.stopped[at] = silence{endHour(t) + 1, endHour(end) + 1}
			h.holes[at] = append(h.holes[at], h.stopped[at])
		}
	}
	return err
}

// endHour is the hour of a digest by its end: one that ends at the full hour is of the
// hour before.
func endHour(t time.Time) hour { return hourOf(t.Add(-time.Second)) }

// digestsVary is how much later than an hour after the one before it a digest may end.
const digestsVary = 15 * time.Minute

// deliveredLate is how much older than its log file's delivery an event may be that
// is missing with it.
const deliveredLate = 15 * time.Minute

// readMissing reads what digests name and the archive does not have. Of the hours
// that it returns a digest does not tell that nothing was delivered.
func (h *archive) readMissing(ctx context.Context, a *asker, p Period, s Scope) (hours map[place]map[hour]bool, err error) {
	hours, h.lacking = map[place]map[hour]bool{}, map[place]map[hour]bool{}
	add := func(to map[place]map[hour]bool, at place, t hour) {
		if to[at] == nil {
			to[at] = map[hour]bool{}
		}
		to[at][t] = true
	}
	sql, params := ledgerSQL("account, region, delivered, coalesce(category, '') AS missing_category, coalesce(verdict, '') AS missing_verdict", s, p.From.Add(-aroundPeriod), p.To.Add(aroundPeriod+2*time.Hour))
	err = a.rows(ctx, "what digests name", sql+" AND kind = 'missing' ORDER BY 1, 2, 3", params, func(r row) error {
		at, t := place{r.text(0), r.text(1)}, r.time(2)
		if r.text(4) != "invalid" && !t.Before(p.From) && t.Before(p.To.Add(p.Lateness)) {
			h.awaited++
		}
		if r.text(3) == digestCategory {
			return nil // that no digest ends in its hour is seen
		}
		add(hours, at, hourOf(t))
		if r.text(4) == "invalid" {
			add(h.lacking, at, hourOf(t))
			add(h.lacking, at, hourOf(t.Add(-deliveredLate)))
		}
		return nil
	})
	return hours, err
}

// digestCategory is that of digests in their keys.
const digestCategory = "CloudTrail-Digest"

// findLacking makes gaps of the hours of which log files are missing, and of those
// that have neither events nor a digest, though digests stand before them, and behind
// them those of the place or later ones of others.
// Where there are events it is not decided whether they are all.
func (f *gapFinder) findLacking() {
	h := f.archive
	period := silence{hourOf(f.period.From), hourOf(f.period.To.Add(time.Hour - 1))}
	places := map[place]bool{}
	for at := range h.lacking {
		places[at] = true
	}
	for at := range h.holes {
		places[at] = true
	}
	for _, at := range slices.SortedFunc(maps.Keys(places), place.compare) {
		known := f.knownOf(at)
		isKnown := func(t hour) bool {
			return slices.ContainsFunc(known, func(k silence) bool { return k.from <= t && t < k.to })
		}
		var hours []hour
		for t := range h.lacking[at] {
			if period.from <= t && t < period.to && !isKnown(t) {
				hours = append(hours, t)
			}
		}
		f.addHours(at, hours, "log files are missing that a digest names")
		hours = nil
		without := int64(0)
		var first, last hour
		for _, s := range h.holes[at] {
			for t := max(s.from, period.from); t < min(s.to, period.to); t++ {
				if without == 0 {
					first = t
				}
				last = t
				without++
				if h.around[at][t] == 0 && !h.lacking[at][t] && !isKnown(t) {
					hours = append(hours, t)
				}
			}
		}
		f.addHours(at, hours, "no digest ends in these hours, and they have no events")
		if without > 0 {
			f.undecided = append(f.undecided, fmt.Sprintf("%s: no valid digest ends in %s from %s to %s, so that nothing tells whether all log files of them are there",
				at, quantity.Plural(without, "hour"), timeOf(first).Format("2006-01-02 15:04Z"), timeOf(last+1).Format("2006-01-02 15:04Z")))
		}
	}
}

// addHours makes gaps of hours, one of those that follow each other.
func (f *gapFinder) addHours(at place, hours []hour, reason string) {
	slices.Sort(hours)
	for i := 0; i < len(hours); {
		k := i + 1
		for k < len(hours) && hours[k] == hours[k-1]+1 {
			k++
		}
		f.add(at, silence{hours[i], hours[k-1] + 1}, reason)
		i = k
	}
}

// attested: digests say what was delivered in an hour and in the next one, which is
// when log files of the hour's last events come. That there was nothing is then no
// gap. Of an account, of a region or of everything all that belongs to it has to be.
func (h *archive) attested(at place, t hour) bool {
	if len(h.digests) == 0 {
		return false
	}
	if at.account != "" && at.region != "" {
		return covers(h.digests[at], silence{t, t + 2})
	}
	found := false
	for other := range h.days {
		if other.account == "" || other.region == "" || at.account != "" && other.account != at.account || at.region != "" && other.region != at.region {
			continue
		}
		if !covers(h.digests[other], silence{t, t + 2}) {
			return false
		}
		found = true
	}
	return found
}

// covers: one of the spans, which are in order and do not touch, has all of another.
func covers(spans []silence, s silence) bool {
	i, _ := slices.BinarySearchFunc(spans, s.from, func(o silence, from hour) int {
		if o.to <= from {
			return -1
		}
		return 1
	})
	return i < len(spans) && spans[i].from <= s.from && s.to <= spans[i].to
}
