package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/trailql/trailql/engine/quantity"
)

const (
	// aroundPeriod is how far before and behind a period it is looked for what a
	// place usually does.
	aroundPeriod = 35 * 24 * time.Hour
	// otherDays is how many other days say what is usual.
	otherDays = 3
	// otherHours stand in for other days where there are too few.
	otherHours = 12
	// gapChance is how many silences like one all accounts, or all regions of accounts,
	// may have by chance in a period before it counts as usual.
	gapChance = 0.05
	// busyEvents is how many events nine of ten hours have, if they have any, where
	// an hour without any is no chance at all.
	busyEvents = 20
	// closedAfter is how long a place has to be silent, or without digests, before the
	// period until nobody waits for it any more.
	closedAfter = 90 * 24 * time.Hour
	// maxNotes of each kind are made.
	maxNotes = 50
)

// findGaps says where events are missing: gaps, and what cannot be decided. All but
// the days of declared places is by UTC hours.
//
//   - Before the archive's first hour and behind its last one nothing is covered, nor
//     on a UTC day without any event.
//   - An hour without events of which digests say that nothing was delivered is quiet,
//     see attested.
//   - Hours in which log files were delivered that a digest names and that are not
//     there are gaps. So are those without events between two digests of a region, or
//     behind its last one while digests of others come, if none ends in them; with
//     events they are undecided.
//   - An account or region that the scope declares has events on every day.
//   - A silence is a gap if ones like it would come by chance less than gapChance times
//     in the period, going by the same hours, and by the other days, of that place; or
//     if the same hours are busy. Where a place is always active all of its hours tell,
//     and all silences of the period count together, see steady.
//   - A longer silence of an account, and any where the archive is too short to tell,
//     is undecided. That of a region is a note: its account's other regions show that
//     logs are delivered.
func (h *archive) findGaps(p Period, s Scope) (gaps []Gap, undecided, notes []string) {
	all := h.days[place{}]
	if len(all) == 0 {
		return []Gap{{From: p.From, To: p.To, Hours: hoursBetween(p.From, p.To), Reason: "the archive has no events"}}, nil, nil
	}
	f := &gapFinder{archive: h, period: p, zone: p.location()}
	f.bounds()
	f.look(place{}, false)
	f.findLacking()
	named := declared(s)
	for _, at := range named {
		f.silent(at)
	}
	places := slices.Clone(named)
	for at := range h.days {
		if at.account != "" && !slices.Contains(places, at) {
			places = append(places, at)
		}
	}
	// Accounts come before their regions, so that what all of an account lacks is not
	// said again of each.
	slices.SortFunc(places, place.compare)
	for _, at := range places {
		f.look(at, slices.Contains(named, at))
	}
	slices.SortStableFunc(f.gaps, func(a, b Gap) int {
		return cmp.Or(place{a.Account, a.Region}.compare(place{b.Account, b.Region}), a.From.Compare(b.From))
	})
	return f.gaps, atMost(f.undecided), atMost(f.notes)
}

func atMost(notes []string) []string {
	if len(notes) > maxNotes {
		return append(notes[:maxNotes], fmt.Sprintf("and %d more such places", len(notes)-maxNotes))
	}
	return notes
}

func declared(s Scope) []place {
	var list []place
	for _, a := range s.Accounts {
		list = append(list, place{account: a})
	}
	for _, r := range s.Regions {
		list = append(list, place{region: r})
	}
	return list
}

func ends(days map[date]int64) (first, last date) {
	for d := range days {
		if first == (date{}) || d.utc().Before(first.utc()) {
			first = d
		}
		if d.utc().After(last.utc()) {
			last = d
		}
	}
	return first, last
}

// hour counts the hours since 1970 in UTC.
type hour = int64

func hourOf(t time.Time) hour { return t.Unix() / 3600 }
func timeOf(h hour) time.Time { return time.Unix(h*3600, 0).UTC() }

// silence is a span of hours without events.
type silence struct{ from, to hour }

func (s silence) overlaps(o silence) bool { return s.from < o.to && o.from < s.to }

// within is how many of its hours lie in a period.
func (s silence) within(p Period) int64 {
	return max(0, min(s.to, hourOf(p.To.Add(time.Hour-1)))-max(s.from, hourOf(p.From)))
}

// wholeDays are the UTC days that lie in it.
func (s silence) wholeDays() []date {
	var list []date
	for d := (s.from + 23) / 24; (d+1)*24 <= s.to; d++ {
		list = append(list, civil(time.Unix(d*24*3600, 0).UTC()))
	}
	return list
}

type gapFinder struct {
	archive   *archive
	period    Period
	zone      *time.Location
	within    silence // the hours that are looked at: the archive's around the period
	gaps      []Gap
	undecided []string
	notes     []string
	known     []knownSilence
}

// knownSilence is one that has been said of a place and needs no words for those in it.
type knownSilence struct {
	at place
	silence
}

// bounds finds where the archive begins and ends, and the gaps before and behind.
func (f *gapFinder) bounds() {
	first, last := ends(f.archive.days[place{}])
	begin, end := hourOf(first.utc()), hourOf(last.utc())+24
	// Days are exact to the hour where it matters.
	window := silence{hourOf(f.period.From.Add(-aroundPeriod)), hourOf(f.period.To.Add(aroundPeriod + time.Hour - 1))}
	counts := f.archive.around[place{}]
	for begin < end && begin >= window.from && begin < window.to && counts[begin] == 0 {
		begin++
	}
	for end > begin && end <= window.to && end > window.from && counts[end-1] == 0 {
		end--
	}
	for begin > window.from && f.archive.attested(place{}, begin-1) {
		begin--
	}
	for end < window.to && f.archive.attested(place{}, end) {
		end++
	}
	if t := f.archive.shown; !t.IsZero() {
		end = max(end, hourOf(t)) // the last hour may have got no more than its beginning
	}
	if t := timeOf(begin); t.After(f.period.From) {
		f.add(place{}, silence{hourOf(f.period.From), begin}, "the archive begins on "+t.Format("2006-01-02 15:04Z"))
	}
	if t := timeOf(end); t.Before(f.period.To) {
		f.add(place{}, silence{end, hourOf(f.period.To.Add(time.Hour - 1))}, "the archive ends on "+t.Format("2006-01-02 15:04Z"))
	}
	f.within = silence{max(begin, window.from), min(end, window.to)}
}

// add makes a gap of the part of a silence that lies in the period.
func (f *gapFinder) add(at place, s silence, reason string) {
	f.known = append(f.known, knownSilence{at, s})
	from, to := timeOf(s.from), timeOf(s.to)
	if from.Before(f.period.From) {
		from = f.period.From
	}
	if to.After(f.period.To) {
		to = f.period.To
	}
	if from.Before(to) {
		f.gaps = append(f.gaps, Gap{Account: at.account, Region: at.region, From: from, To: to, Hours: hoursBetween(from, to), Reason: reason})
	}
}

// knownOf are the silences of which something has been said for the place, or for a
// larger one.
func (f *gapFinder) knownOf(at place) []silence {
	var list []silence
	for _, k := range f.known {
		if (k.at.account == "" || k.at.account == at.account) && (k.at.region == "" || k.at.region == at.region) {
			list = append(list, k.silence)
		}
	}
	return list
}

// silent adds the days without events of a declared place, by the period's zone.
func (f *gapFinder) silent(at place) {
	has := map[date]bool{}
	for hour := range f.archive.hours[at] {
		has[civil(timeOf(hour))] = true
	}
	known := f.knownOf(at)
	var open *Gap
	for d := civil(f.period.From.In(f.zone)); d.start(f.zone).Before(f.period.To); d = d.add(0, 0, 1) {
		from, to := d.start(f.zone).UTC(), d.add(0, 0, 1).start(f.zone).UTC()
		if from.Before(f.period.From) {
			from = f.period.From
		}
		if to.After(f.period.To) {
			to = f.period.To
		}
		last := hourOf(to.Add(time.Hour - 1))
		all := true
		for h := hourOf(from); h < last; h++ {
			all = all && (f.archive.attested(at, h) || slices.ContainsFunc(known, func(k silence) bool { return k.from <= h && h < k.to }))
		}
		if has[d] || all {
			open = nil
			continue
		}
		f.known = append(f.known, knownSilence{at, silence{hourOf(from), last}})
		if open != nil {
			open.To, open.Hours = to, hoursBetween(open.From, to)
			continue
		}
		f.gaps = append(f.gaps, Gap{Account: at.account, Region: at.region, From: from, To: to, Hours: hoursBetween(from, to), Reason: "declared in the scope"})
		open = &f.gaps[len(f.gaps)-1]
	}
}

// verdict on a silence.
type verdict int

const (
	isUsual verdict = iota
	isNote          // worth a word
	isDoubt         // it may be a gap
	isGap
)

// look finds the silences of one place that are not usual. The days of a declared one
// are decided already.
func (f *gapFinder) look(at place, isDeclared bool) {
	if len(f.archive.days[at]) == 0 {
		return // declared, and all of it was said
	}
	u := f.usual(at)
	period := silence{hourOf(f.period.From), hourOf(f.period.To.Add(time.Hour - 1))}
	peers := 0.0
	for other := range f.archive.days {
		if (other.account == "") == (at.account == "") && (other.region == "") == (at.region == "") {
			peers++
		}
	}
	var hours [isGap]int64
	var reasons [isGap]string
	for _, s := range u.silences {
		if at != (place{}) && !s.overlaps(period) {
			continue
		}
		v, reason := u.judge(s, float64(period.to-period.from)*peers)
		isSteady := false
		if (v == isUsual || v == isDoubt) && s.overlaps(period) {
			if sure, why, ok := u.judgeSteady(s, period, peers); ok {
				v, reason, isSteady = sure, why, true
			}
		}
		switch {
		case v == isGap:
			f.add(at, s, reason)
			continue
		case v == isUsual || !s.overlaps(period) || isDeclared && len(s.wholeDays()) > 0:
			continue
		case at.region != "" && !isSteady:
			v = isNote
		}
		f.known = append(f.known, knownSilence{at, s})
		hours[v] += min(s.to, period.to) - max(s.from, period.from)
		reasons[v] = reason
	}
	say := func(v verdict) string {
		return fmt.Sprintf("%s: %s without events in the period: %s", at, quantity.Plural(hours[v], "hour"), reasons[v])
	}
	if hours[isDoubt] > 0 {
		f.undecided = append(f.undecided, say(isDoubt))
	}
	if hours[isNote] > 0 {
		f.notes = append(f.notes, say(isNote))
	}
}

// usual is what a place does at the hours and on the days around a period.
type usual struct {
	at       place
	period   Period
	silences []silence
	slots    [2][24]tally // by weekday or weekend, and hour of the day
	all      tally
	begin    hour               // of what is known of it
	end      hour               // behind that
	counts   map[hour]int64     // events of the hours that are not explained otherwise
	but      map[silence]steady // see hoursBut
	days     map[date]int64
	last     date    // of them
	archive  silence // in days of all time, as hours
}

// tally counts hours, and in how many of them there are events.
type tally struct {
	hours, active int64
	counts        []int64 // events of active hours, ascending
}

func (t tally) plus(o tally) tally {
	sum := tally{hours: t.hours + o.hours, active: t.active + o.active, counts: slices.Concat(t.counts, o.counts)}
	slices.Sort(sum.counts)
	return sum
}

// add counts an hour with n events; the counts are to be sorted then.
func (t *tally) add(n int64) {
	t.hours++
	if n > 0 {
		t.active++
		t.counts = append(t.counts, n)
	}
}

// miss is the chance that an hour like these has no event.
func (t tally) miss() float64 { return float64(t.hours-t.active+1) / float64(t.hours+1) }

// busy: most of these hours have many events.
func (t tally) busy() bool {
	return t.hours > 0 && 4*t.active >= 3*t.hours && t.counts[len(t.counts)/10] >= busyEvents
}

func (f *gapFinder) usual(at place) *usual {
	u := &usual{at: at, period: f.period, days: f.archive.days[at]}
	_, u.last = ends(u.days)
	first, last := ends(f.archive.days[place{}])
	u.archive = silence{hourOf(first.utc()), hourOf(last.utc()) + 24}
	counts := f.archive.around[at]
	begin := f.within.from
	if first, _ := ends(u.days); hourOf(first.utc()) >= f.within.from {
		for begin = hourOf(first.utc()); begin < f.within.to && counts[begin] == 0; begin++ {
		}
	}
	u.begin, u.end, u.counts, u.but = begin, f.within.to, map[hour]int64{}, map[silence]steady{}
	known := f.knownOf(at)
	for h := begin; h < f.within.to; h++ {
		if slices.ContainsFunc(known, func(k silence) bool { return k.from <= h && h < k.to }) {
			continue
		}
		n := counts[h]
		u.slots[dayKind(h)][h%24].add(n)
		u.counts[h] = n
		if n > 0 {
			continue
		}
		if f.archive.attested(at, h) {
			continue
		}
		if i := len(u.silences); i > 0 && u.silences[i-1].to == h {
			u.silences[i-1].to++
		} else {
			u.silences = append(u.silences, silence{h, h + 1})
		}
	}
	for kind := range u.slots {
		for i := range u.slots[kind] {
			t := &u.slots[kind][i]
			slices.Sort(t.counts)
			u.all = tally{hours: u.all.hours + t.hours, active: u.all.active + t.active, counts: append(u.all.counts, t.counts...)}
		}
	}
	slices.Sort(u.all.counts)
	return u
}

// dayKind is 1 on Saturdays and Sundays.
func dayKind(h hour) int { return weekend(civil(timeOf(h))) }

func weekend(d date) int {
	if w := d.weekday(); w == time.Saturday || w == time.Sunday {
		return 1
	}
	return 0
}

// judge says what a silence is, and why. It could have come in as many hours, of this
// place and of its like.
func (u *usual) judge(s silence, hours float64) (verdict, string) {
	whole := s.wholeDays()
	if u.at == (place{}) && len(whole) > 0 {
		return isGap, "nothing of any account"
	}
	since := ""
	if !u.last.utc().After(timeOf(s.from)) {
		since = ", and it is silent since " + u.last.String()
	}
	if u.last.utc().Add(closedAfter).Before(u.period.From) {
		return isNote, "silent since " + u.last.String() + ": nobody waits for it any more"
	}
	chance, busy, few := u.byHours(s, hours)
	switch {
	case busy:
		return isGap, fmt.Sprintf("hours like these have at least %d events%s", busyEvents, since)
	case chance < gapChance && !few:
		return isGap, "it has events at these hours on other days" + since
	case len(whole) == 0 && few && chance < gapChance:
		return isDoubt, fmt.Sprintf("the archive has too few days of it to tell whether %s are usual", quantity.Plural(s.to-s.from, "silent hour"))
	case len(whole) == 0:
		return isUsual, ""
	}
	chance, active, other, rests := u.byDays(s, whole, hours/24)
	switch {
	case rests:
		return isUsual, ""
	case chance < gapChance && active >= otherDays:
		return isGap, fmt.Sprintf("it has events on %d of %d other days%s", active, other, since)
	}
	return isDoubt, fmt.Sprintf("it has events on %d of %d other days, which does not tell whether %s without are gaps", active, other, quantity.Plural(int64(len(whole)), "day"))
}

// byHours is how many silences like one the period has by chance, going by the same
// hours of other days; whether these are busy; and whether there are too few.
func (u *usual) byHours(s silence, hours float64) (chance float64, busy, few bool) {
	chance = hours
	own := [2][24]int64{}
	for h := s.from; h < s.to; h++ {
		own[dayKind(h)][h%24]++
	}
	all := u.all
	all.hours -= s.to - s.from
	var like [2][24]*tally
	var short [2][24]bool
	for h := s.from; h < s.to; h++ {
		kind, at := dayKind(h), h%24
		if like[kind][at] == nil {
			t := u.slots[kind][at]
			t.hours -= own[kind][at]
			if t.hours < otherDays {
				t = u.slots[0][at].plus(u.slots[1][at])
				t.hours -= own[0][at] + own[1][at]
			}
			if t.hours < otherDays {
				t, short[kind][at] = all, true
			}
			like[kind][at] = &t
		}
		t := like[kind][at]
		few = few || short[kind][at]
		busy = busy || t.busy() && (!short[kind][at] || t.hours >= otherHours)
		chance *= t.miss()
	}
	return chance, busy, few
}

// byDays is the same by days, of all time. It rests if it is silent on the other
// weekends as well and active on other days.
func (u *usual) byDays(s silence, whole []date, days float64) (chance float64, active, other int, rests bool) {
	var n, k [2]int
	begin, _ := ends(u.days)
	own := map[date]bool{}
	for _, d := range whole {
		own[d] = true
	}
	for d := begin; hourOf(d.utc()) < u.archive.to; d = d.add(0, 0, 1) {
		if own[d] || s.overlaps(silence{hourOf(d.utc()), hourOf(d.utc()) + 24}) && u.days[d] == 0 {
			continue
		}
		n[weekend(d)]++
		if u.days[d] > 0 {
			k[weekend(d)]++
		}
	}
	chance, rests = days, n[1] >= otherDays && 4*k[1] <= n[1] && n[0] >= otherDays && 4*k[0] >= 3*n[0]
	for _, d := range whole {
		kind := weekend(d)
		rests = rests && kind == 1
		if n[kind] >= otherDays {
			chance *= float64(n[kind]-k[kind]+1) / float64(n[kind]+1)
		} else {
			chance *= float64(n[0]+n[1]-k[0]-k[1]+1) / float64(n[0]+n[1]+1)
		}
	}
	return chance, k[0] + k[1], n[0] + n[1], rests
}

func hoursBetween(from, to time.Time) int { return int((to.Sub(from) + time.Hour - 1) / time.Hour) }

func (p place) String() string {
	switch {
	case p == place{}:
		return "the archive"
	case p.region == "":
		return "account " + p.account
	case p.account == "":
		return "region " + p.region
	}
	return "region " + p.region + " of account " + p.account
}
