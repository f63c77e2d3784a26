package report

import (
	"fmt"
	"math"
	"slices"

	"github.com/trailql/trailql/engine/quantity"
)

const (
	// steadyHours is how many hours it takes to say that a place is always active.
	steadyHours = 10 * 24
	// steadyShare is the share of hours, in 100, in which it then has events.
	steadyShare = 95
	// activeShare is the same of all hours, outages included.
	activeShare = 80
	// steadyEvents is how many events nine of ten of its hours have where even one hour
	// without any is a doubt.
	steadyEvents = 3
)

// steady is what a place does that is active day and night. There an hour is like any
// other, so that all of them tell how odd a silence is, not only the same hours of
// other days; and silences that lie apart count together.
type steady struct{ tally }

// is: the place is active day and night, as far as these hours tell.
func (t steady) is() bool {
	return t.hours >= steadyHours && 100*t.active >= steadyShare*t.hours
}

// hoursBut are the hours of the place that do not lie in a span.
func (u *usual) hoursBut(s silence) steady {
	if t, ok := u.but[s]; ok {
		return t
	}
	var t steady
	for h := u.begin; h < u.end; h++ {
		if n, known := u.counts[h]; known && (h < s.from || h >= s.to) {
			t.add(n)
		}
	}
	slices.Sort(t.counts)
	u.but[s] = t
	return t
}

// rests: at these hours of other days there is often nothing.
func (u *usual) rests(s silence) bool {
	for h := s.from; h < min(s.to, s.from+7*24); h++ {
		t := u.slots[dayKind(h)][h%24]
		if others := t.hours - 1; others >= otherDays && 3*t.active < 2*others {
			return true
		}
	}
	return false
}

// miss is the chance that an hour has no event. Fewer events are the rarer the fewer
// they are: if hours with at most k events are rare, those without any are rarer by k+1.
func (t steady) miss() float64 {
	silent := t.hours - t.active
	low := min(t.counts[len(t.counts)/10], int64(len(t.counts)))
	least := 1.0
	for k := int64(0); k < low; k++ {
		few := int64(seek(t.counts, k+1))
		least = min(least, float64(silent+few+1)/float64(t.hours+1)/float64(k+1))
	}
	return least
}

// seek is how many of ascending numbers are less than n.
func seek(counts []int64, n int64) int {
	at, _ := slices.BinarySearch(counts, n)
	return at
}

// judgeSteady says what a silence in the period is, of which as many places have the
// like. It is not ok if the place is not steady, or that does not tell.
func (u *usual) judgeSteady(s, period silence, peers float64) (v verdict, reason string, ok bool) {
	if 100*u.all.active < activeShare*u.all.hours || u.rests(s) {
		return isUsual, "", false
	}
	hours := float64(period.to - period.from)
	alone := steady{u.all}
	alone.hours -= s.to - s.from
	chance, by := 1.0, alone
	if alone.is() {
		chance = hours * math.Pow(alone.miss(), float64(s.to-s.from))
	}
	// With the others of its days, and of the period, in which an outage may leave out
	// some hours.
	days := silence{s.from / 24 * 24, (s.to + 23) / 24 * 24}
	for _, span := range []silence{days, period} {
		silent := u.silent(span)
		if silent <= s.to-s.from {
			continue
		}
		if others := u.hoursBut(span); others.is() {
			length := float64(span.to - span.from)
			if c := atLeast(silent, length*others.miss()) * max(1, hours/length); c < chance {
				chance, by = c, others
			}
		}
	}
	has := fmt.Sprintf("it has events in %s of %s other hours around", quantity.Count(by.active), quantity.Count(by.hours))
	switch {
	case chance*peers < gapChance:
		return isGap, has, true
	case alone.is() && alone.active == alone.hours && alone.counts[len(alone.counts)/10] >= steadyEvents:
		return isDoubt, has, true
	}
	return isUsual, "", false
}

// silent counts the silent hours in a span.
func (u *usual) silent(span silence) int64 {
	n := int64(0)
	for _, s := range u.silences {
		n += max(0, min(s.to, span.to)-max(s.from, span.from))
	}
	return n
}

// atLeast is the chance of n or more events where so many are expected.
func atLeast(n int64, expected float64) float64 {
	// Summed from n on: what is wanted is far too small for one minus the rest.
	log, sum := -expected, 0.0
	for i := int64(1); i <= n; i++ {
		log += math.Log(expected) - math.Log(float64(i))
	}
	for i := n + 1; i < n+1000; i++ {
		sum += math.Exp(log)
		log += math.Log(expected) - math.Log(float64(i))
	}
	return min(1, sum)
}
