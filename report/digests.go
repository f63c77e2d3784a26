package report

import (
	"context"
	"slices"
	"time"
)

// readDigests reads in which hours a digest of each region ends. Digests come every
// hour, whether anything happened or not, and list what was delivered in that hour.
// What they say has to be proven elsewhere: here it counts that they are there.
func (h *archive) readDigests(ctx context.Context, a *asker, p Period, s Scope) error {
	h.digests = map[place][]silence{}
	// One that ends at the full hour is of the hour before.
	sql, params := ledgerSQL("account, region, CAST(floor((to_unixtime(delivered) - 1) / 3600) AS bigint) AS hour", s, p.From.Add(-aroundPeriod), p.To.Add(aroundPeriod+2*time.Hour))
	sql += " AND kind = 'digest'"
	if h.verdicts {
		sql += " AND coalesce(verdict, '') <> 'invalid'"
	}
	return a.rows(ctx, "digests", sql+" GROUP BY 1, 2, 3 ORDER BY 1, 2, 3", params, func(r row) error {
		at, hour := place{r.text(0), r.text(1)}, r.number(2)
		spans := h.digests[at]
		if n := len(spans); n > 0 && spans[n-1].to == hour {
			spans[n-1].to++
		} else {
			h.digests[at] = append(spans, silence{hour, hour + 1})
		}
		return nil
	})
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
