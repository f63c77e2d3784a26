package rowset

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/trailql/trailql/convert/cloudtrail"
)

// longTexts is a set with texts of every length up to longest, all different, in columns
// that repeat and that do not, and with rows that have none.
func longTexts(t *testing.T, rows, longest int) *Set {
	t.Helper()
	var text strings.Builder
	for i := range rows {
		v := fmt.Sprint(i, "-", strings.Repeat("x", i*7919%longest))
		members := ""
		switch i % 10 {
		case 0: // null
		case 1:
			members = `"errorMessage":"","resources":[],`
		default:
			var elements []string
			for k := range i % 4 {
				elements = append(elements, fmt.Sprintf(`{"ARN":"%s-%d"},{"type":"t"}`, v, k))
			}
			members = fmt.Sprintf(`"errorMessage":"%s","userAgent":"%s","resources":[%s],`, v, v, strings.Join(elements, ","))
		}
		text.WriteString(record(fmt.Sprint("id-", i), members))
	}
	s := New(&Pool{})
	s.Region, s.Date = "us-east-1", "2023-07-10"
	for rec, err := range cloudtrail.Records(strings.NewReader(text.String())) {
		if err != nil {
			t.Fatal(err)
		}
		rec.Set(cloudtrail.LeafSourceObject, []byte("object"))
		s.Add(rec)
	}
	return s
}

// TestPageBytes: pages end before they have too many bytes, at the end of a row, and the
// rows are the same.
func TestPageBytes(t *testing.T) {
	const rows, longest = 2500, 3000
	s := longTexts(t, rows, longest)
	for _, test := range []struct {
		name      string
		pageBytes int
		pages     int // at least, of the longest columns
	}{
		{"no limit", math.MaxInt, 1},
		{"ordinary", pageBytes, 1},
		{"small", 100_000, 20},
		{"a row each", 1, rows},
	} {
		t.Run(test.name, func(t *testing.T) {
			w, err := NewWriter()
			if err != nil {
				t.Fatal(err)
			}
			w.pageBytes = test.pageBytes
			if d := gocmp.Diff(contents(s), roundTrip(t, w, s)); d != "" {
				t.Errorf("written (-want +got):\n%s", d)
			}
			var out bytes.Buffer
			if _, err := w.Write(&out, s); err != nil {
				t.Fatal(err)
			}
			f, err := parquet.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
			if err != nil {
				t.Fatal(err)
			}
			for _, column := range [][]string{{"errormessage"}, {"useragent"}, {"resources", "list", "element", "arn"}, {"resources", "list", "element", "type"}} {
				leaf, ok := f.Schema().Lookup(column...)
				if !ok {
					t.Fatalf("no column %v", column)
				}
				n := checkPages(t, f.RowGroups()[0].ColumnChunks()[leaf.ColumnIndex], test.pageBytes)
				if n < test.pages && column[len(column)-1] != "type" {
					t.Errorf("column %v has %d pages", column, n)
				}
			}
		})
	}
}

// checkPages checks that the pages of a chunk have whole rows, of at most so many bytes
// where there are several, and begin where the index says. It returns their number.
func checkPages(t *testing.T, chunk parquet.ColumnChunk, most int) (n int) {
	t.Helper()
	index, err := chunk.OffsetIndex()
	if err != nil {
		t.Fatal(err)
	}
	pages := chunk.Pages()
	defer pages.Close()
	rows := int64(0)
	for ; ; n++ {
		page, err := pages.ReadPage()
		if errors.Is(err, io.EOF) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
		values := make([]parquet.Value, page.NumValues())
		if _, err := page.Values().ReadValues(values); err != nil && !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		size := 0
		for _, v := range values {
			if !v.IsNull() {
				size += len(v.ByteArray())
			}
		}
		if values[0].RepetitionLevel() != 0 {
			t.Errorf("page %d begins within a row", n)
		}
		if first := index.FirstRowIndex(n); first != rows {
			t.Errorf("page %d begins with row %d, the index says %d", n, rows, first)
		}
		if page.Dictionary() == nil && size > most && page.NumRows() > 1 {
			t.Errorf("page %d has %d rows, %d bytes", n, page.NumRows(), size)
		}
		rows += page.NumRows()
		parquet.Release(page)
	}
}

// TestOrdinaryPages: what ends a page ordinarily is the number of its rows.
func TestOrdinaryPages(t *testing.T) {
	s := longTexts(t, pageRows+10, 1000)
	var want bytes.Buffer
	for _, limit := range []int{math.MaxInt, pageBytes} {
		w, err := NewWriter()
		if err != nil {
			t.Fatal(err)
		}
		w.pageBytes = limit
		var out bytes.Buffer
		if _, err := w.Write(&out, s); err != nil {
			t.Fatal(err)
		}
		if want.Len() == 0 {
			want = out
		} else if !bytes.Equal(out.Bytes(), want.Bytes()) {
			t.Error("the limit changes the file")
		}
	}
}

// TestPageTooLong: a page whose size has no room in its header is an error, so that no
// table gets its file.
func TestPageTooLong(t *testing.T) {
	w, err := NewWriter()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w.out.Reset(&out)
	k := &chunk{meta: format.ColumnMetaData{PathInSchema: []string{"a", "b"}, Codec: format.Zstd}}
	w.dataPage(k, make([]byte, maxPage+1), 1, 0, format.Plain) // that is not even read
	if err := w.err; err == nil || !strings.Contains(err.Error(), "a.b") || w.at != 0 {
		t.Errorf("%v, %d bytes written", err, w.at)
	}
}
