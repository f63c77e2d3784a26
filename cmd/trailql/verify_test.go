package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/trailql/trailql/convert/digest"
	"github.com/trailql/trailql/convert/digest/digesttest"
)

// signedArchive is a copy of a trail of six hours with signed digests, and its
// public keys, as the AWS command line leaves them.
func signedArchive(t *testing.T) (dir, last string) {
	dir = t.TempDir()
	tr := digesttest.NewTrail(t, digesttest.NewBucket("example-trail"))
	made := tr.Hours(digesttest.At("2026-03-04T12:00:00Z"), 6)
	for _, name := range digesttest.Names(t, tr.In, "") {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, digesttest.Get(t, tr.In, name), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	newest := made[len(made)-1]
	saved, err := json.Marshal(map[string]any{"Metadata": tr.In.Kept[newest.Object]})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"keys.json": digesttest.PublicKeys(digesttest.Signer()), "other.json": digesttest.PublicKeys(digesttest.Other()), "newest.json": saved} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	return dir, newest.Object
}

func TestVerifyScripts(t *testing.T) {
	signed, newest := signedArchive(t)
	testscript.Run(t, scriptParams("testdata/verify", "", func(e *testscript.Env) error {
		e.Setenv("NEWEST", filepath.Join(e.WorkDir, "trail", filepath.FromSlash(newest)))
		e.Setenv("KEYS", filepath.Join(signed, "keys.json"))
		e.Setenv("OTHER", filepath.Join(signed, "other.json"))
		e.Setenv("SAVED", filepath.Join(signed, "newest.json"))
		return os.CopyFS(filepath.Join(e.WorkDir, "trail", "AWSLogs"), os.DirFS(filepath.Join(signed, "AWSLogs")))
	}))
}

// All digests of a copy are moved: one line says it.
func TestMovedDigestsAreOneLine(t *testing.T) {
	moved := func(name string) digest.Finding {
		return digest.Finding{Severity: digest.Failure, Kind: digest.DigestMoved, Object: name, Message: "moved"}
	}
	added := digest.Finding{Severity: digest.Failure, Kind: digest.LogAdded, Object: "log", Message: "added"}
	for _, c := range []struct {
		name    string
		digests int64
		want    []string
	}{
		{"all", 3, []string{"moved (and so are all 3 digests)", "added"}},
		{"some", 4, []string{"moved", "moved", "added", "moved"}},
	} {
		r := &digest.Result{Digests: digest.Tally{Total: c.digests}, Findings: []digest.Finding{moved("a"), moved("b"), added, moved("c")}}
		var got []string
		for _, f := range shownFindings(r) {
			got = append(got, f.Message)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// Keys from AWS, asked for as the SDK does.
func TestFetchKeys(t *testing.T) {
	signed, _ := signedArchive(t)
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var in struct{ StartTime, EndTime float64 }
		if err := json.Unmarshal(body, &in); err != nil {
			t.Error(err)
		}
		_, scope, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
		asked = append(asked, r.Header.Get("X-Amz-Target")+" "+strings.Split(scope, "/")[2]+" "+
			time.Unix(int64(in.StartTime), 0).UTC().Format(time.RFC3339)+" "+time.Unix(int64(in.EndTime), 0).UTC().Format(time.RFC3339))
		der, fingerprint := digesttest.Public(digesttest.Signer())
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_ = json.NewEncoder(w).Encode(map[string]any{"PublicKeyList": []any{map[string]any{
			"Value": base64.StdEncoding.EncodeToString(der), "Fingerprint": fingerprint, "ValidityStartTime": 1.7e9, "ValidityEndTime": 1.8e9,
		}}})
	}))
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL_CLOUDTRAIL", server.URL)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(signed, "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(signed, "none"))
	var stdout, stderr bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &stdout, stderr: &stderr, now: time.Now}
	if code := run(context.Background(), []string{"verify", "--digests", signed, "--fetch-keys"}, a); code != exitOK {
		t.Errorf("exit code %d: %s%s", code, stdout.String(), stderr.String())
	}
	want := "CloudTrail_20131101.ListPublicKeys eu-west-1 2026-03-04T12:00:00Z 2026-03-04T20:00:00Z"
	if len(asked) != 1 || !strings.HasSuffix(asked[0], strings.TrimPrefix(want, "CloudTrail_20131101")) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	if !strings.Contains(stdout.String(), "5 of 6 valid, 1 unproven") {
		t.Error(stdout.String())
	}
}
