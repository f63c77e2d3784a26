package manifest

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
)

// A file is cut into blocks, the smallest things that can be named as changed:
// rows of .jsonl and .csv, lines of other files. A line ends after 64 KiB at the
// latest, a row where it ends.
const longestLine = 64 << 10

// block is a hash, cut short: a SHA-256 of the whole file proves, this only finds.
type block struct {
	size int64
	hash [8]byte
}

func (b block) String() string {
	return strconv.FormatInt(b.size, 10) + ":" + hex.EncodeToString(b.hash[:])
}

func parseBlock(s string) (block, error) {
	size, hash, ok := strings.Cut(s, ":")
	n, err := strconv.ParseInt(size, 10, 64)
	h, hashErr := hex.DecodeString(hash)
	var b block
	if !ok || err != nil || hashErr != nil || len(h) != len(b.hash) || n < 0 {
		return b, fmt.Errorf("%q is no block", s)
	}
	b.size = n
	copy(b.hash[:], h)
	return b, nil
}

// rows tells how a file is cut, by its name.
type rows int

const (
	byLine rows = iota
	byRow
	byCSVRow
)

func rowsOf(name string) rows {
	switch path.Ext(name) {
	case ".jsonl":
		return byRow
	case ".csv":
		return byCSVRow
	}
	return byLine
}

// blocks cuts what it reads, and hands each block to take.
func blocks(r io.Reader, cut rows, take func(block) error) error {
	in := bufio.NewReaderSize(r, longestLine)
	hash := sha256.New()
	size, quotes := int64(0), 0
	end := func() error {
		b := block{size: size}
		copy(b.hash[:], hash.Sum(nil))
		hash.Reset()
		size, quotes = 0, 0
		return take(b)
	}
	for {
		part, err := in.ReadSlice('\n')
		if len(part) > 0 {
			hash.Write(part)
			size += int64(len(part))
			quotes += bytes.Count(part, []byte{'"'})
			// A line feed between quotes is part of a CSV row.
			whole := err == nil && (cut != byCSVRow || quotes%2 == 0)
			if whole || errors.Is(err, bufio.ErrBufferFull) && cut == byLine {
				if err := end(); err != nil {
					return err
				}
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			if size > 0 {
				return end()
			}
			return nil
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// place says where in a file something is.
type place struct {
	row      int64 // from 1
	from, to int64 // bytes, half-open
	what     string
}

// locate finds the first difference between the blocks that a file had and those
// that it has; false when there is none.
func locate(had, has []block, cut rows) (place, bool) {
	first := 0
	var offset int64
	for first < len(had) && first < len(has) && had[first] == has[first] {
		offset += had[first].size
		first++
	}
	p := place{row: int64(first) + 1, from: offset, to: offset}
	switch {
	case first == len(had) && first == len(has):
		return p, false
	case first == len(has):
		p.what = fmt.Sprintf("is missing: the file ends after %d bytes", offset)
	case first == len(had):
		p.to += sizeOf(has[first:])
		p.what = "was added: the file ended before it"
	case len(has) < len(had) && has[first] == had[first+1]:
		p.what = "was removed"
	case len(has) > len(had) && has[first+1] == had[first]:
		p.to += has[first].size
		p.what = "was inserted"
	default:
		p.to += has[first].size
		p.what = "was changed"
	}
	p.what = unit(cut, p.row) + " " + p.what
	return p, true
}

func sizeOf(list []block) (n int64) {
	for _, b := range list {
		n += b.size
	}
	return n
}

// unit names a block. The first row of CSV is its header.
func unit(cut rows, n int64) string {
	switch {
	case cut == byCSVRow && n == 1:
		return "the header"
	case cut == byCSVRow:
		return fmt.Sprintf("row %d", n-1)
	case cut == byRow:
		return fmt.Sprintf("row %d", n)
	}
	return fmt.Sprintf("line %d", n)
}
