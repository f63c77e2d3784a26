package rowset

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/parquet-go/parquet-go/format"
)

// dataPage writes a version 1 data page.
func (w *Writer) dataPage(k *chunk, body []byte, values, firstRow int, enc format.Encoding) {
	if k.meta.DataPageOffset == 0 {
		k.meta.DataPageOffset = w.at
		k.meta.Encoding = append(k.meta.Encoding, enc, format.RLE)
		k.meta.EncodingStats = append(k.meta.EncodingStats, format.PageEncodingStats{
			PageType: format.DataPage, Encoding: enc,
		})
	}
	k.meta.EncodingStats[len(k.meta.EncodingStats)-1].Count++
	at := w.at
	w.page(k, body, func(h []byte) []byte { return appendDataHeader(h, values, enc) })
	k.values += int64(values)
	k.offsets.PageLocations = append(k.offsets.PageLocations, format.PageLocation{
		Offset: at, CompressedPageSize: int32(w.at - at), FirstRowIndex: int64(firstRow),
	})
}

// maxPage is what the sizes in headers and indexes have room for: a page with its header.
const maxPage = math.MaxInt32 - 1<<10

// page compresses and writes a page, of at most maxPage bytes. The header is Thrift's compact protocol by
// hand (parquet.thrift, PageHeader): reflection would cost more than the page.
func (w *Writer) page(k *chunk, body []byte, kind func([]byte) []byte) {
	if len(body) > maxPage {
		w.tooLong(k, len(body))
		return
	}
	stored := body
	if k.meta.Codec == format.Zstd {
		w.packed = w.zstd.EncodeAll(body, w.packed[:0])
		stored = w.packed
	}
	if len(stored) > maxPage {
		w.tooLong(k, len(stored))
		return
	}
	isDictionary := k.meta.DataPageOffset == 0
	h := w.header[:0]
	typ := format.DataPage
	if isDictionary {
		typ = format.DictionaryPage
	}
	h = appendI32(h, 1, int32(typ))
	h = appendI32(h, 1, int32(len(body)))
	h = appendI32(h, 1, int32(len(stored)))
	h = kind(h)
	h = append(h, 0)
	w.header = h
	w.write(h)
	w.write(stored)
	k.meta.TotalUncompressedSize += int64(len(h) + len(body))
}

func (w *Writer) tooLong(k *chunk, n int) {
	if w.err == nil {
		w.err = fmt.Errorf("a page of column %s has %d bytes, more than Parquet allows", strings.Join(k.meta.PathInSchema, "."), n)
	}
}

const (
	compactI32    = 5
	compactStruct = 12
)

// appendI32 appends a field whose id is delta above the one before.
func appendI32(h []byte, delta byte, v int32) []byte {
	h = append(h, delta<<4|compactI32)
	return binary.AppendUvarint(h, uint64(uint32(v<<1^v>>31)))
}

func appendDataHeader(h []byte, values int, enc format.Encoding) []byte {
	h = append(h, 2<<4|compactStruct) // field 5
	h = appendI32(h, 1, int32(values))
	h = appendI32(h, 1, int32(enc))
	h = appendI32(h, 1, int32(format.RLE))
	h = appendI32(h, 1, int32(format.RLE))
	return append(h, 0)
}

func appendDictionaryHeader(h []byte, values int) []byte {
	h = append(h, 4<<4|compactStruct) // field 7
	h = appendI32(h, 1, int32(values))
	h = appendI32(h, 1, int32(format.Plain))
	return append(h, 0)
}
