package cloudtrail

import (
	"bytes"
	"hash/maphash"
	"math/bits"
)

// Fragment is a struct column's value that many records share: the identity of
// a session, the TLS details of a client. The parser recognises its text, which
// is most of a record's, without parsing it again. Immutable; two fragments may
// be equal.
type Fragment struct {
	raw     []byte
	present uint64
	structs uint64
	leaves  []Leaf
	values  [][]byte
}

// Fragments are the struct columns at the top of a record.
const (
	UserIdentityFragment = iota
	AddendumFragment
	TLSDetailsFragment
	NumFragments
)

// FragmentLeaves are the leaves of each fragment's struct column, in order.
func FragmentLeaves(k int) []Leaf { return layout.fragments[k].leaves }

// FragmentGroup is each fragment's struct column.
func FragmentGroup(k int) Group { return layout.fragments[k].group }

// fragmentLayout is derived from the columns.
type fragmentLayout struct {
	group  Group
	leaves []Leaf
	// probe is the part of the text, from its beginning, that tells fragments
	// apart.
	from, to int
}

const (
	fragmentSets = 1 << 10
	fragmentWays = 4
	// maxFragment is the longest text that is kept.
	maxFragment = 4 << 10
)

// fragments is a cache of one parser.
type fragments struct {
	seed         maphash.Seed
	sets         [][fragmentWays]*Fragment
	hits, misses int
}

// find returns the cached fragment that the text begins with.
func (c *fragments) find(text []byte, l *fragmentLayout) (f *Fragment, set *[fragmentWays]*Fragment) {
	if c.sets == nil {
		c.seed = maphash.MakeSeed()
		c.sets = make([][fragmentWays]*Fragment, fragmentSets)
	}
	probe := text[min(l.from, len(text)):min(l.to, len(text))]
	set = &c.sets[maphash.Bytes(c.seed, probe)&(fragmentSets-1)]
	for w, f := range set {
		if f == nil {
			break
		}
		if bytes.HasPrefix(text, f.raw) {
			c.hits++
			if w > 0 {
				set[w], set[w-1] = set[w-1], f
			}
			return f, set
		}
	}
	c.misses++
	return nil, set
}

// worth says whether to keep what was not found: where texts hardly ever come
// back, only some are kept.
func (c *fragments) worth() bool {
	return c.misses < 1024 || c.hits > c.misses/2 || c.misses%8 == 0
}

// fragment parses a struct column at the top of the record, from the cache if
// its text is there.
func (p *parser) fragment(st *objectState, m *member, i, depth int) int {
	l := &layout.fragments[m.fragment]
	cache := &p.fragments[m.fragment]
	f, set := cache.find(p.text[i:p.end], l)
	rec := p.rec
	if f != nil {
		rec.Present |= f.present
		rec.Structs |= f.structs
		for k, leaf := range f.leaves {
			rec.Value[leaf] = f.values[k]
		}
		rec.Fragments[m.fragment] = f
		return i + len(f.raw)
	}
	present, structs := rec.Present, rec.Structs
	rec.Present, rec.Structs = 0, 0
	hadAttributes := rec.HasFederationAttributes
	end := p.object(m.object, i, depth+1)
	if end > 0 {
		child := &p.states[m.object.id]
		if child.peculiar() {
			st.nested = true
		} else if end-i <= maxFragment && rec.HasFederationAttributes == hadAttributes && cache.worth() {
			f := newFragment(p.text[i:end], rec)
			copy(set[1:], set[:fragmentWays-1])
			set[0] = f
			rec.Fragments[m.fragment] = f
		}
	}
	rec.Present |= present
	rec.Structs |= structs
	return end
}

// newFragment copies what the record has.
func newFragment(raw []byte, rec *Record) *Fragment {
	f := &Fragment{present: rec.Present, structs: rec.Structs}
	size := len(raw)
	for set := rec.Present; set != 0; set &= set - 1 {
		size += len(rec.Value[bits.TrailingZeros64(set)])
	}
	buf := append(make([]byte, 0, size), raw...)
	f.raw = buf[:len(raw):len(raw)]
	n := bits.OnesCount64(rec.Present)
	f.leaves, f.values = make([]Leaf, 0, n), make([][]byte, 0, n)
	for set := rec.Present; set != 0; set &= set - 1 {
		l := Leaf(bits.TrailingZeros64(set))
		from := len(buf)
		buf = append(buf, rec.Value[l]...)
		f.leaves = append(f.leaves, l)
		f.values = append(f.values, buf[from:len(buf):len(buf)])
	}
	return f
}
