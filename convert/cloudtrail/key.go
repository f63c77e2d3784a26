package cloudtrail

import (
	"path"
	"strings"
	"time"
)

// Category is what a folder of the archive holds, as its path says. The
// category of an event is the record's own.
type Category string

const (
	CategoryEvents          Category = "CloudTrail" // management and data events
	CategoryInsights        Category = "CloudTrail-Insight"
	CategoryNetworkActivity Category = "CloudTrail-NetworkActivity"
	CategoryAggregated      Category = "CloudTrail-Aggregated"
	CategoryDigests         Category = "CloudTrail-Digest"
)

// How far the delivery date of an object can lie from its events.
const (
	// CloudTrail tries again for 30 days when it cannot reach the bucket; one
	// day more for the delivery that then succeeds.
	lateDelivery = 31 * 24 * time.Hour
	// Deliveries stamped a few minutes before their newest event have been
	// seen: near midnight that is another folder.
	earlyDelivery = 24 * time.Hour
)

// Key is what the name of an object in a trail archive says. A zero field is
// not known. It is a hint to choose objects by, never a fact about a record:
// account, region and time of an event are the record's own.
type Key struct {
	Prefix       string // what stands before AWSLogs, without slashes at its ends
	Organization string // "o-…", only in the tree of an organisation trail
	Account      string
	Category     Category
	Region       string
	Day          time.Time // date folder: day of delivery, UTC
	Delivered    time.Time // time of delivery in the file name, UTC
	Trail        string    // digest files only
	HomeRegion   string    // digest files only
	Backfill     bool      // digest files only: written afterwards
}

// ParseKey reads an object name or path, with slashes, from any ancestor of
// the archive down. It takes the path for account, category, region and day,
// and the file name for what the path does not say. It never fails: a name
// that says nothing gives the zero Key.
func ParseKey(name string) Key {
	folders := strings.Split(path.Clean(name), "/")
	file := folders[len(folders)-1]
	folders = folders[:len(folders)-1]

	var k Key
	k.fromFolders(folders)
	k.fromFile(file)
	return k
}

func (k *Key) fromFolders(folders []string) {
	// The last one: prefixes are free text and may hold the same words.
	at := -1
	for i, f := range folders {
		if parseCategory(f) != "" {
			at = i
		}
	}
	if at < 0 {
		// A folder below the category was given as the archive.
		if n := len(folders); n >= 3 {
			k.Day = parseDay(folders[n-3:])
		}
		return
	}
	k.Category = parseCategory(folders[at])
	if below := folders[at+1:]; len(below) > 0 && isRegion(below[0]) {
		k.Region = below[0]
		k.Day = parseDay(below[1:])
	}
	above := folders[:at]
	if n := len(above); n > 0 && isAccount(above[n-1]) {
		k.Account = above[n-1]
		above = above[:n-1]
	}
	if n := len(above); n > 0 && isOrganization(above[n-1]) {
		k.Organization = above[n-1]
		above = above[:n-1]
	}
	if n := len(above); n > 0 && above[n-1] == "AWSLogs" {
		k.Prefix = strings.Trim(strings.Join(above[:n-1], "/"), "/")
	}
}

// fromFile is lenient: names without the account, without the stamp's Z, with
// "-" before the stamp, or without what follows it are all in use.
func (k *Key) fromFile(file string) {
	account, rest, ok := strings.Cut(file, "_")
	if !ok || !isAccount(account) {
		account, rest = "", file
	}
	infix, rest, ok := strings.Cut(rest, "_")
	if !ok || !strings.HasPrefix(infix, string(CategoryEvents)) {
		return
	}
	if k.Category == "" {
		k.Category = parseCategory(infix)
	}
	if k.Account == "" {
		k.Account = account
	}
	at, stamp := findStamp(rest, k.Category == CategoryDigests)
	if at < 1 {
		return
	}
	region := rest[:at-1]
	if k.Category == CategoryDigests {
		var names string
		region, names, _ = strings.Cut(region, "_")
		if i := strings.LastIndexByte(names, '_'); i >= 0 {
			k.Trail, k.HomeRegion = names[:i], names[i+1:]
		}
		k.Backfill = strings.Contains(rest[at:], "_backfill.")
	}
	if k.Region == "" && isRegion(region) {
		k.Region = region
	}
	k.Delivered = stamp
}

// findStamp finds a time behind "_" or "-", the first or the last one: what
// follows the stamp of a log file is meaningless, and the name of a trail
// stands before that of a digest. at is -1 without one.
func findStamp(s string, last bool) (at int, stamp time.Time) {
	const minutes, seconds = "20060102T1504", "20060102T150405"
	at = -1
	for i := 1; i+len(minutes) <= len(s); i++ {
		if s[i+8] != 'T' || s[i-1] != '_' && s[i-1] != '-' {
			continue
		}
		layout := minutes
		if end := i + len(seconds); end <= len(s) && isDigits(s[end-2:end]) {
			layout = seconds
		}
		t, err := time.Parse(layout, s[i:i+len(layout)])
		if err != nil {
			continue
		}
		at, stamp = i, t
		if !last {
			break
		}
	}
	return at, stamp
}

func isDigits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// isAccount takes the shortened accounts of anonymised archives too.
func isAccount(s string) bool { return len(s) >= 9 && len(s) <= 12 && isDigits(s) }

func isOrganization(s string) bool { return len(s) > 2 && strings.HasPrefix(s, "o-") }

// isRegion takes whatever has the form of a region: new ones appear.
func isRegion(s string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyz"
	parts := 0
	for part := range strings.SplitSeq(s, "-") {
		allowed := letters
		if parts > 0 {
			allowed = letters + "0123456789"
		}
		if part == "" || strings.Trim(part, allowed) != "" {
			return false
		}
		parts++
	}
	return parts > 1
}

func parseCategory(s string) Category {
	switch c := Category(s); c {
	case CategoryEvents, CategoryInsights, CategoryNetworkActivity, CategoryAggregated, CategoryDigests:
		return c
	}
	return ""
}

// parseDay reads the folders YYYY, MM, DD.
func parseDay(folders []string) time.Time {
	if len(folders) < 3 {
		return time.Time{}
	}
	t, _ := time.Parse("2006/1/2", strings.Join(folders[:3], "/"))
	return t
}

// MayHold reports whether the object can hold events of [from, to); a zero
// bound is open. The date in a key is the day of delivery, so the window is
// padded: objects delivered up to 31 days after its end (CloudTrail redelivers
// for 30 days) and up to one day before its start still count. Where folder
// and file name disagree, either is enough. A key without a date may hold
// anything.
func (k Key) MayHold(from, to time.Time) bool {
	if k.Day.IsZero() && k.Delivered.IsZero() {
		return true
	}
	first, last := k.Day, k.Day.AddDate(0, 0, 1)
	if !k.Delivered.IsZero() {
		if k.Day.IsZero() || k.Delivered.Before(first) {
			first = k.Delivered
		}
		if k.Day.IsZero() || k.Delivered.After(last) {
			last = k.Delivered
		}
	}
	oldest, newest := first.Add(-lateDelivery), last.Add(earlyDelivery)
	return (from.IsZero() || !newest.Before(from)) && (to.IsZero() || oldest.Before(to))
}

// DeliveryDays are the first and the last day of delivery, UTC, whose folders
// can hold events of [from, to) in the sense of [Key.MayHold]; where a bound is
// zero, so is its day.
func DeliveryDays(from, to time.Time) (first, last time.Time) {
	const day = 24 * time.Hour
	if !from.IsZero() {
		first = from.UTC().Add(-earlyDelivery - day).Truncate(day)
	}
	if !to.IsZero() {
		last = to.UTC().Add(lateDelivery).Truncate(day)
	}
	return first, last
}
