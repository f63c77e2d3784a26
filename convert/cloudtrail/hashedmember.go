package cloudtrail

import (
	"bufio"
	"crypto/sha256"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"
)

// hashedMember reads the uncompressed bytes of an object and hashes what a digest file
// has the hash of: those of the first gzip member, or of an object that is not
// compressed. Behind it, it reads on.
type hashedMember struct {
	in    *bufio.Reader // of gz
	gz    *gzip.Reader  // nil: r is not compressed
	r     io.Reader
	sum   hash.Hash
	ended bool // the first member has
	whole bool // and nothing stands behind it
}

func (m *hashedMember) reset(r io.Reader, gz *gzip.Reader) {
	m.gz, m.r, m.ended, m.whole = gz, r, false, false
	m.sum.Reset()
	if gz != nil {
		m.in = r.(*bufio.Reader)
		m.r = gz
		gz.Multistream(false)
	}
}

func (m *hashedMember) Read(b []byte) (int, error) {
	n, err := m.r.Read(b)
	if !m.ended {
		m.sum.Write(b[:n])
	}
	if err != io.EOF || m.gz == nil {
		m.ended = m.ended || err == io.EOF
		m.whole = m.ended
		return n, err
	}
	_, behind := m.in.Peek(1)
	if !m.ended {
		m.ended, m.whole = true, behind == io.EOF
	}
	if behind == io.EOF {
		return n, io.EOF
	}
	if err := m.gz.Reset(m.in); err != nil {
		return n, err
	}
	m.gz.Multistream(false)
	return n, nil
}

// HashContent makes the decoder hash each object for ContentSHA256.
func (d *Decoder) HashContent() { d.src.member = &hashedMember{sum: sha256.New()} }

// ContentSHA256 is the hash that a digest file has of the object: of its
// uncompressed bytes. It reads what Next has left of them. ok is false where
// that is no hash of all of the object: gzip data that are damaged, end early or
// have something behind them.
func (d *Decoder) ContentSHA256() (sum [sha256.Size]byte, ok bool) {
	m := d.src.member
	if m == nil || m.r == nil {
		return sum, false
	}
	if !m.ended {
		if _, err := io.Copy(io.Discard, struct{ io.Reader }{m}); err != nil {
			return sum, false
		}
	}
	m.sum.Sum(sum[:0])
	return sum, m.whole && d.src.raw.err == nil
}
