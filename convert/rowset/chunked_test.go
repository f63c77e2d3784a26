package rowset

import (
	"fmt"
	"strings"
	"testing"

	"github.com/trailql/trailql/convert/cloudtrail"
)

// TestTextsBehindLongOnes: short texts are read back whatever the length of the text
// before them, which may have a slab of its own or fill one.
func TestTextsBehindLongOnes(t *testing.T) {
	for _, before := range []string{"", "first"} {
		for _, n := range []int{0, slabSize - 1, slabSize, slabSize + 1, 1<<16 - 1, 1 << 16, 1<<16 + 1, 100_000} {
			t.Run(fmt.Sprintf("%d after %q", n, before), func(t *testing.T) {
				texts := []string{strings.Repeat("x", n), "", "z", "", strings.Repeat("y", n), "", "z"}
				if before != "" {
					texts = append([]string{before}, texts...)
				}
				var a arena
				m := memory{pool: &Pool{}}
				var spans []span
				for _, v := range texts {
					spans = append(spans, a.add([]byte(v), &m))
				}
				for i, want := range texts {
					if got := a.text(spans[i]); string(got) != want || got == nil {
						t.Errorf("text %d has %d bytes, want %d", i, len(got), len(want))
					}
				}
			})
		}
	}
}

// TestEmptyTextBehindLongOne: that holds for the values of records, and in sets that
// are loaded from a file.
func TestEmptyTextBehindLongOne(t *testing.T) {
	s := New(&Pool{})
	s.Region, s.Date = "us-east-1", "2023-07-10"
	names := []string{strings.Repeat("x", 100_000), "", "z", ""}
	for i, name := range names {
		text := fmt.Sprintf(`{"eventTime":"2023-07-10T12:00:%02dZ","eventID":"id-%d","eventName":"%s"}`, i, i, name)
		for rec, err := range cloudtrail.Records(strings.NewReader(text)) {
			if err != nil {
				t.Fatal(err)
			}
			s.Add(rec)
		}
	}
	for i, want := range names {
		if got := s.leaves[cloudtrail.LeafEventName].at(i); string(got) != want {
			t.Errorf("row %d has %d bytes, want %d", i, len(got), len(want))
		}
	}
	w, err := NewWriter()
	if err != nil {
		t.Fatal(err)
	}
	if got := roundTrip(t, w, s); len(got) != len(names) {
		t.Errorf("%d rows read back, want %d", len(got), len(names))
	}
}
