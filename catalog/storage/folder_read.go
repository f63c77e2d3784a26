package storage

import (
	"errors"
	"io"
	"io/fs"
	"syscall"
)

// fileReader is a file as it was when it was opened: what is appended later is
// not read. It is not an os.File because that costs as much as reading one of
// CloudTrail's usual, small objects.
type fileReader struct {
	fd     int
	at     int64 // of the next Read
	size   int64
	closed bool
}

func (r *fileReader) Size() int64 { return r.size }

func (r *fileReader) Read(b []byte) (int, error) {
	n, err := r.readAt(b, r.at)
	r.at += int64(n)
	return n, err
}

func (r *fileReader) ReadAt(b []byte, at int64) (int, error) {
	if at < 0 {
		return 0, errors.New("read at a negative offset")
	}
	total := 0
	for total < len(b) {
		n, err := r.readAt(b[total:], at+int64(total))
		total += n
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

func (r *fileReader) readAt(b []byte, at int64) (int, error) {
	switch {
	case r.closed:
		return 0, fs.ErrClosed
	case len(b) == 0:
		return 0, nil
	}
	b = b[:min(int64(len(b)), max(r.size-at, 0))]
	if len(b) == 0 {
		return 0, io.EOF
	}
	for {
		n, err := syscall.Pread(r.fd, b, at)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.ErrUnexpectedEOF // somebody has cut the file
		default:
			return n, nil
		}
	}
}

func (r *fileReader) Close() error {
	if r.closed {
		return fs.ErrClosed
	}
	r.closed = true
	return syscall.Close(r.fd)
}
