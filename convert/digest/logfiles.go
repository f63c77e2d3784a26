package digest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/cloudtrail"
)

// nameTolerance is how much later than the time in its name a log file may be
// delivered: that is rounded down to five minutes.
const nameTolerance = 15 * time.Minute

// nameSet remembers objects by hashes that nobody can foresee.
type nameSet struct {
	seeds [2]maphash.Seed
	names map[[2]uint64]struct{}
}

func newNameSet() *nameSet {
	return &nameSet{[2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, map[[2]uint64]struct{}{}}
}

func (s *nameSet) hash(p Place) [2]uint64 {
	name := p.source.storage.Root() + "/" + p.name
	return [2]uint64{maphash.String(s.seeds[0], name), maphash.String(s.seeds[1], name)}
}

func (s *nameSet) add(p Place) { s.names[s.hash(p)] = struct{}{} }

func (s *nameSet) has(p Place) bool {
	_, ok := s.names[s.hash(p)]
	return ok
}

// checkLogs checks the log files of digests. Those of an invalid digest are not
// checked: nothing stands for what it says.
func (v *verification) checkLogs(ctx context.Context, digests []*file, c *chain, sum *Chain) error {
	return v.parallel(ctx, len(digests), func(ctx context.Context, i int) error {
		f := digests[i]
		if f.doc == nil {
			return nil
		}
		if f.dropped {
			before := f.content.SHA256
			text, err := v.readDigest(ctx, f)
			if err != nil || f.content.SHA256 != before {
				v.unreadable(f.place.URI(), errors.Join(err, errChanged))
				return stops(ctx, err)
			}
			doc, err := Parse(text)
			if err != nil {
				return err
			}
			f.doc.Logs = doc.Logs
		}
		for _, l := range f.doc.Logs {
			if err := v.checkLog(ctx, f, l, c, sum); err != nil {
				return err
			}
		}
		f.doc.Logs = nil
		return nil
	})
}

var (
	errChanged = errors.New("it has changed since it was verified")
	errNowhere = fmt.Errorf("no source has it: %w", storage.ErrNotExist)
)

// ReasonUnread is the Reason of a log file that is there and cannot be read.
const ReasonUnread = "cannot be read"

// checkLog checks one log file against its digest.
func (v *verification) checkLog(ctx context.Context, f *file, l Log, c *chain, sum *Chain) error {
	places := v.atlas.places(f.route, l.Bucket, l.Object)
	checked := Checked{Bucket: l.Bucket, Object: l.Object, Verdict: f.verdict, Digest: f.place.URI()}
	found := Finding{Account: c.account, Region: c.region, Object: uri(l.Bucket, l.Object), Digest: checked.Digest, Severity: Failure}
	if f.verdict == Invalid {
		// The log file is named, so it is none that was added.
		checked.Verdict, checked.Reason = Unproven, "the digest that names it is not valid"
		if len(places) > 0 {
			checked.Place = places[0]
		} else if p, ok := f.beside(l); ok {
			places = []Place{p}
		}
		v.note(f, c, sum, checked, places, Content{}, nil)
		return nil
	}
	content, place, err := v.content(ctx, places)
	if errors.Is(err, ErrSkip) {
		return nil
	}
	if err != nil && exists(err) {
		v.unreadable(place.URI(), err)
		if err := stops(ctx, err); err != nil {
			return err
		}
		checked.Place, checked.Verdict, checked.Reason = place, Unproven, ReasonUnread
		v.note(f, c, sum, checked, places, content, nil)
		return nil
	}
	if err == nil {
		checked.Place = place
		found.Object = place.URI()
	}
	inBucket := place.source != nil && place.source.bucket != ""
	same := strings.EqualFold(l.Hash, hex.EncodeToString(content.SHA256[:]))
	fail := func(k Kind, reason string) {
		checked.Verdict, checked.Reason = Invalid, reason
		found.Kind, found.Message = k, reason
	}
	report := &found
	switch {
	case len(places) == 0:
		checked.Verdict, checked.Reason = Unproven, "lies in a place that was not given"
		found.Severity, found.Kind, found.Message = Warning, LogElsewhere, "log file lies in a place that was not given"
	case err != nil:
		checked.Absent = places[0].URI()
		fail(LogMissing, "log file not found")
	case l.HashAlgorithm != hashAlgorithm:
		fail(LogFormat, fmt.Sprintf("hash algorithm %q instead of %s", l.HashAlgorithm, hashAlgorithm))
	case content.Plain && inBucket:
		fail(LogFormat, "invalid format: not compressed")
	case content.Shape == Damaged:
		fail(LogFormat, "invalid format: corrupt gzip data")
	case content.Shape == Trailing:
		fail(LogTrailing, "unexpected data after end of compressed stream")
	case !same && content.Shape == Truncated:
		fail(LogFormat, "invalid format: gzip data end early")
	case !same:
		fail(LogHash, "hash value doesn't match")
	case content.Shape == Truncated:
		found.Severity, found.Kind, found.Message = Warning, LogTruncated, "gzip data end early, behind all of the content: the checksum is missing"
	default:
		report = nil
	}
	if checked.Verdict == Unproven && checked.Reason == "" {
		checked.Reason = f.reason
	}
	v.note(f, c, sum, checked, places, content, report)
	return nil
}

// beside is where a log file lies if it was moved together with its digest.
func (f *file) beside(l Log) (Place, bool) {
	n := commonTail(f.place.name, f.doc.Object)
	rest, ok := strings.CutPrefix(l.Object, f.doc.Object[:len(f.doc.Object)-n])
	p := Place{f.place.source, f.place.name[:len(f.place.name)-n] + rest}
	return p, ok && clean(p.name)
}

// content is that of the first place with an object.
func (v *verification) content(ctx context.Context, places []Place) (c Content, p Place, err error) {
	err = errNowhere
	for _, p = range places {
		err = ErrRead
		if v.o.Content != nil {
			c, err = v.o.Content(p)
		}
		if err == ErrRead {
			h := v.hashers.Get().(*hasher)
			c, err = h.read(ctx, p.source.storage, p.name, nil)
			if err == nil && v.o.Stored != nil {
				err = v.o.Stored(p, [sha256.Size]byte(h.stored.Sum(nil)))
			}
			v.hashers.Put(h)
		}
		if err == nil || exists(err) {
			return c, p, err
		}
	}
	return c, p, err
}

// note counts a checked log file.
func (v *verification) note(f *file, c *chain, sum *Chain, checked Checked, places []Place, content Content, found *Finding) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if checked.Place.source != nil {
		places = []Place{checked.Place}
	}
	if f.verdict == Unproven && !v.keys.empty && checked.Place.source != nil {
		v.doubtful = append(v.doubtful, doubtful{checked.Place, f, c})
	} else {
		for _, p := range places {
			v.covered.add(p)
		}
	}
	k := cloudtrail.ParseKey(checked.Object)
	v.kinds[areaCategory{area{c.account, c.region}, k.Category}] = true
	v.result.Logs.add(checked.Verdict)
	sum.Logs.add(checked.Verdict)
	v.result.Bytes += content.Bytes
	h := v.hour(c.account, c.region, f.doc.Start)
	h.Logs.add(checked.Verdict)
	if found != nil {
		if found.Kind == LogMissing {
			h.Missing++
		}
		v.findLocked(*found)
	}
	if v.o.Log != nil {
		v.o.Log(checked)
	}
	if v.o.Progress != nil && v.result.Logs.Total%256 == 0 {
		v.o.Progress(Progress{Digests: v.done.Load(), DigestsTotal: v.total, Logs: v.result.Logs.Total, Bytes: v.result.Bytes})
	}
}

// findUncovered lists the log files and reports those that no digest names.
func (v *verification) findUncovered(ctx context.Context) error {
	for a := range v.spans {
		slices.SortFunc(v.spans[a], func(x, y Span) int { return x.From.Compare(y.From) })
	}
	v.findDoubtful()
	for _, src := range v.atlas.sources {
		for o, err := range src.storage.List(ctx, "") {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			if err != nil {
				continue // reported by the first listing
			}
			k := src.keyOf(o.Name)
			if k.Category == "" || k.Category == cloudtrail.CategoryDigests || !v.wanted(k) {
				continue
			}
			if !k.Delivered.IsZero() && (!v.o.From.IsZero() && k.Delivered.Before(v.o.From) || !v.o.To.IsZero() && !k.Delivered.Before(v.o.To)) {
				continue
			}
			if p := (Place{src, o.Name}); !v.covered.has(p) {
				v.notCovered(p, k)
			}
		}
	}
	v.findBare()
	return ctx.Err()
}

// doubtful is a log file that an unproven digest names.
type doubtful struct {
	place Place
	by    *file
	of    *chain
}

// findDoubtful reports log files that only unproven digests name, where valid ones
// cover the time: whoever adds a log file can add such a digest too. The newest
// digest of a copy is unproven and names those of its own hour, as it should.
func (v *verification) findDoubtful() {
	for _, d := range v.doubtful {
		if v.covered.has(d.place) {
			continue
		}
		v.covered.add(d.place)
		k := d.place.source.keyOf(d.place.name)
		found := Finding{Severity: Failure, Kind: LogAdded, Account: k.Account, Region: k.Region, Object: d.place.URI(), Digest: d.by.place.URI(), From: k.Delivered,
			Message: "only an unproven digest names it, though valid digests cover the time of its delivery"}
		a := area{k.Account, k.Region}
		trusted := !d.of.backfill && a == area{d.of.account, d.of.region} && len(d.of.valid) > 0
		ownHour := !k.Delivered.Before(d.by.stamp.Add(-time.Hour-nameTolerance)) && k.Delivered.Before(d.by.stamp)
		switch {
		case k.Delivered.IsZero():
		case trusted && inside(d.of.valid, k.Delivered):
			v.find(found)
		case trusted && ownHour: // the digests of another trail may cover it
		case v.settled[a] != nil && inside(v.settled[a].valid, k.Delivered):
			// A trail's backfill digest or its first one may be like that.
			found.Severity = Warning
			v.find(found)
		}
	}
}

// inside says whether a log file was delivered in these times, and not so near to
// an end that the next digest may name it.
func inside(spans []Span, at time.Time) bool {
	covers := func(at time.Time) bool {
		return slices.ContainsFunc(spans, func(s Span) bool { return !at.Before(s.From) && at.Before(s.To) })
	}
	return covers(at) && covers(at.Add(nameTolerance))
}

// bare are the log files of an account and Region that has no digest.
type bare struct {
	files       int64
	first, last time.Time
}

func (b *bare) add(at time.Time) {
	b.files++
	if at.Before(b.first) {
		b.first = at
	}
	if at.After(b.last) {
		b.last = at
	}
}

// findBare reports accounts and Regions without any digest where others have
// some: with all of their digests their log files can be deleted unseen. One that
// is new, whose first digest may be yet to come, is not reported.
func (v *verification) findBare() {
	if v.total == 0 {
		return // said once for all
	}
	due := v.o.Now().Add(-endTolerance)
	var all []Span
	for _, spans := range v.spans {
		all = append(all, spans...)
	}
	if len(all) > 0 && lastEnd(all).Add(-nameTolerance).Before(due) {
		due = lastEnd(all).Add(-nameTolerance)
	}
	for a, b := range v.none {
		if b.first.Before(due) {
			v.find(Finding{Severity: Gap, Kind: DigestNone, Account: a.account, Region: a.region, From: b.first, To: b.last,
				Message: fmt.Sprintf("no digest at all, but log files delivered from %s to %s (%d)", b.first.Format(timeFormat), b.last.Format(timeFormat), b.files)})
		}
	}
}

// notCovered classes a log file that no digest names.
func (v *verification) notCovered(p Place, k cloudtrail.Key) {
	v.mu.Lock()
	defer v.mu.Unlock()
	u := &v.result.Uncovered
	found := Finding{Severity: Note, Kind: LogNotCovered, Account: k.Account, Region: k.Region, Object: p.URI(), From: k.Delivered}
	a := area{k.Account, k.Region}
	spans := v.spans[a]
	if !k.Delivered.IsZero() {
		v.hour(k.Account, k.Region, k.Delivered).NotCovered++
	}
	switch at := k.Delivered; {
	case at.IsZero():
		u.NoTime++
		return
	case len(spans) == 0:
		u.None++
		if !v.judged[a] {
			if v.none[a] == nil {
				v.none[a] = &bare{first: at, last: at}
			}
			v.none[a].add(at)
		}
		return
	case at.Before(spans[0].From):
		u.Before++
		return
	case !at.Before(lastEnd(spans).Add(-nameTolerance)):
		u.After++
		return
	case !slices.ContainsFunc(spans, func(s Span) bool { return !at.Before(s.From) && at.Before(s.To) }):
		u.InGap++
		found.Severity, found.Message = Warning, "delivered in a time without a digest"
	case !v.kinds[areaCategory{a, k.Category}]:
		u.Added++
		found.Severity, found.Message = Warning, fmt.Sprintf("no digest names it, nor any other file of %s", k.Category)
	default:
		u.Added++
		found.Severity, found.Kind, found.Message = Failure, LogAdded, "no digest names it, though digests cover the time of its delivery"
	}
	v.findLocked(found)
}

func lastEnd(spans []Span) time.Time {
	end := spans[0].To
	for _, s := range spans {
		if s.To.After(end) {
			end = s.To
		}
	}
	return end
}
