package cloudtrail

import (
	"testing"
	"time"
)

// The days of delivery that a window lists have all objects that may be in it.
func FuzzDeliveryDays(f *testing.F) {
	const name = "AWSLogs/111111111111/CloudTrail/us-east-1/2026/03/04/x.json.gz"
	day := ParseKey(name).Day
	for _, hours := range []time.Duration{0, -24, 24, -25, 48, -24 * 32, 24 * 31} {
		f.Add(name, day.Add(hours*time.Hour).Unix(), int64(1))
		f.Add(name, day.Add(hours*time.Hour).Unix()-1, int64(3600))
	}
	f.Add("CloudTrail/us-east-1/9999/99/99/x", int64(0), int64(1))
	f.Fuzz(func(t *testing.T, name string, from, length int64) {
		const most = 1 << 38 // seconds: beyond the years of keys
		if from < -most || from > most || length < 1 || length > most {
			t.Skip()
		}
		k := ParseKey(name)
		begin, end := time.Unix(from, 0).UTC(), time.Unix(from+length, 0).UTC()
		for _, window := range [][2]time.Time{{begin, end}, {begin, {}}, {{}, end}} {
			first, last := DeliveryDays(window[0], window[1])
			outside := !first.IsZero() && k.Day.Before(first) || !last.IsZero() && k.Day.After(last)
			if !k.Day.IsZero() && k.Delivered.IsZero() && outside && k.MayHold(window[0], window[1]) {
				t.Errorf("%q may hold events of %v, but its day lies outside %v to %v", name, window, first, last)
			}
		}
	})
}
