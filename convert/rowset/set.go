package rowset

import (
	"bytes"
	"cmp"
	"hash/maphash"
	"math/bits"
	"slices"
	"time"

	"github.com/trailql/trailql/convert/cloudtrail"
)

// Set is the rows of one partition. Not safe for concurrent use.
type Set struct {
	Region, Date string

	memory
	rows   int
	leaves [cloudtrail.NumLeaves]column
	// The leaves of struct columns at the top have their values in leaves and
	// their codes here.
	fragments [cloudtrail.NumFragments]fragments
	structs   chunked[uint8] // bit g: struct column g is not null
	micros    chunked[int64] // event time, microseconds since 1970
	index     chunked[int64] // place in the source object

	resources  lists // of arn, accountid, type
	attributes lists // of key, value

	ids       []uint64 // open addressing over rows by identity: see slot
	anonymous bool     // some row has no event id
	gone      rowSet   // rows that Drop has removed
	row       cloudtrail.Record
}

// lists is a repeated column: for each row a range of elements, each with a
// code for each of its members.
type lists struct {
	of      chunked[uint32] // for each row 0 for null, else 1+ an index of start
	start   chunked[uint32] // where a list begins; it ends where the next begins
	members [3]column
	n       uint32 // elements
}

// New returns an empty set that takes its memory from p.
func New(p *Pool) *Set { return &Set{memory: memory{pool: p}} }

var seed = maphash.MakeSeed()

// Len is the number of rows.
func (s *Set) Len() int { return s.rows - s.gone.n }

// Size is about how many bytes of memory the rows take.
func (s *Set) Size() int { return s.size }

// Reset empties the set; its memory goes to the pool.
func (s *Set) Reset() {
	p := s.pool
	for i := range s.leaves {
		s.leaves[i].release(p)
	}
	for k := range s.fragments {
		s.fragments[k].release(p)
	}
	s.structs.release(&p.bools)
	s.micros.release(&p.ints)
	s.index.release(&p.ints)
	s.resources.release(p)
	s.attributes.release(p)
	*s = Set{memory: memory{pool: p}}
}

func (l *lists) release(p *Pool) {
	l.of.release(&p.codes)
	l.start.release(&p.codes)
	l.n = 0
	for i := range l.members {
		l.members[i].release(p)
	}
}

// Add takes a record in, unless an equal one is there: of two deliveries the
// one that is first by object and index stands for both.
func (s *Set) Add(rec *cloudtrail.Record) (added bool) {
	h := Identity(rec)
	micros := rec.Time.UnixMicro()
	if 4*(s.rows+1) > 3*len(s.ids) {
		s.growIDs()
	}
	mask := uint64(len(s.ids) - 1)
	at := h & mask
	for ; s.ids[at] != 0; at = (at + 1) & mask {
		row := rowOf(s.ids[at])
		if !sameHash(s.ids[at], h) || s.micros.at(row) != micros || !s.sameID(row, rec) {
			continue
		}
		if s.Row(row, &s.row); cloudtrail.Equal(rec, &s.row) {
			s.prefer(row, rec)
			return false
		}
	}
	s.ids[at] = slot(h, uint32(s.rows+1))
	s.append(rec, micros)
	return true
}

// Identity is a hash by which equal records are found: of the event id, or of
// object and index for a record that has none.
func Identity(rec *cloudtrail.Record) uint64 {
	if id := rec.Text(cloudtrail.LeafEventID); len(id) > 0 {
		return hashID(id)
	}
	return anonymous(rec.Text(cloudtrail.LeafSourceObject), rec.Index)
}

// hashID hashes an event id; 0 is kept for rows without one.
func hashID(id []byte) uint64 { return maphash.Bytes(seed, id) | 1 }

func anonymous(object []byte, index int64) uint64 {
	return maphash.Bytes(seed, object) ^ uint64(index+1)*0x9e3779b97f4a7c15
}

// sameID says whether the row and the record could be the same event.
func (s *Set) sameID(row int, rec *cloudtrail.Record) bool {
	id := rec.Text(cloudtrail.LeafEventID)
	there := s.leaves[cloudtrail.LeafEventID].at(row)
	if len(id) == 0 && len(there) == 0 {
		return s.index.at(row) == rec.Index && bytes.Equal(s.leaves[cloudtrail.LeafSourceObject].at(row), rec.Text(cloudtrail.LeafSourceObject))
	}
	return bytes.Equal(id, there)
}

// prefer keeps the provenance that is first, so that the table does not depend
// on the order in which objects happened to be read.
func (s *Set) prefer(row int, rec *cloudtrail.Record) {
	objects := &s.leaves[cloudtrail.LeafSourceObject]
	object := rec.Text(cloudtrail.LeafSourceObject)
	if c := bytes.Compare(object, objects.at(row)); c > 0 || c == 0 && rec.Index >= s.index.at(row) {
		return
	}
	if len(object) > 0 && row < objects.codes.len() {
		objects.codes.set(row, objects.intern(object, &s.memory))
		s.index.set(row, rec.Index)
	}
}

func (s *Set) growIDs() {
	old := s.ids
	s.ids = make([]uint64, max(64, 4*len(old)))
	s.size += 8 * (len(s.ids) - len(old))
	mask := uint64(len(s.ids) - 1)
	for _, filled := range old {
		if filled == 0 {
			continue
		}
		at := s.identity(rowOf(filled)) & mask
		for s.ids[at] != 0 {
			at = (at + 1) & mask
		}
		s.ids[at] = filled
	}
}

func rowOf(filled uint64) int { return int(uint32(filled)) - 1 }

// identity is Identity for a row.
func (s *Set) identity(row int) uint64 {
	if id := s.leaves[cloudtrail.LeafEventID].at(row); len(id) > 0 {
		return hashID(id)
	}
	return anonymous(s.leaves[cloudtrail.LeafSourceObject].at(row), s.index.at(row))
}

func (s *Set) append(rec *cloudtrail.Record, micros int64) {
	row := s.rows
	s.rows++
	if len(rec.Text(cloudtrail.LeafEventID)) == 0 {
		s.anonymous = true
	}
	m := &s.memory
	for k := range s.fragments {
		if rec.Structs>>cloudtrail.FragmentGroup(k)&1 == 1 {
			s.appendFragment(k, row, rec)
		}
	}
	for present := rec.Present &^ owned; present != 0; present &= present - 1 {
		l := bits.TrailingZeros64(present)
		s.leaves[l].append(row, rec.Value[l], m)
	}
	s.structs.append(uint8(rec.Structs), m)
	s.micros.append(micros, m)
	s.index.append(rec.Index, m)
	if rec.HasResources {
		s.resources.begin(row, m)
		for i := range rec.Resources {
			r := &rec.Resources[i]
			s.resources.element(m, r.ARN, r.AccountID, r.Type)
		}
	}
	if rec.HasFederationAttributes {
		s.attributes.begin(row, m)
		for i := range rec.FederationAttributes {
			a := &rec.FederationAttributes[i]
			s.attributes.element(m, a.Key, a.Value, nil)
		}
	}
}

func (l *lists) begin(row int, m *memory) {
	for l.of.len() < row {
		l.of.append(0, m)
	}
	l.start.append(l.n, m)
	l.of.append(uint32(l.start.len()), m)
}

func (l *lists) element(m *memory, values ...[]byte) {
	at := int(l.n)
	l.n++
	for i, v := range values {
		if v != nil {
			l.members[i].append(at, v, m)
		}
	}
}

// bounds are the elements of a row's list; ok is false for null.
func (l *lists) bounds(row int) (from, to int, ok bool) {
	if row >= l.of.len() || l.of.at(row) == 0 {
		return 0, 0, false
	}
	k := int(l.of.at(row))
	from, to = int(l.start.at(k-1)), int(l.n)
	if k < l.start.len() {
		to = int(l.start.at(k))
	}
	return from, to, true
}

// Row fills rec with a row. Its values are valid until the set changes.
func (s *Set) Row(row int, rec *cloudtrail.Record) {
	rec.Present = 0
	for l := range cloudtrail.Leaf(cloudtrail.NumLeaves) {
		if v := s.text(l, row); v != nil {
			rec.Set(l, v)
		}
	}
	rec.Fragments = [cloudtrail.NumFragments]*cloudtrail.Fragment{}
	rec.Structs = uint64(s.structs.at(row))
	rec.SetTime(s.micros.at(row))
	rec.Index = s.index.at(row)
	rec.Resources = rec.Resources[:0]
	from, to, ok := s.resources.bounds(row)
	rec.HasResources = ok
	for i := from; i < to; i++ {
		m := &s.resources.members
		rec.Resources = append(rec.Resources, cloudtrail.Resource{ARN: m[0].at(i), AccountID: m[1].at(i), Type: m[2].at(i)})
	}
	rec.FederationAttributes = rec.FederationAttributes[:0]
	from, to, ok = s.attributes.bounds(row)
	rec.HasFederationAttributes = ok
	for i := from; i < to; i++ {
		m := &s.attributes.members
		rec.FederationAttributes = append(rec.FederationAttributes, cloudtrail.Attribute{Key: m[0].at(i), Value: m[1].at(i)})
	}
}

// order is the rows by event time, then by source object and index, so that the
// same rows make the same file.
func (s *Set) order() []uint32 {
	type key struct {
		micros int64
		rank   uint32
		row    uint32
	}
	objects := &s.leaves[cloudtrail.LeafSourceObject]
	rank := objects.ranks()
	keys := make([]key, 0, s.Len())
	for row := range s.rows {
		if s.gone.has(row) {
			continue
		}
		keys = append(keys, key{s.micros.at(row), rank[objects.code(row)], uint32(row)})
	}
	slices.SortFunc(keys, func(a, b key) int {
		if a.micros != b.micros {
			return cmp.Compare(a.micros, b.micros)
		}
		if a.rank != b.rank {
			return cmp.Compare(a.rank, b.rank)
		}
		return cmp.Compare(s.index.at(int(a.row)), s.index.at(int(b.row)))
	})
	order := make([]uint32, len(keys))
	for i, k := range keys {
		order[i] = k.row
	}
	return order
}

// group puts rows of one service and name together, and leaves them in order otherwise:
// texts of one kind of event are alike, and engines find out for many rows at once which
// conditions concern them.
func (s *Set) group(order []uint32) {
	sources, names := &s.leaves[cloudtrail.LeafEventSource], &s.leaves[cloudtrail.LeafEventName]
	source, name := sources.ranks(), names.ranks()
	slices.SortStableFunc(order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(source[sources.code(int(a))], source[sources.code(int(b))]),
			cmp.Compare(name[names.code(int(a))], name[names.code(int(b))]))
	})
}

// Times are the earliest and the latest event time.
func (s *Set) Times() (first, last time.Time) {
	lo, hi := s.micros.at(0), s.micros.at(0)
	for row := range s.rows {
		lo, hi = min(lo, s.micros.at(row)), max(hi, s.micros.at(row))
	}
	return time.UnixMicro(lo).UTC(), time.UnixMicro(hi).UTC()
}

// Identities are the identity hashes of the rows.
func (s *Set) Identities() []uint64 {
	out := make([]uint64, 0, s.rows-s.gone.n)
	for row := range s.rows {
		if !s.gone.has(row) {
			out = append(out, s.identity(row))
		}
	}
	return out
}

// HoldsAny says whether a row has one of the identities.
func (s *Set) HoldsAny(identities []uint64) bool {
	return slices.ContainsFunc(identities, s.Holds)
}

// Holds says whether a row has the identity; for 0, whether a row has no event
// id.
func (s *Set) Holds(identity uint64) bool {
	if identity == 0 {
		return s.anonymous
	}
	if len(s.ids) == 0 {
		return false
	}
	mask := uint64(len(s.ids) - 1)
	for at := identity & mask; s.ids[at] != 0; at = (at + 1) & mask {
		if sameHash(s.ids[at], identity) && s.identity(rowOf(s.ids[at])) == identity {
			return true
		}
	}
	return false
}

// Drop removes the row that is equal to the record, and says whether there was
// one. A set without rows must be neither added to nor written.
func (s *Set) Drop(rec *cloudtrail.Record) bool {
	if len(s.ids) == 0 {
		return false
	}
	mask := uint64(len(s.ids) - 1)
	micros := rec.Time.UnixMicro()
	h := Identity(rec)
	for at := h & mask; s.ids[at] != 0; at = (at + 1) & mask {
		row := rowOf(s.ids[at])
		if !sameHash(s.ids[at], h) || s.gone.has(row) || s.micros.at(row) != micros || !s.sameID(row, rec) {
			continue
		}
		if s.Row(row, &s.row); cloudtrail.Equal(rec, &s.row) {
			s.gone.add(row)
			return true
		}
	}
	return false
}

// rowSet is a set of row numbers.
type rowSet struct {
	bits []uint64
	n    int
}

func (r *rowSet) has(row int) bool { return row>>6 < len(r.bits) && r.bits[row>>6]>>(row&63)&1 == 1 }

func (r *rowSet) add(row int) {
	for row>>6 >= len(r.bits) {
		r.bits = append(r.bits, 0)
	}
	r.bits[row>>6] |= 1 << (row & 63)
	r.n++
}
