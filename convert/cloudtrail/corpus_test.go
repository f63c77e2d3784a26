package cloudtrail

import (
	"archive/zip"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const sharedData = "../../../shared/data"

// corpusFile is a row of the corpus's manifest.
type corpusFile struct {
	path     string
	records  int
	distinct int
	digests  int64
}

func corpus(t *testing.T) []corpusFile {
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
	var files []corpusFile
	for _, row := range rows[1:] {
		n, _ := strconv.Atoi(row[4])
		ids, _ := strconv.Atoi(row[5])
		d, _ := strconv.ParseInt(row[6], 10, 64)
		files = append(files, corpusFile{row[0], n, ids, d})
	}
	return files
}

// texts yields the contents of a corpus file: one, or the members of a zip.
func (c corpusFile) texts(t *testing.T) []io.Reader {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(sharedData, c.path))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(b, []byte("PK\x03\x04")) {
		return []io.Reader{bytes.NewReader(b)}
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	var out []io.Reader
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

// Every container form of the corpus gives as many records as its manifest
// counts, and every record comes back equal as JSON.
func TestCorpus(t *testing.T) {
	d := NewDecoder()
	total := 0
	for _, c := range corpus(t) {
		if strings.HasSuffix(c.path, ".parquet") {
			continue
		}
		records, rejected := 0, 0
		ids := map[string]bool{}
		var content Content
		for _, r := range c.texts(t) {
			d.Reset(r)
			for {
				rec, err := d.Next()
				if err == io.EOF {
					break
				}
				var bad *RecordError
				if errors.As(err, &bad) {
					if errors.Is(err, ErrNoTime) || errors.Is(err, errBadTime) {
						records++ // whole, but no row
					}
					rejected++
					if testing.Verbose() {
						t.Logf("%s: %v: %s", c.path, err, quote(bad.Raw))
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", c.path, err)
				}
				records++
				ids[string(rec.Text(LeafEventID))] = true
				if back := rec.AppendJSON(nil); !EqualJSON(back, rec.Raw) {
					t.Errorf("%s: record %d differs\n in: %s\nout: %s", c.path, rec.Index, Canonical(rec.Raw), Canonical(back))
				}
			}
			got := d.Content()
			content.Digests += got.Digests
		}
		if records != c.records {
			t.Errorf("%s: %d records, %d rejected; the manifest has %d", c.path, records, rejected, c.records)
		}
		if content.Digests != c.digests {
			t.Errorf("%s: %d digests, want %d", c.path, content.Digests, c.digests)
		}
		total += records
	}
	if total != 7041 {
		t.Errorf("%d records in all, want 7041", total)
	}
}
