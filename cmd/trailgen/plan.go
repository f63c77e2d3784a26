package main

import (
	"errors"
	"fmt"
	"math"
	"time"
)

const (
	shapeRealistic = "realistic"
	shapeTiny      = "tiny"

	// largestFile keeps a log file near 10 MB of JSON.
	largestFile = 8_000
)

// options are the flags. All but Workers and Dir decide the archive's bytes.
type options struct {
	Dir        string
	Seed       uint64
	Records    int
	Files      int
	Accounts   int
	Regions    int
	Days       int
	From       time.Time // a day's start, UTC
	Users      int
	Duplicates float64 // percent of the records
	Digests    int
	Signed     bool // instead: a signed digest for each hour
	Shape      string
	Org        string
	Level      int
	Workers    int
}

// check tells what is wrong with the options.
func (o options) check() error {
	switch {
	case o.Dir == "":
		return errors.New("-o is missing: name the folder to write")
	case o.Shape != shapeRealistic && o.Shape != shapeTiny:
		return fmt.Errorf("-shape: want realistic or tiny, have %q", o.Shape)
	case o.Files < 1 || o.Records < o.Files:
		return errors.New("-records: want at least one a file, and at least one file")
	case o.Accounts < 1 || o.Accounts > 1000:
		return errors.New("-accounts: want 1 to 1000")
	case o.Regions < 1 || o.Regions > len(regionNames):
		return fmt.Errorf("-regions: want 1 to %d", len(regionNames))
	case o.Days < 1:
		return errors.New("-days: want at least 1")
	case o.Users < 1:
		return errors.New("-users: want at least 1")
	case o.Duplicates < 0 || o.Duplicates > 50:
		return errors.New("-duplicates: want 0 to 50 percent")
	case o.Digests < 0:
		return errors.New("-digests: want 0 or more")
	case o.Level < 1 || o.Level > 9:
		return errors.New("-level: want 1 to 9")
	case o.Workers < 1:
		return errors.New("-workers: want at least 1")
	}
	return nil
}

// category is the folder of a key below the account.
type category string

const (
	categoryEvents     category = "CloudTrail"
	categoryInsight    category = "CloudTrail-Insight"
	categoryNetwork    category = "CloudTrail-NetworkActivity"
	categoryAggregated category = "CloudTrail-Aggregated"
)

// object is one log file to be written.
type object struct {
	stream   uint64 // of the dice that make its records
	twin     bool   // a second delivery of another object's management events
	category category
	account  *account
	region   int
	made     time.Time // what the records' times hang on
	stamp    time.Time // the time in the key: made, or later for a twin
	unique   string
	records  int
	story    bool // an intrusion is among the records
}

func (x object) key(w *world) string {
	return string(appendObjectKey(nil, w.org, x.account.id, x.category, w.regions[x.region], x.stamp, []byte(x.unique)))
}

// appendObjectKey appends a log file's key in CloudTrail's layout.
func appendObjectKey(dst []byte, org, account string, c category, region string, stamp time.Time, unique []byte) []byte {
	dst = append(dst, "AWSLogs/"...)
	if org != "" {
		dst = append(append(dst, org...), '/')
	}
	dst = append(append(append(append(dst, account...), '/'), c...), '/')
	dst = stamp.AppendFormat(append(dst, region...), "/2006/01/02/")
	dst = append(append(append(append(append(append(dst, account...), '_'), c...), '_'), region...), '_')
	dst = append(stamp.AppendFormat(dst, "20060102T1504Z"), '_')
	return append(append(dst, unique...), ".json.gz"...)
}

// planObjects decides which files there are and how many records each holds.
func planObjects(o options, w *world) []object {
	d := newDice(o.Seed, 1)
	network, insight, aggregated := 0, 0, 0
	if o.Files >= 20 {
		network, insight, aggregated = max(1, o.Files/100), max(1, o.Files/400)*2, max(1, o.Files/200)
	}
	special := network + insight + aggregated
	mean := o.Records / o.Files
	small := func() int { return min(d.between(1, 12), mean) }

	var all []object
	left := o.Records
	for i := range special {
		x := place(o, w, d, uint64(10+i))
		switch {
		case i < insight:
			x.category, x.records = categoryInsight, 1
			if i%2 == 1 {
				// The end of what the object before started.
				start := all[i-1]
				x.account, x.region, x.stream = start.account, start.region, start.stream+1
				x.made = start.made.Add(time.Duration(d.between(2, 9)) * 5 * time.Minute)
				x.stamp = x.made
			}
		case i < insight+network:
			x.category, x.records = categoryNetwork, small()
		default:
			x.category, x.records = categoryAggregated, small()
		}
		left -= x.records
		all = append(all, x)
	}
	for i, n := range fileSizes(o, d, o.Files-special, left) {
		x := place(o, w, d, uint64(10+special+i))
		x.category, x.records = categoryEvents, n
		all = append(all, x)
	}
	planStories(o, w, d, all)
	return append(all, planTwins(o, d, all)...)
}

// place draws an object's account, region and time. Weekdays and working hours
// are busier than nights and Sundays.
func place(o options, w *world, d *dice, stream uint64) object {
	x := object{stream: stream, account: w.accounts[w.byAccount.draw(d)], region: w.byRegion.draw(d), unique: string(d.some(nil, 16, alnumSet))}
	for {
		x.made = o.From.Add(time.Duration(d.IntN(o.Days*24*12)) * 5 * time.Minute)
		busy := 0.55 - 0.45*math.Cos(2*math.Pi*float64(x.made.Hour()-2)/24)
		if day := x.made.Weekday(); day == time.Saturday || day == time.Sunday {
			busy *= 0.5
		}
		if d.chance(busy) {
			x.stamp = x.made
			return x
		}
	}
}

// fileSizes splits records over files: nearly even for the tiny shape, else
// log-normal with a heavy tail.
func fileSizes(o options, d *dice, files, records int) []int {
	mean := float64(records) / float64(files)
	limit := max(largestFile, int(4*mean))
	weights := make([]float64, files)
	for i := range weights {
		if o.Shape == shapeTiny {
			weights[i] = 0.5 + d.Float64()
		} else {
			weights[i] = math.Exp(1.9 * d.NormFloat64())
		}
	}
	size := func(w, scale float64) int { return min(max(int(w*scale), 1), limit) }
	sum := func(scale float64) (n int) {
		for _, w := range weights {
			n += size(w, scale)
		}
		return n
	}
	// The largest scale whose sizes do not exceed the records.
	lo, hi := 0.0, 1.0
	for sum(hi) <= records && hi < float64(records)*1e6 {
		hi *= 2
	}
	for range 60 {
		if mid := (lo + hi) / 2; sum(mid) <= records {
			lo = mid
		} else {
			hi = mid
		}
	}
	sizes := make([]int, files)
	left := records
	for i, w := range weights {
		sizes[i] = size(w, lo)
		left -= sizes[i]
	}
	for i := 0; left > 0; i = (i + 1) % files {
		sizes[i]++
		left--
	}
	return sizes
}

// planStories puts an intrusion in some files: one for every 25,000 records,
// and one at least.
func planStories(o options, w *world, d *dice, all []object) {
	var fit []int
	for i, x := range all {
		if x.category == categoryEvents && w.regions[x.region] == globalRegion && x.records > len(storyScript())+len(signInScript()) {
			fit = append(fit, i)
		}
	}
	for range min(max(1, o.Records/25_000), len(fit)) {
		all[one(d, fit)].story = true
	}
}

// planTwins plans second deliveries, as two trails with one bucket make them:
// the management events of an object again, in an object of the same account
// and region that is 0, 5 or 10 minutes younger.
func planTwins(o options, d *dice, all []object) []object {
	const management = 0.6 // of the records of an object
	want := int(float64(o.Records) * o.Duplicates / 100 / management)
	var twins []object
	for _, i := range d.Perm(len(all)) {
		x := all[i]
		if want <= 0 {
			break
		}
		if x.category != categoryEvents || x.records > want+want/2+10 {
			continue // it would be far too many
		}
		want -= x.records
		x.twin, x.unique = true, string(d.some(nil, 16, alnumSet))
		x.stamp = x.made.Add(time.Duration(favourite(d, []int{0, 5, 10})) * time.Minute)
		twins = append(twins, x)
	}
	return twins
}
