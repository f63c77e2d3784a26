package digest

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/trailql/trailql/catalog/storage"
)

const (
	// defaultKeepLogs is how many log files of a chain are kept between its two
	// passes; beyond that, digests are read again.
	defaultKeepLogs = 200_000
	// endTolerance is how late the newest digest may be.
	endTolerance = 2 * time.Hour
	timeFormat   = time.RFC3339
)

// file is a digest file of a chain.
type file struct {
	place Place
	at    int // of the source
	route route
	stamp time.Time // in the name: the end of its hour

	unreadable string    // why it could not be read
	doc        *Document // nil if it is none
	content    Content
	dropped    bool              // doc.Logs is to be read again
	metadata   map[string]string // nil if there is none
	kind       Kind              // why it is not valid
	reason     string
	verdict    Verdict
}

func (f *file) fail(kind Kind, format string, args ...any) {
	f.verdict, f.kind, f.reason = Invalid, kind, fmt.Sprintf(format, args...)
}

func (f *file) doubt(format string, args ...any) {
	f.verdict, f.kind, f.reason = Unproven, DigestUnproven, fmt.Sprintf(format, args...)
}

// claim is what a digest says of the one before it.
type claim struct {
	by   *file
	says Previous
}

// chain checks one chain. Chains come one after another.
func (v *verification) chain(ctx context.Context, c *chain) error {
	lo, hi := v.window(c)
	v.done.Add(int64(len(c.digests) - max(0, min(hi+1, len(c.digests)-1)-lo+1)))
	if lo > hi {
		if lo > 0 && lo < len(c.digests) && !c.backfill { // some before the window, some behind it
			v.hole(c, v.o.From, v.o.To, "")
			return nil
		}
		v.find(Finding{Severity: Note, Kind: ChainEnd, Account: c.account, Region: c.region, From: c.digests[0].stamp, To: c.last(),
			Message: fmt.Sprintf("trail %q has no digest in this time: its digests are from %s to %s", c.trail, c.digests[0].stamp.Format(timeFormat), c.last().Format(timeFormat))})
		return nil
	}
	newest := min(hi+1, len(c.digests)-1) // for the signature of the one before
	var kept int64
	if err := v.parallel(ctx, newest-lo+1, func(ctx context.Context, i int) error {
		f := c.digests[lo+i]
		defer v.progress()
		defer v.done.Add(1)
		if err := v.load(ctx, f, c.backfill); err != nil {
			return err
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		if f.doc != nil {
			if kept += int64(len(f.doc.Logs)); kept > v.o.keepLogs {
				f.doc.Logs, f.dropped = nil, true
			}
		}
		return nil
	}); err != nil {
		return err
	}

	sum := Chain{Account: c.account, Region: c.region, Trail: c.trail, HomeRegion: c.homeRegion, Organization: c.organization, Where: c.where, Backfill: c.backfill}
	claims := map[Place]claim{}
	for i := newest; i >= lo; i-- {
		f := c.digests[i]
		said, ok := claims[f.place]
		if !ok {
			said, ok = v.claims[f.place]
		}
		delete(claims, f.place)
		if err := v.judge(ctx, c, i, said, ok); err != nil {
			return err
		}
		if i <= hi {
			v.count(c, f, &sum)
		}
		missing := false
		if f.doc != nil {
			missing = v.link(c, i, i <= hi && f.verdict != Invalid, claims)
		}
		if i > 0 && !missing && !c.backfill {
			v.gap(c, f, c.digests[i-1])
		}
	}
	v.ends(c, lo, hi)
	if err := v.checkLogs(ctx, c.digests[lo:hi+1], c, &sum); err != nil {
		return err
	}
	for _, f := range c.digests[lo : newest+1] {
		f.doc, f.metadata = nil, nil
	}
	v.result.Chains = append(v.result.Chains, sum)
	return nil
}

// window are the digests that cover a part of [From, To), by their names.
func (v *verification) window(c *chain) (lo, hi int) {
	lo, hi = 0, len(c.digests)-1
	for ; lo <= hi && !v.o.From.IsZero() && !c.digests[lo].stamp.After(v.o.From); lo++ {
	}
	for ; lo <= hi && !v.o.To.IsZero() && !c.digests[hi].stamp.Before(v.o.To.Add(time.Hour)); hi-- {
	}
	return lo, hi
}

// load reads a digest and what is stored with it.
func (v *verification) load(ctx context.Context, f *file, backfill bool) error {
	src := v.atlas.sources[f.at]
	text, err := v.readDigest(ctx, f)
	if errors.Is(err, ErrFormat) {
		f.fail(DigestFormat, "%v", err)
		return nil
	}
	if err != nil {
		f.unreadable = err.Error()
		return stops(ctx, err)
	}
	f.metadata, err = src.metadata(ctx, f.place.name)
	if err != nil {
		f.unreadable = err.Error()
		return stops(ctx, err)
	}
	if src.bucket != "" && backfill && f.metadata[generationKey] == "" {
		f.fail(DigestFormat, "invalid format: no %s in the object's metadata", generationKey)
		return nil
	}
	v.parse(f, text)
	return nil
}

func (v *verification) parse(f *file, text []byte) {
	doc, err := Parse(text)
	if err != nil {
		f.fail(DigestFormat, "%v", err)
		return
	}
	f.doc = doc
	var fits bool
	if f.route, fits = v.atlas.learn(f.at, f.place.name, doc.Bucket, doc.Object); !fits {
		f.fail(DigestMoved, "moved from its original location, %s", uri(doc.Bucket, doc.Object))
	}
}

// readDigest reads the uncompressed bytes of a digest.
func (v *verification) readDigest(ctx context.Context, f *file) ([]byte, error) {
	h := v.hashers.Get().(*hasher)
	defer v.hashers.Put(h)
	var text bytes.Buffer
	c, err := h.read(ctx, f.place.source.storage, f.place.name, &text)
	if err != nil {
		return nil, err
	}
	f.content = c
	switch {
	case c.Shape == Truncated:
		return nil, fmt.Errorf("%w: gzip data end early", ErrFormat)
	case c.Shape == Damaged:
		return nil, fmt.Errorf("%w: corrupt gzip data", ErrFormat)
	case c.Plain && v.atlas.sources[f.at].bucket != "":
		return nil, fmt.Errorf("%w: not compressed", ErrFormat)
	}
	return text.Bytes(), nil
}

func uri(bucket, object string) string { return bucketScheme + bucket + "/" + object }

// judge settles the verdict of a digest. said is what its successor says of it.
func (v *verification) judge(ctx context.Context, c *chain, i int, said claim, isSaid bool) error {
	f := c.digests[i]
	switch {
	case f.unreadable != "":
		f.doubt("cannot be read: %s", f.unreadable)
		f.kind = Unreadable
		return nil
	case f.verdict == Invalid:
		return nil
	case f.doc.Algorithm != signatureAlgorithm:
		f.fail(DigestFormat, "signature algorithm %q instead of %s", f.doc.Algorithm, signatureAlgorithm)
		return nil
	}
	key, err := v.key(ctx, c, f)
	if err != nil || f.verdict == Invalid {
		return err
	}
	own, kept := f.metadata[signatureKey]
	if v.atlas.sources[f.at].bucket != "" && (own == "" || f.metadata[signatureKey+"-algorithm"] == "") {
		f.fail(DigestSignature, "signature verification failed: the object's metadata has no signature")
		return nil
	}
	switch {
	case key == nil:
		f.doubt("signature not checked: no public keys were given")
	case kept && f.doc.verifies(key, f.content.SHA256, own):
		f.verdict = Valid
	case kept:
		f.fail(DigestSignature, "signature verification failed")
	case isSaid && said.says.Signature != nil && f.doc.verifies(key, f.content.SHA256, *said.says.Signature):
		f.verdict = Valid
	case isSaid && said.says.Signature != nil && said.by.verdict == Valid:
		f.fail(DigestSignature, "signature verification failed: neither content nor signature are those that the next digest names")
	case isSaid && said.says.Signature != nil:
		f.doubt("its signature is in the next digest, which is not valid, and does not verify")
	case i == len(c.digests)-1:
		f.doubt("newest digest of its chain: its signature is nowhere but in the metadata of the object in S3 (save it as FILE%s)", MetadataSuffix)
	default:
		f.doubt("no later digest repeats its signature, and the metadata of the object in S3 are not here")
	}
	if isSaid && f.verdict != Invalid {
		v.compare(c, f, said)
	}
	return nil
}

// compare checks a digest against what its successor says of it.
func (v *verification) compare(c *chain, f *file, said claim) {
	var differs string
	switch {
	case said.says.HashAlgorithm != hashAlgorithm:
		differs = fmt.Sprintf("hash algorithm %q", said.says.HashAlgorithm)
	case !strings.EqualFold(said.says.Hash, hex.EncodeToString(f.content.SHA256[:])):
		differs = "hash"
	case f.metadata[signatureKey] != "" && (said.says.Signature == nil || *said.says.Signature != f.metadata[signatureKey]):
		differs = "signature"
	default:
		return
	}
	switch {
	case said.by.verdict == Invalid: // that one is reported
		return
	case f.verdict == Valid && said.by.verdict != Valid:
		v.find(Finding{Severity: Failure, Kind: DigestChain, Account: c.account, Region: c.region, Object: said.by.place.URI(), To: said.by.stamp,
			Message: fmt.Sprintf("it names another %s of the digest before it than that has, %s", differs, f.place.URI())})
		return
	}
	f.fail(DigestChain, "%s is not what the next digest says, %s", differs, said.by.place.URI())
}

// key finds the key of a digest. Without one, the digest is invalid, or key is
// nil where nobody gave any.
func (v *verification) key(ctx context.Context, c *chain, f *file) (*rsa.PublicKey, error) {
	if !v.keys.has(f.doc.Fingerprint) && v.o.FetchKeys != nil {
		first, last := c.digests[0].stamp.Add(-time.Hour), c.last().Add(2*time.Hour)
		if !v.o.From.IsZero() && first.Before(v.o.From) {
			first = v.o.From.Add(-time.Hour)
		}
		if c.backfill {
			// Its key is that of the time at which it was written.
			if at, err := time.Parse(timeFormat, f.metadata[generationKey]); err == nil {
				first, last = at.Add(-time.Hour), at.Add(time.Hour)
			}
		}
		key := fetchKey{c.region, first.Truncate(time.Hour).Unix()}
		if _, asked := v.fetched[key]; !asked {
			keys, err := v.o.FetchKeys(ctx, c.region, first, last)
			if err != nil {
				return nil, fmt.Errorf("fetch public keys of %s: %w", c.region, err)
			}
			v.fetched[key] = struct{}{}
			v.keys.add(keys)
		}
	}
	key, err := v.keys.find(f.doc.Fingerprint)
	switch {
	case err != nil:
		f.fail(DigestKey, "unable to load the public key with fingerprint %s: %v", f.doc.Fingerprint, err)
	case key == nil && !v.keys.empty:
		f.fail(DigestKey, "public key not found for fingerprint %s in region %s", f.doc.Fingerprint, c.region)
	}
	return key, nil
}

// count notes a judged digest.
func (v *verification) count(c *chain, f *file, sum *Chain) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.judged[area{c.account, c.region}] = true
	tally := &v.result.Digests
	if c.backfill {
		tally = &v.result.Backfill
	}
	tally.add(f.verdict)
	sum.Digests.add(f.verdict)
	if v.o.Digest != nil {
		v.o.Digest(Checked{Place: f.place, Verdict: f.verdict, Reason: f.reason})
	}
	found := Finding{Account: c.account, Region: c.region, Object: f.place.URI(), Kind: f.kind, Message: f.reason, To: f.stamp}
	switch {
	case f.kind == Unreadable:
		v.result.Unreadable++
		found.Severity = Warning
		v.findLocked(found)
	case f.verdict == Invalid:
		found.Severity = Failure
		v.findLocked(found)
	case f.verdict == Unproven:
		found.Severity = Note
		if v.keys.empty {
			break // said once for all
		}
		v.findLocked(found)
	}
	if f.verdict == Invalid {
		v.area(c).all = append(v.area(c).all, Span{f.stamp.Add(-time.Hour), f.stamp})
	}
	if f.doc == nil {
		return
	}
	if f.content.Shape == Trailing {
		v.findLocked(Finding{Severity: Warning, Kind: DigestTrailing, Account: c.account, Region: c.region, Object: f.place.URI(), Message: "unexpected data after end of compressed stream"})
	}
	if f.verdict == Invalid {
		return
	}
	for _, odd := range []struct {
		is   bool
		what string
	}{
		{!f.doc.End.Equal(f.stamp), "its end is " + f.doc.EndText + ", not the time in its name"},
		{f.doc.Account != c.account, "it says that it is of account " + f.doc.Account},
		{!f.doc.Start.Before(f.doc.End), "it ends before it begins"},
	} {
		if odd.is {
			v.findLocked(Finding{Severity: Warning, Kind: DigestOdd, Account: c.account, Region: c.region, Object: f.place.URI(), Message: odd.what})
		}
	}
	if f.doc.End.Sub(f.doc.Start) > 366*24*time.Hour {
		return
	}
	for at := f.doc.Start.Truncate(time.Hour); at.Before(f.doc.End); at = at.Add(time.Hour) {
		if h := v.hour(c.account, c.region, at); h.Digest != Valid {
			h.Digest = f.verdict
		}
	}
	a := area{c.account, c.region}
	covers := Span{f.doc.Start, f.doc.End}
	v.spans[a] = append(v.spans[a], covers)
	if sum.First.IsZero() || f.doc.Start.Before(sum.First) {
		sum.First = f.doc.Start
	}
	if f.doc.End.After(sum.Last) {
		sum.Last = f.doc.End
	}
	if f.verdict == Valid {
		s := v.area(c)
		s.valid, s.all = append(s.valid, covers), append(s.all, covers)
		c.valid = append(c.valid, covers)
		first, last := clamp(f.doc.Start, v.o.From, v.o.To), clamp(f.doc.End, v.o.From, v.o.To)
		if v.result.First.IsZero() || first.Before(v.result.First) {
			v.result.First = first
		}
		if last.After(v.result.Last) {
			v.result.Last = last
		}
	}
}

// area is what is settled of the account and Region of a chain.
func (v *verification) area(c *chain) *settled {
	a := area{c.account, c.region}
	if v.settled[a] == nil {
		v.settled[a] = &settled{}
	}
	return v.settled[a]
}

// lacks notes that a time should have had digests. Another trail of the account and
// Region may still cover it.
func (v *verification) lacks(c *chain, from, to time.Time) {
	if from.Before(to) {
		s := v.area(c)
		s.all = append(s.all, Span{from, to})
	}
}

func clamp(at, from, to time.Time) time.Time {
	if !from.IsZero() && at.Before(from) {
		return from
	}
	if !to.IsZero() && at.After(to) {
		return to
	}
	return at
}

// link follows what a digest says of the one before it, and says whether that is
// missing. Unless it is wanted, as when the digest's word counts for nothing,
// nothing is reported; the signature that it repeats is one all the same.
func (v *verification) link(c *chain, i int, wanted bool, claims map[Place]claim) (missing bool) {
	f := c.digests[i]
	report := func(s Severity, k Kind, object string, from time.Time, format string, args ...any) {
		if wanted {
			v.find(Finding{Severity: s, Kind: k, Account: c.account, Region: c.region, Object: object, Digest: f.place.URI(),
				From: from, To: f.doc.Start, Message: fmt.Sprintf(format, args...)})
		}
	}
	before := f.doc.Previous
	if before.Starting() {
		if i > 0 && !c.backfill && !f.doc.Start.After(c.digests[i-1].end()) {
			report(Note, ChainStart, "", f.doc.Start, "the chain starts anew at %s", f.doc.Start.Format(timeFormat))
		}
		return false
	}
	places := v.atlas.places(f.route, before.Bucket, before.Object)
	for _, p := range places {
		if !v.listed[p] {
			continue
		}
		at := indexOf(c, i, p)
		if at < 0 { // of another chain: the trail's bucket or prefix has changed
			v.claims[p] = claim{f, before}
			return false
		}
		if other, taken := claims[p]; taken {
			report(Warning, DigestOdd, p.URI(), time.Time{}, "two digests follow this one, the other is %s", other.by.place.URI())
		}
		claims[p] = claim{f, before}
		switch {
		case at > i:
			report(Warning, DigestOdd, f.place.URI(), time.Time{}, "it follows a digest of a later time, %s", p.URI())
		case at < i-1:
			report(Warning, DigestOdd, f.place.URI(), time.Time{}, "it follows %s, and not the digest between them", p.URI())
		case c.digests[at].doc != nil && f.doc.Start.Before(c.digests[at].doc.End):
			report(Warning, DigestOdd, f.place.URI(), time.Time{}, "it begins at %s, before the end of the digest before it", f.doc.Start.Format(timeFormat))
		}
		return false
	}
	object := uri(before.Bucket, before.Object)
	switch {
	case len(places) == 0:
		report(Note, PreviousElsewhere, object, time.Time{}, "the digest before it lies in a place that was not given")
		return false
	case !v.o.From.IsZero() && !f.doc.Start.After(v.o.From):
		return false // of no interest
	case i == 0 && v.o.From.IsZero():
		report(Note, ChainStart, object, time.Time{}, "the chain begins here: the digest before it is not there")
		return false
	}
	from := v.o.From
	if i > 0 {
		from = c.digests[i-1].end()
	}
	if wanted && i > 0 && v.o.Digest != nil { // before the first one there may be none
		v.mu.Lock()
		v.o.Digest(Checked{Absent: places[0].URI(), Bucket: before.Bucket, Object: before.Object, Verdict: Invalid, Reason: "digest not found", Digest: f.place.URI()})
		v.mu.Unlock()
	}
	if wanted {
		v.lacks(c, from, f.doc.Start)
	}
	report(Failure, DigestMissing, object, from, "digest not found: nothing covers %s to %s", from.Format(timeFormat), f.doc.Start.Format(timeFormat))
	return wanted
}

// gap reports the time between two digests that stand side by side, up to the end
// of the window: f may be the first one behind it.
func (v *verification) gap(c *chain, f, older *file) {
	from, to, why := older.end(), f.stamp.Add(-time.Hour-nameTolerance), ", and the digest behind it is not valid"
	if f.doc != nil && f.verdict != Invalid {
		// One that nobody has signed could say that it begins anywhere.
		if f.verdict == Valid || f.doc.Start.After(to) {
			to = f.doc.Start
		}
		why = ""
		if f.doc.Previous.Starting() {
			why = ": logging or validation was off"
		}
	}
	if !v.o.To.IsZero() && to.After(v.o.To) {
		to = v.o.To
	}
	v.hole(c, from, to, why)
}

// hole reports a time between two digests of a chain.
func (v *verification) hole(c *chain, from, to time.Time, why string) {
	if to.After(from) {
		v.lacks(c, from, to)
		v.find(Finding{Severity: Gap, Kind: DigestGap, Account: c.account, Region: c.region, From: from, To: to,
			Message: fmt.Sprintf("no digest covers %s to %s%s", from.Format(timeFormat), to.Format(timeFormat), why)})
	}
}

// indexOf finds a digest of the chain, near i.
func indexOf(c *chain, i int, p Place) int {
	for d := 1; i-d >= 0 || i+d < len(c.digests); d++ {
		if i-d >= 0 && c.digests[i-d].place == p {
			return i - d
		}
		if i+d < len(c.digests) && c.digests[i+d].place == p {
			return i + d
		}
	}
	return -1
}

// end of what a digest covers, by its name if it has not been read, or says that
// it covers more: it may be one that nobody has signed.
func (f *file) end() time.Time {
	if f.doc != nil && f.doc.End.Before(f.stamp) {
		return f.doc.End
	}
	return f.stamp
}

// ends reports where a chain does not reach the ends of the window.
func (v *verification) ends(c *chain, lo, hi int) {
	if c.backfill {
		return
	}
	first, last := c.digests[lo], c.digests[hi]
	if lo == 0 && first.doc != nil && first.doc.Previous.Starting() && !v.o.From.IsZero() && first.doc.Start.After(v.o.From) {
		v.lacks(c, v.o.From, first.doc.Start)
		v.find(Finding{Severity: Gap, Kind: ChainStart, Account: c.account, Region: c.region, Object: first.place.URI(), From: v.o.From, To: first.doc.Start,
			Message: fmt.Sprintf("no digests before %s: the chain begins there", first.doc.Start.Format(timeFormat))})
	}
	if hi != len(c.digests)-1 || v.o.To.IsZero() {
		return
	}
	until := v.o.To
	if latest := v.o.Now().Add(-endTolerance); until.After(latest) {
		until = latest
	}
	if last.end().Before(until) {
		v.lacks(c, last.end(), v.o.To)
		v.find(Finding{Severity: Gap, Kind: ChainEnd, Account: c.account, Region: c.region, Object: last.place.URI(), From: last.end(), To: v.o.To,
			Message: fmt.Sprintf("no digests after %s", last.end().Format(timeFormat))})
	}
}

// exists says whether an error is not that of a missing object.
func exists(err error) bool { return !errors.Is(err, storage.ErrNotExist) }
