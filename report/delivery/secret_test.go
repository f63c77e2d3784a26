package delivery

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSecret(t *testing.T) {
	d := newDesk(t)
	write := func(text string) string {
		name := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	d.env["SET"] = "value"
	for _, test := range []struct{ name, env, file, want, err string }{
		{"variable", "SET", "", "value", ""},
		{"not set", "UNSET", "", "", "UNSET is not set"},
		{"file", "", write("value\r\n"), "value", ""},
		{"spaces belong to it", "", write(" value \n"), " value ", ""},
		{"empty file", "", write("\n"), "", "is empty"},
		{"no file", "", "/none/secret", "", "/none/secret"},
		{"two lines", "", write("hunter2\nhunter3\n"), "", "more than one line"},
		{"endless", "", "/dev/zero", "", "too long"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := d.secret("password", test.env, test.file)
			if got != test.want || (err == nil) != (test.err == "") || err != nil && (!strings.Contains(err.Error(), test.err) || strings.Contains(err.Error(), "hunter")) {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
}
