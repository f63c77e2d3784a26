package digest

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/convert/digest/digesttest"
)

// A key that AWS prints in its documentation, unlike the others a
// SubjectPublicKeyInfo, and a signature that it made.
const (
	printedValue       = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqlzPJbvZJ42UdcmLfPUqXYNfOs6I8lCfao/tOs8CmzPOEdtLWugB9xoIUz78qVHdKIqxbaG4jWHfJBiOSSFBM0lt8cdVo4TnRa7oG9io5pysS6DJhBBAeXsicufsiFJR+wrUNh8RSLxL4k6G1+BhLX20tJkZ/erT97tDGBujAelqseGg3vPZbTx9SMfOLN65PdLFudLP7Gat0Z9p5jw/rjpclKfo9Bfc3heeBxWGKwBBOKnFAaN9V57pOaosCvPKmHd9bg7jsQkI9Xp22IzGLsTFJZYVA3KiTAElDMu80iFXPHEq9hKNbt9e4URFam+1utKVEiLkR2disdCmPTK0VQIDAQAB"
	printedFingerprint = "31e8b5433410dfb61a9dc45cc65b22ff"
	printedDigest      = "4cdaa85fddf1a1a032e5fca5d16d104d1b03f2b31641eff267d877264a44c570"
	printedSignature   = "50887ccffad4c002b97caa37cc9dc626e3c680207d41d27fa5835458e066e0d3652fc4dfc30937e4d5f4cc7f796e7a258fb50a43ac427f2237f6e505d4efaf373d156e15e3b68dea9f58111d395b62628d6bd367a9024d2183b5c5f6e19466d3a996b92df705bc997b8a0e13430f241d733cf95df4e41bb6c304c3f58363043572ea57a27085639ce187e679c0d81c7519b1184fa77fb7ab0b0e40a32dace6e1eefc3995c5ae182da49b62b26398cebb52a2201a6387b75b89c83e5570bcb9bba6c34a80f2f00a1c6ebe07d1ff149eccd812dc805bb3eeff6657db32a6cb48d2d096404eb76181877bc6ebb8cd0b23f823200155b2fd8848d428e46e8456328a"
)

func TestPrintedKey(t *testing.T) {
	keys, err := ParseKeys(strings.NewReader(`{"PublicKeyList":[{"Value":"` + printedValue + `","Fingerprint":"` + printedFingerprint + `"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	key, err := newKeyring(keys, false).find(printedFingerprint)
	if err != nil || key == nil {
		t.Fatal(key, err)
	}
	sum, _ := hex.DecodeString(printedDigest)
	signature, _ := hex.DecodeString(printedSignature)
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum, signature); err != nil {
		t.Error(err)
	}
}

func TestParseKeys(t *testing.T) {
	key := public(digesttest.Signer())
	value := base64.StdEncoding.EncodeToString(key.DER)
	info, err := x509.MarshalPKIXPublicKey(&digesttest.Signer().PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	from := time.Date(2015, 7, 8, 10, 17, 21, 0, time.UTC)
	entry := func(start string) string {
		return fmt.Sprintf(`{"Value":%q,"ValidityStartTime":%s,"ValidityEndTime":null,"Fingerprint":%q}`, value, start, key.Fingerprint)
	}
	for _, c := range []struct {
		name, text string
		n          int
		from       time.Time
		err        string
	}{
		{name: "seconds", text: `{"PublicKeyList":[` + entry(`1436350641.0`) + `]}`, n: 1, from: from},
		{name: "seconds as a text", text: `{"PublicKeyList":[` + entry(`"1436350641.0"`) + `]}`, n: 1, from: from},
		{name: "ISO 8601", text: `{"PublicKeyList":[` + entry(`"2015-07-08T12:17:21+02:00"`) + `]}`, n: 1, from: from},
		{name: "ISO 8601 with fractions", text: `{"PublicKeyList":[` + entry(`"2015-07-08T10:17:21.000000+00:00"`) + `]}`, n: 1, from: from},
		{name: "no time", text: `{"PublicKeyList":[` + entry(`null`) + `]}`, n: 1},
		{name: "answers of two Regions", text: `{"PublicKeyList":[` + entry(`1`) + `]}` + "\n" + `{"PublicKeyList":[` + entry(`2`) + `]}`, n: 2, from: time.Unix(1, 0).UTC()},
		{name: "the list alone", text: `[` + entry(`1`) + `]`, n: 1, from: time.Unix(1, 0).UTC()},
		{name: "a SubjectPublicKeyInfo", text: fmt.Sprintf(`[{"Value":%q,"Fingerprint":%q}]`, base64.StdEncoding.EncodeToString(info), Fingerprint(info)), n: 1},
		{name: "no fingerprint", text: fmt.Sprintf(`[{"Value":%q}]`, value), n: 1},
		{name: "a text that is no time", text: `[` + entry(`"yesterday"`) + `]`, err: `time "yesterday"`},
		{name: "another fingerprint", text: fmt.Sprintf(`[{"Value":%q,"Fingerprint":"00"}]`, value), err: "fingerprint 00 is not that of the key"},
		{name: "no base64", text: `[{"Value":"?"}]`, err: "decode Value"},
		{name: "no key", text: `{"PublicKeyList":[]}`, err: "there is no key"},
		{name: "nothing", text: ``, err: "there is no key"},
		{name: "no JSON", text: `<xml/>`, err: "invalid character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			keys, err := ParseKeys(strings.NewReader(c.text))
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil || len(keys) != c.n {
				t.Fatalf("%d keys, want %d: %v", len(keys), c.n, err)
			}
			if !keys[0].ValidFrom.Equal(c.from) {
				t.Errorf("valid from %v, want %v", keys[0].ValidFrom, c.from)
			}
			ring := newKeyring(keys, false)
			got, err := ring.find(strings.ToUpper(keys[0].Fingerprint))
			if err != nil || got == nil || !got.Equal(&digesttest.Signer().PublicKey) {
				t.Errorf("key %v, %v", got, err)
			}
		})
	}
}

// The one real digest that there is: a redacted one, which parses.
func TestPrintedDigest(t *testing.T) {
	text, err := os.ReadFile("../../../shared/data/records/llm-guard/digest.json")
	if err != nil {
		t.Skip("no shared data: ", err)
	}
	d, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if d.Start.IsZero() || !d.End.After(d.Start) || d.Object == "" || len(d.Logs) == 0 {
		t.Errorf("%+v", d)
	}
}

func TestParseRefuses(t *testing.T) {
	good := map[string]any{
		"digestPublicKeyFingerprint": "f", "digestS3Bucket": "b", "digestS3Object": "o", "previousDigestSignature": nil,
		"digestStartTime": "2026-03-04T12:00:00Z", "digestEndTime": "2026-03-04T13:00:00Z", "logFiles": []any{},
	}
	text := func(change func(map[string]any)) []byte {
		m := map[string]any{}
		for k, v := range good {
			m[k] = v
		}
		change(m)
		text, _ := json.Marshal(m)
		return text
	}
	if _, err := Parse(text(func(map[string]any) {})); err != nil {
		t.Fatal(err)
	}
	for name := range good {
		if _, err := Parse(text(func(m map[string]any) { delete(m, name) })); err == nil {
			t.Errorf("without %s: no error", name)
		}
		if _, err := Parse(text(func(m map[string]any) { m[name] = 7 })); err == nil {
			t.Errorf("%s is a number: no error", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	tr := digesttest.NewTrail(f, digesttest.NewBucket("example"))
	f.Add(tr.Digest(noon, noon.Add(time.Hour), tr.Log(noon)).Text)
	f.Add(tr.Digest(noon.Add(time.Hour), noon.Add(2*time.Hour)).Text)
	f.Add([]byte(`{"logFiles":[null]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := Parse(text)
		if err != nil {
			return
		}
		if d.Start.IsZero() && d.End.IsZero() && d.EndText == "" {
			t.Errorf("a digest without times: %+v", d)
		}
		// Whatever it says must not lead out of a source, or crash.
		a := &atlas{sources: []*source{{storage: digesttest.NewBucket("x")}}}
		r, _ := a.learn(0, "AWSLogs/x.json.gz", d.Bucket, d.Object)
		for _, l := range d.Logs {
			for _, p := range a.places(r, l.Bucket, l.Object) {
				if !clean(p.name) {
					t.Errorf("%q leads to %q", l.Object, p.name)
				}
			}
		}
		d.verifies(&digesttest.Signer().PublicKey, sha256.Sum256(text), "00")
	})
}

func FuzzParseKeys(f *testing.F) {
	f.Add([]byte(`{"PublicKeyList":[{"Value":"` + printedValue + `","ValidityStartTime":"1436317441.0","ValidityEndTime":1438909441,"Fingerprint":"` + printedFingerprint + `"}]}`))
	f.Add([]byte(`[{"Value":"AAAA"}]`))
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := ParseKeys(bytes.NewReader(text))
		if err != nil {
			return
		}
		ring := newKeyring(keys, false)
		for _, k := range keys {
			if key, err := ring.find(k.Fingerprint); key == nil && err == nil {
				t.Errorf("key %s is lost", k.Fingerprint)
			}
		}
	})
}

func FuzzMetadata(f *testing.F) {
	f.Add([]byte(`{"Metadata":{"signature":"00"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if m, err := parseMetadata(text); err == nil && m == nil {
			t.Error("no map and no error")
		}
	})
}
