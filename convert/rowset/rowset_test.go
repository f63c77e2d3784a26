package rowset

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"

	"github.com/trailql/trailql/convert/cloudtrail"
)

const sharedData = "../../../shared/data"

// corpusSet has the records of every corpus file that is not a zip.
func corpusSet(t *testing.T) (*Set, map[string]int) {
	t.Helper()
	f, err := os.Open(filepath.Join(sharedData, "manifest.tsv"))
	if err != nil {
		t.Skipf("the corpus of real records is not here: %v", err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma = '\t'
	r.LazyQuotes = true
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	s := New(&Pool{})
	s.Region, s.Date = "r", "d"
	want := map[string]int{}
	d := cloudtrail.NewDecoder()
	for _, row := range rows[1:] {
		b, err := os.ReadFile(filepath.Join(sharedData, row[0]))
		if err != nil {
			t.Fatal(err)
		}
		d.Reset(bytes.NewReader(b))
		for {
			rec, err := d.Next()
			if err == io.EOF {
				break
			}
			var bad *cloudtrail.RecordError
			if errors.As(err, &bad) {
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			rec.Set(cloudtrail.LeafSourceObject, []byte(row[0]))
			raw := string(cloudtrail.Canonical(rec.Raw))
			if s.Add(rec) {
				want[raw]++
			} else if want[raw] == 0 {
				t.Errorf("%s: dropped a record that is not there: %.200s", row[0], raw)
			}
		}
	}
	return s, want
}

// written is a file of records, which are JSON.
func written(t *testing.T, records string) []byte {
	t.Helper()
	s := New(&Pool{})
	s.Region, s.Date = "us-east-1", "2023-07-10"
	d := cloudtrail.NewDecoder()
	d.Reset(strings.NewReader(records))
	for {
		rec, err := d.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		rec.Set(cloudtrail.LeafSourceObject, []byte("object"))
		s.Add(rec)
	}
	w, err := NewWriter()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := w.Write(&out, s); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// sortKey is what the rows of a row group are sorted by.
func sortKey(rec *cloudtrail.Record) string {
	return fmt.Sprintf("%s\x00%s\x00%020d", rec.Text(cloudtrail.LeafEventSource), rec.Text(cloudtrail.LeafEventName), rec.Time.UnixMicro())
}

// inOrder reads a file, checks its order and counts its rows.
func inOrder(t *testing.T, f *File, see func(*cloudtrail.Record)) (rows int) {
	t.Helper()
	var before int64 // the latest event of earlier row groups
	for g := range f.RowGroups() {
		back := New(&Pool{})
		if err := f.Load(g, back); err != nil {
			t.Fatal(err)
		}
		var rec cloudtrail.Record
		last, latest := "", before
		for row := range back.Len() {
			back.Row(row, &rec)
			if rec.Time.UnixMicro() < before {
				t.Errorf("row %d is before a row group above it", rows)
			}
			key := sortKey(&rec)
			if key < last {
				t.Errorf("row %d is before the row above it: %q, %q", rows, key, last)
			}
			last, latest = key, max(latest, rec.Time.UnixMicro())
			see(&rec)
			rows++
		}
		before = latest
	}
	return rows
}

// TestOrderOfRowGroups: row groups follow each other in time, and no page index says that
// times ascend where they do not.
func TestOrderOfRowGroups(t *testing.T) {
	const rows = rowGroupRows + 5000
	var text strings.Builder
	for i := range rows {
		fmt.Fprintf(&text, `{"eventTime":"2023-07-10T%02d:%02d:%02dZ","eventSource":"s%d.amazonaws.com","eventName":"n%d","eventID":"id-%d"}`+"\n",
			23-i%24, i%60, i/60%60, i%2, i%2, i)
	}
	file := written(t, text.String())
	f, err := Open(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	if n := inOrder(t, f, func(*cloudtrail.Record) {}); n != rows || f.RowGroups() != 2 {
		t.Errorf("%d rows in %d row groups", n, f.RowGroups())
	}
	other, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	at, ok := other.Schema().Lookup(cloudtrail.TimestampColumn)
	if !ok {
		t.Fatal("no column of event times")
	}
	for g, group := range other.Metadata().RowGroups {
		c := group.Columns[at.ColumnIndex]
		var index format.ColumnIndex
		text := file[c.ColumnIndexOffset:][:c.ColumnIndexLength]
		if err := thrift.Unmarshal(&thrift.CompactProtocol{}, text, &index); err != nil {
			t.Fatal(err)
		}
		ascend := slices.IsSortedFunc(index.MinValues, func(a, b []byte) int {
			return cmp.Compare(binary.LittleEndian.Uint64(a), binary.LittleEndian.Uint64(b))
		})
		if index.BoundaryOrder == format.Ascending && !ascend {
			t.Errorf("row group %d: the index says that times ascend", g)
		}
		if g == 0 && ascend {
			t.Error("times ascend: that proves little")
		}
	}
}

// What is written is read back: every record of the corpus equal as JSON, once
// however often it was added.
func TestCorpusRoundTrip(t *testing.T) {
	s, want := corpusSet(t)
	w, err := NewWriter()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	m, err := w.Write(&out, s)
	if err != nil {
		t.Fatal(err)
	}
	if m.Rows != int64(s.Len()) || m.Bytes != int64(out.Len()) {
		t.Errorf("metrics say %d rows, %d bytes; there are %d, %d", m.Rows, m.Bytes, s.Len(), out.Len())
	}
	f, err := Open(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	rows := inOrder(t, f, func(rec *cloudtrail.Record) { got[string(cloudtrail.Canonical(rec.AppendJSON(nil)))]++ })
	if rows != s.Len() {
		t.Errorf("read %d rows of %d", rows, s.Len())
	}
	for raw, n := range want {
		if got[raw] != n {
			t.Errorf("%d times instead of %d: %.300s", got[raw], n, raw)
		}
	}
	for raw := range got {
		if want[raw] == 0 {
			t.Errorf("not in the corpus: %.300s", raw)
		}
	}
	if path := os.Getenv("KEEP"); path != "" {
		os.WriteFile(path, out.Bytes(), 0o644)
	}
}
