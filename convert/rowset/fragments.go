package rowset

import (
	"github.com/trailql/trailql/convert/cloudtrail"
)

// fragments is a struct column at the top of the table: rows share entries, and
// an entry has a code for each leaf.
type fragments struct {
	of      chunked[uint32] // for each row 0 for null, else 1+ an entry
	codes   chunked[uint32] // of each entry, one for each leaf
	structs chunked[uint8]  // of each entry, its own and its inner struct columns
	known   map[*cloudtrail.Fragment]uint32
	n       uint32 // entries
}

// place says where a leaf's codes are.
type place struct {
	fragment int // -1 for a leaf of its own
	slot     int
}

// places is for each leaf; strides is the number of leaves of each fragment and
// owned are all their leaves as bits.
var places, strides, owned = func() (p [cloudtrail.NumLeaves]place, n [cloudtrail.NumFragments]int, mask uint64) {
	for l := range p {
		p[l].fragment = -1
	}
	for k := range cloudtrail.NumFragments {
		leaves := cloudtrail.FragmentLeaves(k)
		n[k] = len(leaves)
		for slot, l := range leaves {
			p[l] = place{k, slot}
			mask |= 1 << l
		}
	}
	return p, n, mask
}()

// knownSize is about what remembering a fragment takes, its text included.
const knownSize = 1500

func (s *Set) appendFragment(k, row int, rec *cloudtrail.Record) {
	m := &s.memory
	f := &s.fragments[k]
	shared := rec.Fragments[k]
	entry, ok := uint32(0), false
	if shared != nil {
		entry, ok = f.known[shared]
	}
	if !ok {
		for _, l := range cloudtrail.FragmentLeaves(k) {
			code := uint32(0)
			if rec.Has(l) {
				code = s.leaves[l].intern(rec.Value[l], m)
			}
			f.codes.append(code, &s.memory)
		}
		f.structs.append(uint8(rec.Structs), m)
		f.n++
		entry = f.n
		if shared != nil {
			if f.known == nil {
				f.known = map[*cloudtrail.Fragment]uint32{}
			}
			f.known[shared] = entry
			m.size += knownSize
		}
	}
	for f.of.len() < row {
		f.of.append(0, &s.memory)
	}
	f.of.append(entry, &s.memory)
}

// entry is a row's entry, 0 for null.
func (f *fragments) entry(row int) uint32 {
	if row >= f.of.len() {
		return 0
	}
	return f.of.at(row)
}

// code is an entry's code for a leaf.
func (f *fragments) code(entry uint32, stride, slot int) uint32 {
	if entry == 0 {
		return 0
	}
	return f.codes.at(int(entry-1)*stride + slot)
}

func (f *fragments) release(p *Pool) {
	f.of.release(&p.codes)
	f.codes.release(&p.codes)
	f.structs.release(&p.bools)
	*f = fragments{}
}

// code is a row's code for a leaf, 0 for null.
func (s *Set) code(l cloudtrail.Leaf, row int) uint32 {
	p := places[l]
	if p.fragment < 0 {
		return s.leaves[l].code(row)
	}
	f := &s.fragments[p.fragment]
	return f.code(f.entry(row), strides[p.fragment], p.slot)
}

// text is a row's value of a leaf, nil for null.
func (s *Set) text(l cloudtrail.Leaf, row int) []byte {
	code := s.code(l, row)
	if code == 0 {
		return nil
	}
	return s.leaves[l].entry(code)
}

// build makes the entries from the codes of every row and leaf, as they have been
// read from a file.
func (f *fragments) build(k int, s *Set, rows []uint32) {
	stride := strides[k]
	known := map[[24]uint32]uint32{}
	group := cloudtrail.FragmentGroup(k)
	for row := range s.rows {
		structs := s.structs.at(row)
		if structs>>group&1 == 0 {
			f.of.append(0, &s.memory)
			continue
		}
		var key [24]uint32
		copy(key[1:], rows[row*stride:(row+1)*stride])
		key[0] = uint32(structs)
		entry, ok := known[key]
		if !ok {
			for _, code := range key[1 : 1+stride] {
				f.codes.append(code, &s.memory)
			}
			f.structs.append(structs, &s.memory)
			f.n++
			entry = f.n
			known[key] = entry
		}
		f.of.append(entry, &s.memory)
	}
}
