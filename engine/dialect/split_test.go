package dialect

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestSplit(t *testing.T) {
	tests := []struct {
		name, script string
		want         []string
	}{
		{"one", "select 1", []string{"select 1"}},
		{"one with semicolon", "select 1;", []string{"select 1"}},
		{"two", "select 1; select 2", []string{"select 1", "select 2"}},
		{"empty statements", ";;select 1;; -- done\n;", []string{"select 1"}},
		{"nothing", "  -- only a comment", nil},
		{"semicolons that do not end", "select ';', \";\", $$;$$ /* ; */ -- ;\n; select 2", []string{`select ';', ";", $$;$$`, "select 2"}},
		{"comments inside stay", "select 1 -- one\n + 2", []string{"select 1 -- one\n + 2"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			parts, err := Split(tt.script)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range parts {
				got = append(got, p.SQL)
				if at := tt.script[p.Offset:][:len(p.SQL)]; at != p.SQL {
					t.Errorf("offset %d points at %q, want %q", p.Offset, at, p.SQL)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzSplit(f *testing.F) {
	for _, seed := range []string{"select 1;select 2", "';';", "--;\n;", "$$;$$;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, script string) {
		parts, err := Split(script)
		if err != nil {
			return
		}
		for _, p := range parts {
			if script[p.Offset:][:len(p.SQL)] != p.SQL {
				t.Fatalf("part %q is not at %d", p.SQL, p.Offset)
			}
			again, err := Split(p.SQL)
			if err != nil {
				t.Fatalf("split part %q: %v", p.SQL, err)
			}
			if len(again) != 1 || again[0].SQL != p.SQL {
				t.Errorf("part %q splits again into %v", p.SQL, again)
			}
		}
	})
}
