package convert

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/trailql/trailql/catalog"
	"github.com/trailql/trailql/catalog/storage"
	"github.com/trailql/trailql/convert/cloudtrail"
	"github.com/trailql/trailql/convert/digest"
)

// settle brings the verdicts in the ledger up to date: with Options.Verify,
// digests are checked and what they say about log files is noted. A digest comes
// up to an hour after its log files, so a verdict is often that of a later run.
// Where neither digests nor log files are new there is nothing to do.
func (r *run) settle(ctx context.Context) error {
	if r.ledger.settled && r.n.done.Load() == 0 {
		return nil
	}
	snapshot, err := r.o.Catalog.Snapshot(ctx)
	if err != nil {
		return err
	}
	t, err := snapshot.Table(LedgerTable)
	if err != nil {
		return err
	}
	if err := r.ledger.update(ctx, r.o.Catalog, snapshot); err != nil {
		return fmt.Errorf("read ledger: %w", err)
	}
	s := settlement{r: r, absent: map[uint64]digest.Checked{}, noted: map[uint64]bool{}, logs: map[uint64]*openLog{}, digests: map[uint64]digest.Checked{}, newest: map[uint64]time.Time{}, names: map[string][]string{}}
	if err := readRecords(ctx, r.o.Catalog, t, s.see); err != nil {
		return err
	}
	if !s.fresh {
		r.ledger.settled = true
		return nil
	}
	r.setPhase("verify")
	if err := s.verify(ctx); err != nil {
		return err
	}
	files, _, err := t.Plan(ctx, catalog.Predicate{})
	if err != nil {
		return err
	}
	err = s.rewrite(ctx, files)
	r.ledger.settled = err == nil
	return err
}

// settlement is the state of one settle.
type settlement struct {
	r       *run
	fresh   bool      // something has no verdict yet
	undated bool      // and nobody knows of when it is
	first   time.Time // delivery that has no verdict yet
	logs    map[uint64]*openLog
	digests map[uint64]digest.Checked
	newest  map[uint64]time.Time // version of each digest
	names   map[string][]string  // of digests, by the root of their storage

	// What digests name and the ledger does not know, by what absent.Absent says;
	// and whether the ledger has a row of that.
	absent map[uint64]digest.Checked
	noted  map[uint64]bool
}

// openLog is a log file whose verdict may change, in its newest version. A valid
// one stays valid: the row is of that version.
type openLog struct {
	converted time.Time
	sha256    string // of the stored bytes
	content   digest.Content
	hashed    bool
	replaced  atomic.Bool // its stored bytes are not known to be those
	checked   digest.Checked
}

// store is that of the run's sources which has an object, and its name there.
func (s *settlement) store(path string) (found storage.Storage, name string) {
	longest := 0
	for root, st := range s.r.stores {
		if rest, ok := strings.CutPrefix(path, strings.TrimSuffix(root, "/")+"/"); ok && len(root) > longest {
			found, name, longest = st, rest, len(root)
		}
	}
	return found, name
}

// concerns says whether a row is one to settle: its digests have to be among the
// sources of this run.
func (s *settlement) concerns(row *ledgerRow) (st storage.Storage, name string) {
	o := s.r.o
	if row.Kind != "log" && row.Kind != "digest" ||
		len(o.Accounts) > 0 && !slices.Contains(o.Accounts, row.Account) || len(o.Regions) > 0 && !slices.Contains(o.Regions, row.Region) {
		return nil, ""
	}
	return s.store(row.Object)
}

func (s *settlement) keys() bool { return len(s.r.o.Keys) > 0 || s.r.o.FetchKeys != nil }

func isOpen(verdict string) bool {
	return verdict != string(digest.Valid) && verdict != string(digest.Invalid)
}

// rename gives a row the kind that its name says: older versions took that of the
// content.
func rename(row *ledgerRow) bool {
	if row.Kind != "log" && row.Kind != "digest" && row.Kind != "foreign" {
		return false
	}
	kind := kindByName(cloudtrail.Key{Category: cloudtrail.Category(row.Category), Delivered: row.Delivered}, row.Object)
	if kind == "" || kind == row.Kind {
		return false
	}
	row.Kind = kind
	return true
}

// see notes a row of the ledger.
func (s *settlement) see(row *ledgerRow) {
	if row.Kind == missingKind {
		s.noted[s.r.ledger.hash(row.Object, "")[0]] = true
		if st, _ := s.store(row.Object); st != nil && row.Verdict == string(digest.Unproven) {
			s.open(row)
		}
		return
	}
	renamed := rename(row)
	st, name := s.concerns(row)
	if st == nil {
		return
	}
	// Keys may come later, and the signature of a copied digest with its successor.
	again := row.Kind == "digest" && row.Verdict == string(digest.Unproven) && !row.Delivered.IsZero() && s.keys()
	if row.Verdict == "" || again || renamed {
		s.open(row)
	}
	id := s.r.ledger.hash(row.Object, "")[0]
	if row.Kind == "digest" {
		s.names[st.Root()] = append(s.names[st.Root()], name)
		if row.Converted.After(s.newest[id]) {
			s.newest[id] = row.Converted
		}
		return
	}
	if before := s.logs[id]; !isOpen(row.Verdict) && row.Reason != reasonGone || before != nil && before.converted.After(row.Converted) {
		return
	}
	o := &openLog{converted: row.Converted, sha256: row.SHA256}
	if sum, err := hex.DecodeString(row.Content); err == nil && len(sum) == len(o.content.SHA256) {
		o.content.SHA256, o.hashed = [32]byte(sum), true
	}
	s.logs[id] = o
}

// open notes a row that may get another verdict.
func (s *settlement) open(row *ledgerRow) {
	s.fresh = true
	s.undated = s.undated || row.Delivered.IsZero()
	if s.first.IsZero() || row.Delivered.Before(s.first) {
		s.first = row.Delivered
	}
}

// verify checks the digests that may concern what has no verdict.
func (s *settlement) verify(ctx context.Context) error {
	o := digest.Options{
		Keys: s.r.o.Keys, FetchKeys: s.r.o.FetchKeys, Accounts: s.r.o.Accounts, Regions: s.r.o.Regions, Now: s.r.o.Now, Copied: s.r.o.Copied, NoListing: true,
		Digests: s.listDigests,
		Content: func(p digest.Place) (digest.Content, error) { return s.content(ctx, p) },
		Stored:  s.stored,
		Log:     s.log,
		Digest: func(c digest.Checked) {
			if c.Absent != "" {
				s.digestAbsent(ctx, c)
				return
			}
			s.digests[s.id(c.Place)] = c
		},
	}
	if !s.undated {
		o.From = s.first.Add(-2 * time.Hour)
	}
	for _, st := range s.r.stores {
		if len(s.names[st.Root()]) > 0 {
			o.Sources = append(o.Sources, st)
		}
	}
	if _, err := digest.Verify(ctx, o); err != nil {
		return fmt.Errorf("verify digests: %w", err)
	}
	return nil
}

func (s *settlement) id(p digest.Place) uint64 { return s.r.ledger.hash(p.URI(), "")[0] }

// listDigests lists those of the ledger: the sources have just been listed.
func (s *settlement) listDigests(_ context.Context, st storage.Storage) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		seen := map[string]bool{}
		for _, name := range s.names[st.Root()] {
			if !seen[name] && !yield(name, nil) {
				return
			}
			seen[name] = true
		}
	}
}

var errNotConverted = errors.New("not converted")

// content is what the run, or one before it, has hashed. Of a log file that the
// ledger does not know it is asked whether there is one.
func (s *settlement) content(ctx context.Context, p digest.Place) (digest.Content, error) {
	switch l := s.logs[s.id(p)]; {
	case l == nil:
		return digest.Content{}, s.unknown(ctx, p.URI())
	case !l.hashed:
		return digest.Content{}, digest.ErrRead
	default:
		return l.content, nil
	}
}

// stored compares an object that is read for its verdict with what was converted:
// a verdict on other bytes must not go to the row whose records are in the table.
func (s *settlement) stored(p digest.Place, sum [sha256.Size]byte) error {
	l := s.logs[s.id(p)]
	if l == nil || l.sha256 == hex.EncodeToString(sum[:]) {
		return nil
	}
	l.replaced.Store(true)
	return errReplaced
}

var errReplaced = errors.New(reasonReplaced)

// unknown is ErrSkip for what the ledger knows or this run does not want, and else
// why it is not in the ledger: errNotConverted, or that of the storage.
func (s *settlement) unknown(ctx context.Context, path string) error {
	st, name := s.store(path)
	if st == nil || s.r.ledger.knows(path) || !s.r.o.wanted(cloudtrail.ParseKey(path)) {
		return digest.ErrSkip
	}
	if _, err := st.Stat(ctx, name); err != nil {
		return err
	}
	return errNotConverted
}

// Why a row is of missingKind.
const (
	reasonMissing      = "named by a digest and not there"
	reasonNotConverted = "named by a digest and not converted"
)

// reasonGone is why a log file is invalid that was converted without a hash of its
// content and is not there to be read for one. It may come back.
const reasonGone = "named by a digest and gone before it was verified"

// Why a log file is unproven whose object as it is now says nothing about what was
// converted.
const (
	reasonReplaced = "the object has been replaced since it was converted"
	reasonUnhashed = "no hash of what was converted is known"
)

// digestAbsent notes a digest that a later one names.
func (s *settlement) digestAbsent(ctx context.Context, c digest.Checked) {
	err := s.unknown(ctx, c.Absent)
	switch {
	case errors.Is(err, digest.ErrSkip):
		return
	case errors.Is(err, storage.ErrNotExist):
		c.Verdict, c.Reason = digest.Invalid, reasonMissing
	default:
		c.Verdict, c.Reason = digest.Unproven, reasonNotConverted
	}
	s.absent[s.r.ledger.hash(c.Absent, "")[0]] = c
}

// log notes a verdict. A log file that two chains name has the worse of a
// contradiction, and the better of a doubt.
func (s *settlement) log(c digest.Checked) {
	if c.Absent != "" {
		id := s.r.ledger.hash(c.Absent, "")[0]
		if l := s.logs[id]; l != nil {
			c.Verdict, c.Reason = digest.Invalid, reasonGone
			l.note(c)
			return
		}
		c.Verdict, c.Reason = digest.Invalid, reasonMissing
		s.absent[id] = c
		return
	}
	if c.Place == (digest.Place{}) {
		return // it lies in a place that was not given
	}
	l := s.logs[s.id(c.Place)]
	if l == nil {
		if path := c.Place.URI(); !s.r.ledger.knows(path) && s.r.o.wanted(cloudtrail.ParseKey(path)) && c.Reason == digest.ReasonUnread {
			c.Absent, c.Verdict, c.Reason = path, digest.Unproven, reasonNotConverted
			s.absent[s.id(c.Place)] = c
		}
		return
	}
	if c.Reason == digest.ReasonUnread && l.replaced.Load() {
		if c.Reason = reasonReplaced; l.sha256 == "" {
			c.Reason = reasonUnhashed
		}
	}
	l.note(c)
}

func (l *openLog) note(c digest.Checked) {
	rank := map[digest.Verdict]int{"": 0, digest.Unproven: 1, digest.Valid: 2, digest.Invalid: 3}
	if rank[c.Verdict] > rank[l.checked.Verdict] {
		l.checked = c
	}
}

// rewrite replaces the files of the ledger whose verdicts have changed, and adds
// rows of what is missing. Those of what has come since go.
func (s *settlement) rewrite(ctx context.Context, files []catalog.DataFile) (err error) {
	c := s.r.o.Catalog
	var change catalog.Change
	batch := ""
	defer func() {
		if err != nil && batch != "" {
			err = errors.Join(err, c.Abort(context.WithoutCancel(ctx), batch))
		}
	}()
	write := func(rows []ledgerRow) error {
		if batch == "" {
			if batch, err = c.Begin(ctx); err != nil {
				return fmt.Errorf("begin batch: %w", err)
			}
		}
		if len(rows) == 0 {
			return nil
		}
		written, err := writeRecords(ctx, c, batch, LedgerTable, rows)
		if err == nil {
			change.Add = append(change.Add, written)
		}
		return err
	}
	for _, f := range files {
		var rows []ledgerRow
		changed := false
		err := readFile(ctx, c, f, func(row *ledgerRow) {
			if row.Kind == missingKind && s.r.ledger.knows(row.Object) {
				changed = true
				return
			}
			changed = s.apply(row) || changed
			rows = append(rows, *row)
		})
		if err != nil {
			return fmt.Errorf("read %s: %w", f.Path, err)
		}
		if !changed {
			continue
		}
		if err := write(rows); err != nil {
			return err
		}
		change.Remove, change.Rewrite = append(change.Remove, f), true
	}
	if added := s.missing(); len(added) > 0 {
		if err := write(added); err != nil {
			return err
		}
	}
	if batch == "" {
		return nil
	}
	_, err = c.Commit(ctx, catalog.Batch{ID: batch, Changes: map[string]catalog.Change{LedgerTable: change}})
	if err == nil {
		batch = ""
	}
	return err
}

// missing are the rows of what is not there and has none yet, in order.
func (s *settlement) missing() (rows []ledgerRow) {
	for id, m := range s.absent {
		if s.noted[id] {
			continue
		}
		key, now := cloudtrail.ParseKey(m.Absent), s.r.o.Now().UTC()
		rows = append(rows, ledgerRow{
			Object: m.Absent, Kind: missingKind, Account: key.Account, Region: key.Region, Category: string(key.Category), Delivered: key.Delivered,
			Converted: now, Verdict: string(m.Verdict), Reason: m.Reason, Digest: m.Digest, Verified: now,
		})
		s.count(m.Verdict)
	}
	slices.SortFunc(rows, func(a, b ledgerRow) int { return strings.Compare(a.Object, b.Object) })
	return rows
}

// count notes a verdict for the Summary.
func (s *settlement) count(v digest.Verdict) {
	n := map[digest.Verdict]*int64{digest.Valid: &s.r.verdicts.Valid, digest.Invalid: &s.r.verdicts.Invalid, digest.Unproven: &s.r.verdicts.Unproven, digest.NotCovered: &s.r.verdicts.NotCovered}[v]
	*n++
}

// apply gives a row its verdict, and says whether the row is another one now.
func (s *settlement) apply(row *ledgerRow) bool {
	kind := row.Kind
	renamed := rename(row)
	if st, _ := s.concerns(row); st == nil && row.Kind != missingKind {
		row.Kind = kind
		return false
	}
	return s.decide(row) || renamed
}

func (s *settlement) decide(row *ledgerRow) bool {
	id := s.r.ledger.hash(row.Object, "")[0]
	var now digest.Checked
	if row.Kind == missingKind {
		var ok bool
		if now, ok = s.absent[id]; !ok {
			return false
		}
	} else if row.Kind == "digest" {
		c, ok := s.digests[id]
		switch {
		case !row.Converted.Equal(s.newest[id]) && row.Verdict != "":
			return false
		case !isOpen(row.Verdict) && c.Verdict != digest.Invalid:
			return false // one that has gone since was valid all the same
		case ok:
			now = c
		case row.Verdict != "":
			return false
		default:
			now = digest.Checked{Verdict: digest.Unproven, Reason: "not checked: its name is not that of a digest"}
		}
	} else {
		l := s.logs[id]
		switch {
		case !isOpen(row.Verdict) && row.Reason != reasonGone:
			return false
		case l == nil || !l.converted.Equal(row.Converted):
			now = digest.Checked{Verdict: digest.Unproven, Reason: reasonReplaced}
		case l.checked.Verdict != "":
			now = l.checked
		case row.Verdict != "":
			return false
		default:
			now = digest.Checked{Verdict: digest.NotCovered, Reason: "no digest names it"}
		}
	}
	if row.Verdict == string(now.Verdict) && row.Reason == now.Reason && row.Digest == now.Digest {
		return false
	}
	if (row.Kind == "log" || row.Kind == missingKind) && (row.Verdict != string(now.Verdict) || row.Reason != now.Reason) {
		s.count(now.Verdict)
	}
	row.Verdict, row.Reason, row.Digest, row.Verified = string(now.Verdict), now.Reason, now.Digest, s.r.o.Now().UTC()
	return true
}
