package cloudtrail

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"slices"
	"testing"
)

func TestContentSHA256(t *testing.T) {
	text := `{"Records":[{"eventTime":"2026-03-04T12:00:00Z","eventName":"A","eventID":"1"},{"eventTime":"2026-03-04T12:00:00Z","eventName":"B","eventID":"2"}]}`
	whole := []byte(gz(text))
	damaged := slices.Clone(whole)
	damaged[len(damaged)-6] ^= 1
	for _, c := range []struct {
		name    string
		data    []byte
		want    string // the text that is hashed
		ok      bool
		records int64
	}{
		{"gzip", whole, text, true, 2},
		{"plain", []byte(text), text, true, 2},
		{"empty", nil, "", true, 0},
		{"nothing of CloudTrail's, read to its end all the same", []byte(gz(string(bytes.Repeat([]byte("x"), 1<<20)))), string(bytes.Repeat([]byte("x"), 1<<20)), true, 0},
		{"a second member", slices.Concat(whole, []byte(gz(text))), "", false, 4},
		{"bytes behind", append(slices.Clone(whole), 0), "", false, 2},
		{"no trailer", whole[:len(whole)-8], "", false, 2},
		{"cut", whole[:len(whole)-12], "", false, 2},
		{"wrong checksum", damaged, "", false, 2},
		{"compressed twice: the inner gzip data are the content", []byte(gz(string(whole))), string(whole), true, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			hashing, plain := NewDecoder(), NewDecoder()
			hashing.HashContent()
			for range 2 { // a decoder is used again
				hashing.Reset(bytes.NewReader(c.data))
				plain.Reset(bytes.NewReader(c.data))
				got, gotBad := drain(t, hashing)
				want, wantBad := drain(t, plain)
				if got != want || got.Records != c.records || gotBad != wantBad {
					t.Errorf("with hashing %+v and %q, without %+v and %q, want %d records", got, gotBad, want, wantBad, c.records)
				}
				sum, ok := hashing.ContentSHA256()
				if ok != c.ok || ok && sum != sha256.Sum256([]byte(c.want)) {
					t.Errorf("sum %x, %v, want that of %d bytes, %v", sum, ok, len(c.want), c.ok)
				}
			}
			if _, ok := plain.ContentSHA256(); ok {
				t.Error("a sum without HashContent")
			}
		})
	}
}

func drain(t *testing.T, d *Decoder) (Content, string) {
	t.Helper()
	var faults string
	for {
		_, err := d.Next()
		var bad *RecordError
		if err == io.EOF {
			return d.Content(), faults
		}
		if err != nil && !errors.As(err, &bad) {
			t.Fatal(err)
		}
		if err != nil {
			faults += err.Error() + "\n"
		}
	}
}
