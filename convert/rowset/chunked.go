package rowset

import (
	"sync"
	"unsafe"
)

const (
	chunkBits  = 12
	chunkLen   = 1 << chunkBits
	chunkMask  = chunkLen - 1
	firstChunk = 16
	slabSize   = 32 << 10
)

// Pool keeps the memory of sets that have been written for sets to come, so
// that neither growing nor collecting costs time. Safe for concurrent use; the
// zero Pool is ready.
type Pool struct {
	slabs freeList[byte]
	codes freeList[uint32]
	spans freeList[span]
	ints  freeList[int64]
	bools freeList[uint8]
}

// freeList is a stack of slices of one length.
type freeList[T any] struct {
	mu   sync.Mutex
	free [][]T
}

func (f *freeList[T]) take(n int) []T {
	f.mu.Lock()
	defer f.mu.Unlock()
	if k := len(f.free); k > 0 {
		s := f.free[k-1]
		f.free = f.free[:k-1]
		return s
	}
	return make([]T, n)
}

func (f *freeList[T]) give(s [][]T, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range s {
		if cap(c) == n {
			f.free = append(f.free, c[:n])
		}
	}
}

// memory is what one set takes, from a pool.
type memory struct {
	pool *Pool
	size int // bytes
}

// listOf is the pool's list of chunks of T.
func listOf[T any](p *Pool) *freeList[T] {
	for _, list := range []any{&p.codes, &p.spans, &p.ints, &p.bools} {
		if l, ok := list.(*freeList[T]); ok {
			return l
		}
	}
	return &freeList[T]{}
}

// chunked is a list that grows without copying what it has: only its first
// chunk grows as slices do, for partitions of a few rows.
type chunked[T any] struct {
	chunks [][]T
	last   []T // the chunk that is being filled
	pos    int // values in last
	base   int // values before last
}

func (c *chunked[T]) len() int { return c.base + c.pos }

// append adds a value.
func (c *chunked[T]) append(v T, m *memory) {
	if c.full() {
		c.grow(m)
	}
	c.push(v)
}

// full and push are the halves of append, small enough to be put in line where
// every column of every record passes.
func (c *chunked[T]) full() bool { return c.pos == len(c.last) }

func (c *chunked[T]) push(v T) {
	c.last[c.pos] = v
	c.pos++
}

func (c *chunked[T]) grow(m *memory) {
	size := int(unsafe.Sizeof(*new(T)))
	switch n := len(c.last); {
	case n == 0:
		c.last = make([]T, firstChunk)
		c.chunks = append(c.chunks, c.last)
		m.size += firstChunk * size
	case n < chunkLen:
		grown := make([]T, 2*n)
		copy(grown, c.last)
		c.last, c.chunks[0] = grown, grown
		m.size += n * size
	default:
		c.last = listOf[T](m.pool).take(chunkLen)
		c.chunks = append(c.chunks, c.last)
		c.base += c.pos
		c.pos = 0
		m.size += chunkLen * size
	}
}

func (c *chunked[T]) at(i int) T     { return c.chunks[i>>chunkBits][i&chunkMask] }
func (c *chunked[T]) set(i int, v T) { c.chunks[i>>chunkBits][i&chunkMask] = v }

func (c *chunked[T]) release(to *freeList[T]) {
	to.give(c.chunks, chunkLen)
	*c = chunked[T]{}
}

// arena keeps texts. A span says where one stands.
type arena struct{ slabs [][]byte }

// span is slab, offset and length of a text.
type span uint64

const (
	spanLenBits  = 28
	spanSlabBits = 20
)

func (a *arena) add(v []byte, m *memory) span {
	k := len(a.slabs) - 1
	// An empty text would fit behind one that has a slab of its own, but its
	// offset might not fit in a span.
	if k < 0 || len(a.slabs[k])+len(v) > cap(a.slabs[k]) || len(a.slabs[k]) > slabSize {
		k = a.grow(len(v), m)
	}
	slab := a.slabs[k]
	at := len(slab)
	a.slabs[k] = append(slab, v...)
	return span(len(v)) | span(at)<<spanLenBits | span(k)<<(64-spanSlabBits)
}

// grow makes room for n bytes: in a first slab that doubles, then in slabs of
// one size, and for a text that is longer in one of its own.
func (a *arena) grow(n int, m *memory) (slab int) {
	k := len(a.slabs) - 1
	switch {
	case k == 0 && len(a.slabs[0])+n <= slabSize:
		grown := min(slabSize, max(2*cap(a.slabs[0]), len(a.slabs[0])+n))
		m.size += grown - cap(a.slabs[0])
		a.slabs[0] = append(make([]byte, 0, grown), a.slabs[0]...)
		return 0
	case n > slabSize:
		a.slabs = append(a.slabs, make([]byte, 0, n))
		m.size += n
	case k < 0:
		a.slabs = append(a.slabs, make([]byte, 0, max(64, n))) // never nil: nil is null
		m.size += max(64, n)
	default:
		a.slabs = append(a.slabs, m.pool.slabs.take(slabSize)[:0])
		m.size += slabSize
	}
	return k + 1
}

func (s span) len() int { return int(s & (1<<spanLenBits - 1)) }

func (a *arena) text(s span) []byte {
	from := int(s >> spanLenBits & (1<<(64-spanSlabBits-spanLenBits) - 1))
	to := from + s.len()
	return a.slabs[s>>(64-spanSlabBits)][from:to:to]
}

func (a *arena) release(to *freeList[byte]) {
	to.give(a.slabs, slabSize)
	a.slabs = nil
}
