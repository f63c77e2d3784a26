package convert

import (
	"context"
	"fmt"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/cloudtrail"
)

const (
	// listings is how many run at a time: each waits for the network mostly.
	listings = 16
	// splitAfter is how many objects of a Region a listing reads before it lets
	// others help: below that, an archive costs one request for each Region.
	splitAfter = 4000
)

// maxFolders is how many folders are looked into one by one that are not in the
// layout of an archive: beyond that, a bucket is something else.
const maxFolders = 50_000

// otherServices write to folders beside CloudTrail's, below the same account,
// and often much more.
var otherServices = []string{
	"Config", "GuardDuty", "WAFLogs", "elasticloadbalancing", "network-firewall", "redshift", "vpcdnsquerylogs", "vpcflowlogs",
}

// span is a part of a listing: the names below a folder that come behind after
// and up to until, in byte order.
type span struct {
	folder       string // "a/b/", or "" for the root
	after, until string // "" is open
	flat         bool   // list what lies below as well; else look for the layout of an archive
}

// descent lists an archive by its layout, several folders at a time:
// folders that no filter lets through are not listed.
//
//	[prefix/]AWSLogs/[o-ID/]ACCOUNT/CATEGORY/REGION/YYYY/MM/DD/FILE
type descent struct {
	s      *sources
	store  storage.Storage
	ranges storage.RangeLister

	mu      sync.Mutex // of calls to the sources' functions, too
	wake    sync.Cond
	waiting []span // a stack: what is deep is listed first, so that it stays short
	busy    int
	looked  int // into folders, one by one
	failed  error
}

// descend lists what is below a prefix.
func (s *sources) descend(ctx context.Context, store storage.Storage, ranges storage.RangeLister, prefix string) error {
	if prefix != "" {
		prefix += "/"
	}
	// Pages are large and soon forgotten: collecting more often costs less time
	// than the network leaves.
	defer debug.SetGCPercent(debug.SetGCPercent(50))
	d := &descent{s: s, store: store, ranges: ranges, waiting: []span{{folder: prefix}}}
	d.wake.L = &d.mu
	return parallel(ctx, listings, func(ctx context.Context, _ int) error {
		// Whoever waits has to see that it is over.
		defer context.AfterFunc(ctx, func() { d.stop(ctx.Err()) })()
		for {
			next, err := d.take()
			if err != nil || next == nil {
				return err
			}
			if err := d.list(ctx, *next); err != nil {
				d.stop(err)
			}
			d.done()
		}
	})
}

// take waits for a part to list; it returns nil when there will be none any more.
func (d *descent) take() (*span, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for len(d.waiting) == 0 && d.busy > 0 && d.failed == nil {
		d.wake.Wait()
	}
	if len(d.waiting) == 0 || d.failed != nil {
		return nil, d.failed
	}
	next := d.waiting[len(d.waiting)-1]
	d.waiting = d.waiting[:len(d.waiting)-1]
	d.busy++
	return &next, nil
}

func (d *descent) done() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.busy--
	if d.busy == 0 {
		d.wake.Broadcast()
	}
}

func (d *descent) stop(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed == nil {
		d.failed = err
	}
	d.wake.Broadcast()
}

func (d *descent) add(parts ...span) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = append(d.waiting, parts...)
	d.wake.Broadcast()
}

// found hands an object on.
func (d *descent) found(o storage.Object) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failed != nil {
		return d.failed
	}
	return d.s.object(d.store, o)
}

// refused notes a folder that cannot be listed.
func (d *descent) refused(ctx context.Context, folder string, err error) error {
	uri := join(d.store.Root(), folder)
	if stops(ctx, err) {
		return fmt.Errorf("list %s: %w", uri, err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.s.fail(uri, err)
	return nil
}

// list lists one part, or what lies directly in it and leaves the rest to
// others.
func (d *descent) list(ctx context.Context, p span) error {
	if !p.flat {
		level, k := levelOf(join(d.store.Root(), p.folder))
		switch {
		case !d.s.o.wanted(k), level == levelOtherService, d.isWarehouse(p.folder):
			d.mu.Lock()
			defer d.mu.Unlock()
			d.s.skip(join(d.store.Root(), p.folder))
			return nil
		case level == levelBelow, level == levelRegion && d.unbounded():
			p.flat = true
		}
		if level == levelRegion && !p.flat {
			return d.region(ctx, p)
		}
		p.flat = p.flat || d.lost()
	}
	if p.flat {
		return d.flat(ctx, p)
	}
	return d.folders(ctx, p, func(folder string) { d.add(span{folder: folder}) })
}

// lost counts the folders, and is true when there are too many.
func (d *descent) lost() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.looked++
	return d.looked > maxFolders
}

// isWarehouse is true of the folder that the run writes to.
func (d *descent) isWarehouse(folder string) bool {
	return folder != "" && d.s.o.Catalog != nil && join(d.store.Root(), folder) == d.s.o.Catalog.Root()+"/"
}

// unbounded is true without a window of time.
func (d *descent) unbounded() bool {
	first, last := d.s.o.deliveryDays()
	return first.IsZero() && last.IsZero()
}

// folders lists what lies directly in a folder.
func (d *descent) folders(ctx context.Context, p span, each func(folder string)) error {
	for o, err := range d.ranges.ListRange(ctx, storage.Range{Prefix: strings.TrimSuffix(p.folder, "/"), Folders: true}) {
		switch {
		case err != nil:
			err = d.refused(ctx, p.folder, err)
		case strings.HasSuffix(o.Name, "/"):
			each(o.Name)
		default:
			err = d.found(o)
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// region lists of a Region the days that the window of time can be delivered
// on. What does not lie in a folder of a year is listed, too.
func (d *descent) region(ctx context.Context, p span) error {
	first, last := d.s.o.deliveryDays()
	var after, until string
	if !first.IsZero() {
		after = p.folder + first.Format("2006/01/02")
	}
	if !last.IsZero() {
		until = p.folder + last.Format("2006/01/02") + behindFolder
	}
	return d.folders(ctx, p, func(folder string) {
		year := span{folder: folder, after: after, until: until, flat: true}
		if !isDigits(path.Base(folder), 4) {
			year.after, year.until = "", ""
		}
		switch end := strings.TrimSuffix(folder, "/") + behindFolder; {
		case year.after != "" && year.after >= end, year.until != "" && year.until < folder:
			d.mu.Lock()
			defer d.mu.Unlock()
			d.s.skip(join(d.store.Root(), folder))
		default:
			if year.after < folder {
				year.after = ""
			}
			d.add(year)
		}
	})
}

// behindFolder, in place of the slash behind a folder, is a name that comes
// after everything in it.
const behindFolder = "0"

// flat lists everything in a part. When that gets much and the names have dates,
// it goes on to the end of the day only and leaves the rest, in three parts, to
// others.
func (d *descent) flat(ctx context.Context, p span) error {
	n := 0
	for o, err := range d.ranges.ListRange(ctx, storage.Range{Prefix: strings.TrimSuffix(p.folder, "/"), After: p.after}) {
		if err != nil {
			if err := d.refused(ctx, p.folder, err); err != nil {
				return err
			}
			continue
		}
		if p.until != "" && o.Name > p.until {
			break
		}
		if err := d.found(o); err != nil {
			return err
		}
		if n++; n == splitAfter {
			p.until = d.split(p, o.Name)
		}
	}
	return ctx.Err()
}

// split gives away what lies behind the day of name, and returns where that day
// ends.
func (d *descent) split(p span, name string) (until string) {
	day := path.Dir(name)
	if k := cloudtrail.ParseKey(name); k.Day.IsZero() || !strings.HasSuffix(day, k.Day.Format("/2006/01/02")) {
		return p.until
	}
	month, until := path.Dir(day), day+behindFolder
	year := path.Dir(month)
	var parts []span
	from := until
	for _, to := range []string{month + behindFolder, year + behindFolder, ""} {
		end := to
		if p.until != "" && (end == "" || end > p.until) {
			end = p.until
		}
		if strings.HasPrefix(from, p.folder) && (end == "" || from < end) {
			parts = append(parts, span{folder: p.folder, after: from, until: end, flat: true})
		}
		from = to
	}
	if p.until != "" && p.until < until {
		return p.until
	}
	slices.Reverse(parts) // the nearest first
	d.add(parts...)
	return until
}

type level int

const (
	levelAbove        level = iota // of the categories, or not known
	levelOtherService              // a folder that is not CloudTrail's
	levelRegion
	levelBelow // listed whole
)

// levelOf says where in the layout of an archive a folder is.
func levelOf(folder string) (level, cloudtrail.Key) {
	folder = strings.TrimSuffix(folder, "/")
	base, k := path.Base(folder), cloudtrail.ParseKey(folder+"/-")
	if i := strings.LastIndex(folder+"/", "/AWSLogs/"); i >= 0 && k.Category != "" && i > strings.LastIndex(folder+"/", "/"+string(k.Category)+"/") {
		k = cloudtrail.Key{} // the words of a prefix
	}
	switch {
	case k.Category == "":
		if slices.Contains(otherServices, base) && belowAccount(folder) {
			return levelOtherService, k
		}
		if strings.HasPrefix(base, "accountId=") {
			return levelBelow, k // of Security Lake: a folder for each day
		}
		return levelAbove, k
	case base == string(k.Category):
		return levelAbove, k
	case k.Region == base && path.Base(path.Dir(folder)) == string(k.Category):
		return levelRegion, k
	}
	return levelBelow, k
}

// belowAccount says whether a folder lies in that of an account of an archive.
func belowAccount(folder string) bool {
	account := path.Dir(folder)
	above := path.Dir(account)
	if strings.HasPrefix(path.Base(above), "o-") {
		above = path.Dir(above)
	}
	return isDigits(path.Base(account), 12) && path.Base(above) == "AWSLogs"
}

func isDigits(s string, n int) bool { return len(s) == n && strings.Trim(s, "0123456789") == "" }
