package dialect

import "testing"

func TestEditDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "ab", 2}, {"tables", "tabels", 1}, {"timer", "tier", 1}, {"pager", "pages", 1}, {"abc", "cba", 2}, {"x", "y", 1}} {
		if got := editDistance(c.a, c.b); got != c.want {
			t.Errorf("editDistance(%q, %q) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"timeout", "Threads", "memory", "max_scan"}
	for name, want := range map[string]string{"timout": "timeout", "THREAD": "threads", "memroy": "memory", "scan": "", "x": "", "": ""} {
		if got := Nearest(name, names); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", name, got, want)
		}
	}
	if names[0] != "timeout" {
		t.Error("the caller's names were sorted")
	}
}
