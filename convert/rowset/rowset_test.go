package rowset

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

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
	rows := 0
	var last int64
	for g := range f.RowGroups() {
		back := New(&Pool{})
		if err := f.Load(g, back); err != nil {
			t.Fatal(err)
		}
		var rec cloudtrail.Record
		for row := range back.Len() {
			back.Row(row, &rec)
			if rec.Time.UnixMicro() < last {
				t.Errorf("row %d is before the row above it", rows)
			}
			last = rec.Time.UnixMicro()
			got[string(cloudtrail.Canonical(rec.AppendJSON(nil)))]++
			rows++
		}
	}
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
