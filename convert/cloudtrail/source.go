package cloudtrail

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
)

// maxLayers is how often an object may have been compressed.
const maxLayers = 3

// source is the uncompressed text of an object. gzip is recognised by its magic
// bytes, because names do not tell (records.md §4 item 12).
type source struct {
	raw    rawReader
	layers [maxLayers]layer
	r      io.Reader
	err    error // why the text ended, nil for its proper end
	broken bool  // err is a fault of the object, not of its storage
	member *hashedMember
}

type layer struct {
	in *bufio.Reader
	gz *gzip.Reader
}

// rawReader remembers the storage's own error, so that it is not taken for a
// fault of the object.
type rawReader struct {
	r   io.Reader
	err error
}

func (r *rawReader) Read(b []byte) (int, error) {
	n, err := r.r.Read(b)
	if err != nil && err != io.EOF {
		r.err = err
	}
	return n, err
}

func (s *source) reset(r io.Reader) {
	s.raw = rawReader{r: r}
	s.err, s.broken = nil, false
	s.r = &s.raw
	if s.member != nil {
		s.member.reset(nil, nil)
	}
	for i := range s.layers {
		l := &s.layers[i]
		if l.in == nil {
			l.in = bufio.NewReaderSize(nil, 64<<10)
		}
		l.in.Reset(s.r)
		s.r = l.in
		magic, err := l.in.Peek(3)
		if err != nil && err != io.EOF {
			s.fail(err)
			return
		}
		if len(magic) < 3 || magic[0] != 0x1f || magic[1] != 0x8b || magic[2] != 8 {
			if i == 0 && s.member != nil {
				s.member.reset(s.r, nil)
				s.r = s.member
			}
			return
		}
		if l.gz == nil {
			l.gz, err = gzip.NewReader(l.in)
		} else {
			err = l.gz.Reset(l.in)
		}
		if err != nil {
			s.fail(err)
			if errors.Is(err, gzip.ErrHeader) {
				s.err = errGzipHeader
			}
			return
		}
		s.r = l.gz
		if i == 0 && s.member != nil {
			s.member.reset(l.in, l.gz)
			s.r = s.member
		}
	}
}

func (s *source) Read(b []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	n, err := s.r.Read(b)
	if err == io.EOF {
		return n, err
	}
	if err != nil {
		s.fail(err)
	}
	return n, err
}

// fault is the storage's own error, if it was that which ended the text.
func (s *source) fault() error {
	if s.broken {
		return nil
	}
	return s.err
}

func (s *source) fail(err error) {
	if s.raw.err != nil {
		s.err = s.raw.err
		return
	}
	s.broken = true
	var corrupt flate.CorruptInputError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF:
		s.err = fmt.Errorf("gzip data ends early: %w", ErrTruncated)
	case errors.Is(err, gzip.ErrChecksum):
		s.err = ErrChecksum
	case errors.Is(err, gzip.ErrHeader):
		s.err = ErrTrailing
	case errors.As(err, &corrupt):
		s.err = fmt.Errorf("corrupt gzip data near byte %d", int64(corrupt))
	default:
		s.err = fmt.Errorf("corrupt gzip data: %w", err)
	}
}

var (
	// ErrChecksum: the gzip checksum or length does not match what was read.
	ErrChecksum = errors.New("gzip checksum does not match")
	// ErrTrailing: bytes behind the gzip data are not gzip data.
	ErrTrailing = errors.New("other bytes behind the gzip data")

	errGzipHeader = errors.New("corrupt gzip header")
)
