package rowset

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/trailql/trailql/convert/cloudtrail"
)

// contents are rows by their JSON, time, object and place.
func contents(s *Set) map[string]int {
	out := map[string]int{}
	var rec cloudtrail.Record
	for row := range s.rows {
		if s.gone.has(row) {
			continue
		}
		s.Row(row, &rec)
		out[fmt.Sprintf("%s %d %s %d", cloudtrail.Canonical(rec.AppendJSON(nil)), rec.Time.UnixMicro(), rec.Text(cloudtrail.LeafSourceObject), rec.Index)]++
	}
	return out
}

// roundTrip writes a set and reads it back, by a writer that has been used.
func roundTrip(t testing.TB, w *Writer, s *Set) map[string]int {
	t.Helper()
	var out bytes.Buffer
	m, err := w.Write(&out, s)
	if err != nil {
		t.Fatal(err)
	}
	if m.Rows != int64(s.Len()) || m.Bytes != int64(out.Len()) {
		t.Errorf("metrics say %d rows, %d bytes; there are %d, %d", m.Rows, m.Bytes, s.Len(), out.Len())
	}
	first, last := s.Times()
	if s.gone.n == 0 && (!m.First.Equal(first) || !m.Last.Equal(last)) {
		t.Errorf("times %v..%v, not %v..%v", m.First, m.Last, first, last)
	}
	f, err := Open(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for g := range f.RowGroups() {
		back := New(&Pool{})
		if err := f.Load(g, back); err != nil {
			t.Fatal(err)
		}
		for key, n := range contents(back) {
			got[key] += n
		}
		var identities, want []uint64
		if err := f.Identities(g, func(_ int, _ int64, identity uint64) { identities = append(identities, identity) }); err != nil {
			t.Fatal(err)
		}
		var rec cloudtrail.Record
		for row := range back.rows {
			if back.Row(row, &rec); len(rec.Text(cloudtrail.LeafEventID)) > 0 {
				want = append(want, Identity(&rec))
			} else {
				want = append(want, 0)
			}
		}
		if d := gocmp.Diff(want, identities); d != "" {
			t.Errorf("identities (-want +got):\n%s", d)
		}
	}
	return got
}

// record is a text that decodes to one.
func record(id, members string) string {
	return `{"eventVersion":"1.08","userIdentity":{"type":"Root"},` + members + `"eventTime":"2023-07-10T12:00:00Z","eventSource":"s3.amazonaws.com","awsRegion":"us-east-1","eventID":"` + id + `"}` + "\n"
}

// FuzzRoundTrip: the records of any object, added, written and loaded again, are
// the same, each once; so are those that are left when some are dropped.
func FuzzRoundTrip(f *testing.F) {
	values := []string{
		`null`, `true`, `0.0`, `""`, `"x"`, `"\u0000é😀"`, `[]`, `{}`, `[{}]`, `[null]`, `["x"]`, `[[]]`, `{"a":null}`, `{"a":"1","b":"2"}`, `{"":""}`,
		`[{"ARN":"a","accountId":"1","type":"t"},{"ARN":"","type":""},{"type":"t"}]`, `[{"ARNPrefix":"p"}]`, `[{"ARN":null}]`,
		`"` + strings.Repeat("x", 5000) + `"`,
	}
	for _, v := range values {
		var b strings.Builder
		for i, member := range []string{
			`"requestParameters":%s,`, `"resources":%s,`, `"tlsDetails":%s,`, `"errorCode":%s,`, `"unknown":%s,`, `"readOnly":%s,`, `"addendum":%s,`, `"addendum":{"reason":%s},`,
		} {
			b.WriteString(record(fmt.Sprint(i), fmt.Sprintf(member, v)))
		}
		for _, identity := range []string{
			`%s`, `{"onBehalfOf":%s}`, `{"sessionContext":%s}`, `{"sessionContext":{"attributes":%s}}`, `{"sessionContext":{"sessionIssuer":%s}}`,
			`{"sessionContext":{"webIdFederationData":%s}}`, `{"sessionContext":{"webIdFederationData":{"attributes":%s}}}`, `{"arn":%s,"userName":%s}`,
		} {
			b.WriteString(strings.Replace(record("", ""), `{"type":"Root"}`, strings.ReplaceAll(identity, "%s", v), 1))
		}
		f.Add([]byte(b.String()), uint8(3))
		f.Add([]byte(b.String()+b.String()), uint8(0))
	}
	// Empty values behind one that is longer than any slab.
	var b strings.Builder
	for i, v := range []string{strings.Repeat("x", 100_000), "", "z", ""} {
		b.WriteString(record(fmt.Sprint(i), fmt.Sprintf(`"eventName":"%s","resources":[{"ARN":"%s"}],`, v, v)))
	}
	f.Add([]byte(b.String()), uint8(3))
	w, err := NewWriter()
	if err != nil {
		f.Fatal(err)
	}
	pool := &Pool{}
	f.Fuzz(func(t *testing.T, text []byte, drop uint8) {
		s := New(pool)
		defer s.Reset()
		s.Region, s.Date = "r", "d"
		want := map[string]int{}
		added := 0
		var kept [][]byte
		for rec, err := range cloudtrail.Records(bytes.NewReader(text)) {
			if err != nil || rec.Aggregated {
				continue
			}
			rec.Set(cloudtrail.LeafSourceObject, []byte("object"))
			key := fmt.Sprintf("%s %d object %d", cloudtrail.Canonical(rec.Raw), rec.Time.UnixMicro(), rec.Index)
			if s.Add(rec) {
				want[key]++
				added++
				kept = append(kept, bytes.Clone(rec.Raw))
			}
			if len(rec.Text(cloudtrail.LeafEventID)) > 0 && s.Add(rec) {
				t.Errorf("added twice: %s", rec.Raw)
			}
		}
		if s.Len() != added || len(want) != added {
			t.Errorf("%d rows of %d added, %d values", s.Len(), added, len(want))
		}
		if added == 0 {
			return
		}
		if d := gocmp.Diff(want, contents(s)); d != "" {
			t.Fatalf("in memory (-want +got):\n%s", d)
		}
		if d := gocmp.Diff(want, roundTrip(t, w, s)); d != "" {
			t.Fatalf("written (-want +got):\n%s", d)
		}
		// Drop every few rows; what is dropped is what is gone.
		if drop == 0 {
			return
		}
		for i, raw := range kept {
			if i%int(drop) != 0 || s.Len() == 1 {
				continue
			}
			for rec, err := range cloudtrail.Records(bytes.NewReader(raw)) {
				if err != nil {
					t.Fatal(err)
				}
				if len(rec.Text(cloudtrail.LeafEventID)) == 0 {
					continue // its place is not known any more
				}
				rec.Set(cloudtrail.LeafSourceObject, []byte("another"))
				if !s.Drop(rec) {
					t.Errorf("not dropped: %s", raw)
				}
				if s.Drop(rec) {
					t.Errorf("dropped twice: %s", raw)
				}
			}
		}
		left := contents(s)
		if d := gocmp.Diff(left, roundTrip(t, w, s)); d != "" {
			t.Errorf("after drops (-in memory +written):\n%s", d)
		}
		if n := len(s.Identities()); n != s.Len() {
			t.Errorf("%d identities of %d rows", n, s.Len())
		}
	})
}
