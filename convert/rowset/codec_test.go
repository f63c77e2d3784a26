package rowset

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/trailql/trailql/convert/cloudtrail"
)

// codesFrom is a file of records of which those from one on have an errorCode.
func codesFrom(t *testing.T, first, rows, from int) []byte {
	t.Helper()
	var text strings.Builder
	for i := first; i < first+rows; i++ {
		code := ""
		if i >= from {
			code = fmt.Sprintf(`,"errorCode":"E%d"`, i)
		}
		fmt.Fprintf(&text, `{"eventTime":"2023-07-10T%02d:%02d:%02dZ","eventName":"x","eventID":"id-%d"%s}`+"\n", i/10000, i/100%60, i/6000%60, i, code)
	}
	return written(t, text.String())
}

func footer(t *testing.T, file []byte) (*format.FileMetaData, []byte) {
	t.Helper()
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)), parquet.SkipPageIndex(true), parquet.SkipBloomFilters(true))
	if err != nil {
		t.Fatal(err)
	}
	return f.Metadata(), file[:len(file)-8-int(binary.LittleEndian.Uint32(file[len(file)-8:]))]
}

// joined has the row groups of two files, each as it was.
func joined(t *testing.T, a, b []byte) []byte {
	t.Helper()
	meta, out := footer(t, a)
	more, rest := footer(t, b)
	at := int64(len(out))
	for _, g := range more.RowGroups {
		for i := range g.Columns {
			c := &g.Columns[i]
			c.MetaData.DataPageOffset += at
			if c.MetaData.DictionaryPageOffset > 0 {
				c.MetaData.DictionaryPageOffset += at
			}
			if c.MetaData.BloomFilterOffset > 0 {
				c.MetaData.BloomFilterOffset += at
			}
			c.ColumnIndexOffset, c.OffsetIndexOffset = c.ColumnIndexOffset+at, c.OffsetIndexOffset+at
		}
		meta.RowGroups = append(meta.RowGroups, g)
	}
	meta.NumRows += more.NumRows
	text, err := thrift.Marshal(&thrift.CompactProtocol{}, meta)
	if err != nil {
		t.Fatal(err)
	}
	out = append(append(bytes.Clone(out), rest...), text...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(len(text))), "PAR1"...)
}

// TestColumnThatBeginsLater: a column that the first row group hardly has is read back
// from the second, and so from files that have it in another codec there, as earlier
// versions wrote them.
func TestColumnThatBeginsLater(t *testing.T) {
	for _, test := range []struct {
		name          string
		file          []byte
		codes, codecs int
	}{
		{"one file", codesFrom(t, 0, rowGroupRows+5000, rowGroupRows), 5000, 1},
		{"two codecs", joined(t, codesFrom(t, 0, 1000, 1000), codesFrom(t, 1000, 1000, 0)), 1000, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			f, err := Open(bytes.NewReader(test.file), int64(len(test.file)))
			if err != nil {
				t.Fatal(err)
			}
			codes, codecs := 0, map[format.CompressionCodec]bool{}
			for g := range f.RowGroups() {
				back := New(&Pool{})
				if err := f.Load(g, back); err != nil {
					t.Fatal(err)
				}
				var rec cloudtrail.Record
				for row := range back.Len() {
					back.Row(row, &rec)
					if bytes.Contains(rec.AppendJSON(nil), []byte(`"errorCode":"E`)) {
						codes++
					}
				}
				ids := 0
				if err := f.Identities(g, func(int, int64, uint64) { ids++ }); err != nil || ids != back.Len() {
					t.Errorf("%d identities of %d rows, %v", ids, back.Len(), err)
				}
			}
			meta, _ := footer(t, test.file)
			for _, g := range meta.RowGroups {
				for _, c := range g.Columns {
					if c.MetaData.PathInSchema[0] == "errorcode" {
						codecs[c.MetaData.Codec] = true
					}
				}
			}
			if codes != test.codes || len(codecs) != test.codecs {
				t.Errorf("%d values, codecs %v", codes, codecs)
			}
		})
	}
}
