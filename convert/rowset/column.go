package rowset

import (
	"bytes"
	"hash/maphash"
	"slices"
)

// column is a text column. A row's code names one of the entries; code 0 is
// null, and so is every row behind the last code.
type column struct {
	codes   chunked[uint32]
	entries chunked[span] // entry c, from 1, is entries.at(c-1)
	texts   arena
	bytes   int      // of all entries
	table   []uint64 // open addressing, codes by value: see slot
	// plain: nearly every value was new, so values are no longer looked up.
	plain bool
	hits  int
	last  uint32
	value []byte // of last
}

func (c *column) release(p *Pool) {
	c.codes.release(&p.codes)
	c.entries.release(&p.spans)
	c.texts.release(&p.slabs)
	*c = column{}
}

// entry is the value of a code other than 0.
func (c *column) entry(code uint32) []byte { return c.texts.text(c.entries.at(int(code - 1))) }

// code is a row's code.
func (c *column) code(row int) uint32 {
	if row >= c.codes.len() {
		return 0
	}
	return c.codes.at(row)
}

// at is a row's value, nil for null.
func (c *column) at(row int) []byte {
	code := c.code(row)
	if code == 0 {
		return nil
	}
	return c.entry(code)
}

// append sets the value of a row behind all rows that have one.
func (c *column) append(row int, v []byte, m *memory) {
	code := c.intern(v, m)
	for c.codes.len() < row {
		c.codes.append(0, m)
	}
	if c.codes.full() {
		c.codes.grow(m)
	}
	c.codes.push(code)
}

const plainAfter = 2048

// intern is the code of a value.
func (c *column) intern(v []byte, m *memory) uint32 {
	if c.plain {
		return c.add(v, m)
	}
	if c.last != 0 && bytes.Equal(c.value, v) {
		c.hits++
		return c.last
	}
	n := c.entries.len() + 1
	if 4*n >= 3*len(c.table) {
		if n > plainAfter && c.hits < n/4 {
			c.plain = true
			return c.add(v, m)
		}
		c.grow(m)
	}
	mask := uint64(len(c.table) - 1)
	h := maphash.Bytes(seed, v)
	at := h & mask
	for ; c.table[at] != 0; at = (at + 1) & mask {
		if !sameHash(c.table[at], h) {
			continue
		}
		code := uint32(c.table[at])
		if e := c.entry(code); bytes.Equal(e, v) {
			c.hits++
			c.last, c.value = code, e
			return code
		}
	}
	c.table[at] = slot(h, c.add(v, m))
	return c.last
}

// slot is a filled place of a hash table: the upper half of the hash, so that
// other values are passed over without a look at them, and a number above 0.
func slot(h uint64, n uint32) uint64        { return h&^(1<<32-1) | uint64(n) }
func sameHash(filled uint64, h uint64) bool { return filled>>32 == h>>32 }

func (c *column) add(v []byte, m *memory) uint32 {
	s := c.texts.add(v, m)
	c.entries.append(s, m)
	c.bytes += len(v)
	c.last, c.value = uint32(c.entries.len()), c.texts.text(s)
	return c.last
}

func (c *column) grow(m *memory) {
	n := max(16, 4*len(c.table))
	old := c.table
	c.table = make([]uint64, n)
	m.size += 8 * (n - len(old))
	mask := uint64(n - 1)
	for _, filled := range old {
		if filled == 0 {
			continue
		}
		h := maphash.Bytes(seed, c.entry(uint32(filled)))
		at := h & mask
		for c.table[at] != 0 {
			at = (at + 1) & mask
		}
		c.table[at] = filled
	}
}

// ranks gives each code its place in byte order, equal values the same.
func (c *column) ranks() []uint32 {
	codes := make([]uint32, c.entries.len())
	for i := range codes {
		codes[i] = uint32(i + 1)
	}
	slices.SortFunc(codes, func(a, b uint32) int { return bytes.Compare(c.entry(a), c.entry(b)) })
	rank := make([]uint32, len(codes)+1)
	r := uint32(0)
	for i, code := range codes {
		if i == 0 || !bytes.Equal(c.entry(code), c.entry(codes[i-1])) {
			r++
		}
		rank[code] = r
	}
	return rank
}
