package catalog

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/trailql/trailql/catalog/storage/storagetest"
)

type needleRow struct {
	ID   string `parquet:"eventid"`
	User struct {
		ARN string `parquet:"arn"`
	} `parquet:"useridentity"`
}

// parquetWithFilters are rows with ids and users from lo to hi, 100 a row group.
func parquetWithFilters(t *testing.T, lo, hi int, options ...parquet.WriterOption) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[needleRow](&b, append(options, parquet.MaxRowsPerRowGroup(100))...)
	for i := lo; i < hi; i++ {
		row := needleRow{ID: fmt.Sprint("id-", i)}
		row.User.ARN = fmt.Sprint("arn-", i)
		if _, err := w.Write([]needleRow{row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestWithNeedles(t *testing.T) {
	filters := parquet.BloomFilters(parquet.SplitBlockFilter(16, "eventid"), parquet.SplitBlockFilter(16, "useridentity", "arn"))
	s := storagetest.NewMemory()
	var files []DataFile
	for name, data := range map[string][]byte{
		"a":       parquetWithFilters(t, 0, 1000, filters),
		"b":       parquetWithFilters(t, 1000, 2000, filters),
		"plain":   parquetWithFilters(t, 2000, 2100),
		"damaged": []byte("no Parquet"),
	} {
		if err := s.Put(t.Context(), name, data); err != nil {
			t.Fatal(err)
		}
		files = append(files, DataFile{Path: name})
	}
	table := &Table{name: "events", catalog: &Catalog{storage: s}}
	for _, c := range []struct {
		name    string
		needles []Needle
		want    []string // of those with filters
	}{
		{"none", nil, []string{"a", "b"}},
		{"in one", []Needle{{"eventid", []string{"id-7"}}}, []string{"a"}},
		{"in the last row group", []Needle{{"eventid", []string{"id-1999"}}}, []string{"b"}},
		{"member of a struct", []Needle{{"useridentity.arn", []string{"arn-1500"}}}, []string{"b"}},
		{"any of several", []Needle{{"eventid", []string{"id-7", "id-1007"}}}, []string{"a", "b"}},
		{"both", []Needle{{"eventid", []string{"id-7"}}, {"useridentity.arn", []string{"arn-7"}}}, []string{"a"}},
		{"in different row groups", []Needle{{"eventid", []string{"id-7"}}, {"useridentity.arn", []string{"arn-907"}}}, nil},
		{"nowhere", []Needle{{"eventid", []string{"id-7x"}}}, nil},
		{"a column without filters", []Needle{{"eventname", []string{"x"}}}, []string{"a", "b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			kept, err := table.WithNeedles(t.Context(), files, c.needles)
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]bool{}
			for _, f := range kept {
				got[f.Path] = true
			}
			want := map[string]bool{"plain": true, "damaged": true}
			for _, name := range c.want {
				want[name] = true
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("kept %v, want %v", got, want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := table.WithNeedles(ctx, files, []Needle{{"eventid", []string{"x"}}}); err == nil {
		t.Error("cancelled: no error")
	}
}
