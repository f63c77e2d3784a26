package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestDispositionsOfManyAreWhole(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, dispositionsFile)
	const writers = 20
	var group sync.WaitGroup
	for i := range writers {
		group.Go(func() {
			if err := appendDisposition(name, disposition{Finding: fmt.Sprint(i), By: "ann", Note: strings.Repeat("x\n", 5000)}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	list, err := readDispositions(dir)
	if err != nil || len(list) != writers {
		t.Fatalf("%d dispositions, %v", len(list), err)
	}
	seen := map[string]bool{}
	for _, d := range list {
		seen[d.Finding] = true
		if len(d.Note) != 10000 {
			t.Errorf("a note of %d bytes", len(d.Note))
		}
	}
	if len(seen) != writers {
		t.Errorf("%d different findings", len(seen))
	}
}

func TestBrokenDispositionsAreNotAddedTo(t *testing.T) {
	dir := t.TempDir()
	name := filepath.Join(dir, dispositionsFile)
	if err := os.WriteFile(name, []byte(`{"finding":"a"}`+"\n"+`{"find`), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := appendDisposition(name, disposition{Finding: "b"}); err == nil {
		t.Error("a line was added behind half a line")
	}
	if _, err := readDispositions(dir); err == nil || !strings.Contains(err.Error(), ":2:") {
		t.Errorf("error %v", err)
	}
}
