package s3

import (
	"io"
	"sync"
)

const (
	// blockSize is what ReadAt asks for at least: many small reads beside each
	// other, as of a Parquet file's columns and footer, are one request.
	blockSize = 1 << 20
	// keptBlocks of each open object stay in memory.
	keptBlocks = 4
	// damages is how often a block is fetched that does not match its checksum.
	damages = 3
)

// blocks are the parts of one object that were read last.
type blocks struct {
	mu   sync.Mutex
	kept []*block // the last used one last
}

// block is a part of an object from a multiple of blockSize.
type block struct {
	at    int64
	fetch sync.Once
	data  []byte
	err   error
}

func (b *blocks) readAt(o *remote, p []byte, at int64) (int, error) {
	total := 0
	for total < len(p) {
		if at >= o.size {
			return total, io.EOF
		}
		start := at - at%blockSize
		var n int
		var err error
		if want := min(int64(len(p)-total), o.size-at); at == start && want >= blockSize {
			// Nothing is gained by keeping what is read in large parts.
			s := &stream{object: o, at: at, end: at + want}
			n, err = io.ReadFull(s, p[total:total+int(want)])
			s.drop()
		} else {
			var data []byte
			data, err = b.get(o, start, nil)
			if err == nil {
				n = copy(p[total:], data[at-start:])
			}
		}
		total += n
		at += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// get returns the block at start, from s if that is given, fetched once by
// however many callers want it.
func (b *blocks) get(o *remote, start int64, s *stream) ([]byte, error) {
	b.mu.Lock()
	var found *block
	for i, k := range b.kept {
		if k.at == start {
			found = k
			b.kept = append(b.kept[:i], b.kept[i+1:]...)
			break
		}
	}
	if found == nil {
		found = &block{at: start}
		if len(b.kept) == keptBlocks {
			b.kept = append(b.kept[:0], b.kept[1:]...)
		}
	}
	b.kept = append(b.kept, found)
	b.mu.Unlock()

	found.fetch.Do(func() {
		for try := 0; ; try++ {
			if s == nil {
				s = &stream{object: o, at: start, end: min(start+blockSize, o.size)}
			}
			found.data, found.err = s.all()
			if s.damaged == nil || try+1 == damages || pause(o.ctx, try) != nil {
				return
			}
			s = nil
		}
	})
	if found.err != nil {
		b.forget(found)
	}
	return found.data, found.err
}

// forget lets the next caller try again.
func (b *blocks) forget(failed *block) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, k := range b.kept {
		if k == failed {
			b.kept = append(b.kept[:i], b.kept[i+1:]...)
			return
		}
	}
}

// all is what is left of the stream, and ends it.
func (s *stream) all() ([]byte, error) {
	defer s.drop()
	data := make([]byte, s.end-s.at)
	if _, err := io.ReadFull(s, data); err != nil {
		return nil, err
	}
	if err := s.finish(nil); err != io.EOF { // of an empty object
		return nil, err
	}
	return data, nil
}
