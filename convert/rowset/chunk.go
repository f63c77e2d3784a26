package rowset

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/parquet-go/parquet-go/encoding/delta"
	"github.com/parquet-go/parquet-go/encoding/rle"
	"github.com/parquet-go/parquet-go/format"

	"github.com/trailql/trailql/convert/cloudtrail"
)

// maxDictionary is the largest dictionary page, which readers hold in memory.
const maxDictionary = 2 << 20

// smallChunk is where compressing costs more than it saves. In a file of several row
// groups the others may have more of a column, and readers expect one codec for all.
const smallChunk = 128

// chunk is a column chunk in the making.
type chunk struct {
	meta    format.ColumnMetaData
	offsets format.OffsetIndex
	index   *format.ColumnIndex
	start   int64
	values  int64 // levels, nulls included
	nulls   int64
	min     []byte
	max     []byte

	minPrefix, maxPrefix uint64
}

func (w *Writer) begin(c physical, typ format.Type, raw int) *chunk {
	codec := format.Zstd
	if raw < smallChunk && w.set.Len() <= rowGroupRows {
		codec = format.Uncompressed
	}
	return &chunk{
		start: w.at,
		meta:  format.ColumnMetaData{Type: typ, PathInSchema: c.path, Codec: codec},
	}
}

// end adds the chunk to the row group and its counts to the file's metrics.
func (w *Writer) end(c physical, k *chunk) {
	m := &k.meta
	m.NumValues = k.values
	m.TotalCompressedSize = w.at - k.start
	m.Statistics.NullCount = k.nulls
	if len(k.min) > 0 && len(k.max) > 0 {
		lo, hi := k.min, k.max
		if m.Type == format.ByteArray {
			lo, hi = lowerText(lo, statisticsBytes), upperText(hi, statisticsBytes)
		}
		if hi != nil {
			m.Statistics.MinValue, m.Statistics.MaxValue = lo, hi
		}
	}
	w.metrics(c, k)
	g := &w.file.RowGroups[len(w.file.RowGroups)-1]
	g.Columns = append(g.Columns, format.ColumnChunk{MetaData: *m})
	w.offsets = append(w.offsets, k.offsets)
	w.indexes = append(w.indexes, k.index)
}

// gather collects the codes of the row group's rows, 0 for null.
func (w *Writer) gather(l cloudtrail.Leaf) (codes []uint32, nulls int) {
	codes = grow(&w.codes, len(w.order))
	p := places[l]
	if p.fragment < 0 {
		c := &w.set.leaves[l]
		for i, row := range w.order {
			code := c.code(int(row))
			codes[i] = code
			if code == 0 {
				nulls++
			}
		}
		return codes, nulls
	}
	f, stride := &w.set.fragments[p.fragment], strides[p.fragment]
	for i, entry := range w.entries[p.fragment] {
		code := f.code(entry, stride, p.slot)
		codes[i] = code
		if code == 0 {
			nulls++
		}
	}
	return codes, nulls
}

// text writes a text column that does not repeat.
func (w *Writer) text(c physical) {
	col := &w.set.leaves[c.leaf]
	if col.entries.len() == 0 {
		w.nulls(c)
		return
	}
	codes, nulls := w.gather(c.leaf)
	dictionary, raw := w.dictionary(col, codes, len(codes)-nulls)
	k := w.begin(c, format.ByteArray, raw)
	if dictionary {
		w.bounds(k, col)
		w.dictionaryPage(k, col)
	}
	width := bits.Len(uint(max(len(w.used), 1) - 1))
	var to int
	for from := 0; from < len(codes); from = to {
		to = min(from+pageRows, len(codes))
		to = from + w.fitting(col, codes[from:to], dictionary)
		body := w.body[:0]
		pageNulls := 0
		if nulls > 0 || c.chain != 0 {
			def := grow(&w.def, to-from)
			pageNulls = w.definition(def, c, codes[from:to], from)
			body = w.appendLevels(body, def, c.maxDef)
		} else {
			body = appendConstantLevels(body, to-from, 1, c.maxDef)
		}
		body = w.appendTexts(k, body, col, codes[from:to], dictionary, width)
		w.body = body
		k.nulls += int64(pageNulls)
		w.dataPage(k, body, to-from, from, textEncoding(dictionary))
	}
	if c.column.Needle {
		w.filter(col, codes, dictionary, len(codes)-nulls)
	}
	w.end(c, k)
}

// fitting is how many of the values, from the first on, make a page of w.pageBytes. The
// first always does, however long it is.
func (w *Writer) fitting(col *column, codes []uint32, dictionary bool) int {
	const each = 4 // at most: levels, and a length or an index
	if dictionary && each*len(codes) <= w.pageBytes {
		return len(codes)
	}
	size := 0
	for i, code := range codes {
		size += each
		if code != 0 && !dictionary {
			size += col.entries.at(int(code - 1)).len()
		}
		if size > w.pageBytes && i > 0 {
			return i
		}
	}
	return len(codes)
}

func textEncoding(dictionary bool) format.Encoding {
	if dictionary {
		return format.RLEDictionary
	}
	return format.DeltaLengthByteArray
}

// definition fills the definition levels of a page and counts its nulls. A null
// has the level of the innermost struct that is there.
func (w *Writer) definition(def []uint8, c physical, codes []uint32, from int) (nulls int) {
	if c.chain == 0 {
		for i, code := range codes {
			if code == 0 {
				def[i] = 0
				nulls++
			} else {
				def[i] = 1
			}
		}
		return nulls
	}
	structs := &w.set.structs
	for i, code := range codes {
		if code != 0 {
			def[i] = c.maxDef
			continue
		}
		nulls++
		def[i] = uint8(bits.OnesCount8(structs.at(int(w.order[from+i])) & c.chain))
	}
	return nulls
}

// dictionary decides how the values are written and, for a dictionary, numbers
// the used entries: w.used lists them, w.remap gives a code's number plus one.
// raw is about how many bytes the chunk has before compression.
func (w *Writer) dictionary(col *column, codes []uint32, values int) (yes bool, raw int) {
	w.used = w.used[:0]
	entries := col.entries.len()
	average := col.bytes / max(entries, 1)
	if col.plain && entries > values/2 {
		return false, values * (average + 1)
	}
	remap := grow(&w.remap, entries+1)
	clear(remap)
	size := 0
	for _, code := range codes {
		if code == 0 || remap[code] != 0 {
			continue
		}
		w.used = append(w.used, code)
		remap[code] = uint32(len(w.used))
		size += 4 + col.entries.at(int(code-1)).len()
	}
	width := bits.Len(uint(max(len(w.used), 1) - 1))
	packed := size + values*width/8
	if size > maxDictionary || 4*len(w.used) > 3*values && values > 8 {
		return false, values * (average + 1)
	}
	return true, packed
}

// bounds finds the smallest and largest value of a dictionary. Other chunks
// find theirs while their values are copied.
func (w *Writer) bounds(k *chunk, col *column) {
	for _, code := range w.used {
		k.bound(col.entry(code))
	}
}

// bound takes a value into the chunk's bounds. Most values lie within them, and
// their first eight bytes say so.
func (k *chunk) bound(v []byte) {
	p := prefix(v)
	if p > k.minPrefix && p < k.maxPrefix {
		return
	}
	if k.min == nil || p < k.minPrefix || bytes.Compare(v, k.min) < 0 {
		k.min, k.minPrefix = v, p
	}
	if k.max == nil || p > k.maxPrefix || bytes.Compare(v, k.max) > 0 {
		k.max, k.maxPrefix = v, p
	}
}

// prefix orders values as their first eight bytes do.
func prefix(v []byte) uint64 {
	if len(v) >= 8 {
		return binary.BigEndian.Uint64(v)
	}
	var b [8]byte
	copy(b[:], v)
	return binary.BigEndian.Uint64(b[:])
}

func (w *Writer) dictionaryPage(k *chunk, col *column) {
	body := w.body[:0]
	for _, code := range w.used {
		v := col.entry(code)
		body = append(binary.LittleEndian.AppendUint32(body, uint32(len(v))), v...)
	}
	w.body = body
	k.meta.DictionaryPageOffset = w.at
	w.page(k, body, func(h []byte) []byte { return appendDictionaryHeader(h, len(w.used)) })
	k.meta.Encoding = append(k.meta.Encoding, format.Plain)
	k.meta.EncodingStats = append(k.meta.EncodingStats, format.PageEncodingStats{
		PageType: format.DictionaryPage, Encoding: format.Plain, Count: 1,
	})
}

// appendTexts appends the values of a page, nulls left out.
func (w *Writer) appendTexts(k *chunk, body []byte, col *column, codes []uint32, dictionary bool, width int) []byte {
	if dictionary {
		indices := w.indices[:0]
		for _, code := range codes {
			if code != 0 {
				indices = append(indices, int32(w.remap[code]-1))
			}
		}
		w.indices = indices
		enc := rle.Encoding{BitWidth: width}
		w.packed, _ = enc.EncodeInt32(w.packed, indices) // fails only for widths over 32
		return append(append(body, byte(width)), w.packed...)
	}
	lengths := w.lengths[:0]
	for _, code := range codes {
		if code != 0 {
			lengths = append(lengths, int32(col.entries.at(int(code-1)).len()))
		}
	}
	w.lengths = lengths
	var enc delta.BinaryPackedEncoding
	w.packed, _ = enc.EncodeInt32(w.packed[:0], lengths) // never fails
	body = append(body, w.packed...)
	for _, code := range codes {
		if code != 0 {
			v := col.entry(code)
			k.bound(v)
			body = append(body, v...)
		}
	}
	return body
}

// appendLevels appends a page's levels as RLE with their length.
func (w *Writer) appendLevels(body []byte, levels []uint8, highest uint8) []byte {
	enc := rle.Encoding{BitWidth: bits.Len8(highest)}
	w.levels, _ = enc.EncodeLevels(w.levels, levels) // fails only for widths over 8
	body = binary.LittleEndian.AppendUint32(body, uint32(len(w.levels)))
	return append(body, w.levels...)
}

// appendConstantLevels is appendLevels for n times the same level.
func appendConstantLevels(body []byte, n int, level, highest uint8) []byte {
	at := len(body)
	body = append(body, 0, 0, 0, 0)
	body = binary.AppendUvarint(body, uint64(n)<<1)
	body = append(body, level)
	binary.LittleEndian.PutUint32(body[at:], uint32(len(body)-at-4))
	return body
}

// nulls writes a column that has no value in this set.
func (w *Writer) nulls(c physical) {
	k := w.begin(c, format.ByteArray, 0)
	if c.chain == 0 {
		body := appendConstantLevels(w.body[:0], len(w.order), 0, c.maxDef)
		w.body = body
		w.dataPage(k, body, len(w.order), 0, format.Plain)
	} else {
		def := grow(&w.def, len(w.order))
		for i, row := range w.order {
			def[i] = uint8(bits.OnesCount8(w.set.structs.at(int(row)) & c.chain))
		}
		w.body = w.appendLevels(w.body[:0], def, c.maxDef)
		if len(w.body) >= smallChunk {
			k.meta.Codec = format.Zstd
		}
		w.dataPage(k, w.body, len(w.order), 0, format.Plain)
	}
	k.nulls = int64(len(w.order))
	w.end(c, k)
}

// constant writes a column with the same value in every row.
func (w *Writer) constant(c physical, value string) {
	k := w.begin(c, format.ByteArray, 0)
	k.min, k.max = []byte(value), []byte(value)
	k.meta.DictionaryPageOffset = w.at
	body := binary.LittleEndian.AppendUint32(w.body[:0], uint32(len(value)))
	w.body = append(body, value...)
	w.page(k, w.body, func(h []byte) []byte { return appendDictionaryHeader(h, 1) })
	k.meta.Encoding = append(k.meta.Encoding, format.Plain)
	body = appendConstantLevels(w.body[:0], len(w.order), 1, 1)
	body = append(body, 1) // bit width of the indices
	body = binary.AppendUvarint(body, uint64(len(w.order))<<1)
	w.body = append(body, 0)
	w.dataPage(k, w.body, len(w.order), 0, format.RLEDictionary)
	w.end(c, k)
}

// integers writes a column that is never null, in all rows of the set.
func (w *Writer) integers(c physical, values *chunked[int64]) {
	k := w.begin(c, format.Int64, 8*len(w.order))
	ordered := grow(&w.ints, len(w.order))
	for i, row := range w.order {
		ordered[i] = values.at(int(row))
	}
	k.index = &format.ColumnIndex{BoundaryOrder: format.Unordered}
	least, greatest := ordered[0], ordered[0]
	var enc delta.BinaryPackedEncoding
	for from := 0; from < len(ordered); from += pageRows {
		page := ordered[from:min(from+pageRows, len(ordered))]
		lo, hi := page[0], page[0]
		for _, v := range page {
			lo, hi = min(lo, v), max(hi, v)
		}
		least, greatest = min(least, lo), max(greatest, hi)
		body := appendConstantLevels(w.body[:0], len(page), 1, 1)
		w.packed, _ = enc.EncodeInt64(w.packed[:0], page) // never fails
		w.body = append(body, w.packed...)
		w.dataPage(k, w.body, len(page), from, format.DeltaBinaryPacked)
		x := k.index
		x.NullPages = append(x.NullPages, false)
		x.NullCounts = append(x.NullCounts, 0)
		x.MinValues = append(x.MinValues, appendInt64(nil, lo))
		x.MaxValues = append(x.MaxValues, appendInt64(nil, hi))
	}
	k.min, k.max = appendInt64(nil, least), appendInt64(nil, greatest)
	w.end(c, k)
}

func appendInt64(b []byte, v int64) []byte { return binary.LittleEndian.AppendUint64(b, uint64(v)) }

// repeated writes one member of a repeated column.
func (w *Writer) repeated(c physical) {
	list := c.list(w.set)
	if list.of.len() == 0 {
		// Null in every row; no repetition level is above 0.
		w.nullLists(c)
		return
	}
	col := &list.members[c.member]
	codes, def, rep, rows := w.codes[:0], w.def[:0], w.rep[:0], w.indices[:0]
	absent := uint8(0)
	if !c.required {
		absent = 1
	}
	values := 0
	for _, row := range w.order {
		rows = append(rows, int32(len(def)))
		outer := uint8(bits.OnesCount8(w.set.structs.at(int(row)) & c.chain))
		from, to, ok := list.bounds(int(row))
		switch {
		case !ok:
			codes, def, rep = append(codes, 0), append(def, outer), append(rep, 0)
		case from == to:
			codes, def, rep = append(codes, 0), append(def, outer+1), append(rep, 0)
		}
		for i := from; i < to; i++ {
			code := col.code(i)
			level := c.maxDef
			if code == 0 {
				level -= absent
			} else {
				values++
			}
			codes, def = append(codes, code), append(def, level)
			if i == from {
				rep = append(rep, 0)
			} else {
				rep = append(rep, 1)
			}
		}
	}
	rows = append(rows, int32(len(def))) // where the last row ends
	w.codes, w.def, w.rep, w.indices = codes, def, rep, nil
	dictionary, raw := w.dictionary(col, codes, values)
	k := w.begin(c, format.ByteArray, raw+len(def)/4)
	if dictionary {
		w.bounds(k, col)
		w.dictionaryPage(k, col)
	}
	width := bits.Len(uint(max(len(w.used), 1) - 1))
	var next int
	for first := 0; first < len(w.order); first = next {
		next = min(first+pageRows, len(w.order))
		from := int(rows[first])
		fit := from + w.fitting(col, codes[from:rows[next]], dictionary)
		for next > first+1 && int(rows[next]) > fit {
			next-- // pages end with a row
		}
		to := int(rows[next])
		body := w.appendLevels(w.body[:0], rep[from:to], 1)
		body = w.appendLevels(body, def[from:to], c.maxDef)
		body = w.appendTexts(k, body, col, codes[from:to], dictionary, width)
		w.body = body
		w.dataPage(k, body, to-from, first, textEncoding(dictionary))
	}
	k.nulls = int64(len(def) - values)
	w.end(c, k)
}

func (w *Writer) nullLists(c physical) {
	k := w.begin(c, format.ByteArray, 0)
	body := appendConstantLevels(w.body[:0], len(w.order), 0, 1)
	def := grow(&w.def, len(w.order))
	for i, row := range w.order {
		def[i] = uint8(bits.OnesCount8(w.set.structs.at(int(row)) & c.chain))
	}
	w.body = w.appendLevels(body, def, c.maxDef)
	w.dataPage(k, w.body, len(w.order), 0, format.Plain)
	k.nulls = int64(len(w.order))
	w.end(c, k)
}

// grow makes *buf n long, whatever it holds.
func grow[T any](buf *[]T, n int) []T {
	if cap(*buf) < n {
		*buf = make([]T, n+n/4)
	}
	*buf = (*buf)[:n]
	return *buf
}
