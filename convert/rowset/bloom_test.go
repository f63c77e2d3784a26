package rowset

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
)

// Another reader finds every value by the filters, and few that are not there.
func TestBloomFilters(t *testing.T) {
	const rows = rowGroupRows + 5000 // two row groups
	var text strings.Builder
	for i := range rows {
		fmt.Fprintf(&text, `{"eventVersion":"1.08","eventTime":"2023-07-10T12:00:00Z","eventName":"x","eventID":"id-%d","sourceIPAddress":"10.0.0.%d","userIdentity":{"arn":"arn-%d"}}`+"\n", i, i%200, i%3000)
	}
	file := written(t, text.String())
	f, err := parquet.OpenFile(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		column   string
		values   int
		prefix   string
		perGroup bool // a value is in one row group only
	}{
		{"eventid", rows, "id-", true},
		{"sourceipaddress", 200, "10.0.0.", false},
		{"useridentity.arn", 3000, "arn-", false},
	} {
		leaf, ok := f.Schema().Lookup(strings.Split(c.column, ".")...)
		if !ok {
			t.Fatalf("no column %s", c.column)
		}
		found, wrong := 0, 0
		for _, g := range f.RowGroups() {
			filter := g.ColumnChunks()[leaf.ColumnIndex].BloomFilter()
			if filter == nil {
				t.Fatalf("%s: no filter", c.column)
			}
			check := func(v string) bool {
				there, err := filter.Check(parquet.ByteArrayValue([]byte(v)))
				if err != nil {
					t.Fatal(err)
				}
				return there
			}
			for i := range c.values {
				if check(fmt.Sprint(c.prefix, i)) {
					found++
				} else if !c.perGroup {
					t.Fatalf("%s: %s%d is missing", c.column, c.prefix, i)
				}
			}
			for i := range 10_000 {
				if check(fmt.Sprint("other-", i)) {
					wrong++
				}
			}
		}
		if found < c.values || wrong > 1000 {
			t.Errorf("%s: found %d of %d, and %d of 20,000 that are not there", c.column, found, c.values, wrong)
		}
	}
}
