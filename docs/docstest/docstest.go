// Package docstest keeps generated parts of the pages in docs what the program says.
package docstest

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Check compares a part of a page with what it should be, or writes that into the
// page if update is set. A part stands between two comments that name it:
// "<!-- part: begin -->" and "<!-- part: end -->".
func Check(t testing.TB, page, part, want string, update bool) {
	t.Helper()
	begin, end := "<!-- "+part+": begin -->\n", "<!-- "+part+": end -->\n"
	content, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(content), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no generated part %q", page, part)
	}
	if update {
		if err := os.WriteFile(page, []byte(before+begin+want+end+after), 0o666); err != nil { //nolint:gosec // a page of documentation
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: run make golden: %s", page, diff)
	}
}
