package rowset

import (
	"bytes"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go/format"

	"github.com/trailql/trailql/convert/cloudtrail"
)

const (
	statisticsBytes = 64 // in Parquet statistics
	boundChars      = 16 // in Iceberg bounds: truncate(16), Iceberg's default
	timeChars       = 20 // of eventtime: as many as its texts have
)

// metrics adds a chunk to the file's metrics, for the columns that have them:
// they stay in memory until the commit, and every reader of the table loads them.
func (w *Writer) metrics(c physical, k *chunk) {
	if !c.column.Metrics || c.list != nil {
		return // Iceberg keeps no bounds inside lists and maps
	}
	m := &w.m
	m.ColumnSizes[c.id] += k.meta.TotalCompressedSize
	m.ValueCounts[c.id] += k.values
	m.NullCounts[c.id] += k.nulls
	if k.min == nil {
		return
	}
	lo, hi := bytes.Clone(k.min), bytes.Clone(k.max)
	less := func(a, b []byte) bool { return bytes.Compare(a, b) < 0 }
	if k.meta.Type == format.Int64 {
		less = func(a, b []byte) bool { return int64Of(a) < int64Of(b) }
	} else {
		chars := boundChars
		if c.leaf == cloudtrail.LeafEventTime {
			chars = timeChars
		}
		lo, hi = lowerText(lo, cut(lo, chars)), upperText(hi, cut(hi, chars))
	}
	if was, ok := m.LowerBounds[c.id]; !ok || less(lo, was) {
		m.LowerBounds[c.id] = lo
	}
	switch was, ok := m.UpperBounds[c.id]; {
	case hi == nil: // no bound can be given in so few characters
		m.UpperBounds[c.id] = nil
	case !ok || was != nil && less(was, hi):
		m.UpperBounds[c.id] = hi
	}
}

func int64Of(b []byte) int64 {
	var v uint64
	for i := 7; i >= 0; i-- {
		v = v<<8 | uint64(b[i])
	}
	return int64(v)
}

// cut is the length in bytes of the first characters, so many.
func cut(v []byte, chars int) int {
	n := 0
	for range chars {
		if n >= len(v) {
			break
		}
		_, size := utf8.DecodeRune(v[n:])
		n += size
	}
	return n
}

// lowerText is a text of at most n bytes that is not above v.
func lowerText(v []byte, n int) []byte {
	if len(v) <= n {
		return v
	}
	for n > 0 && !utf8.RuneStart(v[n]) {
		n--
	}
	return v[:n]
}

// upperText is a text of at most n bytes that is not below v, nil if there is
// none.
func upperText(v []byte, n int) []byte {
	if len(v) <= n {
		return v
	}
	b := bytes.Clone(lowerText(v, n))
	for len(b) > 0 {
		r, size := utf8.DecodeLastRune(b)
		b = b[:len(b)-size]
		switch {
		case r == 0xd7ff:
			r = 0xe000
		case r >= utf8.MaxRune:
			continue
		default:
			r++
		}
		if up := utf8.AppendRune(b, r); len(up) <= n+1 {
			return up
		}
	}
	return nil
}
