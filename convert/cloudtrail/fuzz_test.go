package cloudtrail

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

func seedTexts(f *testing.F) {
	for _, c := range slices.Concat(forms, brokenForms) {
		if len(c.text) < 4096 {
			f.Add([]byte(c.text))
		}
	}
	for _, c := range faults {
		if len(c.text) < 4096 {
			f.Add([]byte(list(rec("a"), c.text, rec("b"))))
		}
	}
}

// FuzzDecoder: whatever the object, decoding ends, in no more results than
// bytes; each record is valid JSON and comes back from its columns; reading in
// pieces changes nothing.
func FuzzDecoder(f *testing.F) {
	seedTexts(f)
	d := NewDecoder()
	f.Fuzz(func(t *testing.T, text []byte) {
		d.Reset(bytes.NewReader(text))
		for {
			record, err := d.Next()
			var bad *RecordError
			if err != nil && !errors.As(err, &bad) {
				if err != io.EOF {
					t.Fatal(err)
				}
				break
			}
			if err == nil {
				checkLossless(t, record)
			}
		}
		results, content, err := decode(t, d, bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		plain := plainText(string(text))
		if len(results) > len(plain)+1 {
			t.Errorf("%d results in %d bytes", len(results), len(plain))
		}
		if content.Foreign > 0 && len(results) > 0 {
			t.Errorf("foreign with %d results", len(results))
		}
		if content.Records > 0 && !content.Relevant {
			t.Error("records, but not relevant")
		}
		if !bytes.HasPrefix(text, []byte("\x1f\x8b")) && content.Foreign == 0 && content.Bytes != int64(len(text)) {
			t.Errorf("read %d bytes of %d", content.Bytes, len(text))
		}
		for _, pieces := range []io.Reader{iotest.OneByteReader(bytes.NewReader(text)), iotest.DataErrReader(bytes.NewReader(text))} {
			again, c, err := decode(t, d, pieces)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(results, again); diff != "" {
				t.Errorf("in pieces:\n%s", diff)
			}
			if c.Bytes = content.Bytes; c != content {
				t.Errorf("in pieces: content %+v, want %+v", c, content)
			}
		}
	})
}

// FuzzRecord: one object that encoding/json takes and that has the marks of a
// record is one record, equal by encoding/json, or one error.
func FuzzRecord(f *testing.F) {
	for _, v := range values {
		f.Add([]byte(with("a", `"requestParameters":`+v+`,"unknown":`+v+`,"resources":`+v+`,`)))
		f.Add([]byte(attributes(`"x":` + v)))
	}
	for _, c := range faults {
		if len(c.text) < 4096 {
			f.Add([]byte(c.text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var members map[string]json.RawMessage
		if json.Unmarshal(text, &members) != nil || members == nil {
			return
		}
		var marks uint64
		for name := range members {
			if k, ok := layout.objects[0].lookup[name]; ok {
				marks |= 1 << k & recordMarks
			}
			if isList(name) {
				return
			}
		}
		if bits.OnesCount64(marks) < minMarks || members["eventType"] != nil {
			return
		}
		n := 0
		for record, err := range Records(bytes.NewReader(text)) {
			n++
			if err != nil {
				continue
			}
			checkLossless(t, record)
			if !equalByStdlib(t, text, record.Raw) {
				t.Errorf("record of %q is %q", text, record.Raw)
			}
			if got := record.Time.Year(); got < 1 || got > 9999 {
				t.Errorf("year %d", got)
			}
		}
		if n != 1 {
			t.Errorf("%d results of %q", n, text)
		}
	})
}

// FuzzCanonical: our scanner takes what encoding/json takes, but for what is no
// Unicode text or too deep; and the canonical form is the same value, the same
// for each way to write it, and its own canonical form.
func FuzzCanonical(f *testing.F) {
	for _, v := range values {
		f.Add([]byte(v))
		f.Add([]byte(`{"b":` + v + ` , "a":[` + v + `]}`))
	}
	for _, c := range faults {
		if len(c.text) < 4096 {
			f.Add([]byte(c.text))
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s := scanner{text: pad(text), end: len(text)}
		end, compact := s.value(0, 0)
		ours := end > 0 && s.space(end) == len(text)
		theirs := json.Valid(text)
		if ours && !theirs {
			t.Fatalf("we take %q", text)
		}
		lone := s.err == errSurrogate || s.err == errShort && bytes.Contains(bytes.ToLower(text), []byte(`\ud`))
		if !ours && theirs && utf8.Valid(text) && !lone && s.err != errDepth {
			t.Fatalf("we do not take %q: %v", text, s.err)
		}
		if !ours {
			return
		}
		if compact && !hasSpaceAround(text) && !bytes.Equal(appendCompact(nil, text), text) {
			t.Errorf("not compact: %q", text)
		}
		c := Canonical(text)
		if !equalByStdlib(t, text, c) {
			t.Errorf("canonical form of %q is %q", text, c)
		}
		if again := Canonical(c); !bytes.Equal(again, c) {
			t.Errorf("canonical form of %q is %q", c, again)
		}
		var b bytes.Buffer
		if json.Indent(&b, text, " ", "\t") == nil && !EqualJSON(text, b.Bytes()) {
			t.Errorf("%q is not %q", text, b.Bytes())
		}
		if strings.Count(string(c), "\n")+strings.Count(string(c), "\t") > 0 {
			t.Errorf("white space in %q", c)
		}
	})
}

func hasSpaceAround(text []byte) bool { return len(bytes.TrimSpace(text)) != len(text) }
