package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/trailql/trailql/catalog/storage"
	verifier "github.com/trailql/trailql/convert/digest"
)

// A signed archive is one that validates whole, the newest digests too.
func TestSigned(t *testing.T) {
	o := sampleOptions(filepath.Join(t.TempDir(), "archive"))
	o.Signed, o.Org = true, "o-example"
	made := mustGenerate(t, o)
	file, err := os.Open(filepath.Join(o.Dir, publicKeysFile))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	keys, err := verifier.ParseKeys(file)
	if err != nil {
		t.Fatal(err)
	}
	folder, err := storage.NewFolder(o.Dir)
	if err != nil {
		t.Fatal(err)
	}
	r, err := verifier.Verify(context.Background(), verifier.Options{Sources: []storage.Storage{folder}, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	if !r.Holds() || len(r.Findings) > 0 || r.Digests.Valid == 0 || r.Digests.Valid != r.Digests.Total || r.Logs.Valid != int64(made.Files) || r.Uncovered.Total() > 0 {
		t.Errorf("%d files, %+v", made.Files, r)
	}
	again := sampleOptions(filepath.Join(t.TempDir(), "again"))
	again.Signed, again.Org, again.Workers = true, o.Org, 1
	mustGenerate(t, again)
	if a, b := readTree(t, o.Dir), readTree(t, again.Dir); len(a) != len(b) {
		t.Errorf("%d and %d files", len(a), len(b))
	} else {
		for name := range a {
			if a[name] != b[name] {
				t.Errorf("%s differs", name)
			}
		}
	}
}
