package digest

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"

	"github.com/trailql/trailql/catalog/storage"
)

// maxDigest bounds a digest file, uncompressed. Ten thousand log files take
// 5 MB.
const maxDigest = 256 << 20

// Shape says how an object ended.
type Shape string

// Shapes of an object. A digest's hash is over the first gzip member.
const (
	Whole     Shape = ""
	Trailing  Shape = "trailing"  // bytes stand behind the first gzip member
	Truncated Shape = "truncated" // the gzip data end early
	Damaged   Shape = "damaged"   // a wrong checksum, or no gzip data at all
)

// Content is what a digest can be compared with.
type Content struct {
	SHA256 [sha256.Size]byte // of the uncompressed bytes
	Bytes  int64             // uncompressed
	Shape  Shape
	Plain  bool // the object is not compressed (any more)
}

// hasher hashes one object after another. Not safe for concurrent use.
type hasher struct {
	in  *bufio.Reader
	gz  *gzip.Reader
	sum hash.Hash
	buf []byte

	stored hash.Hash // of the object's own bytes; nil: nobody asks
}

func newHasher() *hasher {
	return &hasher{in: bufio.NewReaderSize(nil, 128<<10), sum: sha256.New(), buf: make([]byte, 128<<10)}
}

// read uncompresses and hashes an object; keep, if not nil, gets the text. An
// error is the storage's own.
func (h *hasher) read(ctx context.Context, s storage.Storage, name string, keep *bytes.Buffer) (c Content, err error) {
	in, err := s.Open(ctx, name)
	if err != nil {
		return c, err
	}
	defer in.Close()
	noted := &faultNoter{r: in}
	if h.stored != nil {
		h.stored.Reset()
		noted.r = io.TeeReader(in, h.stored)
	}
	h.in.Reset(noted)
	h.sum.Reset()
	var out io.Writer = h.sum
	if keep != nil {
		keep.Reset()
		out = io.MultiWriter(h.sum, &limited{keep, maxDigest})
	}
	var text io.Reader = h.in
	magic, _ := h.in.Peek(2)
	c.Plain = !bytes.Equal(magic, []byte{0x1f, 0x8b})
	if !c.Plain {
		if h.gz == nil {
			h.gz, err = gzip.NewReader(h.in)
		} else {
			err = h.gz.Reset(h.in)
		}
		if err == nil {
			h.gz.Multistream(false)
			text = h.gz
		}
	}
	if err == nil {
		// Not as a WriterTo: that of the gzip reader copies through the window.
		c.Bytes, err = io.CopyBuffer(out, struct{ io.Reader }{text}, h.buf)
	}
	h.sum.Sum(c.SHA256[:0])
	switch {
	case noted.err != nil:
		return c, fmt.Errorf("read: %w", noted.err)
	case errors.Is(err, errTooLong):
		return c, err
	case err == nil:
		if !c.Plain {
			if _, err := h.in.ReadByte(); err == nil {
				c.Shape = Trailing
			}
		}
	case errors.Is(err, io.ErrUnexpectedEOF), err == io.EOF:
		c.Shape = Truncated
	default:
		c.Shape = Damaged
	}
	if h.stored != nil && noted.err == nil {
		_, _ = io.CopyBuffer(io.Discard, struct{ io.Reader }{h.in}, h.buf) // what stands behind the content; noted has the error
	}
	if noted.err != nil {
		return c, fmt.Errorf("read: %w", noted.err)
	}
	return c, nil
}

// faultNoter tells the storage's errors from those of the data.
type faultNoter struct {
	r   io.Reader
	err error
}

func (n *faultNoter) Read(b []byte) (int, error) {
	k, err := n.r.Read(b)
	if err != nil && err != io.EOF {
		n.err = err
	}
	return k, err
}

var errTooLong = fmt.Errorf("%w: longer than %d MiB", ErrFormat, maxDigest>>20)

type limited struct {
	w    io.Writer
	left int
}

func (l *limited) Write(b []byte) (int, error) {
	if l.left -= len(b); l.left < 0 {
		return 0, errTooLong
	}
	return l.w.Write(b)
}
