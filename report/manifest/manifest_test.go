package manifest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trailql/trailql/report"
)

const rowCount = 300

// folder is a report with rows, lines and a large file without line feeds.
func folder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "report")
	var rows, table strings.Builder
	table.WriteString("event_id,user_agent\n")
	for i := range rowCount {
		fmt.Fprintf(&rows, "{\"event_id\":%q,\"actor\":\"someone\"}\n", fmt.Sprint("e-", i))
		fmt.Fprintf(&table, "e-%d,\"a \"\"quoted\"\"\nvalue, of two lines\"\n", i)
	}
	for name, content := range map[string]string{
		"evidence.jsonl":     rows.String(),
		"csv/controls.csv":   table.String(),
		"report.html":        "<!DOCTYPE html>\n<p>one\n<p>two\n",
		"large.bin":          strings.Repeat("0123456789abcdef", 20_000),
		"empty.txt":          "",
		"no-line-feed.jsonl": `{"only":"row"}`,
	} {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

var logObjects = map[string]string{"AWSLogs/a.json.gz": "content of a", "AWSLogs/\u202eb.json.gz": "content of b"}

func facts() Facts {
	from := time.Date(2026, 8, 1, 0, 0, 0, 0, time.UTC)
	r := &report.Report{
		Title:    "Monthly <report>",
		Run:      report.Header{ID: "run-1", Started: from.AddDate(0, 1, 0), Operator: "me@here", ProgramVersion: "1.0", PreviousReport: strings.Repeat("ab", 32)},
		Period:   report.Period{Name: "2026-08", From: from, To: from.AddDate(0, 1, 0), Zone: "UTC", Lateness: time.Hour},
		Snapshot: report.Snapshot{Warehouse: "w", Version: 7, ID: 1 << 60, Records: 99},
		Coverage: report.Coverage{Cells: []report.CoverageCell{{Account: "1", Region: "r", Day: "2026-08-01", Events: 99}},
			Gaps: []report.Gap{{Account: "1", Region: "r", From: from, To: from.Add(time.Hour), Hours: 1, Reason: "none"}}},
		Packs:      []report.Pack{{ID: "cis", Version: "v5.0", Hash: "sha256:00"}},
		Statements: []report.Statement{{Name: "rows", SQL: "SELECT 1", Params: []string{`"x"`}}},
	}
	return Facts{Report: r, Inputs: []Input{{Name: "exceptions.yaml", SHA256: hexSum([]byte("x"))}}, Objects: func(take func(report.LogObject) error) error {
		for _, name := range []string{"AWSLogs/a.json.gz", "AWSLogs/\u202eb.json.gz"} {
			content := logObjects[name]
			if err := take(report.LogObject{Object: name, SHA256: hexSum([]byte(content)), Bytes: int64(len(content)), Records: 3}); err != nil {
				return err
			}
		}
		return nil
	}}
}

func openObject(name string) (io.ReadCloser, error) {
	content, ok := logObjects[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return io.NopCloser(strings.NewReader(content)), nil
}

// testKey is always the same key; seed makes others.
func testKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func publicOf(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

func sealed(t *testing.T, key ed25519.PrivateKey) string {
	t.Helper()
	dir := folder(t)
	hash, err := Seal(t.Context(), dir, facts(), key)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := Hash(dir); err != nil || again != hash {
		t.Errorf("Hash = %s, %v, Seal said %s", again, err, hash)
	}
	return dir
}

func verify(t *testing.T, dir string, o Options) *Result {
	t.Helper()
	r, err := Verify(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestUnchanged(t *testing.T) {
	key := testKey(1)
	dir := sealed(t, key)
	r := verify(t, dir, Options{Keys: []ed25519.PublicKey{publicOf(testKey(2)), publicOf(key)}, Previous: strings.Repeat("AB", 32), Object: openObject})
	if len(r.Changes) > 0 {
		t.Errorf("changes of an unchanged report: %v", r.Changes)
	}
	if r.Signature != Valid || r.Files != 8 || r.Objects != 2 {
		t.Errorf("signature %s, %d files, %d log objects", r.Signature, r.Files, r.Objects)
	}
	m := r.Manifest
	if m.Run.ID != "run-1" || m.Period.Zone != "UTC" || m.Snapshot.ID != 1<<60 || m.Coverage.Events != 99 || len(m.Coverage.Gaps) != 1 || m.Packs[0].Hash == "" ||
		m.Statements[0].SQL != "SELECT 1" || m.LogObjects.Bytes != 24 || m.LogObjects.Records != 6 || m.Inputs[0].Name != "exceptions.yaml" || m.SigningKey != KeyID(publicOf(key)) {
		t.Errorf("the manifest lacks facts: %+v", m)
	}
}

func TestUnsigned(t *testing.T) {
	dir := sealed(t, nil)
	if r := verify(t, dir, Options{}); len(r.Changes) > 0 || r.Signature != Absent {
		t.Errorf("changes %v, signature %s", r.Changes, r.Signature)
	}
	r := verify(t, dir, Options{Keys: []ed25519.PublicKey{publicOf(testKey(1))}})
	if len(r.Changes) != 1 || r.Changes[0].File != SignatureFile {
		t.Errorf("an unsigned report passes where a key is given: %v", r.Changes)
	}
}

func TestDeterministic(t *testing.T) {
	a, b := sealed(t, testKey(1)), sealed(t, testKey(1))
	for _, name := range []string{File, SignatureFile, objectsFile, blocksFile} {
		if read(t, a, name) != read(t, b, name) {
			t.Errorf("%s differs between two runs", name)
		}
	}
}

// TestChangeOfEveryByte changes bytes all over every file, one at a time.
func TestChangeOfEveryByte(t *testing.T) {
	key := testKey(1)
	dir := sealed(t, key)
	options := Options{Keys: []ed25519.PublicKey{publicOf(key)}}
	for _, name := range append(namesOf(t, dir), File, SignatureFile) {
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) {
			content := read(t, dir, name)
			step := max(1, len(content)/97)
			for at := 0; at < len(content); at += step {
				b := []byte(content)
				b[at] ^= 1
				replace(t, dir, name, string(b))
				r := verify(t, dir, options)
				i := slices.IndexFunc(r.Changes, func(c Change) bool { return c.File == name })
				switch {
				case len(r.Changes) == 0:
					t.Fatalf("byte %d: nothing is noticed", at)
				case i < 0:
					t.Fatalf("byte %d: the file is not named: %v", at, r.Changes)
				case name != SignatureFile && r.Changes[i].To > r.Changes[i].From && (int64(at) < r.Changes[i].From || int64(at) >= r.Changes[i].To):
					t.Fatalf("byte %d: the wrong place is named: %v", at, r.Changes[i])
				case name != SignatureFile && name != blocksFile && r.Changes[i].To == r.Changes[i].From:
					t.Fatalf("byte %d: no place is named: %v", at, r.Changes[i])
				case name != File && name != SignatureFile && r.Signature != Valid:
					t.Fatalf("byte %d: the signature is %s", at, r.Signature)
				}
			}
			replace(t, dir, name, content)
		})
	}
	if r := verify(t, dir, options); len(r.Changes) > 0 {
		t.Errorf("the test left changes: %v", r.Changes)
	}
}

func TestWhatChangedIsNamed(t *testing.T) {
	key := testKey(1)
	lines := func(edit func(lines []string) []string) func(string) string {
		return func(content string) string { return strings.Join(edit(strings.SplitAfter(content, "\n")), "") }
	}
	tests := []struct {
		name, file string
		edit       func(string) string
		want       string
	}{
		{"row of JSON lines", "evidence.jsonl", func(s string) string { return strings.Replace(s, `"e-41"`, `"e-4I"`, 1) },
			"evidence.jsonl: row 42 was changed (bytes 1548 to 1585)"},
		{"row of CSV, second line of it", "csv/controls.csv", func(s string) string { return strings.Replace(s, "value", "Value", 1) },
			"csv/controls.csv: row 1 was changed (bytes 20 to 58)"},
		{"header of CSV", "csv/controls.csv", func(s string) string { return strings.Replace(s, "event_id", "event_ID", 1) },
			"csv/controls.csv: the header was changed (bytes 0 to 19)"},
		{"row removed", "evidence.jsonl", lines(func(l []string) []string { return slices.Delete(l, 9, 10) }),
			"evidence.jsonl: row 10 was removed (at byte 333)"},
		{"row inserted", "evidence.jsonl", lines(func(l []string) []string { return slices.Insert(l, 9, l[0]) }),
			"evidence.jsonl: row 10 was inserted (bytes 333 to 369)"},
		{"rows swapped", "evidence.jsonl", lines(func(l []string) []string { l[4], l[5] = l[5], l[4]; return l }),
			"evidence.jsonl: row 5 was"},
		{"last row removed", "evidence.jsonl", lines(func(l []string) []string { return l[:rowCount-1] }),
			"evidence.jsonl: row 300 is missing: the file ends after"},
		{"row appended", "evidence.jsonl", func(s string) string { return s + "{}\n" }, "evidence.jsonl: row 301 was added"},
		{"line of HTML", "report.html", func(s string) string { return strings.Replace(s, "<p>two", "<p>tvo", 1) }, "report.html: line 3 was changed (bytes 23 to 29)"},
		{"64 KiB of a file without lines", "large.bin", func(s string) string { return s[:100_000] + "x" + s[100_001:] }, "large.bin: line 2 was changed (bytes 65536 to 131071)"},
		{"file emptied", "report.html", func(string) string { return "" }, "report.html: line 1 is missing: the file ends after 0 bytes"},
		{"empty file filled", "empty.txt", func(string) string { return "x" }, "empty.txt: line 1 was added: the file ended before it (bytes 0 to 0)"},
		{"period in the manifest", File, func(s string) string { return strings.Replace(s, "2026-08-01", "2026-08-02", 1) }, "manifest.json: line 15 was changed"},
		{"chain in the manifest", File, func(s string) string {
			return strings.Replace(s, strings.Repeat("ab", 32), strings.Repeat("cd", 32), 1)
		}, "manifest.json: line 11 was changed"},
		{"line added to the manifest", File, func(s string) string { return s + "\n" }, "manifest.json: line 121 was added"},
		{"manifest cut", File, func(s string) string { return s[:len(s)/2] }, "manifest.json: line"},
		{"signature of another", SignatureFile, func(s string) string {
			return string(signature([]byte("other"), KeyID(publicOf(testKey(1))), testKey(1)))
		}, "manifest.json: line 1"},
		{"log object of the list", objectsFile, func(s string) string { return strings.Replace(s, "a.json", "c.json", 1) }, "log-objects.jsonl: row 1 was changed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := sealed(t, key)
			before := read(t, dir, test.file)
			after := test.edit(before)
			if after == before {
				t.Fatal("the test changes nothing")
			}
			replace(t, dir, test.file, after)
			r := verify(t, dir, Options{Keys: []ed25519.PublicKey{publicOf(key)}})
			if len(r.Changes) == 0 || !strings.HasPrefix(r.Changes[0].String(), test.want) {
				t.Errorf("changes %v, want first %s", r.Changes, test.want)
			}
			// Without a key everything but a forged signature is found, too.
			if r := verify(t, dir, Options{}); len(r.Changes) == 0 {
				t.Error("nothing is noticed without a key")
			}
		})
	}
}

func TestFolder(t *testing.T) {
	key := testKey(1)
	tests := []struct {
		name string
		do   func(dir string) error
		want string
	}{
		{"file missing", func(dir string) error { return os.Remove(filepath.Join(dir, "report.html")) }, "report.html: is missing"},
		{"file added", func(dir string) error { return os.WriteFile(filepath.Join(dir, "csv", "\x1bnew.csv"), nil, 0o666) }, "csv/␛new.csv: was added"},
		{"file replaced by a link", func(dir string) error {
			name := filepath.Join(dir, "report.html")
			if err := os.Rename(name, filepath.Join(dir, "..", "moved.html")); err != nil {
				return err
			}
			return os.Symlink("../moved.html", name)
		}, "report.html: is no regular file"},
		{"blocks missing", func(dir string) error { return os.Remove(filepath.Join(dir, blocksFile)) }, "blocks.jsonl: is missing"},
		{"signature missing", func(dir string) error { return os.Remove(filepath.Join(dir, SignatureFile)) }, "manifest.sig: is missing"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := sealed(t, key)
			if err := test.do(dir); err != nil {
				t.Fatal(err)
			}
			r := verify(t, dir, Options{Keys: []ed25519.PublicKey{publicOf(key)}})
			if len(r.Changes) != 1 || !strings.HasPrefix(r.Changes[0].String(), test.want) {
				t.Errorf("changes %v, want %s", r.Changes, test.want)
			}
		})
	}
}

// TestForgery: whoever seals a changed report anew has another key.
func TestForgery(t *testing.T) {
	dir := sealed(t, testKey(6))
	r := verify(t, dir, Options{Keys: []ed25519.PublicKey{publicOf(testKey(1))}})
	if r.Signature != Invalid || len(r.Changes) != 1 || !strings.Contains(r.Changes[0].What, "is not among those given") {
		t.Errorf("signature %s, changes %v", r.Signature, r.Changes)
	}
	// The name of the right key does not help.
	content := []byte(read(t, dir, File))
	replace(t, dir, SignatureFile, string(signature(content, KeyID(publicOf(testKey(1))), testKey(6))))
	r = verify(t, dir, Options{Keys: []ed25519.PublicKey{publicOf(testKey(1))}})
	if r.Signature != Invalid || len(r.Changes) == 0 {
		t.Errorf("signature %s, changes %v", r.Signature, r.Changes)
	}
}

func TestChain(t *testing.T) {
	first := sealed(t, nil)
	hash, err := Hash(first)
	if err != nil {
		t.Fatal(err)
	}
	second := folder(t)
	f := facts()
	f.Report.Run.PreviousReport = hash
	if _, err := Seal(t.Context(), second, f, nil); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, second, Options{Previous: first}); len(r.Changes) > 0 {
		t.Errorf("changes %v", r.Changes)
	}
	replace(t, first, File, read(t, first, File)+" ")
	r := verify(t, second, Options{Previous: first})
	if len(r.Changes) != 1 || !strings.Contains(r.Changes[0].What, "the chain is broken") || r.Changes[0].File != File {
		t.Errorf("changes %v, want a broken chain", r.Changes)
	}
	f.Report.Run.PreviousReport = ""
	third := folder(t)
	if _, err := Seal(t.Context(), third, f, nil); err != nil {
		t.Fatal(err)
	}
	if r := verify(t, third, Options{Previous: hash}); len(r.Changes) != 1 {
		t.Errorf("changes %v, want a broken chain", r.Changes)
	}
	if _, err := Verify(t.Context(), second, Options{Previous: "nowhere"}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v, want that the report before is not there", err)
	}
}

func TestLogObjects(t *testing.T) {
	dir := sealed(t, nil)
	tests := []struct {
		name    string
		content map[string]string
		want    string
	}{
		{"changed", map[string]string{"AWSLogs/a.json.gz": "content of A"}, "AWSLogs/a.json.gz: the log object has changed"},
		{"shorter", map[string]string{"AWSLogs/a.json.gz": "content"}, "AWSLogs/a.json.gz: the log object has 7 bytes, and had 12"},
		{"missing", nil, "AWSLogs/a.json.gz: the log object is missing"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r := verify(t, dir, Options{Object: func(name string) (io.ReadCloser, error) {
				if name != "AWSLogs/a.json.gz" {
					return openObject(name)
				}
				content, ok := test.content[name]
				if !ok {
					return nil, fs.ErrNotExist
				}
				return io.NopCloser(strings.NewReader(content)), nil
			}})
			if len(r.Changes) != 1 || !strings.HasPrefix(r.Changes[0].String(), test.want) {
				t.Errorf("changes %v, want %s", r.Changes, test.want)
			}
		})
	}
}

func TestHostileManifest(t *testing.T) {
	dir := sealed(t, nil)
	outside := filepath.Join(dir, "..", "secret")
	if err := os.WriteFile(outside, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	replace(t, dir, File, strings.Replace(read(t, dir, File), `"report.html"`, `"../secret"`, 1))
	r := verify(t, dir, Options{})
	if len(r.Changes) == 0 || !strings.Contains(r.Changes[0].String(), "outside of the folder") {
		t.Errorf("changes %v", r.Changes)
	}
}

func TestSealErrors(t *testing.T) {
	dir := sealed(t, nil)
	if _, err := Seal(t.Context(), dir, facts(), nil); !errors.Is(err, fs.ErrExist) {
		t.Errorf("sealing twice: %v", err)
	}
	if _, err := Seal(t.Context(), filepath.Join(dir, "nowhere"), facts(), nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no folder: %v", err)
	}
	f := facts()
	cause := errors.New("the ledger is gone")
	f.Objects = func(func(report.LogObject) error) error { return cause }
	other := folder(t)
	if _, err := Seal(t.Context(), other, f, nil); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(filepath.Join(other, File)); err == nil {
		t.Error("a folder that could not be sealed has a manifest")
	}
	if _, err := Verify(t.Context(), other, Options{}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("verifying without a manifest: %v", err)
	}
}

// TestOpenSSL: an auditor does not need this program.
func TestOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl")
	}
	keys := t.TempDir()
	private, public := filepath.Join(keys, "key.pem"), filepath.Join(keys, "key.pub.pem")
	if _, err := GenerateKey(private, public); err != nil {
		t.Fatal(err)
	}
	key, err := ReadPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := sealed(t, key)
	line, _, _ := strings.Cut(read(t, dir, SignatureFile), "\n")
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(line, "signature "))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(keys, "signature.bin")
	if err := os.WriteFile(file, raw, 0o666); err != nil {
		t.Fatal(err)
	}
	verify := func() error {
		return exec.Command(openssl, "pkeyutl", "-verify", "-pubin", "-inkey", public, "-rawin", "-in", filepath.Join(dir, File), "-sigfile", file).Run()
	}
	if err := verify(); err != nil {
		t.Errorf("openssl does not accept the signature: %v", err)
	}
	replace(t, dir, File, read(t, dir, File)+"\n")
	if err := verify(); err == nil {
		t.Error("openssl accepts a changed manifest")
	}
}

func TestKeys(t *testing.T) {
	dir := t.TempDir()
	private, public := filepath.Join(dir, "key.pem"), filepath.Join(dir, "key.pub.pem")
	id, err := GenerateKey(private, public)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(private); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the private key's mode is %v, %v", info.Mode(), err)
	}
	key, err := ReadPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := ReadPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	if KeyID(pub) != id || !pub.Equal(key.Public()) {
		t.Error("the keys are no pair")
	}
	if _, err := GenerateKey(private, public); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a key is replaced: %v", err)
	}
	if _, err := GenerateKey(filepath.Join(dir, "other.pem"), public); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a key is replaced: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "other.pem")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("half a pair is left")
	}
	if _, err := ReadPublicKey(private); err == nil || !strings.Contains(err.Error(), "want the public one") {
		t.Errorf("error %v", err)
	}
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte("secret words"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPrivateKey(filepath.Join(dir, "text")); err == nil || strings.Contains(err.Error(), "secret words") {
		t.Errorf("error %v", err)
	}
}

// TestBlocks: whatever a file holds, its blocks are all of it.
func TestBlocks(t *testing.T) {
	tests := []struct {
		name, content string
		cut           rows
		want          []int64
	}{
		{"lines", "a\nbc\n\nd", byLine, []int64{2, 3, 1, 1}},
		{"long line", strings.Repeat("x", longestLine+5) + "\ny\n", byLine, []int64{longestLine, 6, 2}},
		{"line of just that length", strings.Repeat("x", longestLine-1) + "\ny", byLine, []int64{longestLine, 1}},
		{"long row", strings.Repeat("x", longestLine+5) + "\ny\n", byRow, []int64{longestLine + 6, 2}},
		{"CSV", "a,b\n\"x\ny\",1\n\"\"\"\n\",2\n", byCSVRow, []int64{4, 8, 8}},
		{"CSV with an open quote", "a\n\"x\ny\n", byCSVRow, []int64{2, 5}},
		{"nothing", "", byCSVRow, nil},
	}
	for _, test := range tests {
		var got []int64
		if err := blocks(strings.NewReader(test.content), test.cut, func(b block) error { got = append(got, b.size); return nil }); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: blocks of %v bytes, want %v", test.name, got, test.want)
		}
	}
}

func TestParseBlock(t *testing.T) {
	b := block{size: 12, hash: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}}
	if got, err := parseBlock(b.String()); err != nil || got != b {
		t.Errorf("%v, %v, want %v", got, err, b)
	}
	for _, bad := range []string{"", "12", "12:", ":0102030405060708", "-1:0102030405060708", "12:010203040506070809", "12:01020304050607zz"} {
		if _, err := parseBlock(bad); err == nil {
			t.Errorf("%q is taken for a block", bad)
		}
	}
}

func namesOf(t *testing.T, dir string) []string {
	t.Helper()
	m, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range m.Files {
		names = append(names, f.Name)
	}
	return names
}

func read(t *testing.T, dir, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func replace(t *testing.T, dir, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
		t.Fatal(err)
	}
}
